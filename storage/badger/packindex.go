package badger

import (
	"bytes"
	"encoding/binary"
	"sort"

	"github.com/reposit/reposit/storage"
)

// The index of a pack is a tree of nodes. Those of level 0 are pages of entries, in the order of the hashes, all but
// the last one full; a node above has the first hash of each of its children. So the node that a hash is in is known
// on every level, and a place among the entries says in which page it is.
const (
	pageEntries  = 128
	nodeChildren = 400
)

// A packHead is what the list of a pool says of a pack.
type packHead struct {
	key     storage.ID // what its keys have in common
	sum     storage.PackID
	objects int
	size    int64
	levels  int // of the index; 0 without objects
}

// encodePacks appends what keeps the packs of a pool.
func encodePacks(b []byte, all []packHead) []byte {
	for _, p := range all {
		b = append(append(b, p.key[:]...), p.sum[:]...)
		b = binary.AppendUvarint(b, uint64(p.objects))
		b = binary.AppendUvarint(b, uint64(p.size))
		b = append(b, byte(p.levels))
	}
	return b
}

func decodePacks(payload []byte) ([]packHead, error) {
	r := reading{b: payload}
	var all []packHead
	for len(r.b) > 0 && !r.bad {
		var p packHead
		copy(p.key[:], r.take(idSize))
		copy(p.sum[:], r.take(len(p.sum)))
		p.objects, p.size, p.levels = int(r.uvarint()), int64(r.uvarint()), int(r.byte())
		r.bad = r.bad || p.objects < 0 || p.size < 0
		all = append(all, p)
	}
	if r.bad {
		return nil, errMalformed
	}
	return all, nil
}

const hashSize = len(storage.Hash{})

// deltaFlag marks the type of an entry that is a delta.
const deltaFlag = 0x80

// encodePage appends a page: the hashes, and behind them what else there is of each entry.
func encodePage(b []byte, entries []storage.PackEntry) []byte {
	b = append(b, byte(len(entries)))
	for i := range entries {
		b = append(b, entries[i].Hash[:]...)
	}
	for i := range entries {
		e := &entries[i]
		t := byte(e.Type)
		if e.Base != storage.NoBase {
			t |= deltaFlag
		}
		b = binary.AppendUvarint(append(b, t), uint64(e.Size))
		b = binary.AppendUvarint(b, uint64(e.Offset))
		if e.Base != storage.NoBase {
			b = binary.AppendUvarint(b, uint64(e.Depth))
			b = binary.AppendUvarint(b, uint64(e.Base))
		}
	}
	return b
}

// hashesOf returns the hashes of a page, and what is behind them.
func hashesOf(page []byte) (hashes, rest []byte, err error) {
	if len(page) == 0 || len(page) < 1+int(page[0])*hashSize {
		return nil, nil, errMalformed
	}
	n := 1 + int(page[0])*hashSize
	return page[1:n], page[n:], nil
}

// searchHashes returns the place of the first of sorted hashes that is not less than h.
func searchHashes(hashes []byte, h storage.Hash) int {
	return sort.Search(len(hashes)/hashSize, func(i int) bool {
		return bytes.Compare(hashes[i*hashSize:(i+1)*hashSize], h[:]) >= 0
	})
}

// decodePage returns the entries of a page from a place on, at most n.
func decodePage(page []byte, from, n int) ([]storage.PackEntry, error) {
	hashes, rest, err := hashesOf(page)
	if err != nil {
		return nil, err
	}
	all := make([]storage.PackEntry, 0, min(n, max(len(hashes)/hashSize-from, 0)))
	r := reading{b: rest}
	for i := 0; i < len(hashes)/hashSize && len(all) < n; i++ {
		t := r.byte()
		e := storage.PackEntry{Type: storage.Type(t &^ deltaFlag), Size: int64(r.uvarint()), Offset: int64(r.uvarint()),
			Base: storage.NoBase}
		if t&deltaFlag != 0 {
			e.Depth, e.Base = int32(r.uvarint()), int32(r.uvarint())
			r.bad = r.bad || e.Base < 0
		}
		if r.bad || e.Size < 0 || e.Offset < 0 {
			return nil, errMalformed
		}
		if i >= from {
			copy(e.Hash[:], hashes[i*hashSize:])
			all = append(all, e)
		}
	}
	return all, nil
}

// A packNode is a node of an index, ready to be written.
type packNode struct {
	level   byte
	number  uint32
	payload []byte
}

