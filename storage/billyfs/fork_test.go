package billyfs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
)

func (d *disk) fork(repo, from storage.ID) {
	d.Helper()
	if err := d.Update(d.Context(), func(tx storage.Tx) error { return tx.ForkRepo(repo, from) }); err != nil {
		d.Fatalf("ForkRepo() = %v", err)
	}
}

func (d *disk) drop(repo storage.ID) {
	d.Helper()
	if err := d.Update(d.Context(), func(tx storage.Tx) error { return tx.DropRepo(repo) }); err != nil {
		d.Fatalf("DropRepo() = %v", err)
	}
}

// refList returns the refs of a repository as git lists them.
func (d *disk) refList(repo storage.ID, patterns ...string) string {
	d.Helper()
	return d.git(d.repo(repo), append([]string{"for-each-ref", "--format=%(objectname) %(refname)"}, patterns...)...)
}

// clone clones a repository, and returns where.
func (d *disk) clone(repo storage.ID, name string) string {
	d.Helper()
	clone := filepath.Join(d.dir, name)
	d.git(d.dir, "clone", "-q", d.repo(repo), clone)
	return clone
}

// push commits files to a clone, and pushes them to a branch.
func (d *disk) push(clone, branch string, files int) {
	d.Helper()
	for i := range files {
		name := filepath.Join(clone, fmt.Sprintf("%s-%d", branch, i))
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			d.Fatal(err)
		}
	}
	d.git(clone, "add", ".")
	d.git(clone, "commit", "-qm", "pushed to "+branch)
	d.git(clone, "push", "-q", "origin", "HEAD:"+branch)
}

// readsAll checks that git finds whatever the refs of a repository lead to, by itself and in a clone.
func (d *disk) readsAll(repo storage.ID) {
	d.Helper()
	d.fsck(repo)
	d.git(d.repo(repo), "rev-list", "--all", "--objects", "--quiet")
	d.git(d.clone(repo, "clone of "+repo.String()), "fsck", "--full")
	if err := os.RemoveAll(filepath.Join(d.dir, "clone of "+repo.String())); err != nil {
		d.Fatal(err)
	}
}

// TestGitForks forks a repository into which git has pushed loose objects and packs, and has git work in both, until
// the parent is gone.
func TestGitForks(t *testing.T) {
	t.Parallel()
	d := newDisk(t, nil)
	parent, fork, nested, second, pool := id("r1"), id("r2"), id("r3"), id("r4"), id("p1")
	d.create(parent, pool)
	tip := d.add(parent, pool, "refs/heads/main", "one")
	err := d.Update(t.Context(), func(tx storage.Tx) error {
		err := tx.PutRef(parent, storage.Ref{Name: "refs/pull/1/head", Hash: tip}, nil)
		for i := range 40 {
			err = errors.Join(err, tx.PutRef(parent, storage.Ref{Name: fmt.Sprintf("refs/heads/b%02d", i), Hash: tip}, nil))
		}
		return errors.Join(err, tx.PutRef(parent, storage.Ref{Name: "refs/heads/link", Target: "refs/heads/b01"}, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	clone := d.clone(parent, "clone")
	d.push(clone, "loose", 3)
	d.git(d.repo(parent), "config", "receive.unpackLimit", "1")
	d.push(clone, "packed", 20)
	d.git(clone, "tag", "-am", "annotated", "v1")
	d.git(clone, "push", "-q", "origin", "v1")

	d.fork(fork, parent)
	if got, want := d.refList(fork), d.refList(parent, "refs/heads", "refs/tags"); got != want {
		t.Errorf("git for-each-ref of the fork = %s\nwant %s", got, want)
	}
	if got := d.git(d.repo(fork), "symbolic-ref", "HEAD"); got != "refs/heads/main" {
		t.Errorf("HEAD of the fork is %s, want refs/heads/main", got)
	}
	loose, err := filepath.Glob(filepath.Join(d.repo(fork), "refs", "heads", "*"))
	if err != nil || len(loose) != 1 { // the symbolic one
		t.Errorf("files of refs in the fork: %q, want one", loose)
	}
	d.readsAll(fork)
	d.readsAll(parent)

	// Each goes its own way, with git and without.
	d.push(d.clone(fork, "second clone"), "of-fork", 2)
	d.add(fork, pool, "refs/heads/main", "in the fork")
	d.push(clone, "after", 2)
	d.git(d.repo(fork), "branch", "-qD", "b00")
	for _, repo := range []storage.ID{parent, fork} {
		d.git(d.repo(repo), "gc", "-q", "--prune=now")
	}
	if got := d.git(d.repo(parent), "log", "-1", "--format=%s", "main"); got != "one" {
		t.Errorf("main of the parent is at %q, want one", got)
	}
	if got := d.ref(fork, "refs/heads/after"); got != (storage.Ref{}) {
		t.Errorf("the fork has %v of a push to the parent", got)
	}
	d.fork(nested, fork)
	d.fork(second, parent)
	want := map[storage.ID]string{fork: d.refList(fork), nested: d.refList(fork),
		second: d.refList(parent, "refs/heads", "refs/tags")}
	for n, gone := range []storage.ID{parent, fork} {
		d.drop(gone)
		delete(want, gone)
		if n == 1 {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d.Backend = openOn(t, osfs.New(d.dir), nil)
		}
		for repo, refs := range want {
			if got := d.refList(repo); got != refs {
				t.Errorf("git for-each-ref of %s = %s\nwant %s", repo, got, refs)
			}
			d.readsAll(repo)
		}
	}
	d.push(d.clone(nested, "third clone"), "of-nested", 2)
	d.readsAll(nested)
	for _, name := range d.refs(nested) {
		r := d.ref(nested, name)
		if _, err := d.Object(t.Context(), pool, r.Hash); r.Target == "" && err != nil {
			t.Errorf("Object() of %s = %v", r.Name, err)
		}
	}
}

// TestForkBesideGC forks while git packs what was pushed, so that objects move from one file to another meanwhile.
func TestForkBesideGC(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("long")
	}
	d := newDisk(t, noSync)
	parent, pool := id("r1"), id("p1")
	d.create(parent, pool)
	d.add(parent, pool, "refs/heads/main", "one")
	clone := d.clone(parent, "clone")
	var git sync.WaitGroup
	const rounds = 10
	for n := range rounds {
		d.push(clone, fmt.Sprint("b", n), 5)
		git.Go(func() {
			if out, err := d.tryGit(d.repo(parent), "repack", "-adq"); err != nil {
				t.Errorf("git repack: %v\n%s", err, out)
			}
			if out, err := d.tryGit(d.repo(parent), "prune-packed", "-q"); err != nil {
				t.Errorf("git prune-packed: %v\n%s", err, out)
			}
		})
		d.fork(id(fmt.Sprintf("f%d", n)), parent)
		git.Wait()
	}
	d.drop(parent)
	for n := range rounds {
		fork := id(fmt.Sprintf("f%d", n))
		if got := strings.Count(d.refList(fork), "\n") + 1; got != n+2 {
			t.Errorf("fork %d has %d refs, want %d", n, got, n+2)
		}
		d.fsck(fork)
	}
}
