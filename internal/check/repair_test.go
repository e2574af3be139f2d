package check_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// lose returns a store with a repository, and a copy on a kind of backend that has a wrong object in place of its last
// commit, and lacks the tree of that.
func lose(t *testing.T, kind string) (whole, damaged *fixture.Store) {
	t.Helper()
	ctx := t.Context()
	whole = fixture.OpenMemory(t, nil)
	r := fixture.Create(t, whole.Store, "x", nil)
	fixture.Write(t, r, "a", "one")
	fixture.Write(t, r, "b", "two")
	b := &loser{Backend: fixture.Backend(t, kind), wrong: storage.Hash(must(r.Resolve(ctx, "main"))(t)),
		gone: storage.Hash(must(r.Resolve(ctx, "main^{tree}"))(t))}
	if err := whole.CopyTo(ctx, b, nil); err != nil {
		t.Fatal(err)
	}
	return whole, fixture.Open(t, b.Backend, "", nil)
}

// A loser is a backend whose stages lose an object, and get another one wrong.
type loser struct {
	storage.Backend
	gone, wrong storage.Hash
}

func (l *loser) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	s, err := l.Backend.Stage(ctx, pool)
	return losing{s, l}, err
}

type losing struct {
	storage.Stage
	l *loser
}

func (s losing) Put(ctx context.Context, o storage.Object) error {
	switch o.Hash {
	case s.l.gone:
		return nil
	case s.l.wrong:
		o.Data = bytes.ToUpper(o.Data)
		o.Delta = nil
	}
	if o.Delta != nil && o.Delta.Base == s.l.gone {
		o.Delta = nil
	}
	return s.Stage.Put(ctx, o)
}

// TestRepairObjects has Repair take objects from each kind of copy: one that is missing, and one that holds something
// else.
func TestRepairObjects(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for name, from := range map[string]func(*fixture.Store) reposit.RepairSource{
				"nothing": nil,
				"a store": func(s *fixture.Store) reposit.RepairSource { return s.Store },
				"a bundle": func(s *fixture.Store) reposit.RepairSource {
					var b bytes.Buffer
					if err := must(s.Repo(t.Context(), "x"))(t).Bundle(t.Context(), &b, nil); err != nil {
						t.Fatal(err)
					}
					return reposit.BundleCopy(&b)
				},
				"a repository": func(s *fixture.Store) reposit.RepairSource {
					fs := memfs.New()
					if err := must(s.Repo(t.Context(), "x"))(t).Export(t.Context(), fs, nil); err != nil {
						t.Fatal(err)
					}
					return reposit.RepositoryCopy(fs)
				},
			} {
				whole, damaged := lose(t, kind)
				report := inspect(t, damaged.Store)
				if !has(report, reposit.DamagedObject, "refs/heads/main leads to it") {
					t.Fatalf("Check() of what lost objects = %+v", report)
				}
				var opts reposit.RepairOptions
				if from != nil {
					opts.From = []reposit.RepairSource{from(whole)}
				}
				report, err := damaged.Repair(t.Context(), &opts)
				if err != nil || report.Clean() != (from != nil) {
					t.Errorf("Repair() from %s = %+v, %v", name, report, err)
				}
				_, err = must(damaged.Repo(t.Context(), "x"))(t).Read(t.Context(), "main", "b")
				if (err == nil) != (from != nil) {
					t.Errorf("Read() after Repair from %s = %v", name, err)
				}
			}
		})
	}
}

