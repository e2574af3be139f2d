package gogit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Received is a pack that was pushed and found to be whole, of which nothing is stored yet.
type Received struct {
	contents
	writer *packWriter
	pack   *pack.Pack
	stored bool
}

// ReceivePack reads a pack as it arrives, and checks it as PackfileWriter does. It reads no more of src than the pack
// has, but for what src returns with it. Discard must be called.
func (s *Storer) ReceivePack(src io.Reader) (*Received, error) {
	pool, err := s.writable()
	if err != nil {
		return nil, err
	}
	w := &packWriter{s: s, pool: pool}
	w.spool = pack.NewSpool(s.Limits.Pack, w.spoolStore())
	r := &Received{writer: w, contents: contents{
		s: s, pool: pool, types: map[git.Hash]storage.Type{}, wanted: map[git.Hash]wanted{},
		files: map[git.Hash]gitfile.Kind{},
	}}
	if err := r.read(src); err != nil {
		return nil, errors.Join(err, r.Discard())
	}
	return r, nil
}

func (r *Received) read(src io.Reader) (err error) {
	s := r.s
	r.pack, err = pack.ReadStream(s.ctx, src, r.writer.spool, pack.Options{
		Blob: s.Limits.Blob, Total: s.Limits.Total, Objects: maxPackObjects, Base: r.base, Check: r.check,
	})
	if err != nil {
		return err
	}
	if err := r.complete(); err != nil {
		return err
	}
	if err := r.checkStoredFiles(); err != nil {
		return err
	}
	if len(r.files) > 0 { // before any ref is judged
		if err := r.pack.Each(s.ctx, r.checkFile); err != nil {
			return err
		}
	}
	return s.checkQuota(r.size, r.again)
}

// IsMissing reports whether an error tells that an object is missing which another one names.
func IsMissing(err error) bool { return isMissing(err) }

// Type returns the type of an object that is in the pack or this repository's, or storage.ErrNotFound.
func (r *Received) Type(h git.Hash) (t storage.Type, err error) {
	if t, ok := r.types[h]; ok {
		return t, nil
	}
	err = r.s.look(access.Write, func(g *scope) error {
		t, _, err = g.stat(h)
		return err
	})
	return t, err
}

// What is stored by the transaction that moves the refs, and not ahead of it.
const (
	inlineBytes = 1 << 20
	inlineCount = 512
)

// Push has the pack's objects stored with, or ahead of, the changes of a Push, and runs it. If that is refused, few
// objects leave nothing. They are stored once, however often it is called.
func (r *Received) Push(ctx context.Context, p *txn.Push) error {
	switch {
	case r.stored || r.pack.Len() == 0:
	case len(r.types) <= inlineCount && r.size+r.again <= inlineBytes:
		if err := r.inline(ctx, p); err != nil {
			return err
		}
	default:
		if err := r.ahead(); err != nil {
			return err
		}
	}
	err := r.s.Backend.Push(ctx, r.s.Repo, p)
	p.Objects = nil
	r.stored = r.stored || err == nil
	return err
}

// inline puts the objects into a Push.
func (r *Received) inline(ctx context.Context, p *txn.Push) error {
	in := input{contents: &r.contents, skipped: map[git.Hash]bool{}}
	done := map[git.Hash]bool{}
	return r.pack.Each(ctx, func(o *pack.Object) error {
		if done[o.Hash] {
			return nil
		}
		done[o.Hash] = true
		in.cutChain(o)
		if o.Data == nil {
			return fmt.Errorf("object %s: %w: it is too large", o.Hash, storage.ErrTooLarge)
		}
		p.Objects = append(p.Objects, o.Object)
		return nil
	})
}

// ahead stores the objects, and counts them.
func (r *Received) ahead() error {
	r.stored = true
	return r.writer.put(&r.contents, r.pack)
}

// Discard drops what was not stored.
func (r *Received) Discard() error { return r.writer.discard() }
