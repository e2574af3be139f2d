package billyfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/reposit/reposit/internal/reffile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// Keys of the map in memory: the records that callers store, and which repositories there are.
const (
	recordKey = "u" // + the record's key: its value
	repoKey   = "r" // + ID: the ID of the pool, the number of the Update that created it
	nameKey   = "n" // + ID: what people call the repository
)

func encodeRepo(pool storage.ID, born uint64) []byte {
	return binary.AppendUvarint(pool[:], born)
}

func decodeRepo(v []byte) (pool storage.ID, born uint64) {
	n := copy(pool[:], v)
	born, _ = binary.Uvarint(v[n:])
	return pool, born
}

// reader is what snapshots and transactions have in common.
type reader interface {
	Get(key string) ([]byte, bool)
	Scan(lo, hi string, desc bool) iter.Seq2[string, []byte]
}

// findRepo returns the repository that an ID names.
func findRepo(r reader, id storage.ID) (repo repoRef, pool storage.ID, ok bool) {
	v, ok := r.Get(repoKey + string(id[:]))
	if !ok {
		return repoRef{}, pool, false
	}
	pool, born := decodeRepo(v)
	return repoRef{Repo: id, Born: born}, pool, true
}

func hasKey(r reader, key string) bool {
	_, ok := r.Get(key)
	return ok
}

func readRecord(r reader, key []byte) ([]byte, error) {
	v, ok := r.Get(recordKey + string(key))
	if !ok {
		return nil, storage.ErrNotFound
	}
	return v, nil
}

func readRecords(r reader, lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		from, to := recordKey+string(lo), "v" // the key after recordKey
		if hi != nil {
			to = recordKey + string(hi)
		}
		for k, v := range r.Scan(from, to, bool(order)) {
			if !yield(storage.Record{Key: []byte(k[len(recordKey):]), Value: v}, nil) {
				return
			}
		}
	}
}

// A view is a snapshot.
type view struct {
	s  *store
	at mvcc.Snapshot[[]byte]

	mu     sync.Mutex
	states map[string]*refState // of the refs in a directory, as they were when they were first asked for

	crowded storage.ID // a repository in which many refs have files of their own, if any
}

// View implements storage.Backend.
func (s *store) View(ctx context.Context, fn func(storage.View) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.committer.stalled.Load() {
		if err := s.committer.finishPendingFor(ctx); err != nil {
			return err
		}
	}
	v := &view{s: s, at: s.records.Snapshot()}
	defer func() {
		v.at.Close()
		if !s.overlay.empty() {
			s.forget()
		}
		if !v.crowded.IsZero() && !s.readOnly {
			s.packer.afterView(ctx, v.crowded)
		}
	}()
	return fn(v)
}

// forget lets go of what only snapshots needed that are closed now. What cannot be removed is left for the next Open.
func (s *store) forget() {
	for _, dir := range s.overlay.forget(s.records.Oldest()) {
		_ = s.m.RemoveAll(dir)
	}
}

// inRepo calls read with the directory of a repository, and again if the repository was dropped meanwhile.
func (v *view) inRepo(id storage.ID, read func(repo repoRef, dir string) error) error {
	repo, _, ok := findRepo(v.at, id)
	if !ok {
		return nil
	}
	for {
		dir := v.s.overlay.dir(repo)
		err := v.s.repos.check(repo, dir)
		if err == nil {
			err = read(repo, dir)
		}
		if v.s.overlay.dir(repo) == dir {
			return err
		}
	}
}

// Ref implements storage.View.
func (v *view) Ref(id storage.ID, name string) (storage.Ref, error) {
	var value refValue
	err := v.inRepo(id, func(repo repoRef, dir string) (err error) {
		value, err = v.s.refs.readBy(dir, name, func() (*refState, error) { return v.state(id, dir) })
		if p, ok := v.s.overlay.find(repo, name, v.at.Commit()); ok {
			value, err = p.value, nil
		}
		return err
	})
	if err != nil {
		return storage.Ref{}, err
	}
	if value.IsZero() {
		return storage.Ref{}, storage.ErrNotFound
	}
	return value.Ref(name), nil
}

