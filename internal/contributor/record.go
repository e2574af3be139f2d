package contributor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of the records, by their first two bytes:
//
//	C h ID        what the tally of a repository is for
//	C a ID page   some of its authors; page is a number of 4 bytes
const (
	keyFirst   = 'C'
	keyHead    = 'h'
	keyAuthors = 'a'
)

func headKey(repo storage.ID) []byte { return record.IDKey(repo, keyFirst, keyHead) }

func pagePrefix(repo storage.ID) []byte { return record.IDKeyFor(4, repo, keyFirst, keyAuthors) }

func pageKey(repo storage.ID, page int) []byte {
	return binary.BigEndian.AppendUint32(pagePrefix(repo), uint32(page))
}

// headVersion is the first byte of a stored head. Tallies of version 1, whose names were not decoded, are made anew.
const headVersion = 2

const (
	pageSize = 256      // authors in a page but the last; of maxText each, they still fit into a record
	maxKept  = 16 << 20 // bytes of all pages, beyond which a tally is not kept
)

// Load returns the tally of a repository that was saved, or storage.ErrNotFound.
func Load(v storage.View, repo storage.ID) (*Tally, error) {
	b, err := v.Record(headKey(repo))
	if err != nil {
		return nil, err
	}
	t, n, err := decodeHead(b)
	if err != nil {
		return nil, err
	}
	page := 0
	for rec, err := range v.Records(pagePrefix(repo), record.After(pagePrefix(repo)), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if string(rec.Key) != string(pageKey(repo, page)) {
			break
		}
		page++
		if t.Authors, err = decodePage(rec.Value, t.Authors); err != nil {
			return nil, err
		}
	}
	if len(t.Authors) != n {
		return nil, fmt.Errorf("%w: tally of contributors: %d authors of %d", storage.ErrCorrupt, len(t.Authors), n)
	}
	return t, nil
}

// Save keeps a tally, and writes the pages that differ from those stored. old is what Load returned, or nil for nothing
// and for what can't be read; if something else is stored by now, Save does nothing. A tally of very many authors is
// not kept.
func Save(tx storage.Tx, repo storage.ID, old, t *Tally) error {
	if old == nil {
		switch _, err := Load(tx, repo); {
		case errors.Is(err, storage.ErrNotFound):
		case errors.Is(err, storage.ErrFormat), errors.Is(err, storage.ErrCorrupt):
			if err := Drop(tx, repo); err != nil {
				return err
			}
		default:
			return err
		}
		old = &Tally{}
	} else if is, err := isStored(tx, repo, old); !is || err != nil {
		return err
	}
	pages, ok := t.pages()
	if !ok {
		return Drop(tx, repo)
	}
	if err := tx.PutRecord(headKey(repo), t.encodeHead(old.serial+1)); err != nil {
		return err
	}
	before, _ := old.pages()
	for i, p := range pages {
		if i < len(before) && string(before[i]) == string(p) {
			continue
		}
		if err := tx.PutRecord(pageKey(repo, i), p); err != nil {
			return err
		}
	}
	for i := len(pages); i < len(before); i++ {
		if err := tx.DeleteRecord(pageKey(repo, i)); err != nil {
			return err
		}
	}
	return nil
}

// isStored reports whether a tally is the one that is stored.
func isStored(v storage.View, repo storage.ID, t *Tally) (bool, error) {
	b, err := v.Record(headKey(repo))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	stored, _, err := decodeHead(b)
	return err == nil && stored.Tip == t.Tip && stored.serial == t.serial, err
}

// Drop removes all records of a repository.
func Drop(tx storage.Tx, repo storage.ID) error {
	var keys [][]byte
	for rec, err := range tx.Records(pagePrefix(repo), record.After(pagePrefix(repo)), storage.Ascending) {
		if err != nil {
			return err
		}
		keys = append(keys, rec.Key)
	}
	for _, key := range append(keys, headKey(repo)) {
		if err := tx.DeleteRecord(key); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tally) encodeHead(serial uint64) []byte {
	b := []byte{headVersion}
	b = append(b, t.Tip[:]...)
	b = binary.AppendVarint(b, t.span.latest)
	b = binary.AppendUvarint(b, uint64(t.span.skew))
	b = binary.AppendUvarint(b, serial)
	return binary.AppendUvarint(b, uint64(len(t.Authors)))
}

func decodeHead(b []byte) (*Tally, int, error) {
	d := record.Decode(b)
	d.Version(headVersion, headVersion)
	t := &Tally{Tip: d.Hash()}
	t.span.latest, t.span.skew = d.Varint(), int64(d.Uvarint())
	t.serial = d.Uvarint()
	n := d.Count(maxKept)
	d.Check(t.span.skew >= 0)
	if err := d.End("tally of contributors"); err != nil {
		return nil, 0, err
	}
	return t, n, nil
}

// pages returns the authors as they are stored, or false if they are too many.
func (t *Tally) pages() ([][]byte, bool) {
	var pages [][]byte
	size := 0
	for some := range slices.Chunk(t.Authors, pageSize) {
		b := make([]byte, 0, 48*len(some))
		for _, a := range some {
			b = record.AppendString(b, a.Name)
			b = record.AppendString(b, a.Email)
			b = binary.AppendUvarint(b, uint64(a.Commits))
		}
		if size += len(b); size > maxKept {
			return nil, false
		}
		pages = append(pages, b)
	}
	return pages, true
}

func decodePage(b []byte, authors []Author) ([]Author, error) {
	d := record.Decode(b)
	for d.Len() > 0 {
		authors = append(authors, Author{Name: d.String(), Email: d.String(), Commits: d.Count(math.MaxInt)})
	}
	if err := d.End("authors in a tally of contributors"); err != nil {
		return nil, err
	}
	return authors, nil
}
