package reposit_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

// An attempt is a call that must fail.
type attempt struct {
	name string
	want error
	path string // Name of the *Error; "" is not compared
	try  func(s *store, r *reposit.Repo) error
}

// TestInvalid makes calls that must fail: each with its sentinel, as an *Error, and without a trace in the store.
func TestInvalid(t *testing.T) {
	attempts := slicesConcat(badPaths(t), badChanges(t), badCommits(t), badRefs(t), badNames(t), badReads(t), badTokens(t))
	eachBackend(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		s := open(opts)
		r := create(t, s, "My Project", nil)
		commit(t, r, nil, reposit.Put("file", []byte("content")), reposit.Put("dir/file", []byte("x")),
			reposit.Symlink("link", "dir"),
			reposit.Submodule("module", blobHash("some commit")))
		if _, err := r.Branches().Create(t.Context(), "dev/a", ""); err != nil {
			t.Fatal(err)
		}
		create(t, s, "Taken", &reposit.CreateOptions{Owner: "ann"})
		c.advance(time.Hour)
		before := s.digest(t)
		for i, a := range attempts {
			err := a.try(s, r)
			checkError(t, a, err)
			// On disk, looking at everything costs more than trying everything.
			look := t.Name() == "TestInvalid/memory" || i%50 == 0 || i == len(attempts)-1
			if look && s.digest(t) != before {
				t.Fatalf("%s, or one of those before it, changed the store", a.name)
			}
		}
	})
}

func slicesConcat(lists ...[]attempt) (all []attempt) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func checkError(t *testing.T, a attempt, err error) {
	t.Helper()
	if !errors.Is(err, a.want) {
		t.Errorf("%s = %v, want %v", a.name, err, a.want)
		return
	}
	var e *reposit.Error
	if !errors.As(err, &e) {
		t.Errorf("%s = %#v, want an *Error", a.name, err)
		return
	}
	if e.Op == "" || a.path != "" && e.Name != a.path {
		t.Errorf("%s: Op %q, Name %q, want Name %q", a.name, e.Op, e.Name, a.path)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "reposit: ") || strings.ContainsAny(text, "\n\x00\r") ||
		strings.Contains(text, "storage: ") || len(text) > 1000 {
		t.Errorf("%s: text %q", a.name, text)
	}
}

func badPaths(t *testing.T) (all []attempt) {
	paths := map[string]error{}
	for _, p := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "a\x00", "\x00", "a/\x00/b",
		".git", "a/.git", ".git/config", ".GIT", ".Git/x", "git~1", "GIT~1/x", ".git ", ".git.", ".git. . ",
		".git::$INDEX_ALLOCATION",
		".git:x", "a\\.git", "a\\git~1", ".g\u200cit", ".\ufeffgit/hooks/x", "\u200e.git", ".gi\u202et",
	} {
		paths[p] = reposit.ErrInvalid
	}
	paths[strings.Repeat("a", 256)] = reposit.ErrTooLarge
	paths[strings.Repeat("a/", 257)+"a"] = reposit.ErrTooLarge
	paths[strings.Repeat(strings.Repeat("a", 250)+"/", 17)+"a"] = reposit.ErrTooLarge
	for _, p := range []string{"file/x", "file/x/y", "link/file", "module/x", "dir"} {
		paths[p] = reposit.ErrExists
	}
	for p, want := range paths {
		for name, change := range map[string]reposit.Change{
			"Put": reposit.Put(p, []byte("new")), "PutReader": reposit.PutReader(p, strings.NewReader("new")),
			"PutBlob": reposit.PutBlob(p, blobHash("content")), "Symlink": reposit.Symlink(p, "x"),
			"Submodule": reposit.Submodule(p, blobHash("x")), "Copy": reposit.Copy("file", p), "Move": reposit.Move("link", p),
		} {
			want, given := want, p
			if name == "Copy" && strings.HasPrefix(p, "file/") || name == "Move" && strings.HasPrefix(p, "link/") {
				want = reposit.ErrInvalid
			}
			if name == "PutReader" && errors.Is(want, reposit.ErrExists) {
				continue // leaves the blob
			}
			all = append(all, attempt{fmt.Sprintf("%s(%q)", name, p), want, given, func(_ *store, r *reposit.Repo) error {
				_, err := r.Commit(t.Context(), nil, reposit.Put("fine", nil), change)
				return err
			}})
		}
		if want != reposit.ErrInvalid {
			continue
		}
		all = append(all,
			attempt{fmt.Sprintf("Write(%q)", p), want, p, func(_ *store, r *reposit.Repo) error {
				_, err := r.Write(t.Context(), p, nil, "")
				return err
			}},
			attempt{fmt.Sprintf("Copy(from %q)", p), want, "", func(_ *store, r *reposit.Repo) error {
				_, err := r.Commit(t.Context(), nil, reposit.Copy(p, "x"))
				return err
			}},
			attempt{fmt.Sprintf("Delete(%q)", p), want, p, func(_ *store, r *reposit.Repo) error {
				_, err := r.Commit(t.Context(), nil, reposit.Delete(p))
				return err
			}})
	}
	return all
}

