package reposit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// found returns the names of what a search finds, in order, by pages of two, by token and by number.
func found(t testing.TB, s *reposit.Store, query string, opts reposit.SearchOptions) string {
	t.Helper()
	opts.PageSize = 2
	byNumber := opts
	var names, again []string
	for {
		page, err := s.Search(t.Context(), query, &opts)
		if err != nil {
			t.Fatalf("Search(%q, %+v) = %v", query, opts, err)
		}
		for i, r := range page.Items {
			names = append(names, r.FullName())
			if i > 0 && r.Score > page.Items[i-1].Score {
				t.Errorf("Search(%q) puts %s, of score %v, behind one of score %v", query, r.FullName(), r.Score,
					page.Items[i-1].Score)
			}
		}
		if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
			if page.TotalCount != len(names) {
				t.Errorf("Search(%q, %+v) counts %d, want %d", query, opts, page.TotalCount, len(names))
			}
			break
		}
	}
	for byNumber.Page = 1; len(again) < len(names); byNumber.Page++ {
		page, err := s.Search(t.Context(), query, &byNumber)
		if err != nil || len(page.Items) == 0 {
			t.Fatalf("Search(%q, %+v) = %d repositories, %v", query, byNumber, len(page.Items), err)
		}
		for _, r := range page.Items {
			again = append(again, r.FullName())
		}
	}
	if diff := cmp.Diff(names, again); diff != "" {
		t.Errorf("Search(%q): -by token +by number:\n%s", query, diff)
	}
	return strings.Join(names, " ")
}

func TestSearch(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, clock := fixed()
		s := open(opts)
		make := func(name string, o reposit.CreateOptions) {
			clock.advance(time.Second)
			create(t, s, name, &o)
		}
		make("git", reposit.CreateOptions{Owner: "tools"})
		make("ruby-git", reposit.CreateOptions{Owner: "ann", Description: "Git from Ruby: commits, tags"})
		make("Go Git", reposit.CreateOptions{Owner: "bob", Description: "A library for testing résumés"})
		make("notes", reposit.CreateOptions{Owner: "ann", Description: "kept in git",
			Labels: map[string]string{"topic": "library"}})
		make("reposit", reposit.CreateOptions{Owner: "bob", Description: "GoGit and C++ and 数据库"})
		for _, test := range []struct {
			query, want string
			opts        reposit.SearchOptions
		}{
			{query: "git", want: "tools/git bob/go-git ann/ruby-git bob/reposit ann/notes"},
			{query: "GIT ", want: "tools/git bob/go-git ann/ruby-git bob/reposit ann/notes"},
			{query: "repos", want: "bob/reposit"},
			{query: "tests", want: "bob/go-git"},
			{query: "testi", want: "bob/go-git"},
			{query: "resume", want: "bob/go-git"},
			{query: "gogit", want: "bob/reposit"},
			{query: "GoGit", want: "bob/reposit"},
			{query: "RubyGit", want: "ann/ruby-git"},
			{query: "c++", want: "bob/reposit"},
			{query: "数据", want: "bob/reposit"},
			{query: "库", want: "bob/reposit"},
			{query: "library", want: "bob/go-git ann/notes"},
			{query: "git library", want: "bob/go-git ann/notes"},
			{query: "library git ruby", want: ""},
			{query: "ann", want: "ann/notes ann/ruby-git"},
			{query: "ann/notes", want: "ann/notes"},
			{query: "ann git", want: "ann/ruby-git ann/notes"},
			{query: "the", want: ""},
			{query: "?!", want: "bob/reposit ann/notes bob/go-git ann/ruby-git tools/git"},
			{query: "git", opts: reposit.SearchOptions{Owner: "Ann"}, want: "ann/ruby-git ann/notes"},
			{query: "", want: "bob/reposit ann/notes bob/go-git ann/ruby-git tools/git"},
			{query: " ", opts: reposit.SearchOptions{Owner: "ann"}, want: "ann/notes ann/ruby-git"},
			{query: "git", opts: reposit.SearchOptions{Language: "Ruby"}, want: ""},
			{query: "", opts: reposit.SearchOptions{Language: "Ruby"}, want: ""},
		} {
			if got := found(t, s.Store, test.query, test.opts); got != test.want {
				t.Errorf("Search(%q, %+v) = %s, want %s", test.query, test.opts, got, test.want)
			}
		}
	})
}