// TestRepairRecords damages what is made of other records, refs, and the record of a repository: Repair leaves nothing,
// and the rest works.
func TestRepairRecords(t *testing.T) {
	none := storage.ID([]byte("xxxxxxxxxxxxxxxxxxxx"))
	for name, damage := range map[string]func(*village, storage.Tx) error{
		"indexes": func(v *village, tx storage.Tx) error {
			for _, prefix := range []string{"kt", "kn", "n", "x", "S", "Fa", "An", "Fp"[:1]} {
				for rec, err := range tx.Records([]byte(prefix), []byte(prefix+"\xff"), storage.Ascending) {
					if err != nil {
						return err
					}
					if string(rec.Key[:2]) == "Fp" || string(rec.Key[:2]) == "Fh" || string(rec.Key[:2]) == "Fu" {
						continue
					}
					if err := tx.DeleteRecord(rec.Key); err != nil {
						return err
					}
				}
			}
			return nil
		},
		"records of nothing": func(v *village, tx storage.Tx) error {
			return errors.Join(tx.PutRecord([]byte("t"+none.String()), []byte("1")), tx.PutRecord([]byte("~"), nil),
				tx.PutRecord([]byte("kn0\x00ann/nothing"), none[:]))
		},
		"languages, contributors and the graph": func(v *village, tx storage.Tx) error {
			for _, prefix := range []string{"Lc", "Ca", "Gt", "Gh"} {
				for rec, err := range tx.Records([]byte(prefix), []byte(prefix+"\xff"), storage.Ascending) {
					if err != nil {
						return err
					}
					if err := tx.PutRecord(rec.Key, append([]byte{rec.Value[0]}, "damage"...)); err != nil {
						return err
					}
				}
			}
			return nil
		},
		"HEAD": func(v *village, tx storage.Tx) error {
			return errors.Join(tx.DeleteRef(v.fork, "HEAD", nil), tx.PutRef(v.root, storage.Ref{Name: "HEAD",
				Target: "refs/tags/none"}, nil))
		},
		"counts of forks": func(v *village, tx storage.Tx) error {
			rec, err := tx.Record([]byte("t" + v.root.String()))
			if err != nil {
				return err
			}
			return tx.PutRecord([]byte("t"+v.root.String()), append(bytes.Clone(rec[:17]), 1, 1, 9, 9, 0, 0))
		},
		"a repository": func(v *village, tx storage.Tx) error {
			return tx.PutRecord([]byte("i"+v.fork.String()), []byte{2, 1})
		},
		"a state": func(v *village, tx storage.Tx) error {
			return tx.PutRecord([]byte("t"+v.fork.String()), []byte{2, 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVillage(t)
			if err := v.Backend.Update(t.Context(), func(tx storage.Tx) error { return damage(v, tx) }); err != nil {
				t.Fatal(err)
			}
			before := inspect(t, v.Store.Store)
			if before.Clean() {
				t.Fatal("Check() finds nothing")
			}
			report, err := v.Repair(t.Context(), nil)
			if err != nil || !report.Clean() || report.Repaired == 0 {
				t.Errorf("Repair() = %+v, %v; before: %v", report, err, before.Damage)
			}
			root := must(v.RepoByID(t.Context(), reposit.ID("rp_"+v.root.String())))(t)
			fixture.Write(t, root, "after", "repair")
			if page := must(v.List(t.Context(), nil))(t); len(page.Items) < 2 || page.Items[0].Damaged != nil {
				t.Errorf("List() = %+v", page)
			}
			if report := inspect(t, v.Store.Store); !report.Clean() {
				t.Errorf("Check() after writing = %+v", report.Damage)
			}
		})
	}
}

// TestRepairLeaves holds that what no copy has is still named afterwards, and that a copy of the store is refused or
// made.
func TestRepairLeaves(t *testing.T) {
	_, damaged := lose(t, "memory")
	report, err := damaged.Repair(t.Context(), nil)
	if err != nil || report.Found == 0 {
		t.Fatalf("Repair() = %+v, %v", report, err)
	}
	copied := memory.New()
	if err := damaged.CopyTo(t.Context(), copied, nil); err != nil && !errors.Is(err, reposit.ErrCorrupt) {
		t.Errorf("CopyTo() of a store that lost objects = %v", err)
	}
	copied.Close()
}
