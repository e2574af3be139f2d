package grep_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/grep"
	"github.com/reposit/reposit/storage"
)

var (
	seed         = flag.Uint64("seed", 1, "of generated trees")
	trees        = flag.Int("trees", 2, "generated trees")
	repositories = flag.String("repositories", "", "git directories, by commas, whose HEAD TestRepositories searches")
)

func runGit(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=core.autocrlf", "GIT_CONFIG_VALUE_1=false",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (&exec.ExitError{}); errors.As(err, &exit) && exit.ExitCode() == 1 && args[0] == "grep" {
		err = nil // nothing matches
	}
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, &stderr)
	}
	return stdout.Bytes()
}

func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}

// objects is a Source of the objects of a git directory, all of which it has in memory.
type objects map[git.Hash][]byte

// load reads all objects that a revision's tree has, and returns its hash.
func load(t testing.TB, dir, rev string) (objects, git.Hash) {
	t.Helper()
	all := objects{}
	root, _ := git.ParseHash(strings.TrimSpace(string(runGit(t, dir, "rev-parse", rev+"^{tree}"))))
	out := runGit(t, dir, "rev-list", "--objects", "--no-object-names", rev+"^{tree}")
	cmd := exec.CommandContext(t.Context(), "git", "cat-file", "--batch")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(out)
	data, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		header, rest, _ := bytes.Cut(data, []byte{'\n'})
		words := bytes.Fields(header)
		h, _ := git.ParseHash(string(words[0]))
		size, err := strconv.Atoi(string(words[2]))
		if err != nil {
			t.Fatal(err)
		}
		all[h], data = rest[:size:size], rest[size+1:]
	}
	return all, root
}

func (o objects) Tree(_ context.Context, h git.Hash) (*git.Tree, error) {
	data, ok := o[h]
	if !ok {
		return nil, storage.ErrNotFound
	}
	return git.ParseTree(data)
}

func (o objects) Blob(_ context.Context, h git.Hash) ([]byte, error) {
	data, ok := o[h]
	if !ok {
		return nil, storage.ErrNotFound
	}
	return data, nil
}

func (o objects) Size(_ context.Context, h git.Hash) (int64, error) { return int64(len(o[h])), nil }

// A query is what is asked of both.
type query struct {
	pattern string
	o       grep.PatternOptions
	paths   []string
	limit   int
}

func gitGrep(t testing.TB, dir, rev string, q *query) (found []grep.Match) {
	t.Helper()
	args := []string{"grep", "-n", "--column", "-z", "-I", "--full-name", "--no-color", "-E"}
	if q.o.Fixed {
		args[len(args)-1] = "-F"
	}
	if q.o.IgnoreCase {
		args = append(args, "-i")
	}
	if q.o.Word {
		args = append(args, "-w")
	}
	args = append(append(args, "-e", q.pattern, rev, "--"), q.paths...)
	for line := range bytes.Lines(runGit(t, dir, args...)) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		path, rest, ok := bytes.Cut(line[len(rev)+1:], []byte{0})
		number, rest, ok2 := bytes.Cut(rest, []byte{0})
		column, text, ok3 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || !ok3 {
			t.Fatalf("git grep says %q", line)
		}
		m := grep.Match{Path: string(path), Text: string(text)}
		m.Line, _ = strconv.Atoi(string(number))
		m.Column, _ = strconv.Atoi(string(column))
		found = append(found, m)
	}
	return found
}

func search(t testing.TB, src grep.Source, root git.Hash, q *query, around int) (found []grep.Match) {
	t.Helper()
	p, err := grep.Compile(q.pattern, q.o)
	if err != nil {
		t.Fatalf("Compile(%q) = %v", q.pattern, err)
	}
	s, err := grep.New(src, root, &grep.Options{Pattern: p, Paths: q.paths, Limit: q.limit, Before: around, After: around})
	if err != nil {
		t.Fatalf("New(%q) = %v", q.paths, err)
	}
	for {
		m, paused, err := s.Next(t.Context())
		if errors.Is(err, grep.ErrEnd) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if !paused {
			found = append(found, m)
		}
	}
}

