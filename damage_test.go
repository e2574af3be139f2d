package reposit_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// wantListed asks every list of the store for the repositories, of which one, or none, is damaged.
func wantListed(t *testing.T, s *store, damaged reposit.ID, all ...reposit.ID) {
	t.Helper()
	check := func(what string, items []reposit.Info, err error) {
		t.Helper()
		seen := map[reposit.ID]bool{}
		for _, info := range items {
			seen[info.ID] = true
			if isIt := info.ID == damaged; isIt != (info.Damaged != nil) {
				t.Errorf("%s: %s is damaged: %v, want %v", what, info.ID, info.Damaged, isIt)
			}
		}
		if err != nil || len(items) != len(all) || len(seen) != len(all) {
			t.Errorf("%s = %d repositories, %v, want %d", what, len(items), err, len(all))
		}
	}
	for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortName} {
		page, err := s.List(t.Context(), &reposit.ListOptions{Sort: sort})
		check("List", page.Items, err)
	}
	var items []reposit.Info
	var failed error
	for info, err := range s.All(t.Context(), nil) {
		if failed = err; err == nil {
			items = append(items, info)
		}
	}
	check("All", items, failed)
	for _, query := range []string{"", "common", "common word"} {
		found, err := s.Search(t.Context(), query, nil)
		items = nil
		for _, r := range found.Items {
			items = append(items, r.Info)
		}
		check("Search "+query, items, err)
	}
}

// TestListDamagedRecords damages a record of one repository. Others are listed and found, and it is said what is
// damaged.
func TestListDamagedRecords(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		var log bytes.Buffer
		s := open(&reposit.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var ids []reposit.ID
		var bad *reposit.Repo
		for _, name := range []string{"a", "b", "c"} {
			r := create(t, s, name, &reposit.CreateOptions{Description: "a common word"})
			write(t, r, "x", name)
			if ids = append(ids, r.ID()); name == "b" {
				bad = r
			}
		}
		id := storageID(bad)
		for _, kind := range []string{"i", "t"} {
			key := append([]byte(kind), id[:]...)
			var whole []byte
			for _, damage := range []func([]byte) []byte{
				func(b []byte) []byte { return nil },
				func(b []byte) []byte { return b[:len(b)/2] },
				func(b []byte) []byte { b[0] ^= 0x80; return b },
			} {
				err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
					b, err := tx.Record(key)
					if err != nil {
						return err
					}
					whole = bytes.Clone(b)
					return tx.PutRecord(key, damage(bytes.Clone(b)))
				})
				if err != nil {
					t.Fatal(err)
				}
				wantListed(t, s, bad.ID(), ids...)
				restore := func(tx storage.Tx) error { return tx.PutRecord(key, whole) }
				if err := s.backend.Update(t.Context(), restore); err != nil {
					t.Fatal(err)
				}
				wantListed(t, s, "", ids...)
			}
		}
		if n := strings.Count(log.String(), "damaged data"); n < 2 || n > 6 ||
			strings.Contains(log.String(), string(ids[0])) {
			t.Errorf("the log tells %d times, want once of each damage:\n%s", n, &log)
		}
	})
}

