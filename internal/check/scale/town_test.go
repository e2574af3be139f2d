package scale_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

// A town is a store with many repositories of many owners.
type town struct {
	*fixture.Store
	t      *testing.T
	repos  int
	owners int
	known  reposit.ID // one that all owners watch
}

// rare is a word that one repository in a thousand has.
const rare = "quetzal"

// TestForgeScale asks the same of stores with 1,000 and with 1,000,000 repositories (2,000 without -scale), and says
// how long each takes.
func TestForgeScale(t *testing.T) {
	few, large := 1000, 2000
	switch {
	case *scale:
		large = 1_000_000
	case testing.Short():
		few, large = 100, 300
	}
	small := newTown(t, few)
	before := small.measure()
	small.Store.MustClose(t)
	big := newTown(t, large)
	after := big.measure()
	for _, name := range questionNames() {
		t.Logf("%-28s %8v with %d repositories, %8v with %d: %.2f x", name, before[name], few, after[name], large,
			float64(after[name])/float64(before[name]))
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("heap in use: %d MiB", m.HeapInuse>>20)
	big.Store.MustClose(t)
}

func newTown(t *testing.T, n int) *town {
	t.Helper()
	dir := t.TempDir()
	b, err := badger.Open(dir, &badger.Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	w := &town{Store: fixture.Open(t, b, dir, nil), t: t, repos: n, owners: min(1000, n/2)}
	for i := range w.owners {
		if err := w.Users().Put(t.Context(), reposit.Profile{Login: fmt.Sprint("owner-", i)}); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !t.Failed(); i = int(next.Add(1)) - 1 {
				if err := w.build(t.Context(), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
	w.share()
	t.Logf("%d repositories of %d owners: %.0f/s, on disk %s", n, w.owners, float64(n)/time.Since(start).Seconds(),
		diskUse(dir))
	return w
}

// build makes the i-th repository. One in ten is private.
func (w *town) build(ctx context.Context, i int) error {
	opts := &reposit.CreateOptions{Owner: fmt.Sprint("owner-", i%w.owners), Private: i%10 == 9}
	if i%1000 == 0 {
		opts.Description = "all about the " + rare
	}
	_, err := w.Create(ctx, fmt.Sprintf("house %d", i), opts)
	return err
}

// share has all owners watch one repository, and one of them be a collaborator and a member of a team elsewhere.
func (w *town) share() {
	ctx := w.t.Context()
	r, err := w.Repo(ctx, "owner-0/house-0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.known = r.ID()
	for i := range w.owners {
		if err := r.Watchers().Add(ctx, fmt.Sprint("owner-", i)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := r.Collaborators().Add(ctx, "owner-1", reposit.Write); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Teams().Put(ctx, reposit.Team{Owner: "owner-0", Name: "all", Permission: reposit.Admin,
		Members: []string{"owner-2"}, Repos: []reposit.ID{w.known}}); err != nil {
		w.t.Fatal(err)
	}
}

// questions are what a town is asked.
var questions = map[string]func(*town) error{
	"list by created":              listQuestion(reposit.SortCreated, nil),
	"list by updated":              listQuestion(reposit.SortUpdated, nil),
	"list by pushed":               listQuestion(reposit.SortPushed, nil),
	"list by name":                 listQuestion(reposit.SortName, nil),
	"list by created, a user":      listQuestion(reposit.SortCreated, fixture.Ref(reposit.User("owner-1"))),
	"list by name, anonymous":      listQuestion(reposit.SortName, fixture.Ref(reposit.Anonymous)),
	"search a rare word":           searchQuestion(nil),
	"search a rare word, a user":   searchQuestion(fixture.Ref(reposit.User("owner-1"))),
	"repository by slug":           func(w *town) error { _, err := w.Repo(w.t.Context(), "owner-1/house-1"); return err },
	"permission of a collaborator": permissionQuestion("owner-1"),
	"permission of a member":       permissionQuestion("owner-2"),
	"watchers":                     watchersQuestion,
}

func questionNames() []string {
	var names []string
	for name := range questions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *town) as(actor *reposit.Actor) *reposit.Store {
	if actor == nil {
		return w.Store.Store
	}
	return w.As(*actor)
}

func listQuestion(sort reposit.Sort, actor *reposit.Actor) func(*town) error {
	return func(w *town) error {
		page, err := w.as(actor).List(w.t.Context(), &reposit.ListOptions{Sort: sort})
		if err == nil && (len(page.Items) != 30 || actor == nil && page.TotalCount != w.repos) {
			err = fmt.Errorf("%d of %d repositories", len(page.Items), page.TotalCount)
		}
		return err
	}
}

// searchQuestion asks for one result: with 1,000 repositories there are no more.
func searchQuestion(actor *reposit.Actor) func(*town) error {
	return func(w *town) error {
		page, err := w.as(actor).Search(w.t.Context(), rare, &reposit.SearchOptions{PageSize: 1})
		if err == nil && (len(page.Items) != 1 || page.TotalCount != (w.repos+999)/1000) {
			err = fmt.Errorf("%d of %d repositories", len(page.Items), page.TotalCount)
		}
		return err
	}
}

func permissionQuestion(login string) func(*town) error {
	return func(w *town) error {
		r, err := w.RepoByID(w.t.Context(), w.known)
		if err != nil {
			return err
		}
		p, err := r.Permission(w.t.Context(), login)
		if err == nil && p < reposit.Write {
			err = fmt.Errorf("permission of %s: %v", login, p)
		}
		return err
	}
}

func watchersQuestion(w *town) error {
	r, err := w.RepoByID(w.t.Context(), w.known)
	if err != nil {
		return err
	}
	page, err := r.Watchers().List(w.t.Context(), nil)
	if err == nil && (len(page.Items) != 30 || page.TotalCount != w.owners) {
		err = fmt.Errorf("%d of %d watchers", len(page.Items), page.TotalCount)
	}
	return err
}

// measure returns the median time of each question.
func (w *town) measure() map[string]time.Duration {
	took := map[string]time.Duration{}
	for name, ask := range questions {
		var times []time.Duration
		for range 101 {
			start := time.Now()
			if err := ask(w); err != nil {
				w.t.Fatalf("%s: %v", name, err)
			}
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		took[name] = times[len(times)/2]
	}
	return took
}
