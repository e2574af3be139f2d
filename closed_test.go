package reposit_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// A method is an exported method of something that a store gave out.
type method struct {
	name string
	call reflect.Value
}

// methods returns the exported methods that may fail, or yield errors.
func methods(r *reposit.Repo, s *reposit.Store) []method {
	var found []method
	for _, v := range nouns(r, s) {
		for i := range v.NumMethod() {
			m := method{v.Type().String() + "." + v.Type().Method(i).Name, v.Method(i)}
			if m.mayFail() {
				found = append(found, m)
			}
		}
	}
	return found
}

// nouns returns the store, the repository, and all that they hand out without an argument and that has methods itself,
// as Branches does.
func nouns(r *reposit.Repo, s *reposit.Store) []reflect.Value {
	found := []reflect.Value{reflect.ValueOf(s), reflect.ValueOf(r)}
	for _, of := range found[:2] {
		for i := range of.NumMethod() {
			t := of.Method(i).Type()
			if t.NumIn() > 0 || t.NumOut() != 1 || t.Out(0).Kind() != reflect.Struct || t.Out(0).NumMethod() == 0 {
				continue
			}
			found = append(found, of.Method(i).Call(nil)[0])
		}
	}
	return found
}

var (
	errorType   = reflect.TypeFor[error]()
	contextType = reflect.TypeFor[context.Context]()
)

func (m method) mayFail() bool {
	t := m.call.Type()
	n := t.NumOut()
	return n > 0 && (t.Out(n-1) == errorType || isSequence(t.Out(0)))
}

// isSequence reports whether t is an iter.Seq2 whose second values are errors.
func isSequence(t reflect.Type) bool {
	return t.Kind() == reflect.Func && t.NumIn() == 1 && t.In(0).Kind() == reflect.Func &&
		t.In(0).NumIn() == 2 && t.In(0).In(1) == errorType
}

// takesContext reports whether the first argument is a context.
func (m method) takesContext() bool {
	t := m.call.Type()
	return t.NumIn() > 0 && t.In(0) == contextType
}

// run calls the method with arguments that are valid as far as a type can tell, options all nil, and returns its
// error, or the first of its sequence.
func (m method) run(ctx context.Context) error {
	t := m.call.Type()
	var args []reflect.Value
	for i := range t.NumIn() {
		if t.IsVariadic() && i == t.NumIn()-1 {
			break
		}
		args = append(args, argument(ctx, t.In(i)))
	}
	out := m.call.Call(args)
	last := out[len(out)-1]
	if isSequence(last.Type()) {
		var first error
		for _, err := range last.Seq2() {
			first, _ = err.Interface().(error)
			break
		}
		return first
	}
	if c, ok := out[0].Interface().(io.Closer); ok && !out[0].IsNil() {
		c.Close()
	}
	err, _ := last.Interface().(error)
	return err
}

func argument(ctx context.Context, t reflect.Type) reflect.Value {
	switch t {
	case contextType:
		return reflect.ValueOf(ctx)
	case reflect.TypeFor[reposit.ID]():
		return reflect.ValueOf(reposit.ID("rp_00000000000000000001"))
	case reflect.TypeFor[io.Writer]():
		return reflect.ValueOf(io.Discard)
	case reflect.TypeFor[io.Reader]():
		return reflect.ValueOf(strings.NewReader("x"))
	}
	if t.Kind() == reflect.String {
		return reflect.ValueOf("x").Convert(t)
	}
	return reflect.Zero(t)
}

// TestClosed calls every method of a closed store and of what it gave out.
func TestClosed(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "x", nil)
		write(t, r, "x", "content")
		fsys, err := r.FS(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, m := range methods(r, s.Store) {
			err := m.run(t.Context())
			if !errors.Is(err, reposit.ErrClosed) {
				t.Errorf("%s after Close = %v, want %v", m.name, err, reposit.ErrClosed)
			}
			var e *reposit.Error
			if err != nil && (!errors.As(err, &e) || e.Op == "") {
				t.Errorf("%s after Close = %#v, want an *Error with an Op", m.name, err)
			}
		}
		if _, err := fsys.Open("x"); !errors.Is(err, reposit.ErrClosed) {
			t.Errorf("FS.Open() after Close = %v, want %v", err, reposit.ErrClosed)
		}
	})
}

// TestCancelled calls every method with a context that has ended.
func TestCancelled(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	write(t, r, "x", "content")
	before := s.digest(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, m := range methods(r, s.Store) {
		if !m.takesContext() {
			continue
		}
		if err := m.run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v, want %v", m.name, err, context.Canceled)
		}
	}
	if s.digest(t) != before {
		t.Error("calls with a cancelled context changed the store")
	}
}

