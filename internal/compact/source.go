package compact

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// Stat implements pack.Source.
func (s source) Stat(_ context.Context, h storage.Hash) (storage.Type, int64, error) {
	place, _ := s.p.set.Find(h)
	return s.p.found[place].typ, s.p.found[place].size, nil
}

// Object implements pack.Source.
func (s source) Object(ctx context.Context, h storage.Hash) (storage.Object, error) {
	place, _ := s.p.set.Find(h)
	f := &s.p.found[place]
	o := storage.Object{Hash: h, Type: f.typ, Size: f.size}
	if f.base == none || f.taken {
		_, data, err := s.p.src.Whole(ctx, h)
		o.Data = data
		return o, err
	}
	o.Delta = &storage.Delta{Base: s.p.set.At(int(f.base)), Depth: int(f.depth), Ops: f.delta}
	if f.delta != nil {
		return o, nil
	}
	_, base, err := s.p.src.Whole(ctx, o.Delta.Base)
	if err != nil {
		return o, err
	}
	_, data, err := s.p.src.Whole(ctx, h)
	if err != nil {
		return o, err
	}
	o.Delta.Ops = packfile.NewDeltaIndex(base).Delta(data, math.MaxInt)
	return o, nil
}

// Whole implements pack.Source.
func (s source) Whole(ctx context.Context, h storage.Hash) (storage.Type, []byte, error) {
	return s.p.src.Whole(ctx, h)
}

// Open implements pack.Source.
func (s source) Open(ctx context.Context, h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	place, _ := s.p.set.Find(h)
	if f := &s.p.found[place]; f.base != none {
		return 0, 0, nil, fmt.Errorf("object %s: %w", h, storage.ErrDelta)
	}
	return s.p.src.Open(ctx, h)
}
