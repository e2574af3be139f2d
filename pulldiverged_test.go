package reposit_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// pullRefs returns the refs of a repository under refs/pull/, without asking for any of them.
func pullRefs(t testing.TB, r *reposit.Repo) map[string]reposit.Hash {
	t.Helper()
	all := map[string]reposit.Hash{}
	for ref, err := range r.Refs().All(t.Context(), "refs/pull/") {
		if err != nil {
			t.Fatal(err)
		}
		all[ref.Name] = ref.Hash
	}
	return all
}

// TestPullTested holds that refs/pull/N/merge is what the base as it is would become, at each door where it is named,
// and that no list shows one that is not true.
func TestPullTested(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		first := commit(t, r, nil, reposit.Put("both", numbered(20, nil)))
		must(r.Branches().Create(ctx, "topic", ""))(t)
		head := put(t, r, "topic", "both", string(numbered(20, map[int]string{17: "topic"})))
		openPull(t, r, "main", "topic", nil)
		const name = "refs/pull/1/merge"
		unmade := func(when string) {
			t.Helper()
			want := []string{"refs/pull/1/head"}
			if got := slices.Sorted(maps.Keys(pullRefs(t, r))); !slices.Equal(got, want) {
				t.Errorf("%s: the refs are %q, want %q", when, got, want)
			}
		}
		unmade("when it was opened")
		checkParents(t, r, name, first.Hash, head.Hash)

		base := put(t, r, "main", "both", string(numbered(20, map[int]string{2: "main"})))
		unmade("when the base moved")
		merged := string(numbered(20, map[int]string{2: "main", 17: "topic"}))
		st := must(r.Storer(ctx))(t)
		doors := map[string]func() string{
			"Read":  func() string { return string(must(r.Read(ctx, name, "both"))(t)) },
			"short": func() string { return string(must(r.Read(ctx, "pull/1/merge", "both"))(t)) },
			"Resolve": func() string {
				return string(must(r.Read(ctx, must(r.Resolve(ctx, name))(t).String(), "both"))(t))
			},
			"Refs": func() string {
				for ref := range r.Refs().All(ctx, name) {
					return string(must(r.Read(ctx, ref.Hash.String(), "both"))(t))
				}
				return "none"
			},
			"Storer": func() string {
				ref := must(st.Reference(name))(t)
				return string(must(r.Read(ctx, ref.Hash().String(), "both"))(t))
			},
			"Commit": func() string {
				made := commit(t, r, &reposit.CommitOptions{Branch: "from", From: name}, reposit.Put("new", nil))
				return string(must(r.Read(ctx, made.Hash.String(), "both"))(t))
			},
			"Merge": func() string {
				must(r.Branches().Create(ctx, "into", first.Hash.String()))(t)
				must(r.Merge(ctx, name, &reposit.MergeOptions{Branch: "into"}))(t)
				return string(must(r.Read(ctx, "into", "both"))(t))
			},
			"Export": func() string {
				into := t.TempDir()
				if err := r.Export(ctx, osfs.New(into), &reposit.ExportOptions{Refs: []string{name}}); err != nil {
					return err.Error()
				}
				return merged
			},
		}
		for _, door := range slices.Sorted(maps.Keys(doors)) {
			if got := doors[door](); got != merged {
				t.Errorf("%s shows %q, want %q", door, got, merged)
			}
			checkParents(t, r, name, base.Hash, head.Hash)
			// Both sides in turn.
			if door < "Merge" {
				base = put(t, r, "main", door, "x")
			} else {
				head = put(t, r, "topic", door, "x")
			}
			unmade("when a side moved after " + door)
		}

		before := resolve(t, r, name)
		clash := put(t, r, "main", "both", string(numbered(20, map[int]string{17: "clash"})))
		if got := resolve(t, r, name); !got.IsZero() {
			t.Errorf("%s = %v of sides that can't be merged, want none", name, got)
		}
		if got := resolve(t, r, before.String()); !got.IsZero() {
			t.Error("what it was is still found")
		}
		unmade("when they can't be merged")
		status := must(r.Pulls().Status(ctx, 1))(t)
		if status.Mergeable || !status.Diverged || status.Base != clash.Hash || len(status.Conflicts) != 1 ||
			status.Conflicts[0].Path != "both" || status.Conflicts[0].Kind != reposit.ConflictContent ||
			!slices.Equal(status.Lacks, []string{`both sides changed "both" since they diverged`}) {
			t.Errorf("Status() = %+v, want one conflict", status)
		}
		_, err := r.Pulls().Merge(ctx, 1, nil)
		failed, ok := errors.AsType[*reposit.MergeConflictError](err)
		if !ok || len(failed.Conflicts) != 1 || !strings.Contains(string(failed.Conflicts[0].Merged), "<<<<<<< main\n") {
			t.Errorf("Merge() = %v, want a *MergeConflictError", err)
		}
		checkPulls(t, s, r)
		checkStore(t, s)
	})
}

