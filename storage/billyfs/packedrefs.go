package billyfs

import (
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/reffile"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

func newPackedRefs(m *disk.Medium, shared bool) *parsedFiles[reffile.Packed] {
	return &parsedFiles[reffile.Packed]{m: m, name: packedName, shared: shared, none: &reffile.NoPacked,
		cache: newLRU[string, parsedFile[reffile.Packed]](packedWeight, nil),
		parse: func(text string) (*reffile.Packed, int64, error) {
			p, err := reffile.ParsePacked(text)
			if err != nil {
				return nil, 0, err
			}
			return p, p.Weight(), nil
		}}
}

// repack puts lines into packed-refs, and takes others out. The caller holds its lock.
func (f *refFiles) repack(dir string, refs []reffile.Ref, drops []string) error {
	p, err := f.packed.in(dir)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, name := range drops {
		if !p.Find(name).IsZero() {
			gone[name] = true
		}
	}
	refs = slices.DeleteFunc(refs, func(r reffile.Ref) bool { return p.Find(r.Name) == r.Hash })
	if len(refs)+len(gone) == 0 {
		return nil
	}
	slices.SortFunc(refs, func(a, b reffile.Ref) int { return strings.Compare(a.Name, b.Name) })
	return f.packed.write(dir, p.Change(refs, false, func(name string) bool { return gone[name] }))
}
