package history

import (
	"context"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Last is the commit that last changed an entry of a directory.
type Last struct {
	Entry  int // which one of the directory's tree
	Commit git.Hash
}

// A LastWalk finds, for each entry of a directory, the commit that last changed it: the first one that git-log shows
// for it. All entries are looked for in one walk. At each commit it knows which of them are the same from the tip up to
// it, and has no commit yet. The way of an entry depends on no other entry: so at a commit with which an earlier walk
// began, what that found is the rest. It is for one goroutine.
type LastWalk struct {
	src     Source
	tree    *git.Tree // of the directory, at the tip
	set     *pathSet  // of the directory; nil: the root
	filter  filter    // of the directory
	entries []filter  // of the entries, if they are known
	cache   *LastCache
	known   []*lastMemo // what is in the cache
	memo    *lastMemo   // what was found
	looked  int         // at how many commits
	left    int         // entries that were not found yet

	queue   queue
	waiting map[git.Hash]*lastState
	states  []*lastState // by their number in the queue
	free    []uint32
	found   []Last
}

// A lastState is a commit that a walk is yet to look at.
type lastState struct {
	hash   git.Hash
	node   Node
	view   *view
	open   bits // the entries that are looked for
	known  bits // those that the commit is known to have changed
	number uint32
}

// bits is a set of numbers.
type bits []uint64

func (b bits) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bits) clear(i int)    { b[i/64] &^= 1 << (i % 64) }
func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bits) empty() bool {
	for _, word := range b {
		if word != 0 {
			return false
		}
	}
	return true
}

// with returns the set with another one added. It may be that one.
func (b bits) with(o bits) bits {
	if b == nil {
		return o
	}
	for i := range o {
		b[i] |= o[i]
	}
	return b
}

// NewLastWalk returns a LastWalk from a commit for the entries of a tree, which is that of a directory of the commit;
// "" is the root. It takes what it can from a cache, and adds to it, unless that is nil; pool is what src reads from.
func NewLastWalk(ctx context.Context, src Source, tip git.Hash, dir string, tree *git.Tree, cache *LastCache,
	pool storage.ID) (*LastWalk, error) {
	w := &LastWalk{src: src, tree: tree, waiting: map[git.Hash]*lastState{}, cache: cache, left: tree.Len()}
	if tree.Len() == 0 {
		return w, nil
	}
	at := lastDir{pool, dir}
	w.known, w.memo = cache.of(at), &lastMemo{at, tip, tree, make([]lastChange, tree.Len())}
	prefix := ""
	if dir != "" {
		w.set, w.filter, prefix = newPathSet(src, []string{dir}), newFilter(src, []string{dir}), dir+"/"
	}
	open := make(bits, (tree.Len()+63)/64)
	for i := range tree.Len() {
		open.set(i)
		_, name, _ := tree.At(i)
		f := newFilter(src, []string{prefix + string(name)})
		if f == nil {
			w.entries = nil
			for ; i < tree.Len(); i++ {
				open.set(i)
			}
			break
		}
		w.entries = append(w.entries, f)
	}
	node, err := src.Node(ctx, tip)
	if err != nil {
		return nil, err
	}
	w.push(tip, node, &view{root: node.Tree}, open)
	return w, nil
}

// push has a commit looked at for some entries. It may keep them.
func (w *LastWalk) push(h git.Hash, node Node, v *view, open bits) {
	s := w.at(h, node.When)
	if s.view == nil {
		s.node, s.view = node, v
	}
	s.open = s.open.with(open)
}

// at returns the state of a commit that waits from now on, if it did not before.
func (w *LastWalk) at(h git.Hash, when int64) *lastState {
	if s := w.waiting[h]; s != nil {
		return s
	}
	s := &lastState{hash: h, node: Node{When: when}}
	if n := len(w.free); n > 0 {
		s.number, w.free = w.free[n-1], w.free[:n-1]
		w.states[s.number] = s
	} else {
		s.number = uint32(len(w.states))
		w.states = append(w.states, s)
	}
	w.waiting[h] = s
	w.queue.push(when, s.number)
	return s
}

// Next returns the next entry of which the commit is known: those of the latest commits first, and of one commit in the
// order of the tree. It returns ErrEnd behind the last one, and ErrPaused if it looked at as many commits as steps says
// and found none: the next call goes on.
func (w *LastWalk) Next(ctx context.Context, steps int) (Last, error) {
	for ; len(w.found) == 0; steps-- {
		if len(w.queue.items) == 0 {
			return Last{}, ErrEnd
		}
		if err := ctx.Err(); err != nil {
			return Last{}, err
		}
		if steps <= 0 {
			return Last{}, ErrPaused
		}
		s := w.states[w.queue.pop()]
		delete(w.waiting, s.hash)
		w.states[s.number] = nil
		w.free = append(w.free, s.number)
		if err := w.look(ctx, s); err != nil {
			return Last{}, err
		}
		w.take(s)
	}
	first := w.found[0]
	w.found = w.found[1:]
	return first, nil
}

