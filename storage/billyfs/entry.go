package billyfs

import (
	"encoding/binary"

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

// A commit is all that one Update does. It is permanent once its entry is in the journal.
type commit struct {
	seq     uint64
	objects []objectWrite
	creates []repoCreate
	drops   []repoRef
	pools   []storage.ID // to drop
	refs    []refWrite
	logs    []logWrite
	records []recordWrite
}

// An objectWrite holds a loose object as it stands in its file. Loose files are not synced one by one: this is what
// restores them.
type objectWrite struct {
	pool storage.ID
	hash storage.Hash
	data []byte
}

type repoCreate struct{ repo, pool storage.ID }

// A repoRef names a repository by its ID and the number of the Update that created it, since an ID may come back.
type repoRef struct {
	repo storage.ID
	born uint64
}

type refWrite struct {
	repo     storage.ID
	name     string
	old, new refValue
	logSize  int // bytes of the log before
}

type logWrite struct {
	repo storage.ID
	name string
	line string
}

type recordWrite struct {
	key   string
	value []byte
	gone  bool
}

// lines returns what the commit adds to each log.
func (c *commit) lines() map[lockName]string {
	lines := map[lockName]string{}
	for _, l := range c.logs {
		lines[lockName{l.repo, l.name}] = l.line
	}
	return lines
}

// An encoder appends fields to buf.
type encoder struct{ buf []byte }

func (e *encoder) uint(n uint64)   { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) id(id [20]byte)  { e.buf = append(e.buf, id[:]...) }
func (e *encoder) bytes(b []byte)  { e.uint(uint64(len(b))); e.buf = append(e.buf, b...) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); e.buf = append(e.buf, s...) }

func (e *encoder) value(v refValue) {
	e.id(v.hash)
	e.string(v.target)
}

func (e *encoder) record(r recordWrite) {
	gone := uint64(0)
	if r.gone {
		gone = 1
	}
	e.uint(gone)
	e.string(r.key)
	e.bytes(r.value)
}

func (c *commit) encode() []byte {
	e := &encoder{buf: []byte{kindCommit}}
	e.uint(c.seq)
	e.uint(uint64(len(c.objects)))
	for _, o := range c.objects {
		e.id(o.pool)
		e.id(o.hash)
		e.bytes(o.data)
	}
	e.uint(uint64(len(c.creates)))
	for _, r := range c.creates {
		e.id(r.repo)
		e.id(r.pool)
	}
	e.uint(uint64(len(c.drops)))
	for _, r := range c.drops {
		e.id(r.repo)
		e.uint(r.born)
	}
	e.uint(uint64(len(c.pools)))
	for _, id := range c.pools {
		e.id(id)
	}
	e.uint(uint64(len(c.refs)))
	for _, r := range c.refs {
		e.id(r.repo)
		e.string(r.name)
		e.value(r.old)
		e.value(r.new)
		e.uint(uint64(r.logSize))
	}
	e.uint(uint64(len(c.logs)))
	for _, l := range c.logs {
		e.id(l.repo)
		e.string(l.name)
		e.string(l.line)
	}
	e.uint(uint64(len(c.records)))
	for _, r := range c.records {
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
func (d *decoder) value() refValue {
	return refValue{hash: d.id(), target: d.string()}
}

func (d *decoder) record() recordWrite {
	return recordWrite{gone: d.uint() == 1, key: d.string(), value: d.bytes()}
}

// list calls item as often as a count says that comes first.
func (d *decoder) list(item func()) {
	for n := d.uint(); n > 0 && !d.bad; n-- {
		item()
	}
}

func decodeCommit(body []byte) (*commit, error) {
	d := &decoder{buf: body}
	c := &commit{seq: d.uint()}
	d.list(func() {
		c.objects = append(c.objects, objectWrite{pool: d.id(), hash: d.id(), data: d.bytes()})
	})
	d.list(func() { c.creates = append(c.creates, repoCreate{repo: d.id(), pool: d.id()}) })
	d.list(func() { c.drops = append(c.drops, repoRef{repo: d.id(), born: d.uint()}) })
	d.list(func() { c.pools = append(c.pools, d.id()) })
	d.list(func() {
		c.refs = append(c.refs, refWrite{repo: d.id(), name: d.string(), old: d.value(), new: d.value(),
			logSize: int(d.uint())})
	})
	d.list(func() { c.logs = append(c.logs, logWrite{repo: d.id(), name: d.string(), line: d.string()}) })
	d.list(func() { c.records = append(c.records, d.record()) })
	if d.bad || len(d.buf) > 0 {
		return nil, storage.ErrCorrupt
	}
	return c, nil
}

// A lockName is a ref for which a lock is made.
type lockName struct {
	repo storage.ID
	name string
}

// packedName stands for packed-refs among the names of refs.
const packedName = "packed-refs"

// A lockNote says what was going to be in a lock file, by which it could be told from one of another program: while
// locks were files, in stores of version 1.
type lockNote struct {
	lockName
	content string
}

func decodeLocks(body []byte) (locks []lockNote, err error) {
	d := &decoder{buf: body}
	d.list(func() {
		locks = append(locks, lockNote{lockName{repo: d.id(), name: d.string()}, d.string()})
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
