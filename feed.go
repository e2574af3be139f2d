package reposit

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/reposit/reposit/internal/backup"
	"github.com/reposit/reposit/storage"
)

// feedPause is how long Feed waits at least between two looks, and feedShare how many times as long as it took to write
// the last stream: so that it takes a fifth of the time at most.
const (
	feedPause = 50 * time.Millisecond
	feedShare = 4
)

// Feed writes what changes in the store, as backups that go on from each other, for Follow, which keeps a second store
// a moment behind. It goes on from after: the mark of what the other store holds, see StandbyMark; the zero mark is
// that of an empty one. It returns when ctx ends, with its error, or when w returns an error, and can be called again
// then. Each stream costs what an incremental Backup does, so the more there is in the store, the longer the moment.
// Only the host may: others get ErrForbidden.
func (s *Store) Feed(ctx context.Context, w io.Writer, after BackupMark) error {
	const op = "feed"
	if !s.actor.IsHost() {
		return failed(op, "", "", ErrForbidden)
	}
	mark, err := after.decode()
	if err != nil {
		return failed(op, "", "", err)
	}
	for {
		began := time.Now()
		job := &backup.Job{Backend: s.backend.Backend, Since: mark}
		err := do(ctx, s, op, "", func() (err error) {
			mark, err = s.feed(ctx, w, job)
			return err
		})
		pause := max(feedPause, feedShare*time.Since(began))
		for changed := false; err == nil && !changed; {
			if err = sleep(ctx, pause); err == nil {
				changed, err = s.changedSince(ctx, job.Version)
			}
		}
		if err != nil {
			return failed(op, "", "", err)
		}
	}
}

// changedSince reports whether the state of the store has another number, or none.
func (s *Store) changedSince(ctx context.Context, version uint64) (changed bool, err error) {
	if err := s.calls.Enter(ctx); err != nil {
		return false, err
	}
	defer s.calls.Leave()
	err = s.backend.View(ctx, func(v storage.View) error {
		now := storage.Version(v)
		changed = now == 0 || now != version
		return nil
	})
	return changed, err
}

func (s *Store) feed(ctx context.Context, w io.Writer, job *backup.Job) (mark *backup.Mark, err error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return backup.Write(ctx, w, job)
}

// sleep waits, and returns the error of a context that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Follow applies what Feed writes to a backend, until r ends; then it returns nil, and the backend can be opened. It
// must be empty, or hold what an earlier Follow or Restore left there, also one that was cut off, and nothing else may
// write to it. Small changes become visible as they happened, each stream at once, to those who read from it meanwhile;
// while a large one is applied, Open refuses the backend. It returns ErrInvalid if what r has does not go on from what
// the backend holds, and ErrCorrupt for what is damaged, or cut off within a stream: then go on with another Feed.
func Follow(ctx context.Context, backend storage.Backend, r io.Reader) error {
	if backend == nil {
		return failed("follow", "", "", invalidf("backend: it is nil"))
	}
	return failed("follow", "", "", restored(backup.Follow(ctx, backend, r)))
}

// StandbyMark returns the mark of what a backend holds that follows another store, for Feed to go on from. It reads all
// of it but the content of objects. The mark of an empty backend is zero.
func StandbyMark(ctx context.Context, backend storage.Backend) (BackupMark, error) {
	if backend == nil {
		return BackupMark{}, failed("standby mark", "", "", invalidf("backend: it is nil"))
	}
	m, err := backup.StandbyMark(ctx, backend)
	if m == nil {
		return BackupMark{}, failed("standby mark", "", "", err)
	}
	mark, err := markOf(m, err)
	return mark, failed("standby mark", "", "", err)
}