// TestSearchFollows holds that what changes is found as it is, at once.
func TestSearchFollows(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, clock := fixed()
		s := open(opts)
		check := func(query, want string) {
			t.Helper()
			if got := found(t, s.Store, query, reposit.SearchOptions{}); got != want {
				t.Errorf("Search(%q) = %q, want %q", query, got, want)
			}
			checkStore(t, s)
		}
		r := create(t, s, "first", &reposit.CreateOptions{Description: "a thing", Labels: map[string]string{"kind": "red"}})
		check("thing", "local/first")
		update := func(r *reposit.Repo, u reposit.RepoUpdate) {
			t.Helper()
			if _, err := r.Update(t.Context(), &u); err != nil {
				t.Fatal(err)
			}
		}
		update(r, reposit.RepoUpdate{Description: ref("another matter"), Labels: map[string]string{}})
		check("thing", "")
		check("red", "")
		check("matter", "local/first")
		update(r, reposit.RepoUpdate{Slug: ref("second"), Owner: ref("ann")})
		check("matter", "ann/second")
		check("ann/second", "ann/second")
		check("ann first", "ann/second") // its display name is still that
		update(r, reposit.RepoUpdate{Private: ref(true)})
		check("matter", "ann/second")
		fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob", ExpiresAt: clock.now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		check("bob", "bob/second")
		update(fork, reposit.RepoUpdate{Name: ref("Third")})
		check("third", "bob/second")
		clock.advance(2 * time.Hour)
		if n, err := s.DeleteExpired(t.Context()); n != 1 || err != nil {
			t.Fatalf("DeleteExpired() = %d, %v", n, err)
		}
		check("third", "")
		token, err := r.DeleteToken(t.Context())
		if err == nil {
			err = r.Delete(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
		check("matter", "")
		check("", "")
	})
}

// TestSearchHides holds that each role finds, counts and scores what it may read, and nothing else.
func TestSearchHides(t *testing.T) {
	for who, role := range roles {
		m := newMatrix(t)
		if _, err := m.r.Update(t.Context(), &reposit.RepoUpdate{Private: ref(true),
			Description: ref("secret plans")}); err != nil {
			t.Fatal(err)
		}
		create(t, m.s, "plans", &reposit.CreateOptions{Owner: "other", Description: "no secret"})
		as := role.actor(t, m)
		want := ""
		if !role.outside {
			want = "other/plans "
		}
		if role.private >= reposit.Read {
			want += "owner/x"
		}
		for _, query := range []string{"plans", "plan", "pla", "secret plans", "secret pl", ""} {
			got := strings.Fields(found(t, as, query, reposit.SearchOptions{}))
			if slices.Sort(got); !slices.Equal(got, strings.Fields(want)) {
				t.Errorf("Search(%q) as %s = %q, want %q", query, who, got, want)
			}
		}
		page, err := as.Search(t.Context(), "secret plans", nil)
		if err != nil {
			t.Fatal(err)
		}
		if role.private == reposit.None && !role.outside && page.Items[0].Score != scoreAlone(t) {
			t.Errorf("Search() as %s scores %v, want %v as if there were nothing else", who, page.Items[0].Score, scoreAlone(t))
		}
	}
}

// scoreAlone returns the score of the public repository of TestSearchHides where there is no other.
func scoreAlone(t *testing.T) float64 {
	t.Helper()
	s := openMemory(t, nil)
	create(t, s, "plans", &reposit.CreateOptions{Owner: "other", Description: "no secret"})
	page, err := s.Search(t.Context(), "secret plans", nil)
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("Search() = %+v, %v", page, err)
	}
	return page.Items[0].Score
}

