package gogit

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

var errReadOnly = errors.New("the object is stored, and can't be written")

// An encoded is a stored object as go-git sees it. It shares its content with everyone else.
type encoded struct {
	hash plumbing.Hash
	typ  plumbing.ObjectType
	size int64
	open func() (io.ReadCloser, error)
}

func (o *encoded) Hash() plumbing.Hash             { return o.hash }
func (o *encoded) Type() plumbing.ObjectType       { return o.typ }
func (o *encoded) Size() int64                     { return o.size }
func (o *encoded) Reader() (io.ReadCloser, error)  { return o.open() }
func (o *encoded) Writer() (io.WriteCloser, error) { return nil, errReadOnly }
func (o *encoded) SetType(plumbing.ObjectType)     {}
func (o *encoded) SetSize(int64)                   {}

// reader is a bytes.Reader that can be closed: go-git seeks in readers that can.
type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func newEncoded(h git.Hash, t storage.Type, data []byte) *encoded {
	return &encoded{plumbing.Hash(h), plumbing.ObjectType(t), int64(len(data)), func() (io.ReadCloser, error) {
		return reader{bytes.NewReader(data)}, nil
	}}
}

// A delta is an object as the difference from another one.
type delta struct {
	*encoded
	base plumbing.Hash
	size int64
}

func (d *delta) BaseHash() plumbing.Hash   { return d.base }
func (d *delta) ActualHash() plumbing.Hash { return d.hash }
func (d *delta) ActualSize() int64         { return d.size }

// NewEncodedObject returns an object in memory, to be filled and given to SetEncodedObject.
func (s *Storer) NewEncodedObject() plumbing.EncodedObject { return &plumbing.MemoryObject{} }

