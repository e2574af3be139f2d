// Package crashfs is a go-billy filesystem in memory that can be cut off from power.
//
// It keeps what is durable apart from what is not. The bytes of a file become durable by its Sync, a name by SyncDir
// of the directory that has it, a renamed one by SyncDir of the directory it went to. Clone returns what may be left
// after a cut: each name and each block that is not durable survives by a coin of its own, so renames may survive in
// any order, and a file with its old length, its new one, or zeros where bytes were. A rename is never torn.
//
// Inject makes operations fail. A Sync that fails drops what it was to make durable, and the next one, which
// succeeds, does not bring it back, as Linux has it.
package crashfs

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-git/go-billy/v5"
)

// FS is the filesystem. It is safe for concurrent use.
type FS struct {
	mu      sync.Mutex
	root    *node
	pending []change // of names, not durable, the oldest first
	ops     int
	hook    func(Op)
	faults  []Fault
	temps   int
	names   Names
}

// An Op is an operation on the filesystem or one of its files.
type Op struct {
	N    int    // from 1
	Kind string // "open", "create", "write", "sync", "syncdir", "rename", …
	Name string
}

// A Fault makes operations fail.
type Fault struct {
	At      int   // the number of the operation
	Forever bool  // all operations from At on
	Err     error // nil with Short
	Short   bool  // a Write writes half and returns no error; other operations succeed
	After   bool  // the operation is carried out, and then fails
}

// A node is a file or a directory.
type node struct {
	dir     bool
	entries map[string]*node // volatile
	durable map[string]*node

	data   []byte // volatile
	synced []byte
	dirty  map[int]bool // blocks of data
	mode   fs.FileMode
	target string // of a symbolic link
	time   time.Time
}

// block is how much of a file survives or not as one.
const block = 512

// A change is a name that came, went or moved.
type change struct {
	from, to         *node // directories; nil: the name came or went
	fromName, toName string
	node             *node
}

// New returns an empty filesystem.
func New() *FS { return &FS{root: newDir()} }

func newDir() *node {
	return &node{dir: true, entries: map[string]*node{}, durable: map[string]*node{}, mode: fs.ModeDir | 0o755}
}

// Ops returns how many operations there were.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Hook has fn called before each operation. fn may call Clone.
func (f *FS) Hook(fn func(Op)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = fn
}

// Inject replaces the faults.
func (f *FS) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// begin counts an operation, and returns the fault it has to suffer. It returns with the lock held.
func (f *FS) begin(kind, name string) Fault {
	f.mu.Lock()
	f.ops++
	op := Op{f.ops, kind, name}
	hook := f.hook
	if hook != nil {
		f.mu.Unlock()
		hook(op)
		f.mu.Lock()
	}
	for _, fault := range f.faults {
		if fault.At == op.N || fault.Forever && op.N > fault.At {
			return fault
		}
	}
	return Fault{}
}

// Clone returns what may be left after a power cut now. Of what is not durable, pct percent survive.
func (f *FS) Clone(seed uint64, pct int) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, uint64(pct)))
	coin := func() bool { return rng.IntN(100) < pct }
	names := map[*node]map[string]*node{}
	entries := func(dir *node) map[string]*node {
		if names[dir] == nil {
			names[dir] = maps.Clone(dir.durable)
		}
		return names[dir]
	}
	for _, c := range f.pending {
		if coin() {
			c.apply(entries)
		}
	}
	copies := map[*node]*node{}
	var clone func(n *node) *node
	clone = func(n *node) *node {
		if c, ok := copies[n]; ok {
			return c
		}
		c := &node{dir: n.dir, mode: n.mode, target: n.target, time: n.time}
		copies[n] = c
		if !n.dir {
			c.data = n.survives(coin)
			c.synced = slices.Clone(c.data)
			return c
		}
		c.entries, c.durable = map[string]*node{}, map[string]*node{}
		left := entries(n)
		for _, name := range slices.Sorted(maps.Keys(left)) {
			c.entries[name] = clone(left[name])
		}
		maps.Copy(c.durable, c.entries)
		return c
	}
	return &FS{root: clone(f.root), names: f.names}
}

// apply carries out a change on the entries of directories.
func (c change) apply(entries func(dir *node) map[string]*node) {
	if c.from != nil && entries(c.from)[c.fromName] == c.node {
		delete(entries(c.from), c.fromName)
	}
	if c.to != nil {
		entries(c.to)[c.toName] = c.node
	}
}

