package billyfs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// packed-refs has no symbolic refs. Those that are aside have a file of their own, which git does not look for: in a
// directory of ours, under an encoded name, with two lines: what it holds, as in the file of a ref, and its name. They
// are read on all disks, after files that git would read and before packed-refs.
const asideDir = "reposit-refs"

func asidePath(dir, name string) string { return path.Join(dir, asideDir, encodeName(name)) }

func asideFile(name string, v refValue) []byte { return append(refFile(v), name+"\n"...) }

// parseAside returns the name and value of a ref. What no asideFile is has no name.
func parseAside(data []byte) (name string, v refValue) {
	first, rest, _ := strings.Cut(string(data), "\n")
	v, err := parseRef([]byte(first))
	name, ok := strings.CutSuffix(rest, "\n")
	if err != nil || !ok || v.Target == "" || !validRef(name) {
		return "", refValue{}
	}
	return name, v
}

// An asideRefs is the files of refs that are aside. It never changes.
type asideRefs struct {
	refs []looseRef
	read disk.Reading // of the directory
}

// has reports whether a ref has a file there.
func (a *asideRefs) has(name string) bool {
	return a != nil && slices.ContainsFunc(a.refs, func(r looseRef) bool { return r.name == name })
}

// readAside reads the files of refs that are aside. It returns old, which may be nil, if nothing changed.
func (f *refFiles) readAside(dir string, old *asideRefs) (*asideRefs, error) {
	top := path.Join(dir, asideDir)
	info, err := f.m.Stat(top)
	if disk.Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.shared && old != nil && old.read.Holds(info) { // files are replaced, never written to
		return old, nil
	}
	a := &asideRefs{read: disk.NewReading(info)}
	entries, err := f.m.ReadDir(top)
	if err != nil && !disk.Absent(err) {
		return nil, err
	}
	for _, e := range entries {
		data, err := f.m.ReadFile(path.Join(top, e.Name))
		if err != nil && !disk.Absent(err) {
			return nil, err
		}
		if name, v := parseAside(data); name != "" && encodeName(name) == e.Name {
			a.refs = append(a.refs, looseRef{name: name, value: v, aside: true})
		}
	}
	if old != nil && slices.EqualFunc(a.refs, old.refs, func(a, b looseRef) bool {
		return a.name == b.name && a.value == b.value
	}) {
		return &asideRefs{old.refs, a.read}, nil
	}
	return a, nil
}

// findAside reads a ref that has no file of git's: its file aside, else its line in packed-refs.
func (f *refFiles) findAside(dir, name string) (refValue, error) {
	data, err := f.m.ReadFile(asidePath(dir, name))
	if err != nil && !disk.Absent(err) {
		return refValue{}, err
	}
	if found, v := parseAside(data); found == name {
		return v, nil
	}
	packed, err := f.packed.in(dir)
	if err != nil {
		return refValue{}, err
	}
	return refValue{Hash: packed.find(name)}, nil
}

// A refChange is what a ref is to hold; nothing if it goes.
type refChange struct {
	name  string
	value refValue
}

// put makes refs hold values on a disk that folds names. A ref holds what it held before until it holds what it is to
// hold, whatever comes in between. The caller holds the locks, that of packed-refs, too.
func (f *refFiles) put(dir string, changes []refChange) error {
	f.touch(dir)
	defer f.touch(dir)
	st, err := f.state(dir)
	if err != nil {
		return err
	}
	var packed []packedRef
	var drops []string
	loose := map[string]bool{}
	for _, c := range changes {
		if c.value.IsZero() {
			drops = append(drops, c.name)
			continue
		}
		if loose[c.name], err = f.mayBeLoose(dir, st, c.name); err != nil {
			return err
		}
		if !loose[c.name] && c.value.Target == "" {
			packed = append(packed, packedRef{name: c.name, hash: c.value.Hash})
		}
	}
	if err := f.repack(dir, packed, drops); err != nil {
		return err
	}
	drops = nil
	for _, c := range changes {
		if !loose[c.name] {
			if err := f.putAside(dir, st, c); err != nil {
				return err
			}
			if c.value.Target != "" {
				drops = append(drops, c.name)
			}
		}
	}
	for _, c := range changes {
		if loose[c.name] {
			err := f.writeFile(dir, c.name, c.value)
			if err == nil && st.aside.has(c.name) {
				err = f.m.RemoveAny(asidePath(dir, c.name))
			}
			if err != nil {
				return err
			}
		}
	}
	return f.repack(dir, nil, drops)
}

