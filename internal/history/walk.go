package history

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/reposit/reposit/internal/git"
)

// Errors of Walk.Next beside those of its Source.
var (
	ErrEnd    = errors.New("no more commits")
	ErrPaused = errors.New("as many steps as were asked for are done")
)

// An Order is one in which commits are listed.
type Order int

// The orders.
const (
	ByDate      Order = iota // git-log's: the latest of those whose children were listed, or that have none
	Topological              // --topo-order: no commit before all its children, lines of history together
	Reverse                  // ByDate, from the end
)

// A Tip is a commit whose history is listed, or excluded.
type Tip struct {
	Commit   git.Hash
	Excluded bool
}

// Options say which commits a Walk lists.
type Options struct {
	Tips        []Tip
	Symmetric   bool     // the merge bases of the first two tips are excluded, too, and come before them
	Paths       []string // with git's simplification of the history; none: everything
	Follow      bool     // through renames of Paths[0], the only one, which is a file
	Similar     Similarity
	FirstParent bool
	NoMerges    bool
	Since       int64 // seconds since 1970: what is earlier, and what is only reached through that, is left out
	HasUntil    bool
	Until       int64
	Match       func(*git.Commit) bool // nil: all
	Limit       int                    // 0: none. It counts before Reverse
	Order       Order
}

type phase int

const (
	starting phase = iota
	walking        // each commit is listed when it comes out of the queue
	limiting       // the queue is emptied into the list
	listing        // the list is what is left
	turning        // all that is listed is collected
	handing        // what was collected is handed out
)

// A Walk lists commits. It is for one goroutine.
type Walk struct {
	Options
	src   Source
	nodes nodes
	queue queue
	open  int // how many in the queue are not excluded
	phase phase
	found int

	limited bool // what is excluded must be known before anything is listed
	date    int64
	slop    int
	list    []uint32
	turned  []uint32
	steps   int

	paths  *pathSet
	views  map[uint32]*view // of those that are queued, if there are paths
	follow *follower

	parentsOf []uint32 // scratch
	marks     []uint32 // scratch
}

// New returns a Walk.
func New(src Source, o *Options) *Walk {
	w := &Walk{Options: *o, src: src, date: math.MaxInt64, slop: maxSlop}
	if !w.HasUntil {
		w.Until = math.MaxInt64
	}
	switch {
	case w.Follow:
		w.follow = newFollower(src, w.Paths[0], w.Similar)
	case len(w.Paths) > 0:
		w.paths = newPathSet(src, w.Paths)
		w.views = map[uint32]*view{}
	}
	return w
}

// Next returns the next commit. It returns ErrEnd behind the last one, and ErrPaused if it looked at as many commits as
// steps says and found none: the next call goes on. After another error it returns an error.
func (w *Walk) Next(ctx context.Context, steps int) (git.Hash, error) {
	for w.steps = steps; ; w.steps-- {
		if err := ctx.Err(); err != nil {
			return git.Hash{}, err
		}
		if w.steps <= 0 {
			return git.Hash{}, ErrPaused
		}
		n, ok, err := w.step(ctx)
		if err != nil {
			return git.Hash{}, err
		}
		if ok {
			return w.nodes.at(n).hash, nil
		}
	}
}

// step looks at one commit, and reports whether it is the next one.
func (w *Walk) step(ctx context.Context) (uint32, bool, error) {
	switch w.phase {
	case starting:
		return 0, false, w.start(ctx)
	case limiting:
		return 0, false, w.limit(ctx)
	case handing:
		if len(w.turned) == 0 {
			return 0, false, ErrEnd
		}
		n := w.turned[len(w.turned)-1]
		w.turned = w.turned[:len(w.turned)-1]
		return n, true, nil
	}
	n, ok, err := w.candidate(ctx)
	if errors.Is(err, ErrEnd) && w.Order == Reverse {
		w.phase = handing
		return 0, false, nil
	}
	if ok && err == nil {
		ok, err = w.shows(ctx, n)
	}
	if !ok || err != nil {
		return 0, false, err
	}
	w.found++
	if w.Order == Reverse {
		w.turned = append(w.turned, n)
		return 0, false, nil
	}
	return n, true, nil
}

