package reposit_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	fixtures "github.com/go-git/go-git-fixtures/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/storagetest"
)

var imports = flag.String("imports", "", "git directories, by commas, that TestImportFixtures imports, too")

// TestImportFixtures imports the repositories of go-git's fixtures. What git finds whole is imported with the same
// refs, or refused by name; and what is exported, git finds sound, with the same objects.
func TestImportFixtures(t *testing.T) {
	t.Parallel()
	needGit(t)
	dirs := map[string]bool{}
	for _, f := range fixtures.All() {
		if f.DotGitHash != "" {
			dir := f.DotGit().Root()
			t.Cleanup(func() { os.RemoveAll(dir) })
			dirs[dir] = true
		}
	}
	if *imports != "" {
		for _, dir := range strings.Split(*imports, ",") {
			dirs[dir] = true
		}
	}
	imported := 0
	for dir := range dirs {
		backend, err := badger.Open(storagetest.TempDir(t), &badger.Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, backend, "", nil)
		skipped := map[string]bool{}
		r, err := s.Import(t.Context(), "r", osfs.New(dir), &reposit.ImportOptions{
			Skipped: func(ref, _ string) { skipped[ref] = true },
		})
		if err != nil {
			_, unsound := tryGit(t, dir, nil, "fsck", "--connectivity-only")
			if unsound == nil && !strings.Contains(err.Error(), "not supported") {
				t.Errorf("Import() of %s = %v, but git finds it whole", filepath.Base(dir), err)
			}
			continue
		}
		imported++
		var want []string
		for line := range strings.Lines(git(t, dir, nil, "for-each-ref", refFormat)) {
			if _, name, _ := strings.Cut(strings.TrimSpace(line), " "); !skipped[name] {
				want = append(want, strings.TrimSpace(line))
			}
		}
		if diff := cmp.Diff(strings.Join(want, "\n"), refsOf(t, r)); diff != "" {
			t.Errorf("%s: refs (-git +ours):\n%s", filepath.Base(dir), diff)
		}
		out := t.TempDir()
		if err := r.Export(t.Context(), osfs.New(out), nil); err != nil {
			t.Errorf("Export() of %s = %v", filepath.Base(dir), err)
			continue
		}
		git(t, out, nil, "fsck", "--full")
		if len(skipped) > 0 {
			continue
		}
		have := stored(t, out)
		theirs := reached(t, dir)
		if diff := cmp.Diff(slices.Compact(theirs), have); diff != "" {
			t.Errorf("%s: objects of the export (-git +ours):\n%s", filepath.Base(dir), diff)
		}
	}
	if imported < 5 {
		t.Errorf("imported %d of %d repositories, want more", imported, len(dirs))
	}
}
