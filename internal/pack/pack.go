// Package pack reads packs that come from outside (gitformat-pack). Nothing that a pack says is believed: sizes are
// held against limits before anything is inflated, every object is hashed, and memory stays bounded whatever the
// pack holds.
package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// ErrMalformed is wrapped by every error about bytes that are no pack, or one that does not hold together.
var ErrMalformed = fmt.Errorf("pack: %w", git.ErrMalformed)

// ErrTooLarge says that a pack, or an object in it, is over a limit.
var ErrTooLarge = fmt.Errorf("pack: over the limit: %w", storage.ErrTooLarge)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTooLarge, fmt.Sprintf(format, args...))
}

// Bounds of what is held in memory, and of what takes part in deltas at all.
const (
	maxTree  = 64 << 20 // bytes of a tree
	maxOther = 16 << 20 // bytes of a commit or tag
	// bytes of what a delta is based on, and makes; git makes none of larger files (core.bigFileThreshold)
	maxDelta = 512 << 20
	maxChain = packfile.MaxChain // deltas from an object to one that is whole (git's pack.depth at its most)

	smallTotal = 64 << 20 // bytes of what deltas make that are never too many for the size of a pack
	inflation  = 1000     // bytes that deltas may make of each byte of a pack beyond that; zlib alone comes close
)

// A budget bounds memory, in bytes.
type budget struct {
	kept     int64 // inflated entries that are kept for the next time
	resident int64 // bases that are held while the deltas on them are resolved
}

var usual = budget{kept: 32 << 20, resident: 64 << 20}

// Options say what a pack may hold.
type Options struct {
	Blob    int64 // bytes of one blob
	Total   int64 // bytes of all objects; what deltas make also has to fit the size of the pack
	Objects int   // how many there may be
	Own     bool  // the store made it: what deltas make is not held against its size

	// Base returns an object that a thin pack leaves out, or storage.ErrNotFound.
	Base func(context.Context, git.Hash) (storage.Type, []byte, error)

	// Check is called once for each object before Read returns, by several goroutines at once: for every delta after it
	// returned for its base, else in no order. Of a large blob, it sees no Data.
	Check func(*Object) error
}

// An Object is one object of a pack. It is valid during the call that it is passed to; its Data and Delta stay valid.
type Object struct {
	storage.Object
	open func() (io.ReadCloser, error)
}

// Open returns a reader of the content. Of a blob of at least storage.LargeObject bytes, Data may be nil.
func (o *Object) Open() (io.ReadCloser, error) {
	if o.Data != nil {
		return io.NopCloser(bytes.NewReader(o.Data)), nil
	}
	return o.open()
}

// A Pack is a pack whose every object was inflated, resolved, hashed and checked. It is for one goroutine.
type Pack struct {
	src     io.ReaderAt
	end     int64 // where the trailer begins
	opts    Options
	budget  budget
	entries []entry
	outside []outside
	random  inflater
	kept    int64
	most    int64 // bytes that deltas may make
	checked bool
	sorted  []storage.PackEntry // what Entries returns, once it was asked
	order   []int32             // places of these in entries

	mu      sync.Mutex           // of what follows
	waiting map[git.Hash][]int32 // deltas whose base was not met yet
	total   int64                // bytes of all objects so far
	made    int64                // bytes of those that are deltas
	redone  int64                // bytes of bases that were made again

	large sync.Mutex // held by the one walk that may hold large objects
}

// An entry is one object as it stands in the pack. Entries that are deltas of it are linked by child and sibling.
type entry struct {
	offset, body   int64 // of its header, and of the zlib stream
	size           int64 // of what the stream holds
	made           int64 // of the object
	crc            uint32
	hash           git.Hash
	kind           packfile.Kind
	typ            storage.Type
	child, sibling int32 // indexes, or none
	data           []byte
}

const (
	none = -1
)

func (e *entry) isDelta() bool { return e.kind.IsDelta() }

// An outside is an object that is not in the pack, with the deltas based on it.
type outside struct {
	hash  git.Hash
	typ   storage.Type
	child int32
}

// Read reads the pack of the given size. It returns errors that wrap ErrMalformed, ErrTooLarge, git.ErrCollision, or
// those of the functions in opts. The pack must be complete: each delta's base is in it, or comes from opts.Base.
func Read(ctx context.Context, src io.ReaderAt, size int64, opts Options) (*Pack, error) {
	return read(ctx, src, size, opts, usual)
}

func read(ctx context.Context, src io.ReaderAt, size int64, opts Options, b budget) (*Pack, error) {
	p := &Pack{
		src: &lockedReader{src: src}, end: size - trailerSize, opts: opts, budget: b, waiting: map[git.Hash][]int32{},
		most: max(smallTotal, size*inflation),
	}
	if err := p.scan(ctx); err != nil {
		return nil, err
	}
	return p, p.finish(ctx)
}

// finish resolves the deltas.
func (p *Pack) finish(ctx context.Context) error {
	if err := p.resolve(ctx); err != nil {
		return err
	}
	p.checked = true
	return nil
}

// Len returns how many objects the pack has.
func (p *Pack) Len() int { return len(p.entries) }

