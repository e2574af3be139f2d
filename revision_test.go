package reposit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// gitRevisions returns what git says that revisions name, "" for those that name nothing.
func gitRevisions(t *testing.T, dir string, revs []string) []string {
	t.Helper()
	// One process for all: a name of each line, and what is missing or ambiguous is said on its line.
	out := git(t, dir, []byte(strings.Join(revs, "\n")+"\n"), "cat-file", "--batch-check=%(objectname)")
	lines := strings.Split(out, "\n")
	if len(lines) != len(revs) {
		t.Fatalf("git cat-file answers %d lines for %d revisions", len(lines), len(revs))
	}
	for i, line := range lines {
		if len(line) != 40 || strings.ContainsAny(line, " ") {
			lines[i] = ""
		}
	}
	return lines
}

func compareRevisions(t *testing.T, r *reposit.Repo, dir string, revs []string) (found int) {
	t.Helper()
	for i, want := range gitRevisions(t, dir, revs) {
		got, err := r.Resolve(t.Context(), revs[i])
		switch {
		case err != nil && !errors.Is(err, reposit.ErrNotFound) && !errors.Is(err, reposit.ErrInvalid):
			t.Errorf("Resolve(%q) = %v", revs[i], err)
		case (err == nil) != (want != ""), err == nil && got.String() != want:
			t.Errorf("Resolve(%q) = %s, %v; git has %q", revs[i], got, err, want)
		}
		if want != "" {
			found++
		}
	}
	return found
}

// TestShortNames resolves random names among random refs, in all folders that gitrevisions(7) looks into.
func TestShortNames(t *testing.T) {
	needGit(t)
	const seed = 20260301
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	s := openMemory(t, nil)
	found := 0
	for round := range 8 {
		r := create(t, s, fmt.Sprint("x", round), nil)
		var hashes []reposit.Hash
		for i := range 6 {
			hashes = append(hashes, write(t, r, fmt.Sprintf("dir/f%d", i), fmt.Sprint(i)).Hash)
		}
		pieces := []string{"stash", "main", "a", "b", "heads", "tags", "remotes", "origin", "refs", "v1", "HEAD"}
		name := func() string {
			var parts []string
			for range 1 + rng.IntN(3) {
				parts = append(parts, pieces[rng.IntN(len(pieces))])
			}
			return strings.Join(parts, "/")
		}
		for range 40 {
			dir := []string{"refs/", "refs/tags/", "refs/heads/", "refs/remotes/", "refs/remotes/origin/",
				"refs/heads/refs/heads/"}[rng.IntN(6)]
			err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: dir + name(), New: hashes[rng.IntN(len(hashes))]})
			if err != nil && !errors.Is(err, reposit.ErrExists) && !errors.Is(err, reposit.ErrInvalid) {
				t.Fatal(err)
			}
		}
		dir := s.export(t, r)
		var revs []string
		for range 300 {
			rev := name()
			switch rng.IntN(12) {
			case 0:
				rev = "refs/" + rev
			case 1:
				rev = "refs/heads/" + rev
			case 2:
				rev += "/"
			case 3:
				rev += "^{tree}"
			case 4:
				rev += ":dir"
			case 5:
				h := hashes[rng.IntN(len(hashes))].String()
				rev += fmt.Sprintf("-%d-g%s", rng.IntN(9), h[:4+rng.IntN(37)])
			case 6:
				rev += "-g" + hashes[rng.IntN(len(hashes))].String()[:7] + "~1"
			}
			revs = append(revs, rev)
		}
		found += compareRevisions(t, r, dir, revs)
	}
	if found < 300 {
		t.Errorf("git found %d names only", found)
	}
}

// TestOddRevisions resolves what looks like a revision, or nearly.
func TestOddRevisions(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	tip := write(t, r, "dir/file", "x").Hash
	commit(t, r, nil, reposit.Symlink("link", "dir"), reposit.Put("dir/sub/file", []byte("y")))
	for _, name := range []string{"refs/stash", "refs/remotes/origin/main", "refs/remotes/origin/HEAD",
		"refs/heads/deadbeef", "refs/tags/v1"} {
		if err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: name, New: tip}); err != nil {
			t.Fatal(err)
		}
	}
	short, full := tip.String()[:7], tip.String()
	compareRevisions(t, r, s.export(t, r), []string{
		"stash", "origin", "origin/main", "origin/HEAD", "remotes/origin", "origin/", "/stash", "refs/stash",
		"main:dir/file/", "main:dir/", "main:dir//", "main:link/", "main:link/file", "main:dir/sub/", "main:/",
		"main:dir/sub/file/",
		"deadbeef", "v1-3-g" + short, "v1-g" + short, "-g" + short, "g" + short, "v1-3-g" + full, "v1-3-g" + short[:3],
		"v1-3-g" + short + "x",
		"any..thing-g" + short, "v1-3-g" + strings.ToUpper(short), "v1-3-g" + short + "^{tree}", "v1-3-g" + short + ":dir",
		"v1-3-g" + short + "~0",
	})
}

