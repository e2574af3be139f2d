package graph

import (
	"encoding/binary"
	"math"

	"github.com/reposit/reposit/internal/record"
)

// A head says how much is stored of a pool's graph. Commits have numbers, in an order in which parents come before
// their children. The number of a commit never changes, and all its ancestors have smaller ones.
type head struct {
	chunks   uint32 // how many are stored, each of chunkSize commits
	filtered uint32 // how many of them have filters, the first ones
	nextRun  uint32
	runs     []run // that find numbers by hashes; each begins where the one before ends
	made     *made // a run that is being made of others; nil: none
	dropped  []made
}

// A run finds the numbers of the commits in some chunks by their hashes. It is in 1<<bits buckets, by the first bits of
// the hashes.
type run struct {
	id, from, to uint32 // the chunks, to excluded
	bits         uint8
}

// made is a run of which the first buckets, up to next, were written, or removed if it is dropped.
type made struct {
	run
	next uint32
}

func (h *head) commits() uint32 { return h.chunks * chunkSize }

const headVersion = 2

// maxChunks keeps numbers below 1<<31. Others name commits that have none; see Graph.
const maxChunks = (1 << 31) / chunkSize

func (r *run) buckets() uint32 { return 1 << r.bits }

func (r *run) append(b []byte) []byte {
	for _, n := range [...]uint32{r.id, r.from, r.to, uint32(r.bits)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

func decodeRun(d *record.Decoder) run {
	r := run{
		id: uint32(d.Count(math.MaxUint32)), from: uint32(d.Count(maxChunks)), to: uint32(d.Count(maxChunks)),
		bits: uint8(d.Count(24)),
	}
	d.Check(r.from < r.to)
	return r
}

func (h *head) append(b []byte) []byte {
	b = append(b, headVersion)
	b = binary.AppendUvarint(b, uint64(h.chunks))
	b = binary.AppendUvarint(b, uint64(h.filtered))
	b = binary.AppendUvarint(b, uint64(h.nextRun))
	b = binary.AppendUvarint(b, uint64(len(h.runs)))
	for i := range h.runs {
		b = h.runs[i].append(b)
	}
	var under []made
	if h.made != nil {
		under = append(under, *h.made)
	}
	for _, list := range [...][]made{under, h.dropped} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for i := range list {
			b = binary.AppendUvarint(list[i].append(b), uint64(list[i].next))
		}
	}
	return b
}

func decodeHead(b []byte) (*head, error) {
	d := record.Decode(b)
	version := d.Version(1, headVersion)
	h := &head{chunks: uint32(d.Count(maxChunks))}
	if version > 1 {
		h.filtered = uint32(d.Count(uint64(h.chunks)))
	}
	h.nextRun = uint32(d.Count(math.MaxUint32))
	at := uint32(0)
	for range d.Count(uint64(d.Len())) {
		r := decodeRun(&d)
		d.Check(r.from == at)
		at = r.to
		h.runs = append(h.runs, r)
	}
	d.Check(at == h.chunks)
	var lists [2][]made
	for i := range lists {
		for range d.Count(uint64(d.Len())) {
			r := decodeRun(&d)
			lists[i] = append(lists[i], made{r, uint32(d.Count(1 << 24))})
		}
	}
	d.Check(len(lists[0]) <= 1)
	if err := d.End("graph"); err != nil {
		return nil, err
	}
	if len(lists[0]) == 1 {
		h.made = &lists[0][0]
	}
	h.dropped = lists[1]
	return h, nil
}
