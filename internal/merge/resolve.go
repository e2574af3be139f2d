package merge

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/treeedit"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/storage"
)

// A Resolver decides on a conflict: it returns the content that the path gets, nil if it leaves the conflict as it is,
// or fault.NotFound itself if there shall be nothing at the path. Another error ends the merge. It is called under no
// lock and in no transaction.
type Resolver func(Conflict) ([]byte, error)

// remember returns a Resolver that asks f once about a conflict, however often the merge is made anew; nil for nil.
func (f Resolver) remember() Resolver {
	if f == nil {
		return nil
	}
	type answer struct {
		content []byte
		err     error
	}
	known := map[treemerge.Conflict]answer{}
	return func(c Conflict) ([]byte, error) {
		a, ok := known[c.Conflict]
		if !ok {
			a.content, a.err = f(c)
			known[c.Conflict] = a
		}
		return a.content, a.err
	}
}

// watched are Options of one merge that is made anew until it fits: a Resolver is asked once about a conflict, and
// decided is whether it resolved one.
type watched struct {
	Options
	decided bool
}

func (o *Options) watched() *watched {
	w := &watched{Options: *o}
	if ask := o.Resolve.remember(); ask != nil {
		w.Resolve = func(c Conflict) ([]byte, error) {
			content, err := ask(c)
			w.decided = w.decided || content != nil || err != nil
			return content, err
		}
	}
	return w
}

// settle returns what trees gave when they were merged as it can be stored: with answers of a Resolver in place of
// conflicts, and without what only the way to it needed. If a conflict is left, it returns a *ConflictError.
func (e *Engine) settle(ctx context.Context, src treemerge.Source, r *treemerge.Result,
	ask Resolver) (*treemerge.Result, error) {
	if !r.Clean {
		var err error
		if r, err = e.resolve(ctx, src, r, ask); err != nil {
			return nil, err
		}
	}
	r = prune(r)
	return r, checkFiles(r, contents(r))
}

// contents returns the content that a merge made, by hash.
func contents(r *treemerge.Result) map[git.Hash][]byte {
	made := make(map[git.Hash][]byte, len(r.Blobs))
	for _, b := range r.Blobs {
		made[b.Hash] = b.Data
	}
	return made
}