// TestPullMergeDiverged merges pull requests whose base went on.
func TestPullMergeDiverged(t *testing.T) {
	for _, strategy := range []reposit.MergeStrategy{reposit.MergeCommit, reposit.Squash, reposit.Rebase} {
		eachBackend(t, func(t *testing.T, open opener) {
			s, ctx := open(nil), t.Context()
			d := newDesk(t, s, reposit.Protection{RequirePR: true, RequiredReviews: 1})
			head := resolve(t, d.r, "topic")
			protect(t, d.r, "main", reposit.Protection{})
			base := put(t, d.r, "main", "f", "5")
			protect(t, d.r, "main", reposit.Protection{RequirePR: true, RequiredReviews: 1})
			d.lacks(t, "when the base has moved", "it has 0 of 1 approvals")
			review(t, d.r, 1, "wim", reposit.Approved)
			d.lacks(t, "when it is approved")
			opts := &reposit.MergeOptions{Strategy: strategy, DryRun: true}
			before := s.digest(t)
			dry := must(d.r.Pulls().Merge(ctx, 1, opts))(t)
			if s.digest(t) != before {
				t.Error("a dry run changed something")
			}
			opts.DryRun = false
			made := must(d.repoAs(t, d.r, "wanda").Pulls().Merge(ctx, 1, opts))(t)
			parents := []reposit.Hash{base.Hash, head}[:2-int(strategy)/2]
			if made.Base != base.Hash || !slices.Equal(made.Commit.Parents, parents) || made.Commit.Tree != dry.Commit.Tree {
				t.Errorf("Merge() = %+v, %+v, want parents %v", made, made.Commit, parents)
			}
			if got := paths(t, d.r, ""); !slices.Equal(got, []string{"f 5", "src/a.go 2"}) {
				t.Errorf("the branch holds %q", got)
			}
			if p := loadPull(t, d.r, 1); p.State != reposit.PullMerged || p.Result != made.Commit.Hash ||
				resolve(t, d.r, "refs/pull/1/merge") != p.Result {
				t.Errorf("Pull() = %+v, want it merged", p)
			}
			checkPulls(t, s, d.r)
			checkStore(t, s)
		})
	}
}

// TestPullResolve holds that who merges a pull request decides on conflicts where nobody must review, and that a base
// that moves meanwhile is merged again.
func TestPullResolve(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	d := newDesk(t, s, reposit.Protection{RequirePR: true, RequiredReviews: 1, BypassAdmins: true}, reposit.Put("g", nil))
	put(t, d.r, "topic", "g", "theirs")
	put(t, d.r, "main", "g", "ours")
	review(t, d.r, 1, "wim", reposit.Approved)
	wanda := d.repoAs(t, d.r, "wanda")
	asked, others := 0, 0
	resolve := func(c reposit.Conflict) ([]byte, error) {
		if asked++; asked == 1 {
			others++
			put(t, d.r, "main", "later", fmt.Sprint(others))
		}
		return []byte("both"), nil
	}
	for what, opts := range map[string]*reposit.MergeOptions{
		"Resolve": {Resolve: resolve}, "Favor": {Favor: reposit.Ours},
	} {
		if _, err := wanda.Pulls().Merge(ctx, 1, opts); !errors.Is(err, reposit.ErrProtected) {
			t.Errorf("Merge() with %s of what must be reviewed = %v, want %v", what, err, reposit.ErrProtected)
		}
	}
	protect(t, d.r, "main", reposit.Protection{RequirePR: true, BypassAdmins: true})
	asked = 0
	must(wanda.Pulls().Merge(ctx, 1, &reposit.MergeOptions{Resolve: resolve}))(t)
	if got := paths(t, d.r, ""); !slices.Equal(got, []string{"f 1", "g both", "later 2", "src/a.go 2"}) || asked != 1 {
		t.Errorf("the branch holds %q, asked %d times", got, asked)
	}
	checkPulls(t, s, d.r)
	checkStore(t, s)
}

