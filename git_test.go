package reposit_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// needGit skips a test where git, the oracle, is not installed.
func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
}

// git runs a git command that must succeed, and returns its output without the last newline.
func git(t testing.TB, dir string, stdin []byte, args ...string) string {
	t.Helper()
	out, err := tryGit(t, dir, stdin, args...)
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSuffix(out, "\n")
}

func tryGit(t testing.TB, dir string, stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w\n%s%s", err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// newGit makes an empty bare repository.
func newGit(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--bare", "--initial-branch=main", ".")
	return dir
}

// export writes all objects and refs of a repository, whatever the backend, into a new bare one.
func (s *store) export(t testing.TB, r *reposit.Repo) string {
	t.Helper()
	dir := newGit(t)
	ctx := context.WithoutCancel(t.Context())
	id := storageID(r)
	git(t, dir, s.pack(t, id), "index-pack", "--stdin")
	err := s.backend.View(ctx, func(v storage.View) error {
		var packed strings.Builder
		for found, err := range v.Refs(id, "", "") {
			switch {
			case err != nil:
				return err
			case found.Name == "HEAD":
				if err := os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: "+found.Target+"\n"), 0o644); err != nil {
					return err
				}
			default:
				fmt.Fprintf(&packed, "%s %s\n", found.Hash, found.Name)
			}
		}
		return os.WriteFile(filepath.Join(dir, "packed-refs"), []byte(packed.String()), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// pack returns all objects of a pool as a pack without deltas (gitformat-pack).
func (s *store) pack(t testing.TB, pool storage.ID) []byte {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	read := object.New(s.backend, 1<<20)
	var body bytes.Buffer
	z, _ := zlib.NewWriterLevel(&body, zlib.BestSpeed)
	n := uint32(0)
	for h, err := range s.backend.Objects(ctx, pool, storage.Hash{}, lastHash) {
		if err != nil {
			t.Fatal(err)
		}
		kind, data, err := read.Pass(ctx, pool, h)
		if err != nil {
			t.Fatal(err)
		}
		c, rest := byte(kind)<<4|byte(len(data)&15), len(data)>>4
		for ; rest > 0; rest >>= 7 {
			body.WriteByte(c | 0x80)
			c = byte(rest & 0x7f)
		}
		body.WriteByte(c)
		z.Reset(&body)
		z.Write(data)
		z.Close()
		n++
	}
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), n)
	pack = append(pack, body.Bytes()...)
	sum := sha1.Sum(pack)
	return append(pack, sum[:]...)
}

// fsck checks a repository with git, which must find nothing to say.
func fsck(t testing.TB, dir string) {
	t.Helper()
	if out, err := tryGit(t, dir, nil, "fsck", "--strict", "--no-dangling", "--no-progress"); err != nil || out != "" {
		t.Errorf("git fsck --strict: %v\n%s", err, out)
	}
}