// resolve puts the answers of a Resolver in place of conflicts.
func (e *Engine) resolve(ctx context.Context, src treemerge.Source, r *treemerge.Result,
	ask Resolver) (*treemerge.Result, error) {
	made := contents(r)
	left := &ConflictError{Tree: r.Tree}
	above := treemerge.Overlay{Source: src}
	above.Keep(r)
	tree, err := treeedit.Open(ctx, &above, r.Tree)
	if err != nil {
		return nil, err
	}
	done := *r
	for _, c := range r.Conflicts {
		open := Conflict{c, made[c.Result.Hash]}
		if ask == nil {
			left.Conflicts = append(left.Conflicts, open)
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		content, err := ask(open)
		switch {
		case err == error(fault.NotFound):
			err = remove(ctx, tree, &c)
		case err != nil:
		case content == nil:
			left.Conflicts = append(left.Conflicts, open)
		default:
			err = e.put(ctx, tree, &done, &c, content)
		}
		if err != nil {
			return nil, fault.About(c.Path, err)
		}
	}
	if len(left.Conflicts) > 0 {
		return nil, left
	}
	var trees []treeedit.New
	if done.Tree, trees, err = tree.Write(ctx); err != nil {
		return nil, err
	}
	done.Trees = append(done.Trees[:len(done.Trees):len(done.Trees)], trees...)
	done.Conflicts, done.Clean = nil, true
	return &done, nil
}

// ofFile reports whether a conflict is about what a path holds. Others are about a directory, and what the merge did is
// accepted or not.
func ofFile(c *treemerge.Conflict) bool {
	return c.Kind != treemerge.DirectoryRenameSplit && c.Kind != treemerge.DirectoryCollision
}

func remove(ctx context.Context, tree *treeedit.Tree, c *treemerge.Conflict) error {
	is, found, err := tree.Find(ctx, c.Path)
	if err != nil || !found || is.IsDir() || !ofFile(c) {
		return err
	}
	return tree.Remove(ctx, c.Path)
}

// put makes content that of a conflict's path, and adds it to what the merge made.
func (e *Engine) put(ctx context.Context, tree *treeedit.Tree, r *treemerge.Result, c *treemerge.Conflict,
	content []byte) error {
	if !ofFile(c) {
		return nil
	}
	if e.BlobSize > 0 && int64(len(content)) > e.BlobSize {
		return fault.New(fault.TooLarge, fmt.Sprintf("%d bytes, where a file may have %d", len(content), e.BlobSize))
	}
	mode := git.ModeRegular
	for _, v := range [3]treemerge.Version{c.Result, c.Stages[treemerge.Ours], c.Stages[treemerge.Theirs]} {
		if v.Mode != 0 {
			mode = v.Mode
			break
		}
	}
	switch mode {
	case git.ModeSubmodule:
		h, ok := git.ParseHash(strings.TrimSpace(string(content)))
		if !ok {
			return fault.New(fault.Invalid, "invalid submodule: its content is a commit in hexadecimal")
		}
		return tree.Put(ctx, c.Path, mode, h)
	case git.ModeSymlink:
		if err := checkTarget(c.Path, content); err != nil {
			return err
		}
	}
	h, err := git.Sum(storage.Blob, content)
	if err != nil {
		return err
	}
	r.Blobs = append(r.Blobs[:len(r.Blobs):len(r.Blobs)], treemerge.Blob{Hash: h, Data: bytes.Clone(content)})
	return tree.Put(ctx, c.Path, mode, h)
}

const maxTarget = 4096 // bytes of a symlink's target

func checkTarget(path string, target []byte) error {
	if err := names.CheckSymlink(path[strings.LastIndexByte(path, '/')+1:]); err != nil {
		return fault.New(fault.Invalid, "invalid symlink: "+err.Error())
	}
	if n := len(target); n == 0 || n > maxTarget || bytes.IndexByte(target, 0) >= 0 {
		return fault.New(fault.Invalid,
			fmt.Sprintf("invalid symlink target: it is empty, longer than %d bytes, or holds a NUL", maxTarget))
	}
	return nil
}

// prune returns a merge with those objects alone that its tree leads to. A tree whose difference is from one that the
// merge made is whole.
func prune(r *treemerge.Result) *treemerge.Result {
	trees := make(map[git.Hash]*treemerge.New, len(r.Trees))
	for i := range r.Trees {
		trees[r.Trees[i].Hash] = &r.Trees[i]
	}
	reached := map[git.Hash]bool{}
	for next := []git.Hash{r.Tree}; len(next) > 0; {
		h := next[len(next)-1]
		next = next[:len(next)-1]
		t := trees[h]
		if reached[h] || t == nil {
			continue
		}
		reached[h] = true
		for i := range t.Item.Tree.Len() {
			mode, _, child := t.Item.Tree.At(i)
			if mode == git.ModeDir {
				next = append(next, child)
			} else {
				reached[child] = true
			}
		}
	}
	out := *r
	out.Trees, out.Blobs = nil, nil
	for _, t := range r.Trees {
		if !reached[t.Hash] {
			continue
		}
		reached[t.Hash] = false // once
		if t.Delta != nil && trees[t.Delta.Base] != nil {
			t.Delta = nil
			t.Item = &object.Item{Type: t.Item.Type, Size: t.Item.Size, Data: t.Item.Data, Tree: t.Item.Tree}
		}
		out.Trees = append(out.Trees, t)
	}
	for _, b := range r.Blobs {
		if reached[b.Hash] {
			reached[b.Hash] = false
			out.Blobs = append(out.Blobs, b)
		}
	}
	return &out
}