// Refs implements storage.View.
func (v *view) Refs(id storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		st, over, err := v.refs(id)
		if st == nil && err == nil {
			return
		}
		yieldRefs(st.list(prefix, after, over), err, yield)
	}
}

// refs returns the state of a repository's refs, and what is to be taken for some of them instead; no state if there is
// no such repository.
func (v *view) refs(id storage.ID) (st *refState, over []refItem, err error) {
	err = v.inRepo(id, func(repo repoRef, dir string) (err error) {
		if st, err = v.state(id, dir); err != nil {
			return err
		}
		over = nil
		v.s.overlay.each(repo, v.at.Commit(), func(name string, p beforeImage) {
			over = append(over, refItem{name: name, value: p.value})
		})
		sortItems(over)
		return nil
	})
	return st, over, err
}

// state returns what the files of the refs in a directory held when the view first asked. What has changed since is in
// the overlay if an Update did it, and what other programs do, the view need not see.
func (v *view) state(id storage.ID, dir string) (*refState, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st, ok := v.states[dir]; ok {
		return st, nil
	}
	st, err := v.s.refs.state(dir)
	if err != nil {
		return nil, err
	}
	if v.states == nil {
		v.states = map[string]*refState{}
	}
	v.states[dir] = st
	if v.s.packer.crowded(st) {
		v.crowded = id
	}
	return st, nil
}

func sortItems(items []refItem) {
	slices.SortFunc(items, func(a, b refItem) int { return strings.Compare(a.name, b.name) })
}

// RefsVersion is asked by storage.RefsVersion.
func (v *view) RefsVersion(id storage.ID) (uint64, error) {
	st, over, err := v.refs(id)
	if err != nil || st == nil || len(over) > 0 {
		return 0, err
	}
	return st.number, nil
}

// Log implements storage.View.
func (v *view) Log(id storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		var text string
		err := v.inRepo(id, func(repo repoRef, dir string) (err error) {
			text, err = v.s.logs.read(dir, name)
			if p, ok := v.s.overlay.find(repo, name, v.at.Commit()); ok {
				if p.log != nil {
					text, err = *p.log, nil
				} else if err == nil {
					text = text[:min(p.logSize, len(text))]
				}
			}
			return err
		})
		yieldLog(text, name, err, yield)
	}
}

// yieldLog yields the lines of a log, the last one first.
func yieldLog(text, name string, err error, yield func(storage.LogEntry, error) bool) bool {
	if err != nil {
		return yield(storage.LogEntry{}, err)
	}
	for text != "" {
		text = strings.TrimSuffix(text, "\n")
		line := text[strings.LastIndexByte(text, '\n')+1:]
		text = text[:len(text)-len(line)]
		if line == "" {
			continue
		}
		entry, err := reffile.ParseLog(line)
		if err != nil {
			return yield(storage.LogEntry{}, fmt.Errorf("log of %s: %w", name, err))
		}
		if !yield(entry, nil) {
			return false
		}
	}
	return true
}

// Record implements storage.View.
func (v *view) Record(key []byte) ([]byte, error) { return readRecord(v.at, key) }

// Records implements storage.View.
func (v *view) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return readRecords(v.at, lo, hi, order)
}

// DeletedRefs is asked by storage.DeletedRefs. A name that was too long for a file can't be told any more.
func (v *view) DeletedRefs(id storage.ID) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		err := v.inRepo(id, func(_ repoRef, dir string) (err error) {
			names, err = v.s.logs.names(dir)
			return err
		})
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range names {
			_, err := v.Ref(id, name)
			if err == nil || errors.Is(err, storage.ErrCorrupt) {
				continue
			}
			if !errors.Is(err, storage.ErrNotFound) {
				yield("", err)
				return
			}
			for _, err := range v.Log(id, name) {
				if err == nil && !yield(name, nil) {
					return
				}
				break // there is an entry
			}
		}
	}
}
