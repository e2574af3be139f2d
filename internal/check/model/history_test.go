package model_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

var commits = flag.Int("commits", 400, "how many commits the history of TestHistory has")

// TestHistory makes the same random history on every backend, and with git fast-import from the model's trees. All
// hashes must be equal, and git must have nothing to say about what we stored.
func TestHistory(t *testing.T) {
	fixture.NeedGit(t)
	n := *commits
	if testing.Short() {
		n = min(n, 120)
	}
	t.Logf("-seed=%d", *fixture.Seed)
	h := newHistory(*fixture.Seed, n)
	want, refs := h.fastImport(t)
	fixture.EachKind(t, func(t *testing.T, open fixture.Opener) {
		opts, _ := fixture.Fixed()
		s := open(opts)
		r := fixture.Create(t, s.Store, "history", nil)
		h.run(t, r, want)
		if t.Failed() {
			return
		}
		if diff := cmp.Diff(refs, fixture.AllRefs(t, r)); diff != "" {
			t.Errorf("refs, -git +reposit:\n%s", diff)
		}
		for name, at := range h.branches {
			h.commits[at].tree.check(t, r, name)
		}
		fixture.Fsck(t, s.Export(t, r))
		if s.Dir != "" {
			fixture.Fsck(t, filepath.Join(s.Dir, "repos", fixture.StorageID(r).String()+".git"))
		}
	})
}

// A history is a list of steps that was thought out before anything is done.
type history struct {
	rand     *rand.Rand
	steps    []step
	commits  []planned
	branches map[string]int // index of the tip in commits
	tags     map[string]int
	clock    time.Time
}

type planned struct {
	parent int // -1: none
	tree   model
	opts   reposit.CommitOptions
}

// A step is one call. commit is the index of the commit that it makes, or that it names, or -1.
type step struct {
	verb   string
	name   string
	from   string
	ops    []op
	opts   reposit.CommitOptions
	tag    *reposit.TagOptions
	commit int
	want   error
}

func newHistory(seed uint64, commits int) *history {
	h := &history{
		rand: rand.New(rand.NewPCG(seed, 0)), branches: map[string]int{}, tags: map[string]int{},
		clock: fixture.NewYear,
	}
	for len(h.commits) < commits {
		h.addCommit("main", "")
		for range 20 {
			h.add()
		}
	}
	return h
}

var branchNames = []string{"main", "dev", "fix/one", "fix/two", "release-1.0"}

func (h *history) add() {
	name := branchNames[h.rand.IntN(len(branchNames))]
	_, exists := h.branches[name]
	switch n := h.rand.IntN(100); {
	case n < 86 && exists:
		h.addCommit(name, "")
	case exists && n < 88 && name != "main":
		h.steps = append(h.steps, step{verb: "delete branch", name: name, commit: -1})
		delete(h.branches, name)
	case exists && n < 90:
		h.rename(name)
	case exists:
		h.addTag(name)
	case n < 50:
		rev, _ := h.revision()
		h.addCommit(name, rev)
	default:
		rev, at := h.revision()
		h.steps = append(h.steps, step{verb: "create branch", name: name, from: rev, commit: at})
		h.branches[name] = at
	}
}

// revision returns a revision and the commit that it names.
func (h *history) revision() (string, int) {
	name := h.pick(slices.Sorted(maps.Keys(h.branches)))
	at := h.branches[name]
	back := 0
	for back < 5 && h.commits[at].parent >= 0 && h.rand.IntN(2) == 0 {
		at = h.commits[at].parent
		back++
	}
	if back > 0 {
		name += fmt.Sprintf("~%d", back)
	}
	return name, at
}

func (h *history) rename(name string) {
	to := h.pick(branchNames)
	s := step{verb: "rename branch", name: to, from: name, commit: -1}
	_, taken := h.branches[to]
	switch {
	case name == "main" || to == "main":
		return
	case taken && to != name:
		s.want = reposit.ErrExists
	case to != name:
		h.branches[to] = h.branches[name]
		delete(h.branches, name)
	}
	h.steps = append(h.steps, s)
}

