package badger

import (
	"bytes"
	"maps"
	"slices"

	"github.com/reposit/reposit/storage"
)

// An entry is a key with its payload.
type entry struct{ key, payload []byte }

// Numbers of entries that are read at once, so that neither locks nor iterators are held while a caller's loop body
// runs. The first is small because most loops are short: a page of a list has 30 rows, and looks for one more.
const (
	firstPage = 32
	mostPage  = 512
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
	p := pages{r: r, span: s, over: r.overlay(s), start: s.lo}
	if s.descending {
		p.start = s.hi
	}
	if r.own != nil {
		p.drops = maps.Clone(r.own.drops)
	}
	return p
}

func (p pages) scan(yield func(entry, error) bool) {
	for n := firstPage; ; n = min(4*n, mostPage) {
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
	over   []put   // what the writeSets have, as far as it is still to come
	drops  dropSet // of the Update itself
	start  []byte  // the end of the span that the scan began at
	rows   int     // how many entries there were
	buried int     // what it came across that was deleted or replaced, and is not known
}

// next returns the next n entries, and whether there may be more.
func (p *pages) next(n int) (page []entry, more bool, err error) {
	defer rescue(&err)
	if bytes.Compare(p.lo, p.hi) >= 0 {
		return nil, false, nil
	}
	base := stored{r: p.r, rest: p.span, n: n}
	defer base.close()
	var buf arena
	for have := false; len(page) < n; {
		if !have {
			if have, err = base.next(); err != nil {
				return nil, false, err
			}
		}
		if !have && len(p.over) == 0 {
			base.close()
			return page, false, p.pass(len(page), base.buried)
		}
		if len(p.over) > 0 && (!have || before([]byte(p.over[0].key), base.key, p.descending)) {
			w := p.over[0]
			p.over = p.over[1:]
			if have && w.key == string(base.key) {
				have = false
			}
			if w.value != nil {
				page = append(page, entry{[]byte(w.key), payloadOf(w.value)})
			}
			continue
		}
		if !p.hidden(base.key, base.version) {
			e, err := base.entry(&buf)
			if err != nil {
				return nil, false, err
			}
			page = append(page, e)
		}
		have = false
	}
	base.close()
	if err := p.pass(len(page), base.buried); err != nil {
		return nil, false, err
	}
	if last := page[len(page)-1].key; p.descending {
		p.hi = last
	} else {
		p.lo = append(bytes.Clone(last), 0)
	}
	return page, true, nil
}

// pass notes that the scan came to so many entries, and across so many keys that were deleted. If these are many, its
// range is made known.
func (p *pages) pass(rows, buried int) error {
	p.rows += rows
	p.buried += buried
	p.r.b.buried.Add(int64(buried))
	if p.buried <= mostBuried || p.rows > mostHot/2 || p.prefix[0] != recordType {
		return nil
	}
	p.buried = 0
	all := p.span
	if p.descending {
		all.hi = p.start
	} else {
		all.lo = p.start
	}
	return p.r.b.learn(all)
}

// stored is what is published of a span, a key at a time: from the engine, and without it where the keys are known.
type stored struct {
	r       *reader
	rest    span // what is to come after keys and cursor
	n       int  // how many keys are likely to be asked for
	keys    []string
	cursor  *cursor
	key     []byte
	payload []byte // of one whose key was known
	version uint64
	bare    bool // payload is to be used
	buried  int  // what the cursors came across that was deleted or replaced
}

// next goes on to the next key, and reports whether there is one.
func (s *stored) next() (bool, error) {
	for {
		if len(s.keys) > 0 {
			s.key, s.keys = []byte(s.keys[0]), s.keys[1:]
			payload, err := s.r.published(s.key)
			if err == storage.ErrNotFound {
				return false, corrupt(s.key, "a key was taken for one that is there")
			}
			s.payload, s.version, s.bare = payload, 0, true
			return err == nil, err
		}
		if s.cursor != nil {
			found, err := s.cursor.next()
			if found || err != nil {
				s.key, s.version, s.bare = s.cursor.at, s.cursor.version, false
				return found, err
			}
			s.close()
		}
		if bytes.Compare(s.rest.lo, s.rest.hi) >= 0 {
			return false, nil
		}
		if s.rest.prefix[0] != recordType {
			s.cursor = s.r.open(s.rest)
			s.rest.lo = s.rest.hi
			continue
		}
		p := s.r.b.hot.look(s.rest, s.r.snap.ts, s.n)
		if s.rest = p.rest; p.known {
			s.keys = p.keys
		} else {
			s.cursor = s.r.open(p.span)
		}
	}
}

// entry copies what is at the key.
func (s *stored) entry(buf *arena) (e entry, err error) {
	if s.bare {
		return entry{s.key, buf.copy(s.payload)}, nil
	}
	e.key = buf.copy(s.key)
	e.payload, err = unseal(e.key, buf.copy(s.cursor.value))
	return e, err
}

// close ends the cursor.
func (s *stored) close() {
	if s.cursor != nil {
		s.cursor.close()
		s.buried += s.cursor.buried
		s.cursor = nil
	}
}

// hidden reports whether a drop hides what the engine has.
func (p *pages) hidden(key []byte, version uint64) bool {
	if p.drops.hide(key) {
		return true
	}
	for _, g := range p.r.below {
		if g.drops.hide(key) {
			return true
		}
	}
	return p.r.b.drops.hides(key, version, p.r.snap.ts)
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
