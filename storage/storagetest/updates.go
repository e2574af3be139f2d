package storagetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/reposit/reposit/storage"
)

func updateClauses() []clause {
	return []clause{
		{"AllOfIt", updatesAllOfIt},
		{"NoneOnError", updatesNoneOnError},
		{"ErrorAsItIs", updatesErrorAsItIs},
		{"Empty", updatesEmpty},
		{"SeesTheOneBefore", updatesSeesTheOneBefore},
		{"TooLarge", updatesTooLarge},
		{"ReadsWhileItWrites", updatesReadsWhileItWrites},
		{"LoopsStayAsTheyBegan", updatesLoopsStayAsTheyBegan},
	}
}

var errAbort = errors.New("abort")

// everything writes something of each kind, named by n.
func everything(tx storage.Tx, n int) error {
	r := refTo("refs/heads/main", n)
	return errors.Join(
		tx.CreateRepo(repoID(n), poolID(n)),
		putAll(tx, poolID(n), blobs(n+1)...),
		tx.PutRef(repoID(n), r, entry(fmt.Sprint("entry ", n), r.Hash)),
		tx.PutRef(repoID(n), symbolic("HEAD", r.Name), nil),
		putRecords(tx, record(fmt.Sprintf("record %03d", n), fmt.Sprint("value ", n))),
	)
}

