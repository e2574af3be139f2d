package git

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A Mode is the mode of a tree entry, as the octal number that Git writes.
type Mode uint32

// The modes that Git writes (git-fsck, badFilemode).
const (
	ModeDir        Mode = 0o040000
	ModeRegular    Mode = 0o100644
	ModeExecutable Mode = 0o100755
	ModeSymlink    Mode = 0o120000
	ModeSubmodule  Mode = 0o160000
)

// An Entry is one line of a tree.
type Entry struct {
	Name string
	Mode Mode
	Hash Hash
}

// IsDir reports whether the entry is a tree.
func (e Entry) IsDir() bool { return e.Mode == ModeDir }

// IsFile reports whether the entry is a file, executable or not, with whatever permissions old histories hold.
func (e Entry) IsFile() bool { return e.Mode&0o170000 == ModeRegular&0o170000 }

// A Tree is a decoded tree: its bytes, with an index of where its entries begin. It is never changed, so it may be
// shared, also with other trees: one that differs in a hash alone has the same index.
type Tree struct {
	raw    []byte
	starts []uint32
	marks  []packfile.Mark // of the hash, as far as they are known
}

const hashLen = len(Hash{})

// EmptyTree is the hash of the tree without entries.
var EmptyTree = Hash{
	0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60, 0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49, 0x04,
}

// MaxDepth bounds how many directories a reader of trees follows, one below the other (git's core.maxTreeDepth).
const MaxDepth = 2048

// ParseTree indexes the content of a tree. It keeps raw. It returns an error that wraps ErrMalformed for bytes that are
// no tree, and for an entry that names.CheckEntry refuses, its error: "..", "a/b" and ".git" would lead whoever follows
// the names out of the tree, or round in circles. Modes and order are not judged.
func ParseTree(raw []byte) (*Tree, error) {
	t := &Tree{raw: raw, starts: make([]uint32, 0, len(raw)/34+1)}
	for at := 0; at < len(raw); {
		end, err := entryEnd(raw, at)
		if err != nil {
			return nil, err
		}
		t.starts = append(t.starts, uint32(at))
		at = end
	}
	return t, nil
}

// entryEnd returns where the entry that begins at at ends.
func entryEnd(raw []byte, at int) (int, error) {
	space := bytes.IndexByte(raw[at:min(len(raw), at+8)], ' ')
	if space < 1 {
		return 0, malformed("tree entry at byte %d has no mode", at)
	}
	for _, c := range raw[at : at+space] {
		if c < '0' || c > '7' {
			return 0, malformed("tree entry at byte %d has a mode that is not octal", at)
		}
	}
	if space == 7 && raw[at] != '0' {
		return 0, malformed("tree entry at byte %d has a mode of seven digits", at)
	}
	name := at + space + 1
	length := bytes.IndexByte(raw[name:], 0)
	if length < 1 {
		return 0, malformed("tree entry at byte %d has no name", at)
	}
	if !isPlain(raw[name : name+length]) {
		if err := names.CheckEntry(string(raw[name : name+length])); err != nil {
			return 0, fmt.Errorf("%w: tree entry at byte %d: %w", ErrMalformed, at, err)
		}
	}
	end := name + length + 1 + hashLen
	if end > len(raw) {
		return 0, malformed("tree entry at byte %d is cut short", at)
	}
	return end, nil
}

// isPlain reports whether a name, which is not empty and has no NUL, passes names.CheckEntry for sure. It is all that
// most names cost.
func isPlain(name []byte) bool {
	if name[0] == '.' || name[0] >= utf8.RuneSelf || len(name) > 3 && name[3] == '~' {
		return false
	}
	for _, c := range name {
		if c == '/' || c == '\\' {
			return false
		}
	}
	return true
}

// Raw returns the tree's content, which must not be changed.
func (t *Tree) Raw() []byte { return t.raw }

// Len returns how many entries there are.
func (t *Tree) Len() int { return len(t.starts) }

// Cost returns about how many bytes of memory the tree holds.
func (t *Tree) Cost() int64 {
	return int64(cap(t.raw) + 4*cap(t.starts) + len(t.raw)/markStep*packfile.MarkSize + 96)
}

// Entry returns entry i.
func (t *Tree) Entry(i int) Entry {
	mode, name, hash := t.fields(i)
	return Entry{Name: string(name), Mode: mode, Hash: Hash(hash)}
}

