package graph

import (
	"encoding/binary"
	"math"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
)

// chunkSize is how many commits are stored together.
const chunkSize = 512

// links are the parents, dates and generation numbers of a chunk.
type links struct {
	first, second [chunkSize]uint32 // numbers of the first two parents, plus one; 0: none
	more          map[int][]uint32  // the parents after the second
	date          [chunkSize]int64
	generation    [chunkSize]int64  // corrected commit date (gitformat-commit-graph): greater than those of all parents
	depth         [chunkSize]uint32 // how many first parents lie behind a commit
	skip          [chunkSize]uint32 // one of them, so that each of them is found in a logarithmic number of steps
}

const linksCost = chunkSize*32 + 100

func (l *links) parents(to []uint32, i int) []uint32 {
	if l.first[i] == 0 {
		return to
	}
	if to = append(to, l.first[i]-1); l.second[i] == 0 {
		return to
	}
	to = append(to, l.second[i]-1)
	if l.more != nil {
		to = append(to, l.more[i]...)
	}
	return to
}

func (l *links) setParents(i int, parents []uint32) {
	if len(parents) > 0 {
		l.first[i] = parents[0] + 1
	}
	if len(parents) > 1 {
		l.second[i] = parents[1] + 1
	}
	if len(parents) > 2 {
		if l.more == nil {
			l.more = map[int][]uint32{}
		}
		l.more[i] = append([]uint32(nil), parents[2:]...)
	}
}

const linksVersion = 1

// encode returns the links of the chunk whose first commit has the number base.
func (l *links) encode(base uint32) []byte {
	b := append(make([]byte, 0, chunkSize*8), linksVersion)
	var date int64
	var depth uint32
	var parents []uint32
	for i := range chunkSize {
		n := base + uint32(i)
		parents = l.parents(parents[:0], i)
		b = binary.AppendUvarint(b, uint64(len(parents)))
		for _, p := range parents {
			b = binary.AppendUvarint(b, uint64(n-p))
		}
		b = binary.AppendVarint(b, l.date[i]-date)
		b = binary.AppendUvarint(b, uint64(l.generation[i]-l.date[i]))
		b = binary.AppendVarint(b, int64(l.depth[i])-int64(depth))
		b = binary.AppendUvarint(b, uint64(n-l.skip[i]))
		date, depth = l.date[i], l.depth[i]
	}
	return b
}

func decodeLinks(b []byte, base uint32) (*links, error) {
	d := record.Decode(b)
	d.Version(linksVersion, linksVersion)
	l := &links{}
	var date, depth int64
	var parents []uint32
	for i := range chunkSize {
		n := uint64(base) + uint64(i)
		parents = parents[:0]
		for range d.Count(maxParents) {
			back := d.Uvarint()
			d.Check(0 < back && back <= n)
			parents = append(parents, uint32(n-back))
		}
		l.setParents(i, parents)
		date += d.Varint()
		ahead := d.Uvarint()
		depth += d.Varint()
		back := d.Uvarint()
		d.Check(ahead <= 1<<62 && 0 <= depth && depth <= math.MaxUint32 && back <= n)
		if d.Bad() {
			break
		}
		l.date[i], l.generation[i], l.depth[i], l.skip[i] = date, date+int64(ahead), uint32(depth), uint32(n-back)
	}
	if err := d.End("links of a graph"); err != nil {
		return nil, err
	}
	return l, nil
}

// names are the hashes, trees and authors of a chunk.
type names struct {
	hashes, trees []byte // one after the other
	authors       []Author
	author        [chunkSize]uint16 // place in authors, plus one; 0: the commit must be read for it
}

func (n *names) hash(i int) git.Hash { return git.Hash(n.hashes[i*len(git.Hash{}):]) }
func (n *names) tree(i int) git.Hash { return git.Hash(n.trees[i*len(git.Hash{}):]) }

func (n *names) cost() int64 {
	cost := int64(len(n.hashes) + len(n.trees) + 2*chunkSize + 200)
	for _, a := range n.authors {
		cost += int64(len(a.Name) + len(a.Email) + 32)
	}
	return cost
}

const namesVersion = 1

// longAuthor is from how many bytes on an author is left out, so that a chunk fits into a record.
const longAuthor = 512

func (n *names) encode() []byte {
	b := append(make([]byte, 0, chunkSize*44), namesVersion)
	b = append(b, n.hashes...)
	b = append(b, n.trees...)
	b = binary.AppendUvarint(b, uint64(len(n.authors)))
	for _, a := range n.authors {
		b = record.AppendString(b, a.Name)
		b = record.AppendString(b, a.Email)
	}
	for _, a := range n.author {
		b = binary.AppendUvarint(b, uint64(a))
	}
	return b
}

func decodeNames(b []byte) (*names, error) {
	d := record.Decode(b)
	d.Version(namesVersion, namesVersion)
	n := &names{}
	hashes := d.Take(chunkSize * uint64(len(git.Hash{})))
	trees := d.Take(chunkSize * uint64(len(git.Hash{})))
	n.hashes, n.trees = append(n.hashes, hashes...), append(n.trees, trees...)
	n.authors = make([]Author, d.Count(chunkSize))
	for i := range n.authors {
		n.authors[i] = Author{d.String(), d.String()}
	}
	for i := range n.author {
		n.author[i] = uint16(d.Count(uint64(len(n.authors))))
	}
	if err := d.End("names of a graph"); err != nil {
		return nil, err
	}
	return n, nil
}

// An indexed commit is the beginning of its hash, and its number.
type indexed struct {
	prefix uint64
	number uint32
}

const indexedSize = 12

const bucketVersion = 1

func prefixOf(h git.Hash) uint64 { return binary.BigEndian.Uint64(h[:]) }

// A bucket is indexed commits as they are stored, sorted by prefix.
type bucket []byte

func encodeBucket(list []indexed) []byte {
	b := append(make([]byte, 0, 1+len(list)*indexedSize), bucketVersion)
	for _, e := range list {
		b = binary.BigEndian.AppendUint64(b, e.prefix)
		b = binary.BigEndian.AppendUint32(b, e.number)
	}
	return b
}

func decodeBucket(b []byte) (bucket, error) {
	d := record.Decode(b)
	d.Version(bucketVersion, bucketVersion)
	d.Check(d.Len()%indexedSize == 0)
	list := append(bucket{}, d.Rest()...)
	if err := d.End("index of a graph"); err != nil {
		return nil, err
	}
	return list, nil
}

func (b bucket) len() int { return len(b) / indexedSize }

func (b bucket) at(i int) indexed {
	b = b[i*indexedSize:]
	return indexed{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
}
