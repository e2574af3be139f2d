package stats

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/storage"
)

func id(n int) (id storage.ID) {
	binary.BigEndian.PutUint32(id[:], uint32(n+1))
	return id
}

func TestRecent(t *testing.T) {
	var r recent
	if c := r.get(id(1)); c.known {
		t.Errorf("get of nothing = %v", c)
	}
	for i := range maxRecent + 100 {
		r.put(id(i), counted{Kept: language.Kept{Commit: git.Hash{1}}, language: "Go"})
		if c, ok := r.at(id(i), git.Hash{1}); !ok || c.language != "Go" {
			t.Fatalf("at what was put last = %v, %v", c, ok)
		}
	}
	if len(r.repos) != maxRecent {
		t.Errorf("%d are held, want %d", len(r.repos), maxRecent)
	}
	last := id(maxRecent + 99)
	if _, ok := r.at(last, git.Hash{2}); ok {
		t.Error("at another commit finds something")
	}
	r.put(last, counted{Kept: language.Kept{Commit: git.Hash{1}}, looked: 7})
	r.kept(last, git.Hash{2})
	if r.get(last).looked != 7 {
		t.Error("kept at another commit holds for this one")
	}
	r.kept(last, git.Hash{1})
	if r.get(last).looked != 0 {
		t.Error("kept does not hold")
	}
}

func TestTurns(t *testing.T) {
	var all turns
	var group sync.WaitGroup
	var inside, done [2]atomic.Int32
	for i := range 200 {
		group.Go(func() {
			giveBack, err := all.take(t.Context(), turn{id(i % 2), 'L'})
			if err != nil {
				t.Error(err)
				return
			}
			defer giveBack()
			if n := inside[i%2].Add(1); n != 1 {
				t.Errorf("%d have the turn at once", n)
			}
			done[i%2].Add(1)
			inside[i%2].Add(-1)
		})
	}
	group.Wait()
	if done[0].Load() != 100 || done[1].Load() != 100 || len(all.taken) > 0 {
		t.Errorf("%d and %d had their turn, %d are left", done[0].Load(), done[1].Load(), len(all.taken))
	}
}

func TestTurnsCancelled(t *testing.T) {
	var all turns
	giveBack, err := all.take(t.Context(), turn{id(1), 'L'})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(ctx, turn{id(1), 'L'}); !errors.Is(err, context.Canceled) {
		t.Errorf("take = %v, want %v", err, context.Canceled)
	}
	other, err := all.take(ctx, turn{id(1), 'C'})
	if err != nil {
		t.Fatalf("take of another turn = %v", err)
	}
	other()
	giveBack()
	if giveBack, err = all.take(t.Context(), turn{id(1), 'L'}); err != nil {
		t.Fatal(err)
	}
	giveBack()
}