func compare(t testing.TB, src grep.Source, root git.Hash, dir, rev string, q *query) int {
	t.Helper()
	want, got := gitGrep(t, dir, rev, q), search(t, src, root, q, 0)
	// Git 2.39 has "^$" match once more behind the last newline of a file, where no line is.
	want = slices.DeleteFunc(want, func(m grep.Match) bool {
		return m.Text == "" && bytes.Count(content(t, src, root, m.Path), []byte{'\n'}) < m.Line
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%+v: -git grep +Search:\n%.3000s", *q, diff)
	}
	if n := len(want); n > 1 {
		limited := *q
		limited.limit = n/2 + 1
		if got := search(t, src, root, &limited, 0); !slices.EqualFunc(got, want[:limited.limit], equal) {
			t.Errorf("%+v: %d matches, which are not the first of all %d", limited, len(got), n)
		}
	}
	return len(want)
}

// content returns the content of a file.
func content(t testing.TB, src grep.Source, root git.Hash, path string) []byte {
	t.Helper()
	at := git.Entry{Hash: root}
	for name := range strings.SplitSeq(path, "/") {
		tree, err := src.Tree(t.Context(), at.Hash)
		if err != nil {
			t.Fatal(err)
		}
		at, _ = tree.Find(name)
	}
	data, err := src.Blob(t.Context(), at.Hash)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func equal(a, b grep.Match) bool {
	return a.Path == b.Path && a.Line == b.Line && a.Column == b.Column && a.Text == b.Text
}

var patterns = []string{
	"foo", "o+", "^\t*return", "x$", "[a-f]+[0-9]", "(if|for) ", "a.*b", "", "^$", "n(am|il)", "[^a-z ]", "x{2,3}",
	`\bin\b`, `\(`, "fo|foobar|bar", "^", "$", "name.*nil", "Name", "RETURN nil", "^i", "a*", "x |x", "[[:upper:]]",
	"sK", ".", `[^x]$`, "\r", "is_[a-z]+", "(x|xx)y", "foo(bar)?", "_", "ss|k",
}

var words = strings.Fields(
	"foo foobar bar if for return nil name Name x xx xxy in is_nil a b ab0 f9 ( ) sk Sk KS RETURN _foo foo_ -")

func line(rng *rand.Rand) string {
	out := strings.Repeat("\t", rng.IntN(3))
	for range rng.IntN(6) {
		out += words[rng.IntN(len(words))] + []string{" ", " ", "", ".", "\t"}[rng.IntN(5)]
	}
	return out + []string{"\n", "\n", "\n", "\r\n", "\n\n"}[rng.IntN(5)]
}

// makeTree makes a repository with a checkout, since git reads attributes there.
func makeTree(t testing.TB, rng *rand.Rand) string {
	t.Helper()
	dir := t.TempDir()
	runGit(t, dir, "init", "-q", "-b", "main")
	for range 30 {
		parts := []string{"a", "b", "dir", "sub.d", "x-y", "d[1]", "e*"}
		path := fmt.Sprint("f", rng.IntN(100), []string{".c", ".go", "", ".bin"}[rng.IntN(4)])
		for range rng.IntN(3) {
			path = parts[rng.IntN(len(parts))] + "/" + path
		}
		var text strings.Builder
		for range rng.IntN(40) {
			text.WriteString(line(rng))
		}
		data := []byte(text.String())
		switch rng.IntN(8) {
		case 0:
			data = bytes.TrimSuffix(data, []byte{'\n'})
		case 1:
			data = slices.Insert(data, rng.IntN(len(data)+1), 0)
		case 2:
			data = append(bytes.Repeat([]byte("foo nil\n"), 1001+rng.IntN(4000)), "x\x00y foo\n"...)
		}
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	attributes := func(below string) {
		text := ""
		for range rng.IntN(4) {
			text += []string{"*.c", "*.bin", "f1*", "/a/*", "dir/**", "*.go"}[rng.IntN(6)] + " " +
				[]string{"-diff", "diff", "binary", "-text", "diff=x", "!diff"}[rng.IntN(6)] + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, below, ".gitattributes"), []byte(text), 0o644); err != nil &&
			!errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	attributes("")
	attributes("dir")
	if err := os.Symlink("foo", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-qm", "x")
	return dir
}

var pathspecs = strings.Fields(
	`a dir dir/ *.c f1* */f* d[1] d\[1] e* sub.d/ dir/*.go ? dir/a none **/a/** [!a-d]* link *`)

// TestGenerated searches generated trees beside git.
func TestGenerated(t *testing.T) {
	needGit(t)
	t.Logf("-seed=%d", *seed)
	count := *trees
	if testing.Short() {
		count = 1
	}
	for round := range count {
		rng := rand.New(rand.NewPCG(*seed, uint64(round)))
		dir := makeTree(t, rng)
		src, root := load(t, dir, "HEAD")
		found := 0
		for _, pattern := range patterns {
			for range 2 {
				q := &query{pattern: pattern}
				q.o = grep.PatternOptions{Fixed: rng.IntN(3) == 0, IgnoreCase: rng.IntN(3) == 0, Word: rng.IntN(3) == 0}
				if rng.IntN(2) == 0 {
					for range 1 + rng.IntN(2) {
						q.paths = append(q.paths, pathspecs[rng.IntN(len(pathspecs))])
					}
				}
				found += compare(t, src, root, dir, "HEAD", q)
			}
		}
		if found < 1000 {
			t.Errorf("git found %d lines only", found)
		}
	}
}

// TestRepositories searches the trees of -repositories beside git.
func TestRepositories(t *testing.T) {
	needGit(t)
	for dir := range strings.SplitSeq(*repositories, ",") {
		if dir == "" {
			continue
		}
		src, root := load(t, dir, "HEAD")
		lines := 0
		for _, pattern := range []string{"TODO", "retur[a-z]+ [0-9]+;?$", "config", "the", "(malloc|new) *\\(", "^}$"} {
			for _, o := range []grep.PatternOptions{{}, {IgnoreCase: true}, {Word: true}, {Fixed: true}} {
				lines += compare(t, src, root, dir, "HEAD", &query{pattern: pattern, o: o})
			}
		}
		t.Logf("%s: %d lines", dir, lines)
	}
}
