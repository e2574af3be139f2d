package access

import (
	"testing"

	"github.com/reposit/reposit/storage"
)

// TestDecide holds that no actor gets more than one of four sources gives: that they are the host, that they are the
// owner, what was granted to them, and that all may read what is public.
func TestDecide(t *testing.T) {
	repo, other := storage.ID{1}, storage.ID{2}
	for _, test := range []struct {
		name            string
		actor           Actor
		public, private Permission // with no grant
		grants          bool       // a grant adds to it
		most            Permission // that a grant gives
	}{
		{"host", Host(), Admin, Admin, false, Admin},
		{"owner", User("ANN"), Admin, Admin, false, Admin},
		{"another user", User("bob"), Read, None, true, Admin},
		{"a user without a name", User(""), Read, None, true, Admin},
		{"a user with a name that can't be", User("a b"), None, None, false, Admin},
		{"a user with a letter that folds to one of the owner's", User("\u212aim"), None, None, false, Admin},
		{"zero", Actor{}, Read, None, false, Admin},
		{"key", Key(repo, 1), None, None, true, Write},
		{"key of another repository", Key(other, 1), None, None, false, Admin},
	} {
		for _, private := range []bool{false, true} {
			for grant := None; grant <= Admin; grant++ {
				want := test.public
				if private {
					want = test.private
				}
				if test.grants {
					want = max(want, min(grant, test.most))
				}
				f := Facts{Repo: repo, Owner: "Ann", Private: private, Grant: grant}
				if got := Decide(test.actor, f); got != want {
					t.Errorf("Decide(%s, %+v) = %v, want %v", test.name, f, got, want)
				}
			}
		}
	}
	if got := Decide(User(""), Facts{Repo: repo, Owner: "", Private: true}); got != None {
		t.Errorf("Decide() of no login and no owner = %v, want %v", got, None)
	}
}

// TestDecideWithheld holds that a repository that is withheld is there for nobody but the host and those who have Admin
// on what it was forked from, whatever was granted on itself.
func TestDecideWithheld(t *testing.T) {
	repo := storage.ID{1}
	for _, actor := range []Actor{Host(), User("ann"), User("bob"), User(""), User("a b"), {}, Key(repo, 1)} {
		for grant := None; grant <= Admin; grant++ {
			for upstream := None; upstream <= Admin; upstream++ {
				want := None
				if actor.IsHost() || upstream == Admin && actor.kind == user {
					want = Admin
				}
				f := Facts{Repo: repo, Owner: "Ann", Private: true, Grant: grant, Withheld: true, Upstream: upstream}
				if got := Decide(actor, f); got != want {
					t.Errorf("Decide(%s, %+v) = %v, want %v", actor, f, got, want)
				}
			}
		}
	}
}
