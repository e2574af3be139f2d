package storagetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/reposit/reposit/storage"
)

func viewClauses() []clause {
	return []clause{
		{"Snapshot", viewsSnapshot},
		{"SeesAcknowledged", viewsSeesAcknowledged},
		{"DoesNotWaitForUpdate", viewsDoesNotWaitForUpdate},
		{"UpdateDoesNotWaitForView", viewsUpdateDoesNotWait},
		{"BesideEachOther", viewsBesideEachOther},
		{"BodyOfLoop", viewsBodyOfLoop},
		{"Versions", viewsVersions},
	}
}

// viewsSnapshot changes everything within a View, which sees none of it.
func viewsSnapshot(f *fixture) {
	f.update(func(tx storage.Tx) error { return everything(tx, 1) })
	f.putRecords(record("z", "stays"))
	check := func(v storage.View) error {
		r := refTo("refs/heads/main", 1)
		return errors.Join(
			checkRefs(v, repoID(1), symbolic("HEAD", r.Name), r),
			checkLog(v, repoID(1), r.Name, "entry 1"),
			checkRecords(v, record("record 001", "value 1"), record("z", "stays")),
			checkRefs(v, repoID(2)),
		)
	}
	f.finishes("a View within which Updates are made", func() error {
		return f.b.View(f.ctx, func(v storage.View) error {
			if err := check(v); err != nil {
				return err
			}
			for _, change := range []func(storage.Tx) error{
				func(tx storage.Tx) error { return everything(tx, 2) },
				func(tx storage.Tx) error {
					return putRecords(tx, record("record 001", "changed"), record("a", "new"), record("zz", "new"))
				},
				func(tx storage.Tx) error { return tx.DeleteRecord([]byte("z")) },
				func(tx storage.Tx) error {
					return tx.PutRef(repoID(1), refTo("refs/heads/main", 9), entry("changed", refTo("", 9).Hash))
				},
				func(tx storage.Tx) error { return putRefs(tx, repoID(1), refTo("refs/heads/new", 1)) },
				func(tx storage.Tx) error {
					return tx.DeleteRef(repoID(1), "refs/heads/main", entry("deleted", storage.Hash{}))
				},
				func(tx storage.Tx) error { return tx.DropRepo(repoID(1)) },
			} {
				if err := errors.Join(f.b.Update(f.ctx, change), check(v)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	f.wantRefs(repoID(1))
	f.wantRecords(record("a", "new"), record("record 001", "changed"), record("record 002", "value 2"),
		record("zz", "new"))
}

func viewsSeesAcknowledged(f *fixture) {
	repo := f.createRepo(1)
	f.together(4, func(i int) error {
		name := fmt.Sprintf("refs/heads/%d", i)
		for n := range 25 {
			r, o := refTo(name, n), NewObject(storage.Blob, fmt.Append(nil, i, n))
			err := f.b.Update(f.ctx, func(tx storage.Tx) error {
				return errors.Join(putAll(tx, poolID(1), o),
					putRefs(tx, repo, r))
			})
			if err != nil {
				return err
			}
			err = f.b.View(f.ctx, func(v storage.View) error {
				if got, err := v.Ref(repo, name); err != nil || got != r {
					return fmt.Errorf("Ref() after its Update = %v, %w, want %v, nil", got, err, r)
				}
				return nil
			})
			if err = errors.Join(err, CheckObject(f.ctx, f.b, poolID(1), o)); err != nil {
				return err
			}
		}
		return nil
	})
}

// viewsDoesNotWaitForUpdate makes every kind of reading call while an Update's function does not return.
func viewsDoesNotWaitForUpdate(f *fixture) {
	f.update(func(tx storage.Tx) error { return everything(tx, 1) })
	small, large := NewObject(storage.Blob, []byte("small")), NewObject(storage.Blob, randomBytes(1, storage.LargeObject))
	f.put(poolID(1), small)
	f.writeLarge(poolID(1), large)
	release := f.block(func(tx storage.Tx) error { return errors.Join(everything(tx, 2), tx.DropRepo(repoID(1))) })
	f.finishes("View beside an Update", func() error {
		return f.b.View(f.ctx, func(v storage.View) error {
			return errors.Join(
				checkRefs(v, repoID(1), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", 1)),
				checkRefs(v, repoID(2)),
				checkLog(v, repoID(1), "refs/heads/main", "entry 1"),
				checkRecords(v, record("record 001", "value 1")),
			)
		})
	})
	f.finishes("reading objects beside an Update", func() error {
		_, err := collect(f.b.Objects(f.ctx, poolID(1), storage.Hash{}, lastHash))
		return errors.Join(err, CheckObject(f.ctx, f.b, poolID(1), small), CheckObject(f.ctx, f.b, poolID(1), large))
	})
	release()
	f.wantRefs(repoID(1))
	f.has(poolID(2), blobs(3)...)
}

// block begins an Update that runs fn and then waits, and returns when it has. The function that it returns lets the
// Update end, which must succeed.
func (f *fixture) block(fn func(storage.Tx) error) (release func()) {
	f.Helper()
	entered, leave := make(chan error, 1), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		err := f.b.Update(f.ctx, func(tx storage.Tx) error {
			err := fn(tx)
			select {
			case entered <- err:
			default: // a later run
			}
			<-leave
			return err
		})
		select {
		case entered <- err: // fn did not run
		default:
		}
		done <- err
	}()
	f.await("an Update's function", entered)
	return func() {
		f.Helper()
		close(leave)
		f.await("Update()", done)
	}
}

func viewsUpdateDoesNotWait(f *fixture) {
	entered, leave, done := make(chan error, 1), make(chan struct{}), make(chan error, 1)
	f.putRecords(record("a", "before"))
	go func() {
		done <- f.b.View(f.ctx, func(v storage.View) error {
			entered <- nil
			<-leave
			return checkRecords(v, record("a", "before"))
		})
	}()
	f.await("a View's function", entered)
	f.finishes("Update beside a View", func() error {
		for i := range 10 {
			err := f.b.Update(f.ctx, func(tx storage.Tx) error { return putRecords(tx, record("a", fmt.Sprint(i))) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	close(leave)
	f.await("View()", done)
	f.wantRecords(record("a", "9"))
}

// viewsBesideEachOther has a View begin and end within another one, each with its own snapshot.
func viewsBesideEachOther(f *fixture) {
	f.putRecords(record("a", "1"))
	f.finishes("a View within a View", func() error {
		return f.b.View(f.ctx, func(outer storage.View) error {
			if err := f.b.Update(f.ctx, func(tx storage.Tx) error { return putRecords(tx, record("a", "2")) }); err != nil {
				return err
			}
			inner := f.b.View(f.ctx, func(v storage.View) error { return checkRecords(v, record("a", "2")) })
			return errors.Join(inner, checkRecords(outer, record("a", "1")))
		})
	})
}

// viewsBodyOfLoop writes while it ranges over what a View sees: no lock may be held then.
func viewsBodyOfLoop(f *fixture) {
	f.update(func(tx storage.Tx) error { return everything(tx, 1) })
	last := 1
	change := func() error {
		last++
		return f.b.Update(f.ctx, func(tx storage.Tx) error { return everything(tx, last) })
	}
	f.finishes("loops in a View that write", func() error {
		return f.b.View(f.ctx, func(v storage.View) error {
			seen := 0
			for _, err := range v.Refs(repoID(1), "", "") {
				if err = errors.Join(err, change()); err != nil {
					return err
				}
				seen++
			}
			for _, err := range v.Records(nil, nil, storage.Descending) {
				if err = errors.Join(err, change()); err != nil {
					return err
				}
				seen++
			}
			for _, err := range v.Log(repoID(1), "refs/heads/main") {
				if err = errors.Join(err, change()); err != nil {
					return err
				}
				seen++
			}
			if seen != 4 {
				return fmt.Errorf("loops over two refs, a record and an entry saw %d in all", seen)
			}
			return nil
		})
	})
	f.view(func(v storage.View) error {
		return checkRefs(v, repoID(last), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", last))
	})
}

// viewsVersions looks, beside Updates of a ref, of a record and of both, whether views of one version show the same. A
// backend need not number them.
func viewsVersions(f *fixture) {
	type state struct {
		ref    storage.Ref
		record string
	}
	var mu sync.Mutex
	shown := map[uint64]state{}
	look := func() error {
		return f.b.View(f.ctx, func(v storage.View) error {
			version := storage.Version(v)
			ref, err := v.Ref(repoID(1), "refs/heads/main")
			value, missing := v.Record([]byte("key"))
			if err = errors.Join(err, missing); err != nil || version == 0 {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			now := state{ref, string(value)}
			if before, ok := shown[version]; ok && before != now {
				return fmt.Errorf("views of version %d show %v and %v", version, before, now)
			}
			shown[version] = now
			return nil
		})
	}
	f.update(func(tx storage.Tx) error {
		return errors.Join(everything(tx, 1), putRecords(tx, record("key", "")))
	})
	f.together(4, func(i int) error {
		for n := range 40 {
			err := f.b.Update(f.ctx, func(tx storage.Tx) (err error) {
				if version := storage.Version(tx); version != 0 {
					return fmt.Errorf("Version() of a transaction = %d, want 0", version)
				}
				if n%3 > 0 {
					err = putRefs(tx, repoID(1), refTo("refs/heads/main", 100*i+n))
				}
				if n%3 != 1 {
					err = errors.Join(err, putRecords(tx, record("key", fmt.Sprint(i, n))))
				}
				return err
			})
			if err = errors.Join(err, look(), look()); err != nil {
				return err
			}
		}
		return nil
	})
}
