package badger

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/folder"
)

// Options say how to open a store. The zero value is good for most.
//
// An open store takes 64 descriptors, and one for each table of a compaction that goes on, whatever its size. To open
// it takes one for each table besides, for a moment. With the default memory budget, most of its bytes are in tables of
// nearly 2 MiB up to a size of 640 MiB, of 4 MiB above that, of 8 MiB above 6.4 GiB, and so on; up to 60 tables are
// smaller, or not yet as large. With half the budget, or less, the steps are at half these sizes of a store; with twice
// the budget, or more, at twice. Larger tables would take more memory to make. On Windows, each table takes a
// descriptor as long as the store is open.
type Options struct {
	// Durability is Sync or NoSync; zero means Sync.
	Durability storage.Durability

	// EncryptionKey, of 16, 24 or 32 bytes, encrypts everything with AES. A store is always opened with the key
	// that it was created with.
	EncryptionKey []byte

	// MemoryBudget is roughly how many bytes to use for caches and for what was not yet written to tables; zero
	// means 64 MiB. While much is written, it can be twice as much, and 32 MiB, and half of it in mapped files besides:
	// the store has garbage collected before the heap of the process becomes larger, unless others take much of that. It
	// also limits the refs and records of one Update, as storage.ErrTooLarge tells: to 26,000 and 2.3 MiB by default,
	// half of that if it is 32 MiB or less, twice that if it is 128 MiB or more.
	MemoryBudget int64

	// InMemory keeps everything in memory until Close. The directory must then be "".
	InMemory bool

	// MinFreeSpace is how many bytes stay free on the medium: an Update that would write with less fails with
	// storage.ErrNoSpace, unless it only deletes, for which half must be free. Zero means what a compaction may take,
	// twice the memory budget but at most 256 MiB. It is at least 20 to 80 MiB, more than half of the memory budget: a
	// memtable that is made a table takes half of that, at once, and a process that finds no room for a map is killed.
	// What is written to a memtable has its room already, where the system is Linux and the file system able.
	MinFreeSpace int64

	// ReadOnly opens a store that there is to read alone: nothing is written, not even a lock, other processes may have
	// it open likewise, and nobody can open it to write meanwhile, nor this way while somebody has it open so
	// (storage.ErrLocked). What would write is storage.ErrReadOnly, as is Open if the store was not closed: then it must
	// be opened to write first. Open returns storage.ErrNotFound if there is no store, and errors.ErrUnsupported on
	// Windows. Options.ReadOnly of the Store above says the same to its users.
	ReadOnly bool

	// LockWait is how long Open waits for another process, or another Open in this one, to close the store, before it
	// returns storage.ErrLocked. Zero means not at all.
	LockWait time.Duration
}

// A backend is one open store.
type backend struct {
	dir        string
	options    Options
	durability storage.Durability
	views      sync.Pool // of *reader, to be used again
	space      space

	// What belongs to one opening of the engine.
	db        *engine.DB // nil if it is closed
	atomic    size       // limit for what must be in one transaction
	cache     *cache
	stacks    *stackTable
	timeline  timeline
	drops     dropped
	hot       hotRanges
	buried    atomic.Int64 // what scans came across that was deleted or replaced
	files     *files       // nil: none to watch
	keeper    *keeper      // nil: nothing to keep
	memtables *memtables   // nil: they are not found
	split     atomic.Bool  // there may be records in two parts
	forked    atomic.Bool  // there may be stacks
	packed    atomic.Bool  // there may be packs

	shelf     *shelf
	collector collector
	trimmer   *trimmer
	lookups   atomic.Uint64 // in the engine
	held      atomic.Int64  // commits that wait for a memtable to become a table

	garbage    atomic.Int64 // bytes that drops have deleted since the last reclaim
	reclaiming sync.Mutex

	turn   chan struct{} // held by the caller whose function runs
	queued atomic.Int64  // who wait for it
	lead   chan struct{} // held by the caller who commits a group

	mu       sync.Mutex
	pending  *group    // what Updates join
	inflight *group    // what the leader is committing
	broken   error     // why nothing can be written any more
	spare    *writeSet // empty, for the next Update, or nil

	ts        uint64                            // of the last commit that was tried; the leader's
	unchecked int64                             // bytes written since the collector's last check; the leader's
	commit    func(puts []put, ts uint64) error // writes one transaction; a test may make it fail

	down     atomic.Pointer[error] // why nobody may enter until the engine is opened again, or nil
	revivals sync.WaitGroup        // added to with mu locked, unless closing

	calls   atomic.Int64 // in flight
	closing atomic.Bool
	idle    chan struct{} // gets a token when the last call ends after closing was set
}

