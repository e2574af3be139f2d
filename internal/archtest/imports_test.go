// Package archtest holds the rules about who may import whom, as tests.
package archtest

import (
	"go/ast"
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
	{"internal/archtest/testdata", nil, ""},
	{"internal/check/fixture", nil, ""}, // for tests, too
	{"storage/memory", []string{module + "/storage", module + "/storage/internal/..."},
		"a backend knows the contract only"},
	{"storage/badger", []string{module + "/storage", module + "/storage/internal/...",
		"github.com/dgraph-io/badger/v4/...", "github.com/klauspost/compress/...", "golang.org/x/sys/..."},
		"a backend knows the contract and its own engine only"},
	{"internal/packfile", []string{module + "/storage", "github.com/pjbgf/sha1cd"}, "formats know hashes alone"},
	{"internal/reffile", []string{module + "/storage"}, "formats are pure: whoever keeps files opens them"},
	{"storage/billyfs", []string{module + "/storage", module + "/storage/internal/...", module + "/internal/packfile",
		module + "/internal/reffile",
		module + "/storage/billyfs/internal/...",
		"github.com/go-git/go-billy/v5/...", "github.com/go-git/go-git/v5/plumbing/...",
		"github.com/klauspost/compress/...", "github.com/pjbgf/sha1cd", "golang.org/x/sys/..."},
		"a backend knows the contract and its own engine only"},
	{"storage/internal/packs", []string{module + "/storage", module + "/internal/packfile",
		"github.com/klauspost/compress/..."}, "it reads packs for backends"},
	{"storage", []string{module + "/storage", module + "/storage/internal/..."},
		"the contract stands on the standard library"},
	{"internal/sshkey", []string{module + "/internal/fault", "golang.org/x/crypto/ssh"},
		"it reads keys, and is alone with the package that can also dial"},
	{"internal/linediff", []string{}, "it knows texts alone"},
	{"internal/linemerge", []string{module + "/internal/linediff"}, "it knows texts alone"},
	{"internal/jsonmerge", []string{module + "/internal/linediff", module + "/internal/linemerge"},
		"it knows texts alone"},
	{"internal/treemerge", []string{module + "/storage", module + "/internal/git", module + "/internal/linediff",
		module + "/internal/linemerge", module + "/internal/object", module + "/internal/treediff",
		module + "/internal/treeedit"}, "it knows trees, and nothing of commits' branches or repositories"},
	{"internal/linguist", []string{}, "it stands on its embedded tables"},
	{"internal/search", []string{module + "/storage", module + "/internal/record", module + "/internal/fault",
		"github.com/clipperhouse/uax29/v2/words", "github.com/kljensen/snowball/english", "golang.org/x/text/unicode/norm"},
		"search knows records and words only"},
	{"internal/names", []string{module + "/internal/fault", "golang.org/x/text/unicode/norm"},
		"names know text and what kind an error is"},
	{"internal/charset", []string{module + "/internal/git", "golang.org/x/text/encoding",
		"golang.org/x/text/encoding/..."},
		"only what decodes text knows its encodings"},
	{"internal/check", []string{module + "/storage", module + "/internal/catalog", module + "/internal/contributor",
		module + "/internal/git", module + "/internal/graph", module + "/internal/language", module + "/internal/object",
		module + "/internal/packfile", module + "/internal/progress", module + "/internal/ref", module + "/internal/search"},
		"it looks at what is stored, and not through what stores it"},
	{"internal", []string{module + "/storage", module + "/internal/...", "github.com/go-git/go-billy/v5",
		"github.com/go-git/go-git/v5/plumbing/...", "github.com/go-git/go-git/v5/storage",
		"github.com/go-git/go-git/v5/config", "github.com/go-git/go-git/v5/utils/...",
		"github.com/klauspost/compress/...", "github.com/pjbgf/sha1cd"},
		"an engine knows neither the public package nor a backend"},
	{"examples", nil, ""},
	{"cmd", nil, ""}, // a module of its own
	{"reposittest/gogittest", nil, ""},
	{"reposittest", []string{module, module + "/storage/...", "github.com/go-git/go-billy/v5/osfs"},
		"who tests links go-git's own packages only by gogittest"},
	{"bench", nil, ""},
	{"", []string{module + "/storage", module + "/internal/...",
		"github.com/go-git/go-git/v5/plumbing/...", "github.com/go-git/go-git/v5/storage",
		"github.com/go-git/go-billy/v5", "github.com/matoous/go-nanoid/v2"},
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

// TestOneTransaction holds that only package txn writes refs and objects, and that nothing updates a backend past it.
// Guards, versions, quotas, logs and events rest on that. Package backup restores what they made.
func TestOneTransaction(t *testing.T) {
	calls := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		if strings.HasPrefix(dir, "../../storage") || strings.HasPrefix(dir, "../../bench") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && slices.Contains([]string{"PutRef", "DeleteRef", "PutObject"}, s.Sel.Name) {
				if calls++; dir != "../../internal/txn" && dir != "../../internal/backup" {
					t.Errorf("%s calls %s, which only package txn may", name, s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || calls == 0 {
		t.Errorf("found %d calls that write refs and objects, %v, want some", calls, err)
	}
}

func covers(allowed, imported string) bool {
	below, wide := strings.CutSuffix(allowed, "/...")
	return imported == below || wide && strings.HasPrefix(imported, below+"/")
}

// TestNoNetwork holds what brings package net into a program: Badger, and golang.org/x/crypto/ssh, of which only
// internal/sshkey knows, and which dials nothing by itself. Only Badger brings more than net.
func TestNoNetwork(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command")
	}
	for pkg, allowed := range map[string][]string{
		"":                 {"golang.org/x/crypto/ssh"},
		"/internal/sshkey": {"golang.org/x/crypto/ssh"},
		"/storage/memory":  nil,
		"/storage/billyfs": nil,
	} {
		linked := dependencies(t, module+pkg)
		for _, banned := range []string{"net/http", "github.com/go-git/go-git/v5", "os/exec"} {
			if _, ok := linked[banned]; ok {
				t.Errorf("%s links %s", module+pkg, banned)
			}
		}
		for name, d := range linked {
			// One of the standard library that knows net counts as net.
			i := slices.IndexFunc(d.imports, func(imported string) bool {
				return imported == "net" || linked[imported].standard && slices.Contains(linked[imported].deps, "net")
			})
			if !d.standard && i >= 0 && !slices.Contains(allowed, name) {
				t.Errorf("%s links net, since %s imports %s", module+pkg, name, d.imports[i])
			}
		}
	}
}

// A dependency is a package that is linked, with what it imports itself and in all.
type dependency struct {
	standard      bool
	imports, deps []string
}

func dependencies(t *testing.T, pkg string) map[string]dependency {
	t.Helper()
	const format = `{{.ImportPath}}|{{.Standard}}|{{join .Imports " "}}|{{join .Deps " "}}`
	out, err := exec.Command("go", "list", "-deps", "-f", format, pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	all := make(map[string]dependency)
	for line := range strings.Lines(string(out)) {
		field := strings.Split(strings.TrimSpace(line), "|")
		if len(field) != 4 {
			t.Fatalf("go list -deps %s: %q", pkg, line)
		}
		all[field[0]] = dependency{field[1] == "true", strings.Fields(field[2]), strings.Fields(field[3])}
	}
	return all
}
