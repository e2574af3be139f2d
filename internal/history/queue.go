package history

// A queue yields the latest commit first, and of those of one time the one that was queued first. It is a binary heap.
type queue struct {
	items []queueItem
	seq   uint32
}

type queueItem struct {
	when int64
	seq  uint32
	node uint32
}

func (i queueItem) before(o queueItem) bool {
	return i.when > o.when || i.when == o.when && i.seq < o.seq
}

func (q *queue) push(when int64, n uint32) {
	item := queueItem{when, q.seq, n}
	q.seq++
	q.items = append(q.items, item)
	at := len(q.items) - 1
	for at > 0 {
		up := (at - 1) / 2
		if !item.before(q.items[up]) {
			break
		}
		q.items[at] = q.items[up]
		at = up
	}
	q.items[at] = item
}

func (q *queue) pop() uint32 {
	top, last := q.items[0].node, len(q.items)-1
	item := q.items[last]
	q.items = q.items[:last]
	if last == 0 {
		return top
	}
	at := 0
	for {
		down := 2*at + 1
		if down >= last {
			break
		}
		if down+1 < last && q.items[down+1].before(q.items[down]) {
			down++
		}
		if !q.items[down].before(item) {
			break
		}
		q.items[at] = q.items[down]
		at = down
	}
	q.items[at] = item
	return top
}
