package people

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/storage"
)

// A model is what the package keeps, as plain maps.
type model struct {
	users         map[string]User
	owners        map[storage.ID]string
	collaborators map[storage.ID]map[string]Permission
	teams         map[string]Team // by owner/name
	watchers      map[storage.ID][]Watcher
	keys          map[storage.ID][]DeployKey
	number        int64
	removals      map[string]int
}

var (
	historyLogins = []string{"ann", "bob", "cid", "dan", "eve"}
	historyOwners = []string{"ann", "acme", "zeta"}
	historyTeams  = []string{"all", "core", "core2"}
	addresses     = []string{"a@x.org", "b@x.org", "C@x.org"}
)

func newModel() *model {
	return &model{
		users: map[string]User{}, owners: map[storage.ID]string{}, collaborators: map[storage.ID]map[string]Permission{},
		teams: map[string]Team{}, watchers: map[storage.ID][]Watcher{}, keys: map[storage.ID][]DeployKey{},
		removals: map[string]int{},
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// some returns a random choice of from.
func some[T any](r *rand.Rand, from []T) []T {
	var picked []T
	for _, item := range from {
		if r.IntN(2) == 0 {
			picked = append(picked, item)
		}
	}
	return picked
}

func (m *model) repos(owner string) []storage.ID {
	var ids []storage.ID
	for id, o := range m.owners {
		if owner == "" || o == owner {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// step does one random thing to the store and the model, which must agree on the error.
func (m *model) step(r *rand.Rand, tx storage.Tx, n int) (what string, got, want error) {
	login := pick(r, historyLogins)
	switch r.IntN(12) {
	case 0, 1:
		u := User{Login: login, Name: fmt.Sprint("name ", n), Email: pick(r, append(addresses, "")),
			Emails: some(r, addresses)}
		return fmt.Sprint("put ", u), PutUser(tx, &u), m.putUser(u)
	case 2:
		_, err := RemoveUser(tx, login)
		return "remove " + login, err, m.removeUser(login)
	case 3:
		repo := id(n)
		m.owners[repo], m.collaborators[repo] = pick(r, historyOwners), map[string]Permission{}
		return "create", nil, nil
	}
	if len(m.owners) == 0 {
		return "nothing", nil, nil
	}
	repo := pick(r, m.repos(""))
	return m.stepRepo(r, tx, n, login, repo)
}

func (m *model) stepRepo(r *rand.Rand, tx storage.Tx, n int, login string,
	repo storage.ID) (what string, got, want error) {
	owner, name := pick(r, historyOwners), pick(r, historyTeams)
	switch r.IntN(10) {
	case 0:
		p := Permission(r.IntN(5))
		return fmt.Sprintf("share %s with %s to %s", repo, login, p), AddCollaborator(tx, repo, login, p),
			m.share(repo, login, p)
	case 1:
		_, was := m.collaborators[repo][login]
		delete(m.collaborators[repo], login)
		had, err := RemoveCollaborator(tx, repo, login)
		return fmt.Sprint("unshare ", had), err, disagree(was == had)
	case 2, 3:
		t := Team{owner, name, Permission(1 + r.IntN(3)), some(r, historyLogins), some(r, m.repos(owner))}
		was := m.teams[owner+"/"+name].Repos
		joined, left, err := PutTeam(tx, &t)
		return fmt.Sprint("put team ", t), err, cmp.Or(m.putTeam(t),
			disagree(err != nil || moved(was, joined, left, t.Repos)))
	case 4:
		team, was := m.teams[owner+"/"+name]
		delete(m.teams, owner+"/"+name)
		left, err := RemoveTeam(tx, owner, name)
		return "remove team", err, cmp.Or(absent(was), disagree(slices.Equal(left, team.Repos)))
	case 5:
		added, err := Watch(tx, repo, login, time.Unix(int64(n/3), 0))
		return fmt.Sprint("watch ", added), err, m.watch(repo, login, time.Unix(int64(n/3), 0))
	case 6:
		was := slices.ContainsFunc(m.watchers[repo], func(w Watcher) bool { return w.Login == login })
		m.watchers[repo] = without(m.watchers[repo], func(w Watcher) bool { return w.Login == login })
		had, err := Unwatch(tx, repo, login)
		return "unwatch", err, disagree(was == had)
	case 7:
		k := DeployKey{Title: fmt.Sprint(n), Key: "ssh-x", Fingerprint: Fingerprint{byte(r.IntN(8))}, Write: n%2 == 0,
			Created: time.Unix(int64(n), 0).UTC()}
		number, err := AddDeployKey(tx, repo, k)
		return fmt.Sprint("add key ", number), err, m.addKey(repo, k)
	case 8:
		number := r.Int64N(m.number + 1)
		i := slices.IndexFunc(m.keys[repo], func(k DeployKey) bool { return k.Number == number })
		m.keys[repo] = without(m.keys[repo], func(k DeployKey) bool { return k.Number == number })
		k, err := RemoveDeployKey(tx, repo, number)
		return "remove key", err, cmp.Or(absent(i >= 0), disagree(k.Number == number))
	default:
		from := m.owners[repo]
		if n%2 == 0 {
			m.leave(repo, "")
			delete(m.owners, repo)
			delete(m.collaborators, repo)
			delete(m.watchers, repo)
			delete(m.keys, repo)
			return "drop", Drop(tx, repo), nil
		}
		m.leave(repo, owner)
		m.owners[repo] = owner
		if from != owner {
			delete(m.collaborators[repo], owner)
		}
		return "transfer to " + owner, Transferred(tx, repo, from, owner), nil
	}
}

// moved reports whether a list is what another was with some joined and some left.
func moved(was, joined, left, is []storage.ID) bool {
	stayed := without(was, func(id storage.ID) bool { return slices.Contains(left, id) })
	return len(stayed)+len(left) == len(was) &&
		slices.Equal(slices.SortedFunc(slices.Values(append(stayed, joined...)), compareIDs), is)
}

var errDisagree = errors.New("the store reports what the model does not")

func disagree(ok bool) error {
	if ok {
		return nil
	}
	return errDisagree
}

func absent(was bool) error {
	if was {
		return nil
	}
	return storage.ErrNotFound
}

func without[T any](list []T, gone func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), gone)
}

// leave takes a repository out of the teams of all but one owner.
func (m *model) leave(repo storage.ID, except string) {
	for key, t := range m.teams {
		if t.Owner != except {
			t.Repos = without(t.Repos, func(id storage.ID) bool { return id == repo })
			m.teams[key] = t
		}
	}
}

func (m *model) putUser(u User) error {
	for _, other := range m.users {
		if other.Login == u.Login {
			continue
		}
		for _, address := range u.Addresses() {
			if slices.Contains(other.Addresses(), address) {
				return ErrTaken
			}
		}
	}
	m.users[u.Login] = u
	return nil
}

func (m *model) removeUser(login string) error {
	if _, ok := m.users[login]; !ok {
		return storage.ErrNotFound
	}
	for _, t := range m.teams {
		if t.Owner == login {
			return ErrOwner
		}
	}
	m.removals[login]++
	delete(m.users, login)
	for repo := range m.owners {
		delete(m.collaborators[repo], login)
		m.watchers[repo] = without(m.watchers[repo], func(w Watcher) bool { return w.Login == login })
	}
	for key, t := range m.teams {
		t.Members = without(t.Members, func(l string) bool { return l == login })
		m.teams[key] = t
	}
	return nil
}

func (m *model) share(repo storage.ID, login string, p Permission) error {
	if p < Read || p > Admin {
		return ErrPermission
	}
	if _, ok := m.users[login]; !ok {
		return storage.ErrNotFound
	}
	m.collaborators[repo][login] = p
	return nil
}

func (m *model) putTeam(t Team) error {
	for _, login := range t.Members {
		if _, ok := m.users[login]; !ok {
			return storage.ErrNotFound
		}
	}
	m.teams[t.Owner+"/"+t.Name] = t
	return nil
}

func (m *model) watch(repo storage.ID, login string, now time.Time) error {
	if _, ok := m.users[login]; !ok {
		return storage.ErrNotFound
	}
	if !slices.ContainsFunc(m.watchers[repo], func(w Watcher) bool { return w.Login == login }) {
		m.watchers[repo] = append(m.watchers[repo], Watcher{login, now.UTC()})
		slices.SortFunc(m.watchers[repo], func(a, b Watcher) int {
			return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Login, b.Login))
		})
	}
	return nil
}

func (m *model) addKey(repo storage.ID, k DeployKey) error {
	for _, keys := range m.keys {
		if slices.ContainsFunc(keys, func(other DeployKey) bool { return other.Fingerprint == k.Fingerprint }) {
			return ErrTaken
		}
	}
	m.number++
	k.Number = m.number
	m.keys[repo] = append(m.keys[repo], k)
	return nil
}

// granted returns what login was granted by collaboration and by teams.
func (m *model) granted(repo storage.ID, login string) Permission {
	best := m.collaborators[repo][login]
	for _, t := range m.teams {
		if t.Owner == m.owners[repo] && slices.Contains(t.Repos, repo) && slices.Contains(t.Members, login) {
			best = max(best, t.Permission)
		}
	}
	return best
}

// check compares all that the store tells with the model.
func (m *model) check(t *testing.T, v storage.View) {
	t.Helper()
	equal := func(what string, got, want any, err error) {
		t.Helper()
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%s: %v, -want +got:\n%s", what, err, diff)
		}
	}
	for _, login := range historyLogins {
		var want []Grant
		for _, repo := range m.repos("") {
			p := m.granted(repo, login)
			got, err := Granted(v, repo, m.owners[repo], login, Admin)
			equal(fmt.Sprintf("Granted(%s, %s)", repo, login), got, p, err)
			for enough := Read; enough < Admin; enough++ {
				if got, err = Granted(v, repo, m.owners[repo], login, enough); got > p {
					t.Errorf("Granted(%s, %s, %s) = %s, more than %s", repo, login, enough, got, p)
				}
				equal("Granted() is enough", got >= enough, p >= enough, err)
			}
			if p > None {
				want = append(want, Grant{repo, p})
			}
			watches, err := Watches(v, repo, login)
			equal("Watches", watches, slices.ContainsFunc(m.watchers[repo], func(w Watcher) bool { return w.Login == login }),
				err)
		}
		got, err := GrantedRepos(v, login)
		equal("GrantedRepos("+login+")", got, want, err)
	}
	for _, repo := range m.repos("") {
		m.checkRepo(v, repo, equal)
	}
	m.checkUsers(v, equal)
}

