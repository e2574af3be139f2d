package reposit_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit"
)

// TestRemovedSession holds that what was handed out on behalf of a user ends when they are removed, also of what is
// public, and does not come back with the next one who gets the login and is granted the same.
func TestRemovedSession(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		putUsers(t, s, "wim", "rita")
		calls := map[string]func() error{}
		as, rita := s.As(reposit.User("Wim")), s.As(reposit.User("rita"))
		calls["List"] = func() error { return errorOf(as.List(ctx, nil)) }
		calls["Create"] = func() error { return errorOf(as.Create(ctx, "mine", nil)) }
		calls["Users"] = func() error { return errorOf(as.Users().User(ctx, "rita")) }
		calls["Events"] = func() error { return firstOf(as, 0) }
		calls["As"] = func() error { return errorOf(as.As(reposit.User("wim")).List(ctx, nil)) }
		var repos []*reposit.Repo
		for _, private := range []bool{false, true} {
			r := create(t, s, "r"+map[bool]string{true: "-private"}[private],
				&reposit.CreateOptions{Owner: "ann", Private: private})
			commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Put("d/a", []byte("1")),
				reposit.Put("z", bytes.Repeat([]byte("large"), 1<<19)))
			s.grant(t, r, "wim", reposit.Write)
			repos = append(repos, r)
			is := must(as.RepoByID(ctx, r.ID()))(t)
			tree := must(is.FS(ctx, ""))(t)
			file, reader, large := must(tree.Open("z"))(t), must(is.Open(ctx, "", "d/a"))(t), must(is.Open(ctx, "", "z"))(t)
			st := must(is.Storer(ctx))(t)
			pack := must(st.(storer.PackfileWriter).PackfileWriter())(t)
			defer func() {
				for _, c := range []io.Closer{file, reader, large, pack} {
					c.Close()
				}
			}()
			read := func(r io.Reader) func() error { return func() error { return errorOf(r.Read(make([]byte, 1))) } }
			name := string(r.ID()) + " "
			for what, call := range map[string]func() error{
				"Info": func() error { return errorOf(is.Info(ctx)) },
				"Read": func() error { return errorOf(is.Read(ctx, "", "d/a")) },
				"Write": func() error {
					return errorOf(is.Write(ctx, "w", []byte(name), "m"))
				},
				"Commit":      func() error { return errorOf(is.Commit(ctx, nil, reposit.Put("v", []byte(name)))) },
				"Branches":    func() error { return errorOf(is.Branches().List(ctx, nil)) },
				"Pulls":       func() error { return errorOf(is.Pulls().List(ctx, nil)) },
				"Refs.Update": func() error { return is.Refs().Update(ctx) },
				"Watch":       func() error { return is.Watchers().Add(ctx, "wim") },
				"Fork":        func() error { return errorOf(is.Fork(ctx, nil)) },
				"Archive":     func() error { return is.Archive(ctx, io.Discard, nil) },
				"Walk":        func() error { return firstError(is.Walk(ctx, "", "")) },
				"FS":          func() error { return errorOf(fs.ReadFile(tree, "d/a")) },
				"File":        read(file), "Reader": read(reader), "Reader of a large file": read(large),
				"Storer.Reference": func() error { return errorOf(st.Reference(plumbing.HEAD)) },
				"Storer.SetEncodedObject": func() error {
					return errorOf(st.SetEncodedObject(memoryObject(plumbing.BlobObject, name)))
				},
				"PackfileWriter.Write": func() error { return errorOf(pack.Write([]byte("PACK"))) },
				"Store.RepoByID":       func() error { return errorOf(as.RepoByID(ctx, r.ID())) },
				"Storer.SetReference": func() error {
					return st.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, "refs/heads/main"))
				},
				"Permission, of itself": func() error { return errorOf(is.Permission(ctx, "wim")) },
			} {
				calls[name+what] = call
			}
		}
		for what, call := range calls {
			if strings.HasSuffix(what, "Create") || strings.HasSuffix(what, "Fork") { // who owns something stays
				continue
			}
			if err := call(); err != nil {
				t.Errorf("%s before = %v", what, err)
			}
		}
		refused := func(when string) {
			t.Helper()
			for what, call := range calls {
				if err := call(); !errors.Is(err, reposit.ErrForbidden) {
					t.Errorf("%s %s = %v, want %v", what, when, err, reposit.ErrForbidden)
				}
			}
		}
		if err := s.Users().Remove(ctx, "wim"); err != nil {
			t.Fatal(err)
		}
		refused("when wim was removed")
		putUsers(t, s, "wim")
		for _, r := range repos {
			s.grant(t, r, "wim", reposit.Admin)
		}
		refused("when another wim may do all")
		next := must(s.As(reposit.User("wim")).RepoByID(ctx, repos[1].ID()))(t)
		if _, err := next.Read(ctx, "", "d/a"); err != nil {
			t.Errorf("Read() by the next wim = %v", err)
		}
		if _, err := rita.List(ctx, nil); err != nil {
			t.Errorf("List() by who was there all the time = %v", err)
		}
	})
}

// TestRemovedWhileOpen holds that a call in flight ends when its user is removed.
func TestRemovedWhileOpen(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "wim")
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	large := bytes.Repeat([]byte("large"), 1<<19)
	commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Put("a", large), reposit.Put("b", large))
	w := &revoking{Writer: io.Discard, revoke: func() error { return s.Users().Remove(ctx, "wim") }}
	err := s.repoAs(t, r, "wim").Archive(ctx, w, &reposit.ArchiveOptions{Format: reposit.Tar})
	if !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Archive() goes on = %v, want %v", err, reposit.ErrForbidden)
	}
}
