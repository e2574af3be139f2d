package note

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// ErrNone says that there is no note on an object.
var ErrNone = fault.New(fault.NotFound, "not found: there is no note on it")

// An Engine reads and writes notes. Its fields are set before it is used, and never change.
type Engine struct {
	Backend *txn.Engine
	Objects *object.Store
	Reach   *reach.Index
	Now     func() time.Time
	Quota   int64 // of the bytes of a repository; 0: none
}

// A Change is what becomes of the note on an object.
type Change struct {
	By                access.Actor
	Ref               string // full name
	Revision          string // of the object
	Text              []byte // nil: it is removed
	Author, Committer git.Signature
}

// Load returns the notes that a ref holds. A ref that does not exist holds none.
func (e *Engine) Load(ctx context.Context, res *revision.Resolver, name string) (*Tree, error) {
	at, err := ref.Follow(res.View, res.Repo, name)
	if err != nil {
		return nil, fault.About(name, err)
	}
	root := at.Hash
	if !root.IsZero() {
		if root, err = res.Peel(ctx, root, storage.Tree); err != nil {
			return nil, fault.About(name, err)
		}
	}
	return Open(ctx, object.Pool{Store: e.Objects, ID: res.Pool}, root)
}

// Apply makes a change, by a commit on top of what the ref holds. It needs Write. If the ref moves meanwhile, it begins
// again. It returns ErrNone for a note that is to be removed and is not there.
func (e *Engine) Apply(ctx context.Context, repo storage.ID, c *Change) error {
	for {
		err := e.try(ctx, repo, c)
		var moved *ref.ConflictError
		if !errors.As(err, &moved) {
			return err
		}
	}
}

// A place is where a change goes.
type place struct {
	pool   storage.ID
	tip    git.Hash // what the ref holds; zero: it does not exist
	object git.Hash
}

func (e *Engine) try(ctx context.Context, repo storage.ID, c *Change) error {
	var at place
	err := e.Backend.View(ctx, func(v storage.View) error {
		pool, err := c.By.Check(v, repo, access.Write)
		if err != nil {
			return err
		}
		at.pool = pool
		res := revision.Resolver{View: v, Objects: e.Objects, Reach: e.Reach, Repo: repo, Pool: pool, By: c.By}
		if at.object, err = res.Resolve(ctx, c.Revision); err != nil {
			return err
		}
		found, err := ref.Follow(v, repo, c.Ref)
		if err != nil {
			return fault.About(c.Ref, err)
		}
		at.tip = found.Hash
		return nil
	})
	if err != nil {
		return err
	}
	p, err := e.push(ctx, &at, c)
	if err != nil || p == nil {
		return err
	}
	return e.Backend.Push(ctx, repo, p)
}

// push returns the push that makes a change, or nil if there is nothing to do.
func (e *Engine) push(ctx context.Context, at *place, c *Change) (*txn.Push, error) {
	src := object.Pool{Store: e.Objects, ID: at.pool}
	var root git.Hash
	made := git.Commit{Author: c.Author, Committer: c.Committer, Message: "Notes added by 'git notes add'\n"}
	if !at.tip.IsZero() {
		tip, err := e.Objects.Commit(ctx, at.pool, at.tip)
		if errors.Is(err, storage.ErrNotFound) {
			err = fault.New(fault.Invalid, "invalid ref of notes: it holds no commit")
		}
		if err != nil {
			return nil, fault.About(c.Ref, err)
		}
		root, made.Parents = tip.Tree, []git.Hash{at.tip}
	}
	notes, err := Open(ctx, src, root)
	if err != nil {
		return nil, fault.About(c.Ref, err)
	}
	if c.Text != nil {
		err = notes.Put(ctx, at.object, c.Text)
	} else {
		made.Message = "Notes removed by 'git notes remove'\n"
		var found bool
		if found, err = notes.Remove(ctx, at.object); err == nil && !found {
			return nil, ErrNone
		}
	}
	if err != nil {
		return nil, fault.About(c.Ref, err)
	}
	written, err := notes.Write(ctx, root)
	if err != nil {
		return nil, fault.About(c.Ref, err)
	}
	if made.Tree = written.Tree; made.Tree == root {
		return nil, nil // it is as it was
	}
	by := &c.Committer
	log := storage.LogEntry{
		Name: by.Name, Email: by.Email, When: by.When, Message: names.LogMessage("notes: " + made.Message),
	}
	p := &txn.Push{
		Refs: []ref.Change{{Name: c.Ref, Old: &at.tip, By: c.By, OnTop: !at.tip.IsZero(), Log: log}}, Now: e.Now(),
		Quota: e.Quota,
	}
	err = written.addTo(p, &made)
	return p, err
}

// addTo adds what was written, and the commit of it, to a push of one ref.
func (w *Written) addTo(p *txn.Push, made *git.Commit) error {
	for h, text := range w.Blobs {
		size := int64(len(text))
		p.Objects = append(p.Objects, storage.Object{Hash: h, Type: storage.Blob, Size: size, Data: text})
		p.Items = append(p.Items, &object.Item{Type: storage.Blob, Size: size, Data: text})
	}
	for _, t := range w.Trees {
		p.Objects = append(p.Objects, storage.Object{Hash: t.Hash, Type: storage.Tree, Size: t.Item.Size,
			Data: t.Item.Data, Delta: t.Delta})
		p.Items = append(p.Items, t.Item)
	}
	raw := made.Append(nil)
	h, err := git.Sum(storage.Commit, raw)
	if err != nil {
		return fmt.Errorf("commit of notes: %w", err)
	}
	size := int64(len(raw))
	p.Objects = append(p.Objects, storage.Object{Hash: h, Type: storage.Commit, Size: size, Data: raw})
	p.Items = append(p.Items, &object.Item{Type: storage.Commit, Size: size, Data: raw, Commit: made})
	p.Refs[0].New = h
	return nil
}
