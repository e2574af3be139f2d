package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A term is what is known of the documents of a part that have it: the only one, or how many by class, and by shared:
// how many bytes the word has in common with the one before it in the document. By these, the documents that have any
// of the words in a range can be counted though some have several.
//
// The counts are a record of their own. They change often, and a backend may go on holding what was overwritten for a
// while, in the way of who reads the terms that begin alike.
type term struct {
	total   int
	only    posting // if total is 1
	inline  bool    // it is
	classes tally
	shared  tally
}

// A posting is one document that has a term.
type posting struct {
	place
	shared byte
}

// of returns how many have that class.
func (t *term) of(c class) int {
	for _, e := range t.classes {
		if e.of == byte(c) {
			return e.n
		}
	}
	return 0
}

// A tally counts by a number, in the order of the numbers.
type tally []count

type count struct {
	of byte
	n  int
}

func (t *tally) add(of byte, n int) {
	i, found := slices.BinarySearchFunc(*t, of, func(c count, of byte) int { return int(c.of) - int(of) })
	if !found {
		*t = slices.Insert(*t, i, count{of, n})
	} else if (*t)[i].n += n; (*t)[i].n == 0 {
		*t = slices.Delete(*t, i, i+1)
	}
}

// The second byte of a term's record says whether it holds the only document.
const (
	termOfMany = 0
	termOfOne  = 1
)

func (t *term) encode(b []byte) []byte {
	if !t.inline {
		return append(b, recordVersion, termOfMany)
	}
	b = append(b, recordVersion, termOfOne, byte(t.only.class), t.only.shared)
	return append(record.AppendStamp(b, t.only.created), t.only.id[:]...)
}

// decode reads what encode wrote. The counts of a term of many are left to decodeCounts.
func (t *term) decode(b []byte) error {
	r := record.Decode(b)
	r.Version(recordVersion, recordVersion)
	switch r.Byte() {
	case termOfMany:
	case termOfOne:
		t.inline, t.total = true, 1
		t.only.class, t.only.shared = class(r.Byte()), r.Byte()
		t.only.created, t.only.id = r.Stamp(), r.ID()
		t.classes, t.shared = tally{{byte(t.only.class), 1}}, tally{{t.only.shared, 1}}
	default:
		r.Check(false)
	}
	return r.End("search term")
}

func (t *term) encodeCounts(b []byte) []byte {
	b = append(b, recordVersion)
	for _, tallied := range [2]tally{t.classes, t.shared} {
		b = append(b, byte(len(tallied)))
		for _, e := range tallied {
			b = binary.AppendUvarint(append(b, e.of), uint64(e.n))
		}
	}
	return b
}

func (t *term) decodeCounts(b []byte) error {
	r := record.Decode(b)
	r.Version(recordVersion, recordVersion)
	totals := [2]int{}
	for i, tallied := range [2]*tally{&t.classes, &t.shared} {
		n := r.Byte()
		if n > 0 {
			*tallied = make(tally, 0, min(int(n)+1, r.Len())) // mostly one more comes
		}
		for range n {
			e := count{r.Byte(), int(r.Uvarint())}
			if n := len(*tallied); e.n <= 0 || n > 0 && (*tallied)[n-1].of >= e.of {
				r.Check(false)
				break
			}
			*tallied = append(*tallied, e)
			totals[i] += e.n
		}
	}
	t.total = totals[0]
	r.Check(totals[0] == totals[1] && t.total >= 2)
	return r.End("search counts")
}

// loadTerm returns a term of a part, which is zero if no document has it. It makes keys in the room of key.
func loadTerm(v storage.View, p part, name string, key []byte) (term, error) {
	b, err := v.Record(partKey(key[:0], keyTerm, p, name))
	if errors.Is(err, storage.ErrNotFound) {
		return term{}, nil
	}
	if err != nil {
		return term{}, err
	}
	return readTerm(v, p, name, b, key)
}

// readTerm returns the term whose record is given.
func readTerm(v storage.View, p part, name string, record, key []byte) (term, error) {
	var t term
	if err := t.decode(record); err != nil || t.inline {
		return t, err
	}
	b, err := v.Record(partKey(key[:0], keyCount, p, name))
	if errors.Is(err, storage.ErrNotFound) {
		return t, fmt.Errorf("%w: counts of search term %q are missing", storage.ErrCorrupt, name)
	}
	if err != nil {
		return t, err
	}
	return t, t.decodeCounts(b)
}

// store stores what became of a term.
func (w *writer) store(name string, old, t *term) error {
	w.key = partKey(w.key[:0], keyCount, w.part, name)
	had, has := old.total > 0 && !old.inline, t.total > 0 && !t.inline
	var err error
	switch {
	case has:
		err = w.putValue(t.encodeCounts(w.value[:0]))
	case had:
		err = w.tx.DeleteRecord(w.key)
	}
	if err != nil || had && has || !had && !has && old.only == t.only {
		return err
	}
	w.key = partKey(w.key[:0], keyTerm, w.part, name)
	if t.total == 0 {
		return w.tx.DeleteRecord(w.key)
	}
	return w.putValue(t.encode(w.value[:0]))
}

// putValue stores a value, which was made in the room for one, under the key that was made.
func (w *writer) putValue(value []byte) error {
	w.value = value
	return w.tx.PutRecord(w.key, value)
}
