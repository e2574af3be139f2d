package model_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

// FuzzChanges makes commits of changes that the fuzzer makes up, and compares the outcome with the model: a letter for
// the verb, then its paths, which are single characters with slashes between them.
func FuzzChanges(f *testing.F) {
	f.Add("pa/b|pa.b|da/b|pa")
	f.Add("pa/b|pa/c;ma>b|pa;cb>a/d|eb/c")
	f.Add("pa|sb|gc;da|pa/x;ma/x>a2|ca2>a;xb")
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 300 {
			return
		}
		r := fixture.Create(t, fixture.OpenMemory(t, nil).Store, "x", nil)
		want := model{}
		for step := range strings.SplitSeq(script, ";") {
			tree := want.clone()
			var changes []reposit.Change
			var failed error
			for text := range strings.SplitSeq(step, "|") {
				o, ok := parseOp(text, len(script))
				if !ok {
					return
				}
				changes = append(changes, o.change())
				if failed == nil {
					failed = tree.apply(o)
				}
			}
			if failed == nil && cmp.Equal(tree, want) {
				failed = reposit.ErrNoChange
			}
			_, err := r.Commit(t.Context(), nil, changes...)
			if !errors.Is(err, failed) || failed == nil && err != nil {
				t.Fatalf("%q: %v, want %v", step, err, failed)
			}
			if failed == nil {
				want = tree
			}
		}
		want.check(t, r, "")
	})
}

func parseOp(text string, n int) (op, bool) {
	if text == "" {
		return op{}, false
	}
	verb, rest := text[0], text[1:]
	from, to, two := strings.Cut(rest, ">")
	for _, p := range []string{from, to} {
		for part := range strings.SplitSeq(p, "/") {
			if part == "" && p != "" || part == "." || part == ".." || len(part) > 3 ||
				strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
				return op{}, false
			}
		}
	}
	o := op{path: from, content: fmt.Sprint(n)}
	switch verb {
	case 'p':
		o.kind = opPut
	case 'e':
		o.kind, o.mode = opPut, reposit.ModeExecutable
	case 's':
		o.kind = opSymlink
	case 'g':
		o.kind, o.content = opSubmodule, strings.Repeat("12", 20)
	case 'd', 'x':
		o.kind = opDelete
	case 'm':
		o.kind, o.from, o.path = opMove, from, to
	case 'c':
		o.kind, o.from, o.path = opCopy, from, to
	default:
		return op{}, false
	}
	return o, o.path != "" && two == (o.from != "") && from != ""
}
