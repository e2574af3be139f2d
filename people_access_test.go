package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// cast is a private and a public repository of the same owner, with one user of each kind.
type cast struct {
	*store
	private, public reposit.ID
}

func newCast(t testing.TB) *cast {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "owner", "reader", "writer", "admin", "member", "stranger")
	c := &cast{store: s}
	for i, private := range []bool{true, false} {
		r := create(t, s, fmt.Sprint("private ", private), &reposit.CreateOptions{Owner: "owner", Private: private})
		for login, p := range map[string]reposit.Permission{"reader": reposit.Read, "writer": reposit.Write,
			"admin": reposit.Admin} {
			if err := r.Collaborators().Add(ctx, login, p); err != nil {
				t.Fatal(err)
			}
		}
		must(r.DeployKeys().Add(ctx, "ci", sshKey(byte(i)), nil))(t)
		c.public = r.ID()
		if private {
			c.private = r.ID()
		}
	}
	err := s.Teams().Put(ctx, reposit.Team{
		Owner: "owner", Name: "team", Permission: reposit.Write, Members: []string{"member"},
		Repos: []reposit.ID{c.private, c.public},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWhoMayWithPeople tries each method about people as each kind of actor. Who is not named gets ErrForbidden, or if
// they may not read the repository, ErrNotFound.
func TestWhoMayWithPeople(t *testing.T) {
	everyone := []string{"", "stranger", "reader", "member", "writer", "admin", "owner", "host"}
	from := func(login string) []string { return everyone[slices.Index(everyone, login):] }
	c := newCast(t)
	line := sshKey(77)
	for _, method := range []struct {
		name string
		may  []string
		call func(ctx context.Context, s *reposit.Store, r *reposit.Repo, actor string) error
	}{
		{"Collaborators.List", from("member"), func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			_, err := r.Collaborators().List(ctx)
			return err
		}},
		{"Collaborators.Add", from("admin"), func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			return r.Collaborators().Add(ctx, "reader", reposit.Read)
		}},
		{"Collaborators.Remove", from("admin"), func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			return notFoundIsFine(r, r.Collaborators().Remove(ctx, "nobody"))
		}},
		{"Repo.Teams", from("member"), func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			_, err := r.Teams(ctx)
			return err
		}},
		{"DeployKeys.List", from("admin"), func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			_, err := r.DeployKeys().List(ctx)
			return err
		}},
		{"DeployKeys.Add and Remove", from("admin"),
			func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
				k, err := r.DeployKeys().Add(ctx, "", line, nil)
				if err == nil {
					err = r.DeployKeys().Remove(ctx, k.ID)
				}
				return err
			}},
		{"DeployKeys.Remove", from("admin"), func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			return notFoundIsFine(r, r.DeployKeys().Remove(ctx, math.MaxInt))
		}},
		{"Watchers.List", everyone, func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, _ string) error {
			_, err := r.Watchers().List(ctx, nil)
			return err
		}},
		{"Watchers.Add themselves", everyone[1:], func(ctx context.Context, _ *reposit.Store, r *reposit.Repo,
			actor string) error {
			return r.Watchers().Add(ctx, selfOf(actor))
		}},
		{"Watchers.Remove themselves", everyone[1:],
			func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, actor string) error {
				return r.Watchers().Remove(ctx, selfOf(actor))
			}},
		{"Watchers.Add another", []string{"host"},
			func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, actor string) error {
				return r.Watchers().Add(ctx, another(actor))
			}},
		{"Watchers.Remove another", []string{"host"},
			func(ctx context.Context, _ *reposit.Store, r *reposit.Repo, actor string) error {
				return r.Watchers().Remove(ctx, another(actor))
			}},
	} {
		for _, id := range []reposit.ID{c.private, c.public} {
			for _, actor := range everyone {
				var want error
				switch {
				case id == c.private && (actor == "" || actor == "stranger"):
					want = reposit.ErrNotFound
				case !slices.Contains(method.may, actor):
					want = reposit.ErrForbidden
				}
				r := c.handle(t, actor, id)
				if err := method.call(t.Context(), c.as(actor), r, actor); !errors.Is(err, want) || want == nil && err != nil {
					t.Errorf("%s as %q, private %t = %v, want %v", method.name, actor, id == c.private, err, want)
				}
			}
		}
	}
}

func selfOf(actor string) string {
	if actor == "" || actor == "host" {
		return "reader"
	}
	return actor
}

func another(actor string) string {
	if actor == "reader" {
		return "writer"
	}
	return "reader"
}

