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

func repoKey(repo storage.ID) []byte { return append([]byte{keyMark, 'r'}, repo[:]...) }

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
	b = binary.AppendVarint(b, record.Nanos(when))
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
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return binary.AppendUvarint(b, uint64(e.Pull))
}

// unit reads what a record begins with. In the first version the number of the last event stands for the unit: that is
// no less.
func (d *decoder) unit(last uint64) (uint64, error) {
	switch v := d.Byte(); v {
	case firstVersion:
		return last, nil
	case recordVersion:
		return d.Uvarint(), nil
	default:
		return 0, fmt.Errorf("%w: events of version %d", storage.ErrFormat, v)
	}
}

// unitOf returns the unit of a record whose last event has a number.
func unitOf(last uint64, b []byte) (uint64, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	unit, err := d.unit(last)
	if err == nil && d.Bad {
		err = fmt.Errorf("%w: events", storage.ErrCorrupt)
	}
	return unit, err
}

// decode returns the unit and the events of a record whose last event has a number.
func decode(last uint64, b []byte) (unit uint64, events []Event, err error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	if unit, err = d.unit(last); err != nil {
		return 0, nil, err
	}
	when := time.Unix(0, d.Varint()).UTC()
	n := d.Uvarint()
	if n == 0 || n > uint64(len(d.Rest)) || n > last {
		return 0, nil, fmt.Errorf("%w: events", storage.ErrCorrupt)
	}
	events = make([]Event, 0, n)
	for i := range n {
		e := Event{Number: last - n + 1 + i, When: when}
		d.event(&e)
		events = append(events, e)
	}
	if d.Bad || len(d.Rest) > 0 {
		return 0, nil, fmt.Errorf("%w: events", storage.ErrCorrupt)
	}
	return unit, events, nil
}

// A decoder reads what encode wrote. After the first thing that is not there it yields zero values, and is bad.
type decoder struct {
	record.Decoder
}

func (d *decoder) event(e *Event) {
	e.Kind = Kind(d.Byte())
	flags := d.Byte()
	if e.Kind == 0 || e.Kind >= kinds {
		d.Bad = true
	}
	e.Private = flags&flagPrivate != 0
	copy(e.Repo[:], d.Take(uint64(len(e.Repo))))
	if flags&flagOld != 0 {
		copy(e.Old[:], d.Take(uint64(len(e.Old))))
	}
	if flags&flagNew != 0 {
		copy(e.New[:], d.Take(uint64(len(e.New))))
	}
	for _, to := range [3]*string{&e.By, &e.Name, &e.Detail} {
		*to = d.String()
	}
	e.Pull = int(d.Uvarint())
}
