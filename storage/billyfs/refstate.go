package billyfs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
	folders "github.com/reposit/reposit/storage/internal/folder"
)

// A refState is what the files of a repository's refs held at one moment. It never changes.
type refState struct {
	number uint64     // two states of one number hold the same refs
	head   *looseRef  // nil if it was not there
	top    *refDir    // refs/
	aside  *asideRefs // nil if there are none
	loose  []looseRef // of the files of all directories and HEAD, and those aside that have no other, by name
	packed *packedRefs
}

// A looseRef is a ref that has a file.
type looseRef struct {
	name  string
	value refValue
	err   error // says what is wrong with the file
	aside bool
	read  disk.Reading
}

// unread reports whether the file could not be read, which may be otherwise the next time.
func (r looseRef) unread() bool { return r.err != nil && !errors.Is(r.err, storage.ErrCorrupt) }

// isStray reports whether the file is no damaged ref, but what an operating system leaves in folders.
func (r looseRef) isStray() bool {
	return r.err != nil && errors.Is(r.err, storage.ErrCorrupt) && folders.Stray(path.Base(r.name))
}

// A refDir is a directory of refs, with the files and directories in it, by name.
type refDir struct {
	name  string
	files []looseRef
	dirs  []*refDir
	read  disk.Reading
}

// state returns the state of the refs of the repository in dir. Where other programs may change them, that costs a look
// at each directory and at each ref that has a file of its own, and at packed-refs; only what changed is read.
func (f *refFiles) state(dir string) (*refState, error) {
	writes := f.writes.Load()
	old, ok := f.states.get(dir)
	if ok && !f.shared {
		return old, nil
	}
	if ok && f.unchanged(dir, old) {
		return old, nil
	}
	if !ok {
		old = &refState{}
	}
	st := &refState{}
	var err error
	if st.head, err = f.readHead(dir, old.head); err != nil {
		return nil, err
	}
	if st.top, err = f.readDir(dir, "refs", old.top); err != nil {
		return nil, err
	}
	if st.aside, err = f.readAside(dir, old.aside); err != nil {
		return nil, err
	}
	// Files first: a ref that is packed in between is then found twice, not missed.
	if st.packed, err = f.packed.in(dir); err != nil {
		return nil, err
	}
	if ok && st.packed == old.packed && st.top == old.top && st.head == old.head && st.aside == old.aside {
		return old, nil
	}
	st.loose = st.top.collect(nil)
	if st.head != nil {
		st.loose = append(st.loose, *st.head)
	}
	if st.aside != nil {
		st.loose = append(st.loose, st.aside.refs...)
	}
	slices.SortStableFunc(st.loose, func(a, b looseRef) int { return strings.Compare(a.name, b.name) })
	st.loose = slices.CompactFunc(st.loose, func(a, b looseRef) bool { return a.name == b.name })
	if st.number = old.number; !ok || !st.equal(old) {
		st.number = f.numbers.Add(1)
	}
	f.states.add(dir, st, int64(len(st.loose))*looseWeight+1)
	if !f.shared && (f.writes.Load() != writes || slices.ContainsFunc(st.loose, looseRef.unread)) {
		f.states.remove(dir)
	}
	return st, nil
}

// unchanged reports whether the files of the refs in dir are as they were when st was read, as far as a look at each
// tells. Directories are looked at, too: they change with each file that git makes, replaces or removes. Like state, it
// looks at packed-refs last.
func (f *refFiles) unchanged(dir string, st *refState) bool {
	holds := func(name string, read disk.Reading) bool {
		info, err := disk.Peek(f.m.Disk, path.Join(dir, name))
		return err == nil && read.Holds(info)
	}
	if st.head == nil || !holds("HEAD", st.head.read) || !st.top.unchanged(holds) {
		return false
	}
	if st.aside != nil {
		if !holds(asideDir, st.aside.read) {
			return false
		}
	} else if _, err := disk.Peek(f.m.Disk, path.Join(dir, asideDir)); !disk.Absent(err) {
		return false
	}
	return f.packed.unchanged(dir, st.packed)
}

func (d *refDir) unchanged(holds func(name string, read disk.Reading) bool) bool {
	if !holds(d.name, d.read) {
		return false
	}
	for i := range d.files {
		if !holds(d.files[i].name, d.files[i].read) {
			return false
		}
	}
	for _, sub := range d.dirs {
		if !sub.unchanged(holds) {
			return false
		}
	}
	return true
}

// looseWeight is about how many bytes a looseRef takes.
const looseWeight = 512