// candidate returns the next commit of the history, or false if the next one is none.
func (w *Walk) candidate(ctx context.Context) (uint32, bool, error) {
	if w.Limit > 0 && w.found >= w.Limit {
		return 0, false, ErrEnd
	}
	if w.phase == listing {
		if len(w.list) == 0 {
			return 0, false, ErrEnd
		}
		n := w.list[0]
		w.list = w.list[1:]
		return n, true, nil
	}
	if len(w.queue.items) == 0 {
		return 0, false, ErrEnd
	}
	n := w.pop()
	if w.nodes.at(n).when < w.Since {
		return 0, false, nil
	}
	return n, true, w.spread(ctx, n)
}

// start queues the tips.
func (w *Walk) start(ctx context.Context) error {
	w.phase = walking
	w.limited = w.Order == Topological
	tips := make([]uint32, 0, len(w.Tips))
	for _, t := range w.Tips {
		n := w.nodes.add(t.Commit)
		if err := w.parse(ctx, n); err != nil {
			return err
		}
		tips = append(tips, n)
	}
	for i, t := range w.Tips {
		if t.Excluded {
			w.nodes.at(tips[i]).flags |= excluded | bottom
		}
	}
	if w.Symmetric {
		common, err := w.bases(ctx, tips[0], tips[1])
		if err != nil {
			return err
		}
		for _, n := range common {
			w.nodes.at(n).flags |= excluded | bottom
		}
		tips = append(common, tips...)
	}
	for _, n := range tips {
		if w.nodes.at(n).flags&excluded != 0 {
			w.excludeParents(n)
			w.limited = true
		}
	}
	for _, n := range tips {
		w.enqueue(n)
	}
	if w.limited {
		w.phase = limiting
	}
	return nil
}

// parse reads what is needed of a commit.
func (w *Walk) parse(ctx context.Context, n uint32) error {
	if w.nodes.at(n).flags&parsed != 0 {
		return nil
	}
	read, err := w.src.Node(ctx, w.nodes.at(n).hash)
	if err != nil {
		return err
	}
	parents := make([]uint32, 0, 8)
	for _, h := range read.Parents {
		parents = append(parents, w.nodes.add(h))
	}
	w.nodes.setParents(n, parents)
	at := w.nodes.at(n)
	at.when = read.When
	at.flags |= parsed
	if w.paths != nil {
		w.views[n] = &view{root: read.Tree}
	}
	return nil
}

// enqueue queues a commit that was not queued before.
func (w *Walk) enqueue(n uint32) {
	at := w.nodes.at(n)
	if at.flags&seen != 0 {
		return
	}
	at.flags |= seen | queued
	if at.flags&excluded == 0 {
		w.open++
	}
	w.queue.push(at.when, n)
}

func (w *Walk) pop() uint32 {
	n := w.queue.pop()
	at := w.nodes.at(n)
	at.flags &^= queued
	if at.flags&excluded == 0 {
		w.open--
	}
	return n
}

// exclude reports whether a commit was not excluded before.
func (w *Walk) exclude(n uint32) bool {
	at := w.nodes.at(n)
	if at.flags&excluded != 0 {
		return false
	}
	at.flags |= excluded
	if at.flags&queued != 0 {
		w.open--
	}
	return true
}

// excludeParents excludes the ancestors of a commit, as far as they were read.
func (w *Walk) excludeParents(n uint32) {
	pending := w.nodes.parents(w.marks[:0], n)
	for len(pending) > 0 {
		last := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if w.exclude(last) {
			pending = w.nodes.parents(pending, last)
		}
	}
	w.marks = pending
}

