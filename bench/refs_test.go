package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// BenchmarkRefs lists 20,000 tags, and looks a commit up by its hash beside them. On billyfs git lists them, too, in
// the same repository: ours/git is how long Refs.All takes against git for-each-ref.
func BenchmarkRefs(b *testing.B) {
	for _, p := range []place{inMemory, onBadger, onBilly} {
		b.Run("store="+p.name, func(b *testing.B) {
			r, _ := manyTags(b, openStore(b, p))
			b.Run("op=all", func(b *testing.B) { listTags(b, r, "") })
			b.Run("op=hash", func(b *testing.B) { lookUp(b, r) })
		})
	}
	needGit(b)
	b.Run("store=billyfs/peer=git", func(b *testing.B) {
		dir := b.TempDir()
		r, _ := manyTags(b, openStore(b, billyIn(dir)))
		listTags(b, r, onlyRepo(b, dir))
	})
}

// tagCount is how many tags there are: few where benchmarks only have to run.
func tagCount() int {
	if testing.Short() {
		return 500
	}
	return 20_000
}

var onBilly = place{"billyfs", func(tb testing.TB) storage.Backend { return billyIn(tb.TempDir()).open(tb) }}

// billyIn is billyfs in a directory.
func billyIn(dir string) place {
	return place{"billyfs", func(tb testing.TB) storage.Backend {
		backend, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
		if err != nil {
			tb.Fatal(err)
		}
		return backend
	}}
}

// manyTags makes a repository with one commit and tags that name it.
func manyTags(b *testing.B, s *reposit.Store) (*reposit.Repo, reposit.Hash) {
	r := fill(b, s, "bench", layout{1, 10})
	head, err := r.Branches().Branch(b.Context(), "main")
	if err != nil {
		b.Fatal(err)
	}
	updates := make([]reposit.RefUpdate, tagCount())
	for i := range updates {
		updates[i] = reposit.RefUpdate{Name: fmt.Sprintf("refs/tags/t%05d", i), New: head.Commit.Hash}
	}
	for len(updates) > 0 {
		n := min(len(updates), 2000)
		if err := r.Refs().Update(b.Context(), updates[:n]...); err != nil {
			b.Fatal(err)
		}
		updates = updates[n:]
	}
	return r, head.Commit.Hash
}

func countTags(b *testing.B, r *reposit.Repo) {
	n := 0
	for _, err := range r.Refs().All(context.Background(), "refs/tags/") {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != tagCount() {
		b.Fatalf("%d tagCount(), want %d", n, tagCount())
	}
}

// listTags lists the tags, and has git list those in the bare repository beside, unless that is "".
func listTags(b *testing.B, r *reposit.Repo, bare string) {
	b.ReportAllocs()
	var ours, peer time.Duration
	for b.Loop() {
		start := time.Now()
		countTags(b, r)
		ours += time.Since(start)
		if bare != "" {
			b.StopTimer()
			peer += forEachRef(b, bare)
			b.StartTimer()
		}
	}
	if bare != "" {
		b.ReportMetric(float64(ours)/float64(peer), "ours/git")
	}
}

// forEachRef returns how long git takes to list the tags.
func forEachRef(b *testing.B, bare string) time.Duration {
	start := time.Now()
	cmd := exec.CommandContext(b.Context(), "git", "-C", bare, "for-each-ref", "refs/tags/")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git for-each-ref: %v\n%s", err, out)
	}
	return time.Since(start)
}

func lookUp(b *testing.B, r *reposit.Repo) {
	head, err := r.Branches().Branch(b.Context(), "main")
	if err != nil {
		b.Fatal(err)
	}
	hash := head.Commit.Hash.String()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Resolve(context.Background(), hash); err != nil {
			b.Fatal(err)
		}
	}
}

// onlyRepo returns the one bare repository of a billyfs store.
func onlyRepo(b *testing.B, dir string) string {
	found, err := filepath.Glob(filepath.Join(dir, "repos", "*.git"))
	if err != nil || len(found) != 1 {
		b.Fatalf("repositories: %q, %v", found, err)
	}
	return found[0]
}
