package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
)

// A Workload is an endless series of random transactions, always the same one for the same seed and writer. Writers
// of different numbers share no repository, pool or record, so they may work on one backend at once, and each be
// compared with its own model. It is for one goroutine.
type Workload struct {
	// Model is what the backend holds of this writer after the units that Next returned so far.
	Model *Model

	writer int
	names  []string // of refs
	forks  bool     // most steps fork, or change many refs
	rng    *rand.Rand
	serial int // of repositories and pools that were made
	repos  []workRepo
}

type workRepo struct{ id, pool storage.ID }

// NewWorkload returns the series of seed for a writer. In every second one, repositories have many refs, and are often
// forked.
func NewWorkload(seed uint64, writer int) *Workload {
	w := &Workload{
		Model:  NewModel(fmt.Sprintf("writer %d/", writer)),
		writer: writer,
		names:  workNames,
		rng:    rand.New(rand.NewPCG(seed, uint64(writer))),
	}
	if (seed/2+uint64(writer))%2 == 1 {
		w.names, w.forks = manyNames(), true
	}
	return w
}

// manyNames returns names of refs, more than a backend may copy to a fork. Some disks take two of them for one.
func manyNames() []string {
	names := []string{"HEAD", "refs/notes/commits", "refs/pull/1/head"}
	for i := range 60 {
		names = append(names, fmt.Sprintf("refs/heads/%c%02d", "xX"[i%2], i/2), fmt.Sprintf("refs/tags/%02d", i))
	}
	return names
}

// A Unit is one transaction.
type Unit struct {
	steps  []step
	staged []storage.Object // put through a stage before
	pool   storage.ID       // of staged
	abort  bool             // the function returns an error at its end
	within *Model           // what the transaction sees at its end
}

type step struct {
	text string
	run  func(tx storage.Tx) error
}

// String returns the steps, one a line.
func (u Unit) String() string {
	var b strings.Builder
	for _, o := range u.staged {
		fmt.Fprintf(&b, "stage %v %v\n", u.pool, o.Hash)
	}
	for _, s := range u.steps {
		fmt.Fprintln(&b, s.text)
	}
	if u.abort {
		fmt.Fprintln(&b, "abort")
	}
	return b.String()
}

// Run does the unit in b, and compares what its Update sees at the end with the model.
func (u Unit) Run(ctx context.Context, b storage.Backend) error {
	if err := u.stage(ctx, b); err != nil {
		return err
	}
	err := b.Update(ctx, func(tx storage.Tx) error {
		for _, s := range u.steps {
			if err := s.run(tx); err != nil {
				return fmt.Errorf("%s: %w", s.text, err)
			}
		}
		if err := u.within.CompareView(tx); err != nil {
			return fmt.Errorf("within an Update: %w", err)
		}
		if u.abort {
			return errAbort
		}
		return nil
	})
	if u.abort && errors.Is(err, errAbort) {
		return nil
	}
	return err
}

func (u Unit) stage(ctx context.Context, b storage.Backend) error {
	if len(u.staged) == 0 {
		return nil
	}
	if p, ok := storage.PackerOf(b); ok && len(u.staged)%2 == 0 {
		return u.pack(ctx, p)
	}
	s, err := b.Stage(ctx, u.pool)
	if err != nil {
		return err
	}
	for i, o := range u.staged {
		if i%2 == 0 && o.Delta == nil {
			err = writeObject(ctx, s, o)
		} else {
			o.Data = bytes.Clone(o.Data)
			err = s.Put(ctx, o)
		}
		if err != nil {
			return errors.Join(err, s.Discard())
		}
	}
	if err := s.Close(ctx); err != nil {
		return errors.Join(err, s.Discard())
	}
	return nil
}

// pack stores the staged objects as a pack. If they are many, another one then takes the place of all packs.
func (u Unit) pack(ctx context.Context, b storage.Packer) error {
	if err := storeAsPack(ctx, b, u.pool, u.staged); err != nil || len(u.staged) < 4 {
		return err
	}
	old, err := b.Packs(ctx, u.pool)
	if err != nil {
		return err
	}
	var all []storage.Object
	for h, err := range b.Objects(ctx, u.pool, storage.Hash{}, lastHash) {
		if err != nil {
			return err
		}
		t, data, err := ReadObject(ctx, b, u.pool, h)
		if err != nil {
			return err
		}
		o := NewObject(t, data)
		if n := len(all); n > 0 && n%3 > 0 && all[n-1].Type == t {
			o = NewDelta(all[n-1], data)
		}
		all = append(all, o)
	}
	if err := storeAsPack(ctx, b, u.pool, all); err != nil {
		return err
	}
	now, err := b.Packs(ctx, u.pool)
	if err != nil || len(now) == len(old) { // it is one of the old ones
		return err
	}
	drop := make([]storage.PackID, len(old))
	for i, p := range old {
		drop[i] = p.ID
	}
	return b.Repack(ctx, u.pool, drop)
}

