package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// A desk is a repository of ann's with a pull request by bob, and writers who review it.
type desk struct {
	*store
	r *reposit.Repo
}

func newDesk(t *testing.T, s *store, rule reposit.Protection, files ...reposit.Change) *desk {
	t.Helper()
	d := &desk{s, create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})}
	commit(t, d.r, &reposit.CommitOptions{Message: "m"}, append(files, reposit.Put("f", []byte("1")))...)
	put(t, d.r, "topic", "src/a.go", "2")
	for _, login := range []string{"bob", "wim", "wes", "wanda"} {
		s.grant(t, d.r, login, reposit.Write)
	}
	s.grant(t, d.r, "rita", reposit.Read)
	protect(t, d.r, "main", rule)
	openPull(t, s.repoAs(t, d.r, "bob"), "main", "topic", nil)
	return d
}

// lacks checks what the pull request lacks, one text for each, and that Merge by a writer says the same.
func (d *desk) lacks(t *testing.T, when string, want ...string) {
	t.Helper()
	status, err := d.r.Pulls().Status(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, status.Lacks); diff != "" || status.Mergeable != (len(want) == 0) {
		t.Errorf("%s: Status() = %+v, lacks (-want +got):\n%s", when, status, diff)
	}
	if len(want) == 0 {
		return
	}
	before := resolve(t, d.r, "main")
	_, err = d.repoAs(t, d.r, "wanda").Pulls().Merge(t.Context(), 1, nil)
	if text := `"main": ` + strings.Join(want, "; "); !errors.Is(err, reposit.ErrProtected) ||
		!strings.HasSuffix(err.Error(), text) {
		t.Errorf("%s: Merge() = %v, want %v: %s", when, err, reposit.ErrProtected, text)
	}
	if resolve(t, d.r, "main") != before || loadPull(t, d.r, 1).State != reposit.PullOpen {
		t.Errorf("%s: a refused merge changed something", when)
	}
}

func (d *desk) merge(t *testing.T, login string) {
	t.Helper()
	if _, err := d.repoAs(t, d.r, login).Pulls().Merge(t.Context(), 1, nil); err != nil {
		t.Errorf("Merge() by %s = %v", login, err)
	}
	checkPulls(t, d.store, d.r)
}

func TestReviews(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		d := newDesk(t, open(nil), reposit.Protection{RequirePR: true, RequiredReviews: 2})
		d.lacks(t, "at first", "it has 0 of 2 approvals")
		review(t, d.r, 1, "rita", reposit.Approved) // may only read
		review(t, d.r, 1, "wim", reposit.Approved)
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "after one approved twice", "it has 1 of 2 approvals")
		review(t, d.r, 1, "wes", reposit.ChangesRequested)
		review(t, d.r, 1, "wanda", reposit.Approved)
		d.lacks(t, "after one asked for changes", "wes asked for changes")
		review(t, d.r, 1, "wes", reposit.Commented)
		d.lacks(t, "after they commented", "wes asked for changes")
		review(t, d.r, 1, "wim", reposit.ChangesRequested)
		review(t, d.r, 1, "wes", reposit.Approved)
		d.lacks(t, "after they changed their minds", "wim asked for changes")
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "after all approved")

		// Without write permission, an approval counts no more, nor does one given without it.
		d.grant(t, d.r, "wim", reposit.Read)
		d.grant(t, d.r, "wes", reposit.Read)
		d.grant(t, d.r, "rita", reposit.Write)
		d.lacks(t, "after two may not write any more", "it has 1 of 2 approvals")
		d.grant(t, d.r, "wes", reposit.Write)
		d.merge(t, "bob")

		var got []string
		for r, err := range d.r.Pulls().Reviews(t.Context(), 1) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(r.Number, " ", r.Reviewer, " ", r.State))
		}
		want := []string{
			"1 rita approved", "2 wim approved", "3 wim approved", "4 wes changes requested", "5 wanda approved",
			"6 wes commented",
			"7 wim changes requested", "8 wes approved", "9 wim approved",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Reviews() (-want +got):\n%s", diff)
		}
	})
}

