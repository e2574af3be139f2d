package people

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

// TestManyWatchers removes a repository that more people watch than one transaction removes.
func TestManyWatchers(t *testing.T) {
	const n = 2*batch + batch/2
	b := newStore(t, "ann")
	update(t, b, func(tx storage.Tx) error {
		for i := range n {
			login := fmt.Sprint("user", i)
			if err := PutUser(tx, &User{Login: login}); err != nil {
				return err
			}
			if added, err := Watch(tx, id(1), login, time.Unix(int64(i), 0)); !added || err != nil {
				t.Errorf("Watch() = %v, %v, want true", added, err)
			}
		}
		_, err := Watch(tx, id(2), "ann", time.Unix(0, 0))
		return err
	})
	update(t, b, func(tx storage.Tx) error { return Drop(tx, id(1)) })
	sweeps := 0
	for more := true; more; sweeps++ {
		update(t, b, func(tx storage.Tx) (err error) {
			more, err = Deleted.Sweep(tx)
			return err
		})
	}
	if sweeps > n/batch+2 {
		t.Errorf("Sweep() is done after %d calls, want at most %d", sweeps, n/batch+2)
	}
	view(t, b, func(v storage.View) error {
		for kind, want := range map[byte]int{keyWatcher: 1, keyWatched: 1, keyDropped: 0} { // 1 is another repository's
			if left, err := suffixes(v, nameKey(kind), 0); len(left) != want || err != nil {
				t.Errorf("%d records %q are left, %v, want %d", len(left), kind, err, want)
			}
		}
		got, err := Watches(v, id(2), "ann")
		if !got {
			t.Errorf("Watches() of another repository = %v", got)
		}
		return err
	})
}

// TestRemoveBusyUser removes a user who is in more than one transaction takes them out of.
func TestRemoveBusyUser(t *testing.T) {
	const n = batch + 1
	b := newStore(t, "ann", "bob")
	for i := range n {
		update(t, b, func(tx storage.Tx) error {
			for _, login := range []string{"ann", "bob"} {
				if _, err := Watch(tx, id(i), login, time.Unix(0, 0)); err != nil {
					return err
				}
				if err := AddCollaborator(tx, id(i), login, Write); err != nil {
					return err
				}
			}
			return nil
		})
	}
	calls, unwatched, unshared := 0, 0, 0
	for more := true; more; calls++ {
		update(t, b, func(tx storage.Tx) error {
			r, err := RemoveUser(tx, "Ann")
			more, unwatched, unshared = r.More, unwatched+len(r.Watched), unshared+len(r.Shared)
			return err
		})
	}
	if calls != 2 || unwatched != n || unshared != n {
		t.Errorf("RemoveUser() takes %d calls and ends %d watches and %d collaborations, want 2 and %d", calls, unwatched,
			unshared, n)
	}
	view(t, b, func(v storage.View) error {
		for login, want := range map[string]int{"ann": 0, "bob": n} {
			if got, err := GrantedRepos(v, login); len(got) != want || err != nil {
				t.Errorf("GrantedRepos(%q) has %d, %v, want %d", login, len(got), err, want)
			}
		}
		_, err := LoadUser(v, "ann")
		if !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("LoadUser() of the removed one = %v, want %v", err, storage.ErrNotFound)
		}
		return nil
	})
}

