package reposit

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A RepairSource is another copy of what a store holds, from which Repair takes objects: a *Store, and what
// RepositoryCopy and BundleCopy return.
type RepairSource interface {
	// open returns what finds objects, and what ends their use.
	open(ctx context.Context, s *Store) (find objectFinder, end func() error, err error)
}

// An objectFinder returns an object by its hash, or storage.ErrNotFound. The pool is where it is looked for first.
type objectFinder func(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Type, []byte, error)

// RepositoryCopy is a bare repository, a .git folder, or a folder that has one, as Import takes it, as a RepairSource.
func RepositoryCopy(src billy.Filesystem) RepairSource { return repositoryCopy{src} }

// BundleCopy is a bundle, as ImportBundle takes it, as a RepairSource, for one Repair.
func BundleCopy(src io.Reader) RepairSource { return bundleCopy{src} }

type repositoryCopy struct{ src billy.Filesystem }

func (c repositoryCopy) open(ctx context.Context, s *Store) (objectFinder, func() error, error) {
	return s.scratch(ctx, func(in *transfer.Intake) error {
		if c.src == nil {
			return invalidf("filesystem: it is nil")
		}
		dir, err := transfer.OpenDirectory(ctx, c.src, nil, func(string, string) {})
		if err != nil {
			return err
		}
		return dir.Read(ctx, in)
	})
}

type bundleCopy struct{ src io.Reader }

func (c bundleCopy) open(ctx context.Context, s *Store) (objectFinder, func() error, error) {
	return s.scratch(ctx, func(in *transfer.Intake) error {
		if c.src == nil {
			return invalidf("reader: it is nil")
		}
		r := bufio.NewReaderSize(c.src, 64<<10)
		header, err := transfer.ReadHeader(r)
		if err != nil {
			return err
		}
		if len(header.Prerequisites) > 0 {
			return invalidf("bundle: it needs commit %s, which is not in it", header.Prerequisites[0])
		}
		return in.Stream(ctx, r)
	})
}

// scratch reads objects into a pool that no repository has, and that is dropped in the end.
func (s *Store) scratch(ctx context.Context, read func(*transfer.Intake) error) (objectFinder, func() error, error) {
	pool, _ := newID().storage()
	limits := &s.opts.Limits
	in := &transfer.Intake{Backend: s.backend.Backend, Pool: pool, Lenient: true, Limits: transfer.Limits{
		Blob: limits.BlobSize, Pack: packFactor * limits.CommitSize, Total: packFactor * limits.CommitSize}}
	end := func() error {
		return s.backend.Update(context.WithoutCancel(ctx), s.actor, func(tx *txn.Tx) error { return tx.DropPool(pool) })
	}
	if err := in.Close(ctx, read(in)); err != nil {
		return nil, nil, errors.Join(incoming(err), end())
	}
	objects := object.New(s.backend.Backend, 1<<20)
	find := func(ctx context.Context, _ storage.ID, h storage.Hash) (storage.Type, []byte, error) {
		return objects.Pass(ctx, pool, h)
	}
	return find, end, nil
}

// open is that of a RepairSource: the objects of all repositories of the store.
func (s *Store) open(ctx context.Context, _ *Store) (objectFinder, func() error, error) {
	if !s.actor.IsHost() {
		return nil, nil, ErrForbidden
	}
	if err := s.calls.Enter(ctx); err != nil {
		return nil, nil, err
	}
	end := func() error { s.calls.Leave(); return nil }
	pools := map[storage.ID]bool{}
	err := s.backend.View(ctx, func(v storage.View) error {
		return catalog.EachPool(v, func(id storage.ID) { pools[id] = true })
	})
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	objects := object.New(s.backend.Backend, 1<<20)
	find := func(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Type, []byte, error) {
		t, data, err := objects.Pass(ctx, pool, h)
		for other := range pools {
			if err == nil || ctx.Err() != nil {
				break
			}
			t, data, err = objects.Pass(ctx, other, h)
		}
		return t, data, err
	}
	return find, end, nil
}
