package reposit

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
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
	Branch    string // that takes the commits; default: the default branch. A pull request has its own
	HeadRepo  ID     // of the fork network, whose revision the head is; default: this repository. Not of a pull request
	Strategy  MergeStrategy
	Message   string     // of the commit; default: says what is merged
	Author    *Signature // of the commit; default: Options.Author; a zero When means now
	Committer *Signature // default: Author
	Expect    *Hash      // the commit that the branch must hold, or of a pull request the head; nil: any
	DryRun    bool       // says what would happen, and writes nothing
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
// is copied: all of a fork network is stored together. The cost is that of the commits that the branch lacks.
//
// A branch that has commits which head lacks can't take it: that is ErrConflict, as is one that is not at Expect
// (*ConflictError). Without Expect, what others push meanwhile is merged too. Merge returns ErrNotFound for a branch or
// head that is not there, ErrProtected for a branch that takes pull requests only, ErrForbidden for a private HeadRepo
// where this repository is public, and ErrInvalid, also for a HeadRepo of another network.
func (r *Repo) Merge(ctx context.Context, head string, opts *MergeOptions) (MergeResult, error) {
	return call(ctx, r, "merge", head, func() (MergeResult, error) {
		if opts == nil {
			opts = &MergeOptions{}
		}
		m := branchMerge{head: head}
		var err error
		if m.merging, err = r.merging(opts); err == nil && opts.Branch != "" {
			if m.into, err = branchRef(opts.Branch); err != nil {
				err = &named{opts.Branch, err}
			}
		}
		if err == nil {
			m.from, err = r.headRepo(opts.HeadRepo)
		}
		for err == nil {
			err = m.try(ctx)
			var moved *ref.ConflictError
			if !errors.As(err, &moved) || moved == m.unexpected {
				break
			}
			err = nil
		}
		return m.result, err
	})
}

// A merging is a merge on its way.
type merging struct {
	r                 *Repo
	opts              *MergeOptions
	author, committer git.Signature
	result            MergeResult
}

var mergeKinds = [...]MergeKind{MergeCommit: Merged, FastForwardOnly: FastForwarded, Squash: Squashed, Rebase: Rebased}

// merging checks the options of a merge.
func (r *Repo) merging(opts *MergeOptions) (m merging, err error) {
	if opts.Strategy < 0 || int(opts.Strategy) >= len(mergeKinds) {
		return m, invalidf("strategy: %d", opts.Strategy)
	}
	if err := names.CheckMessage(opts.Message); err != nil {
		return m, invalid("message", err)
	}
	m = merging{r: r, opts: opts}
	m.author, m.committer, err = r.s.signatures(opts.Author, opts.Committer, r.s.now())
	return m, err
}

// plan returns the push by which a branch at base takes a head that has all of base, and sets what comes of it. change
// names the branch.
func (m *merging) plan(base, head git.Hash, is *git.Commit, message string, change ref.Change) (*txn.Push, error) {
	made := git.Commit{Author: m.author, Committer: m.committer, Message: message}
	h, o, item, err := pull.Strategy(m.opts.Strategy).Result(base, head, is.Tree, made)
	if err != nil {
		return nil, err
	}
	s := m.r.s
	change.New, change.Old, change.By, change.OnTop = h, &base, s.actor, m.opts.Strategy == Squash
	l := &txn.Push{
		Named: []storage.Hash{head}, Refs: []ref.Change{change}, Now: s.now(), Quota: s.opts.Limits.RepoSize,
		DryRun: m.opts.DryRun,
	}
	m.result = MergeResult{publicCommit(h, is), mergeKinds[m.opts.Strategy], Hash(base)}
	if o != nil {
		l.Objects, l.Items = []storage.Object{*o}, []*object.Item{item}
		m.result.Commit = publicCommit(h, item.Commit)
	}
	return l, nil
}

// A branchMerge is the merge of a revision.
type branchMerge struct {
	merging
	head       string
	from       *Repo              // whose revision head is
	into       string             // the branch's full name; "": the default branch
	unexpected *ref.ConflictError // the branch is not where the caller saw it
}