// TestReviewRefused holds who may say what.
func TestReviewRefused(t *testing.T) {
	d := newDesk(t, openMemory(t, nil), reposit.Protection{RequiredReviews: 1})
	other := resolve(t, d.r, "main")
	for _, test := range []struct {
		as    string
		state reposit.ReviewState
		opts  *reposit.ReviewOptions
		want  error
	}{
		{"bob", reposit.Commented, nil, nil}, {"bob", reposit.Approved, nil, reposit.ErrForbidden},
		{"bob", reposit.ChangesRequested, nil, reposit.ErrForbidden},
		{"wim", reposit.Approved, &reposit.ReviewOptions{Reviewer: "wes"}, reposit.ErrForbidden},
		{"wim", 0, nil, reposit.ErrInvalid},
		{"wim", 4, nil, reposit.ErrInvalid}, {"wim", reposit.Approved, &reposit.ReviewOptions{Expect: &other},
			reposit.ErrConflict},
		{"wim", reposit.Approved, &reposit.ReviewOptions{Body: "\xff"}, reposit.ErrInvalid},
		{"", reposit.Commented, nil, reposit.ErrForbidden},
		{"host", reposit.Approved, nil, reposit.ErrInvalid},
		{"host", reposit.Approved, &reposit.ReviewOptions{Reviewer: "Bob"}, reposit.ErrForbidden},
		{"host", reposit.Approved, &reposit.ReviewOptions{Reviewer: "a b"}, reposit.ErrInvalid},
		{"wim", reposit.Approved, &reposit.ReviewOptions{Reviewer: "Wim"}, nil},
	} {
		r := d.r
		if test.as != "host" {
			r = d.repoAs(t, d.r, test.as)
		}
		if got, err := r.Pulls().Review(t.Context(), 1, test.state, test.opts); !errors.Is(err, test.want) {
			t.Errorf("Review(%v, %+v) as %q = %+v, %v, want %v", test.state, test.opts, test.as, got, err, test.want)
		}
	}
	if _, err := d.r.Pulls().Review(t.Context(), 2, reposit.Approved,
		&reposit.ReviewOptions{Reviewer: "wim"}); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Review(2) = %v, want %v", err, reposit.ErrNotFound)
	}
	hidden := true
	if _, err := d.r.Update(t.Context(), &reposit.RepoUpdate{Private: &hidden}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.r.Pulls().Review(t.Context(), 1, reposit.Commented,
		&reposit.ReviewOptions{Reviewer: "stranger"}); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Review() of a private repository for a stranger = %v, want %v", err, reposit.ErrForbidden)
	}
}

// TestStaleReviews holds that what was approved before the head moved counts only where it may.
func TestStaleReviews(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		d := newDesk(t, open(nil), reposit.Protection{RequiredReviews: 1})
		reviews := func() (stale, dismissed int) {
			for r, err := range d.r.Pulls().Reviews(t.Context(), 1) {
				if err != nil {
					t.Fatal(err)
				}
				if r.Stale {
					stale++
				}
				if r.Dismissed {
					dismissed++
				}
			}
			return stale, dismissed
		}
		first := resolve(t, d.r, "topic")
		review(t, d.r, 1, "wim", reposit.Approved)
		put(t, d.r, "topic", "g", "3")
		d.lacks(t, "without DismissStaleReviews")
		if stale, dismissed := reviews(); stale != 1 || dismissed != 0 {
			t.Errorf("%d reviews are stale, %d dismissed, want 1, 0", stale, dismissed)
		}
		protect(t, d.r, "main", reposit.Protection{RequiredReviews: 1, DismissStaleReviews: true})
		d.lacks(t, "with DismissStaleReviews", "it has 0 of 1 approvals")
		protect(t, d.r, "main", reposit.Protection{RequiredReviews: 1})
		d.lacks(t, "without it again")
		protect(t, d.r, "main", reposit.Protection{RequiredReviews: 1, DismissStaleReviews: true})
		review(t, d.r, 1, "wes", reposit.ChangesRequested)
		review(t, d.r, 1, "wanda", reposit.Approved)
		put(t, d.r, "topic", "g", "4")
		d.lacks(t, "after the head moved", "it has 0 of 1 approvals", "wes asked for changes")
		// What was dismissed stays so, even of a head that comes back and under a rule that does not mind.
		if err := d.r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/topic", New: first}); err != nil {
			t.Fatal(err)
		}
		protect(t, d.r, "main", reposit.Protection{RequiredReviews: 1})
		d.lacks(t, "after it came back", "it has 0 of 1 approvals", "wes asked for changes")
		if stale, dismissed := reviews(); stale != 2 || dismissed != 2 {
			t.Errorf("%d reviews are stale, %d dismissed, want 2, 2", stale, dismissed)
		}
		review(t, d.r, 1, "wes", reposit.Approved)
		d.merge(t, "bob")
	})
}

