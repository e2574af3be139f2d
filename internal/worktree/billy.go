package worktree

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/helper/chroot"

	"github.com/reposit/reposit/internal/git"
)

// change calls fn as a call that changes the tree.
func (f *Files) change(op, name string, fn func() error) error {
	leave, err := f.src.Enter()
	if err != nil {
		return failed(op, name, err)
	}
	defer leave()
	f.mu.Lock()
	defer f.mu.Unlock()
	return failed(op, name, fn())
}

// look calls fn as a call that reads the tree.
func (f *Files) look(op, name string, fn func() error) error {
	leave, err := f.src.Enter()
	if err != nil {
		return failed(op, name, err)
	}
	defer leave()
	f.mu.RLock()
	defer f.mu.RUnlock()
	return failed(op, name, fn())
}

// Stat describes a file, symlinks followed.
func (f *Files) Stat(name string) (os.FileInfo, error) { return f.stat("stat", name, true) }

// Lstat describes a file, or a symlink.
func (f *Files) Lstat(name string) (os.FileInfo, error) { return f.stat("lstat", name, false) }

func (f *Files) stat(op, name string, last bool) (info os.FileInfo, err error) {
	err = f.look(op, name, func() error {
		n, err := f.find(name, last)
		if err != nil {
			return err
		}
		info, err = f.info(n, filepath.Base(name))
		return err
	})
	return info, err
}

// ReadDir lists a directory by the bytes of the names. The sizes of files that were not touched are looked up when they
// are asked for.
func (f *Files) ReadDir(name string) (list []os.FileInfo, err error) {
	err = f.look("readdir", name, func() error {
		all, err := f.list(name)
		if err != nil {
			return err
		}
		list = make([]os.FileInfo, len(all))
		for i, n := range all {
			list[i] = f.lazyInfo(n)
		}
		return nil
	})
	return list, err
}

func (f *Files) list(name string) ([]*node, error) {
	dir, err := f.find(name, true)
	if err != nil {
		return nil, err
	}
	if dir.mode == git.ModeSubmodule {
		return nil, nil
	}
	if !dir.isDir() {
		return nil, errNotDir
	}
	return f.entries(dir)
}

// MkdirAll makes a directory, and those that lead to it, unless it is there. Without files, it is in no commit.
func (f *Files) MkdirAll(name string, _ os.FileMode) error {
	return f.change("mkdir", name, func() error {
		p, err := f.lookup(name, false, true)
		if err == nil && p.node != nil && p.node.mode == git.ModeSymlink {
			if p.node, err = f.find(name, true); err == os.ErrNotExist {
				err = os.ErrExist
			}
		}
		if err != nil {
			return err
		}
		if p.node != nil {
			if !p.node.isDir() {
				return errNotDir
			}
			return nil
		}
		if err := f.check(&p, git.ModeDir); err != nil {
			return err
		}
		f.makeDirs(&p)
		f.put(p.dir, p.name, &node{mode: git.ModeDir, when: f.tick()})
		return nil
	})
}

// Remove removes a file, a symlink, or a directory that is empty. A submodule is one.
func (f *Files) Remove(name string) error {
	return f.change("remove", name, func() error {
		n, err := f.find(name, false)
		if err != nil {
			return err
		}
		if n.parent == nil {
			return errInvalid
		}
		if n.isDir() {
			if all, err := f.entries(n); err != nil {
				return err
			} else if len(all) > 0 {
				return errNotEmpty
			}
		}
		f.remove(n)
		return nil
	})
}

// Rename gives a file, symlink or directory another path, in place of any file or symlink there, as os.Rename does. It
// makes the directories that lead to it.
func (f *Files) Rename(from, to string) error {
	err := f.change("rename", from, func() error {
		n, err := f.find(from, false)
		if err != nil {
			return err
		}
		p, err := f.lookup(to, false, true)
		if err != nil {
			return err
		}
		for dir := p.dir; ; dir = dir.parent {
			if n.parent == nil || dir == nil || dir == n || sameNode(dir, n) {
				if p.dir != nil && n.parent != nil && dir == nil {
					break
				}
				return errInvalid // the root, or into itself
			}
		}
		if old := p.node; old != nil {
			switch {
			case old.isDir():
				return os.ErrExist
			case sameNode(old, n):
				return nil
			case n.isDir():
				return errNotDir
			}
		}
		if err := f.check(&p, n.mode); err != nil {
			return err
		}
		n.attach() // the nodes on the way to the new place are then those of the old one
		if p, err = f.lookup(to, false, true); err != nil {
			return err
		}
		f.makeDirs(&p)
		f.changed(n.parent)
		if p.node != nil {
			f.remove(p.node)
		}
		f.put(p.dir, p.name, n)
		return nil
	})
	return err
}

// sameNode reports whether two nodes, which may be made for a call, are the same entry.
func sameNode(a, b *node) bool {
	for ; a != b; a, b = a.parent, b.parent {
		if a == nil || b == nil || a.name != b.name {
			return false
		}
	}
	return true
}

// Symlink makes a symlink, and the directories that lead to it. What it leads to need not be there.
func (f *Files) Symlink(target, link string) error {
	return f.change("symlink", link, func() error {
		p, err := f.lookup(link, false, true)
		if err != nil {
			return err
		}
		if p.node != nil {
			return os.ErrExist
		}
		if len(target) == 0 || len(target) > maxTarget || strings.IndexByte(target, 0) >= 0 {
			return errInvalid
		}
		if err := f.check(&p, git.ModeSymlink); err != nil {
			return err
		}
		f.makeDirs(&p)
		f.put(p.dir, p.name, &node{mode: git.ModeSymlink, when: f.tick(), target: target})
		return nil
	})
}

