package badger

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// PutRef implements storage.Tx.
func (t *tx) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	ref := storedRef{form: refHash, hash: r.Hash}
	if r.Target != "" {
		ref = storedRef{form: refSymbolic, target: r.Target}
	}
	return t.putRef(repo, r.Name, ref, entry)
}

// DeleteRef implements storage.Tx.
func (t *tx) DeleteRef(repo storage.ID, name string, entry *storage.LogEntry) error {
	return t.putRef(repo, name, storedRef{form: refDeleted}, entry)
}

func (t *tx) putRef(repo storage.ID, name string, ref storedRef, entry *storage.LogEntry) error {
	if t.err != nil {
		return t.err
	}
	if len(name) > maxName {
		return t.doom(fmt.Errorf("badger: name of a ref has %d bytes: %w", len(name), storage.ErrTooLarge))
	}
	s, err := t.stack(repo)
	if err != nil {
		return t.doom(err)
	}
	own := repo
	if s != nil {
		own = s.Own
	}
	if own.IsZero() {
		return t.doom(fmt.Errorf("badger: repository %s: %w", repo, storage.ErrNotFound))
	}
	old, err := t.oldRef(repo, own, name)
	missing := errors.Is(err, storage.ErrNotFound)
	if err != nil && !missing {
		return t.doom(err)
	}
	if ref.form == refDeleted && (missing || old.form == refDeleted) {
		return nil
	}
	ref.seq = old.seq
	var b [512]byte
	if entry != nil {
		ref.seq++
		key := appendLogKey(b[:0], repo, name, ref.seq)
		t.own.set(string(key), seal(key, encodeLog(nil, entry)))
	}
	key := appendRefKey(b[:0], own, name)
	if ref.form == refDeleted && ref.seq == 0 && s == nil {
		t.own.set(string(key), nil)
	} else {
		t.own.set(string(key), seal(key, ref.encode(nil)))
	}
	if s != nil {
		if s, changed := s.Put(name); changed {
			return t.doom(medium{t}.PutStack(repo, s))
		}
	}
	return t.check()
}

// oldRef returns what there is before a ref is put into a repository's own segment. Of a repository that t creates,
// that is only what t has put.
func (t *tx) oldRef(repo, own storage.ID, name string) (storedRef, error) {
	if own == t.created {
		t.key = appendRefKey(t.key[:0], own, name)
		if _, again := t.own.writes[string(t.key)]; !again {
			return storedRef{}, storage.ErrNotFound
		}
	}
	return t.ref(repo, name)
}

// maxName bounds the names of refs: a key of Badger has at most 65,000 bytes.
const maxName = 32 << 10

// CreateRepo implements storage.Tx.
func (t *tx) CreateRepo(repo, pool storage.ID) error {
	t.created = repo
	if t.err != nil || !t.b.forked.Load() {
		return t.err
	}
	return t.doom(refstack.Create(medium{t}, repo))
}

// ForkRepo implements storage.Tx. Its cost does not depend on how many refs there are.
func (t *tx) ForkRepo(repo, from storage.ID) error {
	if t.err != nil {
		return t.err
	}
	froze, err := refstack.Fork(medium{t}, repo, from)
	if froze {
		t.froze = append(t.froze, from)
	}
	return t.doom(err)
}

// DropRepo implements storage.Tx.
func (t *tx) DropRepo(repo storage.ID) error {
	if t.err != nil || !t.b.forked.Load() {
		return t.dropScope(repoScope(repo))
	}
	return t.doom(refstack.Drop(medium{t}, repo))
}
