package reposit_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// A listModel holds what each repository's Info should be, by ID.
type listModel map[reposit.ID]reposit.Info

// list returns the IDs that a list should yield, by looking at each repository.
func (m listModel) list(o *reposit.ListOptions) []reposit.ID {
	var found []reposit.Info
	for _, info := range m {
		if m.matches(info, o) {
			found = append(found, info)
		}
	}
	key := func(i reposit.Info) time.Time {
		switch o.Sort {
		case reposit.SortUpdated:
			return i.UpdatedAt
		case reposit.SortPushed:
			return i.PushedAt
		}
		return i.CreatedAt
	}
	slices.SortFunc(found, func(a, b reposit.Info) int {
		if o.Sort == reposit.SortName {
			return strings.Compare(a.FullName(), b.FullName())
		}
		return cmp.Or(key(a).Compare(key(b)), cmp.Compare(a.ID, b.ID))
	})
	if o.Direction == reposit.Descending || o.Direction == reposit.DefaultDirection && o.Sort != reposit.SortName {
		slices.Reverse(found)
	}
	ids := make([]reposit.ID, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	return ids
}

func (m listModel) matches(i reposit.Info, o *reposit.ListOptions) bool {
	for k, v := range o.Labels {
		if have, ok := i.Labels[k]; !ok || have != v {
			return false
		}
	}
	return o.Owner == "" || strings.EqualFold(i.Owner, o.Owner)
}

// allListOptions returns every combination of order, owner and labels.
func allListOptions() []reposit.ListOptions {
	var all []reposit.ListOptions
	for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortPushed, reposit.SortName} {
		for _, direction := range []reposit.Direction{reposit.DefaultDirection, reposit.Ascending, reposit.Descending} {
			for _, owner := range []string{"", "ann", "Bob", "nobody"} {
				for _, labels := range []map[string]string{nil, {"team": "red"}, {"team": "red", "tier": "1"}, {"team": "none"},
					{"a": "", "tier": "2"}} {
					all = append(all, reposit.ListOptions{Sort: sort, Direction: direction, Owner: owner, Labels: labels})
				}
			}
		}
	}
	return all
}

// TestListAgainstScan changes repositories at random, and compares every list with a look at all of them.
func TestListAgainstScan(t *testing.T) {
	t.Parallel()
	rounds := 40
	if testing.Short() {
		rounds = 4
	}
	eachKind(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		s := open(opts)
		random := rand.New(rand.NewPCG(*seed, 1))
		m := listModel{}
		for round := range rounds {
			for range 5 {
				m.change(t, s, random)
				if random.IntN(3) > 0 {
					c.advance(time.Duration(random.IntN(1000)) * time.Millisecond)
				}
			}
			all := allListOptions()
			for range 12 {
				o := all[random.IntN(len(all))]
				m.check(t, s, &o, 1+random.IntN(7))
			}
			if round == rounds-1 {
				for _, o := range all {
					m.check(t, s, &o, 3)
				}
			}
		}
	})
}