// TestNilOptions calls every method with nil for options, on a repository with and without commits. None may panic.
func TestNilOptions(t *testing.T) {
	for _, commits := range []bool{false, true} {
		s := openMemory(t, nil)
		r := create(t, s, "x", nil)
		if commits {
			write(t, r, "x", "content")
		}
		for _, m := range methods(r, s.Store) {
			if strings.HasSuffix(m.name, ".Close") || strings.HasSuffix(m.name, ".Feed") { // which ends with the context
				continue
			}
			err := m.run(t.Context())
			var e *reposit.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s = %#v, want an *Error", m.name, err)
			}
		}
	}
}

// A fuse is a context that ends when it is asked for the n-th time whether it has.
type fuse struct {
	context.Context
	cancel context.CancelFunc
	left   chan struct{}
}

func newFuse(ctx context.Context, n int) *fuse {
	f := &fuse{left: make(chan struct{}, n)}
	f.Context, f.cancel = context.WithCancel(ctx)
	for range n {
		f.left <- struct{}{}
	}
	return f
}

func (f *fuse) burn() {
	select {
	case <-f.left:
	default:
		f.cancel()
	}
}

func (f *fuse) Err() error {
	f.burn()
	return f.Context.Err()
}

func (f *fuse) Done() <-chan struct{} {
	f.burn()
	return f.Context.Done()
}

// TestCancelledAtEachStep ends the context at each point where a call looks at it: what was cancelled changed
// nothing, and what succeeded is there.
func TestCancelledAtEachStep(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 1<<16+1) // more than a transaction holds
	many := make([]reposit.Change, 300)
	for i := range many {
		many[i] = reposit.Put(strings.Repeat("d/", i%5)+"file"+string(rune('a'+i%26))+string(rune('a'+i/26)),
			[]byte{byte(i), byte(i >> 8)})
	}
	calls := []struct {
		name   string
		staged bool // may leave objects that nothing reaches
		run    func(ctx context.Context, s *store, r *reposit.Repo) error
	}{
		{"create", false, func(ctx context.Context, s *store, _ *reposit.Repo) error {
			_, err := s.Create(ctx, "new", nil)
			return err
		}},
		{"commit", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Commit(ctx, nil, reposit.Put("a/b/c", []byte("x")), reposit.Move("x", "y"), reposit.Delete("d"))
			return err
		}},
		{"commit signed", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Commit(ctx, &reposit.CommitOptions{Sign: func([]byte) (string, error) { return "s", nil }},
				reposit.Put("a", nil))
			return err
		}},
		{"commit many", true, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Commit(ctx, nil, many...)
			return err
		}},
		{"commit large", true, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Commit(ctx, nil, reposit.PutReader("large", strings.NewReader(large)))
			return err
		}},
		{"update refs", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			return r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/side"}, reposit.RefUpdate{Name: "refs/tags/v1"})
		}},
		{"create branch", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Branches().Create(ctx, "new", "main~1")
			return err
		}},
		{"rename branch", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			return r.Branches().Rename(ctx, "main", "trunk")
		}},
		{"create tag", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Tags().Create(ctx, "v2", "", &reposit.TagOptions{Message: "x"})
			return err
		}},
		{"update", false, func(ctx context.Context, _ *store, r *reposit.Repo) error {
			_, err := r.Update(ctx, &reposit.RepoUpdate{Slug: ref("other"), DefaultBranch: ref("side")})
			return err
		}},
	}
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			eachBackend(t, func(t *testing.T, open opener) {
				s := open(nil)
				r := create(t, s, "x", nil)
				write(t, r, "x", "1")
				write(t, r, "d/e", "2")
				if err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/side",
					New: write(t, r, "z", "3").Hash}); err != nil {
					t.Fatal(err)
				}
				if _, err := r.Tags().Create(t.Context(), "v1", "", nil); err != nil {
					t.Fatal(err)
				}
				// What was cancelled changed nothing, so the same store will do, until the call succeeds.
				step := 16
				if testing.Short() {
					step = 2
				}
				for n := 0; !cancelAt(t, s, r, n, c.staged, c.run); n += 1 + n/step {
				}
			})
		})
	}
}

// cancelAt makes one call whose context ends at the n-th look. It reports whether the call succeeded.
func cancelAt(t *testing.T, s *store, r *reposit.Repo, n int, staged bool,
	run func(context.Context, *store, *reposit.Repo) error) bool {
	t.Helper()
	digest := s.digest
	if staged {
		digest = s.digestOfNames
	}
	before := digest(t)
	f := newFuse(t.Context(), n)
	defer f.cancel()
	err := run(f, s, r)
	after := digest(t)
	switch {
	case err == nil && before == after:
		t.Errorf("look %d: the call succeeded and changed nothing", n)
	case err != nil && !errors.Is(err, context.Canceled):
		t.Errorf("look %d: %v, want %v", n, err, context.Canceled)
	case err != nil && before != after:
		t.Errorf("look %d: the call was cancelled and changed something", n)
	}
	if _, err := r.Info(t.Context()); err != nil {
		t.Errorf("look %d: Info() = %v afterwards", n, err)
	}
	return err == nil
}
