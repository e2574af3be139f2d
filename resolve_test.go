package reposit_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/reposit/reposit"
)

// clash returns a repository whose branches main and side have changed and deleted the same.
func clash(t *testing.T, s *store) *reposit.Repo {
	t.Helper()
	r := create(t, s, "r", nil)
	commit(t, r, nil, reposit.Put("both", []byte("a\nb\nc\n")), reposit.Put("d/gone", numbered(9, nil)),
		reposit.Symlink("link", "a"))
	must(r.Branches().Create(t.Context(), "side", ""))(t)
	commit(t, r, nil, reposit.Put("both", []byte("a\nours\nc\n")), reposit.Delete("d/gone"),
		reposit.Symlink("link", "b"), reposit.Put("mine", []byte("1")))
	commit(t, r, &reposit.CommitOptions{Branch: "side"}, reposit.Put("both", []byte("a\ntheirs\nc\n")),
		reposit.Put("d/gone", numbered(9, map[int]string{3: "theirs"})), reposit.Symlink("link", "c"))
	return r
}

// TestMergeResolve holds that what Resolve says of a path becomes of it.
func TestMergeResolve(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := clash(t, s)
		asked := map[string]reposit.ConflictKind{}
		resolve := func(c reposit.Conflict) ([]byte, error) {
			if _, again := asked[c.Path]; again {
				t.Errorf("Resolve(%q) is asked twice", c.Path)
			}
			asked[c.Path] = c.Kind
			switch c.Path {
			case "both":
				// It may call the store, also for what the merge is about.
				if _, err := r.Write(ctx, "meanwhile", []byte("2"), "m"); err != nil {
					return nil, err
				}
				return append([]byte("merged\n"), c.Merged...), nil
			case "d/gone":
				return nil, reposit.ErrNotFound
			}
			return []byte("d"), nil
		}
		made := must(r.Merge(ctx, "side", &reposit.MergeOptions{Resolve: resolve}))(t)
		if made.Kind != reposit.Merged || len(made.Commit.Parents) != 2 {
			t.Errorf("Merge() = %+v", made)
		}
		marked := "merged\na\n<<<<<<< main\nours\n=======\ntheirs\n>>>>>>> side\nc\n"
		want := []string{"both " + marked, "link d", "meanwhile 2", "mine 1"}
		if got := paths(t, r, "main"); !slices.Equal(got, want) {
			t.Errorf("the branch holds %q, want %q", got, want)
		}
		if e := must(r.Stat(ctx, "", "link"))(t); e.Mode != reposit.ModeSymlink {
			t.Errorf("what was a symlink on both sides has mode %v", e.Mode)
		}
		kinds := map[string]reposit.ConflictKind{"both": reposit.ConflictContent, "d/gone": reposit.ConflictDeleted,
			"link": reposit.ConflictModes}
		for path, kind := range kinds {
			if asked[path] != kind {
				t.Errorf("Resolve(%q) was asked about %v, want %v", path, asked[path], kind)
			}
		}
		checkStore(t, s)
	})
}

// TestMergeUnresolved holds what of a merge is refused all the same.
func TestMergeUnresolved(t *testing.T) {
	s, ctx := openMemory(t, &reposit.Options{Limits: reposit.Limits{BlobSize: 200}}), t.Context()
	r := clash(t, s)
	before := s.digest(t)
	failed := errors.New("failed")
	for what, test := range map[string]struct {
		content []byte
		err     error
		want    error
	}{
		"nothing":           {nil, nil, reposit.ErrConflict},
		"an error":          {[]byte("x"), failed, failed},
		"what wraps no end": {nil, &reposit.Error{Err: reposit.ErrNotFound}, reposit.ErrNotFound},
		"too much":          {make([]byte, 201), nil, reposit.ErrTooLarge},
		"no target":         {[]byte{}, nil, reposit.ErrInvalid},
	} {
		resolve := func(c reposit.Conflict) ([]byte, error) {
			if c.Path != "link" {
				return []byte("x"), nil
			}
			return test.content, test.err
		}
		_, err := r.Merge(ctx, "side", &reposit.MergeOptions{Resolve: resolve})
		if !errors.Is(err, test.want) {
			t.Errorf("Merge() where Resolve gives %s = %v, want %v", what, err, test.want)
		}
		left, _ := errors.AsType[*reposit.MergeConflictError](err)
		if what == "nothing" && (left == nil || len(left.Conflicts) != 1 || left.Conflicts[0].Path != "link") {
			t.Errorf("Merge() where Resolve gives %s = %v, want that conflict alone", what, err)
		}
	}
	ours := func(c reposit.Conflict) ([]byte, error) { return []byte("x"), nil }
	must(r.Merge(ctx, "side", &reposit.MergeOptions{Resolve: ours, DryRun: true}))(t)
	if s.digest(t) != before {
		t.Error("a merge that was not made changed something")
	}
	bad := func(c reposit.Conflict) ([]byte, error) {
		return []byte("[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=x\n"), nil
	}
	commit(t, r, nil, reposit.Put(".gitmodules", []byte("# 1\n")))
	commit(t, r, &reposit.CommitOptions{Branch: "side"}, reposit.Put(".gitmodules", []byte("# 2\n")))
	if _, err := r.Merge(ctx, "side", &reposit.MergeOptions{Resolve: bad}); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Merge() with a harmful .gitmodules = %v, want %v", err, reposit.ErrInvalid)
	}
	checkStore(t, s)
}

// TestMergeStoresWhatItNeeds holds that nothing of a merge of common ancestors is stored but what the outcome needs.
func TestMergeStoresWhatItNeeds(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	commit(t, r, nil, reposit.Put("d/both", numbered(20, nil)))
	must(r.Branches().Create(ctx, "side", ""))(t)
	ours := commit(t, r, nil, reposit.Put("d/both", numbered(20, map[int]string{5: "ours"})))
	commit(t, r, &reposit.CommitOptions{Branch: "side"}, reposit.Put("d/both", numbered(20, map[int]string{5: "theirs"})))
	take := func(text string) *reposit.MergeOptions {
		return &reposit.MergeOptions{Resolve: func(reposit.Conflict) ([]byte, error) {
			return numbered(20, map[int]string{5: text}), nil
		}}
	}
	to := take("second")
	to.Branch = "side"
	tip := resolve(t, r, "side")
	must(r.Merge(ctx, ours.Hash.String(), to))(t)
	must(r.Merge(ctx, tip.String(), take("first")))(t)
	before := s.objects(t, storageID(r))
	must(r.Merge(ctx, "side", take("third")))(t)
	// A commit, two trees and a file.
	if got := s.objects(t, storageID(r)) - before; got != 4 {
		t.Errorf("a merge stored %d objects, want %d", got, 4)
	}
	checkStore(t, s)
}
