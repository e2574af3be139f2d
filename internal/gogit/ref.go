package gogit

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	gogitstorage "github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A table keeps refs.
type table interface {
	// leavesOut reports whether a ref is another's business, and passed over.
	leavesOut(storage.Ref) (bool, error)
	// check refuses refs that can't be in the table.
	check(storage.Ref) error
	// get returns a ref as it is stored, or storage.ErrNotFound.
	get(v storage.View, name string) (storage.Ref, error)
	// all yields all refs, in the order of their names.
	all(storage.View) iter.Seq2[storage.Ref, error]
	// replaces refuses to put one ref in the place of another, and removes to remove one.
	replaces(now, to storage.Ref) error
	removes(storage.View, storage.Ref) error
	// set makes a change in one transaction, with the objects that belong to it, unless allow returns an error.
	set(c ref.Change, allow func(storage.View) error, objects []*quarantined) error
}

// Errors of refs that go-git would take.
var (
	errDetached  = fmt.Errorf("%w: HEAD can only be a branch's name", git.ErrMalformed)
	errSymbolic  = fmt.Errorf("%w: it is symbolic, and can only be made to name another ref", git.ErrMalformed)
	errPull      = fmt.Errorf("%w: it belongs to a pull request", git.ErrMalformed)
	errDefault   = fmt.Errorf("%w: the default branch, and HEAD, can't be removed", git.ErrMalformed)
	errNoCommit  = fmt.Errorf("%w: a branch names a commit", git.ErrMalformed)
	errNoHash    = fmt.Errorf("%w: it names no object", git.ErrMalformed)
	errReference = fmt.Errorf("%w: it is neither a hash nor a name", git.ErrMalformed)
)

// Init lets git.Init and git.Clone have an empty repository: as long as it has no ref, HEAD is not there for this
// Storer until it is set. So they make of it what they would of an empty directory, and refuse one that has refs.
//
// A clone of a tag makes HEAD the tag's commit. It is that for this Storer alone, until HEAD is made to name a branch:
// that of the repository always names one. Once a branch was set, HEAD can't be detached so any more.
func (s *Storer) Init() error {
	return s.call("init", "", func() error {
		return s.view(func(v storage.View) error {
			for r, err := range s.refs.all(v) {
				if isDamaged(r, err) {
					return nil
				}
				if err != nil || r.Name != ref.Head {
					return err
				}
			}
			s.unborn.Store(true)
			s.fresh.Store(s.space == "") // a submodule's HEAD may be a commit
			return nil
		})
	})
}

// view calls fn with a snapshot in which the repository exists.
func (s *Storer) view(fn func(storage.View) error) error {
	return s.Backend.View(s.ctx, func(v storage.View) error {
		if err := s.exists(v); err != nil {
			return err
		}
		return fn(v)
	})
}

