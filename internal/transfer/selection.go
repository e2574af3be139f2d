package transfer

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/storage"
)

// A Selection is the objects that leave.
type Selection struct {
	// Boundary are the commits without which what leaves is not whole: parents of commits that leave, and Since if a tip
	// stays, in the order in which they were met.
	Boundary []git.Hash
	Shallow  []git.Hash            // commits that leave and lack a parent
	Lacking  []git.Hash            // these parents
	Peeled   map[git.Hash]git.Hash // of tips that are tags, what they name in the end

	set     pack.Set
	kinds   [storage.Tag + 1][]uint32 // places in set, by type
	outside pack.Set                  // objects that stay and that the boundary has
}

// Len returns how many objects leave.
func (s *Selection) Len() int {
	n := 0
	for _, places := range s.kinds {
		n += len(places)
	}
	return n
}

// Stays reports whether a commit stays that one of Since reaches.
func (s *Selection) stays(h git.Hash) bool {
	_, ok := s.outside.Find(h)
	return ok
}

// List returns what leaves in the order of git's packs: commits, the newest first, tags, trees and blobs as they come
// along that way. If thin, deltas may be based on what the boundary has.
func (s *Selection) List(thin bool) pack.List {
	l := pack.List{Set: &s.set, Order: make([]uint32, 0, s.Len())}
	for _, t := range [...]storage.Type{storage.Commit, storage.Tag, storage.Tree} {
		l.Order = append(l.Order, s.kinds[t]...)
	}
	l.Blobs = len(l.Order)
	l.Order = append(l.Order, s.kinds[storage.Blob]...)
	if thin {
		l.Outside = s.stays
	}
	return l
}

// Select walks from the tips of a wish, and returns what they reach and Since does not. It takes about 40 bytes for
// each object. Where the dates of commits are out of order, some that Since reaches may leave all the same, as with
// git.
func Select(ctx context.Context, src *Objects, w *Wish, tell *progress.Reporter) (*Selection, error) {
	s := &selector{
		ctx: ctx, r: newReader(src), wish: w, tell: tell, Selection: &Selection{Peeled: map[git.Hash]git.Hash{}},
		commits: map[git.Hash]*line{},
	}
	for _, h := range w.Since {
		if err := s.begin(h, true); err != nil {
			return nil, err
		}
	}
	for _, h := range w.Tips {
		if err := s.begin(h, false); err != nil {
			return nil, err
		}
	}
	if err := s.history(); err != nil {
		return nil, err
	}
	if err := s.contents(); err != nil {
		return nil, err
	}
	if s.failed != nil {
		return nil, s.failed
	}
	return s.Selection, nil
}

// A line is a commit on the way.
type line struct {
	hash    git.Hash
	tree    git.Hash
	parents []git.Hash
	when    int64
	turn    int // how many were met before
	stays   bool
	visited bool
}

// A selector makes a selection.
type selector struct {
	*Selection
	ctx     context.Context
	r       *reader
	wish    *Wish
	tell    *progress.Reporter
	commits map[git.Hash]*line
	queue   queue
	leaving int // in the queue
	order   []*line
	tips    [2][]git.Hash // commits that tips and Since name
	others  []pending     // trees and blobs that refs or tags name
	steps   int
	lacking bool // see Wish.Has
	failed  error
}

// pending is a tree, or blob, that is yet to be added.
type pending struct {
	hash git.Hash
	typ  storage.Type
}

// errLacking ends a walk to what is not there.
var errLacking = fmt.Errorf("what refs lead to: %w", storage.ErrNotFound)

// step is called for each object. It ends the walk with the context, or when Ask or Has says so.
func (s *selector) step() error {
	if s.lacking {
		return errLacking
	}
	if s.failed != nil {
		return s.failed
	}
	s.steps++
	if s.steps%256 != 0 {
		return nil
	}
	if s.steps%1024 == 0 && s.wish.Ask != nil {
		if err := s.wish.Ask(); err != nil {
			return err
		}
	}
	s.tell.Set(int64(s.set.Len()), 0)
	return s.ctx.Err()
}

