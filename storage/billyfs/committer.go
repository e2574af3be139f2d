package billyfs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// A committer makes transactions permanent, one after the other.
type committer struct {
	s       *store
	turn    chan struct{} // holds a value while someone writes
	seq     uint64        // of the last commit in the journal
	pending *prepared     // a commit that is in the journal, and of which the files could not all be written
	stalled atomic.Bool   // finishPending has something to do
}

func (w *committer) lock(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *committer) unlock() { <-w.turn }

// commit makes a transaction permanent.
//
// The refs are locked as git locks them, and read again, so that the entry that goes into the journal holds true.
// Objects come next: nothing leads to them yet. Once the entry is synced, the commit has happened: a crash from there
// on is made up for at the next Open, which is why nothing that follows needs a sync of its own.
func (w *committer) commit(t *tx) error {
	if t.empty() {
		return nil
	}
	c := &journal.Commit{Seq: w.seq + 1, Drops: t.drops, Pools: t.pools, Records: t.writes}
	p := &prepared{s: w.s, tx: t, commit: c,
		locked: map[refName]bool{}, packed: map[storage.ID]bool{}, packs: map[storage.ID]*packedWrite{},
		staged: map[storage.ID]string{}}
	if err := p.prepare(); err != nil {
		p.release()
		return disk.Explain(err)
	}
	if err := w.s.journal.Commit(p.commit); err != nil {
		p.release()
		w.stalled.Store(w.s.journal.Broken() != nil)
		return err
	}
	w.seq = p.commit.Seq
	for _, l := range p.images {
		w.s.overlay.leave(l.repo, l.name, l.beforeImage)
	}
	if err := p.apply(); err != nil {
		w.stall(p)
		return fmt.Errorf("billyfs: %w", disk.Explain(err))
	}
	w.publish(p)
	w.s.upkeep.maintain()
	w.s.packer.maintain()
	return nil
}

// publish makes the commit visible to the Views that begin from now on.
func (w *committer) publish(p *prepared) {
	p.tx.records.Commit()
	w.s.joinPools(p.commit)
	w.s.forget()
	for _, id := range p.commit.Pools {
		_ = w.s.m.RemoveAll(trashPool(id))
	}
	_ = w.s.journal.Done(p.commit.Seq)
	w.s.upkeep.wrote(p.commit)
	w.s.packer.wrote(p.commit)
}

// stall keeps a commit whose refs could not all be written. It has happened, so nobody may see the store without it.
func (w *committer) stall(p *prepared) {
	w.pending = p
	w.stalled.Store(true)
}

// finishPending decides what an error left open, or returns it: it finishes a commit that stalled, and replaces a
// journal that may hold an entry of which nobody knows whether it is there. Until then, nothing can be said about the
// store.
func (w *committer) finishPending() error {
	if err := w.s.locks.dropStale(); err != nil {
		return err
	}
	if !w.stalled.Load() && w.s.journal.Broken() == nil {
		return nil
	}
	if p := w.pending; p != nil {
		if err := w.finish(p); err != nil {
			return fmt.Errorf("billyfs: %w", disk.Explain(err))
		}
		w.pending = nil
	}
	if w.s.journal.Broken() != nil {
		if err := w.s.upkeep.rewrite(); err != nil {
			return disk.Explain(err)
		}
	}
	w.stalled.Store(false)
	return nil
}

// finish does what is left of a commit that stalled.
func (w *committer) finish(p *prepared) error {
	w.s.refs.forget(p.commit)
	defer w.s.refs.forget(p.commit)
	w.s.noteFiles(p.commit)
	r := recovery{w.s, p.tx.records, false, p.number}
	if err := r.redo([]*journal.Commit{p.commit}); err != nil {
		return err
	}
	if err := errors.Join(p.unlock(), p.discardPacked()); err != nil {
		return err
	}
	for id, dir := range p.staged {
		if dir != repoDir(id) {
			if err := w.s.m.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	w.publish(p)
	return nil
}

// finishPendingFor is finishPending for those who do not write.
func (w *committer) finishPendingFor(ctx context.Context) error {
	if err := w.lock(ctx); err != nil {
		return err
	}
	defer w.unlock()
	return w.finishPending()
}