// notFoundIsFine passes over the ErrNotFound of what a call names, as opposed to that of the repository.
func notFoundIsFine(r *reposit.Repo, err error) error {
	if _, infoErr := r.Info(context.Background()); infoErr == nil && errors.Is(err, reposit.ErrNotFound) {
		return nil
	}
	return err
}

func (c *cast) as(actor string) *reposit.Store {
	switch actor {
	case "host":
		return c.Store
	case "":
		return c.As(reposit.Anonymous)
	}
	return c.As(reposit.User(actor))
}

// handle returns an actor's handle on a repository, made when they could read it.
func (c *cast) handle(t testing.TB, actor string, id reposit.ID) *reposit.Repo {
	t.Helper()
	private := must(c.RepoByID(t.Context(), id))(t)
	was := must(private.Info(t.Context()))(t).Private
	set := func(b bool) { must(private.Update(t.Context(), &reposit.RepoUpdate{Private: &b}))(t) }
	set(false)
	defer set(was)
	return must(c.as(actor).RepoByID(t.Context(), id))(t)
}

// TestWhoMayWithTeams tries what is about owners and users, not repositories.
func TestWhoMayWithTeams(t *testing.T) {
	c := newCast(t)
	for actor, want := range map[string]struct {
		put  error
		team error
		list int
	}{
		"":       {reposit.ErrForbidden, reposit.ErrNotFound, 0},
		"reader": {reposit.ErrForbidden, reposit.ErrNotFound, 0},
		"admin":  {reposit.ErrForbidden, reposit.ErrNotFound, 0},
		"member": {reposit.ErrForbidden, nil, 1},
		"owner":  {nil, nil, 1},
		"host":   {nil, nil, 1},
	} {
		s, ctx := c.as(actor), t.Context()
		team, err := s.Teams().Team(ctx, "Owner", "Team")
		if !errors.Is(err, want.team) || want.team == nil &&
			(err != nil || len(team.Repos) != 2 || !slices.Equal(team.Members, []string{"member"})) {
			t.Errorf("Team() as %q = %+v, %v, want %v", actor, team, err, want.team)
		}
		if list, err := s.Teams().List(ctx, "owner"); len(list) != want.list || err != nil {
			t.Errorf("List() as %q = %+v, %v, want %d", actor, list, err, want.list)
		}
		again := want.put
		if again == nil {
			again = reposit.ErrNotFound
		}
		for _, row := range []struct {
			what      string
			got, want error
		}{
			{"Put", s.Teams().Put(ctx, reposit.Team{Owner: "owner", Name: "new", Permission: reposit.Read}), want.put},
			{"Remove", s.Teams().Remove(ctx, "owner", "new"), want.put},
			{"Remove once more", s.Teams().Remove(ctx, "owner", "new"), again},
		} {
			if !errors.Is(row.got, row.want) || row.want == nil && row.got != nil {
				t.Errorf("%s as %q = %v, want %v", row.what, actor, row.got, row.want)
			}
		}
	}
}

// TestTeamAdminKeeps holds that who may make repositories for an owner can use what they have made, forked or given
// away.
func TestTeamAdminKeeps(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		putUsers(t, s, "alice", "bob")
		err := s.Teams().Put(ctx, reposit.Team{Owner: "acme", Name: "core", Permission: reposit.Admin,
			Members: []string{"alice"}})
		if err != nil {
			t.Fatal(err)
		}
		alice := s.As(reposit.User("alice"))
		made := must(alice.Create(ctx, "made", &reposit.CreateOptions{Owner: "acme", Private: true}))(t)
		own := must(alice.Create(ctx, "own", nil))(t)
		fork := must(own.Fork(ctx, &reposit.ForkOptions{Owner: "acme", Slug: "forked"}))(t)
		given := must(own.Update(ctx, &reposit.RepoUpdate{Owner: ref("acme"), Private: ref(true)}))(t)
		if given.Owner != "acme" || !given.Private {
			t.Errorf("Update() = %+v, want it transferred", given)
		}
		for _, r := range []*reposit.Repo{made, own, fork} {
			if p, err := r.Permission(ctx, "alice"); p != reposit.Admin || err != nil {
				t.Errorf("Permission() = %v, %v, want %v", p, err, reposit.Admin)
			}
			if _, err := r.Write(ctx, "f", nil, "m"); err != nil {
				t.Errorf("Write() = %v", err)
			}
			list, err := r.Collaborators().List(ctx)
			if diff := gocmp.Diff([]reposit.Collaborator{{Login: "alice", Permission: reposit.Admin}}, list); diff != "" ||
				err != nil {
				t.Errorf("List() = %v (-want +got):\n%s", err, diff)
			}
		}
		if page := must(alice.Pushable(ctx, "alice", nil))(t); page.TotalCount != 3 {
			t.Errorf("Pushable() counts %d, want 3", page.TotalCount)
		}
		// What is made on one's own account, or by the host, has no collaborators.
		for _, r := range []*reposit.Repo{must(alice.Create(ctx, "mine", nil))(t),
			create(t, s, "x", &reposit.CreateOptions{Owner: "acme"})} {
			if list, err := r.Collaborators().List(ctx); len(list) != 0 || err != nil {
				t.Errorf("List() = %v, %v, want none", list, err)
			}
		}
		checkStore(t, s)
	})
}

