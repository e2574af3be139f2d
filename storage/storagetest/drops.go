package storagetest

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/reposit/reposit/storage"
)

func dropClauses() []clause {
	return []clause{
		{"Repo", dropsRepo},
		{"Pool", dropsPool},
		{"Unknown", dropsUnknown},
		{"OwnWrites", dropsOwnWrites},
		{"Many", dropsMany},
		{"BesideReaders", dropsBesideReaders},
	}
}

func dropsRepo(f *fixture) {
	for n := range 3 {
		f.update(func(tx storage.Tx) error { return everything(tx, n) })
	}
	f.update(func(tx storage.Tx) error { return tx.DeleteRef(repoID(1), "refs/heads/main", nil) }) // its log is left
	f.update(func(tx storage.Tx) error { return tx.DropRepo(repoID(1)) })
	f.wantRefs(repoID(1))
	f.wantLog(repoID(1), "refs/heads/main")
	f.has(poolID(1), blobs(2)...)
	f.wantRefs(repoID(0), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", 0))
	f.wantRefs(repoID(2), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", 2))
	f.wantLog(repoID(2), "refs/heads/main", "entry 2")
	f.view(func(v storage.View) error {
		_, err := v.Ref(repoID(1), "HEAD")
		f.wantErr("Ref() of a dropped repository", err, storage.ErrNotFound)
		return nil
	})
}

func dropsPool(f *fixture) {
	large := NewObject(storage.Blob, randomBytes(1, 2*storage.LargeObject))
	for n := range 3 {
		f.update(func(tx storage.Tx) error { return everything(tx, n) })
		f.stage(poolID(n), versions(storage.Blob, 5, 4)...)
		f.writeLarge(poolID(n), large)
	}
	f.update(func(tx storage.Tx) error { return errors.Join(tx.DropRepo(repoID(1)), tx.DropPool(poolID(1))) })
	f.wantRefs(repoID(1))
	for _, o := range append(append(blobs(2), large), versions(storage.Blob, 5, 4)...) {
		f.lacks(poolID(1), o.Hash)
	}
	if names := f.objects(poolID(1), storage.Hash{}, lastHash); len(names) > 0 {
		f.Errorf("Objects() of a dropped pool has %d, want none", len(names))
	}
	f.update(func(tx storage.Tx) error {
		if has, err := tx.HasObject(poolID(1), large.Hash); has || err != nil {
			return errors.Join(errors.New("HasObject() in a dropped pool is true"), err)
		}
		return nil
	})
	for _, n := range []int{0, 2} {
		f.has(poolID(n), append(append(blobs(n+1), large), versions(storage.Blob, 5, 4)...)...)
		f.wantRefs(repoID(n), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", n))
	}
}

func dropsUnknown(f *fixture) {
	f.update(func(tx storage.Tx) error { return everything(tx, 1) })
	f.update(func(tx storage.Tx) error { return errors.Join(tx.DropRepo(repoID(9)), tx.DropPool(poolID(9))) })
	f.wantEverything(1)
}

// dropsOwnWrites drops what the same transaction has put.
func dropsOwnWrites(f *fixture) {
	f.update(func(tx storage.Tx) error { return everything(tx, 1) })
	f.update(func(tx storage.Tx) error {
		return errors.Join(
			putRefs(tx, repoID(1), refTo("refs/heads/new", 1)),
			tx.DropRepo(repoID(1)),
			checkRefs(tx, repoID(1)),
			checkLog(tx, repoID(1), "refs/heads/main"),
		)
	})
	f.wantRefs(repoID(1))
	f.wantLog(repoID(1), "refs/heads/main")
	f.has(poolID(1), blobs(2)...)
}

// dropsMany drops one of several hundred, of refs and objects that share no prefix but their kind.
func dropsMany(f *fixture) {
	const n = 100
	f.update(func(tx storage.Tx) error {
		for i := range n {
			err := errors.Join(tx.CreateRepo(repoID(i), poolID(i)), putAll(tx, poolID(i), blobs(3)...),
				putRefs(tx, repoID(i), refTo("HEAD", i)))
			if err != nil {
				return err
			}
		}
		return nil
	})
	for i := 0; i < n; i += 10 {
		f.update(func(tx storage.Tx) error { return errors.Join(tx.DropRepo(repoID(i)), tx.DropPool(poolID(i))) })
	}
	for i := range n {
		if i%10 == 0 {
			f.wantRefs(repoID(i))
			f.lacks(poolID(i), blobs(1)[0].Hash)
		} else {
			f.wantRefs(repoID(i), refTo("HEAD", i))
			f.has(poolID(i), blobs(3)...)
		}
	}
}

// dropsBesideReaders drops pools that are being read: what is read is right, or is not found.
func dropsBesideReaders(f *fixture) {
	const pools = 10
	all := append(blobs(5), NewObject(storage.Blob, randomBytes(1, storage.LargeObject+1)))
	for n := range pools {
		f.stage(poolID(n), all...)
	}
	f.together(4, func(i int) error {
		for n := range pools {
			if i == 0 {
				if err := f.b.Update(f.ctx, func(tx storage.Tx) error { return tx.DropPool(poolID(n)) }); err != nil {
					return err
				}
				continue
			}
			for _, o := range slices.Backward(all) {
				if err := f.readOrMiss(poolID(n), o); err != nil {
					return fmt.Errorf("beside DropPool: %w", err)
				}
			}
			if _, err := collect(f.b.Objects(f.ctx, poolID(n), storage.Hash{}, lastHash)); err != nil {
				return err
			}
		}
		return nil
	})
	for n := range pools {
		for _, o := range all {
			f.lacks(poolID(n), o.Hash)
		}
	}
}

// readOrMiss reads an object that may be dropped at any time. A reader that is open then may fail, but not lie.
func (f *fixture) readOrMiss(pool storage.ID, want storage.Object) error {
	_, data, err := ReadObject(f.ctx, f.b, pool, want.Hash)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil
	case err != nil:
		return err
	case string(data) != string(want.Data):
		return fmt.Errorf("Object() gives %d bytes that were not put", len(data))
	}
	_, _, r, err := f.b.OpenObject(f.ctx, pool, want.Hash)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrDelta) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if data, err = io.ReadAll(r); err == nil && string(data) != string(want.Data) {
		return fmt.Errorf("OpenObject() gives %d bytes that were not put", len(data))
	}
	return nil
}
