package billyfs

import (
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
	folders "github.com/reposit/reposit/storage/internal/folder"
)

// Words of the journal for what is kept in files.
type (
	refValue = journal.RefValue
	refName  = journal.RefName
	repoRef  = journal.RepoRef
)

// noHead is what HEAD points to while there is no ref of this name: without the file, git takes the directory for
// anything but a repository, and its fsck wants a branch there.
const noHead = "refs/heads/reposit/no-HEAD"

// refFile returns the content of the file of a ref.
func refFile(v refValue) []byte {
	if v.Target != "" {
		return []byte("ref: " + v.Target + "\n")
	}
	return []byte(v.Hash.String() + "\n")
}

// lockFile returns the content of a ref's lock file. That is what the ref is to hold, as with git: to rename the lock
// to the ref takes no space.
func lockFile(v refValue) []byte {
	if v.IsZero() {
		return nil
	}
	return refFile(v)
}

// parseRef reads the file of a ref as git does: white space may follow.
func parseRef(data []byte) (refValue, error) {
	s := strings.TrimRight(string(data), " \t\r\n")
	if target, ok := strings.CutPrefix(s, "ref:"); ok {
		target = strings.TrimLeft(target, " \t")
		if target == noHead {
			return refValue{}, nil
		}
		if !validRef(target) {
			return refValue{}, storage.ErrCorrupt
		}
		return refValue{Target: target}, nil
	}
	h, ok := parseHash(s)
	if !ok || h.IsZero() {
		return refValue{}, storage.ErrCorrupt
	}
	return refValue{Hash: h}, nil
}

func parseHash(s string) (h storage.Hash, ok bool) {
	if len(s) != 2*len(h) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

// validRef reports whether a ref of this name may be kept as a file (git-check-ref-format): names come checked from
// above, but here a bad one would be a path that leads elsewhere. Names without a slash are in capitals, like HEAD.
func validRef(name string) bool {
	if !strings.HasPrefix(name, "refs/") {
		return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
	}
	last := byte('/')
	start := len("refs/") // of the part that i is in
	for i := start; i < len(name); i++ {
		c := name[i]
		switch refBytes[c] {
		case refuse:
			return false
		case look:
			switch {
			case c == '.' && (last == '.' || last == '/'), c == '{' && last == '@':
				return false
			case c == '/':
				if last == '/' || strings.HasSuffix(name[start:i], lockSuffix) {
					return false
				}
				start = i + 1
			}
		}
		last = c
	}
	return last != '/' && last != '.' && !strings.HasSuffix(name[start:], lockSuffix)
}

// What a byte of a ref's name is: fine, none that may be there, or one for which it matters where it stands.
const (
	refuse = 1 + iota
	look
)

// refBytes is never changed.
var refBytes = func() (kinds [256]byte) {
	for c := range kinds {
		if c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, byte(c)) >= 0 && c < 0x80 {
			kinds[c] = refuse
		}
	}
	kinds['.'], kinds['/'], kinds['{'] = look, look, look
	return kinds
}()

// A refFiles is the refs of repositories, in files and in packed-refs.
type refFiles struct {
	m       *disk.Medium
	locks   *refLocks
	folding *folding
	shared  bool // other programs may change them between two calls
	many    int  // from how many refs on a transaction writes them to packed-refs

	packed  *parsedFiles[packedRefs]
	states  *lru[string, *refState]
	numbers atomic.Uint64 // of states
	writes  atomic.Uint64
}

// Weights of what is cached of refs.
const (
	packedWeight = 32 << 20 // bytes of packed-refs
	stateWeight  = 16 << 20 // bytes of refs that have files
)

func newRefFiles(m *disk.Medium, locks *refLocks, folding *folding, shared bool) *refFiles {
	return &refFiles{m: m, locks: locks, folding: folding, shared: shared, many: manyRefs,
		packed: newPackedRefs(m, shared), states: newLRU[string, *refState](stateWeight, nil)}
}

// read reads a ref of the repository in dir: its file, or what findAside finds.
func (f *refFiles) read(dir, name string) (refValue, error) {
	return f.readBy(dir, name, func() (*refState, error) { return f.state(dir) })
}

// readBy is read with a function that returns the state of the refs, which a disk that folds names needs. A caller that
// reads many refs can make the state once.
func (f *refFiles) readBy(dir, name string, state func() (*refState, error)) (refValue, error) {
	if !validRef(name) {
		return refValue{}, nil
	}
	if f.folding.any() {
		if strings.HasPrefix(name, "refs/") { // to open its file might open another
			st, err := state()
			if err != nil {
				return refValue{}, err
			}
			return st.find(name)
		}
		if !f.folding.plain(name) {
			return f.findAside(dir, name)
		}
	}
	data, err := readRefFile(f.m, path.Join(dir, name))
	if err == nil {
		v, err := parseRef(data)
		if err != nil && folders.Stray(path.Base(name)) {
			return refValue{}, nil
		}
		if err != nil {
			return refValue{}, fmt.Errorf("ref %s: %w", name, err)
		}
		return v, nil
	}
	if !disk.Absent(err) {
		return refValue{}, err
	}
	return f.findAside(dir, name)
}

// readRefFile reads the file of a ref, or another of a repository. A HEAD that is a symbolic link to a ref, as old
// versions of git made it, reads as the symbolic ref that it stands for (git-symbolic-ref).
func readRefFile(m *disk.Medium, name string) ([]byte, error) {
	data, err := m.ReadFile(name)
	if path.Base(name) != "HEAD" || err == nil && strings.HasPrefix(string(data), "ref:") {
		return data, err
	}
	if err != nil && !disk.Absent(err) {
		return data, err
	}
	if target, linkErr := m.Readlink(name); linkErr == nil && strings.HasPrefix(target, "refs/") && validRef(target) {
		return []byte("ref: " + target + "\n"), nil
	}
	return data, err
}