// TestTeamsOfRepo holds that who sees a team because of one repository learns of no other that they may not read.
func TestTeamsOfRepo(t *testing.T) {
	c, ctx := newCast(t), t.Context()
	secret := create(t, c.store, "secret", &reposit.CreateOptions{Owner: "owner", Private: true})
	all := []reposit.ID{c.private, c.public, secret.ID()}
	slices.Sort(all)
	err := c.Teams().Put(ctx, reposit.Team{Owner: "owner", Name: "team", Permission: reposit.Write,
		Members: []string{"member"}, Repos: all})
	if err != nil {
		t.Fatal(err)
	}
	for actor, hidden := range map[string]bool{"writer": true, "admin": true, "member": false, "owner": false,
		"host": false} {
		r := must(c.as(actor).RepoByID(ctx, c.private))(t)
		want := all
		if hidden {
			want = slices.DeleteFunc(slices.Clone(all), func(id reposit.ID) bool { return id == secret.ID() })
		}
		if teams := must(r.Teams(ctx))(t); len(teams) != 1 || !slices.Equal(teams[0].Repos, want) {
			t.Errorf("Teams() as %s = %+v, want one with %v", actor, teams, want)
		}
	}
}

func TestUsers(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	full := reposit.Profile{
		Login: "Ann", Name: "Ann Example", Email: "ann@example.org", Company: "Example", Blog: "https://example.org",
		Location: "Here",
		Emails:   []string{"Ann@Work.example.org", "ann@home"},
	}
	if err := errors.Join(s.Users().Put(ctx, full), s.Users().Put(ctx, reposit.Profile{Login: "bob"})); err != nil {
		t.Fatal(err)
	}
	full.Login = "ann"
	shown := full
	shown.Emails = nil
	ann, bob := s.As(reposit.User("ANN")), s.As(reposit.User("bob"))
	for who, test := range map[string]struct {
		as   *reposit.Store
		want reposit.Profile
	}{"host": {s.Store, full}, "ann": {ann, full}, "bob": {bob, shown}, "anonymous": {s.As(reposit.Anonymous), shown}} {
		if diff := gocmp.Diff(test.want, must(test.as.Users().User(ctx, "aNN"))(t)); diff != "" {
			t.Errorf("User() as %s, -want +got:\n%s", who, diff)
		}
		for p, err := range test.as.Users().All(ctx) {
			if err != nil || p.Login == "ann" && !gocmp.Equal(p, test.want) {
				t.Errorf("All() as %s yields %+v, %v, want %+v", who, p, err, test.want)
			}
		}
	}

	renamed := full
	renamed.Name, renamed.Email, renamed.Emails = "A.", "ann@home", []string{"ann@work.example.org"}
	more := renamed
	more.Emails = append(slices.Clone(full.Emails), "ann@new.example.org")
	for what, test := range map[string]struct{ got, want error }{
		"their own profile": {ann.Users().Put(ctx, renamed), nil},
		"an address more":   {ann.Users().Put(ctx, more), reposit.ErrForbidden},
		"another's profile": {bob.Users().Put(ctx, renamed), reposit.ErrForbidden},
		"a user that is not known": {s.As(reposit.User("eve")).Users().Put(ctx, reposit.Profile{Login: "eve"}),
			reposit.ErrForbidden},
		"anonymous": {s.As(reposit.Anonymous).Users().Put(ctx, reposit.Profile{Login: "eve"}),
			reposit.ErrForbidden},
		"an address in use": {s.Users().Put(ctx, reposit.Profile{Login: "bob", Emails: []string{"ANN@home"}}),
			reposit.ErrExists},
		"an address that was left": {s.Users().Put(ctx, reposit.Profile{Login: "cid", Email: "ann@example.org"}), nil},
		"remove themselves":        {ann.Users().Remove(ctx, "ann"), reposit.ErrForbidden},
		"remove another":           {bob.Users().Remove(ctx, "ann"), reposit.ErrForbidden},
		"remove an unknown one":    {s.Users().Remove(ctx, "eve"), reposit.ErrNotFound},
	} {
		if !errors.Is(test.got, test.want) || test.want == nil && test.got != nil {
			t.Errorf("%s: %v, want %v", what, test.got, test.want)
		}
	}
}

