package graph

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
)

// export makes a repository of git with the commits of a world.
func (w *world) export() (run func(args ...string) []string) {
	w.t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		w.t.Skip("needs git")
	}
	dir := w.t.TempDir()
	call := func(in []byte, args ...string) []string {
		w.t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		if err != nil && len(out) > 0 {
			w.t.Fatalf("git %v = %v", args, err)
		}
		return strings.Fields(string(out))
	}
	call(nil, "init", "-q", "--bare", "--initial-branch=main")
	var pack bytes.Buffer
	for n, c := range w.commits {
		// fast-import makes commits that have the same hashes, but for their trees: so these are empty here.
		fmt.Fprintf(&pack, "commit refs/heads/c%d\nmark :%d\nauthor %s <%s> %d +0000\ncommitter %s <%s> %d +0000\n",
			n, n+1, c.Author.Name, c.Author.Email, c.Author.When.Unix(), c.Committer.Name, c.Committer.Email,
			c.Committer.When.Unix())
		fmt.Fprintf(&pack, "data %d\n%s\n", len(c.Message), c.Message)
		for i, p := range c.Parents {
			fmt.Fprintf(&pack, "%s :%d\n", [...]string{"from", "merge"}[min(i, 1)], w.number[p]+1)
		}
		pack.WriteString("deleteall\n\n")
	}
	call(pack.Bytes(), "fast-import", "--quiet", "--force")
	for n, h := range w.hashes {
		if got := call(nil, "rev-parse", fmt.Sprint("c", n)); n%50 == 0 && (len(got) != 1 || got[0] != h.String()) {
			w.t.Fatalf("commit %d is %v for git, want %s", n, got, h)
		} else if n%50 != 0 {
			break
		}
	}
	return func(args ...string) []string { return call(nil, args...) }
}

func texts(hashes []git.Hash) []string {
	list := []string{}
	for _, h := range hashes {
		list = append(list, h.String())
	}
	return list
}

// TestAgainstGit compares with git: merge bases, and how much one has that another lacks.
func TestAgainstGit(t *testing.T) {
	w := newWorld(t)
	w.forGit = true
	r := rand.New(rand.NewPCG(5, 5))
	w.grow(r, 1400, func() bool { return r.IntN(2) == 0 })
	run := w.export()
	pairs := 60
	if testing.Short() {
		pairs = 15
	}
	for _, stored := range []bool{false, true} {
		if stored {
			w.advance(last(w.hashes, 100)...)
		}
		for i := range pairs {
			a := r.IntN(len(w.hashes))
			b := max(0, min(len(w.hashes)-1, a+r.IntN(60)-30))
			if i%3 == 0 {
				b = r.IntN(len(w.hashes))
			}
			w.compareWithGit(run, a, b)
		}
		if n := w.graph().Stored(); (n > 0) != stored {
			t.Fatalf("%d commits are stored", n)
		}
	}
}

// counts reports whether so many commits are ancestors of one head alone, by looking at all.
func (w *world) counts(a, b, ahead, behind int) bool {
	for n := range w.hashes {
		switch x, y := w.has(a, n), w.has(b, n); {
		case x && !y:
			ahead--
		case y && !x:
			behind--
		}
	}
	return ahead == 0 && behind == 0
}

func (w *world) compareWithGit(run func(...string) []string, a, b int) {
	w.t.Helper()
	ctx, x, y := w.t.Context(), w.hashes[a], w.hashes[b]
	bases, err := w.graph().MergeBases(ctx, x, y)
	got, want := texts(bases), run("merge-base", "--all", x.String(), y.String())
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		w.t.Errorf("MergeBases(%d, %d) = %v, %v, git has %v", a, b, got, err, want)
	}
	ahead, behind, err := w.graph().AheadBehind(ctx, x, y)
	counts := run("rev-list", "--left-right", "--count", x.String()+"..."+y.String())
	// Where dates lie, git may count commits that both have.
	if err != nil || fmt.Sprint(ahead, behind) != strings.Join(counts, " ") && !w.counts(a, b, ahead, behind) {
		w.t.Errorf("AheadBehind(%d, %d) = %d, %d, %v, git has %v", a, b, ahead, behind, err, counts)
	}
}
