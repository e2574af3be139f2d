package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/git"
)

// A history is commits by number. A parent has a lower number than its child.
type history struct {
	commits []*git.Commit
	reads   int
}

func hash(n int) (h git.Hash) {
	binary.BigEndian.PutUint32(h[:], uint32(n+1))
	return h
}

func (h *history) add(when int64, parents ...int) int {
	c := &git.Commit{Committer: git.Signature{When: time.Unix(when, 0)}}
	for _, p := range parents {
		c.Parents = append(c.Parents, hash(p))
	}
	h.commits = append(h.commits, c)
	return len(h.commits) - 1
}

var errGone = errors.New("no such commit")

func (h *history) read(_ context.Context, of git.Hash) (*git.Commit, error) {
	h.reads++
	n := int(binary.BigEndian.Uint32(of[:])) - 1
	if n < 0 || n >= len(h.commits) || h.commits[n] == nil {
		return nil, errGone
	}
	return h.commits[n], nil
}

// ancestors returns which commits n contains, itself among them.
func (h *history) ancestors(n int) []bool {
	in := make([]bool, len(h.commits))
	in[n] = true
	for i := n; i >= 0; i-- {
		if !in[i] {
			continue
		}
		for _, p := range h.commits[i].Parents {
			in[binary.BigEndian.Uint32(p[:])-1] = true
		}
	}
	return in
}

// randomHistory has some commits with wrong times.
func randomHistory(r *rand.Rand, n int) *history {
	h := &history{}
	for i := range n {
		var parents []int
		for range min(i, r.IntN(3)) {
			if p := max(0, i-1-r.IntN(6)); !slices.Contains(parents, p) {
				parents = append(parents, p)
			}
		}
		when := int64(i) * 10
		if r.IntN(4) == 0 {
			when = r.Int64N(int64(n) * 10)
		}
		h.add(when, parents...)
	}
	return h
}

func TestRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := randomHistory(r, 2+r.IntN(40))
		for range 20 {
			head, base := r.IntN(len(h.commits)), r.IntN(len(h.commits))
			ofHead, ofBase := h.ancestors(head), h.ancestors(base)
			got, err := IsAncestor(t.Context(), h.read, hash(base), hash(head))
			if got != ofHead[base] || err != nil {
				t.Fatalf("seed %d: IsAncestor(%d, %d) = %v, %v, want %v", seed, base, head, got, err, ofHead[base])
			}
			shared := map[git.Hash]bool{}
			for i := range h.commits {
				if ofHead[i] && ofBase[i] {
					shared[hash(i)] = true
				}
			}
			common, err := MergeBase(t.Context(), h.read, hash(head), hash(base))
			if err != nil || common.IsZero() != (len(shared) == 0) || !common.IsZero() && !shared[common] {
				t.Fatalf("seed %d: MergeBase(%d, %d) = %v, %v, want one of %v", seed, head, base, common, err, shared)
			}
			var targets []git.Hash
			for i := range h.commits {
				targets = append(targets, hash(i))
			}
			found, err := Among(t.Context(), h.read, hash(head), hash(base), targets)
			if err != nil {
				t.Fatal(err)
			}
			for i := range h.commits {
				got := slices.Contains(found, hash(i))
				if got && !ofHead[i] || !got && ofHead[i] && !ofBase[i] {
					t.Fatalf("seed %d: Among(%d, %d) finds %d: %v, head has it: %v, base has it: %v", seed, head, base, i, got,
						ofHead[i], ofBase[i])
				}
			}
		}
	}
}

// TestReads holds that a long history behind both is not walked.
func TestReads(t *testing.T) {
	h := &history{}
	tip := h.add(0)
	for i := range 1000 {
		tip = h.add(int64(i), tip)
	}
	ahead := h.add(2000, h.add(1999, tip))
	aside := h.add(2001, tip)
	for _, test := range []struct {
		head, commit int
		want         bool
	}{{ahead, tip, true}, {tip, ahead, false}, {ahead, aside, false}, {aside, ahead, false}, {tip, tip, true}} {
		h.reads = 0
		got, err := IsAncestor(t.Context(), h.read, hash(test.commit), hash(test.head))
		if got != test.want || err != nil || h.reads > 10 {
			t.Errorf("IsAncestor(%d, %d) = %v, %v with %d reads, want %v with at most 10", test.commit, test.head, got, err,
				h.reads, test.want)
		}
	}
	if found, err := Among(t.Context(), h.read, hash(ahead), git.Hash{}, []git.Hash{hash(0)}); len(found) != 1 ||
		err != nil {
		t.Errorf("Among() without base = %v, %v, want the root", found, err)
	}
}

func TestErrors(t *testing.T) {
	h := &history{}
	tip := h.add(1, h.add(0))
	h.commits[0] = nil
	if got, err := IsAncestor(t.Context(), h.read, hash(5), hash(tip)); got || !errors.Is(err, errGone) {
		t.Errorf("IsAncestor() of a commit that is not there = %v, %v, want %v", got, err, errGone)
	}
	if got, err := Among(t.Context(), h.read, hash(tip), git.Hash{}, []git.Hash{hash(9)}); got != nil ||
		!errors.Is(err, errGone) {
		t.Errorf("Among() in a history with a hole = %v, %v, want %v", got, err, errGone)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := IsAncestor(ctx, h.read, hash(tip), hash(tip)); !errors.Is(err, context.Canceled) {
		t.Errorf("IsAncestor() of a cancelled context = %v, want %v", err, context.Canceled)
	}
}
