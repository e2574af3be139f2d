package billyfs

import (
	"sync"

	"github.com/reposit/reposit/storage"
)

// An overlay makes snapshots of what is kept in files. Before an Update touches the files of a ref, it leaves here
// what they held. A reader first reads the files and then looks here: if an Update has come, or is coming, that their
// snapshot must not see, what it left is the answer, and what they read does not matter.
type overlay struct {
	mu    sync.RWMutex
	refs  map[repoRef]map[string][]beforeImage // the oldest Update first
	moved map[repoRef]string                   // where dropped repositories went
	order []leftBy                             // what to forget, the oldest first
}

// A beforeImage is what a ref held before an Update.
type beforeImage struct {
	commit  uint64
	value   refValue
	logSize int     // bytes of the log
	log     *string // the log itself, if the Update moves it
}

type leftBy struct {
	commit uint64
	repo   repoRef
	name   string // "" if the Update drops the repository
}

func newOverlay() *overlay {
	return &overlay{refs: map[repoRef]map[string][]beforeImage{}, moved: map[repoRef]string{}}
}

// leave adds what a ref holds before an Update.
func (o *overlay) leave(repo repoRef, name string, p beforeImage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refs[repo] == nil {
		o.refs[repo] = map[string][]beforeImage{}
	}
	o.refs[repo][name] = append(o.refs[repo][name], p)
	o.order = append(o.order, leftBy{p.commit, repo, name})
}

// move renames the directory of a repository that an Update drops. Readers learn at the same moment where it went.
func (o *overlay) move(repo repoRef, dir string, commit uint64, rename func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := rename(); err != nil {
		return err
	}
	if _, again := o.moved[repo]; again {
		return nil
	}
	o.moved[repo] = dir
	o.order = append(o.order, leftBy{commit: commit, repo: repo})
	return nil
}

// find returns what a ref held when commit was the newest, if it was changed since.
func (o *overlay) find(repo repoRef, name string, commit uint64) (beforeImage, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return firstAfter(o.refs[repo][name], commit)
}

func firstAfter(list []beforeImage, commit uint64) (beforeImage, bool) {
	for _, p := range list {
		if p.commit > commit {
			return p, true
		}
	}
	return beforeImage{}, false
}

// each calls fn with all refs of a repository that changed since commit was the newest.
func (o *overlay) each(repo repoRef, commit uint64, fn func(name string, p beforeImage)) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for name, list := range o.refs[repo] {
		if p, ok := firstAfter(list, commit); ok {
			fn(name, p)
		}
	}
}

// dir returns the directory of a repository.
func (o *overlay) dir(repo repoRef) string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if dir, ok := o.moved[repo]; ok {
		return dir
	}
	return repoDir(repo.Repo)
}

// forget drops what no snapshot needs if oldest is the oldest, and returns the directories of dropped repositories
// that nobody reads any more.
func (o *overlay) forget(oldest uint64) (dirs []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	done := 0
	for _, l := range o.order {
		if l.commit > oldest {
			break
		}
		done++
		if l.name == "" {
			dirs = append(dirs, o.moved[l.repo])
			delete(o.moved, l.repo)
			continue
		}
		refs := o.refs[l.repo]
		if refs[l.name] = refs[l.name][1:]; len(refs[l.name]) == 0 {
			delete(refs, l.name)
		}
		if len(refs) == 0 {
			delete(o.refs, l.repo)
		}
	}
	if o.order = o.order[done:]; len(o.order) == 0 {
		o.order = nil
	}
	return dirs
}

// empty reports whether there is nothing to forget.
func (o *overlay) empty() bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.order) == 0
}

func repoDir(id storage.ID) string { return "repos/" + id.String() + ".git" }
func poolDir(id storage.ID) string { return "pools/" + id.String() + ".git" }
