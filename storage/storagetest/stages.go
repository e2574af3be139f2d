package storagetest

import (
	"bytes"
	"fmt"
	"io"

	"github.com/reposit/reposit/storage"
)

func stageClauses() []clause {
	return []clause{
		{"RoundTrip", stagesRoundTrip},
		{"Empty", stagesEmpty},
		{"Many", stagesMany},
		{"CloseTwice", stagesCloseTwice},
		{"Discard", stagesDiscard},
		{"BesideUpdates", stagesBesideUpdates},
		{"Together", stagesTogether},
	}
}

func writerClauses() []clause {
	return []clause{
		{"RoundTrip", writersRoundTrip},
		{"Content", writersContent},
		{"Discard", writersDiscard},
		{"WithPut", writersWithPut},
	}
}

// newStage begins a stage, which must succeed.
func (f *fixture) newStage(pool storage.ID) storage.Stage {
	f.Helper()
	s, err := f.b.Stage(f.ctx, pool)
	if err != nil {
		f.Fatalf("Stage() = %v, want nil", err)
	}
	return s
}

// stage puts objects through a stage of their own.
func (f *fixture) stage(pool storage.ID, all ...storage.Object) {
	f.Helper()
	s := f.newStage(pool)
	for _, o := range all {
		o.Data = bytes.Clone(o.Data) // the backend keeps it
		if err := s.Put(f.ctx, o); err != nil {
			f.Fatalf("Stage.Put() = %v, want nil", err)
		}
	}
	f.closeStage(s)
}

func (f *fixture) closeStage(s storage.Stage) {
	f.Helper()
	if err := s.Close(f.ctx); err != nil {
		f.Fatalf("Stage.Close() = %v, want nil", err)
	}
}

// create begins a large object, which must succeed.
func (f *fixture) create(s storage.Stage) storage.Writer {
	f.Helper()
	w, err := s.Create(f.ctx)
	if err != nil {
		f.Fatalf("Stage.Create() = %v, want nil", err)
	}
	return w
}

// write writes data in uneven pieces.
func (f *fixture) write(w io.Writer, data []byte) {
	f.Helper()
	for size := 1; len(data) > 0; size = size*3 + 1 {
		piece := data[:min(size, len(data))]
		if n, err := w.Write(piece); n != len(piece) || err != nil {
			f.Fatalf("Write(%d bytes) = %d, %v, want all of it", len(piece), n, err)
		}
		data = data[len(piece):]
	}
}

// writeLarge puts an object through Create in a stage of its own.
func (f *fixture) writeLarge(pool storage.ID, o storage.Object) {
	f.Helper()
	s := f.newStage(pool)
	w := f.create(s)
	f.write(w, o.Data)
	if err := w.Commit(f.ctx, o.Hash, o.Type); err != nil {
		f.Fatalf("Commit() = %v, want nil", err)
	}
	f.closeStage(s)
}

func stagesRoundTrip(f *fixture) {
	all := everyType()
	f.stage(poolID(1), all...)
	f.has(poolID(1), all...)
	f.stage(poolID(1), all...)
	f.has(poolID(1), all...)
}

func stagesEmpty(f *fixture) {
	f.stage(poolID(1))
	f.lacks(poolID(1), blobs(1)[0].Hash)
}

// stagesMany puts more than an Update may be able to hold.
func stagesMany(f *fixture) {
	all := make([]storage.Object, 3000)
	for i := range all {
		all[i] = NewObject(storage.Blob, randomBytes(uint64(i), 4000))
	}
	f.stage(poolID(1), all...)
	if got := f.objects(poolID(1), storage.Hash{}, lastHash); len(got) != len(all) {
		f.Errorf("Objects() has %d hashes, want %d", len(got), len(all))
	}
	for i := 0; i < len(all); i += 100 {
		f.has(poolID(1), all[i])
	}
}

func stagesCloseTwice(f *fixture) {
	s := f.newStage(poolID(1))
	o := blobs(1)[0]
	if err := s.Put(f.ctx, o); err != nil {
		f.Fatal(err)
	}
	f.closeStage(s)
	if err := s.Close(f.ctx); err != nil {
		f.Errorf("second Stage.Close() = %v, want nil", err)
	}
	if err := s.Discard(); err != nil {
		f.Errorf("Stage.Discard() after Close = %v, want nil", err)
	}
	f.has(poolID(1), o)
}

func stagesDiscard(f *fixture) {
	all := blobs(3)
	f.put(poolID(1), all[0])
	s := f.newStage(poolID(1))
	for _, o := range all[:2] {
		if err := s.Put(f.ctx, o); err != nil {
			f.Fatal(err)
		}
	}
	w := f.create(s)
	f.write(w, randomBytes(1, 100_000))
	if err := s.Discard(); err != nil {
		f.Errorf("Discard() = %v, want nil", err)
	}
	if err := s.Close(f.ctx); err != nil {
		f.Errorf("Close() after Discard = %v, want nil", err)
	}
	f.has(poolID(1), all[0])
	f.stage(poolID(1), all...)
	f.has(poolID(1), all...)
}

