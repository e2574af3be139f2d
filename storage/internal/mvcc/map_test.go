package mvcc

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// collect returns what a scan of m, which may be nil, should yield.
func collect(m map[string]int, lo, hi string, desc bool) (want []string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k >= lo && (hi == "" || k < hi) {
			want = append(want, fmt.Sprint(k, "=", m[k]))
		}
	}
	if desc {
		slices.Reverse(want)
	}
	return want
}

// A random key is near others, and often begins as they do.
func randomKey(r *rand.Rand) string {
	prefixes := []string{"", "a", "a\x00", "repo/", "repo/refs/heads/", "\xff", "same-eight-bytes-", "same-eig"}
	return prefixes[r.IntN(len(prefixes))] + strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(4)) +
		fmt.Sprint(r.IntN(30))
}

func check(t *testing.T, r *rand.Rand, what string, want map[string]int,
	get func(string) (int, bool), scan func(lo, hi string, desc bool) func(func(string, int) bool)) {
	t.Helper()
	for range 5 {
		k := randomKey(r)
		got, ok := get(k)
		if v, there := want[k]; ok != there || got != v {
			t.Fatalf("%s: Get(%q) = %d, %v, want %d, %v", what, k, got, ok, v, there)
		}
	}
	lo, hi := randomKey(r), randomKey(r)
	switch r.IntN(4) {
	case 0:
		lo, hi = "", ""
	case 1:
		hi = ""
	}
	for _, desc := range []bool{false, true} {
		var got []string
		limit := 1 + r.IntN(200)
		for k, v := range scan(lo, hi, desc) {
			got = append(got, fmt.Sprint(k, "=", v))
			if len(got) == limit {
				break
			}
		}
		all := collect(want, lo, hi, desc)
		if !slices.Equal(got, all[:min(limit, len(all))]) {
			t.Fatalf("%s: Scan(%q, %q, %v) = %q, want %q", what, lo, hi, desc, got, all)
		}
	}
}

// TestAgainstMap makes random commits, with snapshots that stay open for a while, and compares all with plain maps.
func TestAgainstMap(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := New[int]()
		now := map[string]int{}
		type held struct {
			s    Snapshot[int]
			want map[string]int
		}
		var open []held
		for range 500 {
			tx := m.Begin()
			own := maps.Clone(now)
			checkOwn := func() {
				check(t, r, "transaction", own, tx.Get, func(lo, hi string, desc bool) func(func(string, int) bool) {
					return tx.Scan(lo, hi, desc)
				})
			}
			for range r.IntN(30) << (r.IntN(10) / 9) {
				if r.IntN(30) == 0 { // and goes on with what a scan has put in order
					checkOwn()
				}
				k := randomKey(r)
				if r.IntN(3) == 0 {
					tx.Delete(k)
					delete(own, k)
				} else {
					v := r.IntN(1000)
					tx.Put(k, v)
					own[k] = v
				}
			}
			if r.IntN(5) == 0 {
				checkOwn()
			}
			if r.IntN(10) > 0 { // else it is dropped
				tx.Commit()
				now = own
			}
			if r.IntN(3) == 0 {
				open = append(open, held{m.Snapshot(), maps.Clone(now)})
			}
			for len(open) > 0 && (len(open) > 90 || r.IntN(4) == 0) { // more than there are slots
				i := r.IntN(len(open))
				open[i].s.Close()
				open = slices.Delete(open, i, i+1)
			}
			if len(open) > 0 && r.IntN(5) == 0 {
				h := open[r.IntN(len(open))]
				check(t, r, "snapshot", h.want, h.s.Get,
					func(lo, hi string, desc bool) func(func(string, int) bool) { return h.s.Scan(lo, hi, desc) })
			}
		}
		for _, h := range open {
			check(t, r, "snapshot", h.want, h.s.Get,
				func(lo, hi string, desc bool) func(func(string, int) bool) { return h.s.Scan(lo, hi, desc) })
			h.s.Close()
		}
		if m.Oldest() != m.now.Load() {
			t.Errorf("Oldest() = %d with no snapshot open, want %d", m.Oldest(), m.now.Load())
		}
	}
}

// TestReaders moves an amount between keys, deleting and making them, while readers add them up.
func TestReaders(t *testing.T) {
	const keys, sum = 50, 1000
	m := New[int]()
	tx := m.Begin()
	tx.Put("k00", sum)
	tx.Commit()
	var done atomic.Bool
	var group sync.WaitGroup
	for reader := range 4 {
		group.Go(func() {
			for !done.Load() {
				s := m.Snapshot()
				total, last := 0, ""
				for k, v := range s.Scan("", "", reader%2 == 1) {
					total += v
					if reader%2 == 0 && k <= last {
						t.Errorf("Scan() yields %q after %q", k, last)
					}
					last = k
				}
				again := 0
				for i := range keys {
					v, _ := s.Get(fmt.Sprintf("k%02d", i))
					again += v
				}
				s.Close()
				if total != sum || again != sum {
					t.Errorf("a snapshot holds %d by Scan and %d by Get, want %d", total, again, sum)
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		tx := m.Begin()
		from, to := fmt.Sprintf("k%02d", r.IntN(keys)), fmt.Sprintf("k%02d", r.IntN(keys))
		have, ok := tx.Get(from)
		if !ok || from == to {
			continue
		}
		there, _ := tx.Get(to)
		amount := 1 + r.IntN(have)
		if amount == have {
			tx.Delete(from)
		} else {
			tx.Put(from, have-amount)
		}
		tx.Put(to, there+amount)
		tx.Commit()
	}
	done.Store(true)
	group.Wait()
}

// TestVersionsGo looks whether old versions are let go of.
func TestVersionsGo(t *testing.T) {
	m := New[int]()
	for i := range 10_000 {
		tx := m.Begin()
		tx.Put("same", i)
		tx.Put(fmt.Sprint("key ", i), i)
		if i > 0 {
			tx.Delete(fmt.Sprint("key ", i-1))
		}
		tx.Commit()
	}
	s := m.Snapshot()
	defer s.Close()
	n := 0
	for range s.Scan("", "", false) {
		n++
	}
	if n != 2 || len(m.stale) > 16 {
		t.Errorf("%d keys, %d stale ones, want 2 and a few", n, len(m.stale))
	}
	versions := 0
	for v := m.index.find("same", m.index.hash("same")).newest(); v != nil; v = v.older.Load() {
		versions++
	}
	if versions > 2 {
		t.Errorf("%d versions of a key are kept", versions)
	}
}
