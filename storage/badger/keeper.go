package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// A keeper sees to it that a compaction loses nothing. If Badger cannot make a table of a compaction, for whatever
// reason, it goes on without it and deletes what it was made from: the goroutine that makes it hands on its error
// before there is one. So one compaction at a time makes tables. Before it makes the first one, all tables that there
// are get one more holder, so that their files stay, and a log names them. When the compaction has ended, Badger's
// manifest tells how many tables it has made: if that is as many as it announced, the log is cleared, and then the
// tables are let go. Otherwise the store is closed with the files left as they are, and what the log names is
// restored by the open that follows, as after a crash.
type keeper struct {
	files *files
	cause func() error // why a table could not be made, as far as can be told
	lose  func(error)  // is told that something is lost; it must not call the keeper

	ready  chan struct{} // closed when db is known
	opened sync.Once
	db     *engine.DB // nil if opening it has failed

	free     func() (int64, error) // on the medium
	starving atomic.Bool           // a compaction waits for space

	busy atomic.Bool // a compaction makes tables and is not yet judged, or has lost some

	mu        sync.Mutex
	changed   sync.Cond // current has changed
	current   *compaction
	pins      *pinLog
	manifest  manifestTail
	kept      []*pin // never let go of, but with the process
	lost      error
	obstacles []string      // empty files in the place of tables
	counts    bool          // made is called
	place     chan struct{} // held by the table that a compaction makes

	making func() // nil; a test may prevent that a table is made
}

// A compaction is one of Badger's from its first table on.
type compaction struct {
	id     int // of Badger's goroutine
	pin    *pin
	begun  bool
	made   int  // tables that it has announced
	judged bool // by what the manifest says
}

func newKeeper(dir string, f *files) (*keeper, error) {
	pins, err := openPins(dir)
	if err != nil {
		return nil, err
	}
	k := &keeper{files: f, pins: pins, ready: make(chan struct{}), place: make(chan struct{}, 1)}
	k.manifest.path = filepath.Join(dir, engine.ManifestFilename)
	k.changed.L = &k.mu
	return k, nil
}

// open says that compactions are of db, or, if that is nil, that it could not be opened.
func (k *keeper) open(db *engine.DB) {
	k.opened.Do(func() {
		k.db = db
		k.counts = db != nil && buffersOf(db).IsValid()
		close(k.ready)
	})
}

// added is called by each goroutine of a compaction before it makes a table, or finds out that there is nothing to put
// into one.
func (k *keeper) added(id int, some bool) {
	<-k.ready
	k.begin(id)
	if some {
		k.takePlace()
	}
	k.files.await()
	k.awaitSpace() // last, since others may take what there is
	if some {
		k.mu.Lock()
		k.current.made++
		k.mu.Unlock()
		if k.making != nil {
			k.making()
		}
	}
}

// tableMargin is what must be free besides a table, since the space for it can't be kept: Badger makes the file itself,
// and writes it a moment later. A disk takes some milliseconds for a mebibyte of what others write meanwhile.
const tableMargin = 16 * mib

// awaitSpace returns when the medium has room for a table: the system kills a process that writes to a map of a file
// for which there is none. If the store is being closed, which waits for the compaction, it has the table fail.
func (k *keeper) awaitSpace() {
	if k.db == nil || k.free == nil {
		return
	}
	defer k.starving.Store(false)
	for {
		need := k.db.Opts().BaseTableSize
		for _, t := range k.db.Tables() {
			need = max(need, int64(t.OnDiskSize))
		}
		if left, err := k.free(); err != nil || left >= need+max(need/4, tableMargin) {
			return
		}
		k.starving.Store(true)
		if k.files.closing.Load() && k.obstruct() {
			return
		}
		time.Sleep(fileWait)
	}
}

// obstructed is how many tables that are to fail may be begun at a time, by parts of one compaction and by a flush.
const obstructed = 32

// obstruct puts empty files in the place of the next tables, so that Badger fails to make them, and what the compaction
// loses is restored by the next Open. It reports whether it could.
func (k *keeper) obstruct() bool {
	next, ok := nextTable(k.db)
	if !ok {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.pin == nil {
		return false
	}
	for id := next; id < next+obstructed; id++ {
		name := table.NewFilename(id, filepath.Dir(k.manifest.path))
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return false
		}
		f.Close()
		k.obstacles = append(k.obstacles, name)
	}
	return true
}

// placeWait is how long a compaction waits at most until the table before is written. There is no harm in two at once.
const placeWait = 5 * time.Second

// takePlace waits until no other table of a compaction is being written. Badger would write eight and more at the same
// time, each with a buffer of twice its size, besides those that are being filled.
func (k *keeper) takePlace() {
	if !k.counts {
		return
	}
	late := time.NewTimer(placeWait)
	defer late.Stop()
	select {
	case k.place <- struct{}{}:
	case <-late.C:
	}
}

