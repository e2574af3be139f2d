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
	keep    Keep
	last    atomic.Uint64 // the last number given out; the transaction that took it may have failed
	changed signal
	hook    func() // or nil
}

// NewLog returns a Log.
func NewLog(keep Keep) *Log { return &Log{keep: keep} }

// OnWake has fn be called by each Wake. It must be called before the first, and fn must be short.
func (l *Log) OnWake(fn func()) { l.hook = fn }

// Append stores what one transaction changed behind the last events. Number and When are filled in. When the
// transaction is acknowledged, the caller calls Wake.
func (l *Log) Append(tx storage.Tx, events []Event, when time.Time) error {
	last, unit, err := l.find(tx)
	if err != nil {
		return err
	}
	number := last + uint64(len(events))
	unit++
	if err := tx.PutRecord(key(number), encode(events, when, unit)); err != nil {
		return err
	}
	l.last.Store(number)
	if unit%trimEach == 0 {
		return l.trim(tx, unit, when)
	}
	return nil
}

// find returns the number of the last event, and its unit. What was given out last is it, but for the first time, and
// after a transaction that failed.
func (l *Log) find(v storage.View) (number, unit uint64, err error) {
	if n := l.last.Load(); n > 0 {
		b, err := v.Record(key(n))
		if err == nil {
			unit, err := unitOf(n, b)
			return n, unit, err
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return 0, 0, err
		}
	}
	for rec, err := range v.Records([]byte{keyEvent}, []byte{keyEvent + 1}, storage.Descending) {
		if err != nil {
			return 0, 0, err
		}
		number, err := numberOf(rec.Key)
		if err != nil {
			return 0, 0, err
		}
		unit, err := unitOf(number, rec.Value)
		return number, unit, err
	}
	return 0, 0, nil
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

// First returns the number of the first event that is kept, or 0 if there is none.
func First(v storage.View) (uint64, error) {
	for rec, err := range v.Records([]byte{keyEvent}, []byte{keyEvent + 1}, storage.Ascending) {
		if err != nil {
			return 0, err
		}
		last, err := numberOf(rec.Key)
		if err != nil {
			return 0, err
		}
		_, events, err := decode(last, rec.Value)
		if err != nil {
			return 0, err
		}
		return events[0].Number, nil
	}
	return 0, nil
}

// After returns the events after a number of up to limit transactions, or ErrGone if some are not kept any more.
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
		_, more, err := decode(last, rec.Value)
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
func (l *Log) Wake() {
	l.changed.fire()
	if l.hook != nil {
		l.hook()
	}
}

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
