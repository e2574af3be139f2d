package patch

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	fixtures "github.com/go-git/go-git-fixtures/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/treediff"
)

// A manner is how both sides of a comparison with git are asked.
type manner struct {
	flags []string
	tree  treediff.Options
	patch Options
}

var manners = []manner{
	{nil, treediff.Options{}, Options{Context: 3}},
	{[]string{"-M"}, treediff.Options{Renames: true}, Options{Context: 3}},
	{[]string{"-C"}, treediff.Options{Copies: true}, Options{Context: 3}},
	{[]string{"-M80%", "-U0"}, treediff.Options{Renames: true, MinScore: 48000}, Options{}},
	{[]string{"-M100%", "-U1", "-w"}, treediff.Options{Renames: true, MinScore: treediff.MaxScore},
		Options{Context: 1, Space: linediff.IgnoreAll}},
	{[]string{"-C20%", "-U10", "--histogram"}, treediff.Options{Copies: true, MinScore: 12000},
		Options{Context: 10, Algorithm: linediff.Histogram}},
	{[]string{"-M", "-b", "--patience"}, treediff.Options{Renames: true},
		Options{Context: 3, Space: linediff.IgnoreCount, Algorithm: linediff.Patience}},
	{[]string{"-M", "-l2"}, treediff.Options{Renames: true, MaxCandidates: 2}, Options{Context: 3}},
	{[]string{"-C", "-l3"}, treediff.Options{Copies: true, MaxCandidates: 3}, Options{Context: 3}},
	{[]string{"-M", "--ignore-space-at-eol", "--", "a", "lib/x", "moved/b/c", "d e/"},
		treediff.Options{Renames: true, Paths: []string{"a", "lib/x", "moved/b/c", "d e"}},
		Options{Context: 3, Space: linediff.IgnoreAtEnd}},
}

var pairLine = regexp.MustCompile(`(?m)^[0-9a-f]{40} [0-9a-f]{40}$`)

// gitDiffs returns what git says of pairs of trees, by one process.
func gitDiffs(t *testing.T, dir string, pairs [][2]git.Hash, flags []string) []string {
	t.Helper()
	var in bytes.Buffer
	for _, p := range pairs {
		fmt.Fprintln(&in, p[0], p[1])
	}
	args := append([]string{"diff-tree", "--stdin", "-r", "--patch-with-raw", "--full-index", "--no-abbrev"}, flags...)
	out := string(runGit(t, dir, in.Bytes(), args...))
	at := pairLine.FindAllStringIndex(out, -1)
	found := make([]string, len(at))
	for i, loc := range at {
		end := len(out)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		found[i] = out[loc[1]+1 : end]
	}
	return found
}

// ourDiff says the same, and holds that what is only counted is counted alike.
func ourDiff(t *testing.T, b *batch, pair [2]git.Hash, m *manner) string {
	t.Helper()
	changes, err := treediff.Find(t.Context(), b, pair[0], pair[1], &m.tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) == 0 {
		return ""
	}
	var raw, text bytes.Buffer
	for i := range changes {
		c := &changes[i]
		fmt.Fprintf(&raw, ":%06o %06o %s %s %c", c.Old.Mode, c.New.Mode, c.Old.Hash, c.New.Hash, c.Status)
		switch c.Status {
		case treediff.Renamed, treediff.Copied:
			fmt.Fprintf(&raw, "%03d\t%s\t%s\n", c.Percent(), Quote("", c.Old.Path), Quote("", c.New.Path))
		case treediff.Added:
			fmt.Fprintf(&raw, "\t%s\n", Quote("", c.New.Path))
		default:
			fmt.Fprintf(&raw, "\t%s\n", Quote("", c.Old.Path))
		}
		old, err := b.content(&c.Old)
		if err != nil {
			t.Fatal(err)
		}
		now, err := b.content(&c.New)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Make(t.Context(), c, old, now, &m.patch)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(r.Text)
		only := m.patch
		only.StatOnly = true
		s, err := Make(t.Context(), c, old, now, &only)
		if err != nil || len(s.Text) > 0 || s.Additions != r.Additions || s.Deletions != r.Deletions ||
			s.Binary != r.Binary {
			t.Errorf("Make(%s, StatOnly) = %+v, %v, want %d and %d lines", c.New.Path, s, err, r.Additions, r.Deletions)
		}
	}
	return raw.String() + "\n" + text.String()
}

