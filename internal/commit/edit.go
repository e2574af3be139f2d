package commit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/treeedit"
	"github.com/reposit/reposit/storage"
)

// An Op is what an Edit does.
type Op int

const (
	Put Op = iota // makes Path the entry of Mode and Hash
	Remove
	Move // From to Path
	Copy // From to Path
	// Graft makes Path the entry of Mode and Hash, whatever that and whatever was there, or removes it if Hash is zero;
	// "" is the whole tree. The entry is one that the repository has at Path in another commit, so it fits.
	Graft
)

// An Edit is one change of a commit. Edits apply in order: a later one sees what an earlier one did.
type Edit struct {
	Op     Op
	Path   string
	From   string
	Mode   git.Mode // 0: that of the file that is replaced, moved or copied; regular for a new one
	Hash   git.Hash
	Stored bool      // Hash was named by the caller, and must be there
	known  bool      // it is there
	Expect *git.Hash // what Path, or From if there is one, must hold; zero: nothing
}

// ErrUnknownBlob says that a commit names content that the repository does not have.
var ErrUnknownBlob = fmt.Errorf("no such blob: %w", storage.ErrNotFound)

// An ExpectError says that a path did not hold what the caller expected.
type ExpectError struct {
	Path             string
	Expected, Actual git.Hash
}

func (e *ExpectError) Error() string {
	return fmt.Sprintf("%q holds %s, not %s", e.Path, blobName(e.Actual), blobName(e.Expected))
}

func blobName(h git.Hash) string {
	if h.IsZero() {
		return "nothing"
	}
	return h.String()
}

// A PathError says which path of a commit an error is about.
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Err.Error() }
func (e *PathError) Unwrap() error { return e.Err }

// build applies the edits of j to the tip's tree, and returns the new tree and everything that must be stored.
func (b *batch) build(j *job) (git.Hash, []storage.Object, []*object.Item, error) {
	tree, err := treeedit.Open(j.ctx, b, b.tree)
	if err != nil {
		return git.Hash{}, nil, nil, err
	}
	bases := make(map[git.Hash]git.Hash, len(j.Content.Blobs))
	for i := range j.Edits {
		if err := b.apply(j, tree, &j.Edits[i], bases); err != nil {
			return git.Hash{}, nil, nil, &PathError{j.Edits[i].Path, err}
		}
	}
	root, made, err := tree.Write(j.ctx)
	if err != nil {
		return git.Hash{}, nil, nil, err
	}
	n := len(j.Content.Blobs) + len(made) + 1
	objects, items := make([]storage.Object, 0, n), make([]*object.Item, 0, n)
	for _, blob := range j.Content.Blobs {
		item := &object.Item{Type: storage.Blob, Size: blob.Size, Data: blob.Data}
		blob.Delta = b.difference(blob.Data, bases[blob.Hash], item)
		objects, items = append(objects, blob), append(items, item)
	}
	for _, t := range made {
		objects = append(objects, storage.Object{Hash: t.Hash, Type: storage.Tree, Size: t.Item.Size, Data: t.Item.Data,
			Delta: t.Delta})
		items = append(items, t.Item)
	}
	return root, objects, items, nil
}

func (b *batch) apply(j *job, tree *treeedit.Tree, e *Edit, bases map[git.Hash]git.Hash) error {
	if e.Op == Graft {
		return graft(j.ctx, tree, e)
	}
	subject := e.Path
	if e.From != "" {
		subject = e.From
	}
	old, found, err := tree.Find(j.ctx, subject)
	if err != nil {
		return err
	}
	if e.Expect != nil && *e.Expect != old.Hash {
		return &ExpectError{Path: subject, Expected: *e.Expect, Actual: old.Hash}
	}
	if e.From != "" {
		if err := checkName(old.Mode, e.Path[strings.LastIndexByte(e.Path, '/')+1:]); err != nil {
			return err
		}
	}
	switch e.Op {
	case Remove:
		return tree.Remove(j.ctx, e.Path)
	case Move, Copy:
		if err := b.checkFile(j, e.Path, old.Mode, old.Hash); err != nil {
			return err
		}
		if err := tree.Fits(j.ctx, e.From, e.Path, j.PathLength, j.PathDepth); err != nil {
			return err
		}
		if e.Op == Move {
			return tree.Move(j.ctx, e.From, e.Path, e.Mode)
		}
		return tree.Copy(j.ctx, e.From, e.Path, e.Mode)
	}
	mode := e.Mode
	if mode == 0 {
		mode = git.ModeRegular
		if found && old.Mode == git.ModeExecutable {
			mode = git.ModeExecutable
		}
	}
	if e.Stored && !e.known && !j.Content.has(e.Hash) && !b.has(e.Hash) {
		// It may have come with a commit that was ahead in the queue.
		if err := b.e.know(j.ctx, j.Request); err != nil {
			return err
		}
		if !e.known {
			return ErrUnknownBlob
		}
	}
	if err := b.checkFile(j, e.Path, mode, e.Hash); err != nil {
		return err
	}
	if found && !old.IsDir() {
		bases[e.Hash] = old.Hash
	}
	return tree.Put(j.ctx, e.Path, mode, e.Hash)
}

