package billyfs

import (
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A folding is what a disk makes of names that differ: on those of macOS and Windows, names are one that differ in case
// or in how Unicode spells them, and some are refused. Open finds out, and nothing of it is stored: a store that moves
// to another disk is what it is there. Of two such refs only one can have a file, so those whose names a disk might
// change have none: they are aside, which is in packed-refs, as git has refs, too, that have no file.
type folding struct {
	m     *disk.Medium
	ascii bool // capitals are small letters, and names are refused that Windows refuses
	other bool // what is not ASCII may be changed or refused
}

// any reports whether the disk makes one of two names.
func (f *folding) any() bool { return f.ascii || f.other }

// probe finds out what the disk does, by files that it makes and removes.
func (f *folding) probe() error {
	if f.m.Volatile {
		return nil
	}
	for _, p := range []struct {
		made  string
		same  []string
		found *bool
	}{
		{"-k", []string{"-K"}, &f.ascii},
		{"-\u00e9", []string{"-\u00c9", "-e\u0301"}, &f.other},
		{"-\xff", nil, &f.other},
	} {
		name := f.m.Temp()
		if err := f.m.WriteFile(name+p.made, nil, 0); err != nil {
			if p.found == &f.ascii {
				return err
			}
			*p.found = true
			continue
		}
		for _, same := range p.same {
			if _, err := f.m.Stat(name + same); err == nil {
				*p.found = true
			}
		}
		if err := f.m.Remove(name + p.made); err != nil {
			return err
		}
	}
	return nil
}

// look finds out what it can of what the disk does without making a file: whether capitals are small letters to it.
// Those that take them so change other names, too.
func (f *folding) look() error {
	_, err := f.m.Stat(strings.ToUpper(formatName))
	if err != nil && !disk.Absent(err) {
		return err
	}
	f.ascii, f.other = err == nil, err == nil
	return nil
}

// plain reports whether the disk takes the name of a ref for no other, and does not refuse it.
func (f *folding) plain(name string) bool {
	if !f.any() {
		return true
	}
	if !strings.Contains(name, "/") { // HEAD and the like
		return !f.ascii || !slices.Contains(ofGit, strings.ToLower(name))
	}
	for part := range strings.SplitSeq(name, "/") {
		if !f.plainPart(part) {
			return false
		}
	}
	return true
}

// ofGit are what git has beside HEAD in a repository, of the names that a ref may have in capitals.
var ofGit = []string{"branches", "commondir", "config", "description", "gitdir", "hooks", "index", "info", "logs",
	"modules", "objects", "refs", "reftable", "shallow", "worktrees"}

func (f *folding) plainPart(part string) bool {
	for i := range len(part) {
		c := part[i]
		if c >= 0x80 && f.any() || f.ascii && (c >= 'A' && c <= 'Z' || strings.IndexByte(`<>"|`, c) >= 0) {
			return false
		}
	}
	return !f.ascii || !strings.HasSuffix(part, ".") && !isDevice(part)
}

// isDevice reports whether Windows has a device of this name, in small letters (naming files, paths and namespaces).
func isDevice(part string) bool {
	base, _, _ := strings.Cut(part, ".")
	switch {
	case slices.Contains([]string{"con", "prn", "aux", "nul", "conin$", "conout$"}, base):
		return true
	case len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt"):
		return base[3] >= '0' && base[3] <= '9'
	}
	return false
}

// lockName returns the name that the lock of a ref goes by, which is that of git's lock as the disk takes it. There is
// none for a ref of whose name one cannot know what the disk makes: the lock of packed-refs has to do.
func (f *folding) lockName(name string) (string, bool) {
	if f.ascii && strings.Contains(name, "/") {
		name = strings.ToLower(name)
	}
	return name, f.plain(name)
}

// find looks for a file below top by listing directories, since to open it might open another. It reports whether
// there is one of just this name, and whether there is none but something that the disk may take for it.
func (f *folding) find(top, name string) (exact, taken bool, err error) {
	dir := top
	for part := range strings.SplitSeq(name, "/") {
		entries, err := f.m.ReadDir(dir)
		if err != nil && !disk.Absent(err) {
			return false, false, err
		}
		here := slices.ContainsFunc(entries, func(e disk.Entry) bool { return e.Name == part })
		dir = path.Join(dir, part)
		if !here {
			if !f.plainPart(part) {
				return false, true, nil
			}
			_, err := f.m.Stat(dir)
			if err != nil && !disk.Absent(err) {
				return false, false, err
			}
			return false, err == nil, nil
		}
	}
	return true, false, nil
}
