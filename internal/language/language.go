// Package language counts the bytes of each language in a tree, as GitHub does (github.com/github-linguist/linguist)
// and with package linguist's word on what a file is in, and keeps the counts of repositories up to date.
//
// Counted are files that are not empty, whose language is of the type programming or markup, and which are neither
// vendored, generated, documentation, binary nor a pointer of Git LFS. The attributes linguist-vendored,
// linguist-generated, linguist-documentation, linguist-detectable and linguist-language say otherwise, at every level
// of the tree. What a file counts for is its whole size, towards the group of its language: TSX is TypeScript.
//
// Nothing is kept of single files: what a file counts for follows from its path, its content and the attributes on its
// way, all of which a tree names. So the counts of one tree become those of another one by taking away the files that
// differ on one side and adding those on the other: the cost is what changed, twice. Where this can't be, as when the
// old tree is gone, all is counted again.
package language

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// Limits of what is counted.
const (
	// MaxContent is how many bytes of a file are looked at (linguist's LazyBlob).
	MaxContent = 128 << 10
	// MaxFiles is how many files or directories make a tree too large to be counted (linguist's MAX_TREE_SIZE).
	MaxFiles = 100_000
	// MaxAttributes is how many bytes of a .gitattributes file make it too large to be heard.
	MaxAttributes = 1 << 20
)

// Counts say what is in a tree.
type Counts struct {
	Bytes map[string]int64 // by language; none has 0
	Files int              // all that is no directory, counted or not
	Dirs  int
}

// TooLarge reports whether the tree was too large to be counted: it has MaxFiles files or directories, or one that
// lies too deep. Then there are no bytes.
func (c Counts) TooLarge() bool { return c.Files >= MaxFiles || c.Dirs >= MaxFiles }

var tooLarge = Counts{Files: MaxFiles, Dirs: MaxFiles}

// Top returns the language with the most bytes, the first by name of those that have as many, or "".
func (c Counts) Top() string {
	top := ""
	for _, name := range slices.Sorted(maps.Keys(c.Bytes)) {
		if top == "" || c.Bytes[name] > c.Bytes[top] {
			top = name
		}
	}
	return top
}

// A Counter counts the trees of one store. It is safe for concurrent use.
type Counter struct {
	objects *object.Store
	pace    func(context.Context) error // nil: as fast as it goes

	unfinished *unfinished
}

// NewCounter returns a Counter of what objects reads.
func NewCounter(objects *object.Store) *Counter {
	return &Counter{objects: objects, unfinished: &unfinished{}}
}

// Paced returns a Counter that works in one goroutine, and calls pace after each few files. An error ends the count.
func (c *Counter) Paced(pace func(context.Context) error) *Counter {
	paced := *c
	paced.pace = pace
	return &paced
}

// Count counts a tree. The zero hash is an empty one. It uses all cores. The errors are those of object.Store, for what
// is missing or damaged, and ctx's.
func (c *Counter) Count(ctx context.Context, pool storage.ID, tree git.Hash) (Counts, error) {
	counts, _, err := c.change(ctx, pool, git.Hash{}, tree, Counts{})
	return counts, err
}

// Advance returns the counts of the tree to, given those of the tree from, and how many files it looked at. It reads
// what differs, on both sides, and no tree that both have. If less is known of from than it takes, it counts.
func (c *Counter) Advance(ctx context.Context, pool storage.ID, from, to git.Hash, counts Counts) (Counts, int, error) {
	if from == to {
		return counts, 0, nil
	}
	if !counts.TooLarge() {
		next, looked, err := c.change(ctx, pool, from, to, counts)
		if _, lost := errors.AsType[baseError](err); !lost {
			return next, looked, err
		}
	}
	return c.change(ctx, pool, git.Hash{}, to, Counts{})
}

func (c *Counter) change(ctx context.Context, pool storage.ID, from, to git.Hash, counts Counts) (Counts, int, error) {
	w := &walker{ctx: ctx, objects: c.objects, pool: pool}
	err := w.walk(names.MaxDepth, "", [2]git.Hash{from, to}, true)
	next := Counts{Files: counts.Files + w.files, Dirs: counts.Dirs + w.dirs}
	if errors.Is(err, errTooLarge) || next.TooLarge() {
		return tooLarge, 0, nil
	}
	if err == nil {
		next.Bytes, err = c.sum(ctx, pool, from, to, w.jobs)
	}
	if err != nil {
		return Counts{}, 0, err
	}
	for name, n := range counts.Bytes {
		next.Bytes[name] += n
	}
	for name, n := range next.Bytes {
		if n < 0 {
			return Counts{}, 0, baseError{errors.New("languages: the counts are not those of the tree")}
		}
		if n == 0 {
			delete(next.Bytes, name)
		}
	}
	return next, len(w.jobs), nil
}

// A baseError is about the tree whose counts are known.
type baseError struct{ error }

func (e baseError) Unwrap() error { return e.error }
