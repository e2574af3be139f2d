package reposit

import (
	"context"
	"errors"
	"iter"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
)

// A LastCommit is an entry of a directory, and the commit that last changed it: what git log -1 shows for it. Of a
// directory that is the last change of anything below it.
type LastCommit struct {
	Entry
	Commit *Commit
}

// LastCommits yields each entry of a directory at a revision with the commit that last changed it, in one walk through
// the history for all of them. The entries of the latest commits come first, and those of one commit in the directory's
// order.
//
// Everything is of the commit that rev names when the loop begins; see Read for what can be one. The walk ends with the
// last entry. It looks at the tree of the directory in each commit on the way, where it differs from that of a parent.
// It returns ErrNotFound, and ErrInvalid for a path that is no directory, and for a revision that is a tree and no
// commit. With the actor's permission to read the repository, or with that itself, it ends: ErrNotFound.
func (r *Repo) LastCommits(ctx context.Context, rev, dir string) iter.Seq2[LastCommit, error] {
	return func(yield func(LastCommit, error) bool) {
		w := lastWalk{r: r}
		for {
			last, err := w.next(ctx, rev, dir)
			if errors.Is(err, history.ErrEnd) {
				return
			}
			if err != nil {
				yield(LastCommit{}, r.fail("last commits", dir, err))
				return
			}
			if !yield(last, nil) {
				return
			}
		}
	}
}

// A lastWalk is a LastCommits on its way.
type lastWalk struct {
	r       *Repo
	source  history.Objects
	entries []Entry
	walk    *history.LastWalk // nil: not begun yet
	at      git.Hash          // of commit
	commit  *git.Commit       // that was yielded last
}

func (w *lastWalk) next(ctx context.Context, rev, dir string) (LastCommit, error) {
	for {
		last, err := w.part(ctx, rev, dir)
		if !errors.Is(err, history.ErrPaused) {
			return last, err
		}
	}
}

// part does a part of next, and returns history.ErrPaused if there is more to do.
func (w *lastWalk) part(ctx context.Context, rev, dir string) (LastCommit, error) {
	if err := w.r.s.calls.Enter(ctx); err != nil {
		return LastCommit{}, err
	}
	defer w.r.s.calls.Leave()
	if w.walk == nil {
		if err := w.begin(ctx, rev, dir); err != nil {
			return LastCommit{}, err
		}
	} else if err := w.r.mayRead(ctx); err != nil {
		return LastCommit{}, err
	}
	found, err := w.walk.Next(ctx, walkSteps)
	if err != nil {
		return LastCommit{}, missingObject(err)
	}
	if w.commit == nil || w.at != found.Commit {
		c, err := w.source.Commit(ctx, found.Commit)
		if err != nil {
			return LastCommit{}, missingObject(err)
		}
		w.at, w.commit = found.Commit, c
	}
	return LastCommit{w.entries[found.Entry], publicCommit(w.at, w.commit)}, nil
}

func (w *lastWalk) begin(ctx context.Context, rev, dir string) error {
	t, e, err := w.r.directory(ctx, rev, dir)
	if err != nil {
		return err
	}
	if t.Commit.IsZero() && !t.Root.IsZero() {
		return fault.About(rev, invalidf("revision: it is no commit"))
	}
	w.source = w.r.source(t.Pool)
	if w.entries, err = t.list(ctx, dir, e); err != nil {
		return err
	}
	tree, err := w.source.Tree(ctx, e.Hash)
	if err == nil {
		w.walk, err = history.NewLastWalk(ctx, &w.source, t.Commit, dir, tree, w.r.s.lasts, t.Pool)
	}
	return missingObject(err)
}
