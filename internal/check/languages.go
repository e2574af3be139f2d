package check

import (
	"context"
	"errors"
	"maps"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// Languages counts the languages of all repositories anew.
func Languages(ctx context.Context, b storage.Backend) (found []Finding, err error) {
	err = b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err == nil {
			err = s.languages(ctx, object.New(b, 1<<20))
		}
		found, err = s.results(err)
		return err
	})
	return found, err
}

// A languageScan counts the bytes of languages.
type languageScan struct {
	*scan
	ctx     context.Context
	objects *object.Store
	counter *language.Counter
}

func (s *scan) languages(ctx context.Context, objects *object.Store) error {
	l := &languageScan{s, ctx, objects, language.NewCounter(objects)}
	dirty, err := language.Dirty(s.v, storage.ID{}, 1<<30)
	if err != nil {
		return err
	}
	marked := map[storage.ID]bool{}
	for _, id := range dirty {
		marked[id] = true
	}
	for _, id := range s.ids() {
		r, state := s.repos[id], s.states[id]
		if is := marked[id]; is == state.LanguageIsNew() {
			s.note(Language, id, "Ld"+id.String(), "it is marked as changed: %v, after %d moves, of which %d are counted", is,
				state.RefVersion, state.LanguageVersion)
		}
		if err := errors.Join(l.told(r, state), l.kept(r)); err != nil {
			return err
		}
	}
	return nil
}

// told compares the language that lists tell.
func (l *languageScan) told(r *catalog.Repo, state *catalog.State) error {
	at := state.LanguageAt
	counts, err := l.count(r, at)
	if err != nil {
		return l.noteError(err, Language, r.ID, at.String())
	}
	if want := (language.Counts{Bytes: counts}).Top(); state.Language != want {
		l.note(Language, r.ID, at.String(), "it is said to be %q, and is %q", state.Language, want)
	}
	if !state.LanguageIsNew() {
		return nil
	}
	name, err := ref.Default(l.v, r.ID)
	if errors.Is(err, ref.ErrSymbolic) {
		return nil // it is noted where repositories are looked at
	}
	if err != nil {
		return l.noteError(err, Language, r.ID, "HEAD")
	}
	tip, err := ref.Follow(l.v, r.ID, name)
	if err != nil {
		return l.noteError(err, Language, r.ID, name)
	}
	if tip.Hash != at {
		l.note(Language, r.ID, at.String(), "it is said to be new, though the default branch is at %s", tip.Hash)
	}
	return nil
}

// kept compares the counts that are gone on with.
func (l *languageScan) kept(r *catalog.Repo) error {
	kept, err := language.Load(l.v, r.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return l.noteError(err, Language, r.ID, "Lc"+r.ID.String())
	}
	want, err := l.count(r, kept.Commit)
	if err != nil {
		return l.noteError(err, Language, r.ID, kept.Commit.String())
	}
	if !maps.Equal(want, kept.Counts.Bytes) {
		l.note(Language, r.ID, kept.Commit.String(), "its bytes are kept as %v, and are %v", kept.Counts.Bytes, want)
	}
	return nil
}

func (l *languageScan) count(r *catalog.Repo, commit git.Hash) (map[string]int64, error) {
	if commit.IsZero() {
		return nil, nil
	}
	at, err := l.objects.Commit(l.ctx, r.Pool, commit)
	if err != nil {
		return nil, err
	}
	counts, err := l.counter.Count(l.ctx, r.Pool, at.Tree)
	return counts.Bytes, err
}
