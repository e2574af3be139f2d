// Package commit makes commits: it stores their content, applies their changes to the tip of a branch, and lands
// them. Commits on one branch line up and land together, each built on the one before.
package commit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/queue"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// ErrNoChange says that a commit would have the tree of its parent.
var ErrNoChange = fault.New(fault.NoChange, "")

// errRenamed says that the default branch got another name while a commit to it waited.
var errRenamed = errors.New("default branch was renamed")

// An Engine makes the commits of one store. It is safe for concurrent use.
type Engine struct {
	backend *txn.Engine
	objects *object.Store
	reach   *reach.Index
	queue   queue.Queue[branchKey, *job]

	staged  staged // by pool
	charged staged // by repository: what counts towards its size already
	landed  landings
}

// A branchKey names a branch of the store.
type branchKey struct {
	repo   storage.ID
	branch string
}

// New returns an Engine.
func New(backend *txn.Engine, objects *object.Store, index *reach.Index) *Engine {
	return &Engine{backend: backend, objects: objects, reach: index}
}

// A Request is one commit. Everything in it was checked.
type Request struct {
	Repo   storage.ID
	By     access.Actor
	Branch string // full name; "" is the one that HEAD names
	// where a new branch starts; nil: at the default branch
	Start             func(*catalog.Repo, storage.View) (git.Hash, error)
	Message           string
	Author, Committer git.Signature
	Parents           []git.Hash  // after the tip
	Named             []git.Hash  // objects that must be there beside Parents, and what Edits name
	Headers           *git.Commit // with the headers that follow the committer; nil: none
	Expect            *git.Hash
	AllowEmpty        bool
	Sign              func(payload []byte) (string, error)
	Edits             []Edit
	Content           Content
	Now               time.Time
	Quota             int64
	PathLength        int // limits of paths that come to be by moving and copying directories
	PathDepth         int

	implied bool // Branch is the one that HEAD named
	seen    *tip // what Look saw, until that is used
}

// A Result commit is the answer to a Request.
type Result struct {
	Hash   git.Hash
	Commit *git.Commit
}

// A job is a request on its way. The goroutine that works on it writes made and err before the queue says it is done.
type job struct {
	*Request
	ctx  context.Context
	made Result
	err  error
}

// Commit makes the commit, or returns ErrNoChange, a *ref.ConflictError, or the errors of its edits.
func (e *Engine) Commit(ctx context.Context, r *Request) (Result, error) {
	// Here nobody waits for it, as they would for one whose turn it is.
	if err := e.know(ctx, r); err != nil {
		return Result{}, err
	}
	if r.Branch != "" {
		return e.commit(ctx, r)
	}
	r.implied = true
	for {
		if r.seen != nil {
			r.Branch = r.seen.branch
		} else if err := e.findDefault(ctx, r); err != nil {
			return Result{}, err
		}
		made, err := e.commit(ctx, r)
		if !errors.Is(err, errRenamed) {
			return made, err
		}
	}
}

func (e *Engine) findDefault(ctx context.Context, r *Request) error {
	return e.backend.View(ctx, func(v storage.View) (err error) {
		r.Branch, err = ref.Default(v, r.Repo)
		return err
	})
}

func (e *Engine) commit(ctx context.Context, r *Request) (Result, error) {
	j := &job{Request: r, ctx: ctx}
	if r.Sign != nil && e.sign(j) {
		return j.made, j.err
	}
	if err := e.queue.Do(ctx, branchKey{r.Repo, r.Branch}, j, e.land); err != nil {
		return Result{}, err
	}
	return j.made, j.err
}

// maxSignings is how often a commit is signed while others move the branch.
const maxSignings = 4

// sign makes a signed commit, or reports false. The signer is the caller's code and may take long, so the branch goes
// on meanwhile; if it moved, the commit is made and signed again. On a busy branch that could go on for ever: after
// some tries the commit takes its turn in the queue, and the others wait for its signer.
func (e *Engine) sign(j *job) bool {
	for range maxSignings {
		b, err := e.begin(j.ctx, j.Request)
		if err == nil {
			err = b.add(j)
		}
		if err == nil {
			err = b.land(j.ctx)
		}
		if b == nil || !b.moved(err) {
			j.err = err
			return true
		}
	}
	return false
}

