package reposit_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/reposit/reposit"
)

// TestGetOrCreate holds that of many calls at once one makes the repository, and all get it, under whatever of its
// names, and that nobody gets what they may not read or make.
func TestGetOrCreate(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		opts := &reposit.CreateOptions{Owner: "ann", Private: true, Description: "first"}
		var group sync.WaitGroup
		got := make([]reposit.ID, 16)
		for i := range got {
			group.Go(func() {
				r, err := s.GetOrCreate(ctx, "My notes", opts)
				if err != nil {
					t.Errorf("GetOrCreate() = %v", err)
					return
				}
				got[i] = r.ID()
			})
		}
		group.Wait()
		r := must(s.Repo(ctx, "ann/my-notes"))(t)
		for _, id := range got {
			if id != r.ID() {
				t.Errorf("GetOrCreate() = %v, want %v", id, r.ID())
			}
		}
		opts.Description = "second"
		again := must(s.GetOrCreate(ctx, "MY NOTES", opts))(t)
		if is := info(t, again); is.ID != r.ID() || is.Description != "first" || again.MovedFrom() != "" {
			t.Errorf("GetOrCreate() of what is there = %+v, from %q", is, again.MovedFrom())
		}
		if page := must(s.List(ctx, nil))(t); page.TotalCount != 1 {
			t.Errorf("there are %d repositories, want 1", page.TotalCount)
		}
		bob := s.As(reposit.User("bob"))
		if _, err := bob.GetOrCreate(ctx, "my notes", opts); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("GetOrCreate() of another owner's = %v, want %v", err, reposit.ErrForbidden)
		}
		own := must(bob.GetOrCreate(ctx, "my notes", nil))(t)
		if is := info(t, own); is.FullName() != "bob/my-notes" {
			t.Errorf("GetOrCreate() as bob = %s, want bob/my-notes", is.FullName())
		}
		for _, name := range []string{"", "///", "a\x00b"} {
			if _, err := s.GetOrCreate(ctx, name, nil); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("GetOrCreate(%q) = %v, want %v", name, err, reposit.ErrInvalid)
			}
		}

		// A name that it had before leads to it, and the handle says so.
		must(r.Update(ctx, &reposit.RepoUpdate{Slug: ref("kept")}))(t)
		for what, find := range map[string]func() (*reposit.Repo, error){
			"Repo":        func() (*reposit.Repo, error) { return s.Repo(ctx, "Ann/My-Notes") },
			"GetOrCreate": func() (*reposit.Repo, error) { return s.GetOrCreate(ctx, "my notes", opts) },
		} {
			moved := must(find())(t)
			if moved.ID() != r.ID() || moved.MovedFrom() != "ann/my-notes" {
				t.Errorf("%s() of a former name = %v, from %q, want %v, from ann/my-notes", what, moved.ID(),
					moved.MovedFrom(), r.ID())
			}
		}
		if now := must(s.Repo(ctx, "ann/kept"))(t); now.MovedFrom() != "" {
			t.Errorf("Repo() of the name that it has moved from %q", now.MovedFrom())
		}
		if byID := must(s.RepoByID(ctx, r.ID()))(t); byID.MovedFrom() != "" {
			t.Errorf("RepoByID() moved from %q", byID.MovedFrom())
		}
		create(t, s, "my notes", &reposit.CreateOptions{Owner: "ann"})
		if taken := must(s.Repo(ctx, "ann/my-notes"))(t); taken.ID() == r.ID() || taken.MovedFrom() != "" {
			t.Errorf("Repo() of a name that is taken again = %v, from %q", taken.ID(), taken.MovedFrom())
		}
	})
}

// TestDeleteByHost holds that the host alone deletes without a token.
func TestDeleteByHost(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	if err := s.repoAs(t, r, "ann").Delete(ctx, ""); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Delete() by the owner without a token = %v, want %v", err, reposit.ErrForbidden)
	}
	must(r.DeleteToken(ctx))(t)
	if err := s.repoAs(t, r, "ann").Delete(ctx, ""); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Delete() by the owner without the token = %v, want %v", err, reposit.ErrForbidden)
	}
	if err := r.Delete(ctx, "x"); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Delete() by the host with a wrong token = %v, want %v", err, reposit.ErrForbidden)
	}
	if err := r.Delete(ctx, ""); err != nil {
		t.Errorf("Delete() by the host without a token = %v", err)
	}
	if _, err := s.RepoByID(ctx, r.ID()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("RepoByID() of what was deleted = %v, want %v", err, reposit.ErrNotFound)
	}
	checkStore(t, s)
}
