package scale_test

import (
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

var scale = flag.Bool("scale", false,
	"make TestScale create 100,000 repositories rather than 2,000, and say how long it takes")

// TestScale has eight callers create many repositories, and reads all lists of them.
func TestScale(t *testing.T) {
	n := 2000
	switch {
	case *scale:
		n = 100_000
	case testing.Short():
		n = 500
	}
	const callers, owners = 8, 10
	dir := t.TempDir()
	open := func() *fixture.Store {
		start := time.Now()
		b, err := badger.Open(dir, &badger.Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		s := fixture.Open(t, b, dir, nil)
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
	s.MustClose(t)
	t.Logf("on disk: %s", diskUse(dir))
	s = open()
	fixture.CheckLists(t, s.Store, n, func(what string, opts *reposit.ListOptions, tokens []string) {
		if *scale {
			logPages(t, s.Store, what, opts, tokens)
		}
	})
	for owner := range owners {
		checkCount(t, s.Store, &reposit.ListOptions{Owner: fmt.Sprintf("owner-%d", owner)}, n/owners)
	}
	for third := range 3 {
		checkCount(t, s.Store, &reposit.ListOptions{Labels: map[string]string{"third": fmt.Sprint(third)}}, (n+2-third)/3)
	}
	s.MustClose(t)
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
