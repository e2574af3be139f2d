package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A poolScan looks at the objects of one pool: at each for itself, and whether what it names is there. That takes no
// walk from refs as long as all is well, and 21 bytes of memory for each object.
type poolScan struct {
	*run
	pool    storage.ID
	members []storage.ID
	objects *object.Store // of this pool alone

	roots     map[storage.Hash]bool
	hashes    []storage.Hash // of all objects, sorted
	shallow   map[storage.Hash]bool
	isShallow bool                    // commits may lack their parents
	bad       map[storage.Hash]string // what is damaged or missing, and why
	uncounted int                     // objects that are as well, beyond maxBad
}

// maxBad is how many damaged objects of a pool are told one by one.
const maxBad = 10_000

// checkPool looks at the objects of a pool, and at the refs and logs of its members.
func (r *run) checkPool(ctx context.Context, pool storage.ID, members []storage.ID) error {
	p := &poolScan{run: r, pool: pool, members: members, objects: object.New(r.backend, cacheSize),
		roots: map[storage.Hash]bool{}, shallow: map[storage.Hash]bool{}, bad: map[storage.Hash]string{}}
	err := r.backend.View(ctx, func(v storage.View) error {
		for _, id := range members {
			if err := p.readRefs(v, id, true, func(_ string, h storage.Hash) { p.roots[h] = true }); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = p.list(ctx)
	}
	if err == nil {
		err = p.readAll(ctx)
	}
	if err != nil || len(p.bad) == 0 {
		return err
	}
	return p.blame(ctx)
}

// cacheSize is how many bytes of bases are kept while objects are read.
const cacheSize = 32 << 20

// readRefs calls fn with what the refs of a repository, their logs, and what else it keeps lead to. With tell, what
// can't be read is noted.
func (p *poolScan) readRefs(v storage.View, id storage.ID, tell bool, fn func(name string, h storage.Hash)) error {
	note := func(n Noun, what string, err error) error {
		if !catalog.IsDamage(err) {
			return err
		}
		if tell {
			p.note(Finding{Noun: n, Repo: id, What: what, Means: err.Error()})
		}
		return nil
	}
	for ref, err := range v.Refs(id, "", "") {
		if err != nil {
			if err := note(Reference, ref.Name, err); err != nil {
				return err
			}
			continue
		}
		if ref.Target == "" {
			fn(ref.Name, ref.Hash)
		}
		for entry, err := range v.Log(id, ref.Name) {
			if err != nil {
				if err := note(Log, ref.Name, err); err != nil {
					return err
				}
				break
			}
			if !entry.New.IsZero() {
				fn("the log of "+ref.Name, entry.New)
			}
		}
	}
	if p.opts.Shallow != nil {
		ends, lacking, err := p.opts.Shallow(v, id)
		if err != nil {
			return note(Record, "shallow", err)
		}
		p.isShallow = p.isShallow || lacking
		for h := range ends {
			p.shallow[h] = true
		}
	}
	if p.opts.Roots == nil {
		return nil
	}
	for h, err := range p.opts.Roots(v, id) {
		if err != nil {
			return note(Record, "what go-git keeps", err)
		}
		fn("what go-git keeps", h)
	}
	return nil
}

// list lists the objects of the pool. If the backend can't, they are looked for from the refs.
func (p *poolScan) list(ctx context.Context) error {
	var damage error
	for h, err := range p.backend.Objects(ctx, p.pool, storage.Hash{}, git.LastHash()) {
		if err != nil {
			damage = err
			break
		}
		p.hashes = append(p.hashes, h)
	}
	if damage == nil {
		return nil
	}
	if !catalog.IsDamage(damage) {
		return damage
	}
	p.note(Finding{Noun: Pool, Pool: p.pool, What: p.pool.String(), Means: "its objects can't be listed: " +
		damage.Error(), Repos: p.members[:min(len(p.members), maxTouched)]})
	seen := map[storage.Hash]bool{}
	for _, h := range p.hashes {
		seen[h] = true
	}
	walked := map[storage.Hash]bool{}
	var left []storage.Hash
	for h := range p.roots {
		left = append(left, h)
	}
	for len(left) > 0 {
		h := left[len(left)-1]
		if left = left[:len(left)-1]; walked[h] {
			continue
		}
		walked[h] = true
		if _, _, err := p.backend.StatObject(ctx, p.pool, h); errors.Is(err, storage.ErrNotFound) {
			continue
		}
		seen[h] = true
		below, _, err := p.read(ctx, h)
		if err != nil && !catalog.IsDamage(err) && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		left = append(left, below...)
	}
	p.hashes = p.hashes[:0]
	for h := range seen {
		p.hashes = append(p.hashes, h)
	}
	slices.SortFunc(p.hashes, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	return nil
}

func (p *poolScan) find(h storage.Hash) (int, bool) {
	return slices.BinarySearchFunc(p.hashes, h, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
}

func (p *poolScan) condemn(h storage.Hash, why string) {
	if _, known := p.bad[h]; !known && len(p.bad) >= maxBad {
		p.uncounted++
	} else if !known {
		p.bad[h] = why
	}
}

// readAll reads all objects, and looks whether what they name is there.
func (p *poolScan) readAll(ctx context.Context) error {
	for _, h := range p.hashes {
		below, size, err := p.read(ctx, h)
		switch {
		case err == nil:
			p.run.Objects++
			p.run.Bytes += size
		case errors.Is(err, storage.ErrNotFound) && !catalog.IsDamage(err):
			continue // it is gone since; whoever names it is looked at
		case catalog.IsDamage(err), errors.Is(err, git.ErrMalformed):
			p.condemn(h, err.Error())
		default:
			return err
		}
		for _, child := range below {
			if _, ok := p.find(child); !ok {
				if err := p.seek(ctx, child); err != nil {
					return err
				}
			}
		}
		p.opts.Tell.Set(p.run.Objects, p.run.Bytes)
	}
	for h := range p.roots {
		if _, ok := p.find(h); !ok {
			if err := p.seek(ctx, h); err != nil {
				return err
			}
		}
	}
	return nil
}

// seek condemns an object that was not listed, unless it came since.
func (p *poolScan) seek(ctx context.Context, h storage.Hash) error {
	_, _, err := p.backend.StatObject(ctx, p.pool, h)
	if errors.Is(err, storage.ErrNotFound) {
		p.condemn(h, storage.ErrNotFound.Error())
		return nil
	}
	if catalog.IsDamage(err) {
		p.condemn(h, err.Error())
		return nil
	}
	return err
}

// read reads an object, compares it with its hash, and returns what it names and its size.
func (p *poolScan) read(ctx context.Context, h storage.Hash) ([]storage.Hash, int64, error) {
	kind, size, err := p.backend.StatObject(ctx, p.pool, h)
	if err != nil {
		return nil, 0, err
	}
	if kind == storage.Blob && size >= storage.LargeObject {
		err := p.readLarge(ctx, h)
		if !errors.Is(err, storage.ErrDelta) {
			return nil, size, err
		}
	}
	item, err := p.item(ctx, h, 0)
	if err != nil {
		return nil, 0, err
	}
	if item.Type != kind || item.Size != size {
		return nil, 0, fmt.Errorf("%w: it is said to be a %s of %d bytes, and is a %s of %d", storage.ErrCorrupt, kind, size,
			item.Type, item.Size)
	}
	below, err := children(item.Type, item.Data)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
	}
	if item.Type == storage.Commit && (p.isShallow || p.shallow[h]) {
		below = slices.DeleteFunc(below, func(parent storage.Hash) bool {
			_, there := p.find(parent)
			return !there && parent != item.Commit.Tree
		})
	}
	return below, item.Size, nil
}

// readLarge hashes a large object without holding it in memory.
func (p *poolScan) readLarge(ctx context.Context, h storage.Hash) error {
	kind, size, r, err := p.backend.OpenObject(ctx, p.pool, h)
	if err != nil {
		return err
	}
	hasher := packfile.NewHasher(kind, size)
	n, err := io.Copy(hasher, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if sum, ok := hasher.Sum(); !ok || sum != h || n != size {
		return fmt.Errorf("%w: it holds %s", storage.ErrCorrupt, sum)
	}
	return nil
}

// maxDepth bounds how many deltas are applied to arrive at an object, as the reader of objects does.
const maxDepth = 4096

// item returns an object whose content has its hash. Bases are kept for those that are built on them.
func (p *poolScan) item(ctx context.Context, h storage.Hash, depth int) (*object.Item, error) {
	if item := p.objects.Cached(p.pool, h); item != nil {
		return item, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: more than %d deltas", storage.ErrCorrupt, maxDepth)
	}
	o, err := p.backend.Object(ctx, p.pool, h)
	if err != nil {
		return nil, err
	}
	data := o.Data
	if o.Delta != nil {
		base, err := p.item(ctx, o.Delta.Base, depth+1)
		if errors.Is(err, storage.ErrNotFound) || catalog.IsDamage(err) {
			return nil, fmt.Errorf("%w: base %s of a delta: %w", storage.ErrCorrupt, o.Delta.Base, err)
		}
		if err != nil {
			return nil, err
		}
		if data, err = packfile.ApplyDelta(base.Data, o.Delta.Ops, o.Size); err != nil {
			return nil, fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
		}
	}
	if sum, err := git.Sum(o.Type, data); err != nil || sum != h {
		return nil, fmt.Errorf("%w: it holds %s", storage.ErrCorrupt, sum)
	}
	item, err := object.Decode(o.Type, data, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
	}
	p.objects.Remember(p.pool, h, item)
	return item, nil
}
