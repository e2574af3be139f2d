package reposit_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"sync"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// history returns the commits from a tip to the first one.
func (s *store) history(t testing.TB, r *reposit.Repo, tip reposit.Hash) []reposit.Hash {
	t.Helper()
	objects := object.New(s.backend, 1<<20)
	var chain []reposit.Hash
	for h := storage.Hash(tip); ; {
		chain = append(chain, reposit.Hash(h))
		c, err := objects.Commit(t.Context(), storageID(r), h)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Parents) == 0 {
			return chain
		}
		h = c.Parents[0]
	}
}

var eachFlag = flag.Int("each", 0,
	"how many commits each of 64 writers makes in TestManyWriters; 0: what takes seconds")

// TestManyWriters commits from 64 goroutines to one branch: each commit is in the history, and readers see whole
// commits only.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		writers, each := 64, 10
		switch {
		case *eachFlag > 0:
			each = *eachFlag
		case testing.Short():
			each = 4
		case t.Name() == "TestManyWriters/memory":
			each = 60
		}
		r := create(t, s, "busy", nil)
		commit(t, r, nil, reposit.Put("pair/a", nil), reposit.Put("pair/b", nil))
		made := make([][]reposit.Hash, writers)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for n := range each {
					id := []byte(fmt.Sprintf("%d-%d", w, n))
					c, err := r.Commit(t.Context(), &reposit.CommitOptions{Message: string(id)},
						reposit.Put("pair/a", id), reposit.Put("pair/b", id), reposit.Put(fmt.Sprintf("w%d/%d", w, n), id))
					if err != nil {
						t.Errorf("Commit() = %v", err)
						return
					}
					made[w] = append(made[w], c.Hash)
					if n%4 == 0 { // while others write
						checkPair(t, r)
					}
				}
			})
		}
		group.Wait()
		if t.Failed() {
			return
		}
		checkAllThere(t, s, r, made)
	})
}

// checkPair reads two files that each commit makes equal.
func checkPair(t *testing.T, r *reposit.Repo) {
	fsys, err := r.FS(t.Context(), "")
	if err != nil {
		t.Errorf("FS() = %v", err)
		return
	}
	a, err := fs.ReadFile(fsys, "pair/a")
	if err != nil {
		t.Errorf("ReadFile() = %v", err)
	}
	b, err := fs.ReadFile(fsys, "pair/b")
	if err != nil {
		t.Errorf("ReadFile() = %v", err)
	}
	if string(a) != string(b) {
		t.Errorf("a reader sees half a commit: %q and %q", a, b)
	}
}

func checkAllThere(t *testing.T, s *store, r *reposit.Repo, made [][]reposit.Hash) {
	t.Helper()
	tip, err := r.Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	at := map[reposit.Hash]int{}
	chain := s.history(t, r, tip)
	for i, h := range chain {
		at[h] = i
	}
	total := 0
	for w, hashes := range made {
		for n, h := range hashes {
			total++
			i, ok := at[h]
			if !ok {
				t.Errorf("commit %d of writer %d is lost", n, w)
			} else if n > 0 && i >= at[hashes[n-1]] {
				t.Errorf("commit %d of writer %d lies below the one before it", n, w)
			}
			path := fmt.Sprintf("w%d/%d", w, n)
			if data, err := r.Read(t.Context(), "", path); err != nil || string(data) != fmt.Sprintf("%d-%d", w, n) {
				t.Errorf("Read(%q) = %q, %v", path, data, err)
			}
		}
	}
	if len(chain) != total+1 {
		t.Errorf("the history has %d commits, want %d", len(chain), total+1)
	}
}

// TestCompareAndSwap counts in a file from many goroutines, each of which commits only on the tip that it read.
func TestCompareAndSwap(t *testing.T) {
	const writers, each = 16, 6
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "counter", nil)
		write(t, r, "n", "0")
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range each {
					countUp(t, r)
				}
			})
		}
		group.Wait()
		data, err := r.Read(t.Context(), "", "n")
		if want := strconv.Itoa(writers * each); err != nil || string(data) != want {
			t.Errorf("Read() = %q, %v, want %s", data, err, want)
		}
	})
}

