package reposit

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// FS returns the tree of a revision as a file system: that of the commit that rev names now, whatever happens to the
// branch later. It also is an fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and fs.ReadLinkFS, and ends with ctx, with the
// repository, and with the actor's permission to read it; so do its open files and directories.
//
// Its errors are *fs.PathError, as io/fs wants it, around an *Error: they match the sentinels of this package and, as
// these do, those of io/fs.
//
// Open, Stat and ReadFile follow symlinks as long as they stay inside. Files have the commit's time, submodules are
// empty directories. Names are as Git has them, which on some systems no file could have.
func (r *Repo) FS(ctx context.Context, rev string) (fs.FS, error) {
	return call(ctx, r, "fs", rev, func() (fs.FS, error) {
		t, err := r.treeAt(ctx, rev)
		if err != nil {
			return nil, err
		}
		view := &treeFS{ctx: ctx, tree: t, guard: newGuard(ctx, r)}
		if !t.Commit.IsZero() {
			c, err := r.s.objects.Commit(ctx, t.Pool, t.Commit)
			if err != nil {
				return nil, err
			}
			view.when = c.Committer.When
		}
		return view, nil
	})
}

type treeFS struct {
	ctx   context.Context
	tree  tree
	when  time.Time
	guard *guard
}

// failed returns what a method returns for an error.
func (f *treeFS) failed(op, name string, err error) *fs.PathError {
	switch err {
	case fs.ErrNotExist:
		err = ErrNotFound
	case fs.ErrInvalid:
		err = ErrInvalid
	}
	return &fs.PathError{Op: op, Path: name, Err: fsError{f.tree.r.fail(op, name, err)}}
}

// An fsError is an *Error in an *fs.PathError, which has named the operation and the path already.
type fsError struct{ err error }

// Error returns what is wrong alone.
func (e fsError) Error() string {
	var named *Error
	if errors.As(e.err, &named) {
		return named.Err.Error()
	}
	return e.err.Error()
}

// Unwrap returns the *Error.
func (e fsError) Unwrap() error { return e.err }

// ask returns an error if the actor may not read the repository any more.
func (f *treeFS) ask(op, name string) error {
	if err := f.guard.call(); err != nil {
		return f.failed(op, name, err)
	}
	return nil
}

const maxLinks = 40 // symlinks that one path may lead through, as on Linux

// lookup returns the entry that a name leads to. It follows the symlinks on the way, and with last also one at the
// end.
func (f *treeFS) lookup(name string, last bool) (git.Entry, error) {
	at := git.Entry{Name: ".", Mode: git.ModeDir, Hash: f.tree.Root}
	var dirs []git.Entry // from the root down to at
	rest := name
	links := 0
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "":
			continue
		case ".", "..":
			if !fileMode(at.Mode).IsDir() || part == ".." && len(dirs) == 0 {
				return git.Entry{}, fs.ErrNotExist // leads through a file, or out of the tree
			}
			if part == "." {
				continue
			}
			at, dirs = dirs[len(dirs)-1], dirs[:len(dirs)-1]
			continue
		}
		e, err := f.child(at, part)
		if err != nil {
			return git.Entry{}, err
		}
		if e.Mode != git.ModeSymlink || rest == "" && !last {
			dirs, at = append(dirs, at), e
			continue
		}
		if links++; links > maxLinks {
			return git.Entry{}, fs.ErrInvalid
		}
		target, err := f.tree.r.s.objects.Blob(f.ctx, f.tree.Pool, e.Hash)
		if err != nil {
			return git.Entry{}, missingObject(err)
		}
		if len(target) == 0 || target[0] == '/' {
			return git.Entry{}, fs.ErrNotExist
		}
		rest = string(target) + "/" + rest
	}
	return at, nil
}

func (f *treeFS) child(dir git.Entry, name string) (git.Entry, error) {
	if !dir.IsDir() || dir.Hash.IsZero() {
		return git.Entry{}, fs.ErrNotExist
	}
	item, err := f.tree.r.s.objects.Tree(f.ctx, f.tree.Pool, dir.Hash)
	if err != nil {
		return git.Entry{}, missingObject(err)
	}
	e, ok := item.Tree.Find(name)
	if !ok {
		return git.Entry{}, fs.ErrNotExist
	}
	return e, nil
}

// find is lookup as a call on the store, with the name checked and errors named.
func (f *treeFS) find(op, name string, last bool) (git.Entry, *fs.PathError) {
	if !fs.ValidPath(name) {
		return git.Entry{}, f.failed(op, name, fs.ErrInvalid)
	}
	if err := f.tree.r.s.calls.Enter(f.ctx); err != nil {
		return git.Entry{}, f.failed(op, name, err)
	}
	defer f.tree.r.s.calls.Leave()
	if err := f.guard.ask(); err != nil {
		return git.Entry{}, f.failed(op, name, err)
	}
	if strings.Count(name, "/") >= git.MaxDepth {
		return git.Entry{}, f.failed(op, name, errTooDeep)
	}
	// Most names lead through no symlink, and are remembered.
	e, err := f.tree.find(f.ctx, name)
	if err != nil || e.Mode == git.ModeSymlink && last {
		e, err = f.lookup(name, last)
	}
	if err != nil {
		return git.Entry{}, f.failed(op, name, err)
	}
	return e, nil
}

