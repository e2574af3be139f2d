package txn

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// ErrQuota says that a repository would hold more bytes than it may.
var ErrQuota = fmt.Errorf("repository is full: %w", storage.ErrTooLarge)

// Full returns an ErrQuota that says how many bytes a repository holds and would take, and may hold.
func Full(holds, takes, limit int64) error {
	return fmt.Errorf("it holds %d bytes and would take %d more, where Limits.RepoSize is %d, which deletions do not "+
		"change: %w", holds, takes, limit, ErrQuota)
}

// A Repo is a repository in one transaction.
type Repo struct {
	catalog.Entry

	tx      *Tx
	guards  []Guard
	deleted map[string]storage.Hash // what the refs held that the transaction deleted
	damaged map[string]bool         // refs that it mends
}

// Tx returns the transaction.
func (r *Repo) Tx() *Tx { return r.tx }

// Check returns storage.ErrNotFound or access.ErrForbidden if an actor does not have a permission in the repository.
func (r *Repo) Check(by access.Actor, need access.Permission) error {
	return by.CheckHeader(r.tx.Tx, r.ID, r.Header(), need)
}

// Permission returns what an actor may do with the repository.
func (r *Repo) Permission(by access.Actor) (access.Permission, error) {
	return by.PermissionByHeader(r.tx.Tx, r.ID, r.Header())
}

// IsAncestor reports whether a commit is head or one of its ancestors, and whether that is known yet. If it is not, the
// transaction looks it up when its function returns nil, and runs again.
func (r *Repo) IsAncestor(commit, head git.Hash) (is, known bool) {
	if commit == head {
		return true, true
	}
	asked := len(r.tx.answers.asked)
	is = len(r.Among(head, commit, []git.Hash{commit})) > 0
	return is, len(r.tx.answers.asked) == asked
}

// Among returns which of commits are known to be head or among its ancestors, as IsAncestor does. The caller says that
// base has none of them among its ancestors other than itself.
func (r *Repo) Among(head, base git.Hash, commits []git.Hash) []git.Hash {
	return r.tx.answers.among(question{r.Pool, head, base, commits})
}

// Commit returns a commit of the repository's pool, or one that the transaction puts there.
func (r *Repo) Commit(h git.Hash) (*git.Commit, error) { return r.tx.Commit(r.tx.Ctx, r.Pool, h) }

// IsFresh reports whether the transaction brings a commit that was not there.
func (r *Repo) IsFresh(h git.Hash) bool { return r.tx.isFresh(h) }

// Add stores an object, and counts it towards the repository's size if it is new. When the transaction is
// acknowledged, the cache of objects learns of item, unless it is nil.
func (r *Repo) Add(o storage.Object, item *object.Item) error {
	added, err := r.put(o, item)
	if err == nil && r.counts(added) {
		err = r.grow(o.Size)
	}
	return err
}

// AddUncounted is Add of what is made for those who read, and could be made again: it counts towards no size, since
// they could fill a repository that they may not write to.
func (r *Repo) AddUncounted(o storage.Object, item *object.Item) error {
	_, err := r.put(o, item)
	return err
}

// counts reports whether an object counts towards the repository's size. Where other repositories share the pool it
// does even if the pool had it: otherwise the quota would reveal what they hold.
func (r *Repo) counts(added bool) bool { return added || r.Networked }

func (r *Repo) put(o storage.Object, item *object.Item) (added bool, err error) {
	added, err = r.tx.Tx.PutObject(r.Pool, o)
	r.tx.objects = append(r.tx.objects, put{r.Pool, o.Hash, item, o.Data, o.Type, added})
	return added, err
}

func (r *Repo) grow(size int64) error {
	s, err := r.Edit(r.tx.Tx)
	if err == nil {
		s.Size += size
	}
	return err
}

// Hide has HEAD of a repository that is deleted and kept name what is no branch, and returns what it was, without a
// name if there was none. Git then takes the directory in which billyfs keeps the refs for no repository: it wants a
// HEAD that names something below refs (gitrepository-layout). Neither events nor logs tell.
func (r *Repo) Hide() (storage.Ref, error) {
	head, err := r.tx.Tx.Ref(r.ID, ref.Head)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt) { // what it was can't be told any more
		head, err = storage.Ref{}, nil
	}
	if err != nil {
		return storage.Ref{}, err
	}
	return head, r.tx.Tx.PutRef(r.ID, storage.Ref{Name: ref.Head, Target: ref.Deleted}, nil)
}

// Show undoes Hide.
func (r *Repo) Show(head storage.Ref) error {
	if head.Name == "" {
		return r.tx.Tx.DeleteRef(r.ID, ref.Head, nil)
	}
	return r.tx.Tx.PutRef(r.ID, head, nil)
}
