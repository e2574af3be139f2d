package people

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// recordVersion is the first byte of each stored value that is not empty, and the version of its layout.
const recordVersion = 1

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = record.AppendString(b, s)
	}
	return b
}

const timeSize = 8

// appendTime appends nanoseconds since 1970 (see record.Nanos), which may be negative, so that the bytes sort as the
// times do.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(record.Nanos(t))^1<<63)
}

// keyTime returns the time that b begins with.
func keyTime(b []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(b)^1<<63)).UTC()
}

func encodePermission(p Permission) []byte { return []byte{recordVersion, byte(p)} }

func decodePermission(b []byte) (Permission, error) {
	d := newDecoder(b)
	p := Permission(d.Byte())
	d.Bad = d.Bad || p.grantable() != nil
	return p, d.end("permission")
}

// A sharing is what a repository is shared by: how many collaborators it has, and which of its owner's teams have it.
// One look-up tells of most repositories that nobody has a grant on them.
type sharing struct {
	collaborators int
	owner         string // of the teams; "" if there are none
	teams         []string
}

func (s *sharing) encode() []byte {
	b := []byte{recordVersion}
	b = binary.AppendUvarint(b, uint64(s.collaborators))
	b = record.AppendString(b, s.owner)
	return appendStrings(b, s.teams)
}

func decodeSharing(b []byte) (sharing, error) {
	d := newDecoder(b)
	n := d.Uvarint()
	d.Bad = d.Bad || n > maxCollaborators
	s := sharing{collaborators: int(n), owner: d.String(), teams: d.strings()}
	return s, d.end("sharing")
}

// A decoder reads what the append functions wrote. After the first thing that is not there it yields zero values, and
// end says so.
type decoder struct {
	record.Decoder
	version byte
}

func newDecoder(b []byte) *decoder {
	d := &decoder{Decoder: record.Decoder{Rest: b}}
	d.version = d.Byte()
	return d
}

func (d *decoder) time() time.Time {
	if b := d.Take(timeSize); b != nil {
		return keyTime(b)
	}
	return time.Time{}
}

func (d *decoder) strings() []string {
	n := d.Uvarint()
	if n > uint64(len(d.Rest)) { // each takes a byte at least
		d.Fail()
	}
	if n == 0 || d.Bad {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.String()
	}
	return list
}

func (d *decoder) end(what string) error {
	switch {
	case !d.Bad && d.version != recordVersion:
		return fmt.Errorf("%w: %s record of version %d", storage.ErrFormat, what, d.version)
	case d.Bad || len(d.Rest) > 0:
		return fmt.Errorf("%w: %s record", storage.ErrCorrupt, what)
	}
	return nil
}
