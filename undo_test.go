package reposit_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// paths returns the files of a revision, each with its mode and content.
func paths(t testing.TB, r *reposit.Repo, rev string) (all []string) {
	t.Helper()
	for e, err := range r.Walk(t.Context(), rev, "") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Mode != reposit.ModeDir {
			all = append(all, e.Path+" "+string(must(r.Read(t.Context(), rev, e.Path))(t)))
		}
	}
	return all
}

func TestRestore(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		first := commit(t, r, nil, reposit.Put("a", []byte("1")), reposit.Put("d/x", []byte("2")),
			reposit.Put("d/e/y", []byte("3")), reposit.Symlink("l", "a"), reposit.Put("was/file", []byte("4")))
		second := commit(t, r, nil, reposit.Put("a", []byte("9")), reposit.Delete("d"), reposit.Put("d", []byte("8")),
			reposit.Delete("l"), reposit.Put("l/in", []byte("7")), reposit.Put("new/deep/er", []byte("6")),
			reposit.Delete("was"))
		old, now := paths(t, r, first.Hash.String()), paths(t, r, second.Hash.String())

		for name, test := range map[string]struct {
			paths []string
			want  []string
		}{
			"whole tree":           {nil, old},
			"file":                 {[]string{"a"}, []string{"a 1", "d 8", "l/in 7", "new/deep/er 6"}},
			"directory over file":  {[]string{"d"}, []string{"a 9", "d/e/y 3", "d/x 2", "l/in 7", "new/deep/er 6"}},
			"symlink over a tree":  {[]string{"l"}, []string{"a 9", "d 8", "l a", "new/deep/er 6"}},
			"below what is gone":   {[]string{"was/file"}, append(slices.Clone(now), "was/file 4")},
			"what was not there":   {[]string{"new/deep/er"}, now[:3]},
			"several, one in both": {[]string{"a", "new", "d"}, []string{"a 1", "d/e/y 3", "d/x 2", "l/in 7"}},
		} {
			t.Run(name, func(t *testing.T) {
				branch := strings.ReplaceAll(name, " ", "-")
				must(r.Branches().Create(ctx, branch, second.Hash.String()))(t)
				c := must(r.Restore(ctx, first.Hash.String(), &reposit.RestoreOptions{
					Paths: test.paths, CommitOptions: reposit.CommitOptions{Branch: branch},
				}))(t)
				if got := paths(t, r, branch); !slices.Equal(got, test.want) {
					t.Errorf("the branch holds %q, want %q", got, test.want)
				}
				if test.paths == nil && c.Tree != first.Tree {
					t.Errorf("the tree is %s, want the old one, %s", c.Tree, first.Tree)
				}
				if len(c.Parents) != 1 || c.Parents[0] != second.Hash {
					t.Errorf("parents are %v, want the tip", c.Parents)
				}
				if !strings.HasPrefix(c.Message, "Restore ") || !strings.Contains(c.Message, first.Hash.String()) {
					t.Errorf("the message is %q", c.Message)
				}
			})
		}

		expecting := &reposit.RestoreOptions{CommitOptions: reposit.CommitOptions{Expect: &first.Hash}}
		options := func(paths ...string) *reposit.RestoreOptions { return &reposit.RestoreOptions{Paths: paths} }
		for name, test := range map[string]struct {
			rev  string
			opts *reposit.RestoreOptions
			want error
		}{
			"nothing to undo":      {"", nil, reposit.ErrNoChange},
			"no such path":         {first.Hash.String(), options("a", "nowhere"), reposit.ErrNotFound},
			"no such revision":     {"nowhere", nil, reposit.ErrNotFound},
			"no path":              {first.Hash.String(), options("../a"), reposit.ErrInvalid},
			"through a file":       {first.Hash.String(), options("d/x"), reposit.ErrExists},
			"another tip expected": {first.Hash.String(), expecting, reposit.ErrConflict},
		} {
			if _, err := r.Restore(ctx, test.rev, test.opts); !errors.Is(err, test.want) {
				t.Errorf("Restore() with %s = %v, want %v", name, err, test.want)
			}
		}
		if got := resolve(t, r, "main"); got != second.Hash {
			t.Errorf("main is %s, want it unmoved", got)
		}

		// What is undone comes back the same way, and a branch that has no commit yet begins as the revision is.
		undone := must(r.Restore(ctx, "main~1", nil))(t)
		if again := must(r.Restore(ctx, "main~1", nil))(t); again.Tree != second.Tree || again.Parents[0] != undone.Hash {
			t.Errorf("the second undo has tree %s, want %s", again.Tree, second.Tree)
		}
		emptied := must(r.Restore(ctx, emptiedTree(t, r), nil))(t)
		if got := paths(t, r, "main"); len(got) != 0 {
			t.Errorf("of the empty tree there are %q", got)
		}
		back := must(r.Restore(ctx, emptied.Parents[0].String(), options("a")))(t)
		if got := paths(t, r, back.Hash.String()); !slices.Equal(got, []string{"a 9"}) {
			t.Errorf("on nothing there is %q", got)
		}
		checkStore(t, s)
	})
}

// emptiedTree returns the hash of a tree without entries that the repository has.
func emptiedTree(t testing.TB, r *reposit.Repo) string {
	t.Helper()
	c := commit(t, r, &reposit.CommitOptions{Branch: "emptied", From: "main"}, reposit.Delete("a"), reposit.Delete("d"),
		reposit.Delete("l"), reposit.Delete("new"))
	return c.Tree.String()
}

// TestRestoreConcurrently has writers of other files beside one that restores its own: nothing of theirs is lost.
func TestRestoreConcurrently(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	first := write(t, r, "mine", "0")
	done := make(chan error)
	go func() {
		for i := range 100 {
			if _, err := r.Write(ctx, "theirs", []byte{byte(i)}, "m"); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 50 {
		write(t, r, "mine", string(rune('a'+i)))
		must(r.Restore(ctx, first.Hash.String(), &reposit.RestoreOptions{Paths: []string{"mine"}}))(t)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := paths(t, r, ""); !slices.Equal(got, []string{"mine 0", "theirs \x63"}) {
		t.Errorf("the branch holds %q", got)
	}
}

// TestRestoreQuota holds that what is restored takes no room, while the commit does.
func TestRestoreQuota(t *testing.T) {
	s, ctx := openMemory(t, &reposit.Options{Limits: reposit.Limits{RepoSize: 5000}}), t.Context()
	r := create(t, s, "r", nil)
	first := write(t, r, "f", strings.Repeat("x", 1000))
	write(t, r, "f", "small")
	for range 3 { // what the repository has takes no room
		must(r.Restore(ctx, first.Hash.String(), nil))(t)
		write(t, r, "f", "small")
	}
	_, err := r.Restore(ctx, first.Hash.String(), &reposit.RestoreOptions{
		CommitOptions: reposit.CommitOptions{Message: strings.Repeat("m", 5000)},
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("Restore() over the quota = %v, want %v", err, storage.ErrTooLarge)
	}
}
