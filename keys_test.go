package reposit_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/reposit/reposit"
)

// sshKey returns the public key that belongs to a number, as a line of authorized_keys without comment.
func sshKey(n byte) string {
	private := ed25519.NewKeyFromSeed(append([]byte{n}, make([]byte, ed25519.SeedSize-1)...))
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
}

func TestDeployKeys(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, clock := fixed()
		s, ctx := open(opts), t.Context()
		r, other := create(t, s, "Site", nil), create(t, s, "Other", nil)
		first := must(r.DeployKeys().Add(ctx, "", sshKey(1)+" ci@host", nil))(t)
		want := reposit.DeployKey{
			ID: 1, Title: "ci@host", Key: sshKey(1), Fingerprint: fingerprint(t, sshKey(1)), CreatedAt: clock.now(),
		}
		if diff := gocmp.Diff(want, first); diff != "" {
			t.Errorf("Add(), -want +got:\n%s", diff)
		}
		second := must(r.DeployKeys().Add(ctx, "writer", sshKey(2), &reposit.KeyOptions{Write: true}))(t)
		if first.Write || !second.Write {
			t.Errorf("keys may write: %t, %t, want false without options, true", first.Write, second.Write)
		}
		if diff := gocmp.Diff([]reposit.DeployKey{first, second}, must(r.DeployKeys().List(ctx))(t)); diff != "" {
			t.Errorf("List(), -want +got:\n%s", diff)
		}
		for _, in := range []*reposit.Repo{r, other} {
			if _, err := in.DeployKeys().Add(ctx, "again", sshKey(1)+" another comment", nil); !errors.Is(err,
				reposit.ErrExists) {
				t.Errorf("Add() of a key in use = %v, want %v", err, reposit.ErrExists)
			}
		}
		if err := other.DeployKeys().Remove(ctx, first.ID); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Remove() of another repository's key = %v, want %v", err, reposit.ErrNotFound)
		}
		if err := r.DeployKeys().Remove(ctx, first.ID); err != nil {
			t.Fatal(err)
		}
		if err := r.DeployKeys().Remove(ctx, first.ID); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Remove() once more = %v, want %v", err, reposit.ErrNotFound)
		}
		if got := must(other.DeployKeys().Add(ctx, "moved", sshKey(1), nil))(t); got.ID != 3 {
			t.Errorf("Add() of a removed key gets number %d, want 3", got.ID)
		}
		if err := other.Delete(ctx, must(other.DeleteToken(ctx))(t)); err != nil {
			t.Fatal(err)
		}
		if got := must(r.DeployKeys().Add(ctx, "free again", sshKey(1), nil))(t); got.ID != 4 {
			t.Errorf("Add() of a key of a deleted repository gets number %d, want 4", got.ID)
		}
	})
}

