package billyfs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
	folders "github.com/reposit/reposit/storage/internal/folder"
)

const formatName = "reposit/format"

// Versions of the layout. Open upgrades the older ones. Stores of version 1 do not say what the journal must hold. In
// those of version 2 no ref is aside, and files of logs that differ in case are those of two refs. In version 3 no logs
// are packed.
const (
	formatOld    = 1
	formatMarked = 2
	formatAside  = 3
	formatNow    = 4
)

// A format is what reposit/format says: the version of the layout, and, beside the journal, what the journal must hold.
// Without that, a journal that was cut would look like one that a crash left.
type format struct {
	version int    // 0: there is no file
	seq     uint64 // of the last Update that was permanent when the file was written

	closed bool  // by Close: nothing may come after
	size   int64 // of the journal, if closed
	synced bool  // if not closed: each Update of the session is synced
}

func (f format) text() string {
	switch {
	case f.version < formatMarked:
		return fmt.Sprintf("reposit billyfs %d\n", f.version)
	case f.closed:
		return fmt.Sprintf("reposit billyfs %d\nclosed %d %d\n", f.version, f.seq, f.size)
	case f.synced:
		return fmt.Sprintf("reposit billyfs %d\nopen %d sync\n", f.version, f.seq)
	}
	return fmt.Sprintf("reposit billyfs %d\nopen %d nosync\n", f.version, f.seq)
}

// parseFormat returns storage.ErrFormat for what text does not write.
func parseFormat(text string) (f format, err error) {
	var state string
	head, rest, _ := strings.Cut(text, "\n")
	if n, _ := fmt.Sscanf(head, "reposit billyfs %d", &f.version); n == 1 && f.version >= formatMarked {
		state, rest, _ = strings.Cut(rest, " ")
		switch state {
		case "closed":
			f.closed = true
			fmt.Sscanf(rest, "%d %d\n", &f.seq, &f.size)
		case "open":
			var level string
			fmt.Sscanf(rest, "%d %s\n", &f.seq, &level)
			f.synced = level == "sync"
		}
	}
	if f.version < formatOld || f.version > formatNow || f.text() != text {
		return f, fmt.Errorf("%s: %q: %w", formatName, text[:min(len(text), 64)], storage.ErrFormat)
	}
	return f, nil
}

// writeFormat replaces reposit/format. It is synced at any level of durability, if the medium can: what it says must
// not be older than the journal that comes next.
func writeFormat(m *disk.Medium, f format) error {
	f.version = formatNow
	if m.Volatile {
		return m.WriteFile(formatName, []byte(f.text()), 0)
	}
	temp := m.Temp()
	err := m.WriteFile(temp, []byte(f.text()), disk.SyncData)
	if err == nil {
		err = m.Rename(temp, formatName)
	}
	if err != nil {
		return errors.Join(err, m.RemoveAny(temp))
	}
	return m.SyncDir("reposit")
}

// readFormat reads reposit/format. Without the file, it returns storage.ErrFormat, naming what it found, unless the
// folder is as good as empty, or one in which a store was about to be made.
func readFormat(d disk.Disk) (format, error) {
	data, err := d.ReadFile(formatName, maxSmall)
	if err == nil {
		return parseFormat(string(data))
	}
	if !disk.Absent(err) {
		return format{}, err
	}
	entries, err := d.ReadDir(".")
	if err != nil && !disk.Absent(err) {
		return format{}, err
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains(layout, e.Name) && e.Name != disk.ProbeName {
			names = append(names, e.Name)
		}
	}
	if found := folders.Describe(names); found != "" {
		return format{}, fmt.Errorf("it is no store, it holds %s: %w", found, storage.ErrFormat)
	}
	for _, dir := range []string{"repos", "pools"} {
		names, err := namesIn(d, dir)
		if err != nil {
			return format{}, err
		}
		if len(names) > 0 {
			return format{}, fmt.Errorf("%s is missing beside %s/%s: the store needs a repair: %w",
				formatName, dir, names[0], storage.ErrCorrupt)
		}
	}
	return format{}, nil
}

// layout is what a store has in its folder.
var layout = []string{"reposit", "repos", "pools"}

// namesIn returns the names in a directory, without strays. It may be missing.
func namesIn(d disk.Disk, dir string) ([]string, error) {
	entries, err := d.ReadDir(dir)
	if err != nil && !disk.Absent(err) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !folders.Stray(e.Name) {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

// A fitting compares what was read of the journal with what else says what there must be: reposit/format, and the
// repositories that there are.
type fitting struct {
	s *store
	f format
	h *journal.History
}

// check is told that the first end bytes of size could be read. It returns storage.ErrCorrupt if the journal lacks any
// of what there must be.
func (t fitting) check(end, size int64) error {
	f, h := t.f, t.h
	switch {
	case f.version == 0 && h.Seq > 0:
		return fmt.Errorf("%s is missing beside a journal of %d Updates: the store needs a repair: %w",
			formatName, h.Seq, storage.ErrCorrupt)
	case f.version >= formatMarked && end == 0:
		return journalLacks("is missing, or empty")
	case f.closed && (!h.Closed || h.Seq != f.seq || end != f.size || size != f.size):
		return journalLacks("ends with Update %d after %d bytes, it was closed with Update %d after %d bytes",
			h.Seq, size, f.seq, f.size)
	case h.Seq < f.seq:
		return journalLacks("ends with Update %d, it had %d when it was last opened", h.Seq, f.seq)
	case end > 0 && !h.Opened:
		return journalLacks("ends within its records")
	}
	if f.version == formatOld && end == 0 {
		if pools, err := namesIn(t.s.m.Disk, "pools"); err != nil || len(pools) > 0 {
			return cmp.Or(err, journalLacks("is missing, or empty, beside pools/%s", slices.Max(append(pools, ""))))
		}
	}
	if t.s.m.Volatile || f.version == 0 {
		return nil
	}
	return t.checkRepos(f.version >= formatMarked && !f.closed && !f.synced)
}

func journalLacks(what string, args ...any) error {
	return fmt.Errorf("%s %s: the store needs a repair: %w", journal.Name, fmt.Sprintf(what, args...), storage.ErrCorrupt)
}

const lostDir = "reposit/lost"

// checkRepos looks for repositories that were created after the last Update in the journal. After a session without
// syncs, they may be what a power cut left of Updates that it took, and are put aside.
func (t fitting) checkRepos(aside bool) error {
	names, err := namesIn(t.s.m.Disk, "repos")
	if err != nil {
		return err
	}
	now := t.s.records.Snapshot()
	defer now.Close()
	for _, name := range names {
		base, ok := strings.CutSuffix(name, ".git")
		if !ok || len(base) != len(storage.ID{}) || !validID(storage.ID([]byte(base))) {
			continue
		}
		id := storage.ID([]byte(base))
		if _, _, ok := findRepo(now, id); ok {
			continue
		}
		born, ok := t.s.repos.bornIn(repoDir(id))
		if !ok || born <= t.h.Seq { // the journal knows that it was dropped
			continue
		}
		if !aside {
			return journalLacks("ends with Update %d, %s is of Update %d", t.h.Seq, repoDir(id), born)
		}
		to := fmt.Sprintf("%s/%s-%d", lostDir, id, born)
		if err := t.s.m.InDir(to, func() error { return t.s.m.Rename(repoDir(id), to) }); err != nil {
			return err
		}
	}
	return nil
}
