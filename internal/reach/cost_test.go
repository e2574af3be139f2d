package reach

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// counting counts the objects that are read.
type counting struct {
	storage.Backend
	reads atomic.Int64
}

func (c *counting) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	c.reads.Add(1)
	return c.Backend.Object(ctx, pool, h)
}

func (c *counting) StatObject(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Type, int64, error) {
	c.reads.Add(1)
	return c.Backend.StatObject(ctx, pool, h)
}

// counted returns how many objects fn reads.
func (c *counting) counted(fn func()) int {
	before := c.reads.Load()
	fn()
	return int(c.reads.Load() - before)
}

// A long world has one repository with a straight history, in which each commit changes one file of one directory.
type long struct {
	*world
	*counting
	repo    storage.ID
	commits []storage.Hash
	blobs   []storage.Hash
}

func newLong(t testing.TB, commits int) *long {
	t.Helper()
	c := &counting{Backend: memory.New()}
	w := newWorld(t, 1, c, 1)
	w.objects = object.New(c, 0)
	l := &long{world: w, counting: c, repo: w.repos[0]}
	for len(l.commits) < commits {
		var batch []storage.Object
		for range min(1000, commits-len(l.commits)) {
			batch = append(batch, l.next()...)
		}
		l.land(l.repo, batch, ref.Change{Name: "refs/heads/main", New: l.commits[len(l.commits)-1]})
	}
	return l
}

// next makes the objects of one commit more.
func (l *long) next() []storage.Object {
	n := len(l.commits)
	blob := l.blob(fmt.Sprint(n))
	dirs := make([]git.Entry, 0, 8)
	var made []storage.Object
	for i := range 8 { // the last blobs stand in eight directories
		last := storage.Hash(blob.Hash)
		if back := (n - i + 8) % 8; back > 0 && n >= back {
			last = l.blobs[n-back]
		}
		sub := l.tree(git.Entry{Name: "file", Mode: git.ModeRegular, Hash: last})
		if last == blob.Hash {
			made = append(made, sub)
		}
		dirs = append(dirs, git.Entry{Name: fmt.Sprintf("dir%d", i), Mode: git.ModeDir, Hash: sub.Hash})
		if n < 8 {
			made = append(made, sub)
		}
	}
	root := l.tree(dirs...)
	var parents []storage.Hash
	if n > 0 {
		parents = l.commits[n-1:]
	}
	c := l.commit(root.Hash, parents...)
	l.commits, l.blobs = append(l.commits, c.Hash), append(l.blobs, blob.Hash)
	return append(append([]storage.Object{blob}, made...), root, c)
}

// stray stores a commit to which no ref leads, with a tree of its own.
func (l *long) stray() (commit, blob storage.Hash) {
	o := l.blob("nobody's")
	tree := l.tree(git.Entry{Name: "x", Mode: git.ModeRegular, Hash: o.Hash})
	c := l.commit(tree.Hash)
	l.land(l.repo, []storage.Object{o, tree, c})
	return c.Hash, o.Hash
}

func (l *long) ask(x *Index, repo, pool storage.ID, h storage.Hash) (found bool) {
	l.Helper()
	l.must(l.world.backend.View(l.ctx, func(v storage.View) (err error) {
		found, err = x.Has(l.ctx, &Repo{View: v, ID: repo, Pool: pool}, h)
		return err
	}))
	return found
}

func (l *long) want(x *Index, repo storage.ID, h storage.Hash, want bool) {
	l.Helper()
	if got := l.ask(x, repo, l.pool, h); got != want {
		l.Errorf("Has(%s) = %v, want %v", h, got, want)
	}
}

