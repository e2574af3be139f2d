package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// gitHistory makes a repository by git, with what imports meet: loose objects and packs, packed refs and loose ones,
// symbolic ones, tags, and objects that no ref leads to.
func gitHistory(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--initial-branch=trunk", ".")
	for i := range 30 {
		name := filepath.Join(dir, fmt.Sprintf("dir%d", i%3), "file")
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777),
			os.WriteFile(name, fmt.Appendf(nil, "%d\n%s", i, strings.Repeat("line\n", 100)), 0o666)); err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			large := bytes.Repeat([]byte("0123456789abcde\n"), 1<<17)
			if err := errors.Join(os.WriteFile(filepath.Join(dir, "large"), large, 0o666),
				os.Symlink("large", filepath.Join(dir, "link")),
				os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("* text\n"), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
		git(t, dir, nil, "add", "-A")
		commitGit(t, dir, fmt.Sprint("commit ", i))
		if i == 20 {
			git(t, dir, nil, "-c", "user.name=A", "-c", "user.email=a@b.c", "tag", "-a", "-m", "tag", "v1")
			git(t, dir, nil, "branch", "side", "HEAD~3")
			git(t, dir, nil, "gc", "-q")
		}
	}
	git(t, dir, nil, "tag", "light")
	git(t, dir, nil, "update-ref", "refs/notes/x", "HEAD:dir1/file")
	git(t, dir, nil, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/side")
	git(t, dir, []byte("nobody leads here\n"), "hash-object", "-w", "--stdin")
	git(t, dir, nil, "update-ref", "refs/heads/dir/x", "HEAD~1")
	return dir
}

