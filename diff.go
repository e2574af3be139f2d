package reposit

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/patch"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/storage"
)

// A RenameMode says which files a diff takes for renamed or copied.
type RenameMode int

// The modes, with git's options.
const (
	RenamesOff RenameMode = iota // the default
	RenamesOn                    // an added file may be a deleted one, renamed (-M)
	CopiesToo                    // or a copy of what a modified one was (-C)
)

// A DiffAlgorithm is how the lines that two files have in common are found.
type DiffAlgorithm int

// The algorithms, as git has them.
const (
	Myers DiffAlgorithm = iota // the default
	Histogram
	Patience
)

// A SpaceMode says which white space counts when lines are compared.
type SpaceMode int

// The modes, with git's options.
const (
	SpaceCounts       SpaceMode = iota // the default
	IgnoreSpaceAtEnd                   // of lines (--ignore-space-at-eol)
	IgnoreSpaceChange                  // and any amount is the same elsewhere (-b)
	IgnoreAllSpace                     // also where one side has none (-w)
)

// DiffOptions say what a diff shows.
type DiffOptions struct {
	Paths       []string // files and directories, by name; default: all
	Context     int      // lines shown around changes; default 3; negative: none
	Renames     RenameMode
	Similarity  int // percent from which on a file counts as renamed or copied; default 50
	Algorithm   DiffAlgorithm
	IgnoreSpace SpaceMode
	StatOnly    bool // no patches: which files changed, and by how many lines
	Words       bool // FileDiff.Words are found
}

// A DiffStatus is what happened to a file.
type DiffStatus int

// The statuses.
const (
	Added       DiffStatus = iota + 1
	Modified               // content, mode or both
	Deleted                //
	Renamed                // and perhaps modified
	Copied                 // and perhaps modified
	TypeChanged            // a file, symlink or submodule became another one of these
)

// String returns "added", "modified", "deleted", "renamed", "copied" or "type changed".
func (s DiffStatus) String() string {
	switch s {
	case Added:
		return "added"
	case Modified:
		return "modified"
	case Deleted:
		return "deleted"
	case Renamed:
		return "renamed"
	case Copied:
		return "copied"
	case TypeChanged:
		return "type changed"
	}
	return "DiffStatus(" + strconv.Itoa(int(s)) + ")"
}

// A Diff is what differs between two trees.
type Diff struct {
	Files                []FileDiff // in the order of Git's index
	Additions, Deletions int        // lines, of all files

	open blobOpener // nil: there is no repository to read from
}

// A FileDiff is what happened to one file.
type FileDiff struct {
	Path             string // of a deleted file where it was
	OldPath          string // of a renamed or copied file where it comes from; else empty
	Status           DiffStatus
	OldMode, NewMode Mode // 0 where there is no file
	OldHash, NewHash Hash // likewise; of a submodule its commit
	Similarity       int  // percent, of a renamed or copied file

	Additions, Deletions int  // lines; none if Binary
	Binary               bool // the content differs, and is not compared by lines
	// The file's part of what git diff --full-index prints, with its header. Of binary content, it says only that it
	// differs. What differs in ignored white space alone has none.
	Patch string
	Words []WordSpan // what changed inside of changed lines, if the options ask for it
}

// A WordSpan is a part of a patch: the bytes from Start to before End of FileDiff.Patch. It lies inside of one line. In
// a line with "-" it is what was removed, in one with "+" what was added. Lines that were only removed, or only added,
// have none.
type WordSpan struct{ Start, End int }

// Diff says what differs between two revisions, or trees: what turns base into head. An empty base is the tree without
// files, so that the whole of head was added; an empty head is the default branch.
//
// Files, patches and counts are those of git diff-tree -r -p --full-index in a bare repository, with -M for RenamesOn
// and -C for CopiesToo; where there are too many files to compare, only exact renames are found, and those of files
// that keep a unique name (diff.renameLimit 1000). A changed type counts, and is shown, as a deletion and an addition.
// Content is binary if there is a NUL in its first 8000 bytes, and if it has more than 64 MiB or 2,000,000 lines;
// .gitattributes have no say, as git 2.39 does not read them where there is no worktree.
//
// It returns ErrNotFound for a revision that is not there, ErrInvalid for options that can't be, and ErrTooLarge if
// the patches have more than 256 MiB together. The cost is that of what differs: directories and files that are the
// same are not read.
func (r *Repo) Diff(ctx context.Context, base, head string, opts *DiffOptions) (*Diff, error) {
	return call(ctx, r, "diff", head, func() (*Diff, error) {
		if opts == nil {
			opts = &DiffOptions{}
		}
		find, write, err := opts.engine()
		if err != nil {
			return nil, err
		}
		var from, to tree
		if base == "" {
			to, err = r.treeAt(ctx, head)
		} else {
			from, to, err = r.treesAt(ctx, base, head)
		}
		if err != nil {
			return nil, about(head, err)
		}
		src := diffSource{r.s.objects, to.Pool, newGuard(ctx, r)}
		changes, err := treediff.Find(ctx, src, from.Root, to.Root, find)
		if err != nil {
			return nil, err
		}
		results, err := patch.Files(ctx, src, changes, write)
		if err != nil {
			return nil, err
		}
		d := publicDiff(changes, results)
		d.open = r.blobs(ctx, to.Pool)
		return d, nil
	})
}

