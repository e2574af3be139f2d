package journal

import (
	"encoding/binary"
	"iter"

	"github.com/reposit/reposit/storage"
)

// Kinds of journal entries. The first byte of a payload says which one it is.
const (
	kindBase    = 'B' // the number of the last Update, and the records, of a journal that was written afresh
	kindRecords = 'R' // more records of such a journal
	kindOpen    = 'O' // a process opened the store
	kindLocks   = 'L' // an Update is about to make lock files, in version 1
	kindCommit  = 'C' // an Update
	kindDone    = 'D' // the refs of an Update are in place
	kindFlushed = 'F' // what the Updates up to this one wrote to files is synced
	kindClosed  = 'X' // the store was closed with nothing left to do
)

// A Commit is all that one Update does. It is permanent once its entry is in the journal.
type Commit struct {
	Seq     uint64
	Objects []ObjectWrite
	Creates []RepoCreate
	Drops   []RepoRef
	Pools   []storage.ID // to drop
	Refs    []RefWrite
	Logs    []LogWrite
	Records []RecordWrite
}

// An ObjectWrite holds a loose object as it stands in its file. Loose files are not synced one by one: this is what
// restores them.
type ObjectWrite struct {
	Pool storage.ID
	Hash storage.Hash
	Data []byte
}

// A RepoCreate says that a repository is created.
type RepoCreate struct{ Repo, Pool storage.ID }

// A RepoRef names a repository by its ID and the number of the Update that created it, since an ID may come back.
type RepoRef struct {
	Repo storage.ID
	Born uint64
}

// A RefName names a ref of a repository.
type RefName struct {
	Repo storage.ID
	Name string
}

// A RefValue is what a ref holds. The zero RefValue says that there is no such ref.
type RefValue struct {
	Hash   storage.Hash
	Target string
}

// IsZero reports whether there is no such ref.
func (v RefValue) IsZero() bool { return v == RefValue{} }

// Ref returns the ref of this name that holds v.
func (v RefValue) Ref(name string) storage.Ref {
	return storage.Ref{Name: name, Hash: v.Hash, Target: v.Target}
}

// A RefWrite says what a ref held before, and holds after.
type RefWrite struct {
	RefName
	Old, New RefValue
	LogSize  int // bytes of the log before
}

// A LogWrite is what is added to the log of a ref.
type LogWrite struct {
	RefName
	Lines string
}

// A RecordWrite puts a record, or deletes it.
type RecordWrite struct {
	Key   string
	Value []byte
	Gone  bool
}

// Lines returns what the commit adds to each log.
func (c *Commit) Lines() map[RefName]string {
	lines := map[RefName]string{}
	for _, l := range c.Logs {
		lines[l.RefName] = l.Lines
	}
	return lines
}

// An encoder appends fields to buf.
type encoder struct{ buf []byte }

func (e *encoder) uint(n uint64)   { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) id(id [20]byte)  { e.buf = append(e.buf, id[:]...) }
func (e *encoder) bytes(b []byte)  { e.uint(uint64(len(b))); e.buf = append(e.buf, b...) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); e.buf = append(e.buf, s...) }

func (e *encoder) value(v RefValue) {
	e.id(v.Hash)
	e.string(v.Target)
}

func (e *encoder) record(r RecordWrite) {
	gone := uint64(0)
	if r.Gone {
		gone = 1
	}
	e.uint(gone)
	e.string(r.Key)
	e.bytes(r.Value)
}

func (c *Commit) encode() []byte {
	e := &encoder{buf: []byte{kindCommit}}
	e.uint(c.Seq)
	e.uint(uint64(len(c.Objects)))
	for _, o := range c.Objects {
		e.id(o.Pool)
		e.id(o.Hash)
		e.bytes(o.Data)
	}
	e.uint(uint64(len(c.Creates)))
	for _, r := range c.Creates {
		e.id(r.Repo)
		e.id(r.Pool)
	}
	e.uint(uint64(len(c.Drops)))
	for _, r := range c.Drops {
		e.id(r.Repo)
		e.uint(r.Born)
	}
	e.uint(uint64(len(c.Pools)))
	for _, id := range c.Pools {
		e.id(id)
	}
	e.uint(uint64(len(c.Refs)))
	for _, r := range c.Refs {
		e.id(r.Repo)
		e.string(r.Name)
		e.value(r.Old)
		e.value(r.New)
		e.uint(uint64(r.LogSize))
	}
	e.uint(uint64(len(c.Logs)))
	for _, l := range c.Logs {
		e.id(l.Repo)
		e.string(l.Name)
		e.string(l.Lines)
	}
	e.uint(uint64(len(c.Records)))
	for _, r := range c.Records {
		e.record(r)
	}
	return e.buf
}

