package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/storage"
)

func objectClauses() []clause {
	return []clause{
		{"Mend", objectsMend},
		{"RoundTrip", objectsRoundTrip},
		{"Unknown", objectsUnknown},
		{"FirstStays", objectsFirstStays},
		{"PoolsAreSeparate", objectsPoolsAreSeparate},
		{"Has", objectsHas},
		{"AddedOnce", objectsAddedOnce},
		{"Range", objectsRange},
		{"BodyOfLoop", objectsBodyOfLoop},
		{"StayValid", objectsStayValid},
		{"ReadInPart", objectsReadInPart},
	}
}

// objectsMend is for backends that can put an object in the place of a damaged one. The damage is another content than
// the hash says.
func objectsMend(f *fixture) {
	pool := poolID(1)
	right, other := NewObject(storage.Blob, []byte("right")), NewObject(storage.Blob, []byte("other"))
	missing := NewObject(storage.Blob, bytes.Repeat([]byte("large"), storage.LargeObject/2))
	wrong := right
	wrong.Data = []byte("wrong")
	f.put(pool, wrong, other)
	for _, o := range []storage.Object{right, missing} {
		o.Data = bytes.Clone(o.Data)
		err := storage.Mend(f.ctx, f.b, pool, o)
		if errors.Is(err, errors.ErrUnsupported) {
			f.Skip("it mends nothing")
		}
		if err != nil {
			f.Fatalf("Mend() = %v", err)
		}
	}
	f.has(pool, right, missing, other)
	if got := len(f.objects(pool, storage.Hash{}, lastHash)); got != 3 {
		f.Errorf("Objects() yields %d objects, want 3", got)
	}
}

// put stores objects in one Update.
func (f *fixture) put(pool storage.ID, all ...storage.Object) {
	f.Helper()
	f.update(func(tx storage.Tx) error { return putAll(tx, pool, all...) })
}

func putAll(tx storage.Tx, pool storage.ID, all ...storage.Object) error {
	for _, o := range all {
		o.Data = bytes.Clone(o.Data) // the backend keeps it
		if _, err := tx.PutObject(pool, o); err != nil {
			return err
		}
	}
	return nil
}

// has checks that the pool has the objects.
func (f *fixture) has(pool storage.ID, all ...storage.Object) {
	f.Helper()
	for _, o := range all {
		if err := CheckObject(f.ctx, f.b, pool, o); err != nil {
			f.Error(err)
		}
	}
}

// lacks checks that no way of reading finds the object.
func (f *fixture) lacks(pool storage.ID, h storage.Hash) {
	f.Helper()
	_, err := f.b.Object(f.ctx, pool, h)
	f.wantErr("Object(missing)", err, storage.ErrNotFound)
	_, _, err = f.b.StatObject(f.ctx, pool, h)
	f.wantErr("StatObject(missing)", err, storage.ErrNotFound)
	_, _, r, err := f.b.OpenObject(f.ctx, pool, h)
	f.wantErr("OpenObject(missing)", err, storage.ErrNotFound)
	if err == nil {
		r.Close()
	}
	if names := f.objects(pool, h, h); len(names) > 0 {
		f.Errorf("Objects() = %v, want none", names)
	}
}

// objects returns the hashes of the pool from lo to hi.
func (f *fixture) objects(pool storage.ID, lo, hi storage.Hash) []storage.Hash {
	f.Helper()
	names, err := collect(f.b.Objects(f.ctx, pool, lo, hi))
	if err != nil {
		f.Fatalf("Objects() = %v, want no error", err)
	}
	return names
}