const maxTarget = 4096

// Readlink returns where a symlink leads to.
func (f *Files) Readlink(link string) (target string, err error) {
	err = f.look("readlink", link, func() error {
		n, err := f.find(link, false)
		if err != nil {
			return err
		}
		if n.mode != git.ModeSymlink {
			return errInvalid
		}
		target, err = f.link(n)
		return err
	})
	return target, err
}

// TempFile makes a new file in a directory, whose name begins with prefix, and opens it to read and write. If nobody
// removes it, it is committed as others are.
func (f *Files) TempFile(dir, prefix string) (billy.File, error) {
	for {
		var random [8]byte
		rand.Read(random[:])
		name := f.Join(dir, prefix+hex.EncodeToString(random[:]))
		file, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !os.IsExist(err) {
			return file, err
		}
	}
}

// Join joins the elements of a path.
func (f *Files) Join(elem ...string) string { return filepath.Join(elem...) }

// Chroot returns the filesystem of what is below a directory.
func (f *Files) Chroot(path string) (billy.Filesystem, error) { return chroot.New(f, path), nil }

// Root returns "/".
func (f *Files) Root() string { return "/" }

// Capabilities are all of billy's.
func (f *Files) Capabilities() billy.Capability { return billy.AllCapabilities }

// Chmod makes a file executable, or not, by whether its owner may execute it. Of directories, Git keeps no mode.
func (f *Files) Chmod(name string, mode os.FileMode) error {
	return f.change("chmod", name, func() error {
		n, err := f.find(name, true)
		if err != nil || !n.isFile() {
			return err
		}
		if made := fileOf(mode); made != n.mode {
			n.attach()
			n.mode, n.when = made, f.tick()
		}
		return nil
	})
}

// Chtimes sets the time of the last change, until the worktree is committed or reset.
func (f *Files) Chtimes(name string, _, mtime time.Time) error {
	return f.change("chtimes", name, func() error {
		n, err := f.find(name, true)
		if err != nil {
			return err
		}
		n.attach()
		n.when = mtime
		if n.content != nil {
			n.content.mu.Lock()
			defer n.content.mu.Unlock()
			n.content.when = mtime
		}
		return nil
	})
}

// Chown does nothing, but looks whether the file is there: Git keeps no owners.
func (f *Files) Chown(name string, _, _ int) error {
	return f.look("chown", name, func() error { _, err := f.find(name, true); return err })
}

// Lchown is Chown, of a symlink itself.
func (f *Files) Lchown(name string, _, _ int) error {
	return f.look("lchown", name, func() error { _, err := f.find(name, false); return err })
}

// fileOf returns the mode of a file by the permissions that it is given.
func fileOf(perm os.FileMode) git.Mode {
	if perm&0o100 != 0 {
		return git.ModeExecutable
	}
	return git.ModeRegular
}

// A fileInfo is an os.FileInfo.
type fileInfo struct {
	name string
	mode os.FileMode
	when time.Time
	size func() int64
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size() }
func (i *fileInfo) Mode() os.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.when }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }

// info describes a node by a name, with the size as it is now.
func (f *Files) info(n *node, name string) (*fileInfo, error) {
	i := f.lazyInfo(n)
	i.name = name
	var size int64
	var err error
	switch {
	case n.content != nil:
		n.content.mu.Lock()
		size, err = n.content.length()
		n.content.mu.Unlock()
	case n.mode == git.ModeSymlink:
		var target string
		target, err = f.link(n)
		size = int64(len(target))
	}
	i.size = func() int64 { return size }
	return i, err
}

// lazyInfo describes a node. The size of what was not touched is looked up when it is asked for, and 0 if that fails.
func (f *Files) lazyInfo(n *node) *fileInfo {
	i := &fileInfo{name: n.name, mode: osMode(n.mode), when: n.when, size: func() int64 { return 0 }}
	switch {
	case n.content != nil:
		n.content.mu.Lock()
		defer n.content.mu.Unlock()
		if when := n.content.when; !when.IsZero() {
			i.when = when
		}
		if size, base := n.content.size, n.content.base; size >= 0 {
			i.size = func() int64 { return size }
		} else {
			i.size = func() int64 { return f.storedSize(base) }
		}
	case n.mode == git.ModeSymlink && n.hash.IsZero():
		size := int64(len(n.target))
		i.size = func() int64 { return size }
	case n.mode == git.ModeSymlink:
		i.size = func() int64 { return f.storedSize(n.hash) }
	}
	if i.when.IsZero() {
		i.when = f.when
	}
	return i
}

func (f *Files) storedSize(h git.Hash) int64 {
	leave, err := f.src.Enter()
	if err != nil {
		return 0
	}
	defer leave()
	size, err := f.src.Size(h)
	if err != nil {
		return 0
	}
	return size
}

func osMode(m git.Mode) os.FileMode {
	switch m {
	case git.ModeDir, git.ModeSubmodule:
		return os.ModeDir | 0o755
	case git.ModeSymlink:
		return os.ModeSymlink | 0o777
	}
	if m&0o100 != 0 {
		return 0o755
	}
	return 0o644
}
