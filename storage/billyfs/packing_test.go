package billyfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
