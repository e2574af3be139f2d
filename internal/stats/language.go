package stats

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Stale is what is known of a repository's language, which may be out of date, and what its default branch names.
// Both are of one View.
type Stale struct {
	Repo, Pool storage.ID
	Tip        git.Hash // what the default branch names; zero: nothing
	RefVersion uint64   // of the repository's state
	Language   string   // the one that is stored
	Closed     bool     // it is stored as the language at Tip
}

// Look returns the Stale of a repository.
func Look(v storage.View, repo storage.ID) (Stale, error) {
	r, err := catalog.Load(v, repo)
	if err != nil {
		return Stale{}, err
	}
	s, err := catalog.LoadState(v, r)
	if err != nil {
		return Stale{}, err
	}
	tip, err := Tip(v, repo)
	return Stale{
		Repo: repo, Pool: r.Pool, Tip: tip, RefVersion: s.RefVersion, Language: s.Language,
		Closed: s.LanguageIsNew() && s.LanguageAt == tip,
	}, err
}

// keepAfter is how many files may be looked at again, should the process end, before it is worth an Update to keep
// their counts where the language is stored already.
const keepAfter = 256

// isNews reports whether it is worth an Update to keep what fills a gap.
func (c *counted) isNews(g Stale) bool {
	return !c.failed && (!g.Closed || c.language != g.Language || c.looked >= keepAfter)
}

// Counts returns the counts of the default branch, and stores the language if that is news.
func (k *Service) Counts(ctx context.Context, g Stale, tree git.Hash) (language.Counts, error) {
	c, err := k.count(ctx, g, k.languages)
	if err != nil {
		return language.Counts{}, err
	}
	if c.failed {
		return k.CountsOf(ctx, g.Repo, g.Pool, tree)
	}
	if c.isNews(g) {
		err = k.keep(ctx, []Stale{g})
	}
	return c.Counts, err
}

// CountsOf returns the counts of any tree of a repository. They are not kept.
func (k *Service) CountsOf(ctx context.Context, repo, pool storage.ID, tree git.Hash) (language.Counts, error) {
	base := k.recent.get(repo)
	if !base.known || base.failed {
		var err error
		if base, err = k.load(ctx, repo); err != nil {
			return language.Counts{}, err
		}
	}
	counts, _, err := k.languages.Advance(ctx, pool, base.Tree, tree, base.Counts)
	return counts, err
}