// begin adds what a tip names, tags on the way with it.
func (s *selector) begin(tip git.Hash, stays bool) error {
	for h := tip; ; {
		if err := s.step(); err != nil {
			return err
		}
		var t storage.Type
		var data []byte
		if t = storage.Commit; s.commits[h] == nil {
			var err error
			if t, data, err = s.r.tip(s.ctx, h); err != nil {
				return err
			}
		}
		if t != storage.Tag && h != tip {
			s.Peeled[tip] = h
		}
		switch t {
		case storage.Commit:
			side := 0
			if stays {
				side = 1
			}
			s.tips[side] = append(s.tips[side], h)
			return s.commit(h, data, stays)
		case storage.Tree, storage.Blob:
			if !stays {
				s.others = append(s.others, pending{h, t})
				return nil
			}
			return s.leave(h, t)
		}
		if stays {
			s.outside.Add(h)
		} else if !s.stays(h) {
			s.add(h, storage.Tag)
		}
		tag, err := git.ParseTag(data)
		if err != nil {
			return corrupt(h, err)
		}
		h = tag.Object
	}
}

// tip returns the type of an object and, unless it is a blob, its content.
func (r *reader) tip(ctx context.Context, h git.Hash) (storage.Type, []byte, error) {
	t, _, err := r.Stat(ctx, h)
	if err != nil || t == storage.Blob {
		return t, nil, err
	}
	return r.read(ctx, h)
}

func corrupt(h git.Hash, err error) error {
	return fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
}

// add adds an object that leaves, and reports whether it was not there.
func (s *selector) add(h git.Hash, t storage.Type) bool {
	place, fresh := s.set.Add(h)
	if fresh {
		s.kinds[t] = append(s.kinds[t], uint32(place))
		if s.wish.Has != nil && !s.wish.Has(h, t) {
			s.lacking = true
			return false
		}
	}
	return fresh
}

// commit adds a commit to the queue. data is its content, if it is at hand.
func (s *selector) commit(h git.Hash, data []byte, stays bool) error {
	if c := s.commits[h]; c != nil {
		if stays && !c.stays {
			s.mark(c)
		}
		return nil
	}
	if s.wish.Has != nil && !s.wish.Has(h, storage.Commit) {
		return errLacking
	}
	if data == nil {
		t, read, err := s.r.read(s.ctx, h)
		if err != nil {
			return err
		}
		if data = read; t != storage.Commit {
			return corrupt(h, errors.New("it is no commit, but the parent of one"))
		}
	}
	tree, parents, err := git.CommitLinks(data)
	if err != nil {
		return corrupt(h, err)
	}
	if s.wish.Ends[h] {
		parents = nil
	}
	c := &line{hash: h, tree: tree, parents: parents, when: git.CommitTime(data), turn: len(s.commits), stays: stays}
	s.commits[h] = c
	heap.Push(&s.queue, c)
	if !stays {
		s.leaving++
	}
	return nil
}

// mark notes that a commit stays, and all that it reaches, as far as that was met.
func (s *selector) mark(c *line) {
	stack := []*line{c}
	for len(stack) > 0 {
		c, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if c.stays {
			continue
		}
		c.stays = true
		if !c.visited {
			s.leaving--
			continue
		}
		for _, p := range c.parents {
			if parent := s.commits[p]; parent != nil {
				stack = append(stack, parent)
			}
		}
	}
}

