package graph

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// A world is a pool with commits, and what is known of them without a graph.
type world struct {
	t       *testing.T
	b       storage.Backend
	objects *object.Store
	store   *Store
	keeper  *Keeper
	pool    storage.ID
	hashes  []git.Hash
	commits []*git.Commit
	number  map[git.Hash]int
	above   []bitmap // the ancestors of each, itself among them
}

type bitmap []uint64

func (b bitmap) has(n int) bool { return b[n/64]&(1<<(n%64)) != 0 }

func newWorld(t *testing.T) *world {
	w := &world{t: t, b: memory.New(), number: map[git.Hash]int{}}
	copy(w.pool[:], "poolpoolpoolpoolpool")
	t.Cleanup(func() { w.b.Close() })
	w.open()
	return w
}

// open forgets all that is in memory.
func (w *world) open() {
	w.objects = object.New(w.b, 1<<20)
	w.store = NewStore(w.b, w.objects, 0)
	w.keeper = &Keeper{Store: w.store, Update: w.b.Update}
}

// put adds a commit, to the tail too if it should be there.
func (w *world) put(inTail bool, when int64, author string, parents ...int) int {
	w.t.Helper()
	who := git.Signature{Name: author, Email: author + "@example.org", When: time.Unix(when, 0)}
	c := &git.Commit{Author: who, Committer: who, Message: fmt.Sprint(len(w.commits))}
	binary.BigEndian.PutUint32(c.Tree[:], uint32(len(w.commits)+1))
	n := len(w.commits)
	own := make(bitmap, n/64+1)
	own[n/64] |= 1 << (n % 64)
	for _, p := range parents {
		c.Parents = append(c.Parents, w.hashes[p])
		for i, word := range w.above[p] {
			own[i] |= word
		}
	}
	data := c.Append(nil)
	h, err := git.Sum(storage.Commit, data)
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.b.Update(w.t.Context(), func(tx storage.Tx) error {
		if _, err := tx.PutObject(w.pool, storage.Object{Hash: h, Type: storage.Commit, Size: int64(len(data)),
			Data: data}); err != nil || !inTail {
			return err
		}
		return Put(tx, w.pool, h, c)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.number[h] = n
	w.hashes, w.commits, w.above = append(w.hashes, h), append(w.commits, c), append(w.above, own)
	return n
}

func (w *world) has(head, n int) bool { return n <= head && w.above[head].has(n) }

// grow adds commits with branches and merges. Some dates lie.
func (w *world) grow(r *rand.Rand, count int, inTail func() bool) {
	for range count {
		n := len(w.commits)
		var parents []int
		want := 1
		switch k := r.IntN(100); {
		case k < 1:
			want = 0
		case k < 20:
			want = 2
		case k < 22:
			want = 3 + r.IntN(3)
		}
		for range min(want, n) {
			back := 1 + r.IntN(4)
			if r.IntN(20) == 0 {
				back = 1 + r.IntN(n)
			}
			if p := max(0, n-back); !slices.Contains(parents, p) {
				parents = append(parents, p)
			}
		}
		when := int64(n) * 10
		if r.IntN(4) == 0 {
			when = r.Int64N(int64(n)*10+100) - 50
		}
		w.put(inTail(), when, fmt.Sprint("author", r.IntN(9)), parents...)
	}
}

func (w *world) advance(tips ...int) {
	w.t.Helper()
	var hashes []git.Hash
	for _, n := range tips {
		hashes = append(hashes, w.hashes[n])
	}
	if err := w.keeper.Advance(w.t.Context(), w.pool, hashes); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) graph() *Graph {
	w.t.Helper()
	g, err := w.store.Open(w.t.Context(), w.pool, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// mergeBases returns the best common ancestors of two commits.
func (w *world) mergeBases(a, b int) []git.Hash {
	var common, best []int
	for n := min(a, b); n >= 0; n-- {
		if w.has(a, n) && w.has(b, n) {
			common = append(common, n)
		}
	}
	for _, n := range common {
		if !slices.ContainsFunc(best, func(m int) bool { return w.has(m, n) }) {
			best = append(best, n)
		}
	}
	return w.sorted(best)
}

func (w *world) sorted(numbers []int) []git.Hash {
	hashes := []git.Hash{}
	for _, n := range numbers {
		hashes = append(hashes, w.hashes[n])
	}
	sortHashes(hashes)
	return hashes
}

func sortHashes(h []git.Hash) {
	slices.SortFunc(h, func(a, b git.Hash) int { return slices.Compare(a[:], b[:]) })
}

// check asks a graph about two commits.
func (w *world) check(r *rand.Rand, a, b int) {
	w.t.Helper()
	ctx, x, y := w.t.Context(), w.hashes[a], w.hashes[b]
	if got, err := w.graph().IsAncestor(ctx, x, y); got != w.has(b, a) || err != nil {
		w.t.Fatalf("IsAncestor(%d, %d) = %v, %v, want %v", a, b, got, err, w.has(b, a))
	}
	bases, err := w.graph().MergeBases(ctx, x, y)
	sortHashes(bases)
	if want := w.mergeBases(a, b); err != nil || !slices.Equal(bases, want) {
		w.t.Fatalf("MergeBases(%d, %d) = %v, %v, want %v", a, b, bases, err, want)
	}
	var only, other []int
	for n := range max(a, b) + 1 {
		switch {
		case w.has(a, n) && !w.has(b, n):
			only = append(only, n)
		case !w.has(a, n) && w.has(b, n):
			other = append(other, n)
		}
	}
	ahead, behind, err := w.graph().AheadBehind(ctx, x, y)
	if ahead != len(only) || behind != len(other) || err != nil {
		w.t.Fatalf("AheadBehind(%d, %d) = %d, %d, %v, want %d, %d", a, b, ahead, behind, err, len(only), len(other))
	}
	introduced, err := w.graph().Introduced(ctx, []git.Hash{x}, []git.Hash{y})
	sortHashes(introduced)
	if want := w.sorted(only); err != nil || !slices.Equal(introduced, want) {
		w.t.Fatalf("Introduced(%d, %d) = %v, %v, want %v", a, b, introduced, err, want)
	}
	var targets []git.Hash
	for range 5 {
		targets = append(targets, w.hashes[r.IntN(len(w.hashes))])
	}
	found, err := w.graph().Among(ctx, x, y, targets)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range targets {
		n, in := w.number[h], slices.Contains(found, h)
		if in && !w.has(a, n) || !in && w.has(a, n) && !w.has(b, n) {
			w.t.Fatalf("Among(%d, %d) finds %d: %v", a, b, n, in)
		}
	}
}

// checkSet compares what a commit reaches.
func (w *world) checkSet(heads ...int) {
	w.t.Helper()
	ctx := w.t.Context()
	var hashes []git.Hash
	for _, n := range heads {
		hashes = append(hashes, w.hashes[n])
	}
	g := w.graph()
	s, err := g.Reach(ctx, hashes...)
	if err != nil {
		w.t.Fatal(err)
	}
	want := 0
	for n, h := range w.hashes {
		in := slices.ContainsFunc(heads, func(head int) bool { return w.has(head, n) })
		if in {
			want++
		}
		if got, err := g.Has(ctx, s, h); got != in || err != nil {
			w.t.Fatalf("Reach(%v) has %d: %v, %v, want %v", heads, n, got, err, in)
		}
	}
	var seen []git.Hash
	err = g.Each(ctx, s, func(i *Item) error {
		h, err := g.hash(ctx, i.Number)
		if err != nil {
			return err
		}
		c := w.commits[w.number[h]]
		if i.Tree != c.Tree || i.Date != c.Committer.When.Unix() || i.Author != AuthorOf(c) ||
			len(i.Parents) != len(c.Parents) {
			w.t.Fatalf("Each yields %v for %d", i, w.number[h])
		}
		for j, p := range i.Parents {
			if p >= len(seen) || seen[p] != c.Parents[j] {
				w.t.Fatalf("Each yields %d before its parents", w.number[h])
			}
		}
		seen = append(seen, h)
		return nil
	})
	if err != nil || len(seen) != want || s.Len() != want {
		w.t.Fatalf("Each(%v) yields %d of %d commits, %v, want %d", heads, len(seen), s.Len(), err, want)
	}
}

// checkStored compares all records with the commits.
func (w *world) checkStored() {
	w.t.Helper()
	err := w.b.View(w.t.Context(), func(v storage.View) error {
		return CheckStored(v, w.pool, func(h git.Hash) (*git.Commit, error) {
			if n, ok := w.number[h]; ok {
				return w.commits[n], nil
			}
			return nil, storage.ErrNotFound
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestStored(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t)
			for range 12 {
				share := r.IntN(3)
				w.grow(r, 100+r.IntN(700), func() bool { return r.IntN(2) < share })
				if r.IntN(4) > 0 {
					w.advance(len(w.hashes)-1, r.IntN(len(w.hashes)))
				}
				if r.IntN(3) == 0 {
					w.open()
				}
				w.checkStored()
				for range 40 {
					a := len(w.hashes) - 1 - r.IntN(min(len(w.hashes), 1+r.IntN(len(w.hashes))))
					w.check(r, a, r.IntN(len(w.hashes)))
					w.check(r, a, max(0, a-r.IntN(30)))
				}
				w.checkSet(len(w.hashes)-1, r.IntN(len(w.hashes)))
			}
			if n := w.graph().stored; n < 512 {
				t.Errorf("%d of %d commits are stored only", n, len(w.hashes))
			}
		})
	}
}

// TestBringIn has a long history that no door has told of be stored, interrupted again and again.
func TestBringIn(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	tip := w.put(false, 0, "a")
	for i := range 30_000 {
		tip = w.put(false, int64(i), "a", tip)
		if i%100 == 0 {
			tip = w.put(false, int64(i), "b", tip, w.put(false, int64(i), "c", tip))
		}
		if i == 20_000 {
			w.above = make([]bitmap, len(w.above)) // they take too much
		}
	}
	errStop := errors.New("stop")
	stops := 0
	for {
		left := 2 + r.IntN(3)
		update := w.b.Update
		w.keeper.Update = func(ctx context.Context, fn func(storage.Tx) error) error {
			if left--; left == 0 {
				return errStop
			}
			return update(ctx, fn)
		}
		err := w.keeper.Advance(t.Context(), w.pool, []git.Hash{w.hashes[tip]})
		if err == nil {
			break
		}
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		if stops++; stops%5 == 0 {
			w.open()
			w.checkStored()
		}
	}
	if stops < 10 {
		t.Errorf("it was done after %d steps", stops)
	}
	g := w.graph()
	if want := uint32(len(w.hashes)) / chunkSize * chunkSize; g.stored != want {
		t.Errorf("%d commits are stored, want %d", g.stored, want)
	}
	h, err := w.store.head(t.Context(), w.pool)
	if err != nil || len(h.runs) > 12 || len(h.dropped) > 0 || h.made != nil {
		t.Errorf("head = %+v, %v, want few runs", h, err)
	}
	w.open()
	read := 0
	g, err = w.store.Open(t.Context(), w.pool, func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		read++
		return w.objects.Commit(ctx, w.pool, h)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		n := r.IntN(len(w.hashes))
		if is, err := g.IsAncestor(t.Context(), w.hashes[n], w.hashes[tip]); !is || err != nil {
			t.Fatalf("IsAncestor(%d, tip) = %v, %v", n, is, err)
		}
	}
	if s, err := g.Reach(t.Context(), w.hashes[tip]); err != nil || s.Len() != len(w.hashes) {
		t.Errorf("the tip reaches %d of %d, %v", s.Len(), len(w.hashes), err)
	}
	if read > singly {
		t.Errorf("%d objects were read", read)
	}
}

// TestLacking has a history that lacks a commit.
func TestLacking(t *testing.T) {
	w := newWorld(t)
	lost := git.Hash{1}
	w.hashes, w.commits, w.above = []git.Hash{lost}, []*git.Commit{nil}, []bitmap{{1}}
	tip := w.put(true, 1, "a", 0)
	for i := range 600 {
		tip = w.put(i%2 == 0, int64(i), "a", tip)
	}
	other := w.put(false, 0, "a")
	for i := range 600 {
		other = w.put(false, int64(i), "a", other)
	}
	w.advance(tip, other)
	w.checkStored()
	if n := w.graph().stored; n != 512 {
		t.Errorf("%d commits are stored, want 512", n)
	}
	if is, err := w.graph().IsAncestor(t.Context(), w.hashes[5], w.hashes[tip]); !is || err != nil {
		t.Errorf("IsAncestor() = %v, %v", is, err)
	}
	if _, err := w.graph().MergeBases(t.Context(), w.hashes[other], w.hashes[tip]); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("MergeBases() with a history that lacks a commit = %v, want %v", err, storage.ErrNotFound)
	}
}

// TestDamage loses records: then objects are read, and the graph is made anew.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, kind := range []byte{keyHead, keyLinks, keyNames, keyIndex} {
		w := newWorld(t)
		w.grow(r, 1500, func() bool { return true })
		w.advance()
		err := w.b.Update(t.Context(), func(tx storage.Tx) error {
			for rec, err := range tx.Records([]byte{keyFirst, kind}, []byte{keyFirst, kind + 1}, storage.Ascending) {
				if err != nil {
					return err
				}
				if kind == keyHead {
					return tx.PutRecord(rec.Key, append(slices.Clone(rec.Value), 1))
				}
				if err := tx.DeleteRecord(rec.Key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.open()
		for range 20 {
			a, b := r.IntN(1500), r.IntN(1500)
			var got []git.Hash
			err := w.store.Do(t.Context(), w.pool, nil, func(g *Graph) (err error) {
				got, err = g.MergeBases(t.Context(), w.hashes[a], w.hashes[b])
				return err
			})
			sortHashes(got)
			if want := w.mergeBases(a, b); err != nil || !slices.Equal(got, want) {
				t.Fatalf("without %q MergeBases(%d, %d) = %v, %v, want %v", kind, a, b, got, err, want)
			}
		}
		w.grow(r, 600, func() bool { return false })
		w.advance(last(w.hashes, 600)...)
		w.checkStored()
		if n := w.graph().stored; n < 512 {
			t.Errorf("without %q, %d commits are stored anew", kind, n)
		}
	}
}

// last returns the numbers of the last commits.
func last(hashes []git.Hash, count int) (numbers []int) {
	for i := range count {
		numbers = append(numbers, len(hashes)-count+i)
	}
	return numbers
}

func TestDropped(t *testing.T) {
	w := newWorld(t)
	w.grow(rand.New(rand.NewPCG(3, 3)), 3000, func() bool { return true })
	if err := w.b.Update(t.Context(), func(tx storage.Tx) error { return Dropped.Bury(tx, w.pool) }); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		err := w.b.Update(t.Context(), func(tx storage.Tx) (err error) {
			more, err = Dropped.Sweep(tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := w.b.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			return cmp.Or(err, fmt.Errorf("%q is left", rec.Key))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// Nothing is added to a pool that is gone.
	if err := w.b.Update(t.Context(), func(tx storage.Tx) error { return tx.DropPool(w.pool) }); err != nil {
		t.Fatal(err)
	}
	w.advance(len(w.hashes) - 1)
	w.checkStored()
	if n := w.graph().stored; n > 0 {
		t.Errorf("%d commits of a dropped pool are stored", n)
	}
}
