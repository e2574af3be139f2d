package revision

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Memo remembers which trees revisions named, and that an actor could read them. Nothing in it is ever stale: it is
// asked with the version of a view (see storage.Version), and tells only what was found out in a view of that version.
// All that the answer stands on is what it was: the refs, what the actor was granted, whether the repository is
// private. So nobody has to tell it of changes; any Update, of whatever, makes it find out anew.
//
// A place in it belongs to whichever question came last, and asking takes no lock. The zero Memo is empty, and makes
// its places when there is something to remember. It is safe for concurrent use.
type Memo struct {
	places atomic.Pointer[memoPlaces]
}

type memoPlaces struct {
	seed  maphash.Seed
	slots [1024]memoSlot
}

type memoSlot struct {
	entry atomic.Pointer[memoEntry]
	last  atomic.Uint64 // sum of the last question that was answered anew
}

// A Question is who wants to read which revision of a repository, and the version of the view in which they ask.
type Question struct {
	Version uint64 // 0: unknown
	By      access.Actor
	Repo    storage.ID
	Rev     string
}

// An Answer is the tree of a revision. The zero Root is that of a repository without commits, and the zero Commit that
// of a revision which names none.
type Answer struct {
	Pool         storage.ID
	Commit, Root git.Hash
}

type memoEntry struct {
	question Question
	answer   Answer
}

// slot returns the place of a question, and a number that other questions in the same place hardly ever have.
func (p *memoPlaces) slot(q *Question) (slot *memoSlot, sum uint64) {
	h := maphash.String(p.seed,
		q.Rev) ^ binary.LittleEndian.Uint64(q.Repo[:]) ^ binary.LittleEndian.Uint64(q.Repo[12:])*0x9e3779b97f4a7c15
	if login := q.By.Login(); login != "" {
		h ^= maphash.String(p.seed, login) << 1
	}
	h *= 0xbf58476d1ce4e5b9
	return &p.slots[h>>32%uint64(len(p.slots))], h + q.Version
}

// Answer returns what was remembered, if that is still true.
func (m *Memo) Answer(q *Question) (Answer, bool) {
	p := m.places.Load()
	if p == nil || q.Version == 0 {
		return Answer{}, false
	}
	slot, _ := p.slot(q)
	if e := slot.entry.Load(); e != nil && e.question == *q {
		return e.answer, true
	}
	return Answer{}, false
}

// maxRemembered bounds the bytes of a revision that is remembered.
const maxRemembered = 256

// Remember notes the answer to a question, found out in a view in which the actor may read the repository, from the
// second time on: where the version changes between any two reads, the rest would be in vain.
func (m *Memo) Remember(q Question, a Answer) {
	if q.Version == 0 || len(q.Rev) > maxRemembered {
		return
	}
	p := m.places.Load()
	if p == nil {
		m.places.CompareAndSwap(nil, &memoPlaces{seed: maphash.MakeSeed()})
		p = m.places.Load()
	}
	slot, sum := p.slot(&q)
	if slot.last.Load() != sum {
		slot.last.Store(sum)
		return
	}
	q.Rev = strings.Clone(q.Rev) // it may be part of something large
	slot.entry.Store(&memoEntry{q, a})
}