// indexNodes calls put with each node of the index of a pack, and returns how many levels there are.
func indexNodes(entries []storage.PackEntry, put func(packNode) error) (levels int, err error) {
	if len(entries) == 0 {
		return 0, nil
	}
	var firsts []storage.Hash
	for from := 0; from < len(entries); from += pageEntries {
		page := entries[from:min(from+pageEntries, len(entries))]
		if err := put(packNode{0, uint32(len(firsts)), encodePage(nil, page)}); err != nil {
			return 0, err
		}
		firsts = append(firsts, page[0].Hash)
	}
	for levels = 1; len(firsts) > 1; levels++ {
		var above []storage.Hash
		for from := 0; from < len(firsts); from += nodeChildren {
			children := firsts[from:min(from+nodeChildren, len(firsts))]
			payload := make([]byte, 0, len(children)*hashSize)
			for i := range children {
				payload = append(payload, children[i][:]...)
			}
			if err := put(packNode{byte(levels), uint32(len(above)), payload}); err != nil {
				return 0, err
			}
			above = append(above, children[0])
		}
		firsts = above
	}
	return levels, nil
}

// node returns the payload of a node.
func (r *reader) node(p *packHead, level int, number uint32) ([]byte, error) {
	r.key = appendIndexKey(r.key[:0], p.key, byte(level), number)
	payload, err := r.get(r.key)
	if err == storage.ErrNotFound {
		return nil, corrupt(r.key, "missing")
	}
	return payload, err
}

// page returns the number of the page in which a hash is, if the pack has it, or in which the first greater one may
// be.
func (r *reader) page(p *packHead, h storage.Hash) (uint32, error) {
	number := uint32(0)
	for level := p.levels - 1; level > 0; level-- {
		node, err := r.node(p, level, number)
		if err != nil {
			return 0, err
		}
		if len(node) == 0 || len(node)%hashSize != 0 {
			return 0, corrupt(r.key, errMalformed.Error())
		}
		i := searchHashes(node, h)
		if i == len(node)/hashSize || !bytes.Equal(node[i*hashSize:(i+1)*hashSize], h[:]) {
			i = max(i-1, 0) // the last one that is not greater
		}
		number = number*nodeChildren + uint32(i)
	}
	return number, nil
}

// findIn looks for an object in a pack.
func (r *reader) findIn(p *packHead, h storage.Hash) (e storage.PackEntry, found bool, err error) {
	if p.levels == 0 {
		return e, false, nil
	}
	number, err := r.page(p, h)
	if err != nil {
		return e, false, err
	}
	page, err := r.node(p, 0, number)
	if err != nil {
		return e, false, err
	}
	hashes, _, err := hashesOf(page)
	if err != nil {
		return e, false, corrupt(r.key, err.Error())
	}
	i := searchHashes(hashes, h)
	if i == len(hashes)/hashSize || !bytes.Equal(hashes[i*hashSize:(i+1)*hashSize], h[:]) {
		return e, false, nil
	}
	entries, err := decodePage(page, i, 1)
	if err != nil || len(entries) == 0 {
		return e, false, corrupt(r.key, errMalformed.Error())
	}
	return entries[0], true, nil
}

// hashAt returns the hash at a place among the entries of a pack.
func (r *reader) hashAt(p *packHead, place int32) (h storage.Hash, err error) {
	page, err := r.node(p, 0, uint32(place/pageEntries))
	if err != nil {
		return h, err
	}
	hashes, _, err := hashesOf(page)
	at := int(place%pageEntries) * hashSize
	if err != nil || at+hashSize > len(hashes) {
		return h, corrupt(r.key, errMalformed.Error())
	}
	return storage.Hash(hashes[at:]), nil
}

// entriesFrom returns the entries of a pack from the first that is not less than h, up to some more than n.
func (r *reader) entriesFrom(p *packHead, h storage.Hash, n int) ([]storage.PackEntry, error) {
	if p.levels == 0 {
		return nil, nil
	}
	number, err := r.page(p, h)
	if err != nil {
		return nil, err
	}
	var all []storage.PackEntry
	for ; int(number)*pageEntries < p.objects && len(all) < n; number++ {
		page, err := r.node(p, 0, number)
		if err != nil {
			return nil, err
		}
		hashes, _, err := hashesOf(page)
		if err != nil {
			return nil, corrupt(r.key, err.Error())
		}
		entries, err := decodePage(page, searchHashes(hashes, h), pageEntries)
		if err != nil {
			return nil, corrupt(r.key, err.Error())
		}
		all = append(all, entries...)
	}
	return all, nil
}
