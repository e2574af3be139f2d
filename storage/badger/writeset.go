package badger

import "slices"

// A writeSet is what one Update, or a group of them, has written over the state below it.
type writeSet struct {
	writes  map[string]write
	objects []string // keys of objects and chunks in writes, in the order in which they were put
	drops   dropSet
	sorted  []string // the keys of writes other than objects, once an iterator has asked for them
	indexed bool     // sorted is in use
	bytes   int64    // of everything in writes, as Badger counts a transaction
	atomic  size     // of what must be in one transaction
	grows   bool     // it puts something
}

// A write is a sealed value, or nil for a deletion.
type write struct{ value []byte }

// A size is what counts against Badger's limits for one transaction.
type size struct{ count, bytes int64 }

// overhead is what Badger counts for an entry besides its key and value: two bytes of flags, eight of timestamp, and
// two of slack that its first estimate has.
const overhead = 12

func entrySize(key string, value []byte) int64 { return int64(len(key)+len(value)) + overhead }

func newWriteSet() *writeSet { return &writeSet{writes: make(map[string]write, 24)} }

// maxSpare is how many writes a writeSet may have had whose room is used again.
const maxSpare = 64

// reset empties the writeSet, and reports whether it may be used again. What others got out of it stays as it was.
func (l *writeSet) reset() bool {
	if len(l.writes) > maxSpare {
		return false
	}
	clear(l.writes)
	*l = writeSet{writes: l.writes}
	return true
}

func (l *writeSet) empty() bool { return len(l.writes) == 0 }

// set records that key has the sealed value from now on, or none if value is nil.
func (l *writeSet) set(key string, value []byte) {
	n := entrySize(key, value)
	old, replaced := l.writes[key]
	l.writes[key] = write{value}
	l.grows = l.grows || value != nil
	if isObject(key) {
		l.bytes += n
		if replaced {
			l.bytes -= entrySize(key, old.value)
			return
		}
		l.objects = append(l.objects, key)
		return
	}
	l.bytes += n
	l.atomic.bytes += n
	if replaced {
		l.bytes -= entrySize(key, old.value)
		l.atomic.bytes -= entrySize(key, old.value)
		return
	}
	l.atomic.count++
	if l.indexed {
		i, _ := slices.BinarySearch(l.sorted, key)
		l.sorted = slices.Insert(l.sorted, i, key)
	}
}

// drop removes what the writeSet has written in s and hides what is below.
func (l *writeSet) drop(s scope) {
	for key, w := range l.writes {
		if !s.holds(key) {
			continue
		}
		delete(l.writes, key)
		n := entrySize(key, w.value)
		l.bytes -= n
		if !isObject(key) {
			l.atomic.bytes -= n
			l.atomic.count--
		}
	}
	l.objects = slices.DeleteFunc(l.objects, func(key string) bool { _, ok := l.writes[key]; return !ok })
	l.sorted, l.indexed = nil, false
	if l.drops == nil {
		l.drops = make(dropSet)
	}
	l.drops[s] = struct{}{}
}

// A dropSet is scopes that were dropped.
type dropSet map[scope]struct{}

// hide reports whether key belongs to one of them.
func (d dropSet) hide(key []byte) bool {
	if len(d) == 0 {
		return false
	}
	whole, part, ok := scopesOf(key)
	if !ok {
		return false
	}
	if _, ok = d[whole]; !ok {
		_, ok = d[part]
	}
	return ok
}

// merge puts upper, which was written over l, into l.
func (l *writeSet) merge(upper *writeSet) {
	for s := range upper.drops {
		l.drop(s)
	}
	for _, key := range upper.objects {
		l.set(key, upper.writes[key].value)
	}
	for key, w := range upper.writes {
		if !isObject(key) {
			l.set(key, w.value)
		}
	}
}

// between returns the keys lo <= key < hi other than objects, in ascending order.
func (l *writeSet) between(lo, hi []byte) []string {
	if !l.indexed {
		l.sorted = make([]string, 0, len(l.writes)-len(l.objects))
		for key := range l.writes {
			if !isObject(key) {
				l.sorted = append(l.sorted, key)
			}
		}
		slices.Sort(l.sorted)
		l.indexed = true
	}
	i, _ := slices.BinarySearch(l.sorted, string(lo))
	j, _ := slices.BinarySearch(l.sorted, string(hi))
	return l.sorted[i:max(i, j)]
}
