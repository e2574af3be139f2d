package reposit

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/grep"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// GrepOptions say which lines a Grep finds.
type GrepOptions struct {
	// Paths are pathspecs as git has them: a file, a directory, or a pattern that matches the path of a file, in which
	// "*" and "?" match slashes, too. What begins with a colon is ErrInvalid. At most 1,024. Default: all files.
	Paths       []string
	IgnoreCase  bool
	FixedString bool // the pattern is a text, not a regular expression
	// WholeWord finds what begins and ends at the ends of words, as git grep -w: of letters, digits and "_" of ASCII. Of
	// the ways to match at one place, the longest counts then.
	WholeWord     bool
	Before, After int // lines around each match that come with it; at most 1,000
	Limit         int // at most so many matches; 0: all
}

// A GrepMatch is a line that matches.
type GrepMatch struct {
	Path          string
	Line          int      // from 1
	Column        int      // of the first match in the line, in bytes, from 1
	Text          string   // without its newline; a carriage return before that belongs to it
	Before, After []string // lines around it, whether they match or not; as many as there are
}

// Limits of GrepOptions.
const maxAround = 1000

// Grep finds the lines of a revision's files that match a pattern, in the order of the paths, as git grep does: without
// symlinks, submodules and binary files. The pattern is a regular expression as package regexp has them (RE2), of at
// most 1 KiB, and matches within a line, whose ends are "^" and "$". opts may be nil.
//
// A file is binary if the .gitattributes of the revision unset "diff" for it, as "binary" and "-diff" do; if they set
// it, it is not; else if there is a NUL in its first 8000 bytes. Files of more than 64 MiB count as binary.
//
// Everything is of the commit or tree that rev names when the loop begins. Files are read on all cores, a few hundred
// ahead at most, and none while the loop body runs or once the loop is left. It returns ErrNotFound, ErrInvalid for a
// malformed pattern or option, and ErrTooLarge for more than these may hold. With the actor's permission to read the
// repository, or with that itself, it ends: ErrNotFound.
func (r *Repo) Grep(ctx context.Context, rev, pattern string, opts *GrepOptions) iter.Seq2[GrepMatch, error] {
	if opts == nil {
		opts = &GrepOptions{}
	}
	o := *opts
	o.Paths = slices.Clone(o.Paths)
	return func(yield func(GrepMatch, error) bool) {
		g := grepping{r: r, rev: rev, pattern: pattern, opts: &o}
		for {
			m, paused, err := g.part(ctx)
			switch {
			case errors.Is(err, grep.ErrEnd):
				return
			case err != nil:
				yield(GrepMatch{}, r.fail("grep", rev, err))
				return
			case !paused && !yield(GrepMatch(m), nil):
				return
			}
		}
	}
}

// grepping is a Grep on its way.
type grepping struct {
	r            *Repo
	rev, pattern string
	opts         *GrepOptions
	search       *grep.Search // nil: not begun yet
}

// part looks for the next match as a call of its own, since the loop body may close the store.
func (g *grepping) part(ctx context.Context) (grep.Match, bool, error) {
	if err := g.r.s.calls.Enter(ctx); err != nil {
		return grep.Match{}, false, err
	}
	defer g.r.s.calls.Leave()
	if g.search == nil {
		if err := g.begin(ctx); err != nil {
			return grep.Match{}, false, err
		}
	} else if err := g.r.mayRead(ctx); err != nil {
		return grep.Match{}, false, err
	}
	return g.search.Next(ctx)
}

func (g *grepping) begin(ctx context.Context) error {
	o := g.opts
	switch {
	case o.Before < 0 || o.After < 0:
		return invalidf("lines around a match: %d and %d", o.Before, o.After)
	case o.Limit < 0:
		return invalidf("limit: %d", o.Limit)
	case o.Before > maxAround || o.After > maxAround:
		return &detail{ErrTooLarge, "too large: more than 1,000 lines around a match", nil}
	case len(o.Paths) > maxPaths:
		return &detail{ErrTooLarge, "too large: more than 1,024 paths", nil}
	}
	p, err := grep.Compile(g.pattern, grep.PatternOptions{
		Fixed: o.FixedString, IgnoreCase: o.IgnoreCase, Word: o.WholeWord,
	})
	if err != nil {
		return fault.About(g.pattern, err)
	}
	t, err := g.r.treeAt(ctx, g.rev)
	if err != nil {
		return err
	}
	g.search, err = grep.New(grepSource{g.r.s.objects, t.Pool}, t.Root, &grep.Options{
		Pattern: p, Paths: o.Paths, Before: o.Before, After: o.After, Limit: o.Limit,
	})
	return err
}

// A grepSource is what a Grep reads from. It leaves the cache to others: most files are read once.
type grepSource struct {
	objects *object.Store
	pool    storage.ID
}

func (s grepSource) Tree(ctx context.Context, h git.Hash) (*git.Tree, error) {
	item, err := s.objects.Tree(ctx, s.pool, h)
	if err != nil {
		return nil, missingObject(err)
	}
	return item.Tree, nil
}

func (s grepSource) Size(ctx context.Context, h git.Hash) (int64, error) {
	t, size, err := s.objects.Stat(ctx, s.pool, h)
	if err != nil {
		return 0, missingObject(err)
	}
	return size, mustBeBlob(h, t, nil)
}

func (s grepSource) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	_, data, err := s.objects.Pass(ctx, s.pool, h)
	return data, missingObject(err)
}