// TestAllUsers goes over more users than a page holds.
func TestAllUsers(t *testing.T) {
	s := openMemory(t, nil)
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprintf("user%03d", i))
	}
	putUsers(t, s, want...)
	var got []string
	for p, err := range s.Users().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, p.Login); p.Login == "user100" { // the loop body is outside of everything
			putUsers(t, s, "user100a")
		}
	}
	if diff := gocmp.Diff(want, slices.DeleteFunc(got, func(l string) bool { return l == "user100a" })); diff != "" {
		t.Errorf("All(), -want +got:\n%s", diff)
	}
}

// TestBadPeople gives each method about people what it can't take.
func TestBadPeople(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "cid")
	r := create(t, s, "Site", nil)
	other := create(t, s, "Site", &reposit.CreateOptions{Owner: "other"})
	for _, login := range []string{"bob", "cid"} {
		if err := r.Watchers().Add(ctx, login); err != nil {
			t.Fatal(err)
		}
	}
	team := func(change func(*reposit.Team)) error {
		team := reposit.Team{Owner: "local", Name: "core", Permission: reposit.Read}
		change(&team)
		return s.Teams().Put(ctx, team)
	}
	profile := func(change func(*reposit.Profile)) error {
		p := reposit.Profile{Login: "dan"}
		change(&p)
		return s.Users().Put(ctx, p)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("%d@example.org", i)
	}
	type row struct {
		name string
		got  error
		want error
	}
	rows := []row{
		{"collaborator who is unknown", r.Collaborators().Add(ctx, "nobody", reposit.Read), reposit.ErrNotFound},
		{"collaborator with no permission", r.Collaborators().Add(ctx, "bob", reposit.None), reposit.ErrInvalid},
		{"collaborator with a permission beyond Admin", r.Collaborators().Add(ctx, "bob", reposit.Admin+1),
			reposit.ErrInvalid},
		{"collaborator with a permission below None", r.Collaborators().Add(ctx, "bob", -1), reposit.ErrInvalid},
		{"collaborator who is the owner", r.Collaborators().Add(ctx, "LOCAL", reposit.Read), reposit.ErrInvalid},
		{"collaborator without login", r.Collaborators().Add(ctx, "", reposit.Read), reposit.ErrInvalid},
		{"collaborator with NUL", r.Collaborators().Add(ctx, "b\x00b", reposit.Read), reposit.ErrInvalid},
		{"collaborator with a long login", r.Collaborators().Add(ctx, strings.Repeat("b", 65), reposit.Read),
			reposit.ErrTooLarge},
		{"removed collaborator who is none", r.Collaborators().Remove(ctx, "bob"), reposit.ErrNotFound},
		{"watcher who is unknown", r.Watchers().Add(ctx, "nobody"), reposit.ErrNotFound},
		{"watcher with a malformed login", r.Watchers().Add(ctx, "no/body"), reposit.ErrInvalid},
		{"removed watcher who is unknown", r.Watchers().Remove(ctx, "nobody"), nil},
		{"team with an unknown member", team(func(t *reposit.Team) { t.Members = []string{"bob", "nobody"} }),
			reposit.ErrNotFound},
		{"team with a malformed member", team(func(t *reposit.Team) { t.Members = []string{"no body"} }), reposit.ErrInvalid},
		{"team with no permission", team(func(t *reposit.Team) { t.Permission = reposit.None }), reposit.ErrInvalid},
		{"team with an unknown permission", team(func(t *reposit.Team) { t.Permission = 17 }), reposit.ErrInvalid},
		{"team with an unknown repository", team(func(t *reposit.Team) { t.Repos = []reposit.ID{"rp_00000000000000000000"} }),
			reposit.ErrNotFound},
		{"team with a malformed ID", team(func(t *reposit.Team) { t.Repos = []reposit.ID{"rp_"} }), reposit.ErrInvalid},
		{"team with a repository of another owner", team(func(t *reposit.Team) { t.Repos = []reposit.ID{other.ID()} }),
			reposit.ErrNotFound},
		{"team without name", team(func(t *reposit.Team) { t.Name = "" }), reposit.ErrInvalid},
		{"team without owner", team(func(t *reposit.Team) { t.Owner = "" }), reposit.ErrInvalid},
		{"team with a slash", team(func(t *reposit.Team) { t.Name = "a/b" }), reposit.ErrInvalid},
		{"removed team that is none", s.Teams().Remove(ctx, "local", "core"), reposit.ErrNotFound},
		{"user without login", profile(func(p *reposit.Profile) { p.Login = "" }), reposit.ErrInvalid},
		{"user with a malformed login", profile(func(p *reposit.Profile) { p.Login = "d@n" }), reposit.ErrInvalid},
		{"user with a name of two lines", profile(func(p *reposit.Profile) { p.Name = "a\nb" }), reposit.ErrInvalid},
		{"user with a long name", profile(func(p *reposit.Profile) { p.Name = strings.Repeat("n", 256) }),
			reposit.ErrTooLarge},
		{"user whose blog is no UTF-8", profile(func(p *reposit.Profile) { p.Blog = "\xff" }), reposit.ErrInvalid},
		{"user with many addresses", profile(func(p *reposit.Profile) { p.Emails = many }), reposit.ErrTooLarge},
		{"user with a long address", profile(func(p *reposit.Profile) { p.Email = strings.Repeat("a", 250) + "@b.org" }),
			reposit.ErrTooLarge},
		{"removed user who is unknown", s.Users().Remove(ctx, "nobody"), reposit.ErrNotFound},
		{"removed key that is none", r.DeployKeys().Remove(ctx, 1), reposit.ErrNotFound},
		{"removed key with a number that can't be", r.DeployKeys().Remove(ctx, -1), reposit.ErrNotFound},
	}
	for _, address := range []string{"dan", "@", "dan@", "@example.org", "d n@example.org", "<d@example.org>", "d@e\n",
		"d@\u202eexample.org", "d@\x00"} {
		rows = append(rows,
			row{fmt.Sprintf("user with address %q", address), profile(func(p *reposit.Profile) { p.Email = address }),
				reposit.ErrInvalid},
			row{fmt.Sprintf("user with further address %q", address),
				profile(func(p *reposit.Profile) { p.Emails = []string{address} }), reposit.ErrInvalid})
	}
	for name, line := range malformedKeys() {
		_, err := r.DeployKeys().Add(ctx, "k", line, nil)
		_, asErr := s.AsKey(ctx, line)
		rows = append(rows, row{"key: " + name, err, reposit.ErrInvalid}, row{"as key: " + name, asErr, reposit.ErrInvalid})
	}
	_, err := r.DeployKeys().Add(ctx, "two\nlines", sshKey(1), nil)
	rows = append(rows, row{"key with a title of two lines", err, reposit.ErrInvalid})
	_, err = r.DeployKeys().Add(ctx, "", sshKey(1)+" \x1b[0m", nil)
	rows = append(rows, row{"key with a comment that moves the cursor", err, reposit.ErrInvalid})
	_, err = s.AsKey(ctx, sshKey(1))
	rows = append(rows, row{"as a key that no repository has", err, reposit.ErrNotFound})
	_, err = s.Users().User(ctx, "nobody")
	rows = append(rows, row{"user who is unknown", err, reposit.ErrNotFound})
	_, err = s.Pushable(ctx, "nobody", nil)
	rows = append(rows, row{"pushable by who is unknown", err, reposit.ErrNotFound})
	_, err = s.Pushable(ctx, "no body", nil)
	rows = append(rows, row{"pushable by a malformed login", err, reposit.ErrInvalid})
	_, err = s.Teams().List(ctx, "")
	rows = append(rows, row{"teams of no owner", err, reposit.ErrInvalid})
	_, err = s.Teams().Team(ctx, "local", "nothing")
	rows = append(rows, row{"team that is not there", err, reposit.ErrNotFound})
	for _, row := range rows {
		if !errors.Is(row.got, row.want) || row.want == nil && row.got != nil {
			t.Errorf("%s: %v, want %v", row.name, row.got, row.want)
		}
		var known *reposit.Error
		if row.want != nil && !errors.As(row.got, &known) {
			t.Errorf("%s: %v is no *Error", row.name, row.got)
		}
	}
	if left := must(r.Collaborators().List(ctx))(t); len(left) != 0 {
		t.Errorf("bad input made collaborators %+v", left)
	}
	if keys := must(r.DeployKeys().List(ctx))(t); len(keys) != 0 {
		t.Errorf("bad input made keys %+v", keys)
	}
}

