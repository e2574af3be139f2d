package archtest

import (
	"bufio"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const maxColumns = 120

// TestLines holds that lines of code and comments have at most 120 columns, a tab counted as one. A line may be longer
// for the sake of a string that is better not cut, and as the output that an example must have.
func TestLines(t *testing.T) {
	files := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		files++
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		long := stringsIn(source)
		lines := bufio.NewScanner(strings.NewReader(string(source)))
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			columns := utf8.RuneCountInString(lines.Text())
			if columns > maxColumns && !long[n] && !isOutput(name, lines.Text()) {
				t.Errorf("%s:%d has %d columns, want at most %d", filepath.ToSlash(name), n, columns, maxColumns)
			}
		}
		return lines.Err()
	})
	if err != nil || files < 100 {
		t.Errorf("looked at %d files, %v, want all", files, err)
	}
}

// isOutput reports whether a line is a comment in a file of examples, where the output stands as it is.
func isOutput(name, line string) bool {
	return strings.HasPrefix(filepath.Base(name), "example_") && strings.HasPrefix(line, "\t// ")
}

// stringsIn returns the lines that have part of a string of more than half a line.
func stringsIn(source []byte) map[int]bool {
	found := map[int]bool{}
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	for {
		at, kind, text := s.Scan()
		if kind == token.EOF {
			return found
		}
		if kind != token.STRING || utf8.RuneCountInString(text) <= maxColumns/2 {
			continue
		}
		first := file.Line(at)
		for n := range strings.Count(text, "\n") + 1 {
			found[first+n] = true
		}
	}
}