// keep stores what was counted of repositories. That it can't be stored is logged: an actor who only reads need not
// mind.
func (k *Service) keep(ctx context.Context, gaps []Stale) error {
	if len(gaps) == 0 {
		return nil
	}
	err := k.backend.Update(ctx, access.Host(), func(tx *txn.Tx) error {
		for _, g := range gaps {
			if c, ok := k.recent.at(g.Repo, g.Tip); ok && !c.failed {
				if err := store(tx, g, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		for _, g := range gaps {
			k.recent.kept(g.Repo, g.Tip)
		}
	} else if !stops(ctx, err) {
		k.logUnlessReadOnly("languages can't be stored", err)
		err = nil
	}
	return err
}

// store stores counts and the language, unless those of a later state are stored.
func store(tx *txn.Tx, g Stale, c counted) error {
	r, err := tx.Entry(g.Repo)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	done, err := r.PutLanguage(tx, c.language, c.Commit, g.RefVersion)
	if !done || err != nil {
		return err
	}
	if err := language.Save(tx, g.Repo, c.Kept); err != nil {
		return err
	}
	return search.SetLanguage(tx, g.Repo, c.language)
}

// FindAll finds out the languages and the contributors of all repositories that have changed since that was last done,
// several at a time, and keeps them. Where one can't be found out, since what is stored is damaged or missing, that is
// logged once, and the language stays. The errors are ctx's and storage.ErrClosed. What was kept before an error stays.
func (k *Service) FindAll(ctx context.Context) error {
	err := k.eachMarked(ctx, func(gaps []Stale) error {
		if err := k.countAll(ctx, gaps); err != nil {
			return err
		}
		return k.keep(ctx, gaps)
	})
	if err == nil {
		err = k.drawWanted(ctx, nil)
	}
	return err
}

// countAll counts what fills gaps, several at a time.
func (k *Service) countAll(ctx context.Context, gaps []Stale) error {
	errs := make([]error, len(gaps))
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(gaps)); i = next.Add(1) - 1 {
			if _, errs[i] = k.count(ctx, gaps[i], k.languages); errs[i] == nil {
				errs[i] = k.draw(ctx, gaps[i], nil)
			}
			if errs[i] == nil {
				errs[i] = k.foresee(ctx, gaps[i], k.contributors)
			}
			if errs[i] != nil {
				return // all others fail likewise
			}
		}
	}
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(gaps)) - 1 {
		workers.Go(work)
	}
	work()
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// marksAtOnce is how many repositories are looked at between two Updates.
const marksAtOnce = 64

// eachMarked calls fn with the gaps of all repositories that are marked, a few at a time.
func (k *Service) eachMarked(ctx context.Context, fn func([]Stale) error) error {
	var after storage.ID
	for {
		gaps, last, err := k.marked(ctx, after)
		if err != nil || last.IsZero() {
			return err
		}
		if err := fn(gaps); err != nil {
			return err
		}
		after = last
	}
}

// marked returns the gaps of some repositories that are marked, and the last of them, zero if there was none.
func (k *Service) marked(ctx context.Context, after storage.ID) (gaps []Stale, last storage.ID, err error) {
	err = k.backend.View(ctx, func(v storage.View) error {
		ids, err := language.Dirty(v, after, marksAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		for _, id := range ids {
			g, err := Look(v, id)
			switch {
			case isDamage(err):
				k.log.Error("languages can't be counted", "repo", id.String(), "err", err)
				continue
			case err != nil:
				return err
			}
			if c, ok := k.recent.at(id, g.Tip); !ok || !c.failed {
				gaps = append(gaps, g)
			}
		}
		return nil
	})
	return gaps, last, err
}

// count counts what fills a gap, unless that was done already. Where that is not possible it says so.
func (k *Service) count(ctx context.Context, g Stale, by *language.Counter) (counted, error) {
	giveBack, err := k.turns.take(ctx, turn{g.Repo, 'L'})
	if err != nil {
		return counted{}, err
	}
	defer giveBack()
	base := k.recent.get(g.Repo)
	if base.known && base.Commit == g.Tip {
		return base, nil
	}
	next, err := k.advance(ctx, g, base, by)
	if err != nil {
		if stops(ctx, err) {
			return counted{}, err
		}
		if !k.gone(ctx, g.Repo) {
			k.log.Error("languages can't be counted", "repo", g.Repo.String(), "commit", g.Tip.String(), "err", err)
		}
		next = counted{Kept: language.Kept{Commit: g.Tip}, language: g.Language, failed: true}
	}
	k.recent.put(g.Repo, next)
	return next, nil
}

// advance goes on from the counts at hand, or those that are kept.
func (k *Service) advance(ctx context.Context, g Stale, base counted, by *language.Counter) (counted, error) {
	if !base.known || base.failed {
		var err error
		if base, err = k.load(ctx, g.Repo); err != nil {
			return counted{}, err
		}
	}
	next := counted{Kept: language.Kept{Commit: g.Tip}}
	if !g.Tip.IsZero() {
		c, err := k.objects.Commit(ctx, g.Pool, g.Tip)
		if err != nil {
			return counted{}, err
		}
		next.Tree = c.Tree
	}
	counts, looked, err := by.Advance(ctx, g.Pool, base.Tree, next.Tree, base.Counts)
	next.Counts, next.language, next.looked = counts, counts.Top(), base.looked+looked
	return next, err
}

// gone reports whether a repository was deleted.
func (k *Service) gone(ctx context.Context, repo storage.ID) bool {
	err := k.backend.View(ctx, func(v storage.View) error {
		_, err := catalog.LoadHeader(v, repo)
		return err
	})
	return errors.Is(err, storage.ErrNotFound)
}

// load returns the counts that are kept of a repository, else of one that it was forked from, or none.
func (k *Service) load(ctx context.Context, repo storage.ID) (base counted, err error) {
	err = k.backend.View(ctx, func(v storage.View) error {
		ids, err := relatives(v, repo)
		if err != nil {
			return err
		}
		for _, id := range ids {
			kept, err := language.Load(v, id)
			if err == nil {
				base.Kept = kept
				return nil
			}
			if !isDamage(err) {
				return err
			}
		}
		return nil
	})
	return base, err
}
