package git

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// encode writes a tree from scratch.
func encode(entries []Entry) []byte {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		switch {
		case Less(a, b):
			return -1
		case Less(b, a):
			return 1
		}
		return 0
	})
	var raw []byte
	for _, e := range entries {
		raw = fmt.Appendf(raw, "%o %s\x00", e.Mode, e.Name)
		raw = append(raw, e.Hash[:]...)
	}
	return raw
}

func mustParse(t testing.TB, raw []byte) *Tree {
	t.Helper()
	tree, err := ParseTree(raw)
	if err != nil {
		t.Fatalf("ParseTree(%q) = %v", raw, err)
	}
	return tree
}

func entries(t *Tree) (all []Entry) {
	for i := range t.Len() {
		all = append(all, t.Entry(i))
	}
	return all
}

var (
	modes = []Mode{ModeDir, ModeRegular, ModeExecutable, ModeSymlink, ModeSubmodule}
	words = []string{"a", "a.", "a.b", "a-", "a0", "a/"[:1], "aa", "b", "A", "~", " ", "\x01", "\xff", "lib", "lib.go",
		"ü", strings.Repeat("x", 300)}
)

func randomHash(r *rand.Rand) (h Hash) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

// applyEdits is what Apply should do, by the map.
func applyEdits(old []Entry, edits []Edit) []Entry {
	byName := map[string]Entry{}
	for _, e := range old {
		byName[e.Name] = e
	}
	for _, e := range edits {
		if e.Mode == 0 {
			delete(byName, e.Name)
		} else {
			byName[e.Name] = e
		}
	}
	var all []Entry
	for _, e := range byName {
		all = append(all, e)
	}
	return all
}

// checkApply makes edits on a tree and compares all that comes of it.
func checkApply(t testing.TB, old *Tree, edits []Edit) *Tree {
	t.Helper()
	before := bytes.Clone(old.Raw())
	made, ops := old.Apply(edits)
	want := encode(applyEdits(entries(old), edits))
	if !bytes.Equal(made.Raw(), want) {
		t.Fatalf("Apply(%q, %v) = %q, want %q", before, edits, made.Raw(), want)
	}
	if !bytes.Equal(old.Raw(), before) {
		t.Fatalf("Apply(%v) changed the tree that it was called on", edits)
	}
	if diff := cmp.Diff(entries(mustParse(t, want)), entries(made)); diff != "" {
		t.Fatalf("entries after Apply(%v), -want +got:\n%s", edits, diff)
	}
	for _, e := range entries(made) {
		if got, ok := made.Find(e.Name); !ok || got != e {
			t.Fatalf("Find(%q) = %v, %v, want %v", e.Name, got, ok, e)
		}
	}
	if ops != nil {
		if got, err := packfile.ApplyDelta(before, ops, int64(len(want))); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("the delta of Apply(%v) makes %q, %v, want %q", edits, got, err, want)
		}
	}
	return made
}

func TestApply(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tree := mustParse(t, nil)
	for range 1500 {
		var edits []Edit
		for _, i := range r.Perm(len(words))[:r.IntN(4)] {
			e := Edit{Name: words[i]}
			if slices.ContainsFunc(edits, func(o Edit) bool { return o.Name == e.Name }) {
				continue
			}
			if r.IntN(3) > 0 {
				e.Mode, e.Hash = modes[r.IntN(len(modes))], randomHash(r)
			}
			if old, ok := tree.Find(e.Name); ok && r.IntN(2) == 0 {
				e.Mode = old.Mode // the hash alone
			}
			edits = append(edits, e)
		}
		tree = checkApply(t, tree, edits)
	}
}

// TestApplyLarge edits a tree of many entries, of which a delta must be small.
func TestApplyLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var edits []Edit
	for i := range 5000 {
		edits = append(edits, Edit{Name: fmt.Sprintf("file%d", i), Mode: modes[i%2+1], Hash: randomHash(r)})
	}
	tree, _ := mustParse(t, nil).Apply(edits)
	rounds := 20
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		e := Edit{Name: fmt.Sprintf("file%d", r.IntN(6000)), Mode: ModeRegular, Hash: randomHash(r)}
		if made, ops := tree.Apply([]Edit{e}); ops == nil || len(ops) > 200 {
			t.Errorf("a delta of one entry in %d takes %d bytes", made.Len(), len(ops))
		}
		tree = checkApply(t, tree, []Edit{e})
	}
}