// TestWatcherTokens gives the list of watchers tokens that it did not give out, and options that it has not.
func TestWatcherTokens(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "cid")
	r, other := create(t, s, "Site", nil), create(t, s, "Other", nil)
	for _, login := range []string{"bob", "cid"} {
		if err := errors.Join(r.Watchers().Add(ctx, login), other.Watchers().Add(ctx, login)); err != nil {
			t.Fatal(err)
		}
	}
	one := &reposit.ListOptions{PageSize: 1}
	token := must(r.Watchers().List(ctx, one))(t).NextPageToken
	bobs := must(must(s.As(reposit.User("bob")).RepoByID(ctx, r.ID()))(t).Watchers().List(ctx, one))(t).NextPageToken
	others := must(other.Watchers().List(ctx, one))(t).NextPageToken
	lists := must(s.List(ctx, one))(t).NextPageToken
	for name, opts := range map[string]*reposit.ListOptions{
		"of another actor": {PageToken: bobs}, "of another repository": {PageToken: others}, "of a list": {PageToken: lists},
		"of another direction": {PageToken: token, Direction: reposit.Descending}, "changed": {PageToken: "AAAA" + token[4:]},
		"cut": {PageToken: token[:8]}, "no token": {PageToken: "?"}, "with a page": {PageToken: token, Page: 2},
		"owner": {Owner: "bob"}, "labels": {Labels: map[string]string{"a": "b"}}, "sort": {Sort: reposit.SortName},
		"direction": {Direction: 9}, "page size": {PageSize: 101}, "page": {Page: -1},
	} {
		if _, err := r.Watchers().List(ctx, opts); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("List() with a token %s = %v, want %v", name, err, reposit.ErrInvalid)
		}
	}
}

