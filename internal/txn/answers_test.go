package txn

import (
	"errors"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// TestAnswers asks about ancestors in transactions, which run again when the answers are known.
func TestAnswers(t *testing.T) {
	b := newBackend(t)
	objects := object.New(b, 1<<20)
	hash := func(n byte) git.Hash { return git.Hash{n} }
	add := func(n byte, parents ...git.Hash) {
		c := &git.Commit{Parents: parents, Committer: git.Signature{When: time.Unix(int64(n), 0)}}
		objects.Remember(repo.Pool, hash(n), &object.Item{Type: storage.Commit, Data: []byte{}, Commit: c})
	}
	add(1)
	add(2, hash(1))
	add(3, hash(1))
	add(4, hash(2), hash(3))
	e := newEngine(b, objects)
	runs := 0
	err := e.Update(t.Context(), access.Host(), func(tx *Tx) error {
		runs++
		r, err := tx.Repo(repo.ID, access.None)
		if err != nil {
			return err
		}
		is, known := r.IsAncestor(hash(3), hash(2))
		among := r.Among(hash(4), hash(2), []git.Hash{hash(4), hash(3), hash(9)})
		self, sure := r.IsAncestor(hash(9), hash(9))
		if is || known != (runs == 2) || len(among) != runs || !self || !sure {
			t.Errorf("run %d: IsAncestor() = %v, %v, Among() = %v, IsAncestor() of itself = %v, %v", runs, is, known, among,
				self, sure)
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("Update() = %v after %d runs, want nil after 2", err, runs)
	}
	err = e.Update(t.Context(), access.Host(), func(tx *Tx) error {
		r, err := tx.Repo(repo.ID, access.None)
		if err == nil {
			r.IsAncestor(hash(2), hash(9))
		}
		return err
	})
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Update() that asks for a commit that is not there = %v, want %v", err, storage.ErrNotFound)
	}
}
