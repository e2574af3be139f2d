package reposit

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/fault"
)

// A callee is what methods are called on: a Store as an actor may use it, or a Repo.
type callee interface {
	session() *calls
	fail(op, name string, err error) error
}

func (s *Store) session() *calls { return &s.calls }
func (r *Repo) session() *calls  { return &r.s.calls }

// call runs fn as a call, for the end of which Close waits, and returns what it returns. An error is an *Error of the
// operation and of what it is about; there is no result then.
func call[T any](ctx context.Context, on callee, op, name string, fn func() (T, error)) (T, error) {
	calls := on.session()
	err := calls.Enter(ctx)
	if err == nil {
		defer calls.Leave()
		var result T
		if result, err = fn(); err == nil {
			return result, nil
		}
	}
	var none T
	return none, on.fail(op, name, err)
}

// do is call for what has no result.
func do(ctx context.Context, on callee, op, name string, fn func() error) error {
	calls := on.session()
	if err := calls.Enter(ctx); err != nil {
		return on.fail(op, name, err)
	}
	defer calls.Leave()
	return on.fail(op, name, fn())
}

// fail returns err as an *Error of an operation on the store, or nil.
func (s *Store) fail(op, name string, err error) error { return failed(op, "", name, err) }

// about returns an error that is about something else than the operation as a whole, unless it says already what it is
// about; nil for nil.
func about(name string, err error) error {
	var known *fault.Named
	var path *commit.PathError
	if err == nil || errors.As(err, &known) || errors.As(err, &path) {
		return err
	}
	return fault.About(name, err)
}