// TestPushableTokens gives the list of what a user may push to tokens that it did not give out.
func TestPushableTokens(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "cid")
	for i := range 3 {
		r := create(t, s, fmt.Sprint("site ", i), nil)
		if err := errors.Join(r.Collaborators().Add(ctx, "bob", reposit.Write),
			r.Collaborators().Add(ctx, "cid", reposit.Write)); err != nil {
			t.Fatal(err)
		}
	}
	bob := s.As(reposit.User("bob"))
	list := func(by *reposit.Store, login, token string) (reposit.Page[reposit.Info], error) {
		return by.Pushable(ctx, login, &reposit.ListOptions{PageSize: 1, PageToken: token})
	}
	token := must(list(s.Store, "bob", ""))(t).NextPageToken
	if page := must(list(s.Store, "bob", token))(t); len(page.Items) != 1 || page.TotalCount != 3 {
		t.Errorf("Pushable() with its own token = %+v, want the second of 3", page)
	}
	for name, test := range map[string]struct {
		by           *reposit.Store
		login, token string
	}{
		"another user's": {s.Store, "cid", token}, "another actor's": {bob, "bob", token},
		"the host's":    {s.Store, "bob", must(list(bob, "bob", ""))(t).NextPageToken},
		"that of List":  {s.Store, "bob", must(s.List(ctx, &reposit.ListOptions{PageSize: 1}))(t).NextPageToken},
		"List's of bob": {bob, "bob", must(bob.List(ctx, &reposit.ListOptions{PageSize: 1}))(t).NextPageToken},
		"a changed one": {s.Store, "bob", "AAAA" + token[4:]},
	} {
		if _, err := list(test.by, test.login, test.token); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Pushable() with a token, %s = %v, want %v", name, err, reposit.ErrInvalid)
		}
	}
}

// TestHostsLabels holds that only the host sets labels, at every door.
func TestHostsLabels(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "ann")
	labels := map[string]string{"plan": "gold"}
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Labels: labels})
	as := s.As(reposit.User("ann"))
	own := must(as.RepoByID(ctx, r.ID()))(t)
	for _, given := range []map[string]string{labels, {}} {
		_, created := as.Create(ctx, "other", &reposit.CreateOptions{Labels: given})
		_, updated := own.Update(ctx, &reposit.RepoUpdate{Labels: given})
		_, forked := own.Fork(ctx, &reposit.ForkOptions{Slug: "fork", Labels: given})
		for door, err := range map[string]error{"Create": created, "Update": updated, "Fork": forked} {
			if !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("%s with labels %v as the owner = %v, want %v", door, given, err, reposit.ErrForbidden)
			}
		}
	}
	if info := must(own.Update(ctx, &reposit.RepoUpdate{Slug: ref("renamed")}))(t); info.Labels["plan"] != "gold" {
		t.Errorf("labels after another update = %v, want %v", info.Labels, labels)
	}
	if _, err := r.Update(ctx, &reposit.RepoUpdate{Labels: map[string]string{}}); err != nil {
		t.Errorf("Update of labels as host = %v", err)
	}
}

