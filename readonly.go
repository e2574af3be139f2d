package reposit

import (
	"context"

	"github.com/reposit/reposit/storage"
)

// readOnly is a backend that nothing is written to.
type readOnly struct{ storage.Backend }

// Update returns storage.ErrReadOnly.
func (readOnly) Update(context.Context, func(storage.Tx) error) error { return storage.ErrReadOnly }

// Stage returns storage.ErrReadOnly.
func (readOnly) Stage(context.Context, storage.ID) (storage.Stage, error) {
	return nil, storage.ErrReadOnly
}

// Exclusive is storage.Exclusive of the backend: it is not among the methods of all backends.
func (b readOnly) Exclusive() bool { return storage.Exclusive(b.Backend) }
