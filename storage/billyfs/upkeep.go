package billyfs

import (
	"context"
	"errors"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// upkeep is when to sync the files, and when to write the journal afresh.
type upkeep struct {
	flushFiles int   // sync all when so many files are not synced
	flushBytes int64 // or when the journal has grown by so much
	minRewrite int64 // size below which the journal is not written afresh
	packFrom   int   // from how many loose objects of a pool they are packed rather than synced

	fresh     map[storage.ID][]storage.Hash // loose objects that are not synced, by pool
	flushedAt int64                         // where the journal ended when the files were last synced
	liveBytes int64                         // of the records, when the journal was last written afresh
	stuck     error                         // a sync failed: what it was to make permanent stays in the journal
}

func newUpkeep() upkeep {
	return upkeep{flushFiles: 2048, flushBytes: 2 << 20, minRewrite: 4 << 20, packFrom: 200,
		fresh: map[storage.ID][]storage.Hash{}}
}

// begin says in the journal that a process has the store. After a crash, it first writes the journal afresh: what was
// made up for must not be made up for again.
func (u *upkeep) begin(s *store, crashed bool) error {
	u.liveBytes = s.liveBytes()
	if crashed || u.oversized(s) {
		return u.rewrite(s)
	}
	if err := s.journal.Begin(s.m.Traits().Boot); err != nil {
		return err
	}
	u.flushedAt = s.journal.Size()
	return s.journal.Force()
}

// end makes permanent what is not yet, and says so in the journal and beside it.
func (u *upkeep) end(s *store) error {
	if u.stuck != nil {
		return u.stuck
	}
	if err := u.flush(s); err != nil {
		return err
	}
	if err := s.journal.End(); err != nil {
		return err
	}
	return s.writeFormat(format{closed: true, seq: s.seq, size: s.journal.Size()})
}

// oversized reports whether more than half of the journal is of no use any more.
func (u *upkeep) oversized(s *store) bool {
	return s.journal.Size() > max(u.minRewrite, 2*u.liveBytes)
}

// maintain syncs the files and writes the journal afresh when it is time. The Update that it comes after has happened
// in any case: what fails here is tried again, or stays in the journal.
func (s *store) maintain(ctx context.Context) {
	u := &s.upkeep
	if u.stuck != nil || s.journal.Broken() != nil {
		return
	}
	if s.m.Unsynced() >= u.flushFiles || s.m.Syncs && s.journal.Size()-u.flushedAt >= u.flushBytes {
		if u.flush(s) != nil {
			return
		}
	}
	if u.oversized(s) {
		if u.liveBytes = s.liveBytes(); u.oversized(s) {
			_ = u.rewrite(s)
		}
	}
}

// flush syncs all files.
func (u *upkeep) flush(s *store) error {
	for pool, hashes := range u.fresh {
		if len(hashes) >= u.packFrom {
			_ = s.packLoose(pool, hashes) // what is still there is synced
		}
	}
	clear(u.fresh)
	if err := s.m.Flush(); err != nil {
		// The kernel may have given up what it could not write, and call it synced the next time (fsync errors are
		// reported once). The journal still has it all: no part of it is dropped any more, and the next Open is told
		// to write the files again.
		u.stuck = err
		return errors.Join(err, s.journal.Begin(""))
	}
	u.flushedAt = s.journal.Size()
	if s.journal.Broken() != nil {
		return nil // it is about to be replaced
	}
	return s.journal.Flushed(s.seq)
}

// rewrite writes the journal afresh, with the records only.
func (u *upkeep) rewrite(s *store) error {
	if u.stuck != nil {
		return u.stuck
	}
	if err := u.flush(s); err != nil {
		return err
	}
	now := s.records.Snapshot()
	defer now.Close()
	err := s.journal.Rewrite(s.seq, s.m.Traits().Boot, now.Scan("", "", false))
	if err != nil {
		return err
	}
	u.flushedAt = s.journal.Size()
	u.liveBytes = s.journal.Size()
	return nil
}

// liveBytes returns about how much journal the records take.
func (s *store) liveBytes() (n int64) {
	now := s.records.Snapshot()
	defer now.Close()
	for key, value := range now.Scan("", "", false) {
		n += int64(len(key)+len(value)) + 4
	}
	return n
}

// packLoose moves loose objects to a pack, which takes three syncs rather than one for each.
func (s *store) packLoose(pool storage.ID, hashes []storage.Hash) error {
	p, err := s.newPackWriter(pool)
	if err != nil {
		return err
	}
	dir := poolDir(pool) + "/objects"
	for _, h := range hashes {
		o, err := s.readLoose(loosePath(dir, h), h)
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
		if err := s.m.RemoveAny(loosePath(dir, h)); err != nil {
			return err
		}
	}
	return nil
}

// written notes the objects of a commit.
func (s *store) written(c *journal.Commit) {
	for _, pool := range c.Pools {
		delete(s.upkeep.fresh, pool)
	}
	for _, o := range c.Objects {
		s.makeSure(objectName{o.Pool, o.Hash})
		s.upkeep.fresh[o.Pool] = append(s.upkeep.fresh[o.Pool], o.Hash)
	}
}