func TestCodeOwners(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		const owners = "* @wim\n*.md\n/src/ @ann/core wes@example.com\n/src/secret/ @nobody\n"
		s := open(nil)
		d := newDesk(t, s, reposit.Protection{RequireCodeOwnerReview: true},
			reposit.Put(".github/CODEOWNERS", []byte(owners)), reposit.Put("CODEOWNERS", []byte("* @wanda\n")),
			reposit.Put("src/old.go", []byte("x")))
		err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
			_, _, err := people.PutTeam(tx, &people.Team{
				Owner: "ann", Name: "core", Permission: people.Write, Members: []string{"wanda"},
				Repos: []storage.ID{storageID(d.r)},
			})
			return errors.Join(err, people.PutUser(tx, &people.User{Login: "wes", Email: "wes@example.com"}))
		})
		if err != nil {
			t.Fatal(err)
		}
		const src, all, secret = `no owner of "src/a.go" has approved: @ann/core, wes@example.com`,
			`no owner of "f" has approved: @wim`,
			`no owner of "src/secret/x" has approved: @nobody (unknown)`
		d.lacks(t, "at first", src)
		review(t, d.r, 1, "ann", reposit.Approved)
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "after others approved", src)
		review(t, d.r, 1, "wanda", reposit.Approved)
		d.lacks(t, "after a member of the team approved")
		review(t, d.r, 1, "wanda", reposit.ChangesRequested)
		d.lacks(t, "after she asked for changes", "wanda asked for changes", src)
		review(t, d.r, 1, "wanda", reposit.Commented)
		review(t, d.r, 1, "wes", reposit.Approved)
		review(t, d.r, 1, "wanda", reposit.Approved)
		d.lacks(t, "after they approved whose address it is")

		// What the head says of owners does not count. A move changes both paths.
		commit(t, d.r, &reposit.CommitOptions{Branch: "topic", Message: "m"}, reposit.Put(".github/CODEOWNERS", nil),
			reposit.Put("notes.md", nil))
		d.lacks(t, "after the head changed CODEOWNERS")
		review(t, d.r, 1, "wim", reposit.ChangesRequested)
		review(t, d.r, 1, "wim", reposit.Commented)
		commit(t, d.r, &reposit.CommitOptions{Branch: "topic", Message: "m"}, reposit.Put("f", []byte("2")),
			reposit.Move("src/old.go", "src/secret/x"))
		d.lacks(t, "after more changed", "wim asked for changes", strings.Replace(all, `"f"`, `".github/CODEOWNERS"`, 1),
			secret)
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "after they approved", secret)

		// A rule that comes while it is merged is asked too, as are owners that come.
		protect(t, d.r, "main", reposit.Protection{RequireCodeOwnerReview: true, BypassAdmins: true})
		d.lacks(t, "as one who is not exempt", secret)
		d.merge(t, "ann")
	})
}

// TestCodeOwnersFile holds which file counts, and that one that can't be read keeps all out.
func TestCodeOwnersFile(t *testing.T) {
	big := append([]byte("* @wes\n#"), make([]byte, 3<<20)...)
	for name, test := range map[string]struct {
		files []reposit.Change
		want  []string
	}{
		"none": {nil, nil},
		"empty": {[]reposit.Change{reposit.Put("CODEOWNERS", nil), reposit.Put("docs/CODEOWNERS", []byte("* @wes"))},
			nil},
		"root": {[]reposit.Change{reposit.Put("CODEOWNERS", []byte("* @wim")),
			reposit.Put("docs/CODEOWNERS", []byte("* @wes"))}, []string{`no owner of "src/a.go" has approved: @wim`}},
		"docs": {[]reposit.Change{reposit.Put("docs/CODEOWNERS", []byte("* @wes"))},
			[]string{`no owner of "src/a.go" has approved: @wes`}},
		"directory": {[]reposit.Change{reposit.Put("CODEOWNERS/x", nil), reposit.Put("docs/CODEOWNERS", []byte("* @wes"))},
			[]string{`no owner of "src/a.go" has approved: @wes`}},
		"symlink":   {[]reposit.Change{reposit.Symlink("CODEOWNERS", "f"), reposit.Put("docs", nil)}, nil},
		"too large": {[]reposit.Change{reposit.Put("CODEOWNERS", big)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, openMemory(t, nil), reposit.Protection{RequireCodeOwnerReview: true}, test.files...)
			d.lacks(t, name, test.want...)
			status := must(d.r.Pulls().Status(t.Context(), 1))(t)
			var notes []string
			if name == "too large" {
				notes = []string{"CODEOWNERS has more than 3 MiB, and is ignored"}
			}
			if !slices.Equal(status.Notes, notes) {
				t.Errorf("Notes = %q, want %q", status.Notes, notes)
			}
		})
	}
}

