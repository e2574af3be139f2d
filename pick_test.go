package reposit_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

var picks = flag.Int("picks", 24, "how many picks, reverts and rebases are compared with git's")

// picker is the committer in tests beside git, and of reverts the author.
var picker = reposit.Signature{Name: "Pic Ker", Email: "pick@example.org", When: time.Unix(1_700_000_000, 0).UTC()}

// asPicker has git commit as picker.
func asPicker(t *testing.T) {
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", picker.Name)
		t.Setenv("GIT_"+who+"_EMAIL", picker.Email)
		t.Setenv("GIT_"+who+"_DATE", fmt.Sprint(picker.When.Unix(), " +0000"))
	}
}

// A checkout is a repository of ours, and a checkout of it by git.
type checkout struct {
	*testing.T
	r   *reposit.Repo
	dir string
	n   int
}

func newCheckout(t *testing.T, dir string) *checkout {
	t.Helper()
	asPicker(t)
	d := &checkout{T: t, r: importGit(t, openMemory(t, nil), "r", dir), dir: filepath.Join(t.TempDir(), "checkout")}
	git(t, dir, nil, "clone", "-q", "--no-checkout", dir, d.dir)
	return d
}

// run has git run a command on a commit, and returns what HEAD is then, or "" if git stopped.
func (d *checkout) run(tip string, args ...string) string {
	d.Helper()
	git(d, d.dir, nil, "checkout", "-q", "-f", "--detach", tip)
	git(d, d.dir, nil, "clean", "-q", "-ffdx")
	if _, err := tryGit(d, d.dir, nil, args...); err != nil {
		if _, err := tryGit(d, d.dir, nil, args[0], "--abort"); err != nil {
			git(d, d.dir, nil, "reset", "-q", "--hard")
		}
		return ""
	}
	return strings.TrimSpace(git(d, d.dir, nil, "rev-parse", "HEAD"))
}

// options returns those of a pick to a new branch.
func (d *checkout) options(tip string) *reposit.PickOptions {
	d.n++
	author := picker
	return &reposit.PickOptions{CommitOptions: reposit.CommitOptions{
		Branch: fmt.Sprint("picked", d.n), From: tip, Committer: &author,
	}}
}

// TestPicksAgainstGit compares picks and reverts of random histories with git's, to the last byte of the commits.
func TestPicksAgainstGit(t *testing.T) {
	needGit(t)
	rng := rand.New(rand.NewPCG(*seed, 41))
	n := *picks
	if testing.Short() {
		n = min(n, 8)
	}
	var d *checkout
	var h *madeHistory
	kinds := map[string]int{}
	for i := range n {
		if i%200 == 0 {
			h = makeHistory(t, rng, 60)
			d = newCheckout(t, h.dir)
		}
		tip, from := h.commits[rng.IntN(len(h.commits))], rng.IntN(len(h.commits))
		revs := h.commits[from]
		opts := d.options(tip)
		verb, pick := "cherry-pick", d.r.CherryPick
		args := []string{"-x"}
		if opts.RecordOrigin = i%3 == 0; !opts.RecordOrigin {
			args = nil
		}
		if i%2 == 1 {
			verb, pick, args = "revert", d.r.Revert, []string{"--no-edit"}
			opts.Author = &picker
		}
		if i%4 > 1 {
			opts.Mainline = 1 + rng.IntN(2)
			args = append(args, "-m", fmt.Sprint(opts.Mainline))
		}
		if i%5 == 0 {
			revs += "~" + fmt.Sprint(1+rng.IntN(3)) + ".." + revs
		}
		if i%7 == 0 && verb == "cherry-pick" { // git revert has no such option
			opts.AllowEmpty = true
			args = append(args, "--keep-redundant-commits")
		}
		want := d.run(tip, append(append([]string{verb}, args...), revs)...)
		made, err := pick(t.Context(), revs, opts)
		got := ""
		if len(made) > 0 {
			got = made[len(made)-1].Hash.String()
		}
		switch {
		case err == nil:
			kinds["made"]++
		case errors.Is(err, reposit.ErrConflict):
			kinds["conflict"]++
		case errors.Is(err, reposit.ErrNoChange):
			kinds["empty"]++
		default:
			kinds["other"]++
		}
		if got != want {
			t.Errorf("seed %d, %d: %s %q %s on %s = %s, %v, want %q", *seed, i, verb, args, revs, tip, got, err, want)
		}
	}
	t.Log(kinds)
}

