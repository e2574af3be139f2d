package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// travelled makes a repository with what transfers meet: a history with merges, tags of all kinds, refs outside of
// branches and tags, large and empty files, symlinks and submodules; and a fork with commits of its own.
func travelled(t testing.TB, s *store) (r, fork *reposit.Repo) {
	t.Helper()
	ctx := t.Context()
	r = create(t, s, "travelled", nil)
	random := rand.NewChaCha8([32]byte{1})
	large := make([]byte, 2*storage.LargeObject+17)
	random.Read(large)
	regular := bytes.Repeat([]byte("0123456789abcdef\n"), storage.LargeObject/16)
	for i := range 40 {
		content := fmt.Appendf(nil, "%d\n%s", i, strings.Repeat("line\n", 50))
		changes := []reposit.Change{reposit.Put(fmt.Sprintf("dir/%d/file", i%7), content)}
		switch i {
		case 3:
			changes = append(changes, reposit.PutReader("large", bytes.NewReader(large)), reposit.Put("empty", nil))
		case 5:
			changes = append(changes, reposit.Symlink("link", "dir"), reposit.Submodule("sub", reposit.Hash{1, 2, 3}),
				reposit.Put("run", []byte("#!/bin/sh\n")).Mode(reposit.ModeExecutable))
		case 9:
			changes = append(changes, reposit.Put("delta", regular))
		case 10:
			changes = append(changes, reposit.Put("delta", append(regular, '!')))
		}
		branch := "main"
		if i%5 == 4 {
			branch = "side"
		}
		commit(t, r, &reposit.CommitOptions{Branch: branch, Message: fmt.Sprintf("commit %d\n", i)}, changes...)
	}
	must(r.Tags().Create(ctx, "v1", "main", &reposit.TagOptions{Message: "the first\n"}))(t)
	must(r.Tags().Create(ctx, "light", "side", nil))(t)
	tag := must(r.Resolve(ctx, "v1"))(t)
	blob := must(r.Resolve(ctx, "main:link"))(t)
	tree := must(r.Resolve(ctx, "side:dir"))(t)
	err := r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/notes/blob", New: blob},
		reposit.RefUpdate{Name: "refs/odd/tree", New: tree}, reposit.RefUpdate{Name: "refs/odd/tag", New: tag})
	if err != nil {
		t.Fatal(err)
	}
	fork = must(r.Fork(ctx, &reposit.ForkOptions{Slug: "sibling"}))(t)
	write(t, fork, "secret", "of the sibling")
	commit(t, fork, &reposit.CommitOptions{Branch: "more", Message: "more\n"}, reposit.Put("dir/secret", []byte("more")))
	write(t, r, "last", "after the fork")
	// What a deleted branch led to stays behind.
	commit(t, r, &reposit.CommitOptions{Branch: "gone", Message: "gone\n"}, reposit.Put("gone", []byte("gone")))
	if err := r.Branches().Delete(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	return r, fork
}

