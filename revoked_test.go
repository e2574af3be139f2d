package reposit_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit"
)

// TestRevoked holds that what an actor was handed while they might read a repository is of no use when they may not any
// more, nor to anyone once it is deleted.
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

// TestRevokedWhileOpen holds that each call on what is open asks again: reading ends when the actor may not read any
// more, and writing when they may not write.
func TestRevokedWhileOpen(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
		large := bytes.Repeat([]byte("large"), 1<<19)
		commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Put("d/a", []byte("1")), reposit.Put("z", large),
			reposit.Put("zz", large)) // archives read small files ahead
		z := must(r.Stat(ctx, "", "z"))(t)
		s.grant(t, r, "bob", reposit.Write)
		bob := s.repoAs(t, r, "bob")
		tree := must(bob.FS(ctx, ""))(t)
		small, stream := must(tree.Open("d/a"))(t), must(tree.Open("z"))(t)
		dir := must(tree.Open("d"))(t).(fs.ReadDirFile)
		listed := must(fs.ReadDir(tree, "d"))(t)
		reader, largeReader := must(bob.Open(ctx, "", "d/a"))(t), must(bob.Open(ctx, "", "z"))(t)
		st := must(bob.Storer(ctx))(t)
		content := must(must(st.EncodedObject(plumbing.BlobObject, plumbing.Hash(z.Hash)))(t).Reader())(t)
		for _, c := range []io.Closer{small, stream, dir, reader, largeReader, content} {
			defer c.Close()
		}
		held := setObject(st, plumbing.BlobObject, "held back")
		objects := must(st.IterEncodedObjects(plumbing.AnyObject))(t)
		tx := st.(storer.Transactioner).Begin()
		inside := must(tx.SetEncodedObject(memoryObject(plumbing.BlobObject, "inside")))(t)
		pack := must(st.(storer.PackfileWriter).PackfileWriter())(t)
		one := make([]byte, 1)
		read := func(r io.Reader) func() error { return func() error { _, err := r.Read(one); return err } }
		reads := map[string]func() error{
			"File.Read": read(small), "File.Read of a large one": read(stream),
			"File.ReadAt":   func() error { _, err := small.(io.ReaderAt).ReadAt(one, 0); return err },
			"File.WriteTo":  func() error { _, err := small.(io.WriterTo).WriteTo(io.Discard); return err },
			"File.ReadDir":  func() error { _, err := dir.ReadDir(-1); return err },
			"DirEntry.Info": func() error { _, err := listed[0].Info(); return err },
			"Open":          read(reader), "Open of a large one": read(largeReader), "EncodedObject": read(content),
			"EncodedObject of a new one":     func() error { _, err := st.EncodedObject(plumbing.AnyObject, held); return err },
			"EncodedObjectSize of a new one": func() error { _, err := st.EncodedObjectSize(held); return err },
			"DeltaObject of a new one": func() error {
				_, err := st.(storer.DeltaObjectStorer).DeltaObject(plumbing.AnyObject, held)
				return err
			},
			"IterEncodedObjects":        func() error { _, err := objects.Next(); return err },
			"Transaction.EncodedObject": func() error { _, err := tx.EncodedObject(plumbing.AnyObject, inside); return err },
			"Module":                    func() error { _, err := st.Module("m"); return err },
			"PackRefs":                  func() error { return st.PackRefs() },
			"CountLooseRefs":            func() error { _, err := st.CountLooseRefs(); return err },
		}
		writes := map[string]func() error{
			"SetEncodedObject": func() error {
				_, err := st.SetEncodedObject(memoryObject(plumbing.BlobObject,
					"new"))
				return err
			},
			"Transaction.SetEncodedObject": func() error {
				_, err := tx.SetEncodedObject(memoryObject(plumbing.BlobObject, "new"))
				return err
			},
			"Transaction.Commit":   tx.Commit,
			"PackfileWriter.Write": func() error { _, err := pack.Write([]byte("PACK")); return err },
			"SetReference":         func() error { return st.SetReference(hashRef("refs/tags/held", held)) },
			"Close":                st.(io.Closer).Close,
		}
		s.grant(t, r, "bob", reposit.Read)
		for what, call := range reads {
			if what == "File.Read" || what == "IterEncodedObjects" { // these end
				continue
			}
			if err := call(); err != nil && err != io.EOF {
				t.Errorf("%s by a reader = %v", what, err)
			}
		}
		for what, call := range writes {
			if err := call(); !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("%s by who may only read = %v, want %v", what, err, reposit.ErrForbidden)
			}
		}
		w := &revoking{Writer: io.Discard, revoke: func() error { return r.Collaborators().Remove(ctx, "bob") }}
		if err := bob.Archive(ctx, w, &reposit.ArchiveOptions{Format: reposit.Tar}); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Archive goes on = %v, want %v", err, reposit.ErrNotFound)
		}
		for what, call := range reads {
			if err := call(); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s = %v, want %v", what, err, reposit.ErrNotFound)
			}
		}
		if err := pack.Close(); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("PackfileWriter.Close = %v, want the error of Write", err)
		}
	})
}

// A revoking writer takes a permission away at the first write.
type revoking struct {
	io.Writer
	revoke func() error
}

func (w *revoking) Write(p []byte) (int, error) {
	if w.revoke != nil {
		if err := w.revoke(); err != nil {
			return 0, err
		}
		w.revoke = nil
	}
	return w.Writer.Write(p)
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
