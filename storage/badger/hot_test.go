package badger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/reposit/reposit/storage"
)

// A moving index has keys of the form "k" time id, each of which moves to the newest time as its repository is pushed
// to.
type moving struct {
	at  []int
	now int
}

func movingKey(at, id int) []byte { return fmt.Appendf(nil, "k%08d%04d", at, id) }

func (m *moving) move(tx storage.Tx, id int) error {
	if m.at[id] != 0 {
		if err := tx.DeleteRecord(movingKey(m.at[id], id)); err != nil {
			return err
		}
	}
	m.now++
	m.at[id] = m.now
	return tx.PutRecord(movingKey(m.now, id), fmt.Append(nil, id))
}

// page returns the keys of a page of the index.
func page(t testing.TB, v storage.View, lo, hi []byte, order storage.Order, n int) (keys []string) {
	t.Helper()
	for rec, err := range v.Records(lo, hi, order) {
		if err != nil {
			t.Fatal(err)
		}
		if keys = append(keys, string(rec.Key)); len(keys) == n {
			break
		}
	}
	return keys
}

// TestMovedKeys counts what a page steps over that was deleted: it is no more after many moves than after few.
func TestMovedKeys(t *testing.T) {
	for _, order := range []storage.Order{storage.Descending, storage.Ascending} {
		b := openTest(t, "", &Options{InMemory: true})
		const ids, rows = 300, 100
		m := moving{at: make([]int, ids)}
		update(t, b, func(tx storage.Tx) error {
			for id := range ids {
				if err := m.move(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		read := func() int64 {
			before := b.buried.Load()
			err := b.View(t.Context(), func(v storage.View) error {
				if got := page(t, v, []byte("k"), []byte("l"), order, rows); len(got) != rows {
					t.Errorf("a page has %d rows, want %d", len(got), rows)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return b.buried.Load() - before
		}
		if got := read(); got != 0 {
			t.Errorf("order %v: a page of what never moved steps over %d keys, want 0", order, got)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for round := range 40 {
			for range 10 {
				update(t, b, func(tx storage.Tx) error {
					for range 25 {
						// The first ones move at each turn, others at times, and the last never.
						id := r.IntN(ids - 20)
						if r.IntN(2) == 0 {
							id %= 3
						}
						if err := m.move(tx, id); err != nil {
							return err
						}
					}
					return nil
				})
			}
			// What moved meanwhile, if the range was not known; otherwise nothing, or at most as much as leaves it unknown.
			got := read()
			if most := int64(mostBuried); round > 1 && got > most {
				t.Errorf("order %v: after %d moves a page steps over %d keys, want at most %d", order, m.now, got, most)
			}
		}
		closeStore(t, b)
	}
}

// TestKnownRanges compares, at each snapshot, what scans return with what the engine has, while keys move, appear and
// disappear, from several goroutines.
func TestKnownRanges(t *testing.T) {
	b := openTest(t, "", &Options{InMemory: true})
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		defer close(stop)
		r := rand.New(rand.NewPCG(3, 4))
		m := moving{at: make([]int, 2000)}
		for round := range 600 {
			update(t, b, func(tx storage.Tx) error {
				for range 1 + r.IntN(40) {
					id := r.IntN(1 + min(len(m.at)-1, 3*round+10))
					if r.IntN(8) == 0 && m.at[id] != 0 {
						if err := tx.DeleteRecord(movingKey(m.at[id], id)); err != nil {
							return err
						}
						m.at[id] = 0
					} else if err := m.move(tx, id); err != nil {
						return err
					}
				}
				// Some write what is there, delete what is not, and put what was deleted.
				for _, at := range []int{m.now - r.IntN(50), m.now - r.IntN(50)} {
					key := movingKey(at, 9999)
					if r.IntN(2) == 0 {
						if err := tx.PutRecord(key, nil); err != nil {
							return err
						}
					} else if err := tx.DeleteRecord(key); err != nil {
						return err
					}
				}
				return nil
			})
		}
	})
	for seed := range uint64(3) {
		work.Go(func() {
			r := rand.New(rand.NewPCG(5, seed))
			for {
				select {
				case <-stop:
					return
				default:
				}
				lo, hi := []byte("k"), []byte("l")
				if r.IntN(3) == 0 {
					lo, hi = movingKey(r.IntN(1000), 0), movingKey(500+r.IntN(20000), 0)
				}
				n := 1 + r.IntN(700)
				order := storage.Order(r.IntN(2) == 0)
				err := b.View(t.Context(), func(v storage.View) error {
					got := page(t, v, lo, hi, order, n)
					all, err := v.(*reader).keys(span{
						prefix: []byte{recordType}, lo: appendRecordKey(nil, lo), hi: appendRecordKey(nil, hi),
						descending: order == storage.Descending,
					}, n)
					want := make([]string, 0, n)
					for _, key := range all {
						want = append(want, key[1:])
					}
					if !slices.Equal(got, want) {
						t.Errorf("%d keys from %q to %q, %v, of snapshot %d = %d, want %d:\n%q\nwant\n%q", n, lo, hi, order,
							v.(*reader).Version(), len(got), len(want), got, want)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	b.hot.mu.Lock()
	defer b.hot.mu.Unlock()
	total := 0
	for i, r := range b.hot.ranges {
		total += len(r.entries)
		if r.lo >= r.hi || i > 0 && b.hot.ranges[i-1].hi > r.lo {
			t.Errorf("range %d is from %q to %q, behind one to %q", i, r.lo, r.hi, b.hot.ranges[max(i-1, 0)].hi)
		}
		if len(r.entries) > mostHot+mostDead {
			t.Errorf("range %d has %d keys, want at most %d", i, len(r.entries), mostHot+mostDead)
		}
	}
	if total == 0 || total != b.hot.keys {
		t.Errorf("%d keys are known, and counted as %d, want some", total, b.hot.keys)
	}
	closeStore(t, b)
}
