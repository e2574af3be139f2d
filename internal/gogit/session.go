package gogit

import (
	"sync"

	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
)

// A session is what a Storer, with those of its submodules, may see beside what the refs of the repository lead to.
type session struct {
	mu  sync.RWMutex
	own map[git.Hash]struct{} // objects that came in by it, and are stored with all that they lead to

	// What the objects that were handed out name, at one state of the refs: it is reached as they are.
	named map[git.Hash]struct{}
	moves uint64 // see catalog.RefVersion

	files map[fsck.File]struct{} // whose content was found to be right
}

// maxNamed bounds named. Beyond it, what refs lead to is found out by other means.
const maxNamed = 1 << 18

// owns reports whether an object came in by the session, and is whole.
func (s *session) owns(h git.Hash) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.own[h]
	return ok
}

// wrote adds objects that are stored, and whole.
func (s *session) wrote(hashes ...git.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		s.own = map[git.Hash]struct{}{}
	}
	for _, h := range hashes {
		s.own[h] = struct{}{}
	}
}

// isNamed reports whether an object that was handed out at a state of the refs names h.
func (s *session) isNamed(moves uint64, h git.Hash) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.moves != moves {
		return false
	}
	_, ok := s.named[h]
	return ok
}

// name notes what an object names that was handed out at a state of the refs.
func (s *session) name(moves uint64, links []fsck.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.named == nil || s.moves < moves || len(s.named) > maxNamed:
		s.named, s.moves = map[git.Hash]struct{}{}, moves
	case s.moves > moves:
		return
	}
	for _, l := range links {
		s.named[l.Hash] = struct{}{}
	}
}

// isSound reports whether the content of a blob was found to be right for its name.
func (s *session) isSound(f fsck.File) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.files[f]
	return ok
}

// sound notes that isSound holds.
func (s *session) sound(f fsck.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil || len(s.files) > maxNamed {
		s.files = map[fsck.File]struct{}{}
	}
	s.files[f] = struct{}{}
}
