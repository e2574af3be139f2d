package billyfs

import (
	"math"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// packedLogsName is the file with the first lines of the logs of refs that were written many at once: as with
// packed-refs, a file for each would cost more than all else. git does not look for it. It has lines of logs after the
// name of the ref and a space, sorted by name, those of a ref in the order of their time. A ref has more lines there
// as long as it has no log of its own; when it has one, that goes on where they end.
const packedLogsName = "reposit-packed-logs"

// Limits of what is packed of logs: each transaction of many refs writes all of the file.
const (
	maxPackedLog  = 1 << 10  // bytes of a ref's log, from which on it has a file of its own
	packedLogCost = 64 << 10 // bytes of the file for each ref of a transaction: a file of its own costs as much
)

// A packedLog is the text of a ref's log.
type packedLog struct{ name, text string }

// packedLogs are the lines of a file of logs. Its text stays as it was read, and a line is taken apart when it is asked
// for.
type packedLogs struct {
	text   string
	starts []uint32 // where lines begin, in the order of their names
}

// noPackedLogs stands for a file that is not there.
var noPackedLogs packedLogs

const packedLogsWeight = 16 << 20 // bytes of what is cached

func newPackedLogs(m *disk.Medium, shared bool) *parsedFiles[packedLogs] {
	return &parsedFiles[packedLogs]{m: m, name: packedLogsName, shared: shared, none: &noPackedLogs,
		cache: newLRU[string, parsedFile[packedLogs]](packedLogsWeight, nil),
		parse: func(text string) (*packedLogs, int64, error) {
			p, err := parsePackedLogs(text)
			if err != nil {
				return nil, 0, err
			}
			return p, int64(len(text)) + 4*int64(len(p.starts)), nil
		}}
}

// parsePackedLogs passes over lines that have no name of a ref.
func parsePackedLogs(text string) (*packedLogs, error) {
	if int64(len(text)) > math.MaxUint32 {
		return nil, storage.ErrTooLarge
	}
	p := &packedLogs{text: text, starts: make([]uint32, 0, strings.Count(text, "\n"))}
	last, sorted := "", true
	for at := 0; at < len(text); {
		size := strings.IndexByte(text[at:], '\n')
		if size < 0 {
			break
		}
		if name, _, ok := strings.Cut(text[at:at+size], " "); ok && (name == last || validRef(name)) {
			sorted = sorted && last <= name
			last = name
			p.starts = append(p.starts, uint32(at))
		}
		at += size + 1
	}
	if !sorted {
		slices.SortStableFunc(p.starts, func(a, b uint32) int { return strings.Compare(p.nameAt(a), p.nameAt(b)) })
	}
	return p, nil
}

func (p *packedLogs) nameAt(start uint32) string {
	rest := p.text[start:]
	return rest[:strings.IndexByte(rest, ' ')]
}

// lineAt returns a line without the name, with its end.
func (p *packedLogs) lineAt(start uint32) string {
	rest := p.text[start:]
	return rest[strings.IndexByte(rest, ' ')+1 : strings.IndexByte(rest, '\n')+1]
}

// find returns the text of a ref's log, as a file of its own would have it.
func (p *packedLogs) find(name string) string {
	i, ok := slices.BinarySearchFunc(p.starts, name, func(start uint32, name string) int {
		return strings.Compare(p.nameAt(start), name)
	})
	if !ok {
		return ""
	}
	var b strings.Builder
	for _, start := range p.starts[i:] {
		if p.nameAt(start) != name {
			break
		}
		b.WriteString(p.lineAt(start))
	}
	return b.String()
}

// change returns the file with logs in place of what it has of the same names. The logs are sorted by name.
func (p *packedLogs) change(logs []packedLog) []byte {
	b := make([]byte, 0, len(p.text)+256*len(logs))
	add := func(l packedLog) {
		for line := range strings.Lines(l.text) {
			b = append(b, l.name...)
			b = append(b, ' ')
			b = append(b, line...)
		}
	}
	next := 0
	for _, start := range p.starts {
		name := p.nameAt(start)
		for next < len(logs) && logs[next].name < name {
			add(logs[next])
			next++
		}
		if next == len(logs) || logs[next].name != name {
			b = append(b, name...)
			b = append(b, ' ')
			b = append(b, p.lineAt(start)...)
		}
	}
	for _, l := range logs[next:] {
		add(l)
	}
	return b
}
