package reposit_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// putUsers makes users that must be possible.
func putUsers(t testing.TB, s *store, logins ...string) {
	t.Helper()
	for _, login := range logins {
		if err := s.Users().Put(t.Context(), reposit.Profile{Login: login}); err != nil {
			t.Fatal(err)
		}
	}
}

// must returns what a call returned that must succeed.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestPeople does what a forge does with people, on every backend.
func TestPeople(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, clock := fixed()
		s, ctx := open(opts), t.Context()
		putUsers(t, s, "bob", "cid", "dan")
		r := create(t, s, "Site", &reposit.CreateOptions{Owner: "acme", Private: true})
		team := reposit.Team{Owner: "acme", Name: "core", Permission: reposit.Write, Members: []string{"bob", "cid"},
			Repos: []reposit.ID{r.ID()}}
		if err := s.Teams().Put(ctx, team); err != nil {
			t.Fatal(err)
		}
		if err := r.Collaborators().Add(ctx, "Cid", reposit.Admin); err != nil {
			t.Fatal(err)
		}
		want := []reposit.Collaborator{{"bob", reposit.Write}, {"cid", reposit.Admin}}
		if diff := gocmp.Diff(want, must(r.Collaborators().List(ctx))(t)); diff != "" {
			t.Errorf("collaborators, -want +got:\n%s", diff)
		}
		for _, login := range []string{"bob", "cid"} {
			clock.advance(time.Second)
			mine := must(s.As(reposit.User(login)).RepoByID(ctx, r.ID()))(t)
			if err := errors.Join(mine.Watchers().Add(ctx, login), mine.Watchers().Add(ctx, login)); err != nil {
				t.Fatal(err)
			}
		}
		if info := must(r.Info(ctx))(t); info.Watchers != 2 {
			t.Errorf("Info() has %d watchers, want 2", info.Watchers)
		}
		if err := s.Users().Remove(ctx, "BOB"); err != nil {
			t.Fatal(err)
		}
		if got := must(r.Watchers().List(ctx, nil))(t); len(got.Items) != 1 || got.Items[0].Login != "cid" ||
			got.TotalCount != 1 {
			t.Errorf("watchers when bob is gone: %+v, want cid", got)
		}
		if p := must(r.Permission(ctx, "bob"))(t); p != reposit.None {
			t.Errorf("Permission() of who is gone = %v, want none", p)
		}
		to := "zeta"
		if _, err := r.Update(ctx, &reposit.RepoUpdate{Owner: &to}); err != nil {
			t.Fatal(err)
		}
		want = []reposit.Collaborator{{"cid", reposit.Admin}}
		if diff := gocmp.Diff(want, must(r.Collaborators().List(ctx))(t)); diff != "" {
			t.Errorf("collaborators after the transfer, -want +got:\n%s", diff)
		}
		if err := r.Delete(ctx, must(r.DeleteToken(ctx))(t)); err != nil {
			t.Fatal(err)
		}
		if got := must(s.Pushable(ctx, "cid", nil))(t); got.TotalCount != 0 {
			t.Errorf("Pushable() when all is deleted = %+v", got)
		}
	})
}

// A shadow is what the store knows of people, as plain maps.
type shadow struct {
	t     *testing.T
	s     *store
	rand  *rand.Rand
	repos map[reposit.ID]*shadowRepo
	users map[string]bool
	teams map[[2]string]reposit.Team
	now   time.Time
}

type shadowRepo struct {
	*reposit.Repo
	owner         string
	private       bool
	collaborators map[string]reposit.Permission
	watchers      []shadowWatcher
}

type shadowWatcher struct {
	login string
	since time.Time
}

var (
	logins = []string{"ann", "bob", "cid", "dan"} // all may be users
	owners = []string{"ann", "acme"}
)