// TestSizeIsForWriters holds that actors who may not write learn no size, wherever it is told.
func TestSizeIsForWriters(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "cid")
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "some bytes")
	done(t, r.Collaborators().Add(ctx, "bob", reposit.Write))
	done(t, r.Collaborators().Add(ctx, "cid", reposit.Read))
	fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
	shown := func(as *reposit.Store) (sizes []int64) {
		own := must(as.RepoByID(ctx, r.ID()))(t)
		of := must(as.RepoByID(ctx, fork.ID()))(t)
		infos := []reposit.Info{must(own.Info(ctx))(t)}
		infos = append(infos, must(as.List(ctx, &reposit.ListOptions{Owner: "ann"}))(t).Items...)
		infos = append(infos, must(of.Network(ctx, &reposit.ListOptions{Owner: "ann"}))(t).Items...)
		for _, found := range must(as.Search(ctx, "r", &reposit.SearchOptions{Owner: "ann"}))(t).Items {
			infos = append(infos, found.Info)
		}
		for _, info := range infos {
			sizes = append(sizes, info.Size)
		}
		return sizes
	}
	size := must(r.Info(ctx))(t).Size
	for who, test := range map[string]struct {
		as   *reposit.Store
		want int64
	}{
		"host": {s.Store, size}, "ann": {s.As(reposit.User("ann")), size}, "bob": {s.As(reposit.User("bob")), size},
		"cid": {s.As(reposit.User("cid")), 0}, "anonymous": {s.As(reposit.Anonymous), 0},
	} {
		if got := shown(test.as); !slices.Equal(got, []int64{test.want, test.want, test.want, test.want}) {
			t.Errorf("sizes as %s = %d, want %d", who, got, test.want)
		}
	}
}

// TestAccessEvents holds that each change of who may do what is an event, for those who may know.
func TestAccessEvents(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "cid")
	r := create(t, s, "Site", &reposit.CreateOptions{Owner: "acme"})
	actors := map[string]*reposit.Store{"host": s.Store, "admin": s.As(reposit.User("bob")),
		"anyone": s.As(reposit.Anonymous)}
	start := map[string]int64{}
	for who, as := range actors {
		_, start[who] = must2(as.EventRange(ctx))(t)
	}
	team := reposit.Team{Owner: "acme", Name: "core", Permission: reposit.Write, Members: []string{"bob"},
		Repos: []reposit.ID{r.ID()}}
	err := errors.Join(r.Collaborators().Add(ctx, "bob", reposit.Admin), r.Collaborators().Add(ctx, "cid", reposit.Read),
		s.Teams().Put(ctx, team))
	if err != nil {
		t.Fatal(err)
	}
	key := must(s.As(reposit.User("bob")).RepoByID(ctx, r.ID()))(t)
	added := must(key.DeployKeys().Add(ctx, "", sshKey(1), nil))(t)
	err = errors.Join(key.DeployKeys().Remove(ctx, added.ID), s.Users().Remove(ctx, "cid"),
		s.Teams().Remove(ctx, "acme", "core"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, r, "end", "")
	all := []string{
		"host: bob admin", "host: cid read", "host: team acme/core write, team", "host: team acme/core write",
		"user bob: deploy key " + fingerprint(t, sshKey(1)) + " read", "user bob: deploy key " + fingerprint(t, sshKey(1)) +
			" none",
		"host: cid none", "host: team acme/core none, team", "host: team acme/core none",
	}
	ofRepo := slices.DeleteFunc(slices.Clone(all), func(e string) bool { return strings.HasSuffix(e, ", team") })
	for who, test := range map[string]struct {
		want []string
	}{"host": {all}, "admin": {ofRepo}, "anyone": {nil}} {
		var got []string
		for e, err := range actors[who].Events(ctx, start[who]) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != reposit.AccessChanged { // the commit at the end
				break
			}
			text := e.By + ": " + e.Name + " " + e.Detail
			if e.Repo == "" {
				text += ", team"
			}
			got = append(got, text)
		}
		if diff := gocmp.Diff(test.want, got); diff != "" {
			t.Errorf("events as %s, -want +got:\n%s", who, diff)
		}
	}
}

