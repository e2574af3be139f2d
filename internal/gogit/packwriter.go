package gogit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/storage"
)

const (
	maxPackObjects  = 10_000_000
	maxStoredDeltas = 50 // that a reader of an object applies (git's pack.depth)
)

// PackfileWriter returns a writer of one pack. Nothing of it is there before Close has returned nil. Close refuses a
// pack that is damaged, over the limits, or not whole: what its objects name must be in it, or stored. It refuses
// content that SetEncodedObject refuses. Its deltas may be based on stored objects. A pack of no bytes is no error.
func (s *Storer) PackfileWriter() (io.WriteCloser, error) {
	var pool storage.ID
	err := s.call("pack", "", func() (err error) {
		pool, err = s.writable()
		return err
	})
	if err != nil {
		return nil, err
	}
	w := &packWriter{s: s, pool: pool}
	w.spool = pack.NewSpool(s.Limits.Pack, w.spoolStore())
	return w, nil
}

// spoolStore is where the bytes of the pack are that do not fit into memory.
func (w *packWriter) spoolStore() pack.Store {
	return pack.StoreIn(w.s.ctx, w.s.Backend.Backend, w.pool, func(stage storage.Stage) { w.spare = stage })
}

type packWriter struct {
	s     *Storer
	pool  storage.ID
	spool *pack.Spool
	spare storage.Stage // of what the spool puts into storage; never closed
	err   error         // the first of Write
	done  bool
}

var errPackClosed = errors.New("the pack was closed")

// Write takes the next bytes of the pack.
func (w *packWriter) Write(b []byte) (n int, err error) {
	err = w.s.call("pack", "", func() error {
		if w.done {
			return errPackClosed
		}
		if w.err == nil {
			_, w.err = w.s.writable()
		}
		if w.err == nil {
			n, w.err = w.spool.Write(b)
		}
		return w.err
	})
	return n, err
}

// Close checks the pack, and stores what it holds.
func (w *packWriter) Close() error {
	return w.s.call("pack", "", func() error {
		if w.done {
			return nil
		}
		w.done = true
		err := w.err
		if err == nil && w.spool.Size() > 0 {
			err = w.store()
		}
		return errors.Join(err, w.discard())
	})
}

func (w *packWriter) discard() error {
	err := w.spool.Discard()
	if w.spare != nil {
		err = errors.Join(err, w.spare.Discard())
	}
	return err
}

func (w *packWriter) store() error {
	s := w.s
	if err := s.flush(w.pool); err != nil {
		return err
	}
	c := contents{s: s, pool: w.pool, types: map[git.Hash]storage.Type{}, wanted: map[git.Hash]wanted{},
		files: map[git.Hash]gitfile.Kind{}}
	p, err := pack.Read(s.ctx, w.spool, w.spool.Size(), pack.Options{
		Blob: s.Limits.Blob, Total: s.Limits.Total, Objects: maxPackObjects, Base: c.base, Check: c.check,
	})
	if err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if err := c.checkStoredFiles(); err != nil {
		return err
	}
	if err := s.checkQuota(c.size, c.again); err != nil {
		return err
	}
	return w.put(&c, p)
}

// put stores a checked pack, as it came or object by object, and counts what it holds.
func (w *packWriter) put(c *contents, p *pack.Pack) error {
	s := w.s
	kept, err := w.keep(p, c)
	if err == nil && !kept {
		err = w.putEach(p, c)
	}
	if err != nil {
		return err
	}
	if err := s.charge(c.size, c.again); err != nil {
		return err
	}
	s.session.wrote(slices.Collect(maps.Keys(c.types))...)
	return nil
}

// minKept is the size in bytes from which a pack is stored as it came. A pool is not to have many packs: each is looked
// into.
const minKept = 1 << 20

// keep stores the pack as it came. It reports false if the pack is too small, or can't be kept.
func (w *packWriter) keep(p *pack.Pack, c *contents) (bool, error) {
	if w.spool.Size() < minKept {
		return false, nil
	}
	entries, ok := p.Entries()
	if !ok {
		return false, nil
	}
	for h := range c.files {
		o, found, err := p.Find(w.s.ctx, h)
		if err == nil && found {
			err = c.checkFile(o)
		}
		if err != nil {
			return false, err
		}
	}
	return w.spool.Keep(w.s.ctx, entries)
}

// putEach stores what the pack holds object by object.
func (w *packWriter) putEach(p *pack.Pack, c *contents) error {
	s := w.s
	stage, err := s.Backend.Stage(s.ctx, w.pool)
	if err != nil {
		return err
	}
	in := input{contents: c, stage: stage, skipped: map[git.Hash]bool{}}
	if err := p.Each(s.ctx, in.put); err != nil {
		return errors.Join(err, stage.Discard())
	}
	return stage.Close(s.ctx)
}

// contents are what is known of the objects of a pack while it is read.
type contents struct {
	mu      sync.Mutex // while the pack is read
	s       *Storer
	pool    storage.ID
	types   map[git.Hash]storage.Type
	wanted  map[git.Hash]wanted // what was named and not seen yet
	size    int64               // of the objects that are new
	again   int64               // of those that the pool has
	shallow map[git.Hash]bool
	files   map[git.Hash]gitfile.Kind // blobs whose content depends on the names that trees of the pack give them
}

// wanted is an object that another one names.
type wanted struct {
	typ     storage.Type
	by      git.Hash
	mayLack bool // it is a parent where a shallow history ends
}

