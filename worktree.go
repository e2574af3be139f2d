package reposit

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/merge"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/patch"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/internal/worktree"
	"github.com/reposit/reposit/storage"
)

// A Worktree is a branch as a filesystem that can be written: a billy.Filesystem with symlinks and Change, for programs
// that read and write through that or, by FS, through io/fs. Reads see what was written. Nothing is checked out: what
// was not touched is read where it is stored, so a Worktree costs memory for what was touched alone, and of a file at
// most some 1 MiB; what is more is staged in the store, and counts towards Limits.RepoSize. Nobody else sees what is
// written before Commit.
//
// All methods are safe for concurrent use; Commit, Status, Diff and Reset have others wait. Errors of the filesystem
// are as package os has them, so that os.IsNotExist works, or wrap those of this package. Git keeps neither empty
// directories, owners nor times: directories without files are in no commit, files that were not touched have the time
// of the commit, and of permissions just that of the owner to execute a file counts.
type Worktree struct {
	r      *Repo
	ctx    context.Context
	branch string // full name
	src    worktreeSource
	files  *worktree.Files

	tip git.Hash // the commit that it began with, or made; zero: none. Guarded by the files' Do
}

// Worktree returns a branch as a filesystem that can be written, as it is now; "" is the default branch, which need
// have no commit yet. Opening it reads the commit. It ends with ctx, with the repository, and with the actor's Write:
// from then on, its methods return errors. It needs Write, and returns ErrNotFound if there is no such branch.
func (r *Repo) Worktree(ctx context.Context, branch string) (*Worktree, error) {
	return call(ctx, r, "worktree", branch, func() (*Worktree, error) {
		w := &Worktree{r: r, ctx: ctx}
		if err := r.may(ctx, access.Write); err != nil {
			return nil, err
		}
		if branch != "" {
			var err error
			if w.branch, err = branchRef(branch); err != nil {
				return nil, err
			}
		}
		tip, pool, err := w.look(ctx)
		if err != nil {
			return nil, err
		}
		w.src = worktreeSource{w: w, guard: newGuard(ctx, r), pool: pool}
		w.src.guard.need = access.Write
		root, when, err := w.src.root(ctx, tip)
		if err != nil {
			return nil, err
		}
		w.tip, w.files = tip, worktree.New(&w.src, root, when)
		return w, nil
	})
}

// look returns what the branch holds, which it finds the name of if it has none yet.
func (w *Worktree) look(ctx context.Context) (tip git.Hash, pool storage.ID, err error) {
	err = w.r.s.backend.View(ctx, func(v storage.View) error {
		if pool, err = w.r.s.actor.Check(v, w.r.id, access.Write); err != nil {
			return err
		}
		name, err := ref.Default(v, w.r.id)
		if err != nil {
			return err
		}
		isDefault := w.branch == "" || w.branch == name
		if w.branch == "" {
			w.branch = name
		}
		at, err := ref.Follow(v, w.r.id, w.branch)
		if err == nil && at.Hash.IsZero() && !isDefault {
			err = &detail{ErrNotFound, "branch not found", storage.ErrNotFound}
		}
		tip = at.Hash
		return err
	})
	return tip, pool, err
}

// FS returns the worktree to read as a filesystem of io/fs. It shows what is written meanwhile, and is an
// fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and fs.ReadLinkFS.
func (w *Worktree) FS() fs.FS { return w.files.FS() }

// do calls fn with what the worktree is now.
func (w *Worktree) do(ctx context.Context, op string, fn func(*worktree.Snapshot) (*worktree.Commit, error)) error {
	return do(ctx, w.r, op, ref.Short(ref.Branches, w.branch), func() error {
		if err := w.r.may(ctx, access.Write); err != nil {
			return err
		}
		return w.files.Do(fn)
	})
}

// Status says which files were changed since the worktree was opened, committed or reset, in the order of Git's index:
// their paths, modes and hashes, and whether they were added, modified, deleted or changed to another type. It costs
// what was touched.
func (w *Worktree) Status(ctx context.Context) (files []FileDiff, err error) {
	err = w.do(ctx, "worktree status", func(s *worktree.Snapshot) (*worktree.Commit, error) {
		for c, err := range treediff.Walk(ctx, w.diffing(s), s.Tip, s.Tree, nil) {
			if err != nil {
				return nil, err
			}
			files = append(files, publicDiff([]treediff.Change{c}, make([]patch.Result, 1)).Files...)
		}
		return nil, nil
	})
	return files, err
}