func (m *model) checkRepo(v storage.View, repo storage.ID, equal func(what string, got, want any, err error)) {
	var collaborators []Collaborator
	for _, login := range historyLogins {
		if p := m.granted(repo, login); p > None {
			collaborators = append(collaborators, Collaborator{login, p})
		}
	}
	all, err := Collaborators(v, repo, m.owners[repo])
	equal("Collaborators", all, collaborators, err)
	want := m.watchers[repo]
	watchers, err := take(Watchers(v, repo, nil, storage.Ascending), len(want)+1)
	equal("Watchers", watchers, want, err)
	for i, w := range want {
		next, err := take(Watchers(v, repo, w.Position(), storage.Ascending), 2)
		equal("Watchers behind one", next, want[i+1:min(i+3, len(want))], err)
		before, err := take(Watchers(v, repo, w.Position(), storage.Descending), 1)
		equal("Watchers before one", before, want[max(i-1, 0):i], err)
	}
	keys, err := DeployKeys(v, repo)
	equal("DeployKeys", keys, m.keys[repo], err)
	for _, k := range keys {
		at, number, err := FindDeployKey(v, k.Fingerprint)
		equal("FindDeployKey", at, repo, err)
		equal("FindDeployKey", number, k.Number, err)
		p, err := KeyPermission(v, repo, number)
		equal("KeyPermission", p, map[bool]Permission{false: Read, true: Write}[k.Write], err)
	}
}

