package people

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func id(n int) storage.ID { return storage.ID([]byte(fmt.Sprintf("%020d", n))) }

// newStore returns a backend that knows these users.
func newStore(t testing.TB, logins ...string) storage.Backend {
	t.Helper()
	b := memory.New()
	t.Cleanup(func() { b.Close() })
	update(t, b, func(tx storage.Tx) error {
		for _, login := range logins {
			if err := PutUser(tx, &User{Login: login}); err != nil {
				return err
			}
		}
		return nil
	})
	return b
}

func update(t testing.TB, b storage.Backend, fn func(storage.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, b storage.Backend, fn func(storage.View) error) {
	t.Helper()
	if err := b.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func putTeam(tx storage.Tx, t Team) error {
	_, _, err := PutTeam(tx, &t)
	return err
}

func TestPermission(t *testing.T) {
	for p, text := range map[Permission]string{None: "none", Read: "read", Write: "write", Admin: "admin"} {
		if got, err := p.MarshalText(); string(got) != text || err != nil || p.String() != text {
			t.Errorf("MarshalText(%d) = %q, %v, String() = %q, want %q", p, got, err, p, text)
		}
		if got, err := ParsePermission(text); got != p || err != nil {
			t.Errorf("ParsePermission(%q) = %v, %v, want %v", text, got, err, p)
		}
	}
	for _, text := range []string{"", "READ", "owner", "pull", "read ", "4", "Permission(4)"} {
		p := Write
		if err := p.UnmarshalText([]byte(text)); !errors.Is(err, ErrPermission) || p != Write {
			t.Errorf("UnmarshalText(%q) = %v and %v, want %v and no change", text, err, p, ErrPermission)
		}
	}
	for _, p := range []Permission{-1, Admin + 1} {
		if got, err := p.MarshalText(); !errors.Is(err, ErrPermission) {
			t.Errorf("MarshalText(%d) = %q, %v, want %v", int(p), got, err, ErrPermission)
		}
	}
}

func TestGranted(t *testing.T) {
	b := newStore(t, "ann", "bob", "cid")
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			AddCollaborator(tx, id(1), "Bob", Read),
			AddCollaborator(tx, id(2), "bob", Admin),
			putTeam(tx, Team{Owner: "Acme", Name: "Core", Permission: Write, Members: []string{"BOB", "ann", "ann"},
				Repos: []storage.ID{id(3), id(1)}}),
			putTeam(tx, Team{Owner: "acme", Name: "all", Permission: Read, Members: []string{"cid", "ann"},
				Repos: []storage.ID{id(1)}}),
		)
	})
	view(t, b, func(v storage.View) error {
		for _, test := range []struct {
			repo         int
			owner, login string
			want         Permission
		}{
			{1, "acme", "bob", Write}, {1, "ACME", "BOB", Write}, {1, "acme", "ann", Write}, {1, "acme", "cid", Read},
			{1, "acme", "dan", None},
			{1, "other", "bob", Read}, {1, "other", "ann", None}, // no team of the owner
			{2, "acme", "bob", Admin}, {2, "acme", "ann", None}, {3, "acme", "bob", Write}, {3, "acme", "cid", None},
			{4, "acme", "bob", None},
			{1, "acme", "", None}, {1, "acme", "core\x00bob", None},
		} {
			if got, err := Granted(v, id(test.repo), test.owner, test.login, Admin); got != test.want || err != nil {
				t.Errorf("Granted(%d, %q, %q) = %v, %v, want %v", test.repo, test.owner, test.login, got, err, test.want)
			}
		}
		for login, want := range map[string]Permission{"Bob": Write, "ann": Write, "cid": Read, "dan": None, "": None} {
			if got, err := GrantedByOwner(v, "ACME", login); got != want || err != nil {
				t.Errorf("GrantedByOwner(%q) = %v, %v, want %v", login, got, err, want)
			}
		}
		for _, login := range []string{"bob\x00acme", "bob\x00", "\x00", ""} {
			p, err := Granted(v, id(1), "acme", login, Admin)
			if repos, repoErr := GrantedRepos(v, login); p != None || len(repos) > 0 || err != nil || repoErr != nil {
				t.Errorf("%q was granted %v, %v, and %v, %v, want nothing", login, p, err, repos, repoErr)
			}
		}
		got, err := GrantedRepos(v, "BOB")
		if diff := cmp.Diff([]Grant{{id(1), Write}, {id(2), Admin}, {id(3), Write}}, got); diff != "" || err != nil {
			t.Errorf("GrantedRepos() = %v, -want +got:\n%s", err, diff)
		}
		return nil
	})
}

// TestTransferred transfers a repository to one of its collaborators, and back.
func TestTransferred(t *testing.T) {
	b := newStore(t, "ann", "bob", "cid")
	team := Team{Owner: "ann", Name: "core", Permission: Write, Members: []string{"bob", "cid"},
		Repos: []storage.ID{id(1), id(2)}}
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(putTeam(tx, team), AddCollaborator(tx, id(1), "bob", Admin),
			AddCollaborator(tx, id(1), "cid", Read))
	})
	check := func(owner string, want []Collaborator) {
		t.Helper()
		view(t, b, func(v storage.View) error {
			got, err := Collaborators(v, id(1), owner)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Collaborators() of %s's, -want +got:\n%s", owner, diff)
			}
			return err
		})
	}
	check("ann", []Collaborator{{"bob", Admin}, {"cid", Write}})
	update(t, b, func(tx storage.Tx) error { return Transferred(tx, id(1), "ann", "ANN") })
	check("ann", []Collaborator{{"bob", Admin}, {"cid", Write}})
	update(t, b, func(tx storage.Tx) error { return Transferred(tx, id(1), "ann", "Bob") })
	check("bob", []Collaborator{{"cid", Read}})
	update(t, b, func(tx storage.Tx) error { return Transferred(tx, id(1), "bob", "ann") })
	check("ann", []Collaborator{{"cid", Read}})
	view(t, b, func(v storage.View) error {
		got, err := LoadTeam(v, "ann", "core")
		team.Repos = team.Repos[1:]
		if diff := cmp.Diff(&team, got); diff != "" {
			t.Errorf("LoadTeam() after the transfer, -want +got:\n%s", diff)
		}
		return err
	})
}

// TestOldAddress holds that an address that is stored under the key which Unicode folds it to is found, changed and
// removed.
func TestOldAddress(t *testing.T) {
	b := newStore(t, "ann", "bob")
	const address, old, other = "\u00d6@x.org", "\u00f6@x.org", "\u212a@x.org"
	update(t, b, func(tx storage.Tx) error {
		u := User{Login: "ann", Email: address}
		return errors.Join(tx.PutRecord(userKey("ann"), u.encode()), tx.PutRecord(nameKey(keyAddress, old), []byte("ann")))
	})
	find := func(address, want string) {
		t.Helper()
		view(t, b, func(v storage.View) error {
			got, err := UserByAddress(v, address)
			if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("UserByAddress(%q) = %q, %v, want %q", address, got, err, want)
			}
			return nil
		})
	}
	find(address, "ann")
	find(other, "")
	update(t, b, func(tx storage.Tx) error { return PutUser(tx, &User{Login: "ann"}) })
	find(address, "")
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			PutUser(tx, &User{Login: "ann", Emails: []string{"k@x.org", other}}),
			PutUser(tx, &User{Login: "ann", Emails: []string{"k@x.org"}}),
			PutUser(tx, &User{Login: "bob", Emails: []string{address, other}}),
		)
	})
	find("K@x.org", "ann")
	find(other, "bob")
	find(address, "bob")
	find(old, "")
}
