package badger

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// Bounds of the ranges that are known. A key takes some 100 bytes, so all of them some 2 MiB.
const (
	mostBuried = 128     // what a scan steps over before its range is made known
	mostHot    = 1 << 10 // live keys of one range
	mostDead   = 512     // dead keys of one range
	totalHot   = 16 << 10
	pastHot    = 128 // commits before the last one that a range can tell of for sure
)

// hotRanges are ranges of records whose keys are known, so that a scan need not step over what was deleted there: the
// engine keeps that until a compaction. Where keys move, as those of an index by time do with every push, it grows with
// what was ever written, not with what there is. The first scan that comes across much of it makes its range known;
// commits then keep that up to date.
type hotRanges struct {
	mu       sync.Mutex
	ranges   []*hotRange // by lo; none overlaps another
	keys     int         // of all of them
	clock    uint64      // counts uses
	learning sync.Mutex  // held by who makes a range known
}

// A hotRange tells which keys lo <= key < hi there are, at the timestamp since and at later ones.
type hotRange struct {
	lo, hi     string
	descending bool // it was scanned downwards, so what is far away is low
	known      bool // not yet, while what it began with is being read
	since      uint64
	entries    []hotKey // ascending
	dead       int      // how many of them died
	used       uint64
}

// A hotKey is a key that was there from the timestamp born on and before died, which is 0 while it is there.
type hotKey struct {
	key        string
	born, died uint64
}

// unborn is for a key of which only its death is known.
const unborn = math.MaxUint64

func (k hotKey) livesAt(ts uint64) bool { return k.born <= ts && (k.died == 0 || ts < k.died) }

func (h *hotRanges) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ranges, h.keys = nil, 0
}

// index returns the position of the first range that ends above key.
func (h *hotRanges) index(key string) int {
	i, _ := slices.BinarySearchFunc(h.ranges, key, func(r *hotRange, key string) int {
		if r.hi <= key {
			return -1
		}
		return 1
	})
	return i
}

// A piece is the part of a span that a scan comes to next: known, with its first keys, or not. Rest is what lies
// behind.
type piece struct {
	span
	known bool
	keys  []string
	rest  span
}

// look returns the first piece of s, with at most n keys, as they were at ts.
func (h *hotRanges) look(s span, ts uint64, n int) piece {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := piece{span: s, rest: s}
	lo, hi := string(s.lo), string(s.hi)
	if s.descending {
		p.rest.hi = s.lo
		for i := h.index(lo); i < len(h.ranges) && h.ranges[i].lo < hi; i++ {
			switch r := h.ranges[i]; {
			case !r.tells(ts):
			case r.hi < hi:
				p.lo = []byte(r.hi)
				p.rest.hi = p.lo
			default:
				p.lo = []byte(max(r.lo, lo))
				p.rest.hi = p.lo
				h.take(&p, r, ts, n)
			}
		}
		return p
	}
	p.rest.lo = s.hi
	for i := h.index(lo); i < len(h.ranges) && h.ranges[i].lo < hi; i++ {
		r := h.ranges[i]
		if !r.tells(ts) {
			continue
		}
		if r.lo > lo {
			p.hi = []byte(r.lo)
			p.rest.lo = p.hi
		} else {
			p.hi = []byte(min(r.hi, hi))
			p.rest.lo = p.hi
			h.take(&p, r, ts, n)
		}
		break
	}
	return p
}

func (r *hotRange) tells(ts uint64) bool { return r.known && r.since <= ts }

// take puts the first n keys of p that r has into it.
func (h *hotRanges) take(p *piece, r *hotRange, ts uint64, n int) {
	h.clock++
	r.used, p.known = h.clock, true
	i, _ := r.search(string(p.lo))
	j, _ := r.search(string(p.hi))
	for i < j && len(p.keys) < n {
		k := r.entries[i]
		if p.descending {
			j--
			k = r.entries[j]
		} else {
			i++
		}
		if k.livesAt(ts) {
			p.keys = append(p.keys, k.key)
		}
	}
	if i < j && p.descending {
		p.rest.hi = []byte(p.keys[len(p.keys)-1])
	} else if i < j {
		p.rest.lo = append([]byte(p.keys[len(p.keys)-1]), 0)
	}
}

