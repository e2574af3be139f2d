package linediff

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// A Space says which white space counts when lines are compared: spaces, tabs, carriage returns, and the newline at the
// end, as git sees white space.
type Space int

// The modes, each with git's option.
const (
	Exact       Space = iota // all of it
	IgnoreAtEnd              // none at the end of a line: --ignore-space-at-eol
	IgnoreCount              // none at the end, and elsewhere any amount is the same: -b
	IgnoreAll                // none: -w
)

// A Table numbers distinct lines. It is for one goroutine.
type Table struct {
	space   Space
	seed    maphash.Seed
	classes []class
	slots   []int32 // class + 1, by hash; 0: empty
	scratch []byte
	counts  []int32 // of two texts, by class; all 0 while nobody counts
}

// A class is a distinct line, in the form in which it is compared.
type class struct {
	hash uint64
	line []byte
}

// NewTable returns an empty Table for lines that are compared in a mode.
func NewTable(space Space) *Table { return &Table{space: space, seed: maphash.MakeSeed()} }

// Len returns how many distinct lines have a number.
func (t *Table) Len() int { return len(t.classes) }

// A Text is a text in lines.
type Text struct {
	IDs   []int32 // of each line; equal if, and only if, the lines are
	data  []byte
	ends  []uint32 // of each line in data, behind its newline
	table *Table
}

// MaxSize is how many bytes a Text may have.
const MaxSize = 1<<32 - 1

// Text cuts data into lines, the last of which may lack its newline, and numbers them. It keeps data, which must not be
// changed as long as the table is used. It panics if data has more than MaxSize bytes.
func (t *Table) Text(data []byte) *Text {
	if uint64(len(data)) > MaxSize {
		panic("linediff: text too large")
	}
	n := CountLines(data)
	t.grow(n)
	text := &Text{IDs: make([]int32, n), data: data, ends: make([]uint32, n), table: t}
	from := 0
	for i := range n {
		to := len(data)
		if j := bytes.IndexByte(data[from:], '\n'); j >= 0 {
			to = from + j + 1
		}
		text.IDs[i] = t.number(data[from:to])
		text.ends[i] = uint32(to)
		from = to
	}
	return text
}

// Words is Text for pieces of a text that are not its lines: none may be empty. It copies them.
func (t *Table) Words(words [][]byte) *Text {
	t.grow(len(words))
	text := &Text{IDs: make([]int32, len(words)), data: bytes.Join(words, nil), ends: make([]uint32, len(words)), table: t}
	from := 0
	for i, word := range words {
		to := from + len(word)
		text.IDs[i], text.ends[i] = t.number(text.data[from:to]), uint32(to)
		from = to
	}
	return text
}

// CountLines returns how many lines data has.
func CountLines(data []byte) int {
	n := bytes.Count(data, []byte{'\n'})
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	return n
}

// Len returns the number of lines.
func (t *Text) Len() int { return len(t.IDs) }

// Size returns the number of bytes.
func (t *Text) Size() int { return len(t.data) }

// Line returns line i with its newline, if it has one.
func (t *Text) Line(i int) []byte { return t.Lines(i, i+1) }

// Lines returns the lines from i to before j, as they stand in the text.
func (t *Text) Lines(i, j int) []byte {
	from, to := uint32(0), uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	if j > 0 {
		to = t.ends[j-1]
	}
	return t.data[from:to:to]
}

// grow makes room for n more lines that may all be new, by a power of two of at least half as many slots again.
func (t *Table) grow(n int) {
	if len(t.classes) == 0 { // most lines of later texts are known
		t.classes = slices.Grow(t.classes, n)
	}
	need := (len(t.classes) + n) * 3 / 2
	size := max(len(t.slots), 16)
	for size < need {
		size *= 2
	}
	if size == len(t.slots) {
		return
	}
	t.slots = make([]int32, size)
	for i, c := range t.classes {
		at := int(c.hash) & (size - 1)
		for t.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		t.slots[at] = int32(i + 1)
	}
}

// counters returns counters of all lines that are numbered, for each of two texts.
func (t *Table) counters() (inA, inB []int32) {
	n := len(t.classes)
	if len(t.counts) < 2*n {
		t.counts = make([]int32, 2*cap(t.classes))
	}
	return t.counts[:n], t.counts[n : 2*n]
}

func (t *Table) number(line []byte) int32 {
	kept := true // line stays as it is
	if t.space != Exact {
		line, kept = t.reduce(line)
	}
	h := maphash.Bytes(t.seed, line)
	mask := len(t.slots) - 1
	at := int(h) & mask
	for ; t.slots[at] != 0; at = (at + 1) & mask {
		id := t.slots[at] - 1
		if c := &t.classes[id]; c.hash == h && bytes.Equal(c.line, line) {
			return id
		}
	}
	if !kept {
		line = bytes.Clone(line)
	}
	t.classes = append(t.classes, class{h, line})
	t.slots[at] = int32(len(t.classes))
	return int32(len(t.classes) - 1)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// reduce returns the form of a line that is compared, and whether that is a part of the line.
func (t *Table) reduce(line []byte) ([]byte, bool) {
	for len(line) > 0 && isSpace(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	if t.space == IgnoreAtEnd {
		return line, true
	}
	out := t.scratch[:0]
	for i, c := range line {
		switch {
		case !isSpace(c):
			out = append(out, c)
		case t.space == IgnoreCount && !isSpace(line[i+1]): // the last of a run; the line does not end in one
			out = append(out, ' ')
		}
	}
	t.scratch = out
	return out, false
}
