// Package storage is the contract between reposit and the places where it keeps things: Git objects in pools,
// refs with their logs, ordered records, and one atomic transaction over all three.
//
// A backend is dumb: it knows no Git rule beyond the shape of an object, decides nothing about access, and never
// retries on a caller's behalf what the caller could see. Everything above it is written once, in reposit.
// Package storagetest holds this contract as tests; a backend that passes them is a backend.
//
// # Isolation
//
// Updates are serializable: the outcome is that of running their functions one after the other, each on what the
// one before left. A View is a snapshot: it sees all of every Update that was acknowledged before it began, and of
// every other Update either all or nothing. Views never wait for Updates, nor Updates for Views.
//
// # Durability
//
// When Update returns nil, all of it is there for every View that begins later. Whether it also survives a power
// cut is the backend's Durability. At every level, what survives a crash is whole Updates, in the order in which
// they happened: some at the end may be missing (never with Sync, if they were acknowledged), none is torn.
//
// # Errors
//
// Methods return errors that match, by errors.Is, the sentinels below, or the context's error. Any other error
// means the medium failed: after one from Update the outcome is unknown until the next View shows it.
//
// # Ownership
//
// Byte slices that are handed in belong to the backend from then on where a comment says "keeps"; elsewhere they
// are only read during the call. Slices that are handed out are read-only, and stay valid: for objects without
// limit, for refs and records as long as the View or Update function runs.
package storage

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"
)

// Sentinels that callers of a backend branch on. Users of package reposit get ErrNoSpace, ErrNoFiles, ErrLocked,
// ErrBusy, ErrReadOnly and ErrFormat out of its errors, and its own sentinels in place of the others.
var (
	// ErrNotFound says that there is no such object, ref or record.
	ErrNotFound = errNotFound{}
	// ErrCorrupt says that stored bytes do not match their checksum, their length or their hash.
	ErrCorrupt = errors.New("corrupt data")
	// ErrClosed says that the backend was closed.
	ErrClosed = errClosed{}
	// ErrTooLarge says that one Update holds more refs and records than the backend can make atomic.
	ErrTooLarge = errors.New("too large")
	// ErrNoSpace says that the medium is, or is about to be, full. Nothing was written.
	ErrNoSpace = errors.New("no space left")
	// ErrNoFiles says that the process, or the system, has too many files open. Nothing was written.
	ErrNoFiles = errors.New("too many open files")
	// ErrLocked says that another process, or another Open in this one, holds the store.
	ErrLocked = errors.New("store is in use")
	// ErrBusy says that a program outside holds a lock that the Update needs. Nothing was written.
	ErrBusy = errors.New("ref is locked by another program")
	// ErrReadOnly says that the store was opened to be read alone.
	ErrReadOnly = errors.New("store is read-only")
	// ErrFormat says that the medium holds a format that this program does not know, or something that is no store.
	ErrFormat = errors.New("unknown format")
)

type errNotFound struct{}

func (errNotFound) Error() string        { return "not found" }
func (errNotFound) Is(target error) bool { return target == fs.ErrNotExist }

type errClosed struct{}

func (errClosed) Error() string        { return "store is closed" }
func (errClosed) Is(target error) bool { return target == fs.ErrClosed }

// A Hash names a Git object: the SHA-1 of its header and content (gitformat-loose).
type Hash [20]byte

// IsZero reports whether h is the zero Hash, which names no object.
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns h as 40 lower-case hexadecimal digits.
func (h Hash) String() string {
	const digits = "0123456789abcdef"
	var b [40]byte
	for i, c := range h {
		b[2*i], b[2*i+1] = digits[c>>4], digits[c&15]
	}
	return string(b[:])
}

// An ID names a repository or a pool: 20 bytes of 0-9 and a-z, so that it may stand in a file name as it is.
// A backend may rely on that; reposit makes the IDs.
type ID [20]byte

// String returns the 20 bytes as text.
func (id ID) String() string { return string(id[:]) }

// IsZero reports whether id is the zero ID, which names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// A Type is the type of a Git object, numbered as in a pack (gitformat-pack).
type Type uint8

