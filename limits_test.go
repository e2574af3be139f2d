package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// TestLimits puts content of just under, at and over each limit through each door.
func TestLimits(t *testing.T) {
	const blob, total = 5000, 12000
	text := func(n int) string { return strings.Repeat("x", n) }
	doors := map[string]func(path, content string) reposit.Change{
		"Put":       func(p, c string) reposit.Change { return reposit.Put(p, []byte(c)) },
		"PutReader": func(p, c string) reposit.Change { return reposit.PutReader(p, strings.NewReader(c)) },
		"one byte": func(p, c string) reposit.Change {
			return reposit.PutReader(p, iotest.OneByteReader(strings.NewReader(c)))
		},
		"data+EOF": func(p, c string) reposit.Change {
			return reposit.PutReader(p, iotest.DataErrReader(strings.NewReader(c)))
		},
	}
	for name, put := range doors {
		t.Run(name, func(t *testing.T) {
			s := openMemory(t, &reposit.Options{Limits: reposit.Limits{BlobSize: blob, CommitSize: total}})
			r := create(t, s, "x", nil)
			for _, c := range []struct {
				sizes []int
				fits  bool
			}{
				{[]int{blob - 1}, true}, {[]int{blob}, true}, {[]int{blob + 1}, false}, {[]int{2 * blob}, false},
				{[]int{4000, 4000, 3999}, true}, {[]int{4000, 4000, 4000}, true}, {[]int{4000, 4000, 4001}, false},
				{[]int{0, 0, 1}, true},
			} {
				var changes []reposit.Change
				for i, n := range c.sizes {
					changes = append(changes, put(fmt.Sprintf("f%d-%d", i, n), text(n)))
				}
				before := s.digest(t)
				_, err := r.Commit(t.Context(), &reposit.CommitOptions{AllowEmpty: true}, changes...)
				switch {
				case c.fits && err != nil:
					t.Errorf("sizes %d: %v", c.sizes, err)
				case !c.fits && !errors.Is(err, reposit.ErrTooLarge):
					t.Errorf("sizes %d: %v, want %v", c.sizes, err, reposit.ErrTooLarge)
				case !c.fits && s.digest(t) != before:
					t.Errorf("sizes %d: refused, but something changed", c.sizes)
				}
			}
		})
	}
	t.Run("path", func(t *testing.T) {
		s := openMemory(t, &reposit.Options{Limits: reposit.Limits{PathLength: 20, PathDepth: 3}})
		r := create(t, s, "x", nil)
		for path, fits := range map[string]bool{
			text(19): true, text(20): true, text(21): false,
			"a/b/c": true, "d/e/f/g": true, "h/i/j/k/l": false,
		} {
			_, err := r.Write(t.Context(), path, nil, "")
			if fits != (err == nil) || !fits && !errors.Is(err, reposit.ErrTooLarge) {
				t.Errorf("Write(%q) = %v, fits: %v", path, err, fits)
			}
		}
	})
}