func storeAsPack(ctx context.Context, b storage.Packer, pool storage.ID, objects []storage.Object) error {
	var all []storage.Object
	for _, o := range objects {
		if !slices.ContainsFunc(all, func(p storage.Object) bool { return p.Hash == o.Hash }) {
			all = append(all, o)
		}
	}
	pack, entries := NewPack(all...)
	return StorePack(ctx, b, pool, pack, entries)
}

// writeObject puts an object through Create.
func writeObject(ctx context.Context, s storage.Stage, o storage.Object) error {
	w, err := s.Create(ctx)
	if err != nil {
		return err
	}
	if _, err := w.Write(o.Data); err != nil {
		return errors.Join(err, w.Discard())
	}
	if err := w.Commit(ctx, o.Hash, o.Type); err != nil {
		return errors.Join(err, w.Discard())
	}
	return nil
}

// Next returns the next unit, and moves Model behind it.
func (w *Workload) Next() Unit {
	u := Unit{within: w.Model.Clone(), abort: w.rng.IntN(10) == 0}
	repos := slices.Clone(w.repos)
	if len(w.repos) == 0 {
		w.createRepo(&u)
	} else if w.rng.IntN(5) == 0 {
		w.stageObjects(&u)
	}
	for range 1 + w.rng.IntN(6) {
		w.step(&u)
	}
	if u.abort {
		w.repos = repos
	} else {
		w.Model = u.within
	}
	return u
}

// do adds a step, which has an effect on the model at once: the steps behind it are chosen by what it leaves.
func (u *Unit) do(text string, run func(tx storage.Tx) error) {
	u.steps = append(u.steps, step{text, run})
	if err := run(u.within); err != nil {
		panic("storagetest: a step that the model refuses: " + text)
	}
}

func (w *Workload) step(u *Unit) {
	r := w.repos[w.rng.IntN(len(w.repos))]
	if w.forks && w.rng.IntN(3) == 0 {
		w.forkStep(u, r)
		return
	}
	switch n := w.rng.IntN(100); {
	case n < 25:
		o := w.object(u, r.pool)
		u.do(fmt.Sprintf("put object %v %v", r.pool, o.Hash), func(tx storage.Tx) error { return putAll(tx, r.pool, o) })
	case n < 50:
		w.putRef(u, r)
	case n < 58:
		w.deleteRef(u, r)
	case n < 85:
		w.putRecord(u)
	case n < 93:
		w.deleteRecord(u)
	case n < 95 && len(w.repos) < 6:
		w.createRepo(u)
	case n < 97 && len(w.repos) < 6:
		w.forkRepo(u, r)
	case n >= 97 && len(w.repos) > 2:
		w.dropRepo(u, r)
	}
}

// forkStep forks, drops, or changes so many refs that a backend cannot take the easy way.
func (w *Workload) forkStep(u *Unit, r workRepo) {
	switch n := w.rng.IntN(10); {
	case n < 3 && len(w.repos) < 8:
		w.forkRepo(u, r)
	case n < 5 && len(w.repos) > 4:
		w.dropRepo(u, r)
	default:
		for range 1 + w.rng.IntN(25) {
			if w.rng.IntN(4) == 0 {
				w.deleteRef(u, r)
			} else {
				w.putRef(u, r)
			}
		}
	}
}

// Described is what a Workload has a repository called by storage.Describe.
func Described(repo storage.ID) string { return "work/" + repo.String() }

func (w *Workload) createRepo(u *Unit) {
	w.serial++
	r := workRepo{newID('r', w.writer*1_000_000+w.serial), newID('p', w.writer*1_000_000+w.serial)}
	if len(w.repos) > 0 && w.rng.IntN(3) == 0 {
		r.pool = w.repos[w.rng.IntN(len(w.repos))].pool
	}
	w.repos = append(w.repos, r)
	u.do(fmt.Sprintf("create repo %v %v", r.id, r.pool), func(tx storage.Tx) error {
		if err := storage.Describe(tx, r.id, Described(r.id)); err != nil {
			return err
		}
		return tx.CreateRepo(r.id, r.pool)
	})
}

func (w *Workload) forkRepo(u *Unit, from workRepo) {
	w.serial++
	r := workRepo{newID('r', w.writer*1_000_000+w.serial), from.pool}
	w.repos = append(w.repos, r)
	u.do(fmt.Sprintf("fork repo %v of %v", r.id, from.id), func(tx storage.Tx) error {
		if err := tx.ForkRepo(r.id, from.id); err != nil {
			return err
		}
		return storage.Describe(tx, r.id, Described(r.id))
	})
}

