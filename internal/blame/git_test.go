package blame_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	fixtures "github.com/go-git/go-git-fixtures/v4"

	"github.com/reposit/reposit/internal/blame"
	"github.com/reposit/reposit/internal/git"
)

var (
	seed         = flag.Uint64("seed", 1, "of generated histories")
	rounds       = flag.Int("rounds", 8, "generated histories")
	repositories = flag.String("repositories", "", "git directories, by commas, that TestRepositories blames files of")
	files        = flag.Int("files", 100, "files that TestRepositories blames of each of -repositories")
)

// A place is where a line comes from, as git has it.
type place struct {
	commit string
	path   string
	line   int
}

// gitBlame returns where git says that lines come from.
func gitBlame(t testing.TB, dir, rev, path string, flags ...string) []place {
	t.Helper()
	args := append([]string{"blame", "--line-porcelain"}, flags...)
	out := runGit(t, dir, nil, append(args, rev, "--", path)...)
	var places []place
	var p place
	for len(out) > 0 {
		line, rest, _ := bytes.Cut(out, []byte{'\n'})
		out = rest
		words := bytes.Fields(line)
		switch {
		case len(line) > 0 && line[0] == '\t':
			places = append(places, p)
			p = place{}
		case p.commit == "":
			p.commit = string(words[0])
			p.line, _ = strconv.Atoi(string(words[1]))
		case bytes.HasPrefix(line, []byte("filename ")):
			p.path = string(line[len("filename "):])
			if unquoted, err := strconv.Unquote(p.path); err == nil {
				p.path = unquoted
			}
		}
	}
	return places
}

