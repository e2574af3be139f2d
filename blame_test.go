package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// gitBlame returns what git blame says, beside what Text and Number are.
func gitBlame(t testing.TB, dir, rev, path string, flags ...string) (lines []reposit.BlameLine) {
	t.Helper()
	args := append([]string{"-c", "core.quotePath=false", "blame", "--line-porcelain"}, flags...)
	out := git(t, dir, nil, append(args, rev, "--", path)...) + "\n"
	var l reposit.BlameLine
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		key, value, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "\t"):
			l.Text = line[1:]
			lines = append(lines, l)
			l = reposit.BlameLine{}
		case line == "": // an empty file
		case l.Commit == reposit.Hash{}:
			l.Commit = must(reposit.ParseHash(key))(t)
			numbers := strings.Fields(value)
			l.OriginalLine, _ = strconv.Atoi(numbers[0])
			l.Number, _ = strconv.Atoi(numbers[1])
		case key == "author":
			l.Author.Name = value
		case key == "author-mail":
			l.Author.Email = strings.Trim(value, "<>")
		case key == "summary":
			l.Summary = value
		case key == "filename":
			l.OriginalPath = value
		}
	}
	return lines
}

func compareBlame(t testing.TB, r *reposit.Repo, dir, rev, path string, o *reposit.BlameOptions, flags ...string) int {
	t.Helper()
	want := gitBlame(t, dir, rev, path, flags...)
	got, err := r.Blame(t.Context(), rev, path, o)
	if err != nil {
		t.Fatalf("Blame(%s, %q, %+v) = %v", rev, path, o, err)
	}
	for i := range got {
		if c, err := r.CommitAt(t.Context(), got[i].Commit.String()); err != nil || c.Author != got[i].Author {
			t.Errorf("Blame(%s, %q): the author of line %d is %v, of its commit %v, %v", rev, path, i+1, got[i].Author, c, err)
		}
		got[i].Author = reposit.Signature{Name: got[i].Author.Name, Email: got[i].Author.Email}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Blame(%s, %q, %+v), -git blame %q +Blame:\n%s", rev, path, o, flags, diff)
	}
	return len(want)
}

// TestBlame blames files of random histories beside git, with all that a line says.
func TestBlame(t *testing.T) {
	needGit(t)
	t.Logf("-seed=%d", *seed)
	s := openMemory(t, nil)
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	lines := 0
	for round := range rounds {
		rng := rand.New(rand.NewPCG(*seed, uint64(400+round)))
		h := makeHistory(t, rng, 20+rng.IntN(60))
		r := importGit(t, s, fmt.Sprint("x", round), h.dir)
		for range 8 {
			rev := h.refs[len(h.refs)-1-rng.IntN(min(len(h.refs), 20))]
			paths := strings.Split(git(t, h.dir, nil, "ls-tree", "-r", "--name-only", "-z", rev), "\x00")
			path := paths[rng.IntN(len(paths))]
			if path == "" {
				continue
			}
			ignored := h.refs[rng.IntN(len(h.refs))]
			lines += compareBlame(t, r, h.dir, rev, path, nil)
			opts := &reposit.BlameOptions{IgnoreRevs: []string{ignored}, From: 2, To: 4}
			lines += compareBlame(t, r, h.dir, rev, path, opts, "--ignore-rev="+ignored, "-L2,4")
		}
	}
	if lines < 30 {
		t.Errorf("git blamed %d lines only", lines)
	}
}