// survives returns what is left of a file.
func (n *node) survives(coin func() bool) []byte {
	size := len(n.synced)
	if coin() {
		size = len(n.data)
	}
	left := make([]byte, size)
	copy(left, n.synced)
	for _, b := range slices.Sorted(maps.Keys(n.dirty)) {
		if start := b * block; coin() && start < size {
			clear(left[start:min(start+block, size)])
			if start < len(n.data) {
				copy(left[start:min(start+block, size)], n.data[start:])
			}
		}
	}
	return left
}

// sync makes the bytes of a file durable that were written since the last one, whether that succeeded or not.
func (n *node) sync() {
	synced := make([]byte, len(n.data))
	copy(synced, n.synced)
	for b := range n.dirty {
		if start := b * block; start < len(n.data) {
			copy(synced[start:min(start+block, len(synced))], n.data[start:])
		}
	}
	n.synced, n.dirty = synced, nil
}

// settle makes the changes durable that SyncDir of dir is for.
func (f *FS) settle(dir *node) {
	durable := func(d *node) map[string]*node { return d.durable }
	var left []change
	for _, c := range f.pending {
		switch {
		case c.to == dir || c.to == nil && c.from == dir:
			c.apply(durable)
			if c.from != nil && c.to != nil { // its first name is past, too
				left = slices.DeleteFunc(left, func(p change) bool {
					return p.node == c.node && p.to == c.from && p.toName == c.fromName
				})
			}
		default:
			left = append(left, c)
		}
	}
	f.pending = left
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// find returns the node of a name.
func (f *FS) find(name string) (*node, error) {
	n := f.root
	if name = clean(name); name == "" {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !n.dir {
			return nil, syscall.ENOTDIR
		}
		if err := f.refused(part); err != nil {
			return nil, err
		}
		if _, n = f.entry(n, part); n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// parent returns the directory that has, or is to have, a name.
func (f *FS) parent(name string) (*node, string, error) {
	dir, base := path.Split(clean(name))
	n, err := f.find(dir)
	if err == nil && !n.dir {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = f.refused(base)
	}
	if err == nil {
		base, _ = f.entry(n, base)
	}
	return n, base, err
}

func (f *FS) link(dir *node, name string, n *node) {
	dir.entries[name] = n
	f.pending = append(f.pending, change{to: dir, toName: name, node: n})
}

func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Create implements billy.Basic.
func (f *FS) Create(name string) (billy.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Open implements billy.Basic.
func (f *FS) Open(name string) (billy.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// OpenFile implements billy.Basic. It does not make directories.
func (f *FS) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	kind := "open"
	if flag&os.O_CREATE != 0 {
		kind = "create"
	}
	fault := f.begin(kind, name)
	defer f.mu.Unlock()
	if fault.Err != nil && !fault.After {
		return nil, failed(kind, name, fault.Err)
	}
	dir, base, err := f.parent(name)
	if err != nil {
		return nil, failed(kind, name, err)
	}
	n := dir.entries[base]
	switch {
	case clean(name) == "" || n != nil && n.dir:
		return nil, failed(kind, name, syscall.EISDIR)
	case n == nil && flag&os.O_CREATE == 0:
		return nil, failed(kind, name, fs.ErrNotExist)
	case n != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, failed(kind, name, fs.ErrExist)
	case n == nil:
		n = &node{mode: perm.Perm(), time: time.Now()}
		f.link(dir, base, n)
	case flag&os.O_TRUNC != 0:
		n.resize(0)
	}
	if fault.Err != nil {
		return nil, failed(kind, name, fault.Err)
	}
	return &file{fs: f, name: name, node: n, flag: flag}, nil
}

// Stat implements billy.Basic. It does not follow symbolic links.
func (f *FS) Stat(name string) (os.FileInfo, error) {
	fault := f.begin("stat", name)
	defer f.mu.Unlock()
	if fault.Err != nil {
		return nil, failed("stat", name, fault.Err)
	}
	n, err := f.find(name)
	if err != nil {
		return nil, failed("stat", name, err)
	}
	return n.info(path.Base(clean(name))), nil
}

// Lstat implements billy.Symlink.
func (f *FS) Lstat(name string) (os.FileInfo, error) { return f.Stat(name) }

// Rename implements billy.Basic.
func (f *FS) Rename(from, to string) error {
	fault := f.begin("rename", to)
	defer f.mu.Unlock()
	if fault.Err != nil && !fault.After {
		return failed("rename", to, fault.Err)
	}
	src, srcName, err := f.parent(from)
	if err != nil {
		return failed("rename", from, err)
	}
	dst, dstName, err := f.parent(to)
	if err != nil {
		return failed("rename", to, err)
	}
	n, old := src.entries[srcName], dst.entries[dstName]
	switch {
	case n == nil:
		return failed("rename", from, fs.ErrNotExist)
	case n == old:
		return nil
	case old != nil && old.dir && !n.dir:
		return failed("rename", to, syscall.EISDIR)
	case old != nil && !old.dir && n.dir:
		return failed("rename", to, syscall.ENOTDIR)
	case old != nil && old.dir && len(old.entries) > 0:
		return failed("rename", to, syscall.ENOTEMPTY)
	}
	delete(src.entries, srcName)
	dst.entries[dstName] = n
	f.pending = append(f.pending, change{from: src, fromName: srcName, to: dst, toName: dstName, node: n})
	return failed("rename", to, fault.Err)
}

// Remove implements billy.Basic.
func (f *FS) Remove(name string) error {
	fault := f.begin("remove", name)
	defer f.mu.Unlock()
	if fault.Err != nil && !fault.After {
		return failed("remove", name, fault.Err)
	}
	dir, base, err := f.parent(name)
	if err != nil {
		return failed("remove", name, err)
	}
	n := dir.entries[base]
	if n == nil {
		return failed("remove", name, fs.ErrNotExist)
	}
	if len(n.entries) > 0 {
		return failed("remove", name, syscall.ENOTEMPTY)
	}
	delete(dir.entries, base)
	f.pending = append(f.pending, change{from: dir, fromName: base, node: n})
	return failed("remove", name, fault.Err)
}

// Join implements billy.Basic.
func (f *FS) Join(elem ...string) string { return path.Join(elem...) }

// ReadDir implements billy.Dir.
func (f *FS) ReadDir(name string) ([]os.FileInfo, error) {
	fault := f.begin("readdir", name)
	defer f.mu.Unlock()
	if fault.Err != nil {
		return nil, failed("readdir", name, fault.Err)
	}
	n, err := f.find(name)
	if err == nil && !n.dir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, failed("readdir", name, err)
	}
	var infos []os.FileInfo
	for _, entry := range slices.Sorted(maps.Keys(n.entries)) {
		infos = append(infos, n.entries[entry].info(entry))
	}
	return infos, nil
}

// MkdirAll implements billy.Dir.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	fault := f.begin("mkdir", name)
	defer f.mu.Unlock()
	if fault.Err != nil && !fault.After {
		return failed("mkdir", name, fault.Err)
	}
	n := f.root
	for part := range strings.SplitSeq(clean(name), "/") {
		if part == "" {
			break
		}
		if err := f.refused(part); err != nil {
			return failed("mkdir", name, err)
		}
		part, next := f.entry(n, part)
		if next == nil {
			next = newDir()
			f.link(n, part, next)
		}
		if n = next; !n.dir {
			return failed("mkdir", name, syscall.ENOTDIR)
		}
	}
	return failed("mkdir", name, fault.Err)
}

// SyncDir makes the names in a directory durable.
func (f *FS) SyncDir(name string) error {
	fault := f.begin("syncdir", name)
	defer f.mu.Unlock()
	if fault.Err != nil && !fault.After {
		return failed("syncdir", name, fault.Err)
	}
	n, err := f.find(name)
	if err != nil {
		return failed("syncdir", name, err)
	}
	f.settle(n)
	return failed("syncdir", name, fault.Err)
}

// Symlink implements billy.Symlink.
func (f *FS) Symlink(target, name string) error {
	fault := f.begin("symlink", name)
	defer f.mu.Unlock()
	dir, base, err := f.parent(name)
	if err == nil && dir.entries[base] != nil {
		err = fs.ErrExist
	}
	if fault.Err != nil {
		err = fault.Err
	}
	if err == nil {
		f.link(dir, base, &node{mode: fs.ModeSymlink | 0o777, target: target})
	}
	return failed("symlink", name, err)
}

// Readlink implements billy.Symlink.
func (f *FS) Readlink(name string) (string, error) {
	fault := f.begin("readlink", name)
	defer f.mu.Unlock()
	n, err := f.find(name)
	if err == nil && n.target == "" {
		err = fs.ErrInvalid
	}
	if fault.Err != nil {
		err = fault.Err
	}
	if err != nil {
		return "", failed("readlink", name, err)
	}
	return n.target, nil
}

// TempFile implements billy.TempFile.
func (f *FS) TempFile(dir, prefix string) (billy.File, error) {
	f.mu.Lock()
	f.temps++
	name := path.Join(dir, prefix+string(rune('a'+f.temps%26))+time.Now().Format("150405.000000000"))
	f.mu.Unlock()
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Chroot implements billy.Chroot. There is none.
func (f *FS) Chroot(string) (billy.Filesystem, error) { return nil, billy.ErrNotSupported }

// Root implements billy.Chroot.
func (f *FS) Root() string { return "/" }
