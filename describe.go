package reposit

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/describe"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/wildmatch"
	"github.com/reposit/reposit/storage"
)

// DescribeOptions say which tags may describe a commit, and how that is written. They are those of git describe.
type DescribeOptions struct {
	Tags        bool     // tags that are not annotated, too
	Match       []string // patterns, as for git describe: only tags that one of them matches; none: all tags
	Exclude     []string // patterns: no tag that one of them matches
	Abbrev      int      // digits of the hash, 4 to 40; 0: as many as git takes; negative: the tag alone
	Candidates  int      // how many tags are considered, at most 27; 0: 10; negative: only tags of the commit itself
	Always      bool     // a commit that no tag describes is described by its hash, unless Candidates is negative
	Long        bool     // the number and hash also where the commit itself has the tag
	FirstParent bool     // look only at the first parent of each merge
}

const (
	maxPattern        = 1024 // bytes
	maxPatterns       = 64
	defaultCandidates = 10
)

// Describe names a commit by the tag that it comes after, as git describe does: "v1.2" if it has that tag, else
// "v1.2-3-gabcdef0", which has 3 commits more, and is a revision itself. Of a tree or blob it is ErrInvalid.
//
// An annotated tag under another name than it has in itself is called by the latter, with number and hash always.
//
// It returns ErrNotFound if no tag describes the commit. It reads the history back to the tags that come into question.
func (r *Repo) Describe(ctx context.Context, rev string, opts *DescribeOptions) (string, error) {
	return call(ctx, r, "describe", rev, func() (string, error) {
		if opts == nil {
			opts = &DescribeOptions{}
		}
		if err := opts.check(); err != nil {
			return "", err
		}
		d := describer{r: r, DescribeOptions: *opts}
		err := r.resolve(ctx, func(res *revision.Resolver) error {
			h, err := res.ResolveAs(ctx, rev, revision.Commitish)
			if err == nil {
				h, err = res.Peel(ctx, h, 0)
			}
			if err != nil {
				return err
			}
			t, _, err := res.Objects.Stat(ctx, res.Pool, h)
			if err == nil && t != storage.Commit {
				err = invalidf("revision: it is a %s, not a commit", t)
			}
			if err != nil {
				return err
			}
			d.commit, d.pool = h, res.Pool
			return d.collect(ctx, res)
		})
		var text string
		if err == nil {
			text, err = d.describe(ctx)
		}
		return text, err
	})
}

func (o *DescribeOptions) check() error {
	if len(o.Match)+len(o.Exclude) > maxPatterns {
		return &detail{ErrTooLarge, "too large: more than 64 patterns", nil}
	}
	for _, patterns := range [2][]string{o.Match, o.Exclude} {
		for _, p := range patterns {
			if len(p) > maxPattern {
				return &detail{ErrTooLarge, "too large: a pattern of more than 1 KiB", nil}
			}
		}
	}
	switch {
	case o.Abbrev > 40 || 0 < o.Abbrev && o.Abbrev < 4:
		return invalidf("option Abbrev: %d, not 4 to 40", o.Abbrev)
	case o.Long && o.Abbrev < 0:
		return invalidf("option Long: it can't be had without a hash")
	}
	return nil
}

// A describer describes one commit.
type describer struct {
	DescribeOptions
	r      *Repo
	pool   storage.ID
	commit git.Hash
	tags   describe.Tags
}

