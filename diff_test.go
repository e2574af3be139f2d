package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// A diffWriter commits files that change at random.
type diffWriter struct {
	*rand.Rand
	t     testing.TB
	r     *reposit.Repo
	files map[string]diffFile
}

type diffFile struct {
	mode reposit.Mode
	data string // of a submodule its commit
}

func (f diffFile) put(path string) reposit.Change {
	switch f.mode {
	case reposit.ModeSymlink:
		return reposit.Symlink(path, f.data)
	case reposit.ModeSubmodule:
		return reposit.Submodule(path, reposit.Hash([]byte(f.data)))
	}
	return reposit.Put(path, []byte(f.data)).Mode(f.mode)
}

func (w *diffWriter) text() string {
	lines := make([]string, w.IntN(40))
	for i := range lines {
		lines[i] = pickOf(w.Rand, []string{"", "\t", "  "}) + pickOf(w.Rand, []string{"", "}", "func f() {", "x := 1",
			fmt.Sprintf("line %d", w.IntN(30))})
	}
	return strings.Join(lines, "\n") + pickOf(w.Rand, []string{"", "\n", "\n", "\n", "\x00\x01"})
}

func (w *diffWriter) edit(f diffFile) diffFile {
	switch f.mode {
	case reposit.ModeSubmodule:
		f.data = strings.Repeat(string(rune('a'+w.IntN(20))), 20)
		return f
	case reposit.ModeSymlink:
		f.data += "x"
		return f
	}
	lines := strings.Split(f.data, "\n")
	for range w.IntN(4) {
		at := w.IntN(len(lines) + 1)
		lines = slices.Insert(lines, at, fmt.Sprintf("edited %d", w.IntN(100)))
		if w.IntN(2) == 0 {
			at = w.IntN(len(lines))
			lines = slices.Delete(lines, at, at+1)
		}
	}
	f.data = strings.Join(lines, "\n")
	return f
}

func (w *diffWriter) change() {
	path := pickOf(w.Rand, []string{"", "a/", "a/b/", "d e/", "\u00fc/"}) +
		pickOf(w.Rand, []string{"f", "g", "read me", "t\tb", "q\"q"}) + fmt.Sprint(w.IntN(9))
	old := path
	if len(w.files) > 0 {
		old = pickOf(w.Rand, slices.Sorted(maps.Keys(w.files)))
	}
	f := w.files[old]
	switch k := w.IntN(12); {
	case k < 3 || f.mode == 0:
		w.files[path] = diffFile{reposit.ModeRegular, w.text()}
	case k < 4:
		w.files[path] = diffFile{reposit.ModeSymlink, "target"}
	case k < 5:
		w.files[path] = w.edit(diffFile{mode: reposit.ModeSubmodule})
	case k < 6:
		delete(w.files, old)
	case k < 8:
		delete(w.files, old)
		w.files[path] = w.edit(f)
	case k < 9:
		w.files[path] = w.edit(f)
	case k < 10 && f.mode == reposit.ModeRegular:
		f.mode = reposit.ModeExecutable
		w.files[old] = f
	default:
		w.files[old] = w.edit(f)
	}
}

// commit makes a commit of a few changes.
func (w *diffWriter) commit() *reposit.Commit {
	w.t.Helper()
	before := maps.Clone(w.files)
	for range 1 + w.IntN(6) {
		w.change()
	}
	var changes []reposit.Change
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, ok := w.files[path]; !ok {
			changes = append(changes, reposit.Delete(path))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		if f := w.files[path]; f != before[path] {
			changes = append(changes, f.put(path))
		}
	}
	return commit(w.t, w.r, &reposit.CommitOptions{Message: "m", AllowEmpty: true}, changes...)
}

func patchOf(d *reposit.Diff) string {
	var b strings.Builder
	for i := range d.Files {
		b.WriteString(d.Files[i].Patch)
	}
	return b.String()
}

