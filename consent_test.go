package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/reposit/reposit"
)

// TestLeave holds that collaborators, members and watchers leave by themselves, also what they can't read any more, and
// that nobody takes out others but those who may.
func TestLeave(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		d := newDependent(t, open(nil))
		ctx := t.Context()
		team := reposit.Team{Owner: "bob", Name: "t", Permission: reposit.Write, Members: []string{"ann", "dan"},
			Repos: []reposit.ID{d.fork.ID()}}
		if err := d.Teams().Put(ctx, team); err != nil {
			t.Fatal(err)
		}
		dan, cid := d.repoAs(t, d.fork, "dan"), d.repoAs(t, d.fork, "cid")
		if err := dan.Watchers().Add(ctx, "dan"); err != nil {
			t.Fatal(err)
		}
		as := func(login string) reposit.Teams { return d.As(reposit.User(login)).Teams() }
		for what, err := range map[string]error{
			"Leave() of another member":        as("dan").Leave(ctx, "bob", "t", "ann"),
			"Leave() by a stranger":            as("cid").Leave(ctx, "bob", "t", "dan"),
			"Leave() by nobody":                d.As(reposit.Anonymous).Teams().Leave(ctx, "bob", "t", "dan"),
			"Remove() of another collaborator": dan.Collaborators().Remove(ctx, "cid"),
		} {
			if !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("%s = %v, want %v", what, err, reposit.ErrForbidden)
			}
		}
		if err := as("cid").Leave(ctx, "bob", "t", "cid"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Leave() by who is no member = %v, want %v", err, reposit.ErrNotFound)
		}
		if err := as("dan").Leave(ctx, "Bob", "T", "Dan"); err != nil {
			t.Fatal(err)
		}
		if _, err := dan.Info(ctx); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Info() by who left = %v, want %v", err, reposit.ErrNotFound)
		}
		if n := info(t, d.fork).Watchers; n != 0 {
			t.Errorf("%d watchers when the one left, want 0", n)
		}
		if err := as("bob").Leave(ctx, "bob", "t", "ann"); err != nil {
			t.Errorf("Leave() by the owner = %v", err)
		}
		if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil { // the fork is there for cid no more
			t.Fatal(err)
		}
		if err := cid.Collaborators().Remove(ctx, "cid"); err != nil {
			t.Errorf("Remove() of oneself from what can't be read = %v", err)
		}
		if err := cid.Collaborators().Remove(ctx, "cid"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Remove() of oneself again = %v, want %v", err, reposit.ErrNotFound)
		}
		d.grant(t, d.r, "bob", reposit.Read)
		if got := d.readers(t, d.fork); len(got) != 1 || got[0] != "bob" {
			t.Errorf("%q can read the fork, want bob alone", got)
		}
		checkStore(t, d.store)
	})
}

// TestListsOfOthers holds that strangers put no more into a user's lists than Limits allow, that the user can make
// room, and that the host may put more.
func TestListsOfOthers(t *testing.T) {
	s, ctx := openMemory(t, &reposit.Options{Limits: reposit.Limits{SharedPerUser: 2, TeamsPerUser: 2, ReposPerTeam: 3}}),
		t.Context()
	putUsers(t, s, "eve", "vic", "vim")
	eve := s.As(reposit.User("eve"))
	share := func(as *reposit.Store, n int, p reposit.Permission) error {
		r := must(as.GetOrCreate(ctx, fmt.Sprint("r", n), &reposit.CreateOptions{Owner: "eve", Private: true}))(t)
		return r.Collaborators().Add(ctx, "vic", p)
	}
	join := func(as *reposit.Store, n, repos int, members ...string) error {
		team := reposit.Team{Owner: "eve", Name: fmt.Sprint("t", n), Permission: reposit.Read, Members: members}
		for i := range repos {
			r := must(as.GetOrCreate(ctx, fmt.Sprint("r", i), &reposit.CreateOptions{Owner: "eve", Private: true}))(t)
			team.Repos = append(team.Repos, r.ID())
		}
		return as.Teams().Put(ctx, team)
	}
	for _, step := range []struct {
		what string
		err  error
		want error
	}{
		{"the first repository", share(eve, 0, reposit.Read), nil},
		{"the second", share(eve, 1, reposit.Read), nil},
		{"the third", share(eve, 2, reposit.Read), reposit.ErrTooLarge},
		{"another permission", share(eve, 1, reposit.Write), nil},
		{"the third, by the host", share(s.Store, 2, reposit.Read), nil},
		{"one more when the user has too many", share(eve, 3, reposit.Read), reposit.ErrTooLarge},
		{"a team", join(eve, 0, 1, "vic", "vim"), nil},
		{"another team", join(eve, 1, 3, "vic"), nil},
		{"a team too many", join(eve, 2, 1, "vim", "vic"), reposit.ErrTooLarge},
		{"a team without that member", join(eve, 2, 1, "vim"), nil},
		{"a team again", join(eve, 1, 3, "vic"), nil},
		{"the owner in their own teams", join(eve, 3, 0, "eve"), nil},
		{"a team of too many repositories", join(eve, 1, 4, "vic"), reposit.ErrTooLarge},
		{"a team too many, by the host", join(s.Store, 4, 4, "vic"), nil},
		{"fewer repositories than it has", join(eve, 4, 3, "vic"), nil},
	} {
		if !errors.Is(step.err, step.want) || step.want == nil && step.err != nil {
			t.Errorf("%s = %v, want %v", step.what, step.err, step.want)
		}
	}
	vic := s.As(reposit.User("vic"))
	leave := func(ctx context.Context, n int) error {
		return must(s.As(reposit.User("vic")).Repo(ctx, fmt.Sprint("eve/r", n)))(t).Collaborators().Remove(ctx, "vic")
	}
	if err := errors.Join(leave(ctx, 0), leave(ctx, 1), share(eve, 3, reposit.Read)); err != nil {
		t.Errorf("Add() when the user made room = %v", err)
	}
	if err := errors.Join(vic.Teams().Leave(ctx, "eve", "t0", "vic"), vic.Teams().Leave(ctx, "eve", "t1", "vic"),
		join(eve, 2, 1, "vim", "vic")); err != nil {
		t.Errorf("Put() when the user made room = %v", err)
	}
}