// compare holds that git says the same of all pairs.
func compare(t *testing.T, dir string, pairs [][2]git.Hash, m *manner) {
	t.Helper()
	b := newBatch(t, dir)
	theirs := gitDiffs(t, dir, pairs, m.flags)
	if len(theirs) != len(pairs) {
		t.Fatalf("git says something of %d of %d pairs", len(theirs), len(pairs))
	}
	wrong := 0
	for i, p := range pairs {
		if diff := cmp.Diff(strings.Split(theirs[i], "\n"), strings.Split(ourDiff(t, b, p, m), "\n")); diff != "" {
			if wrong++; wrong < 3 {
				t.Errorf("%s..%s %q (-git +ours):\n%.3000s", p[0], p[1], m.flags, diff)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%s %q: %d of %d pairs differ", dir, m.flags, wrong, len(pairs))
	}
}

// TestTrees compares with git on generated trees, in which everything happens to files that can.
func TestTrees(t *testing.T) {
	needGit(t)
	n := 300
	if testing.Short() {
		n = 25
	}
	g := newGarden(rand.New(rand.NewPCG(*seed, 1)))
	dir := g.grow(t, n)
	trees := treesOf(t, dir, "main")
	var pairs [][2]git.Hash
	for i := range trees {
		pairs = append(pairs, [2]git.Hash{trees[i], trees[max(i-1, 0)]})
		if j := i + 1 + g.IntN(8); j < len(trees) {
			pairs = append(pairs, [2]git.Hash{trees[j], trees[i]})
		}
	}
	for i := range manners {
		compare(t, dir, pairs, &manners[i])
	}
}

// treesOf returns the trees of all commits that refs lead to.
func treesOf(t *testing.T, dir string, refs ...string) (trees []git.Hash) {
	t.Helper()
	for line := range strings.Lines(string(runGit(t, dir, nil, append([]string{"log", "--format=%T"}, refs...)...))) {
		h, ok := git.ParseHash(strings.TrimSpace(line))
		if !ok {
			t.Fatalf("tree %q", line)
		}
		trees = append(trees, h)
	}
	return trees
}

var pairCount = flag.Int("pairs", 6, "pairs of commits that TestRepositories takes of each repository")

// TestRepositories compares with git on real histories: those of go-git's fixtures, and of the repositories in the
// directories that REPOSIT_REPOSITORIES lists: pairs of a commit and a parent, and of any two commits.
func TestRepositories(t *testing.T) {
	needGit(t)
	var dirs []string
	packs := fixtures.ByTag("packfile")
	if testing.Short() {
		packs = packs[:2]
	}
	for _, f := range packs {
		if f.PackfileHash == "" {
			continue
		}
		dir := t.TempDir()
		runGit(t, dir, nil, "init", "-q", "--bare", ".")
		in := gitCommand(t.Context(), dir, "index-pack", "--stdin", "--fix-thin")
		in.Stdin = f.Packfile()
		if out, err := in.CombinedOutput(); err != nil {
			t.Logf("%s is left out: %s", f.URL, out)
			continue
		}
		dirs = append(dirs, dir)
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("REPOSIT_REPOSITORIES"))...)
	r := rand.New(rand.NewPCG(*seed, 2))
	for _, dir := range dirs {
		pairs := pairsOf(t, dir, r)
		for i := range manners[:3] {
			compare(t, dir, pairs, &manners[i])
		}
		t.Logf("%s: %d pairs", dir, len(pairs))
	}
}

func pairsOf(t *testing.T, dir string, r *rand.Rand) (pairs [][2]git.Hash) {
	t.Helper()
	var all []string
	trees, parents := map[string]git.Hash{}, map[string][]string{}
	objects := runGit(t, dir, nil, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
	var commits bytes.Buffer
	for line := range strings.Lines(string(objects)) {
		if name, ok := strings.CutPrefix(line, "commit "); ok {
			commits.WriteString(name)
		}
	}
	cmd := []string{"rev-list", "--no-walk", "--stdin", "--format=%H %T %P", "--no-commit-header"}
	for line := range strings.Lines(string(runGit(t, dir, commits.Bytes(), cmd...))) {
		words := strings.Fields(line)
		all = append(all, words[0])
		trees[words[0]], _ = git.ParseHash(words[1])
		parents[words[0]] = words[2:]
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, c := range all {
		if len(pairs) >= *pairCount {
			break
		}
		for _, p := range parents[c] {
			if h, ok := trees[p]; ok {
				pairs = append(pairs, [2]git.Hash{h, trees[c]})
			}
		}
		if i%8 == 0 {
			pairs = append(pairs, [2]git.Hash{trees[all[r.IntN(len(all))]], trees[c]})
		}
	}
	return pairs
}

// TestBinary holds that git makes of a binary patch what it was made of.
func TestBinary(t *testing.T) {
	needGit(t)
	r := rand.New(rand.NewPCG(3, 3))
	for _, sizes := range [][2]int{{0, 1}, {1, 0}, {26, 27}, {51, 52}, {53, 104}, {4000, 100000}} {
		dir := t.TempDir()
		runGit(t, dir, nil, "init", "-q", ".")
		var data [2][]byte
		for i, n := range sizes {
			data[i] = make([]byte, n)
			for j := range data[i] {
				data[i][j] = byte(r.IntN(256))
			}
		}
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, data[0], 0o644); err != nil {
			t.Fatal(err)
		}
		c := &treediff.Change{Status: treediff.Modified, Old: treediff.File{Path: "f", Mode: git.ModeRegular},
			New: treediff.File{Path: "f", Mode: git.ModeRegular}}
		c.Old.Hash, _ = git.Sum(3, data[0])
		c.New.Hash, _ = git.Sum(3, data[1])
		text := bytes.NewBuffer(Header(c))
		if err := WriteBinary(text, opener(data[0]), opener(data[1])); err != nil {
			t.Fatal(err)
		}
		runGit(t, dir, text.Bytes(), "apply", "-")
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data[1]) {
			t.Errorf("git apply makes %d of %d bytes, %v, want %d", len(got), sizes[0], err, sizes[1])
		}
		runGit(t, dir, text.Bytes(), "apply", "-R", "-")
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data[0]) {
			t.Errorf("git apply -R makes %d of %d bytes, %v, want %d", len(got), sizes[1], err, sizes[0])
		}
	}
}
