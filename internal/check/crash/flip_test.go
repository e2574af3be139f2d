package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

var flips = flag.Int("flips", 4, "how many bits TestFlips flips in each kind of file, on each backend")

const (
	flipBackend = "REPOSIT_FLIP_BACKEND" // has a process read stores, whose directories it is told line by line
	flipHashes  = "REPOSIT_FLIP_HASHES"  // the commits of the history, in its order
)

// flipScript is a history whose store has files of every kind.
var flipScript = []string{
	"create", "commit", "commit", "commit many files", "create branch", "commit", "create tag", "update refs", "commit",
	"create tag",
	"create", "commit", "commit to the shared repository", "commit from readers", "describe", "commit a large file",
	"rename branch",
	"create tag", "create tag", "commit", "delete tag", "commit", "create", "commit to the shared repository",
}

// TestFlips flips bits in the files of a store, one in each of many copies, and has a process of its own read all of
// each. What it reads must be what was written, or an error. Git keeps the names in HEAD and packed-refs without a
// checksum, so they may read as other names.
func TestFlips(t *testing.T) {
	for i, b := range onDisk[1:] {
		open := func(dir string) (storage.Backend, error) { return b.open(dir, storage.NoSync) }
		t.Run(b.name, func(t *testing.T) {
			if os.Getenv(flipBackend) != "" {
				readStores(open)
				os.Exit(0)
			}
			t.Parallel()
			t.Logf("-seed=%d", *fixture.Seed)
			f := &flipper{T: t, source: storagetest.TempDir(t), dir: storagetest.TempDir(t),
				rand: rand.New(rand.NewPCG(*fixture.Seed, uint64(i)))}
			f.write(open)
			n := *flips
			if testing.Short() {
				n = min(n, 1)
			}
			for _, kind := range slices.Sorted(maps.Keys(f.files)) {
				results := map[string]int{}
				for range n {
					results[f.flip(kind)]++
				}
				t.Logf("%s: %v", kind, results)
			}
			f.stop()
		})
	}
}

// A flipper makes copies of a store, flips a bit in each, and has a process read it.
type flipper struct {
	*testing.T
	source string
	dir    string // of the copy
	rand   *rand.Rand
	files  map[string][]string // by kind
	hashes []string

	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	noise *bytes.Buffer
}

