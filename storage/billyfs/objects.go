package billyfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path"
	"slices"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// dirsOf yields where the objects of a pool are looked for: in its own directory, for which the ID is zero, then in
// those of the repositories that are its members, if other programs have pushed something there. The members are looked
// through only when the loop comes to them: there may be thousands.
func (s *store) dirsOf(pool storage.ID, members bool) iter.Seq2[storage.ID, *objectDir] {
	return func(yield func(storage.ID, *objectDir) bool) {
		if !yield(storage.ID{}, s.objectDir(poolDir(pool)+"/objects")) || !members || !s.shared {
			return
		}
		s.mu.Lock()
		ids := slices.Collect(maps.Keys(s.members[pool]))
		s.mu.Unlock()
		for _, id := range ids {
			d := s.objectDir(repoDir(id) + "/objects")
			if pushed, err := d.pushed(); (pushed || err != nil) && !yield(id, d) {
				return
			}
		}
	}
}

// A visit is what to do with an object, by how it is kept. Either returns an error that absent knows, or
// storage.ErrCorrupt, to have another copy looked for.
type visit struct {
	packed func(p *pack, offset int64) error // must not release p
	loose  func(file string) error
}

// visit finds an object. Packs come first, since what is known of them is in memory; then its file; and both again
// if there are other packs by then, for git gc, and flush, move objects from the one to the other.
func (s *store) visit(pool storage.ID, h storage.Hash, members bool, v visit) error {
	if !validID(pool) {
		return storage.ErrNotFound
	}
	var bad error
	for repo, d := range s.dirsOf(pool, members) {
		for {
			turn := d.turn()
			found, err := d.visit(h, v, !repo.IsZero())
			if found {
				s.noteUse(pool, repo)
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

// noteUse notes that something was found in the directory of a repository, unless that is zero.
func (s *store) noteUse(pool, repo storage.ID) {
	if repo.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[pool] == nil {
		s.used[pool] = map[storage.ID]struct{}{}
	}
	s.used[pool][repo] = struct{}{}
}

// takeUsed returns the repositories of a pool in which something was found since the last call.
func (s *store) takeUsed(pool storage.ID) []storage.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	repos := slices.Collect(maps.Keys(s.used[pool]))
	delete(s.used, pool)
	return repos
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

// Object implements storage.Backend.
func (s *store) Object(ctx context.Context, pool storage.ID, h storage.Hash) (o storage.Object, err error) {
	if err := s.enterFor(ctx); err != nil {
		return o, err
	}
	defer s.leave()
	err = s.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) error {
			t, data, err := s.readPacked(p, offset)
			if err != nil {
				return err
			}
			if hashObject(t, data) != h {
				return storage.ErrCorrupt
			}
			o = storage.Object{Hash: h, Type: t, Size: int64(len(data)), Data: data}
			return nil
		},
		loose: func(file string) (err error) {
			o, err = s.readLoose(file, h)
			return err
		},
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// StatObject implements storage.Backend.
func (s *store) StatObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (t storage.Type, size int64, err error) {
	if err := s.enterFor(ctx); err != nil {
		return 0, 0, err
	}
	defer s.leave()
	err = s.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) (err error) {
			t, size, err = s.statPacked(p, offset)
			return err
		},
		loose: func(file string) (err error) {
			t, size, err = s.statLoose(file)
			return err
		},
	})
	if err != nil {
		return 0, 0, err
	}
	return t, size, nil
}

// OpenObject implements storage.Backend.
func (s *store) OpenObject(ctx context.Context, pool storage.ID, h storage.Hash) (t storage.Type, size int64,
	r io.ReadCloser, err error) {
	if err := s.enterFor(ctx); err != nil {
		return 0, 0, nil, err
	}
	defer s.leave()
	err = s.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) error {
			o, err := p.header(offset)
			if err != nil {
				return err
			}
			if o.kind >= ofsDelta { // git made it small enough to be worth it
				var data []byte
				if t, data, err = s.readPacked(p, offset); err == nil {
					size, r = int64(len(data)), newVerifier(bytes.NewReader(data), t, int64(len(data)), h, io.NopCloser(nil))
				}
				return err
			}
			src, err := s.codec.inflater(p.stream(o, 32<<10))
			if err != nil {
				return err
			}
			p.users.Add(1) // the reader's; visit holds one, so it is not zero
			t, size, r = o.kind, o.size, newVerifier(src, o.kind, o.size, h, p)
			return nil
		},
		loose: func(file string) (err error) {
			t, size, r, err = s.openLoose(file, h)
			return err
		},
	})
	if err != nil {
		return 0, 0, nil, err
	}
	return t, size, r, nil
}

