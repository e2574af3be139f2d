package reffile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reposit/reposit/storage"
)

var crud = strings.NewReplacer("\n", " ", "\r", " ", "\x00", "")
var identCrud = strings.NewReplacer("\n", "", "\x00", "", "<", "", ">", "")

// LogLine returns an entry as a line of a log, with its end, as git writes it.
func LogLine(l *storage.LogEntry) string {
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

// ParseLog reads a line of a log without its end. It returns storage.ErrCorrupt for what is none.
func ParseLog(line string) (e storage.LogEntry, err error) {
	head, message, _ := strings.Cut(line, "\t")
	e.Message = message
	if len(head) < 82 || head[40] != ' ' || head[81] != ' ' {
		return e, storage.ErrCorrupt
	}
	var ok1, ok2 bool
	e.Old, ok1 = ParseHash(head[:40])
	e.New, ok2 = ParseHash(head[41:81])
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
