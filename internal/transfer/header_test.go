package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

const (
	one   = "1111111111111111111111111111111111111111"
	other = "2222222222222222222222222222222222222222"
)

// TestReadHeader reads what bundles begin with.
func TestReadHeader(t *testing.T) {
	a, _ := git.ParseHash(one)
	b, _ := git.ParseHash(other)
	const rest = "PACK and so on"
	for text, want := range map[string]*Header{
		"# v2 git bundle\n\n": {},
		"# v2 git bundle\n-" + one + " subject\n-" + other + "\n" + one + " refs/heads/x\n\n": {
			Prerequisites: []git.Hash{a, b}, Refs: []storage.Ref{{Name: "refs/heads/x", Hash: a}},
		},
		"# v3 git bundle\n@object-format=sha1\n" + other + " HEAD\n\n": {Refs: []storage.Ref{{Name: "HEAD", Hash: b}}},
	} {
		r := bufio.NewReader(strings.NewReader(text + rest))
		got, err := ReadHeader(r)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("ReadHeader(%q) = %v (-want +got):\n%s", text, err, diff)
		}
		if left, err := io.ReadAll(r); string(left) != rest || err != nil {
			t.Errorf("ReadHeader(%q) leaves %q, %v, want %q", text, left, err, rest)
		}
	}
	for text, want := range map[string]error{
		"":                    git.ErrMalformed,
		"PACK":                git.ErrMalformed,
		"# v2 git bundle":     git.ErrMalformed,
		"# v2 git bundle\n":   git.ErrMalformed,
		"# v4 git bundle\n\n": ErrUnsupported,
		"# v2 git bundle\n@object-format=sha1\n\n":                          git.ErrMalformed,
		"# v3 git bundle\n@object-format=sha256\n\n":                        ErrUnsupported,
		"# v3 git bundle\n@filter=blob:none\n\n":                            ErrUnsupported,
		"# v3 git bundle\n@future\n\n":                                      ErrUnsupported,
		"# v2 git bundle\n" + one + "\n\n":                                  git.ErrMalformed,
		"# v2 git bundle\n" + one[1:] + " refs/heads/x\n\n":                 git.ErrMalformed,
		"# v2 git bundle\n" + one + one[:24] + " refs/heads/x\n\n":          ErrUnsupported,
		"# v2 git bundle\n" + one + " x\n-" + one + "\n\n":                  git.ErrMalformed,
		"# v2 git bundle\n" + one + " " + strings.Repeat("x", maxLine):      storage.ErrTooLarge,
		"# v2 git bundle\n" + strings.Repeat("0", len(one)) + " refs/x\n\n": git.ErrMalformed,
	} {
		if h, err := ReadHeader(bufio.NewReader(strings.NewReader(text))); !errors.Is(err, want) {
			t.Errorf("ReadHeader(%.100q) = %v, %v, want %v", text, h, err, want)
		}
	}
}

// FuzzReadHeader holds that a header that is written again reads as the same.
func FuzzReadHeader(f *testing.F) {
	f.Add("# v2 git bundle\n-" + one + " subject\n" + other + " refs/heads/x\n\nPACK")
	f.Add("# v3 git bundle\n@object-format=sha1\n" + other + " HEAD\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ReadHeader(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		again := "# v2 git bundle\n"
		for _, p := range h.Prerequisites {
			again += fmt.Sprintf("-%s\n", p)
		}
		for _, r := range h.Refs {
			again += fmt.Sprintf("%s %s\n", r.Hash, r.Name)
		}
		got, err := ReadHeader(bufio.NewReader(strings.NewReader(again + "\n")))
		if diff := cmp.Diff(h, got); err != nil || diff != "" {
			t.Errorf("ReadHeader(%q), %v, is another one than of %q (-first +second):\n%s", again, err, text, diff)
		}
	})
}

// TestHead finds the branch that HEAD of a bundle names.
func TestHead(t *testing.T) {
	a, _ := git.ParseHash(one)
	b, _ := git.ParseHash(other)
	ref := func(name string, h git.Hash) storage.Ref { return storage.Ref{Name: name, Hash: h} }
	for _, c := range []struct {
		refs []storage.Ref
		want string
	}{
		{nil, ""},
		{[]storage.Ref{ref("refs/heads/a", a)}, ""},
		{[]storage.Ref{ref("refs/heads/a", b), ref("refs/heads/b", a), ref("HEAD", a)}, "refs/heads/b"},
		{[]storage.Ref{ref("refs/heads/a", a), ref("refs/heads/main", a), ref("HEAD", a)}, "refs/heads/main"},
		{[]storage.Ref{ref("HEAD", a), ref("refs/heads/z", a), ref("refs/heads/main", a)}, "refs/heads/z"},
	} {
		if got := (&Header{Refs: c.refs}).Head("refs/heads/main"); got != c.want {
			t.Errorf("Head() of %v = %q, want %q", c.refs, got, c.want)
		}
	}
}

// FuzzConfig holds that what a configuration says counts however it is written, and that nothing else does.
func FuzzConfig(f *testing.F) {
	f.Add("[core]\n\tbare = true\n[include]\n\tpath = /etc/passwd\n")
	f.Add("[alias]\n\tx = \"!rm\" # [extensions]\n")
	f.Fuzz(func(t *testing.T, text string) {
		before := checkConfig([]byte(text))
		after := checkConfig([]byte(text + "\n[Extensions]\n\tobjectFormat = sha256\n"))
		if before == nil && !errors.Is(after, ErrUnsupported) {
			t.Errorf("checkConfig() of SHA-256 after %q = %v, want %v", text, after, ErrUnsupported)
		}
	})
}