// Diff says what was changed since the worktree was opened, committed or reset, as Repo.Diff does of two revisions.
// Diff.WriteTo can't write binary files of it, whose content is not stored.
func (w *Worktree) Diff(ctx context.Context, opts *DiffOptions) (d *Diff, err error) {
	if opts == nil {
		opts = &DiffOptions{}
	}
	err = w.do(ctx, "worktree diff", func(s *worktree.Snapshot) (*worktree.Commit, error) {
		find, write, err := opts.engine()
		if err != nil {
			return nil, err
		}
		src := w.diffing(s)
		changes, err := treediff.Find(ctx, src, s.Tip, s.Tree, find)
		if err != nil {
			return nil, err
		}
		results, err := patch.Files(ctx, src, changes, write)
		if err == nil {
			d = publicDiff(changes, results)
		}
		return nil, err
	})
	return d, err
}

// Reset forgets what was written since the worktree was opened or committed, and has it show the branch as that is now.
// Open files are files of it no more.
func (w *Worktree) Reset(ctx context.Context) error {
	return do(ctx, w.r, "worktree reset", ref.Short(ref.Branches, w.branch), func() error {
		tip, _, err := w.look(ctx)
		if err != nil {
			return err
		}
		root, when, err := w.src.root(ctx, tip)
		if err != nil {
			return err
		}
		w.files.Reset(root, when, func() { w.tip = tip })
		return nil
	})
}

// commitTries is how often a worktree is merged with what others committed meanwhile.
const commitTries = 10

// Commit makes a commit of what was written, on what the branch holds. If the branch has moved, the changes of both are
// merged, as Repo.Merge merges them: the commit then has what others committed as its parent, and the worktree shows
// that, too. Afterwards the worktree goes on from the commit; open files and directories without files stay. Of the
// options, Branch and From can't be set. With Expect, nothing is merged.
//
// It returns a *MergeConflictError if both changed the same, ErrConflict too if the branch is gone, or not what Expect
// says, ErrNoChange if nothing was changed, and what Repo.Commit returns. After an error the worktree is as it was.
// opts.Sign must not use it.
func (w *Worktree) Commit(ctx context.Context, opts *CommitOptions) (made *Commit, err error) {
	var how CommitOptions
	if opts != nil {
		how = *opts
	}
	err = w.do(ctx, "worktree commit", func(s *worktree.Snapshot) (*worktree.Commit, error) {
		if how.Branch != "" || how.From != "" {
			return nil, invalidf("option: a worktree is committed to its own branch")
		}
		how.Branch = w.branch
		tip, merged := w.tip, (*treemerge.Result)(nil)
		for try := 1; ; try++ {
			expect := Hash(tip)
			if how.Expect = &expect; opts != nil && opts.Expect != nil {
				how.Expect = opts.Expect
			}
			from, to := s.Tip, s.Tree
			if merged != nil {
				c, err := w.r.s.objects.Commit(ctx, w.src.pool, tip)
				if err != nil {
					return nil, err
				}
				from, to = c.Tree, merged.Tree
			}
			made, err = w.commitOnce(ctx, s, merged, from, to, &how)
			var moved *ref.ConflictError
			if err == nil {
				w.tip = git.Hash(made.Hash)
				return &worktree.Commit{Tree: git.Hash(made.Tree), When: made.Committer.When}, nil
			}
			if !errors.As(err, &moved) || opts != nil && opts.Expect != nil || try == commitTries {
				return nil, err
			}
			if tip, _, err = w.look(ctx); err != nil || tip.IsZero() {
				return nil, errors.Join(moved, err)
			}
			if merged, err = w.merge(ctx, s, tip); err != nil {
				return nil, err
			}
		}
	})
	return made, err
}

