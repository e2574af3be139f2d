package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// TestMergeAttributes merges files whose .gitattributes say how, and compares with git. Without conflicts, trees are
// compared.
func TestMergeAttributes(t *testing.T) {
	needGit(t)
	const attributes = `[attr]both merge=union
union* merge=union
binary merge=binary
unset -merge
set merge
text merge=text
macro both
unknown merge=mine
size conflict-marker-size=12
nosize conflict-marker-size=x
isbinary binary
d/* merge=union
d/last -merge
union-again !merge
`
	for _, clean := range []bool{true, false} {
		s, ctx := openMemory(t, nil), t.Context()
		r := create(t, s, "r", nil)
		files := []string{"union", "union2", "macro", "d/f", "e/f", "d/e/f"}
		if !clean {
			files = append(files, "binary", "unset", "set", "text", "unknown", "size", "nosize", "isbinary", "d/last",
				"union-again", "none")
		}
		write := func(branch, text string, more ...reposit.Change) {
			t.Helper()
			for _, name := range files {
				more = append(more, reposit.Put(name, []byte(text)))
			}
			commit(t, r, &reposit.CommitOptions{Branch: branch}, more...)
		}
		write("main", "a\nb\nc\n", reposit.Put(".gitattributes", []byte(attributes)))
		must(r.Branches().Create(ctx, "side", ""))(t)
		// Those of ours count, also where theirs has others.
		write("main", "a\nours\nc\n", reposit.Put("e/.gitattributes", []byte("f merge=union\n")),
			reposit.Put("d/e/.gitattributes", []byte("* merge=union\n")), reposit.Put("union3", []byte("ours\n")))
		write("side", "a\ntheirs\nc\n", reposit.Put("d/.gitattributes", []byte("* -merge\n")),
			reposit.Put("union3", []byte("theirs\n")))
		checkMerged(t, s, r)
		if got := resolve(t, r, "main^2"); clean != !got.IsZero() {
			t.Errorf("main was merged: %v, want %v", !got.IsZero(), clean)
		}
	}
}

// TestMergeAttributesOfBases holds that attributes count where common ancestors are merged.
func TestMergeAttributesOfBases(t *testing.T) {
	needGit(t)
	for _, how := range []string{"union", "binary", "text"} {
		s, ctx := openMemory(t, nil), t.Context()
		r := create(t, s, "r", nil)
		commit(t, r, nil, reposit.Put(".gitattributes", []byte("f merge="+how+"\n")), reposit.Put("f", numbered(20, nil)))
		must(r.Branches().Create(ctx, "side", ""))(t)
		ours := put(t, r, "main", "f", string(numbered(20, map[int]string{5: "ours"})))
		theirs := put(t, r, "side", "f", string(numbered(20, map[int]string{5: "theirs"})))
		take := func(branch, text string) *reposit.MergeOptions {
			return &reposit.MergeOptions{Branch: branch, Resolve: func(reposit.Conflict) ([]byte, error) {
				return numbered(20, map[int]string{5: text}), nil
			}}
		}
		must(r.Merge(ctx, theirs.Hash.String(), take("main", "first")))(t)
		must(r.Merge(ctx, ours.Hash.String(), take("side", "second")))(t)
		put(t, r, "main", "f", string(numbered(20, map[int]string{5: "first", 12: "ours"})))
		put(t, r, "side", "f", string(numbered(20, map[int]string{5: "second", 17: "theirs"})))
		checkMerged(t, s, r)
	}
}

// checkMerged merges the branch side into main, and compares each file with what git merge leaves.
func checkMerged(t *testing.T, s *store, r *reposit.Repo) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, "", nil, "clone", "-q", s.export(t, r), dir)
	out, err := tryGit(t, dir, nil, "-c", "user.name=x", "-c", "user.email=x@y", "merge", "-q", "origin/side")
	if err != nil {
		t.Log(out)
	}
	left := map[string]bool{}
	for line := range strings.Lines(git(t, dir, nil, "ls-files", "-u")) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
		left[path] = true
	}

	found := map[string]reposit.Conflict{}
	_, err = r.Merge(t.Context(), "side", nil)
	if failed, ok := errors.AsType[*reposit.MergeConflictError](err); ok {
		for _, c := range failed.Conflicts {
			found[c.Path] = c
		}
	} else if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(left) {
		t.Errorf("conflicts in %v, want %v", found, left)
	}
	for path := range left {
		c, ok := found[path]
		want, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if !ok || c.Merged != nil && !sameText(c.Merged, want) {
			t.Errorf("%s: conflict %+v with %q, git leaves %q", path, c, c.Merged, want)
		}
	}
	if len(left) > 0 {
		return
	}
	got, want := resolve(t, r, "main^{tree}").String(), strings.TrimSpace(git(t, dir, nil, "rev-parse", "HEAD^{tree}"))
	if got != want {
		t.Errorf("the tree is %s, want %s: %q", got, want, paths(t, r, "main"))
	}
}

// sameText reports whether a text with conflict markers is git's, whose labels are others.
func sameText(got, want []byte) bool {
	label := func(text []byte) string {
		var b strings.Builder
		for line := range strings.Lines(string(text)) {
			for _, mark := range []string{"<<<<<<<", ">>>>>>>", "|||||||"} {
				if at := strings.IndexByte(line, ' '); strings.HasPrefix(line, mark) && at > 0 {
					line = line[:at] + "\n"
				}
			}
			b.WriteString(line)
		}
		return b.String()
	}
	return label(got) == label(want)
}

