package event

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// Keep says which events are kept: what either asks for.
type Keep struct {
	Units int           // those of the last so many transactions
	For   time.Duration // those that are younger
}

const (
	trimEach = 1 << 6 // transactions between two looks at what may go, so that the few that go are found in one
	trimMost = 1 << 8 // transactions that go at most in one look, since writers wait for it
)

// trim drops what need not be kept, from the first on, after the transaction with that unit. What it drops it notes in
// the marks: see Trimmed.
func (l *Log) trim(tx storage.Tx, unit uint64, now time.Time) error {
	t := trimmer{repos: map[storage.ID]Marks{}}
	n := 0
	for rec, err := range tx.Records([]byte{keyEvent}, []byte{keyEvent + 1}, storage.Ascending) {
		if err != nil {
			return err
		}
		last, err := numberOf(rec.Key)
		if err != nil {
			return err
		}
		u, events, err := decode(last, rec.Value)
		if err != nil {
			return err
		}
		if n == trimMost || unit-u < uint64(l.keep.Units) || now.Sub(events[0].When) < l.keep.For {
			break
		}
		if n++; n == 1 {
			if err := t.begin(tx, events[0].Number); err != nil {
				return err
			}
		}
		t.note(events)
		if err := tx.DeleteRecord(rec.Key); err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	return t.store(tx)
}

// A trimmer collects what is to be told of events that go.
type trimmer struct {
	public uint64
	repos  map[storage.ID]Marks
}

// begin takes the mark of public events. If events before the first one went when there were no marks yet, any of them
// may have been public.
func (t *trimmer) begin(v storage.View, first uint64) (err error) {
	t.public, err = readMark(v, publicKey())
	if errors.Is(err, storage.ErrNotFound) {
		t.public, err = first-1, nil
	}
	return err
}

func (t *trimmer) note(events []Event) {
	for i := range events {
		e := &events[i]
		if e.Repo.IsZero() {
			continue // the host's alone
		}
		m := t.repos[e.Repo]
		if e.Kind == AccessChanged {
			m.Access = e.Number
		} else {
			m.Read = e.Number
			if !e.Private {
				t.public = e.Number
			}
		}
		t.repos[e.Repo] = m
	}
}

func (t *trimmer) store(tx storage.Tx) error {
	if err := tx.PutRecord(publicKey(), binary.AppendUvarint(nil, t.public)); err != nil {
		return err
	}
	for repo, m := range t.repos {
		if _, err := catalog.LoadHeader(tx, repo); errors.Is(err, storage.ErrNotFound) {
			if kept, err := catalog.IsKept(tx, repo); err != nil {
				return err
			} else if !kept {
				continue // of what is gone, only what was public is told
			}
		}
		before, err := Trimmed(tx, repo)
		if err != nil {
			return err
		}
		m.Read, m.Access = max(m.Read, before.Read), max(m.Access, before.Access)
		if err := tx.PutRecord(repoKey(repo), binary.AppendUvarint(binary.AppendUvarint(nil, m.Read), m.Access)); err != nil {
			return err
		}
	}
	return nil
}

// Marks are the numbers of the last events of a repository that are not kept any more, 0 for none.
type Marks struct {
	Read   uint64 // of what those learn who may read the repository
	Access uint64 // of what its admins learn
}

// Trimmed returns the marks of a repository.
func Trimmed(v storage.View, repo storage.ID) (m Marks, err error) {
	b, err := v.Record(repoKey(repo))
	if errors.Is(err, storage.ErrNotFound) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	d := record.Decode(b)
	m.Read, m.Access = d.Uvarint(), d.Uvarint()
	return m, d.End("mark of dropped events")
}

// TrimmedPublic returns the number of the last event that all may learn of and that is not kept any more, given the
// number of the first one that is. Before events were ever dropped it is 0.
func TrimmedPublic(v storage.View, first uint64) (uint64, error) {
	n, err := readMark(v, publicKey())
	if errors.Is(err, storage.ErrNotFound) {
		return max(first, 1) - 1, nil
	}
	return n, err
}

func readMark(v storage.View, key []byte) (uint64, error) {
	b, err := v.Record(key)
	if err != nil {
		return 0, err
	}
	d := record.Decode(b)
	return d.Uvarint(), d.End("mark of dropped events")
}

// Drop removes the marks of a repository.
func Drop(tx storage.Tx, repo storage.ID) error { return tx.DeleteRecord(repoKey(repo)) }
