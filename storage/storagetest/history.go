package storagetest

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/reposit/reposit/storage"
)

func historyClauses() []clause {
	return []clause{
		{"Alone", historiesAlone},
		{"Together", historiesTogether},
	}
}

// seeds returns the seeds of random histories: always the same two, one of them with -short, or the one that the
// environment variable STORAGETEST_SEED holds.
func seeds() []uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("STORAGETEST_SEED"), 10, 64); err == nil {
		return []uint64{seed}
	}
	if testing.Short() {
		return []uint64{1}
	}
	return []uint64{1, 2}
}

// play runs n units of a workload, and says in which one b differs from the model. It compares the whole now and
// then: within each unit the refs and records are compared anyway.
func (f *fixture) play(w *Workload, n int) error {
	for i := range n {
		u := w.Next()
		if err := u.Run(f.ctx, f.b); err != nil {
			return fmt.Errorf("writer %d, unit %d: %w\n%v", w.writer, i, err, u)
		}
		if i%25 == 24 || i == n-1 {
			if err := w.Model.Compare(f.ctx, f.b); err != nil {
				return fmt.Errorf("writer %d, after unit %d: %w\n%v", w.writer, i, err, u)
			}
		}
	}
	return nil
}

func historiesAlone(f *fixture) {
	for i, seed := range seeds() {
		f.Logf("seed %d", seed)
		if err := f.play(NewWorkload(seed, i), 100); err != nil {
			f.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// historiesTogether has several writers at once, each in a world of its own, and a reader who looks at all of them.
// What differs from one run to the next is how they meet, so one seed will do.
func historiesTogether(f *fixture) {
	const writers, units = 4, 50
	for i, seed := range seeds()[:1] {
		f.Logf("seed %d", seed)
		all := make([]*Workload, writers)
		for w := range all {
			all[w] = NewWorkload(seed, i*writers+w)
		}
		f.together(writers+1, func(w int) error {
			if w < writers {
				return f.play(all[w], units)
			}
			for range units {
				err := f.b.View(f.ctx, func(v storage.View) error {
					_, err := collect(v.Records(nil, nil, storage.Descending))
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		for _, w := range all {
			if err := w.Model.Compare(f.ctx, f.b); err != nil {
				f.Fatalf("seed %d, writer %d: %v", seed, w.writer, err)
			}
		}
	}
}
