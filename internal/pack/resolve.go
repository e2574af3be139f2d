package pack

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// resolve makes, hashes and checks every object that is kept as a delta, on all cores. What is based on one whole
// object is the work of one.
func (p *Pack) resolve(ctx context.Context) error {
	var next atomic.Int32
	var work crew
	for range runtime.GOMAXPROCS(0) {
		work.add(func() error {
			w := p.walker(p.opts.Check)
			for !work.failed() {
				i := next.Add(1) - 1
				if int(i) >= len(p.entries) {
					return nil
				}
				if err := w.root(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.wait(); err != nil {
		return err
	}
	return p.outsiders(ctx)
}

// root resolves what is based on an entry, if that is no delta.
func (w *walk) root(ctx context.Context, i int32) error {
	e := &w.p.entries[i]
	if e.isDelta() {
		return nil
	}
	if e.child = w.p.adopt(e.hash, e.child); e.child == none {
		return nil
	}
	w.holdLarge(e.size)
	defer w.releaseLarge()
	data, err := w.p.content(&w.inflater, e)
	if err != nil {
		return err
	}
	return w.walk(ctx, root{entry: i, typ: e.typ, child: e.child}, data)
}

// holdLarge waits until no other walk holds objects that are large, if one of such a size is.
func (w *walk) holdLarge(size int64) {
	if size > w.p.budget.resident/4 && !w.large && !w.p.checked {
		w.p.large.Lock()
		w.large = true
	}
}

func (w *walk) releaseLarge() {
	if w.large {
		w.p.large.Unlock()
		w.large = false
	}
}

// A root is an object that is no delta, with what is based on it.
type root struct {
	entry   int32    // or none
	outside git.Hash // if there is no entry
	typ     storage.Type
	child   int32
}

// A frame is an object on the way from a root to the delta that is being resolved.
type frame struct {
	entry int32
	next  int32  // the delta of it that comes next
	data  []byte // nil: let go
}

// A walk visits all that is based on a root, the deepest first, so that few bases are held at once. When they are too
// many bytes, those nearest to the root are let go, and made again if another delta is based on them.
type walk struct {
	p        *Pack
	visit    func(*Object) error
	inflater inflater
	of       root
	path     []frame
	resident int64
	large    bool // it holds p.large
}

// walker returns a walk for one goroutine, which calls visit with each object.
func (p *Pack) walker(visit func(*Object) error) *walk { return &walk{p: p, visit: visit} }

// walk visits the deltas below a root whose content is data.
func (w *walk) walk(ctx context.Context, r root, data []byte) error {
	if len(data) > maxDelta {
		return tooLarge("the base of a delta has %d bytes", len(data))
	}
	defer w.releaseLarge()
	w.of, w.path, w.resident = r, w.path[:0], 0
	w.push(frame{entry: r.entry, next: r.child, data: data})
	for len(w.path) > 0 {
		f := &w.path[len(w.path)-1]
		if f.next == none {
			w.release(f)
			w.path = w.path[:len(w.path)-1]
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.step(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// step resolves and visits the next delta of f.
func (w *walk) step(ctx context.Context, f *frame) error {
	p := w.p
	if len(w.path) > maxChain {
		return malformed("it has a chain of more than %d deltas", maxChain)
	}
	i := f.next
	e := &p.entries[i]
	f.next = e.sibling
	base, err := w.data(ctx, len(w.path)-1)
	if err != nil {
		return err
	}
	ops, err := p.content(&w.inflater, e)
	if err != nil {
		return err
	}
	data, err := w.apply(base, ops, p.growByDelta)
	if err != nil {
		return err
	}
	if f.next == none {
		w.release(f)
	}
	if !p.checked {
		if err := p.learn(e, w.of.typ, data); err != nil {
			return err
		}
	}
	o := &Object{Object: storage.Object{Hash: e.hash, Type: e.typ, Size: int64(len(data)), Data: data}}
	if w.of.entry != none && len(ops) < len(data) {
		o.Delta = &storage.Delta{Base: p.entries[f.entry].hash, Depth: len(w.path), Ops: ops}
	}
	if err := w.visit(o); err != nil {
		return err
	}
	if e.child != none {
		w.push(frame{entry: i, next: e.child, data: data})
	}
	return nil
}

// apply makes an object of its base, within the limits. It calls count with the size before.
func (w *walk) apply(base, ops []byte, count func(int64) error) ([]byte, error) {
	p, t := w.p, w.of.typ
	_, size, _, ok := packfile.DeltaSizes(ops)
	if !ok {
		return nil, malformed("a delta is cut short")
	}
	if size > min(p.limit(t), maxDelta) {
		return nil, tooLarge("a delta makes a %s of %d bytes", t, size)
	}
	if !p.checked {
		if err := count(size); err != nil {
			return nil, err
		}
	}
	w.holdLarge(size)
	data, err := packfile.ApplyDelta(base, ops, size)
	if err != nil {
		return nil, malformed("%v", err)
	}
	return data, nil
}

// learn notes what a delta turned out to be.
func (p *Pack) learn(e *entry, t storage.Type, data []byte) error {
	h, err := git.Sum(t, data)
	if err != nil {
		return err
	}
	e.hash, e.typ, e.made = h, t, int64(len(data))
	e.child = p.adopt(h, e.child)
	return nil
}

func (w *walk) push(f frame) {
	w.path = append(w.path, f)
	w.resident += int64(len(f.data))
	for i := 0; w.resident > w.p.resident() && i < len(w.path)-1; i++ {
		w.release(&w.path[i])
	}
}

// resident returns how many bytes of bases each of the walks at once may hold.
func (p *Pack) resident() int64 {
	if p.checked {
		return p.budget.resident
	}
	return p.budget.resident / int64(runtime.GOMAXPROCS(0))
}

func (w *walk) release(f *frame) {
	w.resident -= int64(len(f.data))
	f.data = nil
}

// data returns the content of the object at place i of the path.
func (w *walk) data(ctx context.Context, i int) ([]byte, error) {
	if w.path[i].data != nil {
		return w.path[i].data, nil
	}
	from := i
	for from > 0 && w.path[from].data == nil {
		from--
	}
	data, err := w.path[from].data, error(nil)
	if data == nil {
		data, err = w.rootData(ctx)
	}
	for at := from + 1; at <= i && err == nil; at++ {
		var ops []byte
		if ops, err = w.p.content(&w.inflater, &w.p.entries[w.path[at].entry]); err == nil {
			data, err = w.apply(data, ops, w.p.redo)
		}
	}
	return data, err
}

func (w *walk) rootData(ctx context.Context) ([]byte, error) {
	if w.of.entry != none {
		e := &w.p.entries[w.of.entry]
		if !w.p.checked && e.data == nil {
			if err := w.p.redo(e.size); err != nil {
				return nil, err
			}
		}
		return w.p.content(&w.inflater, e)
	}
	_, data, err := w.p.opts.Base(ctx, w.of.outside)
	return data, err
}
