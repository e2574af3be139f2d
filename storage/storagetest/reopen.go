package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reposit/reposit/storage"
)

// RunReopen tests that everything acknowledged is there after Close and opening again. open makes a new, empty
// medium at each call, and returns a function that opens what is on it; the kit has it open once at a time, and
// closes it.
func RunReopen(t *testing.T, open func(t *testing.T) (reopen func() storage.Backend)) {
	for _, c := range reopenClauses() {
		t.Run(c.name, func(t *testing.T) {
			r := &reopened{}
			r.fixture = newFixture(t, func(t *testing.T) storage.Backend {
				r.open = open(t)
				return r.open()
			})
			if r.b.Durability() == storage.Volatile {
				t.Fatal("Durability() is Volatile: there is nothing to open again")
			}
			c.check(r)
		})
	}
}

// A reopened is a fixture whose backend is closed and opened again in the middle of a clause.
type reopened struct {
	*fixture
	open func() storage.Backend
}

type reopenClause struct {
	name  string
	check func(r *reopened)
}

func reopenClauses() []reopenClause {
	return []reopenClause{
		{"Empty", reopenEmpty},
		{"Objects", reopenObjects},
		{"Packs", reopenPacks},
		{"Refs", reopenRefs},
		{"Logs", reopenLogs},
		{"Records", reopenRecords},
		{"Drops", reopenDrops},
		{"Aborted", reopenAborted},
		{"OpenStage", reopenOpenStage},
		{"OneUpdateEachTime", reopenOneUpdateEachTime},
		{"LargeUpdate", reopenLargeUpdate},
		{"History", reopenHistory},
	}
}

// reopen closes the backend and opens what it left.
func (r *reopened) reopen() {
	r.Helper()
	if err := r.b.Close(); err != nil {
		r.Fatalf("Close() = %v, want nil", err)
	}
	r.b = r.open()
}

// twice runs check, and again on what is there after opening it again, and after opening that.
func (r *reopened) twice(check func()) {
	r.Helper()
	check()
	for range 2 {
		r.reopen()
		check()
	}
}

func reopenEmpty(r *reopened) {
	r.twice(func() {
		r.wantRecords()
		r.wantRefs(repoID(1))
		r.lacks(poolID(1), blobs(1)[0].Hash)
	})
}

func reopenObjects(r *reopened) {
	large := NewObject(storage.Blob, randomBytes(1, 2*storage.LargeObject+1))
	all := everyType()
	deltas := versions(storage.Blob, 15, 12)
	r.put(poolID(1), all...)
	r.put(poolID(1), deltas[:8]...)
	r.stage(poolID(1), deltas[8:]...)
	r.stage(poolID(2), all...)
	r.writeLarge(poolID(2), large)
	r.putRecords(record("after", "x")) // what was staged is durable when an Update that begins after it is
	r.twice(func() {
		r.has(poolID(1), all...)
		r.has(poolID(1), deltas...)
		r.has(poolID(2), all...)
		r.has(poolID(2), large)
		r.lacks(poolID(1), large.Hash)
		if got, want := len(r.objects(poolID(2), storage.Hash{}, lastHash)), len(all)+1; got != want {
			r.Errorf("Objects() has %d hashes, want %d", got, want)
		}
	})
	first := storage.Object{Hash: all[2].Hash, Type: storage.Blob, Size: 1, Data: []byte("x")}
	r.put(poolID(1), first)
	r.has(poolID(1), all[2])
}

