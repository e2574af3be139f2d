package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

// TestNothingStale changes at random what reads stand on, and reads after each change as several actors, so often that
// what is remembered of a read is asked for by the next.
func TestNothingStale(t *testing.T) {
	fixture.EachKind(t, func(t *testing.T, open fixture.Opener) {
		ctx := t.Context()
		h := newStaleHistory(t, open(nil))
		random := rand.New(rand.NewPCG(*fixture.Seed, 0))
		steps := 150
		if testing.Short() {
			steps = 40
		}
		for range steps {
			what, err := h.step(ctx, random)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", *fixture.Seed, what, err)
			}
			h.check(ctx, "seed "+strconv.FormatUint(*fixture.Seed, 10)+": after "+what)
			if t.Failed() {
				return
			}
		}
	})
}

// A staleHistory is a repository with what its refs should hold, and who should see it.
type staleHistory struct {
	*testing.T
	r, other *reposit.Repo
	as       map[string]*reposit.Repo // by who they are
	refs     map[string]string        // full names: content of the file in their trees
	head     string                   // the full name of the default branch
	private  bool
	granted  bool // to bob
	n        int
}

func newStaleHistory(t *testing.T, s *fixture.Store) *staleHistory {
	r := fixture.Create(t, s.Store, "r", &reposit.CreateOptions{Owner: "ann"})
	fixture.Commit(t, r, &reposit.CommitOptions{Branch: "main"}, reposit.Put("d/f", []byte("0")))
	if _, err := r.Branches().Create(t.Context(), "dev", "main"); err != nil {
		t.Fatal(err)
	}
	if err := s.Users().Put(t.Context(), reposit.Profile{Login: "bob"}); err != nil {
		t.Fatal(err)
	}
	anybody, err := s.As(reposit.Anonymous).RepoByID(t.Context(), r.ID())
	if err != nil {
		t.Fatal(err)
	}
	return &staleHistory{
		T: t, r: r, other: fixture.Create(t, s.Store, "other", nil), head: "refs/heads/main",
		as: map[string]*reposit.Repo{"the host": r, "ann": s.RepoAs(t, r, "ann"), "bob": s.RepoAs(t, r, "bob"),
			"anybody": anybody},
		refs: map[string]string{"refs/heads/main": "0", "refs/heads/dev": "0"},
	}
}

func (h *staleHistory) step(ctx context.Context, random *rand.Rand) (what string, err error) {
	h.n++
	branch := []string{"main", "dev"}[random.IntN(2)]
	const tag = "refs/tags/main"
	switch random.IntN(7) {
	case 0, 1:
		content := strconv.Itoa(h.n)
		_, err = h.r.Commit(ctx, &reposit.CommitOptions{Branch: branch, Message: "m"}, reposit.Put("d/f", []byte(content)))
		h.refs["refs/heads/"+branch] = content
		return "a commit to " + branch, err
	case 2:
		if _, there := h.refs[tag]; there {
			delete(h.refs, tag)
			return "the end of the tag", h.r.Tags().Delete(ctx, "main")
		}
		h.refs[tag] = h.refs["refs/heads/"+branch]
		_, err = h.r.Tags().Create(ctx, "main", "refs/heads/"+branch, nil)
		return "a tag that is called as the branch", err
	case 3:
		h.private = !h.private
		_, err = h.r.Update(ctx, &reposit.RepoUpdate{Private: &h.private})
		return fmt.Sprint("private: ", h.private), err
	case 4:
		if h.granted = !h.granted; h.granted {
			return "the grant", h.r.Collaborators().Add(ctx, "bob", reposit.Read)
		}
		return "the end of the grant", h.r.Collaborators().Remove(ctx, "bob")
	case 5:
		h.head = "refs/heads/" + branch
		_, err = h.r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: &branch})
		return "default branch " + branch, err
	}
	_, err = h.other.Write(ctx, "f", []byte(strconv.Itoa(h.n)), "elsewhere")
	return "a commit to another repository", err
}

func (h *staleHistory) check(ctx context.Context, when string) {
	for who, r := range h.as {
		sees := !h.private || who == "the host" || who == "ann" || who == "bob" && h.granted
		for rev, want := range h.content() {
			sees := sees && want != ""
			for range 3 {
				got, err := r.Read(ctx, rev, "d/f")
				if sees && (err != nil || string(got) != want) || !sees && !errors.Is(err, reposit.ErrNotFound) {
					h.Errorf("%s: Read(%q) by %s = %q, %v; they should see it: %v, want %q", when, rev, who, got, err, sees, want)
				}
			}
			if _, err := r.Stat(ctx, rev, "d"); sees != (err == nil) {
				h.Errorf("%s: Stat(%q) by %s = %v; they should see it: %v", when, rev, who, err, sees)
			}
		}
	}
}

// content returns, by revision, what the file holds there, or "" if there is no such revision.
func (h *staleHistory) content() map[string]string {
	revs := map[string]string{"": h.refs[h.head], "HEAD": h.refs[h.head], "main": h.refs["refs/heads/main"],
		"dev": h.refs["refs/heads/dev"]}
	for _, name := range []string{"refs/heads/main", "refs/tags/main", "tags/main"} {
		revs[name] = h.refs[name]
	}
	if tag, there := h.refs["refs/tags/main"]; there {
		revs["main"], revs["tags/main"] = tag, tag
	}
	return revs
}

// TestNothingStaleBeside reads while one goroutine commits, grants and revokes. A read that begins after a change was
// acknowledged sees it.
func TestNothingStaleBeside(t *testing.T) {
	fixture.EachBackend(t, func(t *testing.T, open fixture.Opener) {
		s, ctx := open(nil), t.Context()
		r := fixture.Create(t, s.Store, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
		fixture.Commit(t, r, nil, reposit.Put("n", []byte("0")))
		s.Grant(t, r, "bob", reposit.Read)
		bob := s.RepoAs(t, r, "bob")
		// What was acknowledged: the number in the file, and since how many changes bob has the grant, or not.
		var number, grants atomic.Int64
		var done atomic.Bool
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				for !done.Load() {
					least := number.Load()
					data, err := r.Read(ctx, "main", "n")
					if got, _ := strconv.ParseInt(string(data), 10, 64); err != nil || got < least {
						t.Errorf("Read() = %q, %v after %d was committed", data, err, least)
						return
					}
					before := grants.Load()
					_, err = bob.Read(ctx, "", "n")
					// The counter is odd while a change is on its way, and a multiple of 4 when they have the grant.
					if after := grants.Load(); before == after && before%2 == 0 && (err == nil) != (before%4 == 0) {
						t.Errorf("Read() by bob = %v after %d changes of what they may", err, before/2)
						return
					}
				}
			})
		}
		rounds := int64(60)
		if testing.Short() {
			rounds = 15
		}
		for n := range rounds {
			if _, err := r.Write(ctx, "n", strconv.AppendInt(nil, n+1, 10), "count"); err != nil {
				t.Error(err)
			}
			number.Store(n + 1)
			grants.Add(1)
			var err error
			if n%2 == 0 {
				err = r.Collaborators().Remove(ctx, "bob")
			} else {
				err = r.Collaborators().Add(ctx, "bob", reposit.Read)
			}
			if err != nil {
				t.Error(err)
			}
			grants.Add(1)
		}
		done.Store(true)
		group.Wait()
	})
}