// treesAt returns the trees of two revisions in one snapshot.
func (r *Repo) treesAt(ctx context.Context, base, head string) (from, to tree, err error) {
	err = r.s.backend.View(ctx, func(v storage.View) error {
		for _, of := range []struct {
			rev string
			t   *tree
		}{{base, &from}, {head, &to}} {
			l := &treeLookup{ctx: ctx, rev: of.rev, tree: tree{r: r}}
			if err := l.run(v); err != nil {
				return about(of.rev, err)
			}
			*of.t = l.tree
		}
		return nil
	})
	return from, to, err
}

const defaultContext = 3

var (
	diffAlgorithms = [...]linediff.Algorithm{
		Myers: linediff.Myers, Histogram: linediff.Histogram, Patience: linediff.Patience,
	}
	spaceModes = [...]linediff.Space{
		SpaceCounts: linediff.Exact, IgnoreSpaceAtEnd: linediff.IgnoreAtEnd,
		IgnoreSpaceChange: linediff.IgnoreCount, IgnoreAllSpace: linediff.IgnoreAll,
	}
)

// engine checks the options.
func (o *DiffOptions) engine() (*treediff.Options, *patch.Options, error) {
	if o.Renames < RenamesOff || o.Renames > CopiesToo {
		return nil, nil, invalidf("rename mode: %d", o.Renames)
	}
	if o.Similarity < 0 || o.Similarity > 100 {
		return nil, nil, invalidf("similarity: %d", o.Similarity)
	}
	if o.Algorithm < Myers || o.Algorithm > Patience {
		return nil, nil, invalidf("diff algorithm: %d", o.Algorithm)
	}
	if o.IgnoreSpace < SpaceCounts || o.IgnoreSpace > IgnoreAllSpace {
		return nil, nil, invalidf("space mode: %d", o.IgnoreSpace)
	}
	find := &treediff.Options{
		Renames: o.Renames == RenamesOn, Copies: o.Renames == CopiesToo, MinScore: o.Similarity * treediff.MaxScore / 100,
	}
	for _, path := range o.Paths {
		path = strings.TrimSuffix(path, "/")
		if path == "" {
			return nil, nil, about(path, invalidf("path: a component is empty"))
		}
		if err := readPath(path); err != nil {
			return nil, nil, about(path, err)
		}
		find.Paths = append(find.Paths, path)
	}
	return find, &patch.Options{
		Context:   max(min(cmp.Or(o.Context, defaultContext), patch.MaxLines), 0),
		Algorithm: diffAlgorithms[o.Algorithm],
		Space:     spaceModes[o.IgnoreSpace],
		StatOnly:  o.StatOnly,
		Words:     o.Words,
	}, nil
}

var diffStatuses = map[treediff.Status]DiffStatus{
	treediff.Added: Added, treediff.Modified: Modified, treediff.Deleted: Deleted, treediff.Renamed: Renamed,
	treediff.Copied: Copied, treediff.TypeChanged: TypeChanged,
}

func publicDiff(changes []treediff.Change, results []patch.Result) *Diff {
	d := &Diff{Files: make([]FileDiff, len(changes))}
	for i := range changes {
		c, made := &changes[i], &results[i]
		f := &d.Files[i]
		*f = FileDiff{
			Path: cmp.Or(c.New.Path, c.Old.Path), Status: diffStatuses[c.Status],
			OldMode: Mode(c.Old.Mode), NewMode: Mode(c.New.Mode), OldHash: Hash(c.Old.Hash), NewHash: Hash(c.New.Hash),
			Additions: made.Additions, Deletions: made.Deletions, Binary: made.Binary, Patch: string(made.Text),
		}
		if c.Status == treediff.Renamed || c.Status == treediff.Copied {
			f.OldPath, f.Similarity = c.Old.Path, c.Percent()
		}
		for _, w := range made.Words {
			f.Words = append(f.Words, WordSpan(w))
		}
		made.Text = nil
		d.Additions += f.Additions
		d.Deletions += f.Deletions
	}
	return d
}
