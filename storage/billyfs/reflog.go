package billyfs

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A ref's log is where git keeps it, below logs/. When the ref is deleted, its log moves to a directory that git does
// not look into, since git takes a log for the sign of a ref, and a file there may be in the way of another ref's.
// Both together, the gone part first, are the log.
func logPath(dir, name string) string { return path.Join(dir, "logs", name) }

func deletedLogPath(dir, name string) string {
	file := strings.ReplaceAll(url.PathEscape(name), ".", "%2E")
	if len(file) > maxFileName {
		sum, _ := sha1cd.Sum([]byte(name))
		file = file[:maxFileName-41] + "~" + hex.EncodeToString(sum[:])
	}
	return path.Join(dir, "reposit-logs", file)
}

const maxFileName = 200 // leaves room for a suffix in the 255 bytes that filesystems take

var crud = strings.NewReplacer("\n", " ", "\r", " ", "\x00", "")
var identCrud = strings.NewReplacer("\n", "", "\x00", "", "<", "", ">", "")

// logText returns an entry as a line of a log, as git writes it.
func logText(l *storage.LogEntry) string {
	name := strings.TrimSpace(identCrud.Replace(l.Name))
	if name != "" {
		name += " "
	}
	line := fmt.Sprintf("%s %s %s<%s> %d %s", l.Old, l.New, name, identCrud.Replace(l.Email),
		l.When.Unix(), l.When.Format("-0700"))
	if message := strings.TrimSpace(crud.Replace(l.Message)); message != "" {
		line += "\t" + message
	}
	return line + "\n"
}

// parseLog reads a line without its end.
func parseLog(line string) (e storage.LogEntry, err error) {
	head, message, _ := strings.Cut(line, "\t")
	e.Message = message
	if len(head) < 82 || head[40] != ' ' || head[81] != ' ' {
		return e, storage.ErrCorrupt
	}
	var ok1, ok2 bool
	e.Old, ok1 = parseHash(head[:40])
	e.New, ok2 = parseHash(head[41:81])
	ident := head[82:]
	open, end := strings.IndexByte(ident, '<'), strings.LastIndexByte(ident, '>')
	if !ok1 || !ok2 || open < 0 || end < open {
		return e, storage.ErrCorrupt
	}
	e.Name, e.Email = strings.TrimSpace(ident[:open]), ident[open+1:end]
	e.When, err = parseWhen(strings.TrimSpace(ident[end+1:]))
	return e, err
}

func parseWhen(s string) (time.Time, error) {
	seconds, zone, _ := strings.Cut(s, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, storage.ErrCorrupt
	}
	offset, err := strconv.Atoi(zone)
	if err != nil || len(zone) != 5 || zone[0] != '+' && zone[0] != '-' {
		return time.Time{}, storage.ErrCorrupt
	}
	east := (offset/100*60 + offset%100) * 60
	if east == 0 {
		return time.Unix(unix, 0).UTC(), nil
	}
	return time.Unix(unix, 0).In(time.FixedZone("", east)), nil
}

// A refLogs is the logs of refs.
type refLogs struct{ m *disk.Medium }

// read reads the log of a ref, the oldest line first.
func (l *refLogs) read(dir, name string) (string, error) {
	if !validRef(name) {
		return "", nil
	}
	var text strings.Builder
	for _, file := range []string{deletedLogPath(dir, name), logPath(dir, name)} {
		data, err := l.m.ReadFile(file)
		if err != nil && !disk.Absent(err) {
			return "", err
		}
		text.Write(data)
	}
	return text.String(), nil
}

// append adds lines to the log of a ref that exists.
func (l *refLogs) append(dir, name, lines string) error {
	file := logPath(dir, name)
	return l.m.ClearPath(path.Join(dir, "logs"), name, func() error { return l.m.Append(file, []byte(lines)) })
}

// moveDeleted moves the log of a ref that was deleted.
func (l *refLogs) moveDeleted(dir, name string) error {
	from := logPath(dir, name)
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
