package reposit_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
)

// TestRevoked holds that what an actor was handed while he might read a repository is of no use when he may not any more,
// nor to anyone once it is deleted.
func TestRevoked(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
		large := bytes.Repeat([]byte("large"), 1<<19)
		tip := commit(t, r, &reposit.CommitOptions{Message: "m"},
			reposit.Put("d/a", []byte("1")), reposit.Put("e/b", []byte("2")), reposit.Put("z", large))
		z, err := r.Stat(ctx, "", "z")
		if err != nil {
			t.Fatal(err)
		}
		s.grant(t, r, "bob", reposit.Read)
		bob := s.repoAs(t, r, "bob")
		tree := must(bob.FS(ctx, ""))(t)
		below := must(fs.Sub(tree, "d"))(t)
		st := must(bob.Storer(ctx))(t)
		blob := must(st.EncodedObject(plumbing.BlobObject, plumbing.Hash(z.Hash)))(t)
		entries := 0
		for e, err := range bob.Walk(ctx, "", "") {
			if entries == 0 {
				if err := r.Collaborators().Remove(ctx, "bob"); err != nil {
					t.Fatal(err)
				}
			} else if !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Walk() goes on with %+v, %v, want %v", e, err, reposit.ErrNotFound)
			}
			entries++
		}
		if entries != 2 {
			t.Errorf("Walk() yields %d times, want an entry and an error", entries)
		}
		_, read := fs.ReadFile(tree, "d/a")
		_, list := fs.ReadDir(below, ".")
		_, stat := fs.Stat(tree, "d/a")
		_, opened := tree.Open("d/a")
		_, object := st.EncodedObject(plumbing.AnyObject, plumbing.Hash(tip.Hash))
		_, content := blob.Reader()
		host := must(r.FS(ctx, ""))(t)
		remove(t, r)
		_, gone := fs.ReadFile(host, "d/a")
		for what, err := range map[string]error{
			"FS.ReadFile": read, "FS.ReadDir": list, "FS.Stat": stat, "FS.Open": opened, "Storer.EncodedObject": object,
			"EncodedObject.Reader": content, "FS.ReadFile by the host once it is deleted": gone,
		} {
			if !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s = %v, want %v", what, err, reposit.ErrNotFound)
			}
		}
	})
}

// TestStorerForReaders holds that readers do not see what go-git keeps for those who write.
func TestStorerForReaders(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "x")
	own := must(r.Storer(ctx))(t)
	cfg := must(own.Config())(t)
	cfg.Remotes["origin"] = &config.RemoteConfig{Name: "origin", URLs: []string{"https://token:secret@example.com/x"}}
	if err := own.SetConfig(cfg); err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]int{"ann": 1, "stranger": 0} {
		st := must(s.repoAs(t, r, login).Storer(ctx))(t)
		if cfg, err := st.Config(); err != nil || len(cfg.Remotes) != want {
			t.Errorf("Config() as %s has %d remotes, %v, want %d", login, len(cfg.Remotes), err, want)
		}
		if _, err := st.Index(); err != nil {
			t.Errorf("Index() as %s = %v", login, err)
		}
	}
}
