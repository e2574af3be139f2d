package reposit_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

func TestRefsUpdate(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "x", nil)
		one, two := write(t, r, "a", "1").Hash, write(t, r, "a", "2").Hash
		zero := reposit.Hash{}
		tree, err := r.Resolve(t.Context(), "main^{tree}")
		if err != nil {
			t.Fatal(err)
		}
		start := map[string]string{"refs/heads/main": two.String()}
		for _, c := range []struct {
			name    string
			updates []reposit.RefUpdate
			want    error
			refs    map[string]string
		}{
			{"nothing", nil, nil, start},
			{"many", []reposit.RefUpdate{{Name: "refs/heads/a", New: one}, {Name: "refs/tags/t", New: tree},
				{Name: "refs/notes/n/m", New: two, Old: &zero}}, nil,
				map[string]string{"refs/heads/main": two.String(), "refs/heads/a": one.String(), "refs/tags/t": tree.String(),
					"refs/notes/n/m": two.String()}},
			{"all or none", []reposit.RefUpdate{{Name: "refs/heads/a", New: one},
				{Name: "refs/heads/main", New: one, Old: &one}}, reposit.ErrConflict, start},
			{"expected", []reposit.RefUpdate{{Name: "refs/heads/main", New: one, Old: &two}}, nil,
				map[string]string{"refs/heads/main": one.String()}},
			{"any", []reposit.RefUpdate{{Name: "refs/heads/main", New: one}}, nil,
				map[string]string{"refs/heads/main": one.String()}},
			{"absent, and there", []reposit.RefUpdate{{Name: "refs/heads/main", New: one, Old: &zero}}, reposit.ErrConflict,
				start},
			{"there, and absent", []reposit.RefUpdate{{Name: "refs/heads/a", New: one, Old: &one}}, reposit.ErrConflict, start},
			{"delete absent", []reposit.RefUpdate{{Name: "refs/heads/a"}}, reposit.ErrNotFound, start},
			{"delete absent, as expected", []reposit.RefUpdate{{Name: "refs/heads/a", Old: &zero}}, nil, start},
			{"step by step", []reposit.RefUpdate{{Name: "refs/heads/a", New: one}, {Name: "refs/heads/a", New: two, Old: &one}},
				nil,
				map[string]string{"refs/heads/main": two.String(), "refs/heads/a": two.String()}},
			{"a file, then a directory", []reposit.RefUpdate{{Name: "refs/heads/a", New: one}, {Name: "refs/heads/a"},
				{Name: "refs/heads/a/b", New: one}}, nil,
				map[string]string{"refs/heads/main": two.String(), "refs/heads/a/b": one.String()}},
			{"in the way", []reposit.RefUpdate{{Name: "refs/heads/a/b", New: one}, {Name: "refs/heads/a", New: one}},
				reposit.ErrExists, start},
			{"below", []reposit.RefUpdate{{Name: "refs/heads/main/x", New: one}}, reposit.ErrExists, start},
			{"neighbours are not in the way", []reposit.RefUpdate{{Name: "refs/heads/main-x", New: one},
				{Name: "refs/heads/main0", New: one}, {Name: "refs/heads/main.x", New: one}}, nil,
				map[string]string{"refs/heads/main": two.String(), "refs/heads/main-x": one.String(),
					"refs/heads/main0": one.String(), "refs/heads/main.x": one.String()}},
		} {
			err := r.Refs().Update(t.Context(), c.updates...)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s: Update() = %v, want %v", c.name, err, c.want)
			}
			if diff := cmp.Diff(c.refs, allRefs(t, r)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.name, diff)
			}
			back := []reposit.RefUpdate{{Name: "refs/heads/main", New: two}}
			for name := range allRefs(t, r) {
				if name != "refs/heads/main" {
					back = append(back, reposit.RefUpdate{Name: name})
				}
			}
			if err := r.Refs().Update(t.Context(), back...); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestBranches(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "x", nil)
		b := r.Branches()
		if page, err := b.List(t.Context(), nil); err != nil || page.TotalCount != 0 || len(page.Items) != 0 {
			t.Errorf("List() of nothing = %+v, %v", page, err)
		}
		first, second := write(t, r, "a", "1"), write(t, r, "a", "2")
		dev, err := b.Create(t.Context(), "dev", "main~1")
		if want := (reposit.Branch{Name: "dev", Commit: *first}); err != nil || cmp.Diff(want, dev) != "" {
			t.Errorf("Create() = %+v, %v, want %+v", dev, err, want)
		}
		must := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s = %v", what, err)
			}
		}
		must("Rename(dev, dev/one)", b.Rename(t.Context(), "dev", "dev/one"))
		must("Rename(dev/one, dev)", b.Rename(t.Context(), "dev/one", "dev"))
		must("Rename(dev, dev)", b.Rename(t.Context(), "dev", "dev"))
		must("Rename(main, trunk)", b.Rename(t.Context(), "main", "trunk"))
		info, err := r.Info(t.Context())
		if err != nil || info.DefaultBranch != "trunk" {
			t.Errorf("the default branch is %q, %v, want the renamed one", info.DefaultBranch, err)
		}
		if h, err := r.Resolve(t.Context(), ""); err != nil || h != second.Hash {
			t.Errorf("Resolve() = %s, %v", h, err)
		}
		if err := b.Delete(t.Context(), "trunk"); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Delete() of the default branch = %v, want %v", err, reposit.ErrInvalid)
		}
		third := write(t, r, "a", "3")
		if third.Parents[0] != second.Hash {
			t.Errorf("a commit after the rename has parent %s, want %s", third.Parents[0], second.Hash)
		}
		if _, err := r.Update(t.Context(), &reposit.RepoUpdate{DefaultBranch: ref("dev")}); err != nil {
			t.Error(err)
		}
		must("Delete(trunk)", b.Delete(t.Context(), "trunk"))
		if _, err := b.Branch(t.Context(), "trunk"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Branch() of a deleted one = %v", err)
		}
		if data, err := r.Read(t.Context(), "", "a"); err != nil || string(data) != "1" {
			t.Errorf("Read() on the new default branch = %q, %v, want 1", data, err)
		}
		if h, err := r.Resolve(t.Context(), third.Hash.String()); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve(%s) of a deleted branch = %s, %v, want %v", third.Hash, h, err, reposit.ErrNotFound)
		}
	})
}

