package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// protect sets a rule that must be possible.
func protect(t testing.TB, r *reposit.Repo, pattern string, p reposit.Protection) {
	t.Helper()
	if err := r.Protection().Set(t.Context(), pattern, p); err != nil {
		t.Fatalf("Set(%q) = %v", pattern, err)
	}
}

// grant makes a user a collaborator.
func (s *store) grant(t testing.TB, r *reposit.Repo, login string, p reposit.Permission) {
	t.Helper()
	s.fixture().Grant(t, r, login, p)
}

// repoAs returns the repository as a user sees it.
func (s *store) repoAs(t testing.TB, r *reposit.Repo, login string) *reposit.Repo {
	t.Helper()
	return s.fixture().RepoAs(t, r, login)
}

// resolve returns what a revision names, or the zero Hash.
func resolve(t testing.TB, r *reposit.Repo, rev string) reposit.Hash {
	t.Helper()
	return fixture.Resolve(t, r, rev)
}

// A moving is what a verb does to the branch release/1.
type moving int

const (
	push     moving = iota // a commit on top
	rewind                 // another commit, not on top
	removal                // it goes
	symbolic               // it becomes another's name
	merge                  // a pull request is merged into it
)

// A stage is a repository with a branch release/1, one commit on top of it, and one beside it.
type stage struct {
	ctx          context.Context
	r            *reposit.Repo // as the actor
	ahead, aside reposit.Hash
}

func (s *stage) storer() gogitstorage.Storer {
	st, err := s.r.Storer(s.ctx)
	if err != nil {
		panic(err)
	}
	return st
}

func (s *stage) set(name string, h reposit.Hash) error {
	return s.storer().SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), plumbing.Hash(h)))
}

const release = "refs/heads/release/1"

