package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/storage"
)

// Limits bound what enters, in bytes.
type Limits struct {
	Blob  int64 // one blob
	Pack  int64 // a pack as it arrives
	Total int64 // all objects
	Repo  int64 // what the repository may hold; 0: any
}

const maxObjects = 10_000_000

// ErrQuota says that more enters than the repository may hold.
var ErrQuota = fault.New(fault.TooLarge, "the repository would be full")

// ErrMissing says that what enters is not whole.
var ErrMissing = fault.New(fault.Invalid, "an object is missing")

// An Intake checks the objects of a pool that has none yet, and stores them as they come. Nothing of them is of use
// unless Complete returns nil.
type Intake struct {
	Backend storage.Backend
	Pool    storage.ID
	Limits  Limits
	Tell    *progress.Reporter
	// Lenient has Complete look at nothing but what Whole is asked for: a repository's own objects may lack what they
	// name, and be malformed, as long as no ref leads to them.
	Lenient bool

	Bytes int64 // of all objects, before compression

	mu      sync.Mutex
	keeping bool // the pack that is read is stored as a whole in the end
	stage   storage.Stage
	set     pack.Set
	seen    []state // by place in set
	missing int     // objects that are named and were not seen
	files   map[git.Hash]gitfile.Kind
	refused map[git.Hash]error // some that are malformed; lenient alone
	bad     int                // how many there are
}

// A state is what is known of an object: its type, once it was seen, and which type others take it for.
type state uint8

func (s state) typ() storage.Type   { return storage.Type(s & 7) }
func (s state) taken() storage.Type { return storage.Type(s >> 3) }

const maxRefused = 1000

// minKept is the size in bytes from which a pack is stored as it came. What a smaller one has is stored object by
// object, as what is committed is.
const minKept = 64 << 10

// keepPack stores a pack as it came, of which there are these entries, or reports false if that can't be.
type keepPack func(ctx context.Context, entries []storage.PackEntry) (bool, error)

// Pack takes the objects of a pack that is whole in itself.
func (in *Intake) Pack(ctx context.Context, src io.ReaderAt, size int64) error {
	return in.pack(ctx, src, size, func(ctx context.Context, entries []storage.PackEntry) (kept bool, err error) {
		b, ok := storage.PackerOf(in.Backend)
		if !ok {
			return false, nil
		}
		w, err := b.Pack(ctx, in.Pool)
		if err != nil {
			return false, err
		}
		section := contextReader{ctx: ctx, r: io.NewSectionReader(src, 0, size)}
		n, err := io.CopyBuffer(struct{ io.Writer }{w}, &section, make([]byte, 128<<10))
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			err = w.Commit(ctx, entries)
		}
		return err == nil, errors.Join(err, w.Discard())
	})
}

// pack reads a pack. It is kept, if it can be, or else its objects are put one by one.
func (in *Intake) pack(ctx context.Context, src io.ReaderAt, size int64, keep keepPack) error {
	refused := in.bad
	in.keeping = size >= minKept
	whole := in.keeping
	p, err := in.read(ctx, src, size)
	in.keeping = false
	if err != nil || !whole {
		return err
	}
	if entries, ok := p.Entries(); ok && in.bad == refused {
		if kept, err := keep(ctx, entries); kept || err != nil {
			return err
		}
	}
	return p.Each(ctx, func(o *pack.Object) error {
		if in.Type(o.Hash) == 0 {
			return nil // it was refused
		}
		in.shorten(&o.Object)
		return in.put(ctx, o.Object, o.Open)
	})
}

func (in *Intake) read(ctx context.Context, src io.ReaderAt, size int64) (*pack.Pack, error) {
	return pack.Read(ctx, src, size, pack.Options{
		Blob: in.Limits.Blob, Total: in.Limits.Total, Objects: maxObjects,
		Base:  func(context.Context, git.Hash) (storage.Type, []byte, error) { return 0, nil, storage.ErrNotFound },
		Check: func(o *pack.Object) error { return in.take(ctx, o.Object, o.Open) },
	})
}

// Len returns how many objects were taken.
func (in *Intake) Len() int { return in.set.Len() - in.missing }

// Type returns the type of an object that was taken, or 0.
func (in *Intake) Type(h git.Hash) storage.Type {
	if place, ok := in.set.Find(h); ok {
		return in.seen[place].typ()
	}
	return 0
}

