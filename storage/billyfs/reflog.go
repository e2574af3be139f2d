package billyfs

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/internal/reffile"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A ref's log is where git keeps it, below logs/. When the ref is deleted, its log moves to a directory that git does
// not look into, since git takes a log for the sign of a ref, and a file there may be in the way of another ref's.
// Both together, the lines of deleted ones first, are the log, after what packedLogsName has of it. A ref that is
// aside, on a disk that folds names, has the rest of its log there.
func logPath(dir, name string) string { return path.Join(dir, "logs", name) }

// deletedLogs is the directory for logs of refs that git is not to see.
const deletedLogs = "reposit-logs"

func deletedLogPath(dir, name string) string { return path.Join(dir, deletedLogs, encodeName(name)) }

// encodeName returns the name of a file that stands for a ref. No disk takes it for that of another ref.
func encodeName(name string) string {
	file := encodeCapitals(strings.ReplaceAll(url.PathEscape(name), ".", "%2E"))
	if len(file) > maxFileName {
		sum, _ := sha1cd.Sum([]byte(name))
		file = file[:maxFileName-41] + "~" + hex.EncodeToString(sum[:])
	}
	return file
}

// encodeCapitals encodes the capitals of a name that is encoded otherwise.
func encodeCapitals(file string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(file); i++ {
		switch c := file[i]; {
		case c == '%':
			i += 2
		case c >= 'A' && c <= 'Z':
			fmt.Fprintf(&b, "%s%%%02X", file[done:i], c)
			done = i + 1
		}
	}
	if done == 0 {
		return file
	}
	b.WriteString(file[done:])
	return b.String()
}

// encodeOlder returns what a file is called that version 2 gave a name: it kept capitals, of which disks make others.
func encodeOlder(file string) string {
	file, sum, long := strings.Cut(file, "~") // which no ref's name has
	file = encodeCapitals(file)
	if !long && len(file) <= maxFileName {
		return file
	}
	if !long {
		name, err := url.PathUnescape(file)
		if err != nil {
			return file
		}
		return encodeName(name)
	}
	return file[:min(len(file), maxFileName-41)] + "~" + sum
}

const maxFileName = 200 // leaves room for a suffix in the 255 bytes that filesystems take

// A refLogs is the logs of refs.
type refLogs struct {
	m       *disk.Medium
	folding *folding
	packed  *parsedFiles[packedLogs]
}

// A refLog is the parts of a ref's log, as they follow each other.
type refLog struct {
	packed  string // lines of refs that were written many at once
	deleted string // lines of deleted refs, or all of one that is aside
	live    string
	aside   bool // there is, and will be, no file of git's
}

func (l refLog) text() string { return l.packed + l.deleted + l.live }

// parts reads the log of a ref.
func (l *refLogs) parts(dir, name string) (p refLog, err error) {
	if !reffile.ValidName(name) {
		return p, nil
	}
	packed, err := l.packed.in(dir)
	if err != nil {
		return p, err
	}
	p.packed = packed.find(name)
	if p.deleted, err = l.m.ReadText(deletedLogPath(dir, name)); err != nil {
		return p, err
	}
	if l.folding.any() {
		exact, taken, err := l.folding.find(path.Join(dir, "logs"), name)
		if err != nil {
			return p, err
		}
		p.aside = taken || !l.folding.plain(name)
		if !exact {
			return p, nil
		}
	}
	p.live, err = l.m.ReadText(logPath(dir, name))
	return p, err
}

// read reads the log of a ref, the oldest line first.
func (l *refLogs) read(dir, name string) (string, error) {
	p, err := l.parts(dir, name)
	return p.text(), err
}

// size returns how many bytes the log of a ref has.
func (l *refLogs) size(dir, name string) (size int, err error) {
	if l.folding.any() {
		text, err := l.read(dir, name)
		return len(text), err
	}
	packed, err := l.packed.in(dir)
	if err != nil {
		return 0, err
	}
	size = len(packed.find(name))
	for _, file := range []string{deletedLogPath(dir, name), logPath(dir, name)} {
		info, err := l.m.Stat(file)
		if err == nil && !info.IsDir() {
			size += int(info.Size())
		} else if err != nil && !disk.Absent(err) {
			return 0, err
		}
	}
	return size, nil
}

