package worktree

import (
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/go-git/go-billy/v5"
)

// FS returns the worktree to read as a filesystem of io/fs, which shows what is written to it.
func (f *Files) FS() fs.FS { return ioFS{f} }

// An ioFS is an fs.ReadDirFS, fs.ReadFileFS, fs.StatFS and fs.ReadLinkFS.
type ioFS struct{ f *Files }

func checked(op, name string) error {
	if fs.ValidPath(name) {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
}

// Open implements fs.FS.
func (v ioFS) Open(name string) (fs.File, error) {
	if err := checked("open", name); err != nil {
		return nil, err
	}
	info, err := v.f.stat("open", name, true)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &ioDir{v: v, name: name, info: named(info, name)}, nil
	}
	file, err := v.f.Open(name)
	if err != nil {
		return nil, err
	}
	return &ioFile{file, v, name}, nil
}

// named gives a description the name of what was asked for: that of the root is ".".
func named(info os.FileInfo, name string) os.FileInfo {
	if i, ok := info.(*fileInfo); ok {
		is := *i
		is.name = path.Base(name)
		return &is
	}
	return info
}

// Stat implements fs.StatFS.
func (v ioFS) Stat(name string) (fs.FileInfo, error) { return v.stat("stat", name, true) }

// Lstat implements fs.ReadLinkFS.
func (v ioFS) Lstat(name string) (fs.FileInfo, error) { return v.stat("lstat", name, false) }

func (v ioFS) stat(op, name string, last bool) (fs.FileInfo, error) {
	if err := checked(op, name); err != nil {
		return nil, err
	}
	info, err := v.f.stat(op, name, last)
	if err != nil {
		return nil, err
	}
	return named(info, name), nil
}

// ReadLink implements fs.ReadLinkFS.
func (v ioFS) ReadLink(name string) (string, error) {
	if err := checked("readlink", name); err != nil {
		return "", err
	}
	return v.f.Readlink(name)
}

// ReadFile implements fs.ReadFileFS.
func (v ioFS) ReadFile(name string) (data []byte, err error) {
	if err := checked("read", name); err != nil {
		return nil, err
	}
	err = v.f.look("read", name, func() error {
		n, err := v.f.find(name, true)
		if err != nil {
			return err
		}
		if n.content == nil {
			return errIsDir
		}
		n.content.mu.Lock()
		defer n.content.mu.Unlock()
		size, err := n.content.length()
		if err != nil {
			return err
		}
		data = make([]byte, size)
		if _, err = n.content.readAt(data, 0); err == io.EOF {
			err = nil
		}
		return err
	})
	return data, err
}

// ReadDir implements fs.ReadDirFS.
func (v ioFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := checked("readdir", name); err != nil {
		return nil, err
	}
	all, err := v.f.ReadDir(name)
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, len(all))
	for i, info := range all {
		list[i] = fs.FileInfoToDirEntry(info)
	}
	return list, nil
}

// An ioFile is a file that is open to read.
type ioFile struct {
	billy.File
	v    ioFS
	name string
}

func (f *ioFile) Stat() (fs.FileInfo, error) {
	h := f.File.(*file)
	var info *fileInfo
	err := h.f.look("stat", f.name, func() (err error) {
		info, err = h.f.info(h.node, path.Base(f.name))
		return err
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

// An ioDir is an open directory. It is for one goroutine.
type ioDir struct {
	v    ioFS
	name string
	info fs.FileInfo
	read bool
	left []fs.DirEntry
}

func (d *ioDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *ioDir) Close() error               { return nil }

func (d *ioDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDir}
}

// ReadDir implements fs.ReadDirFile.
func (d *ioDir) ReadDir(n int) (list []fs.DirEntry, err error) {
	if !d.read {
		if d.left, err = d.v.ReadDir(d.name); err != nil {
			return nil, err
		}
		d.read = true
	}
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	list, d.left = d.left[:n:n], d.left[n:]
	return list, nil
}
