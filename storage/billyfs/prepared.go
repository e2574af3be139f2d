package billyfs

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// A prepared is a commit with what has been laid out for it: everything that may fail for want of space or of a lock is
// done before the entry in the journal makes the commit permanent.
type prepared struct {
	s      *store
	tx     *tx
	commit *journal.Commit
	number uint64 // of the commit in memory
	locked map[refName]bool
	packed map[storage.ID]bool // whose packed-refs are locked
	packs  map[storage.ID]*packedWrite
	staged map[storage.ID]string // where new repositories are built
	images []refImage
}

type refImage struct {
	repo repoRef
	name string
	beforeImage
}

func (p *prepared) prepare() (err error) {
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
	if err := p.importPushed(repos); err != nil {
		return err
	}
	p.commit.Objects, err = p.storeObjects()
	return err
}

// touched returns the repositories that are new or of which refs change, by ID: locks are always taken in one order.
func (p *prepared) touched() []*txRepo {
	var repos []*txRepo
	for _, r := range p.tx.repos {
		if r != nil && !r.gone && (r.dir == "" || len(r.written) > 0) {
			repos = append(repos, r)
		}
	}
	slices.SortFunc(repos, func(a, b *txRepo) int { return slices.Compare(a.Repo[:], b.Repo[:]) })
	return repos
}

// deletes reports whether one of the refs that change is deleted.
func (r *txRepo) deletes() bool {
	return slices.ContainsFunc(r.written, func(name string) bool { return r.refs[name].value.IsZero() })
}

// add enters a ref into the commit.
func (p *prepared) add(r *txRepo, name string, old refValue, logSize int) {
	ref, l := r.refs[name], refName{Repo: r.Repo, Name: name}
	p.commit.Refs = append(p.commit.Refs, journal.RefWrite{RefName: l, Old: old, New: ref.value, LogSize: logSize})
	if ref.lines != "" {
		p.commit.Logs = append(p.commit.Logs, journal.LogWrite{RefName: l, Lines: ref.lines})
	}
}

// lockRefs locks the refs of a repository, and reads them again under the lock.
func (p *prepared) lockRefs(r *txRepo) error {
	if err := p.s.repos.check(r.repoRef, r.dir); err != nil {
		return err
	}
	many := p.isMany(r)
	if p.s.shared {
		for _, name := range r.written {
			if err := p.lock(r, name, many); err != nil {
				return err
			}
		}
		if many || r.deletes() || p.s.refs.folding.any() {
			if err := p.s.locks.take(p.tx.ctx, path.Join(r.dir, packedLock), nil); err != nil {
				return err
			}
			p.packed[r.Repo] = true
		}
	}
	if many {
		return p.prepareMany(r)
	}
	state := sync.OnceValues(func() (*refState, error) { return p.s.refs.state(r.dir) })
	for _, name := range r.written {
		now, err := p.s.refs.readBy(r.dir, name, state)
		if err := p.addRef(r, name, now, err, true, nil); err != nil {
			return err
		}
	}
	return nil
}

// addRef enters a ref into the commit, which holds now, or gave an error when it was read. The log may have a file, or
// is what logs have of it.
func (p *prepared) addRef(r *txRepo, name string, now refValue, err error, logged bool, logs *packedLogs) error {
	if err != nil && !errors.Is(err, storage.ErrCorrupt) { // a ref that holds rubbish may be overwritten
		return err
	}
	if ref := r.refs[name]; ref.read && ref.base != now {
		return errMoved
	}
	image := beforeImage{commit: p.number, value: now}
	if logged {
		err = p.imageLog(r, name, &image)
	} else {
		image.logSize, err = len(logs.find(name)), nil // they don't move
	}
	if err != nil {
		return err
	}
	p.add(r, name, now, image.logSize)
	p.images = append(p.images, refImage{r.repoRef, name, image})
	return nil
}

// lock makes the lock of a ref, with what the ref is to hold in it, unless that is left to prepareMany.
func (p *prepared) lock(r *txRepo, name string, many bool) error {
	if p.s.refs.folding.any() {
		return p.lockFolded(r, name)
	}
	if above, ok := r.deletedAbove(name); ok && p.locked[refName{Repo: r.Repo, Name: above}] {
		return nil // the file of a ref that goes is where the lock's directory will be; its lock keeps others out
	}
	var value []byte
	if !many {
		value = lockFile(r.refs[name].value)
	}
	err := p.s.locks.take(p.tx.ctx, path.Join(r.dir, name+lockSuffix), value)
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
func (p *prepared) imageLog(r *txRepo, name string, image *beforeImage) error {
	if r.refs[name].value.IsZero() {
		text, err := p.s.logs.read(r.dir, name)
		image.log, image.logSize = &text, len(text)
		return err
	}
	var err error
	image.logSize, err = p.s.logs.size(r.dir, name)
	return err
}

// storeObjects writes the objects of a transaction, and returns those that the journal must hold, since their files
// are not synced.
func (p *prepared) storeObjects() ([]journal.ObjectWrite, error) {
	for _, u := range p.tx.unsure {
		if err := p.s.m.SyncNow(u.file); err != nil {
			return nil, err
		}
		p.s.objects.makeDurable(u.name)
	}
	byPool := map[storage.ID][]storage.Object{}
	for _, o := range p.tx.objects {
		byPool[o.pool] = append(byPool[o.pool], o.object)
	}
	var logged []journal.ObjectWrite
	for pool, objects := range byPool {
		if err := p.s.objects.ensurePool(pool); err != nil {
			return nil, err
		}
		if len(objects) > manyObjects {
			if err := p.s.objects.writePack(pool, objects); err != nil {
				return nil, err
			}
			continue
		}
		for _, o := range objects {
			data, err := p.s.objects.writeLoose(pool, o)
			if err != nil {
				return nil, err
			}
			if data != nil {
				logged = append(logged, journal.ObjectWrite{Pool: pool, Hash: o.Hash, Data: data})
			}
		}
	}
	return logged, nil
}

// release undoes what was laid out.
func (p *prepared) release() {
	for l := range p.locked {
		p.s.locks.drop(path.Join(repoDir(l.Repo), l.Name+lockSuffix))
	}
	for id := range p.packed {
		p.s.locks.drop(path.Join(repoDir(id), packedLock))
	}
	for _, dir := range p.staged {
		_ = p.s.m.RemoveAll(dir)
	}
	_ = p.discardPacked() // else the next Open does
}