// spread queues the parents of a commit, those that its simplification leaves.
func (w *Walk) spread(ctx context.Context, n uint32) error {
	if w.nodes.at(n).flags&added != 0 {
		return nil
	}
	w.nodes.at(n).flags |= added
	isExcluded := w.nodes.at(n).flags&excluded != 0
	if !isExcluded && w.paths != nil {
		if err := w.simplify(ctx, n); err != nil {
			return err
		}
	}
	parents := w.nodes.parents(w.parentsOf[:0], n)
	w.parentsOf = parents
	for _, p := range parents {
		if isExcluded {
			w.exclude(p)
		}
		if err := w.parse(ctx, p); err != nil {
			return err
		}
		if isExcluded {
			w.excludeParents(p)
		}
		w.enqueue(p)
		if w.FirstParent && !isExcluded {
			break
		}
	}
	if w.views != nil {
		delete(w.views, n)
	}
	return nil
}

// maxSlop is how many excluded commits are looked at behind the last one that is not (git's SLOP): times may be wrong.
const maxSlop = 5

// limit looks at the next commit in the queue. What is left of those that it lists when the queue holds none that could
// matter is the outcome.
func (w *Walk) limit(ctx context.Context) error {
	if len(w.queue.items) == 0 {
		return w.limitDone(ctx)
	}
	n := w.pop()
	if w.nodes.at(n).when < w.Since {
		w.nodes.at(n).flags |= excluded
	}
	if err := w.spread(ctx, n); err != nil {
		return err
	}
	if w.nodes.at(n).flags&excluded != 0 {
		w.excludeParents(n)
		if w.slop = w.interesting(); w.slop == 0 {
			return w.limitDone(ctx)
		}
		return nil
	}
	if w.nodes.at(n).when > w.Until && w.follow == nil {
		return nil
	}
	w.date = w.nodes.at(n).when
	w.list = append(w.list, n)
	return nil
}

// interesting returns how many more excluded commits are to be looked at.
func (w *Walk) interesting() int {
	switch {
	case len(w.queue.items) == 0:
		return 0
	case w.date <= w.queue.items[0].when, w.open > 0:
		return maxSlop
	}
	return w.slop - 1
}

func (w *Walk) limitDone(ctx context.Context) error {
	w.queue, w.views, w.phase = queue{}, nil, listing
	if w.Order == Topological {
		return w.sort(ctx)
	}
	return nil
}

// sort brings the list into an order in which no commit stands before one of its children: of several that are ready,
// the one is next whose last child was listed last.
func (w *Walk) sort(ctx context.Context) error {
	waiting := make([]uint32, w.nodes.count) // one, and one more for each child that is still to come; 0: not in the list
	for _, n := range w.list {
		waiting[n] = 1
	}
	var parents []uint32
	for _, n := range w.list {
		parents = w.nodes.parents(parents[:0], n)
		for _, p := range parents {
			if waiting[p] != 0 {
				waiting[p]++
			}
		}
	}
	var ready []uint32
	for _, n := range w.list {
		if waiting[n] == 1 {
			ready = append(ready, n)
		}
	}
	slices.Reverse(ready)
	sorted := make([]uint32, 0, len(w.list))
	for len(ready) > 0 {
		n := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		parents = w.nodes.parents(parents[:0], n)
		for _, p := range parents {
			if waiting[p] == 0 {
				continue
			}
			if waiting[p]--; waiting[p] == 1 {
				ready = append(ready, p)
			}
		}
		waiting[n] = 0
		if sorted = append(sorted, n); len(sorted)%chunkSize == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	w.list = sorted
	return nil
}

// shows reports whether a commit of the history is one that was asked for.
func (w *Walk) shows(ctx context.Context, n uint32) (bool, error) {
	at := w.nodes.at(n)
	if at.flags&(excluded|same) != 0 {
		return false, nil
	}
	if w.follow != nil {
		// The path is followed through commits that the rest leaves out, too: else it would be lost with a rename of them.
		if changed, err := w.follow.changes(ctx, at.hash, w.FirstParent); !changed || err != nil {
			return false, err
		}
	}
	if at.when > w.Until || w.NoMerges && len(w.nodes.parents(w.parentsOf[:0], n)) > 1 {
		return false, nil
	}
	if w.Match == nil {
		return true, nil
	}
	c, err := w.src.Commit(ctx, at.hash)
	return err == nil && w.Match(c), err
}
