package stats

import (
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/storage"
)

// counted are counts of the near past.
type counted struct {
	language.Kept
	language string
	looked   int  // files since counts were kept
	known    bool // there is something to know
	failed   bool // there are no counts, and language is that of another commit
}

// maxRecent bounds of how many repositories counts are held in memory.
const maxRecent = 4096

// recent are the last counts of repositories. That of one that is not asked about may be forgotten.
type recent struct {
	mu    sync.Mutex
	repos map[storage.ID]counted
}

// get returns the counts of a repository, which are not known if there are none.
func (r *recent) get(repo storage.ID) counted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.repos[repo]
}

// at returns the counts of a repository if they are for a commit.
func (r *recent) at(repo storage.ID, commit git.Hash) (counted, bool) {
	c := r.get(repo)
	return c, c.known && c.Commit == commit
}

func (r *recent) put(repo storage.ID, c counted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repos == nil {
		r.repos = map[storage.ID]counted{}
	}
	if _, ok := r.repos[repo]; !ok && len(r.repos) >= maxRecent {
		for other := range r.repos {
			delete(r.repos, other)
			break
		}
	}
	c.known = true
	r.repos[repo] = c
}

// kept notes that the counts for a commit are kept.
func (r *recent) kept(repo storage.ID, commit git.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.repos[repo]; ok && c.Commit == commit {
		c.looked = 0
		r.repos[repo] = c
	}
}
