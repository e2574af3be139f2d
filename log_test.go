package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

// TestLogErrors has logs refused, each by its kind and by what of the options is wrong.
func TestLogErrors(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	write(t, r, "dir/a", "x")
	c := write(t, r, "dir/b", "y")
	many := make([]string, 1025)
	for _, test := range []struct {
		opts reposit.LogOptions
		want error
		name string
	}{
		{reposit.LogOptions{Revision: "nothing"}, reposit.ErrNotFound, "nothing"},
		{reposit.LogOptions{Revision: "main..nothing"}, reposit.ErrNotFound, "nothing"},
		{reposit.LogOptions{Revision: "nothing...main"}, reposit.ErrNotFound, "nothing"},
		{reposit.LogOptions{Revision: "nothing^!"}, reposit.ErrNotFound, "nothing^!"},
		{reposit.LogOptions{Revision: "main^-2"}, reposit.ErrNotFound, "main^-2"},
		{reposit.LogOptions{Revision: ".."}, reposit.ErrInvalid, ".."},
		{reposit.LogOptions{Revision: "main:dir/a"}, reposit.ErrInvalid, "main:dir/a"},
		{reposit.LogOptions{Revision: "main^{tree}"}, reposit.ErrInvalid, "main^{tree}"},
		{reposit.LogOptions{Not: []string{"main", "nothing"}}, reposit.ErrNotFound, "nothing"},
		{reposit.LogOptions{Not: []string{"main^{tree}"}}, reposit.ErrInvalid, "main^{tree}"},
		{reposit.LogOptions{Not: many}, reposit.ErrTooLarge, ""},
		{reposit.LogOptions{Paths: many}, reposit.ErrTooLarge, ""},
		{reposit.LogOptions{Paths: []string{strings.Repeat("x", 1<<20+1)}}, reposit.ErrTooLarge, ""},
		{reposit.LogOptions{Paths: []string{"dir", ""}}, reposit.ErrInvalid, ""},
		{reposit.LogOptions{Paths: []string{"dir/"}}, reposit.ErrInvalid, "dir/"},
		{reposit.LogOptions{Paths: []string{"dir/../dir"}}, reposit.ErrInvalid, "dir/../dir"},
		{reposit.LogOptions{Paths: []string{strings.Repeat("x/", 1<<18) + "x"}}, reposit.ErrTooLarge, ""},
		{reposit.LogOptions{Follow: true}, reposit.ErrInvalid, ""},
		{reposit.LogOptions{Follow: true, Paths: []string{"a", "b"}}, reposit.ErrInvalid, ""},
		{reposit.LogOptions{Limit: -1}, reposit.ErrInvalid, ""},
		{reposit.LogOptions{Order: 3}, reposit.ErrInvalid, ""},
		{reposit.LogOptions{Author: "/(/"}, reposit.ErrInvalid, "/(/"},
		{reposit.LogOptions{Grep: strings.Repeat("x", 1025)}, reposit.ErrTooLarge, strings.Repeat("x", 1025)},
		{reposit.LogOptions{After: reposit.Hash{1}}, reposit.ErrNotFound, "0100000000000000000000000000000000000000"},
		{reposit.LogOptions{After: c.Hash, Paths: []string{"dir/a"}}, reposit.ErrNotFound, c.Hash.String()},
	} {
		var err error
		for c, e := range r.Log(t.Context(), &test.opts) {
			if err = e; e == nil {
				t.Errorf("Log(%.100v) yields %v", test.opts, c.Hash)
			}
		}
		var named *reposit.Error
		if !errors.Is(err, test.want) || !errors.As(err, &named) || named.Op != "log" || named.Repo != "local/x" ||
			test.name != "" && named.Name != test.name {
			t.Errorf("Log(%.100v) = %#v, want %v about %q", test.opts, err, test.want, test.name)
		}
	}
	for _, rev := range []string{"nothing", "main^{tree}", "main:dir"} {
		want := reposit.ErrInvalid
		if rev == "nothing" {
			want = reposit.ErrNotFound
		}
		var named *reposit.Error
		if _, err := r.CommitAt(t.Context(), rev); !errors.Is(err, want) || !errors.As(err, &named) || named.Name != rev {
			t.Errorf("CommitAt(%q) = %v, want %v", rev, err, want)
		}
	}
	for _, test := range []struct {
		rev, dir string
		want     error
	}{
		{"nothing", "", reposit.ErrNotFound}, {"main", "nothing", reposit.ErrNotFound}, {"main", "dir/a", reposit.ErrInvalid},
		{"main", "dir/", reposit.ErrInvalid}, {"main^{tree}", "dir", reposit.ErrInvalid},
		{"main:dir", "", reposit.ErrInvalid},
	} {
		if err := lastError(r.LastCommits(t.Context(), test.rev, test.dir)); !errors.Is(err, test.want) {
			t.Errorf("LastCommits(%q, %q) = %v, want %v", test.rev, test.dir, err, test.want)
		}
	}
}

