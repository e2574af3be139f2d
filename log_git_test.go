package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// importGit makes a repository of all that a git directory's branches and tags reach, with those refs and its HEAD.
func importGit(t testing.TB, s *store, name, dir string) *reposit.Repo {
	t.Helper()
	r := create(t, s, name, nil)
	to := storerOf(t, r)
	pack, err := tryGit(t, dir, nil, "pack-objects", "--all", "--stdout", "-q", "--delta-base-offset")
	if err == nil {
		err = writePack(to, []byte(pack))
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(git(t, dir, nil, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads",
		"refs/tags")) {
		hash, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		named := plumbing.NewHashReference(plumbing.ReferenceName(ref), plumbing.NewHash(hash))
		if err := to.SetReference(named); err != nil {
			t.Fatal(err)
		}
	}
	if head, err := tryGit(t, dir, nil, "symbolic-ref", "HEAD"); err == nil {
		named := plumbing.ReferenceName(strings.TrimSpace(head))
		if err := to.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, named)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// A madeHistory is a random history that git fast-import made.
type madeHistory struct {
	dir     string
	commits []string // hashes, parents before children
	paths   []string // all that some tree has, and some directories
	refs    []string
}

// makeHistory has git make a history of merges, criss-cross ones and of many parents among them, several roots, times
// that are wrong or the same, and files that are renamed, copied, removed, and turned into directories, links and
// executables.
func makeHistory(t testing.TB, rng *rand.Rand, commits int) *madeHistory {
	t.Helper()
	type made struct {
		files map[string]string // mode and content
		when  int
	}
	names := []string{"a", "b", "dir/a", "dir/b", "dir/sub/a", "dir/sub/c", "x/y/z", "x/y/w", "long name", "x.go", "x-"}
	all, all2 := map[string]bool{}, []made{}
	clash := func(files map[string]string, p string) {
		for other := range files {
			if strings.HasPrefix(other, p+"/") || strings.HasPrefix(p, other+"/") {
				delete(files, other)
			}
		}
	}
	var stream bytes.Buffer
	authors := []string{"Ada Lovelace <ada@example.org>", "Bob <bob@example.com>", "Žofie Nová <z@example.cz>"}
	for i := range commits {
		m := made{files: map[string]string{}, when: 1_000_000_000 + i/2*60}
		var parents []int
		if i > 0 && rng.IntN(60) > 0 {
			parents = append(parents, max(0, i-1-rng.IntN(3)))
			for rng.IntN(4) == 0 && len(parents) < 4 {
				if p := max(0, i-1-rng.IntN(9)); !slices.Contains(parents, p) {
					parents = append(parents, p)
				}
			}
		}
		if rng.IntN(12) == 0 {
			m.when += rng.IntN(4000) - 2000 // wrong
		}
		for _, p := range parents {
			for path, f := range all2[p].files {
				if _, ok := m.files[path]; !ok || rng.IntN(3) == 0 {
					clash(m.files, path)
					m.files[path] = f
				}
			}
		}
		changes := rng.IntN(3)
		if len(parents) > 1 && rng.IntN(3) > 0 {
			changes = 0
			if rng.IntN(2) == 0 {
				m.files = maps.Clone(all2[parents[rng.IntN(len(parents))]].files)
			}
		}
		for range changes {
			p := names[rng.IntN(len(names))]
			if rng.IntN(12) == 0 {
				p = []string{"dir", "x", "a/b"}[rng.IntN(3)]
			}
			mode := []string{"100644", "100644", "100644", "100755", "120000"}[rng.IntN(5)]
			switch old := slices.Sorted(maps.Keys(m.files)); {
			case len(old) > 0 && rng.IntN(4) == 0: // rename or copy
				from := old[rng.IntN(len(old))]
				f := m.files[from]
				if rng.IntN(3) > 0 {
					delete(m.files, from)
				}
				clash(m.files, p)
				m.files[p] = f
			case len(old) > 3 && rng.IntN(5) == 0:
				delete(m.files, old[rng.IntN(len(old))])
			default:
				clash(m.files, p)
				m.files[p] = fmt.Sprintf("%s %s", mode, content(rng, m.files[p]))
			}
		}
		for p := range m.files {
			all[p] = true
			if at := strings.IndexByte(p, '/'); at > 0 {
				all[p[:at]] = true
			}
		}
		all2 = append(all2, m)
		message := fmt.Sprintf("commit %d\n\nline with word%d\nEnd\n", i, rng.IntN(5))
		fmt.Fprintf(&stream, "commit refs/heads/b%d\nmark :%d\nauthor %s %d +0100\ncommitter %s %d -0230\ndata %d\n%s\n",
			i, i+1,
			authors[rng.IntN(3)], 5, authors[rng.IntN(3)], m.when, len(message), message)
		for j, p := range parents {
			fmt.Fprintf(&stream, "%s :%d\n", []string{"from", "merge"}[min(j, 1)], p+1)
		}
		stream.WriteString("deleteall\n")
		for _, p := range slices.Sorted(maps.Keys(m.files)) {
			mode, text, _ := strings.Cut(m.files[p], " ")
			fmt.Fprintf(&stream, "M %s inline %q\ndata %d\n%s\n", mode, p, len(text), text)
		}
		stream.WriteString("\n")
	}
	fmt.Fprintf(&stream, "reset refs/heads/main\nfrom :%d\n\n", commits)
	h := &madeHistory{dir: newGit(t), paths: slices.Sorted(maps.Keys(all))}
	git(t, h.dir, stream.Bytes(), "fast-import", "--quiet", "--force")
	hashes := map[string]string{}
	for line := range strings.Lines(git(t, h.dir, nil, "for-each-ref", "--format=%(refname:short) %(objectname)")) {
		name, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		hashes[name] = hash
	}
	for i := range commits {
		h.refs = append(h.refs, fmt.Sprint("b", i))
		h.commits = append(h.commits, hashes[fmt.Sprint("b", i)])
	}
	return h
}

// content returns a text of many lines, often one that is like the old one.
func content(rng *rand.Rand, old string) string {
	_, old, _ = strings.Cut(old, " ")
	lines := strings.SplitAfter(old, "\n")
	if len(lines) < 3 || rng.IntN(4) == 0 {
		lines = nil
		for range 5 + rng.IntN(20) {
			lines = append(lines, fmt.Sprintf("%x\n", rng.Uint64()))
		}
	}
	for range 1 + rng.IntN(4) {
		lines[rng.IntN(len(lines))] = fmt.Sprintf("%x\n", rng.Uint64())
	}
	return strings.Join(lines, "")
}

// gitLog returns what git log lists, as hashes.
func gitLog(t testing.TB, dir string, args ...string) []string {
	t.Helper()
	log := []string{"--literal-pathspecs", "-c", "core.commitGraph=false", "log", "--no-mailmap", "--format=%H"}
	return strings.Fields(git(t, dir, nil, append(log, args...)...))
}

// logArgs returns the arguments by which git log does the same.
func logArgs(o *reposit.LogOptions) []string {
	var args []string
	add := func(on bool, arg string) {
		if on {
			args = append(args, arg)
		}
	}
	add(o.Order == reposit.Topological, "--topo-order")
	add(o.Order == reposit.Reverse, "--reverse")
	add(o.FirstParent, "--first-parent")
	add(o.NoMerges, "--no-merges")
	add(o.Follow, "--follow")
	add(o.Limit > 0, fmt.Sprint("-n", o.Limit))
	add(!o.Since.IsZero(), fmt.Sprint("--since=", o.Since.Unix()))
	add(!o.Until.IsZero(), fmt.Sprint("--until=", o.Until.Unix()))
	for option, p := range map[string]string{"--author=": o.Author, "--committer=": o.Committer, "--grep=": o.Grep} {
		if p == "" {
			continue
		}
		if p[0] == '/' {
			p = p[1 : len(p)-1]
		} else {
			p = regexp.QuoteMeta(p)
		}
		args = append(args, "-E", option+p)
	}
	if o.Revision != "" {
		args = append(args, o.Revision)
	} else {
		args = append(args, "HEAD")
	}
	if len(o.Not) > 0 {
		args = append(append(args, "--not"), o.Not...)
	}
	return append(append(args, "--"), o.Paths...)
}

func logHashes(t testing.TB, r *reposit.Repo, o *reposit.LogOptions) (hashes []string) {
	t.Helper()
	for c, err := range r.Log(t.Context(), o) {
		if err != nil {
			t.Fatalf("Log(%+v) = %v", o, err)
		}
		hashes = append(hashes, c.Hash.String())
	}
	return hashes
}

// compareLog compares a log with git's.
func compareLog(t testing.TB, r *reposit.Repo, dir string, o *reposit.LogOptions) int {
	t.Helper()
	args := logArgs(o)
	want, got := gitLog(t, dir, args...), logHashes(t, r, o)
	if !slices.Equal(want, got) {
		t.Errorf("Log(%+v), -git log %q +Log:\n%s", *o, args, cmp.Diff(want, got))
	}
	return len(want)
}

// randomLog returns options at random.
func (h *madeHistory) randomLog(rng *rand.Rand) *reposit.LogOptions {
	rev := func() string {
		rev := h.refs[len(h.refs)-1-rng.IntN(min(len(h.refs), 30))]
		return rev
	}
	o := &reposit.LogOptions{
		Order: reposit.LogOrder(rng.IntN(3)), FirstParent: rng.IntN(5) == 0, NoMerges: rng.IntN(6) == 0,
	}
	switch rng.IntN(6) {
	case 0:
		o.Revision = rev() + ".." + rev()
	case 1:
		o.Revision = rev() + "..." + rev()
	case 2:
		o.Revision = rev() + []string{"^@", "^!", "^-"}[rng.IntN(3)]
	case 3, 4:
		o.Revision = rev()
	}
	if rng.IntN(4) == 0 {
		for range 1 + rng.IntN(3) {
			o.Not = append(o.Not, rev())
		}
	}
	if rng.IntN(4) == 0 {
		o.Limit = 1 + rng.IntN(20)
	}
	at := func() time.Time { return time.Unix(int64(1_000_000_000+rng.IntN(len(h.commits))*30), 0) }
	if rng.IntN(6) == 0 {
		o.Since = at()
	}
	if rng.IntN(6) == 0 {
		o.Until = at()
	}
	if rng.IntN(6) == 0 {
		o.Author = []string{"Ada", "example", "ž", "Ž", "/^Bob/", "/org>$/", "/[ab]d?@/", "<bob"}[rng.IntN(8)]
	}
	if rng.IntN(8) == 0 {
		o.Committer = []string{"Ada", "Nov", "/cz>$/"}[rng.IntN(3)]
	}
	if rng.IntN(6) == 0 {
		o.Grep = []string{"word3", "/word[12]$/", "/^End$/", "/^commit .*1/", "a.b"}[rng.IntN(4)]
	}
	return o
}

// TestLog lists random histories beside git log, with all options.
func TestLog(t *testing.T) {
	t.Parallel()
	needGit(t)
	t.Logf("-seed=%d", *seed)
	s := openMemory(t, nil)
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(*seed, uint64(round)))
		h := makeHistory(t, rng, 20+rng.IntN(150))
		r := importGit(t, s, fmt.Sprint("x", round), h.dir)
		listed := 0
		for range 120 {
			o := h.randomLog(rng)
			if child, ok := strings.CutSuffix(o.Revision, "^-"); ok {
				if _, err := tryGit(t, h.dir, nil, "rev-parse", "--verify", "-q", child+"^1"); err != nil {
					continue
				}
			}
			if rng.IntN(2) == 0 {
				for range 1 + rng.IntN(3) {
					o.Paths = append(o.Paths, h.paths[rng.IntN(len(h.paths))])
				}
			}
			listed += compareLog(t, r, h.dir, o)
			if t.Failed() {
				t.Fatalf("round %d", round)
			}
		}
		if listed < 100 {
			t.Errorf("git listed %d commits only", listed)
		}
	}
}

