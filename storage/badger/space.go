package badger

import (
	"fmt"
	"time"

	"github.com/reposit/reposit/storage"
)

// A space watches how much room the medium has: Badger writes through memory maps, and the system kills the process
// when there is no room behind one. It is for one goroutine at a time.
type space struct {
	free func() (int64, error) // nil: nothing to watch
	need int64                 // what is to stay free

	left    int64 // free bytes at the last look
	written int64 // since then
	looked  time.Time
}

// The medium is looked at again after so many bytes or so much time.
const (
	lookBytes = mib
	lookAfter = 20 * time.Millisecond
)

// check returns ErrNoSpace if n bytes more are too many. What does not grow the store may use half of what is to
// stay free.
func (s *space) check(n int64, grows bool) error {
	if s.free == nil {
		return nil
	}
	need := s.need
	if !grows {
		need /= 2
	}
	s.written += n
	if s.written > lookBytes || s.left-s.written < need || time.Since(s.looked) > lookAfter {
		left, err := s.free()
		if err != nil {
			return fmt.Errorf("badger: free space: %w", err)
		}
		s.left, s.written, s.looked = left, n, time.Now()
	}
	if s.left-s.written < need {
		return fmt.Errorf("badger: %d bytes left, %d must stay free: %w", s.left, need, storage.ErrNoSpace)
	}
	return nil
}
