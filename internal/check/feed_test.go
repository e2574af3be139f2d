package check_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// follow has a standby follow a store until both are the same.
func follow(t *testing.T, s *fixture.Store, standby storage.Backend) {
	t.Helper()
	after, err := reposit.StandbyMark(t.Context(), standby)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	fed, followed := make(chan error, 1), make(chan error, 1)
	go func() {
		err := s.Feed(ctx, w, after)
		w.Close()
		fed <- err
	}()
	go func() { followed <- reposit.Follow(t.Context(), standby, r) }()
	repo := must(s.Repo(t.Context(), "ann/renamed"))(t)
	for i := range 3 {
		fixture.Write(t, repo, "live", fmt.Sprint(i, after.IsZero()))
		want := must(repo.Resolve(t.Context(), "main"))(t)
		for !reached(t, standby, fixture.StorageID(repo), want) {
			if t.Context().Err() != nil {
				t.Fatal("the standby stays behind")
			}
		}
	}
	cancel()
	if err := <-fed; !errors.Is(err, context.Canceled) {
		t.Errorf("Feed() = %v, want %v", err, context.Canceled)
	}
	if err := <-followed; err != nil && !errors.Is(err, reposit.ErrCorrupt) { // it may be cut off within a stream
		t.Errorf("Follow() = %v", err)
	}
}

// reached reports whether the branch main of a repository is somewhere.
func reached(t *testing.T, b storage.Backend, repo storage.ID, want reposit.Hash) (is bool) {
	err := b.View(t.Context(), func(v storage.View) error {
		r, err := v.Ref(repo, "refs/heads/main")
		is = err == nil && r.Hash == storage.Hash(want)
		return nil
	})
	return err == nil && is
}

// TestFollow keeps a standby of each kind behind a store of each kind, in two goes, between which the store changes.
func TestFollow(t *testing.T) {
	for i, from := range kinds {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			s := fixture.Open(t, fixture.Backend(t, from), "", nil)
			_, fork := fill(t, s.Store)
			standby := fixture.Backend(t, kinds[(i+1)%len(kinds)])
			follow(t, s, standby)
			fixture.Remove(t, fork)
			fixture.Write(t, fixture.Create(t, s.Store, "between", nil), "f", "content")
			follow(t, s, standby)
			// What was cut off goes on with one more backup since what the standby has.
			var last bytes.Buffer
			after := must(reposit.StandbyMark(t.Context(), standby))(t)
			if _, err := s.Backup(t.Context(), &last, &reposit.BackupOptions{Since: after}); err != nil {
				t.Fatal(err)
			}
			if err := reposit.Follow(t.Context(), standby, bytes.NewReader(last.Bytes())); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(dump(t, s.Backend), dump(t, standby)); diff != "" {
				t.Errorf("the standby, -want +got:\n%s", diff)
			}
			if report := inspect(t, fixture.Open(t, standby, "", nil).Store); !report.Clean() {
				t.Errorf("Check() of the standby = %+v", report.Damage)
			}
		})
	}
}

// TestFollowCut cuts a stream anywhere: the standby can't be opened or is as it was, and goes on from there.
func TestFollowCut(t *testing.T) {
	s, ctx := fixture.OpenMemory(t, nil), t.Context()
	repo, _ := fill(t, s.Store)
	var first, second bytes.Buffer
	mark := must(s.Backup(ctx, &first, nil))(t)
	fixture.Write(t, repo, "more", "content")
	must(s.Backup(ctx, &second, &reposit.BackupOptions{Since: mark}))(t)
	standby := fixture.Backend(t, "memory")
	defer standby.Close()
	for at := 0; at < first.Len(); at += 1 + first.Len()/7 {
		if err := reposit.Follow(ctx, standby, bytes.NewReader(first.Bytes()[:at])); at > 0 && !errors.Is(err,
			reposit.ErrCorrupt) {
			t.Errorf("Follow() of %d bytes = %v, want %v", at, err, reposit.ErrCorrupt)
		}
	}
	var rest bytes.Buffer
	after := must(reposit.StandbyMark(ctx, standby))(t)
	must(s.Backup(ctx, &rest, &reposit.BackupOptions{Since: after}))(t)
	if err := reposit.Follow(ctx, standby, &rest); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump(t, s.Backend), dump(t, standby)); diff != "" {
		t.Errorf("the standby, -want +got:\n%s", diff)
	}
	if err := reposit.Follow(ctx, standby, &second); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Follow() of what goes on from elsewhere = %v, want %v", err, reposit.ErrInvalid)
	}
}
