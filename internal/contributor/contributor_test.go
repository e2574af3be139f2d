package contributor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

var pool = storage.ID([]byte("00000000000000000001"))

// A fixture is a store that commits are put into.
type fixture struct {
	t       testing.TB
	backend storage.Backend
	reads   *readCounter
	counter *Counter
	commits map[git.Hash]*git.Commit
}

// A readCounter counts the objects that are read.
type readCounter struct {
	storage.Backend
	objects int
}

func (r *readCounter) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	r.objects++
	return r.Backend.Object(ctx, pool, h)
}

func newFixture(t testing.TB) *fixture {
	b := memory.New()
	t.Cleanup(func() { b.Close() })
	return fixtureOn(t, b)
}

func fixtureOn(t testing.TB, b storage.Backend) *fixture {
	reads := &readCounter{Backend: b}
	return &fixture{t, b, reads, NewCounter(object.New(reads, 0)), map[git.Hash]*git.Commit{}}
}

// commit stores a commit by an author at a time. Its tree is no more than a name.
func (f *fixture) commit(author string, when int64, tree int, parents ...git.Hash) git.Hash {
	f.t.Helper()
	c := &git.Commit{Tree: git.Hash{byte(tree), byte(tree >> 8), 1}, Parents: parents, Message: "m\n"}
	c.Author = git.Signature{Name: author, Email: author + "@example.com", When: time.Unix(0, 0)}
	c.Committer = git.Signature{Name: "c", Email: "c@example.com", When: time.Unix(when, 0)}
	if tree < 0 {
		c.Tree = git.EmptyTree
	}
	return f.put(c)
}

