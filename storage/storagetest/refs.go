package storagetest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/storage"
)

func refClauses() []clause {
	return []clause{
		{"RoundTrip", refsRoundTrip},
		{"Unknown", refsUnknown},
		{"Replace", refsReplace},
		{"Symbolic", refsSymbolic},
		{"Delete", refsDelete},
		{"Order", refsOrder},
		{"PrefixAndAfter", refsPrefixAndAfter},
		{"OwnWrites", refsOwnWrites},
		{"FileBecomesDirectory", refsFileBecomesDirectory},
		{"ReposAreSeparate", refsReposAreSeparate},
		{"PoolIsShared", refsPoolIsShared},
		{"Many", refsMany},
	}
}

// refTo returns a ref whose hash is told by n.
func refTo(name string, n int) storage.Ref {
	return storage.Ref{Name: name, Hash: HashOf(storage.Commit, fmt.Append(nil, n))}
}

func symbolic(name, target string) storage.Ref { return storage.Ref{Name: name, Target: target} }

// oddNames are names that Git takes and that are easy to get wrong: for directories, for case, for escapes. None is
// a directory of another one.
var oddNames = []string{
	"HEAD",
	"refs/heads/%41",
	"refs/heads/-",
	"refs/heads/@",
	"refs/heads/A",
	"refs/heads/HEAD",
	"refs/heads/a!b",
	"refs/heads/a-b",
	"refs/heads/a.b",
	"refs/heads/a/b",
	"refs/heads/a/b-c",
	"refs/heads/a/c/d",
	"refs/heads/a0",
	"refs/heads/con",
	"refs/heads/main",
	"refs/heads/main.locked",
	"refs/heads/refs/heads/main",
	"refs/heads/\xc3\xa9",
	"refs/heads/\xff",
	"refs/notes/commits",
	"refs/pull/1/head",
	"refs/pull/10/head",
	"refs/pull/2/head",
	"refs/stash",
	"refs/tags/v1",
	"refs/tags/v1.0",
	"refs/heads/" + strings.Repeat("long/", 60) + "x",
	"refs/heads/" + strings.Repeat("l", 200),
}

// putRefs puts refs without entries in one Update.
func (f *fixture) putRefs(repo storage.ID, refs ...storage.Ref) {
	f.Helper()
	f.update(func(tx storage.Tx) error { return putRefs(tx, repo, refs...) })
}

