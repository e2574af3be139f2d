// Package billyfs is reposit's storage on a go-billy filesystem. On a disk it lays out ordinary bare repositories, so
// that git works on them from outside while no call is in flight, and what it wrote is seen by the next call. Nothing
// that reposit enforces binds those programs. The directory of a repository has its ID without the "rp_" before it.
//
//	repos/<ID>.git/    a bare repository: HEAD, config, refs/, packed-refs and logs/, as git keeps them
//	  objects/         what git programs pushed, and info/alternates, which leads to the pool
//	  reposit-logs/    logs of deleted refs, and of those that are aside
//	  reposit-packed-logs  logs of refs that were written many at once
//	  description      what storage.Describe was told
//	  reposit-refs/    symbolic refs that are aside
//	pools/<ID>.git/    the objects of a fork network, loose and in packs
//	names.txt          which directory is which repository, for people
//	reposit/format     the version of this layout, and what the journal must hold at least
//	reposit/journal    the records, and all that is not yet known to be synced
//	reposit/lock       locked while a process has the store open
//	reposit/tmp, trash emptied by Open
//	reposit/lost       repositories of Updates that a power cut took, from sessions without syncs
//
// # Commits
//
// One append to the journal, synced if durability asks for it, makes an Update permanent: with its records, what its
// refs held before and hold after, the lines of their logs, and its objects if they are few and small. The files
// that git reads are written without a sync of their own. After a process that did not close the store, whatever ended
// it and whatever became of the disk, the next Open writes them again from the journal; so open the store then, before
// git reads from it or writes to it: a ref that git moves back to what it held since the last sync is moved forward
// again. From time to time, and by Close, all files are synced and the journal is cut down to the records.
//
// Refs are changed under locks that have the names of git's, and compared under the lock with what the transaction
// read. A lock is a directory where git's is a file: each keeps the other out, and Open removes those that a crash
// left, but git's only after the machine was started again.
//
// A transaction of many refs writes those that have no file to packed-refs, all at once, and the first lines of their
// logs to a file like it, where git does not show them.
//
// # Names
//
// Refs that a disk takes for each other, since it ignores case or how Unicode spells a name, stay as many as they are:
// on such a disk, which Open finds out, all but those whose names it cannot change are aside, without a file: in
// packed-refs, where git finds them, or, if they are symbolic, in reposit-refs, where it does not. A store may be moved
// to another kind of disk. Files of refs that git programs make there are read by the names that directories list.
package billyfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
	folders "github.com/reposit/reposit/storage/internal/folder"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// Options are the options of Open. Their zero value is the default.
type Options struct {
	// Durability is what an acknowledged Update is to survive. The default, Volatile, stands for what the filesystem
	// can do: Sync if its files and directories can be synced, else NoSync; Volatile in memory.
	Durability storage.Durability

	// LockWait is how long Open waits for another process, or another Open in this one, to close the store, before it
	// returns storage.ErrLocked. Zero means not at all.
	LockWait time.Duration

	// ReadOnly opens a store that there is to read alone: nothing is written, not even a lock, so it may be on a medium
	// that can't be written to. On a disk of the operating system, other processes may have it open likewise, and nobody
	// can open it to write meanwhile, nor this way while somebody has it open so (storage.ErrLocked). What would write
	// is storage.ErrReadOnly, as is Open if the store was not closed, or has an older format: then it must be opened to
	// write first. Open returns storage.ErrNotFound if there is no store. What git programs do to the repositories
	// meanwhile is seen. reposit.Options.ReadOnly of the Store above says the same to its users.
	ReadOnly bool
}

const (
	tempDir  = "reposit/tmp" // where temporary files are
	lockName = "reposit/lock"
)

type store struct {
	m          *disk.Medium
	journal    *journal.Journal
	lock       io.Closer
	durability storage.Durability
	shared     bool // other programs may read and write between two calls
	readOnly   bool

	records *mvcc.Map[[]byte]
	overlay *overlay
	repos   *repos
	folding *folding
	refs    *refFiles
	logs    *refLogs
	locks   *refLocks
	objects *objects

	committer *committer
	upkeep    *upkeep
	packer    *refPacker
	names     *repoNames

	calls  atomic.Int64
	closed atomic.Bool
	idle   chan struct{}
}

