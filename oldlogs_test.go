package reposit_test

import (
	"errors"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
)

// TestOldLogs deletes a branch and makes another one of its name: what the first held comes back to admins alone.
func TestOldLogs(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		write(t, r, "a", "1")
		on := &reposit.CommitOptions{Branch: "b", Message: "m"}
		secret := commit(t, r, on, reposit.Put("dir/key", []byte("secret")))
		blob := must(r.Stat(ctx, "b", "dir/key"))(t).Hash
		s.grant(t, r, "bob", reposit.Write)
		s.grant(t, r, "amy", reposit.Admin)
		bob := s.repoAs(t, r, "bob")
		old := storerOf(t, bob)
		check := func(r *reposit.Repo, who, rev string, want error) {
			t.Helper()
			for of, is := range map[string]reposit.Hash{
				secret.Hash.String(): secret.Hash, secret.Hash.String()[:12]: secret.Hash, blob.String(): blob, rev: secret.Hash,
			} {
				if h, err := r.Resolve(ctx, of); !errors.Is(err, want) || err == nil && h != is {
					t.Errorf("Resolve(%q) by %s = %s, %v, want %v", of, who, h, err, want)
				}
			}
			if data, err := r.Read(ctx, secret.Hash.String(), "dir/key"); !errors.Is(err, want) || err == nil &&
				string(data) != "secret" {
				t.Errorf("Read() by %s = %q, %v, want %v", who, data, err, want)
			}
			for name, storer := range map[string]interface {
				HasEncodedObject(plumbing.Hash) error
			}{"new": storerOf(t, r), "old": old} {
				if name == "old" && who != "bob" {
					continue
				}
				for _, h := range []reposit.Hash{secret.Hash, secret.Tree, blob} {
					if err := storer.HasEncodedObject(plumbing.Hash(h)); (err == nil) != (want == nil) {
						t.Errorf("HasEncodedObject(%s) by the %s Storer of %s = %v, want %v", h, name, who, err, want)
					}
				}
			}
			ref := reposit.RefUpdate{Name: "refs/tags/" + who, New: secret.Hash}
			if err := r.Refs().Update(ctx, ref); !errors.Is(err, want) {
				t.Errorf("Refs.Update(%s) by %s = %v, want %v", ref.Name, who, err, want)
			} else if err == nil {
				if err := r.Tags().Delete(ctx, who); err != nil {
					t.Error(err)
				}
			}
			opts := &reposit.CommitOptions{Branch: "put-" + who, From: "main", Message: "m"}
			if _, err := r.Commit(ctx, opts, reposit.PutBlob("x", blob)); !errors.Is(err, want) {
				t.Errorf("Commit(PutBlob) by %s = %v, want %v", who, err, want)
			} else if err == nil {
				if err := r.Branches().Delete(ctx, "put-"+who); err != nil {
					t.Error(err)
				}
			}
		}
		main := must(r.Resolve(ctx, "main"))(t)
		update := func(name string, new reposit.Hash) {
			t.Helper()
			if err := bob.Refs().Update(ctx, reposit.RefUpdate{Name: name, New: new}); err != nil {
				t.Fatal(err)
			}
		}
		update("refs/heads/b", main)
		commit(t, bob, on, reposit.Put("more", []byte("2"))) // b was moved, and is the same
		check(bob, "bob", "b@{2}", nil)
		if err := r.Branches().Delete(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		update("refs/heads/b", main)
		check(bob, "bob", "b@{2}", reposit.ErrNotFound)
		next := commit(t, bob, on, reposit.Put("more", []byte("3")))
		check(bob, "bob", "b@{2}", reposit.ErrNotFound)
		if h, err := bob.Resolve(ctx, "b@{1}"); err != nil || h != main {
			t.Errorf("Resolve(b@{1}) = %s, %v, want %s: what the new branch held", h, err, main)
		}
		update("refs/heads/b", main)
		if h, err := bob.Resolve(ctx, next.Hash.String()); err != nil || h != next.Hash {
			t.Errorf("Resolve(%s) = %v: the new branch held it", next.Hash, err)
		}
		// Newest first, the log tells of next, main, the making, more, main, secret.
		for who, r := range map[string]*reposit.Repo{"amy": s.repoAs(t, r, "amy"), "ann": s.repoAs(t, r, "ann"), "host": r} {
			check(r, who, "b@{6}", nil)
		}
	})
}