// find returns what Find finds, line by line.
func find(t testing.TB, src blame.Source, rev, path string, opts *blame.Options) []place {
	t.Helper()
	h, _ := git.ParseHash(rev)
	node, err := src.Node(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	e := git.Entry{Mode: git.ModeDir, Hash: node.Tree}
	for name := range strings.SplitSeq(path, "/") {
		tree, err := src.Tree(t.Context(), e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		var ok bool
		if e, ok = tree.Find(name); !ok {
			t.Fatalf("%s has no %q", rev, path)
		}
	}
	hunks, err := blame.Find(t.Context(), src, blame.File{Commit: h, Path: path, Mode: e.Mode, Hash: e.Hash}, opts)
	if err != nil {
		t.Fatalf("Find(%s, %q, %+v) = %v", rev, path, opts, err)
	}
	var places []place
	next := opts.From
	for _, h := range hunks {
		if h.Line != next {
			t.Errorf("Find(%s, %q, %+v): a hunk begins at line %d, want %d", rev, path, opts, h.Line, next)
		}
		next += h.Len
		for i := range h.Len {
			places = append(places, place{h.Commit.String(), h.Path, h.At + i + 1})
		}
	}
	return places
}

// compare holds that a file's lines come from where git says.
func compare(t testing.TB, src blame.Source, dir, rev, path string, opts *blame.Options) int {
	t.Helper()
	var flags []string
	for h := range opts.Ignore {
		flags = append(flags, "--ignore-rev="+h.String())
	}
	if opts.To > 0 {
		flags = append(flags, fmt.Sprintf("-L%d,%d", opts.From+1, opts.To))
	}
	want := gitBlame(t, dir, rev, path, flags...)
	got := find(t, src, rev, path, opts)
	if slices.Equal(got, want) {
		return len(want)
	}
	if len(got) != len(want) {
		t.Errorf("Find(%s, %q) has %d lines, git blame %q %d", rev, path, len(got), flags, len(want))
		return 0
	}
	at := 0
	for got[at] == want[at] {
		at++
	}
	t.Errorf("Find(%s, %q), git blame %q: line %d comes from %v, to git from %v", rev, path, flags, at+1, got[at],
		want[at])
	return 0
}

// A generated history has commits by number, the parents first.
type generated struct {
	dir     string
	commits []string
	files   []map[string]string // of each commit: mode and content
}

// generate has git make a history in which files are edited, reformatted, moved and copied, on lines that part and
// meet.
func generate(t testing.TB, rng *rand.Rand, commits int) *generated {
	t.Helper()
	g := &generated{dir: newGit(t)}
	var stream bytes.Buffer
	for i := range commits {
		files := map[string]string{}
		var parents []int
		if i > 0 && rng.IntN(25) > 0 {
			parents = append(parents, max(0, i-1-rng.IntN(3)))
			for rng.IntN(4) == 0 && len(parents) < 4 {
				if p := max(0, i-1-rng.IntN(8)); !slices.Contains(parents, p) {
					parents = append(parents, p)
				}
			}
		}
		for _, p := range parents {
			for _, path := range slices.Sorted(maps.Keys(g.files[p])) {
				f := g.files[p][path]
				if old, ok := files[path]; !ok || rng.IntN(4) == 0 {
					put(files, path, f)
				} else if rng.IntN(3) == 0 {
					put(files, path, mixed(rng, old, f))
				}
			}
		}
		for range rng.IntN(4) {
			change(rng, files)
		}
		g.files = append(g.files, files)
		when := 1_000_000_000 + i/2*60
		if rng.IntN(10) == 0 {
			when += rng.IntN(2000) - 1000
		}
		fmt.Fprintf(&stream, "commit refs/heads/b%d\nmark :%d\ncommitter A <a@example.org> %d +0000\ndata 1\nx\n",
			i, i+1, when)
		for j, p := range parents {
			fmt.Fprintf(&stream, "%s :%d\n", []string{"from", "merge"}[min(j, 1)], p+1)
		}
		stream.WriteString("deleteall\n")
		for _, path := range slices.Sorted(maps.Keys(files)) {
			mode, text, _ := strings.Cut(files[path], " ")
			fmt.Fprintf(&stream, "M %s inline %q\ndata %d\n%s\n", mode, path, len(text), text)
		}
	}
	runGit(t, g.dir, &stream, "fast-import", "--quiet", "--force", "--date-format=raw")
	names := runGit(t, g.dir, nil, "for-each-ref", "--format=%(refname:short) %(objectname)")
	g.commits = make([]string, commits)
	for line := range strings.Lines(string(names)) {
		name, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(name[1:])
		g.commits[n] = hash
	}
	return g
}

// put puts a file where it can be.
func put(files map[string]string, path, f string) {
	for other := range files {
		if strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			delete(files, other)
		}
	}
	files[path] = f
}

// mixed returns a file of lines that are in one of two.
func mixed(rng *rand.Rand, a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	at := rng.IntN(min(len(x), len(y)))
	return strings.Join(append(slices.Clone(x[:at]), y[at:]...), "")
}

var words = strings.Fields("if x return total count { } name = + for i range list nil")

func line(rng *rand.Rand) string {
	if rng.IntN(4) == 0 {
		return []string{"}\n", "\n", "\treturn nil\n", "{\n"}[rng.IntN(4)]
	}
	out := strings.Repeat("\t", rng.IntN(3))
	for range 1 + rng.IntN(6) {
		out += words[rng.IntN(len(words))] + " "
	}
	return out + fmt.Sprintf("%x\n", rng.IntN(1<<rng.IntN(16)))
}

// change changes one file.
func change(rng *rand.Rand, files map[string]string) {
	paths := []string{"a", "b", "dir/a", "dir/b", "dir/sub/c", "x y", "d\"q", "ü"}
	path := paths[rng.IntN(len(paths))]
	all := slices.Sorted(maps.Keys(files))
	if len(all) > 0 && rng.IntN(5) > 0 {
		path = all[rng.IntN(len(all))]
	}
	mode, text, ok := strings.Cut(files[path], " ")
	if !ok || rng.IntN(30) == 0 {
		mode, text = "100644", ""
		for range rng.IntN(60) {
			text += line(rng)
		}
	}
	lines := strings.SplitAfter(text, "\n")
	switch n := len(lines); rng.IntN(16) {
	case 0: // all indented
		for i := range lines {
			lines[i] = "\t" + lines[i]
		}
	case 1:
		for i, l := range lines {
			if l, ok := strings.CutSuffix(l, "\n"); ok {
				lines[i] = strings.TrimSuffix(l, "\r") + []string{"\n", "\r\n"}[rng.IntN(2)]
			}
		}
	case 2:
		mode = []string{"100644", "100755", "120000", "100644"}[rng.IntN(4)]
	case 3: // moved within
		from, to := rng.IntN(n), rng.IntN(n)
		lines[from], lines[to] = lines[to], lines[from]
	case 4:
		delete(files, path)
		path = paths[rng.IntN(len(paths))]
		if rng.IntN(8) == 0 {
			path += "/" + path
		}
	case 5:
		path = paths[rng.IntN(len(paths))]
	case 6:
		if n > 0 {
			lines[n-1] = strings.TrimSuffix(lines[n-1], "\n")
		}
	case 7: // some lines reformatted
		from := rng.IntN(n)
		for i := from; i < min(from+1+rng.IntN(12), n); i++ {
			lines[i] = strings.Join(strings.SplitAfter(lines[i], " "), []string{" ", "", "\n"}[rng.IntN(3)])
		}
	case 8:
		lines = slices.Delete(lines, rng.IntN(n), n)
	default:
		for range 1 + rng.IntN(4) {
			at := rng.IntN(len(lines) + 1)
			switch rng.IntN(3) {
			case 0:
				lines = slices.Insert(lines, at, line(rng), line(rng))
			case 1:
				if at < len(lines) {
					lines = slices.Delete(lines, at, at+1)
				}
			default:
				if at < len(lines) {
					lines[at] = line(rng)
				}
			}
		}
	}
	put(files, path, mode+" "+strings.Join(lines, ""))
}

// TestGenerated blames files of generated histories beside git: whole, ranges of lines, and with commits ignored.
func TestGenerated(t *testing.T) {
	needGit(t)
	t.Logf("-seed=%d", *seed)
	count := *rounds
	if testing.Short() {
		count = min(count, 2)
	}
	for round := range count {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(*seed, uint64(round)))
			g := generate(t, rng, 20+rng.IntN(60))
			src := newBatch(t, g.dir)
			lines := 0
			for range 12 {
				at := len(g.commits) - 1 - rng.IntN(min(len(g.commits), 10))
				if all := slices.Sorted(maps.Keys(g.files[at])); len(all) > 0 {
					path := all[rng.IntN(len(all))]
					_, text, _ := strings.Cut(g.files[at][path], " ")
					opts := &blame.Options{}
					if n := strings.Count(text, "\n"); n > 0 && rng.IntN(3) == 0 {
						opts.From = rng.IntN(n)
						opts.To = opts.From + 1 + rng.IntN(n-opts.From)
					}
					if rng.IntN(2) == 0 {
						opts.Ignore = map[git.Hash]bool{}
						for range 1 + rng.IntN(len(g.commits)) {
							h, _ := git.ParseHash(g.commits[rng.IntN(len(g.commits))])
							opts.Ignore[h] = true
						}
					}
					lines += compare(t, src, g.dir, g.commits[at], path, opts)
				}
			}
			if lines < 10 && !t.Failed() {
				t.Errorf("git blamed %d lines only", lines)
			}
		})
	}
}

