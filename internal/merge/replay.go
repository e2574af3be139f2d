package merge

import (
	"context"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/trailer"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/storage"
)

// ErrEmpty says that what is taken over of a commit changes nothing.
var ErrEmpty = fault.New(fault.NoChange, "nothing to commit: it changes nothing here")

// MaxReplay is how many commits one call takes over.
const MaxReplay = 10_000

var errTooMany = fault.New(fault.TooLarge, fmt.Sprintf("too large: more than %d commits", MaxReplay))

// An Emptiness is what becomes of a commit that changes nothing where it is taken over to.
type Emptiness int

const (
	RefuseEmpty Emptiness = iota // it is ErrEmpty
	KeepEmpty                    // it is made all the same
	DropEmpty                    // it is left out, unless it was empty before (git rebase)
)

// A Replay says how the changes of commits are made anew on top of another one.
type Replay struct {
	Revert       bool
	Mainline     int            // of merges, the parent whose changes count, from 1; 0: merges are refused
	RecordOrigin bool           // a line of the message names the commit (git cherry-pick -x)
	Message      string         // "": that of the commit, or one that says what is reverted
	Author       *git.Signature // nil: that of the commit
	Committer    git.Signature
	Empty        Emptiness
	Sign         func(payload []byte) (string, error) // nil: not signed
	Trees        treemerge.Options                    // without labels
	Resolve      Resolver                             // nil: conflicts are left
}

// A Made commit is one that a chain has.
type Made struct {
	Hash   git.Hash
	Commit *git.Commit
}

// A chain is a row of commits that are made, each on top of the one before. Nothing of it is stored yet.
type chain struct {
	treemerge.Overlay
	engine  *Engine
	pool    storage.ID
	how     *Replay
	tip     git.Hash // zero: there is none
	tree    git.Hash // of tip
	made    []Made
	objects []storage.Object
	items   []*object.Item
}

// chain begins on a commit, or on nothing if tip is zero.
func (e *Engine) chain(ctx context.Context, pool storage.ID, tip git.Hash, how *Replay) (*chain, error) {
	c := &chain{
		Overlay: treemerge.Overlay{Source: object.Pool{Store: e.Objects, ID: pool}},
		engine:  e, pool: pool, how: how, tip: tip, tree: git.EmptyTree,
	}
	if !tip.IsZero() {
		is, err := e.Objects.Commit(ctx, pool, tip)
		if err != nil {
			return nil, err
		}
		c.tree = is.Tree
	}
	return c, nil
}

// add makes the changes of a commit anew. An error is a *ConflictError, or about the commit.
func (c *chain) add(ctx context.Context, h git.Hash) error {
	stored, err := c.engine.Objects.Commit(ctx, c.pool, h)
	if err != nil {
		return err
	}
	is := *charset.Commit(stored)
	is.Message, _, _ = strings.Cut(is.Message, "\x00") // which new messages may not have
	parent, base, err := c.parent(ctx, &is)
	if err != nil {
		return fault.About(h.String(), err)
	}
	label := h.String()[:abbreviated] + " (" + subject(is.Message) + ")"
	labels := [3]string{"parent of " + label, ref.Head, label}
	if len(is.Parents) == 0 {
		labels[treemerge.Base] = "(empty tree)"
	}
	theirs := is.Tree
	if c.how.Revert {
		base, theirs = theirs, base
		labels[treemerge.Base], labels[treemerge.Theirs] = label, labels[treemerge.Base]
	}
	r, err := c.merge(ctx, base, theirs, labels)
	if failed, ok := err.(*ConflictError); ok {
		failed.Commit = h
		return failed
	}
	if err != nil {
		return err
	}
	if r.Tree == c.tree {
		switch {
		case c.how.Empty == RefuseEmpty:
			return fault.About(h.String(), ErrEmpty)
		case c.how.Empty == DropEmpty && base != theirs:
			return nil
		}
	}
	made := &git.Commit{Tree: r.Tree, Author: is.Author, Committer: c.how.Committer}
	if c.how.Author != nil {
		made.Author = *c.how.Author
	}
	if made.Message = c.how.Message; made.Message == "" {
		made.Message = c.message(h, parent, &is)
	} else if c.how.RecordOrigin && !c.how.Revert {
		made.Message = withOrigin(made.Message, h)
	}
	return c.commit(ctx, made, r)
}

