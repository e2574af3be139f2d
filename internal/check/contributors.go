package check

import (
	"context"
	"errors"
	"maps"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/contributor"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// Contributors counts the commits of each contributor of all repositories that keep such counts anew.
func Contributors(ctx context.Context, b storage.Backend) (found []Finding, err error) {
	err = b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err == nil {
			err = s.contributors(ctx, object.New(b, 1<<20))
		}
		found, err = s.results(err)
		return err
	})
	return found, err
}

func (s *scan) contributors(ctx context.Context, objects *object.Store) error {
	counter := contributor.NewCounter(objects)
	for _, id := range s.ids() {
		if err := s.tally(ctx, counter, s.repos[id]); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) tally(ctx context.Context, counter *contributor.Counter, r *catalog.Repo) error {
	kept, err := contributor.Load(s.v, r.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return s.noteError(err, Contributor, r.ID, "Ch"+r.ID.String())
	}
	want, err := counter.Count(ctx, r.Pool, kept.Tip)
	if err != nil {
		return s.noteError(err, Contributor, r.ID, kept.Tip.String())
	}
	if !maps.Equal(byAuthor(want), byAuthor(kept)) {
		s.note(Contributor, r.ID, kept.Tip.String(), "they are kept as %v, and are %v", kept.Authors, want.Authors)
	}
	return nil
}

// byAuthor returns the authors of a tally who have commits.
func byAuthor(t *contributor.Tally) map[contributor.Author]bool {
	m := map[contributor.Author]bool{}
	for _, a := range t.Authors {
		if a.Commits > 0 {
			m[a] = true
		}
	}
	return m
}