// TestTreesAgainstGit has git mktree make the same trees.
func TestTreesAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	run := func(stdin []byte, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return string(out)
	}
	run(nil, "init", "-q", "--bare", ".")
	r := rand.New(rand.NewPCG(5, 6))
	var input, want strings.Builder
	for range 300 {
		var edits []Edit
		for _, i := range r.Perm(len(words))[:1+r.IntN(len(words)-1)] {
			if words[i] == "a" && len(edits) > 0 && slices.ContainsFunc(edits, func(e Edit) bool { return e.Name == "a" }) {
				continue
			}
			e := Edit{Name: words[i], Mode: modes[r.IntN(len(modes))], Hash: randomHash(r)}
			edits = append(edits, e)
			kind := "blob"
			switch e.Mode {
			case ModeDir:
				kind = "tree"
			case ModeSubmodule:
				kind = "commit"
			}
			fmt.Fprintf(&input, "%06o %s %s\t%s\x00", e.Mode, kind, e.Hash, e.Name)
		}
		input.WriteByte(0)
		tree, _ := mustParse(t, nil).Apply(edits)
		h, err := Sum(storage.Tree, tree.Raw())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&want, h)
	}
	if got := run([]byte(input.String()), "mktree", "-z", "--missing", "--batch"); got != want.String() {
		t.Errorf("git mktree, -git +reposit:\n%s", cmp.Diff(strings.Split(got, "\n"), strings.Split(want.String(), "\n")))
	}
	for _, content := range []string{"", "x", strings.Repeat("0123456789", 1<<16)} {
		h, err := Sum(storage.Blob, []byte(content))
		if got := strings.TrimSpace(run([]byte(content), "hash-object", "--stdin")); err != nil || got != h.String() {
			t.Errorf("Sum() of %d bytes = %s, %v, git has %s", len(content), h, err, got)
		}
		hasher := NewHasher(storage.Blob, int64(len(content)))
		for chunk := range slices.Chunk([]byte(content), 1000) {
			hasher.Write(chunk)
		}
		if piecewise, err := hasher.Sum(); err != nil || piecewise != h {
			t.Errorf("Hasher.Sum() of %d bytes = %s, %v, want %s", len(content), piecewise, err, h)
		}
	}
	if h, err := Sum(storage.Tree, nil); err != nil || h != EmptyTree {
		t.Errorf("Sum() of the empty tree = %s, %v, want %s", h, err, EmptyTree)
	}
}

func TestParseTreeMalformed(t *testing.T) {
	hash := strings.Repeat("h", 20)
	for _, raw := range []string{
		"1", "100644", "100644 ", "100644 a", "100644 a\x00", "100644 a\x00" + hash[1:], " a\x00" + hash, "100644 \x00" +
			hash, "10x644 a\x00" + hash, "900644 a\x00" + hash,
		"123456789 a\x00" + hash, "1000000 a\x00" + hash, "100644 a\x00" + hash + "1", "\n100644 a\x00" + hash,
		"-100644 a\x00" + hash,
		"40000 .\x00" + hash, "40000 ..\x00" + hash, "40000 a/b\x00" + hash, "40000 /\x00" + hash, "40000 .git\x00" + hash,
		"40000 .gIt\x00" + hash,
		"40000 git~1\x00" + hash, "40000 .g\u200cit\x00" + hash, "40000 \u200c.git\x00" + hash, "40000 a\\.git\x00" + hash,
		"40000 .git. \x00" + hash,
	} {
		if tree, err := ParseTree([]byte(raw)); err == nil {
			t.Errorf("ParseTree(%q) = %v, want an error", raw, entries(tree))
		}
	}
	// Old histories have such trees, and keep them.
	for _, raw := range []string{"040000 a\x00" + hash, "100664 a\x00" + hash, "100644 b\x00" + hash + "100644 a\x00" +
		hash, "100644 .gitx\x00" + hash, "100644 git~2\x00" + hash, "100644 a\\b\x00" + hash} {
		if tree, err := ParseTree([]byte(raw)); err != nil || string(tree.Raw()) != raw {
			t.Errorf("ParseTree(%q) = %v", raw, err)
		}
	}
}

// FuzzParseTree reads what may be a tree. What is accepted is made of its entries.
func FuzzParseTree(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode([]Entry{{Name: "a", Mode: ModeDir}, {Name: "a.b", Mode: ModeRegular}, {Name: "b", Mode: ModeSubmodule}}))
	f.Add([]byte("040000 a\x00" + strings.Repeat("h", 20)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tree, err := ParseTree(raw)
		if err != nil {
			return
		}
		var again []byte
		canonical := true
		for i := range tree.Len() {
			e := tree.Entry(i)
			start := len(again)
			again = AppendEntry(again, e)
			canonical = canonical && raw[min(start, len(raw)-1)] != '0'
			if got, ok := tree.Find(e.Name); ok && !slices.Contains(entries(tree), got) {
				t.Errorf("Find(%q) = %v, which is not there", e.Name, got)
			}
		}
		if canonical && !bytes.Equal(again, raw) {
			t.Errorf("entries of %q make %q", raw, again)
		}
		made, ops := tree.Apply([]Edit{{Name: "new", Mode: ModeRegular}, {Name: "a"}})
		if ops != nil {
			if got, err := packfile.ApplyDelta(raw, ops, 1<<30); err != nil || !bytes.Equal(got, made.Raw()) {
				t.Errorf("the delta makes %q, %v, want %q", got, err, made.Raw())
			}
		}
	})
}

// FuzzApply edits trees of names and edits that the fuzzer makes up.
func FuzzApply(f *testing.F) {
	f.Add("a,a.b,a0,b", "a,c,-b")
	f.Add("a/,a.b,a0/", "a,a0,-a.b")
	f.Fuzz(func(t *testing.T, before, changes string) {
		parse := func(list string) (edits []Edit) {
			seen := map[string]bool{}
			for i, name := range strings.Split(list, ",") {
				name, gone := strings.CutPrefix(name, "-")
				name, dir := strings.CutSuffix(name, "/")
				if seen[name] || names.CheckEntry(name) != nil {
					continue
				}
				seen[name] = true
				e := Edit{Name: name, Mode: ModeRegular, Hash: Hash{byte(i + 1)}}
				if dir {
					e.Mode = ModeDir
				}
				if gone {
					e = Edit{Name: name}
				}
				edits = append(edits, e)
			}
			return edits
		}
		tree := checkApply(t, mustParse(t, nil), parse(before))
		checkApply(t, tree, parse(changes))
	})
}
