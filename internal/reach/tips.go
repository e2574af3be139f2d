package reach

import (
	"errors"
	"iter"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A stamp tells two states of a repository's refs apart.
type stamp struct {
	moves uint64         // see catalog.Moves
	refs  []storage.Hash // what the refs hold, in the order of their names, where other programs may change them
}

func (s stamp) equal(o stamp) bool { return s.moves == o.moves && slices.Equal(s.refs, o.refs) }

// tips are the objects from which everything is reached, at one state.
type tips struct {
	stamp  stamp
	hashes []storage.Hash
	head   storage.Hash // what HEAD leads to
	err    error        // why some are missing: it wraps storage.ErrCorrupt
}

// stamp returns the state of a repository's refs.
func (x *Index) stamp(r *Repo) (*stamp, error) {
	if r.stamped {
		return &r.stamp, nil
	}
	var err error
	if r.stamp.moves, err = catalog.Moves(r.View, r.ID); err != nil {
		return nil, err
	}
	if !x.exclusive {
		t := &tips{}
		if err := t.readRefs(r); err != nil {
			return nil, err
		}
		r.stamp.refs = t.hashes
	}
	r.stamped = true
	return &r.stamp, nil
}

// tips returns those of one origin.
func (x *Index) tips(r *Repo, o origin, at stamp) (*tips, error) {
	t := &tips{stamp: at}
	var err error
	switch o {
	case refs:
		err = t.readRefs(r)
	case logs:
		err = t.readLogs(r)
	case records:
		if x.records != nil {
			err = t.read(x.records(r.View, r.ID))
		}
	}
	return t, err
}

func (t *tips) readRefs(r *Repo) error {
	err := t.check(func() error {
		for found, err := range r.View.Refs(r.ID, "", "") {
			if err != nil {
				return err
			}
			if !found.Hash.IsZero() {
				t.hashes = append(t.hashes, found.Hash)
			}
		}
		return nil
	}())
	if err != nil {
		return err
	}
	head, err := ref.Follow(r.View, r.ID, ref.Head)
	if err == nil {
		t.head = head.Hash
	}
	return nil // without it, the same is found in another order
}

// readLogs reads what the logs of refs that exist tell: what each of them held.
func (t *tips) readLogs(r *Repo) error {
	var names []string
	err := t.check(func() error {
		for found, err := range r.View.Refs(r.ID, "", "") {
			if err != nil {
				return err
			}
			names = append(names, found.Name)
		}
		return nil
	}())
	for i := 0; i < len(names) && err == nil; i++ {
		err = t.readLog(r, names[i])
	}
	return err
}

func (t *tips) readLog(r *Repo, name string) error {
	return t.check(func() error {
		for entry, err := range r.View.Log(r.ID, name) {
			if err != nil {
				return err
			}
			for _, h := range [2]storage.Hash{entry.New, entry.Old} {
				if n := len(t.hashes); !h.IsZero() && (n == 0 || t.hashes[n-1] != h) {
					t.hashes = append(t.hashes, h)
				}
			}
		}
		return nil
	}())
}

func (t *tips) read(hashes iter.Seq2[storage.Hash, error]) error {
	return t.check(func() error {
		for h, err := range hashes {
			if err != nil {
				return err
			}
			t.hashes = append(t.hashes, h)
		}
		return nil
	}())
}

// check keeps an error that tells of damage, beside which there may be good refs, and returns any other.
func (t *tips) check(err error) error {
	if errors.Is(err, storage.ErrCorrupt) {
		t.err, err = err, nil
	}
	return err
}
