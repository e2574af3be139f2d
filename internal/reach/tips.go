package reach

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A version tells two states of a repository's refs apart.
type version struct {
	moves   uint64         // see catalog.RefVersion
	refs    []storage.Hash // what the refs hold, in the order of their names, where other programs may change them
	backend uint64         // version of the refs, if the backend says it (see storage.RefsVersion)
}

func (s version) equal(o version) bool {
	return s.moves == o.moves && (s.backend != 0 && s.backend == o.backend || slices.Equal(s.refs, o.refs))
}

// tips are the objects from which everything is reached, at one state.
type tips struct {
	version version
	hashes  []storage.Hash
	head    storage.Hash // what HEAD leads to
	err     error        // why some are missing: it wraps storage.ErrCorrupt
}

// version returns the state of a repository's refs.
func (x *Index) version(r *Repo) (*version, error) {
	if r.versioned {
		return &r.version, nil
	}
	var err error
	if r.version.moves, err = catalog.RefVersion(r.View, r.ID); err != nil {
		return nil, err
	}
	if !x.exclusive {
		if err := x.readRefs(r); err != nil {
			return nil, err
		}
	}
	r.versioned = true
	return &r.version, nil
}

// readRefs says what the refs hold. They are not read again as long as the backend says that they are the same.
func (x *Index) readRefs(r *Repo) (err error) {
	if r.version.backend, err = storage.RefsVersion(r.View, r.ID); err != nil {
		return err
	}
	if refs, ok := x.find(r.Pool).refsAt(r.ID, r.version.backend); ok {
		r.version.refs = refs
		return nil
	}
	t := &tips{}
	if err := t.readRefs(r, func(string) bool { return false }); err != nil {
		return err
	}
	r.version.refs = t.hashes
	return nil
}

// refsAt returns what the refs of a repository held at a version, if a set says so.
func (p *pool) refsAt(repo storage.ID, version uint64) ([]storage.Hash, bool) {
	if p == nil || version == 0 {
		return nil, false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if s := p.sets[key{repo: repo, origin: refs}]; s != nil && s.version.backend == version {
		return s.version.refs, true
	}
	return nil, false
}

// tips returns those of one origin.
func (x *Index) tips(r *Repo, o origin, at version) (*tips, error) {
	t := &tips{version: at}
	var err error
	switch o {
	case refs:
		err = t.readRefs(r, r.hides)
	case logs:
		err = t.readLogs(r, false)
	case oldLogs:
		err = t.readLogs(r, true)
	case records:
		if x.records != nil {
			err = t.read(x.records(r.View, r.ID))
		}
	}
	return t, err
}

// hides reports whether a ref counts as not there.
func (r *Repo) hides(name string) bool {
	return slices.ContainsFunc(r.Hidden, func(p string) bool { return strings.HasPrefix(name, p) })
}

// readRefs reads what the refs hold, but for those that are left out.
func (t *tips) readRefs(r *Repo, leftOut func(name string) bool) error {
	for found, err := range r.View.Refs(r.ID, "", "") {
		if err = t.check(err); err != nil {
			return err
		}
		if !found.Hash.IsZero() && !leftOut(found.Name) {
			t.hashes = append(t.hashes, found.Hash)
		}
	}
	head, err := ref.Follow(r.View, r.ID, ref.Head)
	if err == nil && !leftOut(head.Name) {
		t.head = head.Hash
	}
	return nil // without it, the same is found in another order
}

// readLogs reads what the logs of refs that exist tell: what each of them held, with old also what those did that had
// its name before. Symbolic refs hold nothing by themselves, and their logs tell of what others held.
func (t *tips) readLogs(r *Repo, old bool) error {
	var names []string
	for found, err := range r.View.Refs(r.ID, "", "") {
		if err = t.check(err); err != nil {
			return err
		}
		// Also of a damaged ref: its log tells what it held.
		if found.Name != "" && !r.hides(found.Name) && (old || found.Target == "") {
			names = append(names, found.Name)
		}
	}
	for _, name := range names {
		log := ref.Log
		if old {
			log = storage.View.Log
		}
		if err := t.readLog(log(r.View, r.ID, name)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tips) readLog(log iter.Seq2[storage.LogEntry, error]) error {
	return t.check(func() error {
		for entry, err := range log {
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
