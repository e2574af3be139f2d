// Package reach answers whether the refs of a repository lead to an object. Repositories share pools, and a pool holds
// what deleted branches led to: an object is a repository's own only if its refs reach it.
//
// # What is kept
//
// Of each pool that was asked about, its commits with their parents are kept in memory as they are read (a graph), and
// of each repository the set of those that its refs reach, as bits. Sets that have much in common share it: one of a
// fork costs what it has of its own, and so does the set that follows a fast-forward. After a deletion or a forced move
// a set is made anew, from the graph and without reading an object.
//
// For trees and blobs the pool keeps which commits introduced them: whose tree has them where no parent's tree has
// them. A repository reaches one of them exactly if it reaches a commit that introduced it, since of the commits in an
// unbroken history that have an object, one has no parent that has it. That is found out by comparing trees, once for
// each commit of a pool, and only when somebody asks for a tree or blob by its hash.
//
// # When it is right
//
// Every answer is that of the View that came with the question. A set bears the number that catalog.RefVersion had in
// the View in which its tips were read, and answers for Views with the same number only. Where other programs may
// change refs (see storage.Exclusive), a set also bears what all refs held, which is read for each question.
package reach

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A Repo is a repository in a View. Like the View it is for one goroutine. It remembers the state of the refs: many
// questions are best asked with the same Repo.
type Repo struct {
	View     storage.View
	ID, Pool storage.ID

	Logs    bool // what refs that exist held since they were made is reached too
	OldLogs bool // so is what deleted refs of their names held before
	Records bool // so is what the records of go-git lead to

	Hidden []string // refs whose names begin with one of these count as not there

	version   version
	versioned bool
}

// An origin is where tips come from.
type origin uint8

const (
	refs    origin = iota
	logs           // see Repo.Logs
	oldLogs        // see Repo.OldLogs; it has all of logs
	records
)

// An Index answers for the repositories of one store. It is safe for concurrent use.
type Index struct {
	objects   *object.Store
	graphs    *graph.Store
	exclusive bool
	records   func(storage.View, storage.ID) iter.Seq2[storage.Hash, error]
	budget    int64
	quantum   quantum

	mu    sync.RWMutex
	pools map[storage.ID]*pool
	bytes atomic.Int64 // about what all of them take
}

// Options say how an Index works.
type Options struct {
	// Budget is about how many bytes are kept in memory. Beyond it, what was not asked for longest is forgotten, but
	// never the pool that was asked about last.
	Budget int64
	// Exclusive says that refs change by Updates of the backend alone. See storage.Exclusive.
	Exclusive bool
	// Records yields what the records of go-git lead to. If it is nil, that is nothing.
	Records func(storage.View, storage.ID) iter.Seq2[storage.Hash, error]
	// Graphs answers for commits, as far as they are stored there. If it is nil, all are read as objects.
	Graphs *graph.Store
}

// New returns an Index.
func New(objects *object.Store, o Options) *Index {
	return &Index{
		objects: objects, graphs: o.Graphs, exclusive: o.Exclusive, records: o.Records, budget: o.Budget,
		quantum: usualQuantum, pools: map[storage.ID]*pool{},
	}
}

