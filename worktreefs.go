package reposit

import (
	"os"
	"time"

	"github.com/go-git/go-billy/v5"
)

// Create opens a file to read and write that is empty then. It makes the directories that lead to it.
func (w *Worktree) Create(name string) (billy.File, error) { return w.files.Create(name) }

// Open opens a file to read.
func (w *Worktree) Open(name string) (billy.File, error) { return w.files.Open(name) }

// OpenFile opens a file, as os.OpenFile does. With os.O_CREATE it makes the directories that lead to it, too; of perm,
// only that the owner may execute it counts. A file is locked from others that have the same file open.
func (w *Worktree) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	return w.files.OpenFile(name, flag, perm)
}

// Stat describes a file, symlinks followed, as long as they stay inside.
func (w *Worktree) Stat(name string) (os.FileInfo, error) { return w.files.Stat(name) }

// Lstat describes a file, or a symlink itself.
func (w *Worktree) Lstat(name string) (os.FileInfo, error) { return w.files.Lstat(name) }

// ReadDir lists a directory by name. It reads no more than the directory: the sizes of files that were not touched are
// looked up when they are asked for, and 0 if that fails.
func (w *Worktree) ReadDir(path string) ([]os.FileInfo, error) { return w.files.ReadDir(path) }

// MkdirAll makes a directory with those that lead to it.
func (w *Worktree) MkdirAll(path string, perm os.FileMode) error { return w.files.MkdirAll(path, perm) }

// Rename moves a file, symlink or directory, in place of any file or symlink there. It copies nothing.
func (w *Worktree) Rename(from, to string) error { return w.files.Rename(from, to) }

// Remove removes a file, a symlink, or a directory that is empty.
func (w *Worktree) Remove(name string) error { return w.files.Remove(name) }

// Symlink makes a symlink. target need not exist.
func (w *Worktree) Symlink(target, link string) error { return w.files.Symlink(target, link) }

// Readlink returns where a symlink leads to.
func (w *Worktree) Readlink(link string) (string, error) { return w.files.Readlink(link) }

// TempFile makes a file of a new name in a directory, and opens it to read and write. One that stays is committed.
func (w *Worktree) TempFile(dir, prefix string) (billy.File, error) {
	return w.files.TempFile(dir, prefix)
}

// Join joins elements of a path.
func (w *Worktree) Join(elem ...string) string { return w.files.Join(elem...) }

// Chroot returns what is below a directory as a filesystem, which can't leave that.
func (w *Worktree) Chroot(path string) (billy.Filesystem, error) { return w.files.Chroot(path) }

// Root returns "/".
func (w *Worktree) Root() string { return w.files.Root() }

// Capabilities returns all that billy knows.
func (w *Worktree) Capabilities() billy.Capability { return w.files.Capabilities() }

// Chmod makes a file executable or not. On directories it has no effect.
func (w *Worktree) Chmod(name string, mode os.FileMode) error { return w.files.Chmod(name, mode) }

// Chtimes sets when a file was last changed, until the next Commit or Reset.
func (w *Worktree) Chtimes(name string, atime, mtime time.Time) error {
	return w.files.Chtimes(name, atime, mtime)
}

// Chown has no effect on a file that is there.
func (w *Worktree) Chown(name string, uid, gid int) error { return w.files.Chown(name, uid, gid) }

// Lchown is Chown, of a symlink itself.
func (w *Worktree) Lchown(name string, uid, gid int) error { return w.files.Lchown(name, uid, gid) }