// everyType returns objects of all types, empty and of many sizes, on both sides of every limit in sight.
func everyType() []storage.Object {
	all := []storage.Object{
		NewObject(storage.Tree, nil), // Git's empty tree
		NewObject(storage.Blob, nil),
		NewObject(storage.Tree, append([]byte("100644 a\x00"), bytes.Repeat([]byte{7}, 20)...)),
		NewObject(storage.Commit,
			[]byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm\n")),
		NewObject(storage.Tag,
			[]byte("object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype tree\ntag v1\ntagger A <a> 1 +0000\n\nm\n")),
		NewObject(storage.Blob, []byte{0}),
		NewObject(storage.Blob, bytes.Repeat([]byte("compressible\n"), 10_000)),
	}
	for _, size := range []int{1, 127, 128, 4095, 4096, 65535, 65536, 65537, 300_000, storage.LargeObject - 1,
		storage.LargeObject, storage.LargeObject + 1} {
		all = append(all, NewObject(storage.Blob, randomBytes(uint64(size), size)))
	}
	return all
}

func objectsRoundTrip(f *fixture) {
	all := everyType()
	f.put(poolID(1), all...)
	f.has(poolID(1), all...)
}

func objectsUnknown(f *fixture) {
	known, missing := blobs(2)[0], blobs(2)[1]
	f.lacks(poolID(1), missing.Hash)
	f.put(poolID(1), known)
	f.lacks(poolID(1), missing.Hash)
	f.lacks(poolID(1), storage.Hash{})
	f.lacks(poolID(2), known.Hash)
	_, err := f.b.Object(f.ctx, poolID(1), missing.Hash)
	f.wantErr("Object(missing)", err, fs.ErrNotExist)
	if names := f.objects(poolID(2), storage.Hash{}, lastHash); len(names) > 0 {
		f.Errorf("Objects(unknown pool) = %v, want none", names)
	}
}

// objectsFirstStays puts other bytes under a hash that is taken, by each of the ways to put.
func objectsFirstStays(f *fixture) {
	first := NewObject(storage.Blob, []byte("first"))
	second := storage.Object{Hash: first.Hash, Type: storage.Blob, Size: 6, Data: []byte("second")}
	f.put(poolID(1), first)
	f.update(func(tx storage.Tx) error {
		added, err := tx.PutObject(poolID(1), storage.Object{Hash: second.Hash, Type: second.Type, Size: 6,
			Data: bytes.Clone(second.Data)})
		if added {
			return errors.New("PutObject(taken hash) = true, want false")
		}
		return err
	})
	f.has(poolID(1), first)
	f.stage(poolID(1), second)
	f.has(poolID(1), first)
	f.writeLarge(poolID(1), second)
	f.has(poolID(1), first)

	staged := NewObject(storage.Blob, []byte("staged first"))
	f.stage(poolID(1), staged)
	f.update(func(tx storage.Tx) error {
		added, err := tx.PutObject(poolID(1), storage.Object{Hash: staged.Hash, Type: storage.Blob, Size: 1,
			Data: []byte("x")})
		if added {
			return errors.New("PutObject(staged hash) = true, want false")
		}
		return err
	})
	f.has(poolID(1), staged)
}

func objectsPoolsAreSeparate(f *fixture) {
	all := blobs(2)
	f.update(func(tx storage.Tx) error {
		return errors.Join(putAll(tx, poolID(1), all[0]), putAll(tx, poolID(2), all[1]))
	})
	f.has(poolID(1), all[0])
	f.has(poolID(2), all[1])
	f.lacks(poolID(1), all[1].Hash)
	f.lacks(poolID(2), all[0].Hash)
	f.put(poolID(2), all[0])
	f.has(poolID(2), all[0])
	if got, want := f.objects(poolID(1), storage.Hash{}, lastHash), []storage.Hash{all[0].Hash}; !slices.Equal(got, want) {
		f.Errorf("Objects() = %v, want %v", got, want)
	}
}

func objectsHas(f *fixture) {
	all := blobs(60)
	f.put(poolID(1), all[0])
	f.stage(poolID(1), all[1])
	f.update(func(tx storage.Tx) error {
		for i, o := range all {
			has, err := tx.HasObject(poolID(1), o.Hash)
			if want := i < 2; err != nil || has != want {
				return fmt.Errorf("HasObject(%d) = %v, %v, want %v, nil", i, has, err, want)
			}
			added, err := tx.PutObject(poolID(1), o)
			if want := i >= 2; err != nil || added != want {
				return fmt.Errorf("PutObject(%d) = %v, %v, want %v, nil", i, added, err, want)
			}
		}
		for i, o := range all {
			if has, err := tx.HasObject(poolID(1), o.Hash); err != nil || !has {
				return fmt.Errorf("HasObject(%d) after PutObject = %v, %v, want true, nil", i, has, err)
			}
			if added, err := tx.PutObject(poolID(1), o); err != nil || added {
				return fmt.Errorf("second PutObject(%d) = %v, %v, want false, nil", i, added, err)
			}
			if has, err := tx.HasObject(poolID(2), o.Hash); err != nil || has {
				return fmt.Errorf("HasObject(%d) in another pool = %v, %v, want false, nil", i, has, err)
			}
		}
		return nil
	})
	f.has(poolID(1), all...)
}

// objectsAddedOnce puts the same objects from several goroutines: for each, one Update is told that it was new.
func objectsAddedOnce(f *fixture) {
	all := blobs(20)
	var added [20]atomic.Int32
	f.together(4, func(int) error {
		for i, o := range all {
			var was bool
			err := f.b.Update(f.ctx, func(tx storage.Tx) (err error) {
				was, err = tx.PutObject(poolID(1), o)
				return err
			})
			if err != nil {
				return err
			}
			if was {
				added[i].Add(1)
			}
		}
		return nil
	})
	for i := range added {
		if got := added[i].Load(); got != 1 {
			f.Errorf("object %d was new to %d Updates, want 1", i, got)
		}
	}
	f.has(poolID(1), all...)
}

func objectsRange(f *fixture) {
	all := blobs(400)
	f.put(poolID(1), all[:200]...)
	f.stage(poolID(1), all[100:]...) // some twice
	f.put(poolID(2), NewObject(storage.Blob, []byte("other pool")))
	want := make([]storage.Hash, len(all))
	for i, o := range all {
		want[i] = o.Hash
	}
	slices.SortFunc(want, compareHashes)
	before, after := want[100], want[200]
	before[19]--
	after[19]++
	for _, test := range []struct {
		name   string
		lo, hi storage.Hash
		want   []storage.Hash
	}{
		{"all", storage.Hash{}, lastHash, want},
		{"both ends included", want[100], want[200], want[100:201]},
		{"ends between hashes", before, after, want[100:201]},
		{"one", want[7], want[7], want[7:8]},
		{"from the first", want[0], want[0], want[:1]},
		{"to the last", want[399], lastHash, want[399:]},
		{"lo above hi", want[200], want[100], nil},
		{"below the first", storage.Hash{}, storage.Hash{}, nil},
		{"above the last", lastHash, lastHash, nil},
	} {
		if diff := cmp.Diff(test.want, f.objects(poolID(1), test.lo, test.hi), cmpopts.EquateEmpty()); diff != "" {
			f.Errorf("Objects(%s) differ (-want +got):\n%s", test.name, diff)
		}
	}
	n := 0
	for _, err := range f.b.Objects(f.ctx, poolID(1), storage.Hash{}, lastHash) {
		if err != nil {
			f.Fatal(err)
		}
		if n++; n == 5 {
			break
		}
	}
	if n != 5 {
		f.Errorf("a loop over Objects() that breaks off at 5 saw %d", n)
	}
}

// objectsBodyOfLoop writes and reads while it ranges over Objects: no lock may be held then.
func objectsBodyOfLoop(f *fixture) {
	all := blobs(50)
	f.put(poolID(1), all[:25]...)
	f.finishes("a loop over Objects() that writes", func() error {
		seen := 0
		for h, err := range f.b.Objects(f.ctx, poolID(1), storage.Hash{}, lastHash) {
			if err != nil {
				return err
			}
			if _, err := f.b.Object(f.ctx, poolID(1), h); err != nil {
				return err
			}
			next := all[min(25+seen, len(all)-1)]
			if err := f.b.Update(f.ctx, func(tx storage.Tx) error { return putAll(tx, poolID(1), next) }); err != nil {
				return err
			}
			seen++
		}
		if seen < 25 {
			return fmt.Errorf("saw %d objects, want the 25 that were there before", seen)
		}
		return nil
	})
}

// objectsStayValid keeps what was handed out while other things are read, written and dropped.
func objectsStayValid(f *fixture) {
	all := []storage.Object{
		NewObject(storage.Blob, []byte("small")),
		NewObject(storage.Blob, randomBytes(1, 5000)),
		NewObject(storage.Blob, randomBytes(2, 200_000)),
	}
	f.put(poolID(1), all...)
	var got []storage.Object
	for _, o := range all {
		read, err := f.b.Object(f.ctx, poolID(1), o.Hash)
		if err != nil {
			f.Fatal(err)
		}
		got = append(got, read)
	}
	f.put(poolID(1), blobs(100)...)
	f.has(poolID(1), blobs(100)...)
	f.update(func(tx storage.Tx) error { return tx.DropPool(poolID(1)) })
	if err := f.b.Close(); err != nil {
		f.Fatal(err)
	}
	for i, o := range all {
		if !bytes.Equal(got[i].Data, o.Data) {
			f.Errorf("the content of object %d changed after it was handed out", i)
		}
	}
}

// objectsReadInPart closes readers before their end.
func objectsReadInPart(f *fixture) {
	large := NewObject(storage.Blob, randomBytes(3, 3*storage.LargeObject))
	f.writeLarge(poolID(1), large)
	for _, n := range []int64{0, 1, storage.LargeObject + 1} {
		_, _, r, err := f.b.OpenObject(f.ctx, poolID(1), large.Hash)
		if err != nil {
			f.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(r, n))
		if err != nil || !bytes.Equal(got, large.Data[:n]) {
			f.Errorf("reading %d bytes gives %d, %v", n, len(got), err)
		}
		if err := r.Close(); err != nil {
			f.Errorf("Close() after %d bytes = %v, want nil", n, err)
		}
	}
}