// TestBlameContent blames content of all kinds: without a newline at the end, with CRLF, binary, a symlink, nothing;
// and commits whose messages say nothing in their first lines.
func TestBlameContent(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	put := func(message, path string, data []byte) *reposit.Commit {
		return commit(t, r, &reposit.CommitOptions{Message: message}, reposit.Put(path, data))
	}
	put("one\ntwo", "crlf", []byte("a\r\nb\r\nc"))
	put("\n \n  spaced  \nmore", "crlf", []byte("a\r\nb\nc\nd"))
	put("", "crlf", []byte("a\r\nb\nc\nd\n\n\ne"))
	put("binary", "bin", []byte("\x00\x01\n\xff\xfe\nx"))
	put("binary again", "bin", []byte("\x00\x01\n\xff\nx\x00"))
	put("empty", "empty", nil)
	put("one newline", "newline", []byte("\n"))
	commit(t, r, &reposit.CommitOptions{Message: "link"}, reposit.Symlink("link", "crlf"),
		reposit.Put("ä \"ö\"", []byte("x\n")))
	commit(t, r, &reposit.CommitOptions{Message: "a file in its place"}, reposit.Put("link", []byte("crlf")))
	dir := s.export(t, r)
	for _, path := range []string{"crlf", "bin", "empty", "newline", "link"} {
		for rev := range strings.FieldsSeq("main main~1 main~2") {
			if _, err := r.Stat(t.Context(), rev, path); err == nil {
				compareBlame(t, r, dir, rev, path, nil)
			}
		}
	}
	lines, err := r.Blame(t.Context(), "", "ä \"ö\"", nil)
	if err != nil || len(lines) != 1 || lines[0].OriginalPath != "ä \"ö\"" {
		t.Errorf("Blame() of a path that git quotes = %v, %v", lines, err)
	}
	if lines, err := r.Blame(t.Context(), "", "empty", nil); err != nil || len(lines) > 0 {
		t.Errorf("Blame() of an empty file = %v, %v", lines, err)
	}
}

// TestBlameErrors asks for what can't be blamed.
func TestBlameErrors(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	if _, err := r.Blame(t.Context(), "", "a", nil); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Blame() without a commit = %v, want %v", err, reposit.ErrNotFound)
	}
	tip := commit(t, r, nil, reposit.Put("dir/a", []byte("1\n2\n3\n")), reposit.Put("empty", nil),
		reposit.Put("large", bytes.Repeat([]byte("x\n"), 32<<20+1)))
	h := tip.Hash.String()
	many := make([]string, 1025)
	for i := range many {
		many[i] = h
	}
	for _, test := range []struct {
		rev, path string
		opts      reposit.BlameOptions
		want      error
		name      string
	}{
		{"nothing", "dir/a", reposit.BlameOptions{}, reposit.ErrNotFound, "nothing"},
		{"", "dir/b", reposit.BlameOptions{}, reposit.ErrNotFound, "dir/b"},
		{"", "dir", reposit.BlameOptions{}, reposit.ErrInvalid, "dir"},
		{"", "", reposit.BlameOptions{}, reposit.ErrInvalid, ""},
		{"", "/dir/a", reposit.BlameOptions{}, reposit.ErrInvalid, "/dir/a"},
		{"main^{tree}", "dir/a", reposit.BlameOptions{}, reposit.ErrInvalid, "main^{tree}"},
		{"main:dir/a", "dir/a", reposit.BlameOptions{}, reposit.ErrNotFound, "main:dir/a"},
		{"", "dir/a", reposit.BlameOptions{From: -1}, reposit.ErrInvalid, "dir/a"},
		{"", "dir/a", reposit.BlameOptions{To: -1}, reposit.ErrInvalid, "dir/a"},
		{"", "dir/a", reposit.BlameOptions{From: 3, To: 2}, reposit.ErrInvalid, "dir/a"},
		{"", "dir/a", reposit.BlameOptions{From: 4}, reposit.ErrInvalid, "dir/a"},
		{"", "empty", reposit.BlameOptions{From: 1}, reposit.ErrInvalid, "empty"},
		{"", "empty", reposit.BlameOptions{To: 1}, reposit.ErrInvalid, "empty"},
		{"", "dir/a", reposit.BlameOptions{From: 2, To: math.MaxInt}, nil, ""},
		{"", "dir/a", reposit.BlameOptions{IgnoreRevs: []string{"nothing"}}, reposit.ErrNotFound, "nothing"},
		{"", "dir/a", reposit.BlameOptions{IgnoreRevs: []string{"main:dir"}}, reposit.ErrInvalid, "main:dir"},
		{"", "dir/a", reposit.BlameOptions{IgnoreRevs: many}, reposit.ErrTooLarge, "dir/a"},
		{"", "dir/a", reposit.BlameOptions{IgnoreRevs: many[1:]}, nil, ""},
		{"", "large", reposit.BlameOptions{To: 1}, reposit.ErrTooLarge, "large"},
	} {
		_, err := r.Blame(t.Context(), test.rev, test.path, &test.opts)
		var named *reposit.Error
		if !errors.Is(err, test.want) || test.want == nil && err != nil ||
			test.want != nil && (!errors.As(err, &named) || named.Name != test.name) {
			t.Errorf("Blame(%q, %q, %.80v) = %v, want %v about %q", test.rev, test.path, test.opts, err, test.want, test.name)
		}
	}
}
