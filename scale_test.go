package reposit_test

import (
	"cmp"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

var scale = flag.Bool("scale", false,
	"make TestScale create 100,000 repositories rather than 2,000, and say how long it takes")

// TestScale has eight callers create many repositories, and reads all lists of them.
func TestScale(t *testing.T) {
	n := 2000
	if *scale {
		n = 100_000
	}
	const callers, owners = 8, 10
	dir := t.TempDir()
	open := func() *store {
		start := time.Now()
		b, err := badger.Open(dir, &badger.Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t, b, dir, nil)
		t.Logf("open: %v", time.Since(start))
		return s
	}
	s := open()
	start := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				// Names come in another order than times.
				opts := &reposit.CreateOptions{Owner: fmt.Sprintf("owner-%d", i%owners),
					Labels: map[string]string{"third": fmt.Sprint(i % 3)}}
				r, err := s.Create(t.Context(), fmt.Sprintf("repository %d", i*7919%n), opts)
				if err == nil && i%200 == 0 {
					_, err = r.Write(t.Context(), "README", nil, "pushed")
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(start)
	t.Logf("%d callers: %d repositories, %.0f/s", callers, n, float64(n)/took.Seconds())
	closeStore(t, s)
	t.Logf("on disk: %s", diskUse(dir))
	s = open()
	checkLists(t, s.Store, n)
	for owner := range owners {
		checkCount(t, s.Store, &reposit.ListOptions{Owner: fmt.Sprintf("owner-%d", owner)}, n/owners)
	}
	for third := range 3 {
		checkCount(t, s.Store, &reposit.ListOptions{Labels: map[string]string{"third": fmt.Sprint(third)}}, (n+2-third)/3)
	}
	closeStore(t, s)
}

func closeStore(t testing.TB, s *store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// diskUse returns the bytes in the blocks that a directory takes, as far as du can tell.
func diskUse(dir string) string {
	out, err := exec.Command("du", "-sk", dir).Output()
	if err != nil {
		return "unknown"
	}
	kib, _, _ := strings.Cut(string(out), "\t")
	return kib + " KiB"
}

func checkCount(t testing.TB, s *reposit.Store, opts *reposit.ListOptions, want int) {
	t.Helper()
	page, err := s.List(t.Context(), opts)
	if err != nil || page.TotalCount != want {
		t.Errorf("List(%v) counts %d, %v, want %d", *opts, page.TotalCount, err, want)
	}
	n := 0
	for info, err := range s.All(t.Context(), opts) {
		if err != nil {
			t.Fatal(err)
		}
		if opts.Owner != "" && info.Owner != opts.Owner {
			t.Errorf("All(%v) yields %s", *opts, info.FullName())
		}
		n++
	}
	if n != want {
		t.Errorf("All(%v) yields %d repositories, want %d", *opts, n, want)
	}
}

// sorts are the orders of lists, with the comparison that each is to keep.
var sorts = []struct {
	name    string
	sort    reposit.Sort
	compare func(a, b *reposit.Info) int
}{
	{"created", reposit.SortCreated, func(a, b *reposit.Info) int { return a.CreatedAt.Compare(b.CreatedAt) }},
	{"updated", reposit.SortUpdated, func(a, b *reposit.Info) int { return a.UpdatedAt.Compare(b.UpdatedAt) }},
	{"pushed", reposit.SortPushed, func(a, b *reposit.Info) int { return a.PushedAt.Compare(b.PushedAt) }},
	{"name", reposit.SortName, func(a, b *reposit.Info) int { return cmp.Compare(a.FullName(), b.FullName()) }},
}

// checkLists reads the list of all repositories in every order, by token, and says what pages cost.
func checkLists(t testing.TB, s *reposit.Store, want int) {
	t.Helper()
	for _, by := range sorts {
		for _, direction := range []reposit.Direction{reposit.Ascending, reposit.Descending} {
			opts := &reposit.ListOptions{Sort: by.sort, Direction: direction, PageSize: 100}
			seen := map[reposit.ID]bool{}
			var last *reposit.Info
			var tokens []string
			for {
				tokens = append(tokens, opts.PageToken)
				page, err := s.List(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				if page.TotalCount != want {
					t.Fatalf("List(%v) counts %d, want %d", *opts, page.TotalCount, want)
				}
				for i := range page.Items {
					info := &page.Items[i]
					if seen[info.ID] {
						t.Fatalf("by %s: %s comes twice", by.name, info.FullName())
					}
					seen[info.ID] = true
					if last != nil && !inOrder(by.compare(last, info), cmp.Compare(last.ID, info.ID), direction) {
						t.Fatalf("by %s, direction %d: %v comes before %v", by.name, direction, *last, *info)
					}
					last = info
				}
				if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("by %s: %d repositories, want %d", by.name, len(seen), want)
			}
			if *scale {
				logPages(t, s, fmt.Sprintf("by %s, direction %d", by.name, direction), opts, tokens)
			}
		}
	}
}

// inOrder reports whether two rows may follow each other. Equal ones are in the order of their IDs, in either direction
// of the list.
func inOrder(order, ids int, direction reposit.Direction) bool {
	if order == 0 {
		order = ids
	}
	if direction == reposit.Descending {
		order = -order
	}
	return order < 0
}

// logPages says how long the first, middle and last page take.
func logPages(t testing.TB, s *reposit.Store, what string, opts *reposit.ListOptions, tokens []string) {
	t.Helper()
	const rounds = 20
	var took []string
	for _, i := range []int{0, len(tokens) / 2, len(tokens) - 1} {
		opts.PageToken = tokens[i]
		start := time.Now()
		for range rounds {
			if _, err := s.List(t.Context(), opts); err != nil {
				t.Fatal(err)
			}
		}
		took = append(took, (time.Since(start) / rounds).String())
	}
	t.Logf("%s: a page of 100 at the beginning, in the middle, at the end: %s", what, strings.Join(took, ", "))
}