func (f *fixture) put(c *git.Commit) git.Hash {
	f.t.Helper()
	data := c.Append(nil)
	h, err := git.Sum(storage.Commit, data)
	if err != nil {
		f.t.Fatal(err)
	}
	err = f.backend.Update(f.t.Context(), func(tx storage.Tx) error {
		_, err := tx.PutObject(pool, storage.Object{Hash: h, Type: storage.Commit, Size: int64(len(data)), Data: data})
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.commits[h] = c
	return h
}

func (f *fixture) count(tip git.Hash) *Tally {
	f.t.Helper()
	t, err := f.counter.Count(f.t.Context(), pool, tip)
	if err != nil {
		f.t.Fatalf("Count = %v", err)
	}
	return t
}

func (f *fixture) advance(from *Tally, tip git.Hash) *Tally {
	f.t.Helper()
	t, _, err := f.counter.Advance(f.t.Context(), pool, from, tip)
	if err != nil {
		f.t.Fatalf("Advance = %v", err)
	}
	return t
}

// byName returns the commits by author.
func byName(t *Tally) map[string]int {
	m := map[string]int{}
	for _, a := range t.Authors {
		m[a.Name] += a.Commits
	}
	return m
}

// plain counts in the plainest way.
func (f *fixture) plain(tip git.Hash) map[string]int {
	m := map[string]int{}
	seen := map[git.Hash]bool{}
	for stack := []git.Hash{tip}; len(stack) > 0; {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[h] {
			continue
		}
		seen[h] = true
		c := f.commits[h]
		stack = append(stack, c.Parents...)
		before := git.EmptyTree
		if len(c.Parents) == 1 {
			before = f.commits[c.Parents[0]].Tree
		}
		if len(c.Parents) < 2 && c.Tree != before {
			m[c.Author.Name]++
		}
	}
	return m
}

func TestCount(t *testing.T) {
	f := newFixture(t)
	if got := f.count(git.Hash{}); len(got.Authors) > 0 {
		t.Errorf("Count of no commit = %v", got.Authors)
	}
	empty := f.commit("nobody", 1, -1)
	root := f.commit("ada", 2, 1, empty)
	same := f.commit("nobody", 3, 1, root)
	left := f.commit("ada", 4, 2, same)
	right := f.commit("bob", 4, 3, same)
	merge := f.commit("nobody", 5, 4, left, right)
	other := f.commit("eve", 1, 5)
	tip := f.commit("nobody", 6, 6, merge, other)
	want := map[string]int{"ada": 2, "bob": 1, "eve": 1}
	if diff := cmp.Diff(want, byName(f.count(tip))); diff != "" {
		t.Errorf("Count (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, f.plain(tip)); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
}

// randomHistory returns commits, parents before children. Some of them have wrong times.
func (f *fixture) randomHistory(r *rand.Rand, n int, wrong int) []git.Hash {
	var all []git.Hash
	for i := range n {
		var parents []git.Hash
		for range min(i, 1+r.IntN(8)/6) {
			parents = append(parents, all[max(0, i-1-r.IntN(5))])
		}
		if r.IntN(30) == 0 {
			parents = nil
		}
		if len(parents) == 2 && parents[0] == parents[1] {
			parents = parents[:1]
		}
		when := int64(1000 + i/3)
		if wrong > 0 && r.IntN(wrong) == 0 {
			when = r.Int64N(3000)
			if r.IntN(5) == 0 {
				when = []int64{0, -1 << 63, 1<<63 - 1, 1 << 40}[r.IntN(4)]
			}
		}
		all = append(all, f.commit(fmt.Sprint("author", r.IntN(5)), when, r.IntN(6)-1, parents...))
	}
	return all
}

// TestAdvance goes from tip to tip at random, and holds that it comes to the same as counting.
func TestAdvance(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		f := newFixture(t)
		r := rand.New(rand.NewPCG(seed, 5))
		all := f.randomHistory(r, 5+r.IntN(120), int(seed%5))
		at := 0
		tally := f.count(all[at])
		for step := range 25 {
			if at += r.IntN(8); at >= len(all) || r.IntN(6) == 0 {
				at = r.IntN(len(all))
			}
			tally = f.advance(tally, all[at])
			if diff := cmp.Diff(f.plain(all[at]), byName(tally)); diff != "" {
				t.Fatalf("seed %d, step %d: Advance (-want +got):\n%s", seed, step, diff)
			}
			if want := f.count(all[at]).span; tally.span.latest < want.latest || tally.span.skew < want.skew {
				t.Fatalf("seed %d, step %d: Advance takes the times for %v, want %v at least", seed, step, tally.span, want)
			}
		}
	}
}

// TestAdvanceReadsLittle holds that a long history is not walked for what is new, nor because it has some wrong times.
func TestAdvanceReadsLittle(t *testing.T) {
	f := newFixture(t)
	var line []git.Hash
	for i := range 3000 {
		when := int64(1000 + 10*i)
		if i%500 == 0 {
			when -= 200
		}
		line = append(line, f.commit("ada", when, i, line[max(0, i-1):i]...))
	}
	tip := line[len(line)-1]
	tally := f.count(tip)
	one := f.commit("bob", 40_000, 1, tip)
	branch := f.commit("eve", 40_001, 2, line[len(line)-50])
	merge := f.commit("bob", 40_002, 3, one, branch)
	sameTime := tip
	for i := range 20 {
		sameTime = f.commit("bob", 1000+10*2999, i, sameTime)
	}
	for name, tt := range map[string]struct {
		from, to git.Hash
		most     int
	}{
		"one commit":                 {tip, one, 5},
		"a merged branch":            {tip, merge, 100},
		"the way back":               {merge, tip, 100},
		"an earlier commit":          {tip, line[2900], 200},
		"commits of the same time":   {tip, sameTime, 80},
		"from one branch to another": {one, branch, 150},
	} {
		from := f.advance(tally, tt.from)
		f.reads.objects = 0
		got := f.advance(from, tt.to)
		if f.reads.objects > tt.most {
			t.Errorf("%s: Advance read %d commits, want at most %d", name, f.reads.objects, tt.most)
		}
		if diff := cmp.Diff(f.plain(tt.to), byName(got)); diff != "" {
			t.Errorf("%s: Advance (-want +got):\n%s", name, diff)
		}
	}
}

func TestDamage(t *testing.T) {
	f := newFixture(t)
	root := f.commit("ada", 1, 1)
	lost := f.commit("bob", 2, 2, git.Hash{9})
	tip := f.commit("ada", 3, 3, root)
	if _, err := f.counter.Count(t.Context(), pool, lost); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Count of a history with a hole = %v, want ErrNotFound", err)
	}
	for _, from := range []*Tally{{Tip: git.Hash{8}}, {Tip: lost}, {}} {
		if diff := cmp.Diff(map[string]int{"ada": 2}, byName(f.advance(from, tip))); diff != "" {
			t.Errorf("Advance from what is gone (-want +got):\n%s", diff)
		}
	}
	if got := f.advance(f.count(tip), git.Hash{}); len(got.Authors) > 0 {
		t.Errorf("Advance to no commit = %v", got.Authors)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.counter.Count(ctx, pool, tip); !errors.Is(err, context.Canceled) {
		t.Errorf("Count = %v, want %v", err, context.Canceled)
	}
	if _, _, err := f.counter.Advance(ctx, pool, f.count(root), tip); !errors.Is(err, context.Canceled) {
		t.Errorf("Advance = %v, want %v", err, context.Canceled)
	}
}

func TestNames(t *testing.T) {
	long := string(make([]byte, 3*graph.MaxText))
	for in, want := range map[string]string{
		"Ada": "Ada", "Andr\xe9": "André", "Andr\u00e9": "Andr\u00e9", "": "", long: long[:graph.MaxText],
	} {
		if got := graph.CleanText(in); got != want {
			t.Errorf("CleanText(%.20q) = %.20q, want %.20q", in, got, want)
		}
	}
	last := git.Signature{When: time.Unix(math.MaxInt64, 0)}
	if got := graph.DateOf(&git.Commit{Committer: last}); got > math.MaxInt64/4 {
		t.Errorf("DateOf = %d, want less", got)
	}
}