// TestPeopleHistories does random things, and compares what each actor is told with plain maps.
func TestPeopleHistories(t *testing.T) {
	t.Parallel()
	histories := uint64(20)
	if testing.Short() {
		histories = 6
	}
	for n := range histories {
		t.Run(fmt.Sprint("seed=", *seed+n), func(t *testing.T) {
			opts, clock := fixed()
			m := &shadow{
				t: t, s: openMemory(t, opts), rand: rand.New(rand.NewPCG(*seed+n, 7)),
				repos: map[reposit.ID]*shadowRepo{}, users: map[string]bool{}, teams: map[[2]string]reposit.Team{},
			}
			for n := range 200 {
				if n%3 == 0 {
					clock.advance(time.Minute)
				}
				m.now = clock.now()
				m.step(n)
				if n%4 == 0 {
					m.check()
				}
			}
			m.removeAll()
		})
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (m *shadow) pickRepo() *shadowRepo {
	ids := m.ids(func(*shadowRepo) bool { return true })
	if len(ids) == 0 {
		return nil
	}
	return m.repos[pick(m.rand, ids)]
}

// ids returns the repositories that match, in order.
func (m *shadow) ids(match func(*shadowRepo) bool) []reposit.ID {
	var ids []reposit.ID
	for id, r := range m.repos {
		if match(r) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// expect fails the test unless got is the error that is due.
func (m *shadow) expect(what string, got, want error) {
	m.t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		m.t.Fatalf("%s = %v, want %v", what, got, want)
	}
}

func (m *shadow) step(n int) {
	ctx, login := m.t.Context(), pick(m.rand, logins)
	switch m.rand.IntN(12) {
	case 0:
		m.expect("put user", m.s.Users().Put(ctx, reposit.Profile{Login: strings.ToUpper(login)}), nil)
		m.users[login] = true
	case 1:
		want := m.unknown(login)
		if want == nil && m.owns(login) {
			want = reposit.ErrConflict
		}
		m.expect("remove user", m.s.Users().Remove(ctx, login), want)
		if want == nil {
			m.forget(login)
		}
	case 2:
		m.create(n)
	case 3:
		m.putTeam(n)
	case 4:
		key := [2]string{pick(m.rand, owners), fmt.Sprint("team", n%3)}
		_, ok := m.teams[key]
		m.expect("remove team", m.s.Teams().Remove(ctx, key[0], key[1]), missing(ok))
		delete(m.teams, key)
	default:
		if r := m.pickRepo(); r != nil {
			m.stepRepo(n, r, login)
		}
	}
	for _, r := range m.repos { // who may not read it any more watches it no more
		r.watchers = slices.DeleteFunc(r.watchers,
			func(w shadowWatcher) bool { return m.permission(r, w.login) == reposit.None })
	}
}

// owns reports whether a login has a repository or a team.
func (m *shadow) owns(login string) bool {
	for key := range m.teams {
		if key[0] == login {
			return true
		}
	}
	return len(m.ids(func(r *shadowRepo) bool { return r.owner == login })) > 0
}

func missing(there bool) error {
	if there {
		return nil
	}
	return reposit.ErrNotFound
}

func (m *shadow) unknown(login string) error { return missing(m.users[login]) }

func (m *shadow) create(n int) {
	owner, private := pick(m.rand, owners), n%2 == 0
	r := create(m.t, m.s, fmt.Sprint("repo ", n), &reposit.CreateOptions{Owner: owner, Private: private})
	m.repos[r.ID()] = &shadowRepo{Repo: r, owner: owner, private: private, collaborators: map[string]reposit.Permission{}}
}

func (m *shadow) forget(login string) {
	delete(m.users, login)
	gone := func(l string) bool { return l == login }
	for _, r := range m.repos {
		delete(r.collaborators, login)
		r.unwatch(login)
	}
	for key, team := range m.teams {
		team.Members = slices.DeleteFunc(slices.Clone(team.Members), gone)
		m.teams[key] = team
	}
}

func (r *shadowRepo) unwatch(login string) {
	r.watchers = slices.DeleteFunc(r.watchers, func(w shadowWatcher) bool { return w.login == login })
}

func (m *shadow) putTeam(n int) {
	team := reposit.Team{Owner: pick(m.rand, owners), Name: fmt.Sprint("team", n%3),
		Permission: reposit.Permission(1 + m.rand.IntN(3))}
	var want error
	for _, login := range logins {
		if m.rand.IntN(3) == 0 {
			team.Members = append(team.Members, login)
			want = cmp.Or(want, m.unknown(login))
		}
	}
	for _, id := range m.ids(func(*shadowRepo) bool { return m.rand.IntN(2) == 0 }) {
		if foreign := m.repos[id].owner != team.Owner; !foreign || m.rand.IntN(10) == 0 {
			team.Repos = append(team.Repos, id)
			want = cmp.Or(want, missing(!foreign))
		}
	}
	m.expect("put team", m.s.Teams().Put(m.t.Context(), team), want)
	if want == nil {
		m.teams[[2]string{team.Owner, team.Name}] = team
	}
}

func (m *shadow) stepRepo(n int, r *shadowRepo, login string) {
	ctx := m.t.Context()
	switch m.rand.IntN(9) {
	case 0, 1:
		p := reposit.Permission(1 + m.rand.IntN(3))
		want := m.unknown(login)
		if login == r.owner {
			want = reposit.ErrInvalid
		}
		m.expect("add collaborator", r.Collaborators().Add(ctx, login, p), want)
		if want == nil {
			r.collaborators[login] = p
		}
	case 2:
		_, ok := r.collaborators[login]
		m.expect("remove collaborator", r.Collaborators().Remove(ctx, login), missing(ok))
		delete(r.collaborators, login)
	case 3, 4:
		want := m.unknown(login)
		if want == nil && m.permission(r, login) == reposit.None {
			want = reposit.ErrForbidden
		}
		m.expect("watch", r.Watchers().Add(ctx, login), want)
		if want == nil && !slices.ContainsFunc(r.watchers, func(w shadowWatcher) bool { return w.login == login }) {
			r.watchers = append(r.watchers, shadowWatcher{login, m.now})
		}
	case 5:
		m.expect("unwatch", r.Watchers().Remove(ctx, login), nil)
		r.unwatch(login)
	case 6:
		private := n%2 == 0
		_, err := r.Update(ctx, &reposit.RepoUpdate{Private: &private})
		m.expect("update", err, nil)
		r.private = private
	case 7:
		m.transfer(r, pick(m.rand, owners))
	case 8:
		id := r.ID()
		m.expect("delete", r.Delete(ctx, must(r.DeleteToken(ctx))(m.t)), nil)
		m.leaveTeams(id)
		delete(m.repos, id)
	}
}

func (m *shadow) transfer(r *shadowRepo, owner string) {
	_, err := r.Update(m.t.Context(), &reposit.RepoUpdate{Owner: &owner})
	m.expect("transfer", err, nil)
	if owner != r.owner {
		m.leaveTeams(r.ID())
		delete(r.collaborators, owner)
		r.owner = owner
	}
}

func (m *shadow) leaveTeams(id reposit.ID) {
	for key, team := range m.teams {
		team.Repos = slices.DeleteFunc(slices.Clone(team.Repos), func(other reposit.ID) bool { return other == id })
		m.teams[key] = team
	}
}

// granted returns what a login was given.
func (m *shadow) granted(r *shadowRepo, login string) reposit.Permission {
	p := r.collaborators[login]
	for _, team := range m.teams {
		if slices.Contains(team.Members, login) && slices.Contains(team.Repos, r.ID()) {
			p = max(p, team.Permission)
		}
	}
	return p
}

func (m *shadow) permission(r *shadowRepo, login string) reposit.Permission {
	p := m.granted(r, login)
	if login == r.owner {
		p = reposit.Admin
	}
	if !r.private {
		p = max(p, reposit.Read)
	}
	return p
}

func (m *shadow) equal(what string, got, want any) {
	m.t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		m.t.Fatalf("%s, -want +got:\n%s", what, diff)
	}
}

func (m *shadow) check() {
	for _, login := range append(logins, "") {
		m.checkActor(login)
	}
	for _, id := range m.ids(func(*shadowRepo) bool { return true }) {
		m.checkRepo(m.repos[id])
	}
	for _, owner := range owners {
		var want []reposit.Team
		for _, name := range []string{"team0", "team1", "team2"} {
			if team, ok := m.teams[[2]string{owner, name}]; ok {
				want = append(want, team)
			}
		}
		m.equal("teams of "+owner, must(m.s.Teams().List(m.t.Context(), owner))(m.t), want)
	}
	for p, err := range m.s.Users().All(m.t.Context()) {
		if err != nil || !m.users[p.Login] {
			m.t.Fatalf("Users().All() yields %v, %v", p, err)
		}
	}
}

// checkActor compares what is told to a login, or to Anonymous.
func (m *shadow) checkActor(login string) {
	ctx, as := m.t.Context(), m.s.As(reposit.Anonymous)
	if login != "" {
		as = m.s.As(reposit.User(login))
	}
	seen := m.ids(func(r *shadowRepo) bool { return m.permission(r, login) > reposit.None })
	m.equal("repositories of "+login, allListed(m.t, func(opts *reposit.ListOptions) (reposit.Page[reposit.Info], error) {
		return as.List(ctx, opts)
	}), seen)
	for id, r := range m.repos {
		_, err := as.RepoByID(ctx, id)
		m.expect("RepoByID as "+login, err, missing(slices.Contains(seen, id)))
		m.equal("permission of "+login, must(r.Permission(ctx, login))(m.t), m.permission(r, login))
	}
	if login == "" {
		return
	}
	pushable := m.ids(func(r *shadowRepo) bool { return r.owner != login && m.granted(r, login) >= reposit.Write })
	other := pick(m.rand, logins)
	shared := m.ids(func(r *shadowRepo) bool {
		return slices.Contains(pushable, r.ID()) && (other == login || m.permission(r, other) >= reposit.Write)
	})
	m.checkWatching(as, login)
	for _, asked := range []struct {
		by   *reposit.Store
		want []reposit.ID
	}{{m.s.Store, pushable}, {as, pushable}, {m.s.As(reposit.User(other)), shared}, {m.s.As(reposit.Anonymous), nil}} {
		if !m.users[login] {
			_, err := asked.by.Pushable(ctx, login, nil)
			m.expect("Pushable", err, reposit.ErrNotFound)
			continue
		}
		m.equal("pushable by "+login, allListed(m.t, func(opts *reposit.ListOptions) (reposit.Page[reposit.Info], error) {
			return asked.by.Pushable(ctx, login, opts)
		}), asked.want)
	}
}

// checkWatching compares what a login is told to watch.
func (m *shadow) checkWatching(as *reposit.Store, login string) {
	var got []reposit.ID
	for id, err := range as.Users().Watching(m.t.Context(), login) {
		if m.expect("Watching", err, m.unknown(login)); err == nil {
			got = append(got, id)
		}
	}
	m.equal("watched by "+login, got, m.ids(func(r *shadowRepo) bool {
		return slices.ContainsFunc(r.watchers, func(w shadowWatcher) bool { return w.login == login })
	}))
}

// allListed returns the IDs of all pages, sorted.
func allListed(t *testing.T, list func(*reposit.ListOptions) (reposit.Page[reposit.Info], error)) []reposit.ID {
	t.Helper()
	var ids []reposit.ID
	for opts := (&reposit.ListOptions{PageSize: 2}); ; {
		page := must(list(opts))(t)
		for _, info := range page.Items {
			ids = append(ids, info.ID)
		}
		if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
			if page.TotalCount != len(ids) {
				t.Errorf("TotalCount is %d, want %d", page.TotalCount, len(ids))
			}
			slices.Sort(ids)
			return ids
		}
	}
}

func (m *shadow) checkRepo(r *shadowRepo) {
	ctx := m.t.Context()
	var want []reposit.Collaborator
	for _, login := range logins {
		if p := m.granted(r, login); p > reposit.None {
			want = append(want, reposit.Collaborator{Login: login, Permission: m.permission(r, login)})
		}
	}
	m.equal("collaborators", must(r.Collaborators().List(ctx))(m.t), want)
	var names []string
	for key, team := range m.teams {
		if slices.Contains(team.Repos, r.ID()) {
			names = append(names, key[1])
		}
	}
	slices.Sort(names)
	var got []string
	for _, team := range must(r.Teams(ctx))(m.t) {
		got = append(got, team.Name)
	}
	m.equal("teams of the repository", got, names)
	m.checkWatchers(r)
}

func (m *shadow) checkWatchers(r *shadowRepo) {
	slices.SortFunc(r.watchers, func(a, b shadowWatcher) int {
		return cmp.Or(a.since.Compare(b.since), strings.Compare(a.login, b.login))
	})
	for _, direction := range []reposit.Direction{reposit.DefaultDirection, reposit.Descending} {
		var want []string
		for _, w := range r.watchers {
			want = append(want, w.login)
		}
		if direction == reposit.Descending {
			slices.Reverse(want)
		}
		var got []string
		for opts := (&reposit.ListOptions{PageSize: 1, Direction: direction}); ; {
			page := must(r.Watchers().List(m.t.Context(), opts))(m.t)
			for _, p := range page.Items {
				got = append(got, p.Login)
			}
			m.equal("count of watchers", page.TotalCount, len(want))
			if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
				break
			}
		}
		m.equal("watchers", got, want)
		if len(want) > 1 {
			page := must(r.Watchers().List(m.t.Context(), &reposit.ListOptions{PageSize: 1, Direction: direction, Page: 2}))(m.t)
			m.equal("second watcher", page.Items[0].Login, want[1])
		}
	}
	m.equal("watchers in Info", must(r.Info(m.t.Context()))(m.t).Watchers, len(r.watchers))
}