const mib = 1 << 20

// Open opens the store in dir, and creates it if there is none. It returns storage.ErrLocked if the store is open
// elsewhere, storage.ErrFormat, naming it, if dir holds another kind of store or anything else, storage.ErrCorrupt if
// its files are damaged, and storage.ErrNoSpace or storage.ErrNoFiles if there is not enough room, or not enough
// descriptors, to open it safely: Options tells how many it takes. Its cost is O(size) up to 1 GiB of tables, which are
// all verified, since damage that Badger meets while it compacts ends the process.
func Open(dir string, opts *Options) (storage.Backend, error) {
	if opts == nil {
		opts = &Options{}
	}
	var b *backend
	err := folder.Wait(opts.LockWait, func() (err error) {
		b, err = open(dir, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func open(dir string, opts *Options) (*backend, error) {
	b := &backend{
		dir:  dir,
		turn: make(chan struct{}, 1),
		lead: make(chan struct{}, 1),
		idle: make(chan struct{}, 1),
	}
	if opts != nil {
		b.options = *opts
	}
	b.durability = b.options.durability()
	b.collector.limit = b.options.heapLimit()
	b.commit = b.commitPuts
	if err := b.start(); err != nil {
		return nil, err
	}
	return b, nil
}

// start opens the engine. Nobody is in b.
func (b *backend) start() (err error) {
	defer func() { err = noSpace(noFiles(err)) }()
	dir, o := b.dir, b.options
	settings, err := o.settings(dir)
	if err != nil {
		return err
	}
	b.files, b.keeper, b.shelf, b.trimmer = nil, nil, nil, nil
	switch {
	case o.ReadOnly:
		if err := inspectRead(dir, settings); err != nil {
			return err
		}
		b.shelf = new(shelf)
		b.trimmer = newTrimmer(b.shelf, o.memoryBudget()/8)
	case !o.InMemory:
		if err := makeDir(dir); err != nil {
			return err
		}
		if err := inspect(dir, &settings); err != nil {
			return err
		}
		if err := restore(dir, settings); err != nil {
			return err
		}
		b.space = space{free: func() (int64, error) { return freeSpace(dir) }, need: o.minFreeSpace(settings)}
		b.files = new(files)
		if b.keeper, err = newKeeper(dir, b.files); err != nil {
			return err
		}
		b.keeper.cause, b.keeper.lose = b.lack, b.fail
		b.keeper.free = b.space.free
		b.shelf = new(shelf)
		b.trimmer = newTrimmer(b.shelf, o.memoryBudget()/8)
		settings.Logger = hook{b.files, b.keeper, b.shelf, b.trimmer}
	}
	db, err := openEngine(settings)
	if err != nil {
		if b.keeper != nil {
			return errors.Join(err, b.keeper.abandon())
		}
		return err
	}
	b.memtables = memtablesOf(db)
	b.trimmer.open(db, b.memtables)
	b.collector.start()
	took := b.collector.check
	if k := b.keeper; k != nil {
		k.open(db)
		took = func() {
			b.collector.await(0)
			k.made()
		}
	}
	if buffers := buffersOf(db); buffers.IsValid() {
		go takeBuffers(buffers, took)
	}
	b.db = db
	renew(db)
	if b.shelf != nil {
		b.shelf.arrange(db)
	}
	if b.files != nil {
		r, err := openRoom(dir, db.MaxBatchSize())
		if err != nil {
			return errors.Join(err, b.shut())
		}
		b.files.room.Store(r)
	}
	b.atomic = size{db.MaxBatchCount() - 2, db.MaxBatchSize() - 64}
	b.cache, b.stacks = newCache(o.memoryBudget()/8), new(stackTable)
	b.timeline.reset()
	b.drops.reset()
	b.hot.reset()
	b.split.Store(false)
	b.forked.Store(false)
	b.packed.Store(false)
	b.pending, b.inflight, b.spare, b.broken = nil, nil, nil, nil
	b.ts = db.MaxVersion()
	db.SetDiscardTs(b.timeline.publish(b.ts))
	if err := b.begins(); err != nil {
		return errors.Join(err, b.shut())
	}
	return nil
}

// begins checks the format and goes on with the drops that a crash left.
func (b *backend) begins() error {
	if err := b.checkFormat(); err != nil {
		return err
	}
	left, err := b.load()
	if err != nil || left.none() || b.options.ReadOnly {
		return err
	}
	b.calls.Add(1)
	go func() {
		defer b.leave()
		_ = b.tidy(left) // What fails here is left to the next Open, like what a crash leaves.
	}()
	return nil
}

func (o Options) durability() storage.Durability {
	if o.InMemory {
		return storage.Volatile
	}
	if o.Durability == storage.NoSync {
		return storage.NoSync
	}
	return storage.Sync
}

func (o Options) memoryBudget() int64 {
	if o.MemoryBudget <= 0 {
		return 64 * mib
	}
	return o.MemoryBudget
}

// heapLimit is how much of the heap a store may take for what it streams: two memtables, the buffer of up to twice the
// size in which one is made a table, and what compactions make. Less would have commits pay for collections.
func (o Options) heapLimit() int64 { return 2*max(o.memoryBudget(), 4*minMemtable) + 32*mib }

func (o Options) minFreeSpace(settings engine.Options) int64 {
	if o.MinFreeSpace > 0 {
		return max(o.MinFreeSpace, tableRoom(settings))
	}
	return 8 * settings.MemTableSize
}

// tableRoom is what is free when a memtable is made a table: twice what that takes.
func tableRoom(settings engine.Options) int64 {
	return 2*settings.MemTableSize + settings.MemTableSize/2
}

// Sizes of memtables. A transaction is limited to 15 % of one, and must hold a record of the largest size.
const (
	minMemtable = 8 * mib
	maxMemtable = 32 * mib
)

// blockSize is the size of the blocks of a table. A chunk fits into one: what makes a table doubles the memory of a
// block, three times over, for a value that is larger.
const blockSize = 64 << 10

// settings returns the options of the engine.
func (o Options) settings(dir string) (engine.Options, error) {
	var none engine.Options
	switch {
	case o.InMemory && dir != "":
		return none, fmt.Errorf("badger: a store in memory has no directory %q", dir)
	case o.InMemory && o.ReadOnly:
		return none, errors.New("badger: nothing to read in a store in memory that is yet to be made")
	case !o.InMemory && dir == "":
		return none, errors.New("badger: no directory given")
	}
	switch len(o.EncryptionKey) {
	case 0, 16, 24, 32:
	default:
		return none, fmt.Errorf("badger: encryption key of %d bytes, want 16, 24 or 32", len(o.EncryptionKey))
	}
	s := engine.DefaultOptions(dir)
	s.InMemory, s.ReadOnly = o.InMemory, o.ReadOnly
	s.SyncWrites = o.durability() == storage.Sync
	s.Logger = nil
	s.MetricsEnabled = false
	s.DetectConflicts = false
	s.NumGoroutines = 1
	s.ExternalMagicVersion = magic
	s.MemTableSize = min(max(o.memoryBudget()/4, minMemtable), maxMemtable)
	// Besides the one that is written to. With none, Badger's flusher can wake a writer before it takes further work, and
	// the writer then waits for good.
	s.NumMemtables = 1
	s.NumCompactors = 2
	s.BaseLevelSize = 4 * s.MemTableSize
	// What makes a table takes twice its size, and five are made at a time.
	s.BaseTableSize = 2 * mib
	s.ValueThreshold = mib
	s.ValueLogFileSize = mib
	// Values are compressed one by one, when they are stored. So tables are read in place, without Badger's caches and
	// the goroutines that come with them, unless they are encrypted.
	s.Compression = 0
	s.BlockSize = blockSize
	s.BlockCacheSize, s.IndexCacheSize = 0, 0
	if len(o.EncryptionKey) > 0 {
		s.EncryptionKey = o.EncryptionKey
		s.BlockSize = 4 << 10 // Each look-up decrypts one.
		s.BlockCacheSize = max(o.memoryBudget()/4, mib)
		s.IndexCacheSize = max(o.memoryBudget()/8, mib)
	}
	return s, nil
}

// openEngine opens Badger and names its errors.
func openEngine(settings engine.Options) (db *engine.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("badger: opening %q: %w: %v", settings.Dir, errEngine, p)
		}
	}()
	db, err = engine.OpenManaged(settings)
	switch {
	case err == nil:
		return db, nil
	case strings.HasPrefix(err.Error(), "Cannot acquire directory lock"):
		return nil, fmt.Errorf("badger: %q: %w", settings.Dir, storage.ErrLocked)
	}
	return nil, noFiles(fmt.Errorf("badger: opening %q: %w", settings.Dir, err))
}

// magic stands in Badger's manifest, and so tells our stores from others.
const magic = 0x7270

// Versions of what is stored, in the one record of type formatType: the second has stacks, which a program that only
// knows the first would not see. Those from the fifth on are the same with packs.
const (
	formatPlain  = 1
	formatForked = 2
	formatPacks  = 4 // a bit
)

func isFormat(payload []byte) bool {
	if len(payload) != 1 {
		return false
	}
	f := payload[0] &^ formatPacks
	return f == formatPlain || f == formatForked
}

func (b *backend) checkFormat() error {
	key := []byte{formatType}
	s := b.timeline.acquire()
	defer s.release()
	txn := b.db.NewTransactionAt(s.ts, false)
	defer txn.Discard()
	payload, _, err := fetch(txn, key)
	switch {
	case errors.Is(err, storage.ErrFormat):
		return err
	case err == nil && !isFormat(payload):
		return fmt.Errorf("badger: store of format %x, want 1, 2, 5 or 6: %w", payload, storage.ErrFormat)
	case err == nil:
		b.forked.Store(payload[0]&^formatPacks == formatForked)
		b.packed.Store(payload[0]&formatPacks != 0)
		return nil
	case !errors.Is(err, storage.ErrNotFound):
		return err
	case b.options.ReadOnly:
		return fmt.Errorf("badger: %q is empty: %w", b.dir, storage.ErrNotFound)
	case s.ts != 0:
		return fmt.Errorf("badger: store without a format: %w", storage.ErrFormat)
	}
	l := newWriteSet()
	l.set(string(key), seal(key, []byte{formatPlain}))
	return b.await(b.put(l), false)
}

// put makes a group of l alone. It is for when no other caller is there yet.
func (b *backend) put(l *writeSet) *group {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = newGroup(l)
	return b.pending
}

// enter begins a call, which Close waits for. Every call that enters leaves.
func (b *backend) enter() error {
	b.calls.Add(1)
	if b.closing.Load() {
		b.leave()
		return storage.ErrClosed
	}
	if err := b.down.Load(); err != nil {
		b.leave()
		return *err
	}
	return nil
}

func (b *backend) leave() {
	if b.calls.Add(-1) == 0 && b.closing.Load() {
		select {
		case b.idle <- struct{}{}:
		default:
		}
	}
}

// Durability implements storage.Backend.
func (b *backend) Durability() storage.Durability { return b.durability }

// Exclusive is asked by storage.Exclusive.
func (b *backend) Exclusive() bool { return true }

// Close implements storage.Backend.
func (b *backend) Close() (err error) {
	b.mu.Lock()
	again := b.closing.Swap(true)
	b.mu.Unlock()
	if again {
		return storage.ErrClosed
	}
	for b.calls.Load() != 0 {
		<-b.idle
	}
	b.revivals.Wait()
	if b.db == nil {
		return nil
	}
	return b.shut()
}

// shut closes the engine. Nobody is in b.
func (b *backend) shut() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("badger: closing: %w: %v", errEngine, p)
		}
		b.db = nil
	}()
	if b.files != nil {
		b.files.give(reserveFiles)
		b.keeper.close()
		err = b.files.room.Load().close()
		// What is on the way to become a table goes on. It had its room when it began.
		if left, e := freeSpace(b.dir); e == nil && left < tableRoom(b.db.Opts()) {
			err = errors.Join(err, leaveMemtable(b.db))
		}
	}
	err = errors.Join(err, b.db.Close())
	if b.shelf != nil {
		b.shelf.clear()
	}
	b.collector.stop()
	if b.keeper != nil {
		err = errors.Join(err, b.keeper.closed())
	}
	if err != nil {
		return fmt.Errorf("badger: closing: %w", err)
	}
	return nil
}

var _ io.Closer = (*backend)(nil)