func badChanges(t *testing.T) (all []attempt) {
	add := func(name string, want error, path string, changes ...reposit.Change) {
		all = append(all, attempt{name, want, path, func(_ *store, r *reposit.Repo) error {
			_, err := r.Commit(t.Context(), nil, changes...)
			return err
		}})
	}
	long := strings.Repeat("x", 4097)
	add("empty symlink", reposit.ErrInvalid, "s", reposit.Symlink("s", ""))
	add("long symlink", reposit.ErrInvalid, "s", reposit.Symlink("s", long))
	add("symlink with NUL", reposit.ErrInvalid, "s", reposit.Symlink("s", "a\x00"))
	for _, p := range []string{".gitmodules", "a/.GITMODULES", ".gitattributes", ".gitignore", ".mailmap", "gitmod~1",
		"GI7EBA~1"} {
		add("symlink "+p, reposit.ErrInvalid, p, reposit.Symlink(p, "x"))
		add("move symlink to "+p, reposit.ErrInvalid, p, reposit.Move("link", p))
		add("copy symlink to "+p, reposit.ErrInvalid, p, reposit.Copy("link", p))
	}
	for _, p := range []string{".gitmodules", ".GitAttributes", "a/gitmod~1", ".gitmodules\u200c"} {
		add("directory "+p, reposit.ErrInvalid, p+"/x", reposit.Put(p+"/x", nil))
		add("submodule "+p, reposit.ErrInvalid, p, reposit.Submodule(p, blobHash("x")))
		add("move directory to "+p, reposit.ErrInvalid, p, reposit.Move("dir", p))
		add("copy submodule to "+p, reposit.ErrInvalid, p, reposit.Copy("module", p))
		add("copy file below "+p, reposit.ErrInvalid, p+"/x", reposit.Copy("file", p+"/x"))
	}
	add("zero submodule", reposit.ErrInvalid, "m", reposit.Submodule("m", reposit.Hash{}))
	add("zero blob", reposit.ErrInvalid, "b", reposit.PutBlob("b", reposit.Hash{}))
	add("unknown blob", reposit.ErrNotFound, "b", reposit.PutBlob("b", blobHash("unknown")))
	for _, m := range []reposit.Mode{0, 1, reposit.ModeDir, reposit.ModeSymlink, reposit.ModeSubmodule, 0o100600, 0o104755,
		^reposit.Mode(0)} {
		add(fmt.Sprintf("mode %o", m), reposit.ErrInvalid, "f", reposit.Put("f", nil).Mode(m))
		add(fmt.Sprintf("mode %o of copy", m), reposit.ErrInvalid, "f", reposit.Copy("file", "f").Mode(m))
	}
	add("mode of deletion", reposit.ErrInvalid, "file", reposit.Delete("file").Mode(reposit.ModeRegular))
	add("mode of symlink", reposit.ErrInvalid, "s", reposit.Symlink("s", "x").Mode(reposit.ModeExecutable))
	add("mode of submodule", reposit.ErrInvalid, "s", reposit.Submodule("s", blobHash("x")).Mode(reposit.ModeRegular))
	for _, from := range []string{"dir", "link", "module"} {
		add("mode of moved "+from, reposit.ErrInvalid, "to", reposit.Move(from, "to").Mode(reposit.ModeExecutable))
		add("mode of copied "+from, reposit.ErrInvalid, "to", reposit.Copy(from, "to").Mode(reposit.ModeRegular))
	}
	add("delete nothing", reposit.ErrNotFound, "nothing", reposit.Delete("nothing"))
	add("delete below a file", reposit.ErrNotFound, "file/x", reposit.Delete("file/x"))
	add("delete through a symlink", reposit.ErrNotFound, "link/file", reposit.Delete("link/file"))
	add("delete twice", reposit.ErrNotFound, "file", reposit.Delete("file"), reposit.Delete("file"))
	add("delete what was moved", reposit.ErrNotFound, "dir/file", reposit.Move("dir", "d"), reposit.Delete("dir/file"))
	add("move nothing", reposit.ErrNotFound, "", reposit.Move("nothing", "x"))
	add("move onto a file", reposit.ErrExists, "file", reposit.Move("link", "file"))
	add("move onto a directory", reposit.ErrExists, "dir", reposit.Move("link", "dir"))
	add("move into itself", reposit.ErrInvalid, "dir/x", reposit.Move("dir", "dir/x"))
	add("copy onto itself", reposit.ErrInvalid, "dir", reposit.Copy("dir", "dir"))
	add("expect something else", reposit.ErrConflict, "", reposit.Put("file", nil).Expect(blobHash("else")))
	add("expect nothing", reposit.ErrConflict, "", reposit.Put("file", nil).Expect(reposit.Hash{}))
	add("expect something", reposit.ErrConflict, "", reposit.Put("new", nil).Expect(blobHash("content")))
	add("zero Change", reposit.ErrInvalid, "", reposit.Change{})
	add("no change", reposit.ErrNoChange, "", reposit.Put("file", []byte("content")))
	add("no change on balance", reposit.ErrNoChange, "", reposit.Move("file", "x"), reposit.Move("x", "file"))
	return all
}