func (f *treeFS) info(op, name string, e git.Entry) (*fileInfo, error) {
	info := &fileInfo{name: path.Base(name), mode: fileMode(e.Mode), when: f.when}
	if info.mode.IsDir() {
		return info, nil
	}
	_, size, err := f.tree.r.s.objects.Stat(f.ctx, f.tree.Pool, e.Hash)
	if err != nil {
		return nil, f.failed(op, name, missingObject(err))
	}
	info.size = size
	return info, nil
}

func fileMode(m git.Mode) fs.FileMode {
	switch m {
	case git.ModeDir, git.ModeSubmodule:
		return fs.ModeDir | 0o755
	case git.ModeSymlink:
		return fs.ModeSymlink | 0o777
	case git.ModeExecutable:
		return 0o755
	}
	return 0o644
}

// Open implements fs.FS.
func (f *treeFS) Open(name string) (fs.File, error) {
	const op = "open"
	e, failed := f.find(op, name, true)
	if failed != nil {
		return nil, failed
	}
	info, err := f.info(op, name, e)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		entries, err := f.entries(op, name, e)
		if err != nil {
			return nil, err
		}
		return &openDir{f: f, info: info, name: name, entries: entries}, nil
	}
	if info.size >= storage.LargeObject {
		_, content, err := f.tree.r.s.objects.Open(f.ctx, f.tree.Pool, e.Hash)
		if err != nil {
			return nil, f.failed(op, name, missingObject(err))
		}
		fail := func(err error) error { return f.failed("read", name, err) }
		return &openStream{guarded{content, f.guard, fail}, info}, nil
	}
	data, err := f.tree.r.s.objects.Blob(f.ctx, f.tree.Pool, e.Hash)
	if err != nil {
		return nil, f.failed(op, name, missingObject(err))
	}
	return &openFile{f, name, bytes.NewReader(data), info}, nil
}

// ReadFile implements fs.ReadFileFS.
func (f *treeFS) ReadFile(name string) ([]byte, error) {
	const op = "read"
	e, failed := f.find(op, name, true)
	if failed != nil {
		return nil, failed
	}
	if fileMode(e.Mode).IsDir() {
		return nil, f.failed(op, name, fs.ErrInvalid)
	}
	data, err := f.tree.r.s.objects.Blob(f.ctx, f.tree.Pool, e.Hash)
	if err != nil {
		return nil, f.failed(op, name, missingObject(err))
	}
	return append([]byte{}, data...), nil
}

// ReadDir implements fs.ReadDirFS.
func (f *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	const op = "readdir"
	e, failed := f.find(op, name, true)
	if failed != nil {
		return nil, failed
	}
	return f.entries(op, name, e)
}

// entries lists a directory by the bytes of the names, as io/fs wants it.
func (f *treeFS) entries(op, name string, e git.Entry) ([]fs.DirEntry, error) {
	if !fileMode(e.Mode).IsDir() {
		return nil, f.failed(op, name, fs.ErrInvalid)
	}
	if e.Mode == git.ModeSubmodule || e.Hash.IsZero() {
		return nil, nil
	}
	item, err := f.tree.r.s.objects.Tree(f.ctx, f.tree.Pool, e.Hash)
	if err != nil {
		return nil, f.failed(op, name, missingObject(err))
	}
	list := make([]fs.DirEntry, item.Tree.Len())
	for i := range list {
		sub := item.Tree.Entry(i)
		list[i] = &dirEntry{f: f, path: path.Join(name, sub.Name), entry: sub}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Stat implements fs.StatFS.
func (f *treeFS) Stat(name string) (fs.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (f *treeFS) Lstat(name string) (fs.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *treeFS) stat(op, name string, last bool) (fs.FileInfo, error) {
	e, failed := f.find(op, name, last)
	if failed != nil {
		return nil, failed
	}
	info, err := f.info(op, name, e)
	if err != nil {
		return nil, err
	}
	return info, nil
}

// ReadLink implements fs.ReadLinkFS.
func (f *treeFS) ReadLink(name string) (string, error) {
	const op = "readlink"
	e, failed := f.find(op, name, false)
	if failed != nil {
		return "", failed
	}
	if e.Mode != git.ModeSymlink {
		return "", f.failed(op, name, fs.ErrInvalid)
	}
	target, err := f.tree.r.s.objects.Blob(f.ctx, f.tree.Pool, e.Hash)
	if err != nil {
		return "", f.failed(op, name, missingObject(err))
	}
	return string(target), nil
}
