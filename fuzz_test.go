package reposit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// FuzzResolve resolves what may be a revision: to an object that is there, or an error that says why not.
func FuzzResolve(f *testing.F) {
	s := openMemory(f, nil)
	r := create(f, s, "x", nil)
	var last *reposit.Commit
	for i := range 4 {
		last = write(f, r, fmt.Sprintf("dir/f%d", i), fmt.Sprint(i))
	}
	if _, err := r.Tags().Create(f.Context(), "v1", "main~1", &reposit.TagOptions{Message: "x"}); err != nil {
		f.Fatal(err)
	}
	for _, rev := range []string{"", "main", "main~2^0", "v1^{tree}", "v1^{}", "@{1}", "main@{2}~1", "main:dir/f1",
		last.Hash.String(), last.Hash.String()[:6], "refs/heads/main", "a..b"} {
		f.Add(rev)
	}
	f.Fuzz(func(t *testing.T, rev string) {
		h, err := r.Resolve(t.Context(), rev)
		if err != nil {
			var e *reposit.Error
			if !errors.As(err, &e) || !errors.Is(err, reposit.ErrNotFound) && !errors.Is(err, reposit.ErrInvalid) ||
				!h.IsZero() {
				t.Errorf("Resolve(%q) = %s, %v", rev, h, err)
			}
			return
		}
		if again, err := r.Resolve(t.Context(), h.String()); err != nil || again != h {
			t.Errorf("Resolve(%q) = %s, which resolves to %s, %v", rev, h, again, err)
		}
		if _, err := r.List(t.Context(), rev, ""); err != nil && !errors.Is(err, reposit.ErrNotFound) &&
			!errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("List(%q) = %v", rev, err)
		}
	})
}

// FuzzRefToken gives lists of branches what may be page tokens.
func FuzzRefToken(f *testing.F) {
	r := create(f, openMemory(f, nil), "x", nil)
	h := write(f, r, "a", "1").Hash
	for _, name := range []string{"a", "b", "c/c", "d"} {
		if err := r.Refs().Update(f.Context(), reposit.RefUpdate{Name: "refs/heads/x" + name, New: h}); err != nil {
			f.Fatal(err)
		}
	}
	page, err := r.Branches().List(f.Context(), &reposit.RefListOptions{PageSize: 1, Prefix: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page.NextPageToken, "x")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, token, prefix string) {
		page, err := r.Branches().List(t.Context(), &reposit.RefListOptions{PageToken: token, Prefix: prefix})
		if err != nil && !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("List(%q) = %v", token, err)
		}
		for _, b := range page.Items {
			if !strings.HasPrefix(b.Name, prefix) {
				t.Errorf("List(prefix %q) yields %q", prefix, b.Name)
			}
		}
	})
}

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
		r := create(t, openMemory(t, nil), "x", nil)
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
