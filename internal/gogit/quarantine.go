package gogit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

const (
	manyObjects = 256     // that are held back before they are stored
	manyBytes   = 1 << 20 // the same, in bytes
	maxPending  = 64 << 20
	heldCost    = 384 // bytes of memory that an object takes beside its content
)

// quarantine are the objects that were set but are not stored yet. The zero value is ready.
type quarantine struct {
	storing sync.Mutex // held while objects move to storage

	mu      sync.RWMutex
	objects map[git.Hash]*quarantined
	bytes   int64 // of memory
	retry   int   // at how many objects storing them is tried next
	refused error // why one of them can't be stored whatever comes; nil: none was found
}

// A quarantined object was checked, and is not changed any more.
type quarantined struct {
	storage.Object
	item *object.Item
}

func (p *quarantine) get(h git.Hash) (*quarantined, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	o, ok := p.objects[h]
	return o, ok
}

func (p *quarantine) snapshot() map[git.Hash]*quarantined {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return maps.Clone(p.objects)
}

func (p *quarantine) hashes() []git.Hash {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Collect(maps.Keys(p.objects))
}

func (p *quarantine) empty() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.objects) == 0
}

// add reports whether there are so many objects now that they should be stored.
func (p *quarantine) add(objects ...*quarantined) (many bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.objects == nil {
		p.objects = map[git.Hash]*quarantined{}
	}
	for _, o := range objects {
		if p.objects[o.Hash] == nil {
			p.objects[o.Hash] = o
			p.bytes += o.Size + heldCost
		}
	}
	return len(p.objects) >= max(p.retry, manyObjects) || p.bytes >= manyBytes && p.retry == 0
}

// drop forgets objects that were stored.
func (p *quarantine) drop(objects []*quarantined) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range objects {
		if p.objects[o.Hash] != nil {
			delete(p.objects, o.Hash)
			p.bytes -= o.Size + heldCost
		}
	}
	// What is left waits for other objects. It is not looked at again for each that comes.
	if p.retry = 0; len(p.objects) > 0 {
		p.retry = 2*len(p.objects) + manyObjects
	}
}

// refuse notes why an object can't be stored whatever comes. Nil: all can.
func (p *quarantine) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = err
}

func (p *quarantine) incomplete() error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.objects) > 0 && p.refused != nil {
		return fmt.Errorf("%d objects can't be stored: %w", len(p.objects), p.refused)
	}
	for h, o := range p.objects {
		return missing("%d objects can't be stored: what they name is missing, as with %s %s", len(p.objects), o.Type, h)
	}
	return nil
}

// hold puts objects among those that are held back, and stores all of them if they are many. Of those that the pool
// holds already it can't be told, without much ado, whether they are this repository's: they are held back as if they
// were new.
func (s *Storer) hold(objects ...*quarantined) error {
	fresh := objects[:0:0]
	var size int64
	var pool storage.ID
	err := s.look(access.Write, func(g *scope) error {
		pool = g.in.Pool
		for _, o := range objects {
			known, err := g.knows(o.Hash)
			if err != nil {
				return err
			}
			if !known {
				fresh = append(fresh, o)
				size += o.Size + heldCost
			}
		}
		return g.checkFresh(fresh)
	})
	if err != nil {
		return err
	}
	if s.quarantine.size()+size > maxPending {
		if err := s.flush(pool); err != nil {
			return err
		}
		if left := s.quarantine.size(); left > 0 && left+size > maxPending {
			return fmt.Errorf("objects of more than %d bytes of memory wait for what they name: %w", maxPending,
				storage.ErrTooLarge)
		}
	}
	if s.quarantine.add(fresh...) {
		return s.flush(pool)
	}
	return nil
}

