// Package note keeps notes on objects, as git notes does: blobs in the tree of a ref, each named by the object that it
// is about. The more there are, the more of the name is directories.
package note

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A Source reads what a tree of notes holds.
type Source interface {
	Tree(ctx context.Context, h git.Hash) (*object.Item, error)
	Size(ctx context.Context, h git.Hash) (int64, error) // of a blob
	Blob(ctx context.Context, h git.Hash) ([]byte, error)
}

// A Tree is a tree of notes. It is for one goroutine. What it need not know of the stored tree it does not read: notes
// are in a trie by the digits of their names, of which directories that were not read are leaves. When git makes a
// directory of notes depends on that trie, so it is git's.
type Tree struct {
	src    Source
	root   node
	others []other // what lies in the tree and is no note
	blobs  map[git.Hash][]byte
}

// A node has the notes whose names begin alike, by their next digit.
type node [16]slot

// A slot is empty, or one of: a node with more than one note, a note, or a directory.
type slot struct {
	below *node
	leaf  *leaf
}

// A leaf is a note, or a directory.
type leaf struct {
	name   git.Hash // of a directory the digits that it stands for, and zeros
	digits int      // of a directory; of a note all
	hash   git.Hash // of the blob, or tree
}

const allDigits = 2 * len(git.Hash{})

func (l *leaf) isDir() bool { return l.digits < allDigits }

// covers reports whether what is called name would be in a directory.
func (l *leaf) covers(name git.Hash) bool {
	return l.isDir() && string(name[:l.digits/2]) == string(l.name[:l.digits/2])
}

// An other is an entry that is no note.
type other struct {
	path  string
	entry git.Entry
}

// Open returns the notes in a tree; the zero hash is none.
func Open(ctx context.Context, src Source, root git.Hash) (*Tree, error) {
	t := &Tree{src: src, blobs: map[git.Hash][]byte{}}
	if root.IsZero() || root == git.EmptyTree {
		return t, nil
	}
	return t, t.load(ctx, &leaf{hash: root}, &t.root, 0)
}

func digit(n int, h git.Hash) int {
	if n%2 == 0 {
		return int(h[n/2] >> 4)
	}
	return int(h[n/2] & 15)
}

// load reads a directory into the node at a depth.
func (t *Tree) load(ctx context.Context, dir *leaf, at *node, depth int) error {
	item, err := t.src.Tree(ctx, dir.hash)
	if err != nil {
		return err
	}
	for i := range item.Tree.Len() {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e := item.Tree.Entry(i)
		l, ok := dir.entry(e)
		if !ok {
			t.others = append(t.others, other{dir.path() + e.Name, e})
			continue
		}
		if err := t.insert(ctx, at, depth, l, t.concatenate); err != nil {
			return err
		}
	}
	return nil
}

// entry returns what an entry of a directory is, unless it is no note.
func (l *leaf) entry(e git.Entry) (*leaf, bool) {
	digits := l.digits + len(e.Name)
	switch {
	case e.IsFile() && digits == allDigits:
	case e.IsDir() && len(e.Name) == 2 && digits < allDigits:
	default:
		return nil, false
	}
	found := &leaf{name: l.name, digits: digits, hash: e.Hash}
	_, err := hex.Decode(found.name[l.digits/2:], []byte(e.Name))
	return found, err == nil
}

// path returns where a directory lies, with a slash at its end.
func (l *leaf) path() string {
	var b strings.Builder
	for _, c := range l.name[:l.digits/2] {
		fmt.Fprintf(&b, "%02x/", c)
	}
	return b.String()
}

// A combiner says what a note holds of which there are two.
type combiner func(ctx context.Context, now, added git.Hash) (git.Hash, error)

func overwrite(_ context.Context, _, added git.Hash) (git.Hash, error) { return added, nil }

// concatenate puts two notes into one, with an empty line between them. Notes without content are none.
func (t *Tree) concatenate(ctx context.Context, now, added git.Hash) (git.Hash, error) {
	a, err := t.Text(ctx, now)
	if err != nil {
		return now, err
	}
	b, err := t.Text(ctx, added)
	switch {
	case err != nil || len(b) == 0:
		return now, err
	case len(a) == 0:
		return added, nil
	}
	text := strings.TrimSuffix(string(a), "\n") + "\n\n" + string(b)
	return t.keep([]byte(text))
}

