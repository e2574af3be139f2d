package reposit_test

import (
	"bytes"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fixtures "github.com/go-git/go-git-fixtures/v4"

	"github.com/reposit/reposit"
)

var histories = flag.String("histories", "", "git directories, by commas, that TestRealLogs compares, too")

// fixtureGit makes a git directory of a pack, with a branch for each commit that no other one has as a parent.
func fixtureGit(t testing.TB, pack []byte) string {
	t.Helper()
	dir := newGit(t)
	git(t, dir, pack, "index-pack", "--stdin")
	isParent := map[string]bool{}
	var commits []string
	for line := range strings.Lines(git(t, dir, nil, "cat-file", "--batch-all-objects",
		"--batch-check=%(objecttype) %(objectname)")) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(line), "commit "); ok {
			commits = append(commits, h)
		}
	}
	parents := git(t, dir, []byte(strings.Join(commits, "\n")), "log", "--no-walk=unsorted", "--format=%P", "--stdin")
	for _, h := range strings.Fields(parents) {
		isParent[h] = true
	}
	first := true
	for _, h := range commits {
		if isParent[h] {
			continue
		}
		name := "refs/heads/" + h[:8]
		if first {
			name, first = "refs/heads/main", false
		}
		git(t, dir, nil, "update-ref", name, h)
	}
	return dir
}

// TestRealLogs compares logs of real histories with git's: every branch in all orders, paths with and without their
// other names, and the last commits of the entries of directories.
func TestRealLogs(t *testing.T) {
	t.Parallel()
	needGit(t)
	s := openMemory(t, nil)
	for _, f := range fixtures.ByTag("packfile") {
		pack, err := io.ReadAll(f.Packfile())
		if err != nil {
			t.Fatal(err)
		}
		// Some are there for what is odd about their packs, and have no history, or just a part of it.
		if f.Is("thinpack") || f.Is("standalone") || f.Is("tags") || len(pack) > 1<<17 || bytes.HasSuffix([]byte(f.URL),
			[]byte("Final_Pres_P.git")) {
			continue
		}
		t.Run(f.PackfileHash, func(t *testing.T) {
			compareReal(t, s, fixtureGit(t, pack), 10, 4)
		})
	}
	for dir := range strings.SplitSeq(*histories, ",") {
		if dir != "" {
			t.Run(filepath.Base(dir), func(t *testing.T) { compareReal(t, s, dir, 200, 50) })
		}
	}
}

// compareReal compares logs of some paths, and last commits in some directories.
func compareReal(t *testing.T, s *store, dir string, paths, dirs int) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "objects")); err != nil {
		t.Fatal(err)
	}
	r := importGit(t, s, strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), dir)
	rng := rand.New(rand.NewPCG(*seed, 300))
	listed := 0
	branches := strings.Fields(git(t, dir, nil, "for-each-ref", "--format=%(refname)", "refs/heads"))
	for _, branch := range branches {
		for _, order := range []reposit.LogOrder{reposit.ByDate, reposit.Topological, reposit.Reverse} {
			listed += compareLog(t, r, dir, &reposit.LogOptions{Revision: branch, Order: order})
		}
		listed += compareLog(t, r, dir, &reposit.LogOptions{Revision: branch + "..." + branches[0]})
	}
	named := strings.Fields(git(t, dir, nil, "-c", "core.quotePath=false", "log", "--format=", "--name-only", "-m",
		"--all"))
	top := git(t, dir, nil, "ls-tree", "-rt", "--name-only", "-z", branches[0])
	all := append(strings.Split(strings.TrimSuffix(top, "\x00"), "\x00"), named...)
	for range min(paths, 2*len(all)) {
		path := all[rng.IntN(len(all))]
		o := &reposit.LogOptions{Revision: branches[0], Paths: []string{path}}
		listed += compareLog(t, r, dir, o)
		o.Follow = true
		compareLog(t, r, dir, o)
	}
	below := git(t, dir, nil, "ls-tree", "-rd", "--name-only", "-z", branches[0])
	trees := strings.Split(strings.TrimSuffix(below, "\x00"), "\x00")
	compareLast(t, r, dir, branches[0], "")
	for range min(dirs, 2*len(trees)) {
		compareLast(t, r, dir, branches[0], trees[rng.IntN(len(trees))])
	}
	t.Logf("%d commits listed in %d branches, %d paths, %d directories", listed, len(branches), len(all), len(trees))
}