// collect reads the tags.
func (d *describer) collect(ctx context.Context, res *revision.Resolver) error {
	d.tags = describe.Tags{}
	matches := func(patterns []string, name string) bool {
		for _, p := range patterns {
			if wildmatch.Match(p, name) {
				return true
			}
		}
		return false
	}
	for found, err := range res.View.Refs(d.r.id, ref.Tags, "") {
		damaged := isDamagedRef(found, err)
		if err == nil || damaged {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if damaged {
			continue
		}
		name := found.Name[len(ref.Tags):]
		if matches(d.Exclude, name) || len(d.Match) > 0 && !matches(d.Match, name) || dangling(res, found) {
			continue
		}
		end, err := ref.Follow(res.View, d.r.id, found.Name)
		if isDamagedRef(end, err) {
			continue
		}
		if err != nil {
			return err
		}
		target, err := res.Peel(ctx, end.Hash, 0)
		if err != nil {
			return missingObject(err)
		}
		tag := describe.Tag{Name: name, Annotated: target != end.Hash}
		if tag.Annotated {
			item, err := res.Objects.Item(ctx, res.Pool, end.Hash)
			if err != nil {
				return missingObject(err)
			}
			annotated, err := git.ParseTag(item.Data)
			if err != nil {
				return err
			}
			tag.Name, tag.Misnamed = annotated.Name, annotated.Name != name // as git: what it is known as outside
			if annotated.Tagger != nil {
				tag.Date = annotated.Tagger.When.Unix()
			}
		}
		d.tags.Add(target, tag)
	}
	return nil
}

func (d *describer) describe(ctx context.Context) (string, error) {
	o := describe.Options{Lightweight: d.Tags, Candidates: d.Candidates, FirstParent: d.FirstParent}
	setDefault(&o.Candidates, defaultCandidates)
	o.Candidates = max(o.Candidates, 0)
	read := func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		c, err := d.r.s.objects.Commit(ctx, d.pool, h)
		return c, missingObject(err)
	}
	var found describe.Description
	err := d.r.s.backend.Graphs().Do(ctx, d.pool, read, func(g *graph.Graph) (err error) {
		found, err = describe.Describe(ctx, g.Links, d.tags, d.commit, o)
		return err
	})
	if errors.Is(err, describe.ErrNone) {
		if d.Always && d.Candidates >= 0 {
			return d.hash(ctx)
		}
		return "", &detail{ErrNotFound, "not found: no tag describes the commit", nil}
	}
	switch {
	case err != nil:
		return "", err
	case found.Exact && !found.Misnamed && !d.Long, !found.Exact && !found.Misnamed && d.Abbrev < 0:
		return found.Name, nil
	}
	hash, err := d.hash(ctx)
	return fmt.Sprintf("%s-%d-g%s", found.Name, found.Depth, hash), err
}

func (d *describer) hash(ctx context.Context) (string, error) {
	digits := d.Abbrev
	if digits < 0 {
		return d.commit.String(), nil
	}
	if digits == 0 {
		var err error
		if digits, err = d.r.abbreviation(ctx, d.pool); err != nil {
			return "", err
		}
	}
	return d.r.abbreviate(ctx, d.pool, d.commit, digits)
}

// describeFor answers a %(describe) of git archive, given the options that it asks for. What can't be described is "".
func (r *Repo) describeFor(ctx context.Context, pool storage.ID, commit git.Hash, options []string) (string, error) {
	d := describer{r: r, pool: pool, commit: commit}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "--tags":
			d.Tags = true
		case "--no-tags":
			d.Tags = false
		case "--match":
			d.Match = append(d.Match, value)
		case "--exclude":
			d.Exclude = append(d.Exclude, value)
		case "--abbrev":
			n, err := strconv.Atoi(value)
			if err != nil {
				return "", nil
			}
			if d.Abbrev = min(max(n, 4), 40); n == 0 {
				d.Abbrev = -1
			}
		}
	}
	if d.check() != nil {
		return "", nil
	}
	err := r.resolve(ctx, func(res *revision.Resolver) error { return d.collect(ctx, res) })
	var text string
	if err == nil {
		text, err = d.describe(ctx)
	}
	if errors.Is(err, ErrNotFound) && !errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	return text, err
}

const (
	minAbbrev    = 7       // digits; git's default for repositories that are not large
	countAllUpTo = 1 << 16 // objects
)

// abbreviation returns how many digits git begins with to abbreviate hashes: half as many bits as the number of the
// pool's objects has. Of many objects, the number is estimated from those whose hash begins with zeroes.
func (r *Repo) abbreviation(ctx context.Context, pool storage.ID) (int, error) {
	count := func(digits string) (n int, err error) {
		for _, err := range r.s.objects.Matching(ctx, pool, digits) {
			if err != nil {
				return 0, err
			}
			if n++; n%1024 == 0 && ctx.Err() != nil {
				return 0, ctx.Err()
			}
		}
		return n, nil
	}
	n, err := count("00")
	if n *= 256; err == nil && n < countAllUpTo {
		n, err = count("")
	}
	// In git's words: the position of the highest bit, and one more, halved and rounded up.
	return max(minAbbrev, (bits.Len(uint(n))+1)/2), err
}
