package reposittest_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/reposittest"
	"github.com/reposit/reposit/storage/memory"
)

// everything is an archive of each kind of section.
const everything = `default-branch: trunk
-- commit: first --
date: 2026-01-02T15:04:05+01:00

A body.

-- after an empty line --
author: is part of the file's text
-- README.md --
# Notes
-- "commit: not one" --
a file
-- executable: run.sh --
#!/bin/sh
-- symlink: latest --
README.md
-- submodule: lib --
1111111111111111111111111111111111111111
-- base64: logo.png --
iVBORw0K
-- branch: topic --
-- commit: on topic --
author: Bob <bob@example.com>
committer: Carol <carol@example.com>
committed: 2026-03-01T00:00:00Z
-- README.md --
# Field notes
-- branch: trunk --
-- commit: on trunk --
-- delete: run.sh --
-- docs/a.txt --
a
-- branch: old trunk~1 --
-- commit: --
message: "no newline\n\n\n at the end "
-- old.txt --
-- merge: trunk topic --
-- tag: v1 --
-- tag: v0 topic --
The first one.
-- merge: trunk old topic~1 --
octopus
-- docs/b.txt --
b
`

func TestRepo(t *testing.T) {
	t.Parallel()
	reposittest.Backends(t, func(t *testing.T, s *reposit.Store) {
		ctx := t.Context()
		r := reposittest.Repo(t, s, everything)
		const want = `-- README.md --
# Field notes
-- after an empty line --
author: is part of the file's text
-- "commit: not one" --
a file
-- docs/a.txt --
a
-- docs/b.txt --
b
-- symlink: latest --
README.md
-- submodule: lib --
1111111111111111111111111111111111111111
-- base64: logo.png --
iVBORw0K
`
		if d := cmp.Diff(want, reposittest.Dump(t, r, "")); d != "" {
			t.Errorf("Dump() is not what was asked for (-want +got):\n%s", d)
		}
		tip, err := r.CommitAt(ctx, "trunk")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tip.Hash.String(), "01093d4120526bc98e390c8788c7a1214f0c74f6"; got != want {
			t.Errorf("the tip is %s, want %s", got, want)
		}
		if len(tip.Parents) != 3 || tip.Message != "octopus\n" {
			t.Errorf("the tip has parents %v and message %q", tip.Parents, tip.Message)
		}
		topic, err := r.CommitAt(ctx, "topic")
		if err != nil {
			t.Fatal(err)
		}
		march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if topic.Author.Name != "Bob" || topic.Committer.Name != "Carol" || !topic.Committer.When.Equal(march) {
			t.Errorf("topic is by %v, committed by %v", topic.Author, topic.Committer)
		}
		tag, err := r.Tags().Tag(ctx, "v0")
		if err != nil || tag.Message != "The first one.\n" || tag.Target != topic.Hash {
			t.Errorf("Tag(v0) = %+v, %v", tag, err)
		}
	})
}

// TestHistory shows that what History writes makes the same again.
func TestHistory(t *testing.T) {
	t.Parallel()
	for name, archive := range map[string]string{
		"everything": everything,
		"empty":      "",
		"one file":   "-- a --\n",
		"no default": "-- branch: x --\n-- commit: c --\n",
		"passing": "-- commit: a --\n-- branch: gone --\n-- commit: b --\n-- f --\n1\n-- merge: main gone --\n" +
			"-- tag: t gone --\n-- drop: gone --\n-- commit: c --\n-- branch: other gone~1 --\n",
		"ours": "-- commit: a --\n-- branch: t --\n-- commit: b --\n-- f --\n1\n-- merge: main t --\n" +
			"strategy: ours\n\ntakes nothing\n",
		"same branch": "-- commit: a --\n-- branch: b --\n-- branch: c --\n-- tag: b --\n",
		"names":       "-- \"a\\nb\" --\n-- \"-- x --\" --\n-- c:d --\n-- \"e: f\" --\n-- \" g \" --\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "passing" {
				archive = strings.Replace(archive, "gone~1", "main~2", 1)
			}
			first := reposittest.Repo(t, reposittest.New(t, nil), archive)
			text := reposittest.History(t, first)
			second := reposittest.Repo(t, reposittest.New(t, nil), text)
			if d := cmp.Diff(text, reposittest.History(t, second)); d != "" {
				t.Errorf("another history (-first +second):\n%s", d)
			}
			if d := cmp.Diff(refs(t, first), refs(t, second)); d != "" {
				t.Errorf("other refs (-first +second):\n%s\nof %s", d, text)
			}
		})
	}
}

func refs(t *testing.T, r *reposit.Repo) map[string]string {
	t.Helper()
	m := map[string]string{}
	for ref, err := range r.Refs().All(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		m[ref.Name] = ref.Hash.String()
	}
	return m
}

func TestRepoNames(t *testing.T) {
	t.Parallel()
	s := reposittest.New(t, nil)
	for archive, want := range map[string]string{
		"repo: alice/notes\n": "alice/notes", "repo: notes\n": "local/notes",
	} {
		info, err := reposittest.Repo(t, s, archive).Info(t.Context())
		if err != nil || info.Owner+"/"+info.Slug != want {
			t.Errorf("Repo(%q) is %s/%s, %v, want %s", archive, info.Owner, info.Slug, err, want)
		}
	}
	for _, want := range []string{"repo", "repo-2", "repo-3"} {
		info, err := reposittest.Repo(t, s, "").Info(t.Context())
		if err != nil || info.Slug != want {
			t.Errorf("Repo() is %s, %v, want %s", info.Slug, err, want)
		}
	}
}