func commitGit(t testing.TB, dir, message string) {
	t.Helper()
	git(t, dir, nil, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", message)
}

// TestImport imports what git made, and compares what is exported.
func TestImport(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir := gitHistory(t)
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		s := open(nil)
		for what, src := range map[string]string{"worktree": dir, "git folder": filepath.Join(dir, ".git")} {
			var last reposit.Progress
			r, err := s.Import(ctx, what, osfs.New(src), &reposit.ImportOptions{
				Progress: func(p reposit.Progress) { last = p },
				Skipped:  func(ref, why string) { t.Errorf("%s: %s is left out: %s", what, ref, why) },
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(git(t, dir, nil, "for-each-ref", refFormat), refsOf(t, r)); diff != "" {
				t.Errorf("%s: refs (-git +ours):\n%s", what, diff)
			}
			info := must(r.Info(ctx))(t)
			if info.DefaultBranch != "trunk" || info.Size == 0 || info.PushedAt.IsZero() || last.Done == 0 {
				t.Errorf("%s: %+v, progress %+v", what, info, last)
			}
			again := t.TempDir()
			if err := r.Export(ctx, osfs.New(again), nil); err != nil {
				t.Fatal(err)
			}
			git(t, again, nil, "fsck", "--strict", "--full")
			if diff := cmp.Diff(reached(t, dir), stored(t, again)); diff != "" {
				t.Errorf("%s: objects (-git +ours):\n%s", what, diff)
			}
			if git(t, again, nil, "symbolic-ref", "refs/remotes/origin/HEAD") != "refs/heads/side" {
				t.Errorf("%s: the symbolic ref is none", what)
			}
			second := must(s.Import(ctx, what+" again", osfs.New(again), nil))(t)
			third := t.TempDir()
			if err := second.Export(ctx, osfs.New(third), nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(stored(t, again), stored(t, third)); diff != "" {
				t.Errorf("%s: objects of the second export (-first +second):\n%s", what, diff)
			}
			write(t, r, "new", "after the import")
		}
		if _, err := s.Import(ctx, "worktree", osfs.New(dir), nil); !errors.Is(err, reposit.ErrExists) {
			t.Errorf("Import() to a name that is taken = %v, want %v", err, reposit.ErrExists)
		}
	})
}

// TestImportBundle imports bundles that git made, and our own.
func TestImportBundle(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir := gitHistory(t)
	git(t, dir, nil, "bundle", "create", "-q", "v2.bundle", "--all")
	git(t, dir, nil, "bundle", "create", "-q", "--version=3", "v3.bundle", "--all")
	git(t, dir, nil, "bundle", "create", "-q", "part.bundle", "trunk", "^trunk~3")
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		s := open(nil)
		for _, name := range []string{"v2", "v3"} {
			data := must(os.ReadFile(filepath.Join(dir, name+".bundle")))(t)
			r := must(s.ImportBundle(ctx, name, bytes.NewReader(data), nil))(t)
			if diff := cmp.Diff(git(t, dir, nil, "for-each-ref", refFormat), refsOf(t, r)); diff != "" {
				t.Errorf("%s: refs (-git +ours):\n%s", name, diff)
			}
			if branch := info(t, r).DefaultBranch; branch != "trunk" {
				t.Errorf("%s: default branch %q, want trunk", name, branch)
			}
			var ours bytes.Buffer
			if err := r.Bundle(ctx, &ours, nil); err != nil {
				t.Fatal(err)
			}
			again := must(s.ImportBundle(ctx, name+"again", &ours, nil))(t)
			if diff := cmp.Diff(refsOf(t, r), refsOf(t, again)); diff != "" {
				t.Errorf("%s: refs of our own bundle (-before +after):\n%s", name, diff)
			}
		}
		before := s.digest(t)
		part := must(os.ReadFile(filepath.Join(dir, "part.bundle")))(t)
		if _, err := s.ImportBundle(ctx, "part", bytes.NewReader(part), nil); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("ImportBundle() of one that needs others = %v, want %v", err, reposit.ErrInvalid)
		}
		whole := must(os.ReadFile(filepath.Join(dir, "v2.bundle")))(t)
		for _, damaged := range [][]byte{nil, whole[:10], whole[:300], whole[:len(whole)-1], append(bytes.Clone(whole), 1),
			flipped(whole, len(whole)/2), flipped(whole, len(whole)-5), bytes.Replace(whole, []byte("v2"), []byte("v4"), 1)} {
			if _, err := s.ImportBundle(ctx, "bad", bytes.NewReader(damaged), nil); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("ImportBundle() of %d bytes of %d = %v, want %v", len(damaged), len(whole), err, reposit.ErrInvalid)
			}
		}
		if s.digest(t) != before {
			t.Error("imports that failed left something")
		}
	})
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x10
	return b
}

// TestFetch moves what happens in one store to another, by bundles of git and of our own.
func TestFetch(t *testing.T) {
	t.Parallel()
	needGit(t)
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		from, _ := travelled(t, open(nil))
		to := open(nil)
		var b bytes.Buffer
		if err := from.Bundle(ctx, &b, nil); err != nil {
			t.Fatal(err)
		}
		mirror := must(to.ImportBundle(ctx, "mirror", &b, nil))(t)
		since := []reposit.Hash{must(from.Resolve(ctx, "main"))(t), must(from.Resolve(ctx, "side"))(t)}
		put(t, from, "main", "dir/3/file", "changed\n")
		put(t, from, "side", "dir/3/file", "changed too\n")
		put(t, from, "topic", "dir/4/file", "changed\n")
		must(from.Tags().Create(ctx, "v2", "topic", &reposit.TagOptions{Message: "the second\n"}))(t)
		put(t, mirror, "side", "diverged", "here\n")
		protect(t, mirror, "topic", reposit.Protection{})
		b.Reset()
		if err := from.Bundle(ctx, &b, &reposit.BundleOptions{Since: since}); err != nil {
			t.Fatal(err)
		}
		data := b.Bytes()
		got := must(mirror.Fetch(ctx, bytes.NewReader(data), nil))(t)
		var names []string
		for _, u := range got.Updated {
			names = append(names, u.Name)
		}
		want := []string{"refs/heads/main", "refs/heads/topic", "refs/tags/v2"}
		if !slices.Equal(names, want) || len(got.Rejected) != 1 || got.Rejected["refs/heads/side"] != "not a fast-forward" {
			t.Errorf("Fetch() = %v, %v, want %v and that side is rejected", names, got.Rejected, want)
		}
		got = must(mirror.Fetch(ctx, bytes.NewReader(data), &reposit.FetchOptions{Force: true}))(t)
		if len(got.Updated) != 1 || got.Updated[0].Name != "refs/heads/side" || len(got.Rejected) != 0 {
			t.Errorf("Fetch() with Force = %+v, want an update of side alone", got)
		}
		if diff := cmp.Diff(refsOf(t, from), refsOf(t, mirror)); diff != "" {
			t.Errorf("refs after the fetch (-from +to):\n%s", diff)
		}
		dir := t.TempDir()
		if err := mirror.Export(ctx, osfs.New(dir), nil); err != nil {
			t.Fatal(err)
		}
		git(t, dir, nil, "fsck", "--strict")
		stranger := create(t, to, "stranger", nil)
		if _, err := stranger.Fetch(ctx, bytes.NewReader(data), nil); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Fetch() where a commit is missing that the bundle needs = %v, want %v", err, reposit.ErrNotFound)
		}
		if _, err := mirror.Fetch(ctx, bytes.NewReader(data[:len(data)-3]), nil); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Fetch() of what is cut short = %v, want %v", err, reposit.ErrInvalid)
		}
	})
}

