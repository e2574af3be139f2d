package badger

import "sync/atomic"

// A snapshot is one published timestamp with the number of those who read at it. While it is not zero, Badger keeps
// what was the state then.
type snapshot struct {
	ts      uint64
	readers atomic.Int64
}

// A timeline is the snapshots that may have readers, the oldest first. The last is the published one.
type timeline struct {
	current atomic.Pointer[snapshot]
	all     []*snapshot // guarded by the caller's lock
}

// reset forgets all snapshots.
func (t *timeline) reset() {
	t.current.Store(nil)
	t.all = nil
}

// acquire returns the published snapshot with one reader more. It never blocks.
func (t *timeline) acquire() *snapshot {
	for {
		s := t.current.Load()
		s.readers.Add(1)
		// If s is still current, its reader is counted before publish looks for snapshots that have none.
		if t.current.Load() == s {
			return s
		}
		s.readers.Add(-1)
	}
}

func (s *snapshot) release() { s.readers.Add(-1) }

// publish makes ts the timestamp of those who acquire from now on, and returns the oldest timestamp that anybody reads
// at. Calls must not overlap.
func (t *timeline) publish(ts uint64) uint64 {
	s := &snapshot{ts: ts}
	t.current.Store(s)
	kept := t.all[:0]
	for _, old := range t.all {
		if old.readers.Load() != 0 {
			kept = append(kept, old)
		}
	}
	clear(t.all[len(kept):])
	t.all = append(kept, s)
	return t.all[0].ts
}
