package blame_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
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

func runGit(t testing.TB, dir string, stdin io.Reader, args ...string) []byte {
	t.Helper()
	cmd := gitCommand(t.Context(), dir, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes()
}

// newGit makes a bare repository.
func newGit(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	runGit(t, dir, nil, "init", "-q", "--bare", "--initial-branch=main", ".")
	return dir
}

// A batch is a Source that reads through one process of git.
type batch struct {
	in     io.Writer
	out    *bufio.Reader
	known  map[git.Hash][]byte
	filter func(path string) func(git.Hash) bool
	nodes  int // that were asked for
}

func newBatch(t testing.TB, dir string) *batch {
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
	return &batch{in: in, out: bufio.NewReader(out), known: map[git.Hash][]byte{}}
}

func (b *batch) read(h git.Hash) ([]byte, error) {
	if data, ok := b.known[h]; ok {
		return data, nil
	}
	if _, err := fmt.Fprintln(b.in, h); err != nil {
		return nil, err
	}
	var name, kind string
	var size int
	if _, err := fmt.Fscanf(b.out, "%s %s %d\n", &name, &kind, &size); err != nil {
		return nil, fmt.Errorf("%s: %w", h, err)
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(b.out, data); err != nil {
		return nil, err
	}
	b.known[h] = data[:size]
	return data[:size], nil
}

func (b *batch) Node(_ context.Context, h git.Hash) (history.Node, error) {
	b.nodes++
	data, err := b.read(h)
	if err != nil {
		return history.Node{}, err
	}
	c, err := git.ParseCommit(data)
	if err != nil {
		return history.Node{}, err
	}
	return history.NodeOf(c), nil
}

func (b *batch) Tree(_ context.Context, h git.Hash) (*git.Tree, error) {
	if h == git.EmptyTree {
		return &git.Tree{}, nil
	}
	data, err := b.read(h)
	if err != nil {
		return nil, err
	}
	return git.ParseTree(data)
}

func (b *batch) Blob(_ context.Context, h git.Hash) ([]byte, error) { return b.read(h) }

func (b *batch) Size(_ context.Context, h git.Hash) (int64, error) {
	data, err := b.read(h)
	return int64(len(data)), err
}

func (b *batch) Filter(path string) func(git.Hash) bool {
	if b.filter == nil {
		return nil
	}
	return b.filter(path)
}
