package graph

import (
	"encoding/binary"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of the records, by their first two bytes. Numbers are 4 bytes, big-endian:
//
//	G h pool              how much is stored of a pool's graph (head)
//	G p pool chunk        parents, dates and generation numbers of 512 commits (links)
//	G c pool chunk        hashes, trees and authors of the same (names)
//	G b pool chunk        Bloom filters of the paths that the same changed (filters)
//	G i pool run bucket   numbers of commits by hash
//	G t pool hash         a commit that has no number yet (Entry)
//	G z pool              a dropped pool whose records are yet to be removed; no value
const (
	keyFirst   = 'G'
	keyHead    = 'h'
	keyLinks   = 'p'
	keyNames   = 'c'
	keyFilters = 'b'
	keyIndex   = 'i'
	keyTail    = 't'
	keyGone    = 'z'
)

func headKey(pool storage.ID) []byte { return record.IDKey(pool, keyFirst, keyHead) }

func chunkKey(kind byte, pool storage.ID, chunk uint32) []byte {
	return binary.BigEndian.AppendUint32(record.IDKeyFor(4, pool, keyFirst, kind), chunk)
}

func bucketKey(pool storage.ID, run, bucket uint32) []byte {
	b := binary.BigEndian.AppendUint32(record.IDKeyFor(8, pool, keyFirst, keyIndex), run)
	return binary.BigEndian.AppendUint32(b, bucket)
}

func tailPrefix(pool storage.ID) []byte { return record.IDKey(pool, keyFirst, keyTail) }

func tailKey(pool storage.ID, h git.Hash) []byte {
	return append(record.IDKeyFor(len(h), pool, keyFirst, keyTail), h[:]...)
}

// dropAtOnce is how many records one transaction removes of a pool that is dropped.
const dropAtOnce = 1000

// Dropped has tombstones for pools that were dropped, of which more records were stored than one transaction should
// remove.
var Dropped = record.Sweeper[storage.Tx]{
	Kind: string([]byte{keyFirst, keyGone}),
	Drop: func(tx storage.Tx, pool storage.ID) (more bool, err error) {
		left := dropAtOnce
		for _, kind := range [...]byte{keyHead, keyTail, keyLinks, keyNames, keyFilters, keyIndex} {
			prefix := record.IDKey(pool, keyFirst, kind)
			var keys [][]byte
			for rec, err := range tx.Records(prefix, record.After(prefix), storage.Ascending) {
				if err != nil {
					return false, err
				}
				if len(keys) == left {
					more = true
					break
				}
				keys = append(keys, rec.Key)
			}
			left -= len(keys)
			for _, key := range keys {
				if err := tx.DeleteRecord(key); err != nil {
					return false, err
				}
			}
			if more {
				return true, nil
			}
		}
		return false, nil
	},
}