// wantEverything checks what everything wrote, and that it is all there is.
func (f *fixture) wantEverything(ns ...int) {
	f.Helper()
	var records []storage.Record
	for _, n := range ns {
		records = append(records, record(fmt.Sprintf("record %03d", n), fmt.Sprint("value ", n)))
		f.wantRefs(repoID(n), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", n))
		f.wantLog(repoID(n), "refs/heads/main", fmt.Sprint("entry ", n))
		f.has(poolID(n), blobs(n+1)...)
	}
	f.wantRecords(records...)
}

func updatesAllOfIt(f *fixture) {
	for n := range 5 {
		f.update(func(tx storage.Tx) error { return everything(tx, n) })
	}
	f.wantEverything(0, 1, 2, 3, 4)
}

func updatesNoneOnError(f *fixture) {
	f.update(func(tx storage.Tx) error { return everything(tx, 1) })
	lost := NewObject(storage.Blob, []byte("lost"))
	err := f.b.Update(f.ctx, func(tx storage.Tx) error {
		return errors.Join(
			everything(tx, 2),
			putAll(tx, poolID(1), lost),
			putRefs(tx, repoID(1), refTo("refs/heads/lost", 1), refTo("refs/heads/main", 9)),
			tx.DeleteRef(repoID(1), "HEAD", entry("lost", storage.Hash{})),
			putRecords(tx, record("record 001", "lost"), record("lost", "lost")),
			tx.DropPool(poolID(1)),
			errAbort,
		)
	})
	f.wantErr("Update()", err, errAbort)
	f.wantEverything(1)
	f.lacks(poolID(1), lost.Hash)
	f.lacks(poolID(2), blobs(1)[0].Hash)
	f.wantRefs(repoID(2))
	f.wantLog(repoID(2), "refs/heads/main")

	err = f.b.Update(f.ctx, func(tx storage.Tx) error { return errors.Join(tx.DropRepo(repoID(1)), errAbort) })
	f.wantErr("Update()", err, errAbort)
	f.wantEverything(1)
	f.update(func(tx storage.Tx) error { return everything(tx, 2) })
	f.wantEverything(1, 2)
}

func updatesErrorAsItIs(f *fixture) {
	wrapped := fmt.Errorf("deeply: %w", errAbort)
	for _, err := range []error{
		f.b.Update(f.ctx, func(storage.Tx) error { return wrapped }),
		f.b.View(f.ctx, func(storage.View) error { return wrapped }),
	} {
		f.wantErr("an error of the function", err, wrapped)
	}
	// An error that the backend itself might return is still the function's: nothing is to be retried for ever.
	for _, want := range []error{storage.ErrNotFound, storage.ErrClosed, storage.ErrTooLarge, context.Canceled} {
		runs := 0
		err := f.b.Update(f.ctx, func(tx storage.Tx) error {
			if runs++; runs > 100 {
				return errAbort
			}
			return errors.Join(putRecords(tx, record("x", "x")), want)
		})
		f.wantErr("an error of the function", err, want)
	}
	f.wantRecords()
}

func updatesEmpty(f *fixture) {
	f.update(func(storage.Tx) error { return nil })
	f.update(func(tx storage.Tx) error {
		_, err := collect(tx.Records(nil, nil, storage.Ascending))
		return err
	})
	f.wantRecords()
}

// updatesSeesTheOneBefore has a chain of Updates, each on what the one before left.
func updatesSeesTheOneBefore(f *fixture) {
	repo := f.createRepo(1)
	for i := range 100 {
		f.update(func(tx storage.Tx) error {
			if i > 0 {
				r, err := tx.Ref(repo, "refs/heads/main")
				if want := refTo("refs/heads/main", i-1); err != nil || r != want {
					return fmt.Errorf("Ref() in Update %d = %v, %w, want %v, nil", i, r, err, want)
				}
			}
			return putRefs(tx, repo, refTo("refs/heads/main", i))
		})
	}
	f.wantRefs(repo, refTo("refs/heads/main", 99))
}

// updatesTooLarge makes an Update that may be more than the backend can make atomic: then it says so, and does none.
func updatesTooLarge(f *fixture) {
	repo := f.createRepo(1)
	f.putRecords(record("first", "x"))
	const n = 30_000
	err := f.b.Update(f.ctx, func(tx storage.Tx) error {
		for i := range n {
			if err := tx.PutRecord(fmt.Appendf(nil, "record %08d", i), make([]byte, 1000)); err != nil {
				return err
			}
		}
		return putRefs(tx, repo, refTo("refs/heads/main", 1))
	})
	want := 1 + n
	if errors.Is(err, storage.ErrTooLarge) {
		want = 1
		f.wantRefs(repo)
	} else if err != nil {
		f.Fatalf("Update() of %d records = %v, want nil or %v", n, err, storage.ErrTooLarge)
	} else {
		f.wantRefs(repo, refTo("refs/heads/main", 1))
	}
	f.view(func(v storage.View) error {
		all, err := collect(v.Records(nil, nil, storage.Ascending))
		if len(all) != want {
			f.Errorf("after an Update of %d records, Records() has %d, want %d", n, len(all), want)
		}
		return err
	})
	f.putRecords(record("last", "x"))
}

// updatesReadsWhileItWrites reads objects through the backend within the function, as who rewrites trees does.
func updatesReadsWhileItWrites(f *fixture) {
	all := blobs(3)
	f.put(poolID(1), all[0])
	f.finishes("an Update that reads objects of the backend", func() error {
		return f.b.Update(f.ctx, func(tx storage.Tx) error {
			return errors.Join(putAll(tx, poolID(1), all[1]), CheckObject(f.ctx, f.b, poolID(1), all[0]),
				putAll(tx, poolID(1), all[2]))
		})
	})
	f.has(poolID(1), all...)
}

// updatesLoopsStayAsTheyBegan writes in the bodies of loops, far ahead of them, and drops what they are over.
func updatesLoopsStayAsTheyBegan(f *fixture) {
	const n = 300
	refs := append(branches(n), refTo("refs/tags/a", 1), refTo("refs/tags/b", 2))
	var records []storage.Record
	for i := range n {
		records = append(records, record(fmt.Sprintf("record %04d", i), "x"))
	}
	f.putRecords(records...)
	f.putRefs(f.createRepo(1), refs...)
	f.fork(2, repoID(1))
	f.putRefs(f.createRepo(3), refs...)
	loops := func(tx storage.Tx, n int) error {
		late := func(i int) error { // once, when the loop has begun
			if i != 3 {
				return nil
			}
			err := errors.Join(putRecords(tx, record("record 0250", "late"), record("record 0250x", "late")),
				tx.DeleteRecord([]byte("record 0260")))
			for repo := 1; repo <= 3; repo++ {
				err = errors.Join(err, putRefs(tx, repoID(repo), refTo("refs/heads/b250", 1), refTo("refs/heads/b250x", 1)),
					tx.DeleteRef(repoID(repo), "refs/heads/b260", nil), tx.DeleteRef(repoID(repo), "refs/tags/a", nil))
			}
			return errors.Join(err, tx.ForkRepo(repoID(4), repoID(2)), tx.DropRepo(repoID(2)), tx.DropRepo(repoID(3)))
		}
		switch n {
		case 0:
			return loopOver(tx.Records(nil, nil, storage.Ascending), records, late, diffRecords)
		case 4:
			reversed := slices.Clone(records)
			slices.Reverse(reversed)
			return loopOver(tx.Records(nil, nil, storage.Descending), reversed, late, diffRecords)
		}
		return loopOver(tx.Refs(repoID(n), "", ""), refs, late, diffRefs)
	}
	for i := range 5 {
		err := f.b.Update(f.ctx, func(tx storage.Tx) error { return errors.Join(loops(tx, i), errAbort) })
		if err.Error() != errAbort.Error() {
			f.Fatalf("loop %d: %v", i, err)
		}
	}
}

// loopOver loops over a sequence that is to yield want, and calls body with the number of each element.
func loopOver[T any](seq iter.Seq2[T, error], want []T, body func(i int) error, diff func(want, got []T) string) error {
	var got []T
	for v, err := range seq {
		if err = errors.Join(err, body(len(got))); err != nil {
			return err
		}
		got = append(got, v)
	}
	if diff := diff(want, got); diff != "" {
		return fmt.Errorf("a loop whose body writes differs (-want +got):\n%s", diff)
	}
	return nil
}