// TestOwnersReadOnce holds that CODEOWNERS is decoded once, whoever asks for the status how often.
func TestOwnersReadOnce(t *testing.T) {
	const lines = 20_000
	var file strings.Builder
	for i := range lines {
		fmt.Fprintf(&file, "/d/%d @somebody\n", i)
	}
	d := newDesk(t, openMemory(t, nil), reposit.Protection{RequireCodeOwnerReview: true},
		reposit.Put("CODEOWNERS", []byte(file.String())))
	asked := testing.AllocsPerRun(3, func() { must(d.r.Pulls().Status(t.Context(), 1))(t) })
	if asked > lines/10 {
		t.Errorf("Status() allocates %v times, of a CODEOWNERS of %d lines that was read before", asked, lines)
	}
}

// TestManyOwners holds that an error does not grow with CODEOWNERS, and that long work on it ends with its context.
func TestManyOwners(t *testing.T) {
	const n = 400
	var owners strings.Builder
	var changes []reposit.Change
	for i := range n {
		fmt.Fprintf(&owners, "/d/%d @o/t%d%s\n", i, i, strings.Repeat(" @somebody", n))
		changes = append(changes, reposit.Put(fmt.Sprint("d/", i), nil))
	}
	d := newDesk(t, openMemory(t, nil), reposit.Protection{RequireCodeOwnerReview: true},
		reposit.Put("CODEOWNERS", []byte(owners.String())))
	commit(t, d.r, &reposit.CommitOptions{Branch: "topic", Message: "m"}, changes...)
	review(t, d.r, 1, "wim", reposit.Approved)
	if status, err := d.r.Pulls().Status(t.Context(), 1); err != nil || len(status.Lacks) != n {
		t.Errorf("Status() lacks %d, %v, want %d", len(status.Lacks), err, n)
	}
	_, err := d.repoAs(t, d.r, "wanda").Pulls().Merge(t.Context(), 1, nil)
	if !errors.Is(err, reposit.ErrProtected) || len(err.Error()) > 4<<10 ||
		!strings.HasSuffix(err.Error(), "; and 390 more") {
		t.Errorf("Merge() = %.200v (%d bytes), want %v", err, len(err.Error()), reposit.ErrProtected)
	}
	f := newFuse(t.Context(), n)
	defer f.cancel()
	if _, err := d.r.Pulls().Status(f, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Status() with a context that ends on the way = %v, want %v", err, context.Canceled)
	}
}

// TestPullBypass holds that only those are exempt whom the rule exempts, and that without a rule nobody need approve.
func TestPullBypass(t *testing.T) {
	for _, test := range []struct {
		rule  reposit.Protection
		as    string
		merge bool
	}{
		{reposit.Protection{RequirePR: true}, "wanda", true}, {reposit.Protection{RequirePR: true}, "rita", false},
		{reposit.Protection{RequiredReviews: 1}, "ann", false}, {reposit.Protection{RequiredReviews: 1}, "host", false},
		{reposit.Protection{RequiredReviews: 1, BypassAdmins: true}, "ann", true},
		{reposit.Protection{RequiredReviews: 1, BypassAdmins: true}, "host", true},
		{reposit.Protection{RequiredReviews: 1, BypassAdmins: true}, "wanda", false},
	} {
		d := newDesk(t, openMemory(t, nil), test.rule)
		r := d.r
		if test.as != "host" {
			r = d.repoAs(t, d.r, test.as)
		}
		want := reposit.ErrProtected
		if test.as == "rita" {
			want = reposit.ErrForbidden
		}
		if _, err := r.Pulls().Merge(t.Context(), 1, nil); test.merge && err != nil || !test.merge && !errors.Is(err, want) {
			t.Errorf("Merge() as %s under %+v = %v, want merged %v", test.as, test.rule, err, test.merge)
		}
	}
}