func putRefs(tx storage.Tx, repo storage.ID, refs ...storage.Ref) error {
	for _, r := range refs {
		if err := tx.PutRef(repo, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// wantRefs checks that the refs of a repository are these, in any order given, and no others.
func (f *fixture) wantRefs(repo storage.ID, want ...storage.Ref) {
	f.Helper()
	f.view(func(v storage.View) error { return checkRefs(v, repo, want...) })
}

func checkRefs(v storage.View, repo storage.ID, want ...storage.Ref) error {
	want = slices.SortedFunc(slices.Values(want), func(a, b storage.Ref) int { return strings.Compare(a.Name, b.Name) })
	got, err := collect(v.Refs(repo, "", ""))
	if err != nil {
		return err
	}
	if diff := diffRefs(want, got); diff != "" {
		return fmt.Errorf("Refs() differ (-want +got):\n%s", diff)
	}
	for _, r := range want {
		if got, err := v.Ref(repo, r.Name); err != nil || got != r {
			return fmt.Errorf("Ref(%q) = %v, %w, want %v, nil", r.Name, got, err, r)
		}
	}
	return nil
}

func refsRoundTrip(f *fixture) {
	repo := f.createRepo(1)
	f.wantRefs(repo)
	var refs []storage.Ref
	for i, name := range oddNames {
		refs = append(refs, refTo(name, i))
		f.putRefs(repo, refs[i])
	}
	f.wantRefs(repo, refs...)
	other := f.createRepo(2)
	f.putRefs(other, refs...)
	f.wantRefs(other, refs...)
}

func refsUnknown(f *fixture) {
	repo := f.createRepo(1)
	f.putRefs(repo, refTo("refs/heads/a/b", 1))
	f.view(func(v storage.View) error {
		for _, name := range []string{"refs/heads/a", "refs/heads/a/b/c", "refs/heads/x", "HEAD", "refs", "refs/heads"} {
			_, err := v.Ref(repo, name)
			f.wantErr(fmt.Sprintf("Ref(%q)", name), err, storage.ErrNotFound)
			f.wantErr(fmt.Sprintf("Ref(%q)", name), err, fs.ErrNotExist)
		}
		_, err := v.Ref(repoID(2), "refs/heads/a/b")
		f.wantErr("Ref() of an unknown repository", err, storage.ErrNotFound)
		if refs, err := collect(v.Refs(repoID(2), "", "")); err != nil || len(refs) > 0 {
			f.Errorf("Refs() of an unknown repository = %v, %v, want none, nil", refs, err)
		}
		if log, err := collect(v.Log(repoID(2), "HEAD")); err != nil || len(log) > 0 {
			f.Errorf("Log() of an unknown repository = %v, %v, want none, nil", log, err)
		}
		return nil
	})
}

func refsReplace(f *fixture) {
	repo := f.createRepo(1)
	for i := range 3 {
		f.putRefs(repo, refTo("refs/heads/main", i))
		f.wantRefs(repo, refTo("refs/heads/main", i))
	}
	f.putRefs(repo, refTo("refs/heads/main", 7), refTo("refs/heads/main", 8))
	f.wantRefs(repo, refTo("refs/heads/main", 8))
}

func refsSymbolic(f *fixture) {
	repo := f.createRepo(1)
	head := symbolic("HEAD", "refs/heads/main")
	f.putRefs(repo, head) // unborn
	f.wantRefs(repo, head)
	main, other := refTo("refs/heads/main", 1), symbolic("refs/heads/other", "refs/heads/main")
	f.putRefs(repo, main, other)
	f.wantRefs(repo, head, main, other)

	// Changing what they point to changes them not, nor the reverse.
	main = refTo("refs/heads/main", 2)
	f.putRefs(repo, main)
	f.wantRefs(repo, head, main, other)
	head = refTo("HEAD", 3) // detached
	f.putRefs(repo, head)
	f.wantRefs(repo, head, main, other)
	head, main, other = symbolic("HEAD", "refs/heads/gone"), symbolic("refs/heads/main", "refs/heads/other"),
		refTo("refs/heads/other", 4)
	f.putRefs(repo, head, main, other)
	f.wantRefs(repo, head, main, other)
}

func refsDelete(f *fixture) {
	repo := f.createRepo(1)
	a, b := refTo("refs/heads/a", 1), symbolic("refs/heads/b", "refs/heads/a")
	f.putRefs(repo, a, b)
	f.update(func(tx storage.Tx) error { return tx.DeleteRef(repo, b.Name, nil) })
	f.wantRefs(repo, a)
	f.update(func(tx storage.Tx) error {
		return errors.Join(tx.DeleteRef(repo, a.Name, nil), tx.DeleteRef(repo, "refs/heads/missing", nil),
			tx.DeleteRef(repo, a.Name, nil))
	})
	f.wantRefs(repo)
	f.putRefs(repo, b)
	f.wantRefs(repo, b)
	f.update(func(tx storage.Tx) error { return errors.Join(putRefs(tx, repo, a), tx.DeleteRef(repo, a.Name, nil)) })
	f.wantRefs(repo, b)
	f.update(func(tx storage.Tx) error { return errors.Join(tx.DeleteRef(repo, b.Name, nil), putRefs(tx, repo, a)) })
	f.wantRefs(repo, a)
}

// refsOrder has names that sort otherwise as paths than as bytes.
func refsOrder(f *fixture) {
	repo := f.createRepo(1)
	var refs []storage.Ref
	for i, name := range oddNames {
		refs = append(refs, refTo(name, i))
	}
	f.putRefs(repo, refs...)
	want := slices.Sorted(slices.Values(oddNames))
	f.view(func(v storage.View) error {
		var got []string
		for r, err := range v.Refs(repo, "", "") {
			if err != nil {
				return err
			}
			got = append(got, r.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("names of Refs() differ (-want +got):\n%s", diff)
		}
		return nil
	})
}

func refsPrefixAndAfter(f *fixture) {
	repo := f.createRepo(1)
	for i, name := range oddNames {
		f.putRefs(repo, refTo(name, i))
	}
	sorted := slices.Sorted(slices.Values(oddNames))
	bounds := append([]string{"", "A", "refs/", "refs/h", "refs/heads/", "refs/heads/a", "refs/heads/a/", "refs/heads/a/b",
		"refs/heads/aa",
		"refs/heads/\xff\xff", "refs/tags", "refs/tags/v1\x00", "z"}, oddNames[:8]...)
	f.view(func(v storage.View) error {
		for i, prefix := range bounds {
			for j, after := range bounds {
				if prefix != "" && after != "" && (i+j)%3 != 0 { // a third of the pairs: some backends read all of it each time
					continue
				}
				var want []string
				for _, name := range sorted {
					if strings.HasPrefix(name, prefix) && name > after {
						want = append(want, name)
					}
				}
				var got []string
				for r, err := range v.Refs(repo, prefix, after) {
					if err != nil {
						return err
					}
					got = append(got, r.Name)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					f.Errorf("Refs(prefix %q, after %q) differ (-want +got):\n%s", prefix, after, diff)
				}
			}
		}
		n := 0
		for range v.Refs(repo, "", "") {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			f.Errorf("a loop over Refs() that breaks off at 3 saw %d", n)
		}
		return nil
	})
}

// refsOwnWrites reads, in the transaction, what it has put and deleted among what was there before.
func refsOwnWrites(f *fixture) {
	repo := f.createRepo(1)
	f.putRefs(repo, refTo("refs/heads/a", 1), refTo("refs/heads/c", 1), refTo("refs/heads/e", 1), refTo("refs/heads/g", 1))
	want := []storage.Ref{
		refTo("refs/heads/a", 1), refTo("refs/heads/b", 2), refTo("refs/heads/c", 2),
		symbolic("refs/heads/e", "refs/heads/a"), refTo("refs/heads/f", 3),
	}
	f.update(func(tx storage.Tx) error {
		err := errors.Join(
			putRefs(tx, repo, want[1], want[2], want[3], refTo("refs/heads/d", 2), refTo("refs/heads/f", 2)),
			tx.DeleteRef(repo, "refs/heads/d", nil), tx.DeleteRef(repo, "refs/heads/g", nil),
			tx.DeleteRef(repo, "refs/heads/f", nil), putRefs(tx, repo, want[4]),
			checkRefs(tx, repo, want...),
		)
		for _, name := range []string{"refs/heads/d", "refs/heads/g"} {
			if _, refErr := tx.Ref(repo, name); !errors.Is(refErr, storage.ErrNotFound) {
				err = errors.Join(err, fmt.Errorf("Ref(%q) = %v after DeleteRef, want not found", name, refErr))
			}
		}
		return err
	})
	f.wantRefs(repo, want...)
	f.update(func(tx storage.Tx) error {
		r := refTo("refs/heads/first", 1)
		return errors.Join(tx.CreateRepo(repoID(2), poolID(2)), putRefs(tx, repoID(2), r), checkRefs(tx, repoID(2), r))
	})
	f.wantRefs(repoID(2), refTo("refs/heads/first", 1))
}

// refsFileBecomesDirectory deletes "a" where "a/b" is put, and back again, with logs that stay, in one Update and
// in two.
func refsFileBecomesDirectory(f *fixture) {
	repo := f.createRepo(1)
	a, ab := refTo("refs/heads/a", 1), refTo("refs/heads/a/b", 2)
	put := func(r storage.Ref) func(storage.Tx) error {
		return func(tx storage.Tx) error { return tx.PutRef(repo, r, entry("put", r.Hash)) }
	}
	drop := func(r storage.Ref) func(storage.Tx) error {
		return func(tx storage.Tx) error { return tx.DeleteRef(repo, r.Name, entry("delete", storage.Hash{})) }
	}
	f.update(put(a))
	f.update(drop(a))
	f.update(put(ab))
	f.wantRefs(repo, ab)
	f.update(func(tx storage.Tx) error { return errors.Join(drop(ab)(tx), put(a)(tx)) })
	f.wantRefs(repo, a)
	f.update(func(tx storage.Tx) error { return errors.Join(drop(a)(tx), put(ab)(tx)) })
	f.wantRefs(repo, ab)
	f.wantLog(repo, a.Name, "delete", "put", "delete", "put")
	f.wantLog(repo, ab.Name, "put", "delete", "put")
}

func refsReposAreSeparate(f *fixture) {
	one, two := f.createRepo(1), f.createRepo(2)
	f.update(func(tx storage.Tx) error {
		return errors.Join(putRefs(tx, one, refTo("refs/heads/main", 1)),
			putRefs(tx, two, refTo("refs/heads/main", 2), refTo("refs/heads/x", 3)))
	})
	f.wantRefs(one, refTo("refs/heads/main", 1))
	f.wantRefs(two, refTo("refs/heads/main", 2), refTo("refs/heads/x", 3))
	f.update(func(tx storage.Tx) error { return tx.DeleteRef(one, "refs/heads/main", nil) })
	f.wantRefs(one)
	f.wantRefs(two, refTo("refs/heads/main", 2), refTo("refs/heads/x", 3))
}

// refsPoolIsShared has a fork: two repositories over one pool.
func refsPoolIsShared(f *fixture) {
	all := blobs(1)
	f.update(func(tx storage.Tx) error {
		return errors.Join(tx.CreateRepo(repoID(1), poolID(1)), putAll(tx, poolID(1), all...),
			putRefs(tx, repoID(1), refTo("refs/heads/main", 1)))
	})
	f.update(func(tx storage.Tx) error {
		return errors.Join(tx.CreateRepo(repoID(2), poolID(1)), putRefs(tx, repoID(2), refTo("refs/heads/main", 2)))
	})
	f.has(poolID(1), all...)
	f.wantRefs(repoID(1), refTo("refs/heads/main", 1))
	f.wantRefs(repoID(2), refTo("refs/heads/main", 2))
}

func refsMany(f *fixture) {
	repo := f.createRepo(1)
	refs := make([]storage.Ref, 1000)
	for i := range refs {
		refs[i] = refTo(fmt.Sprintf("refs/tags/%02d/v%d", i%17, i), i)
	}
	f.putRefs(repo, refs...)
	f.wantRefs(repo, refs...)
	f.update(func(tx storage.Tx) error {
		for _, r := range refs[500:] {
			if err := tx.DeleteRef(repo, r.Name, nil); err != nil {
				return err
			}
		}
		return nil
	})
	f.wantRefs(repo, refs[:500]...)
}
