package bench

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

var searched = flag.Int("searched", 100_000, "how many repositories BenchmarkSearch searches, besides 1,000")

// BenchmarkSearch searches a few and many repositories of 1,000 owners, on Badger. Every tenth is private.
func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{1000, many(*searched)} {
		dir := b.TempDir()
		b.Run(fmt.Sprintf("repos=%d/op=fill", n), func(b *testing.B) {
			filled := false
			for b.Loop() {
				if !filled {
					fillSearch(b, dir, n)
				}
				filled = true
			}
			b.ReportMetric(float64(diskUse(b, dir))/float64(n), "disk-B/repo")
		})
		s := openList(b, dir)
		benchmarkSearches(b, s, n)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// fillSearch makes n repositories, many in each Update, which is quicker than one by one and leaves the same.
func fillSearch(b *testing.B, dir string, n int) {
	if err := openList(b, dir).Close(); err != nil {
		b.Fatal(err)
	}
	backend, err := badger.Open(dir, &badger.Options{Durability: storage.NoSync})
	if err != nil {
		b.Fatal(err)
	}
	words := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 20, 20_000)
	const batch = 200
	for i := 0; i < n; i += batch {
		repos := make([]*catalog.Repo, 0, batch)
		for j := i; j < min(i+batch, n); j++ {
			repos = append(repos, searchRepo(words, j))
		}
		if err := backend.Update(b.Context(), func(tx storage.Tx) error { return createAll(tx, repos) }); err != nil {
			b.Fatal(err)
		}
	}
	if err := backend.Close(); err != nil {
		b.Fatal(err)
	}
}

// searchRepo returns repository number i: a name, eight words of a language as people use them, and two that one in
// 1,000 and one in ten has.
func searchRepo(words *rand.Zipf, i int) *catalog.Repo {
	text := make([]string, 8, 10)
	for j := range text {
		text[j] = fmt.Sprintf("word%d", words.Uint64())
	}
	text = append(text, fmt.Sprintf("thousandth%d", i%1000), fmt.Sprintf("tenth%d", i%10))
	id := storage.ID([]byte(fmt.Sprintf("%020d", i)))
	name := fmt.Sprintf("project-%d", i)
	return &catalog.Repo{
		ID: id, Pool: id, Owner: fmt.Sprintf("owner-%d", i%1000), Slug: name, Name: name,
		Description: strings.Join(text, " "), Private: i%10 == 9, Created: time.Unix(1e9+int64(i), 0),
	}
}

func createAll(tx storage.Tx, repos []*catalog.Repo) error {
	for _, r := range repos {
		d := search.Doc{
			ID: r.ID, Owner: r.Owner, Slug: r.Slug, Name: r.Name, Description: r.Description, Private: r.Private,
			Created: r.Created,
		}
		err := errors.Join(catalog.Create(tx, r), search.Add(tx, d.Entry()), tx.CreateRepo(r.ID, r.Pool),
			tx.PutRef(r.ID, storage.Ref{Name: "HEAD", Target: "refs/heads/main"}, nil))
		if err != nil {
			return err
		}
	}
	return nil
}

func benchmarkSearches(b *testing.B, s *reposit.Store, n int) {
	ctx := b.Context()
	user := s.As(reposit.User("owner-9"))
	for _, q := range []struct {
		name, query string
		as          *reposit.Store
		opts        reposit.SearchOptions
	}{
		{"one-in-1000", "thousandth77", s, reposit.SearchOptions{}},
		{"one-in-1000/as=user", "thousandth77", user, reposit.SearchOptions{}},
		{"one-in-10", "tenth7", s, reposit.SearchOptions{}},
		{"prefix", "thousandth7", s, reposit.SearchOptions{}},
		{"all-by-prefix", "proj", user, reposit.SearchOptions{}},
		{"name", "project-77", s, reposit.SearchOptions{}},
		{"two-words", "tenth7 thousandth77", s, reposit.SearchOptions{}},
		{"owner", "tenth9", s, reposit.SearchOptions{Owner: "owner-9"}},
	} {
		b.Run(fmt.Sprintf("repos=%d/op=%s", n, q.name), func(b *testing.B) {
			b.ReportAllocs()
			shown, total := 0, 0
			for b.Loop() {
				page, err := q.as.Search(ctx, q.query, &q.opts)
				if err != nil {
					b.Fatal(err)
				}
				shown, total = len(page.Items), page.TotalCount
			}
			b.ReportMetric(float64(shown), "shown")
			b.ReportMetric(float64(total), "found")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(shown, 1)), "ns/shown")
		})
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("%d repositories: %d MiB of heap in use", n, m.HeapInuse>>20)
}
