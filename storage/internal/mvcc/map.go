// Package mvcc is an ordered map in memory with snapshots: one writer at a time, any number of readers, and neither
// ever waits for the other.
//
// It is a B+ tree that keeps the order of the keys, and a hash index beside it. Each key has a chain of versions, the
// newest first, stamped with the commit that wrote them; a snapshot is the number of a commit. Versions that no
// snapshot can see any more are cut off by later commits, so a map without snapshots holds one version of each key.
package mvcc

import (
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// A Map maps strings to values of type V, in the order of the keys' bytes.
type Map[V any] struct {
	index  *index[V]
	tree   tree[V]
	now    atomic.Uint64 // number of the last commit
	active snapshots

	// The fields below belong to the writer.
	stale []stale[V]
	room  []node[V]     // for further keys
	free  []*version[V] // nobody reads any more
	spare []write[V]    // empty, for the next Tx
}

type node[V any] struct {
	key    string
	latest atomic.Pointer[version[V]] // nil: first, which costs the garbage collector one pointer less
	first  version[V]                 // saves an allocation for the keys that are written once
}

// newest returns the last version.
func (n *node[V]) newest() *version[V] {
	if v := n.latest.Load(); v != nil {
		return v
	}
	return &n.first
}

type version[V any] struct {
	commit uint64
	value  V
	gone   bool // the key was deleted
	older  atomic.Pointer[version[V]]
}

// A stale node has a version that replaced another one, or a deletion.
type stale[V any] struct {
	node   *node[V]
	commit uint64
}

// New returns an empty map.
func New[V any]() *Map[V] {
	m := &Map[V]{index: newIndex[V]()}
	m.tree.init()
	return m
}

// at returns the value that a snapshot sees.
func (n *node[V]) at(commit uint64) (V, bool) {
	v := n.newest()
	for v != nil && v.commit > commit {
		v = v.older.Load()
	}
	if v == nil || v.gone {
		var zero V
		return zero, false
	}
	return v.value, true
}

func (m *Map[V]) value(key string, hash uint32, commit uint64) (V, bool) {
	if n := m.index.find(key, hash); n != nil {
		return n.at(commit)
	}
	var zero V
	return zero, false
}

func (m *Map[V]) scan(lo, hi string, desc bool, commit uint64) iter.Seq2[string, V] {
	if desc {
		return func(yield func(string, V) bool) { m.descend(lo, hi, commit, yield) }
	}
	return func(yield func(string, V) bool) { m.ascend(lo, hi, commit, yield) }
}

func (m *Map[V]) ascend(lo, hi string, commit uint64, yield func(string, V) bool) {
	var room content[V]
	for {
		l, _, high := m.tree.find(lo)
		c, count := l.sorted(&room)
		for _, n := range c.nodes[c.rank(&l.prefix, lo, count):count] {
			if hi != "" && n.key >= hi {
				return
			}
			if v, ok := n.at(commit); ok && !yield(n.key, v) {
				return
			}
		}
		if high == "" || hi != "" && high >= hi {
			return
		}
		lo = high
	}
}

func (m *Map[V]) descend(lo, hi string, commit uint64, yield func(string, V) bool) {
	var room content[V]
	for {
		l, low, _ := m.tree.findBelow(hi)
		c, count := l.sorted(&room)
		if hi != "" {
			count = c.rank(&l.prefix, hi, count)
		}
		for _, n := range slices.Backward(c.nodes[:count]) {
			if n.key < lo {
				return
			}
			if v, ok := n.at(commit); ok && !yield(n.key, v) {
				return
			}
		}
		if low <= lo {
			return
		}
		hi = low
	}
}

// A Snapshot is the map as it was when the snapshot was taken. It must be closed.
type Snapshot[V any] struct {
	m      *Map[V]
	commit uint64
	slot   int
}

// Snapshot takes a snapshot. It neither waits nor allocates.
func (m *Map[V]) Snapshot() Snapshot[V] {
	commit, slot := m.active.add(&m.now)
	return Snapshot[V]{m: m, commit: commit, slot: slot}
}

// Close lets go of what only this snapshot can see.
func (s Snapshot[V]) Close() { s.m.active.remove(s.commit, s.slot) }

// Commit returns the number of commits that the snapshot sees.
func (s Snapshot[V]) Commit() uint64 { return s.commit }

// Get returns the value of key.
func (s Snapshot[V]) Get(key string) (V, bool) { return s.m.value(key, s.m.index.hash(key), s.commit) }

// Scan yields the keys from lo up to and without hi, or downwards. An empty hi is above every key.
func (s Snapshot[V]) Scan(lo, hi string, desc bool) iter.Seq2[string, V] {
	return s.m.scan(lo, hi, desc, s.commit)
}

// snapshots counts the open snapshots by the commit that they show.
type snapshots struct {
	slots [64]struct {
		commit atomic.Uint64 // plus one; zero: free
		_      [56]byte      // a cache line each, so that readers on different cores do not slow each other
	}
	mu    sync.Mutex
	extra map[uint64]int // of readers that found no free slot
	some  atomic.Bool    // extra is not empty
}

const noSlot = -1

// add registers a snapshot at the current commit.
//
// The writer raises now before it looks which snapshots are open. A reader that registered too late to be seen
// therefore finds now changed, and moves on to the newer commit before it reads anything.
func (s *snapshots) add(now *atomic.Uint64) (uint64, int) {
	start := int(rand.Uint32())
	for try := range 8 {
		i := (start + try) % len(s.slots)
		slot := &s.slots[i].commit
		commit := now.Load()
		if slot.Load() != 0 || !slot.CompareAndSwap(0, commit+1) {
			continue
		}
		for {
			current := now.Load()
			if current == commit {
				return commit, i
			}
			commit = current
			slot.Store(commit + 1)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.some.Store(true)
	if s.extra == nil {
		s.extra = map[uint64]int{}
	}
	commit := now.Load() // the writer takes mu to look, and sees this snapshot or raised now before it was added
	s.extra[commit]++
	return commit, noSlot
}

func (s *snapshots) remove(commit uint64, slot int) {
	if slot != noSlot {
		s.slots[slot].commit.Store(0)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra[commit]--; s.extra[commit] == 0 {
		delete(s.extra, commit)
	}
	s.some.Store(len(s.extra) > 0)
}

// oldest returns the oldest commit that a snapshot shows, or now.
func (s *snapshots) oldest(now uint64) uint64 {
	oldest := now
	for i := range s.slots {
		if c := s.slots[i].commit.Load(); c != 0 && c-1 < oldest {
			oldest = c - 1
		}
	}
	if s.some.Load() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.extra {
			oldest = min(oldest, c)
		}
	}
	return oldest
}

// Oldest returns the oldest commit that an open snapshot shows, or the last commit if there is none.
func (m *Map[V]) Oldest() uint64 { return m.active.oldest(m.now.Load()) }

// write makes w the version of its key as of commit. It keeps the key if it is new.
func (m *Map[V]) write(w *write[V], commit uint64) {
	if n := m.index.find(w.key, w.hash); n != nil {
		m.replace(n, w, commit)
		return
	}
	if w.gone {
		return
	}
	n := m.newNode()
	n.key = w.key
	n.first.commit, n.first.value = commit, w.value
	m.index.add(n, w.hash)
	m.tree.insert(n)
}

// roomFor is how many nodes are allocated at once. They come and go together: more would keep more of what is gone.
const roomFor = 8

func (m *Map[V]) newNode() *node[V] {
	if len(m.room) == 0 {
		m.room = make([]node[V], roomFor)
	}
	n := &m.room[0]
	m.room = m.room[1:]
	return n
}

func (m *Map[V]) replace(n *node[V], w *write[V], commit uint64) {
	old := n.newest()
	if w.gone && old.gone {
		return
	}
	v := m.newVersion()
	v.commit, v.value, v.gone = commit, w.value, w.gone
	v.older.Store(old)
	n.latest.Store(v)
	m.stale = append(m.stale, stale[V]{n, commit})
}

func (m *Map[V]) newVersion() *version[V] {
	last := len(m.free) - 1
	if last < 0 {
		return new(version[V])
	}
	v := m.free[last]
	m.free = m.free[:last]
	return v
}

// sweep cuts off what no snapshot sees.
func (m *Map[V]) sweep() {
	if len(m.stale) == 0 {
		return
	}
	oldest := m.Oldest()
	done := 0
	for _, s := range m.stale {
		if s.commit > oldest {
			break
		}
		done++
		m.prune(s.node, oldest)
	}
	if done == len(m.stale) {
		clear(m.stale)
		m.stale = m.stale[:0]
		if cap(m.stale) > 4096 {
			m.stale = nil
		}
		return
	}
	m.stale = m.stale[done:]
}

func (m *Map[V]) prune(n *node[V], oldest uint64) {
	v := n.newest()
	for v.commit > oldest {
		v = v.older.Load()
		if v == nil {
			return
		}
	}
	if v.gone && v == n.newest() {
		m.unlink(n)
	}
	for old := v.older.Swap(nil); old != nil; {
		next := old.older.Load()
		m.reuse(n, old)
		old = next
	}
}

// maxFree is how many versions are kept for later.
const maxFree = 64

// reuse lets go of what was in a version of n. Whoever had a snapshot that shows it has closed that.
func (m *Map[V]) reuse(n *node[V], v *version[V]) {
	var zero V
	v.value = zero
	v.older.Store(nil)
	if v != &n.first && len(m.free) < maxFree {
		m.free = append(m.free, v)
	}
}

// unlink takes a deleted node out.
func (m *Map[V]) unlink(n *node[V]) {
	hash := m.index.hash(n.key)
	if m.index.find(n.key, hash) != n {
		return // unlinked before
	}
	m.index.remove(n, hash)
	m.tree.remove(n)
}