func TestTooMany(t *testing.T) {
	b := newStore(t)
	update(t, b, func(tx storage.Tx) error {
		for i := range maxCollaborators + 1 {
			login := fmt.Sprint("user", i)
			err := PutUser(tx, &User{Login: login})
			if i < maxCollaborators {
				err = errors.Join(err, AddCollaborator(tx, id(1), login, Read))
			} else if got := AddCollaborator(tx, id(1), login, Read); !errors.Is(got, ErrTooMany) {
				t.Errorf("AddCollaborator() of one too many = %v, want %v", got, ErrTooMany)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	update(t, b, func(tx storage.Tx) error {
		for i := range maxTeams + 1 {
			err := putTeam(tx, Team{Owner: "acme", Name: fmt.Sprint("team", i), Permission: Read, Repos: []storage.ID{id(1)}})
			if want := i == maxTeams; errors.Is(err, ErrTooMany) != want {
				t.Fatalf("PutTeam() number %d = %v", i, err)
			}
		}
		for i := range maxDeployKeys + 1 {
			_, err := AddDeployKey(tx, id(1), DeployKey{Fingerprint: Fingerprint{byte(i >> 8), byte(i)}})
			if want := i == maxDeployKeys; errors.Is(err, ErrTooMany) != want {
				t.Fatalf("AddDeployKey() number %d = %v", i, err)
			}
		}
		return nil
	})
	update(t, b, func(tx storage.Tx) error { return Drop(tx, id(1)) })
	view(t, b, func(v storage.View) error {
		for _, kind := range []byte{keySharing, keyCollaborator, keyShared, keyTeamRepo} {
			if left, err := suffixes(v, nameKey(kind), 0); len(left) > 0 || err != nil {
				t.Errorf("%d records %q are left, %v", len(left), kind, err)
			}
		}
		left, err := suffixes(v, []byte{keyDeploy, keyFingerprint}, 0)
		if len(left) > 0 {
			t.Errorf("%d fingerprints are left", len(left))
		}
		return err
	})
}

// FuzzRecords reads what may be records. What is accepted comes back the same.
func FuzzRecords(f *testing.F) {
	u := &User{Login: "ann", Name: "Ann", Email: "a@x.org", Company: "c", Blog: "b", Location: "l",
		Emails: []string{"b@x.org", ""}}
	k := &DeployKey{Number: 1, Title: "t", Key: "ssh-ed25519 AAAA", Fingerprint: Fingerprint{1}, Write: true,
		Created: time.Unix(1, 2).UTC()}
	s := &sharing{collaborators: 3, owner: "acme", teams: []string{"all", "core"}}
	for _, b := range [][]byte{u.encode(), k.encode(), s.encode(), encodePermission(Write), {}, {2}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(what string, again func() []byte, err error) {
			if err != nil {
				if !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
					t.Errorf("%s(%x) = %v, want %v", what, b, err, storage.ErrCorrupt)
				}
				return
			}
			// Numbers may be written in more bytes than they need.
			if got := again(); !bytes.Equal(got, b) && len(got) >= len(b) {
				t.Errorf("%s(%x) is written as %x", what, b, got)
			}
		}
		u, err := decodeUser("ann", b)
		check("decodeUser", u.encode, err)
		k, err := decodeDeployKey(1, b)
		check("decodeDeployKey", k.encode, err)
		s, err := decodeSharing(b)
		check("decodeSharing", s.encode, err)
		p, err := decodePermission(b)
		check("decodePermission", func() []byte { return encodePermission(p) }, err)
	})
}

func TestRecords(t *testing.T) {
	u := &User{Login: "ann", Name: "Ann", Email: "a@x.org", Company: "c", Blog: "b", Location: "l",
		Emails: []string{"b@x.org", ""}}
	k := DeployKey{Number: 1, Title: "t", Key: "ssh-ed25519 AAAA", Fingerprint: Fingerprint{1}, Write: true,
		Created: time.Unix(1, 2).UTC()}
	s := sharing{collaborators: 3, owner: "acme", teams: []string{"all", "core"}}
	for _, test := range []struct {
		name   string
		raw    []byte
		want   any
		decode func(b []byte) (any, error)
	}{
		{"user", u.encode(), u, func(b []byte) (any, error) { return decodeUser("ann", b) }},
		{"deploy key", k.encode(), k, func(b []byte) (any, error) { return decodeDeployKey(1, b) }},
		{"sharing", s.encode(), s, func(b []byte) (any, error) { return decodeSharing(b) }},
		{"permission", encodePermission(Admin), Admin, func(b []byte) (any, error) { return decodePermission(b) }},
	} {
		got, err := test.decode(test.raw)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(sharing{})); diff != "" || err != nil {
			t.Errorf("%s comes back with %v, -want +got:\n%s", test.name, err, diff)
		}
		for n := range test.raw {
			if _, err := test.decode(test.raw[:n]); !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("%d of %d bytes of a %s: %v, want %v", n, len(test.raw), test.name, err, storage.ErrCorrupt)
			}
		}
		if _, err := test.decode(append(test.raw[:len(test.raw):len(test.raw)], 0)); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("a byte more of a %s: %v, want %v", test.name, err, storage.ErrCorrupt)
		}
		other := append([]byte{recordVersion + 1}, test.raw[1:]...)
		if _, err := test.decode(other); !errors.Is(err, storage.ErrFormat) {
			t.Errorf("a %s of another version: %v, want %v", test.name, err, storage.ErrFormat)
		}
	}
}