// Objects implements storage.Backend.
func (s *store) Objects(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		var dirs []*objectDir
		for first := int(lo[0]); first <= int(hi[0]); first++ {
			list, err := s.objectsOf(ctx, pool, &dirs, byte(first), lo, hi)
			if err != nil {
				yield(storage.Hash{}, err)
				return
			}
			for _, h := range list {
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// objectsOf returns the objects of a pool whose names begin with a byte. Where to look is settled at the first.
func (s *store) objectsOf(ctx context.Context, pool storage.ID, dirs *[]*objectDir, first byte, lo,
	hi storage.Hash) ([]storage.Hash, error) {
	if err := s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if !validID(pool) {
		return nil, nil
	}
	if first == lo[0] {
		for _, d := range s.dirsOf(pool, true) {
			if err := d.refreshPacks(); err != nil {
				return nil, err
			}
			*dirs = append(*dirs, d)
		}
	}
	var list []storage.Hash
	for _, d := range *dirs {
		var err error
		if list, err = d.hashes(list, first, lo, hi); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(list), nil
}

// holds reports whether an object is stored and whole: what a crash left of a file does not count. It also returns
// the file, if nothing is known to have synced it.
func (s *store) holds(name objectName, members bool) (file string, ok bool, err error) {
	err = s.visit(name.pool, name.hash, members, visit{
		packed: func(*pack, int64) error { return nil },
		loose: func(f string) error {
			if s.isSure(name) {
				_, err := s.m.Stat(f)
				return err
			}
			if err := s.checkLoose(f, name.hash); err != nil {
				return err
			}
			if s.m.Syncs {
				file = f
			} else {
				s.makeSure(name)
			}
			return nil
		},
	})
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt) {
		return "", false, nil
	}
	return file, err == nil, err
}

// checkLoose reads a file to see whether it is the object.
func (s *store) checkLoose(file string, h storage.Hash) error {
	_, _, r, err := s.openLoose(file, h)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// maxSure bounds how many objects are known to be whole.
const maxSure = 1 << 16

func (s *store) isSure(name objectName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.sure[name]
	return ok
}

func (s *store) makeSure(name objectName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sure) >= maxSure {
		clear(s.sure)
	}
	s.sure[name] = struct{}{}
}

const (
	// manyObjects is from how many objects in one pool a pack is written rather than a file for each.
	manyObjects = 50
	// maxLogged is the size up to which a file is in the journal rather than synced.
	maxLogged = 64 << 10
)

// storeObjects writes the objects of a transaction, and returns those that the journal must hold, since their files
// are not synced.
func (s *store) storeObjects(t *tx) ([]journal.ObjectWrite, error) {
	for _, u := range t.unsure {
		if err := s.m.SyncNow(u.file); err != nil {
			return nil, err
		}
		s.makeSure(u.name)
	}
	byPool := map[storage.ID][]storage.Object{}
	for _, o := range t.objects {
		byPool[o.pool] = append(byPool[o.pool], o.object)
	}
	var logged []journal.ObjectWrite
	for pool, objects := range byPool {
		if err := s.ensurePool(pool); err != nil {
			return nil, err
		}
		if len(objects) > manyObjects {
			if err := s.writePack(pool, objects); err != nil {
				return nil, err
			}
			continue
		}
		for _, o := range objects {
			data, err := s.writeLoose(pool, o)
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

// writeLoose writes the file of an object. It returns what the file holds if the file is not synced and should be.
func (s *store) writeLoose(pool storage.ID, o storage.Object) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(o.Data)/2 + 64)
	if err := s.codec.deflate(&b, objectHeader(o.Type, int64(len(o.Data))), o.Data); err != nil {
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

// restoreObjects writes the files again that a power cut may have taken.
func (s *store) restoreObjects(commits []*journal.Commit) error {
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
