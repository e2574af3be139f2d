package serve

import (
	"context"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/storage"
)

// A Source is a repository that is fetched from, as the one who fetches may see it.
type Source interface {
	// Refs returns the refs that are shown, as they are at one moment.
	Refs(ctx context.Context) (*Refs, error)

	// Has reports of each object whether the refs that are shown lead to it.
	Has(ctx context.Context, objects []git.Hash) ([]bool, error)

	// Graph calls fn with the graph of commits.
	Graph(ctx context.Context, fn func(*graph.Graph) error) error

	// Ask returns an error if the one who fetches may no more.
	Ask() error

	// Text returns what a client is told of an error.
	Text(err error) string
}

// Refs are those that are shown. HEAD is not among them.
type Refs struct {
	transfer.Snapshot // Head is "" if it is not shown
	Objects           transfer.Objects
	Shallow           map[git.Hash]bool // commits that may lack parents
}

// head returns what HEAD leads to, or false if that is nothing.
func (r *Refs) head() (git.Hash, bool) {
	found, ok := r.find(r.Head)
	return found.Hash, ok
}

// find returns a ref by its name.
func (r *Refs) find(name string) (storage.Ref, bool) {
	i, ok := slices.BinarySearchFunc(r.Refs, name, func(r storage.Ref, name string) int {
		return strings.Compare(r.Name, name)
	})
	if !ok {
		return storage.Ref{}, false
	}
	return r.Refs[i], true
}

// all returns the refs, HEAD first if there is one.
func (r *Refs) all() []storage.Ref {
	h, ok := r.head()
	if !ok {
		return r.Refs
	}
	return slices.Concat([]storage.Ref{{Name: ref.Head, Hash: h, Target: r.Head}}, r.Refs)
}

// peel returns what a tag names in the end, or false if the object is no tag.
func (r *Refs) peel(ctx context.Context, h git.Hash) (git.Hash, bool, error) {
	for at := h; ; {
		t, _, err := r.Objects.Stat(ctx, at)
		if err != nil || t != storage.Tag {
			return at, at != h, err
		}
		_, data, err := r.Objects.Whole(ctx, at)
		if err != nil {
			return at, false, err
		}
		tag, err := git.ParseTag(data)
		if err != nil {
			return at, false, err
		}
		at = tag.Object
	}
}

// tags returns the annotated tags under refs/tags/.
func (r *Refs) tags(ctx context.Context) (tags []transfer.Tag, err error) {
	for _, found := range r.Refs {
		if !strings.HasPrefix(found.Name, ref.Tags) {
			continue
		}
		peeled, is, err := r.peel(ctx, found.Hash)
		if err != nil {
			return nil, err
		}
		if is {
			tags = append(tags, transfer.Tag{Tag: found.Hash, Peeled: peeled})
		}
	}
	return tags, nil
}
