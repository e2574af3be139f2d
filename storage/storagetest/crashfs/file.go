package crashfs

import (
	"io"
	"io/fs"
	"os"
	"time"
)

// A file is an open file. Like an os.File, it is one position for all who use it.
type file struct {
	fs     *FS
	name   string
	node   *node
	flag   int
	at     int64
	closed bool
}

func (f *file) Name() string { return f.name }

// begin is FS.begin for an open file.
func (f *file) begin(kind string) (Fault, error) {
	fault := f.fs.begin(kind, f.name)
	if f.closed {
		return fault, failed(kind, f.name, fs.ErrClosed)
	}
	if fault.Err != nil && !fault.After {
		return fault, failed(kind, f.name, fault.Err)
	}
	return fault, nil
}

func (f *file) Read(p []byte) (int, error) {
	_, err := f.begin("read")
	defer f.fs.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := f.readAt(p, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	_, err := f.begin("read")
	defer f.fs.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return f.readAt(p, off)
}

func (f *file) readAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	fault, err := f.begin("write")
	defer f.fs.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if f.flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return 0, failed("write", f.name, fs.ErrPermission)
	}
	if f.flag&os.O_APPEND != 0 {
		f.at = int64(len(f.node.data))
	}
	if fault.Short || fault.Err != nil {
		p = p[:len(p)/2]
	}
	f.node.write(p, f.at)
	f.at += int64(len(p))
	return len(p), failed("write", f.name, fault.Err)
}

func (n *node) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	if end := int(off) + len(p); end > len(n.data) {
		n.resize(end)
	}
	copy(n.data[off:], p)
	n.touch(int(off), int(off)+len(p))
}

// touch marks the blocks of a range as not durable.
func (n *node) touch(from, to int) {
	if n.dirty == nil {
		n.dirty = map[int]bool{}
	}
	for b := from / block; b*block < to; b++ {
		n.dirty[b] = true
	}
	n.time = time.Now()
}

// resize changes the length of a file, with zeros at the end if it grows.
func (n *node) resize(size int) {
	old := len(n.data)
	data := make([]byte, size)
	copy(data, n.data)
	n.data = data
	n.touch(min(old, size), max(old, size))
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += int64(len(f.node.data))
	}
	f.at = offset
	return offset, nil
}

func (f *file) Truncate(size int64) error {
	fault, err := f.begin("truncate")
	defer f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	f.node.resize(int(size))
	return failed("truncate", f.name, fault.Err)
}

// Sync makes the bytes of the file durable.
func (f *file) Sync() error {
	fault, err := f.begin("sync")
	defer f.fs.mu.Unlock()
	if err != nil {
		f.node.dirty = nil
		return err
	}
	f.node.sync()
	return failed("sync", f.name, fault.Err)
}

func (f *file) Close() error {
	fault, err := f.begin("close")
	defer f.fs.mu.Unlock()
	f.closed = true
	if err != nil {
		return err
	}
	return failed("close", f.name, fault.Err)
}

func (f *file) Lock() error   { return nil }
func (f *file) Unlock() error { return nil }

type info struct {
	name string
	size int64
	mode fs.FileMode
	time time.Time
}

func (n *node) info(name string) os.FileInfo {
	return info{name, int64(len(n.data)), n.mode, n.time}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.time }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
