package badger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// pinsName is the file that says which tables must not be taken for rests when the store is opened again.
const pinsName = "PINS"

// A pinLog is a log of sets of tables, the last of which counts. A set is CRC-32C(4) number(4) id(8)..., the checksum
// over all that follows it.
type pinLog struct {
	f   *os.File
	end int64
}

// maxPinLog is how long the log becomes before it begins anew.
const maxPinLog = 64 << 10

// openPins opens the log in dir, which must be empty.
func openPins(dir string) (*pinLog, error) {
	f, err := os.OpenFile(filepath.Join(dir, pinsName), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, noFiles(err)
	}
	if err := errors.Join(f.Sync(), syncDir(dir)); err != nil {
		return nil, errors.Join(noFiles(err), f.Close())
	}
	return &pinLog{f: f}, nil
}

// set makes tables the set that counts. It needs no descriptor.
func (l *pinLog) set(tables []uint64) error {
	b := make([]byte, 4, 8+8*len(tables))
	b = binary.BigEndian.AppendUint32(b, uint32(len(tables)))
	for _, id := range tables {
		b = binary.BigEndian.AppendUint64(b, id)
	}
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	if _, err := l.f.WriteAt(b, l.end); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	l.end += int64(len(b))
	return nil
}

// clear makes the empty set count.
func (l *pinLog) clear() error {
	if l.end < maxPinLog {
		return l.set(nil)
	}
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	l.end = 0
	return l.f.Sync()
}

func (l *pinLog) close() error { return l.f.Close() }

// readPins returns the set that counts in the log in dir.
func readPins(dir string) (tables []uint64, err error) {
	data, err := os.ReadFile(filepath.Join(dir, pinsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, noFiles(err)
	}
	for len(data) >= 8 {
		n := uint64(binary.BigEndian.Uint32(data[4:]))
		if n > uint64(len(data)-8)/8 {
			break // A crash has cut it short.
		}
		set := data[:8+8*n]
		if binary.BigEndian.Uint32(set) != crc32.Checksum(set[4:], castagnoli) {
			break
		}
		tables = tables[:0]
		for ids := set[8:]; len(ids) > 0; ids = ids[8:] {
			tables = append(tables, binary.BigEndian.Uint64(ids))
		}
		data = data[len(set):]
	}
	return tables, nil
}