// write makes the store, and has git pack the refs of two repositories if it is one of bare repositories.
func (f *flipper) write(open func(dir string) (storage.Backend, error)) {
	b, err := open(f.source)
	if err != nil {
		f.Fatal(err)
	}
	s := fixture.Open(f, b, f.source, nil)
	fixture.Create(f, s.Store, "shared", &reposit.CreateOptions{Owner: "all"})
	p := newPlayer(*fixture.Seed, 0)
	p.script = flipScript
	for range flipScript {
		d := p.next()
		made, err := d.do(f.Context(), s.Store)
		if err != nil {
			f.Fatalf("%s: %v", d.what, err)
		}
		p.settle(made)
		f.hashes = append(f.hashes, made.String())
	}
	s.MustClose(f)
	if _, err := exec.LookPath("git"); err == nil {
		repos, err := filepath.Glob(filepath.Join(f.source, "repos", "*.git"))
		if err != nil {
			f.Fatal(err)
		}
		for _, dir := range repos[:min(len(repos), 2)] {
			fixture.Git(f, dir, nil, "pack-refs", "--all")
		}
	}
	f.files = map[string][]string{}
	err = fs.WalkDir(os.DirFS(f.source), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err != nil || info.Size() == 0 {
			return err
		}
		kind := fileKind(name)
		f.files[kind] = append(f.files[kind], name)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}

func fileKind(name string) string {
	base := path.Base(name)
	_, rest, _ := strings.Cut(name, ".git/")
	switch top, _, _ := strings.Cut(rest, "/"); {
	case path.Ext(base) != "" && rest == "", strings.HasPrefix(rest, "objects/pack/"):
		return path.Ext(base)
	case strings.HasPrefix(rest, "objects/") && len(base) == 38:
		return "loose object"
	case top == "refs", top == "logs", top == "reposit-logs":
		return top
	}
	return base
}

// reset makes dir a copy of the source. Of pools it makes one once: they are most of the files, and are only read.
func (f *flipper) reset() error {
	left, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	kept := false
	for _, e := range left {
		if e.Name() == "pools" {
			kept = true
		} else if err := os.RemoveAll(filepath.Join(f.dir, e.Name())); err != nil {
			return err
		}
	}
	return fs.WalkDir(os.DirFS(f.source), ".", func(name string, e fs.DirEntry, err error) error {
		to := filepath.Join(f.dir, name)
		switch {
		case err != nil || name == ".":
			return err
		case name == "pools" && kept:
			return fs.SkipDir
		case e.IsDir():
			return os.Mkdir(to, 0o755)
		}
		data, err := os.ReadFile(filepath.Join(f.source, name))
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

// flip returns what came of a flip in a file of the kind.
func (f *flipper) flip(kind string) string {
	if err := f.reset(); err != nil {
		f.Fatal(err)
	}
	name := f.files[kind][f.rand.IntN(len(f.files[kind]))]
	file := filepath.Join(f.dir, name)
	data, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	at, bit := f.rand.IntN(len(data)), f.rand.IntN(8)
	write := func() {
		data[at] ^= 1 << bit
		if err := os.WriteFile(file, data, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	write()
	line := f.ask(f.dir)
	if strings.HasPrefix(name, "pools/") {
		write() // as it was
	}
	result, why, _ := strings.Cut(line, ": ")
	isName := kind == "HEAD" || kind == "packed-refs" || kind == "refs" // a name there has no checksum
	switch {
	case result == "unnamed" && isName:
		result += " " + strings.Fields(why)[0]
	case result == "wrong", result == "odd", result == "unnamed", result == "died":
		f.Errorf("bit %d of byte %d of %s: %s", bit, at, name, line)
	case result == "missing" && !isName:
		f.Logf("bit %d of byte %d of %s: %s", bit, at, name, line)
	case result == "missing":
		result += " " + strings.Fields(why)[0]
	}
	return result
}

// ask has the process read a store. It starts one if none runs.
func (f *flipper) ask(dir string) string {
	if f.cmd == nil {
		f.start()
	}
	late := time.AfterFunc(time.Minute, func() { f.cmd.Process.Kill() })
	defer late.Stop()
	fmt.Fprintln(f.in, dir)
	for {
		line, err := f.out.ReadString('\n')
		if err != nil {
			err := f.cmd.Wait()
			f.cmd = nil
			return fmt.Sprintf("died: %v\n%.3000s", err, f.noise)
		}
		if result, ok := strings.CutPrefix(line, "result "); ok {
			return strings.TrimSuffix(result, "\n")
		}
	}
}

func (f *flipper) start() {
	cmd := exec.CommandContext(f.Context(), os.Args[0], "-test.run=^"+strings.ReplaceAll(f.Name(), "/", "$/^")+"$",
		fmt.Sprintf("-seed=%d", *fixture.Seed))
	cmd.Env = append(os.Environ(), flipBackend+"=1", flipHashes+"="+strings.Join(f.hashes, " "))
	f.noise = &bytes.Buffer{}
	cmd.Stderr = f.noise
	in, err := cmd.StdinPipe()
	if err != nil {
		f.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.cmd, f.in, f.out = cmd, in, bufio.NewReader(out)
}

func (f *flipper) stop() {
	if f.cmd == nil {
		return
	}
	if err := errors.Join(f.in.Close(), f.cmd.Wait()); err != nil {
		f.Errorf("the process that reads: %v\n%s", err, f.noise)
	}
}

// readStores reads the stores in the directories that it is told, and prints a line on each.
func readStores(open func(dir string) (storage.Backend, error)) {
	p := newPlayer(*fixture.Seed, 0)
	p.script = flipScript
	for _, text := range strings.Fields(os.Getenv(flipHashes)) {
		h, err := reposit.ParseHash(text)
		if err != nil {
			fmt.Println("result odd:", err)
		}
		p.settle(h)
	}
	contents := map[text][]byte{}
	for dirs := bufio.NewScanner(os.Stdin); dirs.Scan(); {
		r := &damageReader{ctx: context.Background(), result: "ok", contents: contents, read: map[text]bool{}}
		if b, err := open(dirs.Text()); err != nil {
			r.result = "refused"
		} else if s, err := reposit.Open(r.ctx, b, fixture.Quiet(nil)); err != nil {
			r.result = "refused"
		} else {
			r.readAll(s, p)
			r.check(s)
			if err := s.Close(); err != nil {
				r.fail("close", err)
			}
		}
		fmt.Println("result", strings.ReplaceAll(r.result, "\n", " "))
	}
}

// A damageReader reads all of a store that may be damaged, and keeps the worst that comes of it.
type damageReader struct {
	ctx      context.Context
	result   string
	contents map[text][]byte
	read     map[text]bool
}

func (r *damageReader) content(c text) []byte {
	if r.contents[c] == nil {
		r.contents[c] = c.content()
	}
	return r.contents[c]
}

// The results, from best to worst: all is well; something could not be read; something is missing or has another
// name; a file has another size, which backends tell without reading the file; an error is of no kind that callers
// know; Check does not name what could not be read; something reads as what was never written.
var results = []string{"ok", "failed", "missing", "size", "odd", "unnamed", "wrong"}

func (r *damageReader) note(result, format string, args ...any) {
	word, _, _ := strings.Cut(r.result, ":")
	if slices.Index(results, result) > slices.Index(results, word) {
		r.result = result + ": " + fmt.Sprintf(format, args...)
	}
}

func (r *damageReader) fail(what string, err error) {
	if errors.Is(err, reposit.ErrCorrupt) || errors.Is(err, reposit.ErrNotFound) || errors.Is(err, reposit.ErrInvalid) ||
		errors.Is(err, storage.ErrFormat) {
		r.note("failed", "%s: %v", what, err)
		return
	}
	r.note("odd", "%s: %v", what, err)
}

// check has Check name what could not be read. That a ref or branch has another name it can't know.
func (r *damageReader) check(s *reposit.Store) {
	report, err := s.Check(r.ctx, nil)
	if err != nil {
		r.note("odd", "check: %v", err)
		return
	}
	word, why, _ := strings.Cut(r.result, ":")
	if (word == "failed" || word == "size") && report.Clean() {
		r.note("unnamed", "%s", why)
	}
}

func (r *damageReader) readAll(s *reposit.Store, p *player) {
	for _, h := range p.repos {
		r.repo(s, p, h)
	}
	r.lists(s, len(p.repos)+1)
	shared, err := s.Repo(r.ctx, sharedRepo)
	if err != nil {
		r.fail("shared repository", err)
		return
	}
	for _, name := range p.shared {
		r.file(shared, "", p.owner()+"/"+name, []byte(p.owner()+"/"+name))
	}
}

func (r *damageReader) lists(s *reposit.Store, want int) {
	for _, by := range fixture.Sorts {
		n := 0
		for info, err := range s.All(r.ctx, &reposit.ListOptions{Sort: by.Sort}) {
			if err != nil {
				r.fail("list", err)
				n = want
				break
			}
			if _, err := s.RepoByID(r.ctx, info.ID); err != nil {
				r.fail("repository by ID", err)
			}
			n++
		}
		if n != want {
			r.note("missing", "repositories: the list by %s has %d, not %d", by.Name, n, want)
		}
	}
}

func (r *damageReader) repo(s *reposit.Store, p *player, h *holding) {
	repo, err := s.Repo(r.ctx, p.owner()+"/"+h.slug)
	if err != nil {
		r.fail("repository", err)
		return
	}
	switch info, err := repo.Info(r.ctx); {
	case err != nil:
		r.fail("info", err)
	case info.DefaultBranch != h.head:
		r.note("missing", "HEAD: it names %q, not %q", info.DefaultBranch, h.head)
	case info.Slug != h.slug || info.Description != h.description || info.Private != h.private ||
		info.Labels["state"] != h.label:
		r.note("wrong", "info: %+v", info)
	}
	listed, seen := map[string]bool{}, map[*point]bool{}
	for ref, err := range repo.Refs().All(r.ctx, "") {
		if err != nil {
			r.fail("refs", err)
			listed = nil
			break
		}
		listed[ref.Name] = true
	}
	for name, m := range h.refs {
		if listed != nil && !listed[name] {
			r.note("missing", "ref: %s is not listed", name)
		}
		r.ref(repo, name, m)
		for at := m.at; at != nil && !seen[at]; at = at.parent {
			seen[at] = true
			r.point(repo, at)
		}
	}
}

func (r *damageReader) ref(repo *reposit.Repo, name string, m mark) {
	if m.note != "" {
		switch tag, err := repo.Tags().Tag(r.ctx, strings.TrimPrefix(name, "refs/tags/")); {
		case err != nil:
			r.fail("tag", err)
		case tag.Message != m.note || tag.Target != m.at.hash:
			r.note("wrong", "tag %s: %v", name, tag)
		}
		return
	}
	switch h, err := repo.Resolve(r.ctx, name); {
	case err != nil:
		r.fail("ref", err)
	case h != m.at.hash:
		// A ref file has no checksum; its hash must not lead anywhere.
		if _, err := repo.List(r.ctx, name, ""); err == nil {
			r.note("wrong", "ref %s: %s, want %s", name, h, m.at.hash)
		} else {
			r.fail("ref", err)
		}
	}
}

// point reads the tree of a commit.
func (r *damageReader) point(repo *reposit.Repo, at *point) {
	rev := at.hash.String()
	left := maps.Clone(at.tree)
	for e, err := range repo.Walk(r.ctx, rev, "") {
		if err != nil {
			r.fail("walk", err)
			left = nil
			break
		}
		if e.Mode == reposit.ModeDir {
			continue
		}
		want, ok := at.tree[e.Path]
		if !ok {
			r.note("wrong", "walk: %+v", e)
		} else if size := len(r.content(want)); e.Size != int64(size) {
			r.note("size", "walk: %+v, want %d bytes", e, size)
		}
		delete(left, e.Path)
	}
	if len(left) > 0 {
		r.note("wrong", "walk: %d files of %s are missing", len(left), rev)
	}
	for name, want := range at.tree {
		if !r.read[want] {
			r.read[want] = true
			r.file(repo, rev, name, r.content(want))
		}
	}
}

func (r *damageReader) file(repo *reposit.Repo, rev, name string, want []byte) {
	switch data, err := repo.Read(r.ctx, rev, name); {
	case err != nil:
		r.fail("read", err)
	case !bytes.Equal(data, want):
		r.note("wrong", "read: %s of %s", name, rev)
	}
	if len(want) < storage.LargeObject {
		return
	}
	stream, err := repo.Open(r.ctx, rev, name)
	if err != nil {
		r.fail("open", err)
		return
	}
	defer stream.Close()
	switch data, err := io.ReadAll(stream); {
	case err != nil:
		r.fail("stream", err)
	case !bytes.Equal(data, want):
		r.note("wrong", "stream: %s of %s", name, rev)
	}
}