func lastError[T any](seq func(func(T, error) bool)) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}

// TestLogUnborn lists what has no commit yet.
func TestLogUnborn(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	for _, rev := range []string{"", "HEAD", "main"} {
		if got := logHashes(t, r, &reposit.LogOptions{Revision: rev}); len(got) > 0 {
			t.Errorf("Log(%q) = %v, want nothing", rev, got)
		}
		for last, err := range r.LastCommits(t.Context(), rev, "") {
			t.Errorf("LastCommits(%q) yields %v, %v", rev, last, err)
		}
		if c, err := r.CommitAt(t.Context(), rev); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("CommitAt(%q) = %v, %v, want %v", rev, c, err, reposit.ErrNotFound)
		}
	}
}

// TestLogAfter goes on where a log was left, whatever its order is.
func TestLogAfter(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	for i := range 30 {
		write(t, r, fmt.Sprint("f", i%3), fmt.Sprint(i))
	}
	for _, o := range []reposit.LogOptions{
		{}, {Order: reposit.Reverse}, {Order: reposit.Topological}, {Paths: []string{"f1"}}, {Revision: "main~20..main"},
	} {
		all := logHashes(t, r, &o)
		for _, size := range []int{1, 7, 100} {
			var got []string
			for page := o; ; {
				if page.Limit = size; o.Order == reposit.Reverse && page.After == (reposit.Hash{}) {
					page.Limit = 0 // it would begin with the commit at which this page ends
				}
				part := logHashes(t, r, &page)
				part = part[:min(len(part), size)]
				if len(part) == 0 {
					break
				}
				got = append(got, part...)
				page.After = must(reposit.ParseHash(part[len(part)-1]))(t)
			}
			if !slices.Equal(got, all) {
				t.Errorf("Log(%v) in pages of %d = %v, want %v", o, size, got, all)
			}
		}
	}
}

// TestLogMidway has the loop body write, and the store end the loop when the actor may not read any more, when the
// context ends, and when it is closed.
func TestLogMidway(t *testing.T) {
	s := openMemory(t, nil)
	private := true
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "owner", Private: true})
	for i := range 5 {
		write(t, r, fmt.Sprint("f", i), "x")
	}
	for _, name := range []string{"Log", "LastCommits"} {
		end := func(what string, want error, by func()) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if what == "cancel" {
				by = cancel
			}
			reader := must(s.As(reposit.User("reader")).RepoByID(ctx, r.ID()))(t)
			n, last := 0, error(nil)
			step := func(err error) {
				if n++; n == 2 {
					by()
				}
				last = err
			}
			if name == "Log" {
				for _, err := range reader.Log(ctx, nil) {
					step(err)
				}
			} else {
				for _, err := range reader.LastCommits(ctx, "", "") {
					step(err)
				}
			}
			if n != 3 || !errors.Is(last, want) {
				t.Errorf("%s with %s in the loop ends with %v after %d, want %v", name, what, last, n, want)
			}
		}
		public := false
		must(r.Update(t.Context(), &reposit.RepoUpdate{Private: &public}))(t)
		end("cancel", context.Canceled, nil)
		end("a repository that becomes private", reposit.ErrNotFound, func() {
			must(r.Update(t.Context(), &reposit.RepoUpdate{Private: &private}))(t)
		})
	}
	seen := 0
	for c, err := range r.Log(t.Context(), nil) { // new commits are not of what was begun
		if err != nil {
			t.Fatal(c, err)
		}
		write(t, r, "new", fmt.Sprint(seen))
		seen++
	}
	if seen != 5 {
		t.Errorf("a Log of 5 commits in which each makes one has %d", seen)
	}
	seen = 0
	var last error
	for _, err := range r.Log(t.Context(), nil) {
		if seen++; seen == 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		last = err
	}
	if seen != 3 || !errors.Is(last, reposit.ErrClosed) {
		t.Errorf("Log() of a store that is closed in the loop ends with %v after %d, want %v", last, seen, reposit.ErrClosed)
	}
}