// TestSearchTokens gives tokens to other queries than those that they came from.
func TestSearchTokens(t *testing.T) {
	s := openMemory(t, nil)
	for i := range 5 {
		r := create(t, s, fmt.Sprint("repo ", i),
			&reposit.CreateOptions{Owner: "ann", Description: "common words", Private: i == 0})
		if i > 0 {
			continue
		}
		err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
			if err := people.PutUser(tx, &people.User{Login: "bob"}); err != nil {
				return err
			}
			return people.AddCollaborator(tx, storageID(r), "bob", people.Read)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	type query struct {
		text  string
		owner string
		as    *reposit.Store
	}
	var queries []query
	for _, text := range []string{"common", "common words", "repo", "ann", ""} {
		for _, owner := range []string{"", "ann"} {
			for _, as := range []*reposit.Store{s.Store, s.As(reposit.User("bob")), s.As(reposit.User("ann")),
				s.As(reposit.Anonymous)} {
				queries = append(queries, query{text, owner, as})
			}
		}
	}
	search := func(q query, token string) (reposit.Page[reposit.SearchResult], error) {
		return q.as.Search(t.Context(), q.text, &reposit.SearchOptions{Owner: q.owner, PageSize: 2, PageToken: token})
	}
	for i, q := range queries {
		page, err := search(q, "")
		if err != nil || page.NextPageToken == "" {
			t.Fatalf("Search(%+v) = %+v, %v", q, page, err)
		}
		for j, other := range queries {
			if _, err := search(other, page.NextPageToken); (i == j) != (err == nil) || i != j &&
				!errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("Search(%+v) with the token of %+v = %v", other, q, err)
			}
		}
		for k := range page.NextPageToken {
			b := []byte(page.NextPageToken)
			b[k] ^= 1
			if _, err := search(q, string(b)); !errors.Is(err, reposit.ErrInvalid) {
				t.Fatalf("Search() takes token %q with byte %d changed: %v", page.NextPageToken, k, err)
			}
		}
	}
}

func TestBadSearches(t *testing.T) {
	s := openMemory(t, nil)
	for _, test := range []struct {
		query string
		opts  reposit.SearchOptions
	}{
		{query: strings.Repeat("x", 1025)},
		{query: "a\x00"},
		{query: "a\xff"},
		{query: "a", opts: reposit.SearchOptions{PageSize: -1}},
		{query: "a", opts: reposit.SearchOptions{PageSize: 101}},
		{query: "a", opts: reposit.SearchOptions{Page: -1}},
		{query: "a", opts: reposit.SearchOptions{Page: 1, PageToken: "x"}},
		{query: "a", opts: reposit.SearchOptions{PageToken: "x"}},
		{query: "", opts: reposit.SearchOptions{PageToken: "x"}},
	} {
		page, err := s.Search(t.Context(), test.query, &test.opts)
		if !errors.Is(err, reposit.ErrInvalid) || page.Items != nil {
			t.Errorf("Search(%q, %+v) = %v, %v, want %v", test.query, test.opts, page, err, reposit.ErrInvalid)
		}
	}
	page, err := s.Search(t.Context(), strings.Repeat("x ", 512), nil)
	if err != nil || page.Items == nil || page.TotalCount != 0 {
		t.Errorf("Search() of 512 words = %+v, %v", page, err)
	}
}

// TestSearchInside finds words of scripts that put no spaces between words inside of longer ones.
func TestSearchInside(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	named := map[string]string{
		"katakana": "データベース管理ツール", "hangul": "위키백과문서", "han": "数据库管理系统", "thai": "ภาษาไทย",
	}
	for slug, name := range named {
		create(t, s, name, &reposit.CreateOptions{Slug: slug})
	}
	for _, test := range []struct{ query, want string }{
		{"ベース", "katakana"}, {"データ", "katakana"}, {"ツール", "katakana"}, {"ﾃﾞｰﾀﾍﾞｰｽ", "katakana"}, {"ベース管理", "katakana"},
		{"백과", "hangul"}, {"위키백과", "hangul"}, {"문서", "hangul"}, {"백과문서", "hangul"},
		{"据库", "han"}, {"管理", "han katakana"}, {"ไทย", "thai"}, {"ベー문", ""}, {"タース", ""},
	} {
		var got []string
		for _, hit := range must(s.Search(ctx, test.query, nil))(t).Items {
			got = append(got, hit.Slug)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != test.want {
			t.Errorf("Search(%q) = %q, want %q", test.query, got, test.want)
		}
	}
	checkStore(t, s)
}
