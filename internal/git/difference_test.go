package git

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type pair struct{ A, B Entry }

func differences(a, b *Tree) (all []pair) {
	for x, y := range Differences(a, b) {
		all = append(all, pair{x, y})
	}
	return all
}

// wantDifferences is Differences of well-formed trees, by looking at all entries.
func wantDifferences(a, b *Tree) (all []pair) {
	type key struct {
		name string
		dir  bool
	}
	byKey := map[key]*pair{}
	at := func(e Entry) *pair {
		k := key{e.Name, e.IsDir()}
		if byKey[k] == nil {
			byKey[k] = &pair{}
		}
		return byKey[k]
	}
	for _, e := range entries(a) {
		at(e).A = e
	}
	for _, e := range entries(b) {
		at(e).B = e
	}
	for _, p := range byKey {
		if p.A != p.B {
			all = append(all, *p)
		}
	}
	slices.SortFunc(all, func(x, y pair) int {
		if Less(one(x), one(y)) {
			return -1
		}
		return 1
	})
	return all
}

func one(p pair) Entry {
	if p.A.Name != "" {
		return p.A
	}
	return p.B
}

func TestDifferences(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for round := range rounds {
		var base []Entry
		for _, w := range words {
			if r.IntN(3) > 0 && !slices.ContainsFunc(base, func(e Entry) bool { return e.Name == w }) {
				base = append(base, Entry{Name: w, Mode: modes[r.IntN(len(modes))], Hash: randomHash(r)})
			}
		}
		for i := range r.IntN(200) { // so that what is common has more than one step
			base = append(base, Entry{Name: strings.Repeat("y", 100+i), Mode: ModeRegular, Hash: randomHash(r)})
		}
		changed := slices.Clone(base)
		for step := range r.IntN(4) {
			switch i := r.IntN(len(changed) + 1); {
			case i == len(changed):
				changed = append(changed, Entry{Name: fmt.Sprint("new", step), Mode: ModeRegular, Hash: randomHash(r)})
			case r.IntN(2) == 0:
				changed = slices.Delete(changed, i, i+1)
			default:
				changed[i].Mode = modes[r.IntN(len(modes))]
			}
		}
		a, b := mustParse(t, encode(base)), mustParse(t, encode(changed))
		if round%2 == 0 {
			a, b = b, a
		}
		if diff := cmp.Diff(wantDifferences(a, b), differences(a, b)); diff != "" {
			t.Fatalf("round %d: Differences (-want +got):\n%s", round, diff)
		}
	}
}

func TestDifferencesOfNil(t *testing.T) {
	tree := mustParse(t, encode([]Entry{{Name: "a", Mode: ModeRegular}, {Name: "b", Mode: ModeDir}}))
	if got := differences(tree, tree); got != nil {
		t.Errorf("Differences of a tree and itself = %v", got)
	}
	if got := differences(nil, nil); got != nil {
		t.Errorf("Differences(nil, nil) = %v", got)
	}
	for _, p := range differences(nil, tree) {
		if p.A != (Entry{}) || p.B.Name == "" {
			t.Errorf("Differences(nil, tree) has %v", p)
		}
	}
	if got := len(differences(tree, nil)); got != 2 {
		t.Errorf("Differences(tree, nil) has %d pairs, want 2", got)
	}
}

// TestDifferencesOfMalformed holds that whatever trees are handed in, each entry is seen once or the same in both.
func TestDifferencesOfMalformed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := func() *Tree {
		var raw []byte
		for range r.IntN(6) {
			e := Entry{Name: words[r.IntN(len(words))], Mode: modes[r.IntN(len(modes))]}
			e.Hash[0] = byte(r.IntN(2))
			raw = append(raw, encode([]Entry{e})...)
		}
		return mustParse(t, raw)
	}
	for range 5000 {
		a, b := random(), random()
		net := map[Entry]int{}
		for _, e := range entries(a) {
			net[e]--
		}
		for _, e := range entries(b) {
			net[e]++
		}
		for x, y := range Differences(a, b) {
			if x.Name != "" {
				net[x]++
			}
			if y.Name != "" {
				net[y]--
			}
		}
		for e, n := range net {
			if n != 0 {
				t.Fatalf("Differences(%v, %v) = %v: entry %v is left over %d times", entries(a), entries(b), differences(a, b), e,
					n)
			}
		}
	}
}