// Reference returns a ref as it is stored, symbolic ones unresolved, or plumbing.ErrReferenceNotFound.
func (s *Storer) Reference(name plumbing.ReferenceName) (found *plumbing.Reference, err error) {
	err = s.call("ref", name.String(), func() error {
		if s.Ready != nil {
			if err := s.Ready(s.ctx, name.String()); err != nil {
				return err
			}
		}
		return s.view(func(v storage.View) error {
			r, err := s.refs.get(v, name.String())
			if errors.Is(err, storage.ErrNotFound) || err == nil && s.hides(r) {
				return plumbing.ErrReferenceNotFound
			}
			found = newReference(s.detached(r))
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (s *Storer) hides(r storage.Ref) bool { return r.Name == ref.Head && s.unborn.Load() }

// detached returns what a ref is for this Storer alone.
func (s *Storer) detached(r storage.Ref) storage.Ref {
	if cloned := s.cloned.Load(); cloned != nil && r.Name == ref.Head {
		return storage.Ref{Name: r.Name, Hash: *cloned}
	}
	return r
}

func newReference(r storage.Ref) *plumbing.Reference {
	name := plumbing.ReferenceName(r.Name)
	if r.Target != "" {
		return plumbing.NewSymbolicReference(name, plumbing.ReferenceName(r.Target))
	}
	return plumbing.NewHashReference(name, plumbing.Hash(r.Hash))
}

// isDamaged reports whether a ref of a list is damaged. It is passed over, as git does, so that others can be had.
func isDamaged(r storage.Ref, err error) bool {
	return r.Name != "" && errors.Is(err, storage.ErrCorrupt)
}

// IterReferences returns an iterator over all refs as they are now, HEAD among them. Damaged ones are left out.
func (s *Storer) IterReferences() (storer.ReferenceIter, error) {
	var found []*plumbing.Reference
	err := s.call("refs", "", func() error {
		return s.view(func(v storage.View) error {
			found = nil
			for r, err := range s.refs.all(v) {
				if isDamaged(r, err) {
					continue
				}
				if err != nil {
					return err
				}
				if !s.hides(r) {
					found = append(found, newReference(s.detached(r)))
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return storer.NewReferenceSliceIter(found), nil
}

// CountLooseRefs returns 0: all refs are packed, as it were.
func (s *Storer) CountLooseRefs() (int, error) {
	return 0, s.call("refs", "", s.readable)
}

// PackRefs does nothing.
func (s *Storer) PackRefs() error { return s.call("refs", "", s.readable) }

// SetReference makes a ref hold what r says, whatever it held. The object must be there, with all that it leads to,
// and under refs/heads/ it must be a commit. HEAD can only be made to name a branch. Refs under refs/pull/ are
// refused, since pull requests alone make them. If the configuration has a remote that is mirrored, they are left out
// without an error.
func (s *Storer) SetReference(r *plumbing.Reference) error { return s.CheckAndSetReference(r, nil) }

// CheckAndSetReference is SetReference if the ref of old's name holds exactly what old says, a hash or a name, and
// returns storage.ErrReferenceHasChanged otherwise. An old with the zero hash is a ref that does not exist. A nil old
// is anything.
func (s *Storer) CheckAndSetReference(r, old *plumbing.Reference) error {
	if r == nil {
		return nil
	}
	return s.call("set ref", r.Name().String(), func() error {
		to, err := stored(r)
		if err != nil {
			return err
		}
		if out, err := s.refs.leavesOut(to); out || err != nil {
			return err
		}
		isTag := s.fresh.Load() && to.Name == ref.Head && to.Target == "" && !to.Hash.IsZero()
		if !isTag {
			err = s.refs.check(to)
		}
		if err != nil {
			return err
		}
		var from *storage.Ref
		if old != nil {
			was, err := stored(old)
			if err != nil {
				return err
			}
			from = &was
		}
		if to.Target == "" && to.Hash.IsZero() {
			return errNoHash
		}
		if isTag {
			return s.detach(to.Hash, from)
		}
		if err := s.move(to, from); err != nil {
			return err
		}
		if strings.HasPrefix(to.Name, ref.Branches) {
			s.fresh.Store(false)
		}
		if to.Name == ref.Head {
			s.unborn.Store(false)
			s.cloned.Store(nil)
		}
		return nil
	})
}

// detach makes HEAD a commit for this Storer, if from is what HEAD was.
func (s *Storer) detach(h git.Hash, from *storage.Ref) error {
	err := s.look(access.Write, func(g *scope) error {
		if err := s.compare(g.view, from); err != nil {
			return err
		}
		if o, ok := s.quarantine.get(h); ok && o.Type == storage.Commit {
			return nil
		}
		return g.checkStored(fsck.Link{Hash: h, Type: storage.Commit})
	})
	if err == nil {
		s.cloned.Store(&h)
	}
	return err
}

func stored(r *plumbing.Reference) (storage.Ref, error) {
	out := storage.Ref{Name: r.Name().String()}
	switch r.Type() {
	case plumbing.HashReference:
		out.Hash = git.Hash(r.Hash())
	case plumbing.SymbolicReference:
		out.Target = r.Target().String()
	default:
		return out, errReference
	}
	return out, nil
}

// move makes a ref hold what to says, if that of from's name holds what from says. The objects that were held back
// land with it.
func (s *Storer) move(to storage.Ref, from *storage.Ref) error {
	waiting := !s.quarantine.empty()
	if waiting {
		s.quarantine.storing.Lock()
		defer s.quarantine.storing.Unlock()
	}
	var pool storage.ID
	var objects []*quarantined
	err := s.look(access.Write, func(g *scope) (err error) {
		pool = g.in.Pool
		if to.Target != "" {
			return nil
		}
		w := &connectivity{scope: g}
		if waiting {
			w = g.connectivity()
		}
		objects, err = w.target(to)
		return err
	})
	if err != nil {
		return err
	}
	if isMany(objects) {
		if err := s.stage(pool, objects); err != nil {
			return err
		}
		objects = nil
	}
	err = s.refs.set(ref.Change{Name: to.Name, New: to.Hash, Target: to.Target}, func(v storage.View) error {
		return s.allow(v, to, from)
	}, objects)
	if err == nil && len(objects) > 0 {
		s.landed(objects)
	}
	return err
}

func isMany(objects []*quarantined) bool {
	var size int64
	for _, o := range objects {
		size += o.Size
	}
	return len(objects) > manyObjects || size > manyBytes
}

// target makes sure that what a ref is to name is there as a whole, and returns the objects that can be stored.
func (w *connectivity) target(to storage.Ref) ([]*quarantined, error) {
	typ := storage.Type(0)
	if o := w.held[to.Hash]; o != nil {
		typ = o.Type
	} else if t, _, err := w.stat(to.Hash); err == nil {
		typ = t
	} else if errors.Is(err, storage.ErrNotFound) {
		return nil, missing("object %s is missing", to.Hash)
	} else {
		return nil, err
	}
	if typ != storage.Commit && (to.Name == ref.Head || strings.HasPrefix(to.Name, ref.Branches)) {
		return nil, errNoCommit
	}
	if err := w.of(fsck.Link{Hash: to.Hash, Type: typ}); err != nil {
		return nil, err
	}
	return w.all()
}

// allow decides, in the transaction itself, whether a ref may be set.
func (s *Storer) allow(v storage.View, to storage.Ref, from *storage.Ref) error {
	if err := s.compare(v, from); err != nil {
		return err
	}
	now, err := s.refs.get(v, to.Name)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.refs.replaces(now, to)
}

// compare returns storage.ErrReferenceHasChanged of go-git unless the ref of from's name is as from says. Nil is
// anything.
func (s *Storer) compare(v storage.View, from *storage.Ref) error {
	if from == nil {
		return nil
	}
	now, err := s.refs.get(v, from.Name)
	if errors.Is(err, storage.ErrNotFound) || err == nil && s.hides(now) {
		now, err = storage.Ref{Name: from.Name}, nil
	}
	if err != nil {
		return err
	}
	if now = s.detached(now); now.Hash != from.Hash || now.Target != from.Target {
		return gogitstorage.ErrReferenceHasChanged
	}
	return nil
}

var errGone = errors.New("there is no such ref")

// RemoveReference removes a ref, if it is there. HEAD and the default branch stay.
func (s *Storer) RemoveReference(name plumbing.ReferenceName) error {
	return s.call("remove ref", name.String(), func() error {
		err := s.refs.set(ref.Change{Name: name.String()}, func(v storage.View) error {
			if err := s.exists(v); err != nil {
				return err
			}
			now, err := s.refs.get(v, name.String())
			if errors.Is(err, storage.ErrNotFound) {
				return errGone
			}
			if err != nil {
				return err
			}
			return s.refs.removes(v, now)
		}, nil)
		if errors.Is(err, errGone) {
			return nil
		}
		return err
	})
}

// repoRefs are the refs of the repository itself.
type repoRefs struct{ *Storer }

func (t repoRefs) leavesOut(r storage.Ref) (bool, error) {
	if !strings.HasPrefix(r.Name, pull.Refs) {
		return false, nil
	}
	if _, err := t.writable(); err != nil {
		return false, err
	}
	return t.mirrors(r.Name)
}

// mirrors reports whether the configuration has a remote of which a ref is fetched under the same name.
func (s *Storer) mirrors(name string) (bool, error) {
	v, err := s.loadForWriters("config")
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := config.ReadConfig(bytes.NewReader(v.data))
	if err != nil {
		return false, err
	}
	from := plumbing.ReferenceName(name)
	for _, remote := range c.Remotes {
		for _, spec := range remote.Fetch {
			if spec.Match(from) && spec.Dst(from) == from {
				return true, nil
			}
		}
	}
	return false, nil
}

func (t repoRefs) check(r storage.Ref) error {
	if r.Name != ref.Head {
		if err := t.Ref(r.Name); err != nil || r.Target == "" {
			return err
		}
		return t.Ref(r.Target)
	}
	branch, ok := strings.CutPrefix(r.Target, ref.Branches)
	if !ok {
		return errDetached
	}
	return t.Branch(branch)
}

func (t repoRefs) get(v storage.View, name string) (storage.Ref, error) { return v.Ref(t.Repo, name) }

func (t repoRefs) all(v storage.View) iter.Seq2[storage.Ref, error] { return v.Refs(t.Repo, "", "") }

// replaces refuses to turn a symbolic ref into a hash: txn.Repo.SetRef would change the ref that it leads to.
func (t repoRefs) replaces(now, to storage.Ref) error {
	if now.Target != "" && to.Target == "" {
		return errSymbolic
	}
	return nil
}

func (t repoRefs) removes(v storage.View, r storage.Ref) error {
	head, err := ref.Default(v, t.Repo)
	switch {
	case err != nil:
		return err
	case r.Name == ref.Head || r.Name == head:
		return errDefault
	case strings.HasPrefix(r.Name, pull.Refs):
		return errPull
	}
	return nil
}

func (t repoRefs) set(c ref.Change, allow func(storage.View) error, objects []*quarantined) error {
	author, err := t.Author()
	if err != nil {
		return err
	}
	c.By = t.By
	c.Log = storage.LogEntry{Name: author.Name, Email: author.Email, When: author.When, Message: "go-git"}
	p := txn.Push{Refs: []ref.Change{c}, Now: t.Now(), Quota: t.Limits.Repo}
	for _, o := range objects {
		p.Objects = append(p.Objects, o.Object)
		p.Items = append(p.Items, o.item)
	}
	return t.Backend.Update(t.ctx, t.By, func(tx *txn.Tx) error {
		if err := allow(tx); err != nil {
			return err
		}
		return tx.Push(t.Repo, &p)
	})
}