// refsOf returns the refs of a repository as git for-each-ref shows them.
func refsOf(t testing.TB, r *reposit.Repo) string {
	t.Helper()
	var b strings.Builder
	for ref, err := range r.Refs().All(t.Context(), "refs/") {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", ref.Hash, ref.Name)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const refFormat = "--format=%(objectname) %(refname)"

// reached returns all objects that the refs of a git repository lead to.
func reached(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(git(t, dir, nil, "rev-list", "--objects", "--glob=refs/*", "--no-object-names")) {
		names = append(names, strings.TrimSpace(line))
	}
	slices.Sort(names)
	return names
}

// stored returns all objects that a git repository has.
func stored(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(git(t, dir, nil, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")) {
		names = append(names, strings.TrimSpace(line))
	}
	slices.Sort(names)
	return names
}

// TestExport has git judge what is exported: sound, with the same refs, and nothing but what they reach.
func TestExport(t *testing.T) {
	t.Parallel()
	needGit(t)
	eachBackend(t, func(t *testing.T, open opener) {
		r, fork := travelled(t, open(nil))
		for _, r := range []*reposit.Repo{r, fork} {
			dir := t.TempDir()
			var last reposit.Progress
			err := r.Export(t.Context(), osfs.New(dir), &reposit.ExportOptions{Progress: func(p reposit.Progress) { last = p }})
			if err != nil {
				t.Fatal(err)
			}
			if out := git(t, dir, nil, "fsck", "--strict", "--full"); out != "" {
				t.Errorf("git fsck of the export: %s", out)
			}
			if diff := cmp.Diff(git(t, dir, nil, "for-each-ref", refFormat), refsOf(t, r)); diff != "" {
				t.Errorf("refs of the export (-git +ours):\n%s", diff)
			}
			have := stored(t, dir)
			if diff := cmp.Diff(have, reached(t, dir)); diff != "" {
				t.Errorf("the export has more than its refs reach (-has +reached):\n%s", diff)
			}
			if head := git(t, dir, nil, "symbolic-ref", "HEAD"); head != "refs/heads/main" {
				t.Errorf("HEAD of the export is %s, want refs/heads/main", head)
			}
			if last.Done != int64(len(have)) || last.Total != last.Done || last.Bytes == 0 {
				t.Errorf("the last progress is %+v, want all of %d objects", last, len(have))
			}
			again := t.TempDir()
			if err := r.Export(t.Context(), osfs.New(again), nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(contentsOf(t, os.DirFS(dir)), contentsOf(t, os.DirFS(again))); diff != "" {
				t.Errorf("two exports differ (-first +second):\n%s", diff)
			}
			if err := r.Export(t.Context(), osfs.New(dir), nil); !errors.Is(err, reposit.ErrExists) {
				t.Errorf("Export() to where there is one = %v, want %v", err, reposit.ErrExists)
			}
		}
	})
}

// contentsOf returns the content of all files, by name.
func contentsOf(t testing.TB, fsys fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestBundle has git verify and clone bundles, and fetch those that are for what it has.
func TestBundle(t *testing.T) {
	t.Parallel()
	needGit(t)
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		r, _ := travelled(t, open(nil))
		dir := t.TempDir()
		full := filepath.Join(dir, "full.bundle")
		first := bundle(t, r, full, nil)
		git(t, newGit(t), nil, "bundle", "verify", full)
		git(t, dir, nil, "clone", "-q", full, "work")
		if branch := git(t, filepath.Join(dir, "work"), nil, "symbolic-ref", "HEAD"); branch != "refs/heads/main" {
			t.Errorf("git clone of a bundle is at %s, want refs/heads/main", branch)
		}
		mirror := filepath.Join(dir, "mirror")
		git(t, dir, nil, "clone", "-q", "--mirror", full, mirror)
		git(t, mirror, nil, "fsck", "--strict")
		if diff := cmp.Diff(git(t, mirror, nil, "for-each-ref", refFormat), refsOf(t, r)); diff != "" {
			t.Errorf("refs of the clone (-git +ours):\n%s", diff)
		}
		if diff := cmp.Diff(stored(t, mirror), reached(t, mirror)); diff != "" {
			t.Errorf("the bundle has more than its refs reach (-has +reached):\n%s", diff)
		}
		if !bytes.Equal(first, bundle(t, r, filepath.Join(dir, "again.bundle"), nil)) {
			t.Error("two bundles of the same refs differ")
		}

		since := must(r.Resolve(ctx, "main"))(t)
		put(t, r, "main", "dir/3/file", "changed\n")
		put(t, r, "topic", "dir/4/file", "changed\n")
		must(r.Tags().Create(ctx, "v2", "topic", &reposit.TagOptions{Message: "the second\n"}))(t)
		must(r.Tags().Create(ctx, "old", "main~7", nil))(t)
		more := filepath.Join(dir, "more.bundle")
		small := bundle(t, r, more, &reposit.BundleOptions{Since: []reposit.Hash{since}})
		if len(small) > len(first)/2 {
			t.Errorf("a bundle of two commits has %d bytes, one of all %d", len(small), len(first))
		}
		if _, err := tryGit(t, newGit(t), nil, "bundle", "verify", more); err == nil {
			t.Error("git bundle verify takes an incremental bundle where its prerequisites are missing")
		}
		git(t, mirror, nil, "bundle", "verify", more)
		git(t, mirror, nil, "fetch", "-q", more, "+refs/*:refs/*")
		git(t, mirror, nil, "fsck", "--strict")
		if diff := cmp.Diff(git(t, mirror, nil, "for-each-ref", refFormat), refsOf(t, r)); diff != "" {
			t.Errorf("refs after the fetch (-git +ours):\n%s", diff)
		}
		tip := must(r.Resolve(ctx, "main"))(t)
		topic := must(r.Resolve(ctx, "v2"))(t)
		bundle(t, r, more, &reposit.BundleOptions{Since: []reposit.Hash{tip, topic}})
		git(t, mirror, nil, "bundle", "verify", more)
		git(t, mirror, nil, "fetch", "-q", more, "+refs/*:refs/*")
	})
}

func bundle(t testing.TB, r *reposit.Repo, name string, opts *reposit.BundleOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Bundle(t.Context(), &b, opts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTransferRefs takes some refs along, and looks at what is there then.
func TestTransferRefs(t *testing.T) {
	r, _ := travelled(t, openMemory(t, nil))
	for pattern, want := range map[string]string{
		"refs/heads/main": "refs/heads/main", "refs/tags/": "refs/tags/light refs/tags/v1",
		"refs/*/tree": "refs/odd/tree", "refs/*": "", "refs/heads/[ms]*": "refs/heads/main refs/heads/side",
	} {
		dst := memfs.New()
		if err := r.Export(t.Context(), dst, &reposit.ExportOptions{Refs: []string{pattern}}); err != nil {
			t.Fatalf("Export() of %q = %v", pattern, err)
		}
		packed, err := util.ReadFile(dst, "packed-refs")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(packed)) {
			if hash, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && len(hash) == 40 {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("Export() of %q has %q, want %q", pattern, got, want)
		}
	}
	for _, c := range []struct {
		opts *reposit.BundleOptions
		want error
	}{
		{&reposit.BundleOptions{Refs: []string{"refs/heads/none"}}, reposit.ErrNotFound},
		{&reposit.BundleOptions{Refs: []string{""}}, reposit.ErrInvalid},
		{&reposit.BundleOptions{Since: []reposit.Hash{{1}}}, reposit.ErrNotFound},
	} {
		if err := r.Bundle(t.Context(), io.Discard, c.opts); !errors.Is(err, c.want) {
			t.Errorf("Bundle(%+v) = %v, want %v", c.opts, err, c.want)
		}
	}
}

// TestTransferEmpty takes a repository without commits out.
func TestTransferEmpty(t *testing.T) {
	needGit(t)
	r := create(t, openMemory(t, nil), "empty", &reposit.CreateOptions{DefaultBranch: "trunk"})
	dir := t.TempDir()
	if err := r.Export(t.Context(), osfs.New(dir), nil); err != nil {
		t.Fatal(err)
	}
	git(t, dir, nil, "fsck", "--strict")
	if head := git(t, dir, nil, "symbolic-ref", "HEAD"); head != "refs/heads/trunk" {
		t.Errorf("HEAD of the export is %s, want refs/heads/trunk", head)
	}
	bundle(t, r, filepath.Join(dir, "empty.bundle"), nil)
	git(t, dir, nil, "bundle", "verify", "empty.bundle")
}

// TestTransferStops cancels transfers, and has what they write to fail.
func TestTransferStops(t *testing.T) {
	r, _ := travelled(t, openMemory(t, nil))
	var whole bytes.Buffer
	if err := r.Bundle(t.Context(), &whole, nil); err != nil {
		t.Fatal(err)
	}
	errFull := errors.New("full")
	for _, at := range []int{0, 1, 100, whole.Len() / 2, whole.Len() - 1} {
		if err := r.Bundle(t.Context(), &limited{at, errFull}, nil); !errors.Is(err, errFull) {
			t.Errorf("Bundle() to what fails after %d bytes = %v, want %v", at, err, errFull)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := r.Bundle(ctx, &limited{at, cancelling(cancel)}, nil); err == nil {
			t.Errorf("Bundle() that is cancelled after %d bytes = nil", at)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dst := memfs.New()
	if err := r.Export(ctx, dst, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Export() that is cancelled = %v, want %v", err, context.Canceled)
	}
	left := 0
	util.Walk(dst, "", func(name string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			left++
		}
		return nil
	})
	if left > 0 {
		t.Errorf("a cancelled export left %d files", left)
	}
}

// A limited writer takes some bytes, and then fails.
type limited struct {
	left int
	err  error
}

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.left {
		n := l.left
		l.left = 0
		return n, l.err
	}
	l.left -= len(b)
	return len(b), nil
}

// cancelling is an error that cancels a context when it is asked for its text, which nobody does before it is returned.
func cancelling(cancel context.CancelFunc) error {
	cancel()
	return context.Canceled
}

// TestTransferSiblings holds that hashes which a sibling alone reaches neither leave nor are taken for known.
func TestTransferSiblings(t *testing.T) {
	s := openMemory(t, nil)
	r, fork := travelled(t, s)
	secret := must(fork.Resolve(t.Context(), "more"))(t)
	err := r.Bundle(t.Context(), io.Discard, &reposit.BundleOptions{Since: []reposit.Hash{secret}})
	if !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Bundle() since what a sibling has = %v, want %v", err, reposit.ErrNotFound)
	}
}

// TestTransferGuard ends the right to read in the middle of a bundle.
func TestTransferGuard(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "guarded", &reposit.CreateOptions{Owner: "owner", Private: true})
	var changes []reposit.Change
	for i := range 5000 {
		changes = append(changes, reposit.Put(fmt.Sprint("file", i), fmt.Append(nil, "content ", i)))
	}
	commit(t, r, &reposit.CommitOptions{Message: "many\n"}, changes...)
	if err := s.Users().Put(t.Context(), reposit.Profile{Login: "guest"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Collaborators().Add(t.Context(), "guest", reposit.Read); err != nil {
		t.Fatal(err)
	}
	as := must(s.As(reposit.User("guest")).RepoByID(t.Context(), r.ID()))(t)
	w := writerFunc(func(b []byte) (int, error) { return len(b), r.Collaborators().Remove(t.Context(), "guest") })
	if err := as.Bundle(t.Context(), w, nil); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Bundle() for whom the right to read ends meanwhile = %v, want %v", err, reposit.ErrNotFound)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
