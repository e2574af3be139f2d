package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/reposit/reposit/storage"
)

func forkClauses() []clause {
	return []clause{
		{"Begins", forksBegin},
		{"Apart", forksApart},
		{"Deletions", forksDeletions},
		{"OwnWrites", forksOwnWrites},
		{"Aborted", forksAborted},
		{"Logs", forksLogs},
		{"LogsOfDeleted", forksLogsOfDeleted},
		{"Scans", forksScans},
		{"Views", forksViews},
		{"BodyOfLoop", forksBodyOfLoop},
		{"Deep", forksDeep},
		{"Wide", forksWide},
		{"Alternating", forksAlternating},
		{"ParentDropped", forksParentDropped},
		{"ForkDropped", forksForkDropped},
		{"DroppedAndMadeAgain", forksDroppedAndMadeAgain},
		{"BesideReaders", forksBesideReaders},
		{"Histories", forksHistories},
	}
}

// fork makes the n-th repository, as a fork of from.
func (f *fixture) fork(n int, from storage.ID) storage.ID {
	f.Helper()
	f.update(func(tx storage.Tx) error { return tx.ForkRepo(repoID(n), from) })
	return repoID(n)
}

// inherited returns those of refs that a fork begins with.
func inherited(refs []storage.Ref) []storage.Ref {
	return slices.DeleteFunc(slices.Clone(refs), func(r storage.Ref) bool { return !storage.Inherited(r.Name) })
}

// branches returns n refs, enough of them to be more than what a backend may copy.
func branches(n int) []storage.Ref {
	refs := []storage.Ref{symbolic("HEAD", "refs/heads/b000")}
	for i := range n - 1 {
		refs = append(refs, refTo(fmt.Sprintf("refs/heads/b%03d", i), i))
	}
	return refs
}

// parents are the refs of repositories that are forked: few, which may be copied, and many, which had better not.
func parents() [][]storage.Ref {
	private := []storage.Ref{
		refTo("refs/notes/commits", 1), refTo("refs/pull/1/head", 2), refTo("refs/headsx", 3), refTo("refs/tagsx/v1", 4),
		symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/main"),
	}
	few := []storage.Ref{symbolic("HEAD", "refs/heads/b000"), refTo("refs/heads/b000", 1), refTo("refs/tags/v1", 2)}
	many := append(branches(120), refTo("refs/tags/v1", 5), symbolic("refs/heads/link", "refs/heads/b001"))
	return [][]storage.Ref{nil, few, append(few, private...), many, append(many, private...)}
}

func forksBegin(f *fixture) {
	for i, refs := range parents() {
		parent := f.createRepo(2 * i)
		f.putRefs(parent, refs...)
		fork := f.fork(2*i+1, parent)
		f.wantRefs(parent, refs...)
		f.wantRefs(fork, inherited(refs)...)
		f.view(func(v storage.View) error {
			for _, r := range refs {
				if _, err := v.Ref(fork, r.Name); (err == nil) != storage.Inherited(r.Name) {
					f.Errorf("Ref(%q) of the fork = %v", r.Name, err)
				}
			}
			_, err := v.Ref(fork, "refs/heads/none")
			f.wantErr("Ref() of what neither has", err, storage.ErrNotFound)
			return nil
		})
	}
}

// forksApart changes each of parent and fork, first where both have a ref, then where one has.
func forksApart(f *fixture) {
	for i, refs := range parents()[1:] {
		parent := f.createRepo(2 * i)
		f.putRefs(parent, refs...)
		fork := f.fork(2*i+1, parent)
		mine, theirs := slices.Clone(inherited(refs)), slices.Clone(refs)
		mine[1] = refTo(refs[1].Name, 100)
		f.putRefs(fork, mine[1])
		f.wantRefs(fork, mine...)
		f.wantRefs(parent, refs...)
		theirs[1], theirs[2] = refTo(refs[1].Name, 200), refTo(refs[2].Name, 201)
		f.putRefs(parent, theirs[1], theirs[2])
		f.wantRefs(fork, mine...)
		f.wantRefs(parent, theirs...)
		mine = append(mine, refTo("refs/heads/new", 101), refTo("refs/notes/mine", 102))
		f.putRefs(fork, mine[len(mine)-2:]...)
		theirs = append(theirs, refTo("refs/heads/new", 202), refTo("refs/heads/newer", 203))
		f.putRefs(parent, theirs[len(theirs)-2:]...)
		f.wantRefs(fork, mine...)
		f.wantRefs(parent, theirs...)
	}
}

