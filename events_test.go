package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

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
			"repo created ann/secret", "ref changed refs/heads/main", "repo created bob/secret", "repo updated ann/secret",
			"repo updated ann/known",
			"repo updated ann/known", "repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone",
			"repo deleted carl/gone",
		}},
		"ann": {s.As(reposit.User("ann")), []string{
			"repo created ann/secret", "ref changed refs/heads/main", "repo updated ann/secret", "repo updated ann/known",
			"repo updated ann/known", "repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone",
			"repo deleted carl/gone",
		}},
		"bob": {s.As(reposit.User("bob")), []string{
			"repo created bob/secret", "repo updated ann/known", "ref changed refs/heads/main", "repo created carl/gone",
			"repo deleted carl/gone",
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
	if err := first(t.Context(), 1); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Events() of what is not kept = %v, want %v", err, reposit.ErrNotFound)
	}
	for _, after := range []int64{0, 1091} {
		if err := first(t.Context(), after); err != nil {
			t.Errorf("Events() after %d = %v", after, err)
		}
	}
	if _, last := must2(s.EventRange(t.Context()))(t); last != 1101 {
		t.Errorf("the last event has number %d, want 1101", last)
	}
	from, last := must2(s.As(reposit.User("eve")).EventRange(t.Context()))(t)
	if err := firstOf(s.As(reposit.User("bob")), last); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Events() after a number of another user's = %v, want %v", err, reposit.ErrInvalid)
	}
	if from == last || last < 2000 {
		t.Errorf("EventRange() of a user = %d, %d, want numbers that tell nothing", from, last)
	}
}

func must2[T, U any](v T, w U, err error) func(t testing.TB) (T, U) {
	return func(t testing.TB) (T, U) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v, w
	}
}

// firstOf returns the error of the first event after a number, nil if there is no event.
func firstOf(s *reposit.Store, after int64) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, err := range s.Events(ctx, after) {
		return err
	}
	return nil
}

// TestEventsGoOn holds that whoever saw all events that they may see can go on, whatever else happened meanwhile, that
// who missed some is told, and that anybody can begin with the first event that is kept, or from now on.
func TestEventsGoOn(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		s, ctx := open(&reposit.Options{KeepEvents: 10}), t.Context()
		private := &reposit.CreateOptions{Owner: "ann", Private: true}
		ann, busy := create(t, s, "own", private), create(t, s, "busy", &reposit.CreateOptions{Owner: "bob", Private: true})
		make300 := func() {
			for i := range 300 {
				write(t, busy, "f", fmt.Sprint(i))
			}
		}
		as := map[string]*reposit.Store{"ann": s.As(reposit.User("ann")), "bob": s.As(reposit.User("bob")),
			"eve": s.As(reposit.User("eve"))}
		next := func(who string, after int64) reposit.Event {
			t.Helper()
			for e, err := range as[who].Events(ctx, after) {
				if err != nil {
					t.Fatalf("Events() as %s = %v", who, err)
				}
				return e
			}
			return reposit.Event{}
		}
		seen := map[string]int64{"ann": next("ann", 0).Number, "bob": next("bob", 0).Number}
		_, seen["eve"] = must2(as["eve"].EventRange(ctx))(t)
		_, now := must2(as["ann"].EventRange(ctx))(t)
		make300()
		if err := firstOf(as["bob"], seen["bob"]); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Events() as who missed some = %v, want %v", err, reposit.ErrNotFound)
		}
		if e := next("bob", 0); e.Name != "refs/heads/main" {
			t.Errorf("Events() from the first that is kept = %+v", e)
		}
		tip := write(t, ann, "f", "1")
		for _, after := range []int64{seen["ann"], now, 0} {
			if e := next("ann", after); e.New != tip.Hash || e.Repo != ann.ID() {
				t.Errorf("Events() after %d as who missed none = %+v, want her commit", after, e)
			}
		}
		public := create(t, s, "public", &reposit.CreateOptions{Owner: "bob"})
		if e := next("eve", seen["eve"]); e.Repo != public.ID() {
			t.Errorf("Events() as who may read little = %+v, want the public repository", e)
		}
		_, last := must2(s.EventRange(ctx))(t)
		make300()
		for who, after := range map[string]int64{"ann": seen["ann"], "eve": seen["eve"]} {
			if err := firstOf(as[who], after); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Events() as %s, who missed a public one, = %v, want %v", who, err, reposit.ErrNotFound)
			}
		}
		if err := firstOf(s.Store, last); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Events() as host = %v, want %v", err, reposit.ErrNotFound)
		}
	})
}

// TestEventsOfAccessGoOn holds that a reader misses nothing by changes of access that only admins see.
func TestEventsOfAccessGoOn(t *testing.T) {
	s, ctx := openMemory(t, &reposit.Options{KeepEvents: 1}), t.Context()
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
	done(t, s.Users().Put(ctx, reposit.Profile{Login: "bob"}))
	done(t, r.Collaborators().Add(ctx, "bob", reposit.Read))
	_, bob := must2(s.As(reposit.User("bob")).EventRange(ctx))(t)
	_, ann := must2(s.As(reposit.User("ann")).EventRange(ctx))(t)
	for range 100 {
		done(t, r.Protection().Set(ctx, "x", reposit.Protection{}))
	}
	tip := write(t, r, "f", "1")
	for e, err := range s.As(reposit.User("bob")).Events(ctx, bob) {
		if err != nil || e.New != tip.Hash {
			t.Errorf("Events() as reader = %+v, %v, want the commit", e, err)
		}
		break
	}
	if err := firstOf(s.As(reposit.User("ann")), ann); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Events() as owner = %v, want %v", err, reposit.ErrNotFound)
	}
	token := must(r.DeleteToken(ctx))(t)
	done(t, r.Delete(ctx, token))
	checkStore(t, s)
}

