package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// A held backend has its next Update wait, and then fail.
type held struct {
	storage.Backend
	wait chan error // nil: nothing is held
}

func (h *held) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if h.wait != nil {
		wait := h.wait
		h.wait = nil
		if err := <-wait; err != nil {
			return err
		}
	}
	return h.Backend.Update(ctx, fn)
}

// TestBatch lines commits up behind one that hangs, so that they land together. Each has its own answer: none fails
// for another, and none is built on one that failed.
func TestBatch(t *testing.T) {
	type job struct {
		opts   reposit.CommitOptions
		change reposit.Change
		want   error
	}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		branch string
		first  error // how the one that hangs ends
		jobs   []job
		files  map[string]string // "gone" files are not compared
	}{
		"those that do not fit": {"main", nil, []job{
			{reposit.CommitOptions{}, reposit.Put("a", []byte("1")), nil},
			{reposit.CommitOptions{}, reposit.Delete("nothing"), reposit.ErrNotFound},
			{reposit.CommitOptions{}, reposit.Put("a", []byte("1")), reposit.ErrNoChange},
			{reposit.CommitOptions{}, reposit.Put("a", []byte("2")).Expect(blobHash("1")), nil},
			{reposit.CommitOptions{}, reposit.Put("a", []byte("3")).Expect(blobHash("1")), reposit.ErrConflict},
			{reposit.CommitOptions{Expect: &reposit.Hash{}}, reposit.Put("a", []byte("4")), reposit.ErrConflict},
			{reposit.CommitOptions{}, reposit.PutBlob("b", blobHash("not stored")), reposit.ErrNotFound},
			{reposit.CommitOptions{}, reposit.PutBlob("b", blobHash("2")), nil},
			{reposit.CommitOptions{}, reposit.Move("a", "c"), nil},
			{reposit.CommitOptions{}, reposit.Put("c/d", nil), reposit.ErrExists},
		}, map[string]string{"base": "100644 0", "old": "100644 0", "first": "100644 ", "b": "100644 2", "c": "100644 2"}},
		"the first fails": {"main", broken, []job{
			{reposit.CommitOptions{}, reposit.Put("a", []byte("1")), nil},
			{reposit.CommitOptions{}, reposit.Delete("first"), reposit.ErrNotFound},
		}, map[string]string{"base": "100644 0", "old": "100644 0", "a": "100644 1"}},
		"a new branch, from different places": {"new", broken, []job{
			{reposit.CommitOptions{From: "nothing"}, reposit.Put("x", nil), reposit.ErrNotFound},
			{reposit.CommitOptions{From: "main"}, reposit.Delete("nothing"), reposit.ErrNotFound},
			{reposit.CommitOptions{From: "main~1"}, reposit.Put("a", []byte("1")), nil},
			{reposit.CommitOptions{From: "main"}, reposit.Put("b", []byte("1")), nil},
			{reposit.CommitOptions{Expect: &reposit.Hash{}}, reposit.Put("c", []byte("1")), reposit.ErrConflict},
		}, map[string]string{"old": "100644 0", "a": "100644 1", "b": "100644 1"}},
		"one is too much": {"main", nil, []job{
			{reposit.CommitOptions{}, reposit.Put("a", []byte("1")), nil},
			{reposit.CommitOptions{}, reposit.Put("b", make([]byte, 1<<19)), reposit.ErrTooLarge},
			{reposit.CommitOptions{}, reposit.Put("c", []byte("1")), nil},
		}, map[string]string{"base": "100644 0", "old": "100644 0", "first": "100644 ", "a": "100644 1", "c": "100644 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &held{Backend: memory.New()}
				s := openStore(t, b, "", &reposit.Options{Limits: reposit.Limits{RepoSize: 1 << 18}})
				r := create(t, s, "x", nil)
				write(t, r, "old", "0")
				write(t, r, "base", "0")
				wait := make(chan error)
				b.wait = wait
				start := func(j job) chan error {
					done := make(chan error, 1)
					j.opts.Branch = c.branch
					go func() {
						_, err := r.Commit(t.Context(), &j.opts, j.change)
						done <- err
					}()
					synctest.Wait() // until it stands in line
					return done
				}
				first := start(job{change: reposit.Put("first", nil)})
				var done []chan error
				for _, j := range c.jobs {
					done = append(done, start(j))
				}
				withdrawn := make(chan error, 1)
				cancelled, cancel := context.WithCancel(t.Context())
				go func() {
					_, err := r.Commit(cancelled, &reposit.CommitOptions{Branch: c.branch}, reposit.Put("withdrawn", nil))
					withdrawn <- err
				}()
				synctest.Wait()
				cancel()
				wait <- c.first
				if err := <-first; !errors.Is(err, c.first) {
					t.Errorf("the first: %v, want %v", err, c.first)
				}
				for i, d := range done {
					if err := <-d; !errors.Is(err, c.jobs[i].want) || c.jobs[i].want == nil && err != nil {
						t.Errorf("job %d: %v, want %v", i, err, c.jobs[i].want)
					}
				}
				if err := <-withdrawn; !errors.Is(err, context.Canceled) {
					t.Errorf("the one that was cancelled: %v", err)
				}
				if got := files(t, r, c.branch); fmt.Sprint(got) != fmt.Sprint(c.files) {
					t.Errorf("%s has %v, want %v", c.branch, got, c.files)
				}
				s.Close()
			})
		})
	}
}