// land works off jobs of one branch.
func (e *Engine) land(jobs []*job) {
	// The first job's caller works for the others too, whom its context does not concern.
	ctx := context.WithoutCancel(jobs[0].ctx)
	for len(jobs) > 0 {
		b, err := e.begin(ctx, jobs[0].Request)
		if err != nil {
			// Perhaps it is about where this one alone wants to start.
			jobs[0].err, jobs = err, jobs[1:]
			continue
		}
		added, rest := b.addAll(jobs)
		if len(added) == 0 {
			jobs = rest
			continue
		}
		err = b.land(ctx)
		switch {
		case err == nil:
			return
		case b.moved(err):
			jobs = added
		case len(added) > 1 && b.ofOne(err):
			// One of them is too much, may not, or names what is not there. Each has its own answer.
			for _, j := range added {
				e.land([]*job{j})
			}
			return
		default:
			for _, j := range added {
				j.err = err
			}
			return
		}
	}
}

// ofOne reports whether an error may be about one commit of the batch and not the others.
func (b *batch) ofOne(err error) bool {
	return errors.Is(err, storage.ErrTooLarge) || errors.Is(err, storage.ErrNotFound) ||
		errors.Is(err, access.ErrForbidden) || errors.Is(err, protect.ErrRefused)
}

// addAll adds what can be added of jobs. If none could, and the branch does not exist yet, it leaves a rest: the next
// job may start elsewhere.
func (b *batch) addAll(jobs []*job) (added, rest []*job) {
	for i, j := range jobs {
		if j.err = b.add(j); j.err == nil {
			added = append(added, j)
		} else if len(added) == 0 && b.old.IsZero() {
			return nil, jobs[i+1:]
		}
	}
	return added, nil
}

// A batch is a chain of commits on one branch that land together.
type batch struct {
	e       *Engine
	branch  string
	pool    storage.ID
	old     git.Hash // what the branch holds; zero: it does not exist
	tip     git.Hash // the last commit so far, or where a new branch starts
	tree    git.Hash // of tip; zero if there is no tip
	trees   map[git.Hash]*object.Item
	content []*Content
	repo    storage.ID
	push    txn.Push
}

// begin finds out where the branch stands.
func (e *Engine) begin(ctx context.Context, r *Request) (*batch, error) {
	b := &batch{e: e, repo: r.Repo, branch: r.Branch}
	at := r.seen
	if r.seen = nil; at == nil || at.landed != e.landed.of(r.Repo).Load() {
		at = new(tip)
		if err := e.backend.View(ctx, func(v storage.View) error { return at.look(v, r) }); err != nil {
			return b, err
		}
	}
	b.pool, b.old, b.tip = at.pool, at.old, at.start
	if r.implied && b.old.IsZero() {
		b.push.Check = func(v storage.View) error { return checkDefault(v, r.Repo, b.branch) }
	}
	if b.tip.IsZero() {
		return b, nil
	}
	c, err := e.objects.Commit(ctx, b.pool, b.tip)
	if err != nil {
		return b, err
	}
	b.tree = c.Tree
	return b, nil
}

// Tree returns a tree that the batch made, or a stored one.
func (b *batch) Tree(ctx context.Context, h git.Hash) (*object.Item, error) {
	if item := b.trees[h]; item != nil {
		return item, nil
	}
	return b.e.objects.Tree(ctx, b.pool, h)
}

// has reports whether a commit of the batch brings a blob.
func (b *batch) has(h git.Hash) bool {
	return slices.ContainsFunc(b.content, func(c *Content) bool { return c.has(h) })
}