// movers are the verbs that move branches, by all the ways that they have.
var movers = []struct {
	verb string // "Type.Method"
	does moving
	try  func(*stage) error
}{
	{"Repo.Write", push, func(s *stage) error { // release/1 is the default branch for this one
		_, err := s.r.Write(s.ctx, "new", []byte("x"), "m")
		return err
	}},
	{"Repo.Commit", push, func(s *stage) error {
		_, err := s.r.Commit(s.ctx, &reposit.CommitOptions{Branch: "release/1", Message: "m"},
			reposit.Put("new", []byte("x")))
		return err
	}},
	{"Repo.Commit", push, func(s *stage) error { // signed ones go another way
		sign := func([]byte) (string, error) { return "-----BEGIN", nil }
		_, err := s.r.Commit(s.ctx, &reposit.CommitOptions{Branch: "release/1", Message: "m", Sign: sign},
			reposit.Put("new", []byte("x")))
		return err
	}},
	{"Repo.Commit", push, func(s *stage) error { // by another name
		_, err := s.r.Commit(s.ctx, &reposit.CommitOptions{Branch: "alias", Message: "m"}, reposit.Put("new", []byte("x")))
		return err
	}},
	{"Refs.Update", push, func(s *stage) error {
		return s.r.Refs().Update(s.ctx, reposit.RefUpdate{Name: release, New: s.ahead})
	}},
	{"Refs.Update", rewind, func(s *stage) error {
		return s.r.Refs().Update(s.ctx, reposit.RefUpdate{Name: release, New: s.aside})
	}},
	{"Refs.Update", rewind, func(s *stage) error {
		return s.r.Refs().Update(s.ctx, reposit.RefUpdate{Name: "refs/heads/alias", New: s.aside})
	}},
	{"Refs.Update", rewind, func(s *stage) error {
		return s.r.Refs().Update(s.ctx, reposit.RefUpdate{Name: "refs/other", New: s.aside},
			reposit.RefUpdate{Name: release, New: s.aside})
	}},
	{"Refs.Update", removal, func(s *stage) error {
		return s.r.Refs().Update(s.ctx, reposit.RefUpdate{Name: release})
	}},
	{"Branches.Delete", removal, func(s *stage) error { return s.r.Branches().Delete(s.ctx, "release/1") }},
	{"Branches.Rename", removal, func(s *stage) error { return s.r.Branches().Rename(s.ctx, "release/1", "elsewhere") }},
	{"Branches.Rename", removal, func(s *stage) error { return s.r.Branches().Rename(s.ctx, "release/1", "release/2") }},
	{"Repo.Merge", push, func(s *stage) error {
		return errorOf(s.r.Merge(s.ctx, "side", &reposit.MergeOptions{Branch: "release/1"}))
	}},
	{"Repo.Merge", push, func(s *stage) error {
		return errorOf(s.r.Merge(s.ctx, "side", &reposit.MergeOptions{Branch: "alias", Strategy: reposit.Squash}))
	}},
	{"Repo.Apply", push, func(s *stage) error {
		patch := "diff --git a/applied b/applied\nnew file mode 100644\n--- /dev/null\n+++ b/applied\n@@ -0,0 +1 @@\n+x\n"
		return errorOf(s.r.Apply(s.ctx, strings.NewReader(patch), &reposit.ApplyOptions{
			CommitOptions: reposit.CommitOptions{Branch: "release/1", Message: "m"},
		}))
	}},
	{"Repo.Restore", push, func(s *stage) error {
		return errorOf(s.r.Restore(s.ctx, "side", &reposit.RestoreOptions{
			CommitOptions: reposit.CommitOptions{Branch: "release/1", AllowEmpty: true},
		}))
	}},
	{"Repo.CherryPick", push, func(s *stage) error {
		return errorOf(s.r.CherryPick(s.ctx, "side", &reposit.PickOptions{
			CommitOptions: reposit.CommitOptions{Branch: "release/1"},
		}))
	}},
	{"Repo.Revert", push, func(s *stage) error { // several at once, by another name
		return errorOf(s.r.Revert(s.ctx, "alias~1..alias", &reposit.PickOptions{
			CommitOptions: reposit.CommitOptions{Branch: "alias"},
		}))
	}},
	{"Repo.Merge", push, func(s *stage) error { // made anew
		return errorOf(s.r.Merge(s.ctx, "beside", &reposit.MergeOptions{
			Branch: "release/1", Strategy: reposit.Rebase, Favor: reposit.Theirs,
		}))
	}},
	{"Repo.Fetch", push, func(s *stage) error {
		var bundle bytes.Buffer
		if err := s.r.Bundle(s.ctx, &bundle, &reposit.BundleOptions{Refs: []string{"refs/heads/side"}}); err != nil {
			return err
		}
		renamed := bytes.Replace(bundle.Bytes(), []byte("refs/heads/side"), []byte(release), 1)
		result, err := s.r.Fetch(s.ctx, bytes.NewReader(renamed), nil)
		if err == nil && len(result.Rejected) > 0 {
			err = fmt.Errorf("%w: %v", reposit.ErrProtected, result.Rejected)
		}
		return err
	}},
	{"Repo.ReceivePack", push, func(s *stage) error { return s.push(release, s.ahead) }},
	{"Repo.ReceivePack", rewind, func(s *stage) error { return s.push(release, s.aside) }},
	{"Repo.ReceivePack", rewind, func(s *stage) error { return s.push("refs/heads/alias", s.aside) }},
	{"Repo.ReceivePack", removal, func(s *stage) error { return s.push(release, reposit.Hash{}) }},
	{"Storer.SetRef", push, func(s *stage) error { return s.set(release, s.ahead) }},
	{"Storer.SetRef", rewind, func(s *stage) error { return s.set(release, s.aside) }},
	{"Storer.RemoveRef", removal, func(s *stage) error { return s.storer().RemoveReference(release) }},
	{"Pulls.Merge", merge, func(s *stage) error { return errorOf(s.r.Pulls().Merge(s.ctx, 1, nil)) }},
	{"Pulls.Merge", merge, func(s *stage) error {
		return errorOf(s.r.Pulls().Merge(s.ctx, 1, &reposit.MergeOptions{Strategy: reposit.Rebase}))
	}},
	{"Storer.SetRef", symbolic, func(s *stage) error {
		return s.storer().SetReference(plumbing.NewSymbolicReference(release, "refs/heads/side"))
	}},
}

// push pushes one ref, from whatever it holds.
func (s *stage) push(name string, to reposit.Hash) error {
	old, err := s.r.Resolve(s.ctx, name)
	if err != nil {
		return err
	}
	err = pushRef(s.ctx, s.r, fmt.Sprintf("%s %s %s", old, to, name))
	var refused *refusedError
	if errors.As(err, &refused) {
		err = fmt.Errorf("%w: %w", reposit.ErrProtected, err)
	}
	return err
}

