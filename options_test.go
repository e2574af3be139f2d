package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// files returns the files of a revision, as "mode content" by path.
func files(t testing.TB, r *reposit.Repo, rev string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for e, err := range r.Walk(t.Context(), rev, "") {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Mode {
		case reposit.ModeDir:
		case reposit.ModeSubmodule:
			found[e.Path] = fmt.Sprintf("%o %s", e.Mode, e.Hash)
		default:
			data, err := r.Read(t.Context(), rev, e.Path)
			if err != nil {
				t.Fatal(err)
			}
			found[e.Path] = fmt.Sprintf("%o %s", e.Mode, data)
		}
	}
	return found
}

// TestChanges applies changes to one and the same tree.
func TestChanges(t *testing.T) {
	module := blobHash("a commit elsewhere")
	base := []reposit.Change{
		reposit.Put("run", []byte("1")).Mode(reposit.ModeExecutable), reposit.Put("text", []byte("2")),
		reposit.Symlink("link", "text"),
		reposit.Submodule("module", module), reposit.Put("dir/a", []byte("3")), reposit.Put("dir/sub/b", []byte("4")),
	}
	unchanged := map[string]string{
		"run": "100755 1", "text": "100644 2", "link": "120000 text", "module": "160000 " + module.String(),
		"dir/a": "100644 3", "dir/sub/b": "100644 4",
	}
	for _, c := range []struct {
		name    string
		changes []reposit.Change
		differs map[string]string // "" for what is gone
	}{
		{"Put keeps the executable bit", []reposit.Change{reposit.Put("run", []byte("new"))},
			map[string]string{"run": "100755 new"}},
		{"PutReader keeps it", []reposit.Change{reposit.PutReader("run", strings.NewReader("new"))},
			map[string]string{"run": "100755 new"}},
		{"PutBlob keeps it", []reposit.Change{reposit.PutBlob("run", blobHash("2"))}, map[string]string{"run": "100755 2"}},
		{"Mode takes it away", []reposit.Change{reposit.Put("run", []byte("1")).Mode(reposit.ModeRegular)},
			map[string]string{"run": "100644 1"}},
		{"Mode alone, by PutBlob", []reposit.Change{reposit.PutBlob("text", blobHash("2")).Mode(reposit.ModeExecutable)},
			map[string]string{"text": "100755 2"}},
		{"the last Mode counts", []reposit.Change{reposit.Put("new",
			nil).Mode(reposit.ModeRegular).Mode(reposit.ModeExecutable)}, map[string]string{"new": "100755 "}},
		{"a file for a symlink", []reposit.Change{reposit.Put("link", []byte("x"))}, map[string]string{"link": "100644 x"}},
		{"a file for a submodule", []reposit.Change{reposit.Put("module", []byte("x"))},
			map[string]string{"module": "100644 x"}},
		{"a symlink for an executable", []reposit.Change{reposit.Symlink("run", "text")},
			map[string]string{"run": "120000 text"}},
		{"a file again, after a symlink", []reposit.Change{reposit.Symlink("run", "text"), reposit.Put("run", []byte("x"))},
			map[string]string{"run": "100644 x"}},
		{"PutBlob of a blob of the same commit",
			[]reposit.Change{reposit.PutBlob("copy", blobHash("fresh")), reposit.Put("new", []byte("fresh"))},
			map[string]string{"copy": "100644 fresh", "new": "100644 fresh"}},
		{"Delete a file", []reposit.Change{reposit.Delete("text")}, map[string]string{"text": ""}},
		{"Delete a symlink and a submodule", []reposit.Change{reposit.Delete("link"), reposit.Delete("module")},
			map[string]string{"link": "", "module": ""}},
		{"Delete a directory", []reposit.Change{reposit.Delete("dir")}, map[string]string{"dir/a": "", "dir/sub/b": ""}},
		{"Delete the last file of a directory", []reposit.Change{reposit.Delete("dir/sub/b")},
			map[string]string{"dir/sub/b": ""}},
		{"a file for an emptied directory", []reposit.Change{reposit.Delete("dir/sub/b"), reposit.Delete("dir/a"),
			reposit.Put("dir", []byte("x")).Expect(reposit.Hash{})},
			map[string]string{"dir/sub/b": "", "dir/a": "", "dir": "100644 x"}},
		{"a directory for a file", []reposit.Change{reposit.Delete("text"), reposit.Put("text/x/y", []byte("z"))},
			map[string]string{"text": "", "text/x/y": "100644 z"}},
		{"there and back", []reposit.Change{reposit.Delete("text"), reposit.Put("text/x", nil), reposit.Delete("text"),
			reposit.Put("text", []byte("9"))},
			map[string]string{"text": "100644 9"}},
		{"Move a file", []reposit.Change{reposit.Move("run", "bin/run")},
			map[string]string{"run": "", "bin/run": "100755 1"}},
		{"Move with a mode", []reposit.Change{reposit.Move("run", "walk").Mode(reposit.ModeRegular)},
			map[string]string{"run": "", "walk": "100644 1"}},
		{"Move a symlink and a submodule", []reposit.Change{reposit.Move("link", "l"), reposit.Move("module", "m")},
			map[string]string{"link": "", "l": "120000 text", "module": "", "m": "160000 " + module.String()}},
		{"Move a directory", []reposit.Change{reposit.Move("dir", "other/place")},
			map[string]string{"dir/a": "", "dir/sub/b": "", "other/place/a": "100644 3", "other/place/sub/b": "100644 4"}},
		{"Move a directory into the place of its parent",
			[]reposit.Change{reposit.Move("dir/sub", "up"), reposit.Delete("dir"), reposit.Move("up", "dir")},
			map[string]string{"dir/a": "", "dir/sub/b": "", "dir/b": "100644 4"}},
		{"Move a directory that was edited", []reposit.Change{reposit.Put("dir/new", []byte("n")), reposit.Delete("dir/a"),
			reposit.Move("dir", "d"), reposit.Put("d/more", []byte("m"))},
			map[string]string{"dir/a": "", "dir/sub/b": "", "d/new": "100644 n", "d/sub/b": "100644 4", "d/more": "100644 m"}},
		{"Move and Put in the old place", []reposit.Change{reposit.Move("dir", "d"), reposit.Put("dir", []byte("f"))},
			map[string]string{"dir/a": "", "dir/sub/b": "", "d/a": "100644 3", "d/sub/b": "100644 4", "dir": "100644 f"}},
		{"swap", []reposit.Change{reposit.Move("run", "tmp"), reposit.Move("text", "run"), reposit.Move("tmp", "text")},
			map[string]string{"run": "100644 2", "text": "100755 1"}},
		{"Copy a file", []reposit.Change{reposit.Copy("run", "dir/run")}, map[string]string{"dir/run": "100755 1"}},
		{"Copy with a mode", []reposit.Change{reposit.Copy("text", "x").Mode(reposit.ModeExecutable)},
			map[string]string{"x": "100755 2"}},
		{"Copy a directory, and edit both", []reposit.Change{reposit.Put("dir/a", []byte("A")), reposit.Copy("dir", "copy"),
			reposit.Put("dir/sub/b", []byte("B")),
			reposit.Delete("copy/a"), reposit.Put("copy/sub/c", []byte("C"))},
			map[string]string{"dir/a": "100644 A", "dir/sub/b": "100644 B", "copy/sub/b": "100644 4", "copy/sub/c": "100644 C"}},
		{"Copy a directory below another", []reposit.Change{reposit.Copy("dir/sub", "dir/sub2"), reposit.Copy("dir", "all")},
			map[string]string{"dir/sub2/b": "100644 4", "all/a": "100644 3", "all/sub/b": "100644 4", "all/sub2/b": "100644 4"}},
		{"Expect a blob", []reposit.Change{reposit.Put("text", []byte("x")).Expect(blobHash("2")),
			reposit.Put("text", []byte("y")).Expect(blobHash("x"))},
			map[string]string{"text": "100644 y"}},
		{"Expect nothing", []reposit.Change{reposit.Put("new", []byte("x")).Expect(reposit.Hash{}),
			reposit.Put("dir/sub/x/y", nil).Expect(reposit.Hash{})},
			map[string]string{"new": "100644 x", "dir/sub/x/y": "100644 "}},
		{"Expect of Move, Copy and Delete", []reposit.Change{reposit.Move("run", "r").Expect(blobHash("1")),
			reposit.Copy("text", "t").Expect(blobHash("2")),
			reposit.Delete("text").Expect(blobHash("2"))},
			map[string]string{"run": "", "r": "100755 1", "text": "", "t": "100644 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := create(t, openMemory(t, nil), "x", nil)
			commit(t, r, nil, base...)
			commit(t, r, nil, c.changes...)
			want := map[string]string{}
			for path, f := range unchanged {
				want[path] = f
			}
			for path, f := range c.differs {
				if want[path] = f; f == "" {
					delete(want, path)
				}
			}
			if diff := cmp.Diff(want, files(t, r, "")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCommitOptions(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		opts.Author = reposit.Signature{Name: "The Host", Email: "host@example.org"}
		s := open(opts)
		r := create(t, s, "x", nil)

		first := commit(t, r, &reposit.CommitOptions{Message: "first", Expect: &reposit.Hash{}},
			reposit.Put("a", []byte("1")))
		host := reposit.Signature{Name: "The Host", Email: "host@example.org", When: c.now()}
		if len(first.Parents) != 0 || first.Author != host || first.Committer != host || first.Message != "first" {
			t.Errorf("first commit is %+v", first)
		}
		ada := &reposit.Signature{Name: "Ada", Email: "ada@example.org",
			When: newYear.Add(90*time.Minute + 5).In(time.FixedZone("", -5400))}
		bob := &reposit.Signature{Name: "Bob"}
		second := commit(t, r, &reposit.CommitOptions{Author: ada, Committer: bob, Expect: &first.Hash},
			reposit.Put("a", []byte("2")))
		if !second.Author.When.Equal(newYear.Add(90*time.Minute)) || second.Author.When.Format("-0700") != "-0130" ||
			!second.Committer.When.Equal(c.now()) {
			t.Errorf("second commit is %+v", second)
		}
		if second.Parents[0] != first.Hash {
			t.Errorf("parents of the second commit are %v, want %s", second.Parents, first.Hash)
		}
		third := commit(t, r, &reposit.CommitOptions{Author: ada}, reposit.Put("a", []byte("3")))
		if third.Committer.Name != "Ada" || !third.Committer.When.Equal(ada.When.Truncate(time.Second)) {
			t.Errorf("Committer is %+v, want the author", third.Committer)
		}
		b, err := r.Branches().Branch(t.Context(), "main")
		if diff := cmp.Diff(*third, b.Commit); diff != "" || err != nil {
			t.Errorf("a commit as returned, and as read (%v):\n%s", err, diff)
		}

		_, err = r.Commit(t.Context(), &reposit.CommitOptions{Expect: &first.Hash}, reposit.Put("a", nil))
		var conflict *reposit.ConflictError
		want := reposit.ConflictError{Name: "refs/heads/main", Expected: first.Hash, Actual: third.Hash}
		if !errors.As(err, &conflict) || *conflict != want {
			t.Errorf("Commit() with a stale Expect = %v, want %+v", err, want)
		}

		empty := commit(t, r, &reposit.CommitOptions{AllowEmpty: true})
		if empty.Tree != third.Tree || empty.Parents[0] != third.Hash {
			t.Errorf("an empty commit is %+v", empty)
		}

		// From, with all kinds of revisions; the default branch without it; an existing branch goes on.
		for i, from := range []string{"main~2", first.Hash.String(), first.Hash.String()[:10], "refs/heads/main~3", "@{3}"} {
			c := commit(t, r, &reposit.CommitOptions{Branch: fmt.Sprint("from", i), From: from, Expect: &reposit.Hash{}},
				reposit.Put("b", []byte("b")))
			if want := map[string]string{"a": files(t, r, from)["a"], "b": "100644 b"}; cmp.Diff(want,
				files(t, r, c.Hash.String())) != "" {
				t.Errorf("from %s: %v, want %v", from, files(t, r, c.Hash.String()), want)
			}
		}
		dev := commit(t, r, &reposit.CommitOptions{Branch: "dev"}, reposit.Put("b", nil))
		dev2 := commit(t, r, &reposit.CommitOptions{Branch: "refs/heads/dev", From: "from0", Expect: &dev.Hash},
			reposit.Put("c", nil))
		if dev.Parents[0] != empty.Hash || dev2.Parents[0] != dev.Hash {
			t.Errorf("dev goes from %v to %v, want %s and %s", dev.Parents, dev2.Parents, empty.Hash, dev.Hash)
		}
	})
}

func TestFirstCommits(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", &reposit.CreateOptions{DefaultBranch: "trunk"})
	if _, err := r.Commit(t.Context(), nil); !errors.Is(err, reposit.ErrNoChange) {
		t.Errorf("Commit() of nothing = %v, want %v", err, reposit.ErrNoChange)
	}
	if _, err := r.Commit(t.Context(), &reposit.CommitOptions{Expect: ref(blobHash("x"))},
		reposit.Put("a", nil)); !errors.Is(err, reposit.ErrConflict) {
		t.Errorf("Commit() expecting a commit = %v, want %v", err, reposit.ErrConflict)
	}
	for _, rev := range []string{"", "HEAD", "@", "trunk", "refs/heads/trunk"} {
		if entries, err := r.List(t.Context(), rev, ""); err != nil || entries == nil || len(entries) != 0 {
			t.Errorf("List(%q) of nothing = %v, %v, want an empty list", rev, entries, err)
		}
		if _, err := r.Resolve(t.Context(), rev); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve(%q) of nothing = %v, want %v", rev, err, reposit.ErrNotFound)
		}
	}
	if _, err := r.List(t.Context(), "main", ""); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("List(main) = %v, want %v", err, reposit.ErrNotFound)
	}
	// Another branch may be the first one.
	c := commit(t, r, &reposit.CommitOptions{Branch: "side", AllowEmpty: true})
	if len(c.Parents) != 0 || c.Tree.String() != "4b825dc642cb6eb9a060e54bf8d69288fbee4904" {
		t.Errorf("an empty first commit is %+v", c)
	}
	if info, err := r.Info(t.Context()); err != nil || info.DefaultBranch != "trunk" {
		t.Errorf("default branch is %q, %v", info.DefaultBranch, err)
	}
	if _, err := r.Update(t.Context(), &reposit.RepoUpdate{DefaultBranch: ref("side")}); err != nil {
		t.Error(err)
	}
}

// TestSign signs as git's verify-commit would read it.
func TestSign(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	const signature = "-----BEGIN SSH SIGNATURE-----\n\nline one\nline two\n-----END SSH SIGNATURE-----\n"
	var payload []byte
	c := commit(t, r, &reposit.CommitOptions{Message: "signed\n", Sign: func(p []byte) (string, error) {
		payload = bytes.Clone(p)
		return signature, nil
	}}, reposit.Put("a", nil))
	if want := strings.TrimSuffix(signature, "\n"); c.Signature != want {
		t.Errorf("Signature = %q, want %q", c.Signature, want)
	}
	dir := s.export(t, r)
	fsck(t, dir)
	raw := git(t, dir, nil, "cat-file", "commit", "main") + "\n"
	header := "gpgsig " + strings.ReplaceAll(strings.TrimSuffix(signature, "\n"), "\n", "\n ") + "\n"
	if got := strings.Replace(raw, header, "", 1); got != string(payload) || got == raw {
		t.Errorf("git reads %q, payload was %q", raw, payload)
	}
	if b, err := r.Branches().Branch(t.Context(), "main"); err != nil || b.Commit.Signature != c.Signature {
		t.Errorf("Branch() has signature %q, %v", b.Commit.Signature, err)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]reposit.Options{
		"owner":            {Owner: "a b"},
		"branch":           {DefaultBranch: "a..b"},
		"author":           {Author: reposit.Signature{Name: "<"}},
		"author's address": {Author: reposit.Signature{Email: "x"}},
		"cache":            {CacheSize: -1},
		"shared per user":  {Limits: reposit.Limits{SharedPerUser: -1}},
		"teams per user":   {Limits: reposit.Limits{TeamsPerUser: -1}},
		"repos per team":   {Limits: reposit.Limits{ReposPerTeam: -1}},
		"blob size":        {Limits: reposit.Limits{BlobSize: -1}},
		"commit size":      {Limits: reposit.Limits{CommitSize: -1}},
		"repo size":        {Limits: reposit.Limits{RepoSize: -1}},
		"path length":      {Limits: reposit.Limits{PathLength: -1}},
		"events' time":     {KeepEventsFor: -1},
		"upkeep's share":   {Upkeep: reposit.Upkeep{Percent: 101}},
		"upkeep's delay":   {Upkeep: reposit.Upkeep{Delay: -1}},
		"path depth":       {Limits: reposit.Limits{PathDepth: -1}},
	} {
		b := &closeCounter{Backend: openMemory(t, nil).backend}
		if _, err := reposit.Open(t.Context(), b, &o); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Open() with a bad %s = %v, want %v", name, err, reposit.ErrInvalid)
		}
		if b.closed != 1 {
			t.Errorf("Open() with a bad %s closed the backend %d times, want once", name, b.closed)
		}
	}
	if _, err := reposit.Open(t.Context(), nil, nil); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Open(nil) = %v, want %v", err, reposit.ErrInvalid)
	}
	s := openMemory(t, &reposit.Options{Owner: "Org", DefaultBranch: "trunk", CacheSize: 1,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	r := create(t, s, "x", nil)
	write(t, r, "a/b", "content")
	info, err := r.Info(t.Context())
	if err != nil || info.FullName() != "org/x" || info.DefaultBranch != "trunk" {
		t.Errorf("Info() = %+v, %v", info, err)
	}
	if data, err := r.Read(t.Context(), "trunk", "a/b"); err != nil || string(data) != "content" {
		t.Errorf("Read() = %q, %v", data, err)
	}
	for range 20 {
		a, b := create(t, s, "r", &reposit.CreateOptions{Owner: "a"}), create(t, s, "r", &reposit.CreateOptions{Owner: "b"})
		if _, err := reposit.ParseID(string(a.ID())); err != nil || a.ID() == b.ID() {
			t.Errorf("IDs %q and %q, %v", a.ID(), b.ID(), err)
		}
		for _, r := range []*reposit.Repo{a, b} {
			token, err := r.DeleteToken(t.Context())
			if err == nil {
				err = r.Delete(t.Context(), token)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

type closeCounter struct {
	storage.Backend
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return c.Backend.Close()
}
