package serve

import (
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pktline"
	"github.com/reposit/reposit/internal/transfer"
)

// A request is what a client wants to fetch, and what it has.
type request struct {
	wants    list
	wantRefs []string
	haves    list

	shallow list     // commits at which the client's history ends
	depth   int      // 0: any
	since   int64    // 0: any
	not     []string // refs
	filter  transfer.Filter

	relative, done, wait                bool
	thin, offsets, noProgress, moreTags bool
	ack                                 acks // versions 0 and 1
	noDone                              bool
	band                                int // size of lines in bands; 0: none
	lines                               int
	parents                             []git.Hash // of commits that are no end any more
	ends                                map[git.Hash]bool
	common                              list
}

// A list is hashes, each once, in the order in which they came.
type list struct {
	hashes []git.Hash
	known  map[git.Hash]struct{}
}

// add adds a hash, and reports whether it was not there.
func (l *list) add(h git.Hash) bool {
	if _, again := l.known[h]; again {
		return false
	}
	if l.known == nil {
		l.known = map[git.Hash]struct{}{}
	}
	l.known[h] = struct{}{}
	l.hashes = append(l.hashes, h)
	return true
}

// has reports whether a hash is there.
func (l *list) has(h git.Hash) bool {
	_, ok := l.known[h]
	return ok
}

// An acks is how the server says what both have.
type acks byte

const (
	single acks = iota
	multiAck
	detailed
)

// infinite is the depth that stands for all of history (git's INFINITE_DEPTH).
const infinite = 0x7fffffff

// deepens reports whether the client asks for an end of history.
func (q *request) deepens() bool { return q.depth > 0 || q.since > 0 || len(q.not) > 0 }

// argument takes one line that says what is wanted, and reports whether it is known.
func (q *request) argument(line string) (bool, error) {
	key, value, _ := strings.Cut(line, " ")
	var err error
	switch key {
	case "want":
		err = q.hash(&q.wants, value, "wants", maxWants)
	case "shallow":
		err = q.hash(&q.shallow, value, "shallow commits", maxShallows)
	case "deepen":
		err = number(value, &q.depth)
	case "deepen-since":
		err = q.setSince(value)
	case "deepen-not":
		if len(q.not) == maxExcluded {
			return true, tooMany("refs to leave out", maxExcluded)
		}
		q.not = append(q.not, value)
	case "deepen-relative":
		q.relative = true
	case "filter":
		q.filter, err = parseFilter(value)
	default:
		return false, nil
	}
	if err == nil && q.depth > 0 && (q.since > 0 || len(q.not) > 0) {
		err = malformed("a depth, and another end of history")
	}
	return true, err
}

// hash adds a hash to a list.
func (q *request) hash(l *list, digits, what string, limit int) error {
	h, err := parseHash(digits)
	if err != nil {
		return err
	}
	if l.add(h) && len(l.hashes) > limit {
		return tooMany(what, limit)
	}
	return q.count()
}

// count counts a line.
func (q *request) count() error {
	if q.lines++; q.lines > maxLines+maxHaves {
		return tooMany("lines", maxLines)
	}
	return nil
}

func number(s string, to *int) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return malformed("%.40q is no depth", s)
	}
	*to = int(min(n, infinite))
	return nil
}

func (q *request) setSince(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return malformed("%.40q is no time", s)
	}
	q.since = n
	return nil
}

// parseFilter reads what is to be left out (git-rev-list, --filter).
func parseFilter(s string) (f transfer.Filter, err error) {
	limit, isLimit := strings.CutPrefix(s, "blob:limit=")
	switch {
	case s == "blob:none":
		return transfer.Filter{Blobs: true, Limit: -1}, nil
	case s == "tree:0":
		return transfer.Filter{Trees: true, Blobs: true, Limit: -1}, nil
	case isLimit:
		n, ok := parseSize(limit)
		if !ok {
			return f, malformed("%.40q is no size", limit)
		}
		return transfer.Filter{Blobs: true, Limit: n - 1}, nil // git leaves out those that have as many bytes
	}
	return f, malformed("filter %.80q is not supported", s)
}

// parseSize reads a number with a unit, as git does (git_parse_ulong).
func parseSize(s string) (int64, bool) {
	unit := int64(1)
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k', 'K':
			unit = 1 << 10
		case 'm', 'M':
			unit = 1 << 20
		case 'g', 'G':
			unit = 1 << 30
		}
		if unit > 1 {
			s = s[:n-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<32 {
		return 0, false
	}
	return n * unit, true
}

// capability takes one of the capabilities of versions 0 and 1.
func (q *request) capability(c string) error {
	switch c {
	case "multi_ack":
		q.ack = max(q.ack, multiAck)
	case "multi_ack_detailed":
		q.ack = detailed
	case "no-done":
		q.noDone = true
	case "thin-pack":
		q.thin = true
	case "ofs-delta":
		q.offsets = true
	case "no-progress":
		q.noProgress = true
	case "include-tag":
		q.moreTags = true
	case "deepen-relative":
		q.relative = true
	case "side-band":
		q.band = max(q.band, pktline.Narrow)
	case "side-band-64k":
		q.band = pktline.Wide
	default:
		if f, ok := strings.CutPrefix(c, "object-format="); ok && f != "sha1" {
			return malformed("hashes of %.40q", f)
		}
	}
	return nil
}
