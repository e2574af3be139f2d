// Package event keeps what happened in a store, in order: each change of a repository, a ref, a permission or a pull
// request, in the transaction that makes it.
//
// The keys of its records:
//
//	E number        what one transaction changed: all its events, the last of which has this number
//	e p             number of the last event that all could learn of and that is not kept any more
//	e r ID          the same of a repository (Marks)
package event

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Kind says what an event is about.
type Kind byte

// The kinds. Their numbers are stored.
const (
	RepoCreated Kind = 1 + iota
	RepoUpdated
	RepoDeleted
	RefChanged
	AccessChanged
	PullChanged
	kinds
)

// ForkOf begins the Detail of the event of a new fork. The parent's ID follows.
const ForkOf = "fork of "

// Undeleted is the Detail of the event of a repository that came back.
const Undeleted = "undeleted"

// An Event is one change.
type Event struct {
	Number   uint64 // from 1, without gaps
	When     time.Time
	Kind     Kind
	Repo     storage.ID
	Private  bool         // the repository was, at that time
	By       string       // who made it
	Name     string       // "owner/slug", the ref, or who or what was given or denied access
	Detail   string       // what happened to it
	Old, New storage.Hash // of a ref
	Pull     int          // number of the pull request
}

const (
	keyEvent      = 'E'
	keyMark       = 'e'
	recordVersion = 2
	firstVersion  = 1 // has no unit
)

func publicKey() []byte { return []byte{keyMark, 'p'} }

func repoKey(repo storage.ID) []byte { return record.IDKey(repo, keyMark, 'r') }

const (
	flagPrivate = 1 << iota
	flagOld
	flagNew
)

func key(number uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyEvent}, number) }

// numberOf returns the number in a key.
func numberOf(k []byte) (uint64, error) {
	if len(k) != 9 || k[0] != keyEvent {
		return 0, fmt.Errorf("%w: key of an event", storage.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(k[1:]), nil
}

// encode returns the record of what one transaction changed. Units are the numbers of transactions.
func encode(events []Event, when time.Time, unit uint64) []byte {
	b := make([]byte, 0, 24+len(events)*96)
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, unit)
	b = record.AppendNanos(b, when)
	b = binary.AppendUvarint(b, uint64(len(events)))
	for i := range events {
		b = events[i].append(b)
	}
	return b
}

func (e *Event) append(b []byte) []byte {
	var flags byte
	if e.Private {
		flags |= flagPrivate
	}
	if !e.Old.IsZero() {
		flags |= flagOld
	}
	if !e.New.IsZero() {
		flags |= flagNew
	}
	b = append(b, byte(e.Kind), flags)
	b = append(b, e.Repo[:]...)
	if flags&flagOld != 0 {
		b = append(b, e.Old[:]...)
	}
	if flags&flagNew != 0 {
		b = append(b, e.New[:]...)
	}
	for _, s := range [3]string{e.By, e.Name, e.Detail} {
		b = record.AppendString(b, s)
	}
	return binary.AppendUvarint(b, uint64(e.Pull))
}

// decodeUnit reads what a record begins with. In the first version the number of the last event stands for the unit:
// that is no less.
func decodeUnit(d *record.Decoder, last uint64) uint64 {
	if d.Version(firstVersion, recordVersion) == firstVersion {
		return last
	}
	return d.Uvarint()
}

// unitOf returns the unit of a record whose last event has a number.
func unitOf(last uint64, b []byte) (uint64, error) {
	d := record.Decode(b)
	return decodeUnit(&d, last), d.Err("events")
}

// decode returns the unit and the events of a record whose last event has a number.
func decode(last uint64, b []byte) (unit uint64, events []Event, err error) {
	d := record.Decode(b)
	unit = decodeUnit(&d, last)
	when := d.Nanos()
	n := d.Count(min(uint64(d.Len()), last))
	d.Check(n > 0)
	events = make([]Event, 0, n)
	for i := range n {
		e := Event{Number: last - uint64(n) + 1 + uint64(i), When: when}
		e.decode(&d)
		events = append(events, e)
	}
	if err := d.End("events"); err != nil {
		return 0, nil, err
	}
	return unit, events, nil
}

// decode reads what append wrote.
func (e *Event) decode(d *record.Decoder) {
	e.Kind = Kind(d.Byte())
	flags := d.Byte()
	d.Check(e.Kind > 0 && e.Kind < kinds)
	e.Private = flags&flagPrivate != 0
	e.Repo = d.ID()
	if flags&flagOld != 0 {
		e.Old = d.Hash()
	}
	if flags&flagNew != 0 {
		e.New = d.Hash()
	}
	for _, to := range [3]*string{&e.By, &e.Name, &e.Detail} {
		*to = d.String()
	}
	e.Pull = int(d.Uvarint())
}
