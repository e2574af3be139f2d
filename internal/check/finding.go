// Package check looks for what must hold of all that is stored, and does not. What is kept for the sake of speed alone
// it makes anew: indexes, counts, words to search by, languages, contributors, graphs. It changes nothing.
//
// There is a function for each noun, and All for all of them. They return what they find, and an error only if they
// can't go on: what is damaged is a finding, and they go on behind it. Each takes as long as it takes to read all that
// there is of its noun. In one View, nothing that a transaction leaves half done is seen.
package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A Finding is something that does not hold.
type Finding struct {
	Noun  Noun
	Repo  storage.ID // that it is about; zero if it is about none, or about one that can't be told
	What  string     // that is damaged: a key of a record, the name of a ref, the hash of an object
	Means string     // what does not hold of it

	Pool  storage.ID   // of an object
	Repos []storage.ID // of an object that refs lead to: all repositories that it is missed in, at most maxTouched

	mend func(storage.Tx) error // in the transaction that the finding was made in; nil: it can't be made anew so
}

// maxTouched is how many repositories a finding about an object names.
const maxTouched = 1000

func (f Finding) String() string {
	if f.Repo.IsZero() {
		return fmt.Sprintf("%s %q: %s", f.Noun, f.What, f.Means)
	}
	return fmt.Sprintf("%s %q of repository %s: %s", f.Noun, f.What, f.Repo, f.Means)
}

// A Noun says what a finding is about, and so which part of a store has to be made anew.
type Noun string

// The nouns.
const (
	Record      Noun = "record" // that is of no known kind, or of no repository
	Repository  Noun = "repository"
	Index       Noun = "index"    // of lists, with the counts and the order in which repositories expire
	Redirect    Noun = "redirect" // a former name
	Family      Noun = "family"
	Network     Noun = "network"
	Word        Noun = "word" // or another record of the search
	Language    Noun = "language"
	Contributor Noun = "contributor"
	Graph       Noun = "graph" // of a pool's commits
	Reference   Noun = "ref"
	Log         Noun = "log" // of a ref
	Object      Noun = "object"
	Pool        Noun = "pool"    // of objects
	Backend     Noun = "backend" // or its files
)

// All returns what all functions find in one state of a store, and what a new Walker does.
func All(ctx context.Context, b storage.Backend) (found []Finding, err error) {
	return NewWalker().All(ctx, b, nil)
}

// Kept is All without objects: it returns what they find of what can be made anew.
func Kept(ctx context.Context, b storage.Backend) (found []Finding, err error) {
	err = b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err == nil {
			err = s.kept(ctx, object.New(b, 1<<20))
		}
		found, err = s.results(err)
		return err
	})
	return found, err
}

