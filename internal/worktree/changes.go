package worktree

import (
	"context"
	"io"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A Snapshot is what a worktree is at a moment, as the objects that a commit of it would bring. It is for one
// goroutine, as long as the function runs that it was passed to.
type Snapshot struct {
	Tip   git.Hash // the tree that was changed, or zero
	Tree  git.Hash // what became of it, or zero if that has no entries
	trees map[git.Hash]*object.Item
	blobs map[git.Hash]*Blob
	src   Source
}

// A Blob is the content of a file that was written.
type Blob struct {
	Size    int64
	content *content // nil: data
	data    []byte
}

// Small reports whether the content is in memory.
func (b *Blob) Small() bool { return b.content == nil || b.Size <= spillAt }

// Reader returns a reader of the content.
func (b *Blob) Reader() io.Reader {
	if b.content == nil {
		return nil
	}
	return b.content.reader()
}

// Data returns the content.
func (b *Blob) Data() ([]byte, error) {
	if b.content == nil {
		return b.data, nil
	}
	data := make([]byte, b.Size)
	_, err := io.ReadFull(b.content.reader(), data)
	return data, err
}

// Do calls fn with the worktree as it is. Other calls wait. If it returns the tree of a commit and its time, they begin
// a new worktree on that: open files stay what they are, and directories without files stay.
func (f *Files) Do(fn func(*Snapshot) (commit *Commit, err error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &Snapshot{Tip: f.tip, trees: map[git.Hash]*object.Item{}, blobs: map[git.Hash]*Blob{}, src: f.src}
	e, err := s.dir(f.root)
	if err != nil {
		return err
	}
	s.Tree = e.Hash
	made, err := fn(s)
	if err != nil || made == nil {
		return err
	}
	return f.commit(made)
}

// A Commit is what a worktree was committed as.
type Commit struct {
	Tree git.Hash
	When time.Time
}

// dir returns the entry of a directory; one without entries has no hash.
func (s *Snapshot) dir(n *node) (git.Entry, error) {
	e := git.Entry{Name: n.name, Mode: git.ModeDir, Hash: n.hash}
	if len(n.kids) == 0 {
		return e, nil
	}
	base := &git.Tree{}
	if !n.hash.IsZero() {
		var err error
		if base, err = s.src.Tree(n.hash); err != nil {
			return e, err
		}
	}
	var edits []git.Edit
	for name, kid := range n.kids {
		is := git.Entry{Name: name}
		if kid != nil {
			var err error
			if is, err = s.entry(kid); err != nil {
				return e, err
			}
		}
		if is.Hash.IsZero() {
			is.Mode = 0
		}
		if old, ok := base.Find(name); ok && old == is || !ok && is.Mode == 0 {
			continue
		}
		edits = append(edits, is)
	}
	if len(edits) == 0 {
		return e, nil
	}
	made, _ := base.Apply(edits)
	if made.Len() == 0 {
		return git.Entry{Name: n.name, Mode: git.ModeDir}, nil
	}
	var err error
	if e.Hash, err = made.Sum(); err != nil {
		return e, err
	}
	raw := made.Raw()
	s.trees[e.Hash] = &object.Item{Type: storage.Tree, Size: int64(len(raw)), Data: raw, Tree: made}
	return e, nil
}

// entry returns the entry that a node is.
func (s *Snapshot) entry(n *node) (git.Entry, error) {
	e := git.Entry{Name: n.name, Mode: n.mode, Hash: n.hash}
	switch {
	case n.isDir():
		return s.dir(n)
	case n.content != nil:
		c := n.content
		c.mu.Lock()
		defer c.mu.Unlock()
		h, err := c.sum()
		if err != nil {
			return e, err
		}
		e.Hash = h
		if c.own {
			s.blobs[h] = &Blob{Size: c.size, content: c}
		}
	case n.mode == git.ModeSymlink && n.hash.IsZero():
		data := []byte(n.target)
		h, err := git.Sum(storage.Blob, data)
		if err != nil {
			return e, err
		}
		e.Hash = h
		s.blobs[h] = &Blob{Size: int64(len(data)), data: data}
	}
	return e, nil
}

// Written returns the content of a file that was written, or nil.
func (s *Snapshot) Written(h git.Hash) *Blob { return s.blobs[h] }

// Item returns a tree that was changed, or nil.
func (s *Snapshot) Item(h git.Hash) *object.Item { return s.trees[h] }

// commit begins the worktree anew on what it was committed as.
func (f *Files) commit(made *Commit) error {
	old := f.root
	f.begin(made.Tree, made.When)
	return f.keep(old, f.root)
}

// keep puts what must stay of a directory that was committed into the one that it became: open files, and directories
// without files.
func (f *Files) keep(old, now *node) error {
	for name, kid := range old.kids {
		if kid == nil {
			continue
		}
		is, err := f.get(now, name)
		if err != nil {
			return err
		}
		switch {
		case kid.isDir():
			if is != nil && !is.isDir() {
				continue
			}
			fresh := is == nil
			if fresh {
				is = &node{parent: now, name: name, mode: git.ModeDir, when: kid.when}
			}
			if err := f.keep(kid, is); err != nil {
				return err
			}
			if fresh && (kid.hash.IsZero() || !kid.when.IsZero()) && now.isDir() {
				is.when = f.last
				is.attach()
			}
		case kid.content != nil && kid.content.refs > 0 && is != nil && is.isFile():
			kid.content.mu.Lock()
			kid.content.settle(is.content.base)
			kid.content.size = -1
			kid.content.when = time.Time{}
			kid.content.mu.Unlock()
			kid.parent, kid.name, kid.mode, kid.when = now, name, is.mode, time.Time{}
			kid.attach()
		}
	}
	return nil
}

// Reset begins the worktree anew on a tree. Files that are open stay open, but are no files of it any more.
// It calls fn before others go on.
func (f *Files) Reset(tip git.Hash, when time.Time, fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begin(tip, when)
	fn()
}

// Overlay reads objects of a snapshot, and others where they are stored.
type Overlay struct {
	*Snapshot
	Stored Objects
}

// Objects are where objects are stored.
type Objects interface {
	Tree(ctx context.Context, h git.Hash) (*object.Item, error)
	Size(ctx context.Context, h git.Hash) (int64, error)
	Blob(ctx context.Context, h git.Hash) ([]byte, error)
}

// Tree returns a tree.
func (o Overlay) Tree(ctx context.Context, h git.Hash) (*object.Item, error) {
	if item := o.Item(h); item != nil {
		return item, nil
	}
	return o.Stored.Tree(ctx, h)
}

// Size returns the size of a blob.
func (o Overlay) Size(ctx context.Context, h git.Hash) (int64, error) {
	if b := o.Written(h); b != nil {
		return b.Size, nil
	}
	return o.Stored.Size(ctx, h)
}

// Blob returns the content of a blob.
func (o Overlay) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	if b := o.Written(h); b != nil {
		return b.Data()
	}
	return o.Stored.Blob(ctx, h)
}