// forksDeletions deletes in the fork what the parent has, and the reverse, and puts what stands in its place.
func forksDeletions(f *fixture) {
	for i, refs := range parents()[1:] {
		parent := f.createRepo(2 * i)
		f.putRefs(parent, refs...)
		fork := f.fork(2*i+1, parent)
		main := refs[1].Name
		f.update(func(tx storage.Tx) error {
			return errors.Join(tx.DeleteRef(fork, main, nil), checkMissing(tx, fork, main))
		})
		mine := slices.DeleteFunc(inherited(refs), func(r storage.Ref) bool { return r.Name == main })
		f.wantRefs(fork, mine...)
		f.wantRefs(parent, refs...)
		f.view(func(v storage.View) error { return checkMissing(v, fork, main) })
		f.putRefs(fork, refTo(main+"/below", 1))
		f.wantRefs(fork, append(slices.Clone(mine), refTo(main+"/below", 1))...)
		f.update(func(tx storage.Tx) error {
			return errors.Join(tx.DeleteRef(fork, main+"/below", nil), putRefs(tx, fork, refTo(main, 9)))
		})
		f.wantRefs(fork, append(slices.Clone(mine), refTo(main, 9))...)
		f.update(func(tx storage.Tx) error {
			return errors.Join(tx.DeleteRef(parent, main, nil), tx.DeleteRef(parent, refs[2].Name, nil))
		})
		f.wantRefs(fork, append(slices.Clone(mine), refTo(main, 9))...)
		f.wantRefs(parent, append(slices.Clone(refs[:1]), refs[3:]...)...)
		// What was deleted stays so in the forks of both.
		f.wantRefs(f.fork(1000+2*i, parent), inherited(append(slices.Clone(refs[:1]), refs[3:]...))...)
		f.update(func(tx storage.Tx) error { return tx.DeleteRef(fork, main, nil) })
		f.wantRefs(f.fork(1001+2*i, fork), mine...)
	}
}

func checkMissing(v storage.View, repo storage.ID, name string) error {
	if r, err := v.Ref(repo, name); !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("Ref(%q) = %v, %w, want not found", name, r, err)
	}
	return nil
}

// forksOwnWrites forks what the same transaction has made, and changed before.
func forksOwnWrites(f *fixture) {
	refs := branches(100)
	f.update(func(tx storage.Tx) error {
		return errors.Join(
			tx.CreateRepo(repoID(1), poolID(1)), putRefs(tx, repoID(1), refs...), tx.ForkRepo(repoID(2), repoID(1)),
			checkRefs(tx, repoID(2), refs...), putRefs(tx, repoID(1), refTo("refs/heads/late", 1)),
			tx.ForkRepo(repoID(3), repoID(2)), putRefs(tx, repoID(3), refTo("refs/heads/mine", 1)),
			tx.DeleteRef(repoID(3), refs[1].Name, nil),
			checkRefs(tx, repoID(2), refs...),
		)
	})
	third := append(slices.Clone(refs[:1]), append(refs[2:], refTo("refs/heads/mine", 1))...)
	f.wantRefs(repoID(1), append(refs, refTo("refs/heads/late", 1))...)
	f.wantRefs(repoID(2), refs...)
	f.wantRefs(repoID(3), third...)
	f.update(func(tx storage.Tx) error {
		return errors.Join(
			tx.DeleteRef(repoID(2), refs[1].Name, nil), putRefs(tx, repoID(2), refTo(refs[2].Name, 1000)),
			tx.ForkRepo(repoID(4), repoID(2)), tx.DropRepo(repoID(2)), tx.ForkRepo(repoID(5), repoID(4)),
			tx.DropRepo(repoID(5)), checkRefs(tx, repoID(2)), checkRefs(tx, repoID(5)),
		)
	})
	fourth := append([]storage.Ref{refs[0], refTo(refs[2].Name, 1000)}, refs[3:]...)
	f.wantRefs(repoID(4), fourth...)
	f.wantRefs(repoID(2))
	f.wantRefs(repoID(5))
	f.wantRefs(repoID(3), third...)
}

