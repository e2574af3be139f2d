package billyfs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/storagetest"
)

// A disk is a store in a directory on which git works, too.
type disk struct {
	*testing.T
	dir string
	storage.Backend
}

func newDisk(t *testing.T, opts *billyfs.Options) *disk {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	return &disk{t, dir, openOn(t, osfs.New(dir), opts)}
}

func id(s string) storage.ID {
	return storage.ID([]byte(strings.Repeat("0", 20-len(s)) + s))
}

func (d *disk) repo(id storage.ID) string { return filepath.Join(d.dir, "repos", id.String()+".git") }

// tryGit runs git in a directory.
func (d *disk) tryGit(dir string, args ...string) (string, error) {
	d.Helper()
	cmd := exec.CommandContext(d.Context(), "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+d.dir,
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@x",
		"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@x")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (d *disk) git(dir string, args ...string) string {
	d.Helper()
	out, err := d.tryGit(dir, args...)
	if err != nil {
		d.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// commitOf returns the objects of a commit with one file, and the name of the commit, which is the last of them.
func commitOf(parent storage.Hash, content string) ([]storage.Object, storage.Hash) {
	blob := storagetest.NewObject(storage.Blob, []byte(content))
	tree := storagetest.NewObject(storage.Tree, append([]byte("100644 file\x00"), blob.Hash[:]...))
	text := "tree " + tree.Hash.String() + "\n"
	if !parent.IsZero() {
		text += "parent " + parent.String() + "\n"
	}
	text += "author A <a@x> 1700000000 +0000\ncommitter A <a@x> 1700000000 +0000\n\n" + content + "\n"
	c := storagetest.NewObject(storage.Commit, []byte(text))
	return []storage.Object{blob, tree, c}, c.Hash
}

func logEntry(old, next storage.Hash, message string) *storage.LogEntry {
	return &storage.LogEntry{Old: old, New: next, Name: "A", Email: "a@x", When: time.Unix(1_700_000_000, 0).UTC(),
		Message: message}
}

// add commits content to a branch.
func (d *disk) add(repo, pool storage.ID, branch, content string) storage.Hash {
	d.Helper()
	var tip storage.Hash
	err := d.Update(d.Context(), func(tx storage.Tx) error {
		r, err := tx.Ref(repo, branch)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		var objects []storage.Object
		objects, tip = commitOf(r.Hash, content)
		for _, o := range objects {
			if _, err := tx.PutObject(pool, o); err != nil {
				return err
			}
		}
		return tx.PutRef(repo, storage.Ref{Name: branch, Hash: tip}, logEntry(r.Hash, tip, "commit: "+content))
	})
	if err != nil {
		d.Fatalf("Update() = %v", err)
	}
	return tip
}

func (d *disk) create(repo, pool storage.ID) {
	d.Helper()
	err := d.Update(d.Context(), func(tx storage.Tx) error {
		return errors.Join(tx.CreateRepo(repo, pool),
			tx.PutRef(repo, storage.Ref{Name: "HEAD", Target: "refs/heads/main"}, nil))
	})
	if err != nil {
		d.Fatalf("Update() = %v", err)
	}
}

func (d *disk) ref(repo storage.ID, name string) (r storage.Ref) {
	d.Helper()
	err := d.View(d.Context(), func(v storage.View) (err error) {
		r, err = v.Ref(repo, name)
		return err
	})
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		d.Errorf("Ref(%q) = %v", name, err)
	}
	return r
}

func (d *disk) refs(repo storage.ID) (names []string) {
	d.Helper()
	err := d.View(d.Context(), func(v storage.View) error {
		for r, err := range v.Refs(repo, "", "") {
			if err != nil {
				return err
			}
			names = append(names, r.Name)
		}
		return nil
	})
	if err != nil {
		d.Errorf("Refs() = %v", err)
	}
	return names
}

// fsck has git check a repository.
func (d *disk) fsck(repo storage.ID) {
	d.Helper()
	if out := d.git(d.repo(repo), "fsck", "--strict", "--full", "--no-dangling"); strings.Contains(out, "error") ||
		strings.Contains(out, "missing") {
		d.Errorf("git fsck: %s", out)
	}
}

func TestGitReads(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	d.git(d.repo(repo), "fsck", "--strict")
	one := d.add(repo, pool, "refs/heads/main", "one")
	two := d.add(repo, pool, "refs/heads/main", "two")
	d.add(repo, pool, "refs/heads/a/b", "three")
	d.fsck(repo)
	if got, want := d.git(d.repo(repo), "log", "--format=%H", "main"), two.String()+"\n"+one.String(); got != want {
		t.Errorf("git log = %s, want %s", got, want)
	}
	if got, want := d.git(d.repo(repo), "reflog", "show", "--format=%H %gs", "main"),
		two.String()+" commit: two\n"+one.String()+" commit: one"; got != want {
		t.Errorf("git reflog = %s, want %s", got, want)
	}
	if got, want := d.git(d.repo(repo), "for-each-ref", "--format=%(refname)"),
		"refs/heads/a/b\nrefs/heads/main"; got != want {
		t.Errorf("git for-each-ref = %s, want %s", got, want)
	}
	clone := filepath.Join(d.dir, "clone")
	d.git(d.dir, "clone", "-q", "file://"+d.repo(repo), clone)
	if got, err := os.ReadFile(filepath.Join(clone, "file")); string(got) != "two" {
		t.Errorf("cloned file = %q, %v, want two", got, err)
	}
}

// TestGitReadsPacks stores more objects at once than are kept in files of their own, some of them as deltas.
func TestGitReadsPacks(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	content := bytes.Repeat([]byte("0123456789abcdef\n"), 500)
	var tree []byte
	err := d.Update(t.Context(), func(tx storage.Tx) error {
		tree = nil
		var last storage.Object
		for i := range 200 {
			data := append(append([]byte{}, content...), fmt.Sprint(i)...)
			o := storagetest.NewObject(storage.Blob, data)
			if i%10 > 0 {
				o = storagetest.NewDelta(last, data)
			}
			last = o
			if _, err := tx.PutObject(pool, o); err != nil {
				return err
			}
			tree = append(append(tree, fmt.Sprintf("100644 %03d\x00", i)...), o.Hash[:]...)
		}
		t := storagetest.NewObject(storage.Tree, tree)
		c := storagetest.NewObject(storage.Commit,
			fmt.Appendf(nil, "tree %v\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nx\n", t.Hash))
		_, err1 := tx.PutObject(pool, t)
		_, err2 := tx.PutObject(pool, c)
		return errors.Join(err1, err2, tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: c.Hash}, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	d.fsck(repo)
	packs, _ := filepath.Glob(filepath.Join(d.dir, "pools", "*", "objects", "pack", "*.idx"))
	if len(packs) != 1 {
		t.Fatalf("there are %d packs, want 1", len(packs))
	}
	out := d.git(d.dir, "verify-pack", "-v", packs[0])
	if !strings.Contains(out, "chain length = 9: 20 objects") {
		t.Errorf("git verify-pack = %s, want chains of deltas", out[max(0, len(out)-600):])
	}
	if got, want := d.git(d.repo(repo), "ls-tree", "--name-only", "main"), 200; len(strings.Split(got, "\n")) != want {
		t.Errorf("git ls-tree has %d names, want %d", len(strings.Split(got, "\n")), want)
	}
}

func TestGitWritesAreSeen(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	one := d.add(repo, pool, "refs/heads/main", "one")
	clone := filepath.Join(d.dir, "clone")
	d.git(d.dir, "clone", "-q", d.repo(repo), clone)
	if err := os.WriteFile(filepath.Join(clone, "pushed"), []byte("pushed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.git(clone, "add", ".")
	d.git(clone, "commit", "-qm", "pushed")
	d.git(clone, "push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/x/y")
	pushed := d.git(clone, "rev-parse", "HEAD")
	if got := d.ref(repo, "refs/heads/main").Hash.String(); got != pushed {
		t.Errorf("after git push, main = %s, want %s", got, pushed)
	}
	if o, err := d.Object(t.Context(), pool, d.ref(repo, "refs/heads/x/y").Hash); err != nil || o.Type != storage.Commit {
		t.Errorf("Object() of a pushed commit = %v, %v", o.Type, err)
	}
	err := d.View(t.Context(), func(v storage.View) error {
		for e, err := range v.Log(repo, "refs/heads/main") {
			if e.New.String() != pushed || e.Message != "push" {
				t.Errorf("the newest entry of Log() is %v, %v, want that of the push", e, err)
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}

	// On top of what was pushed, and of what git gc packs.
	two := d.add(repo, pool, "refs/heads/main", "two")
	d.git(d.repo(repo), "gc", "-q", "--prune=now")
	d.fsck(repo)
	if got := d.ref(repo, "refs/heads/main").Hash; got != two {
		t.Errorf("after git gc, main = %v, want %v", got, two)
	}
	hash, _ := hex.DecodeString(pushed)
	if _, err := d.Object(t.Context(), pool, storage.Hash(hash)); err != nil {
		t.Errorf("after git gc, Object() of the pushed commit = %v", err)
	}
	d.git(d.repo(repo), "pack-refs", "--all")
	if got, want := strings.Join(d.refs(repo), " "), "HEAD refs/heads/main refs/heads/x/y"; got != want {
		t.Errorf("after git pack-refs, Refs() = %s, want %s", got, want)
	}
	three := d.add(repo, pool, "refs/heads/main", "three")
	err = d.Update(t.Context(), func(tx storage.Tx) error { return tx.DeleteRef(repo, "refs/heads/x/y", nil) })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.git(d.repo(repo), "for-each-ref", "--format=%(objectname) %(refname)"),
		three.String()+" refs/heads/main"; got != want {
		t.Errorf("git for-each-ref = %s, want %s", got, want)
	}
	d.git(d.repo(repo), "update-ref", "refs/heads/main", one.String(), three.String())
	if got := d.ref(repo, "refs/heads/main").Hash; got != one {
		t.Errorf("after git update-ref, main = %v, want %v", got, one)
	}
	d.git(d.repo(repo), "branch", "gone", "main")
	if got := d.ref(repo, "refs/heads/gone").Hash; got != one {
		t.Errorf("after git branch, gone = %v, want %v", got, one)
	}
	d.git(d.repo(repo), "branch", "-qD", "gone")
	if got := d.ref(repo, "refs/heads/gone"); got != (storage.Ref{}) {
		t.Errorf("after git branch -D, gone = %v, want none", got)
	}
	d.git(d.repo(repo), "symbolic-ref", "HEAD", "refs/heads/other")
	if got := d.ref(repo, "HEAD").Target; got != "refs/heads/other" {
		t.Errorf("after git symbolic-ref, HEAD = %q", got)
	}
	d.fsck(repo)
}

// TestGitGCLeavesPool has git refuse to remove objects of a pool, in which it knows of no refs.
func TestGitGCLeavesPool(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	for _, args := range [][]string{{"prune", "--expire=now"}, {"gc", "--prune=now"}, {"repack", "-a", "-d"}} {
		out, err := d.tryGit(filepath.Join(d.dir, "pools", pool.String()+".git"), args...)
		t.Logf("git %v in a pool: %v %s", args, err, out)
	}
	if _, err := d.Object(t.Context(), pool, tip); err != nil {
		t.Errorf("Object() = %v", err)
	}
	d.fsck(repo)
}

// TestGitReadsForks has a fork whose history came by git push into the repository it is forked from.
func TestGitReadsForks(t *testing.T) {
	d := newDisk(t, nil)
	repo, fork, pool := id("r1"), id("r2"), id("p1")
	d.create(repo, pool)
	d.add(repo, pool, "refs/heads/main", "one")
	clone := filepath.Join(d.dir, "clone")
	d.git(d.dir, "clone", "-q", d.repo(repo), clone)
	d.git(clone, "commit", "-q", "--allow-empty", "-m", "pushed")
	d.git(clone, "push", "-q", "origin", "HEAD:main")
	tip := d.ref(repo, "refs/heads/main")
	err := d.Update(t.Context(), func(tx storage.Tx) error {
		return errors.Join(tx.CreateRepo(fork, pool), tx.PutRef(fork, tip, nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := d.git(d.repo(fork), "log", "--format=%s", "main"); got != "pushed\none" {
		t.Errorf("git log of a fork = %q", got)
	}
	d.fsck(fork)

	// And again, with the fork already there.
	d.git(clone, "commit", "-q", "--allow-empty", "-m", "again")
	d.git(clone, "push", "-q", "origin", "HEAD:main")
	tip = d.ref(repo, "refs/heads/main")
	err = d.Update(t.Context(), func(tx storage.Tx) error {
		has, err := tx.HasObject(pool, tip.Hash)
		if err != nil || !has {
			t.Errorf("HasObject() of a pushed commit = %v, %v", has, err)
		}
		return tx.PutRef(fork, tip, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.fsck(fork)
}

// TestRefMovesDuringUpdate has git move a ref after the transaction has read it: it runs again.
func TestRefMovesDuringUpdate(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	one := d.add(repo, pool, "refs/heads/main", "one")
	d.add(repo, pool, "refs/heads/main", "two")
	objects, _ := commitOf(one, "three")
	runs := 0
	err := d.Update(t.Context(), func(tx storage.Tx) error {
		r, err := tx.Ref(repo, "refs/heads/main")
		if err != nil {
			return err
		}
		if runs++; runs == 1 {
			d.git(d.repo(repo), "update-ref", "refs/heads/main", one.String())
		} else if r.Hash != one {
			t.Errorf("Ref() in the second run = %v, want %v", r.Hash, one)
		}
		_, err = tx.PutObject(pool, objects[2])
		return errors.Join(err, tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: one}, nil))
	})
	if err != nil || runs != 2 {
		t.Errorf("Update() = %v after %d runs, want nil after 2", err, runs)
	}
}

// TestGitWritesBesideUs has git and Updates append to one branch at once: no commit of either is lost.
func TestGitWritesBesideUs(t *testing.T) {
	d := newDisk(t, noSync)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	d.add(repo, pool, "refs/heads/main", "first")
	const writers, each = 4, 25
	var wg sync.WaitGroup
	turns := make(chan struct{}, writers) // so that git, which is slower, has a chance
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				<-turns
				for {
					err := d.Update(t.Context(), func(tx storage.Tx) error {
						r, err := tx.Ref(repo, "refs/heads/main")
						if err != nil {
							return err
						}
						objects, tip := commitOf(r.Hash, fmt.Sprint(w, " ", i))
						for _, o := range objects {
							_, putErr := tx.PutObject(pool, o)
							err = errors.Join(err, putErr)
						}
						return errors.Join(err, tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: tip},
							logEntry(r.Hash, tip, "x")))
					})
					if err == nil {
						break
					}
					if !errors.Is(err, storage.ErrBusy) {
						t.Errorf("Update() = %v", err)
						return
					}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	wins := 0
	for busy, round := true, 0; busy; round++ {
		old := d.git(d.repo(repo), "rev-parse", "main")
		next := d.git(d.repo(repo), "commit-tree", "-p", old, "-m", fmt.Sprint("git ", wins), old+"^{tree}")
		for range round % 2 * writers {
			select {
			case turns <- struct{}{}:
			default:
			}
		}
		if _, err := d.tryGit(d.repo(repo), "update-ref", "refs/heads/main", next, old); err == nil {
			wins++
		}
		if wins%10 == 5 {
			d.tryGit(d.repo(repo), "pack-refs", "--all")
		}
		select {
		case <-done:
			busy = false
		default:
		}
	}
	want := fmt.Sprint(1 + writers*each + wins)
	if got := d.git(d.repo(repo), "rev-list", "--count", "main"); got != want {
		t.Errorf("the history has %s commits, want %s", got, want)
	}
	t.Logf("%d Updates, %d of git's", writers*each, wins)
	d.fsck(repo)
}

func TestSecondOpen(t *testing.T) {
	dir := t.TempDir()
	b := openOn(t, osfs.New(dir), nil)
	for _, root := range []string{dir, dir + "/."} {
		if _, err := billyfs.Open(osfs.New(root, osfs.WithBoundOS()), nil); !errors.Is(err, storage.ErrLocked) {
			t.Errorf("second Open() = %v, want %v", err, storage.ErrLocked)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	openOn(t, osfs.New(dir), nil)
}
