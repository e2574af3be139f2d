package storagetest_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

// mutants are faults that a backend may have, and the clause that is there to find each.
var mutants = []struct{ fault, clause string }{
	{"object replaced", "Objects/FirstStays"},
	{"object new twice", "Objects/AddedOnce"},
	{"object at hi left out", "Objects/Range"},
	{"nil data of empty object", "Objects/RoundTrip"},
	{"content read once", "Writers/Content"},
	{"refs in order of paths", "Refs/Order"},
	{"ref after included", "Refs/PrefixAndAfter"},
	{"HEAD hidden", "Refs/RoundTrip"},
	{"HEAD hidden", "Histories/Alone"},
	{"refs without own writes", "Refs/OwnWrites"},
	{"log oldest first", "Logs/NewestFirst"},
	{"log lost with ref", "Logs/OutliveTheRef"},
	{"fork empty", "Forks/Begins"},
	{"fork of all refs", "Forks/Begins"},
	{"fork of what was committed", "Forks/OwnWrites"},
	{"fork left by error", "Forks/Aborted"},
	{"fork with logs", "Forks/Logs"},
	{"fork follows its parent", "Forks/Apart"},
	{"fork follows its parent", "Forks/Views"},
	{"fork follows its parent", "Forks/Histories"},
	{"deletion shows the parent's", "Forks/Deletions"},
	{"deletion shows the parent's", "Forks/Scans"},
	{"fork dropped with its parent", "Forks/ParentDropped"},
	{"fork dropped with its parent", "Forks/Deep"},
	{"parent loses its log", "Forks/ForkDropped"},
	{"key kept", "Records/SlicesNotKept"},
	{"slice used again", "Records/SlicesStayValid"},
	{"order ignored", "Records/Scan"},
	{"no limits", "Records/Limits"},
	{"error ignored", "Updates/NoneOnError"},
	{"loop sees later writes", "Updates/LoopsStayAsTheyBegan"},
	{"last update wins", "Isolation/Counter"},
	{"last update wins", "Isolation/RefCounter"},
	{"last update wins", "Isolation/Linearizable"},
	{"last update wins", "Isolation/Bank"},
	{"stale reads", "Isolation/WriteSkew"},
	{"stale reads", "Isolation/PhantomRecords"},
	{"stale reads", "Isolation/PhantomRefs"},
	{"stale reads", "Isolation/PhantomObjects"},
	{"stale reads", "Isolation/ReadOnlyKeys"},
	{"view not a snapshot", "Views/Snapshot"},
	{"one version", "Views/Versions"},
	{"log left by drop", "Drops/Repo"},
	{"pool left by drop", "Drops/Pool"},
	{"context ignored", "Contexts/CancelledBefore"},
	{"half on cancel", "Contexts/CancelledWithin"},
	{"closed twice", "Close/Twice"},
	{"close does not wait", "Close/WaitsForUpdate"},
	{"goroutine left", "Close/Fresh"},
}

const mutantVariable = "STORAGETEST_MUTANT"

// TestMutants runs, for each mutant, the clause that must find it, in a process of its own since it must fail there.
func TestMutants(t *testing.T) {
	if fault := os.Getenv(mutantVariable); fault != "" {
		storagetest.Run(t, func(*testing.T) storage.Backend {
			if fault == "goroutine left" {
				go func() { select {} }()
			}
			return &mutant{double: newMedium().open().(*double), fault: fault, parents: map[storage.ID]storage.ID{}}
		})
		return
	}
	for _, m := range mutants {
		group, clause, _ := strings.Cut(m.clause, "/")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.timeout=1m",
			"-test.run=^TestMutants$/^"+group+"$/^"+clause+"$")
		cmd.Env = append(os.Environ(), mutantVariable+"="+m.fault)
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestMutants/"+m.clause+" ")) {
			t.Errorf("%s does not find %q: %v\n%s", m.clause, m.fault, err, out)
		}
	}
}

// A mutant is a double with one fault.
type mutant struct {
	*double
	fault   string
	parents map[storage.ID]storage.ID // of forks
}

func (m *mutant) Close() error {
	if m.fault == "close does not wait" {
		if m.closed.Swap(true) {
			return storage.ErrClosed
		}
		return nil
	}
	err := m.double.Close()
	if m.fault == "closed twice" {
		return nil
	}
	return err
}

func (m *mutant) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	o, err := m.double.Object(ctx, pool, h)
	if m.fault == "nil data of empty object" && len(o.Data) == 0 {
		o.Data = nil
	}
	return o, err
}

func (m *mutant) Objects(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		for h, err := range m.double.Objects(ctx, pool, lo, hi) {
			if m.fault == "object at hi left out" && h == hi || !yield(h, err) {
				return
			}
		}
	}
}

