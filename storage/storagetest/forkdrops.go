package storagetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/storage"
)

func forksParentDropped(f *fixture) {
	for i, refs := range parents() {
		pool := poolID(3 * i)
		parent := f.createRepo(3 * i)
		f.putRefs(parent, refs...)
		f.put(pool, blobs(3)...)
		fork, second := f.fork(3*i+1, parent), f.fork(3*i+2, parent)
		f.putRefs(fork, refTo("refs/heads/mine", 1))
		mine := append(inherited(refs), refTo("refs/heads/mine", 1))
		f.update(func(tx storage.Tx) error { return tx.DropRepo(parent) })
		f.wantRefs(parent)
		f.wantRefs(fork, mine...)
		f.wantRefs(second, inherited(refs)...)
		f.has(pool, blobs(3)...)
		nested := f.fork(100+i, fork)
		f.update(func(tx storage.Tx) error { return tx.DropRepo(fork) })
		f.wantRefs(fork)
		f.wantRefs(nested, mine...)
		f.wantRefs(second, inherited(refs)...)
		f.update(func(tx storage.Tx) error {
			return errors.Join(tx.DropRepo(second), tx.DropRepo(nested), tx.DropPool(pool))
		})
		f.wantRefs(nested)
		f.wantRefs(second)
		f.lacks(pool, blobs(1)[0].Hash)
	}
}

func forksForkDropped(f *fixture) {
	for i, refs := range parents() {
		parent := f.createRepo(2 * i)
		f.putRefs(parent, refs...)
		f.change(parent, "refs/heads/b000", 1, "one")
		refs = slices.DeleteFunc(slices.Clone(refs), func(r storage.Ref) bool { return r.Name == "refs/heads/b000" })
		refs = append(refs, refTo("refs/heads/b000", 1))
		fork := f.fork(2*i+1, parent)
		f.change(fork, "refs/heads/b000", 2, "mine")
		f.update(func(tx storage.Tx) error { return tx.DropRepo(fork) })
		f.wantRefs(fork)
		f.wantLog(fork, "refs/heads/b000")
		f.wantRefs(parent, refs...)
		f.change(parent, "refs/heads/b000", 3, "two")
		f.wantLog(parent, "refs/heads/b000", "two", "one")
	}
}

// forksDroppedAndMadeAgain gives the ID of a parent to another repository while its refs live on in a fork.
func forksDroppedAndMadeAgain(f *fixture) {
	refs := branches(100)
	parent := f.createRepo(1)
	f.putRefs(parent, refs...)
	f.change(parent, "refs/heads/b000", 0, "old")
	fork := f.fork(2, parent)
	f.update(func(tx storage.Tx) error { return tx.DropRepo(parent) })
	f.update(func(tx storage.Tx) error {
		return errors.Join(tx.CreateRepo(parent, poolID(1)), checkRefs(tx, parent),
			change(tx, parent, "refs/heads/b000", 7, "new"))
	})
	f.wantRefs(parent, refTo("refs/heads/b000", 7))
	f.wantLog(parent, "refs/heads/b000", "new")
	f.wantRefs(fork, refs...)
	f.update(func(tx storage.Tx) error { return errors.Join(tx.DropRepo(parent), tx.ForkRepo(parent, fork)) })
	f.wantRefs(parent, refs...)
	f.wantLog(parent, "refs/heads/b000")
	f.update(func(tx storage.Tx) error { return tx.DropRepo(fork) })
	f.wantRefs(parent, refs...)
	f.update(func(tx storage.Tx) error { return errors.Join(tx.DropRepo(parent), tx.CreateRepo(parent, poolID(1))) })
	f.wantRefs(parent)
}

// forksBesideReaders forks, changes and drops while others read: each snapshot has all refs of each repository that is
// there, of one moment.
func forksBesideReaders(f *fixture) {
	const rounds, refs = 30, 60
	parent := f.createRepo(0)
	f.putRefs(parent, branches(refs)...)
	moment := func(tx storage.Tx, repo storage.ID, n int) error {
		for i := range 20 {
			if err := putRefs(tx, repo, refTo(fmt.Sprintf("refs/heads/b%03d", i), n)); err != nil {
				return err
			}
		}
		return nil
	}
	f.update(func(tx storage.Tx) error { return moment(tx, parent, 1) })
	f.together(4, func(g int) error {
		for n := 1; n <= rounds; n++ {
			if g == 0 {
				err := f.b.Update(f.ctx, func(tx storage.Tx) error {
					return errors.Join(tx.ForkRepo(repoID(n), repoID(n-1)), moment(tx, repoID(n), 1+n), moment(tx, parent, 1+n),
						dropOld(tx, n))
				})
				if err != nil {
					return err
				}
				continue
			}
			err := f.b.View(f.ctx, func(v storage.View) error {
				for i := range rounds {
					if err := checkMoment(v, repoID(i), refs); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func dropOld(tx storage.Tx, n int) error {
	if n <= 4 {
		return nil
	}
	return tx.DropRepo(repoID(n - 4))
}

// checkMoment checks that a repository has no refs, or n of which twenty were put together.
func checkMoment(v storage.View, repo storage.ID, n int) error {
	refs, err := collect(v.Refs(repo, "", ""))
	if err != nil || len(refs) == 0 {
		return err
	}
	if len(refs) != n {
		return fmt.Errorf("Refs(%v) has %d, want %d or none", repo, len(refs), n)
	}
	for _, r := range refs[1:21] {
		if r.Hash != refs[1].Hash {
			return fmt.Errorf("Refs(%v) are of more than one moment", repo)
		}
	}
	return nil
}

// forksHistories plays random histories in which most units fork, or change much of a fork.
func forksHistories(f *fixture) {
	for i, seed := range seeds() {
		f.Logf("seed %d", seed)
		if err := f.play(NewWorkload(seed, 2*i+1-int(seed/2%2)), 60); err != nil {
			f.Fatalf("seed %d: %v", seed, err)
		}
	}
}