// Open opens the store that is kept in root, and makes it if root is empty but for what systems leave in any folder. It
// returns storage.ErrFormat, naming what it found, if root holds anything else, and storage.ErrCorrupt, naming the
// file, if the journal is damaged or lacks what was in it. On a disk of the operating system, it returns
// storage.ErrLocked if the store is open already; elsewhere, root must not be used by anyone else. It returns an error
// if Options ask for Sync and root cannot sync both files and directories, for which its files need a method Sync()
// error, and it a method SyncDir(path string) error.
func Open(root billy.Filesystem, opts *Options) (storage.Backend, error) {
	if opts == nil {
		opts = &Options{}
	}
	var s *store
	err := folders.Wait(opts.LockWait, func() error {
		if opts.ReadOnly {
			var err error
			s, err = openToRead(root)
			return err
		}
		d, err := disk.New(root)
		if err == nil {
			s, err = open(d, opts)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("billyfs: open %s: %w", root.Root(), disk.Explain(err))
	}
	return s, nil
}

func open(d disk.Disk, opts *Options) (_ *store, err error) {
	if _, err := readFormat(d); err != nil { // before anything is made there
		return nil, errors.Join(err, d.Close())
	}
	t := d.Traits()
	durability := opts.Durability
	switch {
	case durability == storage.Sync && !t.Syncs:
		return nil, errors.Join(errors.New("filesystem cannot sync files and directories"), d.Close())
	case t.Volatile:
		durability = storage.Volatile
	case durability == storage.Volatile && t.Syncs:
		durability = storage.Sync
	case durability == storage.Volatile:
		durability = storage.NoSync
	}
	s := newStore(d, durability)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.letGo())
		}
	}()
	if err := s.lockFolder(); err != nil {
		return nil, err
	}
	f, err := readFormat(s.m.Disk)
	if err != nil {
		return nil, err
	}
	h := &journal.History{Put: s.putRecords}
	s.journal, err = journal.Open(s.m, h, func(end, size int64) error { return fitting{s, f, h}.check(end, size) })
	if err != nil {
		return nil, err
	}
	s.committer.seq = h.Seq
	if err := s.upgrade(f.version); err != nil {
		return nil, err
	}
	if err := s.start(h); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(d disk.Disk, durability storage.Durability) *store {
	t := d.Traits()
	m := disk.NewMedium(d, disk.Options{Volatile: t.Volatile, Syncs: durability == storage.Sync, TempDir: tempDir,
		Limit: sizeLimit})
	folding := &folding{m: m}
	s := &store{m: m, durability: durability, shared: t.Shared, records: mvcc.New[[]byte](), overlay: newOverlay(),
		folding: folding, logs: &refLogs{m, folding, newPackedLogs(m, t.Shared)}, locks: &refLocks{m: m},
		objects: newObjects(m, t.Shared), idle: make(chan struct{}, 1)}
	s.refs = newRefFiles(m, s.locks, folding, t.Shared)
	s.repos = &repos{m: m, refs: s.refs, logs: s.logs, objects: s.objects, overlay: s.overlay}
	s.committer = &committer{s: s, turn: make(chan struct{}, 1)}
	s.upkeep = newUpkeep(s)
	s.packer = newRefPacker(s)
	s.names = &repoNames{s: s}
	return s
}

// putRecords takes records of the journal.
func (s *store) putRecords(writes []journal.RecordWrite) {
	t := s.records.Begin()
	for _, r := range writes {
		if r.Gone {
			t.Delete(r.Key)
		} else {
			t.Put(r.Key, r.Value)
		}
	}
	t.Commit()
}