// TestRepositories blames files of real histories beside git: of go-git's fixtures, and of -repositories.
func TestRepositories(t *testing.T) {
	needGit(t)
	packs := fixtures.ByURL("https://github.com/spinnaker/spinnaker.git")
	for _, f := range append(packs[:1:1], fixtures.ByURL("https://github.com/git-fixtures/basic.git")[:1]...) {
		t.Run(f.PackfileHash, func(t *testing.T) {
			t.Parallel()
			dir := newGit(t)
			runGit(t, dir, f.Packfile(), "index-pack", "--stdin", "--fix-thin")
			count := 12
			if testing.Short() {
				count = 3
			}
			compareFiles(t, dir, f.Head, count)
		})
	}
	for dir := range strings.SplitSeq(*repositories, ",") {
		if dir != "" {
			t.Run(dir, func(t *testing.T) { compareFiles(t, dir, "HEAD", *files) })
		}
	}
}

// compareFiles blames as many files of a revision, some with commits ignored.
func compareFiles(t *testing.T, dir, rev string, count int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(*seed, 100))
	rev = strings.TrimSpace(string(runGit(t, dir, nil, "rev-parse", rev)))
	var paths []string
	for line := range strings.SplitSeq(string(runGit(t, dir, nil, "ls-tree", "-rz", rev)), "\x00") {
		if meta, path, ok := strings.Cut(line, "\t"); ok && strings.Contains(meta, " blob ") {
			paths = append(paths, path)
		}
	}
	rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	src := newBatch(t, dir)
	lines := 0
	for _, path := range paths[:min(count, len(paths))] {
		lines += compare(t, src, dir, rev, path, &blame.Options{})
		commits := bytes.Fields(runGit(t, dir, nil, "log", "-20", "--format=%H", rev, "--", path))
		ignore := map[git.Hash]bool{}
		for range 1 + len(commits)/4 {
			h, _ := git.ParseHash(string(commits[rng.IntN(len(commits))]))
			ignore[h] = true
		}
		lines += compare(t, src, dir, rev, path, &blame.Options{Ignore: ignore})
	}
	t.Logf("%d lines of %d files", lines, min(count, len(paths)))
}
