package badger

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
)

// A manifestTail reads what Badger adds to its manifest.
type manifestTail struct {
	path string
	f    *os.File
	info os.FileInfo
	end  int64 // of what was read
}

// A manifestChange is one change of a manifest: what a flush or a compaction has done.
type manifestChange struct {
	created   map[uint64]uint64 // table to level
	deleted   []uint64
	rewritten bool // created is all there is: the manifest was made anew
}

// manifestHead is the length of what a manifest begins with.
const manifestHead = 8

// next returns what was added since the last call. It takes a descriptor only if the manifest was made anew.
func (m *manifestTail) next() ([]manifestChange, error) {
	info, err := os.Stat(m.path)
	if err != nil {
		return nil, err
	}
	anew := false
	if m.f == nil || !os.SameFile(info, m.info) {
		f, err := os.Open(m.path)
		if err != nil {
			return nil, noFiles(err)
		}
		if info, err = f.Stat(); err != nil {
			f.Close()
			return nil, err
		}
		if m.f != nil {
			anew = true
			m.f.Close()
		}
		m.f, m.info, m.end = f, info, manifestHead
	}
	if info.Size() <= m.end {
		return nil, nil
	}
	data := make([]byte, info.Size()-m.end)
	n, err := m.f.ReadAt(data, m.end)
	if err != nil && err != io.EOF {
		return nil, err
	}
	var changes []manifestChange
	for data = data[:n]; len(data) >= 8; {
		size := uint64(binary.BigEndian.Uint32(data))
		if size > uint64(len(data)-8) {
			break // It is being written.
		}
		body := data[8:][:size]
		if binary.BigEndian.Uint32(data[4:]) != crc32.Checksum(body, castagnoli) {
			break
		}
		c, ok := parseChange(body)
		if !ok {
			return nil, damaged(m.path, errLayout)
		}
		c.rewritten, anew = anew, false
		changes = append(changes, c)
		data = data[8+size:]
		m.end += 8 + int64(size)
	}
	return changes, nil
}

func (m *manifestTail) close() error {
	if m.f == nil {
		return nil
	}
	return m.f.Close()
}

// parseChange takes a ManifestChangeSet apart: in field 1 its changes, each with the table in field 1, 1 for a deletion
// in field 2, and the level in field 3 (badgerpb4.proto).
func parseChange(body []byte) (c manifestChange, ok bool) {
	c.created = make(map[uint64]uint64)
	r := reading{b: body}
	for len(r.b) > 0 && !r.bad {
		if r.uvarint() != 1<<3|2 {
			return c, false
		}
		one := reading{b: r.take(int(min(r.uvarint(), uint64(len(body)))))}
		var fields [8]uint64
		for len(one.b) > 0 && !one.bad {
			tag := one.uvarint()
			if tag&7 != 0 || tag>>3 >= uint64(len(fields)) {
				return c, false
			}
			fields[tag>>3] = one.uvarint()
		}
		if one.bad {
			return c, false
		}
		if fields[2] == 0 {
			c.created[fields[1]] = fields[3]
		} else {
			c.deleted = append(c.deleted, fields[1])
		}
	}
	return c, !r.bad
}