// At returns what entry i is made of. Its name must not be changed.
func (t *Tree) At(i int) (mode Mode, name []byte, hash Hash) {
	mode, name, h := t.fields(i)
	return mode, name, Hash(h)
}

func (t *Tree) end(i int) int {
	if i+1 < len(t.starts) {
		return int(t.starts[i+1])
	}
	return len(t.raw)
}

func (t *Tree) fields(i int) (mode Mode, name, hash []byte) {
	b := t.raw[t.starts[i]:t.end(i)]
	at := 0
	for b[at] != ' ' {
		mode = mode<<3 | Mode(b[at]-'0')
		at++
	}
	return mode, b[at+1 : len(b)-hashLen-1], b[len(b)-hashLen:]
}

// Find returns the entry called name. Only trees in Git's order are searched right; of others, entries may stay
// unseen, but none is seen that is not there.
func (t *Tree) Find(name string) (Entry, bool) {
	i, ok := t.Index(name)
	if !ok {
		return Entry{}, false
	}
	mode, _, hash := t.fields(i)
	return Entry{Name: name, Mode: mode, Hash: Hash(hash)}, true
}

// Index returns the number of the entry that Find finds.
func (t *Tree) Index(name string) (int, bool) {
	// A name may stand at two places, as a file and as a directory: Git sorts the latter as if it ended in "/".
	for _, dir := range [2]bool{false, true} {
		i, ok := t.search(name, dir)
		if !ok {
			continue
		}
		// The search takes the directory "a" for "a/", a name that only a damaged tree has.
		if _, found, _ := t.fields(i); string(found) == name {
			return i, true
		}
	}
	return 0, false
}