// emptyPack is a pack without objects.
var emptyPack = []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00" +
	"\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e")

// TestFetchSiblings holds that a bundle can't name what a sibling alone has, be it as a prerequisite, a base or a ref.
func TestFetchSiblings(t *testing.T) {
	ctx := t.Context()
	r, fork := travelled(t, openMemory(t, nil))
	secret := must(fork.Resolve(ctx, "more"))(t)
	for what, text := range map[string]string{
		"prerequisite": fmt.Sprintf("# v2 git bundle\n-%s\n%[1]s refs/heads/stolen\n\n", secret),
		"ref":          fmt.Sprintf("# v2 git bundle\n%s refs/heads/stolen\n\n", secret),
	} {
		data := append([]byte(text), emptyPack...)
		if got, err := r.Fetch(ctx, bytes.NewReader(data), nil); err == nil {
			t.Errorf("Fetch() of what a sibling has as a %s = %+v", what, got)
		}
	}
	if _, err := r.Resolve(ctx, secret.String()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Resolve() of what a sibling has = %v, want %v", err, reposit.ErrNotFound)
	}
}

// TestImportRefused looks at folders that are no repositories that can be imported. Each is refused by name, and leaves
// nothing.
func TestImportRefused(t *testing.T) {
	t.Parallel()
	needGit(t)
	s := openMemory(t, nil)
	before := s.digest(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("secret\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) func(string) error {
		return func(dir string) error {
			name := filepath.Join(dir, name)
			return errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o666))
		}
	}
	link := func(name string) func(string) error {
		return func(dir string) error {
			err := os.RemoveAll(filepath.Join(dir, name))
			return errors.Join(err, os.Symlink(outside, filepath.Join(dir, name)))
		}
	}
	for _, c := range []struct {
		what, want string
		change     func(dir string) error
	}{
		{"no HEAD", "no HEAD", func(dir string) error { return os.Remove(filepath.Join(dir, "HEAD")) }},
		{"no objects", "no objects", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "objects")) }},
		{"shallow", "shallow", file("shallow", strings.Repeat("1", 40)+"\n")},
		{"reftable", "reftable", file("reftable/tables.list", "")},
		{"reftable by config", "reftable", file("config", "[core]\nrepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n")},
		{"SHA-256", "sha256", file("config", "[core]\n repositoryformatversion=1\n[Extensions] objectFormat = \"sha256\" # x\n")},
		{"partial", "partial clone", file("config", "[remote \"origin\"]\n\tpromisor = true\n")},
		{"partial by extension", "partial clone", file("config", "[extensions]\npartialClone = origin\n")},
		{"promisor pack", "partial clone", file("objects/pack/pack-1.promisor", "")},
		{"unknown extension", "extension", file("config", "[core]\nrepositoryformatversion = 1\n[extensions]\nfuture = 1\n")},
		{"unknown version", "format", file("config", "[core]\nrepositoryformatversion = 7\n")},
		{"alternates", "borrows", file("objects/info/alternates", outside+"\n")},
		{"linked worktree", "worktree", file("commondir", "../..\n")},
		{"symlinked HEAD", "HEAD", link("HEAD")},
		{"symlinked config", "config", link("config")},
		{"symlinked objects", "objects", link("objects")},
		{"symlinked refs", "refs", link("refs/heads")},
		{"symlinked ref", "refs/heads/x", link("refs/heads/x")},
		{"symlinked packs", "pack", link("objects/pack")},
		{"symlinked packed-refs", "packed-refs", link("packed-refs")},
		{"FIFO as HEAD", "HEAD", fifo("HEAD")},
		{"FIFO as a ref", "refs/heads/x", fifo("refs/heads/x")},
		{"FIFO as a pack", "pack-1.pack", fifo("objects/pack/pack-1.pack")},
		{"garbage as a pack", "pack-1.pack", file("objects/pack/pack-1.pack", "PACK")},
		{"garbage as HEAD", "no hash", file("HEAD", "what?")},
		{"garbage as packed-refs", "no hash", file("packed-refs", "what?\n")},
		{"a ref to nothing", "missing", file("refs/heads/x", strings.Repeat("12", 20)+"\n")},
		{"another object in a file", "another object", func(dir string) error {
			h := git(t, dir, []byte("x"), "hash-object", "-w", "--stdin")
			from := filepath.Join(dir, "objects", h[:2], h[2:])
			return errors.Join(os.MkdirAll(filepath.Join(dir, "objects/12"), 0o777), os.Rename(from,
				filepath.Join(dir, "objects/12", strings.Repeat("0", 38))))
		}},
	} {
		dir := newGit(t)
		tree := git(t, dir, nil, "write-tree")
		h := git(t, dir, nil, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit-tree", "-m", "x", tree)
		git(t, dir, nil, "update-ref", "refs/heads/main", h)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		_, err := s.Import(t.Context(), "bad", osfs.New(dir), nil)
		if !errors.Is(err, reposit.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Import() with %s = %v, want %v that says %q", c.what, err, reposit.ErrInvalid, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("Import() with %s tells what is outside: %v", c.what, err)
		}
	}
	if s.digest(t) != before {
		t.Error("imports that were refused left something")
	}
}