func fingerprint(t testing.TB, line string) string {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

// TestAsKey holds what a deploy key opens, and that it ends at once.
func TestAsKey(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "Site", &reposit.CreateOptions{Private: true})
	public := create(t, s, "Public", nil)
	must(r.Commit(ctx, &reposit.CommitOptions{Message: "one"}, reposit.Put("a", nil)))(t)
	put(t, r, "topic", "b", "1")
	openPull(t, r, "main", "topic", nil)
	putUsers(t, s, "bob")
	must(public.Commit(ctx, &reposit.CommitOptions{Message: "one"}, reposit.Put("a", nil)))(t)
	writer := must(r.DeployKeys().Add(ctx, "writer", sshKey(1), &reposit.KeyOptions{Write: true}))(t)
	must(r.DeployKeys().Add(ctx, "reader", sshKey(2), nil))(t)

	for _, test := range []struct {
		key    string
		commit error
	}{{sshKey(1) + " some comment", nil}, {sshKey(2), reposit.ErrForbidden}} {
		as := must(s.AsKey(ctx, test.key))(t)
		mine := must(as.RepoByID(ctx, r.ID()))(t)
		if _, err := mine.Read(ctx, "", "a"); err != nil {
			t.Errorf("Read() with a key = %v", err)
		}
		_, err := mine.Commit(ctx, &reposit.CommitOptions{Message: "two"}, reposit.Put("b", nil))
		if !errors.Is(err, test.commit) || test.commit == nil && err != nil {
			t.Errorf("Commit() with key %q = %v, want %v", test.key, err, test.commit)
		}
		if page := must(as.List(ctx, nil))(t); len(page.Items) != 1 || page.TotalCount != 1 || page.Items[0].ID != r.ID() {
			t.Errorf("List() with a key = %+v, want its repository alone", page)
		}
		if _, err := as.RepoByID(ctx, public.ID()); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("RepoByID() of another repository with a key = %v, want %v", err, reposit.ErrNotFound)
		}
		_, listErr := mine.DeployKeys().List(ctx)
		_, tokenErr := mine.DeleteToken(ctx)
		_, createErr := as.Create(ctx, "more", nil)
		_, asErr := as.AsKey(ctx, test.key)
		_, userErr := as.Users().User(ctx, "bob")
		_, collaboratorsErr := mine.Collaborators().List(ctx)
		_, teamsErr := mine.Teams(ctx)
		_, watchersErr := mine.Watchers().List(ctx, nil)
		_, pushableErr := as.Pushable(ctx, "bob", nil)
		_, mergeErr := mine.Pulls().Merge(ctx, 1, nil)
		for what, err := range map[string]error{
			"user": userErr, "users": firstError(as.Users().All(ctx)), "collaborators": collaboratorsErr, "teams": teamsErr,
			"watchers": watchersErr, "pushable": pushableErr, "watching": firstError(as.Users().Watching(ctx, "bob")),
			"merge": mergeErr, "close pull": mine.Pulls().Close(ctx, 1), "unwatch": mine.Watchers().Remove(ctx, "bob"),
			"list keys": listErr, "delete token": tokenErr, "create": createErr, "AsKey": asErr,
			"share": mine.Collaborators().Add(ctx, "bob", reposit.Read), "watch": mine.Watchers().Add(ctx, "bob"),
			"team":     as.Teams().Put(ctx, reposit.Team{Owner: "local", Name: "t", Permission: reposit.Read}),
			"put user": as.Users().Put(ctx, reposit.Profile{Login: "bob"}), "close": as.Close(),
		} {
			if !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("%s with a key = %v, want %v", what, err, reposit.ErrForbidden)
			}
		}
		if _, err := as.As(reposit.User("local")).RepoByID(ctx, r.ID()); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("a key becomes the owner: %v", err)
		}
	}

	as := must(s.AsKey(ctx, sshKey(1)))(t)
	mine := must(as.RepoByID(ctx, r.ID()))(t)
	if err := r.DeployKeys().Remove(ctx, writer.ID); err != nil {
		t.Fatal(err)
	}
	_, commitErr := mine.Commit(ctx, &reposit.CommitOptions{Message: "three"}, reposit.Put("c", nil))
	_, readErr := mine.Read(ctx, "", "a")
	must(r.DeployKeys().Add(ctx, "the same again", sshKey(1), &reposit.KeyOptions{Write: true}))(t)
	_, againErr := mine.Read(ctx, "", "a")
	for what, err := range map[string]error{"write": commitErr, "read": readErr,
		"read when the key is there again": againErr} {
		if !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("%s with a removed key = %v, want %v", what, err, reposit.ErrNotFound)
		}
	}
	reader := must(s.AsKey(ctx, sshKey(2)))(t)
	if err := r.Delete(ctx, must(r.DeleteToken(ctx))(t)); err != nil {
		t.Fatal(err)
	}
	if page := must(reader.List(ctx, nil))(t); len(page.Items) != 0 || page.TotalCount != 0 {
		t.Errorf("List() with the key of a deleted repository = %+v, want nothing", page)
	}
	if _, err := s.AsKey(ctx, sshKey(2)); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("AsKey() of a deleted repository's key = %v, want %v", err, reposit.ErrNotFound)
	}
}

// TestAsKeyIsTheHosts holds that knowing a public key, which is no secret, opens nothing to a user.
func TestAsKeyIsTheHosts(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "Site", &reposit.CreateOptions{Private: true})
	must(r.DeployKeys().Add(ctx, "ci", sshKey(1), nil))(t)
	for _, actor := range []reposit.Actor{reposit.Anonymous, reposit.User("bob"), reposit.User("local")} {
		for _, key := range []string{sshKey(1), sshKey(2)} {
			if _, err := s.As(actor).AsKey(ctx, key); !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("AsKey() of %v = %v, want %v", actor, err, reposit.ErrForbidden)
			}
		}
	}
}

// TestForksHaveNoKeys holds that a key of a repository opens no fork of it.
func TestForksHaveNoKeys(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "Site", nil)
	must(r.Commit(ctx, &reposit.CommitOptions{Message: "one"}, reposit.Put("a", nil)))(t)
	must(r.DeployKeys().Add(ctx, "ci", sshKey(1), nil))(t)
	fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
	if keys := must(fork.DeployKeys().List(ctx))(t); len(keys) != 0 {
		t.Errorf("a fork has keys %+v", keys)
	}
	as := must(s.AsKey(ctx, sshKey(1)))(t)
	if _, err := as.RepoByID(ctx, fork.ID()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("RepoByID() of a fork with a key = %v, want %v", err, reposit.ErrNotFound)
	}
}

// malformedKeys are lines that are no key which is accepted.
func malformedKeys() map[string]string {
	good := sshKey(9)
	_, blob, _ := strings.Cut(good, " ")
	return map[string]string{
		"empty": "", "no key": "hello", "comment": "# " + good, "half": good[:40], "options": "no-pty " + good,
		"two lines": good + "\n" + sshKey(8), "another type": "ssh-rsa " + blob, "not base64": "ssh-ed25519 ????",
		"long": good + strings.Repeat(" x", 1<<20), "private": "-----BEGIN OPENSSH PRIVATE KEY-----\n" + blob,
		"DSA": "ssh-dss " + base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x07ssh-dss")),
	}
}