// look passes the entries that a commit has from a parent on to the first such parent. The rest it changed.
func (w *LastWalk) look(ctx context.Context, s *lastState) error {
	if s.open.empty() || w.recall(s) {
		return nil
	}
	w.looked++
	for i, h := range s.node.Parents {
		if s.open.empty() {
			return nil
		}
		p := w.waiting[h]
		if p == nil || p.view == nil {
			node, err := w.src.Node(ctx, h)
			if err != nil {
				return err
			}
			p = &lastState{hash: h, node: node, view: &view{root: node.Tree}}
		}
		passed, err := w.passed(ctx, s, p, i == 0)
		if err != nil {
			return err
		}
		for i := range passed {
			s.open[i] &^= passed[i]
		}
		if !passed.empty() {
			w.push(h, p.node, p.view, passed)
		}
	}
	s.known = s.known.with(s.open)
	return nil
}

// take takes the entries that a commit changed for found.
func (w *LastWalk) take(s *lastState) {
	if s.known.empty() {
		return
	}
	w.found = w.found[:0]
	for i := range w.tree.Len() {
		if s.known.has(i) {
			w.found = append(w.found, Last{i, s.hash})
			w.memo.found[i] = lastChange{s.hash, s.node.When}
			w.left--
		}
	}
	if w.left == 0 && w.looked >= leastLooked {
		w.cache.add(w.memo)
	}
}

// leastLooked is how many commits a walk looks at that is worth being kept.
const leastLooked = 32

// recall reports whether an earlier walk began with a commit, and has the commits that it found for its open entries
// wait for their turn.
func (w *LastWalk) recall(s *lastState) bool {
	i := slices.IndexFunc(w.known, func(m *lastMemo) bool { return m.commit == s.hash })
	if i < 0 {
		return false
	}
	m, places := w.known[i], make([]int32, w.tree.Len())
	for i := range w.tree.Len() {
		if !s.open.has(i) {
			continue
		}
		_, name, _ := w.tree.At(i)
		at, ok := indexIn(m.tree, name, i)
		if !ok {
			return false // of trees that are not in order, an entry may stay unseen
		}
		places[i] = int32(at)
	}
	for i, at := range places {
		if !s.open.has(i) {
			continue
		}
		of := s
		if c := m.found[at]; c.commit != s.hash {
			of = w.at(c.commit, c.when)
		}
		if of.known == nil {
			of.known = make(bits, len(s.open))
		}
		of.known.set(i)
	}
	w.looked += leastLooked
	w.cache.used(m)
	return true
}

// passed returns which of the open entries of a commit its parent has, too.
func (w *LastWalk) passed(ctx context.Context, s, p *lastState, first bool) (bits, error) {
	passed := make(bits, len(s.open))
	copy(passed, s.open)
	if s.view.root == p.view.root || first && w.unchanged(s, p) {
		return passed, nil
	}
	is, err := w.directory(ctx, s.view, nil)
	if err != nil {
		return nil, err
	}
	was, err := w.directory(ctx, p.view, s.view)
	if err != nil || is == was {
		return passed, err
	}
	if was.IsZero() {
		return nil, nil
	}
	new, err := w.src.Tree(ctx, is)
	if err != nil {
		return nil, err
	}
	old, err := w.src.Tree(ctx, was)
	if err != nil {
		return nil, err
	}
	w.differ(new, old, passed)
	return passed, nil
}

// fewEntries is how many entries are asked for one by one before trees are compared.
const fewEntries = 64

// unchanged reports whether it is known that a commit changed none of its open entries since its first parent p.
func (w *LastWalk) unchanged(s, p *lastState) bool {
	if w.filter != nil && !w.filter.mayChange(s.hash) {
		if p.view.entries == nil {
			p.view.root, p.view.entries = s.view.root, s.view.entries // the directory is the same
		}
		return true
	}
	if w.entries == nil {
		return false
	}
	asked := 0
	for i := range w.tree.Len() {
		if !s.open.has(i) {
			continue
		}
		if asked++; asked > fewEntries || w.entries[i].mayChange(s.hash) {
			return false
		}
	}
	return true
}

// directory returns the tree of the directory, or zero if a commit has none.
func (w *LastWalk) directory(ctx context.Context, v, other *view) (git.Hash, error) {
	if w.set == nil {
		return v.root, nil
	}
	if err := w.set.load(ctx, v, other); err != nil {
		return git.Hash{}, err
	}
	if e := v.entries[len(v.entries)-1]; e.mode == git.ModeDir {
		return e.hash, nil
	}
	return git.Hash{}, nil
}

// differ takes the entries out of a set in which the trees of a commit and its parent differ.
func (w *LastWalk) differ(new, old *git.Tree, passed bits) {
	from, to := new.Changed(old)
	for i := from; i < to; i++ {
		mode, name, h := new.At(i)
		at, ok := indexIn(w.tree, name, i)
		if !ok || !passed.has(at) {
			continue
		}
		was, ok := old.Find(string(name))
		if !ok || was.Hash != h || canonical(was.Mode) != canonical(mode) {
			passed.clear(at)
		}
	}
}

// indexIn returns the number of a tree's entry of a name, which is mostly where another tree has it.
func indexIn(tree *git.Tree, name []byte, near int) (int, bool) {
	if near < tree.Len() {
		if _, at, _ := tree.At(near); string(at) == string(name) {
			return near, true
		}
	}
	return tree.Index(string(name))
}