func fifo(name string) func(string) error {
	return func(dir string) error {
		name := filepath.Join(dir, name)
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return exec.Command("mkfifo", name).Run()
	}
}

// TestImportSkipped imports refs that break rules, which are told of, and renames others.
func TestImportSkipped(t *testing.T) {
	needGit(t)
	dir := newGit(t)
	tree := git(t, dir, nil, "write-tree")
	h := git(t, dir, nil, "-c", "user.name=A", "-c", "user.email=a@b.c", "commit-tree", "-m", "x", tree)
	for _, name := range []string{"refs/heads/main", "refs/heads/out", "refs/pull/1/head", "refs/heads/a/b",
		"refs/old/c"} {
		git(t, dir, nil, "update-ref", name, h)
	}
	more := fmt.Sprintf("# pack-refs with: peeled\n%s refs/heads/a\n%[1]s refs/heads/-x\n%[2]s refs/heads/tree\n"+
		"%[1]s refs/heads/b..c\n", h, tree)
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "packed-refs"), []byte(more), 0o666),
		os.WriteFile(filepath.Join(dir, "refs/heads/broken"), nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	git(t, dir, nil, "symbolic-ref", "refs/heads/nowhere", "refs/heads/none")
	skipped := map[string]string{}
	r, err := openMemory(t, nil).Import(t.Context(), "r", osfs.New(dir), &reposit.ImportOptions{
		Rename: func(name string) string {
			if name == "refs/heads/out" {
				return ""
			}
			return strings.Replace(name, "refs/old/", "refs/heads/old-", 1)
		},
		Skipped: func(ref, why string) { skipped[ref] = why },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "main a old-c"
	var got []string
	for b, err := range r.Branches().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Name)
	}
	slices.Sort(got)
	if wanted := strings.Fields(want); !slices.Equal(got, slices.Sorted(slices.Values(wanted))) {
		t.Errorf("branches %q, want %q; skipped %v", got, want, skipped)
	}
	for _, name := range []string{"refs/heads/out", "refs/pull/1/head", "refs/heads/a/b", "refs/heads/-x",
		"refs/heads/tree", "refs/heads/b..c", "refs/heads/broken", "refs/heads/nowhere"} {
		if skipped[name] == "" {
			t.Errorf("%s is left out in silence; told of %v", name, skipped)
		}
	}
	if len(skipped) != 8 {
		t.Errorf("told of %v", skipped)
	}
}

