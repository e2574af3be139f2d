package reposit

import (
	"context"
	"strings"

	"github.com/reposit/reposit/internal/blame"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/revision"
)

// BlameOptions say which lines a blame is of.
type BlameOptions struct {
	// From and To are the first and the last line, from 1. Defaults: the first line, and the last one, which a To beyond
	// it means, too.
	From, To int
	// IgnoreRevs are revisions of commits that bring no lines, as those that reformatted everything: their lines go to
	// what they most likely were before, as with git blame --ignore-rev. At most 1,024.
	IgnoreRevs []string
}

// A BlameLine is a line of a file, and the commit that brought it.
type BlameLine struct {
	Number       int    // from 1
	Text         string // without its newline; a carriage return before that belongs to it
	Commit       Hash
	Author       Signature // of the commit, as Commit has it
	OriginalPath string    // what the file was called in the commit
	OriginalLine int       // the line's number in the file that the commit has, from 1
	Summary      string    // the first line of the commit's message that is not blank, or "(hash)" if all are
}

// Blame says of each line of a file at a revision which commit brought it, as git blame does: lines are followed
// through the history, all parents of merges, and renames of the whole file. What counts as a line is what a newline
// ends, whatever the content. opts may be nil: the whole file, no commit ignored.
//
// It returns ErrNotFound, ErrInvalid for a path that is no file or symlink, for a revision that is a tree, and for
// lines that the file does not have, and ErrTooLarge if any version of the file has more than 64 MiB. Lines are
// followed no further than to the commit that brought them, so a range of lines costs less than the whole.
func (r *Repo) Blame(ctx context.Context, rev, path string, opts *BlameOptions) ([]BlameLine, error) {
	return call(ctx, r, "blame", path, func() ([]BlameLine, error) {
		if opts == nil {
			opts = &BlameOptions{}
		}
		return r.blame(ctx, rev, path, opts)
	})
}

func (r *Repo) blame(ctx context.Context, rev, path string, opts *BlameOptions) ([]BlameLine, error) {
	t, e, err := r.file(ctx, rev, path)
	if err != nil {
		return nil, err
	}
	if t.Commit.IsZero() {
		return nil, fault.About(rev, invalidf("revision: it is no commit"))
	}
	b := &blaming{
		source: blameSource{
			diffSource{r.s.objects, t.Pool, newGuard(ctx, r)}, history.Objects{Store: r.s.objects, Pool: t.Pool},
		},
		known: map[git.Hash]*BlameLine{},
	}
	find := &blame.Options{}
	if find.Ignore, err = r.ignored(ctx, opts.IgnoreRevs); err != nil {
		return nil, err
	}
	size, err := b.source.Size(ctx, e.Hash)
	if err == nil && size > blame.MaxContent {
		err = blame.ErrTooLarge
	}
	if err != nil {
		return nil, err
	}
	data, err := b.source.Blob(ctx, e.Hash)
	if err != nil {
		return nil, err
	}
	if find.From, find.To, err = opts.lines(linediff.CountLines(data)); err != nil || find.From == find.To {
		return nil, err
	}
	file := blame.File{Commit: t.Commit, Path: path, Mode: e.Mode, Hash: e.Hash}
	hunks, err := blame.Find(ctx, &b.source, file, find)
	if err != nil {
		return nil, err
	}
	return b.lines(ctx, hunks, data, find)
}

// lines returns the range of lines that is asked for, from 0 and before to.
func (o *BlameOptions) lines(count int) (from, to int, err error) {
	switch {
	case o.From < 0 || o.To < 0 || o.To > 0 && o.To < o.From:
		return 0, 0, invalidf("lines: from %d to %d", o.From, o.To)
	case max(o.From, min(o.To, 1)) > count:
		return 0, 0, invalidf("lines: the file has %d, not %d", count, max(o.From, 1))
	}
	to = o.To
	if to == 0 || to > count {
		to = count
	}
	return max(o.From-1, 0), to, nil
}

// ignored resolves the revisions of commits that are ignored.
func (r *Repo) ignored(ctx context.Context, revs []string) (map[git.Hash]bool, error) {
	if len(revs) == 0 {
		return nil, nil
	}
	if len(revs) > maxNot {
		return nil, &detail{ErrTooLarge, "too large: more than 1,024 revisions", nil}
	}
	commits := make(map[git.Hash]bool, len(revs))
	err := r.resolve(ctx, func(res *revision.Resolver) error {
		for _, rev := range revs {
			h, err := res.Commit(ctx, rev)
			if err != nil {
				return fault.About(rev, noRevision(err))
			}
			commits[h] = true
		}
		return nil
	})
	return commits, err
}

// A blameSource is what a blame reads from, as long as the actor may read the repository.
type blameSource struct {
	diffSource
	commits history.Objects
}

func (s *blameSource) Node(ctx context.Context, h git.Hash) (history.Node, error) {
	if err := s.guard.ask(); err != nil {
		return history.Node{}, err
	}
	node, err := s.commits.Node(ctx, h)
	return node, missingObject(err)
}

func (s *blameSource) Tree(ctx context.Context, h git.Hash) (*git.Tree, error) {
	t, err := s.commits.Tree(ctx, h)
	return t, missingObject(err)
}

func (s *blameSource) Filter(path string) func(git.Hash) bool { return s.commits.Filter(path) }

// blaming makes the lines of a blame.
type blaming struct {
	source blameSource
	known  map[git.Hash]*BlameLine // what lines say of their commits
}

func (b *blaming) lines(ctx context.Context, hunks []blame.Hunk, data []byte, o *blame.Options) ([]BlameLine, error) {
	all := make([]BlameLine, 0, o.To-o.From)
	text := string(data) // all lines are cut from one string
	for range o.From {
		_, text, _ = strings.Cut(text, "\n")
	}
	for _, h := range hunks {
		line, err := b.line(ctx, h.Commit)
		if err != nil {
			return nil, err
		}
		for i := range h.Len {
			l := *line
			l.Number, l.OriginalPath, l.OriginalLine = h.Line+i+1, h.Path, h.At+i+1
			l.Text, text, _ = strings.Cut(text, "\n")
			all = append(all, l)
		}
	}
	return all, nil
}

// line returns what a line says of its commit.
func (b *blaming) line(ctx context.Context, h git.Hash) (*BlameLine, error) {
	if line := b.known[h]; line != nil {
		return line, nil
	}
	stored, err := b.source.commits.Commit(ctx, h)
	if err != nil {
		return nil, missingObject(err)
	}
	c := publicCommit(h, stored)
	line := &BlameLine{Commit: c.Hash, Author: c.Author, Summary: summary(c.Message)}
	if line.Summary == "" {
		line.Summary = "(" + h.String() + ")"
	}
	b.known[h] = line
	return line, nil
}

// summary returns the first line of a message that is not blank, or "" (git's find_commit_subject).
func summary(message string) string {
	for line := range strings.SplitSeq(message, "\n") {
		if strings.Trim(line, " \t\r") != "" {
			return line
		}
	}
	return ""
}
