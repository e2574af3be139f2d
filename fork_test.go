package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// TestFork forks, goes on in parent and fork, and deletes from the root on.
func TestFork(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		ctx := t.Context()
		root := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
		write(t, root, "f", "1")
		fork := func(of *reposit.Repo, owner string) *reposit.Repo {
			t.Helper()
			made, err := of.Fork(ctx, &reposit.ForkOptions{Owner: owner})
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		bob := fork(root, "bob")
		carl := fork(bob, "carl")
		dora := fork(root, "dora")
		write(t, root, "f", "root")
		write(t, bob, "f", "bob")
		want := map[*reposit.Repo]string{root: "root", bob: "bob", carl: "1", dora: "1"}
		check := func(when string) {
			t.Helper()
			for r, content := range want {
				if data, err := r.Read(ctx, "", "f"); err != nil || string(data) != content {
					t.Errorf("%s: Read() of %s = %q, %v, want %q", when, fullName(t, r), data, err, content)
				}
			}
			checkStore(t, s)
		}
		check("at first")
		wantNetwork(t, root, "ann/x", map[string]string{"bob/x": "ann/x", "carl/x": "bob/x", "dora/x": "ann/x"})

		remove(t, root)
		delete(want, root)
		check("without the root")
		wantNetwork(t, bob, "bob/x", map[string]string{"carl/x": "bob/x", "dora/x": "bob/x"})
		remove(t, bob)
		delete(want, bob)
		check("without two")
		wantNetwork(t, carl, "carl/x", map[string]string{"dora/x": "carl/x"})
		remove(t, carl)
		delete(want, carl)
		check("one left")
		remove(t, dora)
		if n := len(s.records(t)); n > 3 {
			t.Errorf("%d records are left, want those of the store itself", n)
		}
	})
}

// wantNetwork compares the network of a repository with its root and the parent of each fork.
func wantNetwork(t *testing.T, of *reposit.Repo, root string, parents map[string]string) {
	t.Helper()
	for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortPushed, reposit.SortName} {
		page, err := of.Network(t.Context(), &reposit.ListOptions{Sort: sort})
		if err != nil || page.TotalCount != len(parents)+1 || len(page.Items) != page.TotalCount {
			t.Fatalf("Network() = %+v, %v, want %d", page, err, len(parents)+1)
		}
		names := map[reposit.ID]string{}
		forks := map[string]int{}
		for _, info := range page.Items {
			names[info.ID] = info.FullName()
			forks[parents[info.FullName()]]++
		}
		for _, info := range page.Items {
			wantSource := root
			if info.FullName() == root {
				wantSource = ""
			}
			parent := parents[info.FullName()]
			if names[info.Parent] != parent || names[info.Source] != wantSource || info.Fork != (parent != "") || info.Forks != forks[info.FullName()] {
				t.Errorf("%s is %+v, want parent %q, source %q, %d forks", info.FullName(), info, parent, wantSource, forks[info.FullName()])
			}
		}
	}
	page, err := of.Forks(t.Context(), &reposit.ListOptions{Sort: reposit.SortName})
	var got, want []string
	for _, info := range page.Items {
		got = append(got, info.FullName())
	}
	for name, parent := range parents {
		if parent == fullName(t, of) {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) || page.TotalCount != len(want) {
		t.Errorf("Forks() = %v of %d, %v, want %v", got, page.TotalCount, err, want)
	}
}