// TestPickMessages compares messages with those of git: what is at their ends, and trailers.
func TestPickMessages(t *testing.T) {
	needGit(t)
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--initial-branch=main", ".")
	asPicker(t)
	messages := []string{
		"", "one", "one\n", "\n\n  subject  with space \n\n\nbody  \n\n\n", "s\n\nSigned-off-by: A <a@x>\nwords",
		"s\n\nkey: value\n", "s\n\nkey: value\nwords\n", "s\n\n# comment\n", "Revert \"s\"\n\nThis reverts commit 1.\n",
		"s\n\n(cherry picked from commit 0123456789012345678901234567890123456789)\n", "caf\xe9\n", "a \"b\"\n", "a: b\n",
	}
	for i, m := range append([]string{"first\n"}, messages...) {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(m), 0o666); err != nil {
			t.Fatal(err)
		}
		git(t, dir, nil, "add", "-A")
		args := []string{"commit", "-q", "--allow-empty-message", "--cleanup=verbatim", "--author=Ann <ann@x>",
			"--date=@1234567890 -0330", "-F", "-"}
		if strings.Contains(m, "\xe9") {
			args = append([]string{"-c", "i18n.commitEncoding=ISO-8859-1"}, args...)
		}
		git(t, dir, []byte(m), args...)
	}
	d := newCheckout(t, dir)
	root := strings.TrimSpace(git(t, dir, nil, "rev-list", "--max-parents=0", "HEAD"))
	tips := []string{root, strings.TrimSpace(git(t, dir, nil, "rev-parse", "HEAD"))}
	for line := range strings.Lines(git(t, dir, nil, "rev-list", root+"..HEAD")) {
		rev := strings.TrimSpace(line)
		for i, args := range [][]string{{"cherry-pick"}, {"cherry-pick", "-x"}, {"revert", "--no-edit"}} {
			opts := d.options(tips[i/2])
			pick := d.r.CherryPick
			if opts.RecordOrigin = i == 1; i == 2 {
				opts.Author, pick = &picker, d.r.Revert
			}
			want := d.run(tips[i/2], append(args, rev)...)
			made, err := pick(t.Context(), rev, opts)
			if err != nil || len(made) != 1 || made[0].Hash.String() != want {
				t.Errorf("%q of %q = %+v, %v, want %s %q", args, git(t, dir, nil, "cat-file", "commit", rev), made, err, want,
					git(t, d.dir, nil, "cat-file", "commit", "HEAD"))
			}
		}
	}
}

// lined returns changes of one file, a commit each, on a branch.
func lined(t testing.TB, r *reposit.Repo, branch string, lines ...map[int]string) (all []*reposit.Commit) {
	t.Helper()
	for i, other := range lines {
		opts := &reposit.CommitOptions{Branch: branch, Message: fmt.Sprintf("%s %d\n", branch, i+1)}
		all = append(all, commit(t, r, opts, reposit.Put("f", numbered(20, other))))
	}
	return all
}

