package badger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

// TestCacheAndSnapshots has readers check that each View shows one state, while the keys change and others evict them.
func TestCacheAndSnapshots(t *testing.T) {
	t.Parallel()
	b := openTest(t, "", &Options{InMemory: true, MemoryBudget: 1})
	b.cache = newCache(64 * 1024) // so small that entries come and go
	const keys = 20
	set := func(i int) error {
		return b.Update(t.Context(), func(tx storage.Tx) error {
			for k := range keys {
				key := fmt.Append(nil, k)
				if i%3 == 0 && k%2 == 0 {
					if err := tx.DeleteRecord(key); err != nil {
						return err
					}
					continue
				}
				if err := tx.PutRecord(key, fmt.Append(nil, i)); err != nil {
					return err
				}
			}
			return tx.PutRecord([]byte("i"), fmt.Append(nil, i))
		})
	}
	if err := set(1); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				err := b.View(t.Context(), func(v storage.View) error { return sameState(v, keys) })
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i := 0; !stop.Load(); i++ {
			_ = b.View(t.Context(), func(v storage.View) error {
				_, err := v.Record(fmt.Append(nil, "other", i%1000))
				return err
			})
		}
	})
	for i := 2; i < 1000; i++ {
		if err := set(i); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

func sameState(v storage.View, keys int) error {
	state, err := v.Record([]byte("i"))
	if err != nil {
		return err
	}
	var i int
	fmt.Sscan(string(state), &i)
	got, want := map[string]string{}, map[string]string{}
	for k := range keys {
		value, err := v.Record(fmt.Append(nil, k))
		if err == nil {
			got[fmt.Sprint(k)] = string(value)
		}
		if i%3 != 0 || k%2 != 0 {
			want[fmt.Sprint(k)] = fmt.Sprint(i)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("state %d differs (-want +got):\n%s", i, diff)
	}
	return nil
}