// TestMergeDrivers has a host merge some files, by pattern and by the name that .gitattributes give.
func TestMergeDrivers(t *testing.T) {
	add := func(word string) func(context.Context, string, []byte, []byte, []byte) ([]byte, bool, error) {
		return func(_ context.Context, path string, base, ours, theirs []byte) ([]byte, bool, error) {
			out := fmt.Appendf(nil, "%s %s: %s %s %s", word, path, base, ours, theirs)
			clear(ours) // what it does to its arguments is nobody else's business
			return out, !bytes.Contains(theirs, []byte("clash")), nil
		}
	}
	failed := errors.New("failed")
	opts := &reposit.Options{Limits: reposit.Limits{BlobSize: 100}, MergeDrivers: []reposit.MergeDriver{
		{Pattern: "*.one", Merge: add("one")}, {Pattern: `/d/"x"/**`, Merge: add("dir")},
		{Pattern: "*.on?", Merge: add("no")},
		{Pattern: "merge=mine", Merge: add("mine")}, {Pattern: "*.json", Merge: reposit.MergeJSON},
		{Pattern: "*.big", Merge: func(context.Context, string, []byte, []byte, []byte) ([]byte, bool, error) {
			return make([]byte, 101), true, nil
		}},
		{Pattern: "*.bad", Merge: func(context.Context, string, []byte, []byte, []byte) ([]byte, bool, error) {
			return nil, false, failed
		}},
	}}
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(opts), t.Context()
		r := create(t, s, "r", nil)
		files := []string{"a.one", `d/"x"/y`, "e/f.ont", "named", "union.one", "bin.one", "unknown.one"}
		attributes := "named merge=mine\nunion.one merge=union\nbin.one -merge\nunknown.one merge=other\n"
		change := func(branch, text string, names ...string) {
			t.Helper()
			var all []reposit.Change
			for _, name := range names {
				all = append(all, reposit.Put(name, []byte(text)))
			}
			commit(t, r, &reposit.CommitOptions{Branch: branch}, all...)
		}
		put(t, r, "main", ".gitattributes", attributes)
		change("main", "B", files...)
		put(t, r, "main", "x.json", `{"a":1,"b":2,"c":3}`)
		must(r.Branches().Create(ctx, "side", ""))(t)
		change("main", "O", files...)
		change("side", "T", files...)
		put(t, r, "main", "x.json", `{"a":1,"b":5}`)
		put(t, r, "side", "x.json", `{"a":4,"b":2,"c":3,"d":6}`)
		_, err := r.Merge(ctx, "side", nil)
		left, ok := errors.AsType[*reposit.MergeConflictError](err)
		if !ok || len(left.Conflicts) != 1 || left.Conflicts[0].Path != "bin.one" {
			t.Fatalf("Merge() = %v, want a conflict of bin.one alone", err)
		}
		if got := must(r.Compare(ctx, "main", "side"))(t); len(got.Conflicts) != 1 {
			t.Errorf("Compare() = %+v, want one conflict", got)
		}
		put(t, r, "side", "bin.one", "O")
		must(r.Merge(ctx, "side", nil))(t)
		for path, want := range map[string]string{
			"a.one": "one a.one: B O T", `d/"x"/y`: `dir d/"x"/y: B O T`, "e/f.ont": "no e/f.ont: B O T",
			"named": "mine named: B O T", "union.one": "O\nT", "bin.one": "O", "unknown.one": "one unknown.one: B O T",
			"x.json": `{"a":4,"b":5,"d":6}`,
		} {
			if got := strings.TrimSpace(string(must(r.Read(ctx, "", path))(t))); got != want {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
		if got := string(must(r.Read(ctx, "main^1", "a.one"))(t)); got != "O" {
			t.Errorf("a driver changed what was stored: %q", got)
		}

		change("side", "clash", "a.one")
		change("main", "M", "a.one")
		_, err = r.Merge(ctx, "side", nil)
		if left, ok = errors.AsType[*reposit.MergeConflictError](err); !ok || len(left.Conflicts) != 1 ||
			left.Conflicts[0].Kind != reposit.ConflictContent ||
			string(left.Conflicts[0].Merged) != "one a.one: one a.one: B O T M clash" && left.Conflicts[0].Merged == nil {
			t.Errorf("Merge() = %+v, %v, want one conflict of content", left, err)
		}
		change("main", "clash", "a.one")
		for name, want := range map[string]error{"x.big": reposit.ErrTooLarge, "x.bad": failed} {
			change("main", "B", name)
			change("side", "T", name)
			if _, err := r.Merge(ctx, "side", nil); !errors.Is(err, want) {
				t.Errorf("Merge() of %s = %v, want %v", name, err, want)
			}
			change("side", "B", name)
		}
		checkStore(t, s)
	})
	for _, d := range []reposit.MergeDriver{{}, {Pattern: "*"}, {Merge: add("")}, {Pattern: "!*", Merge: add("")},
		{Pattern: "a\nb", Merge: add("")}, {Pattern: "merge=union", Merge: add("")}, {Pattern: "merge=", Merge: add("")},
		{Pattern: strings.Repeat("x", 5000), Merge: add("")}} {
		backend := rawBackend(t, "memory")
		_, err := reposit.Open(t.Context(), backend, &reposit.Options{MergeDrivers: []reposit.MergeDriver{d}})
		if !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("New() with driver %q = %v, want %v", d.Pattern, err, reposit.ErrInvalid)
		}
	}
}