// TestDiff compares diffs of random histories with git's, by the byte, and has git apply them.
func TestDiff(t *testing.T) {
	t.Parallel()
	needGit(t)
	commits, pairs := 25, 15
	if testing.Short() {
		commits, pairs = 8, 6
	}
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		w := &diffWriter{rand.New(rand.NewPCG(*seed, 4)), t, create(t, s, "r", nil), map[string]diffFile{}}
		t.Logf("seed %d", *seed)
		var all []string
		for range commits {
			all = append(all, w.commit().Hash.String())
		}
		dir := s.export(t, w.r)
		for range pairs {
			base, head := pickOf(w.Rand, all), pickOf(w.Rand, all)
			checkDiff(t, dir, w.r, base, head, &reposit.DiffOptions{}, "--no-renames")
			checkDiff(t, dir, w.r, base, head, &reposit.DiffOptions{Renames: reposit.RenamesOn}, "-M")
			checkDiff(t, dir, w.r, base, head, &reposit.DiffOptions{Renames: reposit.CopiesToo, Similarity: 30}, "-C30%")
			checkDiff(t, dir, w.r, base, head, &reposit.DiffOptions{Algorithm: reposit.Histogram, Context: 1,
				IgnoreSpace: reposit.IgnoreSpaceChange}, "--histogram", "-U1", "-b")
			checkDiff(t, dir, w.r, base, head, &reposit.DiffOptions{Algorithm: reposit.Patience, Context: -1,
				IgnoreSpace: reposit.IgnoreAllSpace}, "--patience", "-U0", "-w")
			checkDiff(t, dir, w.r, base, head, &reposit.DiffOptions{Renames: reposit.RenamesOn,
				IgnoreSpace: reposit.IgnoreSpaceAtEnd, Paths: []string{"a/b", "f1", "d e/"}},
				"-M", "--ignore-space-at-eol", "--", "a/b", "f1", "d e")
		}
		checkDiff(t, dir, w.r, "", all[0], &reposit.DiffOptions{})
	})
}

func checkDiff(t *testing.T, dir string, r *reposit.Repo, base, head string, opts *reposit.DiffOptions,
	flags ...string) {
	t.Helper()
	d, err := r.Diff(t.Context(), base, head, opts)
	if err != nil {
		t.Fatal(err)
	}
	if base == "" {
		base = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	}
	revs := append([]string{"-r", "--full-index"}, flags...)
	i := slices.Index(revs, "--")
	if i < 0 {
		i = len(revs)
	}
	revs = slices.Insert(revs, i, base, head)
	want := git(t, dir, nil, append([]string{"diff-tree", "-p"}, revs...)...)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(strings.TrimSuffix(patchOf(d), "\n"), "\n")); diff != "" {
		t.Errorf("Diff(%s, %s, %+v) (-git +got):\n%s", base, head, opts, diff)
	}
	// -U would have git print patches.
	revs = slices.DeleteFunc(revs, func(flag string) bool { return strings.HasPrefix(flag, "-U") })
	checkStat(t, d, git(t, dir, nil, append([]string{"diff-tree", "--raw", "--no-abbrev", "-z"}, revs...)...))
	short := *opts
	short.StatOnly = true
	if base == "4b825dc642cb6eb9a060e54bf8d69288fbee4904" {
		return
	}
	stat, err := r.Diff(t.Context(), base, head, &short)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Files {
		f := d.Files[i]
		f.Patch = ""
		if diff := cmp.Diff(f, stat.Files[i]); diff != "" {
			t.Errorf("Diff(StatOnly) (-Diff +StatOnly):\n%s", diff)
		}
	}
	if opts.IgnoreSpace == reposit.SpaceCounts && len(opts.Paths) == 0 {
		checkApplies(t, dir, d, base, head)
	}
}