// commitOnce commits what turns one tree into another, which is that of the worktree, or of a merge with it.
func (w *Worktree) commitOnce(ctx context.Context, s *worktree.Snapshot, merged *treemerge.Result, from, to git.Hash,
	opts *CommitOptions) (*Commit, error) {
	var gone, written []Change
	src := w.merging(s, merged)
	for c, err := range treediff.Walk(ctx, diffing{src}, from, to, nil) {
		if err != nil {
			return nil, err
		}
		if c.New.Mode == 0 {
			gone = append(gone, Delete(c.Old.Path))
			continue
		}
		change, err := src.change(&c.New)
		if err != nil {
			return nil, about(c.New.Path, err)
		}
		written = append(written, change)
	}
	return w.r.commit(ctx, opts, append(gone, written...))
}

// merge merges the worktree into a commit that its branch has become.
func (w *Worktree) merge(ctx context.Context, s *worktree.Snapshot, tip git.Hash) (*treemerge.Result, error) {
	c, err := w.r.s.objects.Commit(ctx, w.src.pool, tip)
	if err != nil {
		return nil, err
	}
	how := &treemerge.Options{Labels: [3]string{
		treemerge.Base: "base", treemerge.Ours: ref.Short(ref.Branches, w.branch), treemerge.Theirs: "worktree",
	}}
	r, err := treemerge.Run(ctx, w.merging(s, nil), s.Tip, c.Tree, s.Tree, how)
	if err != nil || r.Clean {
		return r, err
	}
	failed := &merge.ConflictError{Tree: r.Tree}
	for _, of := range r.Conflicts {
		conflict := merge.Conflict{Conflict: of}
		if i := slices.IndexFunc(r.Blobs, func(b treemerge.Blob) bool { return b.Hash == of.Result.Hash }); i >= 0 {
			conflict.Content = r.Blobs[i].Data
		}
		failed.Conflicts = append(failed.Conflicts, conflict)
	}
	return nil, conflictsOf(failed)
}

// diffing returns where a difference of a snapshot is read.
func (w *Worktree) diffing(s *worktree.Snapshot) treediff.Source { return diffing{w.merging(s, nil)} }

func (w *Worktree) merging(s *worktree.Snapshot, merged *treemerge.Result) *mergedSource {
	src := &mergedSource{Overlay: worktree.Overlay{Snapshot: s, Stored: object.Pool{Store: w.r.s.objects, ID: w.src.pool}}}
	if merged == nil {
		return src
	}
	src.trees, src.blobs = map[git.Hash]*object.Item{}, map[git.Hash][]byte{}
	for _, t := range merged.Trees {
		src.trees[t.Hash] = t.Item
	}
	for _, b := range merged.Blobs {
		src.blobs[b.Hash] = b.Data
	}
	return src
}

// A mergedSource reads the objects of a snapshot, of what a merge made of it, and what is stored.
type mergedSource struct {
	worktree.Overlay
	trees map[git.Hash]*object.Item
	blobs map[git.Hash][]byte
}

func (m *mergedSource) Tree(ctx context.Context, h git.Hash) (*object.Item, error) {
	if item := m.trees[h]; item != nil {
		return item, nil
	}
	return m.Overlay.Tree(ctx, h)
}

func (m *mergedSource) Size(ctx context.Context, h git.Hash) (int64, error) {
	if data, ok := m.blobs[h]; ok {
		return int64(len(data)), nil
	}
	return m.Overlay.Size(ctx, h)
}

func (m *mergedSource) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	if data, ok := m.blobs[h]; ok {
		return data, nil
	}
	return m.Overlay.Blob(ctx, h)
}

// change returns the change that makes a file what it is to be.
func (m *mergedSource) change(f *treediff.File) (c Change, err error) {
	data, known := m.blobs[f.Hash]
	if b := m.Written(f.Hash); b != nil && !known {
		if !b.Small() {
			return PutReader(f.Path, b.Reader()).Mode(Mode(f.Mode)), nil
		}
		if data, err = b.Data(); err != nil {
			return c, err
		}
		known = true
	}
	switch {
	case !known: // it is stored: as a file was moved, or by who committed meanwhile
		return Change{edit: commit.Edit{Path: f.Path, Mode: f.Mode, Hash: f.Hash}}, nil
	case f.Mode == git.ModeSymlink:
		return Symlink(f.Path, string(data)), nil
	}
	return Put(f.Path, data).Mode(Mode(f.Mode)), nil
}

// diffing is a mergedSource for package treediff.
type diffing struct{ *mergedSource }

