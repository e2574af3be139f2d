package catalog

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
)

// ErrToken says that a page token is not one that this query gave out.
var ErrToken = errors.New("malformed page token, or one of another query")

// A Query says which repositories are listed, and in which order.
type Query struct {
	Owner      string
	Labels     map[string]string
	Sort       Sort
	Descending bool
	Size       int    // of the page
	Token      string // where the page before ended
	Skip       int    // or how many repositories come before the page
}

// A Found repository is one row of a page.
type Found struct {
	*Repo
	State
}

// List returns a page of the query, the token of the next one, or "" if it is the last, and how many repositories
// match. A page costs what its own rows cost; with Skip, also a step for each row before; with more than one label,
// or a label and an owner, a look at every repository that has the rarest label.
func List(ctx context.Context, v storage.View, q *Query) (page []Found, next string, total int, err error) {
	l := lister{ctx: ctx, v: v, Query: q}
	if err := l.choose(); err != nil {
		return nil, "", 0, err
	}
	if err := l.start(); err != nil {
		return nil, "", 0, err
	}
	if err := l.run(); err != nil {
		return nil, "", 0, err
	}
	if l.more {
		next = l.token()
	}
	if l.filter {
		l.total, err = l.countAll()
	}
	return l.page, next, l.total, err
}

type lister struct {
	*Query
	ctx    context.Context
	v      storage.View
	scope  string
	filter bool     // the scope holds repositories that do not match
	ranges [][]byte // what the keys of the list begin with; positions in it follow
	within []byte   // what positions in the list begin with
	from   []byte   // position of the token
	page   []Found
	last   []byte
	more   bool
	total  int
}

// choose picks the smallest scope that holds all matches.
func (l *lister) choose() error {
	if l.Owner != "" {
		l.scope = ownerScope(l.Owner)
	}
	total, err := Count(l.v, l.scope)
	if err != nil {
		return err
	}
	l.total = total
	for k, value := range l.Labels {
		n, err := Count(l.v, labelScope(k, value))
		if err != nil {
			return err
		}
		if n <= l.total || l.scope == "" || l.scope[0] == 'o' {
			l.scope, l.total = labelScope(k, value), n
		}
	}
	l.filter = len(l.Labels) > 1 || len(l.Labels) == 1 && l.Owner != ""
	return nil
}

func (l *lister) start() error {
	switch {
	case l.Sort != ByName:
		for fields := Sort(1); fields <= allTimes; fields++ {
			if fields&l.Sort != 0 {
				l.ranges = append(l.ranges, append(indexPrefix(nil, indexTime, l.scope), byte(fields)))
			}
		}
	case len(l.Labels) > 0:
		l.ranges = [][]byte{indexPrefix(nil, indexName, l.scope)}
	default:
		l.ranges = [][]byte{indexPrefix(nil, indexName, "")}
		if l.Owner != "" {
			l.within = append([]byte(strings.ToLower(l.Owner)), '/')
		}
	}
	return l.parseToken()
}

// A row is a place in a list.
type row struct {
	position []byte
	id       storage.ID
}

// rows yields the list behind a position, or from its start: a merge of its ranges.
func (l *lister) rows(from []byte) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		heads := make([]head, 0, len(l.ranges))
		for _, prefix := range l.ranges {
			lo := append(slices.Clone(prefix), l.within...)
			hi := after(lo)
			if from != nil {
				at := append(slices.Clone(prefix), from...)
				// A token may be forged, but not to see more than the query does.
				switch {
				case l.Descending && bytes.Compare(at, hi) < 0:
					hi = at
				case !l.Descending && bytes.Compare(at, lo) >= 0:
					lo = append(at, 0)
				}
			}
			next, stop := iter.Pull2(l.v.Records(lo, hi, storage.Order(l.Descending)))
			defer stop()
			heads = append(heads, head{next: next, skip: len(prefix)})
		}
		for i := range heads {
			heads[i].advance(l.Sort)
		}
		for {
			best := l.best(heads)
			if best == nil {
				return
			}
			if !yield(best.row, best.err) || best.err != nil {
				return
			}
			best.advance(l.Sort)
		}
	}
}

