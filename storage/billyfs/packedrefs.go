package billyfs

import (
	"math"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A packedRef is a line of packed-refs.
type packedRef struct {
	name         string
	hash, peeled storage.Hash // peeled is zero for what is no tag
}

// packedRefs are the lines of a packed-refs file, by name. The text stays as it was read, and a line is taken apart
// when it is asked for: the file may have a million of them.
type packedRefs struct {
	text   string
	starts []uint32 // where the line of each ref begins, in the order of their names
	header string   // the comment that says what git may rely on
}

// noPackedRefs stands for a file that is not there.
var noPackedRefs packedRefs

func newPackedRefs(m *disk.Medium, shared bool) *parsedFiles[packedRefs] {
	return &parsedFiles[packedRefs]{m: m, name: packedName, shared: shared, none: &noPackedRefs,
		cache: newLRU[string, parsedFile[packedRefs]](packedWeight, nil),
		parse: func(text string) (*packedRefs, int64, error) {
			p, err := parsePackedRefs(text)
			if err != nil {
				return nil, 0, err
			}
			return p, int64(len(text)) + 4*int64(len(p.starts)), nil
		}}
}

// parsePackedRefs checks each line as git does. Lines of names that no ref can have are passed over.
func parsePackedRefs(text string) (*packedRefs, error) {
	if int64(len(text)) > math.MaxUint32 {
		return nil, storage.ErrTooLarge
	}
	p := &packedRefs{text: text, starts: make([]uint32, 0, strings.Count(text, "\n"))}
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
			if len(line) <= hashDigits+1 || !isHash(line[:hashDigits]) || line[hashDigits] != ' ' {
				return nil, storage.ErrCorrupt
			}
			name := line[hashDigits+1:]
			if validRef(name) {
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

const hashDigits = 40

func isHash(s string) bool {
	if len(s) != hashDigits {
		return false
	}
	bad := byte(0)
	for i := range hashDigits {
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

func (p *packedRefs) len() int { return len(p.starts) }

func (p *packedRefs) nameAt(start uint32) string {
	rest := p.text[start+hashDigits+1:]
	return rest[:strings.IndexByte(rest, '\n')]
}

func (p *packedRefs) name(i int) string { return p.nameAt(p.starts[i]) }

func (p *packedRefs) hash(i int) storage.Hash {
	h, _ := parseHash(p.text[p.starts[i] : p.starts[i]+hashDigits])
	return h
}

// lines returns the line of a ref, and the one that says what it peels to.
func (p *packedRefs) lines(i int) string {
	rest := p.text[p.starts[i]:]
	end := strings.IndexByte(rest, '\n') + 1
	if end < len(rest) && rest[end] == '^' {
		end += strings.IndexByte(rest[end:], '\n') + 1
	}
	return rest[:end]
}

// same reports whether two files hold the same text.
func (p *packedRefs) same(o *packedRefs) bool { return p == o || p.text == o.text }

// at returns the index of a ref, if it is there.
func (p *packedRefs) at(name string) (i int, ok bool) {
	i = p.index(name)
	return i, i < p.len() && p.name(i) == name
}

// find returns what a ref holds, or the zero Hash.
func (p *packedRefs) find(name string) storage.Hash {
	if i, ok := p.at(name); ok {
		return p.hash(i)
	}
	return storage.Hash{}
}

// index returns how many refs have names that are less than name.
func (p *packedRefs) index(name string) int {
	i, _ := slices.BinarySearchFunc(p.starts, name, func(start uint32, name string) int {
		return strings.Compare(p.nameAt(start), name)
	})
	return i
}

const packedHeader = "# pack-refs with:"

// peels reports whether each ref that can be peeled has a line which says what to: git believes that of a file that
// says so.
func (p *packedRefs) peels() bool {
	return p.len() == 0 || strings.Contains(p.header+" ", " fully-peeled ")
}

// change returns the file with refs in place of what it has of the same names, and without those of which drop reports
// true. The refs are in the order of their names. With peeled, they say what they peel to.
func (p *packedRefs) change(refs []packedRef, peeled bool, drop func(name string) bool) []byte {
	header := packedHeader + " sorted \n"
	switch {
	case len(refs) == 0 && strings.Contains(p.header+" ", " sorted "):
		header = p.header + "\n"
	case len(refs) == 0 && p.header != "":
		header = strings.TrimRight(p.header, " ") + " sorted \n"
	case peeled && p.peels():
		header = packedHeader + " peeled fully-peeled sorted \n"
	}
	b := append(make([]byte, 0, len(p.text)+len(header)+128*len(refs)), header...)
	for i := range p.len() {
		name := p.name(i)
		for len(refs) > 0 && refs[0].name < name {
			b, refs = refs[0].appendTo(b), refs[1:]
		}
		if (len(refs) == 0 || refs[0].name != name) && (drop == nil || !drop(name)) {
			b = append(b, p.lines(i)...)
		}
	}
	for _, r := range refs {
		b = r.appendTo(b)
	}
	return b
}

func (r packedRef) appendTo(b []byte) []byte {
	b = append(b, r.hash.String()...)
	b = append(b, ' ')
	b = append(b, r.name...)
	b = append(b, '\n')
	if !r.peeled.IsZero() {
		b = append(b, '^')
		b = append(b, r.peeled.String()...)
		b = append(b, '\n')
	}
	return b
}

// repack puts lines into packed-refs, and takes others out. The caller holds its lock.
func (f *refFiles) repack(dir string, refs []packedRef, drops []string) error {
	p, err := f.packed.in(dir)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, name := range drops {
		if !p.find(name).IsZero() {
			gone[name] = true
		}
	}
	refs = slices.DeleteFunc(refs, func(r packedRef) bool { return p.find(r.name) == r.hash })
	if len(refs)+len(gone) == 0 {
		return nil
	}
	slices.SortFunc(refs, func(a, b packedRef) int { return strings.Compare(a.name, b.name) })
	return f.packed.write(dir, p.change(refs, false, func(name string) bool { return gone[name] }))
}
