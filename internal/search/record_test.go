package search

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

func TestRecords(t *testing.T) {
	id := storage.ID([]byte("0123456789abcdefghij"))
	d := &document{
		private: true, created: 1 << 63, owner: "alice", slug: "notes", language: "Go",
		words: []word{{"alice", "alic", inOwner}, {"notes", "note", wholeName}, {"数据", "数据", inLabels}},
	}
	only := term{
		total: 1, inline: true, only: posting{place{inName, 7, id}, 3},
		classes: tally{{byte(inName), 1}}, shared: tally{{3, 1}},
	}
	many := term{total: 300}
	many.classes.add(byte(inName), 100)
	many.classes.add(byte(inLabels), 200)
	many.shared.add(0, 299)
	many.shared.add(9, 1)
	g := group{words: []string{"tested", "tests"}, excess: 5}
	p := &position{ranked: ranked{24000, 1 << 62, id}, apart: true, weights: []uint16{1, 65535}}

	check(t, "document", d.encode(), d, decodeDocument)
	check(t, "term of one", only.encode(nil), only, decodeTerm)
	check(t, "term of many", many.encode(nil), term{}, decodeTerm)
	check(t, "counts", many.encodeCounts(nil), many, decodeCounts)
	check(t, "group", g.encode(), g, decodeGroup)
	check(t, "position", p.encode(), p, decodePosition)
}

func decodeTerm(b []byte) (t term, err error) {
	err = t.decode(b)
	return t, err
}

func decodeCounts(b []byte) (t term, err error) {
	err = t.decodeCounts(b)
	return t, err
}

// check holds that a record reads back as what was written, that what is cut off reads as that or not at all, and that
// another version is refused.
func check[T any](t *testing.T, what string, b []byte, want T, decode func([]byte) (T, error)) {
	t.Helper()
	got, err := decode(b)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("%s: -want +got:\n%s", what, diff)
	}
	for n := range b {
		if _, err := decode(b[:n]); err != nil && !isDamage(err) {
			t.Errorf("%s of %d bytes: %v", what, n, err)
		}
	}
	b[0]++
	if _, err := decode(b); !errors.Is(err, storage.ErrFormat) && !errors.Is(err, ErrPosition) {
		t.Errorf("%s of another version: %v", what, err)
	}
}

func isDamage(err error) bool {
	return errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrFormat) || errors.Is(err, ErrPosition)
}

// FuzzRecords holds that whatever is read as a record, nothing panics, and what reads well is written alike.
func FuzzRecords(f *testing.F) {
	f.Add((&document{words: []word{{"a", "a", inName}}}).encode())
	f.Add((&term{total: 1, inline: true}).encode(nil))
	f.Add((&term{total: 2, classes: tally{{1, 2}}, shared: tally{{0, 2}}}).encodeCounts(nil))
	f.Add((&group{words: []string{"a"}}).encode())
	f.Add((&position{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := decodeDocument(b); err == nil {
			if again, err := decodeDocument(d.encode()); err != nil || len(again.words) != len(d.words) {
				t.Errorf("document %+v reads back as %+v, %v", d, again, err)
			}
		}
		if m, err := decodeTerm(b); err == nil {
			if again, err := decodeTerm(m.encode(nil)); err != nil || again.only != m.only {
				t.Errorf("term %+v reads back as %+v, %v", m, again, err)
			}
		}
		if m, err := decodeCounts(b); err == nil {
			if again, err := decodeCounts(m.encodeCounts(nil)); err != nil || again.total != m.total {
				t.Errorf("counts %+v read back as %+v, %v", m, again, err)
			}
		}
		if g, err := decodeGroup(b); err == nil {
			if again, err := decodeGroup(g.encode()); err != nil || len(again.words) != len(g.words) {
				t.Errorf("group %+v reads back as %+v, %v", g, again, err)
			}
		}
		if p, err := decodePosition(b); err == nil {
			if again, err := decodePosition(p.encode()); err != nil || again.ranked != p.ranked {
				t.Errorf("position %+v reads back as %+v, %v", p, again, err)
			}
		}
	})
}