const (
	Commit Type = 1
	Tree   Type = 2
	Blob   Type = 3
	Tag    Type = 4
)

// String returns the type's name in an object header, "commit" for Commit, or "invalid".
func (t Type) String() string {
	switch t {
	case Commit:
		return "commit"
	case Tree:
		return "tree"
	case Blob:
		return "blob"
	case Tag:
		return "tag"
	}
	return "invalid"
}

// LargeObject is the size in bytes from which an object is written through Stage.Create and read through
// Backend.OpenObject, in pieces, rather than held in memory as a whole. Put and Object still take and give larger
// ones, at the cost of that memory.
const LargeObject = 1 << 20

// An Object is a Git object as it is stored and as it is read back.
//
// Handed to a backend, Data is the whole content and Delta, when it is not nil, says the same as a difference; the
// backend stores whichever of the two suits it. Handed out, either Data is the whole content, or Data is nil and
// Delta has what it takes to build it. An empty object has an empty Data that is not nil.
type Object struct {
	Hash  Hash
	Type  Type
	Size  int64 // of the whole content, in bytes
	Data  []byte
	Delta *Delta
}

// A Delta is the content of an object as a difference from another one of the same pool and type.
type Delta struct {
	Base Hash
	// Depth is an upper bound of how many deltas must be applied in all to arrive at the object. It is 1 if Base is
	// stored whole, else one more than Base's, both as of when the object was stored: by now, Base may have a shorter
	// chain, or, in a pack that came later (Packer), a longer one.
	Depth int
	// Ops are the sizes of base and object, then copy and insert instructions, as in a pack (gitformat-pack, "deltified
	// representation")
	Ops []byte
}

// A Ref is a name that holds a hash or the name of another ref.
type Ref struct {
	Name   string // "HEAD" or a full name, "refs/heads/main"
	Hash   Hash   // zero if symbolic
	Target string // the full name of the ref that a symbolic one points to; else ""
}

// Inherited reports whether a fork begins with its parent's ref of this name: with HEAD, branches and tags, but neither
// with those of pull requests nor with others that mean something in one repository alone.
func Inherited(name string) bool {
	return name == "HEAD" || strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/")
}

// A LogEntry is one line of a ref's log: what it held before and after one change, and who changed it.
type LogEntry struct {
	Old, New    Hash // zero: the ref did not exist
	Name, Email string
	When        time.Time // with the offset that a log shows; whole seconds
	Message     string    // one line
}

// A Record is a key with its value.
type Record struct{ Key, Value []byte }

// MaxKey and MaxValue bound the keys and values of records, in bytes. PutRecord returns ErrTooLarge beyond them. A key
// has at least one byte.
const (
	MaxKey   = 4 << 10
	MaxValue = 1 << 20
)

// Durability says what an acknowledged Update survives.
type Durability int

const (
	// Volatile: nothing outlives Close.
	Volatile Durability = iota
	// NoSync: the end of the process, however it ends. A power cut may take the last Updates, never part of one.
	NoSync
	// Sync: a power cut, if the hardware keeps what it was told to sync.
	Sync
)