// add builds a commit on the tip and makes it the tip. On an error the batch is as before.
func (b *batch) add(j *job) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	holds := b.old
	if n := len(b.push.Refs); n > 0 {
		holds = b.push.Refs[n-1].New
	}
	if j.Expect != nil && *j.Expect != holds {
		return &ref.ConflictError{Name: j.Branch, Expected: *j.Expect, Actual: holds}
	}
	tree, objects, items, err := b.build(j)
	if err != nil {
		return err
	}
	unchanged := tree == b.tree || b.tip.IsZero() && tree == git.EmptyTree
	if unchanged && !j.AllowEmpty && len(j.Parents) == 0 {
		return ErrNoChange
	}
	c := &git.Commit{Tree: tree, Author: j.Author, Committer: j.Committer, Message: j.Message}
	if !b.tip.IsZero() {
		c.Parents = []git.Hash{b.tip}
	}
	c.Parents = append(c.Parents, j.Parents...)
	if h := j.Headers; h != nil {
		c.Encoding, c.Extra, c.Signature, c.Headers = h.Encoding, h.Extra, h.Signature, h.Headers
	}
	raw := c.Append(nil)
	if j.Sign != nil {
		if c.Signature, err = j.Sign(raw); err != nil {
			return err
		}
		if c.Headers != nil { // they are not in Git's order, to which the signature is added
			signed := git.Commit{Signature: c.Signature}
			c.Headers = signed.AppendHeaders(slices.Clone(c.Headers))
		}
		raw = c.Append(nil)
	}
	h, err := git.Sum(storage.Commit, raw)
	if err != nil {
		return err
	}
	objects = append(objects, storage.Object{Hash: h, Type: storage.Commit, Size: int64(len(raw)), Data: raw})
	items = append(items, &object.Item{Type: storage.Commit, Size: int64(len(raw)), Data: raw, Commit: c})
	b.accept(j, objects, items, c, h)
	j.made = Result{h, c}
	return nil
}

func (b *batch) accept(j *job, objects []storage.Object, items []*object.Item, c *git.Commit, h git.Hash) {
	for i, item := range items {
		if item != nil && item.Type == storage.Tree {
			if b.trees == nil {
				b.trees = map[git.Hash]*object.Item{}
			}
			b.trees[objects[i].Hash] = item
		}
	}
	b.content = append(b.content, &j.Content)
	for i := range j.Edits {
		if e := &j.Edits[i]; e.Stored && !j.Content.has(e.Hash) {
			b.push.Named = append(b.push.Named, e.Hash)
		}
	}
	b.push.Named = append(append(b.push.Named, j.Parents...), j.Named...)
	old := b.old
	if n := len(b.push.Refs); n > 0 {
		old = b.push.Refs[n-1].New
	}
	action := "commit: "
	if len(c.Parents) == 0 {
		action = "commit (initial): "
	}
	subject, _, _ := strings.Cut(j.Message, "\n")
	p := &b.push
	p.Objects = append(p.Objects, objects...)
	p.Items = append(p.Items, items...)
	p.Now = j.Now
	p.Quota = j.Quota
	onTop := !old.IsZero() && len(j.Parents) == 0
	p.Refs = append(p.Refs, ref.Change{Name: j.Branch, New: h, Old: &old, By: j.By, OnTop: onTop, Log: storage.LogEntry{
		Name: c.Committer.Name, Email: c.Committer.Email, When: c.Committer.When, Message: names.LogMessage(action + subject),
	}})
	b.tip, b.tree = h, c.Tree
}

func (b *batch) land(ctx context.Context) error {
	b.push.Ahead, b.push.Again = b.e.staged.take(b.pool, b.content), nil
	charged := b.e.charged.take(b.repo, b.content)
	for _, c := range b.content {
		if len(b.content) == 1 && len(charged) == 0 {
			b.push.Again = c.staged
			break
		}
		for h, size := range c.staged {
			if _, counts := charged[h]; counts {
				continue
			}
			if b.push.Again == nil {
				b.push.Again = make(map[git.Hash]int64, len(c.staged))
			}
			b.push.Again[h] = size
		}
	}
	err := b.e.backend.Push(ctx, b.repo, &b.push)
	b.e.landed.of(b.repo).Add(1)
	if err != nil {
		for h, size := range charged {
			b.e.charged.add(b.repo, h, size)
		}
		for h, size := range b.push.Ahead {
			b.e.staged.add(b.pool, h, size)
		}
	}
	return err
}

// moved reports whether err says that the branch is no longer where begin saw it.
func (b *batch) moved(err error) bool {
	var conflict *ref.ConflictError
	return errors.As(err, &conflict) && conflict.Expected == b.old && len(b.push.Refs) > 0
}