// putAside changes the files of a ref that is to have none of git's: it goes, or is aside.
func (f *refFiles) putAside(dir string, st *refState, c refChange) error {
	if c.value.Target != "" {
		if err := f.writeAside(dir, c.name, c.value); err != nil {
			return err
		}
	} else if st.aside.has(c.name) {
		if err := f.m.RemoveAny(asidePath(dir, c.name)); err != nil {
			return err
		}
	}
	if c.name == "HEAD" {
		return f.m.Replace(path.Join(dir, c.name), []byte("ref: "+noHead+"\n"), 0)
	}
	if !strings.Contains(c.name, "/") {
		if !f.folding.plain(c.name) {
			return nil
		}
		return f.m.RemoveAny(path.Join(dir, c.name))
	}
	if st.hasFile(c.name) {
		if err := f.m.RemoveAny(path.Join(dir, c.name)); err != nil {
			return err
		}
	}
	f.clearDirs(dir, c.name)
	return nil
}

func (f *refFiles) writeAside(dir, name string, v refValue) error {
	return f.m.Replace(asidePath(dir, name), asideFile(name, v), 0)
}

// clearDirs removes the directories of a ref that are empty.
func (f *refFiles) clearDirs(dir, name string) {
	if parts := strings.SplitN(name, "/", 3); len(parts) == 3 {
		f.m.RemoveEmpty(path.Dir(path.Join(dir, name)), path.Join(dir, parts[0], parts[1]))
	}
}

// mayBeLoose reports whether a ref may have a file: its name is plain, and nothing is where the disk would look for it
// that has another name, such as git leaves.
func (f *refFiles) mayBeLoose(dir string, st *refState, name string) (bool, error) {
	if !f.folding.plain(name) {
		return false, nil
	}
	rest, ok := strings.CutPrefix(name, "refs/")
	if !ok { // HEAD and the like, which are in no directory of refs
		return true, nil
	}
	at, d := "refs", st.top
	for part := range strings.SplitSeq(rest, "/") {
		at += "/" + part
		i, isDir := slices.BinarySearchFunc(d.dirs, at, byDirName)
		if _, isFile := slices.BinarySearchFunc(d.files, at, byLooseName); isFile {
			return true, nil
		}
		if !isDir {
			_, err := f.m.Stat(path.Join(dir, at))
			if disk.Absent(err) {
				return true, nil
			}
			return false, err
		}
		d = d.dirs[i]
	}
	return true, nil
}

// hasFile reports whether a ref has a file of git's, of just its name.
func (st *refState) hasFile(name string) bool {
	i, ok := slices.BinarySearchFunc(st.loose, name, byLooseName)
	return ok && !st.loose[i].aside
}

// applyFolded is applyRefs on a disk that folds names.
func (p *prepared) applyFolded() error {
	lines := p.commit.Lines()
	changes := map[storage.ID][]refChange{}
	for _, deletes := range []bool{true, false} { // what goes may be in the way of what is new
		for _, r := range p.commit.Refs {
			if _, isNew := p.staged[r.Repo]; isNew || r.New.IsZero() != deletes {
				continue
			}
			if err := p.applyLog(r, lines[r.RefName]); err != nil {
				return err
			}
			changes[r.Repo] = append(changes[r.Repo], refChange{r.Name, r.New})
		}
	}
	for id, list := range changes {
		if err := p.s.refs.put(repoDir(id), list); err != nil {
			return fmt.Errorf("refs of %s: %w", id, err)
		}
	}
	return p.unlock()
}

// unlock removes the locks.
func (p *prepared) unlock() error {
	for l := range p.locked {
		dir := repoDir(l.Repo)
		if err := p.s.locks.remove(path.Join(dir, l.Name+lockSuffix)); err != nil {
			return err
		}
		if p.s.refs.folding.any() { // it may have been made where its ref has no file
			p.s.refs.clearDirs(dir, l.Name)
		}
		delete(p.locked, l)
	}
	for id := range p.packed {
		if err := p.unlockPackedRefs(id); err != nil {
			return err
		}
	}
	return nil
}

// lockFolded makes the lock of a ref on a disk that folds names. Names of a transaction that are one there have one.
func (p *prepared) lockFolded(r *txRepo, name string) error {
	name, ok := p.s.refs.folding.lockName(name)
	l := refName{Repo: r.Repo, Name: name}
	if !ok || p.locked[l] {
		return nil
	}
	err := p.s.locks.take(p.tx.ctx, path.Join(r.dir, name+lockSuffix), nil)
	if disk.Absent(err) { // another ref is where its directory would be, for git, too
		return nil
	}
	if err != nil {
		return fmt.Errorf("ref %s: %w", name, err)
	}
	p.locked[l] = true
	return nil
}