// dropRepo drops a repository, and its pool if no other one is left there.
func (w *Workload) dropRepo(u *Unit, r workRepo) {
	w.repos = slices.DeleteFunc(slices.Clone(w.repos), func(o workRepo) bool { return o == r })
	u.do(fmt.Sprintf("drop repo %v", r.id), func(tx storage.Tx) error { return tx.DropRepo(r.id) })
	if !slices.ContainsFunc(w.repos, func(o workRepo) bool { return o.pool == r.pool }) {
		u.do(fmt.Sprintf("drop pool %v", r.pool), func(tx storage.Tx) error { return tx.DropPool(r.pool) })
	}
}

// stageObjects has objects stored ahead of the unit's Update.
func (w *Workload) stageObjects(u *Unit) {
	u.pool = w.repos[w.rng.IntN(len(w.repos))].pool
	for range 1 + w.rng.IntN(4) {
		o := w.object(u, u.pool)
		u.staged = append(u.staged, o)
		if _, err := u.within.PutObject(u.pool, o); err != nil {
			panic("storagetest: an object that the model refuses")
		}
	}
}

// object returns a new object, or one that the pool may have, whole or as a delta from one that it has.
func (w *Workload) object(u *Unit, pool storage.ID) storage.Object {
	t := storage.Type(1 + w.rng.IntN(4))
	size := w.rng.IntN(300)
	switch w.rng.IntN(20) {
	case 0:
		size = 0
	case 1:
		size = w.rng.IntN(100_000)
	}
	o := NewObject(t, randomBytes(w.rng.Uint64N(1000), size))
	if w.rng.IntN(3) > 0 {
		return o
	}
	have := slices.SortedFunc(maps.Keys(u.within.objects[pool]), compareHashes)
	if len(have) == 0 {
		return o
	}
	base := u.within.objects[pool][have[w.rng.IntN(len(have))]]
	if base.Delta != nil && base.Delta.Depth >= 10 {
		return o
	}
	data := append(bytes.Clone(base.Data), o.Data[:min(len(o.Data), 100)]...)
	return NewDelta(base, data)
}

// workNames are names of refs, some of which cannot be there while others are.
var workNames = []string{
	"HEAD", "refs/heads/main", "refs/heads/a", "refs/heads/a/b", "refs/heads/a/b/c", "refs/heads/a-b", "refs/heads/A",
	"refs/tags/v1", "refs/tags/v1/x", "refs/notes/commits", "refs/heads/\xc3\xa9%2f",
}

func (w *Workload) putRef(u *Unit, r workRepo) {
	name := w.names[w.rng.IntN(len(w.names))]
	for other := range u.within.refs[r.id] {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			return
		}
	}
	ref := refTo(name, w.rng.IntN(1000))
	if name == "HEAD" || w.rng.IntN(10) == 0 {
		ref = symbolic(name, w.names[1+w.rng.IntN(len(w.names)-1)])
	}
	e := w.entry(u, r, name, ref.Hash)
	u.do(fmt.Sprintf("put ref %v %q", r.id, name), func(tx storage.Tx) error { return tx.PutRef(r.id, ref, e) })
}

func (w *Workload) deleteRef(u *Unit, r workRepo) {
	name := w.names[1+w.rng.IntN(len(w.names)-1)]
	if _, ok := u.within.refs[r.id][name]; !ok {
		u.do(fmt.Sprintf("delete ref %v %q, which is missing", r.id, name),
			func(tx storage.Tx) error { return tx.DeleteRef(r.id, name, nil) })
		return
	}
	e := w.entry(u, r, name, storage.Hash{})
	u.do(fmt.Sprintf("delete ref %v %q", r.id, name), func(tx storage.Tx) error { return tx.DeleteRef(r.id, name, e) })
}

// entry returns an entry of the ref's log for three changes of four.
func (w *Workload) entry(u *Unit, r workRepo, name string, next storage.Hash) *storage.LogEntry {
	if w.rng.IntN(4) == 0 {
		return nil
	}
	e := entry(fmt.Sprint("change ", w.rng.IntN(1000)), next)
	e.Old = u.within.refs[r.id][name].Hash
	return e
}

func (w *Workload) putRecord(u *Unit) {
	key := w.key()
	size := w.rng.IntN(200)
	if w.rng.IntN(30) == 0 {
		size = w.rng.IntN(100_000)
	}
	value := randomBytes(w.rng.Uint64(), size)
	u.do(fmt.Sprintf("put record %q, %d bytes", key, size), func(tx storage.Tx) error { return tx.PutRecord(key, value) })
}

func (w *Workload) deleteRecord(u *Unit) {
	key := w.key()
	u.do(fmt.Sprintf("delete record %q", key), func(tx storage.Tx) error { return tx.DeleteRecord(key) })
}

// key returns one of forty keys.
func (w *Workload) key() []byte {
	return fmt.Appendf(nil, "%s%s%d", w.Model.prefix, []string{"a", "a/", "b\x00", "\xff"}[w.rng.IntN(4)], w.rng.IntN(10))
}