// kept looks at everything but objects.
func (s *scan) kept(ctx context.Context, objects *object.Store) error {
	for _, step := range []func() error{
		s.catalog, s.networks, s.search,
		func() error { return s.languages(ctx, objects) },
		func() error { return s.contributors(ctx, objects) },
		func() error { return s.graphs(ctx, objects) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// A scan is the repositories of a store, and what was found so far.
type scan struct {
	v       storage.View
	repos   map[storage.ID]*catalog.Repo
	states  map[storage.ID]*catalog.State
	damaged map[storage.ID]bool // repositories that can't be read; what is kept of them can't be told
	gap     bool                // there may be more repositories that can't be read
	found   []Finding
}

// Repositories are the records of these keys.
const reposFrom, reposEnd = "i", "j"

func newScan(v storage.View) (*scan, error) {
	s := &scan{v: v, repos: map[storage.ID]*catalog.Repo{}, states: map[storage.ID]*catalog.State{},
		damaged: map[storage.ID]bool{}}
	for rec, err := range v.Records([]byte("i"), []byte("j"), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if len(rec.Key) != 1+len(storage.ID{}) {
			s.note(Record, storage.ID{}, string(rec.Key), "it is the key of no repository")
			continue
		}
		id := storage.ID(rec.Key[1:])
		r, err := catalog.Load(v, id)
		var state catalog.State
		if err == nil {
			state, err = catalog.LoadState(v, r)
		}
		if err == nil {
			s.repos[id], s.states[id] = r, &state
			continue
		}
		s.damaged[id] = true
		if err := s.noteError(err, Repository, id, string(rec.Key)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// isWhole reports whether all repositories could be read, so that it is known what must be kept of them.
func (s *scan) isWhole() bool { return len(s.damaged) == 0 && !s.gap }

// records yields the records with lo <= key < hi, in the order of their keys. What can't be read is a finding: a
// sequence of a backend ends there, so what lies behind it is read from the other end. An error comes last.
func (s *scan) records(lo, hi string) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		var from, to []byte
		if from = []byte(lo); hi != "" {
			to = []byte(hi)
		}
		last := lo
		var damage error
		for rec, err := range s.v.Records(from, to, storage.Ascending) {
			if err != nil {
				damage = err
				break
			}
			last = string(rec.Key)
			if !yield(rec, nil) {
				return
			}
		}
		if damage == nil {
			return
		}
		if err := s.noteError(damage, Record, storage.ID{}, last); err != nil {
			yield(storage.Record{}, err)
			return
		}
		s.gap = s.gap || lo == reposFrom
		var behind []storage.Record
		for rec, err := range s.v.Records([]byte(last+"\x00"), to, storage.Descending) {
			if err != nil {
				break // it is the same damage, or one that is told of when that is mended
			}
			behind = append(behind, storage.Record{Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value)})
		}
		for _, rec := range slices.Backward(behind) {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// ids returns the repositories that can be read.
func (s *scan) ids() []storage.ID {
	return slices.SortedFunc(maps.Keys(s.repos), func(a, b storage.ID) int { return slices.Compare(a[:], b[:]) })
}

func putRecord(key, value string) func(storage.Tx) error {
	return func(tx storage.Tx) error { return tx.PutRecord([]byte(key), []byte(value)) }
}

func deleteRecord(key string) func(storage.Tx) error {
	return func(tx storage.Tx) error { return tx.DeleteRecord([]byte(key)) }
}

// noteMend is note for what mend makes anew.
func (s *scan) noteMend(mend func(storage.Tx) error, n Noun, repo storage.ID, what, format string, args ...any) {
	s.note(n, repo, what, format, args...)
	s.found[len(s.found)-1].mend = mend
}

func (s *scan) note(n Noun, repo storage.ID, what, format string, args ...any) {
	s.found = append(s.found, Finding{Noun: n, Repo: repo, What: what, Means: fmt.Sprintf(format, args...)})
}

// noteError notes an error that says what is damaged, or missing, and returns any other.
func (s *scan) noteError(err error, n Noun, repo storage.ID, what string) error {
	if !catalog.IsDamage(err) && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, ref.ErrSymbolic) {
		return err
	}
	s.note(n, repo, what, "%v", err)
	return nil
}

// compare notes records that are not as they would be made anew. While there are repositories that can't be read, it is
// not known what should be there.
func (s *scan) compare(n Noun, want, got map[string]string) {
	if !s.isWhole() {
		return
	}
	keys := map[string]bool{}
	for key := range want {
		keys[key] = true
	}
	for key := range got {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		w, wanted := want[key]
		g, there := got[key]
		f := Finding{Noun: n, What: key, mend: putRecord(key, w)}
		switch {
		case wanted && !there:
			f.Means = fmt.Sprintf("it is missing, and should be %q", w)
		case there && !wanted:
			f.Means, f.mend = fmt.Sprintf("it is %q, and should not be there", g), deleteRecord(key)
		case w != g:
			f.Means = fmt.Sprintf("it is %q, and should be %q", g, w)
		default:
			continue
		}
		s.found = append(s.found, f)
	}
}
