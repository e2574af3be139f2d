package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

const (
	batch = 2_500     // as many records as are put at once; more than are removed in one transaction
	many  = 2 * batch // more than are removed in two
)

// putMany stores records in batches.
func putMany(t *testing.T, s *store, all int, put func(tx storage.Tx, i int) error) {
	t.Helper()
	for from := 0; from < all; from += batch {
		err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
			for i := from; i < from+batch; i++ {
				if err := put(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantNoRecords looks for records of a repository.
func wantNoRecords(t *testing.T, s *store, id storage.ID) {
	t.Helper()
	err := s.backend.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records([]byte("A"), []byte("{"), storage.Ascending) {
			if err != nil {
				return err
			}
			if rec.Key[0] != 'E' && (bytes.Contains(rec.Key, id[:]) || bytes.Equal(rec.Value, id[:])) {
				return fmt.Errorf("record %q is left", rec.Key)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestDeleteManyRecords deletes repositories that have many of go-git's records, or of former names, by both ways: on
// Badger once more than it could remove in one transaction.
func TestDeleteManyRecords(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open opener) {
		opts, c := fixed()
		opts.KeepDeleted = -1
		s := open(opts)
		for i, delete := range []func(*reposit.Repo) error{
			func(r *reposit.Repo) error {
				token, err := r.DeleteToken(t.Context())
				if err != nil {
					return err
				}
				return r.Delete(t.Context(), token)
			},
			func(r *reposit.Repo) error {
				expires := c.now().Add(time.Hour)
				if _, err := r.Update(t.Context(), &reposit.RepoUpdate{ExpiresAt: &expires}); err != nil {
					return err
				}
				c.advance(2 * time.Hour)
				_, err := s.DeleteExpired(t.Context())
				return err
			},
		} {
			all := many
			if i == 0 && strings.HasSuffix(t.Name(), "/badger") && !testing.Short() {
				all = 12 * batch
			}
			modules, renamed := create(t, s, fmt.Sprint("modules", i), nil), create(t, s, fmt.Sprint("renamed", i), nil)
			ofModules, ofRenamed := storageID(modules), storageID(renamed)
			putMany(t, s, all, func(tx storage.Tx, i int) error {
				return tx.PutRecord(catalog.GoGitKey(ofModules, fmt.Sprintf("modules/m/refs/heads/%d", i)), []byte("x"))
			})
			putMany(t, s, all, func(tx storage.Tx, i int) error {
				name := fmt.Sprintf("local/former-%d", i)
				return errors.Join(tx.PutRecord([]byte("An"+name), ofRenamed[:]),
					tx.PutRecord([]byte("Ai"+string(ofRenamed[:])+name), nil))
			})
			if _, err := s.Repo(t.Context(), "local/former-7"); err != nil {
				t.Fatalf("Repo of a former name = %v", err)
			}
			for _, r := range []*reposit.Repo{modules, renamed} {
				if err := delete(r); err != nil {
					t.Errorf("deletion %d = %v", i, err)
				}
				if _, err := r.Info(t.Context()); !errors.Is(err, reposit.ErrNotFound) {
					t.Errorf("Info after deletion %d = %v, want ErrNotFound", i, err)
				}
				wantNoRecords(t, s, storageID(r))
			}
		}
	})
}

// TestDeleteHalfSwept holds that the names of a deleted repository that are still there lead nowhere, and can be taken.
func TestDeleteHalfSwept(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "renamed", nil)
	id := storageID(r)
	putMany(t, s, many, func(tx storage.Tx, i int) error {
		name := fmt.Sprintf("local/former-%05d", i)
		return errors.Join(tx.PutRecord([]byte("An"+name), id[:]), tx.PutRecord([]byte("Ai"+string(id[:])+name), nil))
	})
	err := s.backend.Update(t.Context(), func(tx storage.Tx) error { // as far as one transaction goes
		return errors.Join(tx.DeleteRecord(append([]byte("i"), id[:]...)), tx.PutRecord(append([]byte("z"), id[:]...), nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	last := fmt.Sprintf("local/former-%05d", many-1)
	if _, err := s.Repo(t.Context(), last); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Repo of a name of a deleted repository = %v, want ErrNotFound", err)
	}
	taken := create(t, s, strings.TrimPrefix(last, "local/"), nil)
	if _, err := s.DeleteExpired(t.Context()); err != nil {
		t.Errorf("DeleteExpired = %v", err)
	}
	got, err := s.Repo(t.Context(), last)
	if err != nil || got.ID() != taken.ID() {
		t.Errorf("Repo of a name that was taken = %v, %v", got, err)
	}
	err = s.backend.View(t.Context(), func(v storage.View) error {
		swept, err := catalog.Deleted.Swept(v)
		if err == nil && !swept {
			err = errors.New("something is left")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestDeleteExpiredPastFailure has more repositories that can't be deleted than are looked at at once.
func TestDeleteExpiredPastFailure(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		const bad = 103
		var log bytes.Buffer
		opts, c := fixed()
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		s := open(opts)
		var ids []storage.ID
		for i := range bad + 2 {
			r := create(t, s, fmt.Sprint("r", i), &reposit.CreateOptions{ExpiresAt: newYear.Add(time.Hour)})
			ids = append(ids, storageID(r))
		}
		err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
			for _, id := range ids[:bad] {
				if err := tx.PutRecord(append([]byte("i"), id[:]...), []byte("\xff")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		c.advance(2 * time.Hour)
		n, err := s.DeleteExpired(t.Context())
		var about *reposit.Error
		if n != 2 || !errors.As(err, &about) || !strings.Contains(err.Error(), ids[0].String()) {
			t.Errorf("DeleteExpired = %d, %v, want 2 and errors that name the others", n, err)
		}
		if told := strings.Count(log.String(), "can't be deleted"); told != bad {
			t.Errorf("the log tells of %d that can't be deleted, want %d", told, bad)
		}
	})
}