// checkFresh refuses objects that are to be held back of which it is known already that they will not be stored.
func (g *scope) checkFresh(fresh []*quarantined) error {
	var among map[git.Hash]*quarantined
	for _, o := range fresh {
		if o.Type != storage.Tree {
			continue
		}
		err := g.checkFiles(o.item.Tree, func(h git.Hash) *quarantined {
			if among == nil {
				among = make(map[git.Hash]*quarantined, len(fresh))
				for _, o := range fresh {
					among[o.Hash] = o
				}
			}
			if o := among[h]; o != nil {
				return o
			}
			o, _ := g.quarantine.get(h)
			return o
		})
		if err != nil {
			return fmt.Errorf("tree %s: %w", o.Hash, err)
		}
	}
	return nil
}

func (p *quarantine) size() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.bytes
}

// flush stores what is held back, but for objects that name others which are not there.
func (s *Storer) flush(pool storage.ID) error {
	if s.quarantine.empty() {
		return nil
	}
	s.quarantine.storing.Lock()
	defer s.quarantine.storing.Unlock()
	var ready []*quarantined
	err := s.look(access.Write, func(g *scope) (err error) {
		ready, err = g.connectivity().all()
		return err
	})
	if err != nil {
		return err
	}
	return s.stage(pool, ready)
}

// stage stores objects that were held back. The caller holds quarantine.storing.
func (s *Storer) stage(pool storage.ID, objects []*quarantined) error {
	var size, again int64
	for _, o := range objects {
		_, _, err := s.stored(pool, o.Hash)
		switch {
		case err == nil:
			again += o.Size
		case errors.Is(err, storage.ErrNotFound):
			size += o.Size
		default:
			return err
		}
	}
	if len(objects) > 0 {
		if err := s.checkQuota(size, again); err != nil {
			return err
		}
		if err := s.put(pool, objects); err != nil {
			return err
		}
		if err := s.charge(size, again); err != nil {
			return err
		}
	}
	s.landed(objects)
	return nil
}

// landed notes that objects are stored that were held back.
func (s *Storer) landed(objects []*quarantined) {
	for _, o := range objects {
		s.session.wrote(o.Hash)
	}
	s.quarantine.drop(objects)
}

func (s *Storer) put(pool storage.ID, objects []*quarantined) error {
	stage, err := s.Backend.Stage(s.ctx, pool)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := stage.Put(s.ctx, o.Object); err != nil {
			return errors.Join(err, stage.Discard())
		}
	}
	return stage.Close(s.ctx)
}

// charge counts what was stored ahead, whether or not a ref will ever lead to it, and returns txn.ErrQuota if that was
// too much, since others stored something meanwhile.
func (s *Storer) charge(size, again int64) error {
	return s.Backend.Charge(context.WithoutCancel(s.ctx), s.Repo, size, again, s.Limits.Repo)
}

// checkQuota returns txn.ErrQuota if there is no room for so many bytes more, of new objects and of such as the pool
// had. In a fork network both count: see txn.Push.
func (s *Storer) checkQuota(size, again int64) error {
	if s.Limits.Repo <= 0 {
		return nil
	}
	return s.Backend.View(s.ctx, func(v storage.View) error {
		r, err := catalog.Load(v, s.Repo)
		if err != nil {
			return err
		}
		state, err := catalog.LoadState(v, r)
		if r.Networked {
			size += again
		}
		if err == nil && state.Size+s.Backend.Debt(s.Repo)+size > s.Limits.Repo {
			err = txn.ErrQuota
		}
		return err
	})
}

// A connectivity finds out which of the objects that are held back are whole: all that they lead to is this
// repository's, or held back and whole.
type connectivity struct {
	*scope
	held    map[git.Hash]*quarantined
	known   map[git.Hash]error // nil: whole
	order   []*quarantined     // the whole ones, each after what it names
	shallow map[git.Hash]bool
}

// connectivity looks at the objects that are held back now. The caller holds quarantine.storing.
func (g *scope) connectivity() *connectivity {
	return &connectivity{scope: g, held: g.quarantine.snapshot(), known: map[git.Hash]error{}}
}

