package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// ErrNotEmpty says that something is stored already where a backup was to be restored.
var ErrNotEmpty = errors.New("the backend is not empty")

// read reads a chain of streams into a sink, and returns what it has.
func read(ctx context.Context, into sink, tell func(objects, bytes int64), chain []io.Reader) (*Mark, error) {
	s := &source{into: into, tell: tell}
	for i, r := range chain {
		if err := s.stream(ctx, r); err != nil {
			if err == io.EOF {
				err = damaged("it is empty")
			}
			if len(chain) > 1 {
				err = fmt.Errorf("backup %d of %d: %w", i+1, len(chain), err)
			}
			return nil, err
		}
	}
	if s.at == nil {
		return nil, ErrChain
	}
	return s.at, nil
}

// stream reads one stream, which must be all that its reader has.
func (s *source) stream(ctx context.Context, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if err := s.next(ctx, in); err != nil {
		return err
	}
	if _, err := in.ReadByte(); err != io.EOF {
		if err == nil {
			err = damaged("something follows its end")
		}
		return err
	}
	return nil
}

// next reads one stream of those that a reader has. It returns io.EOF if there is none.
func (s *source) next(ctx context.Context, in *bufio.Reader) error {
	frames, err := newFrameReader(in)
	if err != nil {
		return err
	}
	defer frames.close()
	s.r = bufio.NewReaderSize(frames, 64<<10)
	if err := s.run(ctx); err != nil {
		return err
	}
	if !frames.ended {
		return damaged("it has no end")
	}
	return nil
}

// Verify reads a chain, and returns what it has. It checks sums, and that the streams follow each other.
func Verify(ctx context.Context, tell func(objects, bytes int64), chain []io.Reader) (*Mark, error) {
	m, err := read(ctx, nothing{}, tell, chain)
	return m, err
}

// nothing is a sink that keeps nothing, and compares objects that are whole with their hashes.
type nothing struct{}

func (nothing) pool(context.Context, storage.ID) error    { return nil }
func (nothing) endPool(context.Context, storage.ID) error { return nil }
func (nothing) object(_ context.Context, _ storage.ID, o storage.Object) error {
	if o.Delta != nil {
		return nil
	}
	return checkSum(&o)
}

func (nothing) large(_ context.Context, _ storage.ID, t storage.Type, h storage.Hash, size int64, r io.Reader) error {
	return hashLarge(io.Discard, t, h, size, r)
}

func (nothing) records(_ context.Context, _, _ []byte, next func() (*storage.Record, error)) error {
	for {
		if rec, err := next(); rec == nil || err != nil {
			return err
		}
	}
}
func (nothing) repo(context.Context, *repoItem) error      { return nil }
func (nothing) dropRepo(context.Context, storage.ID) error { return nil }
func (nothing) dropPool(context.Context, storage.ID) error { return nil }

func checkSum(o *storage.Object) error {
	if got, err := git.Sum(o.Type, o.Data); err != nil || got != o.Hash {
		return damaged("object %s: it holds %s", o.Hash, got)
	}
	return nil
}

func hashLarge(w io.Writer, t storage.Type, h storage.Hash, size int64, r io.Reader) error {
	hasher := packfile.NewHasher(t, size)
	n, err := io.Copy(io.MultiWriter(w, hasher), r)
	if err != nil {
		return err
	}
	if got, ok := hasher.Sum(); !ok || got != h || n != size {
		return damaged("object %s: it holds %s", h, got)
	}
	return nil
}

