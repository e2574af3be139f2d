package reposit

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// An Entry is a file, symlink, directory or submodule of a tree.
type Entry struct {
	Name, Path string
	Mode       Mode
	Size       int64 // bytes; files and symlinks
	Hash       Hash
}

// A tree is the tree of a revision, at the time when it was resolved.
type tree struct {
	r *Repo
	revision.Answer
}

// resolve calls fn with a resolver on a snapshot, and once more if that finds a test merge missing.
func (r *Repo) resolve(ctx context.Context, fn func(*revision.Resolver) error) error {
	return r.viewTested(ctx, func(v storage.View) error {
		pool, err := r.s.actor.Check(v, r.id, access.Read)
		if err != nil {
			return err
		}
		res := r.tested(r.resolver(v, pool))
		return fn(&res)
	})
}

func (r *Repo) resolver(v storage.View, pool storage.ID) revision.Resolver {
	return revision.Resolver{
		View: v, Objects: r.s.objects, Reach: r.s.reach, Repo: r.id, Pool: pool, By: r.s.actor, Now: r.s.opts.Now,
	}
}

// A treeLookup is treeAt on its way. Lookups are used again, so that a read allocates nothing but what it returns.
type treeLookup struct {
	ctx  context.Context
	rev  string
	tree tree
	res  revision.Resolver
	view func(storage.View) error // run
}

// treeAt returns the tree of a revision. A default branch without commits reads as an empty tree.
func (r *Repo) treeAt(ctx context.Context, rev string) (tree, error) {
	l, ok := r.s.lookups.Get().(*treeLookup)
	if !ok {
		l = &treeLookup{}
		l.view = l.run
	}
	l.ctx, l.rev, l.tree = ctx, rev, tree{r: r}
	err := r.viewTested(ctx, l.view)
	t := l.tree
	*l = treeLookup{view: l.view}
	r.s.lookups.Put(l)
	return t, err
}

func (l *treeLookup) run(v storage.View) error {
	r := l.tree.r
	q := revision.Question{Version: storage.Version(v), By: r.s.actor, Repo: r.id, Rev: l.rev}
	var known bool
	if l.tree.Answer, known = r.s.trees.Answer(&q); known {
		return nil
	}
	if err := l.find(v); err != nil {
		return err
	}
	if !revision.Timed(l.rev) {
		r.s.trees.Remember(q, l.tree.Answer)
	}
	return nil
}

// find finds out what is not remembered.
func (l *treeLookup) find(v storage.View) error {
	r, t := l.tree.r, &l.tree
	pool, err := r.s.actor.Check(v, r.id, access.Read)
	if err != nil {
		return err
	}
	t.Pool = pool
	l.res = r.tested(r.resolver(v, pool))
	h, err := l.res.ResolveAs(l.ctx, l.rev, revision.Treeish)
	if errors.Is(err, storage.ErrNotFound) && unborn(&l.res, l.rev) {
		return nil
	}
	if err == nil {
		t.Commit, t.Root, err = peelTree(l.ctx, &l.res, h)
	}
	return noRevision(err)
}

// noRevision returns an error of a resolver, which says of what is not found that it is the revision.
func noRevision(err error) error {
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	var part *fault.Named
	if errors.As(err, &part) {
		return fault.About(part.Name, noRevision(part.Err))
	}
	why, _ := strings.CutSuffix(": "+err.Error(), ": "+storage.ErrNotFound.Error())
	return &detail{ErrNotFound, "revision not found" + why, err}
}

// unborn reports whether rev is the default branch, and that has no commit yet.
func unborn(res *revision.Resolver, rev string) bool {
	name, err := ref.Default(res.View, res.Repo)
	if err != nil {
		return false
	}
	if rev != "" && rev != "@" && rev != ref.Head && rev != name && ref.Branches+rev != name {
		return false
	}
	_, err = res.View.Ref(res.Repo, name)
	return errors.Is(err, storage.ErrNotFound)
}

// peelTree returns the commit, if there is one, and the tree that an object stands for.
func peelTree(ctx context.Context, res *revision.Resolver, h git.Hash) (commit, root git.Hash, err error) {
	if c, err := res.Objects.Commit(ctx, res.Pool, h); err == nil {
		return h, c.Tree, nil
	}
	if h, err = res.Peel(ctx, h, 0); err != nil {
		return git.Hash{}, git.Hash{}, err
	}
	if root, err = res.Peel(ctx, h, storage.Tree); err == nil && root != h {
		commit = h
	}
	return commit, root, err
}

// check returns ErrNotFound unless the actor may read the repository now. It comes before what is read in a call later
// than the one that resolved the revision.
func (t *tree) check(ctx context.Context) error {
	return t.r.s.backend.View(ctx, func(v storage.View) error {
		_, err := t.r.s.actor.Check(v, t.r.id, access.Read)
		return err
	})
}

