package billyfs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"path"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

const trashDir = "reposit/trash"

func trashRepo(repo repoRef) string {
	var born [8]byte
	binary.BigEndian.PutUint64(born[:], repo.Born)
	return trashDir + "/" + repo.Repo.String() + "-" + hex.EncodeToString(born[:])
}

func trashPool(pool storage.ID) string { return trashDir + "/" + pool.String() + "-pool" }

// apply brings the files in line with a commit that is in the journal. What is removed comes first: it may be in the
// way of what is new.
func (p *prepared) apply() error {
	p.s.refs.forget(p.commit)
	defer p.s.refs.forget(p.commit)
	for _, repo := range p.commit.Drops {
		if err := p.s.repos.drop(repo, p.number); err != nil {
			return err
		}
	}
	for _, c := range p.commit.Creates {
		dir := repoDir(c.Repo)
		if p.staged[c.Repo] == dir {
			continue
		}
		if err := p.s.m.Publish(p.staged[c.Repo], dir); err != nil {
			return err
		}
		p.s.m.Renamed(p.staged[c.Repo], dir)
	}
	if err := p.applyRefs(); err != nil {
		return err
	}
	for _, pool := range p.commit.Pools {
		if err := p.s.objects.dropPool(pool); err != nil {
			return err
		}
	}
	return nil
}

// drop moves the directory of a repository to the trash. It is removed when no View reads it any more.
func (r *repos) drop(repo repoRef, number uint64) error {
	dir, to := repoDir(repo.Repo), trashRepo(repo)
	r.refs.packed.cache.remove(dir)
	r.logs.packed.cache.remove(dir)
	r.refs.states.remove(dir)
	return r.overlay.move(repo, to, number, func() error {
		err := r.m.InDir(to, func() error { return r.m.Rename(dir, to) })
		if err != nil && !disk.Absent(err) {
			return err
		}
		r.m.Named(dir)
		return nil
	})
}

// dropPool moves the directory of a pool to the trash. There are no snapshots of objects.
func (s *objects) dropPool(pool storage.ID) error {
	s.mu.Lock()
	delete(s.pools, pool)
	s.mu.Unlock()
	s.forgetDir(poolDir(pool) + "/objects")
	dir, to := poolDir(pool), trashPool(pool)
	err := s.m.InDir(to, func() error { return s.m.Rename(dir, to) })
	if err != nil && !disk.Absent(err) {
		return err
	}
	s.forgetDir(dir + "/objects") // a reader may have come by before the directory was gone
	s.m.Named(dir)
	return nil
}

// applyRefs writes the refs of repositories that were there before.
func (p *prepared) applyRefs() error {
	if p.s.refs.folding.any() {
		return p.applyFolded()
	}
	lines := p.commit.Lines()
	deleted := map[storage.ID][]string{}
	for id, w := range p.packs {
		if err := p.applyPacked(id, w); err != nil {
			return err
		}
	}
	for _, r := range p.commit.Refs {
		if _, isNew := p.staged[r.Repo]; !isNew && r.New.IsZero() && p.packs[r.Repo] == nil {
			deleted[r.Repo] = append(deleted[r.Repo], r.Name)
		}
	}
	for id, names := range deleted {
		if err := p.s.refs.repack(repoDir(id), nil, names); err != nil {
			return err
		}
		if err := p.unlockPackedRefs(id); err != nil {
			return err
		}
	}
	for _, deletes := range []bool{true, false} {
		for _, r := range p.commit.Refs {
			if _, isNew := p.staged[r.Repo]; isNew || r.New.IsZero() != deletes {
				continue
			}
			if err := p.applyRef(r, lines[r.RefName]); err != nil {
				return err
			}
		}
	}
	for id, w := range p.packs {
		if err := errors.Join(p.unlockPacked(id, w), p.unlockPackedRefs(id)); err != nil {
			return err
		}
	}
	return nil
}

func (p *prepared) unlockPackedRefs(id storage.ID) error {
	if !p.packed[id] {
		return nil
	}
	if err := p.s.locks.remove(path.Join(repoDir(id), packedLock)); err != nil {
		return err
	}
	delete(p.packed, id)
	return nil
}

// applyLog adds lines to the log of a ref, and moves the log of one that goes. It comes before the ref changes: with
// that, git may lock the ref again, whose log would then have lines of git's.
func (p *prepared) applyLog(r journal.RefWrite, lines string) error {
	if w := p.packs[r.Repo]; w != nil && !w.logged[r.Name] {
		return nil
	}
	dir := repoDir(r.Repo)
	if lines != "" {
		if err := p.s.logs.append(dir, r.Name, lines); err != nil {
			return err
		}
	}
	if r.New.IsZero() {
		return p.s.logs.moveDeleted(dir, r.Name)
	}
	return nil
}

func (p *prepared) applyRef(r journal.RefWrite, lines string) error {
	if err := p.applyLog(r, lines); err != nil {
		return err
	}
	if w := p.packs[r.Repo]; w != nil && !w.others[r.Name] {
		return nil
	}
	dir := repoDir(r.Repo)
	lock := r.RefName
	file := path.Join(dir, r.Name+lockSuffix)
	if r.New.IsZero() {
		if err := p.s.refs.remove(dir, r.Name, p.locked[lock]); err != nil {
			return err
		}
		delete(p.locked, lock)
		return nil
	}
	if !p.locked[lock] {
		return p.s.refs.write(dir, r.Name, r.New)
	}
	p.s.m.Wrote(path.Join(dir, r.Name))
	err := p.s.m.ClearPath(dir, r.Name, func() error { return p.s.m.Publish(file+lockValue, path.Join(dir, r.Name)) })
	if err != nil {
		return err
	}
	if err := p.s.m.RemoveAny(file); err != nil {
		return err
	}
	delete(p.locked, lock)
	return nil
}

// write makes a ref hold a value.
func (f *refFiles) write(dir, name string, v refValue) error {
	if f.folding.any() {
		return f.put(dir, []refChange{{name, v}})
	}
	return f.writeFile(dir, name, v)
}

// writeFile writes the file of a ref.
func (f *refFiles) writeFile(dir, name string, v refValue) error {
	return f.m.ClearPath(dir, name, func() error { return f.m.Replace(path.Join(dir, name), refFile(v), 0) })
}

// remove removes a ref that packed-refs does not have, and its lock if there is one.
func (f *refFiles) remove(dir, name string, locked bool) error {
	if f.folding.any() {
		return f.put(dir, []refChange{{name: name}})
	}
	if err := f.m.RemoveAny(asidePath(dir, name)); err != nil {
		return err
	}
	return f.removeFile(dir, name, locked)
}

// removeFile removes the file of a ref, its lock if there is one, and the directories that are empty then.
func (f *refFiles) removeFile(dir, name string, locked bool) error {
	file := path.Join(dir, name)
	if name == "HEAD" { // without the file, git no longer takes the directory for a repository
		if err := f.m.Replace(file, []byte("ref: "+noHead+"\n"), 0); err != nil {
			return err
		}
	} else if err := f.m.RemoveAny(file); err != nil {
		return err
	}
	if locked {
		if err := f.locks.remove(file + lockSuffix); err != nil {
			return err
		}
	}
	f.clearDirs(dir, name)
	return nil
}
