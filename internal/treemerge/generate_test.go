package treemerge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
)

// A garden is a tree that changes at random: paths with what they hold.
type garden map[string]leaf

type leaf struct {
	mode    git.Mode
	content string
}

const submodules = "0123456789abcdef"

var (
	gardenDirs  = []string{"", "a/", "a/b/", "c/", "c/d/", "e/"}
	gardenNames = []string{"f", "g", "h", "i.c", "a", "c", "e"}
)

func (g garden) path(r *rand.Rand) string {
	return gardenDirs[r.IntN(len(gardenDirs))] + gardenNames[r.IntN(len(gardenNames))]
}

func (g garden) any(r *rand.Rand) (string, bool) {
	if len(g) == 0 {
		return "", false
	}
	return slices.Sorted(maps.Keys(g))[r.IntN(len(g))], true
}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	topic := r.IntN(5)
	for i := range r.IntN(14) {
		fmt.Fprintf(&b, "line %d of %d\n", i, topic)
		if r.IntN(6) == 0 {
			fmt.Fprintln(&b, "and", r.IntN(4))
		}
	}
	return b.String()
}

func randomLeaf(r *rand.Rand) leaf {
	switch r.IntN(12) {
	case 0:
		return leaf{git.ModeSymlink, "target" + fmt.Sprint(r.IntN(3))}
	case 1:
		return leaf{git.ModeSubmodule, strings.Repeat(string(submodules[1+r.IntN(3)]), 40)}
	case 2:
		return leaf{git.ModeExecutable, randomText(r)}
	case 3:
		return leaf{git.ModeRegular, "\x00binary" + fmt.Sprint(r.IntN(3))}
	}
	return leaf{git.ModeRegular, randomText(r)}
}

// put makes a path a leaf, and whatever is in the way goes.
func (g garden) put(path string, l leaf) {
	for other := range g {
		if strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			delete(g, other)
		}
	}
	g[path] = l
}

// change does something to the tree.
func (g garden) change(r *rand.Rand) {
	path, ok := g.any(r)
	switch kind := r.IntN(10); {
	case !ok || kind == 0:
		g.put(g.path(r), randomLeaf(r))
	case kind < 4: // other lines
		l := g[path]
		if l.mode == git.ModeSymlink || l.mode == git.ModeSubmodule {
			g[path] = randomLeaf(r)
			return
		}
		lines := strings.SplitAfter(l.content, "\n")
		at := r.IntN(len(lines))
		lines = slices.Insert(lines, at, fmt.Sprintf("new %d\n", r.IntN(3)))
		if r.IntN(2) == 0 && at+1 < len(lines) {
			lines = slices.Delete(lines, at+1, at+2)
		}
		g[path] = leaf{l.mode, strings.Join(lines, "")}
	case kind == 4:
		delete(g, path)
	case kind == 5:
		l := g[path]
		if l.mode == git.ModeRegular {
			l.mode = git.ModeExecutable
		} else if l.mode == git.ModeExecutable {
			l.mode = git.ModeRegular
		}
		g[path] = l
	case kind == 6:
		g[path] = randomLeaf(r)
	case kind < 9: // a file is moved
		l := g[path]
		delete(g, path)
		g.put(g.path(r), l)
	default: // a directory is
		from, to := gardenDirs[1+r.IntN(len(gardenDirs)-1)], gardenDirs[r.IntN(len(gardenDirs))]
		moved := garden{}
		for path, l := range g {
			if rest, ok := strings.CutPrefix(path, from); ok {
				moved[to+rest] = l
				delete(g, path)
			}
		}
		for _, path := range slices.Sorted(maps.Keys(moved)) {
			g.put(path, moved[path])
		}
	}
}

// A planter writes commits for git fast-import.
type planter struct {
	bytes.Buffer
	marks int
}

func (p *planter) commit(g garden, parents ...int) int {
	p.marks++
	fmt.Fprintf(p, "commit refs/heads/c%d\nmark :%d\ncommitter a <a@b> %d +0000\ndata 0\n", p.marks, p.marks, 1e9+p.marks)
	for i, parent := range parents {
		fmt.Fprintf(p, "%s :%d\n", [2]string{"from", "merge"}[min(i, 1)], parent)
	}
	fmt.Fprintln(p, "deleteall")
	for _, path := range slices.Sorted(maps.Keys(g)) {
		l := g[path]
		if l.mode == git.ModeSubmodule {
			fmt.Fprintf(p, "M %o %s %s\n", l.mode, l.content, path)
			continue
		}
		fmt.Fprintf(p, "M %o inline %s\ndata %d\n%s\n", l.mode, path, len(l.content), l.content)
	}
	fmt.Fprintln(p)
	return p.marks
}