func graft(ctx context.Context, tree *treeedit.Tree, e *Edit) error {
	switch {
	case e.Path == "":
		return tree.Reset(ctx, e.Hash)
	case e.Hash.IsZero():
		return tree.Remove(ctx, e.Path)
	}
	return tree.Graft(ctx, e.Path, e.Mode, e.Hash)
}

// checkFile returns an error that wraps gitfile.ErrMalformed if path has a name that Git may take for .gitmodules or
// .gitattributes, and the content, which is there, may not have it. Other files it does not look at.
func (b *batch) checkFile(j *job, path string, mode git.Mode, h git.Hash) error {
	kind := gitfile.Named(path[strings.LastIndexByte(path, '/')+1:])
	if kind == 0 || !(git.Entry{Mode: mode}).IsFile() {
		return nil
	}
	if data, ok := j.Content.inline(h); ok {
		return gitfile.CheckBytes(kind, data)
	}
	for _, c := range b.content { // of the commits ahead, which have not landed
		if data, ok := c.inline(h); ok {
			return gitfile.CheckBytes(kind, data)
		}
	}
	size, r, err := b.e.objects.Open(j.ctx, b.pool, h)
	if err != nil {
		return err
	}
	return errors.Join(gitfile.Check(kind, size, &source{ctx: j.ctx, r: r, left: size}), r.Close())
}

// know notes which of the blobs that the caller named are there: those that the repository's refs reach, or that their
// logs tell of, as far as the caller may know.
func (e *Engine) know(ctx context.Context, r *Request) error {
	if !slices.ContainsFunc(r.Edits, func(edit Edit) bool { return edit.Stored && !edit.known }) {
		return nil
	}
	return e.backend.View(ctx, func(v storage.View) error {
		pool, err := r.By.Check(v, r.Repo, access.Write)
		if err != nil {
			return err
		}
		may, err := r.By.Permission(v, r.Repo)
		if err != nil {
			return err
		}
		in := reach.Repo{View: v, ID: r.Repo, Pool: pool, Logs: true, OldLogs: may >= access.Admin}
		for i := range r.Edits {
			edit := &r.Edits[i]
			if !edit.Stored || edit.known || r.Content.has(edit.Hash) {
				continue
			}
			if edit.known, err = e.hasBlob(ctx, &in, edit.Hash); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) hasBlob(ctx context.Context, in *reach.Repo, h git.Hash) (bool, error) {
	found, err := e.reach.Has(ctx, in, h)
	if !found || err != nil {
		return false, err
	}
	t, _, err := e.objects.Stat(ctx, in.Pool, h)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return t == storage.Blob, err
}

// checkName checks the new name of what is moved or copied.
func checkName(mode git.Mode, name string) error {
	switch mode {
	case git.ModeSymlink:
		return names.CheckSymlink(name)
	case git.ModeDir, git.ModeSubmodule:
		return names.CheckDirectory(name)
	}
	return nil
}

// minDifference is the size in bytes from which a blob is worth a delta.
const minDifference = 256

// difference returns a blob's content as a delta from the content that it replaces, if that is in memory and it
// pays, and notes the depth in item.
func (b *batch) difference(data []byte, base git.Hash, item *object.Item) *storage.Delta {
	if len(data) < minDifference || base.IsZero() {
		return nil
	}
	old := b.e.objects.Cached(b.pool, base)
	if old == nil || old.Type != storage.Blob || old.Depth >= treeedit.MaxDelta {
		return nil
	}
	ops := git.Difference(old.Data, data)
	if ops == nil {
		return nil
	}
	item.Depth = old.Depth + 1
	return &storage.Delta{Base: base, Depth: item.Depth, Ops: ops}
}
