package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/contributor"
	gitobject "github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/object"
	gitref "github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// An insightCheck counts anew what is kept of languages and contributors.
type insightCheck struct {
	ctx          context.Context
	v            storage.View
	objects      *object.Store
	languages    *language.Counter
	contributors *contributor.Counter
	marked       []storage.ID
}

// checkInsights compares what is kept of languages and contributors with what they are.
func checkInsights(ctx context.Context, b storage.Backend) error {
	objects := object.New(b, 1<<20)
	return b.View(ctx, func(v storage.View) error {
		c := insightCheck{
			ctx: ctx, v: v, objects: objects, languages: language.NewCounter(objects),
			contributors: contributor.NewCounter(objects),
		}
		var err error
		if c.marked, err = language.Dirty(v, storage.ID{}, 1<<30); err != nil {
			return err
		}
		known := map[storage.ID]bool{}
		for rec, err := range v.Records([]byte("i"), []byte("j"), storage.Ascending) {
			if err != nil {
				return err
			}
			id := storage.ID(rec.Key[1:])
			known[id] = true
			if err := c.check(id); err != nil {
				return fmt.Errorf("insights of %s: %w", id, err)
			}
		}
		for _, kind := range []string{"L", "C"} {
			for rec, err := range v.Records([]byte(kind), []byte{kind[0] + 1}, storage.Ascending) {
				if err != nil {
					return err
				}
				if !known[storage.ID(rec.Key[2:22])] {
					return fmt.Errorf("record %q is of no repository", rec.Key)
				}
			}
		}
		return nil
	})
}

func (c *insightCheck) check(id storage.ID) error {
	r, err := catalog.Load(c.v, id)
	if err != nil {
		return err
	}
	s, err := catalog.LoadState(c.v, r)
	if err != nil {
		return err
	}
	if marked := slices.Contains(c.marked, id); marked == s.LanguageIsNew() {
		return fmt.Errorf("marked: %v, with %d moves, %d when the language was found out", marked, s.Moves, s.LanguageMoves)
	}
	if err := c.checkLanguage(r, &s); err != nil {
		return err
	}
	kept, err := language.Load(c.v, id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err == nil {
		want, err := c.count(r, kept.Commit)
		if err != nil || !maps.Equal(want, kept.Counts.Bytes) {
			return fmt.Errorf("languages of %s are kept as %v, but are %v, %w", kept.Commit, kept.Counts.Bytes, want, err)
		}
	}
	return c.checkContributors(r)
}

func (c *insightCheck) checkLanguage(r *catalog.Repo, s *catalog.State) error {
	counts, err := c.count(r, s.LanguageAt)
	if err != nil {
		return err
	}
	if want := (language.Counts{Bytes: counts}).Top(); s.Language != want {
		return fmt.Errorf("the language at %s is %q, want %q", s.LanguageAt, s.Language, want)
	}
	if !s.LanguageIsNew() {
		return nil
	}
	name, err := gitref.Default(c.v, r.ID)
	if err != nil {
		return err
	}
	tip, err := gitref.Follow(c.v, r.ID, name)
	if err == nil && tip.Hash != s.LanguageAt {
		err = fmt.Errorf("the language is that of %s, the default branch is at %s", s.LanguageAt, tip.Hash)
	}
	return err
}

func (c *insightCheck) count(r *catalog.Repo, commit gitobject.Hash) (map[string]int64, error) {
	if commit.IsZero() {
		return nil, nil
	}
	at, err := c.objects.Commit(c.ctx, r.Pool, commit)
	if err != nil {
		return nil, err
	}
	counts, err := c.languages.Count(c.ctx, r.Pool, at.Tree)
	return counts.Bytes, err
}

func (c *insightCheck) checkContributors(r *catalog.Repo) error {
	kept, err := contributor.Load(c.v, r.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	want, err := c.contributors.Count(c.ctx, r.Pool, kept.Tip)
	if err != nil {
		return err
	}
	byAuthor := func(t *contributor.Tally) map[contributor.Author]bool {
		m := map[contributor.Author]bool{}
		for _, a := range t.Authors {
			if a.Commits > 0 {
				m[a] = true
			}
		}
		return m
	}
	if !maps.Equal(byAuthor(want), byAuthor(kept)) {
		return fmt.Errorf("contributors up to %s are kept as %v, but are %v", kept.Tip, kept.Authors, want.Authors)
	}
	return nil
}