// TestLogFollow follows files through renames, also of what was changed, beside git log.
func TestLogFollow(t *testing.T) {
	t.Parallel()
	needGit(t)
	t.Logf("-seed=%d", *seed)
	s := openMemory(t, nil)
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(*seed, uint64(100+round)))
		h := makeHistory(t, rng, 20+rng.IntN(150))
		r := importGit(t, s, fmt.Sprint("x", round), h.dir)
		for _, path := range h.paths {
			o := &reposit.LogOptions{Paths: []string{path}, Follow: true, FirstParent: rng.IntN(3) == 0}
			if rng.IntN(3) == 0 {
				o.Limit = 1 + rng.IntN(5)
			}
			o.Order = []reposit.LogOrder{reposit.ByDate, reposit.Topological}[rng.IntN(2)]
			compareLog(t, r, h.dir, o)
		}
	}
}

// TestLastCommits finds the last commits of entries of random histories beside git log.
func TestLastCommits(t *testing.T) {
	t.Parallel()
	needGit(t)
	t.Logf("-seed=%d", *seed)
	s := openMemory(t, nil)
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(*seed, uint64(200+round)))
		h := makeHistory(t, rng, 20+rng.IntN(150))
		r := importGit(t, s, fmt.Sprint("x", round), h.dir)
		for range 20 {
			rev := h.refs[len(h.refs)-1-rng.IntN(min(len(h.refs), 60))]
			for _, dir := range []string{"", "dir", "x", "dir/sub"} {
				compareLast(t, r, h.dir, rev, dir)
			}
		}
	}
}

