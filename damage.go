package reposit

import (
	"errors"
	"sync"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// A damageLog tells of damage that lists pass over: of each once, for a list is read again and again. The zero value
// has told of none.
type damageLog struct {
	mu   sync.Mutex
	told map[string]string // by repository and ref: the text of the error
}

// maxTold is how many damaged things are remembered. With more, some are told of again.
const maxTold = 4096

// isNews reports whether nothing was told yet of the damage of a thing, and remembers that it was.
func (l *damageLog) isNews(thing string, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := err.Error()
	if l.told[thing] == text {
		return false
	}
	if l.told == nil || len(l.told) >= maxTold {
		l.told = map[string]string{}
	}
	l.told[thing] = text
	return true
}

// tellDamage logs once what a list found to be damaged: a repository, or if ref is not empty, that one. A nil error is
// no damage. It is called outside of transactions, since the logger is the caller's.
func (s *Store) tellDamage(id ID, ref string, err error) {
	if err == nil || !s.damage.isNews(string(id)+" "+ref, err) {
		return
	}
	args := []any{"repo", id, "err", err}
	if ref != "" {
		args = append(args, "ref", ref)
	}
	s.opts.Logger.Error("damaged data in a list", args...)
}

// tellDamaged logs once which repositories of a page are damaged.
func (s *Store) tellDamaged(page []Info) {
	for i := range page {
		s.tellDamage(page[i].ID, "", page[i].Damaged)
	}
}

// damageOf returns what a field Damaged says of an error that tells of damage; nil for any other.
func damageOf(err error) error {
	if known := classify(err); errors.Is(known, ErrCorrupt) || catalog.IsDamage(err) {
		return known
	}
	return nil
}

// addDamage adds the damage that err tells of to what is known, and returns err if it is of another kind.
func (i *Info) addDamage(err error) error {
	damage := damageOf(err)
	if damage == nil {
		return err
	}
	if i.Damaged == nil {
		i.Damaged = damage
	}
	return nil
}

// isDamagedRef reports whether what a View's Refs yielded is a damaged ref, after which others may follow. What needs
// refs that lead somewhere passes it over, as git does.
func isDamagedRef(r storage.Ref, err error) bool {
	return r.Name != "" && errors.Is(err, storage.ErrCorrupt)
}