// EncodedObject returns an object, or plumbing.ErrObjectNotFound if it is not there or of another type. The content
// of a blob of at least storage.LargeObject bytes is read from storage while it is read. The object can't be changed.
func (s *Storer) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (found plumbing.EncodedObject, err error) {
	err = s.call("object", h.String(), func() error {
		found, err = s.find(t, git.Hash(h))
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (s *Storer) find(t plumbing.ObjectType, h git.Hash) (plumbing.EncodedObject, error) {
	if o, ok := s.quarantine.get(h); ok {
		if !matches(t, o.Type) {
			return nil, plumbing.ErrObjectNotFound
		}
		return newEncoded(h, o.Type, o.Data), s.readable()
	}
	var o plumbing.EncodedObject
	err := s.look(access.Read, func(g *scope) (err error) {
		o, err = g.open(t, h)
		return err
	})
	return o, err
}

func matches(want plumbing.ObjectType, t storage.Type) bool {
	return want == plumbing.AnyObject || want == plumbing.ObjectType(t)
}

// open returns a stored object, or plumbing.ErrObjectNotFound.
func (g *scope) open(t plumbing.ObjectType, h git.Hash) (plumbing.EncodedObject, error) {
	typ, size, err := g.stat(h)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !matches(t, typ) {
		return nil, plumbing.ErrObjectNotFound
	}
	if err != nil {
		return nil, err
	}
	if typ == storage.Blob && size >= storage.LargeObject && g.Objects.Cached(g.in.Pool, h) == nil {
		return g.openLarge(h, size), nil
	}
	item, err := g.Objects.Item(g.ctx, g.in.Pool, h)
	if err != nil {
		return nil, err
	}
	return newEncoded(h, item.Type, item.Data), g.handedOut(h, item)
}

func (g *scope) openLarge(h git.Hash, size int64) plumbing.EncodedObject {
	s, pool := g.Storer, g.in.Pool // the sight ends before the object is read
	return &encoded{plumbing.Hash(h), plumbing.BlobObject, size, func() (r io.ReadCloser, err error) {
		err = s.call("read", h.String(), func() error {
			if err := s.readable(); err != nil {
				return err
			}
			_, r, err = s.Objects.Open(s.ctx, pool, h)
			return err
		})
		if err != nil {
			return nil, err
		}
		return &askingReader{r, s, h}, nil
	}}
}

// An askingReader reads the content of a large blob as long as the repository may be read.
type askingReader struct {
	io.ReadCloser
	s *Storer
	h git.Hash
}

func (r *askingReader) Read(p []byte) (n int, err error) {
	var end error
	err = r.s.call("read", r.h.String(), func() error {
		if err := r.s.readable(); err != nil {
			return err
		}
		if n, end = r.ReadCloser.Read(p); end == io.EOF {
			return nil
		}
		return end
	})
	if err == nil {
		err = end
	}
	return n, err
}

// DeltaObject returns an object as it is stored: as a plumbing.DeltaObject if that is a difference from another one
// that is known to be the repository's, else as EncodedObject does.
func (s *Storer) DeltaObject(t plumbing.ObjectType, h plumbing.Hash) (found plumbing.EncodedObject, err error) {
	err = s.call("delta object", h.String(), func() error {
		found, err = s.findDelta(t, git.Hash(h))
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (s *Storer) findDelta(t plumbing.ObjectType, h git.Hash) (plumbing.EncodedObject, error) {
	if _, ok := s.quarantine.get(h); ok {
		return s.find(t, h)
	}
	var found plumbing.EncodedObject
	err := s.look(access.Read, func(g *scope) (err error) {
		if found, err = g.delta(t, h); found == nil && err == nil {
			found, err = g.open(t, h)
		}
		return err
	})
	return found, err
}

// delta returns an object as a delta, or nil.
func (g *scope) delta(t plumbing.ObjectType, h git.Hash) (plumbing.EncodedObject, error) {
	typ, size, err := g.stat(h)
	if err != nil || !matches(t, typ) || size >= storage.LargeObject {
		return nil, nil // open tells why
	}
	o, err := g.Backend.Object(g.ctx, g.in.Pool, h)
	if err != nil || o.Delta == nil {
		return nil, nil
	}
	if typ == storage.Tree { // its content is judged where it is decoded
		if _, err := g.Objects.Item(g.ctx, g.in.Pool, h); err != nil {
			return nil, err
		}
	}
	if known, err := g.knows(o.Delta.Base); !known || err != nil {
		return nil, err
	}
	ops := newEncoded(h, o.Type, o.Delta.Ops)
	ops.typ = plumbing.OFSDeltaObject
	return &delta{ops, plumbing.Hash(o.Delta.Base), o.Size}, nil
}

// HasEncodedObject returns nil if the object is there, and plumbing.ErrObjectNotFound if not.
func (s *Storer) HasEncodedObject(h plumbing.Hash) error {
	_, err := s.EncodedObjectSize(h)
	return err
}

// EncodedObjectSize returns the size of an object's content, without reading it.
func (s *Storer) EncodedObjectSize(h plumbing.Hash) (size int64, err error) {
	err = s.call("object size", h.String(), func() error {
		if o, ok := s.quarantine.get(git.Hash(h)); ok {
			size = o.Size
			return s.readable()
		}
		return s.look(access.Read, func(g *scope) (err error) {
			_, size, err = g.stat(git.Hash(h))
			if errors.Is(err, storage.ErrNotFound) {
				return plumbing.ErrObjectNotFound
			}
			return err
		})
	})
	return size, err
}

// HashesWithPrefix returns the hashes of all objects that begin with the bytes of prefix, in ascending order.
func (s *Storer) HashesWithPrefix(prefix []byte) (hashes []plumbing.Hash, err error) {
	err = s.call("hashes with prefix", hex.EncodeToString(prefix), func() error {
		if len(prefix) > len(git.Hash{}) {
			return nil
		}
		held := s.quarantine.hashes()
		err := s.look(access.Read, func(g *scope) error {
			for h, err := range s.Objects.Matching(s.ctx, g.in.Pool, hex.EncodeToString(prefix)) {
				if err == nil {
					err = g.has(h)
				}
				switch {
				case err == nil:
					held = append(held, h)
				case !errors.Is(err, storage.ErrNotFound):
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(held, func(a, b git.Hash) int { return bytes.Compare(a[:], b[:]) })
		for _, h := range slices.Compact(held) {
			if bytes.HasPrefix(h[:], prefix) {
				hashes = append(hashes, plumbing.Hash(h))
			}
		}
		return nil
	})
	return hashes, err
}

var errAlternate = errors.New("objects of another repository can't be borrowed")

// AddAlternate returns an error: what a repository shows comes from itself alone.
func (s *Storer) AddAlternate(remote string) error {
	return s.call("alternate", remote, func() error { return errAlternate })
}

// SetEncodedObject checks an object, and stores it. It returns plumbing.ErrInvalidType for what is none of the four
// types, and an error for content that git-fsck holds for an error. That a tree calls a blob .gitmodules whose content
// may not be one is found out when both have come: now, or when they are to be stored.
//
// Small objects are held back in memory, where this Storer sees them, until a ref or the index changes, Close is
// called, or there are many of them; an object that names others is not stored before these are. So an object in
// storage is always whole, with all that it leads to.
func (s *Storer) SetEncodedObject(o plumbing.EncodedObject) (h plumbing.Hash, err error) {
	err = s.call("set object", "", func() error {
		made, err := s.set(o)
		h = plumbing.Hash(made)
		return err
	})
	return h, err
}

func (s *Storer) set(o plumbing.EncodedObject) (git.Hash, error) {
	pool, err := s.writable()
	if err != nil {
		return git.Hash{}, err
	}
	if o.Type() == plumbing.BlobObject && o.Size() >= storage.LargeObject {
		return s.setLarge(pool, o)
	}
	made, err := s.read(o)
	if err != nil {
		return git.Hash{}, err
	}
	return made.Hash, s.hold(made)
}

// read makes an object of what go-git made.
func (s *Storer) read(o plumbing.EncodedObject) (*quarantined, error) {
	t := storage.Type(o.Type())
	if o.Type() < plumbing.CommitObject || o.Type() > plumbing.TagObject {
		return nil, plumbing.ErrInvalidType
	}
	if size := o.Size(); size < 0 || size > s.limit(t) {
		return nil, fmt.Errorf("%s of %d bytes: %w", t, size, storage.ErrTooLarge)
	}
	r, err := o.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, o.Size()+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) != o.Size() {
		return nil, malformed("%s has not the %d bytes that it says", t, o.Size())
	}
	item, err := fsck.Check(t, data)
	if err != nil {
		return nil, err
	}
	h, err := git.Sum(t, data)
	if err != nil {
		return nil, err
	}
	return &quarantined{Object: storage.Object{Hash: h, Type: t, Size: o.Size(), Data: data}, item: item}, nil
}

const (
	maxTree  = 64 << 20 // bytes
	maxOther = 16 << 20 // bytes of a commit or tag
)

func (s *Storer) limit(t storage.Type) int64 {
	switch t {
	case storage.Blob:
		return s.Limits.Blob
	case storage.Tree:
		return maxTree
	}
	return maxOther
}

// setLarge copies a blob to storage in pieces.
func (s *Storer) setLarge(pool storage.ID, o plumbing.EncodedObject) (git.Hash, error) {
	size := o.Size()
	if size > s.Limits.Blob {
		return git.Hash{}, fmt.Errorf("blob of %d bytes: %w", size, storage.ErrTooLarge)
	}
	if err := s.checkQuota(size, 0); err != nil {
		return git.Hash{}, err
	}
	r, err := o.Reader()
	if err != nil {
		return git.Hash{}, err
	}
	stage, err := s.Backend.Stage(s.ctx, pool)
	if err != nil {
		return git.Hash{}, errors.Join(err, r.Close())
	}
	h, isNew, err := s.copyLarge(stage, pool, r, size)
	if err := errors.Join(err, r.Close()); err != nil {
		return git.Hash{}, errors.Join(err, stage.Discard())
	}
	if err := stage.Close(s.ctx); err != nil {
		return git.Hash{}, err
	}
	added, again := size, int64(0)
	if !isNew {
		added, again = again, added
	}
	if err := s.charge(added, again); err != nil {
		return git.Hash{}, err
	}
	s.session.wrote(h)
	return h, nil
}

const copyBuffer = 128 << 10

// copyLarge puts a blob of the given size into a stage, unless the pool has it, and reports whether it was new.
func (s *Storer) copyLarge(stage storage.Stage, pool storage.ID, r io.Reader, size int64) (git.Hash, bool, error) {
	w, err := stage.Create(s.ctx)
	if err != nil {
		return git.Hash{}, false, err
	}
	hasher := git.NewHasher(storage.Blob, size)
	in := io.LimitReader(contextReader{s.ctx, r}, size+1)
	n, err := io.CopyBuffer(io.MultiWriter(hasher, w), in, make([]byte, copyBuffer))
	if err == nil && n != size {
		err = malformed("blob has not the %d bytes that it says", size)
	}
	var h git.Hash
	if err == nil {
		h, err = hasher.Sum()
	}
	if err != nil {
		return h, false, errors.Join(err, w.Discard())
	}
	if _, _, err := s.stored(pool, h); !errors.Is(err, storage.ErrNotFound) {
		return h, false, errors.Join(err, w.Discard())
	}
	return h, true, w.Commit(s.ctx, h, storage.Blob)
}

// contextReader stops when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", git.ErrMalformed, fmt.Sprintf(format, args...))
}
