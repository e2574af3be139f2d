package billyfs

import (
	"io/fs"
	"os"
	"path"
)

// A folder is an open directory. Names are those in it, or "." for itself.
type folder interface {
	Stat(name string) (fs.FileInfo, error)
	ReadFile(name string) ([]byte, error)
	ReadDir() ([]dirEntry, error)
	Close() error
}

// openFolder opens a directory: where the disk can, so that many files of it cost a call each, however deep it lies.
func openFolder(d disk, name string) (folder, error) {
	if o, ok := d.(interface{ openFolder(string) (folder, error) }); ok {
		return o.openFolder(name)
	}
	return namedFolder{d, name}, nil
}

// A namedFolder goes by the name of a directory.
type namedFolder struct {
	disk disk
	name string
}

func (f namedFolder) Stat(name string) (fs.FileInfo, error) {
	return f.disk.Stat(path.Join(f.name, name))
}
func (f namedFolder) ReadFile(name string) ([]byte, error) {
	name = path.Join(f.name, name)
	return f.disk.ReadFile(name, sizeLimit(name))
}
func (f namedFolder) ReadDir() ([]dirEntry, error) { return f.disk.ReadDir(f.name) }
func (f namedFolder) Close() error                 { return nil }

func (d *osDisk) openFolder(name string) (folder, error) {
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return osFolder{root, name}, nil
}

type osFolder struct {
	*os.Root
	name string
}

func (f osFolder) ReadFile(name string) ([]byte, error) {
	return readRegular(f.Root, name, sizeLimit(path.Join(f.name, name)))
}

func (f osFolder) ReadDir() ([]dirEntry, error) {
	d := osDisk{root: f.Root}
	return d.ReadDir(".")
}