// TestEventsOfOneCall holds that one call with many changes does not push out the events of others.
func TestEventsOfOneCall(t *testing.T) {
	s, ctx := openMemory(t, &reposit.Options{KeepEvents: 200}), t.Context()
	r := create(t, s, "r", nil)
	tips := [2]reposit.Hash{write(t, r, "f", "1").Hash, write(t, r, "f", "2").Hash}
	var updates []reposit.RefUpdate
	for i := range 2000 {
		updates = append(updates, reposit.RefUpdate{Name: fmt.Sprintf("refs/tags/t%d", i)})
	}
	for n := range 40 {
		for i := range updates {
			updates[i].New = tips[n%2]
		}
		done(t, r.Refs().Update(ctx, updates...))
	}
	if first, last := must2(s.EventRange(ctx))(t); first != 1 || last < 80_000 {
		t.Errorf("EventRange() = %d, %d, want all since the first", first, last)
	}
}

// TestKeepEventsFor holds that events are kept for a time, however many there are.
func TestKeepEventsFor(t *testing.T) {
	opts, clock := fixed()
	opts.KeepEvents, opts.KeepEventsFor = 1, time.Hour
	s := openMemory(t, opts)
	r := create(t, s, "r", nil)
	for i := range 300 {
		write(t, r, "f", fmt.Sprint(i))
	}
	if first, last := must2(s.EventRange(t.Context()))(t); first != 1 || last != 301 {
		t.Errorf("EventRange() = %d, %d, want all", first, last)
	}
	clock.advance(time.Hour)
	for i := range 300 {
		write(t, r, "f", fmt.Sprint(-i))
	}
	if first, _ := must2(s.EventRange(t.Context()))(t); first != 302 {
		t.Errorf("the first event after an hour is %d, want 302", first)
	}
}

// TestEventNumbers holds that a user can't tell from numbers how much happened that is hidden.
func TestEventNumbers(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	shown := create(t, s, "shown", nil)
	hidden := create(t, s, "hidden", &reposit.CreateOptions{Private: true})
	for i := range 20 {
		write(t, shown, "f", fmt.Sprint(i))
		write(t, hidden, "f", fmt.Sprint(i))
	}
	write(t, shown, "end", "")
	var numbers [2][]int64
	for i, login := range []string{"eve", "bob"} {
		for e, err := range s.As(reposit.User(login)).Events(ctx, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Number < 1<<20 || slices.Contains(numbers[i], e.Number) {
				t.Errorf("an event has number %d, which tells something", e.Number)
			}
			if numbers[i] = append(numbers[i], e.Number); len(numbers[i]) == 22 {
				break
			}
		}
	}
	if slices.IsSorted(numbers[0]) || slices.Equal(numbers[0], numbers[1]) {
		t.Errorf("numbers of events are %d and %d, want what tells nothing", numbers[0], numbers[1])
	}
	var last []int64
	for range 3 {
		_, n := must2(s.As(reposit.User("eve")).EventRange(ctx))(t)
		last = append(last, n)
	}
	if last[0] == last[1] && last[1] == last[2] {
		t.Errorf("EventRange() = %d each time, so that a change is told", last)
	}
	for e, err := range s.As(reposit.User("eve")).Events(ctx, numbers[0][5]) {
		if err != nil || e.Number != numbers[0][6] {
			t.Errorf("Events() after the sixth = %+v, %v, want the seventh", e, err)
		}
		break
	}
}

// TestEventsNotFlushed holds that few calls of one tenant, however much each of them changes, take no events from
// others.
func TestEventsNotFlushed(t *testing.T) {
	const keep, calls, each = 300, 30, 400
	s, ctx := openMemory(t, &reposit.Options{KeepEvents: keep}), t.Context()
	ann := create(t, s, "own", &reposit.CreateOptions{Owner: "ann", Private: true})
	busy := create(t, s, "busy", &reposit.CreateOptions{Owner: "bob"})
	tip := write(t, busy, "f", "1")
	bob := s.repoAs(t, busy, "bob")
	for i := range calls {
		var refs []reposit.RefUpdate
		for j := range each {
			refs = append(refs, reposit.RefUpdate{Name: fmt.Sprintf("refs/heads/%d/%d", i, j), New: tip.Hash})
		}
		if err := bob.Refs().Update(ctx, refs...); err != nil {
			t.Fatal(err)
		}
	}
	for e, err := range s.As(reposit.User("ann")).Events(ctx, 0) {
		if err != nil || e.Repo != ann.ID() || e.Kind != reposit.RepoCreated {
			t.Errorf("the first event that ann sees = %+v, %v, want that of their own repository", e, err)
		}
		break
	}
	seen := 0
	for e, err := range s.Events(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; e.Name == fmt.Sprintf("refs/heads/%d/%d", calls-1, each-1) {
			break
		}
	}
	if want := 3 + calls*each; seen != want {
		t.Errorf("%d events are kept, want all %d", seen, want)
	}
}
