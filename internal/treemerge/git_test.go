package treemerge

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

var (
	repos  = flag.String("repos", "", "directories of repositories, by commas, of which all merges are done again")
	merges = flag.Int("merges", 0, "of each of repos at most; 0: all")

	seed      = flag.Uint64("seed", 1, "of generated histories")
	generated = flag.Int("generated", 200, "how many generated merges are compared with git's")
)

// An answer is what git merge-tree says of one merge.
type answer struct {
	failed bool // git gave none
	clean  bool
	tree   git.Hash
	stages []string // "mode hash stage\tpath"
	texts  []string // messages
}

func (a *answer) equal(b *answer) bool {
	return b.failed || a.clean == b.clean && a.tree == b.tree && slices.Equal(a.stages, b.stages)
}

func (a *answer) String() string {
	return fmt.Sprintf("%v %s\n%s\n%s", a.clean, a.tree, strings.Join(a.stages, "\n"), strings.Join(a.texts, "\n"))
}

// mergeTrees has git do merges, each of two commits.
func mergeTrees(t testing.TB, dir string, pairs [][2]git.Hash) []answer {
	t.Helper()
	var in bytes.Buffer
	for _, p := range pairs {
		fmt.Fprintln(&in, p[0], p[1])
	}
	cmd := gitCommand(t.Context(), dir, "merge-tree", "--write-tree", "--allow-unrelated-histories", "--stdin", "-z")
	cmd.Stdin = &in
	written, err := cmd.Output()
	if err == nil {
		if answers := parseAnswers(t, written, len(pairs)); answers != nil {
			return answers
		}
	}
	if len(pairs) == 1 { // git has assertions that do not always hold
		return []answer{{failed: true}}
	}
	half := len(pairs) / 2
	return append(mergeTrees(t, dir, pairs[:half]), mergeTrees(t, dir, pairs[half:])...)
}

// parseAnswers reads so many answers, or returns nil if there are not as many.
func parseAnswers(t testing.TB, written []byte, n int) []answer {
	t.Helper()
	next := func() string {
		s, rest, _ := bytes.Cut(written, []byte{0})
		written = rest
		return string(s)
	}
	answers := make([]answer, n)
	for i := range answers {
		a := &answers[i]
		status := next()
		if status != "0" && status != "1" {
			return nil
		}
		a.clean = status == "1"
		a.tree = hashOf(t, next())
		for s := next(); s != ""; s = next() {
			a.stages = append(a.stages, s)
		}
		if a.clean {
			continue
		}
		for s := next(); s != ""; s = next() {
			var n int
			fmt.Sscan(s, &n)
			for range n {
				next()
			}
			a.texts = append(a.texts, next()+": "+strings.TrimSpace(next()))
		}
	}
	if len(written) > 0 {
		return nil
	}
	return answers
}

// ours does a merge as git does it in mergeTrees.
func ours(t testing.TB, r *repo, pair [2]git.Hash) (answer, *Result) {
	t.Helper()
	result, err := Commits(t.Context(), r, r, pair[0], pair[1], &Options{
		Labels: [3]string{"", pair[0].String(), pair[1].String()},
	})
	if err != nil {
		t.Fatalf("Commits(%s, %s) = %v", pair[0], pair[1], err)
	}
	a := answer{clean: result.Clean, tree: result.Tree}
	for _, c := range result.Conflicts {
		a.texts = append(a.texts, fmt.Sprint(c.Kind, " ", c.Path))
		for i, v := range c.Stages {
			if v.Mode != 0 {
				a.stages = append(a.stages, fmt.Sprintf("%06o %s %d\t%s", uint32(v.Mode), v.Hash, i+1, c.Path))
			}
		}
	}
	return a, result
}

// differences says how git's tree differs from ours.
func differences(t testing.TB, r *repo, ours *Result, want git.Hash) string {
	t.Helper()
	made := Overlay{Source: r}
	made.Keep(ours)
	var b strings.Builder
	for c, err := range treediff.Walk(t.Context(), diffSource{&merge{src: &made}}, ours.Tree, want, nil) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, string(c.Status), c.Old, c.New)
		if c.Status != treediff.Modified {
			continue
		}
		for _, f := range []treediff.File{c.Old, c.New} {
			data, err := made.Blob(t.Context(), f.Hash)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n%s\n", f.Hash, data)
		}
	}
	return b.String()
}

// TestHistories does the merges of real histories again.
func TestHistories(t *testing.T) {
	if *repos == "" {
		t.Skip("no -repos")
	}
	needGit(t)
	for dir := range strings.SplitSeq(*repos, ",") {
		t.Run(dir[strings.LastIndexByte(dir, '/')+1:], func(t *testing.T) {
			r := openRepo(t, dir)
			var pairs [][2]git.Hash
			args := []string{"log", "--all", "--min-parents=2", "--max-parents=2", "--format=%P"}
			if *merges > 0 {
				args = append(args, fmt.Sprint("--max-count=", *merges))
			}
			for line := range strings.Lines(string(runGit(t, dir, nil, args...))) {
				f := strings.Fields(line)
				pairs = append(pairs, [2]git.Hash{hashOf(t, f[0]), hashOf(t, f[1])})
			}
			different, conflicts, failed := 0, 0, 0
			for i, want := range mergeTrees(t, dir, pairs) {
				got, result := ours(t, r, pairs[i])
				if want.failed {
					failed++
				} else if !want.clean {
					conflicts++
				}
				if !got.equal(&want) {
					if different++; different < 20 {
						t.Errorf("git merge-tree --write-tree %s %s\ngit's %v\nours  %v\n%s", pairs[i][0], pairs[i][1], &want, &got,
							differences(t, r, result, want.tree))
					}
				}
			}
			t.Logf("%d merges, %d of them with conflicts, %d differ, %d that git can't do", len(pairs), conflicts, different, failed)
		})
	}
}
