package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// ErrPath says that a path can't be beside the others.
var ErrPath = fault.New(fault.Invalid, "a file and a directory have the same path")

// maxFiles bounds the files and directories of a tree that is made from files.
const maxFiles = 2 << 20

// Files makes a tree of files as they come, in any order. A file that comes again takes the place of the first.
type Files struct {
	In *Intake
	// Check refuses paths, and targets of symbolic links. The mode is that of a file or symbolic link.
	Check func(path string, mode git.Mode, target []byte) error

	root  node
	nodes int
	begun bool
}

// A node is a file, or a directory if it has children.
type node struct {
	mode     git.Mode
	hash     git.Hash
	children map[string]*node
}

const stageFiles = "read files"

// Add adds a file or symbolic link, whose content is read to its end.
func (f *Files) Add(ctx context.Context, path string, mode git.Mode, r io.Reader) error {
	if !f.begun {
		f.begun = true
		f.In.Tell.Begin(stageFiles, 0)
	}
	if mode == git.ModeSymlink {
		target, err := io.ReadAll(io.LimitReader(&contextReader{ctx: ctx, r: r}, maxLine))
		if err != nil {
			return fault.About(path, err)
		}
		if err := f.Check(path, mode, target); err != nil {
			return fault.About(path, err)
		}
		r = bytes.NewReader(target)
	} else if err := f.Check(path, mode, nil); err != nil {
		return fault.About(path, err)
	}
	n, err := f.node(path)
	if err != nil {
		return fault.About(path, err)
	}
	h, err := f.In.blob(ctx, r)
	if err != nil {
		return fault.About(path, err)
	}
	n.mode, n.hash = mode, h
	return nil
}

// Walk adds the files of a filesystem, but for a folder called .git at its top.
func (f *Files) Walk(ctx context.Context, fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case path == ".":
			return nil
		case d.IsDir() && path == ".git":
			return fs.SkipDir
		case d.IsDir():
			if err := f.Check(path+"/x", git.ModeRegular, nil); err != nil { // else it could go on without end
				return fault.About(path, err)
			}
			return nil
		}
		return f.file(ctx, fsys, path, d)
	})
}

func (f *Files) file(ctx context.Context, fsys fs.FS, path string, d fs.DirEntry) error {
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := fs.ReadLink(fsys, path)
		if err != nil {
			return fault.About(path, err)
		}
		return f.Add(ctx, path, git.ModeSymlink, strings.NewReader(target))
	}
	if !d.Type().IsRegular() {
		return fault.About(path, malformed("it is neither a file nor a directory"))
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	r, err := fsys.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Add(ctx, path, fileMode(info.Mode()), r), r.Close())
}

// Link adds a file that is the same as another one that was added.
func (f *Files) Link(path, target string) error {
	old := f.find(target)
	if old == nil || old.children != nil {
		return fault.About(path, malformed("link to %.80q, which is no file before it", target))
	}
	mode, hash := old.mode, old.hash
	if err := f.Check(path, mode, []byte("x")); err != nil {
		return fault.About(path, err)
	}
	n, err := f.node(path)
	if err != nil {
		return fault.About(path, err)
	}
	n.mode, n.hash = mode, hash
	return nil
}

func (f *Files) find(path string) *node {
	n := &f.root
	for name := range strings.SplitSeq(path, "/") {
		if n = n.children[name]; n == nil {
			return nil
		}
	}
	return n
}

// node returns the node of a file, with those of the directories that lead to it.
func (f *Files) node(path string) (*node, error) {
	n := &f.root
	for name := range strings.SplitSeq(path, "/") {
		if n.mode != 0 {
			return nil, ErrPath
		}
		next := n.children[name]
		if next == nil {
			if f.nodes++; f.nodes > maxFiles {
				return nil, fmt.Errorf("more than %d files and directories: %w", maxFiles, storage.ErrTooLarge)
			}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			next = &node{}
			n.children[name] = next
		}
		n = next
	}
	if n.children != nil {
		return nil, ErrPath
	}
	return n, nil
}