func TestCherryPick(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		lined(t, r, "main", nil)
		lined(t, r, "side", map[int]string{2: "a"}, map[int]string{2: "a", 9: "b"}, map[int]string{2: "a", 9: "b", 15: "c"})
		tip := lined(t, r, "main", map[int]string{19: "ours"})[0]

		made := must(r.CherryPick(ctx, "side~2..side", nil))(t)
		if len(made) != 2 || made[0].Parents[0] != tip.Hash || made[1].Parents[0] != made[0].Hash ||
			made[0].Message != "side 2\n" || made[1].Hash != resolve(t, r, "main") {
			t.Errorf("CherryPick() = %+v", made)
		}
		want := string(numbered(20, map[int]string{9: "b", 15: "c", 19: "ours"}))
		if got := string(must(r.Read(ctx, "", "f"))(t)); got != want {
			t.Errorf("the file is %q, want %q", got, want)
		}
		if log := collected(t, r.Refs().Log(ctx, "refs/heads/main")); log[0].Message != "cherry-pick: side~2..side" ||
			log[0].Old != tip.Hash {
			t.Errorf("the log has %+v", log[0])
		}
		undone := must(r.Revert(ctx, "main~2..main", nil))(t)
		if len(undone) != 2 || undone[1].Tree != tip.Tree || undone[0].Message != fmt.Sprintf(
			"Revert \"side 3\"\n\nThis reverts commit %s.\n", made[1].Hash) {
			t.Errorf("Revert() = %+v", undone)
		}

		// Elsewhere, on a branch that is new, signed by others.
		sign := func([]byte) (string, error) { return "-----BEGIN", nil }
		opts := &reposit.PickOptions{RecordOrigin: true, CommitOptions: reposit.CommitOptions{
			Branch: "new", From: "side~3", Sign: sign, Author: &picker, Message: "mine",
		}}
		there := must(r.CherryPick(ctx, "side~1", opts))(t)[0]
		origin := "mine\n\n(cherry picked from commit " + resolve(t, r, "side~1").String() + ")\n"
		if there.Signature != "-----BEGIN" || there.Author != picker || there.Message != origin ||
			there.Parents[0] != resolve(t, r, "side~3") || resolve(t, r, "new") != there.Hash {
			t.Errorf("CherryPick() to a new branch = %+v", there)
		}

		before := resolve(t, r, "main")
		absent, other := reposit.Hash{}, resolve(t, r, "side")
		parents := []reposit.Hash{other}
		with := func(o reposit.CommitOptions) reposit.PickOptions { return reposit.PickOptions{CommitOptions: o} }
		for name, test := range map[string]struct {
			revs string
			opts reposit.PickOptions
			want error
		}{
			"what is there":          {"main~4", reposit.PickOptions{}, reposit.ErrNoChange},
			"an empty range":         {"side..side", reposit.PickOptions{}, reposit.ErrNoChange},
			"nothing":                {"nowhere", reposit.PickOptions{}, reposit.ErrNotFound},
			"a tree":                 {"side^{tree}", reposit.PickOptions{}, reposit.ErrInvalid},
			"a parent that is not":   {"side", reposit.PickOptions{Mainline: 2}, reposit.ErrInvalid},
			"a negative parent":      {"side", reposit.PickOptions{Mainline: -1}, reposit.ErrInvalid},
			"another tip expected":   {"side~1", with(reposit.CommitOptions{Expect: &other}), reposit.ErrConflict},
			"no branch expected":     {"side~1", with(reposit.CommitOptions{Expect: &absent}), reposit.ErrConflict},
			"parents":                {"side~1", with(reposit.CommitOptions{Parents: parents}), reposit.ErrInvalid},
			"headers":                {"side~1", with(reposit.CommitOptions{Headers: "a b\n"}), reposit.ErrInvalid},
			"a message with NUL":     {"side~1", with(reposit.CommitOptions{Message: "\x00"}), reposit.ErrInvalid},
			"a new branch elsewhere": {"side~1", with(reposit.CommitOptions{Branch: "b", From: "no"}), reposit.ErrNotFound},
		} {
			if _, err := r.CherryPick(ctx, test.revs, &test.opts); !errors.Is(err, test.want) {
				t.Errorf("CherryPick() of %s = %v, want %v", name, err, test.want)
			}
		}
		if got := resolve(t, r, "main"); got != before {
			t.Errorf("main is %s, want it unmoved", got)
		}
		checkStore(t, s)
	})
}