// all returns all that are whole.
func (w *connectivity) all() ([]*quarantined, error) {
	var refused error
	for h, o := range w.held {
		err := w.of(fsck.Link{Hash: h, Type: o.Type})
		if err != nil && !isAnswer(err) {
			return nil, err
		}
		if errors.Is(err, gitfile.ErrMalformed) {
			refused = err
		}
	}
	w.quarantine.refuse(refused)
	return w.order, nil
}

// isAnswer reports whether an error tells that an object is not whole, or has a file that can't be stored.
func isAnswer(err error) bool { return isMissing(err) || errors.Is(err, gitfile.ErrMalformed) }

func isMissing(err error) bool {
	var m *missingError
	return errors.As(err, &m)
}

// A frame is an object that is held back, on the way from the one that was asked about.
type frame struct {
	object *quarantined
	links  []fsck.Link
	next   int // which of the links comes next
}

// of returns a *missingError if an object is not whole, or is not there, and an error that wraps gitfile.ErrMalformed
// if it leads to a tree that checkFiles refuses. It keeps its own stack, since a caller decides
// how deep objects are nested.
func (w *connectivity) of(l fsck.Link) error {
	stack := []frame{}
	answer, err := w.ask(l, &stack)
	if err != nil {
		return err
	}
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		if f.next > 0 {
			if answer, err = w.judge(f, answer); err != nil {
				return err
			}
		}
		if answer == nil && f.next < len(f.links) {
			f.next++
			if answer, err = w.ask(f.links[f.next-1], &stack); err != nil {
				return err
			}
			continue
		}
		if answer == nil && f.object.Type == storage.Tree {
			err := w.checkFiles(f.object.item.Tree, func(h git.Hash) *quarantined { return w.held[h] })
			if answer, err = split(err); err != nil {
				return err
			}
		}
		if w.known[f.object.Hash] = answer; answer == nil {
			w.order = append(w.order, f.object)
		}
		stack = stack[:len(stack)-1]
	}
	return answer
}

// ask returns as its answer what is known of an object: nil if it is whole, or an error that isAnswer knows. Otherwise
// it puts the object on the stack, whose answer follows.
func (w *connectivity) ask(l fsck.Link, stack *[]frame) (answer, err error) {
	o := w.held[l.Hash]
	if o == nil {
		return split(w.checkStored(l))
	}
	if o.Type != l.Type {
		return missing("object %s is a %s, not a %s", l.Hash, o.Type, l.Type), nil
	}
	if answer, ok := w.known[l.Hash]; ok {
		return answer, nil
	}
	f := frame{object: o}
	err = fsck.Links(o.Type, o.item, o.Data, func(l fsck.Link) error {
		f.links = append(f.links, l)
		return nil
	})
	*stack = append(*stack, f)
	return nil, err
}

// judge returns what the answer about the last link of a frame makes of the object itself.
func (w *connectivity) judge(f *frame, answer error) (judged, err error) {
	last := f.links[f.next-1]
	if answer == nil || f.object.Type != storage.Commit || last.Type != storage.Commit {
		return answer, nil
	}
	return split(w.unlessShallow(f.object.Hash, last.Hash, answer))
}

// split tells an error that is an answer from one that kept us from finding it.
func split(err error) (answer, failed error) {
	if err == nil || isAnswer(err) {
		return err, nil
	}
	return nil, err
}

// unlessShallow forgives a commit at which a shallow history ends that a parent is missing.
func (w *connectivity) unlessShallow(h, parent git.Hash, err error) error {
	if w.shallow == nil {
		var failed error
		if w.shallow, failed = w.Storer.shallow(); failed != nil {
			return failed
		}
	}
	if !w.shallow[h] {
		return err
	}
	if excused, failed := w.excused(parent); failed != nil || excused {
		return failed
	}
	return err
}
