package model_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

var rounds = flag.Int("rounds", 2, "how many pauses TestForgeHistory makes, on each backend")

// A crowd are goroutines that do at random whatever a forge is for, with the same repositories, and get in each
// other's way.
type crowd struct {
	*fixture.Store
	t *testing.T
}

const (
	crowdSize  = 8
	crowdDeeds = 40 // of each between two pauses
)

// crowdDeed is one of the things that members of a crowd do.
type crowdDeed struct {
	name   string
	weight int
	do     func(*member, context.Context) error
}

// A member of a crowd.
type member struct {
	*crowd
	rand *rand.Rand
	n    int
}

// crowdWork is all that members do. What fails because of others is no fault; see mayFail.
var crowdWork = []crowdDeed{
	{"create", 20, (*member).create},
	{"rename", 8, (*member).rename},
	{"transfer", 6, (*member).transfer},
	{"describe", 10, (*member).describe},
	{"publish", 8, (*member).publish},
	{"fork", 14, (*member).fork},
	{"delete", 12, (*member).remove},
	{"undelete", 8, (*member).undelete},
	{"commit", 14, (*member).commit},
	{"branch", 8, (*member).branch},
	{"ask", 12, (*member).ask},
	{"protect", 4, (*member).protect},
	{"propose", 14, (*member).propose},
	{"decide", 8, (*member).decide},
}

var crowdOwners = []string{"ann", "bob", "carl", "dora", "local"}

func (m *member) pick(from []string) string { return from[m.rand.IntN(len(from))] }

// any returns one of the repositories.
func (m *member) any(ctx context.Context) (*reposit.Repo, error) {
	page, err := m.List(ctx, &reposit.ListOptions{Sort: reposit.Sort(m.rand.IntN(4)), PageSize: 100})
	if err != nil {
		return nil, err
	}
	if len(page.Items) == 0 {
		return nil, reposit.ErrNotFound
	}
	return m.RepoByID(ctx, page.Items[m.rand.IntN(len(page.Items))].ID)
}

// words are what descriptions are made of.
func (m *member) words() string {
	all := []string{"fast", "small", "git", "storage", "engine", "testing", "Ruby", "go", "parser", "tests", "Café"}
	var some []string
	for range m.rand.IntN(5) {
		some = append(some, m.pick(all))
	}
	return strings.Join(some, " ")
}

func (m *member) create(ctx context.Context) error {
	_, err := m.Create(ctx, fmt.Sprintf("%s %d", cmp.Or(m.words(), "x"), m.rand.IntN(20)), &reposit.CreateOptions{
		Owner: m.pick(crowdOwners), Private: m.rand.IntN(3) == 0, Description: m.words(),
		Labels: map[string]string{"kind": fmt.Sprint(m.rand.IntN(3))},
	})
	return err
}

// update changes one of the repositories.
func (m *member) update(ctx context.Context, u *reposit.RepoUpdate) error {
	r, err := m.any(ctx)
	if err == nil {
		_, err = r.Update(ctx, u)
	}
	return err
}

func (m *member) rename(ctx context.Context) error {
	return m.update(ctx, &reposit.RepoUpdate{Slug: fixture.Ref(fmt.Sprint("renamed-", m.rand.IntN(10)))})
}

func (m *member) transfer(ctx context.Context) error {
	return m.update(ctx, &reposit.RepoUpdate{Owner: fixture.Ref(m.pick(crowdOwners))})
}

func (m *member) describe(ctx context.Context) error {
	u := &reposit.RepoUpdate{Description: fixture.Ref(m.words()), Name: fixture.Ref(cmp.Or(m.words(), "x"))}
	if m.rand.IntN(2) == 0 {
		u.Labels = map[string]string{"kind": fmt.Sprint(m.rand.IntN(3)), "more": m.words()}
	}
	return m.update(ctx, u)
}

func (m *member) publish(ctx context.Context) error {
	private := m.rand.IntN(2) == 0
	return m.update(ctx, &reposit.RepoUpdate{Private: &private})
}

