package billyfs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/reposit/reposit/internal/reffile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// An objectDir is what is known of an objects directory: of a pool, or of a repository into which git programs push.
type objectDir struct {
	objects *objects
	path    string

	mu    sync.Mutex
	packs listing // names of packs, without directory and suffix
	inner listing // names of the directories in it that hold objects

	imported map[string]bool // files that are in the pool, too; belongs to the writer
}

// A listing is the content of a directory, for as long as the directory does not change.
type listing struct {
	names []string
	dir   disk.Reading // of the directory
	read  bool
	turn  int // how often the names changed
}

// dir returns what is known of a directory.
func (s *objects) dir(name string) *objectDir {
	if d, ok := s.dirs.get(name); ok {
		return d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.dirs.get(name); ok {
		return d
	}
	d := &objectDir{objects: s, path: name}
	s.dirs.add(name, d, 1)
	return d
}

// forgetDir drops what is known of a directory, and closes its packs.
func (s *objects) forgetDir(name string) {
	if d, ok := s.dirs.get(name); ok {
		for _, p := range d.packNames() {
			s.packs.cache.remove(path.Join(name, "pack", p))
		}
	}
	s.dirs.remove(name)
}

// refresh reads a directory if it changed since.
func (d *objectDir) refresh(l *listing, dir string, keep func(disk.Entry) (string, bool)) error {
	if l.read && !d.objects.shared {
		return nil
	}
	info, err := d.objects.m.Stat(dir)
	if err != nil {
		if !disk.Absent(err) {
			return err
		}
		l.set(nil)
		l.dir = disk.Reading{}
		return nil
	}
	if l.read && l.dir.Holds(info) {
		return nil
	}
	reading := disk.NewReading(info)
	entries, err := d.objects.m.ReadDir(dir)
	if err != nil && !disk.Absent(err) {
		return err
	}
	var names []string
	for _, e := range entries {
		if name, ok := keep(e); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	l.set(names)
	l.dir = reading
	return nil
}

func (l *listing) set(names []string) {
	if !slices.Equal(names, l.names) {
		l.turn++
	}
	l.names, l.read = names, true
}

func packName(e disk.Entry) (string, bool) {
	name, ok := strings.CutSuffix(e.Name, ".idx")
	return name, ok && !e.Dir
}

const packDir = "pack"

// innerName accepts the directory of packs, and those of loose objects, which are called by two digits.
func innerName(e disk.Entry) (string, bool) {
	_, err := hex.DecodeString(e.Name)
	return e.Name, e.Dir && (err == nil && len(e.Name) == 2 || e.Name == packDir)
}

// refreshPacks looks for new packs.
func (d *objectDir) refreshPacks() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refresh(&d.packs, path.Join(d.path, "pack"), packName)
}

// turn returns a number that is another one whenever there are other packs.
func (d *objectDir) turn() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.packs.turn
}

func (d *objectDir) packNames() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.packs.names
}

// addPack notes a pack of our own.
func (d *objectDir) addPack(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.packs.read && !slices.Contains(d.packs.names, name) {
		d.packs.set(append(slices.Clone(d.packs.names), name))
	}
}

// setPacks notes which packs are left.
func (d *objectDir) setPacks(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.packs.set(names)
	d.packs.dir = disk.Reading{} // so that it is read again
}

// inners returns which directories there are that hold objects.
func (d *objectDir) inners() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.inner
	if !d.objects.shared {
		l = &listing{}
	}
	err := d.refresh(l, d.path, innerName)
	return l.names, err
}

// pushed reports whether there may be objects in the directory of a repository. Most have none.
func (d *objectDir) pushed() (bool, error) {
	names, err := d.inners()
	return len(names) > 0, err
}

// fanouts returns which directories of loose objects there are.
func (d *objectDir) fanouts() ([]string, error) {
	names, err := d.inners()
	if n := len(names); n > 0 && names[n-1] == packDir {
		names = names[:n-1]
	}
	return names, err
}

// looseFiles returns the files of loose objects, by their names in the directory.
func (d *objectDir) looseFiles() (names []string, err error) {
	fanouts, err := d.fanouts()
	if err != nil {
		return nil, err
	}
	for _, fan := range fanouts {
		entries, err := d.objects.m.ReadDir(path.Join(d.path, fan))
		if err != nil && !disk.Absent(err) {
			return nil, err
		}
		for _, e := range entries {
			if _, ok := reffile.ParseHash(fan + e.Name); ok && !e.Dir {
				names = append(names, fan+"/"+e.Name)
			}
		}
	}
	return names, nil
}

// packFiles returns the files of packs, by their names in the directory, each pack before its index.
func (d *objectDir) packFiles() (names []string, err error) {
	if err := d.refreshPacks(); err != nil {
		return nil, err
	}
	for _, name := range d.packNames() {
		names = append(names, "pack/"+name+".pack", "pack/"+name+".idx")
	}
	return names, nil
}

// find looks for an object in the packs. A pack that cannot be read is returned as an error beside what the others
// have.
func (d *objectDir) find(h storage.Hash) (p *pack, offset int64, err error) {
	if !d.loaded() {
		if err := d.refreshPacks(); err != nil {
			return nil, 0, err
		}
	}
	var bad error
	for _, name := range d.packNames() {
		p, err := d.objects.packs.open(path.Join(d.path, "pack", name))
		if err != nil {
			if !disk.Absent(err) { // else git gc took it away, or its index is here before it
				bad = errors.Join(bad, err)
			}
			continue
		}
		if off, ok := p.index.Offset(h); ok {
			return p, off, nil
		}
		p.release()
	}
	return nil, 0, bad
}

func (d *objectDir) loaded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.packs.read
}

func within(h, lo, hi storage.Hash) bool {
	return bytes.Compare(h[:], lo[:]) >= 0 && bytes.Compare(h[:], hi[:]) <= 0
}

// parseLoose returns the hash of an object by its file's name in the directory.
func parseLoose(name string) (storage.Hash, bool) {
	return reffile.ParseHash(strings.Replace(name, "/", "", 1))
}

// hashes appends the objects whose names begin with a byte, from lo to hi.
func (d *objectDir) hashes(dst []storage.Hash, first byte, lo, hi storage.Hash) ([]storage.Hash, error) {
	for _, name := range d.packNames() {
		p, err := d.objects.packs.open(path.Join(d.path, "pack", name))
		if err != nil {
			if disk.Absent(err) {
				continue
			}
			return dst, err
		}
		for i := p.index.Search(storage.Hash{first}); i < p.index.Len(); i++ {
			h := p.index.Hash(i)
			if h[0] != first {
				break
			}
			if within(h, lo, hi) {
				dst = append(dst, h)
			}
		}
		p.release()
	}
	return d.looseHashes(dst, first, lo, hi)
}

// looseHashes is hashes of objects that have a file of their own.
func (d *objectDir) looseHashes(dst []storage.Hash, first byte, lo, hi storage.Hash) ([]storage.Hash, error) {
	fan := hex.EncodeToString([]byte{first})
	entries, err := d.objects.m.ReadDir(path.Join(d.path, fan))
	if err != nil && !disk.Absent(err) {
		return dst, err
	}
	for _, e := range entries {
		if h, ok := reffile.ParseHash(fan + e.Name); ok && !e.Dir && within(h, lo, hi) {
			dst = append(dst, h)
		}
	}
	return dst, nil
}
