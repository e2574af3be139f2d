package billyfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// The journal is a file of frames. A frame is a mark, the length of its payload, how much of the journal was known
// to be synced when it was written, a checksum of the last two and the payload, and the payload.
//
// A frame that does not read well is the end of the journal if it lies where a write may have been cut short. If a
// later frame vouches that this part had been synced, the file was damaged: to cut it there would drop
// acknowledged Updates in silence.
const (
	journalName = "reposit/journal"
	frameMark   = 0x524a4e31 // "RJN1"
	frameHeader = 4 + 4 + 8 + 4
	maxFrame    = 256 << 20
)

type journal struct {
	m      *disk.Medium
	f      disk.File
	end    int64
	synced int64
	broken error // the file may hold what was never acknowledged: nothing may follow it
}

func appendFrame(dst []byte, synced int64, payload []byte) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, frameMark)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(synced))
	sum := crc32.Update(crc32.Checksum(dst[at+4:], castagnoli()), castagnoli(), payload)
	dst = binary.BigEndian.AppendUint32(dst, sum)
	return append(dst, payload...)
}

// castagnoli returns a table that package crc32 keeps.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// parseFrame returns the payload of the frame that b begins with.
func parseFrame(b []byte) (payload []byte, synced int64, ok bool) {
	if len(b) < frameHeader || binary.BigEndian.Uint32(b) != frameMark {
		return nil, 0, false
	}
	length := binary.BigEndian.Uint32(b[4:])
	if length > maxFrame || int64(length) > int64(len(b)-frameHeader) {
		return nil, 0, false
	}
	payload = b[frameHeader : frameHeader+int(length)]
	sum := crc32.Update(crc32.Checksum(b[4:16], castagnoli()), castagnoli(), payload)
	if sum != binary.BigEndian.Uint32(b[16:]) {
		return nil, 0, false
	}
	return payload, int64(binary.BigEndian.Uint64(b[8:])), true
}

// openJournal opens the journal, calls replay with each payload, and cuts off what a crash left unfinished, unless fit
// returns an error, which is told how many of how many bytes could be read. What replay gets belongs to it.
func openJournal(m *disk.Medium, replay func(payload []byte) error, fit func(end, size int64) error) (*journal, error) {
	data, err := m.ReadFile(journalName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	created := err != nil
	j := &journal{m: m}
	for j.end < int64(len(data)) {
		payload, _, ok := parseFrame(data[j.end:])
		if !ok {
			if off, damaged := laterFrame(data, j.end); damaged {
				return nil, fmt.Errorf("journal: bytes %d to %d: %w", j.end, off, storage.ErrCorrupt)
			}
			break
		}
		if err := replay(payload); err != nil {
			return nil, fmt.Errorf("journal: byte %d: %w", j.end, err)
		}
		j.end += frameHeader + int64(len(payload))
	}
	if err := fit(j.end, int64(len(data))); err != nil {
		return nil, err
	}
	if err := j.open(); err != nil {
		return nil, err
	}
	if j.end < int64(len(data)) {
		if err := j.f.Truncate(j.end); err != nil {
			return nil, errors.Join(err, j.f.Close())
		}
	}
	if created {
		m.Named(journalName)
		if err := errors.Join(m.SyncDir("reposit"), m.SyncDir(".")); err != nil {
			return nil, errors.Join(err, j.f.Close())
		}
	}
	if j.end == 0 { // it is never empty where reposit/format says that there is one
		if err := j.append([]byte{kindOpen}); err != nil {
			return nil, errors.Join(err, j.f.Close())
		}
	}
	if err := j.force(); err != nil {
		return nil, errors.Join(err, j.f.Close())
	}
	return j, nil
}

func (j *journal) open() error {
	f, err := j.m.OpenFile(journalName, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Seek(j.end, io.SeekStart); err != nil {
		return errors.Join(err, f.Close())
	}
	j.f = f
	return nil
}

// laterFrame looks for a whole frame behind a bad one which says that the bad one had been synced.
func laterFrame(data []byte, bad int64) (int64, bool) {
	for off := bad + 1; off+frameHeader <= int64(len(data)); off++ {
		if binary.BigEndian.Uint32(data[off:]) != frameMark {
			continue
		}
		if _, synced, ok := parseFrame(data[off:]); ok && synced > bad {
			return off, true
		}
	}
	return 0, false
}

// append adds frames, all in one write. If it fails, they are taken back; if that fails too, the journal is broken
// and takes no more.
func (j *journal) append(payloads ...[]byte) error {
	if j.broken != nil {
		return j.broken
	}
	var buf []byte
	for _, p := range payloads {
		if len(p) > maxFrame {
			return fmt.Errorf("journal: entry of %d bytes: %w", len(p), storage.ErrTooLarge)
		}
		buf = appendFrame(buf, j.synced, p)
	}
	if _, err := j.f.Write(buf); err != nil {
		if undo := j.cut(j.end); undo != nil {
			return errors.Join(err, j.fail(undo))
		}
		return disk.Explain(err)
	}
	j.end += int64(len(buf))
	return nil
}

// cut shortens the journal to size.
func (j *journal) cut(size int64) error {
	if err := j.f.Truncate(size); err != nil {
		return err
	}
	if _, err := j.f.Seek(size, io.SeekStart); err != nil {
		return err
	}
	j.end = size
	return nil
}

// sync makes what was appended survive a power cut. After an error nobody knows what the file holds, so the journal
// is broken: a second sync that succeeds would prove nothing.
func (j *journal) sync() error {
	if j.broken != nil {
		return j.broken
	}
	if !j.m.Syncs {
		return nil
	}
	return j.force()
}

// force is sync at any level of durability, if the medium can.
func (j *journal) force() error {
	if j.broken != nil {
		return j.broken
	}
	if err := j.f.Sync(); err != nil {
		return j.fail(err)
	}
	j.synced = j.end
	return nil
}

// rewrite replaces the journal by one that holds the payloads that write passes on. A broken one is whole then.
func (j *journal) rewrite(write func(add func(payload []byte) error) error) error {
	temp := j.m.Temp()
	size, err := j.fill(temp, write)
	if err != nil {
		j.m.Remove(temp)
		return disk.Explain(err)
	}
	// From here on nobody knows which file has the name, until it is certain that it is the new one.
	if err := errors.Join(j.m.Rename(temp, journalName), j.m.SyncDir("reposit")); err != nil {
		return j.fail(err)
	}
	old, end := j.f, j.end
	j.end = size
	if err := j.open(); err != nil {
		j.end = end
		return j.fail(err)
	}
	j.synced, j.broken = size, nil
	_ = old.Close() // what it held is of no interest any more
	return nil
}

// fail breaks the journal.
func (j *journal) fail(err error) error {
	j.broken = fmt.Errorf("journal: %w", err)
	return j.broken
}

func (j *journal) fill(name string, write func(add func([]byte) error) error) (size int64, err error) {
	f, err := j.m.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = write(func(payload []byte) error {
		frame := appendFrame(nil, size, payload)
		n, err := f.Write(frame)
		size += int64(n)
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	return size, err
}
