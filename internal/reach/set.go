package reach

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

// A key names one set of a pool.
type key struct {
	repo   storage.ID
	origin origin
	hidden string // see Repo.Hidden
}

// key returns what names the repository's set of one origin.
func (r *Repo) key(o origin) key { return key{r.ID, o, strings.Join(r.Hidden, "\x00")} }

// A set is the nodes that the tips of a repository reach, at one state of its refs. Until it is complete, it belongs to
// who holds the pool's lock walking; from then on it never changes.
type set struct {
	key         key
	version     version
	tips        bitset
	head        uint32 // number, plus one, of what HEAD leads to
	nodes       bitset
	complete    bool // nodes are all that the tips reach
	full        bool // it is known what all of nodes introduced; changes under the pool's lock
	headIndexed bool // what head leads to is known, without its parents

	queue []uint32 // nodes whose links are to be followed, from next on
	next  int
	lacks []uint32 // nodes that could not be read
	err   error    // why not, if it is more than that they are not there

	// Before is an earlier set, of which all would belong to this one if lost were found in it: the tips that it had
	// and this one has not.
	before *set
	lost   map[uint32]struct{}

	bytes int64
	used  atomic.Bool // since sets were forgotten last
}

// advance makes the set of some tips. Of an earlier set, of this repository or another one of the pool, it takes over
// as much as it can.
func (p *pool) advance(from *set, t *tips) *set {
	s := &set{version: t.version, err: t.err}
	var numbers []uint32
	for _, h := range t.hashes {
		n := p.add(h, unread)
		if s.tips.add(n) {
			numbers = append(numbers, n)
		}
		if h == t.head {
			s.head = n + 1
		}
	}
	if from == nil {
		for _, n := range numbers {
			p.visit(s, n)
		}
		return s
	}
	if from.before != nil {
		from = from.before // it has come further
	}
	s.tips.share(&from.tips)
	s.before, s.lost = from, map[uint32]struct{}{}
	for n := range from.tips.minus(&s.tips) {
		s.lost[n] = struct{}{}
	}
	if len(s.lost) == 0 {
		p.takeOver(s)
	}
	// What is new comes first: mostly it leads to what seems lost.
	for _, known := range [2]bool{false, true} {
		for _, n := range numbers {
			if from.nodes.has(n) == known {
				p.visit(s, n)
			}
		}
	}
	return s
}

// visit puts a node into s.
func (p *pool) visit(s *set, n uint32) {
	if !s.nodes.add(n) {
		return
	}
	s.queue = append(s.queue, n)
	if s.before == nil || !s.before.tips.has(n) {
		return
	}
	if delete(s.lost, n); len(s.lost) == 0 {
		p.takeOver(s)
	}
}

// takeOver puts all of the earlier set into s: nothing of it was lost.
func (p *pool) takeOver(s *set) {
	from := s.before
	s.before, s.lost = nil, nil
	queue := slices.DeleteFunc(s.queue[s.next:], from.nodes.has) // that set has followed them, or is about to
	queue = append(queue, from.queue[from.next:]...)
	s.queue, s.next = append(queue, from.lacks...), 0
	s.nodes.union(&from.nodes)
	p.mu.RLock()
	defer p.mu.RUnlock()
	s.headIndexed = s.headIndexed || from.headIndexed || from.full
}

// A quantum bounds the work that is done while a lock is held, so that those who wait are not blocked for a whole walk.
type quantum struct{ reads, steps, trees int }

var usualQuantum = quantum{reads: 256, steps: 1 << 16, trees: 256}

// walk follows links until h is in s, or s is complete. It reports both. It may end before: then it must be called
// again.
func (p *pool) walk(ctx context.Context, s *set, h storage.Hash) (found, complete bool, err error) {
	if p.holds(s, h) || s.complete {
		return p.holds(s, h), s.complete, nil
	}
	target, known := p.index[h]
	var links []uint32
	reads := 0
	for range p.quantum.steps {
		if s.next == len(s.queue) {
			p.finish(s)
			return p.holds(s, h), true, nil
		}
		n := s.queue[s.next]
		if p.nodes[n].kind <= missing {
			if reads++; reads > p.quantum.reads {
				return false, false, nil
			}
			if err := p.readFor(ctx, s, n); err != nil {
				return false, false, err
			}
			if !known {
				target, known = p.index[h]
			}
		}
		s.next++
		links = p.links(links[:0], n)
		for _, m := range links {
			p.visit(s, m)
		}
		if known && s.nodes.has(target) {
			return true, false, nil
		}
	}
	return false, false, ctx.Err()
}

// holds reports whether an object is a node of s.
func (p *pool) holds(s *set, h storage.Hash) bool {
	n, ok := p.index[h]
	return ok && s.nodes.has(n)
}

// readFor reads a node of s. If that fails for good, s goes on without it.
func (p *pool) readFor(ctx context.Context, s *set, n uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := p.read(ctx, n)
	if errors.Is(err, storage.ErrCorrupt) {
		s.err, err = err, nil
	}
	if p.nodes[n].kind == missing {
		s.lacks = append(s.lacks, n)
	}
	return err
}

// finish makes a set complete, whose links were all followed.
func (p *pool) finish(s *set) {
	if s.before != nil {
		s.nodes.share(&s.before.nodes)
	} else {
		s.nodes.share(&bitset{})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.queue, s.next, s.before, s.lost = nil, 0, nil, nil
	s.complete = true
	if p.sets[s.key] == s {
		p.grow(s.nodes.cost())
		s.bytes += s.nodes.cost()
	}
	if p.firstWhole == 0 {
		p.firstWhole = p.known()
	}
}
