package journal

import (
	"slices"

	"github.com/reposit/reposit/storage"
)

// A History is what replaying a journal leaves to look after.
type History struct {
	// Put is called with the records of each entry, in order. It must be set; what it gets belongs to it.
	Put func([]RecordWrite)

	Seq     uint64     // of the last Update
	Commits []*Commit  // whose files are not known to be synced, without their records
	Locks   []LockNote // that were about to be made
	Boot    string     // of the process that wrote last
	Closed  bool       // the last entry is that of Journal.End
	Opened  bool       // a process has said that it has the store
}

// take takes one entry.
func (h *History) take(payload []byte) error {
	if len(payload) == 0 {
		return storage.ErrCorrupt
	}
	kind, body := payload[0], payload[1:]
	h.Closed = kind == kindClosed
	var err error
	switch kind {
	case kindBase, kindRecords:
		return h.takeRecords(kind, body)
	case kindOpen:
		h.Boot, h.Opened = string(body), true
	case kindLocks:
		h.Locks, err = decodeLocks(body)
	case kindCommit:
		var c *Commit
		if c, err = decodeCommit(body); err == nil {
			h.Put(c.Records)
			c.Records = nil
			h.Commits, h.Seq = append(h.Commits, c), c.Seq
		}
	case kindDone:
		_, err = decodeMark(body)
		h.Locks = nil
	case kindFlushed:
		var seq uint64
		seq, err = decodeMark(body)
		h.Commits = slices.DeleteFunc(h.Commits, func(c *Commit) bool { return c.Seq <= seq })
	case kindClosed:
		h.Commits, h.Locks = nil, nil
	default:
		return storage.ErrFormat
	}
	return err
}

func (h *History) takeRecords(kind byte, body []byte) error {
	d := &decoder{buf: body}
	if kind == kindBase {
		h.Seq = d.uint()
	}
	var writes []RecordWrite
	for len(d.buf) > 0 && !d.bad {
		writes = append(writes, RecordWrite{Key: d.string(), Value: d.bytes()})
	}
	if d.bad {
		return storage.ErrCorrupt
	}
	h.Put(writes)
	return nil
}
