package storagetest

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/reposit/reposit/storage"
)

// Inject returns b with the faults of plan. It keeps the contract as far as the errors that the faults return allow
// it. Closing it closes b.
func Inject(b storage.Backend, plan *Plan) storage.Backend {
	return &injected{b: b, plan: plan}
}

type injected struct {
	b    storage.Backend
	plan *Plan
	gate sync.RWMutex // held for reading by Updates, each of which may be two of b
}

func (i *injected) Durability() storage.Durability { return i.b.Durability() }

func (i *injected) Close() error {
	i.gate.Lock() // the Updates in flight, each to its end
	defer i.gate.Unlock()
	return i.plan.next(CallClose).do(i.b.Close)
}

func (i *injected) Object(ctx context.Context, pool storage.ID, h storage.Hash) (o storage.Object, err error) {
	err = i.plan.next(CallObject).do(func() error {
		o, err = i.b.Object(ctx, pool, h)
		return err
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

func (i *injected) StatObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (t storage.Type, size int64, err error) {
	err = i.plan.next(CallStatObject).do(func() error {
		t, size, err = i.b.StatObject(ctx, pool, h)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return t, size, nil
}

func (i *injected) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	if f := i.plan.next(CallOpenObject); f != nil {
		return 0, 0, nil, f.err()
	}
	t, size, r, err := i.b.OpenObject(ctx, pool, h)
	if err != nil {
		return 0, 0, nil, err
	}
	return t, size, &injectedReader{r, i.plan}, nil
}

func (i *injected) Objects(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return loop(i.plan, CallObjects, i.b.Objects(ctx, pool, lo, hi))
}

func (i *injected) View(ctx context.Context, fn func(storage.View) error) error {
	return i.plan.next(CallView).do(func() error {
		return i.b.View(ctx, func(v storage.View) error { return fn(&injectedView{v, i.plan}) })
	})
}

func (i *injected) Update(ctx context.Context, fn func(storage.Tx) error) error {
	i.gate.RLock()
	defer i.gate.RUnlock()
	run := func(tx storage.Tx) error { return fn(&injectedTx{injectedView{tx, i.plan}, tx}) }
	switch f := i.plan.next(CallUpdate); {
	case f != nil && f.Mode == Within:
		return i.b.Update(ctx, func(tx storage.Tx) error {
			if err := run(tx); err != nil {
				return err
			}
			return f.err()
		})
	case f != nil && f.Mode == Again:
		err := i.b.Update(ctx, func(tx storage.Tx) error {
			run(tx) // its outcome does not count
			return errAgain
		})
		if !errors.Is(err, errAgain) {
			return err
		}
		return i.b.Update(ctx, run)
	default:
		return f.do(func() error { return i.b.Update(ctx, run) })
	}
}

var errAgain = errors.New("storagetest: once more")

// loop returns seq with the fault that its next loop meets.
func loop[T any](plan *Plan, kind Call, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		f := plan.next(kind)
		if f == nil {
			seq(yield)
			return
		}
		if f.Mode != Before {
			for v, err := range seq {
				if !yield(v, err) || err != nil {
					return
				}
				if f.Mode == Within {
					break
				}
			}
		}
		yield(none, f.err())
	}
}

type injectedReader struct {
	io.ReadCloser
	plan *Plan
}

func (r *injectedReader) Read(p []byte) (int, error) {
	f := r.plan.next(CallRead)
	if f == nil {
		return r.ReadCloser.Read(p)
	}
	n := 0
	switch f.Mode {
	case Within:
		n, _ = r.ReadCloser.Read(p[:len(p)/2])
	case After:
		n, _ = r.ReadCloser.Read(p)
	}
	return n, f.err()
}

type injectedView struct {
	storage.View
	plan *Plan
}

func (v *injectedView) Ref(repo storage.ID, name string) (r storage.Ref, err error) {
	err = v.plan.next(CallRef).do(func() error {
		r, err = v.View.Ref(repo, name)
		return err
	})
	if err != nil {
		return storage.Ref{}, err
	}
	return r, nil
}

func (v *injectedView) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return loop(v.plan, CallRefs, v.View.Refs(repo, prefix, after))
}

func (v *injectedView) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return loop(v.plan, CallLog, v.View.Log(repo, name))
}

func (v *injectedView) Record(key []byte) (value []byte, err error) {
	err = v.plan.next(CallRecord).do(func() error {
		value, err = v.View.Record(key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (v *injectedView) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return loop(v.plan, CallRecords, v.View.Records(lo, hi, order))
}

type injectedTx struct {
	injectedView
	tx storage.Tx
}

func (t *injectedTx) HasObject(pool storage.ID, h storage.Hash) (has bool, err error) {
	err = t.plan.next(CallHasObject).do(func() error {
		has, err = t.tx.HasObject(pool, h)
		return err
	})
	return has && err == nil, err
}

func (t *injectedTx) PutObject(pool storage.ID, o storage.Object) (added bool, err error) {
	err = t.plan.next(CallPutObject).do(func() error {
		added, err = t.tx.PutObject(pool, o)
		return err
	})
	return added && err == nil, err
}

func (t *injectedTx) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	return t.plan.next(CallPutRef).do(func() error { return t.tx.PutRef(repo, r, entry) })
}

func (t *injectedTx) DeleteRef(repo storage.ID, name string, entry *storage.LogEntry) error {
	return t.plan.next(CallDeleteRef).do(func() error { return t.tx.DeleteRef(repo, name, entry) })
}

func (t *injectedTx) PutRecord(key, value []byte) error {
	return t.plan.next(CallPutRecord).do(func() error { return t.tx.PutRecord(key, value) })
}

func (t *injectedTx) DeleteRecord(key []byte) error {
	return t.plan.next(CallDeleteRecord).do(func() error { return t.tx.DeleteRecord(key) })
}

func (t *injectedTx) CreateRepo(repo, pool storage.ID) error {
	return t.plan.next(CallCreateRepo).do(func() error { return t.tx.CreateRepo(repo, pool) })
}

func (t *injectedTx) ForkRepo(repo, from storage.ID) error {
	return t.plan.next(CallForkRepo).do(func() error { return t.tx.ForkRepo(repo, from) })
}

func (t *injectedTx) DropRepo(repo storage.ID) error {
	return t.plan.next(CallDropRepo).do(func() error { return t.tx.DropRepo(repo) })
}

func (t *injectedTx) DropPool(pool storage.ID) error {
	return t.plan.next(CallDropPool).do(func() error { return t.tx.DropPool(pool) })
}
