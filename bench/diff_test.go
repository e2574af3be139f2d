package bench

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	fixtures "github.com/go-git/go-git-fixtures/v4"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit"
)

const diffPairs = 500

// BenchmarkDiff makes the patches of 500 commits of a real history, each against its first parent, with and without
// renames. Beside it is one process of git that makes the same of all pairs.
func BenchmarkDiff(b *testing.B) {
	if _, err := exec.LookPath("git"); err != nil {
		b.Skip("git is not installed")
	}
	f := fixtures.ByURL("https://github.com/spinnaker/spinnaker.git").One()
	dir := b.TempDir()
	run := func(stdin io.Reader, args ...string) []byte {
		cmd := exec.CommandContext(b.Context(), "git", args...)
		cmd.Dir, cmd.Stdin = dir, stdin
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("git %s: %v", args, err)
		}
		return out
	}
	run(nil, "init", "-q", "--bare", ".")
	run(f.Packfile(), "index-pack", "--stdin")
	run(nil, "update-ref", "refs/heads/main", f.Head)
	var pairs [][2]string
	var commits bytes.Buffer
	for line := range strings.Lines(string(run(nil, "log", "--min-parents=1", "--format=%H %P", "main"))) {
		hashes := strings.Fields(line)
		if len(pairs) < diffPairs {
			pairs = append(pairs, [2]string{hashes[1], hashes[0]})
			fmt.Fprintln(&commits, hashes[0], hashes[1])
		}
	}
	for _, mode := range []struct {
		flag    string
		renames reposit.RenameMode
	}{{"--no-renames", reposit.RenamesOff}, {"-M", reposit.RenamesOn}} {
		name := fmt.Sprintf("pairs=%d/renames=%d", len(pairs), mode.renames)
		for _, p := range []place{inMemory, onBadger} {
			r := unpack(b, openStore(b, p), f)
			b.Run(name+"/store="+p.name+"/engine=reposit", func(b *testing.B) {
				defer reportCPU(b)()
				for b.Loop() {
					for _, pair := range pairs {
						if _, err := r.Diff(b.Context(), pair[0], pair[1], &reposit.DiffOptions{Renames: mode.renames}); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
		b.Run(name+"/engine=git", func(b *testing.B) {
			defer reportCPU(b)()
			for b.Loop() {
				run(bytes.NewReader(commits.Bytes()), "diff-tree", "--stdin", "-r", "-p", "--full-index", mode.flag, "-m",
					"--first-parent", "--no-commit-id")
			}
		})
	}
}

// unpack makes a repository of a fixture.
func unpack(b *testing.B, s *reposit.Store, f *fixtures.Fixture) *reposit.Repo {
	b.Helper()
	r, err := s.Create(b.Context(), "fixture", nil)
	if err != nil {
		b.Fatal(err)
	}
	st, err := r.Storer(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	w, err := st.(storer.PackfileWriter).PackfileWriter()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(w, f.Packfile()); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	main := plumbing.NewHashReference("refs/heads/main", plumbing.NewHash(f.Head))
	if err := st.SetReference(main); err != nil {
		b.Fatal(err)
	}
	return r
}