func (m *member) fork(ctx context.Context) error {
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	_, err = r.Fork(ctx, &reposit.ForkOptions{
		Owner: m.pick(crowdOwners), Slug: fmt.Sprint("fork-", m.rand.IntN(30)), DefaultBranchOnly: m.rand.IntN(2) == 0,
	})
	return err
}

func (m *member) remove(ctx context.Context) error {
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	token, err := r.DeleteToken(ctx)
	if err == nil {
		err = r.Delete(ctx, token)
	}
	return err
}

// undelete brings a deleted repository back, or drops it for good.
func (m *member) undelete(ctx context.Context) error {
	found, err := m.Deleted(ctx, &reposit.ListOptions{PageSize: 10})
	if err != nil || len(found.Items) == 0 {
		return err
	}
	id := found.Items[m.rand.IntN(len(found.Items))].ID
	if m.rand.IntN(4) == 0 {
		return m.DropDeleted(ctx, id)
	}
	_, err = m.Undelete(ctx, id)
	return err
}

func (m *member) commit(ctx context.Context) error {
	r, err := m.any(ctx)
	if err == nil {
		name := fmt.Sprint("f", m.rand.IntN(5), m.pick([]string{"", ".go", ".rb", ".c", ".md"}))
		_, err = r.Write(ctx, name, fmt.Append(nil, m.rand.Int()), "m")
	}
	return err
}

func (m *member) branch(ctx context.Context) error {
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprint("b", m.rand.IntN(3))
	switch m.rand.IntN(3) {
	case 0:
		_, err = r.Branches().Create(ctx, name, "")
	case 1:
		err = r.Branches().Delete(ctx, name)
	case 2:
		_, err = r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: &name})
	}
	return err
}

// ask asks what is counted when it is asked for.
func (m *member) ask(ctx context.Context) error {
	if m.rand.IntN(4) == 0 {
		if err := m.Upkeep(ctx); err != nil {
			return err
		}
		_, err := m.Search(ctx, "", &reposit.SearchOptions{Language: "Go"})
		return err
	}
	r, err := m.any(ctx)
	if err != nil {
		return err
	}
	if m.rand.IntN(2) == 0 {
		_, err = r.Contributors(ctx, &reposit.ContributorOptions{Anonymous: true})
	} else {
		_, err = r.Languages(ctx, "")
	}
	return err
}

// act does a number of deeds.
func (m *member) act(ctx context.Context) {
	total := 0
	for _, d := range crowdWork {
		total += d.weight
	}
	for range crowdDeeds {
		n := m.rand.IntN(total)
		for _, d := range crowdWork {
			if n -= d.weight; n >= 0 {
				continue
			}
			if err := d.do(m, ctx); err != nil && !mayFail(err) {
				m.t.Errorf("%s = %v", d.name, err)
			}
			break
		}
	}
}