// reopenPacks leaves packs, one that took the place of others, and one that was not committed.
func reopenPacks(r *reopened) {
	all := line(40)
	r.put(poolID(1), all[30:]...)
	r.pack(poolID(1), all[:20]...)
	old := r.packs(poolID(1))
	r.reopen()
	r.pack(poolID(1), all[10:]...)
	r.pack(poolID(1), all...)
	w, err := r.packer().Pack(r.ctx, poolID(1))
	if err != nil {
		r.Fatal(err)
	}
	r.write(w, randomBytes(1, 100_000))
	r.twice(func() {
		r.has(poolID(1), all[:20]...)
		r.hasContent(all...)
	})
	if err := r.packer().Repack(r.ctx, poolID(1), []storage.PackID{old[0].ID}); err != nil {
		r.Fatalf("Repack() = %v, want nil", err)
	}
	r.twice(func() {
		r.hasContent(all...)
		r.wantRecent(poolID(1))
		if slices.Contains(r.packs(poolID(1)), old[0]) {
			r.Errorf("Packs() has %v, which was dropped", old[0])
		}
	})
	r.update(func(tx storage.Tx) error { return tx.DropPool(poolID(1)) })
	r.twice(func() {
		r.lacks(poolID(1), all[0].Hash)
		r.lacks(poolID(1), all[39].Hash)
		r.wantPacks(0)
	})
}

func reopenRefs(r *reopened) {
	repo := r.createRepo(1)
	var refs []storage.Ref
	for i, name := range oddNames {
		refs = append(refs, refTo(name, i))
	}
	refs[0] = symbolic("HEAD", "refs/heads/main")
	refs[5] = symbolic(refs[5].Name, "refs/heads/gone")
	r.putRefs(repo, refs...)
	r.putRefs(r.createRepo(2), refTo("refs/heads/only", 2))
	r.twice(func() { r.wantRefs(repo, refs...) })
	r.update(func(tx storage.Tx) error {
		return errors.Join(tx.DeleteRef(repo, refs[1].Name, nil), putRefs(tx, repo, refTo(refs[2].Name, 99)))
	})
	refs = append(refs[:1:1], refs[2:]...)
	refs[1] = refTo(refs[1].Name, 99)
	r.twice(func() {
		r.wantRefs(repo, refs...)
		r.wantRefs(repoID(2), refTo("refs/heads/only", 2))
	})
}

func reopenLogs(r *reopened) {
	repo := r.createRepo(1)
	var want []string
	for i := range 30 {
		message := fmt.Sprint("change ", i)
		want = append([]string{message}, want...)
		r.update(func(tx storage.Tx) error {
			next := refTo("refs/heads/a", i)
			if i%7 == 6 {
				return tx.DeleteRef(repo, next.Name, entry(message, storage.Hash{}))
			}
			return tx.PutRef(repo, next, entry(message, next.Hash))
		})
		if i%10 == 9 {
			r.reopen()
		}
	}
	r.update(func(tx storage.Tx) error { return tx.DeleteRef(repo, "refs/heads/a", nil) })
	r.update(func(tx storage.Tx) error {
		return tx.PutRef(repo, refTo("refs/heads/a/b", 1), entry("below", refTo("", 1).Hash))
	})
	r.twice(func() {
		r.wantLog(repo, "refs/heads/a", want...)
		r.wantLog(repo, "refs/heads/a/b", "below")
	})
}

func reopenRecords(r *reopened) {
	all := oddRecords()
	r.putRecords(all...)
	r.twice(func() { r.view(func(v storage.View) error { return checkScans(v, all) }) })
	large := storage.Record{Key: []byte("zz"), Value: randomBytes(1, storage.MaxValue)}
	r.update(func(tx storage.Tx) error {
		return errors.Join(tx.DeleteRecord(all[0].Key), putRecords(tx, record(string(all[1].Key), ""), large))
	})
	want := []storage.Record{record(string(all[1].Key), "")}
	for _, rec := range all[2:] {
		if len(want) > 0 && string(rec.Key) > "zz" && string(want[len(want)-1].Key) < "zz" {
			want = append(want, large)
		}
		want = append(want, rec)
	}
	r.twice(func() { r.wantRecords(want...) })
}

