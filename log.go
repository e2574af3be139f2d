package reposit

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/storage"
)

// LogOrder is the order of a Log.
type LogOrder int

const (
	ByDate      LogOrder = iota // the latest commit first, and none before a child that leads to it, as git log does
	Topological                 // --topo-order: none before all its children, and lines of history not mixed
	Reverse                     // the commits of ByDate, the last one first
)

// LogOptions say which commits a Log has, and in which order. All of them must hold. They are those of git log.
type LogOptions struct {
	// Revision is a revision (see Read), whose commit and ancestors are listed, or a set of commits: "a..b", "a...b",
	// "rev^@", "rev^!" or "rev^-n", as gitrevisions has them; default: the default branch.
	Revision string
	Not      []string // revisions whose commits and ancestors are left out; at most 1,024

	// Paths are files and directories, as they are called in trees, without patterns; at most 1,024, of 1 MiB in all. The
	// history is simplified as git log does by default: only commits that change one of them are listed, and of a merge
	// that has them all from one parent, just that parent's history.
	Paths []string
	// Follow goes on with the file that Paths names, and that alone, under the names which it had before: a commit that
	// makes it may have taken it from another file, at least half of which is the same (git's similarity index). Of a
	// file that is new, all files of the tree before are read that are about as large. Merges are not listed, unless
	// FirstParent is set.
	Follow bool

	// Author and Committer are looked for in "name <address>", Grep in the message; in the text as Commit has it. A
	// pattern in slashes is a regular expression (RE2), which of a message must match in one line. At most 1 KiB each.
	Author, Committer, Grep string

	// Since and Until bound the commits' own times, to the second, both included. History is not followed beyond a commit
	// that is earlier than Since. Zero: no bound.
	Since, Until time.Time

	FirstParent bool     // of merges, only the first parent is followed
	NoMerges    bool     // no commits with several parents
	Limit       int      // at most so many, of which Reverse begins with the last one; 0: all
	Order       LogOrder // ByDate (default), Topological, Reverse

	// After goes on behind a commit of the same log, with the other options and the history as they were: the log is made
	// again, and listed from there. To stay on the same history when branches move, take the hash that Revision named
	// first. A commit that is not in the log is ErrNotFound, at the end. Limit counts from there, also with Reverse.
	After Hash
}

// Limits of LogOptions.
const (
	maxNot       = 1024
	maxPaths     = 1024
	maxPathBytes = 1 << 20
)

// CommitAt returns the commit that a revision names, or that is named by the tag which it names; see Read for what can
// be one. It returns ErrNotFound, also for a default branch without commits, and ErrInvalid for what is no commit.
func (r *Repo) CommitAt(ctx context.Context, rev string) (*Commit, error) {
	return call(ctx, r, "commit at", rev, func() (*Commit, error) {
		var c *Commit
		err := r.resolve(ctx, func(res *revision.Resolver) error {
			h, err := res.Commit(ctx, rev)
			if err != nil {
				return err
			}
			stored, err := res.Objects.Commit(ctx, res.Pool, h)
			if err == nil {
				c = publicCommit(h, stored)
			}
			return missingObject(err)
		})
		return c, err
	})
}

// Log yields the commits of a history, as git log lists them. opts may be nil: the whole history of the default branch,
// the latest commit first. A default branch without commits has none.
//
// Revisions are resolved when the loop begins, once. Commits are read as they are yielded, and only as many as it
// takes: with the defaults, those that were yielded and their parents. Where something is left out by Not or a range,
// what that has beyond is not read. Topological and Reverse read all of the history before the first commit. Paths
// cost a look at the trees of each commit on the way, at no more of them than lies on the paths and differs. A Log
// keeps about 60 bytes for each commit that it came by.
//
// It returns ErrNotFound for revisions that do not exist, ErrInvalid for malformed options, and ErrTooLarge for more
// than they may hold. With the actor's permission to read the repository, or with that itself, it ends: ErrNotFound.
func (r *Repo) Log(ctx context.Context, opts *LogOptions) iter.Seq2[*Commit, error] {
	if opts == nil {
		opts = &LogOptions{}
	}
	o := *opts
	o.Not, o.Paths = slices.Clone(o.Not), slices.Clone(o.Paths)
	return func(yield func(*Commit, error) bool) {
		w := logWalk{r: r, LogOptions: o}
		for {
			c, err := w.next(ctx)
			if err == nil && c == nil || err != nil && errors.Is(err, history.ErrEnd) {
				return
			}
			if !yield(c, r.fail("log", o.Revision, err)) || err != nil {
				return
			}
		}
	}
}

// A logWalk is a Log on its way.
type logWalk struct {
	LogOptions
	r      *Repo
	source history.Objects
	walk   *history.Walk // nil: not begun yet
	passed bool          // the commit After was come by
	listed int
}

// walkSteps is how many commits a walk looks at in one call: then it asks anew whether it may go on.
const walkSteps = 1024

// next returns the next commit, or nil behind the last one. It is a call of its own for each commit, since the loop
// body may close the store.
func (w *logWalk) next(ctx context.Context) (*Commit, error) {
	for {
		c, err := w.part(ctx)
		if !errors.Is(err, history.ErrPaused) {
			return c, err
		}
	}
}