// take takes an object. If it has no Data, it is read from what open returns.
func (in *Intake) take(ctx context.Context, o storage.Object, open func() (io.ReadCloser, error)) error {
	var item *object.Item
	var malformed error
	if o.Type != storage.Blob { // outside of the lock, for it takes time
		if item, malformed = fsck.Check(o.Type, o.Data); malformed != nil {
			malformed = fmt.Errorf("object %s: %w", o.Hash, malformed)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	place := in.add(o.Hash)
	if in.seen[place].typ() != 0 {
		return nil
	}
	err := malformed
	if err == nil {
		err = in.judge(&o, item)
	}
	if err != nil && in.Lenient && !errors.Is(err, storage.ErrTooLarge) {
		if in.bad++; len(in.refused) < maxRefused {
			if in.refused == nil {
				in.refused = map[git.Hash]error{}
			}
			in.refused[o.Hash] = err
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := in.count(place, o.Type, o.Size); err != nil || in.keeping {
		return err
	}
	return in.put(ctx, o, open)
}

// count notes an object that is taken.
func (in *Intake) count(place int, t storage.Type, size int64) error {
	if in.Bytes += size; in.Limits.Repo > 0 && in.Bytes > in.Limits.Repo {
		return ErrQuota
	}
	if in.Bytes > in.Limits.Total {
		return fmt.Errorf("objects have more than %d bytes: %w", in.Limits.Total, storage.ErrTooLarge)
	}
	in.seen[place] |= state(t)
	in.missing--
	in.Tell.Set(int64(in.Len()), in.Bytes)
	return nil
}

// note notes a blob that is in the stage, and reports whether it was not taken before.
func (in *Intake) note(h git.Hash, size int64) (bool, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	place := in.add(h)
	if in.seen[place].typ() != 0 {
		return false, nil
	}
	return true, in.count(place, storage.Blob, size)
}

// add returns the place of an object, which is missing if nothing was known of it.
func (in *Intake) add(h git.Hash) int {
	place, fresh := in.set.Add(h)
	if fresh {
		in.seen = append(in.seen, 0)
		in.missing++
	}
	return place
}

// judge checks an object, and notes what it names.
func (in *Intake) judge(o *storage.Object, item *object.Item) error {
	place, _ := in.set.Find(o.Hash)
	if taken := in.seen[place].taken(); taken != 0 && taken != o.Type && !in.Lenient {
		return mismatch(o.Hash, o.Type, taken)
	}
	in.shorten(o)
	if o.Type == storage.Blob {
		return nil
	}
	if o.Type == storage.Tree {
		for _, f := range fsck.Files(item.Tree) {
			if in.files == nil {
				in.files = map[git.Hash]gitfile.Kind{}
			}
			in.files[f.Hash] |= f.Kind
		}
	}
	return fsck.Links(o.Type, item, o.Data, func(l fsck.Link) error {
		s := &in.seen[in.add(l.Hash)]
		for _, other := range [...]storage.Type{s.typ(), s.taken()} {
			if other != 0 && other != l.Type && !in.Lenient {
				return mismatch(l.Hash, l.Type, other)
			}
		}
		*s |= state(l.Type) << 3
		return nil
	})
}

// shorten has an object be stored as a whole whose base was refused, or is too far.
func (in *Intake) shorten(o *storage.Object) {
	if d := o.Delta; d != nil && (d.Depth > maxStoredDeltas || in.Lenient && in.Type(d.Base) == 0) {
		o.Delta = nil
	}
}

// maxStoredDeltas is how many deltas a reader of an object applies (git's pack.depth).
const maxStoredDeltas = 50

func mismatch(h git.Hash, a, b storage.Type) error {
	return fmt.Errorf("%w: object %s is a %s, or taken for one, and for a %s", git.ErrMalformed, h, a, b)
}

// put stores an object.
func (in *Intake) put(ctx context.Context, o storage.Object, open func() (io.ReadCloser, error)) error {
	if err := in.begin(ctx); err != nil {
		return err
	}
	if o.Data != nil && (o.Size < storage.LargeObject || o.Type != storage.Blob) {
		return in.stage.Put(ctx, o)
	}
	r, err := open()
	if err != nil {
		return err
	}
	return errors.Join(in.putLarge(ctx, o, r), r.Close())
}

// begin makes the stage.
func (in *Intake) begin(ctx context.Context) (err error) {
	if in.stage == nil {
		in.stage, err = in.Backend.Stage(ctx, in.Pool)
	}
	return err
}

func (in *Intake) putLarge(ctx context.Context, o storage.Object, r io.Reader) error {
	w, err := in.stage.Create(ctx)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, &contextReader{ctx: ctx, r: r}, make([]byte, 128<<10))
	if err == nil && n != o.Size {
		err = fmt.Errorf("%w: object %s has not the %d bytes that it says", git.ErrMalformed, o.Hash, o.Size)
	}
	if err != nil {
		return errors.Join(err, w.Discard())
	}
	return w.Commit(ctx, o.Hash, o.Type)
}

// Stream takes the objects of a pack that is read once, whole in itself, and ends with r.
func (in *Intake) Stream(ctx context.Context, r io.Reader) error {
	return in.spooled(ctx, r, func(spool *pack.Spool) error {
		in.Tell.Begin(stageRead, 0)
		return in.pack(ctx, spool, spool.Size(), spool.Keep)
	})
}

// spooled keeps what a reader returns, in memory or in the store, as long as use reads it.
func (in *Intake) spooled(ctx context.Context, r io.Reader, use func(*pack.Spool) error) error {
	var stage storage.Stage // of what does not fit into memory; never closed
	spool := pack.NewSpool(in.Limits.Pack, pack.StoreIn(ctx, in.Backend, in.Pool, func(s storage.Stage) { stage = s }))
	err := Copy(ctx, spool, r, in.Tell)
	if err == nil {
		err = use(spool)
	}
	err = errors.Join(err, spool.Discard())
	if stage != nil {
		err = errors.Join(err, stage.Discard())
	}
	return err
}

// Copy writes to w what comes from outside.
func Copy(ctx context.Context, w io.Writer, r io.Reader, tell *progress.Reporter) error {
	tell.Begin(stageReceive, 0)
	var size int64
	received := writerFunc(func(b []byte) (int, error) {
		n, err := w.Write(b)
		size += int64(n)
		tell.Set(0, size)
		return n, err
	})
	_, err := io.CopyBuffer(received, &contextReader{ctx: ctx, r: r}, make([]byte, 128<<10))
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Close has what was taken be stored, or, after an error, be dropped as far as that is cheap.
func (in *Intake) Close(ctx context.Context, err error) error {
	if in.stage == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, in.stage.Discard())
	}
	return in.stage.Close(ctx)
}

// Complete returns an error unless what was taken is whole: all that tips lead to is there, of the type that others
// take it for, and what git reads for itself is sound. It comes after Close.
func (in *Intake) Complete(ctx context.Context, src *Objects, tips []git.Hash) error {
	for _, h := range tips {
		if in.Type(h) == 0 {
			return in.Lacks(h)
		}
	}
	if in.missing > 0 && !in.Lenient {
		return in.Lacks(in.first())
	}
	if in.Lenient && (in.missing > 0 || in.bad > 0) {
		if err := in.walk(ctx, src, tips); err != nil {
			return err
		}
	}
	for h, kind := range in.files {
		if in.Type(h) != storage.Blob {
			continue // nothing leads to the tree that names it
		}
		_, size, r, err := src.open(ctx, h)
		if err != nil {
			return err
		}
		if err := (fsck.File{Hash: h, Kind: kind}).Check(size, r); err != nil {
			return err
		}
	}
	return nil
}

// first returns one object that is missing.
func (in *Intake) first() git.Hash {
	for place, s := range in.seen {
		if s.typ() == 0 {
			return in.set.At(place)
		}
	}
	return git.Hash{}
}

// Lacks returns why an object is not there.
func (in *Intake) Lacks(h git.Hash) error {
	if err := in.refused[h]; err != nil {
		return err
	}
	return fmt.Errorf("object %s: %w", h, ErrMissing)
}

// walk goes from the tips to all that they lead to.
func (in *Intake) walk(ctx context.Context, src *Objects, tips []git.Hash) error {
	var lacking git.Hash
	w := &Wish{Tips: tips, Has: func(h git.Hash, t storage.Type) bool {
		if in.Type(h) == t {
			return true
		}
		if lacking.IsZero() {
			lacking = h
		}
		return false
	}}
	_, err := Select(ctx, src, w, nil)
	if !lacking.IsZero() {
		return in.Lacks(lacking)
	}
	return err
}

// contextReader reads until the context ends.
type contextReader struct {
	ctx  context.Context
	r    io.Reader
	idle int // reads in a row that brought nothing
}

const maxIdle = 100 // as in package bufio

var errRead = errors.New("reader returned an impossible count")

func (r *contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	if n < 0 || n > len(b) {
		return 0, errRead
	}
	if r.idle++; n > 0 || err != nil {
		r.idle = 0
	}
	if r.idle > maxIdle {
		return n, io.ErrNoProgress
	}
	return n, err
}
