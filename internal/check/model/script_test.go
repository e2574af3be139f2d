package model_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/script.txt")

// TestScript does the same on every backend, with a fixed clock and fixed IDs, and compares all that is returned,
// to the text of errors, with testdata/script.txt.
func TestScript(t *testing.T) {
	golden := filepath.Join("testdata", "script.txt")
	digests := map[string]string{}
	fixture.EachBackend(t, func(t *testing.T, open fixture.Opener) {
		opts, c := fixture.Fixed()
		opts.Limits = reposit.Limits{BlobSize: 1000, CommitSize: 2000, PathDepth: 8, PathLength: 100}
		s := open(opts)
		w := &script{t: t, s: s, clock: c}
		w.run()
		if *updateGolden {
			if err := os.WriteFile(golden, []byte(w.out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(w.out.String(), "\n")); diff != "" {
			t.Errorf("-%s +got:\n%s", golden, diff)
		}
		digests[s.Digest(t)] = t.Name()
	})
	if len(digests) != 1 {
		t.Errorf("backends hold different things after the same calls: %v", digests)
	}
}

// A script writes down what calls return.
type script struct {
	t     *testing.T
	s     *fixture.Store
	r     *reposit.Repo
	clock *fixture.Clock
	out   strings.Builder
}

// log writes one line for a call, and lets the clock go on.
func (w *script) log(err error, call string, results ...any) {
	fmt.Fprintf(&w.out, "%s:", call)
	for _, r := range results {
		fmt.Fprintf(&w.out, " %s", show(r))
	}
	if err != nil {
		fmt.Fprintf(&w.out, " %v", err)
		for _, kind := range sentinels {
			if errors.Is(err, kind) {
				fmt.Fprintf(&w.out, " [%v]", kind)
			}
		}
	}
	w.out.WriteByte('\n')
	w.clock.Advance(time.Second)
}

var sentinels = []error{
	reposit.ErrNotFound, reposit.ErrExists, reposit.ErrInvalid, reposit.ErrConflict, reposit.ErrNoChange,
	reposit.ErrForbidden,
	reposit.ErrProtected, reposit.ErrTooLarge, reposit.ErrCorrupt, reposit.ErrClosed, context.Canceled,
}

func show(v any) string {
	switch v := v.(type) {
	case *reposit.Repo:
		if v == nil {
			return "nil"
		}
		return string(v.ID())
	case *reposit.Commit:
		if v == nil {
			return "nil"
		}
		return fmt.Sprintf("%+v", *v)
	case reposit.Tag:
		tagger := v.Tagger
		v.Tagger = nil
		if tagger != nil {
			return fmt.Sprintf("%+v by %+v", v, *tagger)
		}
		return fmt.Sprintf("%+v", v)
	case []byte:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%+v", v)
}

func (w *script) run() {
	w.repositories()
	w.commits()
	w.reading()
	w.refs()
	w.lists()
	w.removal()
}

func (w *script) repositories() {
	ctx := w.t.Context()
	for _, c := range []struct {
		name string
		opts *reposit.CreateOptions
	}{
		{"My New Project", nil},
		{"My New Project", &reposit.CreateOptions{}},
		{"Other", &reposit.CreateOptions{
			Owner: "Alice", Slug: "Thing", Description: "what", Homepage: "https://example.org", Private: true,
			DefaultBranch: "trunk", Labels: map[string]string{"team": "red", "tier": "1"},
		}},
		{"", nil},
		{"名前", nil},
		{"a\nb", nil},
		{"x", &reposit.CreateOptions{Slug: "a..b"}},
		{"x", &reposit.CreateOptions{Slug: "con"}},
		{"x", &reposit.CreateOptions{Owner: "../.."}},
		{"x", &reposit.CreateOptions{DefaultBranch: "a b"}},
		{"x", &reposit.CreateOptions{Labels: map[string]string{"": "x"}}},
		{"x", &reposit.CreateOptions{ExpiresAt: fixture.NewYear.AddDate(1000, 0, 0)}},
	} {
		r, err := w.s.Create(ctx, c.name, c.opts)
		w.log(err, fmt.Sprintf("create %q %+v", c.name, c.opts), r)
	}
	for _, slug := range []string{"my-new-project", "LOCAL/My-New-Project", "alice/thing", "thing", "no/such", "a/b/c", "",
		"/", "x/"} {
		r, err := w.s.Repo(ctx, slug)
		w.log(err, fmt.Sprintf("repo %q", slug), r)
		if r != nil {
			info, err := r.Info(ctx)
			w.log(err, "info", info)
		}
	}
	for _, id := range []reposit.ID{"rp_00000000000000000001", "rp_0000000000000000000z", "rp_", ""} {
		r, err := w.s.RepoByID(ctx, id)
		w.log(err, fmt.Sprintf("repo by ID %q", id), r)
	}
	w.r, _ = w.s.Repo(ctx, "my-new-project")
}

func (w *script) commit(opts *reposit.CommitOptions, what string, changes ...reposit.Change) *reposit.Commit {
	c, err := w.r.Commit(w.t.Context(), opts, changes...)
	w.log(err, "commit "+what, c)
	return c
}

func (w *script) commits() {
	w.commit(nil, "nothing at all")
	c, err := w.r.Write(w.t.Context(), "README.md", []byte("# Hello\n"), "First words")
	w.log(err, "write", c)
	w.commit(nil, "the same", reposit.Put("README.md", []byte("# Hello\n")))
	ada := &reposit.Signature{Name: " Ada, ", Email: "<ada@example.org", When: fixture.NewYear}
	w.commit(&reposit.CommitOptions{Author: ada}, "by a bad author", reposit.Put("a", nil))
	ada.Email = "ada@example.org"
	w.commit(&reposit.CommitOptions{Author: ada, Message: "Many\n\nchanges\n"}, "many",
		reposit.Put("bin/run", []byte("#!/bin/sh\n")).Mode(reposit.ModeExecutable),
		reposit.PutReader("docs/a.txt", strings.NewReader(strings.Repeat("a line\n", 50))),
		reposit.Symlink("docs/latest", "a.txt"), reposit.Submodule("vendor/lib", c.Hash),
		reposit.PutBlob("copy.md", fixture.BlobHash("# Hello\n")), reposit.Copy("docs", "old/docs"),
		reposit.Move("README.md", "README"))
	w.commit(&reposit.CommitOptions{Branch: "side", Message: "aside"}, "to a new branch",
		reposit.Put("docs/b.txt", []byte("b")))
	w.commit(&reposit.CommitOptions{Branch: "past", From: "main~1"}, "to a branch from the past",
		reposit.Delete("README.md"))
	w.commit(&reposit.CommitOptions{Branch: "x", From: "nowhere"}, "from nowhere", reposit.Put("a", nil))
	w.commit(&reposit.CommitOptions{Expect: &reposit.Hash{}}, "to a branch that should not be", reposit.Put("a", nil))
	w.commit(&reposit.CommitOptions{AllowEmpty: true, Message: "empty"}, "empty")
	w.commit(&reposit.CommitOptions{Sign: func(p []byte) (string, error) {
		return fmt.Sprintf("%d\n\nbytes\n", len(p)),
			nil
	}}, "signed", reposit.Put("s", nil))
	w.commit(&reposit.CommitOptions{Sign: func([]byte) (string, error) { return "", io.ErrUnexpectedEOF }}, "unsigned",
		reposit.Put("s2", nil))
	w.commit(&reposit.CommitOptions{Message: "nul\x00"}, "with NUL", reposit.Put("a", nil))
	w.commit(&reposit.CommitOptions{Branch: "a..b"}, "to a bad branch", reposit.Put("a", nil))
	w.commit(nil, "onto a directory", reposit.Put("bin", nil))
	for _, path := range []string{"", "/a", "a/", "a//b", "a/../b", ".", ".git/config", "a/.GIT", "a\x00b",
		strings.Repeat("a/", 8) + "a",
		strings.Repeat("a/", 9) + "a", strings.Repeat("a", 101), "README/x", "docs/latest/x", "git~1", ".g\u200cit/x"} {
		w.commit(nil, fmt.Sprintf("put %q", path), reposit.Put(path, []byte(path)))
	}
	w.commit(nil, "delete nothing", reposit.Delete("nope"))
	w.commit(nil, "move nothing", reposit.Move("nope", "b"))
	w.commit(nil, "move onto", reposit.Move("README", "copy.md"))
	w.commit(nil, "move inside", reposit.Move("docs", "docs/x/y"))
	w.commit(nil, "mode of a directory", reposit.Move("docs", "d").Mode(reposit.ModeExecutable))
	w.commit(nil, "mode of a symlink", reposit.Symlink("l", "x").Mode(reposit.ModeExecutable))
	w.commit(nil, "no such blob", reposit.PutBlob("b", c.Hash))
	w.commit(nil, "blob too large", reposit.Put("b", make([]byte, 1001)))
	w.commit(nil, "commit too large", reposit.Put("b", make([]byte, 900)), reposit.Put("c", make([]byte, 900)),
		reposit.Put("d", make([]byte, 900)))
	w.commit(nil, "stream too large", reposit.PutReader("b", strings.NewReader(strings.Repeat("x", 1001))))
	w.commit(nil, "expect", reposit.Put("README", nil).Expect(reposit.Hash{}))
	w.commit(nil, "expect other", reposit.Delete("nope").Expect(c.Hash))
	w.commit(nil, "directory in place of a file", reposit.Delete("README"),
		reposit.Put("README/all", []byte("x")).Expect(reposit.Hash{}))
}

func (w *script) reading() {
	ctx := w.t.Context()
	for _, rev := range []string{"", "main", "HEAD", "@", "side", "past", "main~2", "main^", "main^2", "main~99",
		"main@{1}", "@{0}", "main^{tree}",
		"main:docs", "main:nope", "main^{blob}", "main^{x}", "nope", "no such", "refs/heads/main", "0000", "..", "main..side",
		"@{-1}", "main^{"} {
		h, err := w.r.Resolve(ctx, rev)
		w.log(err, fmt.Sprintf("resolve %q", rev), h)
		entries, err := w.r.List(ctx, rev, "")
		w.log(err, fmt.Sprintf("list %q", rev), entries)
	}
	for _, path := range []string{"README/all", "docs", "docs/latest", "docs/latest/x", "vendor/lib", "nope", "", "a//b",
		"../x", "bin/run"} {
		data, err := w.r.Read(ctx, "", path)
		w.log(err, fmt.Sprintf("read %q", path), data)
		e, err := w.r.Stat(ctx, "", path)
		w.log(err, fmt.Sprintf("stat %q", path), e)
		entries, err := w.r.List(ctx, "", path)
		w.log(err, fmt.Sprintf("list at %q", path), entries)
		_, err = w.r.Open(ctx, "nope", path)
		w.log(err, fmt.Sprintf("open %q", path))
	}
	for e, err := range w.r.Walk(ctx, "main", "") {
		w.log(err, "walk", e)
	}
	for e, err := range w.r.Walk(ctx, "main", "nope") {
		w.log(err, "walk", e)
	}
}

func (w *script) refs() {
	ctx := w.t.Context()
	b, tags, refs := w.r.Branches(), w.r.Tags(), w.r.Refs()
	for _, c := range [][2]string{{"dev", ""}, {"dev", ""}, {"dev/x", ""}, {"old", "main~1"}, {"bad name", ""}, {"-x", ""},
		{"new", "nope"}, {"new", "main^{tree}"}} {
		branch, err := b.Create(ctx, c[0], c[1])
		w.log(err, fmt.Sprintf("create branch %q from %q", c[0], c[1]), branch)
	}
	for _, c := range [][2]string{{"dev", "dev/x"}, {"dev/x", "dev/y"}, {"dev/y", "main"}, {"nope", "x"}, {"old", "old"},
		{"main", "trunk"}, {"trunk", "main"}} {
		w.log(b.Rename(ctx, c[0], c[1]), fmt.Sprintf("rename branch %q to %q", c[0], c[1]))
	}
	for _, name := range []string{"old", "old", "main", "..", "HEAD"} {
		w.log(b.Delete(ctx, name), fmt.Sprintf("delete branch %q", name))
		branch, err := b.Branch(ctx, name)
		w.log(err, fmt.Sprintf("branch %q", name), branch)
	}
	for _, c := range []struct {
		name, rev string
		opts      *reposit.TagOptions
	}{
		{"v1", "main~1", nil}, {"v2", "", &reposit.TagOptions{Message: "Two\n"}}, {"v1", "", nil},
		{"v3", "v2", &reposit.TagOptions{Message: "of a tag"}},
		{"tree", "main^{tree}", nil}, {"x", "nope", nil}, {"x y", "", nil}, {"n", "", &reposit.TagOptions{Message: "\x00"}},
	} {
		tag, err := tags.Create(ctx, c.name, c.rev, c.opts)
		w.log(err, fmt.Sprintf("create tag %q of %q", c.name, c.rev), tag)
	}
	w.log(tags.Delete(ctx, "v1"), "delete tag")
	w.log(tags.Delete(ctx, "v1"), "delete tag again")
	tip, _ := w.r.Resolve(ctx, "main")
	tree, _ := w.r.Resolve(ctx, "main^{tree}")
	for _, u := range [][]reposit.RefUpdate{
		{},
		{{Name: "refs/notes/x", New: tip}, {Name: "refs/heads/new", New: tip, Old: &reposit.Hash{}}},
		{{Name: "refs/notes/y", New: tip}, {Name: "refs/heads/new", New: tip, Old: &reposit.Hash{}}},
		{{Name: "refs/heads/tree", New: tree}},
		{{Name: "refs/tags/t2", New: tree}},
		{{Name: "refs/heads/main"}},
		{{Name: "refs/heads/gone"}},
		{{Name: "refs/heads/gone", Old: &reposit.Hash{}}},
		{{Name: "refs/heads/new/sub", New: tip}},
		{{Name: "HEAD", New: tip}},
		{{Name: "refs/heads/../x", New: tip}},
		{{Name: "refs/heads/new", New: fixture.BlobHash("no such")}},
		{{Name: "refs/heads/new", Old: &tree}},
		{{Name: "refs/heads/new", Old: &tip}},
	} {
		w.log(refs.Update(ctx, u...), fmt.Sprintf("update refs %d", len(u)))
	}
	for _, prefix := range []string{"", "refs/", "refs/tags/", "refs/heads/d", "x"} {
		for r, err := range refs.All(ctx, prefix) {
			w.log(err, "all refs", r)
		}
	}
	opts := &reposit.RefListOptions{PageSize: 2}
	for {
		page, err := b.List(ctx, opts)
		opts.PageToken = page.NextPageToken
		if page.NextPageToken != "" {
			page.NextPageToken = "more" // each store has a secret of its own
		}
		w.log(err, "list branches", len(page.Items), page.NextPageToken, page.TotalCount)
		if opts.PageToken == "" {
			break
		}
	}
	for tag, err := range tags.All(ctx) {
		w.log(err, "all tags", tag)
	}
	page, err := tags.List(ctx, &reposit.RefListOptions{PageToken: "garbage"})
	w.log(err, "list tags", page)
}

func (w *script) lists() {
	ctx := w.t.Context()
	for i := range 5 {
		r, err := w.s.Create(ctx, fmt.Sprintf("repo %d", 7*i%5),
			&reposit.CreateOptions{Labels: map[string]string{"odd": fmt.Sprint(i % 2)}})
		w.log(err, "create", r)
	}
	for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortPushed, reposit.SortName,
		9} {
		opts := &reposit.ListOptions{Sort: sort, PageSize: 3}
		for {
			page, err := w.s.List(ctx, opts)
			opts.PageToken = page.NextPageToken
			if page.NextPageToken != "" {
				page.NextPageToken = "more" // each store has a secret of its own
			}
			w.log(err, fmt.Sprintf("list by %d", sort), page)
			if opts.PageToken == "" {
				break
			}
		}
	}
	page, err := w.s.List(ctx, &reposit.ListOptions{Labels: map[string]string{"odd": "1"}, Owner: "LOCAL", Page: 2,
		PageSize: 1})
	w.log(err, "list by label", page)
	for _, o := range []reposit.ListOptions{{PageSize: -1}, {PageSize: 101}, {Page: -1}, {PageToken: "x"},
		{Page: 1, PageToken: "x"}, {Direction: 7}} {
		_, err := w.s.List(ctx, &o)
		w.log(err, "list")
	}
}

func (w *script) removal() {
	ctx := w.t.Context()
	info, err := w.r.Update(ctx, &reposit.RepoUpdate{Owner: fixture.Ref("Bob"), Slug: fixture.Ref("Renamed"),
		Name:          fixture.Ref("New"),
		DefaultBranch: fixture.Ref("side")})
	w.log(err, "update", info)
	for _, u := range []*reposit.RepoUpdate{
		nil,
		{DefaultBranch: fixture.Ref("nope")},
		{Owner: fixture.Ref("alice"), Slug: fixture.Ref("thing")},
		{Slug: fixture.Ref("")},
		{OpenIssues: fixture.Ref(-1)},
		{Name: fixture.Ref("\u202e")},
		{HasWiki: fixture.Ref(false), HasIssues: fixture.Ref(false), HasDownloads: fixture.Ref(false),
			Private: fixture.Ref(true), OpenIssues: fixture.Ref(3),
			Labels: map[string]string{"x": "y"}},
		{ExpiresAt: fixture.Ref(fixture.NewYear)},
	} {
		info, err := w.r.Update(ctx, u)
		w.log(err, "update", info)
	}
	w.log(w.r.Delete(ctx, "no token"), "delete")
	_, err = w.r.DeleteToken(ctx)
	w.log(err, "delete token")
	w.log(w.r.Delete(ctx, "still no token"), "delete")
	n, err := w.s.DeleteExpired(ctx)
	w.log(err, "delete expired", n)
	_, err = w.r.Info(ctx)
	w.log(err, "info")
	_, err = w.r.Write(ctx, "a", nil, "")
	w.log(err, "write")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = w.r.Info(cancelled)
	w.log(err, "info")
}
