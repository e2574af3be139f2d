package txn

import (
	"context"
	"testing"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A counter counts how often records are read and written in Updates, by their first byte.
type counter struct {
	storage.Backend
	reads, writes map[byte]int
}

func (c *counter) Update(ctx context.Context, fn func(storage.Tx) error) error {
	return c.Backend.Update(ctx, func(tx storage.Tx) error { return fn(countedTx{tx, c}) })
}

type countedTx struct {
	storage.Tx
	*counter
}

func (c countedTx) Record(key []byte) ([]byte, error) {
	c.reads[key[0]]++
	return c.Tx.Record(key)
}

func (c countedTx) PutRecord(key, value []byte) error {
	c.writes[key[0]]++
	return c.Tx.PutRecord(key, value)
}

// A follower changes a ref of its own after each change of a branch, as pull requests do.
type follower struct{ repo *Repo }

func (f follower) Check(*ref.Change, storage.Ref) error { return nil }

func (f follower) After(c *ref.Change, _ storage.Ref) error {
	if c.Unlogged {
		return nil
	}
	r, err := f.repo.Tx().Repo(repo.ID, access.None)
	if err != nil {
		return err
	}
	state, err := r.Edit(r.Tx())
	if err != nil {
		return err
	}
	state.Watchers++
	return r.SetRef(&ref.Change{Name: "refs/pull/1/head", New: c.New, Unlogged: true})
}

// TestLoadsOnce holds that a transaction reads a repository's record and state once, and writes the state once, however
// many refs change and whatever follows from it.
func TestLoadsOnce(t *testing.T) {
	b := &counter{Backend: newBackend(t)}
	objects := object.New(b, 1<<20)
	e := newEngine(b, objects)
	e.guards = []func(*Repo) Guard{func(r *Repo) Guard { return follower{r} }}
	o := blob(t, "x", nil)
	for range 2 {
		b.reads, b.writes = map[byte]int{}, map[byte]int{}
		err := e.Push(t.Context(), repo.ID, &Push{Objects: []storage.Object{o}, Refs: []ref.Change{
			{Name: "refs/heads/a", New: o.Hash, By: access.User("a")}, {Name: "refs/heads/b", New: o.Hash, By: access.User("a")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if b.reads['i'] != 1 || b.reads['t'] != 1 || b.writes['t'] != 1 || b.writes['i'] != 0 {
			t.Errorf("reads %d records of the repository and %d of its state, writes %d and %d, want 1, 1, 0 and 1",
				b.reads['i'], b.reads['t'], b.writes['i'], b.writes['t'])
		}
	}
}
