package reposit_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// TestHidden holds that what an actor may not read is not there for them.
func TestHidden(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "secret", &reposit.CreateOptions{Owner: "ann", Private: true})
		write(t, r, "f", "1")
		create(t, s, "open", &reposit.CreateOptions{Owner: "ann"})
		ann, bob := s.As(reposit.User("Ann")), s.As(reposit.User("bob"))
		if got, err := ann.Repo(t.Context(), "ann/secret"); err != nil || got.ID() != r.ID() {
			t.Errorf("Repo() as the owner = %v, %v", got, err)
		}
		for name, other := range map[string]*reposit.Store{"bob": bob, "anonymous": s.As(reposit.Anonymous),
			"by way of bob": bob.As(reposit.User("ann"))} {
			_, hidden := other.Repo(t.Context(), "ann/secret")
			_, absent := other.Repo(t.Context(), "ann/absent")
			if !errors.Is(hidden, reposit.ErrNotFound) || errors.Unwrap(hidden).Error() != errors.Unwrap(absent).Error() {
				t.Errorf("%s: Repo(hidden) = %v, Repo(absent) = %v", name, hidden, absent)
			}
			if _, err := other.RepoByID(t.Context(), r.ID()); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s: RepoByID() = %v, want %v", name, err, reposit.ErrNotFound)
			}
			page, err := other.List(t.Context(), nil)
			if err != nil || page.TotalCount != 1 || len(page.Items) != 1 || page.Items[0].Slug != "open" {
				t.Errorf("%s: List() = %+v, %v", name, page, err)
			}
		}
		if page, err := ann.List(t.Context(), nil); err != nil || page.TotalCount != 2 || len(page.Items) != 2 {
			t.Errorf("List() as the owner = %+v, %v", page, err)
		}
	})
}

// TestForbidden holds that what an actor may read but not change stays as it is, and that a change of visibility holds
// for handles taken before.
func TestForbidden(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "1")
	as, err := s.As(reposit.User("bob")).Repo(t.Context(), "ann/x")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	for name, try := range map[string]func() error{
		"Write":       func() error { _, err := as.Write(t.Context(), "f", []byte("2"), "m"); return err },
		"Update":      func() error { _, err := as.Update(t.Context(), &reposit.RepoUpdate{Private: &yes}); return err },
		"DeleteToken": func() error { _, err := as.DeleteToken(t.Context()); return err },
		"Delete":      func() error { return as.Delete(t.Context(), "x") },
		"Tags.Create": func() error { _, err := as.Tags().Create(t.Context(), "v1", "", nil); return err },
		"Permission":  func() error { _, err := as.Permission(t.Context(), "ann"); return err },
		"Store.Create": func() error {
			_, err := s.As(reposit.User("bob")).Create(t.Context(), "y", &reposit.CreateOptions{Owner: "ann"})
			return err
		},
	} {
		if err := try(); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("%s as a stranger = %v, want %v", name, err, reposit.ErrForbidden)
		}
	}
	if data, err := as.Read(t.Context(), "", "f"); err != nil || string(data) != "1" {
		t.Errorf("Read() = %q, %v", data, err)
	}
	if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Private: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := as.Read(t.Context(), "", "f"); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Read() once it is private = %v, want %v", err, reposit.ErrNotFound)
	}
}

// TestMisnamed holds that a login folds by ASCII letters alone, and that an actor with one that can't be may nothing,
// and is told why.
func TestMisnamed(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		putUsers(t, s, "kim", "sis")
		secret := create(t, s, "secret", &reposit.CreateOptions{Owner: "kim", Private: true})
		public := create(t, s, "open", &reposit.CreateOptions{Owner: "sis"})
		if err := secret.Collaborators().Add(ctx, "sis", reposit.Read); err != nil {
			t.Fatal(err)
		}
		for _, login := range []string{"\u212aim", "\u017fi\u017f", "k\u0130m", "kim\x00", "ki m", "kim/secret", "-"} {
			as := s.As(reposit.User(login))
			for name, err := range map[string]error{
				"Repo":         errorOf(as.Repo(ctx, "kim/secret")),
				"Repo, public": errorOf(as.Repo(ctx, "sis/open")),
				"RepoByID":     errorOf(as.RepoByID(ctx, public.ID())),
				"List":         errorOf(as.List(ctx, nil)),
				"All":          firstError(as.All(ctx, nil)),
				"Search":       errorOf(as.Search(ctx, "open", nil)),
				"Create":       errorOf(as.Create(ctx, "x", nil)),
				"Pushable":     errorOf(as.Pushable(ctx, "sis", nil)),
				"Events":       firstError(as.Events(ctx, 0)),
				"Users.User":   errorOf(as.Users().User(ctx, "kim")),
				"Users.Put":    as.Users().Put(ctx, reposit.Profile{Login: login}),
				"Users.All":    firstError(as.Users().All(ctx)),
				"Teams.List":   errorOf(as.Teams().List(ctx, "kim")),
				"Permission":   errorOf(public.Permission(ctx, login)),
			} {
				if !errors.Is(err, reposit.ErrInvalid) || !strings.Contains(err.Error(), strconv.Quote(login)) {
					t.Errorf("%s as User(%q) = %v, want %v that names the login", name, login, err, reposit.ErrInvalid)
				}
			}
		}
		for _, opts := range []*reposit.ListOptions{{Owner: "\u212aim"}, {Owner: "\u017fis"}} {
			if page, err := s.List(ctx, opts); err == nil && page.TotalCount != 0 {
				t.Errorf("List() of owner %q = %+v, want none", opts.Owner, page)
			}
		}
		if page, err := s.As(reposit.User("KIM")).List(ctx, nil); err != nil || page.TotalCount != 2 {
			t.Errorf("List() as KIM = %+v, %v, want both", page, err)
		}
		// Addresses fold alike.
		kelvin := reposit.Profile{Login: "sis", Email: "\u212aim@example.org"}
		if err := errors.Join(s.Users().Put(ctx, reposit.Profile{Login: "kim", Email: "Kim@example.org"}),
			s.Users().Put(ctx, kelvin)); err != nil {
			t.Errorf("Put() of two addresses that differ = %v", err)
		}
		kelvin.Email = ""
		err := errors.Join(s.Users().Put(ctx, kelvin),
			s.Users().Put(ctx, reposit.Profile{Login: "kim", Email: "KIM@example.org"}))
		taken := s.Users().Put(ctx, reposit.Profile{Login: "sis", Email: "kim@EXAMPLE.org"})
		if err != nil || !errors.Is(taken, reposit.ErrExists) {
			t.Errorf("Put() of an address that another user has = %v, %v, want %v", err, taken, reposit.ErrExists)
		}
	})
}
