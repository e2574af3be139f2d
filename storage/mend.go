package storage

import (
	"context"
	"errors"
)

// Mend stores an object in place of a damaged one of that hash, or of none, by a method
// Mend(context.Context, ID, Object) error. The object is whole, not a delta, and the caller vouches for its hash. It is
// durable when an Update that begins after that is. Whoever reads meanwhile finds the damage or the object. A Backend
// that says nothing can't: then Mend returns errors.ErrUnsupported.
func Mend(ctx context.Context, b Backend, pool ID, o Object) error {
	if m, ok := b.(interface {
		Mend(context.Context, ID, Object) error
	}); ok {
		return m.Mend(ctx, pool, o)
	}
	return errors.ErrUnsupported
}