// change does something to a repository.
func (m listModel) change(t *testing.T, s *store, random *rand.Rand) {
	t.Helper()
	labels := func() map[string]string {
		l := map[string]string{}
		for _, kv := range [][2]string{{"team", "red"}, {"team", "blue"}, {"tier", "1"}, {"tier", "2"}, {"a", ""}} {
			if random.IntN(3) == 0 {
				l[kv[0]] = kv[1]
			}
		}
		return l
	}
	owner := []string{"ann", "bob", "carl-1"}[random.IntN(3)]
	if len(m) < 5 || random.IntN(4) == 0 {
		name := fmt.Sprintf("repo %d", random.IntN(1000))
		r, err := s.Create(t.Context(), name, &reposit.CreateOptions{Owner: owner, Labels: labels()})
		if m.taken(owner, reposit.Slugify(name), "") {
			if !errors.Is(err, reposit.ErrExists) {
				t.Fatalf("Create(%q) = %v, want %v", name, err, reposit.ErrExists)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		m.note(t, r)
		return
	}
	ids := slices.Sorted(func(yield func(reposit.ID) bool) {
		for id := range m {
			if !yield(id) {
				return
			}
		}
	})
	r, err := s.RepoByID(t.Context(), ids[random.IntN(len(ids))])
	if err != nil {
		t.Fatal(err)
	}
	switch random.IntN(5) {
	case 0:
		token, err := r.DeleteToken(t.Context())
		if err == nil {
			err = r.Delete(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
		delete(m, r.ID())
		return
	case 1, 2:
		write(t, r, "file", fmt.Sprint(random.Uint64()))
	case 3:
		slug := fmt.Sprintf("renamed-%d", random.IntN(20))
		_, err := r.Update(t.Context(), &reposit.RepoUpdate{Owner: &owner, Slug: &slug})
		if want := m.taken(owner, slug, r.ID()); want != errors.Is(err, reposit.ErrExists) || !want && err != nil {
			t.Fatalf("Update(%s/%s) = %v, taken: %v", owner, slug, err, want)
		}
	default:
		if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Labels: labels()}); err != nil {
			t.Fatal(err)
		}
	}
	m.note(t, r)
}

func (m listModel) taken(owner, slug string, by reposit.ID) bool {
	for id, i := range m {
		if id != by && i.Owner == owner && i.Slug == slug {
			return true
		}
	}
	return false
}

func (m listModel) note(t *testing.T, r *reposit.Repo) {
	t.Helper()
	info, err := r.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m[r.ID()] = info
}

// check reads a list by tokens, by page numbers and as a sequence.
func (m listModel) check(t *testing.T, s *store, o *reposit.ListOptions, size int) {
	t.Helper()
	want := m.list(o)
	byToken := *o
	byToken.PageSize = size
	var got []reposit.ID
	for {
		page := m.page(t, s, &byToken, len(want))
		got = append(got, page.ids...)
		if byToken.PageToken = page.next; page.next == "" {
			break
		}
	}
	if diff := gocmp.Diff(want, got, ignoreNil); diff != "" {
		t.Fatalf("List(%+v) by tokens, -want +got:\n%s", *o, diff)
	}
	byNumber := *o
	byNumber.PageSize = size
	got = nil
	for byNumber.Page = 1; ; byNumber.Page++ {
		page := m.page(t, s, &byNumber, len(want))
		got = append(got, page.ids...)
		if (page.next == "") != (byNumber.Page*size >= len(want)) {
			t.Fatalf("List(%+v) of %d has NextPageToken %q", byNumber, len(want), page.next)
		}
		if len(page.ids) == 0 || page.next == "" {
			break
		}
	}
	if diff := gocmp.Diff(want, got, ignoreNil); diff != "" {
		t.Fatalf("List(%+v) by numbers, -want +got:\n%s", *o, diff)
	}
	got = nil
	for info, err := range s.All(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.ID)
	}
	if diff := gocmp.Diff(want, got, ignoreNil); diff != "" {
		t.Fatalf("All(%+v), -want +got:\n%s", *o, diff)
	}
}

var ignoreNil = gocmp.Transformer("nil", func(ids []reposit.ID) string { return fmt.Sprint(ids) })

type listed struct {
	ids  []reposit.ID
	next string
}

// page reads one page, and compares all that is said of each repository.
func (m listModel) page(t *testing.T, s *store, o *reposit.ListOptions, total int) listed {
	t.Helper()
	page, err := s.List(t.Context(), o)
	if err != nil {
		t.Fatalf("List(%+v) = %v", *o, err)
	}
	if page.TotalCount != total || len(page.Items) > o.PageSize {
		t.Fatalf("List(%+v) = %d of %d, want %d in all", *o, len(page.Items), page.TotalCount, total)
	}
	var ids []reposit.ID
	for _, info := range page.Items {
		ids = append(ids, info.ID)
		if diff := gocmp.Diff(m[info.ID], info); diff != "" {
			t.Errorf("List(%+v), -want +got:\n%s", *o, diff)
		}
	}
	return listed{ids, page.NextPageToken}
}

// TestPagesHold reads pages by token while repositories come, go and change places: those that stay where they are
// come exactly once, in order.
func TestPagesHold(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open opener) {
		for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortPushed, reposit.SortName} {
			for _, direction := range []reposit.Direction{reposit.Ascending, reposit.Descending} {
				if testing.Short() && sort != reposit.SortUpdated {
					continue
				}
				opts, c := fixed()
				s := open(opts)
				var stay []reposit.ID
				restless := map[string]*reposit.Repo{}
				for i := range 30 {
					r := create(t, s, fmt.Sprintf("r%02d", i), nil)
					c.advance(time.Second)
					write(t, r, "a", "1")
					c.advance(time.Second)
					if i%3 == 0 {
						restless[fmt.Sprintf("r%02d", i)] = r
					} else {
						stay = append(stay, r.ID())
					}
				}
				if direction == reposit.Descending {
					slices.Reverse(stay)
				}
				var got []reposit.ID
				o := &reposit.ListOptions{Sort: sort, Direction: direction, PageSize: 4}
				for n := 0; ; n++ {
					page, err := s.List(t.Context(), o)
					if err != nil {
						t.Fatal(err)
					}
					for _, info := range page.Items {
						if slices.Contains(stay, info.ID) {
							got = append(got, info.ID)
						}
					}
					disturb(t, s, restless, n)
					c.advance(time.Second)
					if o.PageToken = page.NextPageToken; o.PageToken == "" {
						break
					}
				}
				if diff := gocmp.Diff(stay, got); diff != "" {
					t.Errorf("pages by %d, direction %d, -want +got:\n%s", sort, direction, diff)
				}
			}
		}
	})
}