// keep keeps content that is not stored yet.
func (t *Tree) keep(text []byte) (git.Hash, error) {
	h, err := git.Sum(storage.Blob, text)
	if err == nil {
		t.blobs[h] = text
	}
	return h, err
}

// MaxText is how many bytes a note may have, to be read or written.
const MaxText = 16 << 20

// ErrTooLarge says that a note has more.
var ErrTooLarge = fault.New(fault.TooLarge, "too large: the note has more than 16 MiB")

// Text returns the content of a note, which must not be changed.
func (t *Tree) Text(ctx context.Context, h git.Hash) ([]byte, error) {
	if text, ok := t.blobs[h]; ok {
		return text, nil
	}
	size, err := t.src.Size(ctx, h)
	switch {
	case err != nil:
		return nil, err
	case size > MaxText:
		return nil, ErrTooLarge
	}
	return t.src.Blob(ctx, h)
}

// insert puts a leaf below a node at a depth.
func (t *Tree) insert(ctx context.Context, at *node, depth int, l *leaf, combine combiner) error {
	for {
		s := &at[digit(depth, l.name)]
		switch is := s.leaf; {
		case s.below != nil:
			at, depth = s.below, depth+1
			continue
		case is == nil:
			s.leaf = l
			return nil
		case !is.isDir() && !l.isDir() && is.name == l.name:
			if is.hash == l.hash {
				return nil
			}
			h, err := combine(ctx, is.hash, l.hash)
			is.hash = h
			return err
		case !is.isDir() && l.covers(is.name):
			return t.load(ctx, l, at, depth)
		case is.covers(l.name):
			s.leaf = nil
			if err := t.load(ctx, is, at, depth); err != nil {
				return err
			}
			continue
		default:
			if depth+1 == allDigits {
				return errTooDeep
			}
			below := &node{}
			if err := t.insert(ctx, below, depth+1, is, combine); err != nil {
				return err
			}
			s.leaf, s.below = nil, below
			at, depth = below, depth+1
		}
	}
}

var errTooDeep = fmt.Errorf("directories of notes can't be told apart: %w", storage.ErrCorrupt)

// find returns the slot where a note is or would be, and the nodes on the way to it.
func (t *Tree) find(ctx context.Context, name git.Hash) (*slot, []*node, error) {
	at, way := &t.root, []*node{&t.root}
	for depth := 0; ; {
		s := &at[digit(depth, name)]
		switch {
		case s.below != nil:
			at, depth = s.below, depth+1
			way = append(way, at)
		case s.leaf != nil && s.leaf.covers(name):
			dir := s.leaf
			s.leaf = nil
			if err := t.load(ctx, dir, at, depth); err != nil {
				return nil, nil, err
			}
		default:
			return s, way, nil
		}
	}
}

// Find returns the blob of the note on an object. It reads the directories on the way to it.
func (t *Tree) Find(ctx context.Context, name git.Hash) (git.Hash, bool, error) {
	s, _, err := t.find(ctx, name)
	if err != nil || s.leaf == nil || s.leaf.name != name || s.leaf.isDir() {
		return git.Hash{}, false, err
	}
	return s.leaf.hash, true, nil
}

// Put makes text the note on an object.
func (t *Tree) Put(ctx context.Context, name git.Hash, text []byte) error {
	h, err := t.keep(text)
	if err == nil {
		_, _, err = t.find(ctx, name) // as git looks first
	}
	if err == nil {
		err = t.insert(ctx, &t.root, 0, &leaf{name, allDigits, h}, overwrite)
	}
	return err
}

// Remove removes the note on an object, and reports whether there was one.
func (t *Tree) Remove(ctx context.Context, name git.Hash) (bool, error) {
	s, way, err := t.find(ctx, name)
	if err != nil || s.leaf == nil || s.leaf.name != name || s.leaf.isDir() {
		return false, err
	}
	s.leaf = nil
	// A node with a single note is not kept.
	for i := len(way) - 1; i > 0; i-- {
		var only *leaf
		for _, s := range way[i] {
			if s.below != nil || s.leaf != nil && (only != nil || s.leaf.isDir()) {
				return true, nil
			}
			if s.leaf != nil {
				only = s.leaf
			}
		}
		way[i-1][digit(i-1, name)] = slot{leaf: only}
	}
	return true, nil
}
