package billyfs

import (
	"context"
	"math/bits"
	"path"

	"github.com/reposit/reposit/storage"
)

// looseLimit is how many refs may have files of their own beside a packed-refs of so many bytes: as many as git leaves,
// which packs (git pack-refs --auto) when they are more than the logarithm of what is packed allows.
func (u *upkeep) looseLimit(packed int) int {
	return max(u.looseRefs, 5*bits.Len(uint(packed/100)))
}

// noteLoose notes which refs of a commit got files.
func (u *upkeep) noteLoose(c *commit) {
	for _, d := range c.drops {
		delete(u.loose, d.repo)
	}
	for _, r := range c.refs {
		if !r.new.hash.IsZero() {
			u.loose[r.repo]++ // perhaps not for the first time: packRefs counts
		}
	}
}

// crowds reports whether so many refs have files of their own that they are to be packed.
func (s *store) crowds(st *refState) bool {
	return len(st.loose) > s.upkeep.looseLimit(len(st.packed.text))
}

// packAfterView packs the refs of a repository in which a View found many with files of their own, as git programs may
// have left them: else each View would look at all of the files. It does nothing while somebody writes, and does not
// try twice where it did not help.
func (s *store) packAfterView(ctx context.Context, id storage.ID) {
	if _, tried := s.unpackable.Load(id); tried {
		return
	}
	select {
	case s.writer <- struct{}{}:
		defer s.unlockWriter()
	default:
		return
	}
	if s.stalled.Load() || s.upkeep.stuck != nil || s.journal.broken != nil {
		return
	}
	now := s.records.Snapshot()
	_, pool, ok := findRepo(now, id)
	now.Close()
	if !ok {
		return
	}
	err := s.packRefs(context.WithoutCancel(ctx), id, pool)
	if err == nil {
		var st *refState
		if st, err = s.refs(repoDir(id)); err == nil && !s.crowds(st) {
			return
		}
	}
	s.unpackable.Store(id, struct{}{})
}

// packCrowded packs the refs of repositories in which many have files of their own.
func (s *store) packCrowded(ctx context.Context) {
	for id, n := range s.upkeep.loose {
		if n <= s.upkeep.looseRefs {
			continue
		}
		now := s.records.Snapshot()
		_, pool, ok := findRepo(now, id)
		now.Close()
		delete(s.upkeep.loose, id)
		if ok && s.packRefs(ctx, id, pool) != nil {
			return // it is tried again when as many have changed
		}
	}
}

// packRefs moves refs from files of their own to packed-refs, if they are many, by the steps of git pack-refs: the file
// has them, and is synced with its name, before their own files go, each under its lock and only if it is as it was
// read. Nothing of that changes what a ref holds, so it is nobody's Update, and a crash leaves a ref in one place or in
// both. The caller is the writer.
func (s *store) packRefs(ctx context.Context, id, pool storage.ID) error {
	dir := repoDir(id)
	st, err := s.refs(dir)
	if err != nil {
		return err
	}
	if !s.crowds(st) {
		s.upkeep.loose[id] = len(st.loose)
		return nil
	}
	p := &plan{s: s, locked: map[lockName]bool{}, packed: map[storage.ID]bool{}}
	defer p.release()
	if s.shared {
		if err := s.takeLock(ctx, path.Join(dir, packedLock), nil); err != nil {
			return err
		}
		p.packed[id] = true
	}
	if st, err = s.refs(dir); err != nil { // again: under the lock, packed-refs stays
		return err
	}
	refs, peeled := s.toPack(ctx, pool, st)
	if len(refs) == 0 {
		return nil
	}
	s.refWrites.Add(1)
	defer s.refWrites.Add(1)
	if err := s.writePackedRefs(dir, st.packed.change(refs, peeled, nil)); err != nil {
		return err
	}
	s.states.remove(dir)
	defer s.states.remove(dir)
	if s.m.sync {
		if err := s.m.SyncDir(dir); err != nil {
			return err
		}
	}
	return p.prune(ctx, id, dir, refs)
}

// toPack returns what packed-refs is to hold of the refs that have files, by name, and whether all say what they peel
// to.
func (s *store) toPack(ctx context.Context, pool storage.ID, st *refState) (refs []packedRef, peeled bool) {
	peeled = st.packed.peels()
	for _, r := range st.loose {
		if r.err != nil || r.value.hash.IsZero() || r.name == "HEAD" {
			continue
		}
		ref := packedRef{name: r.name, hash: r.value.hash}
		if peeled {
			ref.peeled, peeled = s.peel(ctx, pool, ref.hash)
		}
		refs = append(refs, ref)
	}
	return refs, peeled
}

// maxTags bounds how many tags may lead from one to the next.
const maxTags = 100

// peel returns what a tag leads to, or the zero Hash for what is no tag. It reports false if that can't be told.
func (s *store) peel(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Hash, bool) {
	start := h
	for range maxTags {
		t, size, err := s.StatObject(ctx, pool, h)
		if err != nil || size >= storage.LargeObject && t == storage.Tag {
			return storage.Hash{}, false
		}
		if t != storage.Tag {
			if h == start {
				h = storage.Hash{}
			}
			return h, true
		}
		o, err := s.Object(ctx, pool, h)
		const field = "object "
		if err != nil || len(o.Data) < len(field)+hashDigits || string(o.Data[:len(field)]) != field {
			return storage.Hash{}, false
		}
		next, ok := parseHash(string(o.Data[len(field) : len(field)+hashDigits]))
		if !ok {
			return storage.Hash{}, false
		}
		h = next
	}
	return storage.Hash{}, false
}

// prune removes the files of refs that are packed. One that another program has locked, or moved, stays: it is what
// counts.
func (p *plan) prune(ctx context.Context, id storage.ID, dir string, refs []packedRef) error {
	s := p.s
	for _, r := range refs {
		name := lockName{id, r.name}
		if s.shared {
			file := path.Join(dir, r.name+lockSuffix)
			if err := s.m.inDir(file, func() error { return s.m.Mkdir(file) }); err != nil {
				continue
			}
			p.locked[name] = true
		}
		data, err := s.m.ReadFile(path.Join(dir, r.name))
		if err == nil {
			var v refValue
			if v, err = parseRef(data); err == nil && v == (refValue{hash: r.hash}) {
				if err := s.removeRef(dir, r.name, p.locked[name]); err != nil {
					return err
				}
				delete(p.locked, name)
				continue
			}
		}
		if p.locked[name] {
			s.dropLock(path.Join(dir, r.name+lockSuffix))
			delete(p.locked, name)
		}
	}
	return nil
}
