package reposit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/reposit/reposit"
)

// TestRemoveTo removes users whose repositories and teams go to others: few at once, many in steps, of which each is
// right, and what goes to nobody not at all.
func TestRemoveTo(t *testing.T) {
	t.Parallel()
	for _, b := range []string{"memory", "badger", "billyfs-osfs"} {
		t.Run(b, func(t *testing.T) {
			trip := &tripping{rawBackend(t, b), -1}
			s, ctx := openStore(t, trip, "", nil), t.Context()
			putUsers(t, s, "wim", "heir", "rita", "mia")
			var repos []*reposit.Repo
			team := reposit.Team{Owner: "wim", Name: "core", Permission: reposit.Write, Members: []string{"mia", "wim"}}
			for i := range 45 {
				r := create(t, s, fmt.Sprint("r", i), &reposit.CreateOptions{Owner: "wim", Private: i%2 == 0})
				repos = append(repos, r)
				if i < 5 {
					team.Repos = append(team.Repos, r.ID())
				}
			}
			write(t, repos[0], "f", "1")
			s.grant(t, repos[0], "heir", reposit.Read)
			s.grant(t, repos[0], "rita", reposit.Read)
			if err := errors.Join(s.Teams().Put(ctx, team), repos[1].Watchers().Add(ctx, "wim")); err != nil {
				t.Fatal(err)
			}
			// owners are those who have the repositories, each with what mia may do by the team.
			owners := func() (n map[string]int) {
				n = map[string]int{}
				for i, r := range repos {
					n[must(r.Info(ctx))(t).Owner]++
					want := reposit.None
					switch {
					case i < 5:
						want = reposit.Write
					case i%2 == 1:
						want = reposit.Read
					}
					if p := must(r.Permission(ctx, "mia"))(t); p != want {
						t.Errorf("Permission() of who is in the team, for %d = %v, want %v", i, p, want)
					}
				}
				return n
			}
			inTheWay := func(what string, free func() error) {
				t.Helper()
				before := s.digest(t)
				if err := s.Users().RemoveTo(ctx, "wim", "heir"); !errors.Is(err, reposit.ErrExists) {
					t.Errorf("RemoveTo() one who has such a %s = %v, want %v", what, err, reposit.ErrExists)
				}
				if s.digest(t) != before {
					t.Errorf("a refused RemoveTo() has changed something")
				}
				if err := free(); err != nil {
					t.Fatal(err)
				}
			}
			taken := create(t, s, "r44", &reposit.CreateOptions{Owner: "heir"})
			inTheWay("repository", func() error { remove(t, taken); return nil })
			other := reposit.Team{Owner: "heir", Name: "core", Permission: reposit.Read, Members: []string{"rita"}}
			if err := s.Teams().Put(ctx, other); err != nil {
				t.Fatal(err)
			}
			inTheWay("team", func() error { return s.Teams().Remove(ctx, "heir", "core") })
			for _, heir := range []string{"wim", "Wim", "", "a b"} {
				if err := s.Users().RemoveTo(ctx, "wim", heir); !errors.Is(err, reposit.ErrInvalid) {
					t.Errorf("RemoveTo(%q) = %v, want %v", heir, err, reposit.ErrInvalid)
				}
			}
			if err := s.As(reposit.User("wim")).Users().RemoveTo(ctx, "wim", "heir"); !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("RemoveTo() by the user = %v, want %v", err, reposit.ErrForbidden)
			}
			if err := s.Users().RemoveTo(ctx, "nobody", "heir"); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("RemoveTo() of nobody = %v, want %v", err, reposit.ErrNotFound)
			}

			trip.left = 1
			if err := s.Users().RemoveTo(ctx, "wim", "heir"); !errors.Is(err, errTripped) {
				t.Errorf("RemoveTo() that is cut short = %v, want %v", err, errTripped)
			}
			trip.left = -1
			if n := owners(); n["wim"] == 0 || n["heir"] == 0 || n["wim"]+n["heir"] != 45 {
				t.Errorf("a RemoveTo() that was cut short leaves %v", n)
			}
			if err := s.Users().RemoveTo(ctx, "wim", "heir"); err != nil {
				t.Fatal(err)
			}
			if n := owners(); n["heir"] != 45 {
				t.Errorf("RemoveTo() leaves %v, want all to be the heir's", n)
			}
			if _, err := s.Users().User(ctx, "wim"); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("User() = %v, want %v", err, reposit.ErrNotFound)
			}
			team.Owner, team.Members = "heir", []string{"mia"}
			got := must(s.Teams().Team(ctx, "heir", "core"))(t)
			slices.Sort(got.Repos)
			slices.Sort(team.Repos)
			if !slices.Equal(got.Repos, team.Repos) || !slices.Equal(got.Members, team.Members) ||
				got.Permission != team.Permission {
				t.Errorf("Team() of the heir = %+v, want %+v", got, team)
			}
			if old := must(s.Repo(ctx, "wim/r7"))(t); old.ID() != repos[7].ID() {
				t.Errorf("Repo() by the old name = %v, want %v", old.ID(), repos[7].ID())
			}
			for _, c := range must(repos[0].Collaborators().List(ctx))(t) {
				if c.Login == "heir" && c.Permission != reposit.Admin || c.Login == "wim" {
					t.Errorf("Collaborators() have %+v", c)
				}
			}
			checkStore(t, s)

			// What is little goes in one transaction.
			putUsers(t, s, "wim")
			create(t, s, "little", &reposit.CreateOptions{Owner: "wim"})
			team = reposit.Team{Owner: "wim", Name: "t", Permission: reposit.Read, Members: []string{"mia"}}
			if err := s.Teams().Put(ctx, team); err != nil {
				t.Fatal(err)
			}
			trip.left = 1
			if err := s.Users().RemoveTo(ctx, "wim", "heir"); err != nil {
				t.Errorf("RemoveTo() in one transaction = %v", err)
			}
			trip.left = -1
			checkStore(t, s)
		})
	}
}
