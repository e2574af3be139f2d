package pack

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// resolve makes, hashes and checks every object that is kept as a delta.
func (p *Pack) resolve(ctx context.Context) error {
	for i := range p.entries {
		e := &p.entries[i]
		if e.isDelta() {
			continue
		}
		if e.child = p.adopt(e.hash, e.child); e.child == none {
			continue
		}
		data, err := p.content(e)
		if err != nil {
			return err
		}
		if err := p.walk(ctx, root{entry: int32(i), typ: e.typ, child: e.child}, data, p.opts.Check); err != nil {
			return err
		}
	}
	return p.outsiders(ctx)
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
	root     root
	path     []frame
	resident int64
}

// walk visits the deltas below a root whose content is data.
func (p *Pack) walk(ctx context.Context, r root, data []byte, visit func(*Object) error) error {
	if len(data) > maxDelta {
		return tooLarge("the base of a delta has %d bytes", len(data))
	}
	w := &walk{p: p, root: r}
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
		if err := w.step(ctx, f, visit); err != nil {
			return err
		}
	}
	return nil
}

// step resolves and visits the next delta of f.
func (w *walk) step(ctx context.Context, f *frame, visit func(*Object) error) error {
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
	ops, err := p.content(e)
	if err != nil {
		return err
	}
	data, err := p.apply(base, ops, w.root.typ, p.growByDelta)
	if err != nil {
		return err
	}
	if f.next == none {
		w.release(f)
	}
	if !p.checked {
		if err := p.learn(e, w.root.typ, data); err != nil {
			return err
		}
	}
	o := &Object{Object: storage.Object{Hash: e.hash, Type: e.typ, Size: int64(len(data)), Data: data}}
	if w.root.entry != none && len(ops) < len(data) {
		o.Delta = &storage.Delta{Base: p.entries[f.entry].hash, Depth: len(w.path), Ops: ops}
	}
	if err := visit(o); err != nil {
		return err
	}
	if e.child != none {
		w.push(frame{entry: i, next: e.child, data: data})
	}
	return nil
}

// apply makes an object of its base, within the limits. It calls count with the size before.
func (p *Pack) apply(base, ops []byte, t storage.Type, count func(int64) error) ([]byte, error) {
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
	e.hash, e.typ = h, t
	e.child = p.adopt(h, e.child)
	return nil
}

func (w *walk) push(f frame) {
	w.path = append(w.path, f)
	w.resident += int64(len(f.data))
	for i := 0; w.resident > w.p.budget.resident && i < len(w.path)-1; i++ {
		w.release(&w.path[i])
	}
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
		if ops, err = w.p.content(&w.p.entries[w.path[at].entry]); err == nil {
			data, err = w.p.apply(data, ops, w.root.typ, w.p.redo)
		}
	}
	return data, err
}

func (w *walk) rootData(ctx context.Context) ([]byte, error) {
	if w.root.entry != none {
		e := &w.p.entries[w.root.entry]
		if !w.p.checked && e.data == nil {
			if err := w.p.redo(e.size); err != nil {
				return nil, err
			}
		}
		return w.p.content(e)
	}
	_, data, err := w.p.opts.Base(ctx, w.root.outside)
	return data, err
}