// search returns the index of the entry called name that is or is not a directory, or where it would stand.
func (t *Tree) search(name string, dir bool) (int, bool) {
	lo, hi := 0, len(t.starts)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		mode, other, _ := t.fields(mid)
		switch c := compareNames(other, mode == ModeDir, name, dir); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// compareNames orders entries as Git does: by bytes, a directory's name ending in "/".
func compareNames(a []byte, aDir bool, b string, bDir bool) int {
	n := min(len(a), len(b))
	if string(a[:n]) != b[:n] { // these conversions copy nothing
		if string(a[:n]) < b[:n] {
			return -1
		}
		return 1
	}
	return int(next(a, n, aDir)) - int(next(b, n, bDir))
}

func next[T []byte | string](name T, at int, dir bool) byte {
	if at < len(name) {
		return name[at]
	}
	if dir {
		return '/'
	}
	return 0
}

// Changed returns the range of the entries of t that are not the same, byte for byte, as those at the same places from
// the beginning or the end of old.
func (t *Tree) Changed(old *Tree) (from, to int) {
	to, last := t.Len(), old.Len()
	for from < to && from < last && bytes.Equal(t.line(from), old.line(from)) {
		from++
	}
	for to > from && last > from && bytes.Equal(t.line(to-1), old.line(last-1)) {
		to, last = to-1, last-1
	}
	return from, to
}

// line returns the bytes of entry i.
func (t *Tree) line(i int) []byte { return t.raw[t.starts[i]:t.end(i)] }

// Less reports whether entry a stands before b in a tree.
func Less(a, b Entry) bool {
	return compareNames([]byte(a.Name), a.IsDir(), b.Name, b.IsDir()) < 0
}

// An Edit is one change of a tree: the entry that Name shall be, or, with a zero Mode, its removal.
type Edit = Entry

// Apply returns the tree with the edits made, which must be of different names, and the instructions that turn
// t's content into the new one's (see ApplyDelta). A tree without entries is returned as such. The cost is a copy of
// the content and a search for each edit.
func (t *Tree) Apply(edits []Edit) (*Tree, []byte) {
	splices := make([]splice, 0, 2*len(edits))
	for _, e := range edits {
		splices = t.splice(splices, e)
	}
	slices.SortStableFunc(splices, splice.compare)
	if len(splices) == 1 && splices[0].sameShape(t) {
		return t.replaceHash(splices[0])
	}
	return t.rebuild(splices)
}

// A splice replaces the entries from first up to last by at most one new entry.
type splice struct {
	first, last int
	entry       Entry // no entry if Mode is zero
}

func (t *Tree) splice(to []splice, e Edit) []splice {
	at, found := t.search(e.Name, e.IsDir())
	other, foundOther := t.search(e.Name, !e.IsDir())
	if foundOther {
		to = append(to, splice{first: other, last: other + 1})
	}
	switch {
	case found:
		to = append(to, splice{first: at, last: at + 1, entry: e})
	case e.Mode != 0:
		to = append(to, splice{first: at, last: at, entry: e})
	}
	return to
}

// compare puts an insertion before what is done to the entry that stood there, and insertions in Git's order.
func (s splice) compare(o splice) int {
	if c := cmp.Compare(s.first, o.first); c != 0 {
		return c
	}
	if c := cmp.Compare(s.last, o.last); c != 0 || s.entry.Mode == 0 || o.entry.Mode == 0 {
		return c
	}
	return compareNames([]byte(s.entry.Name), s.entry.IsDir(), o.entry.Name, o.entry.IsDir())
}

// sameShape reports whether the splice changes nothing but an entry's hash.
func (s splice) sameShape(t *Tree) bool {
	if s.last != s.first+1 || s.entry.Mode == 0 {
		return false
	}
	mode, _, _ := t.fields(s.first)
	return mode == s.entry.Mode && t.raw[t.starts[s.first]] != '0'
}

func (t *Tree) replaceHash(s splice) (*Tree, []byte) {
	at := t.end(s.first) - hashLen
	raw := make([]byte, len(t.raw))
	copy(raw, t.raw)
	copy(raw[at:], s.entry.Hash[:])
	var d packfile.DeltaWriter
	d.Copy(0, at)
	d.Insert(s.entry.Hash[:])
	d.Copy(at+hashLen, len(raw))
	known := min(at/markStep, len(t.marks))
	return &Tree{raw: raw, starts: t.starts, marks: t.marks[:known:known]}, deltaOf(&d, len(t.raw), len(raw))
}

// Sum returns the tree's hash, or ErrCollision. Of a tree that Apply made by changing hashes alone, only what follows
// the first change is hashed. It must be called once, before the tree is shared.
func (t *Tree) Sum() (Hash, error) {
	h := hashers.Get().(*Hasher)
	defer hashers.Put(h)
	if n := len(t.marks); n == 0 || !h.Resume(t.marks[n-1]) {
		t.marks = nil
		h.Reset(storage.Tree, int64(len(t.raw)))
	}
	at := len(t.marks) * markStep
	for ; len(t.raw)-at > markStep; at += markStep {
		h.Write(t.raw[at : at+markStep])
		t.marks = append(t.marks, h.Mark())
	}
	h.Write(t.raw[at:])
	return h.Sum()
}

func (t *Tree) rebuild(splices []splice) (*Tree, []byte) {
	size := len(t.raw)
	for _, s := range splices {
		size += len(s.entry.Name) + 8 + hashLen
	}
	n := &Tree{raw: make([]byte, 0, size), starts: make([]uint32, 0, len(t.starts)+len(splices))}
	var d packfile.DeltaWriter
	at := 0 // entries of t that are done
	keep := func(upto int) {
		if upto <= at {
			return
		}
		from, to := int(t.starts[at]), t.end(upto-1)
		for i := at; i < upto; i++ {
			n.starts = append(n.starts, uint32(int(t.starts[i])-from+len(n.raw)))
		}
		d.Copy(from, to)
		n.raw = append(n.raw, t.raw[from:to]...)
		at = upto
	}
	for _, s := range splices {
		keep(s.first)
		at = max(at, s.last)
		if s.entry.Mode != 0 {
			start := len(n.raw)
			n.starts = append(n.starts, uint32(start))
			n.raw = AppendEntry(n.raw, s.entry)
			d.Insert(n.raw[start:])
		}
	}
	keep(len(t.starts))
	return n, deltaOf(&d, len(t.raw), len(n.raw))
}

// AppendEntry appends an entry as it stands in the content of a tree.
func AppendEntry(b []byte, e Entry) []byte {
	b = appendMode(b, e.Mode)
	b = append(b, ' ')
	b = append(b, e.Name...)
	b = append(b, 0)
	return append(b, e.Hash[:]...)
}

func appendMode(b []byte, m Mode) []byte {
	shift := 15
	for shift > 0 && m>>shift == 0 {
		shift -= 3
	}
	for ; shift >= 0; shift -= 3 {
		b = append(b, '0'+byte(m>>shift&7))
	}
	return b
}
