package billyfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/storage"
)

// errMoved says that a program outside changed a ref that the transaction had read.
var errMoved = errors.New("billyfs: a ref moved")

// Update implements storage.Backend.
func (s *store) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := s.enterWrite(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.committer.lock(ctx); err != nil {
		return err
	}
	defer s.committer.unlock()
	if err := s.committer.finishPending(); err != nil {
		return err
	}
	for range maxRuns {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := s.begin(ctx)
		if err := cmp.Or(fn(t), t.err); err != nil {
			return err
		}
		if err := s.committer.commit(t); !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("billyfs: %w", storage.ErrBusy)
}

// maxRuns bounds how often a transaction is begun again because other programs move its refs.
const maxRuns = 100
