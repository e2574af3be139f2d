package disk

import (
	"io/fs"
	"os"
	"path"
)

// A Folder is an open directory. Names are those in it, or "." for itself.
type Folder interface {
	Stat(name string) (fs.FileInfo, error)
	ReadFile(name string, limit int64) ([]byte, error)
	ReadDir() ([]Entry, error)
	Close() error
}

// OpenFolder opens a directory: where the disk can, so that many files of it cost a call each, however deep it lies.
func OpenFolder(d Disk, name string) (Folder, error) {
	if o, ok := d.(interface{ OpenFolder(string) (Folder, error) }); ok {
		return o.OpenFolder(name)
	}
	return namedFolder{d, name}, nil
}

// A namedFolder goes by the name of a directory.
type namedFolder struct {
	disk Disk
	name string
}

func (f namedFolder) Stat(name string) (fs.FileInfo, error) {
	return f.disk.Stat(path.Join(f.name, name))
}
func (f namedFolder) ReadFile(name string, limit int64) ([]byte, error) {
	return f.disk.ReadFile(path.Join(f.name, name), limit)
}
func (f namedFolder) ReadDir() ([]Entry, error) { return f.disk.ReadDir(f.name) }
func (f namedFolder) Close() error              { return nil }

func (d *osDisk) OpenFolder(name string) (Folder, error) {
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return osFolder{root}, nil
}

type osFolder struct{ *os.Root }

func (f osFolder) ReadFile(name string, limit int64) ([]byte, error) {
	return readRegular(f.Root, name, limit)
}

func (f osFolder) ReadDir() ([]Entry, error) {
	d := osDisk{root: f.Root}
	return d.ReadDir(".")
}
