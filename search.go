package reposit

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/storage"
)

// SearchOptions say where is searched, and which page of what is found.
type SearchOptions struct {
	Language  string // Info.Language, as Languages names it: "Ruby", not "ruby"; "" for all
	Owner     string // "" for all
	PageSize  int    // default 30, at most 100; more is ErrInvalid
	Page      int    // 1-based; costs a step for each repository before it
	PageToken string // from the page before, instead of Page; holds while repositories come and go
}

// A SearchResult is a repository that was found.
type SearchResult struct {
	Info
	Score float64 // higher is better; results come best first
}

// Search returns a page of the repositories that the actor may read and that have all words of the query: the best
// first, of equal ones the latest. Words are looked for in names, which count most, in owners, descriptions and labels;
// of long texts in the first 64 different words. Case and accents do not matter, nor which form of an English word it
// is, but the same form is better. Of the last word the beginning is enough: the first 64 words that begin with it, in
// the order of the alphabet. Of several words the rare ones count more. Chinese, Japanese, Korean and other words that
// stand without spaces are found inside of longer ones, from two characters on. "go-git" and "go_git" are two words;
// "GoGit" is one, and its parts are looked for if nothing has it. "owner/slug" finds what is called so first. Without a
// word, all are found, the latest first.
//
// A page of a query of one word, of a language or of an owner costs what it returns, however many are found. Several
// words, or a word with a language or an owner, cost a look at each repository that has the rarest of them. A user's
// search also costs a look at each private repository of others that is shared with them.
//
// A damaged repository does not keep others from being found, see Info.Damaged.
//
// It returns ErrInvalid for a query of more than 1 KiB, one that is not UTF-8 or holds a zero byte, and for a token
// that another query, or the same of another actor, gave out.
func (s *Store) Search(ctx context.Context, query string, opts *SearchOptions) (Page[SearchResult], error) {
	return call(ctx, s, "search", query, func() (Page[SearchResult], error) {
		if opts == nil {
			opts = &SearchOptions{}
		}
		q := &search.Query{Text: query, Owner: names.Key(opts.Owner), Language: opts.Language}
		if q.IsList() {
			return s.searchAll(ctx, q, opts)
		}
		asked, err := s.page(opts.PageSize, opts.Page, opts.PageToken,
			"search %q %q %q %s", q.Text, q.Owner, q.Language, s.actor)
		if err != nil {
			return Page[SearchResult]{}, err
		}
		q.Size, q.Skip, q.From = asked.Size, asked.Skip, asked.after
		var found Page[SearchResult]
		err = s.backend.View(ctx, func(v storage.View) error {
			found, err = s.search(ctx, v, q, &asked)
			return err
		})
		for _, of := range found.Items {
			s.tellDamage(of.ID, "", of.Damaged)
		}
		return found, err
	})
}

// search returns a page of what matches.
func (s *Store) search(ctx context.Context, v storage.View, q *search.Query,
	asked *pageQuery) (results Page[SearchResult], err error) {
	viewer, err := s.actor.Viewer(v)
	if err != nil {
		return results, err
	}
	if viewer != nil {
		q.Viewer = &search.Viewer{Login: viewer.Owner, Granted: viewer.Granted, Only: viewer.Only}
	}
	found, err := search.Search(ctx, v, q)
	if errors.Is(err, search.ErrPosition) {
		err = page.ErrToken
	}
	if err != nil {
		return results, err
	}
	results.TotalCount, results.NextPageToken = found.Total, asked.token(found.Next, found.Next != nil)
	results.Items = make([]SearchResult, len(found.Hits))
	for i, hit := range found.Hits {
		results.Items[i].Score = hit.Score
		if err := (&Repo{s: s, id: hit.ID}).info(v, &results.Items[i].Info); err != nil {
			if !catalog.IsDamage(err) {
				return Page[SearchResult]{}, err
			}
			results.Items[i].Info = Info{ID: publicID(hit.ID), Damaged: classify(err)}
		}
	}
	return results, nil
}

// searchAll returns a page of a query that has no word: a list.
func (s *Store) searchAll(ctx context.Context, q *search.Query, o *SearchOptions) (Page[SearchResult], error) {
	lq := &catalog.Query{Owner: q.Owner, Sort: catalog.ByCreated, Descending: true, Token: o.PageToken}
	var err error
	if lq.Bounds, err = pageBounds(o.PageSize, o.Page, o.PageToken); err != nil {
		return Page[SearchResult]{}, err
	}
	list, err := s.list(ctx, lq)
	results := make([]SearchResult, len(list.Items))
	for i, info := range list.Items {
		results[i].Info = info
	}
	return Page[SearchResult]{results, list.NextPageToken, list.TotalCount}, err
}

// searched returns what a repository is found by.
func searched(r *catalog.Repo, language string) *search.Entry {
	d := search.Doc{
		ID: r.ID, Owner: r.Owner, Slug: r.Slug, Name: r.Name, Description: r.Description, Labels: r.Labels,
		Language: language, Private: r.Private, Created: r.Created,
	}
	return d.Entry()
}
