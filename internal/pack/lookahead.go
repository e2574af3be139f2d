package pack

import (
	"context"
	"runtime"
	"sync"
)

// Bounds of how far a lookahead is before the writer.
const (
	aheadObjects = 1 << 12
	aheadBytes   = 16 << 20 // of compressed content; each goroutine may have one object more
)

// A lookahead packs the objects of a list on all cores, somewhat before they are asked for.
type lookahead struct {
	list  List
	own   packer  // of the goroutine that asks
	turns []int32 // by place in the set: where in the order an object is, plus one; 0: nowhere
	group sync.WaitGroup

	mu     sync.Mutex
	moved  sync.Cond
	next   int          // the object of the order that is packed next
	first  int          // the first that is not released
	bytes  int64        // of what is packed and not released
	taken  map[int]bool // objects of the order that were asked for before they were packed
	ended  bool
	window []slot // that of object i of the order is at i modulo its length
}

// A slot is an object of the order on its way.
type slot struct {
	done   bool
	object *packed
	err    error
}

func startLookahead(ctx context.Context, src Source, list List) *lookahead {
	a := &lookahead{
		list: list, own: packer{ctx: ctx, src: src, list: list}, turns: make([]int32, list.Len()), taken: map[int]bool{},
		window: make([]slot, min(aheadObjects, len(list.Order))),
	}
	a.moved.L = &a.mu
	for i, place := range list.Order {
		a.turns[place] = int32(i + 1)
	}
	context.AfterFunc(ctx, a.end)
	for range min(runtime.GOMAXPROCS(0), len(list.Order)) {
		a.group.Go(func() { a.work(packer{ctx: ctx, src: src, list: list}) })
	}
	return a
}

// work packs one object after the other.
func (a *lookahead) work(k packer) {
	for {
		i, ok := a.take()
		if !ok {
			return
		}
		o, err := k.pack(int(a.list.Order[i]), i >= a.list.Blobs)
		a.mu.Lock()
		*a.slot(i) = slot{true, o, err}
		if o != nil {
			a.bytes += int64(len(o.data))
		}
		a.moved.Broadcast()
		a.mu.Unlock()
	}
}

// take waits for an object that may be packed, or returns false when there will be none.
func (a *lookahead) take() (int, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for a.next < len(a.list.Order) && a.taken[a.next] {
			a.next++
		}
		if a.ended || a.next == len(a.list.Order) {
			return 0, false
		}
		if a.next-a.first < len(a.window) && (a.bytes < aheadBytes || a.next == a.first) {
			i := a.next
			a.next++
			return i, true
		}
		a.moved.Wait()
	}
}

func (a *lookahead) slot(i int) *slot { return &a.window[i%len(a.window)] }

// object returns the object at a place of the set.
func (a *lookahead) object(place int) (*packed, error) {
	i := int(a.turns[place]) - 1
	a.mu.Lock()
	if i >= a.next { // packed by whoever asks, and by no other
		a.taken[i] = true
		a.mu.Unlock()
		return a.own.pack(place, i >= a.list.Blobs)
	}
	defer a.mu.Unlock()
	s := a.slot(i)
	for !s.done && !a.ended {
		a.moved.Wait()
	}
	if !s.done {
		return nil, context.Cause(a.own.ctx)
	}
	return s.object, s.err
}

// whole returns an object that must not be a delta.
func (a *lookahead) whole(o *packed) (*packed, error) { return a.own.whole(o.place) }

// release forgets an object of the order that was written. They are released in order.
func (a *lookahead) release(i int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.first = i + 1
	if a.taken[i] {
		delete(a.taken, i)
		a.next = max(a.next, a.first)
	} else if s := a.slot(i); s.done {
		if s.object != nil {
			a.bytes -= int64(len(s.object.data))
		}
		*s = slot{}
	}
	a.moved.Broadcast()
}

// end has the goroutines stop.
func (a *lookahead) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.moved.Broadcast()
}

// wait waits for the goroutines after the context ended.
func (a *lookahead) wait() { a.group.Wait() }
