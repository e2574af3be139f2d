package disk

import (
	"io/fs"
	"os"
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
