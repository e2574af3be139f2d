package worktree

import (
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-billy/v5"
)

// A file is an open file. It stays the same file when that is renamed or removed.
type file struct {
	f       *Files
	node    *node
	content *content
	name    string
	flag    int

	mu     sync.Mutex
	at     int64
	locked bool
	closed bool
}

func (h *file) Name() string { return h.name }

// begin begins a call that reads, or with write one that writes.
func (h *file) begin(op string, write bool) (end func(), err error) {
	leave, err := h.f.src.Enter()
	if err != nil {
		return nil, failed(op, h.name, err)
	}
	h.f.mu.RLock()
	h.mu.Lock()
	h.content.mu.Lock()
	end = func() {
		h.content.mu.Unlock()
		h.mu.Unlock()
		h.f.mu.RUnlock()
		leave()
	}
	access := h.flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
	switch {
	case h.closed:
		err = os.ErrClosed
	case write && access == os.O_RDONLY, !write && access == os.O_WRONLY:
		err = errAccess
	}
	if err != nil {
		end()
		return nil, failed(op, h.name, err)
	}
	return end, nil
}

func (h *file) Read(p []byte) (int, error) {
	end, err := h.begin("read", false)
	if err != nil {
		return 0, err
	}
	defer end()
	if len(p) == 0 {
		return 0, nil
	}
	n, err := h.content.readAt(p, h.at)
	h.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	if err != io.EOF {
		err = failed("read", h.name, err)
	}
	return n, err
}

func (h *file) ReadAt(p []byte, at int64) (int, error) {
	end, err := h.begin("read", false)
	if err != nil {
		return 0, err
	}
	defer end()
	if at < 0 {
		return 0, failed("read", h.name, errInvalid)
	}
	n, err := h.content.readAt(p, at)
	if err != io.EOF {
		err = failed("read", h.name, err)
	}
	return n, err
}

func (h *file) Write(p []byte) (int, error) {
	end, err := h.begin("write", true)
	if err != nil {
		return 0, err
	}
	defer end()
	if h.flag&os.O_APPEND != 0 {
		if h.at, err = h.content.length(); err != nil {
			return 0, failed("write", h.name, err)
		}
	}
	n, err := h.write(p, h.at)
	h.at += int64(n)
	return n, err
}

// WriteAt is io.WriterAt. It is an error for a file that was opened to append, as with os.File.
func (h *file) WriteAt(p []byte, at int64) (int, error) {
	end, err := h.begin("write", true)
	if err != nil {
		return 0, err
	}
	defer end()
	if at < 0 || h.flag&os.O_APPEND != 0 {
		return 0, failed("write", h.name, errInvalid)
	}
	return h.write(p, at)
}

func (h *file) write(p []byte, at int64) (int, error) {
	n, err := h.content.writeAt(p, at)
	h.touch()
	return n, failed("write", h.name, err)
}

// touch notes that the file changed now. The content's lock guards that.
func (h *file) touch() { h.content.when = h.f.tick() }

func (h *file) Truncate(size int64) error {
	end, err := h.begin("truncate", true)
	if err != nil {
		return err
	}
	defer end()
	err = h.content.truncate(size)
	h.touch()
	return failed("truncate", h.name, err)
}

func (h *file) Seek(offset int64, whence int) (int64, error) {
	leave, err := h.f.src.Enter()
	if err != nil {
		return 0, failed("seek", h.name, err)
	}
	defer leave()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, failed("seek", h.name, os.ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += h.at
	case io.SeekEnd:
		h.content.mu.Lock()
		size, err := h.content.length()
		h.content.mu.Unlock()
		if err != nil {
			return 0, failed("seek", h.name, err)
		}
		offset += size
	default:
		return 0, failed("seek", h.name, errInvalid)
	}
	if offset < 0 {
		return 0, failed("seek", h.name, errInvalid)
	}
	h.at = offset
	return offset, nil
}

// Close ends the file, whatever became of the worktree.
func (h *file) Close() error {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return failed("close", h.name, os.ErrClosed)
	}
	h.closed = true
	if h.locked {
		h.locked = false
		h.content.lock.Unlock()
	}
	var err error
	h.content.mu.Lock()
	if h.content.refs--; h.content.refs == 0 {
		err = h.content.closeStream()
	}
	h.content.mu.Unlock()
	h.f.detach(h.node)
	return failed("close", h.name, err)
}

// Lock waits until no other open file of the same file has locked it.
func (h *file) Lock() error {
	h.mu.Lock()
	has, closed := h.locked, h.closed
	h.mu.Unlock()
	if closed {
		return failed("lock", h.name, os.ErrClosed)
	}
	if has {
		return nil
	}
	h.content.lock.Lock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.locked {
		h.content.lock.Unlock()
	}
	if h.closed {
		return failed("lock", h.name, os.ErrClosed)
	}
	h.locked = true
	return nil
}

// Unlock undoes Lock.
func (h *file) Unlock() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return failed("unlock", h.name, os.ErrClosed)
	}
	if h.locked {
		h.locked = false
		h.content.lock.Unlock()
	}
	return nil
}

// Open is OpenFile to read.
func (f *Files) Open(name string) (billy.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// Create is OpenFile to read and write a file that is empty.
func (f *Files) Create(name string) (billy.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile opens a file. With os.O_CREATE it makes one that is not there, and the directories that lead to it; it is
// executable if its owner may execute it by perm.
func (f *Files) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	leave, err := f.src.Enter()
	if err != nil {
		return nil, failed("open", name, err)
	}
	defer leave()
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.open(name, flag, perm)
	if err != nil {
		return nil, failed("open", name, err)
	}
	return h, nil
}

func (f *Files) open(name string, flag int, perm os.FileMode) (*file, error) {
	creates := flag&os.O_CREATE != 0
	p, err := f.lookup(name, flag&(os.O_CREATE|os.O_EXCL) != os.O_CREATE|os.O_EXCL, creates)
	if err != nil {
		return nil, err
	}
	writes := flag&(os.O_WRONLY|os.O_RDWR) != 0
	n := p.node
	switch {
	case n == nil && !creates:
		return nil, os.ErrNotExist
	case n == nil:
		mode := fileOf(perm)
		if err := f.check(&p, mode); err != nil {
			return nil, err
		}
		f.makeDirs(&p)
		n = &node{mode: mode, when: f.tick(), content: &content{f: f, own: true}}
		f.put(p.dir, p.name, n)
	case creates && flag&os.O_EXCL != 0:
		return nil, os.ErrExist
	case !n.isFile():
		return nil, errIsDir
	case writes && flag&os.O_TRUNC != 0:
		n.content.mu.Lock()
		err := n.content.truncate(0)
		n.content.when = f.tick()
		n.content.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	n.attach()
	n.content.refs++
	parts, err := clean(name)
	return &file{f: f, node: n, content: n.content, name: filepath.Join(parts...), flag: flag}, err
}