// TestRepoSize fills repositories up to their limit, also with content that was stored ahead of commits that failed.
func TestRepoSize(t *testing.T) {
	t.Parallel()
	needGit(t)
	eachKind(t, func(t *testing.T, open opener) {
		const limit = 4 << 20
		s := open(&reposit.Options{Limits: reposit.Limits{RepoSize: limit}})
		r := create(t, s, "x", nil)
		size := func() int64 {
			info, err := r.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return info.Size
		}
		write(t, r, "small", "content")
		if got, want := size(), int64(s.pooled(t, r)); got != want {
			t.Errorf("Size = %d, want %d: the bytes of all objects", got, want)
		}
		large := strings.Repeat("0123456789abcdef", 3<<16) // 3 MiB
		for range 2 {
			// Stored ahead, and never landed.
			_, err := r.Commit(t.Context(), &reposit.CommitOptions{Expect: &reposit.Hash{}},
				reposit.PutReader("large", strings.NewReader(large)))
			if !errors.Is(err, reposit.ErrConflict) {
				t.Fatalf("Commit() = %v, want %v", err, reposit.ErrConflict)
			}
		}
		commit(t, r, nil, reposit.PutReader("large", strings.NewReader(large)))
		if got, want := size(), int64(s.pooled(t, r)); got != want {
			t.Errorf("Size = %d, want %d: what was stored ahead of commits that failed was not counted, or twice", got, want)
		}
		commit(t, r, nil, reposit.PutReader("copy", strings.NewReader(large)))
		if got, want := size(), int64(s.pooled(t, r)); got != want {
			t.Errorf("Size = %d, want %d after the same content once more", got, want)
		}
		for range 2 {
			_, err := r.Commit(t.Context(), nil, reposit.PutReader("more", strings.NewReader(large[:1<<20]+"more")))
			if !errors.Is(err, reposit.ErrTooLarge) {
				t.Errorf("Commit() = %v, want %v", err, reposit.ErrTooLarge)
			}
			_, err = r.Commit(t.Context(), nil, reposit.Put("more", []byte(large[:1<<20-1])))
			if !errors.Is(err, reposit.ErrTooLarge) {
				t.Errorf("Commit() = %v, want %v", err, reposit.ErrTooLarge)
			}
		}
		write(t, r, "small", "still fits")
	})
}

// pooled returns the bytes of all objects that the refs of a repository lead to.
func (s *store) pooled(t testing.TB, r *reposit.Repo) int {
	t.Helper()
	dir := s.export(t, r)
	total := 0
	for line := range strings.Lines(git(t, dir, nil, "cat-file", "--batch-all-objects", "--batch-check=%(objectsize)")) {
		n := 0
		fmt.Sscan(line, &n)
		total += n
	}
	return total
}

// TestBadReaders commits from readers that fail, lie and end early.
func TestBadReaders(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is on fire")
	large := strings.Repeat("x", 3<<20)
	if testing.Short() {
		large = large[:2*storage.LargeObject]
	}
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "x", nil)
		write(t, r, "a", "1")
		ctx, cancel := context.WithCancel(t.Context())
		for name, c := range map[string]struct {
			reader io.Reader
			want   error
		}{
			"fails at once":    {iotest.ErrReader(broken), broken},
			"fails half way":   {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), broken},
			"fails late":       {io.MultiReader(strings.NewReader(large), iotest.ErrReader(broken)), broken},
			"times out":        {iotest.TimeoutReader(strings.NewReader(large)), iotest.ErrTimeout},
			"returns too much": {liar(1), nil},
			"returns less":     {liar(-1), nil},
			"cancels":          {io.MultiReader(strings.NewReader(large), canceller(cancel)), context.Canceled},
		} {
			before := s.digestOfNames(t)
			_, err := r.Commit(ctx, nil, reposit.Put("fine", []byte("x")), reposit.PutReader("f", c.reader))
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("a reader that %s: Commit() = %v, want %v", name, err, c.want)
			}
			if s.digestOfNames(t) != before {
				t.Errorf("a reader that %s left something", name)
			}
			if name == "cancels" {
				ctx, cancel = context.WithCancel(t.Context())
			}
		}
		cancel()
		commit(t, r, nil, reposit.PutReader("nothing", strings.NewReader("")),
			reposit.PutReader("large", iotest.HalfReader(strings.NewReader(large))))
		if data, err := r.Read(t.Context(), "", "large"); err != nil || string(data) != large {
			t.Errorf("Read() = %d bytes, %v, want %d", len(data), err, len(large))
		}
		content, err := r.Open(t.Context(), "", "large")
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		if err := iotest.TestReader(content, []byte(large)); err != nil {
			t.Error(err)
		}
	})
}

// A liar returns counts that no reader may.
type liar int

func (l liar) Read(p []byte) (int, error) {
	if l < 0 {
		return -1, nil
	}
	return len(p) + int(l), nil
}

type canceller context.CancelFunc

func (c canceller) Read(p []byte) (int, error) {
	c()
	return copy(p, "more"), nil
}
