package billyfs

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// Object implements storage.Backend.
func (s *store) Object(ctx context.Context, pool storage.ID, h storage.Hash) (o storage.Object, err error) {
	if err := s.enterFor(ctx); err != nil {
		return o, err
	}
	defer s.leave()
	err = s.objects.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) error {
			t, data, err := s.objects.packs.read(p, offset)
			if err != nil {
				return err
			}
			if sum, ok := packfile.Sum(t, data); !ok || sum != h {
				return storage.ErrCorrupt
			}
			o = storage.Object{Hash: h, Type: t, Size: int64(len(data)), Data: data}
			return nil
		},
		loose: func(file string) (err error) {
			o, err = s.objects.loose.read(file, h)
			return err
		},
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// StatObject implements storage.Backend.
func (s *store) StatObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (t storage.Type, size int64, err error) {
	if err := s.enterFor(ctx); err != nil {
		return 0, 0, err
	}
	defer s.leave()
	err = s.objects.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) (err error) {
			t, size, err = s.objects.packs.stat(p, offset)
			return err
		},
		loose: func(file string) (err error) {
			t, size, err = s.objects.loose.stat(file)
			return err
		},
	})
	if err != nil {
		return 0, 0, err
	}
	return t, size, nil
}

// OpenObject implements storage.Backend.
func (s *store) OpenObject(ctx context.Context, pool storage.ID, h storage.Hash) (t storage.Type, size int64,
	r io.ReadCloser, err error) {
	if err := s.enterFor(ctx); err != nil {
		return 0, 0, nil, err
	}
	defer s.leave()
	err = s.objects.visit(pool, h, true, visit{
		packed: func(p *pack, offset int64) error {
			o, err := p.header(offset)
			if err != nil {
				return err
			}
			if o.Kind.IsDelta() { // git made it small enough to be worth it
				var data []byte
				if t, data, err = s.objects.packs.read(p, offset); err == nil {
					size, r = int64(len(data)), newVerifier(bytes.NewReader(data), t, int64(len(data)), h, io.NopCloser(nil))
				}
				return err
			}
			src, err := s.objects.codec.inflater(p.stream(o, 32<<10))
			if err != nil {
				return err
			}
			p.users.Add(1) // the reader's; visit holds one, so it is not zero
			t, size = storage.Type(o.Kind), o.Size
			r = newVerifier(src, t, size, h, p)
			return nil
		},
		loose: func(file string) (err error) {
			t, size, r, err = s.objects.loose.open(file, h)
			return err
		},
	})
	if err != nil {
		return 0, 0, nil, err
	}
	return t, size, r, nil
}

// Objects implements storage.Backend.
func (s *store) Objects(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		var dirs []*objectDir
		for first := int(lo[0]); first <= int(hi[0]); first++ {
			list, err := s.objectsOf(ctx, pool, &dirs, byte(first), lo, hi)
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

// objectsOf returns the objects of a pool whose names begin with a byte. Where to look is settled at the first.
func (s *store) objectsOf(ctx context.Context, pool storage.ID, dirs *[]*objectDir, first byte, lo,
	hi storage.Hash) ([]storage.Hash, error) {
	if err := s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if !validID(pool) {
		return nil, nil
	}
	if first == lo[0] {
		for _, d := range s.objects.dirsOf(pool, true) {
			if err := d.refreshPacks(); err != nil {
				return nil, err
			}
			*dirs = append(*dirs, d)
		}
	}
	var list []storage.Hash
	for _, d := range *dirs {
		var err error
		if list, err = d.hashes(list, first, lo, hi); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(list), nil
}