// A Backend keeps objects, refs and records. All its methods are safe for concurrent use. After Close, they return
// ErrClosed. One that can keep packs as they are is a Packer.
type Backend interface {
	// Object returns the object of the given pool, whole or as a delta, or ErrNotFound. It sees what every
	// acknowledged Update and closed Stage put there. It returns ErrCorrupt rather than damaged bytes.
	Object(ctx context.Context, pool ID, h Hash) (Object, error)

	// StatObject returns the object's type and the size of its whole content, without reading it.
	StatObject(ctx context.Context, pool ID, h Hash) (Type, int64, error)

	// OpenObject returns the object's type, size and a reader of its whole content that holds little of it in
	// memory. Only objects that went through Stage.Create are sure to be read in pieces. If the object is kept as
	// a delta, it returns ErrDelta, and Object must be used.
	OpenObject(ctx context.Context, pool ID, h Hash) (Type, int64, io.ReadCloser, error)

	// Objects yields the hashes of the pool's objects from lo to hi, both included, in ascending order. It is not
	// a snapshot: objects that come or go meanwhile may be missed. No lock is held while the loop body runs.
	Objects(ctx context.Context, pool ID, lo, hi Hash) iter.Seq2[Hash, error]

	// Stage begins to store objects of a pool ahead of the Update that will make them reachable, for work that
	// is too large for one Update. The pool need not exist yet.
	Stage(ctx context.Context, pool ID) (Stage, error)

	// View calls fn with a snapshot and returns its error. Views may nest, and may be taken inside of an Update,
	// whose writes they do not see.
	View(ctx context.Context, fn func(View) error) error

	// Update calls fn with a transaction, makes all of it permanent if fn returns nil, and drops all of it
	// otherwise. fn may run more than once, each time from the start, and never concurrently with itself; its
	// last run counts. It must do no more than read, decide and write through Tx: other writers wait for it, and
	// a call of the same backend's Update inside it never returns. A cancelled context ends the wait for other
	// writers, and stops it before anything is permanent, or not at all.
	Update(ctx context.Context, fn func(Tx) error) error

	// Durability returns what an acknowledged Update survives.
	Durability() Durability

	// Close waits for the calls in flight, makes permanent what is not yet, and lets go of all resources. A second
	// Close returns ErrClosed.
	Close() error
}

// Exclusive reports whether b says that nothing but its own Updates changes its refs while it is open, by a method
// Exclusive() bool. Of a Backend that says nothing, other programs may change them too.
func Exclusive(b Backend) bool {
	e, ok := b.(interface{ Exclusive() bool })
	return ok && e.Exclusive()
}

// ErrDelta is returned by OpenObject for an object that is kept as a delta.
var ErrDelta = errors.New("object is stored as a delta")

// A View is a snapshot of refs and records. It is for the one goroutine that runs the function it was passed to,
// and only while that function runs.
type View interface {
	// Ref returns a ref as it is stored, symbolic ones unresolved, or ErrNotFound.
	Ref(repo ID, name string) (Ref, error)

	// Refs yields the refs whose names begin with prefix and are greater than after, in the order of their names'
	// bytes. HEAD is one of them. A ref that is damaged comes in its place, with its name and an error that wraps
	// ErrCorrupt, and the loop may go on. After an error without a name, nothing follows.
	Refs(repo ID, prefix, after string) iter.Seq2[Ref, error]

	// Log yields what happened to a ref, the newest entry first. It outlives the ref, until DropRepo.
	Log(repo ID, name string) iter.Seq2[LogEntry, error]

	// Record returns the value of key, or ErrNotFound.
	Record(key []byte) ([]byte, error)

	// Records yields the records with lo <= key < hi, in the order of the keys' bytes, or downwards from hi if
	// reverse. A nil hi is above every key.
	Records(lo, hi []byte, order Order) iter.Seq2[Record, error]
}

// Version returns a number for the state that v shows, by a method Version() uint64: two views of one backend that
// have the same number, which is not 0, show the same refs and records. It is 0 for a View that says nothing. That is
// so of every transaction, and where other programs may change refs.
func Version(v View) uint64 {
	if numbered, ok := v.(interface{ Version() uint64 }); ok {
		return numbered.Version()
	}
	return 0
}

// RefsVersion returns a number for the refs of one repository as v shows them, by a method
// RefsVersion(ID) (uint64, error): two views of one backend that have the same number for it, which is not 0, show the
// same refs of it. It is 0 for a View that says nothing, and costs less than to read the refs.
func RefsVersion(v View, repo ID) (uint64, error) {
	if numbered, ok := v.(interface{ RefsVersion(ID) (uint64, error) }); ok {
		return numbered.RefsVersion(repo)
	}
	return 0, nil
}

