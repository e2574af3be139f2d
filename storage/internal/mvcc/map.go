// Package mvcc is an ordered map in memory with snapshots: one writer at a time, any number of readers, and neither
// ever waits for the other.
//
// It is a skip list whose links are atomic, with a hash index beside it. Each key has a chain of versions, the newest first, stamped with the
// commit that wrote them; a snapshot is the number of a commit. Versions that no snapshot can see any more are cut
// off by later commits, so a map without snapshots holds one version of each key.
package mvcc

import (
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

const maxHeight = 16 // 4^16 keys

// A Map maps strings to values of type V, in the order of the keys' bytes.
type Map[V any] struct {
	head   node[V]
	index  *index[V]
	now    atomic.Uint64 // number of the last commit
	active snapshots

	// The fields below belong to the writer.
	height  int
	fingers [16]finger[V]
	turn    int
	stale   []stale[V]
	random  *rand.Rand
}

type node[V any] struct {
	key    string
	start  start
	latest atomic.Pointer[version[V]]
	first  version[V] // saves an allocation for the keys that are written once
	next0  atomic.Pointer[node[V]]
	upper  []atomic.Pointer[node[V]] // links of the levels above 0
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
	m := &Map[V]{index: newIndex[V](), height: 1, random: rand.New(rand.NewPCG(1, 2))}
	m.head.upper = make([]atomic.Pointer[node[V]], maxHeight-1)
	return m
}

// A start is the first 16 bytes of a key as numbers that compare as the bytes do. Most comparisons end there, and
// need not go to where the key's bytes are.
type start struct{ high, low uint64 }

func startOf(key string) start {
	var b [16]byte
	copy(b[:], key)
	return start{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

// before reports whether the node's key is less than key, which begins with s.
func (n *node[V]) before(key string, s start) bool {
	switch {
	case n.start.high != s.high:
		return n.start.high < s.high
	case n.start.low != s.low:
		return n.start.low < s.low
	}
	return n.key < key
}

func (n *node[V]) link(level int) *atomic.Pointer[node[V]] {
	if level == 0 {
		return &n.next0
	}
	return &n.upper[level-1]
}

// at returns the value that a snapshot sees.
func (n *node[V]) at(commit uint64) (V, bool) {
	v := n.latest.Load()
	for v != nil && v.commit > commit {
		v = v.older.Load()
	}
	if v == nil || v.gone {
		var zero V
		return zero, false
	}
	return v.value, true
}

// seek returns the first node whose key is not less than key.
func (m *Map[V]) seek(key string) *node[V] {
	at := &m.head
	s := startOf(key)
	var bound *node[V] // known not to be less: saves comparing with it again one level below
	for level := maxHeight - 1; level >= 0; level-- {
		for {
			next := at.link(level).Load()
			if next == nil || next == bound || !next.before(key, s) {
				bound = next
				break
			}
			at = next
		}
	}
	return bound
}

// before returns the last node whose key is less than key, or the last of all if there is no upper bound.
func (m *Map[V]) before(key string, bounded bool) *node[V] {
	at := &m.head
	s := startOf(key)
	for level := maxHeight - 1; level >= 0; level-- {
		for {
			next := at.link(level).Load()
			if next == nil || bounded && !next.before(key, s) {
				break
			}
			at = next
		}
	}
	if at == &m.head {
		return nil
	}
	return at
}

func (m *Map[V]) value(key string, commit uint64) (V, bool) {
	if n := m.index.find(key); n != nil {
		return n.at(commit)
	}
	var zero V
	return zero, false
}

func (m *Map[V]) scan(lo, hi string, desc bool, commit uint64) iter.Seq2[string, V] {
	if desc {
		return func(yield func(string, V) bool) {
			for n := m.before(hi, hi != ""); n != nil && n.key >= lo; n = m.before(n.key, true) {
				if v, ok := n.at(commit); ok && !yield(n.key, v) {
					return
				}
			}
		}
	}
	return func(yield func(string, V) bool) {
		for n := m.seek(lo); n != nil && (hi == "" || n.key < hi); n = n.next0.Load() {
			if v, ok := n.at(commit); ok && !yield(n.key, v) {
				return
			}
		}
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
func (s Snapshot[V]) Get(key string) (V, bool) { return s.m.value(key, s.commit) }

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

// A finger remembers where a key was inserted. Keys come in sequences, each with its own prefix, so the next one
// often belongs right behind.
type finger[V any] struct {
	before [maxHeight]*node[V]
}

// locate fills before with the last nodes of each level up to height whose keys are less than key.
func (m *Map[V]) locate(key string, before *[maxHeight]*node[V]) {
	at := &m.head
	s := startOf(key)
	var bound *node[V] // known not to be less
	for level := m.height - 1; level >= 0; level-- {
		for {
			next := at.link(level).Load()
			if next == nil || next == bound || !next.before(key, s) {
				bound = next
				break
			}
			at = next
		}
		before[level] = at
	}
}

// behind reports whether key belongs right behind the nodes of f, on the levels below height.
func (f *finger[V]) behind(key string, height int) bool {
	if f.before[0] == nil || !f.before[0].before(key, startOf(key)) {
		return false
	}
	for level := range height {
		n := f.before[level]
		if n == nil {
			return false
		}
		if next := n.link(level).Load(); next != nil && next.key <= key {
			return false
		}
	}
	return true
}

// write makes value, or a deletion, the version of key as of commit. It keeps key if it is new.
func (m *Map[V]) write(key string, value V, gone bool, commit uint64) {
	if n := m.index.find(key); n != nil {
		m.replace(n, value, gone, commit)
		return
	}
	if gone {
		return
	}
	height := 1
	for height < maxHeight && m.random.Uint32()&3 == 0 {
		height++
	}
	m.insert(m.place(key, height), key, value, commit, height)
}

// place returns a finger that stands where key belongs.
func (m *Map[V]) place(key string, height int) *finger[V] {
	for i := range m.fingers {
		if m.fingers[i].behind(key, min(height, m.height)) {
			return &m.fingers[i]
		}
	}
	m.turn = (m.turn + 1) % len(m.fingers)
	at := &m.fingers[m.turn]
	m.locate(key, &at.before)
	return at
}

func (m *Map[V]) replace(n *node[V], value V, gone bool, commit uint64) {
	old := n.latest.Load()
	if gone && old.gone {
		return
	}
	v := &version[V]{commit: commit, value: value, gone: gone}
	v.older.Store(old)
	n.latest.Store(v)
	m.stale = append(m.stale, stale[V]{n, commit})
}

func (m *Map[V]) insert(at *finger[V], key string, value V, commit uint64, height int) {
	for m.height < height {
		for i := range m.fingers {
			m.fingers[i].before[m.height] = &m.head
		}
		m.height++
	}
	n := &node[V]{key: key, start: startOf(key)}
	if height > 1 {
		n.upper = make([]atomic.Pointer[node[V]], height-1)
	}
	n.first.commit, n.first.value = commit, value
	n.latest.Store(&n.first)
	for level := range height {
		n.link(level).Store(at.before[level].link(level).Load())
	}
	m.index.add(n)
	// From the bottom up, so that a reader who comes by an upper level finds the node on every level below.
	for level := range height {
		at.before[level].link(level).Store(n)
		at.before[level] = n
	}
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
	v := n.latest.Load()
	for v.commit > oldest {
		v = v.older.Load()
		if v == nil {
			return
		}
	}
	v.older.Store(nil)
	if v.gone && v == n.latest.Load() {
		m.unlink(n)
	}
}

// unlink takes a deleted node out. Readers that stand on it go on by its links: what they may see is behind them.
func (m *Map[V]) unlink(n *node[V]) {
	var before [maxHeight]*node[V]
	if m.index.find(n.key) != n {
		return // unlinked before
	}
	m.index.remove(n)
	m.locate(n.key, &before)
	for level := len(n.upper); level >= 0; level-- {
		before[level].link(level).Store(n.link(level).Load())
	}
	for i := range m.fingers {
		for level, b := range m.fingers[i].before {
			if b == n {
				m.fingers[i].before[level] = before[level]
			}
		}
	}
}
