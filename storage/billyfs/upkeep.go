package billyfs

import (
	"errors"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// An upkeep is when to sync the files, and when to write the journal afresh.
type upkeep struct {
	s *store

	flushFiles int   // sync all when so many files are not synced
	flushBytes int64 // or when the journal has grown by so much
	minRewrite int64 // size below which the journal is not written afresh
	packFrom   int   // from how many loose objects of a pool they are packed rather than synced

	fresh     map[storage.ID][]storage.Hash // loose objects that are not synced, by pool
	flushedAt int64                         // where the journal ended when the files were last synced
	liveBytes int64                         // of the records, when the journal was last written afresh
	stuck     error                         // a sync failed: what it was to make permanent stays in the journal
}

func newUpkeep(s *store) *upkeep {
	return &upkeep{s: s, flushFiles: 2048, flushBytes: 2 << 20, minRewrite: 4 << 20, packFrom: 200,
		fresh: map[storage.ID][]storage.Hash{}}
}

// begin says in the journal that a process has the store. After a crash, it first writes the journal afresh: what was
// made up for must not be made up for again.
func (u *upkeep) begin(crashed bool) error {
	u.liveBytes = u.recordBytes()
	if crashed || u.oversized() {
		return u.rewrite()
	}
	if err := u.s.journal.Begin(u.s.m.Traits().Boot); err != nil {
		return err
	}
	u.flushedAt = u.s.journal.Size()
	return u.s.journal.Force()
}

// end makes permanent what is not yet, and says so in the journal and beside it.
func (u *upkeep) end() error {
	if u.stuck != nil {
		return u.stuck
	}
	if err := u.s.names.list(0); err != nil { // the next Open has to know that it is stale
		return err
	}
	if err := u.flush(); err != nil {
		return err
	}
	if err := u.s.journal.End(); err != nil {
		return err
	}
	return writeFormat(u.s.m, format{closed: true, seq: u.s.committer.seq, size: u.s.journal.Size()})
}

// oversized reports whether more than half of the journal is of no use any more.
func (u *upkeep) oversized() bool {
	return u.s.journal.Size() > max(u.minRewrite, 2*u.liveBytes)
}

// maintain syncs the files and writes the journal afresh when it is time. The Update that it comes after has happened
// in any case: what fails here is tried again, or stays in the journal.
func (u *upkeep) maintain() {
	if u.stuck != nil || u.s.journal.Broken() != nil {
		return
	}
	if u.s.m.Unsynced() >= u.flushFiles || u.s.m.Syncs && u.s.journal.Size()-u.flushedAt >= u.flushBytes {
		if u.flush() != nil {
			return
		}
	}
	if u.oversized() {
		if u.liveBytes = u.recordBytes(); u.oversized() {
			_ = u.rewrite()
		}
	}
}

// flush syncs all files.
func (u *upkeep) flush() error {
	for pool, hashes := range u.fresh {
		if len(hashes) >= u.packFrom {
			_ = u.packLoose(pool, hashes) // what is still there is synced
		}
	}
	clear(u.fresh)
	_ = u.s.names.list(0)
	if err := u.s.m.Flush(); err != nil {
		// The kernel may have given up what it could not write, and call it synced the next time (fsync errors are
		// reported once). The journal still has it all: no part of it is dropped any more, and the next Open is told
		// to write the files again.
		u.stuck = err
		return errors.Join(err, u.s.journal.Begin(""))
	}
	u.flushedAt = u.s.journal.Size()
	if u.s.journal.Broken() != nil {
		return nil // it is about to be replaced
	}
	return u.s.journal.Flushed(u.s.committer.seq)
}

// rewrite writes the journal afresh, with the records only.
func (u *upkeep) rewrite() error {
	if u.stuck != nil {
		return u.stuck
	}
	if err := u.flush(); err != nil {
		return err
	}
	now := u.s.records.Snapshot()
	defer now.Close()
	err := u.s.journal.Rewrite(u.s.committer.seq, u.s.m.Traits().Boot, now.Scan("", "", false))
	if err != nil {
		return err
	}
	u.flushedAt = u.s.journal.Size()
	u.liveBytes = u.s.journal.Size()
	return nil
}

// recordBytes returns about how much journal the records take.
func (u *upkeep) recordBytes() (n int64) {
	now := u.s.records.Snapshot()
	defer now.Close()
	for key, value := range now.Scan("", "", false) {
		n += int64(len(key)+len(value)) + 4
	}
	return n
}

// packLoose moves loose objects to a pack, which takes three syncs rather than one for each.
func (u *upkeep) packLoose(pool storage.ID, hashes []storage.Hash) error {
	p, err := u.s.objects.newPack(pool)
	if err != nil {
		return err
	}
	dir := poolDir(pool) + "/objects"
	for _, h := range hashes {
		o, err := u.s.objects.loose.read(loosePath(dir, h), h)
		if err == nil {
			err = p.add(o)
		}
		if err != nil {
			return errors.Join(err, p.discard())
		}
	}
	if err := p.finish(); err != nil {
		return err
	}
	for _, h := range hashes {
		if err := u.s.m.RemoveAny(loosePath(dir, h)); err != nil {
			return err
		}
	}
	return nil
}

// wrote notes the objects of a commit.
func (u *upkeep) wrote(c *journal.Commit) {
	for _, pool := range c.Pools {
		delete(u.fresh, pool)
	}
	for _, o := range c.Objects {
		u.s.objects.makeDurable(objectName{o.Pool, o.Hash})
		u.fresh[o.Pool] = append(u.fresh[o.Pool], o.Hash)
	}
}
