package contributor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/git"
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

func headKey(repo storage.ID) []byte { return append([]byte{keyFirst, keyHead}, repo[:]...) }

func pageKey(repo storage.ID, page int) []byte {
	b := append([]byte{keyFirst, keyAuthors}, repo[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(page))
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
	for rec, err := range v.Records(pageKey(repo, 0), record.After(pageKey(repo, 0)[:2+len(repo)]), storage.Ascending) {
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
		return nil, corrupt("%d authors of %d", len(t.Authors), n)
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
	for rec, err := range tx.Records(pageKey(repo, 0), record.After(pageKey(repo, 0)[:2+len(repo)]), storage.Ascending) {
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
	d := record.Decoder{Rest: b}
	if v := d.Take(1); v == nil || v[0] != headVersion {
		return nil, 0, fmt.Errorf("%w: tally of contributors of version %v", storage.ErrFormat, v)
	}
	t := &Tally{}
	copy(t.Tip[:], d.Take(uint64(len(git.Hash{}))))
	t.span.latest = d.Varint()
	t.span.skew = int64(d.Uvarint())
	t.serial = d.Uvarint()
	n := d.Uvarint()
	if d.Bad || len(d.Rest) > 0 || t.span.skew < 0 || n > maxKept {
		return nil, 0, corrupt("head")
	}
	return t, int(n), nil
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
	d := record.Decoder{Rest: b}
	for len(d.Rest) > 0 {
		a := Author{Name: d.String(), Email: d.String(), Commits: int(d.Uvarint())}
		if d.Bad || a.Commits < 0 {
			return nil, corrupt("authors")
		}
		authors = append(authors, a)
	}
	return authors, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: tally of contributors: %s", storage.ErrCorrupt, fmt.Sprintf(format, args...))
}