// collected collects a sequence that must not fail.
func collected[T any](t testing.TB, seq func(func(T, error) bool)) (all []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// TestPickConflict holds that a pick which can't be done says why, in git's words, and leaves nothing of the commits
// before; and that the caller may decide.
func TestPickConflict(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	lined(t, r, "main", nil)
	side := lined(t, r, "side", map[int]string{2: "a"}, map[int]string{2: "a", 9: "theirs"})
	tip := lined(t, r, "main", map[int]string{9: "ours"})[0]
	short := side[1].Hash.String()[:7]
	for what, test := range map[string]struct {
		pick         func() ([]*reposit.Commit, error)
		commit       reposit.Hash
		theirs, mark string
	}{
		"pick": {func() ([]*reposit.Commit, error) { return r.CherryPick(ctx, "main..side", nil) }, side[1].Hash, "theirs",
			short + " (side 2)"},
		"revert": {func() ([]*reposit.Commit, error) { return r.Revert(ctx, "side~2..side", nil) }, side[1].Hash, "line 9",
			"parent of " + short + " (side 2)"},
	} {
		_, err := test.pick()
		failed, ok := errors.AsType[*reposit.MergeConflictError](err)
		if !ok || len(failed.Conflicts) != 1 || failed.Commit != test.commit {
			t.Fatalf("%s = %v, want a *MergeConflictError about %s", what, err, test.commit)
		}
		want := "<<<<<<< HEAD\nours\n=======\n" + test.theirs + "\n>>>>>>> " + test.mark + "\n"
		if got := string(failed.Conflicts[0].Merged); !strings.Contains(got, want) {
			t.Errorf("%s: the merged file is %q, want markers as in %q", what, got, want)
		}
	}
	if now := resolve(t, r, "main"); now != tip.Hash {
		t.Errorf("main is %s, want it unmoved", now)
	}
	resolved := must(r.CherryPick(ctx, "main..side", &reposit.PickOptions{
		Resolve: func(c reposit.Conflict) ([]byte, error) { return numbered(20, map[int]string{2: "a", 9: "both"}), nil },
	}))(t)
	want := string(numbered(20, map[int]string{2: "a", 9: "both"}))
	if len(resolved) != 2 || string(must(r.Read(ctx, "", "f"))(t)) != want {
		t.Errorf("CherryPick() with Resolve = %+v", resolved)
	}

	// Of a merge it must be said which parent counts.
	must(r.Branches().Create(ctx, "other", side[0].Hash.String()))(t)
	put(t, r, "other", "new", "1")
	merge := must(r.Merge(ctx, "other", &reposit.MergeOptions{Branch: "side"}))(t).Commit
	if _, err := r.CherryPick(ctx, merge.Hash.String(), nil); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("CherryPick() of a merge = %v, want %v", err, reposit.ErrInvalid)
	}
	made := must(r.CherryPick(ctx, merge.Hash.String(), &reposit.PickOptions{Mainline: 1}))(t)
	if got := string(must(r.Read(ctx, "", "new"))(t)); got != "1" || len(made) != 1 || len(made[0].Parents) != 1 {
		t.Errorf("CherryPick() of a merge = %+v, the new file is %q", made, got)
	}
	checkStore(t, s)
}

