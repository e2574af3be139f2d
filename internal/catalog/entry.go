package catalog

import (
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/storage"
)

// A Tx is a transaction that loads each repository once.
type Tx interface {
	storage.Tx

	// Entry returns a repository as it is in the transaction, or storage.ErrNotFound. All calls for one repository
	// return the same Entry, whose Store the transaction calls at its end.
	Entry(id storage.ID) (*Entry, error)
}

// An Entry is a repository within one transaction: its record and its state, each read once. What changes of the state
// is written once, by Store. Within a transaction, the state is had from nowhere else.
type Entry struct {
	*Repo // as it is stored; Replace and others put another one in its place

	state   State
	before  State // as it is indexed
	loaded  bool  // state and before are
	changed bool
	moved   bool
	gone    bool // the repository was removed
}

// LoadEntry returns a repository, or storage.ErrNotFound.
func LoadEntry(v storage.View, id storage.ID) (Entry, error) {
	r, err := Load(v, id)
	return Entry{Repo: r}, err
}

// Header returns what every access to the repository must know of it.
func (r *Repo) Header() Header {
	return Header{Pool: r.Pool, Owner: r.Owner, Private: r.Private, Protected: r.Protected, Upstream: r.Upstream}
}

// State returns the repository's state as it is in the transaction.
func (e *Entry) State(v storage.View) (*State, error) {
	if !e.loaded {
		s, err := LoadState(v, e.Repo)
		if err != nil {
			return nil, err
		}
		e.state, e.before, e.loaded = s, s, true
	}
	return &e.state, nil
}

// Edit returns the repository's state for the caller to change. RefVersion changes by Moved alone.
func (e *Entry) Edit(v storage.View) (*State, error) {
	s, err := e.State(v)
	e.changed = e.changed || err == nil
	return s, err
}

// Moved notes that what the repository's names lead to changes in the transaction.
func (e *Entry) Moved() { e.moved = true }

// Store writes what changed of the state. The first move since the language was found out leaves a mark, by which a
// search for a language comes to know of it.
func (e *Entry) Store(tx storage.Tx) error {
	if e.gone || !e.changed && !e.moved {
		return nil
	}
	s, err := e.State(tx)
	if err != nil {
		return err
	}
	if e.moved {
		if s.LanguageIsNew() {
			if err := language.Mark(tx, e.ID); err != nil {
				return err
			}
		}
		s.RefVersion++
	}
	if err := e.index(tx); err != nil {
		return err
	}
	e.changed, e.moved = false, false
	return e.putState(tx, s)
}

// index moves the repository in the indexes by time to where its state is.
func (e *Entry) index(tx storage.Tx) error {
	if e.before.Updated.Equal(e.state.Updated) && e.before.Pushed.Equal(e.state.Pushed) {
		return nil
	}
	from, to := e.times(e.before), e.times(e.state)
	e.before = e.state
	return e.moveTimes(tx, from, to)
}