// made is called when a table is made, or given up. Those of flushes count, too.
func (k *keeper) made() {
	select {
	case <-k.place:
	default:
	}
}

// begin waits until the compaction is the one that makes tables, and all it can lose is pinned.
func (k *keeper) begin(id int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.current != nil && (k.current.id != id || !k.current.begun) {
		k.changed.Wait()
	}
	if k.current != nil {
		return
	}
	k.current = &compaction{id: id}
	for {
		err := k.start(k.current)
		if err == nil || errors.Is(err, errEngine) || k.files.closing.Load() {
			break // Without a pin there is no more than what await has seen to.
		}
		k.pause()
	}
	k.current.begun = true
	k.busy.Store(true)
	k.changed.Broadcast()
}

// start pins what c can lose. The caller holds mu.
func (k *keeper) start(c *compaction) error {
	if _, err := k.manifest.next(); err != nil {
		return err
	}
	if c.pin == nil {
		if c.pin = takePin(k.db); c.pin == nil {
			return errEngine
		}
	}
	return k.pins.set(k.names(c))
}

// pause lets go of mu for a moment. Writers are refused meanwhile.
func (k *keeper) pause() {
	k.files.waiting.Add(1)
	defer k.files.waiting.Add(-1)
	k.mu.Unlock()
	time.Sleep(fileWait)
	k.mu.Lock()
}

// finish judges the compaction that has ended.
func (k *keeper) finish(id int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.current
	if c == nil || c.id != id {
		return
	}
	err := k.judge(c)
	for err != nil && k.lost == nil && !k.files.closing.Load() {
		k.pause()
		err = k.judge(c)
	}
	if err != nil && k.lost == nil {
		k.lost = err // It is not known, and so found out by the next Open.
	}
	// After a loss, what a later compaction drops may be what hides something that is to be restored: all stays.
	if k.lost != nil || k.pins.clear() != nil {
		k.kept = append(k.kept, c.pin)
	} else {
		c.pin.release()
	}
	if k.lost != nil {
		k.lose(k.lost)
	}
	k.current = nil
	k.busy.Store(k.lost != nil)
	k.changed.Broadcast()
}

// judge compares what c has announced with what the manifest says. The caller holds mu.
func (k *keeper) judge(c *compaction) error {
	if c.judged || k.lost != nil {
		return k.lost
	}
	changes, err := k.manifest.next()
	if err != nil {
		return err
	}
	for _, m := range changes {
		made, ok := m.outputs(c)
		if !ok {
			continue
		}
		c.judged = true
		if made != c.made {
			k.lost = fmt.Errorf("badger: %d of %d tables of a compaction could not be made: %w",
				c.made-made, c.made, k.cause())
			return k.lost
		}
		k.busy.Store(false)
	}
	return nil
}

// outputs returns how many tables m says that c has made, if m is of the end of c.
func (m *manifestChange) outputs(c *compaction) (n int, ok bool) {
	if !m.rewritten {
		return len(m.created), len(m.deleted) > 0
	}
	// All tables there are. Those that were there before are pinned, and what is flushed goes to level 0. If something
	// was compacted into that, too, it does not tell what: then it counts as lost.
	if c.pin == nil {
		return -1, true
	}
	pinned := c.pin.names()
	ok = slices.ContainsFunc(pinned, func(id uint64) bool { _, left := m.created[id]; return !left })
	for id, level := range m.created {
		if level > 0 && !slices.Contains(pinned, id) {
			n++
		}
	}
	return n, ok
}

// check returns an error if what was read may be wrong, since a compaction has lost something. A compaction that has
// not yet ended is judged by what it has done so far.
func (k *keeper) check() error {
	if k == nil || !k.busy.Load() {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil && k.current.begun {
		return k.judge(k.current)
	}
	return k.lost
}

// names returns the tables that c can lose, and those that were kept after a loss.
func (k *keeper) names(c *compaction) (tables []uint64) {
	if k.lost != nil {
		for _, p := range k.kept {
			tables = append(tables, p.names()...)
		}
	}
	tables = append(tables, c.pin.names()...)
	slices.Sort(tables)
	return slices.Compact(tables)
}

// close lets compactions go on without waiting for what they may not get.
func (k *keeper) close() { k.files.closing.Store(true) }

// closed ends what belongs to db, which is closed. After a loss the files stay as they are, for the next Open; their
// maps stay, too, as long as the process runs.
func (k *keeper) closed() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range k.obstacles {
		_ = os.Remove(name) // Badger does when it opens.
	}
	return errors.Join(k.pins.close(), k.manifest.close())
}

// abandon is closed for when db could not be opened.
func (k *keeper) abandon() error {
	k.open(nil)
	return errors.Join(k.pins.close(), k.manifest.close())
}