// A head is the next row of a range.
type head struct {
	next func() (storage.Record, error, bool)
	skip int // bytes of the key before the position
	row  row
	err  error
	done bool
}

func (h *head) advance(sort Sort) {
	rec, err, ok := h.next()
	if h.done, h.err = !ok, err; !ok || err != nil {
		return
	}
	h.row.position = rec.Key[h.skip:]
	raw := rec.Value
	if sort != ByName {
		raw = h.row.position[max(0, len(h.row.position)-len(storage.ID{})):]
	}
	if len(raw) != len(storage.ID{}) {
		h.err = fmt.Errorf("%w: index record", storage.ErrCorrupt)
		return
	}
	h.row.id = storage.ID(raw)
}

// best returns the head whose row comes first, or nil if there are no more.
func (l *lister) best(heads []head) *head {
	var best *head
	for i := range heads {
		h := &heads[i]
		switch {
		case h.done:
		case h.err != nil:
			return h
		case best == nil, (bytes.Compare(h.row.position, best.row.position) < 0) != l.Descending:
			best = h
		}
	}
	return best
}

func (l *lister) run() error {
	skip := l.Skip
	for at, err := range l.rows(l.from) {
		if err == nil {
			err = l.ctx.Err()
		}
		if err != nil {
			return err
		}
		if skip > 0 && !l.filter {
			skip--
			continue
		}
		r, err := l.load(at.id)
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(l.page) == l.Size {
			l.more = true
			return nil
		}
		state, err := LoadState(l.v, r)
		if err != nil {
			return err
		}
		l.page = append(l.page, Found{r, state})
		l.last = append(l.last[:0], at.position...)
	}
	return nil
}

// load returns the repository that the index names, or nil if it does not match.
func (l *lister) load(id storage.ID) (*Repo, error) {
	r, err := Load(l.v, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("%w: index names repository %s, which is not there", storage.ErrCorrupt, id)
	}
	if err != nil || !l.filter || l.matches(r) {
		return r, err
	}
	return nil, nil
}

func (l *lister) matches(r *Repo) bool {
	for k, v := range l.Labels {
		if have, ok := r.Labels[k]; !ok || have != v {
			return false
		}
	}
	return l.Owner == "" || strings.EqualFold(r.Owner, l.Owner)
}

func (l *lister) countAll() (int, error) {
	n := 0
	for at, err := range l.rows(nil) {
		if err == nil {
			err = l.ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		r, err := l.load(at.id)
		if err != nil {
			return 0, err
		}
		if r != nil {
			n++
		}
	}
	return n, nil
}

// sum binds a token to its query.
func (l *lister) sum(position []byte) uint32 {
	h := crc32.NewIEEE()
	fmt.Fprintf(h, "%d%t%q", l.Sort, l.Descending, strings.ToLower(l.Owner))
	for _, k := range slices.Sorted(maps.Keys(l.Labels)) {
		fmt.Fprintf(h, "%q%q", k, l.Labels[k])
	}
	h.Write(position)
	return h.Sum32()
}

const tokenVersion = 1

func (l *lister) token() string {
	b := binary.BigEndian.AppendUint32([]byte{tokenVersion}, l.sum(l.last))
	return base64.RawURLEncoding.EncodeToString(append(b, l.last...))
}

func (l *lister) parseToken() error {
	if l.Token == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(l.Token)
	if err != nil || len(b) < 6 || b[0] != tokenVersion || binary.BigEndian.Uint32(b[1:]) != l.sum(b[5:]) {
		return ErrToken
	}
	if l.from = b[5:]; !bytes.HasPrefix(l.from, l.within) {
		return ErrToken
	}
	return nil
}