func badCommits(t *testing.T) (all []attempt) {
	add := func(name string, want error, opts reposit.CommitOptions) {
		all = append(all, attempt{name, want, "", func(_ *store, r *reposit.Repo) error {
			_, err := r.Commit(t.Context(), &opts, reposit.Put("new", []byte("new")))
			return err
		}})
	}
	for _, s := range []reposit.Signature{
		{}, {Name: "", Email: "a@b"}, {Name: "a\nb"}, {Name: "a\x00"}, {Name: "a<b"}, {Name: "a>b"},
		{Name: " .,: ", Email: "x\n"},
		{Name: ",;", Email: "x"}, {Name: "a", Email: "x>\ncommitter evil <e> 1 +0000"}, {Name: "a", When: time.Unix(-1, 0)},
		{Name: "a", When: newYear.In(time.FixedZone("", 15*3600))},
		{Name: "a", When: newYear.In(time.FixedZone("", -13*3600))},
	} {
		add(fmt.Sprintf("author %+v", s), reposit.ErrInvalid, reposit.CommitOptions{Author: &s})
		add(fmt.Sprintf("committer %+v", s), reposit.ErrInvalid, reposit.CommitOptions{Committer: &s})
	}
	add("message with NUL", reposit.ErrInvalid, reposit.CommitOptions{Message: "a\x00b"})
	for _, b := range badRefNames {
		if b != "" { // the default
			add(fmt.Sprintf("branch %q", b), reposit.ErrInvalid, reposit.CommitOptions{Branch: b})
		}
	}
	add("branch below a branch", reposit.ErrExists, reposit.CommitOptions{Branch: "main/x"})
	add("branch above a branch", reposit.ErrExists, reposit.CommitOptions{Branch: "dev"})
	add("long branch", reposit.ErrTooLarge, reposit.CommitOptions{Branch: strings.Repeat("x", 256)})
	for rev, want := range map[string]error{"nothing": reposit.ErrNotFound, "a b": reposit.ErrInvalid,
		"main:file":   reposit.ErrNotFound,
		"main^{tree}": reposit.ErrNotFound, "main~1": reposit.ErrNotFound} {
		add("from "+rev, want, reposit.CommitOptions{Branch: "new", From: rev})
	}
	add("expect none", reposit.ErrConflict, reposit.CommitOptions{Expect: &reposit.Hash{}})
	add("expect some", reposit.ErrConflict, reposit.CommitOptions{Expect: ref(blobHash("x"))})
	add("expect some of a new branch", reposit.ErrConflict,
		reposit.CommitOptions{Expect: ref(blobHash("x")), Branch: "new"})
	for _, signature := range []string{"", "\n", "a\x00b", "a\rb"} {
		add(fmt.Sprintf("signature %q", signature), reposit.ErrInvalid,
			reposit.CommitOptions{Sign: func([]byte) (string, error) { return signature, nil }})
	}
	add("signer fails", io.ErrNoProgress, reposit.CommitOptions{Sign: func([]byte) (string, error) {
		return "",
			io.ErrNoProgress
	}})
	return all
}

