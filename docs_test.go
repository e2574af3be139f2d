package reposit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

var cited = regexp.MustCompile("`([A-Z][A-Za-z]*(?:[._][A-Za-z]+)*)`")

// TestForgeTable holds that every function and example that the table of features names is there, and that the examples
// of a row call its functions.
func TestForgeTable(t *testing.T) {
	page, err := os.ReadFile("internal/docs/forge.md")
	if err != nil {
		t.Fatal(err)
	}
	known := declared(t)
	rows := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what |") {
			continue
		}
		rows++
		columns := strings.Split(line, "|")
		if len(columns) != 5 {
			t.Errorf("a row has %d columns: %s", len(columns)-2, line)
			continue
		}
		called := map[string]bool{}
		for i, what := range []string{"example", "function"} {
			names := cited.FindAllStringSubmatch(columns[3-i], -1)
			if len(names) == 0 {
				t.Errorf("a row names no %s: %s", what, line)
			}
			for _, name := range names {
				fn := known[name[1]]
				if fn == nil || strings.HasPrefix(name[1], "Example") != (what == "example") {
					t.Errorf("%q is no %s, in the row of %s", name[1], what, strings.TrimSpace(columns[1]))
				} else if what == "example" {
					addCalls(called, fn)
				} else if !called[fn.Name.Name] {
					t.Errorf("no example calls %s, in the row of %s", name[1], strings.TrimSpace(columns[1]))
				}
			}
		}
	}
	if rows < 35 {
		t.Errorf("%d rows, want all", rows)
	}
}

// declared returns the functions of the package and its tests, methods as "Type.Name". Examples count if go test
// compares their output.
func declared(t *testing.T) map[string]*ast.FuncDecl {
	t.Helper()
	found := map[string]*ast.FuncDecl{}
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || strings.HasPrefix(fn.Name.Name, "Example") && !comparesOutput(f, fn) {
				continue
			}
			found[receiver(fn)+fn.Name.Name] = fn
		}
	}
	return found
}

// addCalls adds the names of what a function calls, or ranges over, of other things.
func addCalls(to map[string]bool, fn *ast.FuncDecl) {
	for n := range ast.Preorder(fn) {
		if call, ok := n.(*ast.CallExpr); ok {
			switch of := call.Fun.(type) {
			case *ast.SelectorExpr:
				to[of.Sel.Name] = true
			case *ast.Ident:
				to[of.Name] = true
			}
		}
	}
}

func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	of := fn.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if id, ok := of.(*ast.Ident); ok {
		return id.Name + "."
	}
	return ""
}

// comparesOutput reports whether a function holds a comment that begins with "Output:".
func comparesOutput(f *ast.File, fn *ast.FuncDecl) bool {
	for _, c := range f.Comments {
		if c.Pos() > fn.Pos() && c.End() < fn.End() && strings.HasPrefix(c.Text(), "Output:") {
			return true
		}
	}
	return false
}
