package txn

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/storage"
)

// debts are bytes that were stored ahead for repositories by calls that were refused. Such a call changes nothing that
// anybody sees; so what it left counts from then on here, and towards the size with the next change that is not
// refused.
type debts struct {
	mu sync.Mutex
	of map[storage.ID]int64
}

func (d *debts) add(repo storage.ID, n int64) {
	if n == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[storage.ID]int64{}
	}
	if d.of[repo] += n; d.of[repo] == 0 {
		delete(d.of, repo)
	}
}

// Owe notes bytes that were stored ahead by a call that was refused.
func (e *Engine) Owe(repo storage.ID, bytes int64) { e.debts.add(repo, bytes) }

// Debt returns the bytes that a repository holds and that its size does not tell yet.
func (e *Engine) Debt(repo storage.ID) int64 {
	e.debts.mu.Lock()
	defer e.debts.mu.Unlock()
	return e.debts.of[repo]
}

// Settle counts all debts, each in a transaction of its own.
func (e *Engine) Settle(ctx context.Context) error {
	e.debts.mu.Lock()
	var repos []storage.ID
	for id := range e.debts.of {
		repos = append(repos, id)
	}
	e.debts.mu.Unlock()
	var all error
	for _, id := range repos {
		all = errors.Join(all, e.Charge(ctx, id, 0, 0, 0))
	}
	return all
}

// Charge counts objects towards a repository's size that were stored ahead, whether or not anything will ever reach
// them: added bytes of new ones, and again of such as its pool had. It returns ErrQuota, having counted them, if the
// repository is over a quota then, and nothing if it was deleted.
func (e *Engine) Charge(ctx context.Context, repo storage.ID, added, again, quota int64) error {
	var over error
	err := e.Update(ctx, access.Host(), func(tx *Tx) error {
		over = nil
		r, err := tx.repo(repo)
		if errors.Is(err, storage.ErrNotFound) {
			tx.settle(repo, e.Debt(repo))
			return nil
		}
		if err != nil {
			return err
		}
		grown := added
		if r.counts(false) {
			grown += again
		}
		over, err = r.growBy(grown, quota)
		return err
	})
	return cmp.Or(err, over)
}

// growBy adds bytes to the repository's size, with what is owed, and returns an ErrQuota as over if that is over a
// quota then.
func (r *Repo) growBy(grown, quota int64) (over, err error) {
	s, err := r.Edit(r.tx.Tx)
	if err != nil {
		return nil, err
	}
	owed := r.tx.engine.Debt(r.ID) - r.tx.settled[r.ID]
	r.tx.settle(r.ID, owed)
	s.Size += owed
	if quota > 0 && grown > 0 && s.Size+grown > quota {
		over = Full(s.Size, grown, quota)
	}
	s.Size += grown
	return over, nil
}

// settle notes that the transaction counts what is owed, or that nobody owes it any more.
func (t *Tx) settle(repo storage.ID, n int64) {
	if n == 0 {
		return
	}
	if t.settled == nil {
		t.settled = map[storage.ID]int64{}
	}
	t.settled[repo] += n
}