// others are the verbs that change something, but move no branch, or, as Create does, none that there is.
var others = map[string]bool{
	"Repo.Permission": true, "Repo.Update": true, "Repo.DeleteToken": true, "Repo.Delete": true, "Branches.Create": true,
	"Tags.Create": true, "Tags.Delete": true, "Pulls.Open": true, "Pulls.Close": true, "Protections.Set": true,
	"Protections.Remove": true, "Refs.Log": true, "Notes.Put": true, "Notes.Remove": true,
	"Branches.Restore": true, "Repo.Worktree": true, "Repo.Stats": true,
	"Storer.SetObject": true, "Storer.SetConfig": true, "Storer.PackWriter": true,
	"Repo.Teams": true, "Collaborators.Add": true, "Collaborators.List": true, "Collaborators.Remove": true,
	"DeployKeys.Add": true, "DeployKeys.List": true, "DeployKeys.Remove": true,
}

// TestMovers holds that it is known of each verb that needs more than Read whether it moves branches.
func TestMovers(t *testing.T) {
	moves := map[string]bool{}
	for _, m := range movers {
		moves[m.verb] = true
		if doors[m.verb].need < reposit.Write {
			t.Errorf("%s moves branches, but needs less than Write", m.verb)
		}
	}
	for verb, d := range doors {
		if d.need > reposit.Read && !moves[verb] && !others[verb] {
			t.Errorf("%s: say in movers how it moves branches, or in others that it does not", verb)
		}
	}
}

// TestProtection tries every verb that moves a branch under every rule, as every kind of actor.
func TestProtection(t *testing.T) {
	t.Parallel()
	rules := []reposit.Protection{
		{}, {RequirePR: true}, {AllowForcePush: true}, {AllowDeletion: true},
		{RequirePR: true, AllowForcePush: true, AllowDeletion: true},
		{RequirePR: true, BypassAdmins: true}, {RequiredReviews: 1, BypassAdmins: true}, {RequiredReviews: 1},
	}
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		n := 0
		for _, m := range movers {
			for _, rule := range rules {
				for _, actor := range []string{"host", "ann", "wanda"} { // ann is the owner, wanda may write
					n++
					if (testing.Short() || t.Name() != "TestProtection/memory") && n%5 > 0 {
						continue // each mover, rule and actor is there even so
					}
					s.tryMover(t, n, m.verb, m.does, m.try, rule, actor)
				}
			}
		}
	})
}

func (s *store) tryMover(t *testing.T, n int, verb string, does moving, try func(*stage) error, rule reposit.Protection,
	actor string) {
	r := create(t, s, fmt.Sprint("r", n), &reposit.CreateOptions{Owner: "ann"})
	on := func(branch, from, content string) reposit.Hash {
		return commit(t, r, &reposit.CommitOptions{Branch: branch, From: from, Message: content},
			reposit.Put("f", []byte(content))).Hash
	}
	on("main", "", "0")
	before := on("release/1", "", "1")
	st := &stage{ctx: t.Context(), r: r, ahead: on("side", "release/1", "2"), aside: on("beside", "main", "3")}
	storer, err := r.Storer(t.Context())
	if err == nil {
		err = storer.SetReference(plumbing.NewSymbolicReference("refs/heads/alias", release))
	}
	if err == nil && verb == "Repo.Write" {
		_, err = r.Update(t.Context(), &reposit.RepoUpdate{DefaultBranch: ref("release/1")})
	}
	if err != nil {
		t.Fatal(err)
	}
	openPull(t, r, "release/1", "side", nil)
	protect(t, r, "release/*", rule)
	if actor != "host" {
		s.grant(t, r, "wanda", reposit.Write)
		st.r = s.repoAs(t, r, actor)
	}

	allowed := rule.BypassAdmins && actor != "wanda"
	switch does {
	case push:
		allowed = allowed || !rule.RequirePR && rule.RequiredReviews == 0
	case rewind:
		allowed = allowed || !rule.RequirePR && rule.RequiredReviews == 0 && rule.AllowForcePush
	case removal:
		allowed = allowed || rule.AllowDeletion
	case merge:
		allowed = allowed || rule.RequiredReviews == 0
	}
	err = try(st)
	moved := resolve(t, r, release) != before
	switch {
	case allowed && (err != nil || !moved):
		t.Errorf("%s as %s under %+v = %v, moved %v, want it to be allowed", verb, actor, rule, err, moved)
	case !allowed && (!errors.Is(err, reposit.ErrProtected) || moved):
		t.Errorf("%s as %s under %+v = %v, moved %v, want %v", verb, actor, rule, err, moved, reposit.ErrProtected)
	case !allowed && !strings.Contains(err.Error(), `refused by the branch protection "release/*": `):
		t.Errorf("%s: the error does not name the rule: %v", verb, err)
	}
}

