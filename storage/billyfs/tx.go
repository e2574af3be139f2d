package billyfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/reffile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// A tx is one run of the function of an Update. It writes nothing: what it collects is written by commit.
type tx struct {
	s       *store
	ctx     context.Context
	records *mvcc.Tx[[]byte]
	writes  []journal.RecordWrite // the same as in records, in the order of the calls
	repos   map[storage.ID]*txRepo
	drops   []repoRef
	pools   []storage.ID // to drop
	objects []txObject
	known   map[objectName]bool // that an object exists, or is in objects
	unsure  []unsureObject
	err     error // of a method that was to write
}

// An unsureObject is stored in a file that was not synced in this session.
type unsureObject struct {
	name objectName
	file string
}

type objectName struct {
	pool storage.ID
	hash storage.Hash
}

type txObject struct {
	pool   storage.ID
	object storage.Object
}

// A txRepo is a repository that the transaction touched.
type txRepo struct {
	repoRef
	dir  string     // "" if it is yet to be created
	from storage.ID // of which it is created as a fork
	pool storage.ID
	gone bool
	refs map[string]*txRef

	state   *refState // what all files of refs held, if read
	written []string  // the names of the refs that change, sorted
}

type txRef struct {
	read    bool
	base    refValue // what the files held, if read
	written bool
	value   refValue // what the ref is to hold, if written
	lines   string   // to add to its log
}

func (s *store) begin(ctx context.Context) *tx {
	return &tx{s: s, ctx: ctx, records: s.records.Begin(), repos: map[storage.ID]*txRepo{}, known: map[objectName]bool{}}
}

// doom keeps the first error of a method that was to write: without that write, the rest must not happen.
func (t *tx) doom(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *tx) empty() bool {
	return len(t.writes) == 0 && len(t.drops) == 0 && len(t.pools) == 0 && len(t.objects) == 0 && !t.writesRefs()
}

func (t *tx) writesRefs() bool {
	for _, r := range t.repos {
		if r != nil && len(r.written) > 0 {
			return true
		}
	}
	return false
}

// repo returns a repository, or nil if there is none.
func (t *tx) repo(id storage.ID) *txRepo {
	r, ok := t.repos[id]
	if !ok {
		if ref, pool, ok := findRepo(t.records, id); ok {
			r = &txRepo{repoRef: ref, dir: repoDir(id), pool: pool, refs: map[string]*txRef{}}
		}
		t.repos[id] = r
	}
	if r == nil || r.gone {
		return nil
	}
	return r
}

// ref returns what the transaction knows of a ref, after reading it if need be.
func (t *tx) ref(r *txRepo, name string) (*txRef, error) {
	ref, ok := r.refs[name]
	if !ok {
		ref = &txRef{}
	}
	if !ref.read && !ref.written && r.dir != "" {
		if err := t.s.repos.check(r.repoRef, r.dir); err != nil {
			return nil, err
		}
		base, err := t.stored(r, name)
		if err != nil {
			return nil, err
		}
		ref.base, ref.read = base, true
	}
	r.refs[name] = ref
	return ref, nil
}

// stored returns what the files held of a ref: when the transaction looked at all of them, if it did.
func (t *tx) stored(r *txRepo, name string) (refValue, error) {
	if r.state != nil && strings.HasPrefix(name, "refs/") {
		return r.state.find(name)
	}
	return t.s.refs.readBy(r.dir, name, func() (*refState, error) { return t.state(r) })
}

func (ref *txRef) current() refValue {
	if ref.written {
		return ref.value
	}
	return ref.base
}

// Ref implements storage.View.
func (t *tx) Ref(id storage.ID, name string) (storage.Ref, error) {
	r := t.repo(id)
	if r == nil {
		return storage.Ref{}, storage.ErrNotFound
	}
	ref, err := t.ref(r, name)
	if err != nil {
		return storage.Ref{}, err
	}
	if v := ref.current(); !v.IsZero() {
		return v.Ref(name), nil
	}
	return storage.Ref{}, storage.ErrNotFound
}

// Refs implements storage.View.
func (t *tx) Refs(id storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		r := t.repo(id)
		if r == nil {
			return
		}
		st, err := t.state(r)
		if err != nil {
			yield(storage.Ref{}, err)
			return
		}
		yieldRefs(st.list(prefix, after, r.over(prefix, max(prefix, after))), nil, yield)
	}
}