// upgrade changes what another version of the layout has otherwise. It may be cut off, and begun again.
func (s *store) upgrade(version int) error {
	if version == 0 || version >= formatAside {
		return nil
	}
	now := s.records.Snapshot()
	defer now.Close()
	if version == formatOld {
		if err := s.repos.addFsck(now); err != nil {
			return err
		}
	}
	for key := range now.Scan(repoKey, nextPrefix(repoKey), false) {
		if err := s.logs.upgrade(repoDir(storage.ID([]byte(key[len(repoKey):])))); err != nil {
			return err
		}
	}
	return s.m.Flush()
}

// lockFolder makes the directories that are missing, and takes the lock of the store.
func (s *store) lockFolder() error {
	for _, dir := range []string{"reposit", tempDir, trashDir, "repos", "pools"} {
		if err := s.m.MkdirAll(dir); err != nil {
			return err
		}
	}
	lock, err := s.m.Lock(lockName)
	if err != nil {
		return err
	}
	s.lock = lock
	return nil
}

// emptyDirs empties the directories for what does not last.
func (s *store) emptyDirs() error {
	for _, dir := range []string{tempDir, trashDir} {
		entries, err := s.m.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := s.m.RemoveAll(dir + "/" + e.Name); err != nil {
				return err
			}
		}
	}
	return s.m.Flush()
}

// start makes up for what the last process left undone, and begins a session. From here on, the store is not as Close
// left it.
func (s *store) start(h *journal.History) error {
	if err := writeFormat(s.m, format{seq: s.committer.seq, synced: s.m.Syncs}); err != nil {
		return err
	}
	if err := s.emptyDirs(); err != nil {
		return err
	}
	if err := s.folding.probe(); err != nil {
		return err
	}
	s.joinAll()
	if err := s.recover(h); err != nil {
		return err
	}
	if err := s.names.restore(!h.Closed && h.Opened); err != nil {
		return err
	}
	if err := s.m.Flush(); err != nil {
		return err
	}
	return s.upkeep.begin(len(h.Commits) > 0)
}

// joinAll tells the pools who their members are.
func (s *store) joinAll() {
	now := s.records.Snapshot()
	defer now.Close()
	for key, v := range now.Scan(repoKey, nextPrefix(repoKey), false) {
		pool, _ := decodeRepo(v)
		s.objects.members.join(pool, storage.ID([]byte(key[len(repoKey):])))
	}
}

// joinPools keeps the members of pools in line with a commit.
func (s *store) joinPools(c *journal.Commit) {
	if len(c.Creates)+len(c.Drops) == 0 {
		return
	}
	s.objects.members.leave(c.Drops)
	for _, d := range c.Drops {
		s.repos.checked.Delete(d)
		s.objects.dirs.remove(repoDir(d.Repo) + "/objects")
	}
	now := s.records.Snapshot()
	defer now.Close()
	for _, r := range c.Creates {
		if _, pool, ok := findRepo(now, r.Repo); ok {
			s.objects.members.join(pool, r.Repo)
		}
	}
}

// enter begins a call, unless the store is closed.
func (s *store) enter() error {
	s.calls.Add(1)
	if s.closed.Load() {
		s.leave()
		return storage.ErrClosed
	}
	return nil
}

func (s *store) enterFor(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.enter()
}

func (s *store) leave() {
	if s.calls.Add(-1) == 0 && s.closed.Load() {
		select {
		case s.idle <- struct{}{}:
		default:
		}
	}
}

// Durability implements storage.Backend.
func (s *store) Durability() storage.Durability { return s.durability }

// Exclusive is asked by storage.Exclusive: git may work on the repositories beside this program.
func (s *store) Exclusive() bool { return !s.shared }

// Close implements storage.Backend.
func (s *store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return storage.ErrClosed
	}
	for s.calls.Load() > 0 {
		<-s.idle
	}
	if s.readOnly {
		return s.letGo()
	}
	err := s.committer.finishPending()
	s.forget()
	if err == nil {
		err = s.upkeep.end()
	}
	return errors.Join(err, s.letGo())
}

// letGo frees what the store holds.
func (s *store) letGo() error {
	s.objects.packs.cache.clear()
	var err error
	if s.journal != nil {
		err = s.journal.Close()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return errors.Join(err, s.m.Close())
}
