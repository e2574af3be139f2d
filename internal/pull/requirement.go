package pull

import (
	"context"
	"errors"
	"strings"

	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

var (
	errTooLarge = errors.New("CODEOWNERS is too large")
	errTooDeep  = errors.New("a changed path is too long, or lies too deep")
)

// Owners finds out who must approve of what. It is safe for concurrent use.
type Owners struct {
	objects *object.Store
	files   codeowners.Cache
}

// NewOwners returns an Owners that reads objects.
func NewOwners(objects *object.Store) *Owners { return &Owners{objects: objects} }

// OwnerRequirements are what must be approved by owners before a base takes a head.
type OwnerRequirements struct {
	Requirements []codeowners.Requirement
	TooLarge     bool // CODEOWNERS is, and says nothing
}

// An Outcome is the tree of a merge, and those of its trees that may be yet to be stored.
type Outcome struct {
	Tree git.Hash
	New  map[git.Hash]*git.Tree
}

// Requirements returns what must be approved by owners before a base takes a head, both commits: one Requirement for
// each line of the base's CODEOWNERS that says whose a changed path is. What a path was and what it becomes are both
// changed by a move. from is the commit since which paths count as changed.
//
// A merge may change others than the head does, as where the base moved a file. Those between the base's tree and that
// of outcome count, too, unless it is nil.
func (o *Owners) Requirements(ctx context.Context, pool storage.ID, base, from, head git.Hash,
	outcome *Outcome) (OwnerRequirements, error) {
	file, err := o.at(ctx, pool, base)
	if errors.Is(err, errTooLarge) {
		return OwnerRequirements{TooLarge: true}, nil
	}
	if err != nil || file == nil {
		return OwnerRequirements{}, err
	}
	w := needWalk{ctx: ctx, file: file, seen: map[int]bool{}}
	w.read = func(h git.Hash) (*git.Tree, error) { return treeOf(ctx, o.objects, pool, h) }
	var trees [3]git.Hash
	for i, h := range [3]git.Hash{from, head, base} {
		if h.IsZero() { // the sides have nothing in common
			continue
		}
		c, err := o.objects.Commit(ctx, pool, h)
		if err != nil {
			return OwnerRequirements{}, err
		}
		trees[i] = c.Tree
	}
	err = w.compare("", trees[0], trees[1], git.MaxDepth)
	if err == nil && outcome != nil {
		stored := w.read
		w.read = func(h git.Hash) (*git.Tree, error) {
			if t := outcome.New[h]; t != nil {
				return t, nil
			}
			return stored(h)
		}
		err = w.compare("", trees[2], outcome.Tree, git.MaxDepth)
	}
	if errors.Is(err, errTooDeep) {
		return OwnerRequirements{Requirements: []codeowners.Requirement{{Path: "the change"}}}, nil
	}
	return OwnerRequirements{Requirements: w.needs}, err
}

// at returns the CODEOWNERS file of a commit, or nil if it has none.
func (o *Owners) at(ctx context.Context, pool storage.ID, commit git.Hash) (*codeowners.File, error) {
	objects := o.objects
	c, err := objects.Commit(ctx, pool, commit)
	if err != nil {
		return nil, err
	}
	for _, path := range codeowners.Paths {
		entry, err := find(ctx, objects, pool, c.Tree, path)
		if err != nil {
			return nil, err
		}
		if !entry.IsFile() {
			continue
		}
		_, size, err := objects.Stat(ctx, pool, entry.Hash)
		if err != nil {
			return nil, err
		}
		if size > codeowners.MaxSize {
			return nil, errTooLarge
		}
		return o.files.File(entry.Hash, func() ([]byte, error) { return objects.Blob(ctx, pool, entry.Hash) })
	}
	return nil, nil
}

// find returns the entry that a path leads to, or the zero Entry.
func find(ctx context.Context, objects *object.Store, pool storage.ID, tree git.Hash,
	path string) (e git.Entry, err error) {
	e = git.Entry{Mode: git.ModeDir, Hash: tree}
	for name := range strings.SplitSeq(path, "/") {
		if !e.IsDir() {
			return git.Entry{}, nil
		}
		item, err := treeOf(ctx, objects, pool, e.Hash)
		if err != nil {
			return git.Entry{}, err
		}
		if e, _ = item.Find(name); e.Mode == 0 {
			return git.Entry{}, nil
		}
	}
	return e, nil
}

// treeOf returns a tree. The empty one need not be stored.
func treeOf(ctx context.Context, objects *object.Store, pool storage.ID, h git.Hash) (*git.Tree, error) {
	item, err := objects.Tree(ctx, pool, h)
	if errors.Is(err, storage.ErrNotFound) && h == git.EmptyTree {
		return git.ParseTree(nil)
	}
	if err != nil {
		return nil, err
	}
	return item.Tree, nil
}

type needWalk struct {
	ctx   context.Context
	read  func(git.Hash) (*git.Tree, error)
	file  *codeowners.File
	seen  map[int]bool // lines that have their Requirement
	needs []codeowners.Requirement
}

// compare notes the paths below dir that differ between two trees, either of which may be absent. depth is how many
// levels may lie below. It returns errTooDeep beyond that, and for a path over names.MaxPath.
func (w *needWalk) compare(dir string, a, b git.Hash, depth int) error {
	if a == b {
		return nil
	}
	if depth < 0 {
		return errTooDeep
	}
	var trees [2]*git.Tree
	for i, h := range [2]git.Hash{a, b} {
		if h.IsZero() {
			continue
		}
		var err error
		if trees[i], err = w.read(h); err != nil {
			return err
		}
	}
	for x, y := range git.Differences(trees[0], trees[1]) {
		if err := w.ctx.Err(); err != nil { // each path is matched with all lines
			return err
		}
		name := x.Name
		if x.Mode == 0 {
			name = y.Name
		}
		if len(dir)+len(name) > names.MaxPath {
			return errTooDeep
		}
		if !x.IsDir() && !y.IsDir() {
			w.note(dir + name)
			continue
		}
		if err := w.compare(dir+name+"/", x.Hash, y.Hash, depth-1); err != nil {
			return err
		}
	}
	return nil
}

func (w *needWalk) note(path string) {
	line := w.file.Of(path)
	if line == nil || len(line.Owners) == 0 || w.seen[line.Number] {
		return
	}
	w.seen[line.Number] = true
	w.needs = append(w.needs, codeowners.Requirement{Path: path, Owners: line.Owners})
}