func (m *mutant) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	s, err := m.double.Stage(ctx, pool)
	if err == nil && m.fault == "content read once" {
		s = &mutantStage{s}
	}
	return s, err
}

type mutantStage struct{ storage.Stage }

func (s *mutantStage) Create(ctx context.Context) (storage.Writer, error) {
	w, err := s.Stage.Create(ctx)
	return &mutantWriter{Writer: w}, err
}

type mutantWriter struct {
	storage.Writer
	read bool
}

func (w *mutantWriter) Content() (io.ReadCloser, error) {
	if w.read {
		return io.NopCloser(strings.NewReader("")), nil
	}
	w.read = true
	return w.Writer.Content()
}

func (m *mutant) View(ctx context.Context, fn func(storage.View) error) error {
	if m.fault == "context ignored" {
		ctx = context.WithoutCancel(ctx)
	}
	return m.double.View(ctx, func(v storage.View) error { return fn(&mutantTx{Tx: v.(storage.Tx), m: m}) })
}

func (m *mutant) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if m.fault == "last update wins" || m.fault == "stale reads" {
		return m.race(ctx, fn)
	}
	var failed error
	err := m.double.Update(ctx, func(tx storage.Tx) error {
		t := &mutantTx{Tx: tx, m: m, writing: true}
		failed = fn(t)
		for _, late := range t.late {
			late()
		}
		if m.fault == "half on cancel" && ctx.Err() != nil {
			m.medium.objects.Store(&tx.(*doubleTx).objects)
		}
		if m.fault == "error ignored" {
			return nil
		}
		return failed
	})
	if err == nil {
		err = failed
	}
	return err
}

// race runs Updates at once, each on the state that it found. Then either all that one left takes the place of what
// is there, or what it wrote is written over it.
func (m *mutant) race(ctx context.Context, fn func(storage.Tx) error) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	tx := &racingTx{Tx: &doubleTx{Model: m.medium.now.Load().Clone(), objects: maps.Clone(*m.medium.objects.Load())}}
	err := fn(tx)
	m.gate.RUnlock()
	if err != nil {
		return err
	}
	for range 10 {
		runtime.Gosched()
	}
	if m.fault == "last update wins" {
		left := tx.Tx.(*doubleTx)
		m.medium.objects.Store(&left.objects)
		m.medium.now.Store(left.Model)
		return nil
	}
	return m.double.Update(ctx, func(tx2 storage.Tx) error {
		for _, write := range tx.writes {
			if err := write(tx2); err != nil {
				return err
			}
		}
		return nil
	})
}

// A racingTx remembers what the clauses of isolation write.
type racingTx struct {
	storage.Tx
	writes []func(storage.Tx) error
}

func (t *racingTx) do(write func(storage.Tx) error) error {
	t.writes = append(t.writes, write)
	return write(t.Tx)
}

func (t *racingTx) PutObject(pool storage.ID, o storage.Object) (added bool, err error) {
	return true, t.do(func(tx storage.Tx) error {
		_, err := tx.PutObject(pool, o)
		return err
	})
}

func (t *racingTx) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	return t.do(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry) })
}

func (t *racingTx) PutRecord(key, value []byte) error {
	return t.do(func(tx storage.Tx) error { return tx.PutRecord(key, value) })
}

// A mutantTx is a Tx, or as much of it as a View is, with the fault of m.
type mutantTx struct {
	storage.Tx
	m       *mutant
	writing bool
	late    []func()
	value   [100]byte
}

func (t *mutantTx) PutObject(pool storage.ID, o storage.Object) (bool, error) {
	switch t.m.fault {
	case "object replaced":
		t.Tx.(*doubleTx).objects[objectKey{pool, o.Hash}] = o
		return false, nil
	case "object new twice":
		_, err := t.Tx.PutObject(pool, o)
		return true, err
	}
	return t.Tx.PutObject(pool, o)
}

func (t *mutantTx) ForkRepo(repo, from storage.ID) error {
	t.m.parents[repo] = from
	source := storage.View(t.Tx)
	switch t.m.fault {
	case "fork empty":
		return nil
	case "fork of what was committed":
		source = t.m.medium.now.Load()
	case "fork left by error":
		left := t.m.medium.now.Load().Clone()
		left.ForkRepo(repo, from)
		t.m.medium.now.Store(left)
	}
	for r := range source.Refs(from, "", "") {
		if !storage.Inherited(r.Name) && t.m.fault != "fork of all refs" {
			continue
		}
		t.Tx.PutRef(repo, r, nil)
		var log []storage.LogEntry
		for e := range t.Tx.Log(from, r.Name) {
			log = append(log, e)
		}
		for _, e := range slices.Backward(log) {
			if t.m.fault == "fork with logs" {
				t.Tx.PutRef(repo, r, &e)
			}
		}
	}
	return nil
}