func (h *history) addTag(branch string) {
	name := fmt.Sprintf("v%d", len(h.tags))
	s := step{verb: "tag", name: name, from: branch, commit: h.branches[branch]}
	if h.rand.IntN(2) == 0 {
		s.tag = &reposit.TagOptions{Message: "Version " + name + "\n", Tagger: h.signature()}
	}
	h.tags[name] = len(h.steps)
	h.steps = append(h.steps, s)
}

func (h *history) signature() *reposit.Signature {
	h.clock = h.clock.Add(time.Duration(h.rand.IntN(5000)) * time.Second)
	who := h.pick([]string{"Ada Lovelace", "Žofie", "J. R. \"Bob\" Dobbs", "名前"})
	zone := time.FixedZone("", h.rand.IntN(26*4)*900-12*3600)
	return &reposit.Signature{Name: who, Email: "mail@example.org", When: h.clock.In(zone)}
}

// addCommit plans a commit on a branch, which begins at a revision if it does not exist yet.
func (h *history) addCommit(branch, from string) {
	parent, exists := h.branches[branch]
	if !exists {
		parent = -1
		if from != "" {
			name, back, _ := strings.Cut(from, "~")
			n := 0
			fmt.Sscan(back, &n)
			for parent = h.branches[name]; n > 0; n-- {
				parent = h.commits[parent].parent
			}
		}
	}
	var old model
	if parent >= 0 {
		old = h.commits[parent].tree
	}
	s := step{verb: "commit", from: from, commit: -1}
	s.opts = reposit.CommitOptions{
		Branch: branch, From: from, Message: fmt.Sprintf("step %d\n\nof many", len(h.steps)), Author: h.signature(),
		AllowEmpty: h.rand.IntN(10) == 0,
	}
	if h.rand.IntN(3) == 0 {
		s.opts.Committer = h.signature()
	}
	tree, changed := old.clone(), 1+h.rand.IntN(6)
	for i := 0; i < changed && s.want == nil; i++ {
		o := h.op(tree)
		s.ops = append(s.ops, o)
		s.want = tree.apply(o)
	}
	if s.want == nil && maps.Equal(tree, old) && !s.opts.AllowEmpty {
		s.want = reposit.ErrNoChange
	}
	if s.want == nil {
		s.commit = len(h.commits)
		h.commits = append(h.commits, planned{parent, tree, s.opts})
		h.branches[branch] = s.commit
	}
	h.steps = append(h.steps, s)
}

// op returns a change that mostly fits the tree.
func (h *history) op(tree model) op {
	for {
		o := h.anyOp(tree)
		if h.rand.IntN(25) == 0 || tree.clone().apply(o) == nil {
			return o
		}
	}
}

func (h *history) anyOp(tree model) op {
	o := op{path: h.path(tree)}
	if h.rand.IntN(15) == 0 {
		o.expect = fixture.Ref(tree[o.path].hash())
		if _, ok := tree[o.path]; !ok || h.rand.IntN(10) == 0 {
			o.expect = &reposit.Hash{}
		}
	}
	if h.rand.IntN(5) == 0 {
		o.mode = []reposit.Mode{reposit.ModeRegular, reposit.ModeExecutable}[h.rand.IntN(2)]
	}
	switch n := h.rand.IntN(100); {
	case n < 40:
		o.kind, o.content = opPut, h.content(tree[o.path].Content)
	case n < 45:
		o.kind, o.content = opPutReader, h.content("")
	case n < 52 && len(h.branches) > 0:
		if o.content = h.stored(); o.content != "" {
			o.kind = opPutBlob
		}
	case n < 58:
		o.kind, o.content, o.mode = opSymlink, h.pick([]string{"a", "../b", "/etc/passwd", "no\nwhere"}), 0
	case n < 62:
		o.kind, o.content, o.mode = opSubmodule, strings.Repeat(h.pick([]string{"12", "ab"}), 20), 0
	case n < 78:
		o.kind, o.mode = opDelete, 0
		if i := strings.LastIndexByte(o.path, '/'); i > 0 && h.rand.IntN(4) == 0 {
			o.path, o.expect = o.path[:i], nil
		}
	default:
		o.kind, o.from, o.expect = []opKind{opMove, opCopy}[h.rand.IntN(2)], o.path, nil
		if i := strings.LastIndexByte(o.from, '/'); i > 0 && h.rand.IntN(2) == 0 {
			o.from = o.from[:i]
		}
		o.path = h.path(nil)
	}
	return o
}