func forksAborted(f *fixture) {
	refs := branches(100)
	parent := f.createRepo(1)
	f.putRefs(parent, refs...)
	for range 2 {
		err := f.b.Update(f.ctx, func(tx storage.Tx) error {
			return errors.Join(tx.ForkRepo(repoID(2), parent), putRefs(tx, parent, refTo("refs/heads/lost", 1)),
				tx.DropRepo(parent), errAbort)
		})
		f.wantErr("Update()", err, errAbort)
		f.wantRefs(parent, refs...)
		f.wantRefs(repoID(2))
	}
	f.putRefs(parent, refTo("refs/heads/kept", 1))
	f.wantRefs(f.fork(2, parent), append(refs, refTo("refs/heads/kept", 1))...)
}

// change puts a ref with a message in its log, or deletes it if n is negative.
func change(tx storage.Tx, repo storage.ID, name string, n int, message string) error {
	if n < 0 {
		return tx.DeleteRef(repo, name, entry(message, storage.Hash{}))
	}
	return tx.PutRef(repo, refTo(name, n), entry(message, refTo(name, n).Hash))
}

func (f *fixture) change(repo storage.ID, name string, n int, message string) {
	f.Helper()
	f.update(func(tx storage.Tx) error { return change(tx, repo, name, n, message) })
}

// forksLogs has the log of a parent go on, and those of forks begin, at any depth.
func forksLogs(f *fixture) {
	for i, n := range []int{2, 120} {
		parent := f.createRepo(10 * i)
		f.putRefs(parent, branches(n)...)
		name := "refs/heads/b000"
		f.change(parent, name, 1, "one")
		f.change(parent, name, 2, "two")
		fork := f.fork(10*i+1, parent)
		f.wantLog(fork, name)
		f.change(parent, name, 3, "three")
		f.change(fork, name, 4, "mine")
		f.wantLog(parent, name, "three", "two", "one")
		f.wantLog(fork, name, "mine")
		nested := f.fork(10*i+2, fork)
		f.wantLog(nested, name)
		f.change(fork, name, 5, "mine again")
		f.change(nested, name, 6, "nested")
		f.change(nested, name, -1, "nested gone")
		f.wantLog(parent, name, "three", "two", "one")
		f.wantLog(fork, name, "mine again", "mine")
		f.wantLog(nested, name, "nested gone", "nested")
		f.update(func(tx storage.Tx) error { return tx.DropRepo(parent) })
		f.wantLog(parent, name)
		f.wantLog(fork, name, "mine again", "mine")
	}
}

// forksLogsOfDeleted forks a repository in which a ref with a log was deleted, and lets it come back in both.
func forksLogsOfDeleted(f *fixture) {
	for i, n := range []int{2, 120} {
		parent := f.createRepo(10 * i)
		f.putRefs(parent, branches(n)...)
		name := "refs/heads/gone"
		f.change(parent, name, 1, "one")
		f.change(parent, name, -1, "two")
		fork := f.fork(10*i+1, parent)
		f.wantLog(fork, name)
		f.wantLog(parent, name, "two", "one")
		f.change(fork, name, 1, "mine")
		f.change(parent, name, 1, "three")
		second := f.fork(10*i+2, parent)
		f.wantLog(fork, name, "mine")
		f.wantLog(parent, name, "three", "two", "one")
		f.change(parent, name, -1, "four")
		f.change(parent, name, 2, "five")
		f.wantLog(parent, name, "five", "four", "three", "two", "one")
		f.wantLog(second, name)
		f.wantRefs(second, append(branches(n), refTo(name, 1))...)
	}
}