// TestPullTestedAccess holds that only who may read has test merges made, and that they show nothing else.
func TestPullTestedAccess(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "1")
	eve, nobody := s.repoAs(t, r, "eve"), s.repoAs(t, r, "")
	must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
	put(t, r, "topic", "g", "2")
	openPull(t, r, "main", "topic", nil)
	put(t, r, "main", "h", "3")
	before := s.digest(t)
	for _, as := range []*reposit.Repo{eve, nobody} {
		if got, err := as.Resolve(ctx, "refs/pull/1/merge"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve() by who may not read = %v, %v, want %v", got, err, reposit.ErrNotFound)
		}
	}
	for _, rev := range []string{"refs/pull/2/merge", "refs/pull/01/merge", "refs/pull/-1/merge", "refs/pull/1/merge/x",
		"refs/pull/1/mergex", "refs/pull//merge", "refs/pull/99999999999999999999/merge"} {
		if got, err := r.Resolve(ctx, rev); !errors.Is(err, reposit.ErrNotFound) && !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Resolve(%q) = %v, %v", rev, got, err)
		}
	}
	if s.digest(t) != before {
		t.Error("who may not read had a test merge made")
	}
	s.grant(t, r, "rita", reposit.Read)
	if got := must(s.repoAs(t, r, "rita").Read(ctx, "refs/pull/1/merge", "h"))(t); string(got) != "3" {
		t.Errorf("Read() = %q", got)
	}
	checkPulls(t, s, r)
}

// TestPullTestsOfBranch holds that what is kept of a branch with many pull requests is bounded, and goes when it moves.
func TestPullTestsOfBranch(t *testing.T) {
	const many, kept = 120, 100
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	write(t, r, "f", "0")
	for i := range many {
		branch := fmt.Sprint("topic", i)
		commit(t, r, &reposit.CommitOptions{Branch: branch, From: "main"}, reposit.Put(branch, nil))
		openPull(t, r, "main", branch, nil)
	}
	at := write(t, r, "f", "1")
	for i := range many {
		checkParents(t, r, fmt.Sprintf("refs/pull/%d/merge", i+1), at.Hash, resolve(t, r, fmt.Sprint("topic", i)))
	}
	if got := len(pullRefs(t, r)); got != many+kept {
		t.Errorf("there are %d refs, want %d", got, many+kept)
	}
	// Who reads them again and again makes nothing grow.
	objects := s.objects(t, storageID(r))
	for i := range many {
		must(r.Resolve(ctx, fmt.Sprintf("refs/pull/%d/merge", i+1)))(t)
	}
	if got := s.objects(t, storageID(r)); got != objects {
		t.Errorf("there are %d objects when all were asked for twice, want %d", got, objects)
	}
	write(t, r, "f", "2")
	if got := s.objects(t, storageID(r)) - objects; got != 3 {
		t.Errorf("a commit to the base brings %d objects, want %d", got, 3)
	}
	if got := len(pullRefs(t, r)); got != many {
		t.Errorf("there are %d refs when the base moved, want %d", got, many)
	}
	if err := r.Branches().Rename(ctx, "main", "trunk"); err != nil {
		t.Fatal(err)
	}
	checkPulls(t, s, r)
	checkStore(t, s)
}

// TestPullOwnersOfMerge holds that the owners of what a merge changes must approve, also where the head changed other
// paths: the base may have moved files.
func TestPullOwnersOfMerge(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	commit(t, r, nil, reposit.Put("CODEOWNERS", []byte("/core/ @wim\n")), reposit.Put("lib/x", numbered(20, nil)))
	put(t, r, "topic", "lib/x", string(numbered(20, map[int]string{3: "theirs"})))
	commit(t, r, nil, reposit.Move("lib/x", "core/x"))
	for _, login := range []string{"wim", "wanda"} {
		s.grant(t, r, login, reposit.Write)
	}
	protect(t, r, "main", reposit.Protection{RequireCodeOwnerReview: true})
	openPull(t, r, "main", "topic", &reposit.PullOptions{Author: "bob"})
	d := &desk{s, r}
	const lacks = `no owner of "core/x" has approved: @wim`
	d.lacks(t, "at first", lacks)
	if resolve(t, r, "refs/pull/1/merge").IsZero() {
		t.Error("there is no test merge")
	}
	d.lacks(t, "when it was tested", lacks)
	review(t, r, 1, "wim", reposit.Approved)
	d.lacks(t, "when the owner approved")
	d.merge(t, "wanda")
}