// TestPickBesideCommits has a branch take over commits while others commit to it: nothing is lost.
func TestPickBesideCommits(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	write(t, r, "first", "0")
	must(r.Branches().Create(ctx, "side", ""))(t)
	done := make(chan error)
	go func() {
		for i := range 100 {
			if _, err := r.Write(ctx, fmt.Sprint("mine", i), nil, "m"); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 20 {
		put(t, r, "side", fmt.Sprint("theirs", i), "x")
		put(t, r, "side", fmt.Sprint("too", i), "x")
		must(r.CherryPick(ctx, "side~2..side", nil))(t)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := len(paths(t, r, "")); got != 141 {
		t.Errorf("the branch has %d files, want %d", got, 141)
	}
	checkStore(t, s)
}

// TestRebasesAgainstGit compares rebases of random histories with git's.
func TestRebasesAgainstGit(t *testing.T) {
	needGit(t)
	rng := rand.New(rand.NewPCG(*seed, 43))
	n := *picks / 2
	if testing.Short() {
		n = min(n, 6)
	}
	var d *checkout
	var h *madeHistory
	kinds := map[string]int{}
	for i := range n {
		if i%100 == 0 {
			h = makeHistory(t, rng, 60)
			d = newCheckout(t, h.dir)
			picksInto(t, d, rng, h)
		}
		base, head := h.commits[rng.IntN(len(h.commits))], h.commits[rng.IntN(len(h.commits))]
		branch := fmt.Sprint("rebased", i)
		must(d.r.Branches().Create(t.Context(), branch, base))(t)
		made, err := d.r.Merge(t.Context(), head, &reposit.MergeOptions{Branch: branch, Strategy: reposit.Rebase,
			Committer: &picker})
		want := head // on top already
		if _, err := tryGit(t, d.dir, nil, "merge-base", "--is-ancestor", base, head); err != nil {
			want = d.run(head, "rebase", "-q", base)
		}
		got := ""
		if err == nil {
			got = made.Commit.Hash.String()
			kinds[made.Kind.String()]++
		} else {
			kinds["error"]++
		}
		if got != want && d.marksCommon(base, head) {
			kinds["left out by git alone"]++
		} else if got != want {
			t.Errorf("seed %d, %d: rebase of %s onto %s = %s, %v, want %q", *seed, i, head, base, got, err, want)
		}
	}
	t.Log(kinds)
}

// marksCommon reports whether git takes a commit of the head for one that the base has made since, and no such is
// there: where dates lie, it looks at common ancestors, too.
func (d *checkout) marksCommon(base, head string) bool {
	d.Helper()
	marked := func(side string) bool {
		return strings.Contains(git(d, d.dir, nil, "rev-list", "--cherry-mark", side, base+"..."+head), "=")
	}
	return marked("--right-only") && !marked("--left-only")
}

// picksInto adds commits to a history that make changes of others anew, so that rebases find what is there already.
func picksInto(t *testing.T, d *checkout, rng *rand.Rand, h *madeHistory) {
	t.Helper()
	for range 40 {
		tip, from := h.commits[rng.IntN(len(h.commits))], h.commits[rng.IntN(len(h.commits))]
		if got := d.run(tip, "cherry-pick", from); got != "" {
			opts := d.options(tip)
			if made, err := d.r.CherryPick(t.Context(), from, opts); err == nil && made[0].Hash.String() == got {
				h.commits = append(h.commits, got)
			}
		}
	}
}

func TestRebase(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		first := lined(t, r, "main", nil)[0]
		side := lined(t, r, "side", map[int]string{2: "a"}, map[int]string{2: "a", 9: "b"},
			map[int]string{2: "a", 9: "b", 15: "c"})
		lined(t, r, "main", map[int]string{19: "ours"})
		tip := must(r.CherryPick(ctx, "side~1", nil))(t)[0]

		dry := must(r.Merge(ctx, "side", &reposit.MergeOptions{Strategy: reposit.Rebase, DryRun: true}))(t)
		if got := resolve(t, r, "main"); got != tip.Hash {
			t.Fatalf("a dry run moved the branch to %s", got)
		}
		made := must(r.Merge(ctx, "side", &reposit.MergeOptions{Strategy: reposit.Rebase, Committer: &picker}))(t)
		if made.Kind != reposit.Rebased || made.Base != tip.Hash || made.Commit.Tree != dry.Commit.Tree {
			t.Errorf("Merge() = %+v", made)
		}
		var got []string
		for c, err := range r.Log(ctx, &reposit.LogOptions{Not: []string{tip.Hash.String()}}) {
			if err != nil {
				t.Fatal(err)
			}
			if c.Committer != picker || c.Author != side[0].Author && c.Author != side[2].Author {
				t.Errorf("%q is by %v, committed by %v", c.Message, c.Author, c.Committer)
			}
			got = append(got, strings.TrimSpace(c.Message))
		}
		if want := []string{"side 3", "side 1"}; !slices.Equal(got, want) {
			t.Errorf("commits are %q, want %q: what was picked is left out", got, want)
		}
		if again := must(r.Merge(ctx, "side", &reposit.MergeOptions{Strategy: reposit.Rebase}))(t); again.Kind !=
			reposit.AlreadyMerged || again.Commit.Hash != made.Commit.Hash {
			t.Errorf("the second rebase is %+v, want %v", again, reposit.AlreadyMerged)
		}

		// Merges are left out, or refused.
		must(r.Branches().Create(ctx, "old", first.Hash.String()))(t)
		put(t, r, "old", "new", "1")
		must(r.Merge(ctx, "old", &reposit.MergeOptions{Branch: "side"}))(t)
		_, err := r.Merge(ctx, "side", &reposit.MergeOptions{Strategy: reposit.Rebase, RefuseMerges: true})
		if !errors.Is(err, reposit.ErrConflict) {
			t.Errorf("Merge() of a head with merges, which are refused = %v, want %v", err, reposit.ErrConflict)
		}
		flat := must(r.Merge(ctx, "side", &reposit.MergeOptions{Strategy: reposit.Rebase}))(t)
		if len(flat.Commit.Parents) != 1 || flat.Commit.Parents[0] != made.Commit.Hash {
			t.Errorf("Merge() of a head with merges = %+v, want one commit more", flat.Commit)
		}
		if _, err := r.Merge(ctx, "old", &reposit.MergeOptions{Strategy: reposit.FastForwardOnly}); !errors.Is(err,
			reposit.ErrConflict) {
			t.Errorf("Merge() by fast-forward = %v, want %v", err, reposit.ErrConflict)
		}
		checkStore(t, s)
	})
}