// search returns the position of the first entry of key, or of where it would be.
func (r *hotRange) search(key string) (int, bool) {
	return slices.BinarySearchFunc(r.entries, key, func(e hotKey, key string) int { return cmp.Compare(e.key, key) })
}

// apply notes what was written at ts, which nobody reads at yet.
func (h *hotRanges) apply(writes map[string]write, ts uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ranges) == 0 {
		return
	}
	for key, w := range writes {
		if key[0] != recordType {
			continue
		}
		i := h.index(key)
		if i == len(h.ranges) || h.ranges[i].lo > key {
			continue
		}
		r := h.ranges[i]
		h.keys -= len(r.entries)
		if w.value == nil {
			r.remove(key, ts)
		} else {
			r.put(key, ts)
		}
		r.shrink(ts)
		h.keys += len(r.entries)
	}
	h.evict(nil)
}

func (r *hotRange) put(key string, ts uint64) {
	i, _ := r.search(key)
	for ; i < len(r.entries) && r.entries[i].key == key; i++ {
		if r.entries[i].died == 0 {
			return
		}
	}
	r.entries = slices.Insert(r.entries, i, hotKey{key: key, born: ts})
}

func (r *hotRange) remove(key string, ts uint64) {
	i, _ := r.search(key)
	for ; i < len(r.entries) && r.entries[i].key == key; i++ {
		if r.entries[i].died == 0 {
			r.entries[i].died = ts
			r.dead++
			return
		}
	}
	if !r.known {
		r.entries = slices.Insert(r.entries, i, hotKey{key, unborn, ts})
		r.dead++
	}
}

// shrink forgets what died long ago, and the far half of the range if it has too many keys.
func (r *hotRange) shrink(ts uint64) {
	if !r.known {
		return
	}
	if r.dead > mostDead {
		r.since = max(r.since, ts-min(ts, pastHot))
		if r.bury(); r.dead > mostDead/2 {
			r.since = ts
			r.bury()
		}
	}
	if len(r.entries)-r.dead <= mostHot {
		return
	}
	middle := r.entries[len(r.entries)/2].key
	i, _ := r.search(middle)
	if r.descending {
		r.lo, r.entries = middle, slices.Clone(r.entries[i:])
	} else {
		r.hi, r.entries = middle, slices.Clone(r.entries[:i])
	}
	r.bury()
}

// bury forgets what was dead already when the range begins to tell.
func (r *hotRange) bury() {
	r.dead = 0
	r.entries = slices.DeleteFunc(r.entries, func(k hotKey) bool {
		if k.died != 0 && k.died > r.since {
			r.dead++
		}
		return k.died != 0 && k.died <= r.since
	})
}

// evict gives up what was not used for the longest time, but not spare, until the rest is within bounds.
func (h *hotRanges) evict(spare *hotRange) {
	for h.keys > totalHot || len(h.ranges) > totalHot/64 {
		last := -1
		for i, r := range h.ranges {
			if r.known && r != spare && (last < 0 || r.used < h.ranges[last].used) {
				last = i
			}
		}
		if last < 0 {
			return
		}
		h.forget(last)
	}
}

func (h *hotRanges) forget(i int) {
	h.keys -= len(h.ranges[i].entries)
	h.ranges = slices.Delete(h.ranges, i, i+1)
}

// learn makes the first keys in s known, from where it begins on, unless others do so with keys at the moment.
func (b *backend) learn(s span) error {
	if !b.hot.learning.TryLock() {
		return nil
	}
	defer b.hot.learning.Unlock()
	for left := mostHot / 2; left > 0; {
		r, snap, ok := b.hot.start(b, s)
		if !ok {
			return nil
		}
		part := s
		part.lo, part.hi = []byte(r.lo), []byte(r.hi)
		n, err := b.fillHot(r, snap, part, left)
		if err != nil {
			return err
		}
		if left -= n; s.descending {
			s.hi = part.lo
		} else {
			s.lo = part.hi
		}
	}
	return nil
}

