package graph

import (
	"context"
	"encoding/binary"
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
	forGit  bool     // trees are empty and dates not negative, as git fast-import has it
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
	if c.Tree = git.EmptyTree; !w.forGit {
		binary.BigEndian.PutUint32(c.Tree[:], uint32(len(w.commits)+1))
	}
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
		if w.forGit {
			when = max(when, 0)
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
		return CheckStored(w.t.Context(), v, w.pool, func(h git.Hash) (*git.Commit, error) {
			if n, ok := w.number[h]; ok {
				return w.commits[n], nil
			}
			return nil, storage.ErrNotFound
		}, func(ctx context.Context, h git.Hash) (*git.Tree, error) {
			item, err := w.objects.Tree(ctx, w.pool, h)
			if err != nil {
				return nil, err
			}
			return item.Tree, nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestStored(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
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