// TestStoredHistory compares logs and blames with git's before and after the graph of the commits, and filters of what
// they changed, are stored of most of them.
func TestStoredHistory(t *testing.T) {
	t.Parallel()
	needGit(t)
	t.Logf("-seed=%d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 300))
	s := openMemory(t, nil)
	h := makeHistory(t, rng, 560)
	r := importGit(t, s, "x", h.dir)
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for _, stored := range []bool{false, true} {
		if stored {
			if err := s.Upkeep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range rounds {
			o := h.randomLog(rng)
			if strings.HasSuffix(o.Revision, "^-") {
				continue // of a commit without parents, it is none
			}
			for range 1 + rng.IntN(3) {
				o.Paths = append(o.Paths, h.paths[rng.IntN(len(h.paths))])
			}
			compareLog(t, r, h.dir, o)
		}
		for _, path := range h.paths {
			compareLog(t, r, h.dir, &reposit.LogOptions{Paths: []string{path}})
			compareLog(t, r, h.dir, &reposit.LogOptions{Paths: []string{path}, Follow: true})
		}
		for _, rev := range h.refs[len(h.refs)-1-rounds/10:] {
			for _, dir := range []string{"", "dir", "x", "dir/sub"} {
				compareLast(t, r, h.dir, rev, dir)
			}
		}
		// Files of the past, which filters tell of.
		rev := h.refs[480+rng.IntN(20)]
		for path := range strings.SplitSeq(git(t, h.dir, nil, "ls-tree", "-r", "--name-only", "-z", rev), "\x00") {
			if path != "" {
				compareBlame(t, r, h.dir, rev, path, nil)
			}
		}
		if t.Failed() {
			t.Fatalf("stored: %v", stored)
		}
	}
}

// compareLast compares the last commits of a directory's entries with git's.
func compareLast(t testing.TB, r *reposit.Repo, gitDir, rev, dir string) {
	t.Helper()
	want, got := map[string]string{}, map[string]string{}
	entries, err := r.List(t.Context(), rev, dir)
	if errors.Is(err, reposit.ErrNotFound) || errors.Is(err, reposit.ErrInvalid) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		want[e.Path] = strings.Join(gitLog(t, gitDir, "-1", rev, "--", e.Path), "")
	}
	for range 2 { // the second time, it is known
		clear(got)
		for last, err := range r.LastCommits(t.Context(), rev, dir) {
			if err != nil {
				t.Fatalf("LastCommits(%s, %q) = %v", rev, dir, err)
			}
			if _, again := got[last.Path]; again {
				t.Errorf("LastCommits(%s, %q) yields %q twice", rev, dir, last.Path)
			}
			got[last.Path] = last.Commit.Hash.String()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("LastCommits(%s, %q), -git +reposit:\n%s", rev, dir, diff)
		}
	}
}