// TestBranchPages pages through many branches and tags, with and without a prefix.
func TestBranchPages(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "x", nil)
		h := write(t, r, "a", "1").Hash
		var updates []reposit.RefUpdate
		want := map[string][]string{}
		for i := range 230 {
			name := fmt.Sprintf("b/%03d", i)
			if i%2 == 1 {
				name = fmt.Sprintf("c%03d", i)
			}
			updates = append(updates, reposit.RefUpdate{Name: "refs/heads/" + name, New: h},
				reposit.RefUpdate{Name: "refs/tags/" + name, New: h})
		}
		if err := r.Refs().Update(t.Context(), updates...); err != nil {
			t.Fatal(err)
		}
		for b, err := range r.Branches().All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			want[""] = append(want[""], b.Name)
			want[b.Name[:1]] = append(want[b.Name[:1]], b.Name)
		}
		if len(want[""]) != 231 || len(want["b"]) != 115 {
			t.Errorf("All() yields %d branches, %d of b", len(want[""]), len(want["b"]))
		}
		n := 0
		for range r.Refs().All(t.Context(), "") {
			n++
		}
		if n != 461 {
			t.Errorf("Refs.All() yields %d, want 461", n)
		}
		sizes := []int{0, 7, 100}
		if testing.Short() {
			sizes = []int{60}
		}
		for _, prefix := range []string{"", "b", "c", "x"} {
			for _, size := range sizes {
				var byToken, byNumber []string
				o := reposit.RefListOptions{Prefix: prefix, PageSize: size}
				for {
					page, err := r.Branches().List(t.Context(), &o)
					if err != nil || page.TotalCount != len(want[prefix]) {
						t.Fatalf("List(%+v) counts %d, %v, want %d", o, page.TotalCount, err, len(want[prefix]))
					}
					for _, b := range page.Items {
						byToken = append(byToken, b.Name)
					}
					if o.PageToken = page.NextPageToken; o.PageToken == "" {
						break
					}
				}
				for o.Page = 1; ; o.Page++ {
					page, err := r.Branches().List(t.Context(), &o)
					if err != nil {
						t.Fatal(err)
					}
					for _, b := range page.Items {
						byNumber = append(byNumber, b.Name)
					}
					if page.NextPageToken == "" {
						break
					}
				}
				if cmp.Diff(want[prefix], byToken) != "" || cmp.Diff(want[prefix], byNumber) != "" {
					t.Errorf("List(prefix %q, size %d) yields %d by token, %d by number, want %d", prefix, size, len(byToken),
						len(byNumber), len(want[prefix]))
				}
			}
		}
	})
}

