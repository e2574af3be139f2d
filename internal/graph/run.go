package graph

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"github.com/reposit/reposit/storage"
)

const (
	bucketSize    = 1024 // commits in a bucket, about
	bucketsAtOnce = 16   // that one transaction writes
	droppedAtOnce = 512  // buckets that one transaction removes
	leastRuns     = 4    // runs that are worth being made one
)

// bitsFor returns how many buckets a run should have, as a power of two.
func bitsFor(r run) uint8 {
	n := (r.to - r.from) * chunkSize
	return uint8(bits.Len32((n - 1) / bucketSize))
}

// encodeRun returns the buckets of a run.
func encodeRun(pool storage.ID, r run, list []indexed) []storage.Record {
	slices.SortFunc(list, compareIndexed)
	records := make([]storage.Record, r.buckets())
	for i := range records {
		n := 0
		for n < len(list) && bucketOf(list[n].prefix, r.bits) == uint32(i) {
			n++
		}
		records[i] = storage.Record{Key: bucketKey(pool, r.id, uint32(i)), Value: encodeBucket(list[:n])}
		list = list[n:]
	}
	return records
}

func compareIndexed(a, b indexed) int {
	return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.number, b.number))
}

// compact makes runs of like size one, as git does with the layers of a split graph: the last ones, as long as the one
// before is not twice as large as they are together. It goes on where it ended before.
func (k *Keeper) compact(ctx context.Context, pool storage.ID) error {
	for {
		h, err := k.Store.head(ctx, pool)
		if err != nil {
			return err
		}
		next, work := *h, func(storage.Tx) error { return nil }
		switch {
		case len(h.dropped) > 0:
			work = next.dropSome(pool)
		case h.made != nil && h.made.next < h.made.buckets():
			if work, err = k.makeSome(ctx, pool, &next); err != nil {
				return err
			}
		case h.made != nil:
			next.finishRun()
		case !next.beginRun():
			return nil
		}
		if err := k.replace(ctx, pool, h, &next, work); err != nil {
			return err
		}
		if k.Step != nil {
			if err := k.Step(ctx); err != nil {
				return err
			}
		}
	}
}

// beginRun reports whether some runs are worth being made one, and begins with it.
func (h *head) beginRun() bool {
	first := len(h.runs) - 1
	for first > 0 && h.runs[first-1].to-h.runs[first-1].from < 2*(h.chunks-h.runs[first].from) {
		first--
	}
	if len(h.runs)-first < leastRuns {
		return false
	}
	r := run{id: h.nextRun, from: h.runs[first].from, to: h.chunks}
	r.bits = bitsFor(r)
	h.nextRun++
	h.made = &made{run: r}
	return true
}

// makeSome has the next buckets of a run be written.
func (k *Keeper) makeSome(ctx context.Context, pool storage.ID, h *head) (func(storage.Tx) error, error) {
	m := *h.made
	var records []storage.Record
	for ; m.next < m.buckets() && len(records) < bucketsAtOnce; m.next++ {
		var list []indexed
		for i := range h.runs {
			r := &h.runs[i]
			if r.from < m.from || r.to > m.to {
				continue
			}
			of, err := k.bucket(ctx, pool, r.id, m.next>>(m.bits-r.bits))
			if err != nil {
				return nil, unlessGone(err)
			}
			for i := range of.len() {
				if e := of.at(i); bucketOf(e.prefix, m.bits) == m.next {
					list = append(list, e)
				}
			}
		}
		slices.SortFunc(list, compareIndexed)
		records = append(records, storage.Record{Key: bucketKey(pool, m.id, m.next), Value: encodeBucket(list)})
	}
	h.made = &m
	return func(tx storage.Tx) error {
		for _, rec := range records {
			if err := tx.PutRecord(rec.Key, rec.Value); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// finishRun puts the run that was made in place of those that it was made of.
func (h *head) finishRun() {
	is := h.made.run
	var runs []run
	for _, r := range h.runs {
		switch {
		case r.to <= is.from || r.from >= is.to:
			runs = append(runs, r)
			continue
		case r.from == is.from:
			runs = append(runs, is)
		}
		h.dropped = append(slices.Clip(h.dropped), made{run: r})
	}
	h.runs, h.made = runs, nil
}

// dropSome has buckets of runs be removed that nothing leads to any more.
func (h *head) dropSome(pool storage.ID) func(storage.Tx) error {
	d := h.dropped[0]
	first := d.next
	d.next = min(d.buckets(), first+droppedAtOnce)
	h.dropped = slices.Clone(h.dropped)
	if h.dropped[0] = d; d.next == d.buckets() {
		h.dropped = h.dropped[1:]
	}
	return func(tx storage.Tx) error {
		for b := first; b < d.next; b++ {
			if err := tx.DeleteRecord(bucketKey(pool, d.id, b)); err != nil {
				return err
			}
		}
		return nil
	}
}
