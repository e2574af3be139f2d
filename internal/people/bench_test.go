package people

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

// BenchmarkPeople measures what a permission check and a page of watchers cost, and that neither depends on how many
// other repositories are shared and watched.
func BenchmarkPeople(b *testing.B) {
	for _, backend := range []string{"memory", "badger"} {
		sizes := []int{1000, 100_000}
		if testing.Short() {
			sizes = sizes[:1]
		}
		for _, repos := range sizes {
			b.Run(fmt.Sprintf("backend=%s/repos=%d", backend, repos), func(b *testing.B) {
				s := memory.New()
				if backend == "badger" {
					var err error
					if s, err = badger.Open(b.TempDir(), &badger.Options{Durability: storage.NoSync}); err != nil {
						b.Fatal(err)
					}
				}
				defer s.Close()
				fill(b, s, repos)
				benchmarks(b, s)
			})
		}
	}
}

// fill shares and watches repositories: each has a collaborator, each tenth a team and 40 watchers.
func fill(b *testing.B, s storage.Backend, repos int) {
	b.Helper()
	const perUpdate = 50
	update(b, s, func(tx storage.Tx) error {
		for i := range 100 {
			if err := PutUser(tx, &User{Login: fmt.Sprint("user", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	for i := 0; i < repos; i += perUpdate {
		update(b, s, func(tx storage.Tx) error {
			for n := i; n < i+perUpdate; n++ {
				if err := AddCollaborator(tx, id(n), "user1", Write); err != nil {
					return err
				}
				if n%10 > 0 {
					continue
				}
				t := &Team{Owner: fmt.Sprint("owner", n), Name: "core", Permission: Write, Members: []string{"user2", "user3"},
					Repos: []storage.ID{id(n)}}
				if _, _, err := PutTeam(tx, t); err != nil {
					return err
				}
				for w := range 40 {
					if _, err := Watch(tx, id(n), fmt.Sprint("user", w), time.Unix(int64(w), 0)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

func benchmarks(b *testing.B, s storage.Backend) {
	for _, bench := range []struct {
		name string
		run  func(v storage.View) error
	}{
		{"Granted/none", func(v storage.View) error { return granted(v, math.MaxInt, "x", "user1", None) }},
		{"Granted/collaborator", func(v storage.View) error { return granted(v, 501, "x", "user1", Write) }},
		{"Granted/team", func(v storage.View) error { return granted(v, 500, "owner500", "user2", Write) }},
		{"Watchers/page=30", func(v storage.View) error {
			n := 0
			for w, err := range Watchers(v, id(500), nil, storage.Ascending) {
				if err != nil {
					return err
				}
				if _, err := LoadUser(v, w.Login); err != nil {
					return err
				}
				if n++; n == 30 {
					break
				}
			}
			return nil
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			err := s.View(b.Context(), func(v storage.View) error {
				for b.Loop() {
					if err := bench.run(v); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

func granted(v storage.View, repo int, owner, login string, want Permission) error {
	got, err := Granted(v, id(repo), owner, login, Admin)
	if err == nil && got != want {
		err = fmt.Errorf("Granted(%d) = %v, want %v", repo, got, want)
	}
	return err
}
