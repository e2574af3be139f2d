package reposit

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// An EventKind is what an event is about.
type EventKind int

// The kinds of events.
const (
	// Detail, of a fork: "fork of" and the parent's ID, or "fork" if that is hidden; of one that came back by
	// Store.Undelete: "undeleted"
	RepoCreated EventKind = 1
	// renamed, transferred or described; Detail: its full name before
	RepoUpdated EventKind = 2
	RepoDeleted EventKind = 3 // by Delete or DeleteExpired
	RefChanged  EventKind = 4 // Old and New; Detail: what a symbolic ref now names
	// of a collaborator, team, deploy key or protection; Detail: the Permission that it now gives, or "protected" and its
	// reverse
	AccessChanged EventKind = 5
	PullChanged   EventKind = 6 // opened, reviewed, merged or closed: Detail
)

// String returns "repo created" and its like.
func (k EventKind) String() string {
	switch k {
	case RepoCreated:
		return "repo created"
	case RepoUpdated:
		return "repo updated"
	case RepoDeleted:
		return "repo deleted"
	case RefChanged:
		return "ref changed"
	case AccessChanged:
		return "access changed"
	case PullChanged:
		return "pull changed"
	}
	return "unknown"
}

// An Event is one change in a store.
type Event struct {
	Number   int64 // from 1, in the order in which the changes happened
	When     time.Time
	Kind     EventKind
	Repo     ID     // "" if it is about none, as a team as such
	By       string // who made the change: "host", "user ann", "deploy key 7"
	Name     string // the repository's full name, the ref, or who or what was given access or denied it
	Detail   string // what else the kind says
	Old, New Hash   // of a ref; zero: it did not exist
	Pull     int    // number of the pull request
}

// eventUnits is how many transactions' events are read at a time.
const eventUnits = 64

// Events yields every change that was made after the one with that number, once and in order, and then waits for more
// until the loop is left, the context ends, or the store is closed. 0 stands for before the first event that is kept.
// Whoever stores the Number of the last event that they saw can go on from there, also after the store was opened anew.
// An event is there if, and only if, its change is.
//
// An actor sees the events of the repositories that they may read, those about access where they have Admin, and of
// what happened while a repository was private only what they might read if it still were.
//
// It returns ErrNotFound if events after that number which the actor might see are not kept any more (see
// Options.KeepEvents): then it is 0, or EventRange, to begin with anew. It returns ErrInvalid for a number that was not
// given out yet, or to another actor. What programs outside did to refs is no event.
func (s *Store) Events(ctx context.Context, after int64) iter.Seq2[Event, error] {
	const op = "events"
	return func(yield func(Event, error) bool) {
		if after < 0 {
			yield(Event{}, failed(op, "", "", invalidf("number of an event: %d", after)))
			return
		}
		numbers := s.eventNumbers()
		at := numbers.number(after)
		for first := true; ; first = false {
			changed := s.events.Changed() // before the look, so that no change falls in between
			seen, last, err := s.eventsAfter(ctx, at, first)
			if err != nil {
				yield(Event{}, failed(op, "", "", err))
				return
			}
			for _, e := range seen {
				e.Number = numbers.public(uint64(e.Number), 0)
				if !yield(e, nil) {
					return
				}
			}
			if last > at {
				at = last
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				yield(Event{}, failed(op, "", "", ctx.Err()))
				return
			}
		}
	}
}

// EventRange returns the numbers of the first and the last event that are kept, whether or not the actor may see them,
// or 0 if there are none. Events after the last one yields what happens from now on: whoever takes that number before
// they read what there is misses nothing. For other actors than the host each call returns other numbers, which tell
// nothing.
func (s *Store) EventRange(ctx context.Context) (first, last int64, err error) {
	ends, err := call(ctx, s, "event range", "", func() (ends [2]uint64, err error) {
		err = s.backend.View(ctx, func(v storage.View) error {
			if ends[0], err = event.First(v); err == nil {
				ends[1], err = event.Last(v)
			}
			return err
		})
		return ends, err
	})
	if err != nil {
		return 0, 0, err
	}
	numbers := s.eventNumbers()
	var salt [8]byte
	rand.Read(salt[:])
	first = numbers.public(ends[0], binary.BigEndian.Uint32(salt[:]))
	return first, numbers.public(ends[1], binary.BigEndian.Uint32(salt[4:])), nil
}

// eventNumbers are the numbers of events as an actor sees them: from their gaps others than the host could tell how
// much happens that they may not see.
type eventNumbers struct{ aliases *event.Aliases } // nil: the host's

func (s *Store) eventNumbers() eventNumbers {
	if s.actor.IsHost() {
		return eventNumbers{}
	}
	return eventNumbers{event.NewAliases(s.secret.Key("events as " + s.actor.String()))}
}

func (n eventNumbers) number(public int64) uint64 {
	if n.aliases == nil {
		return uint64(public)
	}
	return n.aliases.Number(public)
}

func (n eventNumbers) public(number uint64, salt uint32) int64 {
	if n.aliases == nil {
		return int64(number)
	}
	return n.aliases.Alias(number, salt)
}

