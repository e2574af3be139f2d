package reach

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/memory"
)

var backends = []struct {
	name string
	open func(testing.TB) (storage.Backend, error)
}{
	{"memory", func(testing.TB) (storage.Backend, error) { return memory.New(), nil }},
	{"badger", func(t testing.TB) (storage.Backend, error) {
		return badger.Open(t.TempDir(), &badger.Options{Durability: storage.NoSync})
	}},
	{"billyfs", func(t testing.TB) (storage.Backend, error) {
		return billyfs.Open(osfs.New(t.TempDir()), &billyfs.Options{Durability: storage.NoSync})
	}},
}

// A world is a pool with some repositories.
type world struct {
	testing.TB
	ctx     context.Context
	rand    *rand.Rand
	backend storage.Backend
	objects *object.Store
	engine  *txn.Engine
	pool    storage.ID
	repos   []storage.ID
	all     []named // every object that was ever made
	clock   int64
}

type named struct {
	hash storage.Hash
	typ  storage.Type
}

func id(n int) storage.ID { return storage.ID([]byte(fmt.Sprintf("%020d", n))) }

// newWorld opens a store with one pool and so many repositories in it.
func newWorld(t testing.TB, seed uint64, b storage.Backend, repos int) *world {
	t.Helper()
	w := &world{
		TB: t, ctx: context.Background(), rand: rand.New(rand.NewPCG(seed, 1)),
		backend: b, objects: object.New(b, 1<<20), pool: id(0),
	}
	w.engine = txn.New(b, w.objects, event.NewLog(event.Keep{Units: 100}), time.Now)
	t.Cleanup(func() { b.Close() })
	w.must(b.Update(w.ctx, catalog.Init))
	for range repos {
		w.addRepo()
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) addRepo() storage.ID {
	w.Helper()
	repo := id(len(w.repos) + 1)
	w.must(w.backend.Update(w.ctx, func(tx storage.Tx) error {
		r := &catalog.Repo{ID: repo, Pool: w.pool, Owner: "o", Slug: repo.String()}
		if err := catalog.Create(tx, r); err != nil {
			return err
		}
		if err := tx.CreateRepo(repo, w.pool); err != nil {
			return err
		}
		return tx.PutRef(repo, storage.Ref{Name: ref.Head, Target: ref.Branches + "main"}, nil)
	}))
	w.repos = append(w.repos, repo)
	return repo
}

// land stores objects, and moves refs of a repository.
func (w *world) land(repo storage.ID, objects []storage.Object, changes ...ref.Change) {
	w.Helper()
	w.clock++
	for i := range changes {
		changes[i].By = access.Host()
		changes[i].Log = storage.LogEntry{Name: "A", Email: "a", When: time.Unix(w.clock, 0)}
	}
	w.must(w.engine.Push(w.ctx, repo, &txn.Push{Objects: objects, Refs: changes, Now: time.Unix(w.clock, 0)}))
}

func (w *world) object(t storage.Type, data []byte) storage.Object {
	w.Helper()
	h, err := git.Sum(t, data)
	w.must(err)
	return storage.Object{Hash: h, Type: t, Size: int64(len(data)), Data: data}
}

func (w *world) blob(content string) storage.Object { return w.object(storage.Blob, []byte(content)) }

func (w *world) tree(entries ...git.Entry) storage.Object {
	slices.SortFunc(entries, func(a, b git.Entry) int {
		if git.Less(a, b) {
			return -1
		}
		return 1
	})
	raw := []byte{}
	for _, e := range entries {
		raw = append(fmt.Appendf(raw, "%o %s\x00", e.Mode, e.Name), e.Hash[:]...)
	}
	return w.object(storage.Tree, raw)
}

func (w *world) commit(tree storage.Hash, parents ...storage.Hash) storage.Object {
	w.clock++
	who := git.Signature{Name: "A", Email: "a", When: time.Unix(w.clock, 0).UTC()}
	c := git.Commit{Tree: tree, Parents: parents, Author: who, Committer: who, Message: "m\n"}
	return w.object(storage.Commit, c.Append(nil))
}

func (w *world) tag(of named) storage.Object {
	w.clock++
	t := git.Tag{Object: of.hash, Type: of.typ, Name: fmt.Sprint(w.clock), Message: "m\n"}
	return w.object(storage.Tag, t.Append(nil))
}

// some returns an object of a type, or of any with 0.
func (w *world) some(t storage.Type) (named, bool) {
	var of []named
	for _, o := range w.all {
		if t == 0 || o.typ == t {
			of = append(of, o)
		}
	}
	if len(of) == 0 {
		return named{}, false
	}
	// What was made last is what one mostly goes on with.
	n := len(of)
	if w.rand.IntN(4) > 0 {
		return of[n-1-w.rand.IntN(min(n, 6))], true
	}
	return of[w.rand.IntN(n)], true
}

// entries makes up what is in a tree, of old and new objects, which it adds to made.
func (w *world) entries(made *[]storage.Object, depth int) []git.Entry {
	var list []git.Entry
	for i := range 1 + w.rand.IntN(4) {
		e := git.Entry{Name: fmt.Sprintf("n%d", i), Mode: git.ModeRegular}
		switch n := w.rand.IntN(10); {
		case n < 3:
			o := w.blob(fmt.Sprint(w.rand.IntN(500)))
			*made = append(*made, o)
			e.Hash = o.Hash
		case n < 5 && depth < 3:
			o := w.tree(w.entries(made, depth+1)...)
			*made = append(*made, o)
			e.Mode, e.Hash = git.ModeDir, o.Hash
		case n < 6:
			c, ok := w.some(storage.Commit)
			if !ok {
				continue
			}
			e.Mode, e.Hash = git.ModeSubmodule, c.hash
		case n < 8:
			o, ok := w.some(storage.Tree)
			if !ok {
				continue
			}
			e.Mode, e.Hash = git.ModeDir, o.hash
		default:
			o, ok := w.some(storage.Blob)
			if !ok {
				continue
			}
			e.Hash = o.hash
		}
		list = append(list, e)
	}
	return list
}

// grow makes up some objects, the last of which leads to the others.
func (w *world) grow() []storage.Object {
	var made []storage.Object
	if w.rand.IntN(8) == 0 {
		of, ok := w.some(0)
		if ok {
			return append(made, w.tag(of))
		}
	}
	tree := w.tree(w.entries(&made, 0)...)
	made = append(made, tree)
	var parents []storage.Hash
	for range w.rand.IntN(4) {
		if p, ok := w.some(storage.Commit); ok && !slices.Contains(parents, p.hash) {
			parents = append(parents, p.hash)
		}
	}
	return append(made, w.commit(tree.Hash, parents...))
}

func (w *world) note(objects []storage.Object) {
	for _, o := range objects {
		if n := (named{o.Hash, o.Type}); !slices.Contains(w.all, n) {
			w.all = append(w.all, n)
		}
	}
}

var refNames = []string{"refs/heads/main", "refs/heads/b", "refs/heads/c/d", "refs/tags/v1", "refs/tags/v2", "refs/x/y"}

// step changes a repository at random.
func (w *world) step() {
	w.Helper()
	repo := w.repos[w.rand.IntN(len(w.repos))]
	c := ref.Change{Name: refNames[w.rand.IntN(len(refNames))]}
	switch n := w.rand.IntN(10); {
	case n < 2:
		if !w.exists(repo, c.Name) {
			return
		}
		w.land(repo, nil, c)
	case n < 4:
		o, ok := w.some(0)
		if !ok {
			return
		}
		c.New = o.hash
		w.land(repo, nil, c)
	default:
		made := w.grow()
		c.New = made[len(made)-1].Hash
		w.land(repo, made, c)
		w.note(made)
	}
}

func (w *world) exists(repo storage.ID, name string) (found bool) {
	w.Helper()
	w.must(w.backend.View(w.ctx, func(v storage.View) error {
		_, err := v.Ref(repo, name)
		found = err == nil
		return nil
	}))
	return found
}

// A depth is how much of the logs counts.
type depth int

const (
	noLogs  depth = iota
	ownLogs       // of refs that exist, since they were made
	wholeLogs
	shown // no logs, and not all refs
)

var depths = []depth{noLogs, ownLogs, wholeLogs, shown}

// hidden is what the names of refs begin with that are not shown.
const hidden = "refs/heads/m"

func (w *world) repo(v storage.View, repo storage.ID, d depth) *Repo {
	r := &Repo{View: v, ID: repo, Pool: w.pool, Logs: d == ownLogs || d == wholeLogs, OldLogs: d == wholeLogs}
	if d == shown {
		r.Hidden = []string{hidden, "refs/elsewhere/"}
	}
	return r
}

// truth returns all that the refs of a repository lead to, or also what their logs tell of, by looking at everything.
func (w *world) truth(v storage.View, repo storage.ID, d depth) map[storage.Hash]bool {
	w.Helper()
	seen := map[storage.Hash]bool{}
	for r, err := range v.Refs(repo, "", "") {
		w.must(err)
		if d == shown && strings.HasPrefix(r.Name, hidden) {
			continue
		}
		w.follow(seen, r.Hash)
		var log []storage.LogEntry
		for e, err := range v.Log(repo, r.Name) {
			w.must(err)
			log = append(log, e)
		}
		if made := slices.IndexFunc(log, func(e storage.LogEntry) bool { return e.Old.IsZero() }); d == ownLogs && made >= 0 {
			log = log[:made+1]
		}
		if d == noLogs || d == shown {
			log = nil
		}
		for _, e := range log {
			w.follow(seen, e.Old)
			w.follow(seen, e.New)
		}
	}
	return seen
}

func (w *world) follow(seen map[storage.Hash]bool, h storage.Hash) {
	w.Helper()
	if h.IsZero() || seen[h] {
		return
	}
	seen[h] = true
	item, err := w.objects.Item(w.ctx, w.pool, h)
	w.must(err)
	switch item.Type {
	case storage.Commit:
		w.follow(seen, item.Commit.Tree)
		for _, p := range item.Commit.Parents {
			w.follow(seen, p)
		}
	case storage.Tree:
		for i := range item.Tree.Len() {
			if e := item.Tree.Entry(i); e.Mode != git.ModeSubmodule {
				w.follow(seen, e.Hash)
			}
		}
	case storage.Tag:
		t, err := git.ParseTag(item.Data)
		w.must(err)
		w.follow(seen, t.Object)
	}
}

func (w *world) index(o Options) *Index {
	o.Exclusive = storage.Exclusive(w.backend)
	return New(w.objects, o)
}

// addFork forks a repository as package catalog would have it.
func (w *world) addFork(from storage.ID) storage.ID {
	w.Helper()
	fork := id(len(w.repos) + 1)
	w.must(w.backend.Update(w.ctx, func(tx storage.Tx) error {
		r := &catalog.Repo{ID: fork, Pool: w.pool, Owner: "o", Slug: fork.String()}
		if err := catalog.Create(tx, r); err != nil {
			return err
		}
		return tx.ForkRepo(fork, from)
	}))
	w.repos = append(w.repos, fork)
	return fork
}
