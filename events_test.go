package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/reposit/reposit"
)

// TestEvents has many writers and one reader, who sees each change once and in order, and then the end of the store.
func TestEvents(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		const writers, each = 4, 25
		repos := make([]*reposit.Repo, writers)
		for i := range repos {
			repos[i] = create(t, s, fmt.Sprint("r", i), nil)
		}
		done := make(chan error, writers)
		for _, r := range repos {
			go func() {
				for i := range each {
					if _, err := r.Write(t.Context(), "f", fmt.Append(nil, i), "m"); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		tips := map[reposit.ID]reposit.Hash{}
		number, moved := int64(0), 0
		for e, err := range s.Events(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if number++; e.Number != number {
				t.Fatalf("Events() yields number %d behind %d", e.Number, number-1)
			}
			if e.Kind != reposit.RefChanged {
				continue
			}
			if e.Old != tips[e.Repo] || e.Name != "refs/heads/main" || e.By != "host" {
				t.Errorf("Events() yields %+v, want the old hash %s", e, tips[e.Repo])
			}
			tips[e.Repo] = e.New
			if moved++; moved == writers*each {
				break
			}
		}
		for range writers {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range repos {
			if h, err := r.Resolve(t.Context(), "main"); err != nil || h != tips[r.ID()] {
				t.Errorf("the last event of %s says %s, want %s, %v", r.ID(), tips[r.ID()], h, err)
			}
		}
		for e, err := range s.Events(t.Context(), number-1) {
			if err != nil || e.Number != number {
				t.Errorf("Events() after %d = %+v, %v", number-1, e, err)
			}
			break
		}
		ended := make(chan error, 1)
		go func() {
			for _, err := range s.Events(t.Context(), number) {
				ended <- err
			}
		}()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, reposit.ErrClosed) {
			t.Errorf("Events() of a closed store = %v, want %v", err, reposit.ErrClosed)
		}
	})
}

// TestEventKinds does one of each, and looks at them as several actors.
func TestEventKinds(t *testing.T) {
	s := openMemory(t, nil)
	yes, no := true, false
	r := create(t, s, "secret", &reposit.CreateOptions{Owner: "ann", Private: true})
	write(t, r, "f", "1")
	fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []*reposit.RepoUpdate{{Private: &no}, {Slug: ref("known")}, {Private: &yes}, {Private: &no}} {
		if _, err := r.Update(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	write(t, r, "f", "2")
	gone := create(t, s, "gone", &reposit.CreateOptions{Owner: "carl"})
	remove(t, gone)

	for name, test := range map[string]struct {
		as   *reposit.Store
		want []string
	}{
		"host": {s.Store, []string{
			"repo created ann/secret", "ref changed refs/heads/main", "repo created bob/secret", "repo updated ann/secret", "repo updated ann/known",
			"repo updated ann/known", "repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone", "repo deleted carl/gone",
		}},
		"ann": {s.As(reposit.User("ann")), []string{
			"repo created ann/secret", "ref changed refs/heads/main", "repo updated ann/secret", "repo updated ann/known",
			"repo updated ann/known", "repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone", "repo deleted carl/gone",
		}},
		"bob": {s.As(reposit.User("bob")), []string{
			"repo created bob/secret", "repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone", "repo deleted carl/gone",
		}},
		"anonymous": {s.As(reposit.Anonymous), []string{
			"repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone", "repo deleted carl/gone",
		}},
	} {
		var got []string
		ctx, cancel := context.WithCancel(t.Context())
		for e, err := range test.as.Events(ctx, 0) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Kind.String()+" "+e.Name)
			if e.Kind == reposit.RepoDeleted {
				break
			}
		}
		cancel()
		if !slices.Equal(got, test.want) {
			t.Errorf("Events() as %s = %q, want %q", name, got, test.want)
		}
	}
	if fork.ID() == "" {
		t.Error("the fork has no ID")
	}
}

// TestForkEvents holds that the event of a fork names its parent to those alone who may read that.
func TestForkEvents(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, r, "f", "1")
	must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
	detail := func(login string) string {
		as := s.Store
		if login != "" {
			as = s.As(reposit.User(login))
		}
		for e, err := range as.Events(ctx, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == reposit.RepoCreated && e.Name == "bob/r" {
				return e.Detail
			}
		}
		return ""
	}
	check := func(want map[string]string) {
		t.Helper()
		for login, want := range want {
			if got := detail(login); got != want {
				t.Errorf("detail of the event as %q = %q, want %q", login, got, want)
			}
		}
	}
	all := "fork of " + string(r.ID())
	check(map[string]string{"": all, "ann": all, "bob": all, "eve": all})
	must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
	check(map[string]string{"": all, "ann": all, "bob": "fork", "eve": "fork"})
	remove(t, r)
	check(map[string]string{"": all, "ann": "fork", "bob": "fork", "eve": "fork"})
}

// TestEventsOfKeys holds that of several deploy keys an event tells which it was.
func TestEventsOfKeys(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	for n := range byte(2) {
		must(r.DeployKeys().Add(ctx, "", sshKey(n), &reposit.KeyOptions{Write: true}))(t)
	}
	machine := must(s.AsKey(ctx, sshKey(1)))(t)
	write(t, must(machine.RepoByID(ctx, r.ID()))(t), "f", "1")
	for e, err := range machine.Events(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == reposit.RefChanged {
			if e.By != "deploy key 2" {
				t.Errorf("By = %q, want %q", e.By, "deploy key 2")
			}
			break
		}
	}
}

func TestBadEvents(t *testing.T) {
	s := openMemory(t, &reposit.Options{KeepEvents: 10})
	r := create(t, s, "x", nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	first := func(ctx context.Context, after int64) error {
		for _, err := range s.Events(ctx, after) {
			return err
		}
		return nil
	}
	for after, want := range map[int64]error{-1: reposit.ErrInvalid, 2: reposit.ErrInvalid, 0: nil} {
		if err := first(t.Context(), after); !errors.Is(err, want) {
			t.Errorf("Events() after %d = %v, want %v", after, err, want)
		}
	}
	if err := first(cancelled, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Events() = %v, want %v", err, context.Canceled)
	}
	for i := range 1100 {
		write(t, r, "f", fmt.Sprint(i))
	}
	if err := first(t.Context(), 0); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Events() of what is not kept = %v, want %v", err, reposit.ErrNotFound)
	}
	if err := first(t.Context(), 1091); err != nil {
		t.Errorf("Events() of the last 10 = %v", err)
	}
}
