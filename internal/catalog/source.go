package catalog

import (
	"bytes"
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A row is a place in a list.
type row struct {
	position []byte
	id       storage.ID
}

// A source is an ordered part of a list: a range of an index, or rows in memory.
type source struct {
	open   func() (next func() (row, error, bool), stop func())
	count  func() (int, error)
	filter bool // it holds repositories that do not match
}

// A head is the next row of a source.
type head struct {
	next   func() (row, error, bool)
	filter bool
	row    row
	err    error
	done   bool
}

func (h *head) advance() {
	var ok bool
	h.row, h.err, ok = h.next()
	h.done = !ok
}

// addScope adds what is of a visibility in a scope.
func (l *lister) addScope(vis visibility, scope string, filter bool) error {
	if l.Sort != ByName && l.Sort != ByCreated && isStatic(scope) {
		return l.addSorted(vis, scope)
	}
	ranges, within := l.ranges(vis, scope)
	for i, prefix := range ranges {
		s := source{filter: filter, open: func() (func() (row, error, bool), func()) {
			return iter.Pull2(l.rows(prefix, within, l.from))
		}}
		switch {
		case filter:
			s.count = func() (int, error) { return l.countRows(prefix, within) }
		case i == 0: // the count is of all ranges together
			s.count = func() (int, error) { return countOf(l.v, vis, scope) }
		default:
			s.count = func() (int, error) { return 0, nil }
		}
		l.sources = append(l.sources, s)
	}
	return nil
}

// ranges returns what the keys of a list of one scope begin with, positions following, and what these begin with.
func (l *lister) ranges(vis visibility, scope string) (ranges [][]byte, within []byte) {
	if l.Sort == ByName {
		if owner, ok := strings.CutPrefix(scope, "o"); ok {
			return [][]byte{indexPrefix(nil, indexName, vis, "")}, append([]byte(owner), '/')
		}
		return [][]byte{indexPrefix(nil, indexName, vis, scope)}, nil
	}
	for fields := Sort(1); fields <= allTimes; fields++ {
		if fields == l.Sort || fields&l.Sort != 0 && !isStatic(scope) {
			ranges = append(ranges, append(indexPrefix(nil, indexTime, vis, scope), byte(fields)))
		}
	}
	return ranges, nil
}

// rows yields a range of an index behind a position, or from its start.
func (l *lister) rows(prefix, within, from []byte) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		lo := append(slices.Clone(prefix), within...)
		hi := record.After(lo)
		if from != nil {
			at := append(slices.Clone(prefix), from...)
			switch { // the position may lie outside of what this range holds
			case l.Descending && bytes.Compare(at, lo) < 0, !l.Descending && bytes.Compare(at, hi) >= 0:
				return
			case l.Descending && bytes.Compare(at, hi) < 0:
				hi = at
			case !l.Descending && bytes.Compare(at, lo) >= 0:
				lo = append(at, 0)
			}
		}
		for rec, err := range l.v.Records(lo, hi, storage.Order(l.Descending)) {
			var at row
			if err == nil {
				at, err = l.parseRow(rec, len(prefix))
			}
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

func (l *lister) parseRow(rec storage.Record, skip int) (at row, err error) {
	at.position = rec.Key[skip:]
	raw := rec.Value
	if l.Sort != ByName {
		raw = at.position[max(0, len(at.position)-len(at.id)):]
	}
	at.id, err = recordID(raw, "index")
	return at, err
}

// countRows looks at all of a range.
func (l *lister) countRows(prefix, within []byte) (int, error) {
	n := 0
	for at, err := range l.rows(prefix, within, nil) {
		if err == nil {
			err = l.ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		r, err := l.load(at.id)
		if err != nil {
			return 0, err
		}
		if l.matches(r) {
			n++
		}
	}
	return n, nil
}

// addSorted adds what is in a scope that has no index of the order.
func (l *lister) addSorted(vis visibility, scope string) error {
	prefix := append(indexPrefix(nil, indexTime, vis, scope), byte(ByCreated))
	var found []Found
	for rec, err := range l.v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err == nil {
			err = l.ctx.Err()
		}
		if err != nil {
			return err
		}
		id, err := recordID(rec.Key[max(0, len(rec.Key)-len(storage.ID{})):], "index")
		if err != nil {
			return err
		}
		r, err := l.load(id)
		if err != nil {
			return err
		}
		if l.filter && !l.matches(r) {
			continue
		}
		state, err := LoadState(l.v, r)
		if err != nil {
			return err
		}
		found = append(found, Found{r, state})
	}
	return l.addFound(found)
}

// addFound adds repositories that match.
func (l *lister) addFound(found []Found) error {
	if len(found) == 0 {
		return nil
	}
	rows := make([]row, len(found))
	for i := range found {
		rows[i] = row{l.position(&found[i]), found[i].ID}
	}
	slices.SortFunc(rows, func(a, b row) int {
		if l.Descending {
			a, b = b, a
		}
		return bytes.Compare(a.position, b.position)
	})
	l.sources = append(l.sources, source{
		open: func() (func() (row, error, bool), func()) {
			left := rows
			for len(left) > 0 && l.from != nil && !l.isBehind(left[0].position) {
				left = left[1:]
			}
			return func() (row, error, bool) {
				if len(left) == 0 {
					return row{}, nil, false
				}
				at := left[0]
				left = left[1:]
				return at, nil, true
			}, func() {}
		},
		count: func() (int, error) { return len(rows), nil },
	})
	return nil
}

// isBehind reports whether a position comes after that of the token.
func (l *lister) isBehind(position []byte) bool {
	c := bytes.Compare(position, l.from)
	return c > 0 && !l.Descending || c < 0 && l.Descending
}

// position returns where a repository stands in the list.
func (l *lister) position(f *Found) []byte {
	var at uint64
	switch l.Sort {
	case ByName:
		return appendName(nil, f.Owner, f.Slug)
	case ByCreated:
		at = timeKey(f.Created)
	case ByUpdated:
		at = timeKey(f.Updated)
	case ByPushed:
		at = timeKey(f.Pushed)
	}
	return append(binary.BigEndian.AppendUint64(nil, at), f.ID[:]...)
}
