package billyfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// errMoved says that a program outside changed a ref that the transaction had read.
var errMoved = errors.New("billyfs: a ref moved")

// Update implements storage.Backend.
func (s *store) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	if err := s.settle(); err != nil {
		return err
	}
	for range maxRuns {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := s.begin(ctx)
		if err := cmp.Or(fn(t), t.err); err != nil {
			return err
		}
		if err := s.commit(t); !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("billyfs: %w", storage.ErrBusy)
}

// maxRuns bounds how often a transaction is begun again because other programs move its refs.
const maxRuns = 100

func (s *store) lockWriter(ctx context.Context) error {
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *store) unlockWriter() { <-s.writer }

// A plan is a commit with what has been laid out for it: everything that may fail for want of space or of a lock is
// done before the entry in the journal makes the commit permanent.
type plan struct {
	s      *store
	tx     *tx
	commit *journal.Commit
	number uint64 // of the commit in memory
	locked map[refName]bool
	packed map[storage.ID]bool   // whose packed-refs are locked
	staged map[storage.ID]string // where new repositories are built
	left   []leftImage
}

type leftImage struct {
	repo repoRef
	name string
	preimage
}

// commit makes a transaction permanent.
//
// The refs are locked as git locks them, and read again, so that the entry that goes into the journal holds true.
// Objects come next: nothing leads to them yet. Once the entry is synced, the commit has happened: a crash from there
// on is made up for at the next Open, which is why nothing that follows needs a sync of its own.
func (s *store) commit(t *tx) error {
	if t.empty() {
		return nil
	}
	p := &plan{s: s, tx: t, commit: &journal.Commit{Seq: s.seq + 1, Drops: t.drops, Pools: t.pools, Records: t.writes},
		locked: map[refName]bool{}, packed: map[storage.ID]bool{}, staged: map[storage.ID]string{}}
	if err := p.prepare(); err != nil {
		p.release()
		return disk.Explain(err)
	}
	if err := s.journal.Commit(p.commit); err != nil {
		p.release()
		s.stalled.Store(s.journal.Broken() != nil)
		return err
	}
	s.seq = p.commit.Seq
	for _, l := range p.left {
		s.overlay.leave(l.repo, l.name, l.preimage)
	}
	if err := s.apply(p); err != nil {
		s.stall(p)
		return fmt.Errorf("billyfs: %w", disk.Explain(err))
	}
	s.publish(p)
	s.maintain(t.ctx)
	return nil
}

func (p *plan) prepare() (err error) {
	at := p.s.records.Snapshot()
	p.number = at.Commit() + 1
	at.Close()
	repos := p.touched()
	for _, r := range repos {
		if r.dir == "" {
			err = p.stage(r)
		} else {
			err = p.lockRefs(r)
		}
		if err != nil {
			return err
		}
	}
	if err := p.tx.ctx.Err(); err != nil {
		return err
	}
	if err := p.adopt(repos); err != nil {
		return err
	}
	p.commit.Objects, err = p.s.storeObjects(p.tx)
	return err
}

// touched returns the repositories that are new or of which refs change, by ID: locks are always taken in one order.
func (p *plan) touched() []*txRepo {
	var repos []*txRepo
	for _, r := range p.tx.repos {
		if r != nil && !r.gone && (r.dir == "" || len(r.written()) > 0) {
			repos = append(repos, r)
		}
	}
	slices.SortFunc(repos, func(a, b *txRepo) int { return slices.Compare(a.Repo[:], b.Repo[:]) })
	return repos
}

