package note

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

var many = flag.Bool("many", false, "go on to tens of thousands of notes")

// A repository is one of git's, from which trees and blobs are read.
type repository struct {
	*testing.T
	dir   string
	items map[git.Hash]*object.Item
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	r := &repository{t, t.TempDir(), map[git.Hash]*object.Item{}}
	r.git(nil, "init", "-q", "--bare")
	return r
}

func (r *repository) git(stdin []byte, args ...string) string {
	r.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = r.dir, bytes.NewReader(stdin)
	c.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@x", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		r.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (r *repository) read(h git.Hash, t storage.Type) (*object.Item, error) {
	if item := r.items[h]; item != nil {
		return item, nil
	}
	data := []byte(r.git(nil, "cat-file", t.String(), h.String()))
	if t == storage.Blob {
		data = append(data, '\n')
	} else if n := len(data); n > 0 { // a newline at its end is part of a tree
		c := exec.Command("git", "cat-file", t.String(), h.String())
		c.Dir = r.dir
		var err error
		if data, err = c.Output(); err != nil {
			return nil, err
		}
	}
	item, err := object.Decode(t, data, 0)
	r.items[h] = item
	return item, err
}

func (r *repository) Tree(_ context.Context, h git.Hash) (*object.Item, error) {
	return r.read(h, storage.Tree)
}

func (r *repository) Size(_ context.Context, h git.Hash) (int64, error) {
	item, err := r.read(h, storage.Blob)
	if err != nil {
		return 0, err
	}
	return item.Size, nil
}

func (r *repository) Blob(_ context.Context, h git.Hash) ([]byte, error) {
	item, err := r.read(h, storage.Blob)
	if err != nil {
		return nil, err
	}
	return item.Data, nil
}

func (r *repository) root() git.Hash {
	h, _ := git.ParseHash(r.git(nil, "rev-parse", "refs/notes/commits^{tree}"))
	return h
}

// write writes notes, and keeps what is new.
func (r *repository) write(t *Tree, was git.Hash) git.Hash {
	r.Helper()
	w, err := t.Write(r.Context(), was)
	if err != nil {
		r.Fatal(err)
	}
	for _, n := range w.Trees {
		r.items[n.Hash] = n.Item
	}
	return w.Tree
}