// followed is what a fork has that has nothing of its own in the place of what its parent has.
func (t *mutantTx) followed(repo storage.ID, refs []storage.Ref) []storage.Ref {
	from, ok := t.m.parents[repo]
	if !ok || t.m.fault != "fork follows its parent" && t.m.fault != "deletion shows the parent's" {
		return refs
	}
	for i, r := range refs {
		if now, err := t.Tx.Ref(from, r.Name); err == nil && t.m.fault == "fork follows its parent" {
			refs[i] = now
		}
	}
	for r := range t.Tx.Refs(from, "", "") {
		missing := !slices.ContainsFunc(refs, func(o storage.Ref) bool { return o.Name == r.Name })
		if missing && storage.Inherited(r.Name) && t.m.fault == "deletion shows the parent's" {
			refs = append(refs, r)
		}
	}
	slices.SortFunc(refs, func(a, b storage.Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs
}

func (t *mutantTx) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	var all, stored []storage.Ref
	for r := range t.source().Refs(repo, "", "") {
		stored = append(stored, r)
	}
	for _, r := range t.followed(repo, stored) {
		if strings.HasPrefix(r.Name, prefix) && (r.Name > after || t.m.fault == "ref after included" && r.Name == after) &&
			!(t.m.fault == "HEAD hidden" && r.Name == "HEAD") {
			all = append(all, r)
		}
	}
	if t.m.fault == "refs in order of paths" {
		slices.SortFunc(all, func(a, b storage.Ref) int {
			return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
		})
	}
	if t.m.fault == "loop sees later writes" {
		return func(yield func(storage.Ref, error) bool) {
			for _, r := range all {
				if now, err := t.Tx.Ref(repo, r.Name); err == nil && !yield(now, nil) {
					return
				}
			}
		}
	}
	return each(all)
}

func (t *mutantTx) Version() uint64 {
	if t.m.fault == "one version" && !t.writing {
		return 1
	}
	return 0
}

// source is where sequences come from.
func (t *mutantTx) source() storage.View {
	if t.m.fault == "view not a snapshot" || t.m.fault == "refs without own writes" && t.writing {
		return t.m.medium.now.Load()
	}
	return t.Tx
}

func (t *mutantTx) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	var all []storage.LogEntry
	for e := range t.Tx.Log(repo, name) {
		all = append(all, e)
	}
	switch _, err := t.Tx.Ref(repo, name); {
	case t.m.fault == "log oldest first":
		slices.Reverse(all)
	case t.m.fault == "log lost with ref" && err != nil:
		all = nil
	}
	return each(all)
}

func (t *mutantTx) Record(key []byte) ([]byte, error) {
	value, err := t.source().Record(key)
	if t.m.fault == "slice used again" && err == nil && len(value) <= len(t.value) {
		value = t.value[:copy(t.value[:], value)]
	}
	return value, err
}

func (t *mutantTx) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	if t.m.fault == "order ignored" {
		order = storage.Ascending
	}
	return t.source().Records(lo, hi, order)
}

func (t *mutantTx) PutRecord(key, value []byte) error {
	switch {
	case t.m.fault == "key kept":
		t.late = append(t.late, func() { t.Tx.PutRecord(key, value) })
	case t.m.fault == "no limits" && len(value) > storage.MaxValue:
		return nil
	}
	return t.Tx.PutRecord(key, value)
}

func (t *mutantTx) DropRepo(repo storage.ID) error {
	t.dropFork(repo)
	if t.m.fault != "log left by drop" {
		return t.Tx.DropRepo(repo)
	}
	for r := range t.Tx.Refs(repo, "", "") {
		t.Tx.DeleteRef(repo, r.Name, nil)
	}
	return nil
}

// dropFork is DropRepo with what it may do to other repositories of the network.
func (t *mutantTx) dropFork(repo storage.ID) {
	for fork, from := range t.m.parents {
		if from == repo && t.m.fault == "fork dropped with its parent" {
			t.Tx.DropRepo(fork)
		}
	}
	if from, ok := t.m.parents[repo]; ok && t.m.fault == "parent loses its log" {
		var refs []storage.Ref
		for r := range t.Tx.Refs(from, "", "") {
			refs = append(refs, r)
		}
		t.Tx.DropRepo(from)
		for _, r := range refs {
			t.Tx.PutRef(from, r, nil)
		}
	}
}

func (t *mutantTx) DropPool(pool storage.ID) error {
	if t.m.fault == "pool left by drop" {
		return nil
	}
	return t.Tx.DropPool(pool)
}

func each[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}