// Has reports whether an object is reached. That does not tell that it can be read: a damaged store may lack it.
//
// A commit of a pool whose graph is stored costs nothing that depends on the length of histories, but for some
// nanoseconds for each commit when a repository's refs were asked about first, or lost something.
//
// What was found out before costs two look-ups, and is true. The first question about a repository, and the first after
// its refs changed, reads the refs; beyond that, a commit or tag costs the way to it from the refs, and one that is not
// reached the whole history, as far as it was not read for this or another repository of the pool. A tree or blob costs
// the comparison of trees along that way, after a look at the tree of the default branch. What the pool does not hold
// costs a look-up. Of several questions that need the same, one works and the others wait.
//
// A nil error means that the answer is sure: an object that may be behind damage is an error that wraps
// storage.ErrCorrupt. If the context ends, what was found out is kept.
func (x *Index) Has(ctx context.Context, r *Repo, h storage.Hash) (bool, error) {
	at, err := x.version(r)
	if err != nil {
		return false, err
	}
	found, unsure := x.look(r, at, h)
	if found || len(unsure) == 0 {
		return found, nil
	}
	t, _, err := x.objects.Stat(ctx, r.Pool, h)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p := x.make(r.Pool)
	defer x.shrink(p)
	for _, o := range unsure {
		q := question{x, p, r, o, *at, h}
		if t == storage.Commit {
			found, sure, err := q.graphed(ctx)
			if found || err != nil {
				return found, err
			}
			if sure {
				continue
			}
		}
		found, err := q.find(ctx, t)
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// Known is Has without finding anything out: it may report false for what is reached.
func (x *Index) Known(r *Repo, h storage.Hash) (bool, error) {
	at, err := x.version(r)
	if err != nil {
		return false, err
	}
	found, unsure := x.look(r, at, h)
	for _, o := range unsure {
		if !found {
			found, err = x.knownCommit(r, o, at, h)
		}
	}
	return found, err
}

// Settled reports whether all that the refs of a repository reach is known, so that every question is answered at once.
func (x *Index) Settled(r *Repo) (bool, error) {
	if !x.exclusive {
		return false, nil // the refs are read for each question
	}
	at, err := x.version(r)
	if err != nil {
		return false, err
	}
	p := x.find(r.Pool)
	if p == nil {
		return false, nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.sets[r.key(refs)]
	return s != nil && s.complete && s.full && s.version.equal(*at), nil
}

// find returns what is known of a pool, or nil.
func (x *Index) find(id storage.ID) *pool {
	x.mu.RLock()
	p := x.pools[id]
	x.mu.RUnlock()
	if p != nil && !p.used.Load() {
		p.used.Store(true)
	}
	return p
}

// make is find that begins with a pool of which nothing is known.
func (x *Index) make(id storage.ID) *pool {
	if p := x.find(id); p != nil {
		return p
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.pools[id]
	if p == nil {
		p = newPool(id, x)
		x.pools[id] = p
		p.grow(poolCost)
	}
	p.used.Store(true)
	return p
}

// shrink forgets pools that were not asked about for long, until the rest is within the budget.
func (x *Index) shrink(asked *pool) {
	if x.bytes.Load() <= x.budget {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	var bytes int64 // x.bytes also has what is still added to pools that were forgotten
	for _, p := range x.pools {
		bytes += p.bytes.Load()
	}
	for range 2 { // after the first round, all are unused
		for id, p := range x.pools {
			if bytes > x.budget && p != asked && !p.used.Swap(false) {
				delete(x.pools, id)
				bytes -= p.bytes.Load()
			}
		}
	}
	if bytes > x.budget && asked.outgrown() && x.pools[asked.id] == asked {
		delete(x.pools, asked.id)
		bytes -= asked.bytes.Load()
	}
	x.bytes.Store(bytes)
}

type answer int

const (
	unknown answer = iota
	yes
	no
)

// look reports whether an object is known to be reached. If not, it returns the origins from which it may be.
func (x *Index) look(r *Repo, at *version, h storage.Hash) (found bool, unsure []origin) {
	p := x.find(r.Pool)
	for o := refs; o <= records; o++ {
		if o == logs && (!r.Logs || r.OldLogs) || o == oldLogs && !r.OldLogs || o == records && !r.Records {
			continue
		}
		switch p.look(r.key(o), at, h) {
		case yes:
			return true, nil
		case unknown:
			unsure = append(unsure, o)
		}
	}
	return false, unsure
}

// look returns what is known already of the set that k names.
func (p *pool) look(k key, at *version, h storage.Hash) answer {
	if p == nil {
		return unknown
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.sets[k]
	if s == nil || !s.complete || !s.version.equal(*at) {
		return unknown
	}
	n, ok := p.index[h]
	if !s.used.Load() {
		s.used.Store(true)
	}
	switch {
	case ok && s.nodes.has(n), p.introduces(s, h):
		return yes
	case s.err != nil:
		return unknown
	case s.full, ok && (p.nodes[n].kind == aCommit || p.nodes[n].kind == aTag):
		return no
	}
	return unknown
}
