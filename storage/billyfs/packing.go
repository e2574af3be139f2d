package billyfs

import (
	"context"
	"math/bits"
	"path"
	"sync"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// A refPacker moves refs from files of their own to packed-refs where they are many: each look at the refs of a
// repository looks at all of these files, since other programs may have changed them.
type refPacker struct {
	s     *store
	limit int // how many refs of a repository may always have files of their own

	loose      map[storage.ID]int // about how many refs have files, of repositories whose refs changed; the writer's
	unpackable sync.Map           // IDs of repositories whose refs a View could not have packed
}

func newRefPacker(s *store) *refPacker {
	return &refPacker{s: s, limit: 32, loose: map[storage.ID]int{}}
}

// crowded reports whether so many refs have files of their own that they are to be packed: more than git leaves, which
// packs (git pack-refs --auto) when they are more than the logarithm of what is packed allows.
func (k *refPacker) crowded(st *refState) bool {
	return len(st.loose) > max(k.limit, 5*bits.Len(uint(len(st.packed.text)/100)))
}

// wrote notes which refs of a commit got files.
func (k *refPacker) wrote(c *journal.Commit) {
	for _, d := range c.Drops {
		delete(k.loose, d.Repo)
	}
	for _, r := range c.Refs {
		if !r.New.Hash.IsZero() {
			k.loose[r.Repo]++ // perhaps not for the first time: pack counts
		}
	}
}

// maintain packs the refs of repositories in which many have files of their own. It comes after an Update, which has
// happened in any case: where packing fails, it is tried again when as many refs have changed.
func (k *refPacker) maintain() {
	if k.s.upkeep.stuck != nil || k.s.journal.Broken() != nil {
		return
	}
	for id, n := range k.loose {
		if n > k.limit {
			delete(k.loose, id)
			if k.packRepo(context.Background(), id) != nil {
				return
			}
		}
	}
}

// afterView packs the refs of a repository in which a View found many with files of their own, as git programs may have
// left them. It does nothing while somebody writes, and does not try twice where it did not help.
func (k *refPacker) afterView(ctx context.Context, id storage.ID) {
	if _, tried := k.unpackable.Load(id); tried {
		return
	}
	w := k.s.committer
	select {
	case w.turn <- struct{}{}:
		defer w.unlock()
	default:
		return
	}
	if w.stalled.Load() || k.s.upkeep.stuck != nil || k.s.journal.Broken() != nil {
		return
	}
	err := k.packRepo(context.WithoutCancel(ctx), id)
	if err == nil {
		var st *refState
		if st, err = k.s.refs.state(repoDir(id)); err == nil && !k.crowded(st) {
			return
		}
	}
	k.unpackable.Store(id, struct{}{})
}

func (k *refPacker) packRepo(ctx context.Context, id storage.ID) error {
	now := k.s.records.Snapshot()
	_, pool, ok := findRepo(now, id)
	now.Close()
	if !ok {
		return nil
	}
	return k.pack(ctx, id, pool)
}

// pack moves refs to packed-refs, if they are many, by the steps of git pack-refs: the file has them, and is synced
// with its name, before their own files go, each under its lock and only if it is as it was read. Nothing of that
// changes what a ref holds, so it is nobody's Update, and a crash leaves a ref in one place or in both. The caller is
// the writer.
func (k *refPacker) pack(ctx context.Context, id, pool storage.ID) error {
	refs, dir := k.s.refs, repoDir(id)
	st, err := refs.state(dir)
	if err != nil {
		return err
	}
	if !k.crowded(st) {
		k.loose[id] = len(st.loose)
		return nil
	}
	if k.s.shared {
		lock := path.Join(dir, packedLock)
		if err := k.s.locks.take(ctx, lock, nil); err != nil {
			return err
		}
		defer k.s.locks.drop(lock)
	}
	if st, err = refs.state(dir); err != nil { // again: under the lock, packed-refs stays
		return err
	}
	lines, peeled := k.lines(ctx, pool, st)
	if len(lines) == 0 {
		return nil
	}
	refs.touch(dir)
	defer refs.touch(dir)
	if err := refs.packed.write(dir, st.packed.change(lines, peeled, nil)); err != nil {
		return err
	}
	if k.s.m.Syncs {
		if err := k.s.m.SyncDir(dir); err != nil {
			return err
		}
	}
	for _, r := range lines {
		if err := k.prune(dir, r); err != nil {
			return err
		}
	}
	return nil
}

// lines returns what packed-refs is to hold of the refs that have files, by name, and whether all say what they peel
// to.
func (k *refPacker) lines(ctx context.Context, pool storage.ID, st *refState) (lines []packedRef, peeled bool) {
	peeled = st.packed.peels()
	for _, r := range st.loose {
		if r.err != nil || r.value.Hash.IsZero() || r.name == "HEAD" {
			continue
		}
		line := packedRef{name: r.name, hash: r.value.Hash}
		if peeled {
			line.peeled, peeled = k.peel(ctx, pool, line.hash, nil)
		}
		lines = append(lines, line)
	}
	return lines, peeled
}

// maxTags bounds how many tags may lead from one to the next.
const maxTags = 100

// peel returns what a tag leads to, or the zero Hash for what is no tag. It reports false if that can't be told.
// Objects that are yet to be stored are among more.
func (k *refPacker) peel(ctx context.Context, pool storage.ID, h storage.Hash,
	more map[storage.Hash]storage.Object) (storage.Hash, bool) {
	start := h
	for range maxTags {
		o, stored := more[h]
		var err error
		if !stored {
			o.Type, o.Size, err = k.s.StatObject(ctx, pool, h)
		}
		if err != nil || o.Size >= storage.LargeObject && o.Type == storage.Tag {
			return storage.Hash{}, false
		}
		if o.Type != storage.Tag {
			if h == start {
				h = storage.Hash{}
			}
			return h, true
		}
		if !stored {
			o, err = k.s.Object(ctx, pool, h)
		}
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

// prune removes the file of a ref that is packed. One that another program has locked, or moved, stays: it is what
// counts.
func (k *refPacker) prune(dir string, r packedRef) error {
	file := path.Join(dir, r.name)
	lock := file + lockSuffix
	if k.s.shared {
		if err := k.s.m.InDir(lock, func() error { return k.s.m.Mkdir(lock) }); err != nil {
			return nil // whoever holds the lock may be moving it
		}
	}
	data, err := readRefFile(k.s.m, file)
	if err == nil {
		var v refValue
		if v, err = parseRef(data); err == nil && v == (refValue{Hash: r.hash}) {
			if err = k.s.refs.removeFile(dir, r.name, k.s.shared); err != nil && k.s.shared {
				k.s.locks.drop(lock)
			}
			return err
		}
	}
	if k.s.shared {
		k.s.locks.drop(lock)
	}
	return nil
}