// TestPullSettled holds that what a program outside merged is found to be merged.
func TestPullSettled(t *testing.T) {
	for _, to := range []string{"topic", "beyond"} {
		s := openMemory(t, nil)
		r := create(t, s, "r", nil)
		base := put(t, r, "main", "f", "1")
		put(t, r, "topic", "g", "2")
		commit(t, r, &reposit.CommitOptions{Branch: "beyond", From: "topic", Message: "m"}, reposit.Put("h", nil))
		openPull(t, r, "main", "topic", nil)
		tip := resolve(t, r, to)
		err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
			return tx.PutRef(storageID(r), storage.Ref{Name: "refs/heads/main", Hash: storage.Hash(tip)}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Pulls().Merge(t.Context(), 1, nil)
		if err != nil || got.Kind != reposit.AlreadyMerged || got.Commit.Hash != tip || resolve(t, r, "main") != tip {
			t.Errorf("Merge() = %v, %+v, want it already merged at %v", err, got, tip)
		}
		if p := loadPull(t, r, 1); p.State != reposit.PullMerged || p.Result != tip || base.Hash == tip {
			t.Errorf("Pull() = %+v, want it merged", p)
		}
		checkPulls(t, s, r)
	}
}

// TestPullEvents holds that what happens to a pull request is told.
func TestPullEvents(t *testing.T) {
	d := newDesk(t, openMemory(t, nil), reposit.Protection{})
	review(t, d.r, 1, "wim", reposit.Approved)
	put(t, d.r, "topic", "g", "3")
	d.merge(t, "wanda")
	var got []string
	for e, err := range d.Events(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Pull == 1 {
			got = append(got, e.By+" "+e.Detail)
		}
		if e.Detail == "merged" {
			break
		}
	}
	want := []string{"user bob opened", "host reviewed", "host head moved", "user wanda merged"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Events() of a pull request (-want +got):\n%s", diff)
	}
}

func TestPullList(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	put(t, r, "main", "f", "1")
	for i := range 5 {
		put(t, r, fmt.Sprint("topic", i), "g", fmt.Sprint(i))
		openPull(t, r, "main", fmt.Sprint("topic", i), nil)
	}
	if err := r.Pulls().Close(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Pulls().Merge(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	list := func(o *reposit.PullListOptions) (numbers, token string) {
		page, err := r.Pulls().List(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Items {
			numbers += fmt.Sprint(p.Number)
		}
		return fmt.Sprintf("%s of %d", numbers, page.TotalCount), page.NextPageToken
	}
	for _, test := range []struct {
		opts *reposit.PullListOptions
		want string
	}{
		{nil, "531 of 3"}, {&reposit.PullListOptions{State: reposit.PullClosed}, "4 of 1"},
		{&reposit.PullListOptions{State: reposit.PullMerged}, "2 of 1"},
		{&reposit.PullListOptions{State: reposit.PullAny}, "54321 of 5"},
		{&reposit.PullListOptions{PageSize: 2, Page: 2}, "1 of 3"},
		{&reposit.PullListOptions{PageSize: 2, Page: 3}, " of 3"},
	} {
		if got, _ := list(test.opts); got != test.want {
			t.Errorf("List(%+v) = %s, want %s", test.opts, got, test.want)
		}
	}
	first, token := list(&reposit.PullListOptions{PageSize: 2})
	if err := r.Pulls().Close(t.Context(), 3); err != nil { // the last of the page
		t.Fatal(err)
	}
	second, end := list(&reposit.PullListOptions{PageSize: 2, PageToken: token})
	if first != "53 of 3" || second != "1 of 2" || end != "" {
		t.Errorf("List() by token = %s, %s, %q", first, second, end)
	}
	for _, o := range []reposit.PullListOptions{
		{PageToken: token, State: reposit.PullAny}, {PageToken: "x"}, {State: -1}, {State: 4}, {PageSize: 101},
		{PageToken: token, Page: 2},
	} {
		if _, err := r.Pulls().List(t.Context(), &o); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("List(%+v) = %v, want %v", o, err, reposit.ErrInvalid)
		}
	}
	as := s.repoAs(t, r, "bob")
	if _, err := as.Pulls().List(t.Context(), &reposit.PullListOptions{PageToken: token}); !errors.Is(err,
		reposit.ErrInvalid) {
		t.Errorf("List() with another actor's token = %v, want %v", err, reposit.ErrInvalid)
	}
}

// TestPullTooMany bounds what one push has to move.
func TestPullTooMany(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	put(t, r, "main", "f", "1")
	put(t, r, "topic", "g", "1")
	for i := range 101 {
		base := fmt.Sprint("base", i)
		if _, err := r.Branches().Create(t.Context(), base, "main"); err != nil {
			t.Fatal(err)
		}
		_, err := r.Pulls().Open(t.Context(), base, "topic", nil)
		if i < 100 && err != nil || i == 100 && !errors.Is(err, reposit.ErrTooLarge) {
			t.Fatalf("Open() of number %d = %v", i+1, err)
		}
	}
	put(t, r, "topic", "g", "2")
	checkPulls(t, s, r)
}

// TestPullRefs holds that the refs of pull requests are theirs alone.
func TestPullRefs(t *testing.T) {
	d := newDesk(t, openMemory(t, nil), reposit.Protection{})
	st := &stage{ctx: t.Context(), r: d.r}
	tip := resolve(t, d.r, "main")
	for _, name := range []string{"refs/pull/1/head", "refs/pull/2/head", "refs/pull/x", "refs/pull"} {
		for verb, err := range map[string]error{
			"Refs.Update":         d.r.Refs().Update(t.Context(), reposit.RefUpdate{Name: name, New: tip}),
			"SetReference":        st.set(name, tip),
			"Refs.Update to none": d.r.Refs().Update(t.Context(), reposit.RefUpdate{Name: name}),
		} {
			if !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("%s(%s) = %v, want %v", verb, name, err, reposit.ErrInvalid)
			}
		}
	}
	fork, err := d.r.Fork(t.Context(), &reposit.ForkOptions{Owner: "carl"})
	if err != nil {
		t.Fatal(err)
	}
	if got := resolve(t, fork, "refs/pull/1/head"); !got.IsZero() {
		t.Errorf("a fork has refs/pull/1/head = %v", got)
	}
	if p := openPull(t, fork, "main", "topic", nil); p.Number != 1 {
		t.Errorf("Open() in a fork = %d, want 1", p.Number)
	}
}

// TestPullCrowd has many do all kinds of things at once, and looks at what is kept at every pause.
func TestPullCrowd(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		put(t, r, "main", "f", "1")
		fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		repos := []*reposit.Repo{r, fork}
		protect(t, r, "main", reposit.Protection{DismissStaleReviews: true})
		rounds := 6
		if testing.Short() {
			rounds = 2
		}
		for round := range rounds {
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(*seed, uint64(round*10+worker)))
					for range 25 {
						act(t, rng, repos)
					}
				})
			}
			wg.Wait()
			checkPulls(t, s, repos...)
		}
	})
}

