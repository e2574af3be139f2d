package check

import (
	"context"
	"crypto/sha1"
	"fmt"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A Walker reads all that refs lead to. It does not read an object again that it found whole, so a store can be looked
// at time and again for what is new. It must not be used by several goroutines at once.
type Walker struct {
	Commits int // that were read
	whole   map[objectName]bool
}

type objectName struct{ pool, hash [20]byte }

// NewWalker returns a Walker that has read nothing.
func NewWalker() *Walker { return &Walker{whole: map[objectName]bool{}} }

// All returns what the functions of the package find in one state of a store, and what Objects does.
func (w *Walker) All(ctx context.Context, b storage.Backend, skip func(*catalog.Repo) bool) (found []Finding,
	err error) {
	objects := object.New(b, 1<<20)
	err = b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err == nil {
			err = s.kept(ctx, objects)
		}
		if err == nil {
			err = w.objects(ctx, s, objects, skip)
		}
		found, err = s.results(err)
		return err
	})
	return found, err
}

// Objects reads all that the refs of repositories lead to, except of those for which skip is true; nil skips none. It
// finds what is missing, what can't be read, and what has another hash than its name.
func (w *Walker) Objects(ctx context.Context, b storage.Backend, skip func(*catalog.Repo) bool) (found []Finding,
	err error) {
	err = b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err == nil {
			err = w.objects(ctx, s, object.New(b, 1<<20), skip)
		}
		found, err = s.results(err)
		return err
	})
	return found, err
}

func (w *Walker) objects(ctx context.Context, s *scan, objects *object.Store, skip func(*catalog.Repo) bool) error {
	all := maps.Clone(s.repos)
	for id, k := range s.deleted {
		all[id] = k.Repo
	}
	for _, id := range slices.SortedFunc(maps.Keys(all), compareIDs) {
		r := all[id]
		if skip != nil && skip(r) {
			continue
		}
		for ref, err := range s.v.Refs(id, "", "") {
			if err != nil {
				if err := s.noteError(err, Reference, id, ref.Name); err != nil {
					return err
				}
				break
			}
			if ref.Target != "" {
				continue
			}
			if err := w.follow(ctx, s, objects, r, ref); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow reads what a ref leads to.
func (w *Walker) follow(ctx context.Context, s *scan, objects *object.Store, r *catalog.Repo, ref storage.Ref) error {
	left := []storage.Hash{ref.Hash}
	for len(left) > 0 {
		h := left[len(left)-1]
		left = left[:len(left)-1]
		if w.whole[objectName{r.Pool, h}] {
			continue
		}
		below, err := w.read(ctx, objects, r, h)
		if err != nil {
			if err := s.noteError(fmt.Errorf("%s leads to it: %w", ref.Name, err), Object, r.ID, h.String()); err != nil {
				return err
			}
			continue
		}
		w.whole[objectName{r.Pool, h}] = true
		left = append(left, below...)
	}
	return nil
}

// read reads an object, and returns what it names.
func (w *Walker) read(ctx context.Context, objects *object.Store, r *catalog.Repo,
	h storage.Hash) ([]storage.Hash, error) {
	kind, data, err := objects.Pass(ctx, r.Pool, h)
	if err != nil {
		return nil, err
	}
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", kind, len(data))
	sum.Write(data)
	if got := storage.Hash(sum.Sum(nil)); got != h {
		return nil, fmt.Errorf("%w: it holds %s", storage.ErrCorrupt, got)
	}
	below, err := children(kind, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
	}
	if kind == storage.Commit {
		w.Commits++
	}
	return below, nil
}

// children returns what an object names.
func children(kind storage.Type, data []byte) ([]storage.Hash, error) {
	switch kind {
	case storage.Commit:
		c, err := git.ParseCommit(data)
		if err != nil {
			return nil, err
		}
		return append(c.Parents, c.Tree), nil
	case storage.Tag:
		t, err := git.ParseTag(data)
		if err != nil {
			return nil, err
		}
		return []storage.Hash{t.Object}, nil
	case storage.Tree:
		t, err := git.ParseTree(data)
		if err != nil {
			return nil, err
		}
		below := make([]storage.Hash, 0, t.Len())
		for i := range t.Len() {
			if e := t.Entry(i); e.Mode != git.ModeSubmodule {
				below = append(below, e.Hash)
			}
		}
		return below, nil
	}
	return nil, nil
}
