package archive

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// A pipeline reads ahead: one goroutine walks through the trees, some load and prepare the items that it finds, in
// batches, and the caller takes them in order. What it holds is bounded by the number of batches under way and the
// bytes of each; what a batch has no room for is left to the caller.
type pipeline struct {
	ctx     context.Context
	files   *contents
	format  format
	order   chan *batch // as the caller takes them; closed after the last one
	jobs    chan *batch // the same for the workers
	average atomic.Int64
	running sync.WaitGroup
}

const (
	maxBatch   = 64        // items
	batchBytes = 512 << 10 // after so many, the rest of a batch is not loaded
	batchAim   = 256 << 10 // how many bytes a batch should have
)

// A batch is some items in a row.
type batch struct {
	items []item
	err   error // of the walk, after the items
	done  chan struct{}
}

func startPipeline(ctx context.Context, files *contents, w *walker, f format) *pipeline {
	n := workers()
	p := &pipeline{
		ctx: ctx, files: files, format: f,
		order: make(chan *batch, n), jobs: make(chan *batch, n),
	}
	p.running.Go(func() { p.walk(w) })
	for range n {
		p.running.Go(p.work)
	}
	return p
}

// stop waits for the goroutines to end, which they do when the context is done.
func (p *pipeline) stop() { p.running.Wait() }

func (p *pipeline) walk(w *walker) {
	defer close(p.order)
	defer close(p.jobs)
	b := &batch{done: make(chan struct{})}
	send := func() error {
		for _, to := range []chan *batch{p.order, p.jobs} {
			select {
			case to <- b:
			case <-p.ctx.Done():
				return p.ctx.Err()
			}
		}
		b = &batch{done: make(chan struct{})}
		return nil
	}
	b.err = w.walk(func(e entry) error {
		b.items = append(b.items, item{entry: e})
		if len(b.items) >= p.batchSize() {
			return send()
		}
		return nil
	})
	send()
}

// batchSize returns how many items to put in a batch, going by the sizes of those before.
func (p *pipeline) batchSize() int {
	return int(min(max(batchAim/max(p.average.Load(), 1), 1), maxBatch))
}

func (p *pipeline) work() {
	pack := packer{ctx: p.ctx}
	for b := range p.jobs {
		p.prepare(b, &pack)
		close(b.done)
	}
}

func (p *pipeline) prepare(b *batch, pack *packer) {
	var held int64
	for i := range b.items {
		it := &b.items[i]
		if held > batchBytes || p.ctx.Err() != nil {
			break
		}
		if it.err = p.files.load(it); it.err != nil {
			break
		}
		p.format.prepare(pack, it)
		held += int64(len(it.content) + len(it.packed))
	}
	if n := int64(len(b.items)); n > 0 {
		p.average.Store((3*p.average.Load() + held/n) / 4)
	}
}

// items yields the items in order; those that are not loaded yet must be opened.
func (p *pipeline) items() iter.Seq2[*item, error] {
	return func(yield func(*item, error) bool) {
		for b := range p.order {
			select {
			case <-b.done:
			case <-p.ctx.Done():
			}
			for i := range b.items {
				if err := p.ctx.Err(); err != nil {
					yield(nil, err)
					return
				}
				it := &b.items[i]
				if !yield(it, it.err) || it.err != nil {
					return
				}
				it.content, it.packed = nil, nil
			}
			if b.err != nil {
				yield(nil, b.err)
				return
			}
		}
		if err := p.ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}