// parent returns the parent whose difference to a commit is taken over, and its tree; the empty one of a commit without
// parents.
func (c *chain) parent(ctx context.Context, is *git.Commit) (parent, tree git.Hash, err error) {
	n := c.how.Mainline
	switch {
	case len(is.Parents) > 1 && n == 0:
		return parent, tree, fault.New(fault.Invalid,
			"invalid revision: it is a merge, and option Mainline does not say which parent counts")
	case n > max(len(is.Parents), 1):
		return parent, tree, fault.New(fault.Invalid, fmt.Sprintf("invalid option Mainline: it has no parent %d", n))
	case len(is.Parents) == 0:
		return parent, git.EmptyTree, nil
	}
	parent = is.Parents[max(n, 1)-1]
	p, err := c.engine.Objects.Commit(ctx, c.pool, parent)
	if err != nil {
		return parent, tree, err
	}
	return parent, p.Tree, nil
}

// merge merges a tree into that of the tip.
func (c *chain) merge(ctx context.Context, base, theirs git.Hash, labels [3]string) (*treemerge.Result, error) {
	how := c.how.Trees
	how.Labels, how.Driver = labels, c.engine.driver(ctx, c, c.tree)
	ours := c.tree
	if ours == git.EmptyTree {
		ours = git.Hash{} // it need not be stored
	}
	r, err := treemerge.Run(ctx, c, base, ours, theirs, &how)
	if err != nil {
		return nil, err
	}
	return c.engine.settle(ctx, c, r, c.how.Resolve)
}

// commit makes a commit of a merged tree the tip.
func (c *chain) commit(ctx context.Context, made *git.Commit, r *treemerge.Result) error {
	if !c.tip.IsZero() {
		made.Parents = []git.Hash{c.tip}
	}
	if c.how.Sign != nil {
		var err error
		if made.Signature, err = c.how.Sign(made.Append(nil)); err != nil {
			return err
		}
	}
	h, o, item, err := encode(made)
	if err != nil {
		return err
	}
	all, items := objects(r)
	c.Keep(r)
	c.objects = append(append(c.objects, all...), o)
	c.items = append(append(c.items, items...), item)
	c.made = append(c.made, Made{h, made})
	c.tip, c.tree = h, made.Tree
	return ctx.Err()
}

// encode returns a commit as it is to be stored.
func encode(c *git.Commit) (git.Hash, storage.Object, *object.Item, error) {
	raw := c.Append(nil)
	h, err := git.Sum(storage.Commit, raw)
	size := int64(len(raw))
	return h, storage.Object{Hash: h, Type: storage.Commit, Size: size, Data: raw},
		&object.Item{Type: storage.Commit, Size: size, Data: raw, Commit: c}, err
}

// message returns what git writes.
func (c *chain) message(h, parent git.Hash, is *git.Commit) string {
	if !c.how.Revert {
		message := cutBlank(is.Message)
		if c.how.RecordOrigin {
			message = withOrigin(message, h)
		}
		return message
	}
	text := "Revert \"" + subject(is.Message) + "\"\n\nThis reverts commit " + h.String()
	if len(is.Parents) > 1 {
		text += ", reversing\nchanges made to " + parent.String()
	}
	return text + ".\n"
}

// withOrigin adds the line of git cherry-pick -x to a message, which is then cleaned up.
func withOrigin(message string, h git.Hash) string {
	if message != "" && !strings.HasSuffix(message, "\n") {
		message += "\n"
	}
	if !trailer.Ends(message) {
		message += "\n"
	}
	return git.StripSpace(message + "(cherry picked from commit " + h.String() + ")\n")
}

// cutBlank returns a message from its first line that is not blank.
func cutBlank(message string) string {
	at := 0
	for line := range strings.Lines(message) {
		if strings.TrimSpace(line) != "" {
			return message[at:]
		}
		at += len(line)
	}
	return ""
}

// subject returns the first line of a message that is not blank.
func subject(message string) string {
	line, _, _ := strings.Cut(cutBlank(message), "\n")
	return line
}

const abbreviated = 7 // digits of a hash in a label