// TestLogTimes bounds times to the second, both ends included.
func TestLogTimes(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	var all []string
	for i := range 5 {
		who := &reposit.Signature{Name: "a", Email: "b", When: time.Unix(int64(i), 0)}
		all = append([]string{commit(t, r, &reposit.CommitOptions{Author: who, AllowEmpty: true}).Hash.String()}, all...)
	}
	for _, test := range []struct {
		since, until time.Time
		want         []string
	}{
		{time.Unix(1, 0), time.Unix(3, 0), all[1:4]},
		{time.Unix(1, 1), time.Unix(3, 999_999_999), all[1:3]},
		{time.Time{}, time.Unix(0, 0), all[4:]},
		{time.Time{}, time.Unix(-1, 0), nil},
		{time.Unix(-1, 0), time.Time{}, all},
		{time.Unix(5, 0), time.Time{}, nil},
	} {
		if got := logHashes(t, r, &reposit.LogOptions{Since: test.since, Until: test.until}); !slices.Equal(got, test.want) {
			t.Errorf("Log(since %v until %v) = %v, want %v", test.since, test.until, got, test.want)
		}
	}
}

// FuzzLogRange lists what may be a set of commits: what "a..b" has is what b has and a has not, and what a set of one
// commit has, that commit has.
func FuzzLogRange(f *testing.F) {
	s := openMemory(f, nil)
	r := create(f, s, "x", nil)
	for i := range 4 {
		write(f, r, fmt.Sprint("f", i), "x")
	}
	commit(f, r, &reposit.CommitOptions{Branch: "side", From: "main~2", AllowEmpty: true})
	for _, rev := range []string{"", "main", "main..side", "side...main", "main~1..", "..side", "main^!", "side^@",
		"main^-", "main^-1", "main^-2", "...", "..", "a..b..c", "main:f1..side", "side....main", "main^{commit}..side"} {
		f.Add(rev)
	}
	list := func(t *testing.T, o *reposit.LogOptions) (found []string, err error) {
		for c, e := range r.Log(t.Context(), o) {
			if e != nil {
				if !errors.Is(e, reposit.ErrNotFound) && !errors.Is(e, reposit.ErrInvalid) {
					t.Errorf("Log(%q) = %v", o.Revision, e)
				}
				return nil, e
			}
			found = append(found, c.Hash.String())
		}
		return found, nil
	}
	f.Fuzz(func(t *testing.T, rev string) {
		got, err := list(t, &reposit.LogOptions{Revision: rev})
		a, b, ok := strings.Cut(rev, "..")
		if _, symmetric := strings.CutPrefix(b, "."); ok && !symmetric && rev != ".." {
			if a == "" {
				a = "HEAD"
			}
			want, errOfParts := list(t, &reposit.LogOptions{Revision: b, Not: []string{a}})
			if _, single := r.CommitAt(t.Context(), b); errOfParts == nil && single == nil && (err != nil ||
				!slices.Equal(got, want)) {
				t.Errorf("Log(%q) = %v, %v, of its parts %v", rev, got, err, want)
			}
		}
		if c, one := r.CommitAt(t.Context(), rev); one == nil && (err != nil || got[0] != c.Hash.String()) {
			t.Errorf("Log(%q) = %v, %v, CommitAt() = %v", rev, got, err, c.Hash)
		}
	})
}
