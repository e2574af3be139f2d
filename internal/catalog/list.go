package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/storage"
)

// A Query says which repositories are listed, and in which order.
type Query struct {
	Owner      string
	Labels     map[string]string
	Within     *Within // nil: of the whole store
	Sort       Sort
	Descending bool
	Token      string // of the page before; "": the list begins
	page.Bounds

	Viewer *Viewer      // who asks; nil: one who may see all
	Secret *page.Secret // what tokens are made with
}

// Within bounds a query to the forks of a repository, or to all of its network.
type Within struct {
	Repo    *Repo
	Network bool
}

// A Found repository is one row of a page.
type Found struct {
	*Repo
	State

	// Damaged says what of it can't be read; nil: nothing. Of a Repo that is damaged itself, only the ID is known, and in
	// the order by name Owner and Slug.
	Damaged error
}

// IsDamage reports whether an error says that something stored, and not the call, is at fault.
func IsDamage(err error) bool {
	return errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrFormat)
}

// List returns a page of the query, the token of the next one, or "" if it is the last, and how many repositories
// match. A page costs what its own rows cost, and a look at each private repository that was granted to the viewer;
// with Skip, also a step for each row before. A list by more than one label, by a label and an owner, or of forks by
// owner or label, costs a look at every repository that has the rarest of these; so do the viewer's own private
// repositories in any list but that of all, or of an owner; and forks in the order of what pushes change.
func List(ctx context.Context, v storage.View, q *Query) (page []Found, next string, total int, err error) {
	l := lister{ctx: ctx, v: v, Query: q}
	if err := l.choose(); err != nil {
		return nil, "", 0, err
	}
	if err := l.parseToken(); err != nil {
		return nil, "", 0, err
	}
	if err := l.gather(); err != nil {
		return nil, "", 0, err
	}
	if err := l.run(); err != nil {
		return nil, "", 0, err
	}
	if l.more {
		next = l.Secret.Token(l.text(), l.last)
	}
	return l.page, next, l.total, nil
}

type lister struct {
	*Query
	ctx     context.Context
	v       storage.View
	scopes  []string     // the smallest that hold all matches
	members []storage.ID // of Within: the families, or the pool
	filter  bool         // the scopes hold repositories that do not match
	sources []source
	total   int    // how many match
	from    []byte // position of the token
	page    []Found
	last    []byte
	more    bool
}

// choose picks the smallest scopes that hold all matches.
func (l *lister) choose() error {
	if l.Within != nil {
		return l.chooseWithin()
	}
	scope := ""
	if l.Owner != "" {
		scope = ownerScope(l.Owner)
	}
	least, err := l.seen(scope)
	if err != nil {
		return err
	}
	for k, value := range l.Labels {
		n, err := l.seen(labelScope(k, value))
		if err != nil {
			return err
		}
		if n <= least || scope == "" || scope[0] == 'o' {
			scope, least = labelScope(k, value), n
		}
	}
	l.scopes = []string{scope}
	l.filter = len(l.Labels) > 1 || len(l.Labels) == 1 && l.Owner != ""
	return nil
}

func (l *lister) chooseWithin() error {
	l.filter = len(l.Labels) > 0 || l.Owner != ""
	if r := l.Within.Repo; l.Within.Network {
		l.members = []storage.ID{r.Pool}
		l.scopes = []string{networkScope(r.Pool)}
		return nil
	}
	var err error
	l.members, err = families(l.v, l.Within.Repo.ID)
	for _, family := range l.members {
		l.scopes = append(l.scopes, familyScope(family))
	}
	return err
}

// seen returns how many repositories of a scope are in the ranges that the viewer reads.
func (l *lister) seen(scope string) (int, error) {
	n, err := countOf(l.v, public, scope)
	if err != nil || l.Viewer != nil {
		return n, err
	}
	m, err := countOf(l.v, private, scope)
	return n + m, err
}

// gather makes the sources whose merge is the list.
func (l *lister) gather() error {
	if l.Viewer != nil && l.Viewer.Only {
		return l.addGranted()
	}
	for _, scope := range l.scopes {
		if err := l.addScope(public, scope, l.filter); err != nil {
			return err
		}
		if l.Viewer == nil {
			if err := l.addScope(private, scope, l.filter); err != nil {
				return err
			}
		}
	}
	if l.Viewer == nil {
		return nil
	}
	if own := l.Viewer.Owner; own != "" && (l.Owner == "" || names.Same(l.Owner, own)) {
		filter := l.Within != nil || len(l.Labels) > 0
		if err := l.addScope(private, ownerScope(own), filter); err != nil {
			return err
		}
	}
	return l.addGranted()
}