func countUp(t *testing.T, r *reposit.Repo) {
	for {
		tip, err := r.Resolve(t.Context(), "")
		if err != nil {
			t.Errorf("Resolve() = %v", err)
			return
		}
		data, err := r.Read(t.Context(), tip.String(), "n")
		if err != nil {
			t.Errorf("Read() = %v", err)
			return
		}
		n, _ := strconv.Atoi(string(data))
		_, err = r.Commit(t.Context(), &reposit.CommitOptions{Expect: &tip}, reposit.Put("n", []byte(strconv.Itoa(n+1))))
		var conflict *reposit.ConflictError
		switch {
		case err == nil:
			return
		case !errors.Is(err, reposit.ErrConflict) || !errors.As(err, &conflict):
			t.Errorf("Commit() = %v, want a *ConflictError", err)
			return
		case conflict.Name != "refs/heads/main" || conflict.Expected != tip || conflict.Actual == tip:
			t.Errorf("Commit() = %+v, expected tip %s", conflict, tip)
			return
		}
	}
}

// TestBlockedWriter reads and writes while one writer hangs in code of its caller.
func TestBlockedWriter(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "blocked", nil)
		write(t, r, "a", "1")

		t.Run("Sign", func(t *testing.T) {
			entered, leave := make(chan struct{}), make(chan struct{})
			payloads := 0
			sign := func(payload []byte) (string, error) {
				if payloads++; payloads == 1 {
					close(entered)
					<-leave
				}
				return "signature " + strconv.Itoa(payloads), nil
			}
			done := make(chan error)
			var signed *reposit.Commit
			go func() {
				var err error
				signed, err = r.Commit(t.Context(), &reposit.CommitOptions{Sign: sign}, reposit.Put("signed", []byte("x")))
				done <- err
			}()
			<-entered
			meanwhile := useRepo(t, r)
			close(leave)
			if err := <-done; err != nil {
				t.Fatalf("Commit() = %v", err)
			}
			if payloads != 2 || signed.Signature != "signature 2" || signed.Parents[0] != meanwhile.Hash {
				t.Errorf("signed %d times as %q on %v, want twice, on %s", payloads, signed.Signature, signed.Parents,
					meanwhile.Hash)
			}
		})

		t.Run("PutReader", func(t *testing.T) {
			r1, w1 := io.Pipe()
			done := make(chan error)
			go func() {
				_, err := r.Commit(t.Context(), nil, reposit.PutReader("streamed", r1))
				done <- err
			}()
			if _, err := w1.Write([]byte("half of it, ")); err != nil { // returns once it was read
				t.Fatal(err)
			}
			useRepo(t, r)
			if _, err := w1.Write([]byte("and the rest")); err != nil {
				t.Fatal(err)
			}
			w1.Close()
			if err := <-done; err != nil {
				t.Fatalf("Commit() = %v", err)
			}
			if data, err := r.Read(t.Context(), "", "streamed"); err != nil || string(data) != "half of it, and the rest" {
				t.Errorf("Read() = %q, %v", data, err)
			}
		})
	})
}

// useRepo reads, writes and lists, which must not have to wait for anyone.
func useRepo(t *testing.T, r *reposit.Repo) *reposit.Commit {
	t.Helper()
	if _, err := r.Read(t.Context(), "", "a"); err != nil {
		t.Error(err)
	}
	if _, err := r.List(t.Context(), "main", ""); err != nil {
		t.Error(err)
	}
	for _, err := range r.Branches().All(t.Context()) {
		if err != nil {
			t.Error(err)
		}
	}
	return commit(t, r, &reposit.CommitOptions{AllowEmpty: true, Message: "meanwhile"})
}

// TestWriteWhileReading writes, deletes and closes from the bodies of loops over sequences, which hold nothing.
func TestWriteWhileReading(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		for i := range 3 {
			r := create(t, s, fmt.Sprintf("r%d", i), nil)
			write(t, r, "d/a", "1")
			write(t, r, "d/b", "2")
		}
		n := 0
		for info, err := range s.All(t.Context(), &reposit.ListOptions{PageSize: 1, Sort: reposit.SortName}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			r, err := s.RepoByID(t.Context(), info.ID)
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range r.Walk(t.Context(), "", "") {
				if err != nil {
					t.Fatal(err)
				}
				write(t, r, "e/"+e.Name, e.Name)
				if _, err := r.Branches().Create(t.Context(), "at-"+e.Name, ""); err != nil {
					t.Fatal(err)
				}
			}
			for b, err := range r.Branches().All(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if b.Name != "main" {
					if err := r.Branches().Delete(t.Context(), b.Name); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if n != 3 {
			t.Errorf("All() yields %d repositories, want 3", n)
		}
		r, err := s.Repo(t.Context(), "r0")
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range r.Walk(t.Context(), "", "") {
			if last = err; err == nil {
				s.Close()
			}
		}
		if !errors.Is(last, reposit.ErrClosed) {
			t.Errorf("Walk() ends with %v after Close in its body, want %v", last, reposit.ErrClosed)
		}
	})
}
