package people

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/reposit/reposit/storage"
)

// recordVersion is the first byte of each stored value that is not empty, and the version of its layout.
const recordVersion = 1

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

const timeSize = 8

// appendTime appends nanoseconds since 1970, which may be negative, so that the bytes sort as the times do.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixNano())^1<<63)
}

// keyTime returns the time that b begins with.
func keyTime(b []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(b)^1<<63)).UTC()
}

func encodePermission(p Permission) []byte { return []byte{recordVersion, byte(p)} }

func decodePermission(b []byte) (Permission, error) {
	d := newDecoder(b)
	p := Permission(d.byte())
	d.bad = d.bad || p.grantable() != nil
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
	b = appendString(b, s.owner)
	return appendStrings(b, s.teams)
}

func decodeSharing(b []byte) (sharing, error) {
	d := newDecoder(b)
	n := d.uvarint()
	d.bad = d.bad || n > maxCollaborators
	s := sharing{collaborators: int(n), owner: d.string(), teams: d.strings()}
	return s, d.end("sharing")
}

// A decoder reads what the append functions wrote. After the first thing that is not there it yields zero values, and
// end says so.
type decoder struct {
	b       []byte
	version byte
	bad     bool
}

func newDecoder(b []byte) *decoder {
	d := &decoder{b: b}
	d.version = d.byte()
	return d
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
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) time() time.Time {
	if b := d.take(timeSize); b != nil {
		return keyTime(b)
	}
	return time.Time{}
}

func (d *decoder) string() string { return string(d.take(d.uvarint())) }

func (d *decoder) strings() []string {
	n := d.uvarint()
	if n > uint64(len(d.b)) { // each takes a byte at least
		d.bad, d.b = true, nil
	}
	if n == 0 || d.bad {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.string()
	}
	return list
}

func (d *decoder) end(what string) error {
	switch {
	case !d.bad && d.version != recordVersion:
		return fmt.Errorf("%w: %s record of version %d", storage.ErrFormat, what, d.version)
	case d.bad || len(d.b) > 0:
		return fmt.Errorf("%w: %s record", storage.ErrCorrupt, what)
	}
	return nil
}