// Commit stores the trees, and a commit of all.
func (f *Files) Commit(ctx context.Context, author, committer git.Signature, message string) (git.Hash, error) {
	tree, err := f.tree(ctx, &f.root)
	if err != nil {
		return tree, err
	}
	c := git.Commit{Tree: tree, Author: author, Committer: committer, Message: message}
	return f.In.object(ctx, storage.Commit, c.Append(nil))
}

// tree stores the tree of a directory. Its depth is bounded by that of paths.
func (f *Files) tree(ctx context.Context, n *node) (git.Hash, error) {
	entries := make([]git.Entry, 0, len(n.children))
	for name, child := range n.children {
		e := git.Entry{Name: name, Mode: child.mode, Hash: child.hash}
		if child.children != nil {
			h, err := f.tree(ctx, child)
			if err != nil {
				return h, err
			}
			e.Mode, e.Hash = git.ModeDir, h
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b git.Entry) int {
		if git.Less(a, b) {
			return -1
		}
		return 1
	})
	raw := []byte{}
	for _, e := range entries {
		raw = git.AppendEntry(raw, e)
	}
	return f.In.object(ctx, storage.Tree, raw)
}

// object stores an object that was made here.
func (in *Intake) object(ctx context.Context, t storage.Type, data []byte) (git.Hash, error) {
	h, err := git.Sum(t, data)
	if err != nil {
		return h, err
	}
	return h, in.take(ctx, storage.Object{Hash: h, Type: t, Size: int64(len(data)), Data: data}, nil)
}

// blob stores what a reader returns.
func (in *Intake) blob(ctx context.Context, r io.Reader) (git.Hash, error) {
	limit := min(in.Limits.Blob, in.Limits.Total-in.Bytes)
	from := io.LimitReader(&contextReader{ctx: ctx, r: r}, limit+1)
	head, err := io.ReadAll(io.LimitReader(from, storage.LargeObject))
	switch {
	case err != nil:
		return git.Hash{}, err
	case int64(len(head)) > limit:
		return git.Hash{}, tooLarge(limit)
	case len(head) < storage.LargeObject:
		return in.object(ctx, storage.Blob, head)
	}
	if err := in.begin(ctx); err != nil {
		return git.Hash{}, err
	}
	w, err := in.stage.Create(ctx)
	if err != nil {
		return git.Hash{}, err
	}
	h, size, err := largeBlob(ctx, w, io.MultiReader(bytes.NewReader(head), from), limit)
	if err != nil {
		return h, errors.Join(err, w.Discard())
	}
	// It is in the stage already, so that take is only told of it.
	isNew, err := in.note(h, size)
	if err != nil || !isNew {
		return h, errors.Join(err, w.Discard())
	}
	return h, w.Commit(ctx, h, storage.Blob)
}

func tooLarge(limit int64) error {
	return fmt.Errorf("content of more than %d bytes: %w", limit, storage.ErrTooLarge)
}

// largeBlob writes a blob, and then reads it for its hash, which begins with its size.
func largeBlob(ctx context.Context, w storage.Writer, r io.Reader, limit int64) (git.Hash, int64, error) {
	buffer := make([]byte, 128<<10)
	size, err := io.CopyBuffer(struct{ io.Writer }{w}, r, buffer)
	if err == nil && size > limit {
		err = tooLarge(limit)
	}
	if err != nil {
		return git.Hash{}, 0, err
	}
	content, err := w.Content()
	if err != nil {
		return git.Hash{}, 0, err
	}
	hasher := git.NewHasher(storage.Blob, size)
	_, err = io.CopyBuffer(hasher, &contextReader{ctx: ctx, r: content}, buffer)
	if err := errors.Join(err, content.Close()); err != nil {
		return git.Hash{}, 0, err
	}
	h, err := hasher.Sum()
	return h, size, err
}