// TestProtectionCreate holds that a branch that is not there yet may be made, and that what only looks like a protected
// branch is none.
func TestProtectionCreate(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		protect(t, r, "release/**", reposit.Protection{RequirePR: true})
		write(t, r, "f", "1")
		if _, err := r.Branches().Create(t.Context(), "release/1", "main"); err != nil {
			t.Errorf("Create(release/1) = %v", err)
		}
		commit(t, r, &reposit.CommitOptions{Branch: "release/a/b", Message: "m"}, reposit.Put("g", nil))
		write(t, r, "f", "2")
		tip := resolve(t, r, "main")
		for _, name := range []string{"refs/tags/release/1", "refs/notes/release/1", "refs/heads/Release/1",
			"refs/heads/release-1"} {
			for _, to := range []reposit.Hash{tip, resolve(t, r, "main~1"), {}} {
				if err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: name, New: to}); err != nil {
					t.Errorf("Update(%s) = %v", name, err)
				}
			}
		}
		if err := r.Branches().Rename(t.Context(), "main", "release/2"); err != nil {
			t.Errorf("Rename() onto a protected name = %v", err)
		}
		if _, err := r.Write(t.Context(), "f", []byte("3"), "m"); !errors.Is(err, reposit.ErrProtected) {
			t.Errorf("Write() once it has a protected name = %v, want %v", err, reposit.ErrProtected)
		}
		// To what it is already, it may be moved.
		if err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/release/2", New: tip}); err != nil {
			t.Errorf("Update() to what it is = %v", err)
		}
	})
}

// TestProtectionReplace holds that to delete a branch and make it anew in one call is no way to move it.
func TestProtectionReplace(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	first := write(t, r, "f", "1")
	if _, err := r.Branches().Create(t.Context(), "release/1", ""); err != nil {
		t.Fatal(err)
	}
	second := write(t, r, "f", "2")
	for _, test := range []struct {
		rule reposit.Protection
		to   reposit.Hash
		ok   bool
	}{
		{reposit.Protection{AllowDeletion: true, RequirePR: true}, second.Hash, false},
		{reposit.Protection{AllowDeletion: true, RequirePR: true}, first.Hash, true},
		{reposit.Protection{AllowDeletion: true}, second.Hash, true},
		{reposit.Protection{AllowDeletion: true}, first.Hash, false}, // back
		{reposit.Protection{AllowDeletion: true, AllowForcePush: true}, first.Hash, true},
	} {
		protect(t, r, "release/*", test.rule)
		err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: release}, reposit.RefUpdate{Name: release, New: test.to})
		if test.ok && err != nil || !test.ok && !errors.Is(err, reposit.ErrProtected) {
			t.Errorf("Update() under %+v to %v = %v, want ok %v", test.rule, test.to, err, test.ok)
		}
	}
}

