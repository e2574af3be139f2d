package reposit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/internal/wildmatch"
	"github.com/reposit/reposit/storage"
)

// Progress says how far long work is. It is told from one goroutine, at most ten times a second and once at the end.
type Progress struct {
	Stage       string // what is being done, for people to read
	Done, Total int64  // objects; Total is 0 while it is not known
	Bytes       int64  // written, or read
}

// reporter returns what tells a function of progress, or nil for nil.
func reporter(fn func(Progress)) *progress.Reporter {
	if fn == nil {
		return nil
	}
	return progress.New(func(r progress.Report) { fn(Progress(r)) })
}

// BundleOptions say what a bundle holds.
type BundleOptions struct {
	// full names, "refs/heads/main", directories, "refs/tags/", or patterns in which no wildcard matches a slash,
	// "refs/heads/release-*"; default: all. HEAD is there if the branch is that it names
	Refs []string
	// commits, or tags of some, that the receiver has with all that they reach: that is left out. Their absence
	// makes a bundle that needs nothing
	Since    []Hash
	Progress func(Progress)
}

// Bundle writes the refs of the repository, with all that they reach and nothing else, as a file that git clone, git
// fetch and git bundle verify take (gitformat-bundle, version 2). The refs are those of one moment. The same refs and
// options give the same bytes. With Since, the bundle is for those who have these commits, and moves their refs also
// where that takes no new object.
//
// Objects that are stored as deltas are taken over as they are. Memory is bounded but for about 80 bytes for each
// object. After an error, what was written is of no use. It returns ErrNotFound for one of Since that Resolve would not
// find, and for one of Refs that is no pattern and matches nothing, ErrCorrupt for damaged refs and objects, and what w
// returned.
func (r *Repo) Bundle(ctx context.Context, w io.Writer, opts *BundleOptions) error {
	if opts == nil {
		opts = &BundleOptions{}
	}
	return do(ctx, r, "bundle", "", func() error {
		tell := reporter(opts.Progress)
		out, err := r.outgoing(ctx, opts.Refs, opts.Since)
		if err == nil {
			err = transfer.WriteBundle(ctx, w, &out.objects, &out.refs, &out.wish, tell)
		}
		tell.End()
		return err
	})
}

// ExportOptions say what an export holds.
type ExportOptions struct {
	Refs     []string // as BundleOptions.Refs
	Progress func(Progress)
}

// Export writes the repository into a folder that is empty, or is yet to be made, as a bare one that git works with:
// the refs in packed-refs, and all that they reach, and nothing else, in one pack with its index. Two exports of the
// same refs are the same. Description, protection, pull requests and whatever else git does not know stay behind; refs
// under refs/pull/ do not.
//
// Cost and errors are those of Bundle. It returns ErrExists if dst is not empty. After an error it removes the files
// that it made.
func (r *Repo) Export(ctx context.Context, dst billy.Filesystem, opts *ExportOptions) error {
	if opts == nil {
		opts = &ExportOptions{}
	}
	return do(ctx, r, "export", "", func() error {
		if dst == nil {
			return invalidf("filesystem: it is nil")
		}
		tell := reporter(opts.Progress)
		out, err := r.outgoing(ctx, opts.Refs, nil)
		if err == nil {
			err = transfer.Export(ctx, dst, &out.objects, &out.refs, &out.wish, tell)
		}
		tell.End()
		return err
	})
}

// outgoing is what leaves a repository.
type outgoing struct {
	objects transfer.Objects
	refs    transfer.Snapshot
	wish    transfer.Wish
}

// outgoing returns what leaves with the refs that match some patterns.
func (r *Repo) outgoing(ctx context.Context, patterns []string, since []Hash) (*outgoing, error) {
	out := &outgoing{}
	out.wish.Ask = newGuard(ctx, r).ask
	for _, h := range since {
		out.wish.Since = append(out.wish.Since, git.Hash(h))
	}
	chosen, err := newRefChoice(patterns)
	if err != nil {
		return nil, err
	}
	for _, p := range patterns {
		if err := r.testNamed(ctx, p); err != nil {
			return nil, err
		}
	}
	err = r.resolve(ctx, func(res *revision.Resolver) error {
		out.objects = transfer.Objects{Backend: r.s.backend.Backend, Store: r.s.objects, Pool: res.Pool}
		for _, h := range out.wish.Since {
			if err := res.Has(ctx, h); err != nil {
				return about(h.String(), err)
			}
		}
		if out.wish.Shallow, err = gogit.ShallowCommits(res.View, r.id); err != nil {
			return err
		}
		out.refs, err = snapshot(ctx, res, func(found storage.Ref) (bool, error) { return chosen.has(found.Name), nil })
		return err
	})
	if err == nil {
		err = chosen.unused()
	}
	return out, err
}

// snapshot returns the refs of a repository that are chosen.
func snapshot(ctx context.Context, res *revision.Resolver, chosen func(storage.Ref) (bool, error)) (s transfer.Snapshot,
	err error) {
	if s.Head, err = ref.Default(res.View, res.Repo); err != nil {
		return s, about(ref.Head, err)
	}
	names := map[string]bool{}
	for found, err := range res.View.Refs(res.Repo, "refs/", "") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return s, about(found.Name, err)
		}
		if is, err := chosen(found); err != nil {
			return s, about(found.Name, err)
		} else if !is {
			continue
		}
		if found.Target != "" {
			end, err := ref.Follow(res.View, res.Repo, found.Name)
			if err != nil && !errors.Is(err, ref.ErrSymbolic) {
				return s, about(found.Name, err)
			}
			if found.Hash = end.Hash; found.Hash.IsZero() || err != nil {
				continue // it leads nowhere
			}
		}
		names[found.Name] = true
		s.Refs = append(s.Refs, found)
	}
	for i := range s.Refs {
		if !names[s.Refs[i].Target] {
			s.Refs[i].Target = "" // what it leads to stays
		}
	}
	return s, nil
}

// A refChoice is the refs that patterns match.
type refChoice struct {
	patterns []string
	used     []bool
	matcher  wildmatch.Matcher
}

func newRefChoice(patterns []string) (*refChoice, error) {
	for _, p := range patterns {
		if p == "" || len(p) > wildmatch.MaxPattern {
			return nil, about(p, invalidf("pattern of refs"))
		}
	}
	return &refChoice{patterns: patterns, used: make([]bool, len(patterns))}, nil
}

// has reports whether a ref is chosen.
func (c *refChoice) has(name string) bool {
	chosen := len(c.patterns) == 0
	for i, p := range c.patterns {
		if p == name || strings.HasSuffix(p, "/") && strings.HasPrefix(name, p) || c.matcher.MatchPath(p, name) {
			chosen, c.used[i] = true, true
		}
	}
	return chosen
}

// unused returns ErrNotFound if one ref was asked for, and is not there.
func (c *refChoice) unused() error {
	for i, p := range c.patterns {
		if !c.used[i] && !strings.HasSuffix(p, "/") && !strings.ContainsAny(p, `*?[\`) {
			return about(p, fmt.Errorf("ref %w", storage.ErrNotFound))
		}
	}
	return nil
}