// find returns the entry at a path. The empty path is the tree itself.
func (t *tree) find(ctx context.Context, path string) (git.Entry, error) {
	if e, ok := t.r.s.objects.Path(t.Pool, t.Root, path); ok {
		return e, nil
	}
	if err := readPath(path); err != nil {
		return git.Entry{}, err
	}
	e, err := t.descend(ctx, path)
	if err == nil && path != "" {
		t.r.s.objects.RememberPath(t.Pool, t.Root, path, e)
	}
	return e, err
}

// errNoPath says that it is the path that is not there, not the revision.
var errNoPath = &detail{ErrNotFound, "path not found", storage.ErrNotFound}

func (t *tree) descend(ctx context.Context, path string) (git.Entry, error) {
	e := git.Entry{Mode: git.ModeDir, Hash: t.Root}
	for path != "" {
		if !e.IsDir() || e.Hash.IsZero() {
			return git.Entry{}, errNoPath
		}
		item, err := t.r.s.objects.Tree(ctx, t.Pool, e.Hash)
		if err != nil {
			return git.Entry{}, missingObject(err)
		}
		var name string
		var ok bool
		name, path, _ = strings.Cut(path, "/")
		if e, ok = item.Tree.Find(name); !ok {
			return git.Entry{}, errNoPath
		}
	}
	return e, nil
}

// missingObject makes an object that a tree names, and that is not there, damage rather than an unknown path.
func missingObject(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return &detail{ErrCorrupt, "corrupt data: " + err.Error(), nil}
	}
	return err
}

// readPath checks a path that shall be read. It is more lenient than what may be written: trees that others made
// hold names of all kinds.
func readPath(path string) error {
	switch {
	case path == "":
		return nil
	case path[0] == '/' || path[len(path)-1] == '/' || strings.Contains(path, "//"):
		return invalidf("path: a component is empty")
	case strings.IndexByte(path, 0) >= 0:
		return invalidf("path: it holds a NUL")
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "." || name == ".." {
			return invalidf("path: a component is %q", name)
		}
	}
	return nil
}

// at returns the tree of a revision in which path shall be read. A path that can't be is the error that is told, also
// where the revision is unknown.
func (r *Repo) at(ctx context.Context, rev, path string) (tree, error) {
	t, err := r.treeAt(ctx, rev)
	if err == nil {
		return t, nil
	}
	if bad := readPath(path); bad != nil {
		return t, bad
	}
	return t, fault.About(rev, err)
}

// file returns the file or symlink at path.
func (r *Repo) file(ctx context.Context, rev, path string) (tree, git.Entry, error) {
	if path == "" {
		return tree{}, git.Entry{}, invalidf("path: a component is empty")
	}
	t, err := r.at(ctx, rev, path)
	if err != nil {
		return t, git.Entry{}, err
	}
	e, err := t.find(ctx, path)
	if err == nil && e.IsDir() {
		err = invalidf("path: it is a directory")
	}
	if err == nil && e.Mode == git.ModeSubmodule {
		err = invalidf("path: it is a submodule")
	}
	return t, e, err
}

// Read returns the content of a file, or the target of a symlink, at a revision.
//
// rev is a branch, tag, full ref name, commit hash or unique prefix of at least 4 digits, or Git's revision syntax
// ("main~2", "v1^{tree}", "main@{1}"); "" is the default branch. Read returns ErrNotFound for a revision or path
// that does not exist, ErrInvalid for a path that is no file, and ErrCorrupt for damaged content. A repository
// without commits reads as an empty tree.
func (r *Repo) Read(ctx context.Context, rev, path string) ([]byte, error) {
	return call(ctx, r, "read", path, func() ([]byte, error) {
		t, e, err := r.file(ctx, rev, path)
		if err != nil {
			return nil, err
		}
		data, err := r.s.objects.Blob(ctx, t.Pool, e.Hash)
		if err != nil {
			return nil, missingObject(err)
		}
		out := make([]byte, len(data))
		copy(out, data)
		return out, nil
	})
}

// Open returns a reader of what Read returns. Of a large file, it holds only pieces in memory. The reader is for one
// goroutine, and must be closed. It ends with ctx, with the store, and with the actor's permission to read the
// repository: ErrNotFound.
func (r *Repo) Open(ctx context.Context, rev, path string) (io.ReadCloser, error) {
	return call(ctx, r, "open", path, func() (io.ReadCloser, error) {
		t, e, err := r.file(ctx, rev, path)
		if err != nil {
			return nil, err
		}
		_, content, err := r.s.objects.Open(ctx, t.Pool, e.Hash)
		if err != nil {
			return nil, missingObject(err)
		}
		return &guarded{content, newGuard(ctx, r), func(err error) error { return r.fail("open", path, err) }}, nil
	})
}