// TestProtectionDefault holds that only admins take the place of the default branch from a protected one, and that a
// rule follows the branch that it names.
func TestProtectionDefault(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		write(t, r, "f", "1")
		if _, err := r.Branches().Create(t.Context(), "other", ""); err != nil {
			t.Fatal(err)
		}
		s.grant(t, r, "wanda", reposit.Write)
		wanda, ann := s.repoAs(t, r, "wanda"), s.repoAs(t, r, "ann")
		point := func(as *reposit.Repo, branch string) error {
			st, err := as.Storer(t.Context())
			if err != nil {
				return err
			}
			return st.SetReference(plumbing.NewSymbolicReference("HEAD", plumbing.ReferenceName("refs/heads/"+branch)))
		}
		protect(t, r, "main", reposit.Protection{RequirePR: true, AllowDeletion: true})
		if err := point(wanda, "other"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("HEAD set by one who may write = %v, want %v", err, reposit.ErrForbidden)
		}
		if err := point(wanda, "main"); err != nil {
			t.Errorf("HEAD set to what it is = %v", err)
		}
		if _, err := ann.Update(t.Context(), &reposit.RepoUpdate{DefaultBranch: ref("other")}); err != nil {
			t.Errorf("Update(DefaultBranch) by an admin = %v", err)
		}
		if err := point(wanda, "main"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("HEAD set from a branch that is not protected = %v, want %v", err, reposit.ErrForbidden)
		}
		if err := wanda.Branches().Rename(t.Context(), "other", "another"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Rename() of the default branch by one who may write = %v, want %v", err, reposit.ErrForbidden)
		}
		if err := point(ann, "main"); err != nil {
			t.Errorf("HEAD set by an admin = %v", err)
		}
		if err := wanda.Branches().Rename(t.Context(), "main", "trunk"); !errors.Is(err, reposit.ErrProtected) {
			t.Errorf("Rename() by one who may write = %v, want %v", err, reposit.ErrProtected)
		}
		if err := ann.Branches().Rename(t.Context(), "main", "trunk"); err != nil {
			t.Errorf("Rename() of one that may be deleted = %v", err)
		}
		rule, err := r.Protection().Branch(t.Context(), "trunk")
		if err != nil || rule.Pattern != "trunk" || !rule.RequirePR {
			t.Errorf("rule of the renamed branch = %+v, %v", rule, err)
		}
		if _, err := wanda.Write(t.Context(), "f", []byte("2"), "m"); !errors.Is(err, reposit.ErrProtected) {
			t.Errorf("Write() to the renamed branch = %v, want %v", err, reposit.ErrProtected)
		}
	})
}

// TestProtectionTakenAlong holds that who may only write has no loose rule take the place of a strict one by giving its
// branch another name.
func TestProtectionTakenAlong(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "1")
	for _, name := range []string{"scratch", "loose/1"} {
		must(r.Branches().Create(t.Context(), name, ""))(t)
	}
	free := reposit.Protection{AllowForcePush: true, AllowDeletion: true}
	protect(t, r, "scratch", free)
	protect(t, r, "loose/*", free)
	protect(t, r, "release/*", reposit.Protection{RequirePR: true})
	s.grant(t, r, "wanda", reposit.Write)
	wanda := s.repoAs(t, r, "wanda")
	if err := wanda.Branches().Rename(t.Context(), "scratch", "release/1"); !errors.Is(err, reposit.ErrProtected) {
		t.Errorf("Rename() of what a rule names = %v, want %v", err, reposit.ErrProtected)
	}
	if err := wanda.Branches().Rename(t.Context(), "loose/1", "release/1"); err != nil {
		t.Errorf("Rename() of what a pattern matches = %v", err)
	}
	_, err := wanda.Commit(t.Context(), &reposit.CommitOptions{Branch: "release/1", Message: "m"}, reposit.Put("g", nil))
	if !errors.Is(err, reposit.ErrProtected) {
		t.Errorf("Commit() = %v, want %v", err, reposit.ErrProtected)
	}
	if list, err := r.Protection().List(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("List() = %+v, %v, want the rules as they were", list, err)
	}
}

func TestProtections(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
		write(t, r, "f", "1")
		all := reposit.Protection{
			RequirePR: true, RequiredReviews: 2, DismissStaleReviews: true, RequireCodeOwnerReview: true, AllowForcePush: true,
			AllowDeletion: true, BypassAdmins: true,
		}
		protect(t, r, "*", reposit.Protection{})
		protect(t, r, "main", reposit.Protection{RequirePR: true})
		protect(t, r, "m*", reposit.Protection{RequiredReviews: 1})
		protect(t, r, "main", all) // in place of the one before
		want := []reposit.ProtectionRule{
			{Pattern: "main", Protection: all}, {Pattern: "*"},
			{Pattern: "m*", Protection: reposit.Protection{RequiredReviews: 1}},
		}
		got, err := r.Protection().List(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("List() = %v (-want +got):\n%s", err, diff)
		}
		for branch, pattern := range map[string]string{"main": "main", "mine": "*", "not/yet": ""} {
			rule, err := r.Protection().Branch(t.Context(), branch)
			if rule.Pattern != pattern || (pattern == "") != errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Branch(%q) = %+v, %v, want pattern %q", branch, rule, err, pattern)
			}
		}
		if branch, err := r.Branches().Branch(t.Context(), "main"); err != nil || !branch.Protected {
			t.Errorf("Branch() = %+v, %v, want it to be protected", branch, err)
		}
		for _, pattern := range []string{"main", "*", "m*"} {
			if err := r.Protection().Remove(t.Context(), pattern); err != nil {
				t.Errorf("Remove(%q) = %v", pattern, err)
			}
		}
		if err := r.Protection().Remove(t.Context(), "main"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Remove() of none = %v, want %v", err, reposit.ErrNotFound)
		}
		page, err := r.Branches().List(t.Context(), nil)
		if err != nil || len(page.Items) != 1 || page.Items[0].Protected {
			t.Errorf("List() of branches = %+v, %v, want none protected", page.Items, err)
		}
		write(t, r, "f", "2")
		token, err := r.DeleteToken(t.Context())
		protect(t, r, "main", all)
		if err := errors.Join(err, r.Delete(t.Context(), token)); err != nil {
			t.Errorf("Delete() = %v", err)
		}
	})
}

