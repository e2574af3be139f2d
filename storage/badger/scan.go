package badger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	engine "github.com/dgraph-io/badger/v4"
)

// An entry is a key with its payload.
type entry struct{ key, payload []byte }

// Numbers of entries that are read at once, so that neither locks nor iterators are held while a caller's loop body
// runs. The first is small because most loops are short: a page of a list has 30 rows, and looks for one more.
const (
	firstPage = 32
	laterPage = 512
)

// A span is the keys lo <= key < hi, all of which begin with prefix, which keeps the engine from looking further.
type span struct {
	prefix, lo, hi []byte
	descending     bool
}

func (s span) holds(key []byte) bool {
	return bytes.Compare(key, s.lo) >= 0 && bytes.Compare(key, s.hi) < 0
}

// scan calls yield with the entries in s, page by page, until it returns false. They are what was there when it began,
// whatever the Update writes meanwhile. After an error there is nothing more.
func (r *reader) scan(s span, yield func(entry, error) bool) {
	r.begin(s).scan(yield)
}

// begin returns a scan of s as it is now.
func (r *reader) begin(s span) pages {
	p := pages{r: r, span: s, over: r.overlay(s)}
	if r.own != nil {
		p.drops = maps.Clone(r.own.drops)
	}
	return p
}

func (p pages) scan(yield func(entry, error) bool) {
	for n := firstPage; ; n = laterPage {
		page, more, err := p.next(n)
		if err != nil {
			yield(entry{}, err)
			return
		}
		for _, e := range page {
			if !yield(e, nil) {
				return
			}
		}
		if !more {
			return
		}
	}
}

// overlay returns what the writeSets have in s, in the order of the scan.
func (r *reader) overlay(s span) []put {
	if r.own == nil {
		return nil
	}
	keys := slices.Clone(r.own.between(s.lo, s.hi))
	for _, g := range r.below {
		keys = append(keys, g.between(s.lo, s.hi)...)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if s.descending {
		slices.Reverse(keys)
	}
	over := make([]put, len(keys))
	for i, key := range keys {
		w, _ := r.unpublished([]byte(key))
		over[i] = put{key, w.value}
	}
	return over
}

// pages is a scan that is under way.
type pages struct {
	r *reader
	span
	over  []put   // what the writeSets have, as far as it is still to come
	drops dropSet // of the Update itself
}

// next returns the next n entries, and whether there may be more.
func (p *pages) next(n int) (page []entry, more bool, err error) {
	defer rescue(&err)
	if bytes.Compare(p.lo, p.hi) >= 0 {
		return nil, false, nil
	}
	it := p.r.badger().NewIterator(engine.IteratorOptions{Prefix: p.prefix, Reverse: p.descending})
	defer it.Close()
	p.seek(it)
	var buf arena
	for len(page) < n {
		base := it.Valid() && p.holds(it.Item().Key())
		if !base && len(p.over) == 0 {
			return page, false, nil
		}
		if len(p.over) > 0 && (!base || before([]byte(p.over[0].key), it.Item().Key(), p.descending)) {
			w := p.over[0]
			p.over = p.over[1:]
			if base && w.key == string(it.Item().Key()) {
				it.Next()
			}
			if w.value != nil {
				page = append(page, entry{[]byte(w.key), payloadOf(w.value)})
			}
			continue
		}
		if !p.hidden(it.Item()) {
			e, err := buf.entry(it.Item())
			if err != nil {
				return nil, false, err
			}
			page = append(page, e)
		}
		it.Next()
	}
	if last := page[len(page)-1].key; p.descending {
		p.hi = last
	} else {
		p.lo = append(bytes.Clone(last), 0)
	}
	return page, true, nil
}

func (p *pages) seek(it *engine.Iterator) {
	if !p.descending {
		it.Seek(p.lo)
		return
	}
	if it.Seek(p.hi); it.Valid() && bytes.Equal(it.Item().Key(), p.hi) {
		it.Next()
	}
}

// hidden reports whether a drop hides what the engine has.
func (p *pages) hidden(item *engine.Item) bool {
	key := item.Key()
	if p.drops.hide(key) {
		return true
	}
	for _, g := range p.r.below {
		if g.drops.hide(key) {
			return true
		}
	}
	return p.r.b.drops.hides(key, item.Version(), p.r.snap.ts)
}

// An arena is memory for the entries of a page, so that they need not have some each. It takes a little, then twice as
// much each time: most scans find few. What it took lives as long as any entry in it.
type arena struct {
	free []byte
	size int // of what it took last
}

const (
	leastArena = 256
	mostArena  = 4 << 10
)

// entry copies what the engine has.
func (a *arena) entry(item *engine.Item) (e entry, err error) {
	e.key = a.copy(item.Key())
	var value []byte
	err = item.Value(func(v []byte) error {
		value = a.copy(v)
		return nil
	})
	if err != nil {
		return entry{}, fmt.Errorf("badger: %s: %w", describe(e.key), err)
	}
	e.payload, err = unseal(e.key, value)
	return e, err
}

func (a *arena) copy(b []byte) []byte {
	if len(b) > cap(a.free)-len(a.free) {
		if len(b) > leastArena/2 {
			return bytes.Clone(b)
		}
		a.size = min(max(2*a.size, leastArena), mostArena)
		a.free = make([]byte, 0, a.size)
	}
	n := len(a.free)
	a.free = append(a.free, b...)
	return a.free[n:len(a.free):len(a.free)]
}

// before reports whether a comes before b or is b.
func before(a, b []byte, descending bool) bool {
	if descending {
		return bytes.Compare(a, b) >= 0
	}
	return bytes.Compare(a, b) <= 0
}

func commonPrefix(a, b []byte) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