// Describe tells the backend of tx what people call a repository, for those who look at what it keeps without reposit,
// by a method Describe(ID, string) error. The name is the repository's from the end of the transaction on, until
// another one is given or the repository is dropped; it may be given before the repository is created. An empty one
// says that people call it nothing any more. Nothing depends on it: where nobody can look, it is a no-op.
func Describe(tx Tx, repo ID, name string) error {
	if d, ok := tx.(interface{ Describe(ID, string) error }); ok {
		return d.Describe(repo, name)
	}
	return nil
}

// Order is the direction of Records.
type Order bool

const (
	Ascending  Order = false
	Descending Order = true
)

// A Tx is the transaction of one Update. It reads its own writes. Like a View it is for one goroutine and ends
// with the function. Errors of its methods doom the Update: fn should return them. Loops over its sequences may nest
// and may write: they go on with what was there when they began.
type Tx interface {
	View

	// HasObject reports whether the pool holds the object, in this transaction or before it.
	HasObject(pool ID, h Hash) (bool, error)

	// PutObject stores an object unless the pool has it, and reports whether it was new: the first bytes stored
	// under a hash stay. It keeps o.Data and o.Delta. A delta's base must be in the pool.
	PutObject(pool ID, o Object) (added bool, err error)

	// PutRef makes a ref hold what r says, whatever it held, and adds entry to its log. It is not checked that
	// the name is well formed or free of directory/file conflicts: reposit does that, with Ref and Refs, in the
	// same transaction.
	PutRef(repo ID, r Ref, entry *LogEntry) error

	// DeleteRef removes a ref and adds entry to its log. If there is no such ref it does nothing. In one transaction
	// a ref may be deleted and another put whose name is a directory of its name, or the reverse.
	DeleteRef(repo ID, name string, entry *LogEntry) error

	// PutRecord stores a record in place of any with the same key. It keeps neither slice.
	PutRecord(key, value []byte) error

	// DeleteRecord removes a record, if it is there.
	DeleteRecord(key []byte) error

	// CreateRepo prepares for refs of a repository whose objects are in pool. It must come once, before they are put.
	// The repository then has no ref, not even HEAD.
	CreateRepo(repo, pool ID) error

	// ForkRepo prepares, as CreateRepo does, for refs of a repository in the pool of from, which must have been
	// created. The repository begins with those refs of from in this transaction whose names are Inherited, and
	// with empty logs. From then on neither sees what becomes of the other: dropping from leaves its forks whole.
	// Memory and Badger share the refs, so that a fork costs the same however many there are; a read of a ref of a
	// repository that has part in a fork looks into a few layers, in number bounded by the logarithm of its refs.
	ForkRepo(repo, from ID) error

	// DropRepo removes all refs and logs of a repository. The space is given back before Update returns, or soon
	// after; after a crash, at the latest when the backend has been opened again. One that is not there is dropped
	// already.
	DropRepo(repo ID) error

	// DropPool removes all objects of a pool, and gives their space back as DropRepo does. The pool's ID must not
	// be used again.
	DropPool(pool ID) error
}

// A Stage stores objects ahead of an Update. They can be read when Close has returned nil, and are durable when an
// Update that begins after that is. Objects that no Update makes reachable are garbage, and stay until a compaction.
// A Stage is for one goroutine.
type Stage interface {
	// Put stores an object as Tx.PutObject does. It keeps o.Data and o.Delta. What is put may be written together
	// with what is put later, so an error may be of an earlier one.
	Put(ctx context.Context, o Object) error

	// Create begins to store a large object in pieces.
	Create(ctx context.Context) (Writer, error)

	// Close writes what is not yet written and ends the stage. It may wait for Updates to end. A second Close, or one
	// after Discard, does nothing.
	Close(ctx context.Context) error

	// Discard ends the stage, and drops what can be dropped of it at little cost.
	Discard() error
}

// A Writer takes the content of one large object. It is for one goroutine.
type Writer interface {
	io.Writer

	// Content returns a reader of what has been written so far. Nothing may be written while it is open.
	Content() (io.ReadCloser, error)

	// Commit names what was written, which is then part of the stage. The caller vouches that h is its hash.
	Commit(ctx context.Context, h Hash, t Type) error

	// Discard drops what was written. After Commit it does nothing.
	Discard() error
}