// TestProtectionAccess holds who may read and set rules, and that bad ones are refused.
func TestProtectionAccess(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
	s.grant(t, r, "wanda", reposit.Write)
	wanda := s.repoAs(t, r, "wanda").Protection()
	protect(t, s.repoAs(t, r, "ann"), "main", reposit.Protection{})
	if list, err := wanda.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("List() = %v, %v", list, err)
	}
	for name, err := range map[string]error{
		"Set": wanda.Set(t.Context(), "x", reposit.Protection{}), "Remove": wanda.Remove(t.Context(), "main"),
	} {
		if !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("%s by one who may write = %v, want %v", name, err, reposit.ErrForbidden)
		}
	}
	for _, pattern := range []string{"", "[", "a b", "refs/heads/main", "-x", "a/", "*.lock"} {
		if err := r.Protection().Set(t.Context(), pattern, reposit.Protection{}); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Set(%q) = %v, want %v", pattern, err, reposit.ErrInvalid)
		}
	}
	if err := r.Protection().Set(t.Context(), "main", reposit.Protection{RequiredReviews: -1}); !errors.Is(err,
		reposit.ErrInvalid) {
		t.Errorf("Set() of -1 reviews = %v, want %v", err, reposit.ErrInvalid)
	}
	if _, err := r.Protection().Branch(t.Context(), "a..b"); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Branch(a..b) = %v, want %v", err, reposit.ErrInvalid)
	}
}