// checkList compares all notes with those that git lists.
func (r *repository) checkList(t *Tree, what string) {
	r.Helper()
	all, err := t.All(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	var got []string
	for _, n := range all {
		got = append(got, n.Blob.String()+" "+n.Object.String())
	}
	if want := strings.Split(r.git(nil, "notes", "list"), "\n"); !slices.Equal(got, want) {
		r.Errorf("%s: there are notes %q, want %q", what, got, want)
	}
}

// TestAgainstGit adds and removes notes beside git, many and few at a time, so that directories come and go.
func TestAgainstGit(t *testing.T) {
	const seed = 3
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRepository(t)
	random := func() (h git.Hash) {
		for i := range h {
			h[i] = byte(rng.Uint32())
		}
		return h
	}
	first := random()
	blob := r.git([]byte("text\n"), "hash-object", "-w", "--stdin")
	r.git(fmt.Appendf(nil, "100644 blob %s\t%s\n", blob, first), "mktree")
	tree := r.git(fmt.Appendf(nil, "100644 blob %s\t%s\n100644 blob %s\tREADME\n", blob, first, blob), "mktree")
	r.git(nil, "update-ref", "refs/notes/commits", r.git(nil, "commit-tree", "-m", "m", tree))
	all := []git.Hash{first}
	at := r.root()
	steps := []int{1, 30, 400, 1, 1, -1, -100, 1200, 1, -1, -1000, -200, -300, 5}
	if *many {
		steps = append(steps, 18000, 1, 1, -1, 20, -12000, -1)
	}
	for step, n := range steps {
		notes, err := Open(t.Context(), r, at)
		if err != nil {
			t.Fatal(err)
		}
		var input strings.Builder
		if n > 0 {
			for range n {
				to := random()
				fmt.Fprintf(&input, "%s %s\n", first, to)
				all = append(all, to)
				if _, found, err := notes.Find(t.Context(), first); err != nil || !found { // as git does
					t.Fatalf("Find() = %v, %v", found, err)
				}
				if err := notes.Put(t.Context(), to, []byte("text\n")); err != nil {
					t.Fatal(err)
				}
			}
			r.git([]byte(input.String()), "notes", "copy", "--stdin")
		}
		for range -n {
			if len(all) == 1 {
				break
			}
			i := 1 + rng.IntN(len(all)-1)
			fmt.Fprintln(&input, all[i])
			if found, err := notes.Remove(t.Context(), all[i]); err != nil || !found {
				t.Fatalf("Remove() = %v, %v", found, err)
			}
			all = slices.Delete(all, i, i+1)
		}
		if n < 0 {
			r.git([]byte(input.String()), "notes", "remove", "--stdin")
		}
		got, want := r.write(notes, at), r.root()
		if got != want {
			t.Fatalf("seed %d, step %d, %d notes: the tree is %s, want %s:\n%s", seed, step, len(all), got, want,
				r.git(nil, "ls-tree", want.String()))
		}
		at = got
	}
	notes, err := Open(t.Context(), r, at)
	if err != nil {
		t.Fatal(err)
	}
	r.checkList(notes, "at the end")
}

// TestMixedDirectories reads notes that lie as no version of git writes them: at several depths, some twice.
func TestMixedDirectories(t *testing.T) {
	r := newRepository(t)
	blob := func(text string) string { return r.git([]byte(text), "hash-object", "-w", "--stdin") }
	tree := func(entries ...string) string { return r.git([]byte(strings.Join(entries, "\n")+"\n"), "mktree") }
	file := func(name, text string) string { return fmt.Sprintf("100644 blob %s\t%s", blob(text), name) }
	dir := func(name, tree string) string { return fmt.Sprintf("040000 tree %s\t%s", tree, name) }
	name := func(digits string) string { return digits + strings.Repeat("0", 40-len(digits)) }
	deep := tree(file(name("abcd")[4:], "deep\n"), file("other", "x\n"))
	root := tree(
		file(name("abcd"), "flat\n"), file(name("ab01"), "one\n"), file(name("cd"), "two\n"), file("README", "read\n"),
		fmt.Sprintf("100755 blob %s\t%s", blob("run\n"), name("ce")),
		fmt.Sprintf("120000 blob %s\t%s", blob("l"), name("cf")),
		dir("ab", tree(dir("cd", deep), file(name("ab02")[2:], "three\n"), file(name("abcd")[2:], "between\n"))),
		dir("AC", tree(file(strings.ToUpper(name("ac0b")[2:]), "upper\n"))), dir("docs", deep),
		dir("ef", tree(file("note", "no\n"))),
	)
	r.git(nil, "update-ref", "refs/notes/commits", r.git(nil, "commit-tree", "-m", "m", root))
	at := r.root()
	open := func() *Tree {
		notes, err := Open(t.Context(), r, at)
		if err != nil {
			t.Fatal(err)
		}
		return notes
	}
	r.checkList(open(), "at the beginning")
	for _, digits := range []string{"abcd", "ab01", "ac0b", "cd", "ce"} {
		var h git.Hash
		hex.Decode(h[:], []byte(name(digits)))
		notes := open()
		found, ok, err := notes.Find(t.Context(), h)
		if err != nil || !ok {
			t.Fatalf("Find(%s) = %v, %v", digits, ok, err)
		}
		text, err := notes.Text(t.Context(), found)
		if err != nil || string(text) != r.git(nil, "notes", "show", h.String())+"\n" {
			t.Errorf("the note on %s is %q, %v", digits, text, err)
		}
	}
	for i, digits := range []string{"ab03", "ef", "12", "abce"} {
		var h git.Hash
		hex.Decode(h[:], []byte(name(digits)))
		notes := open()
		if err := notes.Put(t.Context(), h, []byte("new\n")); err != nil {
			t.Fatal(err)
		}
		// Git reads what it copies first.
		from := blob("new\n")
		r.git(fmt.Appendf(nil, "%s %s\n", name("cd"), h), "notes", "copy", "--stdin")
		want := r.git(nil, "ls-tree", "-r", "--name-only", "refs/notes/commits")
		at = r.write(notes, at)
		got := r.names(at, "")
		if strings.Join(got, "\n") != want {
			t.Fatalf("step %d: the tree has %q, want %q, %s", i, got, want, from)
		}
		at = r.root()
	}
}

// names returns the paths of the files in a tree.
func (r *repository) names(h git.Hash, prefix string) (all []string) {
	r.Helper()
	item, err := r.read(h, storage.Tree)
	if err != nil {
		r.Fatal(err)
	}
	for i := range item.Tree.Len() {
		if e := item.Tree.Entry(i); e.IsDir() {
			all = append(all, r.names(e.Hash, prefix+e.Name+"/")...)
		} else {
			all = append(all, prefix+e.Name)
		}
	}
	return all
}

// FuzzTree holds that what is put into any tree is found there again, after it was written.
func FuzzTree(f *testing.F) {
	f.Add([]byte("100644 a\x00aaaaaaaaaaaaaaaaaaaa40000 ab\x00bbbbbbbbbbbbbbbbbbbb"), []byte("name"))
	f.Add([]byte(nil), []byte("\xab"))
	f.Fuzz(func(t *testing.T, raw, name []byte) {
		item, err := object.Decode(storage.Tree, raw, 0)
		if err != nil {
			t.Skip()
		}
		src := mapped{git.Hash{1}: item}
		notes, err := Open(t.Context(), src, git.Hash{1})
		var h git.Hash
		copy(h[:], name)
		if err == nil {
			err = notes.Put(t.Context(), h, []byte("x"))
		}
		if err != nil {
			return
		}
		w, err := notes.Write(t.Context(), git.Hash{1})
		if err != nil {
			return
		}
		for _, n := range w.Trees {
			src[n.Hash] = n.Item
		}
		again, err := Open(t.Context(), src, w.Tree)
		if err != nil {
			return // of trees that are not in order
		}
		if blob, found, err := again.Find(t.Context(), h); err == nil && (!found || w.Blobs[blob] == nil) {
			t.Errorf("the note on %s is %s, %v", h, blob, found)
		}
	})
}

// mapped is a Source of trees.
type mapped map[git.Hash]*object.Item

func (m mapped) Tree(_ context.Context, h git.Hash) (*object.Item, error) {
	if item := m[h]; item != nil {
		return item, nil
	}
	return nil, storage.ErrNotFound
}

func (m mapped) Size(context.Context, git.Hash) (int64, error)  { return 0, storage.ErrNotFound }
func (m mapped) Blob(context.Context, git.Hash) ([]byte, error) { return nil, storage.ErrNotFound }
