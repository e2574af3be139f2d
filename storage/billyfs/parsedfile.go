package billyfs

import (
	"fmt"
	"path"
	"sync/atomic"

	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A parsedFiles keeps what a file of this name says, which each repository may have: packed-refs, or logs that are
// packed. It reads a file again when it changed.
type parsedFiles[T any] struct {
	m      *disk.Medium
	name   string
	shared bool                                                  // other programs may change the file between two calls
	parse  func(text string) (value *T, weight int64, err error) // weight is about how many bytes the value takes
	none   *T                                                    // stands for a file that is not there

	cache  *lru[string, parsedFile[T]]
	writes atomic.Uint64
}

type parsedFile[T any] struct {
	value  *T
	weight int64
	text   string
	read   disk.Reading
}

// in returns what the file of the repository in dir says.
func (f *parsedFiles[T]) in(dir string) (*T, error) {
	name := path.Join(dir, f.name)
	writes := f.writes.Load()
	cached, ok := f.cache.get(dir)
	if ok && !f.shared {
		return cached.value, nil
	}
	info, err := f.m.Stat(name)
	if err != nil {
		if !disk.Absent(err) {
			return nil, err
		}
		if !f.shared {
			f.keep(dir, parsedFile[T]{value: f.none}, writes)
		}
		return f.none, nil
	}
	if ok && cached.read.Holds(info) {
		return cached.value, nil
	}
	data, err := f.m.ReadFile(name)
	if err != nil {
		if disk.Absent(err) {
			return f.none, nil
		}
		return nil, err
	}
	now := parsedFile[T]{text: string(data), read: disk.NewReading(info)}
	if ok && now.text == cached.text { // it was only racy
		now.value, now.text, now.weight = cached.value, cached.text, cached.weight
	} else if now.value, now.weight, err = f.parse(now.text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.keep(dir, now, writes)
	return now.value, nil
}

// unchanged reports whether the file says still what in returned.
func (f *parsedFiles[T]) unchanged(dir string, value *T) bool {
	info, err := disk.Peek(f.m.Disk, path.Join(dir, f.name))
	if value == f.none {
		return disk.Absent(err)
	}
	cached, ok := f.cache.get(dir)
	return err == nil && ok && cached.value == value && cached.read.Holds(info)
}

// keep keeps what was read unless a write came in between: replace counts before and after, and removes what was kept
// last.
func (f *parsedFiles[T]) keep(dir string, p parsedFile[T], writes uint64) {
	f.cache.add(dir, p, p.weight+1)
	if f.writes.Load() != writes {
		f.cache.remove(dir)
	}
}

// write replaces the file. It is synced before it does: most of its lines are in no journal.
func (f *parsedFiles[T]) write(dir string, text []byte) error {
	return f.replace(dir, func(name string) error { return f.m.Replace(name, text, disk.SyncData) })
}

// stage writes what is to replace the file, and syncs it. It returns the name of a temporary file for publish.
func (f *parsedFiles[T]) stage(text []byte) (temp string, err error) {
	mode := disk.SyncData
	if !f.m.Syncs {
		mode = 0
	}
	temp = f.m.Temp()
	return temp, f.m.WriteFile(temp, text, mode)
}

// publish replaces the file by one from stage.
func (f *parsedFiles[T]) publish(dir, temp string) error {
	return f.replace(dir, func(name string) error { return f.m.Publish(temp, name) })
}

func (f *parsedFiles[T]) replace(dir string, write func(name string) error) error {
	f.writes.Add(1)
	err := write(path.Join(dir, f.name))
	f.writes.Add(1)
	f.cache.remove(dir)
	return err
}