// start adds the first part of s that is not known, and returns the snapshot at which its keys are to be read: what is
// published later is noted in it. Not ok means that there is none.
func (h *hotRanges) start(b *backend, s span) (r *hotRange, snap *snapshot, ok bool) {
	b.mu.Lock() // What is published has been applied.
	defer b.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	r = &hotRange{lo: string(s.lo), hi: string(s.hi), descending: s.descending}
	i := h.index(r.lo) // where it belongs
	if s.descending {
		for i = len(h.ranges); i > 0 && h.ranges[i-1].hi >= r.hi; i-- {
			r.hi = min(r.hi, h.ranges[i-1].lo)
		}
		if i > 0 {
			r.lo = max(r.lo, h.ranges[i-1].hi)
		}
	} else {
		for ; i < len(h.ranges) && h.ranges[i].lo <= r.lo; i++ {
			r.lo = h.ranges[i].hi
		}
		if i < len(h.ranges) {
			r.hi = min(r.hi, h.ranges[i].lo)
		}
	}
	if r.lo >= r.hi {
		return nil, nil, false
	}
	snap = b.timeline.acquire()
	r.since = snap.ts
	h.ranges = slices.Insert(h.ranges, i, r)
	return r, snap, true
}

// fillHot makes r, which is s, known as far as its first most keys go, and returns how many these are.
func (b *backend) fillHot(r *hotRange, snap *snapshot, s span, most int) (int, error) {
	reader := reader{b: b, snap: snap}
	defer reader.end()
	keys, err := reader.keys(s, most)
	h := &b.hot
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.ranges, r)
	if i < 0 {
		return 0, err
	}
	if err != nil {
		h.forget(i)
		return 0, err
	}
	h.complete(i, keys, len(keys) == most)
	return len(keys), nil
}

// keys returns the first most keys in s, as the engine has them.
func (r *reader) keys(s span, most int) (keys []string, err error) {
	defer rescue(&err)
	c := r.open(s)
	defer c.close()
	for len(keys) < most {
		found, err := c.next()
		if !found || err != nil {
			return keys, err
		}
		keys = append(keys, string(c.at))
	}
	return keys, nil
}

// complete makes the ith range known, now that it is read what there was when it began, or, if cut, as far as it is
// read. It joins it with what it touches.
func (h *hotRanges) complete(i int, keys []string, cut bool) {
	r := h.ranges[i]
	h.keys -= len(r.entries)
	if cut && r.descending {
		r.lo = keys[len(keys)-1]
	} else if cut {
		r.hi = keys[len(keys)-1] + "\x00"
	}
	for _, key := range keys {
		if at, ok := r.search(key); ok {
			r.entries[at].born = 0
		} else {
			r.entries = slices.Insert(r.entries, at, hotKey{key: key})
		}
	}
	r.entries = slices.DeleteFunc(r.entries, func(k hotKey) bool {
		return k.born == unborn || k.key < r.lo || k.key >= r.hi
	})
	r.known = true
	r.bury()
	h.keys += len(r.entries)
	h.clock++
	r.used = h.clock
	if i+1 < len(h.ranges) {
		h.join(i)
	}
	if i > 0 {
		h.join(i - 1)
	}
	h.evict(r)
}

// join makes the ith range and the next one one, if they touch and it would not be too large.
func (h *hotRanges) join(i int) {
	low, high := h.ranges[i], h.ranges[i+1]
	if low.hi != high.lo || !low.known || !high.known || low.descending != high.descending ||
		len(low.entries)+len(high.entries) > mostHot {
		return
	}
	low.hi, low.since, low.used = high.hi, max(low.since, high.since), max(low.used, high.used)
	low.entries = append(low.entries, high.entries...)
	low.bury()
	h.keys = 0
	h.ranges = slices.Delete(h.ranges, i+1, i+2)
	for _, r := range h.ranges {
		h.keys += len(r.entries)
	}
}