// TestWatchersLoseRead holds that who may not read a repository any more watches it no more, and can stop to anyway.
func TestWatchersLoseRead(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, clock := fixed()
		s, ctx := open(opts), t.Context()
		r := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
		const many = 600 // more than one transaction looks at
		err := s.backend.Update(ctx, func(tx storage.Tx) error {
			for i := range many {
				login := fmt.Sprint("user", i)
				if err := people.PutUser(tx, &people.User{Login: login}); err != nil {
					return err
				}
			}
			return nil
		})
		for i := 0; i < many && err == nil; i++ {
			clock.advance(time.Second)
			err = r.Watchers().Add(ctx, fmt.Sprint("user", i))
		}
		if err != nil {
			t.Fatal(err)
		}
		watchers := func(when string, want ...string) {
			t.Helper()
			var got []string
			page := must(r.Watchers().List(ctx, nil))(t)
			for _, p := range page.Items {
				got = append(got, p.Login)
			}
			if n := must(r.Info(ctx))(t).Watchers; !slices.Equal(got, want) || page.TotalCount != len(want) || n != len(want) {
				t.Errorf("%s: watchers are %v, %d, %d, want %v", when, got, page.TotalCount, n, want)
			}
		}
		team := reposit.Team{Owner: "ann", Name: "core", Permission: reposit.Read, Members: []string{"user7", "user590"},
			Repos: []reposit.ID{r.ID()}}
		if err := errors.Join(s.Teams().Put(ctx, team), r.Collaborators().Add(ctx, "user8", reposit.Read),
			r.Collaborators().Add(ctx, "user599", reposit.Write)); err != nil {
			t.Fatal(err)
		}
		handle := s.repoAs(t, r, "user8")
		must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
		watchers("when it is private", "user7", "user8", "user590", "user599")

		team.Members = team.Members[:1]
		if err := s.Teams().Put(ctx, team); err != nil {
			t.Fatal(err)
		}
		watchers("when a member left", "user7", "user8", "user599")
		as := s.As(reposit.User("user8"))
		if err := s.As(reposit.User("user7")).Users().Unwatch(ctx, "user8", r.ID()); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Unwatch() of another user = %v, want %v", err, reposit.ErrForbidden)
		}
		if err := handle.Collaborators().Remove(ctx, "user599"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Remove() of another collaborator = %v, want %v", err, reposit.ErrForbidden)
		}
		if err := handle.Collaborators().Remove(ctx, "user8"); err != nil {
			t.Errorf("Remove() of oneself = %v", err)
		}
		watchers("when a collaborator left", "user7", "user599")
		for what, err := range map[string]error{
			"leave once more":             handle.Collaborators().Remove(ctx, "user8"),
			"unwatch once more":           handle.Watchers().Remove(ctx, "user8"),
			"unwatch by ID":               as.Users().Unwatch(ctx, "user8", r.ID()),
			"unwatch by an ID of nothing": as.Users().Unwatch(ctx, "user8", "rp_00000000000000000000"),
		} {
			if !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s = %v, want %v", what, err, reposit.ErrNotFound)
			}
		}
		if err := as.Users().Unwatch(ctx, "user8", "rp_"); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Unwatch() of a malformed ID = %v, want %v", err, reposit.ErrInvalid)
		}
		// What an older version left: a watcher who may not read it.
		err = errors.Join(r.Collaborators().Add(ctx, "user8", reposit.Read), r.Watchers().Add(ctx, "user8"))
		if err == nil {
			err = s.backend.Update(ctx, func(tx storage.Tx) error {
				_, err := people.RemoveCollaborator(tx, storageID(r), "user8")
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := as.Users().Unwatch(ctx, "USER8", r.ID()); err != nil {
			t.Errorf("Unwatch() of what may not be read = %v", err)
		}
		watchers("when it is not watched any more", "user7", "user599")
		if err := s.Teams().Remove(ctx, "ann", "core"); err != nil {
			t.Fatal(err)
		}
		watchers("when the team is gone", "user599")
		must(r.Update(ctx, &reposit.RepoUpdate{Owner: ref("user3")}))(t)
		must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(false)}))(t)
		if err := errors.Join(s.repoAs(t, r, "user3").Watchers().Add(ctx, "user3"),
			s.repoAs(t, r, "user4").Watchers().Add(ctx, "user4")); err != nil {
			t.Fatal(err)
		}
		must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(true), Owner: ref("ann")}))(t)
		watchers("when it went to another owner", "user599")
		if err := r.Watchers().Add(ctx, "user5"); !errors.Is(err, reposit.ErrForbidden) {
			t.Errorf("Add() of who may not read it = %v, want %v", err, reposit.ErrForbidden)
		}
		if keys := peopleRecords(t, s); slices.ContainsFunc(keys,
			func(key string) bool { return strings.HasPrefix(key, `"Py`) }) {
			t.Error("doubts are left")
		}
	})
}
