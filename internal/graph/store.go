package graph

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Store has the graphs of the pools of one backend, as far as they are stored. It is safe for concurrent use.
type Store struct {
	backend storage.Backend
	objects *object.Store
	cache   cache
	epoch   atomic.Uint64 // how many graphs were removed

	mu      sync.Mutex
	heads   map[storage.ID]*head
	wanted  map[storage.ID][]git.Hash    // commits that were read since they have no number, by pool
	ignored map[storage.ID]bool          // pools of which no more is wanted
	faulty  map[storage.ID]bool          // pools some of whose filters can't be read
	keeping map[storage.ID]chan struct{} // closed when nothing is added to the graph of a pool any more
	onWant  func()
}

// Budget is the least number of bytes that a Store should keep in memory.
const Budget = 16 << 20

// NewStore returns a Store that keeps about budget bytes in memory. It reads objects of the same backend.
func NewStore(b storage.Backend, objects *object.Store, budget int64) *Store {
	return &Store{backend: b, objects: objects, cache: cache{limit: max(budget, Budget)}}
}

// maxHeads bounds of how many pools the head is held in memory.
const maxHeads = 1 << 14

// head returns the head of a pool, which must not be changed.
func (s *Store) head(ctx context.Context, pool storage.ID) (*head, error) {
	s.mu.Lock()
	h := s.heads[pool]
	s.mu.Unlock()
	if h != nil {
		return h, nil
	}
	var err error
	if h, err = s.loadHead(ctx, pool); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if newer := s.heads[pool]; newer != nil {
		return newer, nil
	}
	s.setHead(pool, h)
	return h, nil
}

func (s *Store) loadHead(ctx context.Context, pool storage.ID) (h *head, err error) {
	err = s.backend.View(ctx, func(v storage.View) error {
		h, err = readHead(v, pool)
		return err
	})
	return h, err
}

func readHead(v storage.View, pool storage.ID) (*head, error) {
	b, err := v.Record(headKey(pool))
	if errors.Is(err, storage.ErrNotFound) {
		return &head{}, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeHead(b)
}

// setHead keeps a head in memory. The caller holds the lock.
func (s *Store) setHead(pool storage.ID, h *head) {
	if s.heads == nil {
		s.heads = map[storage.ID]*head{}
	}
	if _, ok := s.heads[pool]; !ok && len(s.heads) >= maxHeads {
		for other := range s.heads {
			delete(s.heads, other)
			break
		}
	}
	s.heads[pool] = h
}

// forget has the head of a pool be read again.
func (s *Store) forget(pool storage.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.heads, pool)
}

// errDamaged says that records of a graph do not fit together.
var errDamaged = fmt.Errorf("graph of commits: %w", storage.ErrCorrupt)

// load returns a record, decoded, from the cache if it is there.
func load[T any](ctx context.Context, s *Store, p part, key func() []byte,
	decode func([]byte) (T, int64, error)) (T, error) {
	if known, ok := s.cache.get(p).(T); ok {
		return known, nil
	}
	var made T
	var cost int64
	err := s.backend.View(ctx, func(v storage.View) error {
		b, err := v.Record(key())
		if err == nil {
			made, cost, err = decode(b)
		}
		return err
	})
	if err == nil {
		s.cache.add(p, made, cost)
	}
	return made, err
}

func (s *Store) links(ctx context.Context, pool storage.ID, chunk uint32) (*links, error) {
	l, err := load(ctx, s, part{pool, keyLinks, uint64(chunk)}, func() []byte { return chunkKey(keyLinks, pool, chunk) },
		func(b []byte) (*links, int64, error) {
			l, err := decodeLinks(b, chunk*chunkSize)
			return l, linksCost, err
		})
	return l, unlessGone(err)
}

func (s *Store) names(ctx context.Context, pool storage.ID, chunk uint32) (*names, error) {
	n, err := load(ctx, s, part{pool, keyNames, uint64(chunk)}, func() []byte { return chunkKey(keyNames, pool, chunk) },
		func(b []byte) (*names, int64, error) {
			n, err := decodeNames(b)
			if err != nil {
				return nil, 0, err
			}
			return n, n.cost(), nil
		})
	return n, unlessGone(err)
}

// unlessGone returns errDamaged for a record that must be there, and is not.
func unlessGone(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return errDamaged
	}
	return err
}

func (s *Store) bucket(ctx context.Context, pool storage.ID, run, number uint32) (bucket, error) {
	return load(ctx, s, part{pool, keyIndex, uint64(run)<<32 | uint64(number)},
		func() []byte { return bucketKey(pool, run, number) }, func(b []byte) (bucket, int64, error) {
			list, err := decodeBucket(b)
			return list, int64(cap(list)) + 24, err
		})
}

