package reposit

import (
	"context"
	"encoding/base64"
	"errors"
	"io"

	"github.com/reposit/reposit/internal/backup"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A BackupMark says what a chain of backups has, so that the next one can leave that out. The zero BackupMark is that
// of no backup. As text it takes about ten bytes for each object and 150 for each repository; it tells no content, but
// IDs, and keys of some records.
type BackupMark struct{ state string }

// IsZero reports whether m is the mark of no backup.
func (m BackupMark) IsZero() bool { return m.state == "" }

// MarshalText returns the mark as text, of one line. The text of the zero BackupMark is empty.
func (m BackupMark) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(m.state)), nil
}

// UnmarshalText reads what MarshalText returned. It returns ErrInvalid for what can't be that.
func (m *BackupMark) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err == nil && len(b) > 0 {
		_, err = backup.DecodeMark(b)
	}
	if err != nil {
		return failed("read mark", "", "", invalid("mark of a backup", err))
	}
	m.state = string(b)
	return nil
}

func (m BackupMark) decode() (*backup.Mark, error) {
	if m.IsZero() {
		return nil, nil
	}
	mark, err := backup.DecodeMark([]byte(m.state))
	if err != nil {
		return nil, invalid("mark of a backup", err)
	}
	return mark, nil
}

// markOf returns what a mark is outside, or the error.
func markOf(m *backup.Mark, err error) (BackupMark, error) {
	if err != nil {
		return BackupMark{}, err
	}
	return BackupMark{string(m.Encode())}, nil
}

// BackupOptions say what a backup holds.
type BackupOptions struct {
	Since    BackupMark // of the backup that it goes on from: what that and those before it have is left out; zero: none
	Progress func(Progress)
}

// Backup writes all that the store holds, as it is at one moment, as one stream: records, the refs of all repositories
// with their logs, and all objects. Others may write meanwhile, and wait for nothing; the space of repositories that
// they delete is given back afterwards. Restore makes a store of the stream again, on any backend.
//
// With Since, the stream has only what changed, and goes on from the backup that returned that mark: both are a chain.
// An incremental backup reads all records, refs and logs, and of the objects those of networks in which refs have
// moved; it has whole ranges of about 256 records, and all refs and logs of each repository in which one moved.
//
// The stream is compressed by zstd, in frames with checksums; internal/docs/format.md has its form. It is as secret as
// the store: it has hashes of delete tokens, and private repositories. Memory takes 30 bytes for each object, and
// what the refs and logs of one repository take.
//
// Only the host may: others get ErrForbidden. It returns ErrInvalid for a mark that can't be, ErrCorrupt for what can't
// be read, see Check, and what w returned. After an error, what was written is of no use.
func (s *Store) Backup(ctx context.Context, w io.Writer, opts *BackupOptions) (BackupMark, error) {
	if opts == nil {
		opts = &BackupOptions{}
	}
	return call(ctx, s, "backup", "", func() (BackupMark, error) {
		if !s.actor.IsHost() {
			return BackupMark{}, ErrForbidden
		}
		since, err := opts.Since.decode()
		if err != nil {
			return BackupMark{}, err
		}
		return markOf(s.backup(ctx, w, since, opts.Progress))
	})
}

func (s *Store) backup(ctx context.Context, w io.Writer, since *backup.Mark,
	progress func(Progress)) (mark *backup.Mark, err error) {
	release, err := s.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	tell := reporter(progress)
	defer tell.End()
	return backup.Write(ctx, w, &backup.Job{Backend: s.backend.Backend, Since: since, Tell: setter(tell),
		Stage: tell.Begin})
}

// setter returns what notes progress, or nil for nil.
func setter(tell *progress.Reporter) func(objects, bytes int64) {
	if tell == nil {
		return nil
	}
	return tell.Set
}

