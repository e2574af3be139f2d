package billyfs

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/internal/packs"
)

const packPrefix = "pack-"

// packID returns the ID of a pack that is called by its checksum, as git calls them and we do.
func packID(name string) (id storage.PackID, ok bool) {
	digits, ok := strings.CutPrefix(name, packPrefix)
	if !ok || len(digits) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return id, err == nil && hex.EncodeToString(id[:]) == digits
}

func packFile(pool storage.ID, id storage.PackID) string {
	return path.Join(poolDir(pool), "objects", packDir, packPrefix+hex.EncodeToString(id[:]))
}

// Packs implements storage.Packer. Packs that git, or somebody by hand, wants to be kept as they are, do not count.
func (s *store) Packs(ctx context.Context, pool storage.ID) ([]storage.Pack, error) {
	if err := s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if !validID(pool) {
		return nil, nil
	}
	d := s.objects.dir(poolDir(pool) + "/objects")
	if err := d.refreshPacks(); err != nil {
		return nil, err
	}
	var all []storage.Pack
	for _, name := range d.packNames() {
		id, ok := packID(name)
		if !ok {
			continue
		}
		file := path.Join(d.path, packDir, name)
		if kept, err := s.isKept(file); err != nil || kept {
			if err != nil {
				return nil, err
			}
			continue
		}
		p, err := s.objects.packs.open(file)
		if err != nil {
			if disk.Absent(err) {
				continue
			}
			return nil, err
		}
		all = append(all, storage.Pack{ID: id, Objects: p.index.Len(), Size: p.size})
		p.release()
	}
	return all, nil
}

// isKept reports whether a file beside a pack says that it is to stay.
func (s *store) isKept(file string) (bool, error) {
	for _, suffix := range [...]string{".keep", ".promisor"} {
		if _, err := s.m.Stat(file + suffix); err == nil {
			return true, nil
		} else if !disk.Absent(err) {
			return false, err
		}
	}
	return false, nil
}

// PackEntries implements storage.Packer.
func (s *store) PackEntries(ctx context.Context, pool storage.ID,
	id storage.PackID) iter.Seq2[storage.PackEntry, error] {
	return func(yield func(storage.PackEntry, error) bool) {
		for at := 0; ; {
			page, err := s.packEntries(ctx, pool, id, at)
			if err != nil {
				yield(storage.PackEntry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if at += len(page); len(page) < entriesPage {
				return
			}
		}
	}
}

// entriesPage is how many entries of a pack are read at once.
const entriesPage = 1024

func (s *store) packEntries(ctx context.Context, pool storage.ID, id storage.PackID, at int) ([]storage.PackEntry,
	error) {
	if err := s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	p, err := s.openPack(pool, id)
	if err != nil {
		return nil, err
	}
	defer p.release()
	page := make([]storage.PackEntry, 0, min(entriesPage, max(p.index.Len()-at, 0)))
	for i := at; i < p.index.Len() && len(page) < entriesPage; i++ {
		e, err := s.objects.packs.entry(p, i)
		if err != nil {
			return nil, fmt.Errorf("%s: object %s: %w", p.name, p.index.Hash(i), err)
		}
		page = append(page, e)
	}
	return page, nil
}

func (s *store) openPack(pool storage.ID, id storage.PackID) (*pack, error) {
	if !validID(pool) {
		return nil, storage.ErrNotFound
	}
	p, err := s.objects.packs.open(packFile(pool, id))
	if err != nil && disk.Absent(err) {
		return nil, storage.ErrNotFound
	}
	return p, err
}

// entry returns what there is to know of an object of a pack. It goes along the object's deltas.
func (s *packFiles) entry(p *pack, i int) (e storage.PackEntry, err error) {
	e = storage.PackEntry{Hash: p.index.Hash(i), Base: storage.NoBase}
	var ok bool
	if e.Offset, ok = p.index.Offset(e.Hash); !ok {
		return e, storage.ErrCorrupt
	}
	o, err := p.header(e.Offset)
	if err != nil {
		return e, err
	}
	e.Size = o.Size
	if o.Kind.IsDelta() {
		if e.Size, err = s.resultSize(p, o); err != nil {
			return e, err
		}
	}
	for o.Kind.IsDelta() {
		if e.Depth++; e.Depth > packfile.MaxChain {
			return e, storage.ErrCorrupt
		}
		at, err := p.baseOf(o)
		if err != nil {
			return e, err
		}
		if e.Base == storage.NoBase {
			if e.Base, ok = p.placeAt(at); !ok {
				return e, storage.ErrCorrupt
			}
		}
		if o, err = p.header(at); err != nil {
			return e, err
		}
	}
	e.Type = storage.Type(o.Kind)
	return e, nil
}

// placeAt returns the place in the index of the object that begins at an offset.
func (p *pack) placeAt(offset int64) (int32, bool) {
	p.reverse.Do(func() {
		p.places = make([]int32, p.index.Len())
		p.offsets = make([]int64, p.index.Len())
		at := make(map[int64]int32, p.index.Len())
		for i := range p.places {
			p.offsets[i], _ = p.index.Offset(p.index.Hash(i))
			at[p.offsets[i]] = int32(i)
		}
		slices.Sort(p.offsets)
		for i, offset := range p.offsets {
			p.places[i] = at[offset]
		}
	})
	i, ok := slices.BinarySearch(p.offsets, offset)
	if !ok {
		return 0, false
	}
	return p.places[i], true
}

// Packed implements storage.Packer. What git programs keep in the directories of repositories counts, too.
func (s *store) Packed(ctx context.Context, pool storage.ID, h storage.Hash) (o storage.Packed, err error) {
	if err := s.enterFor(ctx); err != nil {
		return o, err
	}
	defer s.leave()
	err = s.objects.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) error {
			header, err := p.header(offset)
			if err != nil {
				return err
			}
			at := packs.Place{
				PackEntry: storage.PackEntry{Hash: h, Type: storage.Type(header.Kind), Size: header.Size, Offset: offset,
					Base: storage.NoBase},
				Src: p.f, End: p.size - packfile.TrailerSize,
			}
			if header.Kind.IsDelta() {
				base, err := p.baseOf(header)
				if err != nil {
					return err
				}
				var ok bool
				if at.Base, ok = p.placeAt(base); !ok {
					return storage.ErrCorrupt
				}
				at.BaseHash = p.index.Hash(int(at.Base))
			}
			o, err = at.Packed()
			return err
		},
		loose: func(string) error { return fs.ErrNotExist },
	})
	return o, err
}

