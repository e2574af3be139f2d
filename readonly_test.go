package reposit_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

// reopen opens the store again that m is on, to be read alone.
func (m *matrix) reopen(t *testing.T) *matrix {
	t.Helper()
	s := openStore(t, kept{m.s.backend}, "", &reposit.Options{ReadOnly: true})
	return &matrix{s, must(s.RepoByID(t.Context(), m.r.ID()))(t)}
}

// TestReadOnly tries each door of a store that is open read-only: what reads goes on, and what changes something on
// others is refused by name, and changes nothing.
func TestReadOnly(t *testing.T) {
	for name, d := range doors {
		tries := newMatrix(t)
		before := tries.s.digest(t)
		if err := d.call(&cell{ctx: t.Context(), s: tries.s.Store, r: tries.r, all: tries.r}); err != nil {
			t.Fatalf("%s = %v", name, err)
		}
		writes := tries.s.digest(t) != before
		switch {
		case name == "Repo.Languages" || name == "Repo.Contributors": // what they keep is for themselves
			writes = false
		case strings.HasPrefix(name, "Storer."):
			writes = d.need > reposit.Read // what they hold back is not stored yet
		case name == "Collaborators.Remove", name == "Pulls.Review",
			name == "Watchers.Remove", name == "Refs.Update", name == "Repo.Update", name == "Repo.Fetch":
			writes = true
		}
		writable := newMatrix(t)
		m := writable.reopen(t)
		before = m.s.digest(t)
		err := d.call(&cell{ctx: t.Context(), s: m.s.Store, r: m.r, all: writable.r})
		if name == "Repo.Delete" || name == "DeployKeys.Remove" { // what they need is made by the other store
			before = m.s.digest(t)
		}
		if writes != errors.Is(err, storage.ErrReadOnly) || writes != errors.Is(err, reposit.ErrForbidden) ||
			!writes && err != nil {
			t.Errorf("%s of a store that is read-only = %v, writes: %v", name, err, writes)
		}
		if m.s.digest(t) != before {
			t.Errorf("%s changed a store that is read-only", name)
		}
	}
}

// TestReadOnlyStore does the same for what is not about one repository.
func TestReadOnlyStore(t *testing.T) {
	writable, ctx := newMatrix(t), t.Context()
	must(writable.r.Update(ctx, &reposit.RepoUpdate{ExpiresAt: ref(time.Now().Add(-time.Hour))}))(t)
	m := writable.reopen(t)
	s, before := m.s, m.s.digest(t)
	for what, call := range map[string]func() error{
		"Create":      func() error { return errorOf(s.Create(ctx, "new", nil)) },
		"GetOrCreate": func() error { return errorOf(s.GetOrCreate(ctx, "new", nil)) },
		"ImportBundle": func() error {
			return errorOf(s.ImportBundle(ctx, "new", strings.NewReader("# v2 git bundle\n\n"+string(emptyPack)), nil))
		},
		"DeleteExpired":  func() error { return errorOf(s.DeleteExpired(ctx)) },
		"Upkeep":         func() error { return s.Upkeep(ctx) },
		"Repair":         func() error { return errorOf(s.Repair(ctx, nil)) },
		"Users.Put":      func() error { return s.Users().Put(ctx, reposit.Profile{Login: "new"}) },
		"Users.Remove":   func() error { return s.Users().Remove(ctx, "guest") },
		"Users.RemoveTo": func() error { return s.Users().RemoveTo(ctx, "guest", "owner") },
		"Users.Unwatch":  func() error { return s.Users().Unwatch(ctx, "guest", m.r.ID()) },
		"Teams.Put": func() error {
			return s.Teams().Put(ctx, reposit.Team{Owner: "o", Name: "n", Permission: reposit.Read})
		},
		"Teams.Remove":      func() error { return s.Teams().Remove(ctx, "owner", "admins") },
		"a commit as owner": func() error { return errorOf(s.repoAs(t, m.r, "owner").Write(ctx, "new", nil, "m")) },
	} {
		if err := call(); !errors.Is(err, storage.ErrReadOnly) || !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("%s of a store that is read-only = %v, want %v", what, err, storage.ErrReadOnly)
		}
	}
	for what, call := range map[string]func() error{
		"GetOrCreate of what is there": func() error {
			return errorOf(s.GetOrCreate(ctx, "x", &reposit.CreateOptions{Owner: "owner"}))
		},
		"Check":  func() error { return errorOf(s.Check(ctx, nil)) },
		"Backup": func() error { return errorOf(s.Backup(ctx, io.Discard, nil)) },
		"CopyTo": func() error { return s.CopyTo(ctx, memory.New(), nil) },
		"List":   func() error { return errorOf(s.List(ctx, nil)) },
		"Search": func() error { return errorOf(s.Search(ctx, "x", nil)) },
		"Events": func() error { return firstOf(s.Store, 0) },
		"Users":  func() error { return errorOf(s.Users().User(ctx, "guest")) },
	} {
		if err := call(); err != nil {
			t.Errorf("%s of a store that is read-only = %v", what, err)
		}
	}
	if s.digest(t) != before {
		t.Error("what was refused has changed something")
	}
	if _, err := reposit.Open(context.Background(), memory.New(), &reposit.Options{ReadOnly: true}); !errors.Is(err,
		reposit.ErrNotFound) {
		t.Errorf("Open() of a store that is yet to be made, read-only = %v, want %v", err, reposit.ErrNotFound)
	}
}

// TestReadOnlyFolder opens a closed store on Badger twice to read alone: both show it, and neither changes it.
func TestReadOnlyFolder(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	b, err := badger.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, b, dir, nil)
	write(t, create(t, s, "x", nil), "f", "content")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := badger.Open(dir, &badger.Options{ReadOnly: true})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, b, dir, &reposit.Options{ReadOnly: true}) // until the test ends
		r, err := s.Repo(ctx, "x")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Read(ctx, "main", "f"); err != nil || string(got) != "content" {
			t.Errorf("Read() = %q, %v", got, err)
		}
		if page, err := s.List(ctx, nil); err != nil || len(page.Items) != 1 {
			t.Errorf("List() = %d repositories, %v, want 1", len(page.Items), err)
		}
		if _, err := r.Write(ctx, "f", nil, "change"); !errors.Is(err, storage.ErrReadOnly) {
			t.Errorf("Write() = %v, want %v", err, storage.ErrReadOnly)
		}
	}
}
