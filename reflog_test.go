package reposit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/reposit/reposit"
)

// TestRefLog shows logs to those who may see them, as far as they may.
func TestRefLog(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		m := &matrix{s: open(nil)}
		r := create(t, m.s, "x", &reposit.CreateOptions{Owner: "owner"})
		first := write(t, r, "f", "1").Hash
		side := commit(t, r, &reposit.CommitOptions{Branch: "side", From: "main", AllowEmpty: true}).Hash
		if err := r.Branches().Delete(t.Context(), "side"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Branches().Create(t.Context(), "side", first.String()); err != nil {
			t.Fatal(err)
		}
		commit(t, r, &reposit.CommitOptions{Branch: "gone", AllowEmpty: true})
		if err := r.Branches().Delete(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
		for _, login := range []string{"writer", "reader"} {
			if err := m.s.Users().Put(t.Context(), reposit.Profile{Login: login}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Collaborators().Add(t.Context(), "writer", reposit.Write); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			login, name string
			want        int
			err         error
		}{
			{"owner", "refs/heads/main", 1, nil}, {"writer", "refs/heads/main", 1, nil},
			{"reader", "refs/heads/main", 0, reposit.ErrForbidden},
			{"owner", "refs/heads/side", 3, nil}, {"writer", "refs/heads/side", 1, nil},
			{"owner", "refs/heads/gone", 2, nil}, {"writer", "refs/heads/gone", 0, reposit.ErrNotFound},
			{"owner", "refs/heads/never", 0, reposit.ErrNotFound}, {"writer", "refs/heads/never", 0, reposit.ErrNotFound},
			{"owner", "main", 0, reposit.ErrInvalid}, {"owner", "refs/heads/a..b", 0, reposit.ErrInvalid},
		} {
			as := must(m.s.As(reposit.User(test.login)).RepoByID(t.Context(), r.ID()))(t)
			n, last := 0, error(nil)
			for e, err := range as.Refs().Log(t.Context(), test.name) {
				if last = err; err == nil {
					n++
					if test.login != "owner" && (e.Old == side || e.New == side) {
						t.Errorf("Log(%s) as %s tells of what a deleted branch held", test.name, test.login)
					}
				}
			}
			if n != test.want || !errors.Is(last, test.err) {
				t.Errorf("Log(%s) as %s = %d entries, %v, want %d, %v", test.name, test.login, n, last, test.want, test.err)
			}
		}
	})
}

// TestTextRevisions finds commits by their messages beside git.
func TestTextRevisions(t *testing.T) {
	needGit(t)
	t.Logf("-seed=%d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 400))
	h := makeHistory(t, rng, 80)
	r := importGit(t, openMemory(t, nil), "x", h.dir)
	texts := []string{"word3", "commit 1", "commit [0-9]+$", "^commit 7", "nothing", "!-word1", "!!", "!-", "!x", "End",
		"a{2}", "word[12]{1}", "commit 4.*word", "", "7\n"[:1], "(", "^End"}
	var revs []string
	for _, text := range texts {
		revs = append(revs, ":/"+text, "main^{/"+text+"}", "main^{/"+text+"}~1", "main~3^{/"+text+"}^{tree}")
		for range 4 {
			revs = append(revs, fmt.Sprintf("b%d^{/%s}", rng.IntN(80), text))
		}
	}
	if found := compareRevisions(t, r, h.dir, revs); found < 30 {
		t.Errorf("git found %d only", found)
	}
}