func reopenDrops(r *reopened) {
	for n := range 3 {
		r.update(func(tx storage.Tx) error { return everything(tx, n) })
		r.writeLarge(poolID(n), NewObject(storage.Blob, randomBytes(uint64(n), storage.LargeObject)))
	}
	r.update(func(tx storage.Tx) error { return errors.Join(tx.DropRepo(repoID(1)), tx.DropPool(poolID(1))) })
	r.twice(func() {
		r.wantRefs(repoID(1))
		r.wantLog(repoID(1), "refs/heads/main")
		if names := r.objects(poolID(1), storage.Hash{}, lastHash); len(names) > 0 {
			r.Errorf("Objects() of a dropped pool has %d, want none", len(names))
		}
		for _, n := range []int{0, 2} {
			r.wantRefs(repoID(n), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", n))
			r.wantLog(repoID(n), "refs/heads/main", fmt.Sprint("entry ", n))
			r.has(poolID(n), append(blobs(n+1), NewObject(storage.Blob, randomBytes(uint64(n), storage.LargeObject)))...)
		}
	})
}

func reopenAborted(r *reopened) {
	r.update(func(tx storage.Tx) error { return everything(tx, 1) })
	err := r.b.Update(r.ctx, func(tx storage.Tx) error {
		return errors.Join(everything(tx, 2), tx.DropRepo(repoID(1)), tx.DropPool(poolID(1)), errAbort)
	})
	r.wantErr("Update()", err, errAbort)
	r.twice(func() {
		r.wantEverything(1)
		r.wantRefs(repoID(2))
		r.lacks(poolID(2), blobs(1)[0].Hash)
	})
}

// reopenOpenStage closes the backend while a stage is open: what it held is there or not, and hinders nobody.
func reopenOpenStage(r *reopened) {
	all := blobs(20)
	large := NewObject(storage.Blob, randomBytes(1, 2*storage.LargeObject))
	r.put(poolID(1), all[0])
	s := r.newStage(poolID(1))
	for _, o := range all {
		if err := s.Put(r.ctx, o); err != nil {
			r.Fatal(err)
		}
	}
	w := r.create(s)
	r.write(w, large.Data)
	r.reopen()
	w.Discard()
	s.Discard()
	r.has(poolID(1), all[0])
	for _, h := range r.objects(poolID(1), storage.Hash{}, lastHash) {
		if _, _, err := ReadObject(r.ctx, r.b, poolID(1), h); err != nil {
			r.Errorf("an object that Objects() has: %v", err)
		}
	}
	r.stage(poolID(1), all...)
	r.writeLarge(poolID(1), large)
	r.twice(func() {
		r.has(poolID(1), all...)
		r.has(poolID(1), large)
	})
}

func reopenOneUpdateEachTime(r *reopened) {
	var ns []int
	for n := range 8 {
		r.update(func(tx storage.Tx) error { return everything(tx, n) })
		ns = append(ns, n)
		r.reopen()
		r.wantEverything(ns...)
	}
}

func reopenLargeUpdate(r *reopened) {
	repo := r.createRepo(1)
	refs := make([]storage.Ref, 300)
	var records []storage.Record
	for i := range refs {
		refs[i] = refTo(fmt.Sprintf("refs/tags/%d", i), i)
		records = append(records, record(fmt.Sprintf("record %04d", i), string(randomBytes(uint64(i), 2000))))
	}
	r.update(func(tx storage.Tx) error {
		return errors.Join(putRefs(tx, repo, refs...), putRecords(tx, records...), putAll(tx, poolID(1), blobs(300)...))
	})
	r.twice(func() {
		r.wantRefs(repo, refs...)
		r.wantRecords(records...)
		r.has(poolID(1), blobs(300)...)
	})
}

// reopenHistory opens the backend again at random points of random histories.
func reopenHistory(r *reopened) {
	for i, seed := range seeds() {
		r.Logf("seed %d", seed)
		w := NewWorkload(seed, i)
		rng := rand.New(rand.NewPCG(seed, 0))
		for range 15 {
			if err := r.play(w, 1+rng.IntN(10)); err != nil {
				r.Fatalf("seed %d: %v", seed, err)
			}
			r.reopen()
			if err := w.Model.Compare(r.ctx, r.b); err != nil {
				r.Fatalf("seed %d, after opening again: %v", seed, err)
			}
		}
	}
}