// checkStat compares what a diff says of each file with git's raw output.
func checkStat(t *testing.T, d *reposit.Diff, raw string) {
	t.Helper()
	var got strings.Builder
	added, deleted := 0, 0
	for i := range d.Files {
		f := &d.Files[i]
		letter := map[reposit.DiffStatus]string{reposit.Added: "A", reposit.Modified: "M", reposit.Deleted: "D",
			reposit.Renamed: "R", reposit.Copied: "C", reposit.TypeChanged: "T"}[f.Status]
		fmt.Fprintf(&got, ":%v %v %s %s %s", f.OldMode, f.NewMode, f.OldHash, f.NewHash, letter)
		if f.OldPath != "" {
			fmt.Fprintf(&got, "%03d\x00%s", f.Similarity, f.OldPath)
		}
		fmt.Fprintf(&got, "\x00%s\x00", f.Path)
		plus, minus := 0, 0
		inside := false
		for line := range strings.Lines(f.Patch) {
			inside = (inside || strings.HasPrefix(line, "@@ ")) && !strings.HasPrefix(line, "diff ")
			if inside && line[0] == '+' {
				plus++
			} else if inside && line[0] == '-' {
				minus++
			}
		}
		if plus != f.Additions || minus != f.Deletions {
			t.Errorf("%s has %d and %d lines, its patch %d and %d", f.Path, f.Additions, f.Deletions, plus, minus)
		}
		added += plus
		deleted += minus
	}
	if diff := cmp.Diff(strings.Split(raw, "\x00"), strings.Split(got.String(), "\x00")); diff != "" {
		t.Errorf("files (-git +got):\n%s", diff)
	}
	if d.Additions != added || d.Deletions != deleted {
		t.Errorf("%d and %d lines, want the sum, %d and %d", d.Additions, d.Deletions, added, deleted)
	}
}

// checkApplies has git apply a diff to the one tree, which must become the other one.
func checkApplies(t *testing.T, dir string, d *reposit.Diff, base, head string) {
	t.Helper()
	var text bytes.Buffer
	if n, err := d.WriteTo(&text); err != nil || n != int64(text.Len()) {
		t.Fatalf("WriteTo() = %d, %v, and wrote %d", n, err, text.Len())
	}
	if text.Len() == 0 {
		return
	}
	git(t, dir, nil, "read-tree", base)
	if _, err := tryGit(t, dir, text.Bytes(), "apply", "--cached", "-"); err != nil {
		t.Fatalf("git apply of %s..%s: %v\n%.2000s", base, head, err, &text)
	}
	if got, want := git(t, dir, nil, "write-tree"), git(t, dir, nil, "rev-parse", head+"^{tree}"); got != want {
		t.Errorf("git apply of %s..%s makes %s, want %s", base, head, got, want)
	}
}

var errWriter = errors.New("the writer fails")

// A failingWriter takes so many bytes.
type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	w.left -= n
	if n < len(p) {
		return n, errWriter
	}
	return n, nil
}

func TestBadDiff(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	if d, err := r.Diff(t.Context(), "", "", nil); err != nil || len(d.Files) != 0 {
		t.Errorf("Diff() of no commit = %+v, %v", d, err)
	}
	write(t, r, "f", "1\n")
	for _, test := range []struct {
		base, head string
		opts       reposit.DiffOptions
		want       error
	}{
		{"main", "other", reposit.DiffOptions{}, reposit.ErrNotFound},
		{"other", "main", reposit.DiffOptions{}, reposit.ErrNotFound},
		{"main~1", "main", reposit.DiffOptions{}, reposit.ErrNotFound},
		{"main", "a..b", reposit.DiffOptions{}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Renames: 3}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Renames: -1}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Similarity: 101}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Similarity: -1}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Algorithm: 3}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{IgnoreSpace: 4}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Paths: []string{""}}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Paths: []string{"a//b"}}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Paths: []string{"/f"}}, reposit.ErrInvalid},
		{"", "", reposit.DiffOptions{Paths: []string{"f/.."}}, reposit.ErrInvalid},
	} {
		d, err := r.Diff(t.Context(), test.base, test.head, &test.opts)
		var e *reposit.Error
		if d != nil || !errors.Is(err, test.want) || !errors.As(err, &e) || e.Op != "diff" {
			t.Errorf("Diff(%q, %q, %+v) = %v, %v, want %v", test.base, test.head, test.opts, d, err, test.want)
		}
	}
}

