package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A table is where keys are declared: a file of a package, and a section of format.md.
type keyTable struct {
	file, section string
	// constants matches the names of the constants with the bytes that keys begin with, or that follow these.
	constants string
	// bare has no comment that is a table: the constants are all there is.
	bare bool
}

var keyTables = []keyTable{
	{file: "internal/catalog/key.go", section: "Records: the catalog"},
	{file: "internal/event/event.go", section: "Records: events"},
	{file: "internal/people/key.go", section: "Records: people and deploy keys"},
	{file: "internal/protect/record.go", section: "Records: branch protection"},
	{file: "internal/pull/key.go", section: "Records: pull requests"},
	{file: "internal/search/key.go", section: "Records: search"},
	{file: "internal/language/record.go", section: "Records: languages"},
	{file: "internal/contributor/record.go", section: "Records: contributors"},
	{file: "internal/graph/key.go", section: "Records: graphs of commits"},
	{file: "storage/badger/doc.go", section: "storage/badger"},
	{file: "storage/badger/key.go", section: "storage/badger", constants: `^[a-z]+Type$`, bare: true},
	{file: "storage/billyfs/internal/journal/entry.go", section: "storage/billyfs", constants: `^kind[A-Z]`, bare: true},
}

const recordConstants = `^key[A-Z]`

// TestFormatKeys holds that the document of what is stored, the comments beside the code and its constants have the
// same keys.
func TestFormatKeys(t *testing.T) {
	sections := formatSections(t)
	for _, k := range keyTables {
		t.Run(k.file, func(t *testing.T) {
			documented := sections[k.section]
			if len(documented) == 0 {
				t.Fatalf("format.md has no keys in section %q", k.section)
			}
			f := parse(t, k.file)
			pattern := k.constants
			if pattern == "" {
				pattern = recordConstants
			}
			bytes := byteConstants(f, regexp.MustCompile(pattern))
			if k.bare {
				same(t, "constants", slices.Sorted(maps.Keys(bytes)), "format.md", firstBytes(documented))
				return
			}
			commented := commentedKeys(f)
			same(t, "the comment", commented, "format.md", documented)
			all := strings.Join(commented, " ")
			for b, name := range bytes {
				if !strings.Contains(all, b) {
					t.Errorf("%s is %q, which the comment lacks", name, b)
				}
			}
		})
	}
}

// TestFormatComplete holds that no other package declares keys of records, and that no two begin with the same byte.
func TestFormatComplete(t *testing.T) {
	owner := map[string]string{}
	for section, keys := range formatSections(t) {
		if !strings.HasPrefix(section, "Records: ") {
			continue
		}
		for _, first := range firstBytes(keys) {
			if other := owner[first]; other != "" {
				t.Errorf("%q begins keys of %q and of %q", first, section, other)
			}
			owner[first] = section
		}
	}
	declared := regexp.MustCompile(recordConstants)
	err := fs.WalkDir(os.DirFS("../.."), "internal", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") ||
			strings.Contains(name, "/testdata/") {
			return err
		}
		known := slices.ContainsFunc(keyTables, func(k keyTable) bool { return k.file == name })
		if found := byteConstants(parse(t, name), declared); len(found) > 0 && !known {
			t.Errorf("%s declares keys, %v, and is in no section of format.md", name, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFormatGoGit holds that the document has the names of the records of go-git.
func TestFormatGoGit(t *testing.T) {
	var commented []string
	for _, row := range commentRows(parse(t, "internal/gogit/storer.go")) {
		name, _, _ := strings.Cut(row, "  ")
		commented = append(commented, strings.Split(name, ", ")...)
	}
	var documented []string
	for _, cell := range formatRows(t)["Records: go-git"] {
		documented = append(documented, strings.Split(strings.ReplaceAll(cell, "`", ""), ", ")...)
	}
	slices.Sort(commented)
	slices.Sort(documented)
	same(t, "the comment", commented, "format.md", documented)
}

func same(t *testing.T, a string, ours []string, b string, theirs []string) {
	t.Helper()
	if len(ours) == 0 {
		t.Errorf("%s: no keys", a)
	}
	for _, key := range ours {
		if !slices.Contains(theirs, key) {
			t.Errorf("%s has %q, %s lacks it", a, key, b)
		}
	}
	for _, key := range theirs {
		if !slices.Contains(ours, key) {
			t.Errorf("%s has %q, %s lacks it", b, key, a)
		}
	}
}

// formatRows returns the first cells of the tables of format.md, by section.
func formatRows(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, section := map[string][]string{}, ""
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
		}
		if cells := strings.Split(line, "|"); len(cells) > 2 && strings.HasPrefix(line, "| `") {
			rows[section] = append(rows[section], strings.TrimSpace(cells[1]))
		}
	}
	return rows
}

// formatSections returns the keys of each section of format.md, as "P u".
func formatSections(t *testing.T) map[string][]string {
	t.Helper()
	sections := map[string][]string{}
	for section, cells := range formatRows(t) {
		var keys []string
		for _, cell := range cells {
			var key []string
			for _, word := range strings.Fields(cell) {
				b := strings.Trim(word, "`")
				if len(word) != 3 || len(b) != 1 {
					break
				}
				key = append(key, b)
			}
			if len(key) > 0 {
				keys = append(keys, strings.Join(key, " "))
			}
		}
		if len(keys) > 0 {
			slices.Sort(keys)
			sections[section] = slices.Compact(keys)
		}
	}
	return sections
}

func firstBytes(keys []string) []string {
	var first []string
	for _, key := range keys {
		first = append(first, key[:1])
	}
	return slices.Compact(first)
}

func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path.Join("../..", name), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// commentRows returns the indented lines of a file's comments, tables as code blocks.
func commentRows(f *ast.File) (rows []string) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if row, ok := strings.CutPrefix(c.Text, "//\t"); ok {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// commentedKeys returns the keys of the tables in a file's comments, as "P u": letters that stand alone.
func commentedKeys(f *ast.File) (keys []string) {
	for _, row := range commentRows(f) {
		row = strings.Replace(row, "  ", " ", 1) // Badger's comment sets types off.
		row, _, _ = strings.Cut(row, "  ")
		var key []string
		for _, word := range strings.Fields(row) {
			if len(word) != 1 {
				break
			}
			key = append(key, word)
		}
		if len(key) > 0 {
			keys = append(keys, strings.Join(key, " "))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// byteConstants returns the constants that are one character and have such names, by that character.
func byteConstants(f *ast.File, names *regexp.Regexp) map[string]string {
	found := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if i >= len(spec.Values) || !names.MatchString(name.Name) {
				continue
			}
			if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.CHAR {
				if b, err := strconv.Unquote(lit.Value); err == nil {
					found[b] = name.Name
				}
			}
		}
		return true
	})
	return found
}
