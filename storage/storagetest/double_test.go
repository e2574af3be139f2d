package storagetest_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

// A double is a backend that is a Model: each Update works on a copy, which then takes the place of the one before.
// It stands for "any right backend" in the tests of the kit itself. A later Open of the same medium sees the Model
// that the one before left.
type double struct {
	medium *medium
	writer sync.Mutex
	gate   sync.RWMutex // held for reading by calls in flight
	closed atomic.Bool
}

// A medium is what outlives a double.
type medium struct {
	now     atomic.Pointer[storagetest.Model]
	objects atomic.Pointer[objectSet]
}

type objectKey struct {
	pool storage.ID
	hash storage.Hash
}

type objectSet map[objectKey]storage.Object

func newMedium() *medium {
	m := &medium{}
	m.now.Store(storagetest.NewModel(""))
	m.objects.Store(&objectSet{})
	return m
}

func (m *medium) open() storage.Backend { return &double{medium: m} }

func (d *double) enter(ctx context.Context) error {
	if d.closed.Load() {
		return storage.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.gate.RLock()
	if d.closed.Load() {
		d.gate.RUnlock()
		return storage.ErrClosed
	}
	return nil
}

func (d *double) Durability() storage.Durability { return storage.NoSync }

func (d *double) Close() error {
	if d.closed.Swap(true) {
		return storage.ErrClosed
	}
	d.gate.Lock()
	defer d.gate.Unlock()
	return nil
}

func (d *double) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	if err := d.enter(ctx); err != nil {
		return storage.Object{}, err
	}
	defer d.gate.RUnlock()
	o, ok := (*d.medium.objects.Load())[objectKey{pool, h}]
	if !ok {
		return storage.Object{}, storage.ErrNotFound
	}
	if o.Delta != nil {
		o.Data = nil
	}
	return o, nil
}

func (d *double) StatObject(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Type, int64, error) {
	o, err := d.Object(ctx, pool, h)
	return o.Type, o.Size, err
}

func (d *double) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	o, err := d.Object(ctx, pool, h)
	if err == nil && o.Delta != nil {
		err = storage.ErrDelta
	}
	if err != nil {
		return 0, 0, nil, err
	}
	return o.Type, o.Size, io.NopCloser(bytes.NewReader(o.Data)), nil
}

func (d *double) Objects(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		if err := d.enter(ctx); err != nil {
			yield(storage.Hash{}, err)
			return
		}
		var names []storage.Hash
		for key := range *d.medium.objects.Load() {
			if key.pool == pool && bytes.Compare(key.hash[:], lo[:]) >= 0 && bytes.Compare(key.hash[:], hi[:]) <= 0 {
				names = append(names, key.hash)
			}
		}
		d.gate.RUnlock()
		slices.SortFunc(names, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
		for _, h := range names {
			if err := ctx.Err(); err != nil {
				yield(storage.Hash{}, err)
				return
			}
			if !yield(h, nil) {
				return
			}
		}
	}
}

func (d *double) View(ctx context.Context, fn func(storage.View) error) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.gate.RUnlock()
	return fn(d.medium.now.Load())
}

func (d *double) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	defer d.gate.RUnlock()
	d.writer.Lock()
	defer d.writer.Unlock()
	tx := &doubleTx{Model: d.medium.now.Load().Clone(), objects: maps.Clone(*d.medium.objects.Load())}
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d.medium.objects.Store(&tx.objects)
	d.medium.now.Store(tx.Model)
	return nil
}

// A doubleTx keeps objects apart from the Model, since those of a Stage belong to no Update.
type doubleTx struct {
	*storagetest.Model
	objects objectSet
}

func (t *doubleTx) HasObject(pool storage.ID, h storage.Hash) (bool, error) {
	_, ok := t.objects[objectKey{pool, h}]
	return ok, nil
}

func (t *doubleTx) PutObject(pool storage.ID, o storage.Object) (bool, error) {
	return t.objects.put(pool, o), nil
}

func (t *doubleTx) DropPool(pool storage.ID) error {
	for key := range t.objects {
		if key.pool == pool {
			delete(t.objects, key)
		}
	}
	return nil
}

func (s objectSet) put(pool storage.ID, o storage.Object) bool {
	key := objectKey{pool, o.Hash}
	if _, ok := s[key]; ok {
		return false
	}
	s[key] = o
	return true
}

type doubleStage struct {
	d    *double
	pool storage.ID
	all  []storage.Object
	done bool
}

func (d *double) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	if err := d.enter(ctx); err != nil {
		return nil, err
	}
	d.gate.RUnlock()
	return &doubleStage{d: d, pool: pool}, nil
}

func (s *doubleStage) Put(ctx context.Context, o storage.Object) error {
	if s.done {
		return storage.ErrClosed
	}
	s.all = append(s.all, o)
	return ctx.Err()
}

func (s *doubleStage) Create(ctx context.Context) (storage.Writer, error) {
	return &doubleWriter{stage: s}, ctx.Err()
}

func (s *doubleStage) Close(ctx context.Context) error {
	if s.done {
		return nil
	}
	if err := s.d.enter(ctx); err != nil {
		return err
	}
	defer s.d.gate.RUnlock()
	s.done = true
	s.d.writer.Lock()
	defer s.d.writer.Unlock()
	objects := maps.Clone(*s.d.medium.objects.Load())
	for _, o := range s.all {
		objects.put(s.pool, o)
	}
	s.d.medium.objects.Store(&objects)
	return nil
}

func (s *doubleStage) Discard() error {
	s.done = true
	return nil
}

type doubleWriter struct {
	stage *doubleStage
	buf   bytes.Buffer
}

func (w *doubleWriter) Write(p []byte) (int, error) { return w.buf.Write(p) }

func (w *doubleWriter) Content() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(w.buf.Bytes())), nil
}

func (w *doubleWriter) Commit(ctx context.Context, h storage.Hash, t storage.Type) error {
	data := append([]byte{}, w.buf.Bytes()...)
	return w.stage.Put(ctx, storage.Object{Hash: h, Type: t, Size: int64(len(data)), Data: data})
}

func (w *doubleWriter) Discard() error { return nil }
