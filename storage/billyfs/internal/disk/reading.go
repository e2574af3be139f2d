package disk

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A Reading is what is known of a file or directory that was read. The zero Reading knows of nothing.
type Reading struct {
	info fs.FileInfo
	racy bool // it may have changed after it was read without looking so
}

// NewReading returns what info, which was taken before the file was read, tells.
func NewReading(info fs.FileInfo) Reading { return Reading{info, racy(info)} }

// Holds reports whether the file is the same still, where now is what is known of it now.
func (r Reading) Holds(now fs.FileInfo) bool {
	return r.info != nil && !r.racy && os.SameFile(r.info, now) && r.info.Size() == now.Size() &&
		r.info.ModTime().Equal(now.ModTime())
}

// Peek returns what Stat does, or of what a symbolic link out of the disk leads to: it is for Holds alone, which tells
// other files from the one that was read. On a directory of the operating system it costs one call however deep a name
// lies, where each call of an os.Root opens all directories on the way.
func Peek(d Disk, name string) (fs.FileInfo, error) {
	if p, ok := d.(interface {
		peek(name string) (fs.FileInfo, error)
	}); ok {
		return p.peek(name)
	}
	return d.Stat(name)
}

// peek fails, or finds other files, if the directory has got another name. Then nothing holds.
func (d *osDisk) peek(name string) (fs.FileInfo, error) {
	return os.Stat(filepath.Join(d.root.Name(), filepath.FromSlash(name)))
}

// Windows for which a change need not show in the time of change. Filesystems that do not count parts of a second count
// in steps of up to two (FAT); others take the time of the last tick of the kernel.
const (
	coarseWindow = 2 * time.Second
	fineWindow   = 50 * time.Millisecond
)

// racy reports whether a file that is read now may change without looking so.
func racy(info fs.FileInfo) bool {
	window := fineWindow
	if info.ModTime().Nanosecond() == 0 {
		window = coarseWindow
	}
	return time.Since(info.ModTime()) < window
}
