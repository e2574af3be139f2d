// Package archtest holds the rules about who may import whom, as tests.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/reposit/reposit"

// A rule bounds what the files of a package may import besides the standard library. The first rule whose dir is the
// package's folder, or a parent of it, counts.
type rule struct {
	dir     string
	allowed []string // a path, or with "/..." also what is below it
	why     string
}

var rules = []rule{
	{"storage/storagetest", nil, ""}, // tests, which stand outside
	{"storage/memory", []string{module + "/storage", module + "/storage/internal/..."}, "a backend knows the contract only"},
	{"storage/badger", []string{module + "/storage", module + "/storage/internal/...",
		"github.com/dgraph-io/badger/v4/...", "github.com/klauspost/compress/...", "golang.org/x/sys/..."},
		"a backend knows the contract and its own engine only"},
	{"storage/billyfs", []string{module + "/storage", module + "/storage/internal/...",
		"github.com/go-git/go-billy/v5/...", "github.com/go-git/go-git/v5/plumbing/...",
		"github.com/klauspost/compress/...", "github.com/pjbgf/sha1cd", "golang.org/x/sys/..."},
		"a backend knows the contract and its own engine only"},
	{"storage", []string{module + "/storage", module + "/storage/internal/..."}, "the contract stands on the standard library"},
	{"internal", []string{module + "/storage", module + "/internal/...",
		"github.com/go-git/go-git/v5/plumbing/...", "github.com/go-git/go-git/v5/storage",
		"github.com/go-git/go-git/v5/config", "github.com/go-git/go-git/v5/utils/...",
		"github.com/klauspost/compress/...", "github.com/pjbgf/sha1cd"},
		"an engine knows neither the public package nor a backend"},
	{"examples", nil, ""},
	{"bench", nil, ""},
	{"", []string{module + "/storage", module + "/internal/...",
		"github.com/go-git/go-git/v5/plumbing/...", "github.com/go-git/go-git/v5/storage",
		"github.com/matoous/go-nanoid/v2"},
		"the public package knows no backend"},
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != root {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		checkFile(t, name, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("looked at %d files, want all of the module", files)
	}
}

func checkFile(t *testing.T, name, rel string) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	dir := path.Dir(rel)
	i := slices.IndexFunc(rules, func(r rule) bool {
		return r.dir == "" || dir == r.dir || strings.HasPrefix(dir, r.dir+"/")
	})
	if rules[i].allowed == nil {
		return
	}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
			continue // the standard library
		}
		if !slices.ContainsFunc(rules[i].allowed, func(a string) bool { return covers(a, imported) }) {
			t.Errorf("%s imports %s: %s", rel, imported, rules[i].why)
		}
	}
}

func covers(allowed, imported string) bool {
	below, wide := strings.CutSuffix(allowed, "/...")
	return imported == below || wide && strings.HasPrefix(imported, below+"/")
}

// TestNoNetwork holds that only Badger brings a network package into a program.
func TestNoNetwork(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	for _, pkg := range []string{"", "/storage/memory", "/storage/billyfs"} {
		out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", module+pkg, err)
		}
		for _, banned := range []string{"net/http", "github.com/go-git/go-git/v5", "os/exec"} {
			if slices.Contains(strings.Fields(string(out)), banned) {
				t.Errorf("%s links %s", module+pkg, banned)
			}
		}
	}
}
