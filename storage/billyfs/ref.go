package billyfs

import (
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/reposit/reposit/storage"
)

// A refValue is what a ref holds. The zero refValue says that there is no such ref.
type refValue struct {
	hash   storage.Hash
	target string
}

// noHead is what HEAD points to while there is no ref of this name: without the file, git takes the directory for
// anything but a repository, and its fsck wants a branch there.
const noHead = "refs/heads/reposit/no-HEAD"

func (v refValue) isZero() bool { return v == refValue{} }

func (v refValue) ref(name string) storage.Ref {
	return storage.Ref{Name: name, Hash: v.hash, Target: v.target}
}

// file returns the content of the file of a ref.
func (v refValue) file() []byte {
	if v.target != "" {
		return []byte("ref: " + v.target + "\n")
	}
	return []byte(v.hash.String() + "\n")
}

// lockFile returns the content of a ref's lock file. It is what the ref is to hold, as with git: to rename the lock
// to the ref takes no space.
func (v refValue) lockFile() []byte {
	if v.isZero() {
		return nil
	}
	return v.file()
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
		return refValue{target: target}, nil
	}
	h, ok := parseHash(s)
	if !ok || h.IsZero() {
		return refValue{}, storage.ErrCorrupt
	}
	return refValue{hash: h}, nil
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
	if strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return false
		}
	}
	return true
}

// readRef reads a ref of the repository in dir: its file, else its line in packed-refs.
func (s *store) readRef(dir, name string) (refValue, error) {
	if !validRef(name) {
		return refValue{}, nil
	}
	data, err := s.m.ReadFile(path.Join(dir, name))
	if err == nil {
		v, err := parseRef(data)
		if err != nil {
			return refValue{}, fmt.Errorf("ref %s: %w", name, err)
		}
		return v, nil
	}
	if !absent(err) {
		return refValue{}, err
	}
	packed, err := s.packedRefs(dir)
	if err != nil {
		return refValue{}, err
	}
	return refValue{hash: packed.find(name)}, nil
}

// listRefs reads the refs of the repository in dir whose names begin with prefix. A ref that cannot be read is in
// the second map.
func (s *store) listRefs(dir, prefix string) (map[string]refValue, map[string]error, error) {
	refs, bad := map[string]refValue{}, map[string]error{}
	walk := refWalk{s: s, dir: dir, prefix: prefix, refs: refs, bad: bad}
	// Files first: a ref that is packed in between is then found twice, not missed.
	if err := walk.root(); err != nil {
		return nil, nil, err
	}
	packed, err := s.packedRefs(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range packed.from(prefix) {
		if !strings.HasPrefix(p.name, prefix) {
			break
		}
		if _, loose := refs[p.name]; !loose && bad[p.name] == nil {
			refs[p.name] = refValue{hash: p.hash}
		}
	}
	maps.DeleteFunc(refs, func(_ string, v refValue) bool { return v.isZero() })
	return refs, bad, nil
}

type refWalk struct {
	s           *store
	dir, prefix string
	refs        map[string]refValue
	bad         map[string]error
}

func (w *refWalk) root() error {
	if start, _, ok := cutLast(w.prefix); ok { // nothing outside this directory begins with prefix
		if !validRef(start) && start != "refs" {
			return nil
		}
		return w.below(start)
	}
	entries, err := w.s.m.ReadDir(w.dir)
	if err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	for _, e := range entries {
		if !e.dir && e.name == "HEAD" && strings.HasPrefix("HEAD", w.prefix) {
			w.read("HEAD")
		}
		if e.dir && e.name == "refs" && strings.HasPrefix("refs/", w.prefix) {
			if err := w.below("refs"); err != nil {
				return err
			}
		}
	}
	return nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func (w *refWalk) below(name string) error {
	entries, err := w.s.m.ReadDir(path.Join(w.dir, name))
	if err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	for _, e := range entries {
		child := name + "/" + e.name
		if e.dir {
			if strings.HasPrefix(child+"/", w.prefix) || strings.HasPrefix(w.prefix, child+"/") {
				if err := w.below(child); err != nil {
					return err
				}
			}
		} else if strings.HasPrefix(child, w.prefix) && validRef(child) {
			w.read(child)
		}
	}
	return nil
}

func (w *refWalk) read(name string) {
	data, err := w.s.m.ReadFile(path.Join(w.dir, name))
	if err == nil {
		var v refValue
		if v, err = parseRef(data); err == nil {
			w.refs[name] = v
			return
		}
	}
	if !absent(err) {
		w.bad[name] = fmt.Errorf("ref %s: %w", name, err)
	}
}