// TestReads counts the objects that questions read.
func TestReads(t *testing.T) {
	const n = 2000
	l := newLong(t, n)
	x := l.index(Options{Budget: 1 << 30})
	x.exclusive = true
	commit, blob := l.stray()
	check := func(what string, least, most int, h storage.Hash, want bool) {
		t.Helper()
		if got := l.counted(func() { l.want(x, l.repo, h, want) }); got < least || got > most {
			t.Errorf("%s reads %d objects, want %d to %d", what, got, least, most)
		}
	}
	move := func(name string, h storage.Hash, objects ...storage.Object) {
		t.Helper()
		l.land(l.repo, objects, ref.Change{Name: name, New: h})
	}
	check("what is nowhere", 1, 1, storage.Hash{1}, false)
	check("a commit near the tip", 1, 12, l.commits[n-10], true)
	check("a file of the tip", 1, 40, l.blobs[n-1], true)
	check("a commit far from the tip", n/2-20, n/2+2, l.commits[n/2], true)
	check("a commit that no ref reaches", 1, n/2+2, commit, false)
	check("it again", 1, 1, commit, false) // what it is must be looked up
	check("the first commit", 0, 0, l.commits[0], true)
	check("a file of an old commit", 1, 4*n, l.blobs[n/2], true)
	check("a file that no ref reaches", 1, 4*n, blob, false)
	check("it again", 0, 0, blob, false)
	check("what is nowhere", 0, 0, storage.Hash{1}, false)

	more := l.next()
	move("refs/heads/main", l.commits[n], more...)
	check("a commit, after a fast-forward", 0, 3, l.commits[0], true)
	check("a file that no ref reaches, after a fast-forward", 1, 8, blob, false)
	move("refs/heads/other", l.commits[n/2])
	check("a file that no ref reaches, after a branch is made", 0, 1, blob, false)
	move("refs/heads/other", storage.Hash{})
	check("a file that no ref reaches, after a branch is gone", 0, 1, blob, false)
	move("refs/heads/main", l.commits[n/2])
	check("what was forced away", 0, 1, l.commits[n-1], false)
	check("a file of what was forced away", 0, 1, l.blobs[n-1], false)
	move("refs/heads/main", l.commits[n])
	check("a file of what is back", 0, 1, l.blobs[n-1], true)
	move("refs/heads/main", commit)
	check("a file of another history", 0, 4, blob, true)
	check("a file of the history that was left", 0, 1, l.blobs[0], false)
}

// TestManyForksOfFewCommits makes forks of a repository with one commit of many files. What it introduced must not be
// found out again and again because the forks have many more commits than that.
func TestManyForksOfFewCommits(t *testing.T) {
	l := newLong(t, 0)
	x := l.index(Options{Budget: 1})
	x.exclusive = true
	var objects []storage.Object
	var dirs []git.Entry
	for i := range 300 {
		blob := l.blob(fmt.Sprint(i))
		dir := l.tree(git.Entry{Name: "f", Mode: git.ModeRegular, Hash: blob.Hash})
		objects = append(objects, blob, dir)
		dirs = append(dirs, git.Entry{Name: fmt.Sprintf("d%03d", i), Mode: git.ModeDir, Hash: dir.Hash})
	}
	root := l.tree(dirs...)
	first := l.commit(root.Hash)
	l.land(l.repo, append(objects, root, first), ref.Change{Name: "refs/heads/main", New: first.Hash})
	_, blob := l.stray()
	l.want(x, l.repo, blob, false)
	const forks = 100
	reads := l.counted(func() {
		for range forks {
			fork := l.addFork(l.repo)
			own := l.commit(root.Hash, first.Hash)
			l.land(fork, []storage.Object{own}, ref.Change{Name: "refs/heads/main", New: own.Hash})
			l.want(x, fork, blob, false)
		}
	})
	if reads > 10*forks {
		t.Errorf("%d forks read %d objects", forks, reads)
	}
}

// TestForksShare makes forks, each with a commit of its own: the history that they have in common is read once, and
// hardly takes any memory for each of them. That holds where memory is short, too.
func TestForksShare(t *testing.T) {
	for _, budget := range []int64{1 << 30, 1} {
		testForks(t, budget)
	}
}

func testForks(t *testing.T, budget int64) {
	t.Helper()
	const commits, branches, forks = 5000, 200, 300
	l := newLong(t, commits)
	x := l.index(Options{Budget: budget})
	x.exclusive = true
	var changes []ref.Change
	for i := range branches {
		changes = append(changes, ref.Change{Name: fmt.Sprintf("refs/heads/b%d", i), New: l.commits[i*(commits/branches)]})
	}
	l.land(l.repo, nil, changes...)
	_, blob := l.stray()
	l.want(x, l.repo, blob, false)
	before := x.bytes.Load()
	reads := l.counted(func() {
		var last storage.Hash
		for i := range forks {
			fork := l.addFork(l.repo)
			own := l.commit(git.EmptyTree, l.commits[commits-1])
			l.land(fork, []storage.Object{own}, ref.Change{Name: "refs/heads/main", New: own.Hash})
			l.want(x, fork, own.Hash, true)
			l.want(x, fork, l.commits[0], true)
			l.want(x, fork, l.blobs[0], true)
			l.want(x, fork, blob, false)
			if i > 0 {
				l.want(x, fork, last, false)
			}
			last = own.Hash
		}
	})
	if reads > 10*forks {
		t.Errorf("with a budget of %d, %d forks read %d objects", budget, forks, reads)
	}
	if grown := x.bytes.Load() - before; grown > forks*4000 {
		t.Errorf("%d forks take %d bytes", forks, grown)
	}
}
