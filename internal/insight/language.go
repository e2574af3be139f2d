package insight

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

// A Gap is a repository whose language is not known for what its default branch is now.
type Gap struct {
	Repo, Pool storage.ID
	Tip        git.Hash // what the default branch names; zero: nothing
	Language   string   // the language at another tip
}

// Language returns the language of a repository with that default branch, or a Gap if it must be counted, which can't be
// done in a View.
func (k *Keeper) Language(v storage.View, r *catalog.Repo, s *catalog.State, branch string) (string, *Gap, error) {
	if k.exclusive && s.LanguageIsNew() {
		return s.Language, nil, nil
	}
	at, err := tipOf(v, r.ID, branch)
	if err != nil || at == s.LanguageAt {
		return s.Language, nil, err
	}
	if c, ok := k.recent.at(r.ID, at); ok {
		return c.language, nil, nil
	}
	return s.Language, &Gap{Repo: r.ID, Pool: r.Pool, Tip: at, Language: s.Language}, nil
}

// keepAfter is how many files may be looked at again, should the process end, before it is worth an Update to keep what
// was counted. A reader would have to wait for that.
const keepAfter = 256

// Find returns the languages of repositories that have gaps. Where one can't be found out, since what is stored is damaged
// or missing, that is logged once, and the language is what it was. The errors are ctx's and storage.ErrClosed. If a
// language is another one than before, it is stored by the time Find returns.
func (k *Keeper) Find(ctx context.Context, gaps []Gap) ([]string, error) {
	all, err := k.countAll(ctx, gaps)
	if err != nil {
		return nil, err
	}
	languages := make([]string, len(gaps))
	var news []Gap
	for i, g := range gaps {
		languages[i] = all[i].language
		if all[i].isNews(g) {
			news = append(news, g)
		}
	}
	return languages, k.keep(ctx, news)
}

// countAll counts what fills gaps, several at a time.
func (k *Keeper) countAll(ctx context.Context, gaps []Gap) ([]counted, error) {
	all, errs := make([]counted, len(gaps)), make([]error, len(gaps))
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(gaps)); i = next.Add(1) - 1 {
			if all[i], errs[i] = k.count(ctx, gaps[i]); errs[i] != nil {
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
			return nil, err
		}
	}
	return all, nil
}

// isNews reports whether it is worth an Update to keep what fills a gap.
func (c *counted) isNews(g Gap) bool {
	return !c.failed && !c.kept && (c.language != g.Language || c.looked >= keepAfter)
}

// Counts returns the counts of the default branch, given as a gap whether or not its language is known.
func (k *Keeper) Counts(ctx context.Context, g Gap, tree git.Hash) (language.Counts, error) {
	c, err := k.count(ctx, g)
	if err != nil {
		return language.Counts{}, err
	}
	if c.failed {
		return k.CountsOf(ctx, g.Repo, g.Pool, tree)
	}
	if c.isNews(g) {
		err = k.keep(ctx, []Gap{g})
	}
	return c.Counts, err
}

// CountsOf returns the counts of any tree of a repository. They are not kept.
func (k *Keeper) CountsOf(ctx context.Context, repo, pool storage.ID, tree git.Hash) (language.Counts, error) {
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

// keep stores what was counted of repositories. That it can't be stored is logged: who only reads need not mind.
func (k *Keeper) keep(ctx context.Context, gaps []Gap) error {
	if len(gaps) == 0 {
		return nil
	}
	err := k.backend.Update(ctx, access.Host(), func(tx *txn.Tx) error {
		for _, g := range gaps {
			if c, ok := k.recent.at(g.Repo, g.Tip); ok && !c.failed {
				if err := store(tx, g.Repo, c); err != nil {
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
		k.log.Error("languages can't be stored", "err", err)
		err = nil
	}
	return err
}

// store stores counts, and the language if they are those of the default branch.
func store(tx *txn.Tx, repo storage.ID, c counted) error {
	r, err := tx.Entry(repo)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	if err := language.Save(tx, repo, c.Kept); err != nil {
		return err
	}
	if at, err := Tip(tx, repo); err != nil || at != c.Commit {
		return err
	}
	if err := r.PutLanguage(tx, c.language, c.Commit); err != nil {
		return err
	}
	return search.SetLanguage(tx, repo, c.language)
}

// FindMarked finds out the languages of all repositories that have changed since that was last done, and keeps them, a few
// at a time. Its errors are those of Find.
func (k *Keeper) FindMarked(ctx context.Context) error {
	var after storage.ID
	for {
		gaps, last, err := k.marked(ctx, after)
		if err != nil || last.IsZero() {
			return err
		}
		if _, err := k.countAll(ctx, gaps); err != nil {
			return err
		}
		if err := k.keep(ctx, gaps); err != nil {
			return err
		}
		after = last
	}
}

// marksAtOnce is how many repositories are looked at between two Updates.
const marksAtOnce = 64

// marked returns the gaps of some repositories that are marked, and the last of them, zero if there was none.
func (k *Keeper) marked(ctx context.Context, after storage.ID) (gaps []Gap, last storage.ID, err error) {
	err = k.backend.View(ctx, func(v storage.View) error {
		ids, err := language.Dirty(v, after, marksAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		for _, id := range ids {
			r, err := catalog.Load(v, id)
			if errors.Is(err, storage.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			s, err := catalog.LoadState(v, r)
			if err != nil {
				return err
			}
			at, err := Tip(v, id)
			if err != nil {
				return err
			}
			if c, ok := k.recent.at(id, at); !ok || !c.failed {
				gaps = append(gaps, Gap{Repo: id, Pool: r.Pool, Tip: at, Language: s.Language})
			}
		}
		return nil
	})
	return gaps, last, err
}

// count counts what fills a gap, unless that was done already. Where that is not possible it says so.
func (k *Keeper) count(ctx context.Context, g Gap) (counted, error) {
	giveBack, err := k.turns.take(ctx, turn{g.Repo, 'L'})
	if err != nil {
		return counted{}, err
	}
	defer giveBack()
	base := k.recent.get(g.Repo)
	if base.known && base.Commit == g.Tip {
		return base, nil
	}
	next, err := k.advance(ctx, g, base)
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
func (k *Keeper) advance(ctx context.Context, g Gap, base counted) (counted, error) {
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
	counts, looked, err := k.languages.Advance(ctx, g.Pool, base.Tree, next.Tree, base.Counts)
	next.Counts, next.language, next.looked = counts, counts.Top(), base.looked+looked
	return next, err
}

// gone reports whether a repository was deleted.
func (k *Keeper) gone(ctx context.Context, repo storage.ID) bool {
	err := k.backend.View(ctx, func(v storage.View) error {
		_, err := catalog.LoadHeader(v, repo)
		return err
	})
	return errors.Is(err, storage.ErrNotFound)
}

// load returns the counts that are kept of a repository, else of one that it was forked from, or none.
func (k *Keeper) load(ctx context.Context, repo storage.ID) (base counted, err error) {
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
