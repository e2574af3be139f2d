// Package catalog keeps the list of repositories: what is known of each, by what name it is found, in which orders
// it is listed, and how many there are. All of it changes in the transaction of what it describes.
package catalog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// ErrTaken says that another repository has the name, or the ID.
var ErrTaken = fault.New(fault.Exists, "")

// formatVersion is the version of the keys and values of this package.
const formatVersion = 3

// CheckVersion returns storage.ErrNotFound for an empty store, and storage.ErrFormat for one of another version.
func CheckVersion(v storage.View) error {
	stored, err := v.Record([]byte{keyVersion})
	if err == nil && len(stored) == 1 && stored[0] == suspended {
		return fmt.Errorf("%w: the store is only partly there: restoring it did not end", storage.ErrFormat)
	}
	if err == nil && (len(stored) != 1 || stored[0] != formatVersion) {
		err = fmt.Errorf("%w: the store has version %v, this program knows %d", storage.ErrFormat, stored, formatVersion)
	}
	return err
}

// Init writes the format version into an empty store, and refuses a store of another one.
func Init(tx storage.Tx) error {
	err := CheckVersion(tx)
	if errors.Is(err, storage.ErrNotFound) {
		var secret page.Secret
		rand.Read(secret[:])
		if err := tx.PutRecord([]byte{keySecret}, secret[:]); err != nil {
			return err
		}
		return tx.PutRecord([]byte{keyVersion}, []byte{formatVersion})
	}
	return err
}

// LoadSecret returns what page tokens of the store are made with.
func LoadSecret(v storage.View) (s page.Secret, err error) {
	b, err := v.Record([]byte{keySecret})
	if err == nil && len(b) != len(s) {
		err = fmt.Errorf("%w: secret of page tokens", storage.ErrCorrupt)
	}
	copy(s[:], b)
	return s, err
}

// Find returns the ID of the repository of that owner and slug, or of the one that had this name last and has moved, or
// storage.ErrNotFound.
func Find(v storage.View, owner, slug string) (id storage.ID, moved bool, err error) {
	id, err = named(v, owner, slug)
	if errors.Is(err, storage.ErrNotFound) {
		id, err = findRedirect(v, owner, slug)
		return id, true, err
	}
	return id, false, err
}

// named returns the ID of the repository that has a name now, or storage.ErrNotFound.
func named(v storage.View, owner, slug string) (storage.ID, error) {
	var buffer [160]byte
	b, err := v.Record(nameIndexKey(buffer[:0], public, "", owner, slug))
	if errors.Is(err, storage.ErrNotFound) {
		b, err = v.Record(nameIndexKey(buffer[:0], private, "", owner, slug))
	}
	if err != nil {
		return storage.ID{}, err
	}
	return recordID(b, "name")
}

func recordID(b []byte, what string) (storage.ID, error) {
	if len(b) != len(storage.ID{}) {
		return storage.ID{}, fmt.Errorf("%w: %s of a repository", storage.ErrCorrupt, what)
	}
	return storage.ID(b), nil
}

// Load returns a repository, or storage.ErrNotFound.
func Load(v storage.View, id storage.ID) (*Repo, error) {
	b, err := loadRaw(v, id)
	if err != nil {
		return nil, err
	}
	return decodeRepo(id, b)
}

// Pool returns the pool of a repository, or storage.ErrNotFound. It is the cheapest way to learn that it exists.
func Pool(v storage.View, id storage.ID) (pool storage.ID, err error) {
	b, err := loadRaw(v, id)
	if err != nil {
		return pool, err
	}
	d := record.Decode(b)
	d.Version(repoVersion, forkVersion)
	return d.ID(), d.Err("repository")
}

// LoadHeader returns what every access to a repository must know of it, or storage.ErrNotFound.
func LoadHeader(v storage.View, id storage.ID) (Header, error) {
	b, err := loadRaw(v, id)
	if err != nil {
		return Header{}, err
	}
	d := record.Decode(b)
	h, _ := decodeHead(&d)
	return h, d.Err("repository")
}

func loadRaw(v storage.View, id storage.ID) ([]byte, error) {
	var buffer [1 + len(id)]byte
	return v.Record(append(append(buffer[:0], keyRepo), id[:]...))
}

// LoadState returns a repository's state.
func LoadState(v storage.View, r *Repo) (State, error) {
	s, err := loadState(v, r.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return State{Updated: r.Created}, nil
	}
	return s, err
}

