package billyfs

import (
	"maps"
	"slices"
	"sync"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// A members is which repositories belong to which pools. It is safe for concurrent use.
type members struct {
	mu   sync.Mutex
	of   map[storage.ID]map[storage.ID]struct{}
	used map[storage.ID]map[storage.ID]struct{} // in which objects were found that the pool lacks
}

func newMembers() *members {
	return &members{of: map[storage.ID]map[storage.ID]struct{}{}, used: map[storage.ID]map[storage.ID]struct{}{}}
}

// list returns the members of a pool.
func (m *members) list(pool storage.ID) []storage.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.of[pool]))
}

// join makes a repository a member of a pool.
func (m *members) join(pool, repo storage.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[pool] == nil {
		m.of[pool] = map[storage.ID]struct{}{}
	}
	m.of[pool][repo] = struct{}{}
}

// leave ends that repositories are members of any pool.
func (m *members) leave(repos []journal.RepoRef) {
	if len(repos) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range repos {
		for _, members := range m.of {
			delete(members, r.Repo)
		}
	}
}

// noteUse notes that something was found in the directory of a repository, unless that is zero.
func (m *members) noteUse(pool, repo storage.ID) {
	if repo.IsZero() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used[pool] == nil {
		m.used[pool] = map[storage.ID]struct{}{}
	}
	m.used[pool][repo] = struct{}{}
}

// takeUsed returns the repositories of a pool in which something was found since the last call.
func (m *members) takeUsed(pool storage.ID) []storage.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	repos := slices.Collect(maps.Keys(m.used[pool]))
	delete(m.used, pool)
	return repos
}