// act does something at random, which may be refused for being too late.
func act(t *testing.T, rng *rand.Rand, repos []*reposit.Repo) {
	at, other := repos[rng.IntN(2)], repos[rng.IntN(2)]
	branch := func() string { return []string{"main", "a", "b", "c", "d"}[rng.IntN(5)] }
	number := 1 + rng.IntN(12)
	var err error
	switch rng.IntN(12) {
	case 0, 1, 2:
		_, err = at.Commit(t.Context(), &reposit.CommitOptions{Branch: branch(), Message: "m"},
			reposit.Put(fmt.Sprint(rng.IntN(100)), []byte(fmt.Sprint(rng.Int()))))
	case 3, 4, 5:
		_, err = at.Pulls().Open(t.Context(), branch(), branch(), &reposit.PullOptions{HeadRepo: other.ID()})
	case 6, 7:
		strategy := reposit.MergeStrategy(rng.IntN(4))
		_, err = at.Pulls().Merge(t.Context(), number, &reposit.MergeOptions{Strategy: strategy})
	case 8:
		err = at.Pulls().Close(t.Context(), number)
	case 9:
		err = at.Branches().Rename(t.Context(), branch(), branch())
	case 10:
		var from reposit.Hash
		if from, err = at.Resolve(t.Context(), branch()); err == nil {
			err = at.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/" + branch(), New: from})
		}
	case 11:
		if rng.IntN(3) == 0 {
			err = at.Branches().Delete(t.Context(), branch())
		} else {
			_, err = at.Pulls().Review(t.Context(), number, reposit.Approved, &reposit.ReviewOptions{Reviewer: "wim"})
		}
	}
	for _, expected := range []error{
		nil, reposit.ErrNotFound, reposit.ErrExists, reposit.ErrNoChange, reposit.ErrConflict, reposit.ErrInvalid,
		reposit.ErrProtected,
	} {
		if errors.Is(err, expected) {
			return
		}
	}
	t.Errorf("unexpected error: %v", err)
}

