package linediff

import (
	"bytes"
	"sort"
)

// TextNear is Text for data that is mostly the same as another text of the table, near: a version before or after it.
// Only lines between what both begin with and what both end with are numbered anew, and the table keeps copies of
// those, so that it holds no more of many versions than their distinct lines. The Text itself keeps data.
func (t *Table) TextNear(data []byte, near *Text) *Text {
	if uint64(len(data)) > MaxSize {
		panic("linediff: text too large")
	}
	head := near.headLines(data)
	from := near.end(head)
	tail, to := near.tailLines(data, from)
	middle := data[from:to]
	n := CountLines(middle)
	total := head + n + near.Len() - tail
	text := &Text{IDs: make([]int32, total), data: data, ends: make([]uint32, total), table: t}
	copy(text.IDs, near.IDs[:head])
	copy(text.ends, near.ends[:head])
	t.grow(n)
	beside := head // the line of near that the next one most likely is
	for i := head; i < head+n; i++ {
		end := to
		if j := bytes.IndexByte(data[from:to], '\n'); j >= 0 {
			end = from + j + 1
		}
		text.IDs[i], beside = t.numberNear(data[from:end], near, beside)
		text.ends[i] = uint32(end)
		from = end
	}
	copy(text.IDs[head+n:], near.IDs[tail:])
	shift := uint32(len(data)) - uint32(len(near.data)) // it wraps where data is shorter
	for i, end := range near.ends[tail:] {
		text.ends[head+n+i] = end + shift
	}
	return text
}

// numberNear numbers a line that is most likely line at of near, or one of those around it, and returns where the next
// one most likely is. To compare a line is cheaper than to look it up.
func (t *Table) numberNear(line []byte, near *Text, at int) (id int32, next int) {
	for _, i := range [...]int{at, at - 1, at + 1} { // the line before was changed, added, or one behind it was removed
		if i >= 0 && i < near.Len() && bytes.Equal(near.Line(i), line) {
			return near.IDs[i], i + 1
		}
	}
	known := len(t.classes)
	id = t.number(line)
	if len(t.classes) > known {
		added := &t.classes[known]
		added.line = bytes.Clone(added.line)
	}
	return id, at + 1
}

// end returns where in the data the first n lines end.
func (t *Text) end(n int) int {
	if n == 0 {
		return 0
	}
	return int(t.ends[n-1])
}

// headLines returns how many whole lines data and t begin with both.
func (t *Text) headLines(data []byte) int {
	same := sameHead(t.data, data)
	n := sort.Search(len(t.ends), func(i int) bool { return int(t.ends[i]) > same })
	if n > 0 && data[t.ends[n-1]-1] != '\n' { // the last line of t goes on in data
		n--
	}
	return n
}

// tailLines returns from which line on t ends as data does, behind the first from bytes of both, and where in data that
// begins.
func (t *Text) tailLines(data []byte, from int) (line, at int) {
	same := sameTail(t.data[from:], data[from:])
	begin := len(t.data) - same
	line = sort.Search(len(t.ends), func(i int) bool { return t.end(i) >= begin })
	at = len(data) - (len(t.data) - t.end(line))
	if at > from && at < len(data) && data[at-1] != '\n' { // the first line begins earlier in data
		line++
		at = len(data) - (len(t.data) - t.end(line))
	}
	return line, at
}

const compareBlock = 256

// sameHead returns how many bytes a and b begin with both.
func sameHead(a, b []byte) int {
	short := min(len(a), len(b))
	n := 0
	for n+compareBlock <= short && bytes.Equal(a[n:n+compareBlock], b[n:n+compareBlock]) {
		n += compareBlock
	}
	for n < short && a[n] == b[n] {
		n++
	}
	return n
}

// sameTail returns how many bytes a and b end with both.
func sameTail(a, b []byte) int {
	short := min(len(a), len(b))
	n := 0
	for n+compareBlock <= short &&
		bytes.Equal(a[len(a)-n-compareBlock:len(a)-n], b[len(b)-n-compareBlock:len(b)-n]) {
		n += compareBlock
	}
	for n < short && a[len(a)-n-1] == b[len(b)-n-1] {
		n++
	}
	return n
}

// TrimTailLines is TrimTail for texts of one table: it returns their first lines.
func TrimTailLines(a, b *Text) (*Text, *Text) {
	x, _ := TrimTail(a.data, b.data)
	cut := len(a.data) - len(x)
	if cut == 0 {
		return a, b
	}
	return a.cut(cut), b.cut(cut)
}

// cut returns the text without its last bytes, which are whole lines.
func (t *Text) cut(bytes int) *Text {
	size := len(t.data) - bytes
	n := sort.Search(len(t.ends), func(i int) bool { return int(t.ends[i]) > size })
	return &Text{IDs: t.IDs[:n:n], data: t.data[:size:size], ends: t.ends[:n:n], table: t.table}
}