// Each calls visit with each object: blobs first, then trees, commits and tags, and every delta after its base.
func (p *Pack) Each(ctx context.Context, visit func(*Object) error) error {
	for _, t := range [...]storage.Type{storage.Blob, storage.Tree, storage.Commit, storage.Tag} {
		if err := p.each(ctx, t, visit); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pack) each(ctx context.Context, t storage.Type, visit func(*Object) error) error {
	for i := range p.entries {
		e := &p.entries[i]
		if e.isDelta() || e.typ != t {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := p.visitWhole(e, visit)
		if err != nil {
			return err
		}
		if e.child != none {
			if err := p.walker(visit).walk(ctx, root{entry: int32(i), typ: t, child: e.child}, data); err != nil {
				return err
			}
		}
	}
	for i := range p.outside {
		if o := &p.outside[i]; o.typ == t {
			if err := p.walkOutside(ctx, o, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// visitWhole visits an object that is no delta, and returns its content if it was read.
func (p *Pack) visitWhole(e *entry, visit func(*Object) error) ([]byte, error) {
	o := &Object{Object: storage.Object{Hash: e.hash, Type: e.typ, Size: e.size}}
	if e.isLarge() && e.child == none {
		o.open = func() (io.ReadCloser, error) { return p.open(e) }
		return nil, visit(o)
	}
	var err error
	if o.Data, err = p.content(&p.random, e); err != nil {
		return nil, err
	}
	return o.Data, visit(o)
}

func (e *entry) isLarge() bool { return e.typ == storage.Blob && e.size >= storage.LargeObject }

// limit returns how many bytes an object of the type may have.
func (p *Pack) limit(t storage.Type) int64 {
	switch t {
	case storage.Blob:
		return p.opts.Blob
	case storage.Tree:
		return maxTree
	}
	return maxOther
}

// grow counts an object's bytes, before they are made.
func (p *Pack) grow(size int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.growBy(size)
}

func (p *Pack) growBy(size int64) error {
	if p.total += size; p.total > p.opts.Total {
		return tooLarge("its objects have more than %d bytes", p.opts.Total)
	}
	return nil
}

// growByDelta is grow of what a delta makes: where an object that is whole has no more bytes than zlib can pack into
// so few, a delta of a few bytes makes any number.
func (p *Pack) growByDelta(size int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made += size; p.made > p.most && !p.opts.Own {
		return tooLarge("deltas in its %d bytes make more than %d", p.end+trailerSize, p.most)
	}
	return p.growBy(size)
}

// redo counts bytes that are made again. Chains could be laid out so that this happens at every step.
func (p *Pack) redo(size int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.redone += size; p.redone > min(p.opts.Total, p.most) && !p.opts.Own {
		return tooLarge("its deltas take too much work")
	}
	return nil
}

// at returns the index of the entry that begins at an offset.
func (p *Pack) at(offset int64) (int32, bool) {
	i := sort.Search(len(p.entries), func(i int) bool { return p.entries[i].offset >= offset })
	return int32(i), i < len(p.entries) && p.entries[i].offset == offset
}

// keep remembers what an entry inflates to, while there is room.
func (p *Pack) keep(e *entry, data []byte) {
	if p.kept+int64(len(data)) <= p.budget.kept {
		p.kept += int64(len(data))
		e.data = data
	}
}

// adopt makes the deltas that wait for a base its children.
func (p *Pack) adopt(h git.Hash, child int32) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.waiting[h] {
		p.entries[i].sibling = child
		child = i
	}
	delete(p.waiting, h)
	return child
}

// missing names one base that is nowhere.
func (p *Pack) missing() error {
	var first git.Hash
	for h := range p.waiting {
		if s := h.String(); first.IsZero() || s < first.String() {
			first = h
		}
	}
	return malformed("base %s of a delta is missing", first)
}

// outsiders reads the bases that are not in the pack, and resolves what is based on them.
func (p *Pack) outsiders(ctx context.Context) error {
	for len(p.waiting) > 0 {
		before := len(p.waiting)
		for h := range p.waiting {
			t, data, err := p.opts.Base(ctx, h)
			if errors.Is(err, storage.ErrNotFound) {
				continue // it may be one that another delta makes
			}
			if err != nil {
				return err
			}
			p.most += int64(len(data)) // a small change of a large file makes a tiny pack
			p.outside = append(p.outside, outside{hash: h, typ: t, child: p.adopt(h, none)})
			o := p.outside[len(p.outside)-1]
			of := root{entry: none, outside: h, typ: t, child: o.child}
			if err := p.walker(p.opts.Check).walk(ctx, of, data); err != nil {
				return err
			}
		}
		if len(p.waiting) == before {
			return p.missing()
		}
	}
	return nil
}

func (p *Pack) walkOutside(ctx context.Context, o *outside, visit func(*Object) error) error {
	_, data, err := p.opts.Base(ctx, o.hash)
	if err != nil {
		return err
	}
	return p.walker(visit).walk(ctx, root{entry: none, outside: o.hash, typ: o.typ, child: o.child}, data)
}
