package contributor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

var (
	repo         = storage.ID([]byte("00000000000000000007"))
	ignoreSerial = cmpopts.IgnoreFields(Tally{}, "serial")
	exported     = cmp.AllowUnexported(Tally{}, span{})
)

func newTally(tip byte, authors int) *Tally {
	t := &Tally{Tip: git.Hash{tip}, span: span{latest: -5, skew: 1 << 40}}
	for i := range authors {
		t.Authors = append(t.Authors, Author{fmt.Sprint("name", i), fmt.Sprint(i, "@x.org"), i + 1})
	}
	return t
}

func update(t testing.TB, b storage.Backend, fn func(storage.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, b storage.Backend) (tally *Tally) {
	t.Helper()
	err := b.View(t.Context(), func(v storage.View) (err error) {
		tally, err = Load(v, repo)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// records returns all keys that there are.
func records(t testing.TB, b storage.Backend) (keys []string) {
	t.Helper()
	err := b.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records([]byte{0}, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			keys = append(keys, string(rec.Key))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestSave(t *testing.T) {
	b := memory.New()
	defer b.Close()
	if got := load(t, b); got != nil {
		t.Fatalf("Load of nothing = %v", got)
	}
	var stored *Tally
	for i, n := range []int{0, 1, pageSize, pageSize + 1, 3*pageSize + 5, 2 * pageSize, 7} {
		next := newTally(byte(i+1), n)
		update(t, b, func(tx storage.Tx) error { return Save(tx, repo, stored, next) })
		stored = load(t, b)
		if d := cmp.Diff(next, stored, exported, ignoreSerial); d != "" {
			t.Errorf("Load after Save of %d authors (-want +got):\n%s", n, d)
		}
		if got, want := len(records(t, b)), 1+(n+pageSize-1)/pageSize; got != want {
			t.Errorf("%d authors are in %d records, want %d", n, got, want)
		}
	}
	update(t, b, func(tx storage.Tx) error { return Drop(tx, repo) })
	if keys := records(t, b); len(keys) > 0 {
		t.Errorf("Drop leaves %q", keys)
	}
}

// TestSaveOfStale holds that what was loaded before another one saved is not written over it.
func TestSaveOfStale(t *testing.T) {
	b := memory.New()
	defer b.Close()
	first, second, third := newTally(1, 2), newTally(2, 3), newTally(3, 4)
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, nil, first) })
	old := load(t, b)
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, old, second) })
	for _, stale := range []*Tally{nil, old, first} {
		update(t, b, func(tx storage.Tx) error { return Save(tx, repo, stale, third) })
		if got := load(t, b); got.Tip != second.Tip || len(got.Authors) != 3 {
			t.Errorf("Save on a stale tally is stored: %v", got)
		}
	}
	update(t, b, func(tx storage.Tx) error { return Drop(tx, repo) })
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, old, third) })
	if keys := records(t, b); len(keys) > 0 {
		t.Errorf("Save after Drop stores %q", keys)
	}
}

func TestSaveOfTooMany(t *testing.T) {
	b := memory.New()
	defer b.Close()
	many := newTally(2, 0)
	for i := range maxKept/(2*graph.MaxText) + 1 {
		author := Author{strings.Repeat("n", graph.MaxText), fmt.Sprintf("%0*d", graph.MaxText, i), 1}
		many.Authors = append(many.Authors, author)
	}
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, nil, newTally(1, 2)) })
	old := load(t, b)
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, old, many) })
	if keys := records(t, b); len(keys) > 0 {
		t.Errorf("Save of too many authors leaves %q", keys)
	}
	many.Authors = many.Authors[:3*pageSize]
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, nil, many) })
	if got := load(t, b); len(got.Authors) != 3*pageSize {
		t.Errorf("Save of pages of long names stores %d authors", len(got.Authors))
	}
}

// TestDamagedRecords holds that damage is seen, and that a new tally takes its place.
func TestDamagedRecords(t *testing.T) {
	whole := newTally(1, 3)
	head := whole.encodeHead(4)
	for n := range head {
		if _, _, err := decodeHead(head[:n]); err == nil {
			t.Errorf("decodeHead of %d bytes of %d = nil, want an error", n, len(head))
		}
	}
	if _, _, err := decodeHead(append(slices.Clone(head), 0)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("decodeHead with a byte more = %v, want ErrCorrupt", err)
	}
	later := slices.Clone(head)
	later[0]++
	if _, _, err := decodeHead(later); !errors.Is(err, storage.ErrFormat) {
		t.Errorf("decodeHead of a later version = %v, want ErrFormat", err)
	}
	pages, _ := whole.pages()
	page := pages[0]
	b := memory.New()
	defer b.Close()
	for n := range page {
		authors, err := decodePage(page[:n], nil)
		if err == nil && len(authors) == len(whole.Authors) {
			t.Errorf("decodePage of %d bytes of %d = %v", n, len(page), authors)
		}
		update(t, b, func(tx storage.Tx) error {
			return errors.Join(tx.PutRecord(headKey(repo), head), tx.PutRecord(pageKey(repo, 0), page[:n]))
		})
		err = b.View(t.Context(), func(v storage.View) error {
			_, err := Load(v, repo)
			return err
		})
		if !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("Load with %d bytes of %d = %v, want ErrCorrupt", n, len(page), err)
		}
	}
	update(t, b, func(tx storage.Tx) error { return tx.PutRecord(headKey(repo), []byte{9}) })
	update(t, b, func(tx storage.Tx) error { return Save(tx, repo, nil, whole) })
	if d := cmp.Diff(whole, load(t, b), exported, ignoreSerial); d != "" {
		t.Errorf("Load after Save over damage (-want +got):\n%s", d)
	}
}

func FuzzRecords(f *testing.F) {
	pages, _ := newTally(1, 3).pages()
	f.Add(newTally(1, 3).encodeHead(1), pages[0])
	f.Fuzz(func(t *testing.T, head, page []byte) {
		if tally, n, err := decodeHead(head); err == nil {
			again, m, err := decodeHead((&Tally{Tip: tally.Tip, span: tally.span,
				Authors: make([]Author, min(n, 1000))}).encodeHead(tally.serial))
			if d := cmp.Diff(tally, again, exported); err != nil || d != "" || m != min(n, 1000) {
				t.Errorf("decodeHead(%q) is not what it is when encoded again: %v %s", head, err, d)
			}
		}
		if authors, err := decodePage(page, nil); err == nil && len(authors) <= pageSize && len(authors) > 0 {
			pages, _ := (&Tally{Authors: authors}).pages()
			again, err := decodePage(pages[0], nil)
			if d := cmp.Diff(authors, again); err != nil || d != "" {
				t.Errorf("decodePage(%q) is not what it is when encoded again: %v %s", page, err, d)
			}
		}
	})
}