func (l *lister) addGranted() error {
	var found []Found
	for _, id := range l.Viewer.Granted {
		r, err := Load(l.v, id)
		if errors.Is(err, storage.ErrNotFound) || IsDamage(err) { // nobody can tell whether it matches
			continue
		}
		if err != nil {
			return err
		}
		if !r.Private && !l.Viewer.Only || l.Viewer.owns(r) || !l.matches(r) {
			continue
		}
		f := Found{Repo: r}
		if err := l.addState(&f); err != nil {
			return err
		}
		found = append(found, f)
	}
	return l.addFound(found)
}

// manyRows is how many rows are read at once where more than those of the page may be passed over.
const manyRows = 512

// run merges the sources into the page.
func (l *lister) run() error {
	heads := make([]head, len(l.sources))
	for i, s := range l.sources {
		heads[i] = head{source: s, most: l.Size + 1}
		if l.Skip > 0 || s.filter {
			heads[i].most = manyRows
		}
		heads[i].fill(l.from)
	}
	skip := l.Skip
	for {
		h, err := l.best(heads)
		if h == nil || err != nil {
			return err
		}
		if err := l.ctx.Err(); err != nil {
			return err
		}
		done, err := l.take(h, &skip)
		if done || err != nil {
			return err
		}
		h.pass()
	}
}

// take looks at the next row of the list, and reports whether it would be on another page.
func (l *lister) take(h *head, skip *int) (done bool, err error) {
	if *skip > 0 && !h.filter {
		*skip--
		return false, nil
	}
	f, err := l.find(&h.read[0])
	if err != nil || h.filter && !l.matches(f.Repo) {
		return false, err
	}
	if *skip > 0 {
		*skip--
		return false, nil
	}
	if len(l.page) == l.Size {
		l.more = true
		return true, nil
	}
	if err := l.addState(&f); err != nil {
		return false, err
	}
	l.page = append(l.page, f)
	l.last = append(l.last[:0], h.read[0].position...)
	return false, nil
}

// load returns a repository that an index names.
func (l *lister) load(id storage.ID) (*Repo, error) {
	r, err := Load(l.v, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("%w: index names repository %s, which is not there", storage.ErrCorrupt, id)
	}
	return r, err
}

// find returns what a row stands for, but for its state.
func (l *lister) find(at *row) (f Found, err error) {
	if err = at.err; err == nil {
		f.Repo, err = l.load(at.id)
	}
	if !IsDamage(err) {
		return f, err
	}
	f.Repo, f.Damaged = &Repo{ID: at.id}, err
	if l.Sort == ByName {
		f.Owner, f.Slug, _ = strings.Cut(string(at.position), "/")
	}
	return f, nil
}

// addState reads the state of a repository that is not damaged.
func (l *lister) addState(f *Found) (err error) {
	if f.Damaged != nil {
		return nil
	}
	if f.State, err = LoadState(l.v, f.Repo); IsDamage(err) {
		f.State, f.Damaged, err = State{Updated: f.Created}, err, nil
	}
	return err
}

func (l *lister) matches(r *Repo) bool {
	if l.Within != nil {
		of := r.Family
		if l.Within.Network {
			of = r.Pool
		}
		if !slices.Contains(l.members, of) {
			return false
		}
	}
	return l.Matches(r)
}

// Matches reports whether a repository has the owner and labels that are asked for.
func (q *Query) Matches(r *Repo) bool {
	for k, v := range q.Labels {
		if have, ok := r.Labels[k]; !ok || have != v {
			return false
		}
	}
	return q.Owner == "" || names.Same(r.Owner, q.Owner)
}

// best returns the head whose row comes first, or nil if there are no more.
func (l *lister) best(heads []head) (best *head, err error) {
	for i := range heads {
		h := &heads[i]
		if h.err != nil {
			return nil, h.err
		}
		if len(h.read) > 0 && (best == nil || l.isBehind(best.read[0].position, h.read[0].position)) {
			best = h
		}
	}
	return best, nil
}

// text is what a token is bound to.
func (l *lister) text() []byte {
	b := fmt.Appendf(nil, "list %d %t %q", l.Sort, l.Descending, names.Key(l.Owner))
	for _, k := range slices.Sorted(maps.Keys(l.Labels)) {
		b = fmt.Appendf(b, " %q=%q", k, l.Labels[k])
	}
	if l.Within != nil {
		b = fmt.Appendf(b, " within %s %t", l.Within.Repo.ID, l.Within.Network)
	}
	if l.Viewer != nil {
		b = fmt.Appendf(b, " as %q", l.Viewer.Name)
	}
	return b
}

func (l *lister) parseToken() (err error) {
	if l.Token != "" {
		l.from, err = l.Secret.Position(l.text(), l.Token)
	}
	return err
}