// TestImportAlternates imports a repository that borrows from another one.
func TestImportAlternates(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir := gitHistory(t)
	base := t.TempDir()
	git(t, base, nil, "clone", "-q", "--bare", "--shared", dir, "borrows")
	s := openMemory(t, nil)
	for what, alternates := range map[string]string{"all": "/", "the one": dir} {
		r, err := s.Import(t.Context(), what, osfs.New(filepath.Join(base, "borrows")), &reposit.ImportOptions{
			Alternates: osfs.New(alternates),
		})
		if err != nil {
			t.Fatal(err)
		}
		if refsOf(t, r) != git(t, filepath.Join(base, "borrows"), nil, "for-each-ref", refFormat) {
			t.Errorf("%s: refs are others", what)
		}
	}
	_, err := s.Import(t.Context(), "other", osfs.New(filepath.Join(base, "borrows")), &reposit.ImportOptions{
		Alternates: osfs.New(t.TempDir()),
	})
	if !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Import() of what borrows from elsewhere = %v, want %v", err, reposit.ErrInvalid)
	}
}

// TestImportUnreached imports a repository whose unreached objects are not whole, as after a prune, and malformed.
func TestImportUnreached(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir := gitHistory(t)
	git(t, dir, fmt.Appendf(nil, "100644 blob %s\tx\n", strings.Repeat("12", 20)), "mktree", "--missing")
	git(t, dir, []byte("tree\n"), "hash-object", "-w", "--literally", "-t", "commit", "--stdin")
	s := openMemory(t, nil)
	r := must(s.Import(t.Context(), "r", osfs.New(dir), nil))(t)
	if refsOf(t, r) != git(t, dir, nil, "for-each-ref", refFormat) {
		t.Error("refs are others")
	}
	bad := git(t, dir, []byte("tree\n"), "hash-object", "-w", "--literally", "-t", "tree", "--stdin")
	git(t, dir, nil, "update-ref", "refs/odd/bad", bad)
	if _, err := s.Import(t.Context(), "bad", osfs.New(dir), nil); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Import() of a malformed tree that a ref names = %v, want %v", err, reposit.ErrInvalid)
	}
}

// TestImportQuota holds imports to the limits of the store.
func TestImportQuota(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir := gitHistory(t)
	for what, limits := range map[string]reposit.Limits{
		"blob": {BlobSize: 1 << 20}, "repository": {RepoSize: 1 << 20}, "pack": {CommitSize: 1000},
	} {
		s := openMemory(t, &reposit.Options{Limits: limits})
		before := s.digest(t)
		if _, err := s.Import(t.Context(), "r", osfs.New(dir), nil); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("Import() over the limit of a %s = %v, want %v", what, err, reposit.ErrTooLarge)
		}
		if s.digest(t) != before {
			t.Errorf("an import over the limit of a %s left something", what)
		}
	}
}
