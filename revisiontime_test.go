package reposit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

// TestTimedRevisions asks what a branch held at some times, beside git, which gets the same log and the same time.
func TestTimedRevisions(t *testing.T) {
	needGit(t)
	now := time.Date(2026, 3, 31, 12, 30, 0, 0, time.UTC)
	begin := now.Add(-100 * time.Hour)
	opts, _ := fixed()
	opts.Now = func() time.Time { return now }
	s := openMemory(t, opts)
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "owner"})
	end := now
	for i := range 12 {
		now = begin.Add(time.Duration(i*i) * time.Hour / 2)
		write(t, r, "f", fmt.Sprint(i))
	}
	now = end
	dir := s.export(t, r)
	var entries []string
	for e, err := range r.Refs().Log(t.Context(), "refs/heads/main") {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, fmt.Sprintf("%s %s A <a> %d +0000\tx\n", e.Old, e.New, e.By.When.Unix()))
	}
	var text strings.Builder
	for i := range entries { // git has the oldest one first
		text.WriteString(entries[len(entries)-1-i])
	}
	file := filepath.Join(dir, "logs", "refs", "heads", "main")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_TEST_DATE_NOW", fmt.Sprint(now.Unix()))
	t.Setenv("TZ", "UTC")
	for _, past := range []string{"now", "yesterday", "2 hours ago", "50 hours ago", "90 hours ago", "3 days ago", "noon",
		"2026-03-30", "2026-03-29 10:00:00 +0200", "1774700000", "0", "1", "11", "1 week 2 hours ago"} {
		rev := "main@{" + past + "}"
		got, err := r.Resolve(t.Context(), rev)
		if past == "1 week 2 hours ago" { // git warns, and says what there was at first
			if !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Resolve(%q) = %s, %v, want %v", rev, got, err, reposit.ErrNotFound)
			}
			continue
		}
		if want := git(t, dir, nil, "rev-parse", rev); err != nil || got.String() != want {
			t.Errorf("Resolve(%q) = %s, %v, to git %s", rev, got, err, want)
		}
		if data, err := r.Read(t.Context(), rev, "f"); err != nil || len(data) == 0 {
			t.Errorf("Read(%q) = %q, %v", rev, data, err)
		}
	}
	for _, rev := range []string{"main@{-1}", "@{-1}", "main@{upstream}", "main@{u}", "main@{push}", "main@{}", "main@{x",
		"main@{2 fortnights ago}", "main@{monday}", ":0:f"} {
		got, err := r.Resolve(t.Context(), rev)
		if !errors.Is(err, reposit.ErrInvalid) && !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve(%q) = %s, %v, want an error", rev, got, err)
		}
	}
	// What such a revision names is not remembered: it changes with the time alone.
	for _, test := range []struct {
		now  time.Time
		want string
	}{{begin.Add(60 * time.Hour), "10"}, {begin.Add(48 * time.Hour), "9"}, {end, "11"}, {end, "11"}} {
		now = test.now
		for range 3 {
			if data, err := r.Read(t.Context(), "main@{1 hour ago}", "f"); err != nil || string(data) != test.want {
				t.Errorf("Read() at %s = %q, %v, want %q", now, data, err, test.want)
			}
		}
	}
	reader := must(s.As(reposit.User("reader")).RepoByID(t.Context(), r.ID()))(t)
	if _, err := reader.Resolve(t.Context(), "main@{2 days ago}"); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Resolve() of what a branch held, by a reader = %v, want %v", err, reposit.ErrNotFound)
	}
}

// TestRestoreBranch brings deleted branches back, on each backend.
func TestRestoreBranch(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "x", &reposit.CreateOptions{Owner: "owner"})
		write(t, r, "f", "1")
		tip := commit(t, r, &reposit.CommitOptions{Branch: "side", From: "main"}, reposit.Put("g", []byte("only here"))).Hash
		b := r.Branches()
		if err := b.Delete(ctx, "side"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Resolve(ctx, "side"); !errors.Is(err, reposit.ErrNotFound) {
			t.Fatalf("Resolve() of a deleted branch = %v", err)
		}
		for range 2 { // also what was restored once
			got, err := b.Restore(ctx, "refs/heads/side")
			if err != nil || got.Name != "side" || got.Commit.Hash != tip {
				t.Fatalf("Restore() = %s at %s, %v, want side at %s", got.Name, got.Commit.Hash, err, tip)
			}
			if data, err := r.Read(ctx, "side", "g"); err != nil || string(data) != "only here" {
				t.Errorf("Read() of a restored branch = %q, %v", data, err)
			}
			if _, err := b.Restore(ctx, "side"); !errors.Is(err, reposit.ErrExists) {
				t.Errorf("Restore() of a branch that is there = %v, want %v", err, reposit.ErrExists)
			}
			if err := b.Delete(ctx, "side"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Create(ctx, "side/a", ""); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]error{
			"side": reposit.ErrExists, "never": reposit.ErrNotFound, "main": reposit.ErrExists, "a..b": reposit.ErrInvalid,
			"refs/tags/x": reposit.ErrInvalid,
		} {
			if _, err := b.Restore(ctx, name); !errors.Is(err, want) {
				t.Errorf("Restore(%q) = %v, want %v", name, err, want)
			}
		}
		if _, err := s.repoAs(t, r, "bob").Branches().Restore(ctx, "side"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Restore() by a reader = %v, want %v", err, reposit.ErrForbidden)
		}
	})
}