// TestDiffWords holds that the spans lie in the lines that they are about.
func TestDiffWords(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	write(t, r, "f", "one\nreturn foo(x)\n")
	write(t, r, "f", "one\nreturn bar(x)\n")
	d, err := r.Diff(t.Context(), "main~1", "main", &reposit.DiffOptions{Words: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range d.Files[0].Words {
		line := strings.LastIndexByte(d.Files[0].Patch[:w.Start], '\n') + 1
		got = append(got, d.Files[0].Patch[line:line+1]+d.Files[0].Patch[w.Start:w.End])
	}
	if diff := cmp.Diff([]string{"-foo", "+bar"}, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// TestDiffOutlives holds that the content of binary files is written as long as the actor may read it, whatever became
// of the context, and what is text always.
func TestDiffOutlives(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
		text := commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Put("t", []byte("text\n")))
		commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Put("b", []byte("\x00")))
		s.grant(t, r, "bob", reposit.Read)
		bob := s.repoAs(t, r, "bob")
		ctx, cancel := context.WithCancel(t.Context())
		binary := must(bob.Diff(ctx, text.Hash.String(), "", nil))(t)
		lines := must(bob.Diff(ctx, "", text.Hash.String(), nil))(t)
		cancel()
		if n, err := binary.WriteTo(io.Discard); err != nil || n < 200 {
			t.Errorf("WriteTo() once the context is done = %d, %v", n, err)
		}
		failing := &failingWriter{left: 100}
		if n, err := binary.WriteTo(failing); !errors.Is(err, errWriter) || n != 100 {
			t.Errorf("WriteTo(a writer that fails) = %d, %v, want 100, %v", n, err, errWriter)
		}
		if err := r.Collaborators().Remove(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		if _, err := binary.WriteTo(io.Discard); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("WriteTo() without a grant = %v, want %v", err, reposit.ErrNotFound)
		}
		if n, err := lines.WriteTo(io.Discard); err != nil || n != int64(len(patchOf(lines))) {
			t.Errorf("WriteTo() of text without a grant = %d, %v", n, err)
		}
		host := must(r.Diff(t.Context(), text.Hash.String(), "", nil))(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := host.WriteTo(io.Discard); !errors.Is(err, reposit.ErrClosed) {
			t.Errorf("WriteTo() once the store is closed = %v, want %v", err, reposit.ErrClosed)
		}
		own := reposit.Diff{Files: binary.Files}
		if n, err := own.WriteTo(io.Discard); err != nil || n != int64(len(patchOf(binary))) {
			t.Errorf("WriteTo() of a Diff of the caller's = %d, %v", n, err)
		}
	})
}

// TestLargeDiff holds that two trees of many files are compared in bounded memory.
func TestLargeDiff(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 200,000 files")
	}
	s := openMemory(t, &reposit.Options{CacheSize: 8 << 20})
	r := create(t, s, "r", nil)
	for round := range 2 {
		var changes []reposit.Change
		for i := range 100_000 {
			changes = append(changes, reposit.Put(fmt.Sprintf("d%03d/f%05d", i%500, i), fmt.Appendf(nil, "%d\n%d\n", round, i)))
		}
		commit(t, r, &reposit.CommitOptions{Message: "m"}, changes...)
	}
	for _, opts := range []reposit.DiffOptions{{StatOnly: true}, {StatOnly: true, Renames: reposit.RenamesOn}} {
		before := liveBytes()
		stop, most := make(chan struct{}), make(chan uint64)
		go func() {
			top := uint64(0)
			for {
				select {
				case <-stop:
					most <- max(top, liveBytes())
					return
				default:
					top = max(top, liveBytes())
				}
			}
		}()
		d, err := r.Diff(t.Context(), "main~1", "main", &opts)
		close(stop)
		top := <-most
		if err != nil || len(d.Files) != 100_000 || d.Additions != 100_000 || d.Deletions != 100_000 {
			t.Fatalf("Diff() = %d files, +%d -%d, %v", len(d.Files), d.Additions, d.Deletions, err)
		}
		if used := int64(top) - int64(before); used > 64<<20+8<<20 {
			t.Errorf("Diff(%+v) of 100,000 files takes %d MiB beside a cache of 8", opts, used>>20)
		} else {
			t.Logf("Diff(%+v) of 100,000 files takes %d MiB, with a cache of 8", opts, used>>20)
		}
		runtime.KeepAlive(d)
	}
}

// liveBytes returns how much memory is in use.
func liveBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