// find returns the number of a commit, and whether it has one.
func (s *Store) find(ctx context.Context, pool storage.ID, hash git.Hash) (number uint32, ok bool, err error) {
	return s.findBelow(ctx, pool, hash, maxChunks)
}

// findBelow is find, which may miss a commit that is not in one of the first chunks.
func (s *Store) findBelow(ctx context.Context, pool storage.ID, hash git.Hash, chunks uint32) (number uint32, ok bool,
	err error) {
	for {
		h, err := s.head(ctx, pool)
		if err != nil {
			return 0, false, err
		}
		number, ok, err := s.findIn(ctx, pool, h, hash, chunks)
		if !errors.Is(err, storage.ErrNotFound) {
			return number, ok, err
		}
		// A bucket may have been removed since it is part of another run now.
		if now, err := s.head(ctx, pool); err != nil {
			return 0, false, err
		} else if now == h {
			return 0, false, errDamaged
		}
	}
}

func (s *Store) findIn(ctx context.Context, pool storage.ID, h *head, hash git.Hash, chunks uint32) (uint32, bool,
	error) {
	prefix := prefixOf(hash)
	for i := len(h.runs) - 1; i >= 0; i-- {
		r := &h.runs[i]
		if r.from >= chunks {
			continue
		}
		b, err := s.bucket(ctx, pool, r.id, bucketOf(prefix, r.bits))
		if err != nil {
			return 0, false, err
		}
		at := sort.Search(b.len(), func(i int) bool { return b.at(i).prefix >= prefix })
		for ; at < b.len() && b.at(at).prefix == prefix; at++ {
			n := b.at(at).number
			if n >= h.commits() {
				return 0, false, errDamaged
			}
			names, err := s.names(ctx, pool, n/chunkSize)
			if err != nil {
				return 0, false, err
			}
			if names.hash(int(n%chunkSize)) == hash {
				return n, true, nil
			}
		}
	}
	return 0, false, nil
}

// bucketOf returns the bucket of a run of 1<<bits buckets.
func bucketOf(prefix uint64, bits uint8) uint32 { return uint32(prefix >> 32 >> (32 - bits)) }

// tailEntry returns what is stored of a commit that has no number, or nil.
func (s *Store) tailEntry(ctx context.Context, pool storage.ID, h git.Hash) (e *Entry, err error) {
	err = s.backend.View(ctx, func(v storage.View) error {
		value, err := v.Record(tailKey(pool, h))
		if err != nil {
			return err
		}
		e, err = decodeEntry(value)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return e, err
}

// tail returns commits of a pool that have no numbers, but no more than limit.
func (s *Store) tail(ctx context.Context, pool storage.ID, limit int) (map[git.Hash]*Entry, error) {
	found := map[git.Hash]*Entry{}
	err := s.backend.View(ctx, func(v storage.View) error {
		prefix := tailPrefix(pool)
		for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
			if err != nil {
				return err
			}
			if len(rec.Key) != len(prefix)+len(git.Hash{}) {
				return errDamaged
			}
			e, err := decodeEntry(rec.Value)
			if err != nil {
				return err
			}
			if found[git.Hash(rec.Key[len(prefix):])] = e; len(found) == limit {
				return nil
			}
		}
		return nil
	})
	return found, err
}

// Find returns the number that a commit has in the store, and whether it has one. A commit never gets another one.
func (s *Store) Find(ctx context.Context, pool storage.ID, h git.Hash) (number uint32, ok bool, err error) {
	return s.find(ctx, pool, h)
}

// Links returns the tree and the parents of a commit that has a number in the store, and whether it has one.
func (s *Store) Links(ctx context.Context, pool storage.ID, h git.Hash) (tree git.Hash, parents []git.Hash, ok bool,
	err error) {
	n, ok, err := s.find(ctx, pool, h)
	if !ok || err != nil {
		return tree, nil, false, err
	}
	l, err := s.links(ctx, pool, n/chunkSize)
	if err != nil {
		return tree, nil, false, err
	}
	own, err := s.names(ctx, pool, n/chunkSize)
	if err != nil {
		return tree, nil, false, err
	}
	for _, p := range l.parents(nil, int(n%chunkSize)) {
		of, err := s.names(ctx, pool, p/chunkSize)
		if err != nil {
			return tree, nil, false, err
		}
		parents = append(parents, of.hash(int(p%chunkSize)))
	}
	return own.tree(int(n % chunkSize)), parents, true, nil
}

// Reset forgets what is held in memory of a pool whose records were removed, or are others.
func (s *Store) Reset(pool storage.ID) {
	s.forget(pool)
	s.cache.drop(pool)
	s.setFaulty(pool, false)
}