// own returns the refs among names that have a log of their own, of the live ref or of deleted ones. It lists
// directories, of which there are fewer than refs.
func (l *refLogs) own(dir string, names []string) (map[string]bool, error) {
	list := func(dir string) (map[string]bool, error) {
		entries, err := l.m.ReadDir(dir)
		if err != nil && !disk.Absent(err) {
			return nil, err
		}
		files := map[string]bool{}
		for _, e := range entries {
			if !e.Dir {
				files[e.Name] = true
			}
		}
		return files, nil
	}
	deleted, err := list(path.Join(dir, deletedLogs))
	if err != nil {
		return nil, err
	}
	own, live := map[string]bool{}, map[string]map[string]bool{}
	for _, name := range names {
		file := logPath(dir, name)
		above := path.Dir(file)
		if live[above] == nil {
			if live[above], err = list(above); err != nil {
				return nil, err
			}
		}
		if live[above][path.Base(file)] || len(deleted) > 0 && deleted[encodeName(name)] {
			own[name] = true
		}
	}
	return own, nil
}

// append adds lines to the log of a ref that exists.
func (l *refLogs) append(dir, name, lines string) error {
	if l.folding.any() {
		p, err := l.parts(dir, name)
		if err == nil && p.aside && p.live != "" { // it was not aside on another disk
			err = l.moveDeleted(dir, name)
		}
		if err != nil {
			return err
		}
		if p.aside {
			return l.m.Append(deletedLogPath(dir, name), []byte(lines))
		}
	}
	file := logPath(dir, name)
	return l.m.ClearPath(path.Join(dir, "logs"), name, func() error { return l.m.Append(file, []byte(lines)) })
}

// moveDeleted moves the log of a ref that was deleted.
func (l *refLogs) moveDeleted(dir, name string) error {
	from := logPath(dir, name)
	if l.folding.any() {
		if exact, _, err := l.folding.find(path.Join(dir, "logs"), name); err != nil || !exact {
			return err
		}
	}
	live, err := l.m.ReadFile(from)
	if err != nil {
		if disk.Absent(err) {
			return nil
		}
		return err
	}
	gone, err := l.m.ReadFile(deletedLogPath(dir, name))
	if err != nil && !disk.Absent(err) {
		return err
	}
	if err := l.writeDeleted(dir, name, append(gone, live...)); err != nil {
		return err
	}
	if err := l.m.RemoveAny(from); err != nil {
		return err
	}
	l.m.RemoveEmpty(path.Dir(from), path.Join(dir, "logs"))
	return nil
}

// writeDeleted replaces a gone log, and syncs it: what comes next is that the other one goes, and most of its lines
// may be in no journal any more.
func (l *refLogs) writeDeleted(dir, name string, text []byte) error {
	file := deletedLogPath(dir, name)
	if err := l.m.Replace(file, text, disk.SyncData); err != nil || !l.m.Syncs {
		return err
	}
	if err := l.m.SyncDir(path.Dir(file)); err != nil {
		return err
	}
	return l.m.SyncDir(dir)
}

// upgrade renames the logs of deleted refs in a repository of a store of version 2.
func (l *refLogs) upgrade(dir string) error {
	top := path.Join(dir, deletedLogs)
	entries, err := l.m.ReadDir(top)
	if err != nil && !disk.Absent(err) {
		return err
	}
	for _, e := range entries {
		if name := encodeOlder(e.Name); name != e.Name {
			if err := l.m.Publish(path.Join(top, e.Name), path.Join(top, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// names returns the names of the refs in a repository that have a log which git does not see, or had one among those
// that were written many at once.
func (l *refLogs) names(dir string) ([]string, error) {
	packed, err := l.packed.in(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, start := range packed.starts {
		names = append(names, packed.nameAt(start))
	}
	entries, err := l.m.ReadDir(path.Join(dir, deletedLogs))
	if err != nil && !disk.Absent(err) {
		return nil, err
	}
	for _, e := range entries {
		name, err := url.PathUnescape(e.Name)
		if err == nil && !e.Dir && encodeName(name) == e.Name && reffile.ValidName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