// TestUserRemoved holds that who owns anything can't be removed, and that whoever is given the login of one who was has
// nothing of theirs.
func TestUserRemoved(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		d := newDesk(t, s, reposit.Protection{RequirePR: true, RequiredReviews: 1})
		putUsers(t, s, "wim")
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "when wim has approved")
		team := reposit.Team{Owner: "ann", Name: "core", Permission: reposit.Write, Members: []string{"wim"},
			Repos: []reposit.ID{d.r.ID()}}
		if err := errors.Join(s.Teams().Put(ctx, team), d.r.Watchers().Add(ctx, "wim")); err != nil {
			t.Fatal(err)
		}

		own := create(t, s, "own", &reposit.CreateOptions{Owner: "wim", Private: true})
		refused := func(when string) {
			t.Helper()
			if err := s.Users().Remove(ctx, "Wim"); !errors.Is(err, reposit.ErrConflict) ||
				!strings.Contains(err.Error(), "conflict: the user still owns ") {
				t.Errorf("Remove() of who has %s = %v, want %v", when, err, reposit.ErrConflict)
			}
			if p := must(d.r.Permission(ctx, "wim"))(t); p != reposit.Write {
				t.Errorf("a refused Remove leaves %v, want %v", p, reposit.Write)
			}
		}
		refused("a repository")
		if _, err := own.Update(ctx, &reposit.RepoUpdate{Owner: ref("ann")}); err != nil {
			t.Fatal(err)
		}
		if err := s.Teams().Put(ctx, reposit.Team{Owner: "wim", Name: "friends", Permission: reposit.Read}); err != nil {
			t.Fatal(err)
		}
		refused("a team")
		if err := errors.Join(s.Teams().Remove(ctx, "wim", "friends"), s.Users().Remove(ctx, "wim")); err != nil {
			t.Fatal(err)
		}

		d.lacks(t, "when wim is gone", "it has 0 of 1 approvals")
		putUsers(t, s, "wim")
		if p := must(d.r.Permission(ctx, "wim"))(t); p != reposit.Read {
			t.Errorf("Permission() of the next wim = %v, want %v", p, reposit.Read)
		}
		if page := must(d.r.Watchers().List(ctx, nil))(t); page.TotalCount != 0 || len(page.Items) != 0 {
			t.Errorf("watchers when wim was removed = %+v, want none", page)
		}
		if teams := must(s.As(reposit.User("wim")).Teams().List(ctx, "ann"))(t); len(teams) != 0 {
			t.Errorf("teams of the next wim = %+v, want none", teams)
		}
		if _, err := s.As(reposit.User("wim")).RepoByID(ctx, own.ID()); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("RepoByID() of what another wim had = %v, want %v", err, reposit.ErrNotFound)
		}
		s.grant(t, d.r, "wim", reposit.Write)
		d.lacks(t, "when another wim may write", "it has 0 of 1 approvals")
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "when another wim has approved")
		d.merge(t, "wanda")
		checkStore(t, s)
	})
}

// TestLastPush holds that who pushed last to the head does not approve of it alone.
func TestLastPush(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		const lacks = "nobody but who pushed last has approved of what was pushed"
		d := newDesk(t, open(nil), reposit.Protection{RequireLastPushApproval: true})
		d.lacks(t, "at first", lacks)
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "when wim has approved")
		put(t, d.repoAs(t, d.r, "wes"), "topic", "g", "1")
		d.lacks(t, "when wes has pushed", lacks) // wim saw another commit
		review(t, d.r, 1, "wes", reposit.Approved)
		d.lacks(t, "when wes approves of it", lacks)
		review(t, d.r, 1, "wim", reposit.Approved)
		d.lacks(t, "when wim does")
		put(t, d.repoAs(t, d.r, "wim"), "topic", "g", "2")
		d.lacks(t, "when wim has pushed", lacks)
		review(t, d.r, 1, "wes", reposit.Approved)
		if err := d.r.Collaborators().Remove(t.Context(), "wes"); err != nil {
			t.Fatal(err)
		}
		d.lacks(t, "when wes may not write any more", lacks)
		d.grant(t, d.r, "wes", reposit.Write)
		d.merge(t, "wanda")
	})
}

