package reposit

import (
	"context"
	"maps"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/contributor"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/stats"
	"github.com/reposit/reposit/storage"
)

// Languages returns how many bytes of each language there are at a revision, as GitHub counts them: of files whose
// language is of the type programming or markup, and which are not vendored, generated, documentation or binary. The
// attributes linguist-vendored, linguist-generated, linguist-documentation, linguist-detectable and linguist-language
// of .gitattributes files say otherwise. A file counts with its whole size, for the group of its language; of its
// content, the first 128 KiB are looked at. A tree of 100,000 files or more has no languages, nor has a repository
// without commits.
//
// Counts of the default branch are kept: the next cost what changed since. Those of another revision begin with them.
// Once those of the default branch are returned, Info, lists and searches tell its language as of that commit.
func (r *Repo) Languages(ctx context.Context, rev string) (map[string]int64, error) {
	return call(ctx, r, "languages", rev, func() (map[string]int64, error) {
		t, err := r.treeAt(ctx, rev)
		if err != nil {
			return nil, err
		}
		counts, err := r.countsOf(ctx, &t)
		if err != nil {
			return nil, err
		}
		bytes := make(map[string]int64, len(counts))
		maps.Copy(bytes, counts) // what is kept is shared
		return bytes, nil
	})
}

func (r *Repo) countsOf(ctx context.Context, t *tree) (map[string]int64, error) {
	gap, err := r.gap(ctx)
	if err != nil {
		return nil, err
	}
	var counts language.Counts
	if t.Commit == gap.Tip && (t.Root.IsZero() || !t.Commit.IsZero()) {
		counts, err = r.s.stats.Counts(ctx, gap, t.Root)
	} else {
		counts, err = r.s.stats.CountsOf(ctx, r.id, t.Pool, t.Root)
	}
	return counts.Bytes, err
}

// gap returns what is to be known of the default branch to count it.
func (r *Repo) gap(ctx context.Context) (stats.Stale, error) {
	var gap stats.Stale
	err := r.s.backend.View(ctx, func(v storage.View) (err error) {
		gap, err = stats.Look(v, r.id)
		return err
	})
	return gap, err
}

// ContributorOptions say who is listed of those who contributed to what.
type ContributorOptions struct {
	Anonymous bool   // also authors that are no known user
	Revision  string // whose history counts; default: the default branch
	Limit     int    // how many are listed at most; default: all
	// CoAuthors gives a share in a commit to those, too, whom its trailers Co-authored-by name. Nothing is kept of that:
	// each call reads all commits.
	CoAuthors bool
}

// A Contributor is the author of commits: a user, or, if Login is empty, somebody who goes by a name and an address.
type Contributor struct {
	Login, Name, Email string
	Contributions      int // commits
}

// Contributors returns who made the commits that the default branch, or another revision, reaches: most contributions
// first, then by name. As on GitHub, merge commits and commits that change nothing do not count. Authors are merged by
// the .mailmap of the revision and by their addresses; who has a user's address is that user (see Users).
//
// What is counted of the default branch is kept: the first call costs a look at each commit, later ones at what is new.
// Contributors returns ErrInvalid for a revision that is no commit.
func (r *Repo) Contributors(ctx context.Context, opts *ContributorOptions) ([]Contributor, error) {
	return call(ctx, r, "contributors", "", func() ([]Contributor, error) {
		if opts == nil {
			opts = &ContributorOptions{}
		}
		if opts.Limit < 0 {
			return nil, invalidf("limit: %d", opts.Limit)
		}
		listed, err := r.contributors(ctx, opts)
		if err != nil {
			return nil, about(opts.Revision, err)
		}
		if opts.Limit > 0 && len(listed) > opts.Limit {
			listed = listed[:opts.Limit]
		}
		all := make([]Contributor, 0, len(listed))
		for _, c := range listed {
			all = append(all, Contributor(c))
		}
		return all, nil
	})
}

func (r *Repo) contributors(ctx context.Context, opts *ContributorOptions) ([]contributor.Contributor, error) {
	t, err := r.treeAt(ctx, opts.Revision)
	if err != nil {
		return nil, err
	}
	if t.Commit.IsZero() {
		if t.Root.IsZero() {
			return nil, nil // no commit yet
		}
		return nil, invalidf("revision: it is no commit")
	}
	gap, err := r.gap(ctx)
	if err != nil {
		return nil, err
	}
	tally, err := r.s.stats.Contributors(ctx, r.id, t.Pool, t.Commit, t.Commit == gap.Tip)
	if err != nil {
		return nil, err
	}
	mailmap, err := r.s.stats.Mailmap(ctx, t.Pool, t.Root)
	if err != nil {
		return nil, err
	}
	authors := tally.Authors
	if opts.CoAuthors {
		if authors, err = r.s.stats.CoAuthors(ctx, t.Pool, tally, mailmap); err != nil {
			return nil, missingObject(err)
		}
	}
	var listed []contributor.Contributor
	err = r.s.backend.View(ctx, func(v storage.View) error {
		if _, err := r.s.actor.Check(v, r.id, access.Read); err != nil {
			return err
		}
		listed, err = contributor.List(authors, mailmap, stats.Users(v), opts.Anonymous)
		return err
	})
	return listed, err
}
