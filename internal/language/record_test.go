package language

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func repoID(n int) storage.ID { return storage.ID([]byte(fmt.Sprintf("%020d", n))) }

func update(t testing.TB, b storage.Backend, fn func(storage.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

var keptExamples = []Kept{
	{},
	{Commit: git.Hash{1}, Tree: git.Hash{2},
		Counts: Counts{Files: 3, Dirs: 1, Bytes: map[string]int64{"Go": 10, "C++": 1 << 40}}},
	{Tree: git.Hash{3}, Counts: tooLarge},
}

func TestKept(t *testing.T) {
	b := memory.New()
	defer b.Close()
	for i, k := range keptExamples {
		update(t, b, func(tx storage.Tx) error { return Save(tx, repoID(i), k) })
	}
	err := b.View(t.Context(), func(v storage.View) error {
		for i, want := range keptExamples {
			got, err := Load(v, repoID(i))
			if len(got.Counts.Bytes) == 0 {
				got.Counts.Bytes = nil
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Load(%d) = %v (-want +got):\n%s", i, err, diff)
			}
		}
		if _, err := Load(v, repoID(99)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Load of nothing = %v, want ErrNotFound", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKeptDamage holds that damage is seen, and does no harm.
func TestKeptDamage(t *testing.T) {
	whole := keptExamples[1].encode()
	for n := range whole {
		if k, err := decode(whole[:n]); err == nil {
			t.Errorf("decode of %d bytes of %d = %v, want an error", n, len(whole), k)
		}
	}
	if _, err := decode(append(slices.Clone(whole), 0)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("decode with a byte more = %v, want ErrCorrupt", err)
	}
	later := slices.Clone(whole)
	later[0]++
	if _, err := decode(later); !errors.Is(err, storage.ErrFormat) {
		t.Errorf("decode of a later version = %v, want ErrFormat", err)
	}
	other := slices.Clone(whole)
	other[2]++
	if _, err := decode(other); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("decode of counts by other rules = %v, want ErrNotFound", err)
	}
}

func FuzzKept(f *testing.F) {
	for _, k := range keptExamples {
		f.Add(k.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(k.encode())
		if diff := cmp.Diff(k, again); err != nil || diff != "" {
			t.Errorf("decode(%q) is not what it is when encoded again: %v\n%s", b, err, diff)
		}
	})
}

func TestDirty(t *testing.T) {
	b := memory.New()
	defer b.Close()
	update(t, b, func(tx storage.Tx) error {
		for _, n := range []int{5, 1, 9, 3, 3} {
			if err := Mark(tx, repoID(n)); err != nil {
				return err
			}
		}
		if err := Save(tx, repoID(1), keptExamples[1]); err != nil {
			return err
		}
		return errors.Join(Clean(tx, repoID(9)), Drop(tx, repoID(5)), Drop(tx, repoID(77)))
	})
	for _, tt := range []struct {
		after storage.ID
		limit int
		want  []storage.ID
	}{
		{storage.ID{}, 10, []storage.ID{repoID(1), repoID(3)}},
		{storage.ID{}, 1, []storage.ID{repoID(1)}},
		{repoID(1), 1, []storage.ID{repoID(3)}},
		{repoID(3), 1, nil},
	} {
		err := b.View(t.Context(), func(v storage.View) error {
			got, err := Dirty(v, tt.after, tt.limit)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("Dirty(%v, %d) = %v, %v; want %v", tt.after, tt.limit, got, err, tt.want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDropLeavesNothing(t *testing.T) {
	b := memory.New()
	defer b.Close()
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(Save(tx, repoID(1), keptExamples[1]), Mark(tx, repoID(1)))
	})
	update(t, b, func(tx storage.Tx) error { return Drop(tx, repoID(1)) })
	err := b.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records([]byte{0}, nil, storage.Ascending) {
			t.Errorf("record %q, %v is left", rec.Key, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRulesVersion fails when go-enry is updated: then rulesVersion must be raised, with the version here, because
// files may count for other languages than before.
func TestRulesVersion(t *testing.T) {
	const want = "github.com/go-enry/go-enry/v2 v2.9.6"
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\t"+want+"\n") {
		t.Errorf("go.mod does not require %s, for which rulesVersion is %d", want, rulesVersion)
	}
}