// Stat returns the entry at a path. The empty path is the tree of the revision itself.
func (r *Repo) Stat(ctx context.Context, rev, path string) (Entry, error) {
	return call(ctx, r, "stat", path, func() (Entry, error) {
		t, err := r.at(ctx, rev, path)
		if err != nil {
			return Entry{}, err
		}
		e, err := t.find(ctx, path)
		if err != nil {
			return Entry{}, err
		}
		return t.entry(ctx, path, e)
	})
}

// entry describes an entry, with the size of files and symlinks.
func (t *tree) entry(ctx context.Context, path string, e git.Entry) (Entry, error) {
	out := Entry{Name: path[strings.LastIndexByte(path, '/')+1:], Path: path, Mode: Mode(e.Mode), Hash: Hash(e.Hash)}
	if e.IsDir() || e.Mode == git.ModeSubmodule {
		return out, nil
	}
	_, size, err := t.r.s.objects.Stat(ctx, t.Pool, e.Hash)
	out.Size = size
	return out, missingObject(err)
}

// List returns the entries of a directory, in Git's order: by name, a directory as if it ended in "/". The empty dir
// is the root. It returns ErrNotFound for a directory that does not exist, and ErrInvalid for a path that is none.
func (r *Repo) List(ctx context.Context, rev, dir string) ([]Entry, error) {
	return call(ctx, r, "list", dir, func() ([]Entry, error) {
		t, e, err := r.directory(ctx, rev, dir)
		if err != nil {
			return nil, err
		}
		return t.list(ctx, dir, e)
	})
}

func (r *Repo) directory(ctx context.Context, rev, dir string) (tree, git.Entry, error) {
	t, err := r.at(ctx, rev, dir)
	if err != nil {
		return t, git.Entry{}, err
	}
	e, err := t.find(ctx, dir)
	if err == nil && !e.IsDir() {
		err = invalidf("path: it is not a directory")
	}
	return t, e, err
}

func (t *tree) list(ctx context.Context, dir string, e git.Entry) ([]Entry, error) {
	if e.Hash.IsZero() {
		return []Entry{}, nil
	}
	item, err := t.r.s.objects.Tree(ctx, t.Pool, e.Hash)
	if err != nil {
		return nil, missingObject(err)
	}
	sizes, err := t.r.s.objects.Sizes(ctx, t.Pool, item)
	if err != nil {
		return nil, missingObject(err)
	}
	if dir != "" {
		dir += "/"
	}
	// All paths are cut from one string, and the names from the paths.
	paths := make([]byte, 0, len(item.Data)+len(dir)*len(sizes))
	entries := make([]Entry, len(sizes))
	for i := range entries {
		_, name, _ := item.Tree.At(i)
		paths = append(append(paths, dir...), name...)
	}
	rest := string(paths)
	for i := range entries {
		mode, name, h := item.Tree.At(i)
		path := rest[:len(dir)+len(name)]
		entries[i] = Entry{Name: path[len(dir):], Path: path, Mode: Mode(mode), Size: sizes[i], Hash: Hash(h)}
		rest = rest[len(path):]
	}
	return entries, nil
}

var errTooDeep = &detail{ErrTooLarge, "too large: directories are nested too deep", nil}

// Walk yields all entries below a directory, the directories among them, in path order: that of Git's index, in
// which a directory stands where its content does. Everything is of the commit that rev names when the loop begins.
// With the actor's permission to read the repository, or with that itself, the walk ends: ErrNotFound.
func (r *Repo) Walk(ctx context.Context, rev, dir string) iter.Seq2[Entry, error] {
	const op = "walk"
	return func(yield func(Entry, error) bool) {
		w := walker{ctx: ctx, yield: yield}
		err := r.s.calls.Enter(ctx)
		if err == nil {
			var e git.Entry
			w.tree, e, err = r.directory(ctx, rev, dir)
			r.s.calls.Leave()
			if err == nil {
				err = w.walk(dir, e, 0)
			}
		}
		if err != nil && err != errStop {
			yield(Entry{}, r.fail(op, dir, err))
		}
	}
}

var errStop = errors.New("the loop was left")

type walker struct {
	tree
	ctx   context.Context
	yield func(Entry, error) bool
}

func (w *walker) walk(dir string, e git.Entry, depth int) error {
	if depth > git.MaxDepth {
		return errTooDeep
	}
	entries, err := w.enter(dir, e)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !w.yield(entry, nil) {
			return errStop
		}
		if entry.Mode != ModeDir {
			continue
		}
		sub := git.Entry{Mode: git.ModeDir, Hash: git.Hash(entry.Hash)}
		if err := w.walk(entry.Path, sub, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// enter lists one directory as a call of its own, since the loop body may close the store.
func (w *walker) enter(dir string, e git.Entry) ([]Entry, error) {
	if err := w.r.s.calls.Enter(w.ctx); err != nil {
		return nil, err
	}
	defer w.r.s.calls.Leave()
	if err := w.check(w.ctx); err != nil {
		return nil, err
	}
	return w.list(w.ctx, dir, e)
}