// hold keeps pools from being dropped until release is called. Deletions that began before it are done when it returns.
func (s *Store) hold(ctx context.Context) (release func() error, err error) {
	if s.opts.ReadOnly {
		return func() error { return nil }, nil
	}
	s.held.Add(1)
	release = func() error {
		s.held.Add(-1)
		return s.dropHeld(context.WithoutCancel(ctx))
	}
	// Transactions that did not see the hold come before this one, and whoever sees this one sees them.
	err = s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error { return catalog.Touch(tx) })
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// dropPool drops a pool that no repository has any more, or has that done once no backup reads it.
func (s *Store) dropPool(tx *txn.Tx, pool storage.ID) error {
	if s.held.Load() > 0 {
		return catalog.DropLater(tx, pool)
	}
	return tx.DropPool(pool)
}

const heldAtOnce = 100

// dropHeld drops the pools that were kept for backups, unless one still reads.
func (s *Store) dropHeld(ctx context.Context) error {
	for {
		var pools []storage.ID
		err := s.backend.View(ctx, func(v storage.View) (err error) {
			pools, err = catalog.DroppedLater(v, heldAtOnce)
			return err
		})
		if err != nil || len(pools) == 0 || s.held.Load() > 0 {
			return err
		}
		err = s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
			if s.held.Load() > 0 {
				return nil
			}
			for _, pool := range pools {
				if err := catalog.DropHeld(tx, pool); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// VerifyBackup reads a chain of backups, a first one and those that go on from it, in their order, and returns the mark
// of the last one: the same that Backup returned. It returns ErrCorrupt for one that is damaged or cut short, naming
// which and where, ErrInvalid if they do not follow each other, or if there is none, storage.ErrFormat for a version
// that is not known, and what a reader returned. It compares all checksums; objects that are deltas are compared
// with their hashes only by Restore. It takes 8 bytes of memory for each object.
func VerifyBackup(ctx context.Context, chain ...io.Reader) (BackupMark, error) {
	m, err := markOf(backup.Verify(ctx, nil, chain))
	return m, failed("verify backup", "", "", restored(err))
}

// Restore makes the store that a chain of backups has, in their order, in a backend that is empty; it is the caller's
// to open, or to close. Every object is compared with its hash. It returns ErrExists for a backend that is not empty,
// and otherwise the errors of VerifyBackup and those of the backend. While it runs, and after an error, Open refuses
// the backend with storage.ErrFormat: throw it away.
func Restore(ctx context.Context, backend storage.Backend, chain ...io.Reader) error {
	if backend == nil {
		return failed("restore", "", "", invalidf("backend: it is nil"))
	}
	_, err := backup.Restore(ctx, backend, nil, chain)
	return failed("restore", "", "", restored(err))
}

// restored makes an error of package backup one that callers can branch on.
func restored(err error) error {
	switch {
	case errors.Is(err, backup.ErrChain):
		return &detail{ErrInvalid, "invalid: " + err.Error(), err}
	case errors.Is(err, backup.ErrNotEmpty):
		return &detail{ErrExists, err.Error(), err}
	}
	return err
}

// CopyOptions say whom CopyTo tells.
type CopyOptions struct{ Progress func(Progress) }

// CopyTo makes a copy of the store, as it is at one moment, in another backend, which must be empty: so it moves from
// one kind of backend to another. It is Backup and Restore in one, with their costs and errors.
func (s *Store) CopyTo(ctx context.Context, backend storage.Backend, opts *CopyOptions) error {
	if opts == nil {
		opts = &CopyOptions{}
	}
	return do(ctx, s, "copy", "", func() error {
		if !s.actor.IsHost() {
			return ErrForbidden
		}
		if backend == nil {
			return invalidf("backend: it is nil")
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			_, err := s.backup(ctx, w, nil, opts.Progress)
			w.CloseWithError(err)
			done <- err
		}()
		_, err := backup.Restore(ctx, backend, nil, []io.Reader{r})
		if err != nil {
			cancel()
			r.CloseWithError(err)
		}
		if written := <-done; written != nil && err == nil {
			err = written
		}
		return restored(err)
	})
}