// removeAll removes everything and looks for records of people that are left.
func (m *shadow) removeAll() {
	ctx := m.t.Context()
	for _, r := range m.repos {
		m.expect("delete", r.Delete(ctx, must(r.DeleteToken(ctx))(m.t)), nil)
	}
	for key := range m.teams {
		m.expect("remove team", m.s.Teams().Remove(ctx, key[0], key[1]), nil)
	}
	for login := range m.users {
		m.expect("remove user", m.s.Users().Remove(ctx, login), nil)
	}
	m.equal("records that are left", peopleRecords(m.t, m.s), []string(nil))
}

// peopleRecords returns the keys of all records of people and deploy keys, but those of what is gone for good: the last
// number of a key, and how often users were removed.
func peopleRecords(t testing.TB, s *store) (keys []string) {
	t.Helper()
	err := s.backend.View(t.Context(), func(v storage.View) error {
		for _, kind := range []byte{'P', 'K'} {
			for rec, err := range v.Records([]byte{kind}, []byte{kind + 1}, storage.Ascending) {
				if err != nil {
					return err
				}
				if string(rec.Key) != "Kn" && !bytes.HasPrefix(rec.Key, []byte("Pd")) {
					keys = append(keys, fmt.Sprintf("%q", rec.Key))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestDeleteWatched deletes a repository with more watchers than one transaction can remove on Badger.
func TestDeleteWatched(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open opener) {
		const perUpdate = 1000
		n := 15 * perUpdate
		if testing.Short() {
			n = 3 * perUpdate
		}
		s, ctx := open(&reposit.Options{KeepDeleted: -1}), t.Context()
		r := create(t, s, "Popular", nil)
		id := storage.ID([]byte(r.ID()[len("rp_"):]))
		for i := 0; i < n; i += perUpdate {
			err := s.backend.Update(ctx, func(tx storage.Tx) error {
				for j := range perUpdate {
					login := fmt.Sprint("user", i+j)
					if err := people.PutUser(tx, &people.User{Login: login}); err != nil {
						return err
					}
					if _, err := people.Watch(tx, id, login, time.Unix(int64(i+j), 0)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Delete(ctx, must(r.DeleteToken(ctx))(t)); err != nil {
			t.Fatal(err)
		}
		if left := len(peopleRecords(t, s)); left != n {
			t.Errorf("%d records are left, want those of %d users", left, n)
		}
	})
}
