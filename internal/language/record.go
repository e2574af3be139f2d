package language

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linguist"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of the records, by their first two bytes:
//
//	L c ID    the last counts of a repository that were kept (Kept)
//	L d ID    the repository's refs have changed since its language was found out; no value
const (
	keyFirst  = 'L'
	keyCounts = 'c'
	keyDirty  = 'd'
)

func key(kind byte, repo storage.ID) []byte { return record.IDKey(repo, keyFirst, kind) }

// Kept are counts with what they are for.
type Kept struct {
	Commit, Tree git.Hash
	Counts       Counts
}

// keptVersion is the first byte of a stored Kept.
const keptVersion = 1

// rulesVersion must change with whatever changes what a file counts for, but for linguist.Version.
const rulesVersion = 1

// rulesName names the rules by which a file was counted. Counts by other rules can't be gone on with.
func rulesName() string { return fmt.Sprintf("%d-%s", rulesVersion, linguist.Version) }

// Load returns the counts of a repository, or storage.ErrNotFound if there are none by the rules of this program.
func Load(v storage.View, repo storage.ID) (Kept, error) {
	b, err := v.Record(key(keyCounts, repo))
	if err != nil {
		return Kept{}, err
	}
	return decode(b)
}

// Save keeps counts in place of any that the repository has.
func Save(tx storage.Tx, repo storage.ID, k Kept) error {
	b := k.encode()
	if len(b) > storage.MaxValue {
		return nil // they are counted afresh each time
	}
	return tx.PutRecord(key(keyCounts, repo), b)
}

// Drop removes all records of a repository.
func Drop(tx storage.Tx, repo storage.ID) error {
	return errors.Join(tx.DeleteRecord(key(keyCounts, repo)), Clean(tx, repo))
}

// Mark notes that a repository's language may have changed.
func Mark(tx storage.Tx, repo storage.ID) error { return tx.PutRecord(key(keyDirty, repo), nil) }

// Clean takes the mark back.
func Clean(tx storage.Tx, repo storage.ID) error { return tx.DeleteRecord(key(keyDirty, repo)) }

// Dirty returns up to limit repositories that are marked, in the order of their IDs, from the one after the given ID.
func Dirty(v storage.View, after storage.ID, limit int) ([]storage.ID, error) {
	var ids []storage.ID
	lo := append(key(keyDirty, after), 0)
	if after.IsZero() {
		lo = []byte{keyFirst, keyDirty}
	}
	for rec, err := range v.Records(lo, []byte{keyFirst, keyDirty + 1}, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if len(rec.Key) != 2+len(storage.ID{}) {
			return nil, fmt.Errorf("%w: mark of a changed repository", storage.ErrCorrupt)
		}
		if ids = append(ids, storage.ID(rec.Key[2:])); len(ids) == limit {
			break
		}
	}
	return ids, nil
}

func (k *Kept) encode() []byte {
	b := []byte{keptVersion}
	b = record.AppendString(b, rulesName())
	b = append(b, k.Commit[:]...)
	b = append(b, k.Tree[:]...)
	b = binary.AppendUvarint(b, uint64(k.Counts.Files))
	b = binary.AppendUvarint(b, uint64(k.Counts.Dirs))
	b = binary.AppendUvarint(b, uint64(len(k.Counts.Bytes)))
	for _, name := range slices.Sorted(maps.Keys(k.Counts.Bytes)) {
		b = record.AppendString(b, name)
		b = binary.AppendUvarint(b, uint64(k.Counts.Bytes[name]))
	}
	return b
}

func decode(b []byte) (Kept, error) {
	d := record.Decode(b)
	d.Version(keptVersion, keptVersion)
	if d.String() != rulesName() && !d.Bad() {
		return Kept{}, fmt.Errorf("counts of languages by other rules: %w", storage.ErrNotFound)
	}
	var k Kept
	k.Commit, k.Tree = d.Hash(), d.Hash()
	k.Counts.Files, k.Counts.Dirs = d.Count(MaxFiles), d.Count(MaxFiles)
	n := d.Count(uint64(d.Len()))
	k.Counts.Bytes = make(map[string]int64, n)
	for range n {
		name, size := d.String(), int64(d.Uvarint())
		if d.Check(size > 0); d.Bad() {
			break
		}
		k.Counts.Bytes[name] = size
	}
	if err := d.End("counts of languages"); err != nil {
		return Kept{}, err
	}
	return k, nil
}