func (d diffing) Tree(ctx context.Context, h git.Hash) (*git.Tree, error) {
	item, err := d.mergedSource.Tree(ctx, h)
	if err != nil {
		return nil, err
	}
	return item.Tree, nil
}

// A worktreeSource is where a worktree reads what was not touched.
type worktreeSource struct {
	w     *Worktree
	guard *guard
	pool  storage.ID
}

// root returns the tree of a commit, or zero for none, and the time that its files have.
func (s *worktreeSource) root(ctx context.Context, tip git.Hash) (root git.Hash, when time.Time, err error) {
	if tip.IsZero() {
		return root, s.w.r.s.now(), nil
	}
	c, err := s.w.r.s.objects.Commit(ctx, s.pool, tip)
	if err != nil {
		return root, when, err
	}
	return c.Tree, c.Committer.When, nil
}

// Enter begins a call, if the actor may still write.
func (s *worktreeSource) Enter() (func(), error) {
	if err := s.w.r.s.calls.Enter(s.w.ctx); err != nil {
		return nil, s.w.failed(err)
	}
	if err := s.guard.ask(); err != nil {
		s.w.r.s.calls.Leave()
		return nil, s.w.failed(err)
	}
	return s.w.r.s.calls.Leave, nil
}

// failed returns what the filesystem returns for an error.
func (w *Worktree) failed(err error) error {
	return fsError{w.r.fail("worktree", ref.Short(ref.Branches, w.branch), err)}
}

func (s *worktreeSource) Tree(h git.Hash) (*git.Tree, error) {
	item, err := s.w.r.s.objects.Tree(s.w.ctx, s.pool, h)
	if err != nil {
		return nil, s.w.failed(missingObject(err))
	}
	return item.Tree, nil
}

func (s *worktreeSource) Size(h git.Hash) (int64, error) {
	_, size, err := s.w.r.s.objects.Stat(s.w.ctx, s.pool, h)
	if err != nil {
		return 0, s.w.failed(missingObject(err))
	}
	return size, nil
}

func (s *worktreeSource) Blob(h git.Hash) ([]byte, error) {
	data, err := s.w.r.s.objects.Blob(s.w.ctx, s.pool, h)
	if err != nil {
		return nil, s.w.failed(missingObject(err))
	}
	return data, nil
}

func (s *worktreeSource) Open(h git.Hash) (io.ReadCloser, error) {
	_, r, err := s.w.r.s.objects.Open(s.w.ctx, s.pool, h)
	if err != nil {
		return nil, s.w.failed(missingObject(err))
	}
	return r, nil
}

func (s *worktreeSource) MaxFile() int64 { return s.w.r.s.opts.Limits.BlobSize }

func (s *worktreeSource) Now() time.Time { return s.w.r.s.now() }

// Check returns an error for what a tree can't have.
func (s *worktreeSource) Check(path string, mode git.Mode) error {
	c := Change{edit: commit.Edit{Path: path, Mode: mode, Hash: git.EmptyTree}}
	err := c.check(&s.w.r.s.opts.Limits)
	if err == nil && mode == git.ModeSymlink {
		c.source.Data = []byte{'.'}
		err = c.checkSymlink()
	}
	if err != nil {
		return s.w.failed(err)
	}
	return nil
}

// Spill stores parts of files ahead. Nothing reaches them, so nobody finds them, and what they take counts.
func (s *worktreeSource) Spill(parts [][]byte) ([]git.Hash, error) {
	hashes, err := s.spill(parts)
	if err != nil {
		return nil, s.w.failed(err)
	}
	return hashes, nil
}

func (s *worktreeSource) spill(parts [][]byte) ([]git.Hash, error) {
	r, ctx := s.w.r, s.w.ctx
	var in room
	err := r.s.backend.View(ctx, func(v storage.View) error {
		_, err := r.s.actor.Check(v, r.id, access.Write)
		in = r.room(v)
		return errors.Join(err, in.err)
	})
	if err != nil {
		return nil, err
	}
	sources := make([]commit.Source, len(parts))
	for i, data := range parts {
		sources[i].Data = data
	}
	hashes, content, err := r.s.commits.Ahead(ctx, in.pool, sources, in.bounds)
	r.s.commits.Owe(r.id, &content)
	return hashes, err
}
