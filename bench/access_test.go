package bench

import (
	"context"
	"testing"

	"github.com/reposit/reposit"
)

// BenchmarkAccess reads and commits as several actors. What they cost more than the host is what access costs.
func BenchmarkAccess(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		for _, private := range []string{"no", "yes"} {
			for _, who := range []string{"host", "owner", "stranger", "collaborator", "member"} {
				if who == "stranger" && private == "yes" {
					continue
				}
				name := "store=" + p.name + "/private=" + private + "/actor=" + who
				b.Run("verb=read/"+name, func(b *testing.B) { benchmarkAccess(b, p, private == "yes", who, false) })
				if who != "stranger" {
					b.Run("verb=commit/"+name, func(b *testing.B) { benchmarkAccess(b, p, private == "yes", who, true) })
				}
			}
		}
	}
}

func benchmarkAccess(b *testing.B, p place, private bool, who string, commit bool) {
	ctx := context.Background()
	s := openStore(b, p)
	all := fill(b, s, "bench", layout{50, 20})
	share(b, s, all, private)
	as := s
	if who != "host" {
		as = s.As(reposit.User(who))
	}
	r, err := as.RepoByID(ctx, all.ID())
	if err != nil {
		b.Fatal(err)
	}
	path := layout{50, 20}.path(7)
	b.ReportAllocs()
	defer reportCPU(b)()
	for i := 0; b.Loop(); i++ {
		if commit {
			_, err = r.Write(ctx, path, content(i), "change")
		} else {
			_, err = r.Read(ctx, "main", path)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// share gives a repository an owner, a collaborator and a team.
func share(b *testing.B, s *reposit.Store, r *reposit.Repo, private bool) {
	ctx := context.Background()
	owner := "owner"
	if _, err := r.Update(ctx, &reposit.RepoUpdate{Owner: &owner, Private: &private}); err != nil {
		b.Fatal(err)
	}
	for _, login := range []string{"collaborator", "member"} {
		if err := s.Users().Put(ctx, reposit.Profile{Login: login}); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Collaborators().Add(ctx, "collaborator", reposit.Write); err != nil {
		b.Fatal(err)
	}
	team := reposit.Team{Owner: owner, Name: "team", Permission: reposit.Write, Members: []string{"member"},
		Repos: []reposit.ID{r.ID()}}
	if err := s.Teams().Put(ctx, team); err != nil {
		b.Fatal(err)
	}
}
