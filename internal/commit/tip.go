package commit

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A tip says where a branch stands in one state of the store.
type tip struct {
	branch string
	pool   storage.ID
	old    git.Hash // what the branch holds; zero: it does not exist
	start  git.Hash // old, or where a new branch starts
	landed uint64   // batches in the repository before
}

// Look notes where the branch of r stands, so that Commit need not open a View for that if r is the next to land. What
// it can't find out is left to Commit. If r names no branch, the one that HEAD names is meant.
func (e *Engine) Look(v storage.View, r *Request) {
	at := &tip{landed: e.landed.of(r.Repo).Load()}
	if at.look(v, r) == nil {
		r.seen = at
	}
}

func (t *tip) look(v storage.View, r *Request) error {
	repo, err := catalog.Load(v, r.Repo)
	if err != nil {
		return err
	}
	t.pool, t.branch = repo.Pool, r.Branch
	if t.branch == "" {
		if t.branch, err = ref.Default(v, r.Repo); err != nil {
			return err
		}
	}
	at, err := ref.Follow(v, r.Repo, t.branch)
	if err != nil {
		return err
	}
	if t.old, t.start = at.Hash, at.Hash; !t.old.IsZero() {
		return nil
	}
	name, err := ref.Default(v, r.Repo)
	if err != nil {
		return err
	}
	if r.implied && name != t.branch {
		return errRenamed
	}
	if r.Start != nil {
		t.start, err = r.Start(repo, v)
		return err
	}
	start, err := ref.Follow(v, r.Repo, name)
	t.start = start.Hash
	return err
}

// checkDefault returns errRenamed unless HEAD names the branch: one that is yet to be made does not tell of itself that
// another has taken its place.
func checkDefault(v storage.View, repo storage.ID, branch string) error {
	name, err := ref.Default(v, repo)
	if err == nil && name != branch {
		err = errRenamed
	}
	return err
}

// landings count the batches that were tried in repositories, some of which share a count. They spare a request that
// has waited for others to build on a tip that was replaced since.
type landings [64]atomic.Uint64

var landingSeed = maphash.MakeSeed()

func (l *landings) of(repo storage.ID) *atomic.Uint64 {
	return &l[maphash.Comparable(landingSeed, repo)%uint64(len(l))]
}
