package billyfs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
)

// looseRefs returns how many refs of a repository have files of their own.
func (d *disk) looseRefs(repo storage.ID) (n int) {
	d.Helper()
	err := filepath.WalkDir(filepath.Join(d.repo(repo), "refs"), func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return n
}

// sees compares the refs that the store lists with those that git lists.
func (d *disk) sees(repo storage.ID) {
	d.Helper()
	want := strings.Fields(d.git(d.repo(repo), "for-each-ref", "--format=%(refname)"))
	got := d.refs(repo)
	if len(got) > 0 && got[0] == "HEAD" {
		got = got[1:]
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.Errorf("refs are %.200q (%d), git has %.200q (%d)", got, len(got), want, len(want))
	}
}

// TestManyRefsAtOnce makes, moves and deletes many refs in one transaction each, some with files of their own: git
// finds what the store does, and what tags peel to. While git has one of them locked, nothing happens.
func TestManyRefsAtOnce(t *testing.T) {
	d := newDisk(t, noSync)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	next := d.add(repo, pool, "refs/heads/main", "two")
	dir := d.repo(repo)
	d.git(dir, "tag", "-m", "annotated", "annotated", tip.String())
	annotated := d.ref(repo, "refs/tags/annotated").Hash
	d.git(dir, "update-ref", "refs/tags/m/3/x", tip.String())
	names := func(i int) string { return fmt.Sprintf("refs/tags/m/%d/x", i) }
	set := func(from, to int, h storage.Hash) error {
		return d.Update(t.Context(), func(tx storage.Tx) error {
			for i := from; i < to; i++ {
				entry := logEntry(storage.Hash{}, h, fmt.Sprint("change ", i))
				var err error
				if h.IsZero() {
					err = tx.DeleteRef(repo, names(i), entry)
				} else {
					err = tx.PutRef(repo, storage.Ref{Name: names(i), Hash: h}, entry)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	is := func(when string, i int, want storage.Hash, lines int) {
		t.Helper()
		out, _ := d.tryGit(dir, "rev-parse", "--verify", "-q", names(i))
		if got := strings.TrimSpace(out); got != want.String() && (got != "" || !want.IsZero()) {
			t.Errorf("%s, git has %q for %s, want %s", when, got, names(i), want)
		}
		n := 0
		err := d.View(t.Context(), func(v storage.View) error {
			for _, err := range v.Log(repo, names(i)) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil || n != lines {
			t.Errorf("%s, the log of %s has %d lines, %v; want %d", when, names(i), n, err, lines)
		}
		d.sees(repo)
	}

	lock := filepath.Join(dir, names(50)+".lock")
	if err := os.MkdirAll(filepath.Dir(lock), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := set(0, 100, tip); !errors.Is(err, storage.ErrBusy) {
		t.Fatalf("beside git's lock: %v, want ErrBusy", err)
	}
	is("beside git's lock", 5, storage.Hash{}, 0)
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := set(0, 100, tip); err != nil {
		t.Fatal(err)
	}
	is("made", 99, tip, 1)
	is("made, with a file", 3, tip, 1)
	if n := d.looseRefs(repo); n != 3 {
		t.Errorf("%d refs have files of their own, want main, annotated and %s", n, names(3))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "refs/tags/m/5*")); len(left) > 0 {
		t.Errorf("directories of locks are left: %q", left)
	}
	if err := set(0, 1, next); err != nil { // gets a file, and a log that goes on
		t.Fatal(err)
	}
	is("moved alone", 0, next, 2)
	if err := set(0, 100, next); err != nil {
		t.Fatal(err)
	}
	is("moved", 0, next, 3)
	is("moved", 99, next, 2)
	d.git(dir, "update-ref", names(7), tip.String())
	if err := set(0, 50, storage.Hash{}); err != nil {
		t.Fatal(err)
	}
	is("deleted", 0, storage.Hash{}, 4)
	is("deleted, with a file of git's", 7, storage.Hash{}, 3)
	is("not deleted", 50, next, 2)
	if err := set(0, 50, annotated); err != nil {
		t.Fatal(err)
	}
	is("made again", 49, annotated, 4)
	if out := d.git(dir, "show-ref", "-d", names(49)); !strings.Contains(out, tip.String()+" "+names(49)+"^{}") {
		t.Errorf("git finds of a ref that leads to a tag: %s", out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "packed-refs"))
	if head, _, _ := strings.Cut(string(text), "\n"); err != nil || !strings.Contains(head, "fully-peeled") {
		t.Errorf("packed-refs begins with %q, %v", head, err)
	}
	d.fsck(repo)
	for i := range 12 { // so that logs are no longer packed
		if err := set(0, 50, []storage.Hash{tip, next}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	is("moved often", 49, next, 16)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.Backend = openOn(t, osfs.New(d.dir), noSync)
	is("opened again", 0, next, 17)
	is("opened again", 49, next, 16)
	if info, err := os.Stat(filepath.Join(dir, "reposit-packed-logs")); err != nil || info.Size() > 100*2048 {
		t.Errorf("packed logs are %d bytes, %v", info.Size(), err)
	}
}

// TestPackRefs makes many refs, by Updates and by git: they end up in packed-refs, where git finds them, and what
// annotated tags peel to.
func TestPackRefs(t *testing.T) {
	d := newDisk(t, noSync)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	for i := range 100 {
		err := d.Update(t.Context(), func(tx storage.Tx) error {
			return tx.PutRef(repo, storage.Ref{Name: fmt.Sprintf("refs/heads/a/%d", i), Hash: tip}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := d.looseRefs(repo); n > 50 {
		t.Errorf("after 100 Updates, %d refs have files of their own", n)
	}
	d.sees(repo)

	dir := d.repo(repo)
	if err := os.MkdirAll(filepath.Join(dir, "refs/tags"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 300 { // as git leaves them, in a fraction of the time
		name := filepath.Join(dir, fmt.Sprintf("refs/tags/t%d", i))
		if err := os.WriteFile(name, []byte(tip.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.git(dir, "tag", "-m", "annotated", "annotated", tip.String())
	d.refs(repo) // sees that they are many
	if n := d.looseRefs(repo); n > 50 {
		t.Errorf("after a View, %d refs have files of their own", n)
	}
	d.sees(repo)
	if packed := d.git(dir, "show-ref", "-d", "annotated"); !strings.Contains(packed,
		tip.String()+" refs/tags/annotated^{}") {
		t.Errorf("git finds of the annotated tag: %s", packed)
	}
	d.fsck(repo)

	// What git moves, deletes and packs is seen, whatever was read before.
	next := d.add(repo, pool, "refs/heads/a/1", "two")
	d.git(dir, "update-ref", "refs/heads/a/2", next.String())
	d.git(dir, "update-ref", "-d", "refs/heads/a/3")
	d.git(dir, "update-ref", "refs/heads/b", next.String())
	d.sees(repo)
	if got := d.ref(repo, "refs/heads/a/2").Hash; got != next {
		t.Errorf("git moved a ref, which is %s, want %s", got, next)
	}
	d.git(dir, "pack-refs", "--all")
	d.git(dir, "update-ref", "-d", "refs/heads/a/2")
	d.sees(repo)
	err := d.Update(t.Context(), func(tx storage.Tx) error { return tx.DeleteRef(repo, "refs/heads/a/4", nil) })
	if err != nil {
		t.Fatal(err)
	}
	d.sees(repo)
}
