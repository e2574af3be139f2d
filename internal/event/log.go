package event

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reposit/reposit/storage"
)

// ErrGone says that the events after a number are not kept any more.
var ErrGone = fmt.Errorf("events are no longer kept: %w", storage.ErrNotFound)

// A Log keeps the events of one store. It is safe for concurrent use.
type Log struct {
	keep    uint64
	last    atomic.Uint64 // the last number given out; the transaction that took it may have failed
	changed signal
}

// NewLog returns a Log that keeps at least the last keep events.
func NewLog(keep int) *Log { return &Log{keep: uint64(keep)} }

// Append stores what one transaction changed behind the last events. Number and When are filled in. When the transaction
// is acknowledged, the caller calls Wake.
func (l *Log) Append(tx storage.Tx, events []Event, when time.Time) error {
	last, err := l.find(tx)
	if err != nil {
		return err
	}
	number := last + uint64(len(events))
	if err := tx.PutRecord(key(number), encode(events, when)); err != nil {
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

// Changed returns a channel that is closed by the next Wake.
func (l *Log) Changed() <-chan struct{} { return l.changed.channel() }

// Wake ends all waiting: there are further events, or there will be none.
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