// TestOwnersWhoCan holds that of those whom CODEOWNERS names only users and teams with Write count, and that Status
// says who of them can't approve.
func TestOwnersWhoCan(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		file := "* @ghost @rita @ann/core @ann/none @other/core ghost@x.org @wes\n"
		d := newDesk(t, s, reposit.Protection{RequireCodeOwnerReview: true}, reposit.Put("CODEOWNERS", []byte(file)))
		putUsers(t, s, "wim")
		team := reposit.Team{Owner: "ann", Name: "core", Permission: reposit.Read, Members: []string{"wim"},
			Repos: []reposit.ID{d.r.ID()}}
		other := reposit.Team{Owner: "other", Name: "core", Permission: reposit.Admin, Members: []string{"wim"}}
		if err := errors.Join(s.Teams().Put(ctx, team), s.Teams().Put(ctx, other)); err != nil {
			t.Fatal(err)
		}
		review(t, d.r, 1, "wim", reposit.Approved)
		lacks := `no owner of "src/a.go" has approved: @ghost (unknown), @rita (may not write), @ann/core%s, ` +
			"@ann/none (unknown), @other/core (may not write), ghost@x.org (unknown), @wes"
		d.lacks(t, "while the team only reads", fmt.Sprintf(lacks, " (may not write)"))
		team.Repos, team.Permission = nil, reposit.Write
		if err := s.Teams().Put(ctx, team); err != nil {
			t.Fatal(err)
		}
		d.lacks(t, "while the team does not have the repository", fmt.Sprintf(lacks, " (may not write)"))
		team.Repos = []reposit.ID{d.r.ID()}
		if err := s.Teams().Put(ctx, team); err != nil {
			t.Fatal(err)
		}
		d.lacks(t, "when the team may write")
		team.Members = []string{"rita"}
		if err := s.Teams().Put(ctx, team); err != nil {
			t.Fatal(err)
		}
		d.lacks(t, "when wim left the team", fmt.Sprintf(strings.Replace(lacks, "@rita (may not write)", "@rita", 1), ""))
	})
}

// TestPullVisibility holds that no pull request shows a private repository to those who may read a public one, and that
// those of strangers are bounded.
func TestPullVisibility(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(&reposit.Options{Limits: reposit.Limits{PullsPerAuthor: 2, PullsPerBranch: 3}}), t.Context()
		base := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		write(t, base, "f", "1")
		forks := map[string]*reposit.Repo{}
		for _, login := range []string{"bob", "cid"} {
			forks[login] = must(s.repoAs(t, base, login).Fork(ctx, nil))(t)
			for _, branch := range []string{"a", "b", "c"} {
				put(t, forks[login], branch, branch+login, "1")
			}
		}
		try := func(login, branch string) error {
			return errorOf(s.repoAs(t, base, login).Pulls().Open(ctx, "main", branch,
				&reposit.PullOptions{HeadRepo: forks[login].ID()}))
		}
		if err := errors.Join(try("bob", "a"), try("bob", "b"), try("cid", "a")); err != nil {
			t.Fatal(err)
		}
		for _, login := range []string{"bob", "cid"} {
			if err := try(login, "c"); !errors.Is(err, reposit.ErrTooLarge) {
				t.Errorf("Open() of one too many by %s = %v, want %v", login, err, reposit.ErrTooLarge)
			}
		}
		// Strangers who took all the room there is for them have left some to those who may write, which has an end, too.
		put(t, base, "own", "own", "1")
		put(t, base, "more", "more", "1")
		own := must(s.repoAs(t, base, "ann").Pulls().Open(ctx, "main", "own", nil))(t)
		for _, as := range []*reposit.Repo{s.repoAs(t, base, "ann"), base} {
			if _, err := as.Pulls().Open(ctx, "main", "more", nil); !errors.Is(err, reposit.ErrTooLarge) {
				t.Errorf("Open() beyond the room for writers = %v, want %v", err, reposit.ErrTooLarge)
			}
		}
		if err := s.repoAs(t, base, "ann").Pulls().Close(ctx, own.Number); err != nil {
			t.Fatal(err)
		}
		must(forks["bob"].Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
		for n, want := range map[int]reposit.PullState{1: reposit.PullClosed, 2: reposit.PullClosed, 3: reposit.PullOpen} {
			if got := loadPull(t, base, n).State; got != want {
				t.Errorf("pull request %d of a fork that is private now is %v, want %v", n, got, want)
			}
		}
		if err := try("bob", "c"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Open() from a private fork = %v, want %v", err, reposit.ErrForbidden)
		}
		checkPulls(t, s, base)
	})
}