// forksScans reads parts of what lies in several layers.
func forksScans(f *fixture) {
	parent := f.createRepo(1)
	refs := append(branches(100), refTo("refs/pull/1/head", 1), refTo("refs/tags/a", 1), refTo("refs/tags/b", 2),
		refTo("refs/notes/x", 1))
	f.putRefs(parent, refs...)
	fork := f.fork(2, parent)
	want := NewModel("")
	f.update(func(tx storage.Tx) error {
		*want = *NewModel("")
		for _, m := range []storage.Tx{tx, want} {
			if m == storage.Tx(want) {
				if err := errors.Join(putRefs(m, parent, refs...), m.ForkRepo(fork, parent)); err != nil {
					return err
				}
			}
			for i := 0; i < 90; i += 7 {
				err := errors.Join(m.DeleteRef(fork, refs[i+1].Name, nil),
					putRefs(m, fork, refTo(refs[i+2].Name, 500+i), refTo(refs[i+3].Name+"x", i)))
				if err != nil {
					return err
				}
			}
			err := errors.Join(putRefs(m, fork, refTo("refs/a", 1), refTo("refs/notes/y", 2), refTo("refs/pull/2/head", 3),
				refTo("refs/zzz", 4)))
			if err != nil {
				return err
			}
		}
		return compareScans(want, tx, fork)
	})
	f.view(func(v storage.View) error {
		return errors.Join(compareScans(want, v, fork), compareScans(want, v, parent))
	})
	nested := f.fork(3, fork)
	if err := want.ForkRepo(nested, fork); err != nil {
		f.Fatal(err)
	}
	f.view(func(v storage.View) error { return compareScans(want, v, nested) })
}

// compareScans compares scans from many points with those of a model.
func compareScans(m *Model, v storage.View, repo storage.ID) error {
	prefixes := []string{"", "H", "HEAD", "HEADx", "refs", "refs/", "refs/heads/", "refs/heads/b01", "refs/heads/b010",
		"refs/n", "refs/pull/", "refs/tags/", "refs/tags/b", "refs/z", "z"}
	afters := append(slices.Clone(prefixes), "refs/heads/b050", "refs/heads/b050x", "refs/headt", "refs/tags/a")
	for _, prefix := range prefixes {
		for _, after := range afters {
			want, _ := collect(m.Refs(repo, prefix, after))
			got, err := collect(v.Refs(repo, prefix, after))
			if err != nil {
				return err
			}
			if diff := diffRefs(want, got); diff != "" {
				return fmt.Errorf("Refs(%v, %q, %q) differ (-want +got):\n%s", repo, prefix, after, diff)
			}
		}
	}
	return nil
}

// forksViews has a snapshot from before a fork, one from before what comes after it, and one from before a drop.
func forksViews(f *fixture) {
	refs := branches(120)
	parent := f.createRepo(1)
	f.putRefs(parent, refs...)
	f.view(func(v storage.View) error {
		fork := f.fork(2, parent)
		f.putRefs(parent, refTo("refs/heads/b001", 500))
		f.putRefs(fork, refTo("refs/heads/b001", 600))
		if err := errors.Join(checkRefs(v, parent, refs...), checkRefs(v, fork)); err != nil {
			return err
		}
		theirs, mine := slices.Clone(refs), slices.Clone(refs)
		theirs[2], mine[2] = refTo("refs/heads/b001", 500), refTo("refs/heads/b001", 600)
		f.view(func(second storage.View) error {
			f.update(func(tx storage.Tx) error {
				return errors.Join(tx.DeleteRef(parent, "refs/heads/b002", nil), tx.DropRepo(parent))
			})
			f.update(func(tx storage.Tx) error { return tx.DropRepo(fork) })
			f.wantRefs(parent)
			f.wantRefs(fork)
			return errors.Join(checkRefs(second, parent, theirs...), checkRefs(second, fork, mine...))
		})
		return checkRefs(v, parent, refs...)
	})
}

