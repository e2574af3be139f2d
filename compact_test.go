package reposit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// TestCompact compacts what commits left, again and again, and compares what is exported with what was there before,
// and its size with what git gc makes of it.
func TestCompact(t *testing.T) {
	t.Parallel()
	needGit(t)
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		text := strings.Repeat("a line of a text that is edited\n", 300)
		fork := r
		for round := range 3 {
			for i := range 40 {
				n := round*40 + i
				at := n * 97 % len(text)
				text = text[:at] + fmt.Sprintf("line %d\n", n) + text[at:]
				commit(t, r, nil, reposit.Put("text", []byte(text)), reposit.Put(fmt.Sprintf("d%d/file", i%5),
					fmt.Appendf(nil, "%d\n", n)))
			}
			before := t.TempDir()
			if err := r.Export(t.Context(), osfs.New(before), nil); err != nil {
				t.Fatal(err)
			}
			stats, err := s.Compact(t.Context(), nil)
			if err != nil || stats.Packs != 1 || stats.Objects == 0 {
				t.Fatalf("Compact() = %+v, %v, want one pack", stats, err)
			}
			if packs, recent := s.packsOf(t, r); recent != 0 || len(packs) > 2 {
				t.Errorf("after Compact() packs are %v, and %d objects beside", packs, recent)
			}
			after := t.TempDir()
			if err := r.Export(t.Context(), osfs.New(after), nil); err != nil {
				t.Fatal(err)
			}
			fsck(t, after)
			if diff := cmp.Diff(stored(t, before), stored(t, after)); diff != "" {
				t.Errorf("objects after Compact() (-before +after):\n%s", diff)
			}
			git(t, before, nil, "gc", "-q")
			ours, theirs := packSize(t, after), packSize(t, before)
			t.Logf("%d commits: %d bytes in packs, git gc has %d", round*40+40, ours, theirs)
			if round == 2 && ours > theirs*3/2 {
				t.Errorf("packs have %d bytes, git gc makes %d", ours, theirs)
			}
			if fork, err = r.Fork(t.Context(), &reposit.ForkOptions{Slug: fmt.Sprint("fork", round)}); err != nil {
				t.Fatal(err)
			}
			write(t, fork, "fork", fmt.Sprint(round))
		}
		if stats, err := s.Compact(t.Context(), nil); err != nil || stats.Objects > 20 {
			t.Errorf("Compact() with nearly nothing to do = %+v, %v", stats, err)
		}
		remove(t, r)
		if data, err := fork.Read(t.Context(), "", "text"); err != nil || string(data) != text {
			t.Errorf("the fork reads %d bytes, %v, want %d", len(data), err, len(text))
		}
		checkStore(t, s)
	})
}

func packSize(t *testing.T, dir string) (n int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "objects/pack/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if ext := filepath.Ext(file); ext == ".pack" || ext == ".idx" {
			n += info.Size()
		}
	}
	return n
}

// TestCompactBeside compacts while others commit and read.
func TestCompactBeside(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		var writers sync.WaitGroup
		for w := range 4 {
			r := create(t, s, fmt.Sprint("r", w/2), &reposit.CreateOptions{Owner: fmt.Sprint("o", w)})
			writers.Go(func() {
				for i := range 30 {
					want := strings.Repeat(fmt.Sprintf("%d of %d\n", i, w), 20)
					if _, err := r.Commit(t.Context(), nil, reposit.Put(fmt.Sprint("f", i%7), []byte(want))); err != nil {
						t.Errorf("Commit() = %v", err)
						return
					}
					if got, err := r.Read(t.Context(), "", fmt.Sprint("f", i%7)); err != nil || string(got) != want {
						t.Errorf("Read() gives %d bytes, %v", len(got), err)
						return
					}
				}
			})
		}
		for range 6 {
			if _, err := s.Compact(t.Context(), nil); err != nil {
				t.Errorf("Compact() = %v", err)
			}
		}
		writers.Wait()
		if _, err := s.Compact(t.Context(), nil); err != nil {
			t.Errorf("Compact() = %v", err)
		}
		checkStore(t, s)
	})
}
