package reffile

import (
	"math"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
)

// A Ref is a line of packed-refs.
type Ref struct {
	Name         string
	Hash, Peeled storage.Hash // Peeled is zero for what is no tag
}

// A Packed is the lines of a packed-refs file, by name. It never changes. The text stays as it was read, and a line is
// taken apart when it is asked for: the file may have a million of them.
type Packed struct {
	text   string
	starts []uint32 // where the line of each ref begins, in the order of their names
	header string   // the comment that says what git may rely on
}

// NoPacked stands for a file that is not there. It is never changed.
var NoPacked Packed

// ParsePacked checks each line as git does. Lines of names that no ref can have are passed over.
func ParsePacked(text string) (*Packed, error) {
	if int64(len(text)) > math.MaxUint32 {
		return nil, storage.ErrTooLarge
	}
	p := &Packed{text: text, starts: make([]uint32, 0, strings.Count(text, "\n"))}
	last, sorted := "", true
	for at := 0; at < len(text); {
		size := strings.IndexByte(text[at:], '\n')
		if size < 0 {
			return nil, storage.ErrCorrupt // git refuses an unterminated line: the file was cut
		}
		line := text[at : at+size]
		switch {
		case line == "":
		case line[0] == '#':
			if strings.HasPrefix(line, packedHeader) {
				p.header = line
			}
		case line[0] == '^':
			if !isHash(line[1:]) || len(p.starts) == 0 {
				return nil, storage.ErrCorrupt
			}
		default:
			if len(line) <= HashDigits+1 || !isHash(line[:HashDigits]) || line[HashDigits] != ' ' {
				return nil, storage.ErrCorrupt
			}
			name := line[HashDigits+1:]
			if ValidName(name) {
				sorted = sorted && last <= name
				last = name
				p.starts = append(p.starts, uint32(at))
			}
		}
		at += size + 1
	}
	if !sorted {
		slices.SortStableFunc(p.starts, func(a, b uint32) int { return strings.Compare(p.nameAt(a), p.nameAt(b)) })
	}
	return p, nil
}

func isHash(s string) bool {
	if len(s) != HashDigits {
		return false
	}
	bad := byte(0)
	for i := range HashDigits {
		bad |= notHex[s[i]]
	}
	return bad == 0
}

// notHex has 1 for each byte that is no hexadecimal digit. It is never changed.
var notHex = func() (no [256]byte) {
	for c := range no {
		if strings.IndexByte("0123456789abcdefABCDEF", byte(c)) < 0 || c >= 0x80 {
			no[c] = 1
		}
	}
	return no
}()

// Len returns how many refs there are.
func (p *Packed) Len() int { return len(p.starts) }

func (p *Packed) nameAt(start uint32) string {
	rest := p.text[start+HashDigits+1:]
	return rest[:strings.IndexByte(rest, '\n')]
}

// Name returns the name of the i-th ref, in the order of the names' bytes.
func (p *Packed) Name(i int) string { return p.nameAt(p.starts[i]) }

// Hash returns what the i-th ref holds.
func (p *Packed) Hash(i int) storage.Hash {
	h, _ := ParseHash(p.text[p.starts[i] : p.starts[i]+HashDigits])
	return h
}

// lines returns the line of a ref, and the one that says what it peels to.
func (p *Packed) lines(i int) string {
	rest := p.text[p.starts[i]:]
	end := strings.IndexByte(rest, '\n') + 1
	if end < len(rest) && rest[end] == '^' {
		end += strings.IndexByte(rest[end:], '\n') + 1
	}
	return rest[:end]
}

// Same reports whether two files hold the same text.
func (p *Packed) Same(o *Packed) bool { return p == o || p.text == o.text }

// At returns the index of a ref, if it is there.
func (p *Packed) At(name string) (i int, ok bool) {
	i = p.Index(name)
	return i, i < p.Len() && p.Name(i) == name
}

// Find returns what a ref holds, or the zero Hash.
func (p *Packed) Find(name string) storage.Hash {
	if i, ok := p.At(name); ok {
		return p.Hash(i)
	}
	return storage.Hash{}
}

// Index returns how many refs have names that are less than name.
func (p *Packed) Index(name string) int {
	i, _ := slices.BinarySearchFunc(p.starts, name, func(start uint32, name string) int {
		return strings.Compare(p.nameAt(start), name)
	})
	return i
}

const packedHeader = "# pack-refs with:"

// Peels reports whether each ref that can be peeled has a line which says what to: git believes that of a file that
// says so.
func (p *Packed) Peels() bool {
	return p.Len() == 0 || strings.Contains(p.header+" ", " fully-peeled ")
}

// Change returns the file with refs in place of what it has of the same names, and without those of which drop reports
// true. The refs are in the order of their names. With peeled, they say what they peel to.
func (p *Packed) Change(refs []Ref, peeled bool, drop func(name string) bool) []byte {
	header := packedHeader + " sorted \n"
	switch {
	case len(refs) == 0 && strings.Contains(p.header+" ", " sorted "):
		header = p.header + "\n"
	case len(refs) == 0 && p.header != "":
		header = strings.TrimRight(p.header, " ") + " sorted \n"
	case peeled && p.Peels():
		header = packedHeader + " peeled fully-peeled sorted \n"
	}
	b := append(make([]byte, 0, len(p.text)+len(header)+128*len(refs)), header...)
	for i := range p.Len() {
		name := p.Name(i)
		for len(refs) > 0 && refs[0].Name < name {
			b, refs = refs[0].appendTo(b), refs[1:]
		}
		if (len(refs) == 0 || refs[0].Name != name) && (drop == nil || !drop(name)) {
			b = append(b, p.lines(i)...)
		}
	}
	for _, r := range refs {
		b = r.appendTo(b)
	}
	return b
}

func (r Ref) appendTo(b []byte) []byte {
	b = append(b, r.Hash.String()...)
	b = append(b, ' ')
	b = append(b, r.Name...)
	b = append(b, '\n')
	if !r.Peeled.IsZero() {
		b = append(b, '^')
		b = append(b, r.Peeled.String()...)
		b = append(b, '\n')
	}
	return b
}

// Size returns how many bytes the file has.
func (p *Packed) Size() int { return len(p.text) }

// Weight returns about how many bytes of memory p takes.
func (p *Packed) Weight() int64 { return int64(len(p.text)) + 4*int64(len(p.starts)) }