// part does a part of next, and returns history.ErrPaused if there is more to do.
func (w *logWalk) part(ctx context.Context) (*Commit, error) {
	if err := w.r.s.calls.Enter(ctx); err != nil {
		return nil, err
	}
	defer w.r.s.calls.Leave()
	if w.walk == nil {
		if err := w.begin(ctx); err != nil {
			return nil, err
		}
	} else if err := w.r.mayRead(ctx); err != nil {
		return nil, err
	}
	if w.passed && w.Limit > 0 && w.listed == w.Limit {
		return nil, history.ErrEnd
	}
	h, err := w.walk.Next(ctx, walkSteps)
	switch {
	case errors.Is(err, history.ErrEnd) && !w.passed:
		return nil, fault.About(w.After.String(), &detail{ErrNotFound, "not found: it is not in the log", nil})
	case err != nil:
		return nil, missingObject(err)
	case !w.passed:
		w.passed = h == git.Hash(w.After)
		return nil, history.ErrPaused
	}
	c, err := w.source.Commit(ctx, h)
	if err != nil {
		return nil, missingObject(err)
	}
	w.listed++
	return publicCommit(h, c), nil
}

// source returns what a walk through the history of a pool reads from.
func (r *Repo) source(pool storage.ID) history.Objects {
	return history.Objects{Store: r.s.objects, Pool: pool, Graphs: r.s.backend.Graphs()}
}

// mayRead returns ErrNotFound unless the actor may read the repository now.
func (r *Repo) mayRead(ctx context.Context) error {
	return r.s.backend.View(ctx, func(v storage.View) error {
		_, err := r.s.actor.Check(v, r.id, access.Read)
		return err
	})
}

// begin checks the options, and resolves the revisions.
func (w *logWalk) begin(ctx context.Context) error {
	o, err := w.options()
	if err != nil {
		return err
	}
	var found revision.Range
	var not []git.Hash
	err = w.r.resolve(ctx, func(res *revision.Resolver) error {
		w.source = w.r.source(res.Pool)
		found, not, err = w.revisions(ctx, res)
		return err
	})
	if err != nil {
		return err
	}
	o.Tips, o.Symmetric = tips(found, not), found.Symmetric
	w.passed = w.After == Hash{}
	w.walk = history.New(&w.source, o)
	return nil
}

func (w *logWalk) options() (*history.Options, error) {
	o := &history.Options{
		Paths: w.Paths, Follow: w.Follow, FirstParent: w.FirstParent, NoMerges: w.NoMerges, Order: history.Order(w.Order),
	}
	if w.Limit < 0 {
		return nil, invalidf("limit: %d", w.Limit)
	}
	if w.After == (Hash{}) {
		o.Limit = w.Limit
	}
	if w.Order < ByDate || w.Order > Reverse {
		return nil, invalidf("order: %d", w.Order)
	}
	if !w.Since.IsZero() {
		o.Since = w.Since.Unix()
		if w.Since.Nanosecond() > 0 {
			o.Since++
		}
	}
	if !w.Until.IsZero() {
		o.Until, o.HasUntil = w.Until.Unix(), true
	}
	if err := w.checkPaths(); err != nil {
		return nil, err
	}
	var patterns history.Patterns
	for _, p := range []struct {
		text string
		to   **history.Pattern
	}{{w.Author, &patterns.Author}, {w.Committer, &patterns.Committer}, {w.Grep, &patterns.Message}} {
		var err error
		if *p.to, err = history.ParsePattern(p.text); err != nil {
			return nil, fault.About(p.text, err)
		}
	}
	o.Match = patterns.Match()
	if w.Follow {
		o.Similar = treediff.NewScorer(&w.source).Score
	}
	return o, nil
}

func (w *logWalk) checkPaths() error {
	if len(w.Not) > maxNot {
		return &detail{ErrTooLarge, "too large: more than 1,024 revisions", nil}
	}
	bytes := 0
	for _, p := range w.Paths {
		bytes += len(p)
	}
	if len(w.Paths) > maxPaths || bytes > maxPathBytes {
		return &detail{ErrTooLarge, "too large: more than 1,024 paths, or 1 MiB of them", nil}
	}
	for _, p := range w.Paths {
		err := readPath(p)
		if p == "" {
			err = invalidf("path: a component is empty")
		}
		if err == nil && strings.Count(p, "/") >= git.MaxDepth {
			err = errTooDeep
		}
		if err != nil {
			return fault.About(p, err)
		}
	}
	if w.Follow && len(w.Paths) != 1 {
		return invalidf("option Follow: there are %d paths, not one", len(w.Paths))
	}
	return nil
}

// revisions resolves the revisions.
func (w *logWalk) revisions(ctx context.Context, res *revision.Resolver) (found revision.Range, not []git.Hash,
	err error) {
	found, err = res.Range(ctx, w.Revision)
	if errors.Is(err, storage.ErrNotFound) && unborn(res, w.Revision) {
		err = nil
	}
	if err != nil {
		return found, nil, noRevision(err)
	}
	for _, rev := range w.Not {
		h, err := res.Commit(ctx, rev)
		if err != nil {
			return found, nil, fault.About(rev, noRevision(err))
		}
		not = append(not, h)
	}
	return found, not, nil
}

// tips returns where the walk begins. What a range excludes comes before what it includes, as in git: that is the order
// of commits of the same time.
func tips(found revision.Range, not []git.Hash) []history.Tip {
	var all []history.Tip
	add := func(commits []git.Hash, excluded bool) {
		for _, h := range commits {
			all = append(all, history.Tip{Commit: h, Excluded: excluded})
		}
	}
	add(found.Exclude, true)
	add(found.Include, false)
	add(not, true)
	return all
}