// stored returns the content of a file that a branch leads to, or "" if it did not find any.
func (h *history) stored() string {
	_, at := h.revision()
	tree := h.commits[at].tree
	if len(tree) == 0 {
		return ""
	}
	f := tree[h.pick(slices.Sorted(maps.Keys(tree)))]
	if f.Mode == reposit.ModeSubmodule {
		return ""
	}
	return f.Content
}

// The names are such that directories, files and names between them in Git's order are often neighbours.
var pathNames = []string{
	"a", "a.b", "a-", "a0", "b", "B", "lib", "lib.go", "ü", "two words", "quote\"d", `back\slash`, "new\nline", "\xff\x80",
	"-", "~",
}

func (h *history) path(tree model) string {
	if len(tree) > 0 && h.rand.IntN(5) > 1 || len(tree) > 150 {
		return h.pick(slices.Sorted(maps.Keys(tree)))
	}
	parts := make([]string, 1+h.rand.IntN(4))
	for i := range parts {
		parts[i] = h.pick(pathNames)
	}
	return strings.Join(parts, "/")
}

func (h *history) content(old string) string {
	switch h.rand.IntN(4) {
	case 0:
		return old + "one more line\n"
	case 1:
		return old[:h.rand.IntN(len(old)+1)] + fmt.Sprintln(h.rand.Uint64()) + old[len(old)/2:]
	}
	return strings.Repeat(fmt.Sprintf("%x\n", h.rand.Uint32()), h.rand.IntN(80))
}

func (h *history) pick(from []string) string { return from[h.rand.IntN(len(from))] }

// run makes the history, and compares each commit with what git made.
func (h *history) run(t *testing.T, r *reposit.Repo, want []string) {
	for i, s := range h.steps {
		got, err := h.do(t, r, s, want)
		if !errors.Is(err, s.want) || s.want == nil && err != nil {
			t.Fatalf("step %d: %s %s%v = %v, want %v", i, s.verb, s.opts.Branch, s.ops, err, s.want)
		}
		if err == nil && s.commit >= 0 && got.String() != want[s.commit] {
			t.Fatalf("step %d: %s %s%v = %s, git makes %s", i, s.verb, s.opts.Branch, s.ops, got, want[s.commit])
		}
		if i%50 == 0 && s.verb == "commit" && s.commit >= 0 {
			h.commits[s.commit].tree.check(t, r, got.String())
		}
	}
}

// do makes one step, and returns the commit that it made or named.
func (h *history) do(t *testing.T, r *reposit.Repo, s step, want []string) (reposit.Hash, error) {
	ctx := t.Context()
	switch s.verb {
	case "commit":
		changes := make([]reposit.Change, len(s.ops))
		for i, o := range s.ops {
			changes[i] = o.change()
		}
		c, err := r.Commit(ctx, &s.opts, changes...)
		if err != nil {
			return reposit.Hash{}, err
		}
		return c.Hash, nil
	case "create branch":
		b, err := r.Branches().Create(ctx, s.name, s.from)
		return b.Commit.Hash, err
	case "delete branch":
		return reposit.Hash{}, r.Branches().Delete(ctx, s.name)
	case "rename branch":
		return reposit.Hash{}, r.Branches().Rename(ctx, s.from, s.name)
	case "tag":
		tag, err := r.Tags().Create(ctx, s.name, s.from, s.tag)
		return tag.Target, err
	}
	panic(s.verb)
}

