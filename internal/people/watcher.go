package people

import (
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Watcher is a user who watches a repository.
type Watcher struct {
	Login string
	Since time.Time
}

// Watch makes login a watcher from now on, and reports whether they were none. One who watches already stays where they
// are in the list. It returns storage.ErrNotFound if they are no user.
func Watch(tx storage.Tx, repo storage.ID, login string, now time.Time) (bool, error) {
	login = names.Key(login)
	if err := known(tx, login); err != nil {
		return false, err
	}
	key := nameKey(keyWatched, login, repo.String())
	if _, err := tx.Record(key); !errors.Is(err, storage.ErrNotFound) {
		return false, err
	}
	now = record.Nearest(now)
	if err := tx.PutRecord(key, record.AppendTime(nil, now)); err != nil {
		return false, err
	}
	return true, tx.PutRecord(watcherKey(repo, now, login), nil)
}

// Unwatch makes login no watcher, and reports whether they were one.
func Unwatch(tx storage.Tx, repo storage.ID, login string) (bool, error) {
	login = names.Key(login)
	key := nameKey(keyWatched, login, repo.String())
	b, err := tx.Record(key)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d := record.Decode(b)
	since := d.Time()
	if err := d.End("watch"); err != nil {
		return false, err
	}
	if err := tx.DeleteRecord(watcherKey(repo, since, login)); err != nil {
		return false, err
	}
	return true, tx.DeleteRecord(key)
}

// Watches reports whether login watches a repository.
func Watches(v storage.View, repo storage.ID, login string) (bool, error) {
	_, err := v.Record(nameKey(keyWatched, names.Key(login), repo.String()))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// WatchedBy returns up to limit repositories that login watches, behind one, in the order of their IDs.
func WatchedBy(v storage.View, login string, behind storage.ID, limit int) ([]storage.ID, error) {
	prefix := nameKey(keyWatched, names.Key(login), "")
	lo := prefix
	if !behind.IsZero() {
		lo = append(nameKey(keyWatched, names.Key(login), behind.String()), 0)
	}
	var list []storage.ID
	for rec, err := range v.Records(lo, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		id, err := parseID(rec.Key[len(prefix):])
		if err != nil {
			return nil, err
		}
		if list = append(list, id); len(list) == limit {
			break
		}
	}
	return list, nil
}

// Position returns where a watcher stands in the list of a repository's watchers.
func (w Watcher) Position() []byte { return append(record.AppendTime(nil, w.Since), w.Login...) }

// Watchers yields the watchers of a repository in the order in which they began, or the reverse of it. A position that
// is not nil is that of the watcher before them.
func Watchers(v storage.View, repo storage.ID, behind []byte, order storage.Order) iter.Seq2[Watcher, error] {
	prefix := repoKey(keyWatcher, repo, "")
	lo, hi := prefix, record.After(prefix)
	if behind != nil {
		at := append(slices.Clone(prefix), behind...)
		if order == storage.Descending {
			hi = at
		} else {
			lo = append(at, 0)
		}
	}
	return func(yield func(Watcher, error) bool) {
		for rec, err := range v.Records(lo, hi, order) {
			if err != nil {
				yield(Watcher{}, err)
				return
			}
			d := record.Decode(rec.Key[len(prefix):])
			w := Watcher{Since: d.Time(), Login: string(d.Rest())}
			d.Check(w.Login != "")
			if err := d.End("key of a watcher"); !yield(w, err) || err != nil {
				return
			}
		}
	}
}

// Doubt notes that watchers of a repository may have lost Read, from the first one on, whatever Doubt noted before.
func Doubt(tx storage.Tx, repo storage.ID) error {
	return tx.PutRecord(repoKey(keyDoubt, repo, ""), nil)
}

// Doubted returns a repository whose watchers may have lost Read, and up to limit of those that are yet to be looked
// at. It returns storage.ErrNotFound if there is no such repository.
func Doubted(v storage.View, limit int) (repo storage.ID, list []Watcher, err error) {
	prefix := nameKey(keyDoubt)
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return repo, nil, err
		}
		if repo, err = parseID(rec.Key[len(prefix):]); err != nil {
			return repo, nil, err
		}
		var behind []byte
		if len(rec.Value) > 0 {
			behind = rec.Value
		}
		for w, err := range Watchers(v, repo, behind, storage.Ascending) {
			if err != nil {
				return repo, nil, err
			}
			if list = append(list, w); len(list) == limit {
				break
			}
		}
		return repo, list, nil
	}
	return repo, nil, storage.ErrNotFound
}

// Settle notes that the watchers of a repository up to last were looked at; the zero Watcher stands for all of them.
func Settle(tx storage.Tx, repo storage.ID, last Watcher) error {
	key := repoKey(keyDoubt, repo, "")
	if last.Login == "" {
		return tx.DeleteRecord(key)
	}
	return tx.PutRecord(key, last.Position())
}

// removeWatches makes login no watcher of up to batch repositories, and returns which.
func removeWatches(tx storage.Tx, login string) ([]storage.ID, error) {
	repos, err := reposBehind(tx, nameKey(keyWatched, login, ""), batch)
	if err != nil {
		return nil, err
	}
	for _, id := range repos {
		if _, err := Unwatch(tx, id, login); err != nil {
			return nil, err
		}
	}
	return repos, nil
}

// dropWatchers removes up to batch watchers of a repository, and reports whether there are more.
func dropWatchers(tx storage.Tx, repo storage.ID) (more bool, err error) {
	n := 0
	for w, err := range Watchers(tx, repo, nil, storage.Ascending) {
		if err != nil {
			return false, err
		}
		if n++; n > batch {
			return true, nil
		}
		if err := tx.DeleteRecord(watcherKey(repo, w.Since, w.Login)); err != nil {
			return false, err
		}
		if err := tx.DeleteRecord(nameKey(keyWatched, w.Login, repo.String())); err != nil {
			return false, err
		}
	}
	return false, nil
}

func watcherKey(repo storage.ID, since time.Time, login string) []byte {
	return append(repoKey(keyWatcher, repo, ""), Watcher{login, since}.Position()...)
}