func TestTags(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	c := write(t, r, "a", "1")
	tags := r.Tags()
	plain, err := tags.Create(t.Context(), "plain", "", nil)
	if want := (reposit.Tag{Name: "plain", Hash: c.Hash, Target: c.Hash}); err != nil || cmp.Diff(want, plain) != "" {
		t.Errorf("Create() = %+v, %v, want %+v", plain, err, want)
	}
	who := &reposit.Signature{Name: "Ada", Email: "a@b", When: newYear.In(time.FixedZone("", 3600))}
	annotated, err := tags.Create(t.Context(), "v1", "main", &reposit.TagOptions{Message: "One\n\nbody", Tagger: who})
	if err != nil || annotated.Hash == c.Hash || annotated.Target != c.Hash || annotated.Message != "One\n\nbody" ||
		*annotated.Tagger != *who && !annotated.Tagger.When.Equal(who.When) {
		t.Errorf("Create() = %+v, %v", annotated, err)
	}
	nested, err := tags.Create(t.Context(), "v1-again", "v1", &reposit.TagOptions{Message: "x"})
	if err != nil || nested.Target != c.Hash {
		t.Errorf("Create() of a tag's tag = %+v, %v", nested, err)
	}
	alias, err := tags.Create(t.Context(), "v1-alias", "v1", nil)
	if err != nil || alias.Hash != annotated.Hash || alias.Message != annotated.Message || alias.Target != c.Hash {
		t.Errorf("Create() of an alias = %+v, %v", alias, err)
	}
	blob, err := tags.Create(t.Context(), "blob", "main:a", &reposit.TagOptions{Message: "a blob"})
	if err != nil || blob.Target != blobHash("1") {
		t.Errorf("Create() of a blob's tag = %+v, %v", blob, err)
	}
	for _, want := range []reposit.Tag{plain, annotated, nested, alias, blob} {
		got, err := tags.Tag(t.Context(), want.Name)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Tag(%s), as made and as read (%v):\n%s", want.Name, err, diff)
		}
	}
	dir := s.export(t, r)
	fsck(t, dir)
	for _, tag := range []reposit.Tag{plain, annotated, nested, alias, blob} {
		if got := git(t, dir, nil, "rev-parse", "refs/tags/"+tag.Name+"^{}"); got != tag.Target.String() {
			t.Errorf("git peels %s to %s, not %s", tag.Name, got, tag.Target)
		}
	}
}

// TestRevisions resolves what git rev-parse resolves, to the same.
func TestRevisions(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	var hashes []reposit.Hash
	for i := range 12 {
		hashes = append(hashes, write(t, r, fmt.Sprintf("dir/f%d", i), fmt.Sprint(i)).Hash)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Branches().Create(t.Context(), "side/one", "main~5")
	must(err)
	_, err = r.Branches().Create(t.Context(), "both", "main~1")
	must(err)
	_, err = r.Tags().Create(t.Context(), "both", "main~2", nil)
	must(err)
	_, err = r.Tags().Create(t.Context(), "v1", "main~3", &reposit.TagOptions{Message: "x"})
	must(err)
	_, err = r.Tags().Create(t.Context(), "v2", "v1", &reposit.TagOptions{Message: "x"})
	must(err)
	must(r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/notes/commits", New: hashes[3]}))
	dir := s.export(t, r)
	full := hashes[7].String()
	revisions := []string{
		"main", "HEAD", "@", "refs/heads/main", "heads/main", "side/one", "heads/side/one", "both", "tags/both", "heads/both",
		"v1", "v2", "notes/commits",
		"refs/notes/commits", "main~", "main~0", "main~1", "main~11", "main~12", "main^", "main^0", "main^1", "main^2",
		"main^^", "main~2^~3", "@~1", "HEAD^",
		"v1^{}", "v1^{commit}", "v1^{tree}", "v1^{tag}", "v2^{tag}", "v1^{object}", "v2^{}", "v1~1", "v2^", "main^{tree}",
		"main^{commit}", "main^{tag}", "main^{blob}",
		"main^{tree}^{tree}", "main^{tree}^{commit}", "main:", "main:dir", "main:dir/", "main:dir/f3", "main:nothing",
		"main:dir/nothing", "v1:dir", "main~3:dir/f1",
		"main^{tree}:dir", "main:dir:f1", full, full[:39], full[:12], full[:7], full[:5], full + "~1", full[:9] + "^", full +
			"^{tree}", full + ":dir/f0",
		"nothing", "nothing~1", "main~x", "main^{nonsense}", "main^{", "main^{tree", "", "~1", "^1", "refs/heads", "heads",
		"a b", "main..both", "..", ".", "/main",
		"main//x", "-main", "HEAD~1^0", "main^10", "main~100",
	}
	for _, rev := range revisions {
		if rev == "" || rev == "~1" || rev == "^1" {
			continue // ours: the default branch, as in "HEAD~1"
		}
		want, gitErr := tryGit(t, dir, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", rev)
		got, err := r.Resolve(t.Context(), rev)
		switch {
		case (gitErr == nil) != (err == nil):
			t.Errorf("Resolve(%q) = %s, %v; git: %q, %v", rev, got, err, want, gitErr)
		case err == nil && got.String()+"\n" != want:
			t.Errorf("Resolve(%q) = %s, git has %s", rev, got, want)
		case err != nil && !errors.Is(err, reposit.ErrNotFound) && !errors.Is(err, reposit.ErrInvalid):
			t.Errorf("Resolve(%q) = %v", rev, err)
		}
	}
}

// TestLogRevisions resolves what refs held before.
func TestLogRevisions(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "x", nil)
		var made []reposit.Hash
		for i := range 4 {
			made = append(made, write(t, r, "a", fmt.Sprint(i)).Hash)
		}
		if err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/main", New: made[0]}); err != nil {
			t.Fatal(err)
		}
		for rev, want := range map[string]int{"main@{0}": 0, "main@{1}": 3, "main@{2}": 2, "main@{4}": 0, "@{1}": 3,
			"HEAD@{1}": 3, "@{1}~2": 1, "refs/heads/main@{3}": 1} {
			if h, err := r.Resolve(t.Context(), rev); err != nil || h != made[want] {
				t.Errorf("Resolve(%q) = %s, %v, want commit %d", rev, h, err, want)
			}
		}
		for _, rev := range []string{"main@{5}", "main@{99}", "other@{1}"} {
			if _, err := r.Resolve(t.Context(), rev); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Resolve(%q) = %v, want %v", rev, err, reposit.ErrNotFound)
			}
		}
	})
}