// forget lets go of what was read of refs that a commit changes. It comes before and after the change: what is read
// in between is not kept.
func (f *refFiles) forget(c *journal.Commit) {
	if f.shared { // files tell of each change
		return
	}
	for _, d := range c.Drops {
		f.touch(repoDir(d.Repo))
	}
	for _, r := range c.Refs {
		f.touch(repoDir(r.Repo))
	}
}

// touch lets go of what was read of the refs in a directory.
func (f *refFiles) touch(dir string) {
	f.writes.Add(1)
	f.states.remove(dir)
}

// equal reports whether two states hold the same, by what is cheap to compare.
func (st *refState) equal(o *refState) bool {
	return st.packed.same(o.packed) && slices.EqualFunc(st.loose, o.loose, func(a, b looseRef) bool {
		return a.name == b.name && a.value == b.value && (a.err == nil) == (b.err == nil)
	})
}

// readHead reads HEAD, which is in no directory of refs. It returns old, which may be nil, if nothing changed.
func (f *refFiles) readHead(dir string, old *looseRef) (*looseRef, error) {
	name := path.Join(dir, "HEAD")
	info, err := f.m.Stat(name)
	if disk.Absent(err) { // or a symbolic link to a ref that is not there
		if data, err := readRefFile(f.m, name); err == nil {
			v, err := parseRef(data)
			return &looseRef{name: "HEAD", value: v, err: err}, nil
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.shared && old != nil && old.read.Holds(info) {
		return old, nil
	}
	r, ok := readLooseRef("HEAD", info, func() ([]byte, error) { return readRefFile(f.m, name) })
	if !ok {
		return nil, nil
	}
	return &r, nil
}

// readLooseRef makes a looseRef of a file, unless the file is gone.
func readLooseRef(name string, info fs.FileInfo, read func() ([]byte, error)) (r looseRef, ok bool) {
	r = looseRef{name: name, read: disk.NewReading(info)}
	err := fmt.Errorf("not a regular file: %w", storage.ErrCorrupt)
	if info.Mode().IsRegular() {
		var data []byte
		if data, err = read(); err == nil {
			r.value, err = parseRef(data)
		}
	}
	if err != nil && !disk.Absent(err) {
		r.err = fmt.Errorf("ref %s: %w", name, err)
		if !errors.Is(err, storage.ErrCorrupt) {
			r.read = disk.Reading{} // the next time it may be read
		}
	}
	return r, err == nil || r.err != nil
}

// readDir reads what changed of a directory since it was as in old, which may be nil. It returns old if that is
// nothing.
func (f *refFiles) readDir(dir, name string, old *refDir) (*refDir, error) {
	var err error
	if old == nil { // to open a pipe might take for ever
		var info fs.FileInfo
		if info, err = f.m.Stat(path.Join(dir, name)); err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
	}
	var folder disk.Folder
	if err == nil {
		folder, err = disk.OpenFolder(f.m.Disk, path.Join(dir, name))
	}
	if err == nil {
		defer folder.Close()
		var info fs.FileInfo
		if info, err = folder.Stat("."); err == nil {
			return f.readFolder(dir, name, old, folder, info)
		}
	}
	if disk.Absent(err) {
		return &refDir{name: name}, nil
	}
	return nil, err
}

func (f *refFiles) readFolder(dir, name string, old *refDir, folder disk.Folder, info fs.FileInfo) (*refDir, error) {
	d := &refDir{name: name, read: disk.NewReading(info)}
	if old == nil {
		old = &refDir{}
	}
	known := f.shared && old.read.Holds(info)
	var files, dirs []string
	if known {
		d.read = old.read
	} else {
		entries, err := folder.ReadDir()
		if disk.Absent(err) { // it was removed since it was opened
			return &refDir{name: name}, nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			child := name + "/" + e.Name
			if e.Dir && !strings.HasSuffix(e.Name, lockSuffix) {
				dirs = append(dirs, child)
			} else if !e.Dir && validRef(child) { // others are locks, or strays
				files = append(files, child)
			}
		}
		slices.Sort(files)
		slices.Sort(dirs)
	}
	changed := d.readFiles(folder, old, files, known, f.shared)
	if known {
		for _, o := range old.dirs {
			dirs = append(dirs, o.name)
		}
	}
	for _, child := range dirs {
		var was *refDir
		if i, ok := slices.BinarySearchFunc(old.dirs, child, byDirName); ok {
			was = old.dirs[i]
		}
		is, err := f.readDir(dir, child, was)
		if err != nil {
			return nil, err
		}
		changed = changed || is != was
		d.dirs = append(d.dirs, is)
	}
	if known && !changed {
		return old, nil
	}
	return d, nil
}

func byDirName(d *refDir, name string) int    { return strings.Compare(d.name, name) }
func byLooseName(r looseRef, name string) int { return strings.Compare(r.name, name) }

// readFiles reads the files of a directory that changed: of those in names, or where the names are known to be the
// same, of those in old. It reports whether any did.
func (d *refDir) readFiles(f disk.Folder, old *refDir, names []string, known, shared bool) (changed bool) {
	check := func(name string, was *looseRef) {
		base := path.Base(name)
		info, err := f.Stat(base)
		if err != nil {
			changed = true
			if !disk.Absent(err) {
				d.files = append(d.files, looseRef{name: name, err: fmt.Errorf("ref %s: %w", name, err)})
			}
			return
		}
		if was != nil && shared && was.read.Holds(info) {
			d.files = append(d.files, *was)
			return
		}
		changed = true
		read := func() ([]byte, error) { return f.ReadFile(base, maxSmall) }
		if r, ok := readLooseRef(name, info, read); ok && !r.isStray() {
			d.files = append(d.files, r)
		}
	}
	if known {
		d.files = make([]looseRef, 0, len(old.files))
		for i := range old.files {
			check(old.files[i].name, &old.files[i])
		}
		return changed
	}
	for _, name := range names {
		var was *looseRef
		if i, ok := slices.BinarySearchFunc(old.files, name, byLooseName); ok {
			was = &old.files[i]
		}
		check(name, was)
	}
	return true
}

// collect appends all refs of d and below.
func (d *refDir) collect(list []looseRef) []looseRef {
	list = append(list, d.files...)
	for _, sub := range d.dirs {
		list = sub.collect(list)
	}
	return list
}

// find returns what a ref holds; the zero value for one that is not there.
func (st *refState) find(name string) (refValue, error) {
	if i, ok := slices.BinarySearchFunc(st.loose, name, byLooseName); ok {
		return st.loose[i].value, st.loose[i].err
	}
	return refValue{Hash: st.packed.find(name)}, nil
}

// A refItem is a ref of a list. It has an error if it is damaged.
type refItem struct {
	name  string
	value refValue
	err   error
}

// list yields the refs whose names begin with prefix and are greater than after, by name, as they are with over in
// place of what st has of the same names. A zero value in over stands for no ref.
func (st *refState) list(prefix, after string, over []refItem) iter.Seq[refItem] {
	return func(yield func(refItem) bool) {
		start := max(prefix, after)
		loose, packed := st.loose, st.packed.index(start)
		i, _ := slices.BinarySearchFunc(loose, start, byLooseName)
		loose = loose[i:]
		i, _ = slices.BinarySearchFunc(over, start, func(r refItem, name string) int { return cmp.Compare(r.name, name) })
		over = over[i:]
		for {
			it, ok := refItem{}, false
			if packed < st.packed.len() {
				it, ok = refItem{name: st.packed.name(packed)}, true
			}
			if len(loose) > 0 && (!ok || loose[0].name <= it.name) {
				it, ok = refItem{name: loose[0].name}, true
			}
			if len(over) > 0 && (!ok || over[0].name <= it.name) {
				it, ok = refItem{name: over[0].name}, true
			}
			if !ok || !strings.HasPrefix(it.name, prefix) {
				return
			}
			if packed < st.packed.len() && st.packed.name(packed) == it.name {
				it.value = refValue{Hash: st.packed.hash(packed)}
				packed++
			}
			if len(loose) > 0 && loose[0].name == it.name {
				it.value, it.err = loose[0].value, loose[0].err
				loose = loose[1:]
			}
			if len(over) > 0 && over[0].name == it.name {
				it = over[0]
				over = over[1:]
			}
			if it.name == after || it.value.IsZero() && it.err == nil {
				continue
			}
			it.name = strings.Clone(it.name) // else it keeps all of packed-refs in memory
			if !yield(it) {
				return
			}
		}
	}
}

// yieldRefs yields the refs of a list, and err in the end.
func yieldRefs(list iter.Seq[refItem], err error, yield func(storage.Ref, error) bool) {
	if err != nil {
		yield(storage.Ref{}, err)
		return
	}
	for it := range list {
		if it.err != nil {
			damaged := errors.Is(it.err, storage.ErrCorrupt)
			if !damaged {
				it.name = ""
			}
			if !yield(storage.Ref{Name: it.name}, it.err) || !damaged {
				return
			}
		} else if !yield(it.value.Ref(it.name), nil) {
			return
		}
	}
}
