package treemerge

import (
	"bufio"
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}

func gitCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	return cmd
}

func runGit(t testing.TB, dir string, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := gitCommand(t.Context(), dir, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes()
}

// A repo reads a repository through one process of git, and knows its commits.
type repo struct {
	in      io.Writer
	out     *bufio.Reader
	known   map[git.Hash]any
	bytes   int
	commits map[git.Hash]*node
}

type node struct {
	root    git.Hash
	parents []git.Hash
	time    int64
	depth   int // generation number; 0: not known yet
}

func openRepo(t testing.TB, dir string) *repo {
	t.Helper()
	cmd := gitCommand(t.Context(), dir, "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	r := &repo{in: in, out: bufio.NewReader(out), known: map[git.Hash]any{}, commits: map[git.Hash]*node{}}
	var order []*node
	for line := range strings.Lines(string(runGit(t, dir, nil, "log", "--all", "--topo-order", "--format=%H %T %ct %P"))) {
		f := strings.Fields(line)
		n := &node{root: hashOf(t, f[1])}
		if n.time, err = strconv.ParseInt(f[2], 10, 64); err != nil {
			t.Fatal(err)
		}
		for _, p := range f[3:] {
			n.parents = append(n.parents, hashOf(t, p))
		}
		r.commits[hashOf(t, f[0])] = n
		order = append(order, n)
	}
	for _, n := range slices.Backward(order) {
		n.depth = 1
		for _, p := range n.parents {
			n.depth = max(n.depth, r.commits[p].depth+1)
		}
	}
	return r
}

func hashOf(t testing.TB, s string) git.Hash {
	t.Helper()
	h, ok := git.ParseHash(s)
	if !ok {
		t.Fatalf("%q is no hash", s)
	}
	return h
}

const maxKnown = 512 << 20

func (r *repo) read(h git.Hash) ([]byte, error) {
	if data, ok := r.known[h].([]byte); ok {
		return data, nil
	}
	if _, err := fmt.Fprintln(r.in, h); err != nil {
		return nil, err
	}
	var name, kind string
	var size int
	if _, err := fmt.Fscanf(r.out, "%s %s %d\n", &name, &kind, &size); err != nil {
		return nil, fmt.Errorf("%s: %w", h, err)
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(r.out, data); err != nil {
		return nil, err
	}
	if r.bytes += size; r.bytes > maxKnown {
		clear(r.known)
		r.bytes = 0
	}
	r.known[h] = data[:size:size]
	return data[:size:size], nil
}

func (r *repo) Tree(_ context.Context, h git.Hash) (*object.Item, error) {
	if item, ok := r.known[h].(*object.Item); ok {
		return item, nil
	}
	data, err := r.read(h)
	if err != nil {
		return nil, err
	}
	tree, err := git.ParseTree(data)
	item := &object.Item{Type: storage.Tree, Size: int64(len(data)), Data: data, Tree: tree}
	r.known[h] = item
	return item, err
}

func (r *repo) Size(_ context.Context, h git.Hash) (int64, error) {
	data, err := r.read(h)
	return int64(len(data)), err
}

func (r *repo) Blob(_ context.Context, h git.Hash) ([]byte, error) { return r.read(h) }

func (r *repo) Root(_ context.Context, h git.Hash) (git.Hash, error) { return r.commits[h].root, nil }

// A byDepth queue has the commit with the greatest generation number first.
type byDepth struct {
	r   *repo
	all []git.Hash
}

func (q *byDepth) Len() int { return len(q.all) }
func (q *byDepth) Less(i, j int) bool {
	return q.r.commits[q.all[i]].depth > q.r.commits[q.all[j]].depth
}
func (q *byDepth) Swap(i, j int) { q.all[i], q.all[j] = q.all[j], q.all[i] }
func (q *byDepth) Push(x any)    { q.all = append(q.all, x.(git.Hash)) }
func (q *byDepth) Pop() any {
	last := q.all[len(q.all)-1]
	q.all = q.all[:len(q.all)-1]
	return last
}

// Bases marks ancestors from the youngest generation on, so that those of a common one are known before they come.
func (r *repo) Bases(_ context.Context, commit git.Hash, others []git.Hash) ([]git.Hash, error) {
	const one, two, below = 1, 2, 4
	marks := map[git.Hash]int{}
	q := &byDepth{r: r}
	open := 0
	mark := func(h git.Hash, m int) {
		old, seen := marks[h]
		marks[h] = old | m
		if !seen {
			heap.Push(q, h)
		}
		if (!seen || old&below != 0) && marks[h]&below == 0 {
			open++
		} else if seen && old&below == 0 && marks[h]&below != 0 {
			open--
		}
	}
	mark(commit, one)
	for _, h := range others {
		mark(h, two)
	}
	var bases []git.Hash
	for open > 0 {
		h := heap.Pop(q).(git.Hash)
		m := marks[h]
		if m&below == 0 {
			open--
			if m == one|two {
				bases = append(bases, h)
				m |= below
			}
		}
		for _, p := range r.commits[h].parents {
			mark(p, m)
		}
	}
	slices.SortStableFunc(bases, func(a, b git.Hash) int { return int(r.commits[b].time - r.commits[a].time) })
	return bases, nil
}
