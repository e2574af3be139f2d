package reposit

import (
	"context"
	"strconv"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linemerge"
	"github.com/reposit/reposit/internal/merge"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/treemerge"
)

// A MergeStrategy is how a branch takes the commits of another one.
type MergeStrategy int

// The strategies. FastForwardOnly and Rebase need a head that is strictly ahead of the branch: one that has all of the
// branch's commits, and more. Where both have gone their own ways, they are ErrConflict.
const (
	MergeCommit     MergeStrategy = 0 // by a commit that has both as parents
	FastForwardOnly MergeStrategy = 1 // by becoming the head
	Squash          MergeStrategy = 2 // by one commit with all that the head changes
	Rebase          MergeStrategy = 3 // by the head's own commits, which are on top of the branch already
)

// MergeOptions say how a merge is made.
type MergeOptions struct {
	Branch    string // that takes the commits; default: the default branch. A pull request has its own
	HeadRepo  ID     // of the fork network, whose revision the head is; default: this repository. Not of a pull request
	Strategy  MergeStrategy
	Message   string     // of the commit; default: says what is merged
	Author    *Signature // of the commit; default: Options.Author; a zero When means now
	Committer *Signature // default: Author
	Expect    *Hash      // the commit that the branch must hold, or of a pull request the head; nil: any
	DryRun    bool       // says what would happen, and writes nothing

	// Of a branch and a head that have diverged.
	Favor         MergeFavor
	ConflictStyle ConflictStyle // of Conflict.Merged
	NoRenames     bool          // a file that was moved is one that was deleted and another that was added
	// decides on a conflict: it returns the content that the path gets; nil leaves the conflict as it is, and
	// ErrNotFound itself has nothing at the path. Of a symlink the content is its target, of a submodule its commit in
	// hexadecimal; of ConflictSplit and ConflictTaken any content accepts what Merge did. Another error ends the merge
	// with that error. It may call the store, is asked once about a conflict, though others may move the branch, and
	// its answers are kept to Limits.BlobSize. Default: all conflicts are left
	Resolve func(Conflict) (content []byte, err error)
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

// A MergeResult is what a merge made, or would make.
type MergeResult struct {
	Commit *Commit // what the branch became
	Kind   MergeKind
	Base   Hash // what the branch was
}

// Merge has a branch take the commits of head, a revision, by a commit that has both as parents unless opts say
// otherwise. If the branch has them all, it is AlreadyMerged. It needs Write, and Read on HeadRepo, from where nothing
// is copied: all of a fork network is stored together.
//
// A branch and a head that have diverged are merged as git merge does it, with MergeCommit and Squash: by lines,
// through renames of files and directories, from a base that is itself merged if there are several, and as the merge
// attribute in the branch's .gitattributes, and Options.MergeDrivers say. Where both sides
// changed the same, and Resolve does not decide, it is ErrConflict (*MergeConflictError), and nothing changes. With
// other strategies they are ErrConflict, too, as is a branch that is not at Expect (*ConflictError). Without Expect,
// what others push meanwhile is merged too.
//
// The cost is that of the commits that the branch lacks, and of the directories and files that both sides changed. It
// returns ErrNotFound for a branch or head that is not there, ErrProtected for a branch that takes pull requests only,
// ErrForbidden for a private HeadRepo where this repository is public, ErrTooLarge if what it makes is more than one
// transaction takes, and ErrInvalid, also for a HeadRepo of another network.
func (r *Repo) Merge(ctx context.Context, head string, opts *MergeOptions) (MergeResult, error) {
	return call(ctx, r, "merge", head, func() (MergeResult, error) {
		if opts == nil {
			opts = &MergeOptions{}
		}
		how, err := r.merging(opts)
		if err != nil {
			return MergeResult{}, err
		}
		into := opts.Branch
		if into != "" {
			if into, err = branchRef(into); err != nil {
				return MergeResult{}, fault.About(opts.Branch, err)
			}
		}
		from := r.id
		if opts.HeadRepo != "" {
			var ok bool
			if from, ok = opts.HeadRepo.storage(); !ok {
				return MergeResult{}, fault.About(string(opts.HeadRepo), invalidf("ID"))
			}
		}
		made, err := r.s.merges.Branch(ctx, r.id, into, merge.Head{Repo: from, Revision: head}, how)
		return publicMerge(made, opts.Strategy), conflictsOf(err)
	})
}

var mergeKinds = [...]MergeKind{MergeCommit: Merged, FastForwardOnly: FastForwarded, Squash: Squashed, Rebase: Rebased}

// merging checks the options of a merge.
func (r *Repo) merging(opts *MergeOptions) (*merge.Options, error) {
	if opts.Strategy < 0 || int(opts.Strategy) >= len(mergeKinds) {
		return nil, invalidf("strategy: %d", opts.Strategy)
	}
	if opts.Favor < NoFavor || opts.Favor > Union {
		return nil, invalidf("favor: %d", opts.Favor)
	}
	if opts.ConflictStyle < Merge || opts.ConflictStyle > ZDiff3 {
		return nil, invalidf("conflict style: %d", opts.ConflictStyle)
	}
	if err := names.CheckMessage(opts.Message); err != nil {
		return nil, invalid("message", err)
	}
	author, committer, err := r.s.signatures(opts.Author, opts.Committer, r.s.now())
	return &merge.Options{
		By: r.s.actor, Strategy: pull.Strategy(opts.Strategy), Message: opts.Message, Author: author, Committer: committer,
		Expect: (*git.Hash)(opts.Expect), DryRun: opts.DryRun, Resolve: resolver(opts.Resolve),
		Trees: treemerge.Options{
			Favor: linemerge.Favor(opts.Favor), Style: linemerge.Style(opts.ConflictStyle), NoRenames: opts.NoRenames,
		},
	}, err
}

// publicMerge returns what a merge made; the zero MergeResult for nothing.
func publicMerge(made merge.Result, by MergeStrategy) MergeResult {
	if made.Commit == nil {
		return MergeResult{}
	}
	kind := mergeKinds[by]
	if made.Already {
		kind = AlreadyMerged
	}
	return MergeResult{publicCommit(made.Hash, made.Commit), kind, Hash(made.Base)}
}
