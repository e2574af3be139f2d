package memory

import (
	"context"
	"io"

	"github.com/reposit/reposit/storage"
)

type stage struct {
	b       *backend
	pool    storage.ID
	objects []newObject
	done    bool
}

func (b *backend) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return nil, err
	}
	defer b.calls.Leave()
	return &stage{b: b, pool: pool}, nil
}

func (s *stage) Put(ctx context.Context, o storage.Object) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	s.objects = append(s.objects, newObject{newName{s.pool, o.Hash}, newStored(o)})
	return nil
}

func (s *stage) check(ctx context.Context) error {
	if s.done || s.b.calls.Closed() {
		return storage.ErrClosed
	}
	return ctx.Err()
}

func (s *stage) Create(ctx context.Context) (storage.Writer, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return &writer{stage: s}, nil
}

func (s *stage) Close(ctx context.Context) error {
	if s.done {
		return nil
	}
	if err := s.b.calls.Enter(ctx); err != nil {
		return err
	}
	defer s.b.calls.Leave()
	if err := s.b.lock(ctx); err != nil {
		return err
	}
	defer s.b.unlock()
	s.done = true
	for _, o := range s.objects {
		s.b.put(o.pool, o.hash, o.object)
	}
	s.objects = nil
	return nil
}

func (s *stage) Discard() error {
	s.done = true
	s.objects = nil
	return nil
}

type writer struct {
	stage *stage
	pieces
	done bool
}

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, storage.ErrClosed
	}
	return w.pieces.Write(p)
}

func (w *writer) Content() (io.ReadCloser, error) {
	if w.done {
		return nil, storage.ErrClosed
	}
	return io.NopCloser(readPieces(w.all)), nil
}

func (w *writer) Commit(ctx context.Context, h storage.Hash, t storage.Type) error {
	if w.done {
		return storage.ErrClosed
	}
	if err := w.stage.check(ctx); err != nil {
		return err
	}
	w.done = true
	o := &object{kind: t, size: w.size, pieces: w.all}
	if o.pieces == nil {
		o.data = []byte{}
	}
	w.stage.objects = append(w.stage.objects, newObject{newName{w.stage.pool, h}, o})
	return nil
}

func (w *writer) Discard() error {
	w.done = true
	w.pieces = pieces{}
	return nil
}