// forksBodyOfLoop forks a repository, changes it and drops its fork in the body of a loop over its refs.
func forksBodyOfLoop(f *fixture) {
	refs := branches(120)
	parent := f.createRepo(1)
	f.putRefs(parent, refs...)
	f.update(func(tx storage.Tx) error {
		var got []storage.Ref
		for r, err := range tx.Refs(parent, "", "") {
			if err != nil {
				return err
			}
			got = append(got, r)
			if len(got)%40 == 20 {
				err := errors.Join(tx.ForkRepo(repoID(len(got)), parent), change(tx, parent, r.Name, 900+len(got), "in a loop"))
				if err != nil {
					return err
				}
			}
		}
		if diff := diffRefs(refs, got); diff != "" {
			return fmt.Errorf("Refs() differ (-want +got):\n%s", diff)
		}
		return nil
	})
	for i, n := range []int{20, 60, 100} {
		f.wantRefs(repoID(n), refs...)
		refs = slices.Clone(refs)
		refs[n-1] = refTo(refs[n-1].Name, 900+n)
		f.wantLog(parent, refs[n-1].Name, "in a loop")
		if i == 2 {
			f.wantRefs(parent, refs...)
		}
	}
}

// forksDeep forks the fork of the fork, and so on, each with changes of its own.
func forksDeep(f *fixture) {
	const depth = 40
	refs := branches(60)
	want := [][]storage.Ref{refs}
	f.putRefs(f.createRepo(0), refs...)
	for n := 1; n < depth; n++ {
		f.fork(n, repoID(n-1))
		refs = slices.Clone(refs)
		f.update(func(tx storage.Tx) error {
			for k := range n % 12 {
				i := 1 + (n*7+k)%(len(refs)-1)
				refs[i] = refTo(refs[i].Name, 1000*n+k)
				if err := tx.PutRef(repoID(n), refs[i], entry(fmt.Sprint(n), refs[i].Hash)); err != nil {
					return err
				}
			}
			return nil
		})
		want = append(want, refs)
	}
	for n := range depth {
		f.wantRefs(repoID(n), want[n]...)
	}
	for n := 0; n < depth-1; n += 2 {
		f.update(func(tx storage.Tx) error { return tx.DropRepo(repoID(n)) })
	}
	for n := range depth {
		if n%2 == 0 && n < depth-1 {
			f.wantRefs(repoID(n))
		} else {
			f.wantRefs(repoID(n), want[n]...)
		}
	}
}

// forksWide makes many forks of one repository, each with a commit of its own, and drops the parent among them.
func forksWide(f *fixture) {
	const n = 100
	refs := branches(50)
	parent := f.createRepo(0)
	f.putRefs(parent, refs...)
	for i := range n {
		fork := f.fork(1+i, parent)
		f.change(fork, "refs/heads/b000", 1000+i, "mine")
		if i == n/2 {
			f.update(func(tx storage.Tx) error { return tx.DropRepo(parent) })
			parent = fork
		}
	}
	for i := range n {
		want := slices.Clone(refs)
		want[1] = refTo("refs/heads/b000", 1000+i)
		f.wantRefs(repoID(1+i), want...)
		f.wantLog(repoID(1+i), "refs/heads/b000", "mine")
	}
}

// forksAlternating forks and changes in turn, little and much, so that a backend has to put layers together.
func forksAlternating(f *fixture) {
	refs := branches(100)
	parent := f.createRepo(0)
	f.putRefs(parent, refs...)
	rng := rand.New(rand.NewPCG(1, 2))
	var want [][]storage.Ref
	for n := range 60 {
		want = append(want, slices.Clone(refs))
		f.fork(1+n, parent)
		var changed []storage.Ref
		for range 1 + rng.IntN(40) {
			i := 1 + rng.IntN(len(refs)-1)
			refs[i] = refTo(refs[i].Name, rng.IntN(1_000_000))
			changed = append(changed, refs[i])
		}
		f.putRefs(parent, changed...)
		f.wantRefs(parent, refs...)
		if n%10 == 9 {
			f.update(func(tx storage.Tx) error { return tx.DropRepo(repoID(1 + n - 5)) })
			want[n-5] = nil
		}
	}
	f.wantRefs(parent, refs...)
	for n := range want {
		f.wantRefs(repoID(1+n), want[n]...)
	}
}
