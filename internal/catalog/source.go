package catalog

import (
	"bytes"
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
	err      error // says what is wrong with the row, which then has no id
}

// A source is an ordered part of a list: a range of an index, or rows in memory.
type source struct {
	rows   func(from []byte) iter.Seq2[row, error] // behind a position; nil: from the start
	filter bool                                    // it holds repositories that do not match
}

// A head is the next rows of a source.
type head struct {
	source
	read []row
	most int  // how many are read at once
	more bool // there may be others behind these
	err  error
}

// fill reads the next rows behind a position.
func (h *head) fill(from []byte) {
	h.read, h.more = nil, false
	for at, err := range h.rows(from) {
		if err != nil {
			h.err = err
			return
		}
		if h.read = append(h.read, at); len(h.read) == h.most {
			h.more = true
			return
		}
	}
}

// pass goes on to the next row.
func (h *head) pass() {
	last := h.read[0]
	if h.read = h.read[1:]; len(h.read) == 0 && h.more {
		h.fill(last.position)
	}
}

// addScope adds what is of a visibility in a scope.
func (l *lister) addScope(vis visibility, scope string, filter bool) error {
	if l.Sort != ByName && l.Sort != ByCreated && isStatic(scope) {
		return l.addSorted(vis, scope)
	}
	has, err := tallyOf(l.v, vis, scope)
	if err != nil || has == (tally{}) {
		return err
	}
	if !filter {
		l.total += has.repos()
	}
	ranges, within := l.ranges(vis, scope, &has)
	for _, prefix := range ranges {
		l.sources = append(l.sources, source{filter: filter, rows: func(from []byte) iter.Seq2[row, error] {
			return l.rows(prefix, within, from)
		}})
		if filter {
			n, err := l.countRows(prefix, within)
			if err != nil {
				return err
			}
			l.total += n
		}
	}
	return nil
}

// ranges returns what the keys of a list of one scope begin with, positions following, and what these begin with.
func (l *lister) ranges(vis visibility, scope string, has *tally) (ranges [][]byte, within []byte) {
	if l.Sort == ByName {
		if owner, ok := strings.CutPrefix(scope, "o"); ok {
			return [][]byte{indexPrefix(nil, indexName, vis, "")}, append([]byte(owner), '/')
		}
		return [][]byte{indexPrefix(nil, indexName, vis, scope)}, nil
	}
	for fields := Sort(1); fields <= allTimes; fields++ {
		if fields&l.Sort != 0 && has[fields] != 0 {
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
				at = l.parseRow(rec, len(prefix))
			}
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

func (l *lister) parseRow(rec storage.Record, skip int) (at row) {
	at.position = rec.Key[skip:]
	raw := rec.Value
	if l.Sort != ByName {
		raw = at.position[max(0, len(at.position)-len(at.id)):]
	}
	at.id, at.err = recordID(raw, "index")
	return at
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
		f, err := l.find(&at)
		if err != nil {
			return 0, err
		}
		if l.matches(f.Repo) {
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
		f, err := l.find(&row{id: id})
		if err != nil {
			return err
		}
		if l.filter && !l.matches(f.Repo) {
			continue
		}
		if err := l.addState(&f); err != nil {
			return err
		}
		found = append(found, f)
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
		rows[i] = row{position: l.position(&found[i]), id: found[i].ID}
	}
	slices.SortFunc(rows, func(a, b row) int {
		if l.Descending {
			a, b = b, a
		}
		return bytes.Compare(a.position, b.position)
	})
	l.sources = append(l.sources, source{rows: func(from []byte) iter.Seq2[row, error] {
		return func(yield func(row, error) bool) {
			for _, at := range rows {
				if (from == nil || l.isBehind(at.position, from)) && !yield(at, nil) {
					return
				}
			}
		}
	}})
	l.total += len(rows)
	return nil
}

// isBehind reports whether a position comes after another.
func (l *lister) isBehind(position, from []byte) bool {
	c := bytes.Compare(position, from)
	return c > 0 && !l.Descending || c < 0 && l.Descending
}

// position returns where a repository stands in the list.
func (l *lister) position(f *Found) []byte {
	var at record.Stamp
	switch l.Sort {
	case ByName:
		return appendName(nil, f.Owner, f.Slug)
	case ByCreated:
		at = record.StampOf(f.Created)
	case ByUpdated:
		at = record.StampOf(f.Updated)
	case ByPushed:
		at = record.StampOf(f.Pushed)
	}
	return append(record.AppendStamp(nil, at), f.ID[:]...)
}