// TestForkAccess forks what is private.
func TestForkAccess(t *testing.T) {
	s := openMemory(t, nil)
	ctx := t.Context()
	no, yes := false, true
	secret := create(t, s, "x", &reposit.CreateOptions{Owner: "ann", Private: true})
	if _, err := secret.Fork(ctx, &reposit.ForkOptions{Owner: "bob", Private: &no}); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Fork() to a public one = %v, want %v", err, reposit.ErrForbidden)
	}
	fork, err := secret.Fork(ctx, &reposit.ForkOptions{Owner: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := fork.Info(ctx)
	if err != nil || !info.Private || info.Parent != secret.ID() {
		t.Errorf("Info() = %+v, %v, want a private fork", info, err)
	}
	asBob, err := s.As(reposit.User("bob")).RepoByID(ctx, fork.ID())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := asBob.Info(ctx); err != nil || !info.Fork || info.Parent != "" || info.Source != "" {
		t.Errorf("Info() = %+v, %v, want a fork of what can't be seen", info, err)
	}
	if page, err := asBob.Network(ctx, nil); err != nil || page.TotalCount != 1 {
		t.Errorf("Network() = %+v, %v, want the fork alone", page, err)
	}
	if _, err := asBob.Fork(ctx, nil); !errors.Is(err, reposit.ErrExists) {
		t.Errorf("Fork() to the same name = %v, want %v", err, reposit.ErrExists)
	}
	if _, err := asBob.Fork(ctx, &reposit.ForkOptions{Owner: "carl"}); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Fork() to another owner = %v, want %v", err, reposit.ErrForbidden)
	}

	// A public repository counts and lists private forks for those alone who may read them.
	open := create(t, s, "open", &reposit.CreateOptions{Owner: "ann"})
	for i, private := range []*bool{&yes, &no, nil, &yes} {
		if _, err := open.Fork(ctx, &reposit.ForkOptions{Owner: fmt.Sprint("u", i), Private: private}); err != nil {
			t.Fatal(err)
		}
	}
	for actor, want := range map[*reposit.Store]int{s.Store: 4, s.As(reposit.Anonymous): 2, s.As(reposit.User("u0")): 3} {
		r, err := actor.Repo(ctx, "ann/open")
		if err != nil {
			t.Fatal(err)
		}
		info, err := r.Info(ctx)
		if err != nil || info.Forks != want {
			t.Errorf("Info().Forks = %d, %v, want %d", info.Forks, err, want)
		}
		for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortPushed} {
			if page, err := r.Forks(ctx, &reposit.ListOptions{Sort: sort}); err != nil || page.TotalCount != want || len(page.Items) != want {
				t.Errorf("Forks() = %d of %d, %v, want %d", len(page.Items), page.TotalCount, err, want)
			}
		}
	}
	checkStore(t, s)
}

// TestForkSize holds that a repository does not tell, by how it grows, what others of its network hold.
func TestForkSize(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		root := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
		write(t, root, "f", "1")
		forks := make([]*reposit.Repo, 2)
		for i := range forks {
			var err error
			if forks[i], err = root.Fork(t.Context(), &reposit.ForkOptions{Owner: fmt.Sprint("u", i)}); err != nil {
				t.Fatal(err)
			}
		}
		large := bytes.Repeat([]byte("0123456789abcdef"), storage.LargeObject/8)
		grows := func(r *reposit.Repo, small, large []byte) int64 {
			before, err := r.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Commit(t.Context(), nil, reposit.Put("g", small), reposit.PutReader("h", bytes.NewReader(large))); err != nil {
				t.Fatal(err)
			}
			after, err := r.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return after.Size - before.Size
		}
		first := grows(forks[0], []byte("secret"), large)
		same := grows(forks[1], []byte("secret"), large)
		if first != same || first < int64(len(large)) {
			t.Errorf("a fork grows by %d bytes for what is new to the network, and by %d for what is not", first, same)
		}
	})
}

// checkStore compares all indexes and counts with a scan.
func checkStore(t testing.TB, s *store) {
	t.Helper()
	err := s.backend.View(t.Context(), func(v storage.View) error {
		_, err := checkCatalog(v)
		return err
	})
	if err := errors.Join(err, checkInsights(t.Context(), s.backend)); err != nil {
		t.Error(err)
	}
}

func fullName(t testing.TB, r *reposit.Repo) string {
	t.Helper()
	info, err := r.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.FullName()
}

func remove(t testing.TB, r *reposit.Repo) {
	t.Helper()
	token, err := r.DeleteToken(t.Context())
	if err == nil {
		err = r.Delete(t.Context(), token)
	}
	if err != nil {
		t.Fatal(err)
	}
}