// disturb deletes, makes, renames or writes to a repository.
func disturb(t *testing.T, s *store, restless map[string]*reposit.Repo, n int) {
	t.Helper()
	for name, r := range restless {
		switch n % 3 {
		case 0:
			token, err := r.DeleteToken(t.Context())
			if err == nil {
				err = r.Delete(t.Context(), token)
			}
			if err != nil {
				t.Fatal(err)
			}
			delete(restless, name)
			create(t, s, fmt.Sprintf("r%02d new %d", n, n), nil)
		case 1:
			if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Slug: ref(fmt.Sprintf("a%d", n))}); err != nil {
				t.Fatal(err)
			}
		case 2:
			write(t, r, "a", fmt.Sprint(n))
		}
		return
	}
}

// TestForeignTokens gives tokens to other queries than those that they came from.
func TestForeignTokens(t *testing.T) {
	s := openMemory(t, nil)
	for i := range 5 {
		r := create(t, s, fmt.Sprint("r", i), &reposit.CreateOptions{Owner: "ann",
			Labels: map[string]string{"a": "b", "c": "d"}})
		write(t, r, "x", "y")
		for j := range 3 {
			if _, err := r.Branches().Create(t.Context(), fmt.Sprint("x", j), ""); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Tags().Create(t.Context(), fmt.Sprint("x", j), "", nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := allListOptions()
	all = append(all, reposit.ListOptions{Labels: map[string]string{"a": "b"}},
		reposit.ListOptions{Labels: map[string]string{"ab": ""}})
	tokens := map[string]bool{}
	for _, o := range all {
		o.PageSize = 1
		page, err := s.List(t.Context(), &o)
		if err != nil {
			t.Fatal(err)
		}
		if page.NextPageToken != "" {
			tokens[page.NextPageToken] = true
			o.PageToken = page.NextPageToken
			if _, err := s.List(t.Context(), &o); err != nil {
				t.Errorf("List(%+v) refuses its own token: %v", o, err)
			}
		}
	}
	refused := 0
	for token := range tokens {
		for _, o := range all {
			o.PageToken = token
			if _, err := s.List(t.Context(), &o); errors.Is(err, reposit.ErrInvalid) {
				refused++
			} else if err != nil {
				t.Errorf("List() = %v, want %v", err, reposit.ErrInvalid)
			}
		}
		for i := range token {
			b := []byte(token)
			b[i] ^= 1
			if _, err := s.List(t.Context(), &reposit.ListOptions{PageToken: string(b)}); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("List() takes token %q with a byte changed: %v", token, err)
			}
		}
	}
	// DefaultDirection is another name for one of the two directions, and owners differ in case alone.
	if most := len(tokens) * (len(all) - 2); refused < most {
		t.Errorf("List() refused %d foreign tokens, want %d or more", refused, most)
	}
	r, _ := s.Repo(t.Context(), "ann/r0")
	page, err := r.Branches().List(t.Context(), &reposit.RefListOptions{PageSize: 1, Prefix: "x"})
	if err != nil || page.NextPageToken == "" || page.TotalCount != 3 {
		t.Fatalf("Branches.List() = %+v, %v", page, err)
	}
	for name, list := range map[string]func() error{
		"tags": func() error {
			_, err := r.Tags().List(t.Context(), &reposit.RefListOptions{PageToken: page.NextPageToken, Prefix: "x"})
			return err
		},
		"another prefix": func() error {
			_, err := r.Branches().List(t.Context(), &reposit.RefListOptions{PageToken: page.NextPageToken})
			return err
		},
		"repositories": func() error {
			_, err := s.List(t.Context(), &reposit.ListOptions{PageToken: page.NextPageToken})
			return err
		},
	} {
		if err := list(); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("a list of %s takes the token of branches: %v", name, err)
		}
	}
}

// TestCreateRace makes one slug from many goroutines at once.
func TestCreateRace(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		total := 0
		for round := range 5 {
			var mu sync.Mutex
			var group sync.WaitGroup
			made, refused := 0, 0
			for i := range 16 {
				group.Go(func() {
					// Half of them come by another way.
					var err error
					if i%2 == 0 {
						_, err = s.Create(t.Context(), fmt.Sprintf("Same %d", round), nil)
					} else {
						var r *reposit.Repo
						if r, err = s.Create(t.Context(), fmt.Sprintf("other %d %d", round, i), nil); err == nil {
							_, err = r.Update(t.Context(), &reposit.RepoUpdate{Slug: ref(fmt.Sprintf("same-%d", round))})
						}
					}
					mu.Lock()
					defer mu.Unlock()
					if i%2 != 0 || err == nil {
						total++
					}
					switch {
					case err == nil:
						made++
					case errors.Is(err, reposit.ErrExists):
						refused++
					default:
						t.Errorf("Create() = %v", err)
					}
				})
			}
			group.Wait()
			if made != 1 || refused != 15 {
				t.Errorf("%d got the slug and %d were refused, want 1 and 15", made, refused)
			}
		}
		if page, err := s.List(t.Context(), nil); err != nil || page.TotalCount != total {
			t.Errorf("List() counts %d, %v, want %d", page.TotalCount, err, total)
		}
	})
}