func loadState(v storage.View, id storage.ID) (State, error) {
	var buffer [1 + len(id)]byte
	b, err := v.Record(append(append(buffer[:0], keyState), id[:]...))
	if err != nil {
		return State{}, err
	}
	return decodeState(b)
}

// RefVersion returns how often what the names of a repository lead to has changed. As long as it is the same, so are
// the repository's refs, but for those that other programs change.
func RefVersion(v storage.View, id storage.ID) (uint64, error) {
	var buffer [1 + len(id)]byte
	b, err := v.Record(append(append(buffer[:0], keyState), id[:]...))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return decodeRefVersion(b)
}

// Adjust changes a repository's state. It does nothing if there is no such repository.
func Adjust(tx Tx, id storage.ID, change func(*State)) error {
	e, err := tx.Entry(id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := e.Edit(tx)
	if err == nil {
		change(s)
	}
	return err
}

// Protect notes whether a repository has protected branches.
func (e *Entry) Protect(tx storage.Tx, protected bool) error {
	if e.Protected == protected {
		return nil
	}
	is := *e.Repo
	is.Protected = protected
	return e.put(tx, &is)
}

// put stores the repository's record.
func (e *Entry) put(tx storage.Tx, r *Repo) error {
	e.Repo = r
	return r.put(tx)
}

// put stores the record, and gives the backend the name.
func (r *Repo) put(tx storage.Tx) error {
	if err := tx.PutRecord(idKey(keyRepo, r.ID), r.encode()); err != nil {
		return err
	}
	return r.describe(tx)
}

func (r *Repo) describe(tx storage.Tx) error { return storage.Describe(tx, r.ID, r.Owner+"/"+r.Slug) }

// Create adds a repository, or returns ErrTaken.
func Create(tx storage.Tx, r *Repo) error {
	if _, err := loadRaw(tx, r.ID); !errors.Is(err, storage.ErrNotFound) {
		return taken(err)
	}
	return Add(tx, r)
}

// Add is Create for an ID that no repository can have. It returns ErrTaken if one has the name.
func Add(tx storage.Tx, r *Repo) error {
	if _, err := named(tx, r.Owner, r.Slug); !errors.Is(err, storage.ErrNotFound) {
		return taken(err)
	}
	if err := takeRedirect(tx, r.Owner, r.Slug); err != nil {
		return err
	}
	if err := r.put(tx); err != nil {
		return err
	}
	if err := r.setExpiry(tx, time.Time{}, r.Expires); err != nil {
		return err
	}
	return r.index(tx, State{Updated: r.Created}, +1)
}

func taken(err error) error {
	if err == nil {
		return ErrTaken
	}
	return err
}

// Replace stores what changed of a repository, and moves it in the indexes. The name that it had stays a redirect.
func (e *Entry) Replace(tx Tx, r *Repo, now time.Time) error {
	old := e.Repo
	if err := rename(tx, old, r); err != nil {
		return err
	}
	state, err := e.Edit(tx)
	if err != nil {
		return err
	}
	if err := old.index(tx, e.before, -1); err != nil {
		return err
	}
	state.Updated = now
	if err := r.setExpiry(tx, old.Expires, r.Expires); err != nil {
		return err
	}
	if err := indexUpstream(tx, old, r); err != nil {
		return err
	}
	if err := e.put(tx, r); err != nil {
		return err
	}
	if old.Private != r.Private {
		if err := r.countFork(tx, old.Private, -1); err != nil {
			return err
		}
		if err := r.countFork(tx, r.Private, +1); err != nil {
			return err
		}
	}
	e.before = *state
	return r.index(tx, *state, +1)
}

// Remove takes a repository out of the catalog, and reports whether it was the last of its pool. Its forks then belong
// to what it was forked from; those of the root of a network to the oldest of them, which is the new root. What go-git
// stores and former names may be left for Deleted to sweep.
func (e *Entry) Remove(tx Tx) (last bool, err error) {
	r := e.Repo
	state, err := e.State(tx)
	if err != nil {
		return false, err
	}
	e.gone = true
	if err := r.index(tx, e.before, -1); err != nil {
		return false, err
	}
	if err := r.setExpiry(tx, r.Expires, time.Time{}); err != nil {
		return false, err
	}
	if err := indexUpstream(tx, r, nil); err != nil {
		return false, err
	}
	if err := r.bury(tx, state); err != nil {
		return false, err
	}
	for _, kind := range []byte{keyRepo, keyState, keyToken} {
		if err := tx.DeleteRecord(idKey(kind, r.ID)); err != nil {
			return false, err
		}
	}
	if err := Deleted.Bury(tx, r.ID); err != nil {
		return false, err
	}
	return r.leaveNetwork(tx, *state)
}

// PutLanguage stores which language a repository was in at a commit, which its default branch named after that many
// moves, and takes back the mark unless there were more since. It is a no-op, and returns false, if what is stored is
// newer.
func (e *Entry) PutLanguage(tx storage.Tx, name string, at storage.Hash, version uint64) (bool, error) {
	now, err := e.State(tx)
	if err != nil || version < now.LanguageVersion || version > now.RefVersion {
		return false, err
	}
	state, err := e.Edit(tx)
	if err != nil {
		return false, err
	}
	state.Language, state.LanguageAt, state.LanguageVersion = name, at, version
	if !state.LanguageIsNew() {
		return true, nil
	}
	return true, language.Clean(tx, e.ID)
}

func (r *Repo) putState(tx storage.Tx, s *State) error {
	var buffer [96]byte
	return tx.PutRecord(idKey(keyState, r.ID), s.encode(buffer[:0]))
}

func (r *Repo) setExpiry(tx storage.Tx, from, to time.Time) error {
	if from.Equal(to) {
		return nil
	}
	key := func(t time.Time) []byte {
		return append(record.AppendTime([]byte{keyExpiry}, t), r.ID[:]...)
	}
	if !from.IsZero() {
		if err := tx.DeleteRecord(key(from)); err != nil {
			return err
		}
	}
	if to.IsZero() {
		return nil
	}
	return tx.PutRecord(key(to), nil)
}

// Expired returns up to limit repositories that expired at or before now, but for those to skip.
func Expired(v storage.View, now time.Time, limit int, skip func(storage.ID) bool) ([]storage.ID, error) {
	var ids []storage.ID
	hi := record.After(record.AppendTime([]byte{keyExpiry}, now))
	for rec, err := range v.Records([]byte{keyExpiry}, hi, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if len(rec.Key) != 1+8+len(storage.ID{}) {
			return nil, fmt.Errorf("%w: expiry key", storage.ErrCorrupt)
		}
		id := storage.ID(rec.Key[9:])
		if skip(id) {
			continue
		}
		if ids = append(ids, id); len(ids) == limit {
			break
		}
	}
	return ids, nil
}

// PutToken stores the hash of a delete token and when it ends, in place of any other of the repository.
func PutToken(tx storage.Tx, id storage.ID, hash [32]byte, ends time.Time) error {
	return tx.PutRecord(idKey(keyToken, id), record.AppendTime(hash[:], ends))
}

// Token returns what PutToken stored, or storage.ErrNotFound.
func Token(v storage.View, id storage.ID) (hash [32]byte, ends time.Time, err error) {
	b, err := v.Record(idKey(keyToken, id))
	if err != nil {
		return hash, ends, err
	}
	d := record.Decode(b)
	copy(hash[:], d.Take(uint64(len(hash))))
	ends = d.Time()
	return hash, ends, d.End("delete token")
}

// suspended is the format version of a store that is only partly there, since it is being restored.
const suspended = 0xff

// IsVersion reports whether a record is that of the format version.
func IsVersion(rec storage.Record) bool { return len(rec.Key) == 1 && rec.Key[0] == keyVersion }

// Suspend makes a store one that CheckVersion refuses.
func Suspend(tx storage.Tx) error { return tx.PutRecord([]byte{keyVersion}, []byte{suspended}) }

// Resume gives a store that is suspended its version back. It returns storage.ErrFormat for one that this program does
// not know.
func Resume(tx storage.Tx, version []byte) error {
	if err := tx.PutRecord([]byte{keyVersion}, version); err != nil {
		return err
	}
	return CheckVersion(tx)
}

// Touch writes what is there already, so that a transaction is one that others come before or after.
func Touch(tx storage.Tx) error {
	stored, err := tx.Record([]byte{keyVersion})
	if err != nil {
		return err
	}
	return tx.PutRecord([]byte{keyVersion}, stored)
}

// PutState stores a state of a repository that was found out anew. Indexes by time must be as it says.
func (r *Repo) PutState(tx storage.Tx, s *State) error { return r.putState(tx, s) }

// Put stores a network that was found out anew.
func (n *Network) Put(tx storage.Tx, pool storage.ID) error {
	return tx.PutRecord(networkKey(pool), n.encode())
}
