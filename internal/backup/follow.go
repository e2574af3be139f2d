package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// StandbyMark returns what a backend holds as a Mark, so that a stream can go on from it whatever it is: also when the
// one before was cut off in the middle. It reads all that Write would, and the names of all objects. It is nil for an
// empty backend.
func StandbyMark(ctx context.Context, b storage.Backend) (*Mark, error) {
	var mark *Mark
	err := b.View(ctx, func(v storage.View) error {
		secret, err := v.Record(catalog.SecretKey())
		if errors.Is(err, storage.ErrNotFound) {
			for _, err := range v.Records(nil, nil, storage.Ascending) {
				if err == nil {
					secret = []byte{} // a first stream was cut off
					break
				}
				return err
			}
			if secret == nil {
				return nil
			}
		} else if err != nil {
			return err
		}
		full := sha256.Sum256(append([]byte("standby"), secret...))
		m := newMark([16]byte(full[:16]))
		s := &surveyor{ctx: ctx, backend: b, view: v, mark: m}
		if err := s.run(); err != nil {
			return err
		}
		mark = m
		return nil
	})
	return mark, err
}

// A surveyor finds out what a backend holds.
type surveyor struct {
	ctx     context.Context
	backend storage.Backend
	view    storage.View
	mark    *Mark
}

func (s *surveyor) run() error {
	w := &writer{Job: &Job{Backend: s.backend}, ctx: s.ctx, view: s.view, mark: s.mark}
	repos, err := w.repos()
	if err != nil {
		return err
	}
	s.mark.repos = repos
	for _, r := range repos {
		if _, known := s.mark.pools[r.pool]; known {
			continue
		}
		var names []uint64
		for h, err := range s.backend.Objects(s.ctx, r.pool, storage.Hash{}, git.LastHash()) {
			if err != nil {
				return err
			}
			names = append(names, s.mark.short(h))
		}
		s.mark.add(r.pool, names)
	}
	lo, now := "", newRangeSummer()
	for rec, err := range s.view.Records(nil, nil, storage.Ascending) {
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return err
		}
		if isEdge(rec.Key) {
			s.mark.ranges = append(s.mark.ranges, rangeSum{lo, now.sum()})
			lo, now = string(rec.Key), newRangeSummer()
		}
		now.add(rec)
	}
	s.mark.ranges = append(s.mark.ranges, rangeSum{lo, now.sum()})
	return nil
}

// Follow applies the streams that a reader has, one after the other, until its end. The first goes on from what the
// backend holds, see StandbyMark, or is a first one for a backend that is empty. A stream is applied in one transaction
// if it is small; else the store can't be opened while it is. A reader that ends within a stream is no error of the
// backend: what came of that is there in part, and the next stream goes on from it.
func Follow(ctx context.Context, b storage.Backend, r io.Reader) error {
	at, err := StandbyMark(ctx, b)
	if err != nil {
		return err
	}
	t := newTarget(b)
	s := &source{into: t, at: at}
	if at != nil {
		s.sum = sha256.Sum256(at.Encode())
		if err := t.know(ctx, at); err != nil {
			return err
		}
	}
	t.together = true
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		err := s.next(ctx, in)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = t.commit(ctx)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("stream %d: %w", n, err), t.discard())
		}
	}
}

// know notes which repositories are there, and the version of the store.
func (t *target) know(ctx context.Context, at *Mark) error {
	return t.backend.View(ctx, func(v storage.View) error {
		for id := range at.repos {
			for _, err := range v.Refs(id, "", "") {
				if err != nil {
					return err
				}
				t.seen[id] = true
				break
			}
		}
		version, err := v.Record(catalog.VersionKey())
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err == nil && catalog.CheckVersion(v) == nil {
			t.version = append([]byte(nil), version...)
		} else if err == nil {
			t.suspended = true
		}
		return err
	})
}

// mostTogether is how many steps one transaction takes of a stream.
const mostTogether = 4000

// update has fn be part of the one transaction in which a small stream is applied, or runs it at once.
func (t *target) update(ctx context.Context, weight int, fn func(storage.Tx) error) error {
	if !t.together {
		return t.backend.Update(ctx, fn)
	}
	if t.later, t.weight = append(t.later, fn), t.weight+weight; t.weight <= mostTogether && !t.suspended {
		return nil
	}
	if !t.suspended {
		if err := t.backend.Update(ctx, catalog.Suspend); err != nil {
			return err
		}
		t.suspended = true
	}
	return t.runLater(ctx)
}

// runLater runs what was put off, each step for itself.
func (t *target) runLater(ctx context.Context) error {
	later := t.later
	t.later, t.weight = nil, 0
	for _, fn := range later {
		if err := t.backend.Update(ctx, fn); err != nil {
			return err
		}
	}
	return nil
}

// commit ends a stream: what was put off happens in one transaction.
func (t *target) commit(ctx context.Context) error {
	if err := t.flushRepos(ctx); err != nil {
		return err
	}
	later := t.later
	t.later, t.weight = nil, 0
	if t.version == nil {
		return damaged("it has no record of the store's format")
	}
	if len(later) == 0 && !t.suspended {
		return nil
	}
	err := t.backend.Update(ctx, func(tx storage.Tx) error {
		for _, fn := range later {
			if err := fn(tx); err != nil {
				return err
			}
		}
		return catalog.Resume(tx, t.version)
	})
	t.suspended = t.suspended && err != nil
	return err
}