// TestPullTestOfOlderVersion holds that a test merge which an older version left, or a program outside, is made anew.
func TestPullTestOfOlderVersion(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		old := write(t, r, "f", "1")
		head := put(t, r, "topic", "g", "2")
		openPull(t, r, "main", "topic", nil)
		leave := func() {
			t.Helper()
			err := s.backend.Update(ctx, func(tx storage.Tx) error {
				stale := storage.Ref{Name: "refs/pull/1/merge", Hash: storage.Hash(old.Hash)}
				return tx.PutRef(storageID(r), stale, nil)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		leave()
		checkParents(t, r, "refs/pull/1/merge", old.Hash, head.Hash)
		// What a program outside does to the base tells nobody.
		aside := put(t, r, "aside", "h", "3")
		err := s.backend.Update(ctx, func(tx storage.Tx) error {
			return tx.PutRef(storageID(r), storage.Ref{Name: "refs/heads/main", Hash: storage.Hash(aside.Hash)}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		checkParents(t, r, "refs/pull/1/merge", aside.Hash, head.Hash)
		checkPulls(t, s, r)
	})
}

// TestPullTestedServed holds that git fetches the test merge that it names, unless that is hidden from it.
func TestPullTestedServed(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	write(t, r, "f", "1")
	head := put(t, r, "topic", "g", "2")
	openPull(t, r, "main", "topic", nil)
	base := put(t, r, "main", "h", "3")
	h, web, _ := serveHost(t, r)
	dir := newGit(t)
	for _, next := range []string{"4", "5"} {
		git(t, dir, nil, "fetch", "-q", web, "+refs/pull/1/merge:refs/heads/got")
		want := base.Hash.String() + " " + head.Hash.String()
		if got := git(t, dir, nil, "log", "-1", "--format=%P", "got"); got != want {
			t.Errorf("git fetched a commit with parents %s, want %s", got, want)
		}
		base = put(t, r, "main", "h", next)
	}
	h.hide("refs/pull/")
	if out, err := tryGit(t, dir, nil, "fetch", "-q", web, "+refs/pull/1/merge:refs/heads/got"); err == nil {
		t.Errorf("git fetched what is hidden: %s", out)
	}
	if got := len(pullRefs(t, r)); got != 1 {
		t.Errorf("there are %d refs of pull requests, want the head alone", got)
	}
}

// TestPullRebaseDiverged holds that a rebase which leaves out what a merge decided is not what reviewers saw, and that
// one of which nothing is left merges nothing.
func TestPullRebaseDiverged(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	d := newDesk(t, s, reposit.Protection{RequirePR: true, RequiredReviews: 1, BypassAdmins: true})
	old := put(t, d.r, "old", "o", "1")
	commit(t, d.r, &reposit.CommitOptions{Branch: "topic", Parents: []reposit.Hash{old.Hash}},
		reposit.Put("o", []byte("1")), reposit.Put("decided", []byte("x")))
	put(t, d.r, "main", "f", "5")
	review(t, d.r, 1, "wim", reposit.Approved)
	d.lacks(t, "when it is approved")
	wanda := d.repoAs(t, d.r, "wanda")
	rebase := &reposit.MergeOptions{Strategy: reposit.Rebase}
	if _, err := wanda.Pulls().Merge(ctx, 1, rebase); !errors.Is(err, reposit.ErrProtected) {
		t.Errorf("Merge() by a rebase that leaves out a merge = %v, want %v", err, reposit.ErrProtected)
	}
	refused := &reposit.MergeOptions{Strategy: reposit.Rebase, RefuseMerges: true}
	if _, err := d.r.Pulls().Merge(ctx, 1, refused); !errors.Is(err, reposit.ErrConflict) {
		t.Errorf("Merge() by a rebase that refuses merges = %v, want %v", err, reposit.ErrConflict)
	}
	protect(t, d.r, "main", reposit.Protection{RequirePR: true, BypassAdmins: true})
	must(wanda.Pulls().Merge(ctx, 1, rebase))(t)
	if got := paths(t, d.r, ""); !slices.Equal(got, []string{"f 5", "o 1", "src/a.go 2"}) {
		t.Errorf("the branch holds %q", got)
	}

	put(t, d.r, "again", "more", "1")
	put(t, d.r, "main", "f", "6")
	if _, err := d.r.CherryPick(ctx, "again", nil); err != nil {
		t.Fatal(err)
	}
	opened := openPull(t, s.repoAs(t, d.r, "bob"), "main", "again", nil)
	if _, err := wanda.Pulls().Merge(ctx, opened.Number, rebase); !errors.Is(err, reposit.ErrNoChange) {
		t.Errorf("Merge() by a rebase of what is there = %v, want %v", err, reposit.ErrNoChange)
	}
	checkPulls(t, s, d.r)
	checkStore(t, s)
}