// try merges what there is now, or returns a *ref.ConflictError if that moved meanwhile.
func (m *branchMerge) try(ctx context.Context) error {
	var l *txn.Push
	err := m.r.resolve(ctx, func(res *revision.Resolver) error {
		if _, err := m.r.s.actor.Check(res.View, m.r.id, access.Write); err != nil {
			return err
		}
		branch, err := m.branch(res)
		if err != nil {
			return err
		}
		from := *res
		if m.from.id != m.r.id {
			if err := m.checkFrom(res.View); err != nil {
				return err
			}
			from = m.from.resolver(res.View, res.Pool)
		}
		head, err := from.ResolveAs(ctx, m.head, revision.Commitish)
		if err == nil {
			head, err = from.Peel(ctx, head, storage.Commit)
		}
		if err == nil {
			l, err = m.look(ctx, res, branch, head)
		}
		return err
	})
	if err != nil || l == nil {
		return err
	}
	if m.from.id != m.r.id {
		l.Check = m.checkFrom
	}
	return m.r.s.backend.Push(ctx, m.r.id, l)
}

// headRepo returns the repository that the options of a merge name, or this one.
func (r *Repo) headRepo(id ID) (*Repo, error) {
	if id == "" {
		return r, nil
	}
	key, ok := id.storage()
	if !ok {
		return nil, &named{string(id), invalidf("ID")}
	}
	return &Repo{s: r.s, id: key}, nil
}

// checkFrom returns an error unless the actor may read the repository of the head, and show it here.
func (m *branchMerge) checkFrom(v storage.View) error {
	id := string(publicID(m.from.id))
	if _, err := m.r.s.actor.Check(v, m.from.id, access.Read); err != nil {
		return &named{id, err}
	}
	from, err := catalog.LoadHeader(v, m.from.id)
	if err != nil {
		return err
	}
	base, err := catalog.LoadHeader(v, m.r.id)
	switch {
	case err != nil:
		return err
	case from.Pool != base.Pool:
		return &named{id, invalidf("head: its repository is not of the same fork network")}
	case from.Private && !base.Private:
		return &named{id, pull.ErrHidden}
	}
	return nil
}

// branch returns the branch that takes the commits, if it is where the caller saw it.
func (m *branchMerge) branch(res *revision.Resolver) (storage.Ref, error) {
	name := m.into
	if name == "" {
		var err error
		if name, err = ref.Default(res.View, m.r.id); err != nil {
			return storage.Ref{}, err
		}
	}
	at, err := ref.Follow(res.View, m.r.id, name)
	switch {
	case err != nil:
		return at, &named{name, err}
	case at.Hash.IsZero():
		return at, &named{name, ErrNotFound}
	case m.opts.Expect != nil && at.Hash != git.Hash(*m.opts.Expect):
		m.unexpected = &ref.ConflictError{Name: name, Expected: git.Hash(*m.opts.Expect), Actual: at.Hash}
		return at, m.unexpected
	}
	at.Name = name // rules may be for the symbolic one
	return at, nil
}

// look returns the push that has the branch take the head, or nil if there is nothing to do.
func (m *branchMerge) look(ctx context.Context, res *revision.Resolver, branch storage.Ref,
	head git.Hash) (*txn.Push, error) {
	read := func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		return res.Objects.Commit(ctx, res.Pool, h)
	}
	is, err := read(ctx, head)
	if err != nil {
		return nil, err
	}
	if has, err := graph.IsAncestor(ctx, read, head, branch.Hash); err != nil {
		return nil, err
	} else if has {
		tip, err := read(ctx, branch.Hash)
		if err == nil {
			m.result = MergeResult{publicCommit(branch.Hash, tip), AlreadyMerged, Hash(branch.Hash)}
		}
		return nil, err
	}
	short := shortName(ref.Branches, branch.Name)
	if fits, err := graph.IsAncestor(ctx, read, branch.Hash, head); err != nil {
		return nil, err
	} else if !fits {
		return nil, diverged(short)
	}
	name := m.head
	setDefault(&name, ref.Head)
	message := m.opts.Message
	setDefault(&message, fmt.Sprintf("Merge %s into %s\n", name, short))
	return m.plan(branch.Hash, head, is, message, ref.Change{Name: branch.Name, Log: logEntry(m.committer, "merge "+name)})
}

// diverged is the ErrConflict of a branch that has commits which the head lacks.
func diverged(branch string) error {
	return &detail{ErrConflict, fmt.Sprintf("conflict: the branches have diverged: %s has commits that the head has not",
		branch), nil}
}
