package reposit

import (
	"strconv"

	"github.com/reposit/reposit/internal/pull"
)

// A MergeStrategy is how a branch takes the commits of another one.
type MergeStrategy int

// The strategies.
const (
	MergeCommit     MergeStrategy = MergeStrategy(pull.MergeCommit) // by a commit that has both as parents
	FastForwardOnly MergeStrategy = MergeStrategy(pull.FastForward) // by becoming the other one
	Squash          MergeStrategy = MergeStrategy(pull.Squash)      // by one commit with all that the other one changes
	Rebase          MergeStrategy = MergeStrategy(pull.Rebase)      // by a commit for each of the other one's
)

// MergeOptions say how a merge is made.
type MergeOptions struct {
	Strategy  MergeStrategy
	Message   string     // of the commit; default: says what is merged
	Author    *Signature // of the commit; default: Options.Author; a zero When means now
	Committer *Signature // default: Author
	Expect    *Hash      // the commit that the head must be; nil: any
}

// A MergeKind is what came of a merge.
type MergeKind int

// The kinds.
const (
	Merged        MergeKind = iota // a commit with both parents was made
	FastForwarded                  // the branch became the other one
	Squashed                       // one commit was made
	Rebased                        // the commits of the other one are on top
	AlreadyMerged                  // the branch had all of the other one
)

// String returns "merged", "fast-forwarded", "squashed", "rebased" or "already merged".
func (k MergeKind) String() string {
	switch k {
	case Merged:
		return "merged"
	case FastForwarded:
		return "fast-forwarded"
	case Squashed:
		return "squashed"
	case Rebased:
		return "rebased"
	case AlreadyMerged:
		return "already merged"
	}
	return "MergeKind(" + strconv.Itoa(int(k)) + ")"
}

// A MergeResult is what a merge made.
type MergeResult struct {
	Commit *Commit // what the branch became
	Kind   MergeKind
	Base   Hash // what the branch was
}