// A decoder takes fields off buf. After the first that is not there, it only returns zeros and bad is true.
type decoder struct {
	buf []byte
	bad bool
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.buf)
	if size <= 0 {
		d.buf, d.bad = nil, true
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.buf)) {
		d.buf, d.bad = nil, true
		return nil
	}
	b := d.buf[:n:n]
	d.buf = d.buf[n:]
	return b
}

func (d *decoder) id() (id [20]byte) {
	copy(id[:], d.take(20))
	return id
}

func (d *decoder) bytes() []byte  { return d.take(d.uint()) }
func (d *decoder) string() string { return string(d.bytes()) }
func (d *decoder) refName() RefName {
	return RefName{Repo: d.id(), Name: d.string()}
}
func (d *decoder) value() RefValue {
	return RefValue{Hash: d.id(), Target: d.string()}
}

func (d *decoder) record() RecordWrite {
	return RecordWrite{Gone: d.uint() == 1, Key: d.string(), Value: d.bytes()}
}

// list calls item as often as a count says that comes first.
func (d *decoder) list(item func()) {
	for n := d.uint(); n > 0 && !d.bad; n-- {
		item()
	}
}

func decodeCommit(body []byte) (*Commit, error) {
	d := &decoder{buf: body}
	c := &Commit{Seq: d.uint()}
	d.list(func() {
		c.Objects = append(c.Objects, ObjectWrite{Pool: d.id(), Hash: d.id(), Data: d.bytes()})
	})
	d.list(func() { c.Creates = append(c.Creates, RepoCreate{Repo: d.id(), Pool: d.id()}) })
	d.list(func() { c.Drops = append(c.Drops, RepoRef{Repo: d.id(), Born: d.uint()}) })
	d.list(func() { c.Pools = append(c.Pools, d.id()) })
	d.list(func() {
		c.Refs = append(c.Refs, RefWrite{d.refName(), d.value(), d.value(), int(d.uint())})
	})
	d.list(func() { c.Logs = append(c.Logs, LogWrite{d.refName(), d.string()}) })
	d.list(func() { c.Records = append(c.Records, d.record()) })
	if d.bad || len(d.buf) > 0 {
		return nil, storage.ErrCorrupt
	}
	return c, nil
}

// A LockNote says what was going to be in a lock file, by which it could be told from one of another program: while
// locks were files, in stores of version 1.
type LockNote struct {
	RefName
	Content string
}

func decodeLocks(body []byte) (locks []LockNote, err error) {
	d := &decoder{buf: body}
	d.list(func() {
		locks = append(locks, LockNote{d.refName(), d.string()})
	})
	if d.bad {
		return nil, storage.ErrCorrupt
	}
	return locks, nil
}

// encodeMark encodes an entry that holds a number.
func encodeMark(kind byte, seq uint64) []byte {
	return binary.AppendUvarint([]byte{kind}, seq)
}

func decodeMark(body []byte) (uint64, error) {
	d := &decoder{buf: body}
	n := d.uint()
	if d.bad {
		return 0, storage.ErrCorrupt
	}
	return n, nil
}

// openEntry encodes that a process has the store.
func openEntry(boot string) []byte { return append([]byte{kindOpen}, boot...) }

// recordsChunk is about how many bytes of records are in one entry.
const recordsChunk = 1 << 20

// encodeRecords calls add with the entries that hold records, and the number of the last Update.
func encodeRecords(seq uint64, records iter.Seq2[string, []byte], add func(payload []byte) error) error {
	e := &encoder{buf: []byte{kindBase}}
	e.uint(seq)
	for key, value := range records {
		e.string(key)
		e.bytes(value)
		if len(e.buf) >= recordsChunk {
			if err := add(e.buf); err != nil {
				return err
			}
			e.buf = append(e.buf[:0], kindRecords)
		}
	}
	return add(e.buf)
}