// eventsAfter returns the next few events that the actor may see, and the number of the last one that was looked at.
func (s *Store) eventsAfter(ctx context.Context, after uint64, first bool) (seen []Event, last uint64, err error) {
	if err := s.calls.Enter(ctx); err != nil {
		return nil, 0, err
	}
	defer s.calls.Leave()
	err = s.backend.View(ctx, func(v storage.View) error {
		seen, last = nil, after
		found, err := event.After(v, after, eventUnits)
		if errors.Is(err, event.ErrGone) {
			found, err = s.eventsAfterGone(v, after)
		}
		if err == nil && first && len(found) == 0 {
			err = checkEventNumber(v, after)
		}
		if err != nil {
			return err
		}
		for i := range found {
			last = found[i].Number
			may, err := s.witnesses(v, &found[i])
			if err != nil {
				return err
			}
			if !may {
				continue
			}
			e := publicEvent(&found[i])
			if e.Detail, err = s.eventDetail(v, &found[i]); err != nil {
				return err
			}
			seen = append(seen, e)
		}
		return nil
	})
	return seen, last, err
}

// eventsAfterGone returns the first events that are kept, unless the actor might have seen some after a number that are
// not.
func (s *Store) eventsAfterGone(v storage.View, after uint64) ([]event.Event, error) {
	first, err := event.First(v)
	if err != nil {
		return nil, err
	}
	if after > 0 {
		missed, err := s.missedEvents(v, after, first)
		if err != nil {
			return nil, err
		}
		if missed {
			return nil, &detail{ErrNotFound, "events not found: those after that number are no longer kept", event.ErrGone}
		}
	}
	return event.After(v, first-1, eventUnits)
}

// missedEvents reports whether the actor might have seen some of the events after a number and before the first one
// that is kept. What was public counts as what they might have seen, even if it is not public any more.
func (s *Store) missedEvents(v storage.View, after, first uint64) (bool, error) {
	viewer, err := s.actor.Viewer(v)
	if viewer == nil || err != nil {
		return true, err
	}
	if !viewer.Only {
		if public, err := event.TrimmedPublic(v, first); public > after || err != nil {
			return true, err
		}
	}
	for id, err := range viewer.Held(v) {
		if err != nil {
			return false, err
		}
		marks, err := event.Trimmed(v, id)
		if err != nil {
			return false, err
		}
		for _, m := range [...]struct {
			number uint64
			need   access.Permission
		}{{marks.Read, access.Read}, {marks.Access, access.Admin}} {
			if m.number <= after {
				continue
			}
			if missed, err := s.actor.CanSeeEvent(v, id, true, m.need); missed || err != nil {
				return missed, err
			}
		}
	}
	return false, nil
}

// checkEventNumber refuses a number that no event had yet.
func checkEventNumber(v storage.View, number uint64) error {
	last, err := event.Last(v)
	if err == nil && number > last {
		err = invalidf("number of an event: it was not given out yet, or to another actor")
	}
	return err
}

func (s *Store) witnesses(v storage.View, e *event.Event) (bool, error) {
	if e.Repo.IsZero() {
		return s.actor.IsHost(), nil
	}
	need := access.Read
	if e.Kind == event.AccessChanged {
		need = access.Admin
	}
	return s.actor.CanSeeEvent(v, e.Repo, e.Private, need)
}

// eventDetail returns the detail of an event that the actor may see, without what they may not: as Repo.Info does, it
// hides what a fork was made of.
func (s *Store) eventDetail(v storage.View, e *event.Event) (string, error) {
	text, ok := strings.CutPrefix(e.Detail, event.ForkOf)
	if !ok || e.Kind != event.RepoCreated {
		return e.Detail, nil
	}
	var parent storage.ID
	copy(parent[:], text)
	if !s.actor.IsHost() {
		if seen, err := s.actor.CanRead(v, parent); err != nil || !seen {
			return "fork", err
		}
	}
	return event.ForkOf + string(publicID(parent)), nil
}

func publicEvent(e *event.Event) Event {
	return Event{
		Number: int64(e.Number), When: e.When, Kind: EventKind(e.Kind), Repo: publicID(e.Repo), By: e.By, Name: e.Name,
		Old: Hash(e.Old), New: Hash(e.New), Pull: e.Pull,
	}
}

// noteAccess adds an event about what somebody may now do with a repository.
func (s *Store) noteAccess(tx *txn.Tx, repo storage.ID, name string, p Permission) error {
	r, err := tx.Repo(repo, access.None)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // it was deleted, and is kept
	}
	if err != nil {
		return err
	}
	tx.Note(event.Event{Kind: event.AccessChanged, Repo: repo, Private: r.Private, Name: name, Detail: p.String()})
	return nil
}

// note adds an event about a repository as a whole.
func (s *Store) note(tx *txn.Tx, kind event.Kind, r *catalog.Repo, detail string) {
	tx.Note(event.Event{
		Kind: kind, Repo: r.ID, Private: r.Private, Name: r.Owner + "/" + r.Slug, Detail: detail,
	})
}