// TestListDamagedFiles damages the files of one repository as crashes and other programs do, and mends them.
func TestListDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := openStore(t, b, dir, &reposit.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	good := create(t, s, "good", &reposit.CreateOptions{Description: "a common word"})
	write(t, good, "x", "1")
	bad := create(t, s, "bad", &reposit.CreateOptions{Description: "a common word"})
	tip := write(t, bad, "x", "2").Hash
	for _, name := range []string{"empty", "garbage", "null", "other"} {
		if _, err := bad.Branches().Create(t.Context(), name, ""); err != nil {
			t.Fatal(err)
		}
	}
	files := filepath.Join(dir, "repos", storageID(bad).String()+".git")
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(files, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	main := "main"
	for _, head := range []string{"", strings.Repeat("\x00", 20), "ref: ..\n"} {
		put("HEAD", head)
		wantListed(t, s, bad.ID(), good.ID(), bad.ID())
		if info, err := bad.Info(t.Context()); err != nil || !errors.Is(info.Damaged, reposit.ErrCorrupt) ||
			info.DefaultBranch != "" {
			t.Errorf("Info with HEAD %q = %+v, %v, want it damaged", head, info, err)
		}
		info, err := bad.Update(t.Context(), &reposit.RepoUpdate{DefaultBranch: &main})
		if err != nil || info.Damaged != nil || info.DefaultBranch != main {
			t.Errorf("Update with HEAD %q = %+v, %v", head, info, err)
		}
		wantListed(t, s, "", good.ID(), bad.ID())
	}
	if n := strings.Count(log.String(), "damaged data"); n != 1 {
		t.Errorf("the log tells %d times of one damage:\n%s", n, &log)
	}

	damaged := map[string]bool{"empty": true, "garbage": true, "null": true}
	put("refs/heads/empty", "")
	put("refs/heads/garbage", "\x00\xffgarbage\n")
	put("refs/heads/null", strings.Repeat("0", 40)+"\n")
	for _, stray := range []string{"refs/desktop.ini", "refs/heads/desktop.ini", "refs/heads/Thumbs.db"} {
		put(stray, "[.ShellClassInfo]\r\n")
	}
	wantListed(t, s, "", good.ID(), bad.ID())
	page, err := bad.Branches().List(t.Context(), nil)
	if err != nil || len(page.Items) != 5 || page.TotalCount != 5 {
		t.Errorf("Branches.List = %+v, %v, want 5", page, err)
	}
	for _, branch := range page.Items {
		if is := branch.Damaged != nil; is != damaged[branch.Name] || !is && branch.Commit.Hash != tip {
			t.Errorf("Branches.List has %+v", branch)
		}
	}
	n := 0
	for found, err := range bad.Refs().All(t.Context(), "refs/") {
		if n++; err != nil || (found.Damaged != nil) != damaged[strings.TrimPrefix(found.Name, "refs/heads/")] {
			t.Errorf("Refs.All has %+v, %v", found, err)
		}
	}
	if n != 5 {
		t.Errorf("Refs.All has %d refs, want 5", n)
	}
	if _, err := bad.Tags().List(t.Context(), nil); err != nil {
		t.Errorf("Tags.List = %v", err)
	}
	if _, err := bad.Resolve(t.Context(), tip.String()); err != nil {
		t.Errorf("Resolve = %v", err)
	}
	if git, err := exec.LookPath("git"); err == nil {
		out, err := exec.Command(git, "-C", files, "for-each-ref", "--format=%(refname:short)").Output()
		if err != nil || string(out) != "main\nother\n" {
			t.Errorf("git for-each-ref = %q, %v", out, err)
		}
	}
	fork, err := bad.Fork(t.Context(), &reposit.ForkOptions{Slug: "fork"})
	if err != nil {
		t.Fatalf("Fork = %v", err)
	}
	if page, err := fork.Branches().List(t.Context(), nil); err != nil || len(page.Items) != 2 {
		t.Errorf("Branches.List of the fork = %+v, %v, want 2", page, err)
	}

	old := reposit.Hash{1}
	if err := bad.Refs().Update(t.Context(),
		reposit.RefUpdate{Name: "refs/heads/empty", New: tip, Old: &old}); !errors.Is(err, reposit.ErrCorrupt) {
		t.Errorf("Refs.Update of a damaged ref that shall hold a hash = %v, want ErrCorrupt", err)
	}
	if err := bad.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/empty", New: tip}); err != nil {
		t.Errorf("Refs.Update of a damaged ref = %v", err)
	}
	if err := bad.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/null"}); err != nil {
		t.Errorf("Refs.Update that deletes a damaged ref = %v", err)
	}
	if err := bad.Branches().Delete(t.Context(), "garbage"); err != nil {
		t.Errorf("Branches.Delete of a damaged ref = %v", err)
	}
	page, err = bad.Branches().List(t.Context(), nil)
	if err != nil || len(page.Items) != 3 {
		t.Errorf("Branches.List of what is mended = %+v, %v, want 3", page, err)
	}
	for _, branch := range page.Items {
		if branch.Damaged != nil {
			t.Errorf("%s is damaged after it was mended: %v", branch.Name, branch.Damaged)
		}
	}
}

// TestListForeignFormat has another program make a repository one of a format that is not known.
func TestListForeignFormat(t *testing.T) {
	dir := t.TempDir()
	open := func() *store {
		b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		return openStore(t, b, dir, nil)
	}
	s := open()
	good := create(t, s, "good", &reposit.CreateOptions{Description: "a common word"})
	bad := create(t, s, "bad", &reposit.CreateOptions{Description: "a common word"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "repos", storageID(bad).String()+".git", "config")
	reftable := "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\trefstorage = reftable\n"
	if err := os.WriteFile(config, []byte(reftable), 0o644); err != nil {
		t.Fatal(err)
	}
	s = open()
	wantListed(t, s, bad.ID(), good.ID(), bad.ID())
	page, err := s.List(t.Context(), &reposit.ListOptions{Sort: reposit.SortName})
	if err != nil || !errors.Is(page.Items[0].Damaged, storage.ErrFormat) {
		t.Errorf("List = %+v, %v, want ErrFormat of the first", page.Items, err)
	}
}

// TestBranchesDamagedProtected damages a protected branch. Who may write does not get round its rule by mending it.
func TestBranchesDamagedProtected(t *testing.T) {
	for _, test := range []struct {
		rule   reposit.Protection
		writer bool // may mend it
	}{
		{reposit.Protection{}, false},
		{reposit.Protection{AllowForcePush: true}, true},
		{reposit.Protection{AllowForcePush: true, RequirePR: true}, false},
	} {
		dir := t.TempDir()
		b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, b, dir, nil)
		if err := s.Users().Put(t.Context(), reposit.Profile{Login: "bob"}); err != nil {
			t.Fatal(err)
		}
		r := create(t, s, "r", nil)
		tip := write(t, r, "x", "1").Hash
		if _, err := r.Branches().Create(t.Context(), "kept", ""); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Collaborators().Add(t.Context(), "bob", reposit.Write),
			r.Protection().Set(t.Context(), "kept", test.rule)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "repos", storageID(r).String()+".git", "refs", "heads", "kept")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		as, err := s.As(reposit.User("bob")).RepoByID(t.Context(), r.ID())
		if err != nil {
			t.Fatal(err)
		}
		mend := reposit.RefUpdate{Name: "refs/heads/kept", New: tip}
		if err := as.Refs().Update(t.Context(), mend); test.writer != (err == nil) || err != nil &&
			!errors.Is(err, reposit.ErrProtected) {
			t.Errorf("Refs.Update by a writer with %+v = %v, want it allowed: %v", test.rule, err, test.writer)
		}
		if err := r.Refs().Update(t.Context(), mend); err != nil && !test.writer {
			t.Errorf("Refs.Update by the host with %+v = %v", test.rule, err)
		}
	}
}
