// Package event keeps what happened in a store, in order: each change of a repository, a ref, a permission or a pull
// request, in the unit of work that makes it.
//
// The keys of its records:
//
//	E number        what one unit of work changed: all its events, the last of which has this number
package event

import (
	"encoding/binary"
	"fmt"
	"time"

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
	recordVersion = 1
)

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

// encode returns the record of what one unit of work changed.
func encode(events []Event, when time.Time) []byte {
	b := make([]byte, 0, 16+len(events)*96)
	b = append(b, recordVersion)
	b = binary.AppendVarint(b, when.UnixNano())
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

// decode returns the events of a record whose last one has a number.
func decode(last uint64, b []byte) ([]Event, error) {
	d := decoder{b: b}
	if v := d.byte(); v != recordVersion {
		return nil, fmt.Errorf("%w: events of version %d", storage.ErrFormat, v)
	}
	when := time.Unix(0, d.varint()).UTC()
	n := d.uvarint()
	if n == 0 || n > uint64(len(d.b)) || n > last {
		return nil, fmt.Errorf("%w: events", storage.ErrCorrupt)
	}
	events := make([]Event, 0, n)
	for i := range n {
		e := Event{Number: last - n + 1 + i, When: when}
		d.event(&e)
		events = append(events, e)
	}
	if d.bad || len(d.b) > 0 {
		return nil, fmt.Errorf("%w: events", storage.ErrCorrupt)
	}
	return events, nil
}

// A decoder reads what encode wrote. After the first thing that is not there it yields zero values, and is bad.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) event(e *Event) {
	e.Kind = Kind(d.byte())
	flags := d.byte()
	if e.Kind == 0 || e.Kind >= kinds {
		d.bad = true
	}
	e.Private = flags&flagPrivate != 0
	copy(e.Repo[:], d.take(uint64(len(e.Repo))))
	if flags&flagOld != 0 {
		copy(e.Old[:], d.take(uint64(len(e.Old))))
	}
	if flags&flagNew != 0 {
		copy(e.New[:], d.take(uint64(len(e.New))))
	}
	for _, to := range [3]*string{&e.By, &e.Name, &e.Detail} {
		*to = string(d.take(d.uvarint()))
	}
	e.Pull = int(d.uvarint())
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.take(uint64(max(n, 0)))
	d.bad = d.bad || n <= 0
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.take(uint64(max(n, 0)))
	d.bad = d.bad || n <= 0
	return v
}