// TestProtectionRace holds that a branch is only fast-forwarded, whoever pushes at once, and that an admin's commit
// that waits with others lands though theirs are refused.
func TestProtectionRace(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	first := write(t, r, "f", "0")
	protect(t, r, "main", reposit.Protection{})
	parents := map[reposit.Hash]reposit.Hash{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for k := range 20 {
				branch := fmt.Sprintf("side-%d-%d", i, k)
				c, err := r.Commit(t.Context(), &reposit.CommitOptions{Branch: branch, From: "main", Message: branch},
					reposit.Put(branch, nil))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				parents[c.Hash] = c.Parents[0]
				mu.Unlock()
				err = r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/main", New: c.Hash})
				if err != nil && !errors.Is(err, reposit.ErrProtected) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	err := s.backend.View(t.Context(), func(v storage.View) error {
		moves := 0
		for e, err := range v.Log(storageID(r), "refs/heads/main") {
			if err != nil {
				return err
			}
			if moves++; e.Old.IsZero() {
				break
			}
			at := reposit.Hash(e.New)
			for at != reposit.Hash(e.Old) && at != first.Hash {
				at = parents[at]
			}
			if at != reposit.Hash(e.Old) {
				t.Errorf("main went from %v to %v, which is no fast-forward", e.Old, e.New)
			}
		}
		if moves < 5 {
			t.Errorf("main moved %d times", moves)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestProtectionBatch holds that commits which land together are judged each by itself.
func TestProtectionBatch(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "0")
	s.grant(t, r, "wanda", reposit.Write)
	protect(t, r, "main", reposit.Protection{RequirePR: true, BypassAdmins: true})
	wanda, ann := s.repoAs(t, r, "wanda"), s.repoAs(t, r, "ann")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 10 {
				if i%2 == 0 {
					if _, err := ann.Write(t.Context(), fmt.Sprintf("a%d/%d", i, k), nil, "m"); err != nil {
						t.Errorf("Write() by the owner = %v", err)
					}
				} else if _, err := wanda.Write(t.Context(), fmt.Sprintf("w%d/%d", i, k), nil, "m"); !errors.Is(err,
					reposit.ErrProtected) {
					t.Errorf("Write() by one who may write = %v, want %v", err, reposit.ErrProtected)
				}
			}
		})
	}
	wg.Wait()
	entries, err := r.List(t.Context(), "main", "")
	if err != nil || len(entries) != 5 {
		t.Errorf("List() = %v, %v, want f and four directories", entries, err)
	}
}

// TestProtectionPullsOnly holds that a rule that asks something of pull requests lets commits in by no other way.
func TestProtectionPullsOnly(t *testing.T) {
	for name, rule := range map[string]reposit.Protection{
		"reviews": {RequiredReviews: 1}, "stale reviews": {DismissStaleReviews: true},
		"owners":    {RequireCodeOwnerReview: true},
		"last push": {RequireLastPushApproval: true}, "force": {RequiredReviews: 1, AllowForcePush: true},
	} {
		s, ctx := openMemory(t, nil), t.Context()
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		first := write(t, r, "f", "1")
		put(t, r, "side", "f", "2")
		s.grant(t, r, "wanda", reposit.Write)
		protect(t, r, "main", rule)
		wanda := s.repoAs(t, r, "wanda")
		side := resolve(t, r, "side")
		st := must(wanda.Storer(ctx))(t)
		for door, err := range map[string]error{
			"Write":   errorOf(wanda.Write(ctx, "f", []byte("3"), "m")),
			"Merge":   errorOf(wanda.Merge(ctx, "side", nil)),
			"Update":  wanda.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/main", New: side}),
			"Storer":  st.SetReference(plumbing.NewHashReference("refs/heads/main", plumbing.Hash(side))),
			"by host": errorOf(r.Write(ctx, "f", []byte("3"), "m")),
		} {
			if !errors.Is(err, reposit.ErrProtected) {
				t.Errorf("%s: %s = %v, want %v", name, door, err, reposit.ErrProtected)
			}
		}
		if got := resolve(t, r, "main"); got != first.Hash {
			t.Errorf("%s: main moved to %s", name, got)
		}
	}
}

// TestProtectionSymbolic holds that a symbolic branch is protected as what it leads to.
func TestProtectionSymbolic(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		write(t, r, "f", "1")
		put(t, r, "side", "f", "2")
		s.grant(t, r, "wanda", reposit.Write)
		wanda := s.repoAs(t, r, "wanda")
		st := must(wanda.Storer(ctx))(t)
		point := func(name, to string) error {
			return st.SetReference(plumbing.NewSymbolicReference(plumbing.ReferenceName("refs/heads/"+name),
				plumbing.ReferenceName("refs/heads/"+to)))
		}
		if err := errors.Join(point("live", "main"), point("now", "live")); err != nil {
			t.Fatal(err)
		}
		protect(t, r, "main", reposit.Protection{RequirePR: true})
		for _, name := range []string{"live", "now"} {
			if b, err := wanda.Branches().Branch(ctx, name); err != nil || !b.Protected {
				t.Errorf("Branch(%s) = %+v, %v, want it protected", name, b, err)
			}
			if rule, err := wanda.Protection().Branch(ctx, name); err != nil || rule.Pattern != "main" {
				t.Errorf("Protection().Branch(%s) = %+v, %v, want that of main", name, rule, err)
			}
			for what, err := range map[string]error{
				"delete": wanda.Branches().Delete(ctx, name), "point": point(name, "side"),
				"write": errorOf(wanda.Commit(ctx, &reposit.CommitOptions{Branch: name, Message: "m"}, reposit.Put("g", nil))),
			} {
				if !errors.Is(err, reposit.ErrProtected) {
					t.Errorf("%s of %s = %v, want %v", what, name, err, reposit.ErrProtected)
				}
			}
		}
		if err := point("side2", "main"); err != nil {
			t.Errorf("a new name of a protected branch = %v", err)
		}
		if err := r.Protection().Remove(ctx, "main"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(wanda.Branches().Delete(ctx, "now"), point("live", "side")); err != nil {
			t.Errorf("symbolic branches that lead to nothing protected = %v", err)
		}
	})
}
