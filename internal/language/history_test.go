package language

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A history is a set of files that changes at random.
type history struct {
	rand  *rand.Rand
	files files
}

func newHistory(seed uint64) *history {
	h := &history{rand.New(rand.NewPCG(seed, 11)), files{}}
	for range 60 {
		h.change()
	}
	return h
}

var (
	dirs     = []string{"", "a/", "a/b/", "c/", "vendor/", "docs/x/", "a.go/"}
	bases    = []string{"a.go", "b.go", "c.rb", "d.h", "e.json", "f.md", "g.ts", "run", "h.inc", "i.cls"}
	contents = []string{
		goFile, goMade, rubyFile, markdown, jsonFile, shellFile, binaryFile, pointer, "", "int a;\n",
		"class A { public: };\n",
		"-> target", "@", "+x " + goFile,
	}
	lines = []string{
		"*.go linguist-vendored", "*.go -linguist-vendored", "* !linguist-vendored", "*.json linguist-detectable",
		"b/* linguist-language=Ruby", "*.h linguist-language=C", "a.go linguist-generated=false",
		"*.md linguist-detectable=true",
		"x/** -linguist-documentation", "* filter=lfs", "[attr]m linguist-vendored", "* m", "* text",
	}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (h *history) change() {
	r := h.rand
	paths := slices.Sorted(maps.Keys(h.files))
	switch n := r.IntN(10); {
	case n == 0:
		var b strings.Builder
		for range 1 + r.IntN(3) {
			fmt.Fprintln(&b, pick(r, lines))
		}
		h.put(pick(r, dirs)+".gitattributes", b.String())
	case n <= 2 && len(paths) > 0:
		delete(h.files, pick(r, paths))
	case n == 3 && len(paths) > 0: // a directory moves
		from, to := pick(r, dirs), pick(r, dirs)
		if from == "" || to == "" {
			return
		}
		for _, path := range paths {
			if rest, ok := strings.CutPrefix(path, from); ok {
				content := h.files[path]
				delete(h.files, path)
				h.put(to+rest, content)
			}
		}
	default:
		content := pick(r, contents)
		if r.IntN(3) == 0 && content != "@" {
			content += fmt.Sprintln("//", r.IntN(50))
		}
		h.put(pick(r, dirs)+pick(r, bases), content)
	}
}

// put adds a file in place of what is in its way, a file where it has a directory or the reverse.
func (h *history) put(path, content string) {
	maps.DeleteFunc(h.files, func(other, _ string) bool {
		return strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/")
	})
	h.files[path] = content
}
