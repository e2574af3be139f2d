package check_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// inspect returns what Check says of a store.
func inspect(t *testing.T, s *reposit.Store) reposit.CheckReport {
	t.Helper()
	report, err := s.Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// has reports whether a report has a damage of a kind that means something and touches repositories.
func has(r reposit.CheckReport, kind reposit.DamageKind, means string, ids ...reposit.ID) bool {
	return slices.ContainsFunc(r.Damage, func(d reposit.Damage) bool {
		for _, id := range ids {
			if !slices.Contains(d.Repos, id) {
				return false
			}
		}
		return d.Kind == kind && strings.Contains(d.Means, means)
	})
}

// TestStoreCheck damages a store on each backend. Before, it is clean; afterwards, Check says what is damaged, and
// which repositories that touches.
func TestStoreCheck(t *testing.T) {
	fixture.EachBackend(t, func(t *testing.T, open fixture.Opener) {
		s, ctx := open(nil), t.Context()
		r := fixture.Create(t, s.Store, "x", nil)
		fixture.Write(t, r, "f", "content")
		large := bytes.Repeat([]byte("0123456789abcdef"), storage.LargeObject/8)
		if _, err := r.Commit(ctx, nil, reposit.PutReader("large", bytes.NewReader(large))); err != nil {
			t.Fatal(err)
		}
		fork, err := r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		other := fixture.Create(t, s.Store, "other", nil)
		fixture.Write(t, other, "f", "other")
		report := inspect(t, s.Store)
		if !report.Clean() || report.Repos != 3 || report.Objects < 9 || report.Bytes < int64(len(large)) {
			t.Fatalf("Check() of what is whole = %+v", report)
		}
		lost := storage.Hash{1}
		id := fixture.StorageID(r)
		if err := s.Backend.Update(ctx, func(tx storage.Tx) error {
			err := tx.PutRef(id, storage.Ref{Name: "refs/heads/lost", Hash: lost}, nil)
			return errors.Join(err, tx.DeleteRecord([]byte("kn0\x00local/x")), tx.PutRecord([]byte("i"+id.String()[:19]+"~"),
				[]byte("damage")))
		}); err != nil {
			t.Fatal(err)
		}
		report = inspect(t, s.Store)
		if !has(report, reposit.DamagedObject, "refs/heads/lost leads to it: not found", r.ID()) ||
			has(report, reposit.DamagedObject, "", fork.ID()) || has(report, reposit.DamagedObject, "", other.ID()) {
			t.Errorf("Check() = %+v, want a lost object of one repository", report)
		}
		if !has(report, reposit.DamagedRepository, "") {
			t.Errorf("Check() = %+v, want a damaged repository", report)
		}
	})
}

// TestCheckBesideWriters has others write, fork, and delete while Check looks at the store again and again: it finds
// nothing.
func TestCheckBesideWriters(t *testing.T) {
	fixture.EachKind(t, func(t *testing.T, open fixture.Opener) {
		s, ctx := open(nil), t.Context()
		keep := fixture.Create(t, s.Store, "keep", nil)
		fixture.Write(t, keep, "f", "content")
		var writers sync.WaitGroup
		stop := make(chan struct{})
		for _, owner := range []string{"ann", "bob"} {
			writers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					fork, err := keep.Fork(ctx, &reposit.ForkOptions{Owner: owner})
					made, err2 := s.Create(ctx, "new", &reposit.CreateOptions{Owner: owner})
					if err := errors.Join(err, err2); err != nil {
						t.Error(err)
						return
					}
					fixture.Write(t, fork, "f", owner)
					fixture.Write(t, made, "f", owner)
					fixture.Remove(t, made)
					fixture.Remove(t, fork)
				}
			})
		}
		for range 5 {
			if report := inspect(t, s.Store); !report.Clean() {
				t.Errorf("Check() beside writers = %+v", report.Damage)
			}
		}
		close(stop)
		writers.Wait()
		if report := inspect(t, s.Store); !report.Clean() {
			t.Errorf("Check() after writers = %+v", report.Damage)
		}
	})
}

// TestCheckProgress holds that progress and damage are told as they come, and that a cancelled context ends the check.
func TestCheckProgress(t *testing.T) {
	v := newVillage(t)
	if err := v.Backend.Update(t.Context(), func(tx storage.Tx) error {
		return tx.PutRef(v.fork, storage.Ref{Name: "refs/heads/bad", Hash: storage.Hash{1}}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	var stages []string
	var found []reposit.Damage
	report, err := v.Store.Store.Check(t.Context(), &reposit.CheckOptions{
		Progress: func(p reposit.Progress) { stages = append(stages, p.Stage) },
		Found:    func(d reposit.Damage) { found = append(found, d) },
	})
	if err != nil || len(found) != report.Found || len(found) == 0 || len(stages) == 0 {
		t.Errorf("Check() = %+v, %v, told %v in %q", report, err, found, stages)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Store.Store.Check(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Check() with a cancelled context = %v", err)
	}
}