// history visits the commits, the newest first, until all that are left stay.
func (s *selector) history() error {
	for s.leaving > 0 {
		if err := s.step(); err != nil {
			return err
		}
		c := heap.Pop(&s.queue).(*line)
		c.visited = true
		if !c.stays {
			s.leaving--
			s.order = append(s.order, c)
		}
		for _, p := range c.parents {
			err := s.commit(p, nil, c.stays)
			if errors.Is(err, storage.ErrNotFound) && s.wish.Shallow[c.hash] {
				continue
			}
			if errors.Is(err, storage.ErrNotFound) {
				err = corrupt(c.hash, fmt.Errorf("a parent is missing: %w", err))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// contents adds the commits that leave, and what their trees have that the boundary has not.
func (s *selector) contents() error {
	var bound pack.Set
	for _, c := range s.order {
		if c.stays {
			continue
		}
		s.add(c.hash, storage.Commit)
		lacks := false
		for _, p := range c.parents {
			parent := s.commits[p]
			if parent == nil {
				if _, lacking := bound.Add(p); lacking {
					s.Lacking = append(s.Lacking, p)
				}
				lacks = true
			} else if _, fresh := bound.Add(p); parent.stays && fresh {
				s.Boundary = append(s.Boundary, p)
			}
		}
		if lacks {
			s.Shallow = append(s.Shallow, c.hash)
		}
	}
	for _, c := range s.commits {
		if c.stays {
			s.outside.Add(c.hash)
		}
	}
	for _, t := range s.wish.Tags {
		if c := s.commits[t.Peeled]; c != nil && c.visited && !c.stays {
			if err := s.begin(t.Tag, false); err != nil {
				return err
			}
		}
	}
	for _, tip := range s.tips[0] {
		if s.commits[tip].stays {
			for _, h := range s.tips[1] {
				if _, fresh := bound.Add(h); fresh {
					s.Boundary = append(s.Boundary, h)
				}
			}
			break
		}
	}
	return s.trees()
}

// trees adds what the trees of the commits that leave have, and the trees and blobs that tips name.
func (s *selector) trees() error {
	if !s.wish.Filter.Trees {
		for _, h := range s.Boundary {
			if err := s.leave(s.commits[h].tree, storage.Tree); err != nil {
				return err
			}
		}
		for _, c := range s.order {
			if !c.stays {
				if err := s.tree(c.tree, s.addEntry); err != nil {
					return err
				}
			}
		}
	}
	for _, o := range s.others {
		switch {
		case s.stays(o.hash):
		case o.typ == storage.Blob || s.wish.Filter.Trees:
			s.add(o.hash, o.typ)
		default:
			if err := s.tree(o.hash, s.addEntry); err != nil {
				return err
			}
		}
	}
	return nil
}

// addEntry adds a tree or blob that a tree leads to, unless it stays or is left out.
func (s *selector) addEntry(h git.Hash, t storage.Type) bool {
	if s.stays(h) || t == storage.Blob && s.isFiltered(h) {
		return false
	}
	return s.add(h, t)
}

// isFiltered reports whether a blob is left out.
func (s *selector) isFiltered(h git.Hash) bool {
	f := &s.wish.Filter
	if !f.Blobs || f.Limit < 0 {
		return f.Blobs
	}
	if _, known := s.set.Find(h); known {
		return false
	}
	_, size, err := s.r.Stat(s.ctx, h)
	if err != nil {
		s.failed = cmp.Or(s.failed, err)
	}
	return size > f.Limit
}

// leave notes that a tree or blob stays, with all that is in it.
func (s *selector) leave(h git.Hash, t storage.Type) error {
	add := func(h git.Hash, _ storage.Type) bool {
		_, fresh := s.outside.Add(h)
		return fresh
	}
	if t == storage.Blob {
		add(h, t)
		return nil
	}
	return s.tree(h, add)
}

// tree adds a tree and what is in it. add reports whether an object is new; it is looked at no further if it is not.
func (s *selector) tree(root git.Hash, add func(git.Hash, storage.Type) bool) error {
	if !add(root, storage.Tree) {
		return nil
	}
	stack := []git.Hash{root}
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := s.step(); err != nil {
			return err
		}
		t, data, err := s.r.read(s.ctx, h)
		if errors.Is(err, storage.ErrNotFound) {
			err = corrupt(h, err)
		}
		if err != nil {
			return err
		}
		if t != storage.Tree {
			return corrupt(h, errors.New("it is no tree, but an entry of one says so"))
		}
		begin := len(stack)
		err = git.TreeLinks(data, func(mode git.Mode, h git.Hash) {
			switch {
			case mode == git.ModeSubmodule:
			case mode == git.ModeDir:
				if add(h, storage.Tree) {
					stack = append(stack, h)
				}
			default:
				add(h, storage.Blob)
			}
		})
		if err != nil {
			return corrupt(h, err)
		}
		reverse(stack[begin:])
	}
	return nil
}

// reverse has the first of directories be visited first.
func reverse(h []git.Hash) {
	for i, j := 0, len(h)-1; i < j; i, j = i+1, j-1 {
		h[i], h[j] = h[j], h[i]
	}
}

// A queue has the commits that are visited next, the newest first.
type queue []*line

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].when != q[j].when {
		return q[i].when > q[j].when
	}
	return q[i].turn < q[j].turn
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*line)) }
func (q *queue) Pop() any {
	old := *q
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return c
}
