package reposit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// tangle returns a repository with branches that change few files in random ways and merge each other, and its commits.
func tangle(t *testing.T, s *store, w *rand.Rand, commits int) (*reposit.Repo, []reposit.Hash) {
	t.Helper()
	ctx := t.Context()
	r := create(t, s, "r", nil)
	files := []string{"a", "b", "d/a", "d/b", "d/e/a"}
	first := commit(t, r, nil, reposit.Put("a", numbered(12, nil)), reposit.Put("d/b", numbered(9, nil)))
	all := []reposit.Hash{first.Hash}
	for _, branch := range []string{"x", "y"} {
		must(r.Branches().Create(ctx, branch, ""))(t)
	}
	for i := range commits {
		branch := pickOf(w, []string{"main", "x", "y"})
		if w.IntN(4) == 0 {
			made, err := r.Merge(ctx, pickOf(w, []string{"main", "x", "y"}), &reposit.MergeOptions{Branch: branch})
			if err == nil {
				all = append(all, made.Commit.Hash)
				continue
			}
			if !errors.Is(err, reposit.ErrConflict) {
				t.Fatal(err)
			}
		}
		change := reposit.Put(pickOf(w, files), numbered(12, map[int]string{w.IntN(12): fmt.Sprint("changed ", i)}))
		if from := pickOf(w, files); w.IntN(4) == 0 && errorOf(r.Stat(ctx, branch, from)) == nil {
			change = reposit.Move(from, fmt.Sprint("d/new", i))
		}
		all = append(all, commit(t, r, &reposit.CommitOptions{Branch: branch}, change).Hash)
	}
	return r, all
}

// TestCompare compares comparisons of the commits of random histories with what git says of them.
func TestCompare(t *testing.T) {
	needGit(t)
	commits, pairs := 40, 40
	if testing.Short() {
		commits, pairs = 20, 10
	}
	w := rand.New(rand.NewPCG(*seed, 9))
	t.Logf("seed %d", *seed)
	s, ctx := openMemory(t, nil), t.Context()
	r, all := tangle(t, s, w, commits)
	dir := s.export(t, r)
	before, conflicts := s.digest(t), 0
	for range pairs {
		base, head := pickOf(w, all), pickOf(w, all)
		got := must(r.Compare(ctx, base.String(), head.String()))(t)
		var want reposit.Comparison
		fmt.Sscan(git(t, dir, nil, "rev-list", "--left-right", "--count", base.String()+"..."+head.String()),
			&want.Behind, &want.Ahead)
		text := git(t, dir, nil, "merge-base", base.String(), head.String())
		want.MergeBase = must(reposit.ParseHash(strings.TrimSpace(text)))(t)
		paths := gitConflicts(t, dir, base.String(), head.String())
		var found []string
		for _, c := range got.Conflicts {
			found = append(found, c.Path)
		}
		slices.Sort(found)
		conflicts += len(found)
		if got.Ahead != want.Ahead || got.Behind != want.Behind || got.MergeBase != want.MergeBase ||
			!slices.Equal(slices.Compact(found), paths) || got.Mergeable != (len(paths) == 0) {
			t.Errorf("Compare(%s, %s) = %+v, want %+v and conflicts %q", base, head, got, want, paths)
		}
	}
	if s.digest(t) != before {
		t.Error("Compare changed something")
	}
	if conflicts == 0 {
		t.Error("there was no conflict")
	}
}

// gitConflicts returns the paths that git can't merge, sorted.
func gitConflicts(t *testing.T, dir, ours, theirs string) []string {
	t.Helper()
	out := git(t, dir, []byte(ours+" "+theirs+"\n"), "merge-tree", "--write-tree", "--allow-unrelated-histories",
		"--name-only", "-z", "--stdin")
	parts := strings.Split(out, "\x00")
	var paths []string
	for _, p := range parts[2:] {
		if p == "" {
			break
		}
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// TestCompareRevisions holds what can be compared.
func TestCompareRevisions(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := clash(t, s)
		got := must(r.Compare(ctx, "", "side"))(t)
		if got.Ahead != 1 || got.Behind != 1 || got.MergeBase != resolve(t, r, "main~1") || got.Mergeable ||
			len(got.Conflicts) != 3 || !strings.Contains(string(got.Conflicts[0].Merged), "<<<<<<< HEAD\n") {
			t.Errorf("Compare() = %+v", got)
		}
		if got := must(r.Compare(ctx, "main~1", "main"))(t); got.Ahead != 1 || got.Behind != 0 || !got.Mergeable ||
			got.MergeBase != resolve(t, r, "main~1") {
			t.Errorf("Compare() of an ancestor = %+v", got)
		}
		if got := must(r.Compare(ctx, "main", ""))(t); got.Ahead != 0 || got.Behind != 0 || !got.Mergeable {
			t.Errorf("Compare() of the same = %+v", got)
		}
		fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
		secret := put(t, fork, "main", "s", "secret").Hash.String()
		for _, test := range []struct {
			base, head string
			want       error
		}{
			{"none", "", reposit.ErrNotFound}, {"", "none", reposit.ErrNotFound}, {"", "main^{tree}", reposit.ErrInvalid},
			{"", "a..b", reposit.ErrInvalid}, {"", secret, reposit.ErrNotFound}, {secret, "", reposit.ErrNotFound},
		} {
			if got, err := r.Compare(ctx, test.base, test.head); !errors.Is(err, test.want) {
				t.Errorf("Compare(%q, %q) = %+v, %v, want %v", test.base, test.head, got, err, test.want)
			}
		}
	})
}
