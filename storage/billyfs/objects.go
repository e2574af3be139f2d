package billyfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"sync"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// An objects is the objects of all pools.
type objects struct {
	m       *disk.Medium
	shared  bool // other programs may add some between two calls
	codec   *codec
	packs   *packFiles
	loose   *looseFiles
	members *members
	dirs    *lru[string, *objectDir]

	mu    sync.Mutex
	pools map[storage.ID]bool // whose directories are there
	// loose objects that are whole and, if need be, synced or in the journal
	durable map[objectName]struct{}
}

// dirWeight is how many directories of objects are known at once.
const dirWeight = 16 << 10

func newObjects(m *disk.Medium, shared bool) *objects {
	c := &codec{}
	return &objects{m: m, shared: shared, codec: c, packs: newPackFiles(m, c), loose: &looseFiles{m, c},
		members: newMembers(), dirs: newLRU[string, *objectDir](dirWeight, nil),
		pools: map[storage.ID]bool{}, durable: map[objectName]struct{}{}}
}

// dirsOf yields where the objects of a pool are looked for: in its own directory, for which the ID is zero, then in
// those of the repositories that are its members, if other programs have pushed something there. The members are looked
// through only when the loop comes to them: there may be thousands.
func (s *objects) dirsOf(pool storage.ID, members bool) iter.Seq2[storage.ID, *objectDir] {
	return func(yield func(storage.ID, *objectDir) bool) {
		if !yield(storage.ID{}, s.dir(poolDir(pool)+"/objects")) || !members || !s.shared {
			return
		}
		for _, id := range s.members.list(pool) {
			d := s.dir(repoDir(id) + "/objects")
			if pushed, err := d.pushed(); (pushed || err != nil) && !yield(id, d) {
				return
			}
		}
	}
}

// A visit is what to do with an object, by how it is kept. Either returns an error that disk.Absent knows, or
// storage.ErrCorrupt, to have another copy looked for.
type visit struct {
	packed func(p *pack, offset int64) error // must not release p
	loose  func(file string) error
}

// visit finds an object. Packs come first, since what is known of them is in memory; then its file; and both again
// if there are other packs by then, for git gc, and flush, move objects from the one to the other.
func (s *objects) visit(pool storage.ID, h storage.Hash, members bool, v visit) error {
	if !validID(pool) {
		return storage.ErrNotFound
	}
	var bad error
	for repo, d := range s.dirsOf(pool, members) {
		for {
			turn := d.turn()
			found, err := d.visit(h, v, !repo.IsZero())
			if found {
				s.members.noteUse(pool, repo)
				return nil
			}
			err = errors.Join(err, d.refreshPacks())
			if d.turn() == turn {
				bad = errors.Join(bad, err)
				break
			}
		}
	}
	if bad != nil {
		return fmt.Errorf("object %s: %w", h, bad)
	}
	return storage.ErrNotFound
}

// visit looks for an object in a directory. Its error is not that there is none.
func (d *objectDir) visit(h storage.Hash, v visit, ofRepo bool) (found bool, bad error) {
	for _, try := range []func() error{
		func() error { return d.visitPacks(h, v) },
		func() error { return d.visitLoose(h, v, ofRepo) },
	} {
		err := try()
		if err == nil {
			return true, nil
		}
		if !disk.Absent(err) {
			bad = errors.Join(bad, err)
		}
	}
	return false, bad
}

func (d *objectDir) visitPacks(h storage.Hash, v visit) error {
	p, offset, err := d.find(h)
	if p == nil {
		if err == nil {
			err = storage.ErrNotFound
		}
		return err
	}
	defer p.release()
	return v.packed(p, offset)
}

func (d *objectDir) visitLoose(h storage.Hash, v visit, ofRepo bool) error {
	file := loosePath(d.path, h)
	if ofRepo { // mostly there are none at all
		fanouts, err := d.fanouts()
		if err != nil {
			return err
		}
		if _, ok := slices.BinarySearch(fanouts, path.Base(path.Dir(file))); !ok {
			return storage.ErrNotFound
		}
	}
	return v.loose(file)
}

// holds reports whether an object is stored and whole: what a crash left of a file does not count. It also returns
// the file, if nothing is known to have synced it.
func (s *objects) holds(name objectName, members bool) (file string, ok bool, err error) {
	err = s.visit(name.pool, name.hash, members, visit{
		packed: func(*pack, int64) error { return nil },
		loose: func(f string) error {
			if s.isDurable(name) {
				_, err := s.m.Stat(f)
				return err
			}
			if err := s.loose.check(f, name.hash); err != nil {
				return err
			}
			if s.m.Syncs {
				file = f
			} else {
				s.makeDurable(name)
			}
			return nil
		},
	})
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt) {
		return "", false, nil
	}
	return file, err == nil, err
}

// check reads a file to see whether it is the object.
func (s *looseFiles) check(file string, h storage.Hash) error {
	_, _, r, err := s.open(file, h)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// maxDurable bounds how many objects are known to be whole.
const maxDurable = 1 << 16

func (s *objects) isDurable(name objectName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.durable[name]
	return ok
}

func (s *objects) makeDurable(name objectName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.durable) >= maxDurable {
		clear(s.durable)
	}
	s.durable[name] = struct{}{}
}

const (
	// manyObjects is from how many objects in one pool a pack is written rather than a file for each.
	manyObjects = 50
	// maxLogged is the size up to which a file is in the journal rather than synced.
	maxLogged = 64 << 10
)

// writeLoose writes the file of an object. It returns what the file holds if the file is not synced and should be.
func (s *objects) writeLoose(pool storage.ID, o storage.Object) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(o.Data)/2 + 64)
	if err := s.codec.deflate(&b, packfile.AppendObjectHeader(nil, o.Type, int64(len(o.Data))), o.Data); err != nil {
		return nil, err
	}
	file := loosePath(poolDir(pool)+"/objects", o.Hash)
	if s.m.Syncs && b.Len() <= maxLogged {
		return b.Bytes(), s.m.Replace(file, b.Bytes(), disk.ReadOnly)
	}
	if err := s.m.Replace(file, b.Bytes(), disk.ReadOnly|disk.SyncData); err != nil {
		return nil, err
	}
	return nil, s.m.SyncParents(file)
}

// restore writes the files again that a power cut may have taken.
func (s *objects) restore(commits []*journal.Commit) error {
	for _, c := range commits {
		for _, o := range c.Objects {
			if err := s.ensurePool(o.Pool); err != nil {
				return err
			}
			if err := s.m.Replace(loosePath(poolDir(o.Pool)+"/objects", o.Hash), o.Data, disk.ReadOnly); err != nil {
				return err
			}
		}
	}
	return nil
}
