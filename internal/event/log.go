package event

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reposit/reposit/storage"
)

// ErrGone says that the events after a number are not kept any more.
var ErrGone = fmt.Errorf("events are no longer kept: %w", storage.ErrNotFound)

// A Log is a backend whose Updates take the events that Add is given in them.
type Log struct {
	storage.Backend
	now  func() time.Time
	keep uint64

	last    atomic.Uint64 // the last number given out; the unit of work that took it may have failed
	changed signal
	hook    func()
}

// NewLog returns a Log on a backend, which keeps at least the last keep events.
func NewLog(b storage.Backend, now func() time.Time, keep int) *Log {
	return &Log{Backend: b, now: now, keep: uint64(keep)}
}

// OnChange has fn be called after each Update with events. It must be called before the first, and fn must be short.
func (l *Log) OnChange(fn func()) { l.hook = fn }

// Unwrap returns the backend beneath.
func (l *Log) Unwrap() storage.Backend { return l.Backend }

// A unit is a unit of work with its events.
type unit struct {
	storage.Tx
	events []Event
}

// Add adds an event to a unit of work of a Log. In one of another backend it does nothing. Number and When are filled
// in.
func Add(tx storage.Tx, e Event) {
	if u, ok := tx.(*unit); ok {
		u.events = append(u.events, e)
	}
}

// Update is that of the backend.
func (l *Log) Update(ctx context.Context, fn func(storage.Tx) error) error {
	added := false
	err := l.Backend.Update(ctx, func(tx storage.Tx) error {
		u := &unit{Tx: tx}
		if err := fn(u); err != nil {
			return err
		}
		added = len(u.events) > 0
		if !added {
			return nil
		}
		return l.append(tx, u.events)
	})
	if added && err == nil {
		l.changed.fire()
		if l.hook != nil {
			l.hook()
		}
	}
	return err
}

// append stores events behind the last ones.
func (l *Log) append(tx storage.Tx, events []Event) error {
	last, err := l.find(tx)
	if err != nil {
		return err
	}
	number := last + uint64(len(events))
	if err := tx.PutRecord(key(number), encode(events, l.now())); err != nil {
		return err
	}
	l.last.Store(number)
	// Now and then, so that the few that go are found in one look.
	const step = 1 << 10
	if number/step != last/step && number > l.keep {
		return trim(tx, number-l.keep)
	}
	return nil
}

// find returns the number of the last event. What was given out last is it, but for the first time, and after a unit
// of work that failed.
func (l *Log) find(v storage.View) (uint64, error) {
	if n := l.last.Load(); n > 0 {
		_, err := v.Record(key(n))
		if err == nil || !errors.Is(err, storage.ErrNotFound) {
			return n, err
		}
	}
	return Last(v)
}

// Last returns the number of the last event, or 0 if there is none.
func Last(v storage.View) (uint64, error) {
	for rec, err := range v.Records([]byte{keyEvent}, []byte{keyEvent + 1}, storage.Descending) {
		if err != nil {
			return 0, err
		}
		return numberOf(rec.Key)
	}
	return 0, nil
}

// trim drops the units of work all of whose events are at or before a number.
func trim(tx storage.Tx, number uint64) error {
	for rec, err := range tx.Records([]byte{keyEvent}, key(number), storage.Ascending) {
		if err == nil {
			err = tx.DeleteRecord(rec.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// After returns up to limit units of work with events after a number, or ErrGone if some are not kept any more.
func After(v storage.View, number uint64, limit int) ([]Event, error) {
	var events []Event
	for rec, err := range v.Records(key(number), []byte{keyEvent + 1}, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		last, err := numberOf(rec.Key)
		if err != nil {
			return nil, err
		}
		if last <= number {
			continue
		}
		more, err := decode(last, rec.Value)
		if err != nil {
			return nil, err
		}
		if len(events) == 0 {
			if more[0].Number > number+1 {
				return nil, ErrGone
			}
			more = more[number+1-more[0].Number:]
		}
		events = append(events, more...)
		if limit--; limit == 0 {
			break
		}
	}
	return events, nil
}

// Changed returns a channel that is closed when there are further events, or at Wake.
func (l *Log) Changed() <-chan struct{} { return l.changed.channel() }

// Wake ends all waiting.
func (l *Log) Wake() { l.changed.fire() }

// A signal wakes all who wait for it.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *signal) channel() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