// base returns a stored object that a delta of a thin pack is based on.
func (c *contents) base(ctx context.Context, h git.Hash) (storage.Type, []byte, error) {
	var t storage.Type
	var size int64
	err := c.s.look(access.Write, func(g *scope) (err error) {
		t, size, err = g.stat(h)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	if size > c.s.limit(t) {
		return 0, nil, fmt.Errorf("base %s of a delta has %d bytes: %w", h, size, storage.ErrTooLarge)
	}
	item, err := c.s.Objects.Item(ctx, c.pool, h)
	if err != nil {
		return 0, nil, err
	}
	return t, item.Data, nil
}

// check checks one object.
func (c *contents) check(o *pack.Object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.types[o.Hash]; again {
		return nil
	}
	c.types[o.Hash] = o.Type
	if w, ok := c.wanted[o.Hash]; ok {
		if w.typ != o.Type {
			return w.mismatch(o.Hash, o.Type)
		}
		delete(c.wanted, o.Hash)
	}
	_, _, err := c.s.stored(c.pool, o.Hash)
	switch {
	case err == nil:
		c.again += o.Size
	case errors.Is(err, storage.ErrNotFound):
		c.size += o.Size
	default:
		return err
	}
	if o.Type == storage.Blob {
		return nil
	}
	item, err := fsck.Check(o.Type, o.Data)
	if err != nil {
		return fmt.Errorf("object %s: %w", o.Hash, err)
	}
	if o.Type == storage.Tree {
		for _, f := range fsck.Files(item.Tree) {
			c.files[f.Hash] |= f.Kind
		}
	}
	return c.want(o, item)
}

func (w wanted) mismatch(h git.Hash, t storage.Type) error {
	return malformed("object %s is a %s, but %s takes it for a %s", h, t, w.by, w.typ)
}

// want notes what an object names.
func (c *contents) want(o *pack.Object, item *object.Item) error {
	return fsck.Links(o.Type, item, o.Data, func(l fsck.Link) error {
		w := wanted{typ: l.Type, by: o.Hash}
		if t, ok := c.types[l.Hash]; ok {
			if t != l.Type {
				return w.mismatch(l.Hash, t)
			}
			return nil
		}
		before, again := c.wanted[l.Hash]
		if again && before.typ != l.Type {
			return malformed("object %s is taken for a %s and a %s", l.Hash, before.typ, l.Type)
		}
		if l.Type == storage.Commit && o.Type == storage.Commit {
			ends, err := c.endsAt(o.Hash)
			if err != nil {
				return err
			}
			w.mayLack = ends
		}
		w.mayLack = w.mayLack && (!again || before.mayLack)
		c.wanted[l.Hash] = w
		return nil
	})
}

// endsAt reports whether a shallow history ends at a commit.
func (c *contents) endsAt(h git.Hash) (bool, error) {
	if c.shallow == nil {
		var err error
		if c.shallow, err = c.s.shallow(); err != nil {
			return false, err
		}
	}
	return c.shallow[h], nil
}

// complete returns an error unless everything that was named is there.
func (c *contents) complete() error {
	return c.s.look(access.Write, func(g *scope) error {
		for h, w := range c.wanted {
			err := g.checkStored(fsck.Link{Hash: h, Type: w.typ})
			if isMissing(err) && w.mayLack {
				excused, failed := g.excused(h)
				if failed != nil {
					return failed
				}
				if excused {
					continue
				}
			}
			if isMissing(err) {
				return fmt.Errorf("%w: %w, which %s names", pack.ErrMalformed, err, w.by)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// checkStoredFiles checks the files of the pack's trees whose blobs are not in it, but stored.
func (c *contents) checkStoredFiles() error {
	if len(c.files) == 0 {
		return nil
	}
	return c.s.look(access.Write, func(g *scope) error {
		for h, kind := range c.files {
			f := fsck.File{Hash: h, Kind: kind}
			if _, inPack := c.types[h]; inPack || g.session.isSound(f) {
				continue
			}
			if err := g.checkStoredFile(f); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkFile checks a blob of the pack that a tree gives such a name. When it was met first, the tree may not have been.
func (c *contents) checkFile(o *pack.Object) error {
	kind := c.files[o.Hash]
	if kind == 0 {
		return nil
	}
	r, err := o.Open()
	if err != nil {
		return err
	}
	return fsck.File{Hash: o.Hash, Kind: kind}.Check(o.Size, r)
}

// An input puts the objects of a checked pack into a stage.
type input struct {
	*contents
	stage   storage.Stage
	skipped map[git.Hash]bool // that were stored before, by chains of deltas of any length
}

func (in *input) put(o *pack.Object) error {
	if err := in.checkFile(o); err != nil {
		return err
	}
	_, _, err := in.s.stored(in.pool, o.Hash)
	if err == nil {
		in.skipped[o.Hash] = true
		return nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if o.Size < storage.LargeObject || o.Type != storage.Blob {
		in.cutChain(o)
		return in.stage.Put(in.s.ctx, o.Object)
	}
	return in.putLarge(o)
}

// cutChain has an object stored whole if as a delta it would be at the end of a chain that is too long.
func (in *input) cutChain(o *pack.Object) {
	if d := o.Delta; d != nil && (d.Depth > maxStoredDeltas || in.skipped[d.Base]) {
		// Without this one, what is based on it has a shorter chain. It is counted as if not.
		o.Delta = nil
	}
}

func (in *input) putLarge(o *pack.Object) error {
	r, err := o.Open()
	if err != nil {
		return err
	}
	_, _, err = in.s.copyLarge(in.stage, in.pool, r, o.Size)
	return errors.Join(err, r.Close())
}