// TestAmbiguousRevisions resolves four digits that commits, trees, blobs and tags share.
func TestAmbiguousRevisions(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	var changes []reposit.Change
	blobs, commits, least := 2500, 300, 50
	if testing.Short() {
		blobs, commits, least = 1500, 100, 10
	}
	for i := range blobs {
		changes = append(changes, reposit.Put(fmt.Sprintf("%d/%d", i/30, i), fmt.Append(nil, "blob ", i)))
	}
	commit(t, r, nil, changes...)
	known := map[string]int{}
	for e, err := range r.Walk(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		known[e.Hash.String()[:4]]++
	}
	add := func(h reposit.Hash) { known[h.String()[:4]]++ }
	for i := range commits {
		c := commit(t, r, &reposit.CommitOptions{AllowEmpty: true, Message: fmt.Sprint(i)})
		add(c.Hash)
		tag, err := r.Tags().Create(t.Context(), fmt.Sprint("t", i), "", &reposit.TagOptions{Message: "x"})
		if err != nil {
			t.Fatal(err)
		}
		add(tag.Hash)
	}
	var revs []string
	for digits, n := range known {
		if n > 1 {
			for _, step := range []string{"", "^{}", "^{commit}", "^{tree}", "^{blob}", "^{tag}", "^{object}", "~0", "^0", "~1",
				":", ":0", "^{}~0", "^{tree}:0"} {
				revs = append(revs, digits+step)
			}
			revs = append(revs, "v1-2-g"+digits)
		}
	}
	if found := compareRevisions(t, r, s.export(t, r), revs); found < least {
		t.Errorf("git found %d of %d only", found, len(revs))
	}
}

// TestFullNames uses full names of branches and tags at every verb that takes a name.
func TestFullNames(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", &reposit.CreateOptions{DefaultBranch: "refs/heads/main"})
	c := write(t, r, "a", "1")
	ctx, b, tags := t.Context(), r.Branches(), r.Tags()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := b.Create(ctx, "refs/heads/side", "")
	must(err)
	if made.Name != "side" {
		t.Errorf("Create() = %q, want side", made.Name)
	}
	found, err := b.Branch(ctx, "refs/heads/side")
	must(err)
	if found.Name != "side" {
		t.Errorf("Branch() = %q, want side", found.Name)
	}
	must(b.Rename(ctx, "refs/heads/side", "refs/heads/other"))
	commit(t, r, &reposit.CommitOptions{Branch: "refs/heads/other"}, reposit.Put("b", nil))
	p, err := r.Pulls().Open(ctx, "refs/heads/main", "refs/heads/other", nil)
	must(err)
	if p.BaseBranch != "main" || p.HeadBranch != "other" {
		t.Errorf("Open() is of %q into %q, want other into main", p.HeadBranch, p.BaseBranch)
	}
	if _, err := r.Merge(ctx, "other", &reposit.MergeOptions{Branch: "refs/heads/main"}); err != nil {
		t.Fatal(err)
	}
	name := "refs/heads/other"
	info, err := r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: &name})
	must(err)
	if info.DefaultBranch != "other" {
		t.Errorf("DefaultBranch = %q, want other", info.DefaultBranch)
	}
	must(r.Protection().Set(ctx, "main", reposit.Protection{AllowDeletion: true}))
	if _, err := r.Protection().Branch(ctx, "refs/heads/main"); err != nil {
		t.Error(err)
	}
	must(b.Delete(ctx, "refs/heads/main"))
	tag, err := tags.Create(ctx, "refs/tags/v1", "", &reposit.TagOptions{Message: "x"})
	must(err)
	if tag.Name != "v1" {
		t.Errorf("Create() = %q, want v1", tag.Name)
	}
	if tag, err = tags.Tag(ctx, "refs/tags/v1"); err != nil || tag.Name != "v1" {
		t.Errorf("Tag() = %q, %v", tag.Name, err)
	}
	must(tags.Delete(ctx, "refs/tags/v1"))
	for _, name := range []string{"refs/tags/x", "refs/x", "refs/notes/commits"} {
		if _, err := b.Create(ctx, name, ""); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Create(%q) of a branch = %v, want %v", name, err, reposit.ErrInvalid)
		}
		if err := b.Delete(ctx, name); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Delete(%q) of a branch = %v, want %v", name, err, reposit.ErrInvalid)
		}
	}
	if _, err := tags.Create(ctx, "refs/heads/x", "", nil); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Create(refs/heads/x) of a tag = %v, want %v", err, reposit.ErrInvalid)
	}
	// A branch whose short name looks like a full one is never taken for another.
	must(r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/refs/heads/other", New: c.Hash}))
	for branch, err := range b.All(ctx) {
		must(err)
		again, err := b.Branch(ctx, branch.Name)
		if err != nil || again.Name != branch.Name || again.Commit.Hash != branch.Commit.Hash {
			t.Errorf("Branch(%q) = %q at %s, %v, want %s", branch.Name, again.Name, again.Commit.Hash, err, branch.Commit.Hash)
		}
	}
}
