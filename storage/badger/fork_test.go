package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// TestForkIsSmall holds what a fork of a repository with many branches takes.
func TestForkIsSmall(t *testing.T) {
	dir := t.TempDir()
	opts := &Options{Durability: storage.NoSync}
	b := openTest(t, dir, opts)
	manyBranches(t, b, 1000)
	fork := func(i int) (bytes int64) {
		t.Helper()
		err := b.update(t.Context(), func(tx *tx) error {
			defer func() { bytes = tx.own.bytes }()
			return tx.ForkRepo(numbered('f', i), testRepo)
		})
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	fork(0)
	closeStore(t, b)
	before := tableBytes(t, dir)
	b = openTest(t, dir, opts)
	const forks = 5000
	for i := range forks {
		if got := fork(1 + i); got > 200 {
			t.Errorf("fork %d writes %d bytes, want 200 at most", i, got)
		}
	}
	closeStore(t, b)
	if got := (tableBytes(t, dir) - before) / forks; got > 300 {
		t.Errorf("a fork takes %d bytes of tables, want 300 at most", got)
	}
}

// tableBytes returns the size of all tables in dir.
func tableBytes(t *testing.T, dir string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// changeBranches moves branches of testRepo.
func changeBranches(t *testing.T, b *backend, from, n, to int) {
	t.Helper()
	update(t, b, func(tx storage.Tx) error {
		for i := from; i < from+n; i++ {
			r := storage.Ref{Name: fmt.Sprintf("refs/heads/branch-%06d", i), Hash: storage.Hash{2, byte(to), byte(to >> 8)}}
			if err := tx.PutRef(testRepo, r, &storage.LogEntry{New: r.Hash}); err != nil {
				return err
			}
		}
		return nil
	})
}

// refsOf returns the refs of a repository, by their names.
func refsOf(t *testing.T, b *backend, repo storage.ID) map[string]storage.Ref {
	t.Helper()
	refs := map[string]storage.Ref{}
	err := b.View(t.Context(), func(v storage.View) error {
		for r, err := range v.Refs(repo, "", "") {
			if err != nil {
				return err
			}
			refs[r.Name] = r
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// stackOf returns the stack that is stored for a repository.
func stackOf(t *testing.T, b *backend, repo storage.ID) refstack.Stack {
	t.Helper()
	r := &reader{b: b, snap: b.timeline.acquire()}
	defer r.end()
	s, err := r.stack(repo)
	if err != nil || s == nil {
		t.Fatalf("stack of %s is %v, %v", repo, s, err)
	}
	return *s
}

// TestLayersStayFew changes much between forks, so that layers are merged, in one Update and in many.
func TestLayersStayFew(t *testing.T) {
	t.Parallel()
	b := openTest(t, "", &Options{InMemory: true})
	const branches = 3 * mergeBatch
	manyBranches(t, b, branches)
	want := map[storage.ID]map[string]storage.Ref{}
	forks := 24
	if testing.Short() {
		forks = 10
	}
	for i := range forks {
		n := 20 << (i % 8)
		changeBranches(t, b, i*37%(branches-n), n, i)
		fork := numbered('f', i)
		update(t, b, func(tx storage.Tx) error { return tx.ForkRepo(fork, testRepo) })
		want[fork] = refsOf(t, b, testRepo)
		if got := len(stackOf(t, b, testRepo).Below); got > 6 {
			t.Errorf("%d layers are below the repository after %d forks, want 6 at most", got, i+1)
		}
	}
	for fork, refs := range want {
		if diff := cmp.Diff(refs, refsOf(t, b, fork)); diff != "" {
			t.Errorf("refs of fork %s (-want +got):\n%s", fork, diff)
		}
	}
	if got := countKeys(t, b, []byte{stackType, 0}); got != 0 {
		t.Errorf("%d merges are left, want 0", got)
	}
	// When all are gone, nothing is left of what they shared.
	for fork := range want {
		update(t, b, func(tx storage.Tx) error { return tx.DropRepo(fork) })
	}
	update(t, b, func(tx storage.Tx) error { return tx.DropRepo(testRepo) })
	if got := rawKeys(t, b); got != 1 { // the format
		t.Errorf("%d keys are left, want 1", got)
	}
}

// TestLayersAreGivenBack drops a parent and its forks one after the other: with each goes what nobody else has.
func TestLayersAreGivenBack(t *testing.T) {
	b := openTest(t, "", &Options{InMemory: true})
	manyBranches(t, b, 100)
	fork, second := numbered('f', 0), numbered('f', 1)
	update(t, b, func(tx storage.Tx) error { return tx.ForkRepo(fork, testRepo) })
	changeBranches(t, b, 0, 10, 1)
	update(t, b, func(tx storage.Tx) error { return tx.ForkRepo(second, testRepo) })
	refs := func() int { return countKeys(t, b, []byte{refType}) }
	if got := refs(); got != 111 {
		t.Errorf("%d entries of refs in two layers, want 111", got)
	}
	update(t, b, func(tx storage.Tx) error { return tx.DropRepo(second) })
	if got := refs(); got != 111 {
		t.Errorf("%d entries of refs after a fork was dropped, want 111", got)
	}
	update(t, b, func(tx storage.Tx) error { return tx.DropRepo(testRepo) })
	if got, logs := refs(), countKeys(t, b, []byte{logType}); got != 101 || logs != 0 {
		t.Errorf("%d entries of refs and %d of logs after the parent was dropped, want 101 and 0", got, logs)
	}
	if got := len(refsOf(t, b, fork)); got != 101 {
		t.Errorf("the fork has %d refs, want 101", got)
	}
	update(t, b, func(tx storage.Tx) error { return tx.DropRepo(fork) })
	if got := rawKeys(t, b); got != 1 {
		t.Errorf("%d keys are left, want 1", got)
	}
}

// TestMergeAfterCrash opens a store that was left in the midst of a merge.
func TestMergeAfterCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	manyBranches(t, b, 2*mergeBatch)
	update(t, b, func(tx storage.Tx) error { return tx.ForkRepo(numbered('f', 0), testRepo) })
	changeBranches(t, b, 100, 2*mergeBatch-200, 1)
	// As ForkRepo does it, but without the merge, of which then the first part is committed.
	update := func(fn func(t *tx) error) {
		t.Helper()
		if err := b.update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx *tx) error { return tx.ForkRepo(numbered('f', 1), testRepo) })
	layers, err := b.alike(testRepo)
	if err != nil || len(layers) != 2 {
		t.Fatalf("%d layers to merge, %v, want 2", len(layers), err)
	}
	update(func(tx *tx) error {
		g, err := refstack.Start(medium{tx}, testRepo, layers)
		if err != nil {
			return err
		}
		_, err = tx.mergeEntries(g, "")
		return err
	})
	want := refsOf(t, b, testRepo)
	entries := countKeys(t, b, []byte{refType})
	closeStore(t, b)

	b = openTest(t, dir, nil)
	check := func() {
		t.Helper()
		for _, repo := range []storage.ID{testRepo, numbered('f', 1)} {
			if diff := cmp.Diff(want, refsOf(t, b, repo)); diff != "" {
				t.Errorf("refs of %s (-want +got):\n%s", repo, diff)
			}
		}
	}
	check()
	for b.calls.Load() > 0 { // what Open has started
		check()
	}
	if got := countKeys(t, b, []byte{stackType, 0}); got != 0 {
		t.Errorf("%d merges are left, want 0", got)
	}
	if got := countKeys(t, b, []byte{refType}); got != entries-mergeBatch {
		t.Errorf("%d entries of refs are left, want %d", got, entries-mergeBatch)
	}
	if err := b.merge(testRepo); err != nil {
		t.Fatal(err)
	}
	check()
	if got := len(stackOf(t, b, testRepo).Below); got != 1 {
		t.Errorf("%d layers are below the repository after the merge, want 1", got)
	}
}

// TestFormats has a store of the first format as long as there are no forks, and of the second from then on.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	manyBranches(t, b, 10)
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(tx.CreateRepo(numbered('r', 0), testPool), tx.DropRepo(numbered('r', 0)))
	})
	closeStore(t, b)
	b = openTest(t, dir, nil)
	if got := formatOf(t, b); got != formatPlain || b.forked.Load() {
		t.Errorf("format without forks is %d, want %d", got, formatPlain)
	}
	failed := errors.New("failed")
	if err := b.Update(t.Context(), func(tx storage.Tx) error {
		return errors.Join(tx.ForkRepo(numbered('f', 0), testRepo),
			failed)
	}); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	update(t, b, func(tx storage.Tx) error { return tx.ForkRepo(numbered('f', 1), testRepo) })
	closeStore(t, b)
	b = openTest(t, dir, nil)
	if got := formatOf(t, b); got != formatForked {
		t.Errorf("format with a fork is %d, want %d", got, formatForked)
	}
	if got := len(refsOf(t, b, numbered('f', 1))); got != 11 {
		t.Errorf("the fork has %d refs, want 11", got)
	}
}

func TestStackCodec(t *testing.T) {
	for _, s := range []refstack.Stack{
		{Below: []refstack.Layer{}},
		{Own: testRepo, Many: true, Below: []refstack.Layer{}},
		{Own: testRepo, Recent: []string{"HEAD", "refs/heads/main"},
			Below: []refstack.Layer{{Segment: testPool}, {Segment: testRepo, Inherited: true}}},
	} {
		encoded := encodeStack(nil, s)
		got, err := decodeStack(encoded)
		if err != nil {
			t.Errorf("decodeStack() of %v = %v", s, err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("decodeStack() (-want +got):\n%s", diff)
		}
		for n := range encoded {
			short, err := decodeStack(encoded[:n])
			if err == nil && cmp.Equal(short, s) {
				t.Errorf("decodeStack() of %d bytes of %d is the same", n, len(encoded))
			}
		}
		for _, tail := range []string{"\x02", "\x00", "\x02xxxxxxxxxxxxxxxxxxxx"} {
			if _, err := decodeStack(append(encoded[:len(encoded):len(encoded)], tail...)); err == nil {
				t.Errorf("decodeStack() with %q at the end = nil, want an error", tail)
			}
		}
	}
}