// over returns what the transaction has written of the refs whose names begin with prefix and are not less than start.
func (r *txRepo) over(prefix, start string) (over []refItem) {
	i, _ := slices.BinarySearch(r.written, start)
	for _, name := range r.written[i:] {
		if !strings.HasPrefix(name, prefix) {
			break
		}
		over = append(over, refItem{name: name, value: r.refs[name].value})
	}
	return over
}

// state returns what the files of a repository's refs held when the transaction first asked. What it then writes is
// compared with the files once more, under their locks.
func (t *tx) state(r *txRepo) (*refState, error) {
	if r.dir == "" {
		return &noRefs, nil
	}
	if r.state == nil {
		if err := t.s.repos.check(r.repoRef, r.dir); err != nil {
			return nil, err
		}
		st, err := t.s.refs.state(r.dir)
		if err != nil {
			return nil, err
		}
		r.state = st
	}
	return r.state, nil
}

// noRefs is the state of a repository that has no ref.
var noRefs = refState{packed: &reffile.NoPacked}

// Log implements storage.View.
func (t *tx) Log(id storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		r := t.repo(id)
		if r == nil {
			return
		}
		if ref, ok := r.refs[name]; ok && !yieldLog(ref.lines, name, nil, yield) {
			return
		}
		if r.dir != "" {
			text, err := t.s.logs.read(r.dir, name)
			yieldLog(text, name, err, yield)
		}
	}
}

// Record implements storage.View.
func (t *tx) Record(key []byte) ([]byte, error) { return readRecord(t.records, key) }

// Records implements storage.View.
func (t *tx) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return readRecords(t.records, lo, hi, order)
}

// PutRecord implements storage.Tx.
func (t *tx) PutRecord(key, value []byte) error {
	if len(key) > storage.MaxKey || len(value) > storage.MaxValue {
		return t.doom(fmt.Errorf("record %q: %d bytes: %w", key[:min(len(key), 64)], len(value), storage.ErrTooLarge))
	}
	t.put(recordKey+string(key), append([]byte{}, value...))
	return nil
}

// DeleteRecord implements storage.Tx.
func (t *tx) DeleteRecord(key []byte) error {
	t.delete(recordKey + string(key))
	return nil
}

func (t *tx) put(key string, value []byte) {
	t.records.Put(key, value)
	t.writes = append(t.writes, journal.RecordWrite{Key: key, Value: value})
}

func (t *tx) delete(key string) {
	t.records.Delete(key)
	t.writes = append(t.writes, journal.RecordWrite{Key: key, Gone: true})
}

// PutRef implements storage.Tx.
func (t *tx) PutRef(id storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	repo := t.repo(id)
	if repo == nil {
		return t.doom(fmt.Errorf("repository %s: %w", id, storage.ErrNotFound))
	}
	v := refValue{Hash: r.Hash, Target: r.Target}
	if v.Target != "" {
		v.Hash = storage.Hash{}
	}
	if !reffile.ValidName(r.Name) || v.Target != "" && !reffile.ValidName(v.Target) || v.IsZero() {
		return t.doom(fmt.Errorf("ref %q: %w", r.Name, fs.ErrInvalid))
	}
	t.setRef(repo, r.Name, v, entry)
	return nil
}

// DeleteRef implements storage.Tx.
func (t *tx) DeleteRef(id storage.ID, name string, entry *storage.LogEntry) error {
	repo := t.repo(id)
	if repo == nil || !reffile.ValidName(name) {
		return nil
	}
	ref, err := t.ref(repo, name)
	damaged := errors.Is(err, storage.ErrCorrupt) // what holds rubbish may be deleted
	if err != nil && !damaged {
		return t.doom(err)
	}
	if damaged || !ref.current().IsZero() {
		t.setRef(repo, name, refValue{}, entry)
	}
	return nil
}

func (t *tx) setRef(repo *txRepo, name string, v refValue, entry *storage.LogEntry) {
	ref, ok := repo.refs[name]
	if !ok {
		ref = &txRef{}
		repo.refs[name] = ref
	}
	if !ref.written {
		i, _ := slices.BinarySearch(repo.written, name)
		repo.written = slices.Insert(repo.written, i, name)
	}
	ref.written, ref.value = true, v
	if entry != nil {
		ref.lines += reffile.LogLine(entry)
	}
}