// plant makes a history of two commits that can be merged, and returns their marks.
func plant(r *rand.Rand, p *planter) [2]int {
	base := garden{}
	for range r.IntN(9) {
		base.put(base.path(r), randomLeaf(r))
	}
	common := r.Uint64() // the sides may do the same
	side := func(of garden, seed uint64) garden {
		g := maps.Clone(of)
		if r.IntN(3) == 0 {
			g.change(rand.New(rand.NewPCG(common, 0)))
		}
		own := rand.New(rand.NewPCG(seed, 1))
		for range own.IntN(6) {
			g.change(own)
		}
		return g
	}
	ours, theirs := side(base, r.Uint64()), side(base, r.Uint64())
	var root []int
	if r.IntN(12) > 0 {
		root = []int{p.commit(base)}
	}
	a, b := p.commit(ours, root...), p.commit(theirs, root...)
	for range r.IntN(3) * r.IntN(2) { // criss-cross merges
		x, y := side(ours, r.Uint64()), side(theirs, r.Uint64())
		a, b = p.commit(x, a, b), p.commit(y, b, a)
		ours, theirs = x, y
	}
	return [2]int{a, b}
}

// grown makes a repository of generated histories, and returns the commits of each that can be merged.
func grown(t testing.TB, count, from int) (dir string, pairs [][2]git.Hash) {
	t.Helper()
	dir = t.TempDir()
	runGit(t, dir, nil, "init", "--bare", "--quiet")
	var p planter
	var marks [][2]int
	for i := range count {
		marks = append(marks, plant(rand.New(rand.NewPCG(*seed+uint64(from+i), 2)), &p))
	}
	runGit(t, dir, p.Bytes(), "fast-import", "--quiet", "--export-marks=marks")
	byMark := map[int]git.Hash{}
	exported, err := os.ReadFile(dir + "/marks")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(exported)) {
		var mark int
		var h string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &h); err != nil {
			t.Fatal(err)
		}
		byMark[mark] = hashOf(t, h)
	}
	for _, m := range marks {
		pairs = append(pairs, [2]git.Hash{byMark[m[0]], byMark[m[1]]})
	}
	return dir, pairs
}

// TestGenerated compares merges of generated histories with git's.
func TestGenerated(t *testing.T) {
	needGit(t)
	const atOnce = 200
	different, conflicts, failed := 0, 0, 0
	for from := 0; from < *generated; from += atOnce {
		dir, pairs := grown(t, min(atOnce, *generated-from), from)
		r := openRepo(t, dir)
		for i, want := range mergeTrees(t, dir, pairs) {
			got, result := ours(t, r, pairs[i])
			if want.failed {
				failed++
			} else if !want.clean {
				conflicts++
			}
			if !got.equal(&want) {
				if different++; different <= 3 {
					t.Errorf("seed %d:\ngit's %v\nours  %v\n%s", *seed+uint64(from+i), &want, &got,
						differences(t, r, result, want.tree))
				}
			}
		}
	}
	t.Logf("%d merges, %d of them with conflicts, %d differ, %d that git can't do", *generated, conflicts, different, failed)
}

// A failing source fails one read.
type failing struct {
	Source
	left int
}

var errRead = errors.New("can't be read")

func (f *failing) fail() error {
	if f.left--; f.left == 0 {
		return errRead
	}
	return nil
}

func (f *failing) Tree(ctx context.Context, h git.Hash) (*object.Item, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Source.Tree(ctx, h)
}

func (f *failing) Size(ctx context.Context, h git.Hash) (int64, error) {
	if err := f.fail(); err != nil {
		return 0, err
	}
	return f.Source.Size(ctx, h)
}

func (f *failing) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Source.Blob(ctx, h)
}

// TestUnreadable fails each read of some merges in turn: that is the error of the merge, which never goes on as if
// something were not there.
func TestUnreadable(t *testing.T) {
	needGit(t)
	dir, pairs := grown(t, 40, 0)
	r := openRepo(t, dir)
	for _, p := range pairs {
		opts := &Options{Labels: [3]string{"", "ours", "theirs"}}
		for n := 1; ; n++ {
			src := &failing{r, n}
			_, err := Commits(t.Context(), src, r, p[0], p[1], opts)
			if src.left > 0 {
				break // it reads less
			}
			if !errors.Is(err, errRead) {
				t.Fatalf("Commits(%s, %s) = %v where read %d fails, want %v", p[0], p[1], err, n, errRead)
			}
		}
	}
}
