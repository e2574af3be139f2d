package reposit_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/api.txt")

// TestAPI compares what the public packages export with testdata/api.txt, so that no name comes, goes or changes
// unnoticed. The flag -update rewrites the file.
func TestAPI(t *testing.T) {
	var all strings.Builder
	for _, dir := range []string{".", "storage", "storage/memory", "storage/badger", "storage/billyfs"} {
		fmt.Fprintf(&all, "# %s\n\n", dir)
		for _, line := range exported(t, dir) {
			fmt.Fprintf(&all, "%s\n", line)
		}
		all.WriteByte('\n')
	}
	golden := filepath.Join("testdata", "api.txt")
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(all.String(), "\n")); diff != "" {
		t.Errorf("the exported API changed; go test -run TestAPI -update . writes it down. -%s +now:\n%s", golden, diff)
	}
}

// exported returns the exported declarations of a package without bodies and comments, a line each, sorted.
func exported(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{} // the same on each system is one
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if of := receiver(d); of != "" && !ast.IsExported(of) {
					continue
				}
				d.Body = nil
				seen[oneLine(t, fset, d)] = true
			case *ast.GenDecl:
				if d.Tok == token.IMPORT {
					continue
				}
				for _, s := range d.Specs {
					seen[d.Tok.String()+" "+oneLine(t, fset, s)] = true
				}
			}
		}
	}
	lines := make([]string, 0, len(seen))
	for line := range seen {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func oneLine(t *testing.T, fset *token.FileSet, node any) string {
	t.Helper()
	var b bytes.Buffer
	if err := format.Node(&b, fset, node); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