// HasObject implements storage.Tx.
func (t *tx) HasObject(pool storage.ID, h storage.Hash) (bool, error) {
	name := objectName{pool, h}
	if has, ok := t.known[name]; ok {
		return has, nil
	}
	has, err := t.hasStored(name, true)
	if err == nil && has {
		t.known[name] = true
	}
	return has, err
}

// hasStored reports whether an object is stored and whole. If its file was not synced, commit will.
func (t *tx) hasStored(name objectName, members bool) (bool, error) {
	file, ok, err := t.s.objects.holds(name, members)
	if ok && file != "" {
		t.unsure = append(t.unsure, unsureObject{name, file})
	}
	return ok, err
}

// PutObject implements storage.Tx. What git programs stored in the directory of a repository is not looked for: to
// store it in the pool as well costs less than to look into each of a network's repositories.
func (t *tx) PutObject(pool storage.ID, o storage.Object) (bool, error) {
	name := objectName{pool, o.Hash}
	if t.known[name] {
		return false, nil
	}
	has, err := t.hasStored(name, false)
	if err != nil {
		return false, t.doom(err)
	}
	t.known[name] = true
	if has {
		return false, nil
	}
	if o.Data == nil {
		return false, t.doom(fmt.Errorf("object %s: without its content: %w", o.Hash, fs.ErrInvalid))
	}
	t.objects = append(t.objects, txObject{pool, o})
	return true, nil
}

// CreateRepo implements storage.Tx. A repository that is there in the same pool is left as it is: the Update that
// created it may have been one whose outcome its caller never learned.
func (t *tx) CreateRepo(id, pool storage.ID) error {
	if r := t.repo(id); r != nil {
		if r.pool == pool {
			return nil
		}
		return t.doom(fmt.Errorf("repository %s: %w", id, fs.ErrExist))
	}
	if !validID(id) || !validID(pool) {
		return t.doom(fmt.Errorf("repository %q in pool %q: %w", id, pool, fs.ErrInvalid))
	}
	born := t.s.committer.seq + 1
	t.repos[id] = &txRepo{repoRef: repoRef{Repo: id, Born: born}, pool: pool, refs: map[string]*txRef{}}
	t.put(repoKey+string(id[:]), encodeRepo(pool, born))
	return nil
}

// ForkRepo implements storage.Tx. It costs O(refs). Damaged refs are left out. A repository that is there already is
// left as by CreateRepo.
func (t *tx) ForkRepo(id, from storage.ID) error {
	parent := t.repo(from)
	if parent == nil {
		return t.doom(fmt.Errorf("repository %s: %w", from, storage.ErrNotFound))
	}
	if r := t.repo(id); r != nil && r.pool == parent.pool {
		return nil
	}
	if err := t.CreateRepo(id, parent.pool); err != nil {
		return err
	}
	t.repos[id].from = from
	if parent.dir == "" {
		t.repos[id].from = parent.from
	}
	for r, err := range t.Refs(from, "", "") {
		if r.Name != "" && errors.Is(err, storage.ErrCorrupt) {
			continue
		}
		if err != nil {
			return t.doom(err)
		}
		if storage.Inherited(r.Name) {
			if err := t.PutRef(id, r, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func validID(id storage.ID) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// DropRepo implements storage.Tx.
func (t *tx) DropRepo(id storage.ID) error {
	r := t.repo(id)
	if r == nil {
		return nil
	}
	if r.dir != "" {
		t.drops = append(t.drops, r.repoRef)
	}
	t.repos[id] = &txRepo{gone: true}
	t.delete(repoKey + string(id[:]))
	if name := nameKey + string(id[:]); hasKey(t.records, name) {
		t.delete(name)
	}
	return nil
}

// DropPool implements storage.Tx.
func (t *tx) DropPool(pool storage.ID) error {
	if !validID(pool) {
		return t.doom(fmt.Errorf("pool %q: %w", pool, fs.ErrInvalid))
	}
	t.pools = append(t.pools, pool)
	maps.DeleteFunc(t.known, func(name objectName, _ bool) bool { return name.pool == pool })
	return nil
}
