package billyfs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/storage"
)

// A packedRef is a line of packed-refs.
type packedRef struct {
	name   string
	hash   storage.Hash
	peeled string // the line that says what a tag peels to, or ""
}

// packedRefs are the lines of a packed-refs file, by name.
type packedRefs struct {
	refs   []packedRef
	header string // the comment that says what git may rely on
	info   fs.FileInfo
	racy   bool // the file may have changed after it was read without looking so
}

// racyWindow is how long a file may change without its time of change telling: FAT counts in steps of two seconds.
const racyWindow = 2 * time.Second

// unchanged reports whether the file that old describes is the same as info describes.
func unchanged(old, info fs.FileInfo) bool {
	return os.SameFile(old, info) && old.Size() == info.Size() && old.ModTime().Equal(info.ModTime())
}

// packedRefs returns the packed-refs of the repository in dir. The file is read again when it changed.
func (s *store) packedRefs(dir string) (*packedRefs, error) {
	name := path.Join(dir, "packed-refs")
	writes := s.packedWrites.Load()
	cached, ok := s.packed.get(dir)
	if ok && !s.shared {
		return cached, nil
	}
	info, err := s.m.Stat(name)
	if err != nil {
		if !absent(err) {
			return nil, err
		}
		none := &packedRefs{}
		if !s.shared {
			s.cachePacked(dir, none, 1, writes)
		}
		return none, nil
	}
	if ok && !cached.racy && cached.info != nil && unchanged(cached.info, info) {
		return cached, nil
	}
	data, err := s.m.ReadFile(name)
	if err != nil {
		if absent(err) {
			return &packedRefs{}, nil
		}
		return nil, err
	}
	p, err := parsePackedRefs(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.info, p.racy = info, time.Since(info.ModTime()) < racyWindow
	s.cachePacked(dir, p, int64(len(data)), writes)
	return p, nil
}

// cachePacked keeps what was read unless a write came in between: writePackedRefs counts before and after, and
// removes what was cached last.
func (s *store) cachePacked(dir string, p *packedRefs, size int64, writes uint64) {
	s.packed.add(dir, p, size)
	if s.packedWrites.Load() != writes {
		s.packed.remove(dir)
	}
}

func parsePackedRefs(data string) (*packedRefs, error) {
	p := &packedRefs{}
	for len(data) > 0 {
		line, rest, ok := strings.Cut(data, "\n")
		if !ok {
			return nil, storage.ErrCorrupt // git refuses an unterminated line: the file was cut
		}
		data = rest
		switch {
		case strings.HasPrefix(line, packedHeader):
			p.header = line
		case line == "" || line[0] == '#':
		case line[0] == '^':
			if _, ok := parseHash(line[1:]); !ok || len(p.refs) == 0 {
				return nil, storage.ErrCorrupt
			}
			p.refs[len(p.refs)-1].peeled = line
		default:
			hash, name, _ := strings.Cut(line, " ")
			h, ok := parseHash(hash)
			if !ok || name == "" {
				return nil, storage.ErrCorrupt
			}
			if validRef(name) {
				p.refs = append(p.refs, packedRef{name: name, hash: h})
			}
		}
	}
	p.sort()
	return p, nil
}

func (p *packedRefs) sort() {
	byName := func(a, b packedRef) int { return strings.Compare(a.name, b.name) }
	if !slices.IsSortedFunc(p.refs, byName) {
		slices.SortFunc(p.refs, byName)
	}
}

// find returns what a ref holds, or the zero Hash.
func (p *packedRefs) find(name string) storage.Hash {
	if refs := p.from(name); len(refs) > 0 && refs[0].name == name {
		return refs[0].hash
	}
	return storage.Hash{}
}

// from returns the refs whose names are not less than name.
func (p *packedRefs) from(name string) []packedRef {
	i, _ := slices.BinarySearchFunc(p.refs, name, func(r packedRef, name string) int {
		return strings.Compare(r.name, name)
	})
	return p.refs[i:]
}

const packedHeader = "# pack-refs with:"

// encode returns the file. Its header says that it is sorted, and of peeled tags what it said before.
func (p *packedRefs) encode() []byte {
	header := p.header
	if header == "" {
		header = packedHeader
	}
	if !strings.Contains(header+" ", " sorted ") {
		header = strings.TrimRight(header, " ") + " sorted "
	}
	b := []byte(header + "\n")
	for _, r := range p.refs {
		b = append(b, r.hash.String()...)
		b = append(b, ' ')
		b = append(b, r.name...)
		b = append(b, '\n')
		if r.peeled != "" {
			b = append(b, r.peeled...)
			b = append(b, '\n')
		}
	}
	return b
}

// unpackRefs takes lines out of packed-refs. The caller holds its lock. The file is synced before it replaces the
// old one: most of its lines are in no journal.
func (s *store) unpackRefs(dir string, names []string) error {
	p, err := s.packedRefs(dir)
	if err != nil {
		return err
	}
	listed := func(r packedRef) bool { return slices.Contains(names, r.name) }
	if !slices.ContainsFunc(p.refs, listed) {
		return nil
	}
	return s.writePackedRefs(dir, &packedRefs{header: p.header, refs: slices.DeleteFunc(slices.Clone(p.refs), listed)})
}

func (s *store) writePackedRefs(dir string, p *packedRefs) error {
	s.packedWrites.Add(1)
	err := s.m.replace(path.Join(dir, "packed-refs"), p.encode(), syncFile)
	s.packedWrites.Add(1)
	s.packed.remove(dir)
	return err
}