// TestAbbreviations resolves prefixes that one object has, and refuses those of several.
func TestAbbreviations(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "x", nil)
		// Enough blobs that some share four digits.
		var changes []reposit.Change
		byPrefix := map[string][]reposit.Hash{}
		for i := range 900 {
			content := fmt.Sprint("blob ", i)
			changes = append(changes, reposit.Put(fmt.Sprintf("%d/%d", i/30, i), []byte(content)))
			h := blobHash(content)
			byPrefix[h.String()[:4]] = append(byPrefix[h.String()[:4]], h)
		}
		commit(t, r, nil, changes...)
		trees := map[string]bool{}
		for e, err := range r.Walk(t.Context(), "", "") {
			if err != nil {
				t.Fatal(err)
			}
			if e.Mode == reposit.ModeDir {
				trees[e.Hash.String()[:4]] = true
			}
		}
		root, err := r.Stat(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		tip, err := r.Resolve(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		shared := 0
		for prefix, hashes := range byPrefix {
			if trees[prefix] || root.Hash.String()[:4] == prefix || tip.String()[:4] == prefix {
				continue
			}
			got, err := r.Resolve(t.Context(), prefix)
			switch {
			case len(hashes) > 1:
				shared++
				if !errors.Is(err, reposit.ErrInvalid) {
					t.Errorf("Resolve(%q) of %d objects = %s, %v, want %v", prefix, len(hashes), got, err, reposit.ErrInvalid)
				}
			case err != nil || got != hashes[0]:
				t.Errorf("Resolve(%q) = %s, %v, want %s", prefix, got, err, hashes[0])
			}
		}
		if shared == 0 {
			t.Error("no two blobs share four digits")
		}
		if _, err := r.Resolve(t.Context(), tip.String()[:3]); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve() of three digits = %v, want %v", err, reposit.ErrNotFound)
		}
	})
}

// TestRenameRace renames the default branch while others commit to it. No commit is lost, nor lands under an old name.
func TestRenameRace(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "x", nil)
		write(t, r, "a", "0")
		var group sync.WaitGroup
		for w := range 4 {
			group.Go(func() {
				for n := range 10 {
					opts := &reposit.CommitOptions{}
					if w == 0 {
						opts.Sign = func([]byte) (string, error) { return "s", nil }
					}
					if _, err := r.Commit(t.Context(), opts, reposit.Put(fmt.Sprintf("w%d/%d", w, n), nil)); err != nil {
						t.Errorf("Commit() = %v", err)
						return
					}
				}
			})
		}
		group.Go(func() {
			for i := range 10 {
				from, to := fmt.Sprint("b", i), fmt.Sprint("b", i+1)
				if i == 0 {
					from = "main"
				}
				if err := r.Branches().Rename(t.Context(), from, to); err != nil {
					t.Errorf("Rename(%s, %s) = %v", from, to, err)
				}
			}
		})
		group.Wait()
		if t.Failed() {
			return
		}
		tip, err := r.Resolve(t.Context(), "b10")
		if err != nil {
			t.Fatal(err)
		}
		if got := allRefs(t, r); len(got) != 1 {
			t.Errorf("refs are %v, want b10 alone", got)
		}
		if n := len(s.history(t, r, tip)); n != 41 {
			t.Errorf("the history has %d commits, want 41", n)
		}
	})
}