// written returns the names of the refs that change.
func (r *txRepo) written() []string {
	var names []string
	for name, ref := range r.refs {
		if ref.written {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// deletes reports whether one of the refs that change is deleted.
func (r *txRepo) deletes() bool {
	return slices.ContainsFunc(r.written(), func(name string) bool { return r.refs[name].value.IsZero() })
}

// add enters a ref into the commit.
func (p *plan) add(r *txRepo, name string, old refValue, logSize int) {
	ref, l := r.refs[name], refName{Repo: r.Repo, Name: name}
	p.commit.Refs = append(p.commit.Refs, journal.RefWrite{RefName: l, Old: old, New: ref.value, LogSize: logSize})
	if ref.lines != "" {
		p.commit.Logs = append(p.commit.Logs, journal.LogWrite{RefName: l, Lines: ref.lines})
	}
}

// lockRefs locks the refs of a repository, and reads them again under the lock.
func (p *plan) lockRefs(r *txRepo) error {
	if err := p.s.checkRepo(r.repoRef, r.dir); err != nil {
		return err
	}
	names := r.written()
	if p.s.shared {
		for _, name := range names {
			if err := p.lock(r, name); err != nil {
				return err
			}
		}
		if r.deletes() {
			if err := p.s.takeLock(p.tx.ctx, path.Join(r.dir, packedLock), nil); err != nil {
				return err
			}
			p.packed[r.Repo] = true
		}
	}
	for _, name := range names {
		now, err := p.s.readRef(r.dir, name)
		if err != nil && !errors.Is(err, storage.ErrCorrupt) { // a ref that holds rubbish may be overwritten
			return err
		}
		if ref := r.refs[name]; ref.read && ref.base != now {
			return errMoved
		}
		image := preimage{commit: p.number, value: now}
		if err := p.s.imageLog(r, name, &image); err != nil {
			return err
		}
		p.add(r, name, now, image.logSize)
		p.left = append(p.left, leftImage{r.repoRef, name, image})
	}
	return nil
}

// lock makes the lock of a ref.
func (p *plan) lock(r *txRepo, name string) error {
	if above, ok := r.deletedAbove(name); ok && p.locked[refName{Repo: r.Repo, Name: above}] {
		return nil // the file of a ref that goes is where the lock's directory will be; its lock keeps others out
	}
	err := p.s.takeLock(p.tx.ctx, path.Join(r.dir, name+lockSuffix), lockFile(r.refs[name].value))
	if err != nil {
		return fmt.Errorf("ref %s: %w", name, err)
	}
	p.locked[refName{Repo: r.Repo, Name: name}] = true
	return nil
}

// deletedAbove returns a ref which is deleted and whose name is a directory of name.
func (r *txRepo) deletedAbove(name string) (string, bool) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if ref, ok := r.refs[dir]; ok && ref.written && ref.value.IsZero() {
			return dir, true
		}
	}
	return "", false
}

// imageLog keeps what a snapshot needs to tell the log of a ref from what the commit does to it.
func (s *store) imageLog(r *txRepo, name string, image *preimage) error {
	if r.refs[name].value.IsZero() {
		text, err := s.readLog(r.dir, name)
		image.log, image.logSize = &text, len(text)
		return err
	}
	for _, file := range []string{buriedPath(r.dir, name), logPath(r.dir, name)} {
		info, err := s.m.Stat(file)
		if err == nil && !info.IsDir() {
			image.logSize += int(info.Size())
		} else if err != nil && !disk.Absent(err) {
			return err
		}
	}
	return nil
}

// release undoes what was laid out.
func (p *plan) release() {
	for l := range p.locked {
		p.s.dropLock(path.Join(repoDir(l.Repo), l.Name+lockSuffix))
	}
	for id := range p.packed {
		p.s.dropLock(path.Join(repoDir(id), packedLock))
	}
	for _, dir := range p.staged {
		_ = p.s.m.RemoveAll(dir)
	}
}

// publish makes the commit visible to the Views that begin from now on.
func (s *store) publish(p *plan) {
	p.tx.records.Commit()
	s.joinPools(p.commit)
	s.forget()
	for _, id := range p.commit.Pools {
		_ = s.m.RemoveAll(trashPool(id))
	}
	_ = s.journal.Done(p.commit.Seq)
	s.written(p.commit)
}

// stall keeps a commit whose refs could not all be written. It has happened, so nobody may see the store without it.
func (s *store) stall(p *plan) {
	s.unsettled = p
	s.stalled.Store(true)
}

// settle decides what an error left open, or returns it: it finishes a commit that stalled, and replaces a journal
// that may hold an entry of which nobody knows whether it is there. Until then, nothing can be said about the store.
func (s *store) settle() error {
	if err := s.dropStrays(); err != nil {
		return err
	}
	if !s.stalled.Load() && s.journal.Broken() == nil {
		return nil
	}
	if p := s.unsettled; p != nil {
		if err := s.finish(p); err != nil {
			return fmt.Errorf("billyfs: %w", disk.Explain(err))
		}
		s.unsettled = nil
	}
	if s.journal.Broken() != nil {
		if err := s.upkeep.rewrite(s); err != nil {
			return disk.Explain(err)
		}
	}
	s.stalled.Store(false)
	return nil
}

// finish does what is left of a commit that stalled.
func (s *store) finish(p *plan) error {
	s.forgetRefs(p.commit)
	defer s.forgetRefs(p.commit)
	s.noteFiles(p.commit)
	if err := s.redo([]*journal.Commit{p.commit}, p.tx.records, false, p.number); err != nil {
		return err
	}
	for l := range p.locked {
		if err := s.removeLock(path.Join(repoDir(l.Repo), l.Name+lockSuffix)); err != nil {
			return err
		}
	}
	for id := range p.packed {
		if err := s.removeLock(path.Join(repoDir(id), packedLock)); err != nil {
			return err
		}
	}
	for id, dir := range p.staged {
		if dir != repoDir(id) {
			if err := s.m.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	s.publish(p)
	return nil
}

// settleFor is settle for those who do not write.
func (s *store) settleFor(ctx context.Context) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer s.unlockWriter()
	return s.settle()
}
