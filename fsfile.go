package reposit

import (
	"bytes"
	"io"
	"io/fs"
	"time"

	"github.com/reposit/reposit/internal/git"
)

// A fileInfo is the fs.FileInfo of an entry of a tree.
type fileInfo struct {
	name string
	size int64
	mode fs.FileMode
	when time.Time
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.when }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }

// A dirEntry is the fs.DirEntry of an entry of a tree. It reads the size only if asked.
type dirEntry struct {
	f     *treeFS
	path  string
	entry git.Entry
}

func (d *dirEntry) Name() string      { return d.entry.Name }
func (d *dirEntry) IsDir() bool       { return fileMode(d.entry.Mode).IsDir() }
func (d *dirEntry) Type() fs.FileMode { return fileMode(d.entry.Mode).Type() }
func (d *dirEntry) String() string    { return fs.FormatDirEntry(d) }

func (d *dirEntry) Info() (fs.FileInfo, error) {
	if err := d.f.ask("stat", d.path); err != nil {
		return nil, err
	}
	return d.f.info("stat", d.path, d.entry)
}

// An openFile is an open file that is held in memory. It is for one goroutine.
type openFile struct {
	f       *treeFS
	name    string
	content *bytes.Reader
	info    *fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

func (f *openFile) Read(p []byte) (int, error) {
	if err := f.f.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.content.Read(p)
}

// ReadAt implements io.ReaderAt.
func (f *openFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.f.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.content.ReadAt(p, at)
}

// Seek implements io.Seeker.
func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	return f.content.Seek(offset, whence)
}

// WriteTo implements io.WriterTo.
func (f *openFile) WriteTo(w io.Writer) (int64, error) {
	if err := f.f.ask("read", f.name); err != nil {
		return 0, err
	}
	return f.content.WriteTo(w)
}

// An openStream is an open file that is read in pieces. It is for one goroutine.
type openStream struct {
	guarded
	info *fileInfo
}

func (f *openStream) Stat() (fs.FileInfo, error) { return f.info, nil }

// An openDir is an open directory. It is for one goroutine.
type openDir struct {
	f       *treeFS
	info    *fileInfo
	name    string
	entries []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, d.f.failed("read", d.name, fs.ErrInvalid)
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if err := d.f.ask("readdir", d.name); err != nil {
		return nil, err
	}
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	list := d.entries[:n:n]
	d.entries = d.entries[n:]
	return list, nil
}