// A recorder is a test that may fail.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.text = strings.TrimSpace(format)
	for _, a := range args {
		if err, ok := a.(error); ok {
			r.text += " " + err.Error()
		}
	}
	panic(r)
}

// failure returns what a test says that fails in fn.
func failure(t *testing.T, fn func(tb testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if got := recover(); got != nil && got != any(r) {
				panic(got)
			}
		}()
		fn(r)
	}()
	return r.text
}

func TestRepoInvalid(t *testing.T) {
	t.Parallel()
	s := reposittest.New(t, nil)
	for archive, want := range map[string]string{
		"-- comit: x --\n":                            `"comit" is no kind of section`,
		"-- commit: x --\nauthor: nobody\n":           `header "author: nobody"`,
		"-- commit: x --\ndate: today\n":              `header "date: today"`,
		"-- commit: x --\ndate: x\nno header\n":       `header "date: x"`,
		"-- commit: x --\nmessage: x\n":               `header "message: x"`,
		"-- commit: x --\n-- branch: b --\n-- f --\n": "there is no commit that it belongs to",
		"-- \"x --\n":                                 "quoted as in Go",
		"-- base64: f --\n!\n":                        "illegal base64",
		"-- submodule: f --\nmain\n":                  "main",
		"-- delete: f --\n":                           "not found",
		"-- merge: --\n":                              "0 names, want 1 to 1000",
		"-- merge: main topic --\n":                   "not found",
		"-- branch: a b c --\n":                       "3 names, want 1 to 2",
		"-- a/../b --\n":                              "invalid",
		"-- commit: --\n-- tag: x y --":               "not found",
		"-- commit: --\n-- branch: main main --\n":    "there is such a branch",
	} {
		got := failure(t, func(tb testing.TB) { reposittest.Repo(tb, s, archive) })
		if !strings.Contains(got, want) {
			t.Errorf("Repo(%q) fails with %q, want %q", archive, got, want)
		}
	}
	r := reposittest.Repo(t, s, "")
	if got := failure(t, func(tb testing.TB) { reposittest.Dump(tb, r, "v1") }); !strings.Contains(got, "not found") {
		t.Errorf("Dump() of what is not there fails with %q", got)
	}
}

func TestBare(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not there")
	}
	dir := reposittest.Bare(t, reposittest.Repo(t, reposittest.New(t, nil), everything))
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		return string(out), err
	}
	out, err := git("log", "-1", "--format=%an %s %cI", "topic")
	if want := "Bob on topic 2026-03-01T00:00:00+00:00\n"; err != nil || out != want {
		t.Errorf("git log says %q, %v, want %q", out, err, want)
	}
	if out, err := git("fsck", "--strict"); err != nil {
		t.Errorf("git fsck: %v\n%s", err, out)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	s := reposittest.New(t, &reposit.Options{Owner: "alice", Now: reposittest.Clock(reposittest.Epoch, time.Hour)})
	r := reposittest.Repo(t, s, "-- a --\n")
	if got, want := r.ID(), reposit.ID("rp_00000000000000000001"); got != want {
		t.Errorf("the first ID is %s, want %s", got, want)
	}
	info, err := r.Info(t.Context())
	if err != nil || info.Owner != "alice" || !info.UpdatedAt.After(info.CreatedAt) {
		t.Errorf("Info() = %+v, %v; want alice's, changed after it was made", info, err)
	}
}

// TestFailAfter goes through all units of work of a program, each of which fails once, and is then done again.
func TestFailAfter(t *testing.T) {
	t.Parallel()
	program := func(ctx context.Context, n int) (failed int, err error) {
		s, err := reposit.Open(ctx, reposittest.FailAfter(memory.New(), n), nil)
		if errors.Is(err, reposittest.ErrInjected) {
			return 1, nil
		}
		if err != nil {
			return 0, err
		}
		defer s.Close()
		for _, do := range []func() error{
			func() error { _, err := s.GetOrCreate(ctx, "x", nil); return err },
			func() error {
				r, err := s.Repo(ctx, "local/x")
				if err == nil {
					_, err = r.Write(ctx, "a", nil, "m")
				}
				return err
			},
		} {
			err := do()
			if errors.Is(err, reposittest.ErrInjected) {
				failed++
				err = do()
			}
			if err != nil {
				return failed, err
			}
		}
		return failed, nil
	}
	for n := 1; ; n++ {
		failed, err := program(t.Context(), n)
		if err != nil || failed > 1 {
			t.Fatalf("with the %dth unit of work failing: %d failed, %v", n, failed, err)
		}
		if failed == 0 {
			if n < 3 {
				t.Errorf("%d units of work have failed, want one for the repository and one for the commit", n-1)
			}
			break
		}
	}
}

func FuzzRepo(f *testing.F) {
	f.Add(everything)
	f.Add("-- merge: main a b --\nstrategy: ours\n")
	f.Add("-- symlink: a --\n\"\\x00\"\n")
	f.Fuzz(func(t *testing.T, archive string) {
		s := reposittest.New(t, nil)
		var r *reposit.Repo
		if failure(t, func(tb testing.TB) { r = reposittest.Repo(tb, s, archive) }) != "" {
			return
		}
		var text string
		if failure(t, func(tb testing.TB) { text = reposittest.History(tb, r) }) != "" {
			return // It has tags of trees, or the like.
		}
		again := reposittest.Repo(t, reposittest.New(t, nil), text)
		if d := cmp.Diff(refs(t, r), refs(t, again)); d != "" {
			t.Errorf("other refs (-first +second):\n%s\nof\n%s", d, text)
		}
	})
}
