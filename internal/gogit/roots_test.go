package gogit

import (
	"context"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func newStorer(t *testing.T, b storage.Backend) *Storer {
	t.Helper()
	id := storage.ID([]byte("00000000000000000000"))
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		return catalog.Create(tx, &catalog.Repo{ID: id, Pool: id, Owner: "o", Slug: "s"})
	})
	if err != nil {
		t.Fatal(err)
	}
	objects := object.New(b, 1<<20)
	index := reach.New(objects, reach.Options{Budget: 1 << 20, Exclusive: true, Records: Tips})
	return New(t.Context(), &Host{
		Backend: txn.New(b, objects, event.NewLog(event.Keep{Units: 1}), time.Now), Objects: objects, Reach: index, Repo: id,
		By: access.Host(), Limits: Limits{Blob: 1 << 20, Pack: 1 << 20, Total: 1 << 20},
		Now:    func() time.Time { return time.Unix(1, 0) },
		Author: func() (git.Signature, error) { return git.Signature{Name: "A", Email: "a"}, nil },
		Ref:    func(string) error { return nil },
		Branch: func(string) error { return nil },
		Enter:  func(context.Context) error { return nil },
		Leave:  func() {},
		Fail:   func(_, _ string, err error) error { return err },
	})
}

func TestRoots(t *testing.T) {
	b := memory.New()
	defer b.Close()
	s := newStorer(t, b)
	blob := func(s gogitstorage.Storer, content string) plumbing.Hash {
		o := s.NewEncodedObject()
		o.SetType(plumbing.BlobObject)
		w, err := o.Writer()
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.SetEncodedObject(o)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	sub, err := s.Module("sub")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := sub.Module("inner")
	if err != nil {
		t.Fatal(err)
	}
	want := map[git.Hash]bool{}
	for name, in := range map[string]gogitstorage.Storer{"top": s, "sub": sub, "inner": inner} {
		file, tagged := blob(in, "file of "+name), blob(in, "tagged in "+name)
		idx := &index.Index{Version: 2, Entries: []*index.Entry{
			{Name: "file", Hash: file, Mode: filemode.Regular},
			{Name: "elsewhere", Hash: plumbing.NewHash("01"), Mode: filemode.Submodule},
		}}
		if err := in.SetIndex(idx); err != nil {
			t.Fatal(err)
		}
		want[git.Hash(file)] = true
		if in == gogitstorage.Storer(s) {
			continue // its refs are the repository's
		}
		if err := in.SetReference(plumbing.NewHashReference("refs/tags/x", tagged)); err != nil {
			t.Fatal(err)
		}
		if err := in.SetReference(plumbing.NewSymbolicReference("HEAD", "refs/heads/x")); err != nil {
			t.Fatal(err)
		}
		want[git.Hash(tagged)] = true
	}
	got := map[git.Hash]bool{}
	err = b.View(t.Context(), func(v storage.View) error {
		for h, err := range Roots(v, s.Repo) {
			if err != nil {
				return err
			}
			got[h] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Roots() (-want +got):\n%s", diff)
	}
}