// Restore makes what a chain has in a backend that is empty, and returns what that is. While it does, and after an
// error, the backend is no store that can be opened.
func Restore(ctx context.Context, b storage.Backend, tell func(objects, bytes int64),
	chain []io.Reader) (*Mark, error) {
	err := b.View(ctx, func(v storage.View) error {
		for _, err := range v.Records(nil, nil, storage.Ascending) {
			if err == nil {
				err = ErrNotEmpty
			}
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(chain) == 0 {
		return nil, ErrChain
	}
	r := newTarget(b)
	if err := b.Update(ctx, catalog.Suspend); err != nil {
		return nil, err
	}
	m, err := read(ctx, r, tell, chain)
	if err != nil {
		return nil, errors.Join(err, r.discard())
	}
	if err := r.describe(ctx, sortedIDs(m.repos)); err != nil {
		return nil, err
	}
	return m, r.resume(ctx)
}

// A target is a backend that takes what streams say.
type target struct {
	backend storage.Backend
	objects *object.Store
	stage   storage.Stage
	pending int64 // bytes of the stage that can't be read yet

	version []byte // the record of the store's format, which makes it one again
	seen    map[storage.ID]bool

	fresh   []newRepo // that are yet to be made
	changes int       // of their refs
}

const (
	cacheSize   = 64 << 20
	mostPending = 16 << 20 // bytes that can't be read yet, which are all in the cache
)

func newTarget(b storage.Backend) *target {
	return &target{backend: b, objects: object.New(b, cacheSize), seen: map[storage.ID]bool{}}
}

func (t *target) discard() error {
	if t.stage == nil {
		return nil
	}
	return t.stage.Discard()
}

func (t *target) pool(ctx context.Context, id storage.ID) error {
	err := t.flushRepos(ctx)
	if err == nil {
		t.stage, err = t.backend.Stage(ctx, id)
	}
	return err
}

func (t *target) endPool(ctx context.Context, _ storage.ID) error {
	err := t.stage.Close(ctx)
	if err == nil {
		t.stage, t.pending = nil, 0
	}
	return err
}

// flush makes readable what was stored of a pool.
func (t *target) flush(ctx context.Context, pool storage.ID) error {
	if err := t.endPool(ctx, pool); err != nil {
		return err
	}
	return t.pool(ctx, pool)
}

func (t *target) object(ctx context.Context, pool storage.ID, o storage.Object) error {
	depth := 0
	if o.Delta != nil {
		base, err := t.base(ctx, pool, o.Delta.Base)
		if err != nil {
			return err
		}
		if base.Type != o.Type {
			return damaged("object %s: its base is a %s", o.Hash, base.Type)
		}
		if o.Data, err = packfile.ApplyDelta(base.Data, o.Delta.Ops, o.Size); err != nil {
			return damaged("object %s: %v", o.Hash, err)
		}
		depth = o.Delta.Depth
	}
	if err := checkSum(&o); err != nil {
		return err
	}
	item, err := object.Decode(o.Type, o.Data, depth)
	if err != nil {
		item = &object.Item{Type: o.Type, Size: o.Size, Depth: depth, Data: o.Data} // old ones may be malformed
	}
	t.objects.Remember(pool, o.Hash, item)
	if err := t.stage.Put(ctx, o); err != nil {
		return err
	}
	if t.pending += int64(len(o.Data)) + 256; t.pending > mostPending {
		return t.flush(ctx, pool)
	}
	return nil
}

// base returns an object that was stored before.
func (t *target) base(ctx context.Context, pool storage.ID, h storage.Hash) (*object.Item, error) {
	item, err := t.objects.Item(ctx, pool, h)
	if errors.Is(err, storage.ErrNotFound) && t.pending > 0 {
		if err := t.flush(ctx, pool); err != nil {
			return nil, err
		}
		item, err = t.objects.Item(ctx, pool, h)
	}
	if errors.Is(err, storage.ErrCorrupt) { // or malformed, as old ones may be
		if kind, data, passed := t.objects.Pass(ctx, pool, h); passed == nil {
			return &object.Item{Type: kind, Data: data}, nil
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil, damaged("base %s of a delta is missing", h)
	}
	return item, err
}

func (t *target) large(ctx context.Context, _ storage.ID, kind storage.Type, h storage.Hash, size int64,
	r io.Reader) error {
	w, err := t.stage.Create(ctx)
	if err != nil {
		return err
	}
	t.pending += 256
	if err := hashLarge(w, kind, h, size, r); err != nil {
		return errors.Join(err, w.Discard())
	}
	return w.Commit(ctx, h, kind)
}

// Limits of what one Update writes of records.
const (
	mostRecords = 2000
	mostBytes   = 1 << 20
)

// records replaces the records from lo to hi.
func (t *target) records(ctx context.Context, lo, hi []byte, next func() (*storage.Record, error)) error {
	if err := t.flushRepos(ctx); err != nil {
		return err
	}
	var batch []storage.Record
	size := 0
	for {
		rec, err := next()
		if err != nil {
			return err
		}
		if rec == nil {
			return t.replace(ctx, lo, hi, batch)
		}
		if len(batch) >= mostRecords || size >= mostBytes {
			if err := t.replace(ctx, lo, rec.Key, batch); err != nil {
				return err
			}
			lo, batch, size = rec.Key, nil, 0
		}
		batch = append(batch, *rec)
		size += len(rec.Key) + len(rec.Value)
	}
}

// replace makes a batch all that there is from lo to hi.
func (t *target) replace(ctx context.Context, lo, hi []byte, batch []storage.Record) error {
	if i := slices.IndexFunc(batch, catalog.IsVersion); i >= 0 {
		t.version = bytes.Clone(batch[i].Value)
		batch = slices.Delete(batch, i, i+1)
	}
	return t.backend.Update(ctx, func(tx storage.Tx) error {
		left := batch
		for has, err := range tx.Records(lo, hi, storage.Ascending) {
			if err != nil {
				return err
			}
			for len(left) > 0 && bytes.Compare(left[0].Key, has.Key) < 0 {
				if err := tx.PutRecord(left[0].Key, left[0].Value); err != nil {
					return err
				}
				left = left[1:]
			}
			switch {
			case catalog.IsVersion(has):
			case len(left) == 0 || !bytes.Equal(left[0].Key, has.Key):
				err = tx.DeleteRecord(has.Key)
			case bytes.Equal(left[0].Value, has.Value):
				left = left[1:]
			default:
				err = tx.PutRecord(left[0].Key, left[0].Value)
				left = left[1:]
			}
			if err != nil {
				return err
			}
		}
		for _, rec := range left {
			if err := tx.PutRecord(rec.Key, rec.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *target) dropRepo(ctx context.Context, id storage.ID) error {
	if err := t.flushRepos(ctx); err != nil {
		return err
	}
	delete(t.seen, id)
	return t.backend.Update(ctx, func(tx storage.Tx) error { return tx.DropRepo(id) })
}

func (t *target) dropPool(ctx context.Context, id storage.ID) error {
	if err := t.flushRepos(ctx); err != nil {
		return err
	}
	return t.backend.Update(ctx, func(tx storage.Tx) error { return tx.DropPool(id) })
}

// describe tells the backend what people call repositories.
func (t *target) describe(ctx context.Context, ids []storage.ID) error {
	if err := t.flushRepos(ctx); err != nil {
		return err
	}
	for page := range slices.Chunk(ids, 500) {
		err := t.backend.Update(ctx, func(tx storage.Tx) error {
			for _, id := range page {
				r, err := catalog.Load(tx, id)
				if err == nil {
					err = storage.Describe(tx, id, r.Owner+"/"+r.Slug)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resume makes the backend a store that can be opened.
func (t *target) resume(ctx context.Context) error {
	if t.version == nil {
		return damaged("it has no record of the store's format")
	}
	return t.backend.Update(ctx, func(tx storage.Tx) error { return catalog.Resume(tx, t.version) })
}