// fastImport has git make the commits from the trees of the model. It returns their hashes, and the refs.
func (h *history) fastImport(t *testing.T) (commits []string, refs map[string]string) {
	t.Helper()
	var b bytes.Buffer
	for i, c := range h.commits {
		h.writeCommit(&b, i, c)
	}
	for name, at := range h.branches {
		fmt.Fprintf(&b, "reset refs/heads/%s\nfrom :%d\n\n", name, at+1)
	}
	for name, i := range h.tags {
		s := h.steps[i]
		if s.tag == nil {
			fmt.Fprintf(&b, "reset refs/tags/%s\nfrom :%d\n\n", name, s.commit+1)
			continue
		}
		fmt.Fprintf(&b, "tag %s\nfrom :%d\ntagger %s\ndata %d\n%s\n", name, s.commit+1, ident(s.tag.Tagger),
			len(s.tag.Message), s.tag.Message)
	}
	dir := fixture.NewGit(t)
	marks := filepath.Join(dir, "marks")
	fixture.Git(t, dir, b.Bytes(), "fast-import", "--quiet", "--force", "--export-marks="+marks)
	text, err := os.ReadFile(marks)
	if err != nil {
		t.Fatal(err)
	}
	commits = make([]string, len(h.commits))
	for line := range strings.Lines(string(text)) {
		var mark int
		var hash string
		if _, err := fmt.Sscanf(line, ":%d %s", &mark, &hash); err != nil {
			t.Fatal(err)
		}
		commits[mark-1] = hash
	}
	refs = map[string]string{}
	for line := range strings.Lines(fixture.Git(t, dir, nil, "for-each-ref", "--format=%(refname) %(objectname)",
		"refs/heads", "refs/tags")) {
		name, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = hash
	}
	return commits, refs
}

func (h *history) writeCommit(b *bytes.Buffer, i int, c planned) {
	committer := c.opts.Committer
	if committer == nil {
		committer = c.opts.Author
	}
	// A ref for each, so that what was the tip of a branch never becomes a parent by itself.
	fmt.Fprintf(b, "commit refs/made/%d\nmark :%d\nauthor %s\ncommitter %s\ndata %d\n%s\n",
		i, i+1, ident(c.opts.Author), ident(committer), len(c.opts.Message), c.opts.Message)
	var old model
	if c.parent >= 0 {
		fmt.Fprintf(b, "from :%d\n", c.parent+1)
		old = h.commits[c.parent].tree
	}
	for _, p := range slices.Sorted(maps.Keys(old)) {
		if _, ok := c.tree[p]; !ok {
			fmt.Fprintf(b, "D %s\n", quotePath(p))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(c.tree)) {
		f := c.tree[p]
		if old[p] == f {
			continue
		}
		if f.Mode == reposit.ModeSubmodule {
			fmt.Fprintf(b, "M %o %s %s\n", f.Mode, f.Content, quotePath(p))
			continue
		}
		fmt.Fprintf(b, "M %o inline %s\ndata %d\n%s\n", f.Mode, quotePath(p), len(f.Content), f.Content)
	}
	b.WriteByte('\n')
}

func ident(s *reposit.Signature) string {
	name := strings.Trim(s.Name, `"`)
	return fmt.Sprintf("%s <%s> %d %s", name, s.Email, s.When.Unix(), s.When.Format("-0700"))
}

// quotePath quotes a path as git does in C style.
func quotePath(p string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(p) {
		if c := p[i]; c == '"' || c == '\\' || c < ' ' || c > '~' {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
