package billyfs_test

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
)

// TestPushOfBadTrees has git push trees whose entries lead elsewhere: it is refused, also in a store of the former
// format once it was opened. A mode with a zero before it, which old programs wrote, is not.
func TestPushOfBadTrees(t *testing.T) {
	t.Parallel()
	for _, former := range []bool{false, true} {
		d := newDisk(t, nil)
		repo, pool := id("r1"), id("p1")
		d.create(repo, pool)
		tip := d.add(repo, pool, "refs/heads/main", "one")
		if former {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(d.repo(repo), "config")
			data, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			before, _, ok := strings.Cut(string(data), "[transfer]")
			if !ok {
				t.Fatalf("config = %s", data)
			}
			write(t, config, before)
			write(t, filepath.Join(d.dir, "reposit/format"), formerFormat)
			openOn(t, osfs.New(d.dir), nil)
			if got := d.git(d.repo(repo), "config", "core.bare") +
				d.git(d.repo(repo), "config", "reposit.born"); got != "true1" {
				t.Errorf("core.bare, reposit.born = %q after the upgrade", got)
			}
		}
		clone := filepath.Join(d.dir, "clone")
		d.git(d.dir, "clone", "-q", d.repo(repo), clone)
		blob := d.git(clone, "rev-parse", "HEAD:file")
		raw, err := hex.DecodeString(blob)
		if err != nil {
			t.Fatal(err)
		}
		for entry, bad := range map[string]bool{"100644 .": true, "100644 ..": true, "100644 a/b": true, "100644 .git": true,
			"100644 .GIT": true, "100644 fine": false, "0100644 old": false} {
			write(t, filepath.Join(clone, ".git/tree"), entry+"\x00"+string(raw))
			tree := d.git(clone, "hash-object", "-t", "tree", "--literally", "-w", ".git/tree")
			commit := d.git(clone, "commit-tree", "-p", tip.String(), "-m", "x", tree)
			out, err := d.tryGit(clone, "push", "-q", "origin", commit+":refs/heads/b"+tree)
			if (err != nil) != bad {
				t.Errorf("git push of an entry %q = %v %s, want it refused: %t", entry, err, out, bad)
			}
		}
	}
}

// TestForeignFormats has a repository of a format that this program does not read: it is refused by name, not read as
// one without refs. What does not matter here is read.
func TestForeignFormats(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	config, err := os.ReadFile(filepath.Join(d.repo(repo), "config"))
	if err != nil {
		t.Fatal(err)
	}
	v1 := strings.Replace(string(config), "repositoryformatversion = 0", "repositoryformatversion = 1", 1)
	for _, c := range []struct{ config, want string }{
		{v1, ""},
		{v1 + "[extensions]\n\tnoop = true\n\tpreciousObjects = true\n\tpartialClone = origin\n\tworktreeConfig = true\n",
			""},
		{v1 + "[extensions]\n\trelativeWorktrees = true\n\tobjectFormat = sha1\n\trefStorage = files\n", ""},
		{string(config) + "[extensions]\n\tnobodyKnows = true\n", ""}, // as git does, which looks at version 1 only
		{string(config) + "[Extensions]\n\tobjectFormat = sha256\n", "objectformat"},
		{v1 + "[extensions] refStorage = reftable", "refstorage"},
		{v1 + "[extensions]\n\tobjectformat = sha256\n", "objectformat"},
		{v1 + "[extensions]\n\tnobodyKnows = true\n", "nobodyknows"},
		{v1 + "[extensions]\n\tcompatObjectFormat = sha256\n", "compatobjectformat"},
		{strings.Replace(v1, "version = 1", "version = 2", 1), "version 2"},
	} {
		left := copyOf(t, d.dir)
		write(t, filepath.Join(left, "repos", repo.String()+".git", "config"), c.config)
		b := openOn(t, osfs.New(left), nil)
		check := func(call string, err error) {
			t.Helper()
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, storage.ErrFormat) ||
				!strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s with config\n%s= %v, want %v and %q", call, c.config, err, storage.ErrFormat, c.want)
			}
		}
		err := b.View(t.Context(), func(v storage.View) error {
			_, err := v.Ref(repo, "refs/heads/main")
			check("Ref()", err)
			err = nil
			for _, err = range v.Refs(repo, "", "") {
			}
			check("Refs()", err)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		check("Update()", b.Update(t.Context(), func(tx storage.Tx) error {
			return tx.PutRef(repo, storage.Ref{Name: "refs/heads/new", Hash: tip}, nil)
		}))
		b.Close()
	}
}

// TestPackIndexVersion1 has git write the index that it wrote long ago: all objects are found by it.
func TestPackIndexVersion1(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	clone := filepath.Join(d.dir, "clone")
	d.git(d.dir, "clone", "-q", d.repo(repo), clone)
	for range 5 {
		d.git(clone, "commit", "-q", "--allow-empty", "-m", "pushed")
	}
	d.git(d.repo(repo), "config", "receive.unpackLimit", "1")
	d.git(d.repo(repo), "config", "pack.indexVersion", "1")
	d.git(clone, "push", "-q", "origin", "HEAD:main")
	files, err := filepath.Glob(filepath.Join(d.repo(repo), "objects/pack/*.idx"))
	if err != nil || len(files) != 1 {
		t.Fatalf("packs: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil || strings.HasPrefix(string(data), "\xfftOc") {
		t.Fatalf("the index is not of version 1: %v", err)
	}
	hashes := strings.Fields(d.git(clone, "rev-list", "HEAD", "^"+tip.String()))
	if len(hashes) != 5 {
		t.Fatalf("there are %d commits", len(hashes))
	}
	for _, hash := range hashes {
		var h storage.Hash
		if _, err := hex.Decode(h[:], []byte(hash)); err != nil {
			t.Fatal(err)
		}
		o, err := d.Object(t.Context(), pool, h)
		if err != nil || o.Type != storage.Commit {
			t.Errorf("Object(%v) = %v, %v", h, o.Type, err)
		}
	}
	if _, err := d.Object(t.Context(), pool, storage.Hash{1}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Object() of none = %v, want %v", err, storage.ErrNotFound)
	}
}
