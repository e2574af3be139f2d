package graph

import (
	"bytes"
	"context"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// write stores the first of the pending commits, of so many chunks.
func (a *adding) write(ctx context.Context, chunks int) error {
	some := a.pending[:chunks*chunkSize]
	if chunks == 0 || a.head.chunks+uint32(chunks) > maxChunks {
		return nil
	}
	next := *a.head
	r := run{id: next.nextRun, from: next.chunks, to: next.chunks + uint32(chunks)}
	r.bits = bitsFor(r)
	next.nextRun++
	next.chunks = r.to
	next.runs = append(slices.Clip(next.runs), r)
	var records []storage.Record
	for i := range uint32(chunks) {
		records = append(records, encodeChunk(a.pool, r.from+i, some[i*chunkSize:][:chunkSize])...)
	}
	list := make([]indexed, len(some))
	for i := range some {
		list[i] = indexed{prefixOf(some[i].hash), a.head.commits() + uint32(i)}
	}
	records = append(records, encodeRun(a.pool, r, list)...)
	err := a.replace(ctx, a.pool, a.head, &next, func(tx storage.Tx) error {
		// A pool that was dropped has no objects any more.
		if ok, err := tx.HasObject(a.pool, some[0].hash); !ok || err != nil {
			if err == nil {
				err = errMoved
			}
			return err
		}
		for _, rec := range records {
			if err := tx.PutRecord(rec.Key, rec.Value); err != nil {
				return err
			}
		}
		for i := range some {
			if a.tail[some[i].hash] != nil {
				if err := tx.DeleteRecord(tailKey(a.pool, some[i].hash)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.pending = slices.Delete(a.pending, 0, len(some))
	if len(next.runs) >= manyRuns {
		if err := a.compact(ctx, a.pool); err != nil {
			return err
		}
	}
	if err := a.open(ctx); err != nil {
		return err
	}
	return a.step(ctx)
}

// replace writes a head in place of the one that is stored, together with what fn writes, or returns errMoved.
func (k *Keeper) replace(ctx context.Context, pool storage.ID, old, next *head, fn func(storage.Tx) error) error {
	before := old.append(nil)
	err := k.Update(ctx, func(tx storage.Tx) error {
		is, err := readHead(tx, pool)
		if err != nil {
			return err
		}
		if !bytes.Equal(is.append(nil), before) {
			return errMoved
		}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.PutRecord(headKey(pool), next.append(nil))
	})
	if err != nil {
		k.forget(pool)
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.setHead(pool, next)
	return nil
}

func encodeChunk(pool storage.ID, chunk uint32, some []numbered) []storage.Record {
	l, n := &links{}, &names{}
	place := map[Author]uint16{}
	for i := range some {
		c := &some[i]
		l.setParents(i, c.parents)
		l.date[i], l.generation[i], l.depth[i], l.skip[i] = c.entry.Date, c.generation, c.depth, c.skip
		n.hashes, n.trees = append(n.hashes, c.hash[:]...), append(n.trees, c.entry.Tree[:]...)
		author := c.entry.Author
		if len(author.Name)+len(author.Email) > longAuthor {
			continue
		}
		if place[author] == 0 {
			n.authors = append(n.authors, author)
			place[author] = uint16(len(n.authors))
		}
		n.author[i] = place[author]
	}
	return []storage.Record{
		{Key: chunkKey(keyLinks, pool, chunk), Value: l.encode(chunk * chunkSize)},
		{Key: chunkKey(keyNames, pool, chunk), Value: n.encode()},
	}
}

// keepTail adds to the tail what is pending and came by a door that did not, so that it need not be read as objects.
func (a *adding) keepTail(ctx context.Context) error {
	var missing []numbered
	for _, n := range a.pending {
		if a.tail[n.hash] == nil {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return a.Update(ctx, func(tx storage.Tx) error {
		if ok, err := tx.HasObject(a.pool, missing[0].hash); !ok || err != nil {
			return err
		}
		for _, n := range missing {
			if err := tx.PutRecord(tailKey(a.pool, n.hash), n.entry.append(nil)); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropStale removes commits from the tail that have numbers, as those may that came twice.
func (a *adding) dropStale(ctx context.Context) error {
	var stale []git.Hash
	for h := range a.tail {
		n, ok, err := a.has(ctx, h)
		if err != nil {
			return err
		}
		if ok && n < a.before*chunkSize {
			stale = append(stale, h)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return a.Update(ctx, func(tx storage.Tx) error {
		for _, h := range stale {
			if err := tx.DeleteRecord(tailKey(a.pool, h)); err != nil {
				return err
			}
		}
		return nil
	})
}