// mayFail reports whether an error is what comes of others being faster, or of names that are taken.
func mayFail(err error) bool {
	for _, known := range []error{
		reposit.ErrNotFound, reposit.ErrExists, reposit.ErrConflict, reposit.ErrForbidden, reposit.ErrInvalid,
		reposit.ErrNoChange, reposit.ErrProtected, reposit.ErrTooLarge, // of forks of forks
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// TestForgeHistory lets a crowd loose. At every pause all indexes and counts are what a scan finds, and each actor's
// lists are what they may read of it.
func TestForgeHistory(t *testing.T) {
	fixture.EachBackend(t, func(t *testing.T, open fixture.Opener) {
		t.Logf("-seed=%d", *fixture.Seed)
		c := &crowd{open(&reposit.Options{Now: time.Now}), t}
		members := make([]*member, crowdSize)
		for i := range members {
			members[i] = &member{crowd: c, rand: rand.New(rand.NewPCG(*fixture.Seed, uint64(i))), n: i}
		}
		pauses := *rounds
		if testing.Short() {
			pauses = 1
		}
		for range pauses {
			var group sync.WaitGroup
			for _, m := range members {
				group.Go(func() { m.act(t.Context()) })
			}
			group.Wait()
			c.Check(t)
			c.checkLists()
			c.checkPulls()
			if t.Failed() {
				return
			}
		}
		for info, err := range c.All(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.RepoByID(t.Context(), info.ID)
			if err != nil {
				t.Fatal(err)
			}
			fixture.Remove(t, r)
		}
		c.Check(t)
		for {
			deleted, err := c.Deleted(t.Context(), &reposit.ListOptions{PageSize: 100})
			if err != nil {
				t.Fatal(err)
			}
			if len(deleted.Items) == 0 {
				break
			}
			for _, d := range deleted.Items {
				if err := c.DropDeleted(t.Context(), d.ID); err != nil {
					t.Fatal(err)
				}
			}
			c.Check(t)
		}
	})
}

// checkLists compares what actors get from lists with what they may read one by one.
func (c *crowd) checkLists() {
	var all []reposit.Info
	for info, err := range c.All(c.t.Context(), &reposit.ListOptions{Sort: reposit.SortName}) {
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, info)
	}
	actors := map[string]*reposit.Store{"host": c.Store.Store, "anonymous": c.As(reposit.Anonymous)}
	for _, owner := range crowdOwners[:3] {
		actors[owner] = c.As(reposit.User(owner))
	}
	for who, as := range actors {
		var seen []reposit.Info
		for _, info := range all {
			r, err := as.RepoByID(c.t.Context(), info.ID)
			if errors.Is(err, reposit.ErrNotFound) {
				continue
			}
			if err != nil {
				c.t.Fatal(err)
			}
			if info, err = r.Info(c.t.Context()); err != nil {
				c.t.Fatal(err)
			}
			if info.Private && info.Owner != who && who != "host" {
				continue // nothing is shared: it is a fork on which they decide, which only Forks and Network list
			}
			seen = append(seen, info)
		}
		for _, o := range []reposit.ListOptions{{}, {Owner: "ann"}, {Labels: map[string]string{"kind": "1"}},
			{Owner: "bob", Labels: map[string]string{"kind": "1"}}} {
			for sort := reposit.SortCreated; sort <= reposit.SortName; sort++ {
				for direction := reposit.Ascending; direction <= reposit.Descending; direction++ {
					o.Sort, o.Direction, o.PageSize = sort, direction, 7
					checkList(c.t, who, as.List, &o, seen)
				}
			}
		}
	}
}

// checkList pages through a list and compares it with what it should be.
func checkList(t *testing.T, who string,
	list func(context.Context, *reposit.ListOptions) (reposit.Page[reposit.Info], error), o *reposit.ListOptions,
	all []reposit.Info) {
	t.Helper()
	want := wantList(o, all)
	var got []reposit.ID
	o.PageToken = ""
	for {
		page, err := list(t.Context(), o)
		if err != nil || page.TotalCount != len(want) {
			t.Fatalf("List(%+v) as %s = %d in all, %v, want %d", o, who, page.TotalCount, err, len(want))
		}
		for _, info := range page.Items {
			got = append(got, info.ID)
		}
		if o.PageToken = page.NextPageToken; o.PageToken == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("List(%+v) as %s = %v, want %v", o, who, got, want)
	}
}

// wantList does by brute force what List does.
func wantList(o *reposit.ListOptions, all []reposit.Info) []reposit.ID {
	var found []reposit.Info
	for _, info := range all {
		match := o.Owner == "" || o.Owner == info.Owner
		for k, v := range o.Labels {
			match = match && info.Labels[k] == v
		}
		if match {
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b reposit.Info) int {
		if o.Direction == reposit.Descending {
			a, b = b, a
		}
		switch o.Sort {
		case reposit.SortName:
			return strings.Compare(a.FullName(), b.FullName())
		case reposit.SortUpdated:
			return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID))
		case reposit.SortPushed:
			return cmp.Or(a.PushedAt.Compare(b.PushedAt), cmp.Compare(a.ID, b.ID))
		}
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	ids := make([]reposit.ID, len(found))
	for i, info := range found {
		ids[i] = info.ID
	}
	return ids
}
