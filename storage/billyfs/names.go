package billyfs

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

const (
	// descriptionName is the file in which git keeps what people call a repository (gitrepository-layout).
	descriptionName = "description"

	// nameless is what that says of a repository that people call nothing any more.
	nameless = "This repository was deleted, and is kept for a while. It is none for git until it comes back."

	// namesName is the file that lists which directory is which repository, for who looks into the store.
	namesName = "names.txt"
	namesHead = "# The repositories of this store, by name. Git works on each directory: git clone repos/....git\n"

	// fewNames is up to how many repositories the list is written with each Update that changes it. With more, it is
	// written when files are synced, and by Close.
	fewNames = 256
)

// A repoNames writes the names of repositories to files. They are for people: the store never reads what they say, and
// writes them anew if they are missing, or after a process that did not close the store.
type repoNames struct {
	s     *store
	stale bool // the list is; belongs to the writer
}

// Describe is asked by storage.Describe.
func (t *tx) Describe(id storage.ID, name string) error {
	name = strings.Join(strings.Fields(name), " ") // a line
	key := nameKey + string(id[:])
	if now, ok := t.records.Get(key); !ok || string(now) != name {
		t.put(key, []byte(name))
	}
	return nil
}

// apply writes the descriptions of the repositories that a commit names.
func (n *repoNames) apply(c *journal.Commit, now reader) error {
	for _, w := range c.Records {
		if id, ok := strings.CutPrefix(w.Key, nameKey); ok && !w.Gone {
			n.stale = true
			if err := n.describe(storage.ID([]byte(id)), string(w.Value), now); err != nil {
				return err
			}
		} else if ok {
			n.stale = true
		}
	}
	return nil
}

// describe writes the description of a repository, unless it says the name already.
func (n *repoNames) describe(id storage.ID, name string, now reader) error {
	if _, _, ok := findRepo(now, id); !ok || n.s.m.Volatile {
		return nil
	}
	if name == "" {
		name = nameless
	}
	file, text := path.Join(repoDir(id), descriptionName), []byte(name+"\n")
	is, err := n.s.m.ReadFile(file)
	if err == nil && bytes.Equal(is, text) {
		return nil
	}
	return n.s.m.Replace(file, text, 0)
}

// restore makes up for what a crash left undone, and for a list that is missing.
func (n *repoNames) restore(crashed bool) error {
	if n.s.m.Volatile {
		return nil
	}
	now := n.s.records.Snapshot()
	defer now.Close()
	named := false
	for key, name := range now.Scan(nameKey, nextPrefix(nameKey), false) {
		named = true
		if !crashed {
			break
		}
		if err := n.describe(storage.ID([]byte(key[len(nameKey):])), string(name), now); err != nil {
			return err
		}
	}
	_, err := n.s.m.Stat(namesName)
	n.stale = crashed && (named || err == nil) || named && err != nil
	return n.list(0)
}

// list writes the list anew if it is stale, unless it has more lines than most, which is 0 for any number.
func (n *repoNames) list(most int) error {
	if !n.stale || n.s.m.Volatile {
		return nil
	}
	now := n.s.records.Snapshot()
	defer now.Close()
	var lines []string
	for key, name := range now.Scan(nameKey, nextPrefix(nameKey), false) {
		id := storage.ID([]byte(key[len(nameKey):]))
		if _, _, ok := findRepo(now, id); ok && len(name) > 0 {
			lines = append(lines, string(name)+"\t"+repoDir(id)+"\n")
		}
		if most > 0 && len(lines) > most {
			return nil
		}
	}
	slices.Sort(lines)
	if err := n.s.m.Replace(namesName, []byte(namesHead+strings.Join(lines, "")), 0); err != nil {
		return disk.Explain(err)
	}
	n.stale = false
	return nil
}
