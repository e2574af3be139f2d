package archive_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A repo is a bare repository made by git.
type repo struct {
	t   testing.TB
	dir string
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	r := &repo{t, t.TempDir()}
	r.git(nil, "init", "-q", "-b", "main", "--bare")
	return r
}

// git runs git with the given input and returns its output. Nothing of the machine's configuration has a say.
func (r *repo) git(stdin []byte, args ...string) []byte {
	r.t.Helper()
	cmd := r.command(args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %q: %v\n%s", args, err, &stderr)
	}
	return out
}

func (r *repo) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_ATTR_NOSYSTEM=1", "GIT_CONFIG_NOSYSTEM=1", "HOME="+r.dir, "XDG_CONFIG_HOME="+r.dir,
		"TZ=UTC", "COLUMNS=80")
	return cmd
}

// A file is an entry of a tree to make; its mode is a regular file's if it is "".
type file struct{ path, mode, content string }

const (
	someone = "A U Thor <author@example.com> 1700000000 +0130"
	other   = "C O Mitter <committer@example.com> 1700003600 -0800"
)

// commit stores a commit of the files with fast-import.
func (r *repo) commit(files ...file) storage.Hash {
	r.t.Helper()
	return r.commitAs(someone, other, "subject\n\nbody\n", files...)
}

func (r *repo) commitAs(author, committer, message string, files ...file) storage.Hash {
	r.t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/main\nauthor %s\ncommitter %s\ndata %d\n%s\n", author, committer, len(message),
		message)
	if r.command("rev-parse", "-q", "--verify", "refs/heads/main").Run() == nil {
		b.WriteString("from refs/heads/main^0\n")
	}
	b.WriteString("deleteall\n")
	for _, f := range files {
		mode := f.mode
		if mode == "" {
			mode = "100644"
		}
		if mode == "160000" {
			fmt.Fprintf(&b, "M 160000 %s %s\n", strings.Repeat("12", 20), quote(f.path))
			continue
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, quote(f.path), len(f.content), f.content)
	}
	r.git(b.Bytes(), "fast-import", "--quiet", "--force", "--date-format=raw-permissive")
	return r.rev("refs/heads/main")
}

func quote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(path) {
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String() + `"`
}

func (r *repo) rev(name string) storage.Hash {
	r.t.Helper()
	return mustHash(r.t, strings.TrimSpace(string(r.git(nil, "rev-parse", name))))
}

func mustHash(t testing.TB, s string) storage.Hash {
	t.Helper()
	h, ok := git.ParseHash(s)
	if !ok {
		t.Fatalf("%q is no hash", s)
	}
	return h
}

// objects is a Source of objects in memory.
type objects map[storage.Hash]object

type object struct {
	kind storage.Type
	data []byte
}

// objects reads all that the repository has.
func (r *repo) objects() objects {
	r.t.Helper()
	out := bufio.NewReader(bytes.NewReader(r.git(nil, "cat-file", "--batch", "--batch-all-objects", "--buffer")))
	kinds := map[string]storage.Type{"commit": storage.Commit, "tree": storage.Tree, "blob": storage.Blob,
		"tag": storage.Tag}
	all := objects{}
	for {
		line, err := out.ReadString('\n')
		if err == io.EOF {
			return all
		}
		fields := strings.Fields(line)
		if err != nil || len(fields) != 3 {
			r.t.Fatalf("cat-file says %q, %v", line, err)
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			r.t.Fatal(err)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(out, data); err != nil {
			r.t.Fatal(err)
		}
		out.Discard(1)
		all[mustHash(r.t, fields[0])] = object{kinds[fields[1]], data}
	}
}

// put stores an object and returns its hash.
func (o objects) put(t testing.TB, kind storage.Type, data []byte) storage.Hash {
	t.Helper()
	h, err := git.Sum(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	o[h] = object{kind, data}
	return h
}

func (o objects) find(h storage.Hash, kind storage.Type) ([]byte, error) {
	if found, ok := o[h]; ok && found.kind == kind {
		return found.data, nil
	}
	return nil, fmt.Errorf("%s %s: %w", kind, h, storage.ErrNotFound)
}

func (o objects) Tree(ctx context.Context, h storage.Hash) (*git.Tree, error) {
	data, err := o.find(h, storage.Tree)
	if err != nil {
		return nil, err
	}
	return git.ParseTree(data)
}

func (o objects) Blob(ctx context.Context, h storage.Hash, limit int64) (int64, []byte, error) {
	data, err := o.find(h, storage.Blob)
	if err != nil || int64(len(data)) > limit {
		return int64(len(data)), nil, err
	}
	return int64(len(data)), data, nil
}

func (o objects) OpenBlob(ctx context.Context, h storage.Hash) (int64, io.ReadCloser, error) {
	data, err := o.find(h, storage.Blob)
	return int64(len(data)), io.NopCloser(bytes.NewReader(data)), err
}

// importDir commits a directory of the machine as it is.
func (r *repo) importDir(dir string) storage.Hash {
	r.t.Helper()
	git := func(args ...string) {
		r.t.Helper()
		cmd := r.command(args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "GIT_DIR="+r.dir, "GIT_WORK_TREE="+dir, "GIT_INDEX_FILE="+filepath.Join(r.dir, "tmp-index"))
		if out, err := cmd.CombinedOutput(); err != nil {
			r.t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("add", "-f", ".")
	git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "import")
	return r.rev("HEAD")
}