// take returns the first n watchers.
func take(seq iter.Seq2[Watcher, error], n int) (all []Watcher, err error) {
	for w, err := range seq {
		if err != nil {
			return nil, err
		}
		if all = append(all, w); len(all) == n {
			break
		}
	}
	return all, nil
}

func (m *model) checkUsers(v storage.View, equal func(what string, got, want any, err error)) {
	var want []User
	for _, login := range slices.Sorted(maps.Keys(m.users)) {
		want = append(want, m.users[login])
		for _, address := range want[len(want)-1].Addresses() {
			got, err := UserByAddress(v, address)
			equal("UserByAddress", got, login, err)
		}
	}
	users, err := Users(v, "", 0)
	equal("Users", users, want, err)
	for _, login := range historyLogins {
		got, err := Removals(v, login)
		equal("Removals", got, m.removals[login], err)
	}
	for _, owner := range historyOwners {
		var wantNames []string
		for _, name := range historyTeams {
			want, ok := m.teams[owner+"/"+name]
			got, err := LoadTeam(v, owner, name)
			if !ok {
				equal("LoadTeam", errors.Is(err, storage.ErrNotFound), true, nil)
				continue
			}
			equal("LoadTeam", *got, want, err)
			wantNames = append(wantNames, name)
		}
		got, err := Teams(v, owner)
		equal("Teams", got, wantNames, err)
	}
}

// records returns the keys of all records.
func records(v storage.View) (keys []string, err error) {
	for rec, err := range v.Records([]byte{0}, nil, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, fmt.Sprintf("%q", rec.Key))
	}
	return keys, nil
}

var errBack = errors.New("roll back")

// TestHistories does random things and compares all that is told with plain maps. When all repositories, teams and
// users are gone, so are their records.
func TestHistories(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			b, m := newStore(t), newModel()
			for n := range 300 {
				var what string
				var got, want error
				err := b.Update(t.Context(), func(tx storage.Tx) error {
					if what, got, want = m.step(r, tx, n); got != nil {
						return errBack
					}
					return nil
				})
				if !errors.Is(got, want) || err != nil && got == nil {
					t.Fatalf("%d: %s = %v, %v, want %v", n, what, got, err, want)
				}
				if n%5 == 0 {
					view(t, b, func(v storage.View) error { m.check(t, v); return nil })
				}
			}
			m.removeAll(t, b)
		})
	}
}

func (m *model) removeAll(t *testing.T, b storage.Backend) {
	update(t, b, func(tx storage.Tx) error {
		for id := range m.owners {
			if err := Drop(tx, id); err != nil {
				return err
			}
		}
		for _, team := range m.teams {
			if _, err := RemoveTeam(tx, team.Owner, team.Name); err != nil {
				return err
			}
		}
		for login := range m.users {
			if _, err := RemoveUser(tx, login); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, b, func(v storage.View) error {
		var want []string
		if m.number > 0 {
			want = []string{`"Kn"`}
		}
		got, err := records(v)
		got = slices.DeleteFunc(got, func(key string) bool { return strings.HasPrefix(key, `"Pd`) })
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("records when all is removed, -want +got:\n%s", diff)
		}
		return err
	})
}
