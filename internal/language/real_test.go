package language

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-enry/go-enry/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// TestRealTrees compares with what enry says file by file, in bytes.
func TestRealTrees(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at all of a real tree")
	}
	roots := realTrees(t)
	for _, root := range roots {
		f := newFixture(t)
		tree, n := f.load(root)
		want, dirs := askEnry(t, root)
		got := f.count(tree)
		if diff := cmp.Diff(Counts{Bytes: want, Files: n, Dirs: dirs}, got); diff != "" {
			t.Errorf("%s, %d files (-enry +got):\n%s", root, n, diff)
		}
		t.Logf("%s, %d files: %v", root, n, got.Bytes)
	}
}

var goroot = flag.Bool("goroot", false, "TestRealTrees looks at the standard library, too")

// realTrees are the directories of modules that are there, the least one last, and of the standard library if asked.
func realTrees(t testing.TB) []string {
	t.Helper()
	var roots []string
	if *goroot {
		roots = append(roots, goPath(t, "env", "GOROOT")+"/src")
	}
	for _, module := range []string{"github.com/klauspost/compress", "github.com/go-enry/go-enry/v2",
		"github.com/go-git/go-git/v5"} {
		roots = append(roots, goPath(t, "list", "-m", "-f", "{{.Dir}}", module))
	}
	return roots
}

func goPath(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", args...).Output()
	path := strings.TrimSpace(string(out))
	if err != nil || path == "" {
		t.Skipf("needs the go command and its files: go %v = %v", args, err)
	}
	return path
}

// load stores a directory as a tree and returns how many files it has.
func (f *fixture) load(dir string) (git.Hash, int) {
	f.t.Helper()
	listed, err := os.ReadDir(dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var entries []git.Entry
	files := 0
	for _, d := range listed {
		path := filepath.Join(dir, d.Name())
		e := git.Entry{Name: d.Name(), Mode: git.ModeRegular}
		if d.IsDir() {
			var below int
			e.Mode = git.ModeDir
			e.Hash, below = f.load(path)
			files += below
		} else {
			data, err := os.ReadFile(path)
			if err != nil {
				f.t.Fatal(err)
			}
			e.Hash = f.put(storage.Blob, data)
			files++
		}
		entries = append(entries, e)
	}
	return f.treeOf(entries), files
}

// askEnry counts a directory in the plainest way. None of the trees has a .gitattributes that speaks of languages.
func askEnry(t *testing.T, root string) (map[string]int64, int) {
	t.Helper()
	sizes, dirs := map[string]int64{}, -1
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			dirs++
			return nil
		}
		path, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if d.Name() == ".gitattributes" && strings.Contains(string(content), "linguist-") {
			t.Errorf("%s speaks of languages", name)
		}
		if len(content) == 0 || enry.IsVendor(path) || enry.IsDocumentation(path) || enry.IsGenerated(path, content) {
			return nil
		}
		head := content[:min(len(content), MaxContent)]
		language := enry.GetLanguage(path, head)
		if t := enry.GetLanguageType(language); t != enry.Programming && t != enry.Markup {
			return nil
		}
		if group := enry.GetLanguageGroup(language); group != "" {
			language = group
		}
		sizes[language] += int64(len(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes, dirs
}