// Recent implements storage.Packer.
func (s *store) Recent(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		for first := int(lo[0]); first <= int(hi[0]); first++ {
			list, err := s.recent(ctx, pool, byte(first), lo, hi)
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

func (s *store) recent(ctx context.Context, pool storage.ID, first byte, lo, hi storage.Hash) ([]storage.Hash, error) {
	if err := s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if !validID(pool) {
		return nil, nil
	}
	list, err := s.objects.dir(poolDir(pool)+"/objects").looseHashes(nil, first, lo, hi)
	slices.SortFunc(list, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	return list, err
}

// Repack implements storage.Packer. Whatever the durability, what stays is synced before what goes is removed.
func (s *store) Repack(ctx context.Context, pool storage.ID, drop []storage.PackID) error {
	if err := s.enterFor(ctx); err != nil {
		return err
	}
	defer s.leave()
	if !validID(pool) {
		return nil
	}
	if err := s.committer.lock(ctx); err != nil {
		return err
	}
	defer s.committer.unlock()
	return disk.Explain(s.objects.repack(ctx, pool, drop))
}

func (s *objects) repack(ctx context.Context, pool storage.ID, drop []storage.PackID) error {
	d := s.dir(poolDir(pool) + "/objects")
	if err := d.refreshPacks(); err != nil {
		return err
	}
	var stay []string
	var gone []string
	for _, name := range d.packNames() {
		if id, ok := packID(name); ok && slices.Contains(drop, id) {
			gone = append(gone, name)
			continue
		}
		stay = append(stay, name)
	}
	for _, name := range stay {
		file := path.Join(d.path, packDir, name)
		if err := errors.Join(s.m.Settle(file+".pack"), s.m.Settle(file+".idx")); err != nil {
			return err
		}
	}
	d.setPacks(stay)
	for _, name := range gone {
		if err := s.removePack(path.Join(d.path, packDir, name)); err != nil {
			return err
		}
	}
	if len(gone) > 0 { // it may name what is gone; git makes another one
		if err := s.m.RemoveAny(path.Join(d.path, packDir, "multi-pack-index")); err != nil {
			return err
		}
	}
	return d.pruneLoose(ctx)
}

// removePack removes the files of a pack, the index first, since only that makes the pack count. A reader that has the
// pack open goes on.
func (s *objects) removePack(file string) error {
	for _, suffix := range [...]string{".idx", ".rev", ".bitmap", ".mtimes", ".pack"} {
		if suffix == ".pack" {
			s.packs.cache.remove(file)
		}
		if err := s.m.RemoveAny(file + suffix); err != nil {
			return err
		}
	}
	return nil
}

// pruneLoose removes the files of objects that a pack has.
func (d *objectDir) pruneLoose(ctx context.Context) error {
	files, err := d.looseFiles()
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, _ := parseLoose(file)
		p, _, err := d.find(h)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		p.release()
		if err := d.objects.m.RemoveAny(path.Join(d.path, file)); err != nil {
			return err
		}
	}
	return nil
}

var _ storage.Packer = (*store)(nil)