// stagesBesideUpdates leaves a stage open while Updates go on.
func stagesBesideUpdates(f *fixture) {
	all := blobs(30)
	s := f.newStage(poolID(1))
	for i, o := range all[:20] {
		if err := s.Put(f.ctx, o); err != nil {
			f.Fatal(err)
		}
		f.put(poolID(1), all[i+10])
	}
	f.closeStage(s)
	f.has(poolID(1), all...)
}

func stagesTogether(f *fixture) {
	f.together(6, func(i int) error {
		s, err := f.b.Stage(f.ctx, poolID(i%2))
		if err != nil {
			return err
		}
		for _, o := range blobs(40 + i) {
			if err := s.Put(f.ctx, o); err != nil {
				return err
			}
		}
		return s.Close(f.ctx)
	})
	f.has(poolID(0), blobs(44)...)
	f.has(poolID(1), blobs(45)...)
	if got := f.objects(poolID(1), storage.Hash{}, lastHash); len(got) != 45 {
		f.Errorf("Objects() has %d hashes, want 45", len(got))
	}
}

func writersRoundTrip(f *fixture) {
	for _, size := range []int{0, 1, 5000, storage.LargeObject, 3*storage.LargeObject + 17} {
		o := NewObject(storage.Blob, randomBytes(uint64(size), size))
		f.writeLarge(poolID(1), o)
		f.has(poolID(1), o)
		if err := checkOpenObject(f.ctx, f.b, poolID(1), o); err != nil {
			f.Error(err)
		}
	}
}

// writersContent reads what was written so far, more than once and in part, before the object has its name.
func writersContent(f *fixture) {
	o := NewObject(storage.Blob, randomBytes(9, 2*storage.LargeObject+9))
	s := f.newStage(poolID(1))
	w := f.create(s)
	for done := 0; ; {
		r, err := w.Content()
		if err != nil {
			f.Fatalf("Content() = %v, want nil", err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, o.Data[:done]) {
			f.Errorf("Content() after %d bytes gives %d, %v", done, len(got), err)
		}
		if err := r.Close(); err != nil {
			f.Errorf("closing Content() = %v, want nil", err)
		}
		if done == len(o.Data) {
			break
		}
		next := min(done+700_000, len(o.Data))
		f.write(w, o.Data[done:next])
		done = next
	}
	r, err := w.Content()
	if err != nil {
		f.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		f.Error(err)
	}
	if err := r.Close(); err != nil {
		f.Errorf("closing Content() after 10 bytes = %v, want nil", err)
	}
	if err := w.Commit(f.ctx, o.Hash, o.Type); err != nil {
		f.Fatalf("Commit() = %v, want nil", err)
	}
	if err := w.Discard(); err != nil {
		f.Errorf("Discard() after Commit = %v, want nil", err)
	}
	f.closeStage(s)
	f.has(poolID(1), o)
}

func writersDiscard(f *fixture) {
	kept := NewObject(storage.Blob, randomBytes(1, 70_000))
	s := f.newStage(poolID(1))
	for _, size := range []int{0, 10, 2 * storage.LargeObject} {
		w := f.create(s)
		f.write(w, randomBytes(2, size))
		if err := w.Discard(); err != nil {
			f.Errorf("Discard() after %d bytes = %v, want nil", size, err)
		}
	}
	if err := s.Put(f.ctx, kept); err != nil {
		f.Fatal(err)
	}
	f.closeStage(s)
	if got, want := fmt.Sprint(f.objects(poolID(1), storage.Hash{}, lastHash)),
		fmt.Sprint([]storage.Hash{kept.Hash}); got != want {
		f.Errorf("Objects() = %v, want %v", got, want)
	}
}

// writersWithPut has two writers open at once, and objects put between.
func writersWithPut(f *fixture) {
	one, two := NewObject(storage.Blob, randomBytes(1, 600_000)), NewObject(storage.Blob, randomBytes(2, 600_000))
	small := blobs(2)
	s := f.newStage(poolID(1))
	w1, w2 := f.create(s), f.create(s)
	f.write(w1, one.Data[:300_000])
	f.write(w2, two.Data)
	if err := s.Put(f.ctx, small[0]); err != nil {
		f.Fatal(err)
	}
	f.write(w1, one.Data[300_000:])
	if err := w2.Commit(f.ctx, two.Hash, two.Type); err != nil {
		f.Fatal(err)
	}
	if err := s.Put(f.ctx, small[1]); err != nil {
		f.Fatal(err)
	}
	if err := w1.Commit(f.ctx, one.Hash, one.Type); err != nil {
		f.Fatal(err)
	}
	f.closeStage(s)
	f.has(poolID(1), one, two, small[0], small[1])
}
