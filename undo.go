package reposit

import (
	"context"
	"fmt"
	"strconv"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
)

// RestoreOptions say what Restore takes of a revision, and where the commit goes.
type RestoreOptions struct {
	CommitOptions          // an empty Message says what was restored, and from which commit
	Paths         []string // files and directories; default: the whole tree
}

// Restore undoes changes by a new commit on the tip of a branch: its tree is the one of rev, or with Paths the tip's,
// where the files and directories of these are as rev has them. What rev lacks of them is removed. No content is
// copied, so it costs what the changed directories do. It takes what it takes of rev at the beginning, and as Commit
// loses no commit that lands meanwhile: without Paths, their changes are undone with the others.
//
// It returns ErrNotFound for a revision that does not exist, and for a path that neither rev nor the tip has, and
// beyond these the errors of Commit, ErrNoChange if there is nothing to undo among them.
func (r *Repo) Restore(ctx context.Context, rev string, opts *RestoreOptions) (*Commit, error) {
	if opts == nil {
		opts = &RestoreOptions{}
	}
	return call(ctx, r, "restore", rev, func() (*Commit, error) { return r.restore(ctx, rev, opts) })
}

func (r *Repo) restore(ctx context.Context, rev string, opts *RestoreOptions) (*Commit, error) {
	if err := r.may(ctx, access.Write); err != nil {
		return nil, err
	}
	for _, path := range opts.Paths {
		if err := checkPath(path, &r.s.opts.Limits); err != nil {
			return nil, &commit.PathError{Path: path, Err: err}
		}
	}
	from, err := r.treeAt(ctx, rev)
	if err != nil {
		return nil, err
	}
	options := opts.CommitOptions
	if options.Message == "" {
		options.Message = restoreMessage(&from, opts.Paths)
	}
	req, err := r.request(ctx, &options)
	if err != nil {
		return nil, err
	}
	if req.Edits, err = from.grafts(ctx, opts.Paths); err != nil {
		return nil, err
	}
	if !from.Root.IsZero() {
		req.Named = append(req.Named, from.Root)
	}
	made, err := r.s.commits.Commit(ctx, req)
	if err != nil {
		return nil, err
	}
	return publicCommit(made.Hash, made.Commit), nil
}

// grafts returns the edits that give a tree the paths of t, or make it t.
func (t *tree) grafts(ctx context.Context, paths []string) ([]commit.Edit, error) {
	if len(paths) == 0 {
		return []commit.Edit{{Op: commit.Graft, Hash: t.Root}}, nil
	}
	edits := make([]commit.Edit, len(paths))
	for i, path := range paths {
		e, err := t.find(ctx, path)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return nil, &commit.PathError{Path: path, Err: err}
		}
		if err != nil {
			e = git.Entry{}
		}
		edits[i] = commit.Edit{Op: commit.Graft, Path: path, Mode: e.Mode, Hash: e.Hash}
	}
	return edits, nil
}

// restoreMessage says what comes from where.
func restoreMessage(from *tree, paths []string) string {
	what := "the tree"
	if n := len(paths); n == 1 {
		what = strconv.Quote(paths[0])
	} else if n > 1 {
		what = fmt.Sprintf("%d paths", n)
	}
	source := from.Commit
	if source.IsZero() {
		source = from.Root
	}
	return fmt.Sprintf("Restore %s\n\nThis takes what %s has.\n", what, source)
}