var badRefNames = []string{
	"", "..", ".", "a..b", ".a", "a/.b", "a.", "a/", "/a", "a//b", "a.lock", "a.lock/b", "a b", "a~", "a^", "a:", "a?",
	"a*", "a[", "a\\", "a\x7f",
	"a\n", "a\x00", "@{", "a@{b", "-a", "HEAD",
}

func badRefs(t *testing.T) (all []attempt) {
	add := func(name string, want error, try func(r *reposit.Repo) error) {
		all = append(all, attempt{name, want, "", func(_ *store, r *reposit.Repo) error { return try(r) }})
	}
	for _, b := range badRefNames {
		add(fmt.Sprintf("Branches.Create(%q)", b), reposit.ErrInvalid, func(r *reposit.Repo) error {
			_, err := r.Branches().Create(t.Context(), b, "")
			return err
		})
		add(fmt.Sprintf("Branches.Branch(%q)", b), reposit.ErrInvalid, func(r *reposit.Repo) error {
			_, err := r.Branches().Branch(t.Context(), b)
			return err
		})
		add(fmt.Sprintf("Branches.Rename(%q)", b), reposit.ErrInvalid,
			func(r *reposit.Repo) error { return r.Branches().Rename(t.Context(), "main", b) })
		add(fmt.Sprintf("Branches.Delete(%q)", b), reposit.ErrInvalid,
			func(r *reposit.Repo) error { return r.Branches().Delete(t.Context(), b) })
		add(fmt.Sprintf("Tags.Create(%q)", b), reposit.ErrInvalid, func(r *reposit.Repo) error {
			_, err := r.Tags().Create(t.Context(), b, "", nil)
			return err
		})
		add(fmt.Sprintf("Tags.Delete(%q)", b), reposit.ErrInvalid,
			func(r *reposit.Repo) error { return r.Tags().Delete(t.Context(), b) })
	}
	tip := func(r *reposit.Repo) reposit.Hash {
		h, err := r.Resolve(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	update := func(name string, want error, change func(tip reposit.Hash) reposit.RefUpdate) {
		add("Refs.Update: "+name, want, func(r *reposit.Repo) error {
			h := tip(r)
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/fine", New: h}, change(h))
		})
	}
	for _, name := range []string{"", "HEAD", "main", "refs", "refs/", "refs/heads/", "FETCH_HEAD", "objects/x",
		"refs/heads/../../config", "refs/heads/HEAD",
		"refs/heads/-x", "refs/tags/-x", "refs/x y", "/refs/heads/x", "refs//x"} {
		update(fmt.Sprintf("name %q", name), reposit.ErrInvalid,
			func(h reposit.Hash) reposit.RefUpdate { return reposit.RefUpdate{Name: name, New: h} })
	}
	update("unknown object", reposit.ErrNotFound, func(reposit.Hash) reposit.RefUpdate {
		return reposit.RefUpdate{Name: "refs/tags/x", New: blobHash("unknown")}
	})
	update("branch of a blob", reposit.ErrInvalid, func(reposit.Hash) reposit.RefUpdate {
		return reposit.RefUpdate{Name: "refs/heads/x", New: blobHash("content")}
	})
	update("delete the default branch", reposit.ErrInvalid,
		func(reposit.Hash) reposit.RefUpdate { return reposit.RefUpdate{Name: "refs/heads/main"} })
	update("delete nothing", reposit.ErrNotFound,
		func(reposit.Hash) reposit.RefUpdate { return reposit.RefUpdate{Name: "refs/heads/nothing"} })
	update("stale", reposit.ErrConflict, func(h reposit.Hash) reposit.RefUpdate {
		return reposit.RefUpdate{Name: "refs/heads/main", New: h, Old: ref(blobHash("x"))}
	})
	update("exists", reposit.ErrConflict, func(h reposit.Hash) reposit.RefUpdate {
		return reposit.RefUpdate{Name: "refs/heads/main", New: h, Old: &reposit.Hash{}}
	})
	update("absent", reposit.ErrConflict, func(h reposit.Hash) reposit.RefUpdate {
		return reposit.RefUpdate{Name: "refs/heads/x", New: h, Old: &h}
	})
	update("below a ref", reposit.ErrExists,
		func(h reposit.Hash) reposit.RefUpdate { return reposit.RefUpdate{Name: "refs/heads/main/x", New: h} })
	update("above a ref", reposit.ErrExists,
		func(h reposit.Hash) reposit.RefUpdate { return reposit.RefUpdate{Name: "refs/heads/dev", New: h} })
	update("below one of the same call", reposit.ErrExists, func(h reposit.Hash) reposit.RefUpdate {
		return reposit.RefUpdate{Name: "refs/heads/fine/x", New: h}
	})
	add("create main again", reposit.ErrExists, func(r *reposit.Repo) error {
		_, err := r.Branches().Create(t.Context(), "main", "")
		return err
	})
	add("rename onto another", reposit.ErrExists,
		func(r *reposit.Repo) error { return r.Branches().Rename(t.Context(), "main", "dev/a") })
	add("rename below another", reposit.ErrExists,
		func(r *reposit.Repo) error { return r.Branches().Rename(t.Context(), "main", "dev/a/b") })
	add("rename nothing", reposit.ErrNotFound,
		func(r *reposit.Repo) error { return r.Branches().Rename(t.Context(), "nothing", "x") })
	add("delete main", reposit.ErrInvalid, func(r *reposit.Repo) error { return r.Branches().Delete(t.Context(), "main") })
	add("delete no branch", reposit.ErrNotFound,
		func(r *reposit.Repo) error { return r.Branches().Delete(t.Context(), "nothing") })
	add("delete no tag", reposit.ErrNotFound,
		func(r *reposit.Repo) error { return r.Tags().Delete(t.Context(), "nothing") })
	for name, opts := range map[string]*reposit.TagOptions{"NUL": {Message: "\x00"},
		"tagger": {Message: "x", Tagger: &reposit.Signature{Name: "<"}}} {
		add("tag with "+name, reposit.ErrInvalid, func(r *reposit.Repo) error {
			_, err := r.Tags().Create(t.Context(), "v1", "", opts)
			return err
		})
	}
	for _, o := range []reposit.RefListOptions{{PageSize: -1}, {PageSize: 101}, {Page: -1}, {Page: 1 << 30},
		{PageToken: "x"}, {PageToken: "!"}, {Page: 2, PageToken: "x"}} {
		add(fmt.Sprintf("Tags.List(%+v)", o), reposit.ErrInvalid, func(r *reposit.Repo) error {
			_, err := r.Tags().List(t.Context(), &o)
			return err
		})
	}
	return all
}

func badNames(t *testing.T) (all []attempt) {
	add := func(name string, want error, opts reposit.CreateOptions) {
		all = append(all, attempt{fmt.Sprintf("Create(%q, %+v)", name, opts), want, "",
			func(s *store, _ *reposit.Repo) error {
				_, err := s.Create(t.Context(), name, &opts)
				return err
			}})
	}
	for _, slug := range []string{".", "..", "a..b", "-a", "a-", ".a", "a.", "a.git", "a.lock", "a.wiki", "a.atom", "con",
		"nul.txt", "com1", "a b", "a/b", "ü", "a\x00", "a\n"} {
		add("fine", reposit.ErrInvalid, reposit.CreateOptions{Slug: slug})
		add("fine", reposit.ErrInvalid, reposit.CreateOptions{Owner: slug})
		all = append(all,
			attempt{fmt.Sprintf("Update(slug %q)", slug), reposit.ErrInvalid, "", func(_ *store, r *reposit.Repo) error {
				_, err := r.Update(t.Context(), &reposit.RepoUpdate{Slug: &slug})
				return err
			}},
			attempt{fmt.Sprintf("Repo(%q)", slug), reposit.ErrInvalid, "", func(s *store, _ *reposit.Repo) error {
				_, err := s.Repo(t.Context(), "ann/"+slug)
				return err
			}})
	}
	for _, name := range []string{"", " ", "\t", "a\nb", "a\x00", "\xff", "\u202eabc", "\u2066", strings.Repeat("x", 300),
		"名前", "!!!"} {
		want := reposit.ErrInvalid
		if len(name) == 300 {
			want = reposit.ErrTooLarge
		}
		add(name, want, reposit.CreateOptions{})
	}
	add("fine", reposit.ErrTooLarge, reposit.CreateOptions{Slug: strings.Repeat("x", 101)})
	add("fine", reposit.ErrTooLarge, reposit.CreateOptions{Owner: strings.Repeat("x", 65)})
	add("fine", reposit.ErrTooLarge, reposit.CreateOptions{Description: strings.Repeat("x", 5000)})
	add("fine", reposit.ErrInvalid, reposit.CreateOptions{Description: "a\x00"})
	add("fine", reposit.ErrInvalid, reposit.CreateOptions{Homepage: "a\r\nb"})
	add("fine", reposit.ErrInvalid, reposit.CreateOptions{DefaultBranch: "a..b"})
	add("fine", reposit.ErrInvalid, reposit.CreateOptions{Labels: map[string]string{"": "x"}})
	add("fine", reposit.ErrInvalid, reposit.CreateOptions{Labels: map[string]string{"a\x01": "x"}})
	add("fine", reposit.ErrInvalid, reposit.CreateOptions{Labels: map[string]string{"a": "x\x00"}})
	add("fine", reposit.ErrTooLarge, reposit.CreateOptions{Labels: map[string]string{strings.Repeat("x", 129): ""}})
	add("fine", reposit.ErrTooLarge, reposit.CreateOptions{Labels: map[string]string{"x": strings.Repeat("x", 257)}})
	many := map[string]string{}
	for i := range 65 {
		many[fmt.Sprint(i)] = ""
	}
	add("fine", reposit.ErrTooLarge, reposit.CreateOptions{Labels: many})
	for _, when := range []time.Time{newYear.AddDate(300, 0, 0), newYear.AddDate(-2020, 0, 0)} {
		add("fine", reposit.ErrInvalid, reposit.CreateOptions{ExpiresAt: when})
	}
	add("My  project!", reposit.ErrExists, reposit.CreateOptions{})
	add("x", reposit.ErrExists, reposit.CreateOptions{Owner: "ANN", Slug: "TAKEN"})
	update := func(want error, u reposit.RepoUpdate) {
		all = append(all, attempt{fmt.Sprintf("Update(%+v)", u), want, "", func(_ *store, r *reposit.Repo) error {
			_, err := r.Update(t.Context(), &u)
			return err
		}})
	}
	update(reposit.ErrExists, reposit.RepoUpdate{Owner: ref("ann"), Slug: ref("taken"), Name: ref("new")})
	update(reposit.ErrNotFound, reposit.RepoUpdate{DefaultBranch: ref("nothing"), Name: ref("new")})
	update(reposit.ErrInvalid, reposit.RepoUpdate{DefaultBranch: ref("a b"), Name: ref("new")})
	update(reposit.ErrInvalid, reposit.RepoUpdate{OpenIssues: ref(-1)})
	update(reposit.ErrInvalid, reposit.RepoUpdate{Owner: ref("")})
	update(reposit.ErrInvalid, reposit.RepoUpdate{Name: ref("")})
	update(reposit.ErrInvalid, reposit.RepoUpdate{ExpiresAt: ref(newYear.AddDate(300, 0, 0))})
	return all
}

func badReads(t *testing.T) (all []attempt) {
	for path, want := range map[string]error{"nothing": reposit.ErrNotFound, "file/x": reposit.ErrNotFound,
		"link/file": reposit.ErrNotFound,
		"module/x":  reposit.ErrNotFound, "dir": reposit.ErrInvalid, "module": reposit.ErrInvalid, "": reposit.ErrInvalid,
		"/file": reposit.ErrInvalid,
		"file/": reposit.ErrInvalid, "dir//file": reposit.ErrInvalid, "../file": reposit.ErrInvalid,
		"file\x00": reposit.ErrInvalid, "./file": reposit.ErrInvalid} {
		all = append(all,
			attempt{fmt.Sprintf("Read(%q)", path), want, path, func(_ *store, r *reposit.Repo) error {
				_, err := r.Read(t.Context(), "", path)
				return err
			}},
			attempt{fmt.Sprintf("Open(%q)", path), want, path, func(_ *store, r *reposit.Repo) error {
				_, err := r.Open(t.Context(), "", path)
				return err
			}})
	}
	for path, want := range map[string]error{"nothing": reposit.ErrNotFound, "file": reposit.ErrInvalid,
		"link": reposit.ErrInvalid, "module": reposit.ErrInvalid, "a//b": reposit.ErrInvalid} {
		all = append(all,
			attempt{fmt.Sprintf("List(%q)", path), want, path, func(_ *store, r *reposit.Repo) error {
				_, err := r.List(t.Context(), "", path)
				return err
			}},
			attempt{fmt.Sprintf("Walk(%q)", path), want, path, func(_ *store, r *reposit.Repo) error {
				for _, err := range r.Walk(t.Context(), "", path) {
					return err
				}
				return nil
			}})
	}
	for rev, want := range map[string]error{"nothing": reposit.ErrNotFound, "a b": reposit.ErrInvalid,
		"main~1": reposit.ErrNotFound, "main~99999999999999999999": reposit.ErrInvalid,
		"main^{x}": reposit.ErrInvalid, "main^{": reposit.ErrInvalid, "main@{x}": reposit.ErrInvalid,
		"main@{-1}": reposit.ErrInvalid, "main@{1": reposit.ErrInvalid, "main@{7}": reposit.ErrNotFound,
		"main~x": reposit.ErrInvalid, "^main": reposit.ErrNotFound, "main:nothing": reposit.ErrNotFound,
		"main:file:x": reposit.ErrNotFound, ":": nil,
		strings.Repeat("0", 40): reposit.ErrNotFound, strings.Repeat("~", 1<<12): reposit.ErrNotFound,
		"\x00": reposit.ErrInvalid, "main\x00": reposit.ErrInvalid} {
		if want == nil {
			continue
		}
		if rev == "^main" { // a range, which names no one object
			want = reposit.ErrInvalid
		}
		all = append(all, attempt{fmt.Sprintf("Resolve(%.40q)", rev), want, rev, func(_ *store, r *reposit.Repo) error {
			_, err := r.Resolve(t.Context(), rev)
			return err
		}})
	}
	for _, id := range []reposit.ID{"", "rp_", "rp_0000000000000000000A", "00000000000000000000",
		"rp_000000000000000000000"} {
		all = append(all, attempt{fmt.Sprintf("RepoByID(%q)", id), reposit.ErrInvalid, string(id),
			func(s *store, _ *reposit.Repo) error {
				_, err := s.RepoByID(t.Context(), id)
				return err
			}})
		all = append(all, attempt{fmt.Sprintf("ParseID(%q)", id), reposit.ErrInvalid, string(id),
			func(*store, *reposit.Repo) error {
				_, err := reposit.ParseID(string(id))
				return err
			}})
	}
	for _, h := range []string{"", "0", strings.Repeat("g", 40), strings.Repeat("0", 41)} {
		all = append(all, attempt{fmt.Sprintf("ParseHash(%q)", h), reposit.ErrInvalid, h, func(*store, *reposit.Repo) error {
			_, err := reposit.ParseHash(h)
			return err
		}})
	}
	return all
}

func badTokens(t *testing.T) (all []attempt) {
	for _, token := range []string{"x", strings.Repeat("0", 40)} {
		all = append(all, attempt{fmt.Sprintf("Delete(%q)", token), reposit.ErrForbidden, "",
			func(_ *store, r *reposit.Repo) error {
				return r.Delete(t.Context(), token)
			}})
	}
	for _, token := range []string{"x", "!", "AQAAAAA", strings.Repeat("A", 5000)} {
		all = append(all, attempt{fmt.Sprintf("List(%.20q)", token), reposit.ErrInvalid, "",
			func(s *store, _ *reposit.Repo) error {
				_, err := s.List(t.Context(), &reposit.ListOptions{PageToken: token})
				return err
			}})
	}
	return all
}
