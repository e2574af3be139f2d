package storagetest

import (
	"context"
	"io"

	"github.com/reposit/reposit/storage"
)

func (i *injected) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	if f := i.plan.next(CallStage); f != nil {
		return nil, f.err()
	}
	s, err := i.b.Stage(ctx, pool)
	if err != nil {
		return nil, err
	}
	return &injectedStage{s, i.plan}, nil
}

// An injectedStage never fails to Discard: there is nobody to tell.
type injectedStage struct {
	storage.Stage
	plan *Plan
}

func (s *injectedStage) Put(ctx context.Context, o storage.Object) error {
	return s.plan.next(CallStagePut).do(func() error { return s.Stage.Put(ctx, o) })
}

func (s *injectedStage) Close(ctx context.Context) error {
	return s.plan.next(CallStageClose).do(func() error { return s.Stage.Close(ctx) })
}

func (s *injectedStage) Create(ctx context.Context) (storage.Writer, error) {
	if f := s.plan.next(CallStageCreate); f != nil {
		return nil, f.err()
	}
	w, err := s.Stage.Create(ctx)
	if err != nil {
		return nil, err
	}
	return &injectedWriter{w, s.plan}, nil
}

type injectedWriter struct {
	storage.Writer
	plan *Plan
}

func (w *injectedWriter) Write(p []byte) (int, error) {
	f := w.plan.next(CallWrite)
	if f == nil {
		return w.Writer.Write(p)
	}
	n := 0
	switch f.Mode {
	case Within:
		n, _ = w.Writer.Write(p[:len(p)/2])
	case After:
		n, _ = w.Writer.Write(p)
	}
	return n, f.err()
}

func (w *injectedWriter) Content() (io.ReadCloser, error) {
	if f := w.plan.next(CallContent); f != nil {
		return nil, f.err()
	}
	r, err := w.Writer.Content()
	if err != nil {
		return nil, err
	}
	return &injectedReader{r, w.plan}, nil
}

func (w *injectedWriter) Commit(ctx context.Context, h storage.Hash, t storage.Type) error {
	return w.plan.next(CallCommit).do(func() error { return w.Writer.Commit(ctx, h, t) })
}
