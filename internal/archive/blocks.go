package archive

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

// A codec compresses one block after the other. It is for one goroutine.
type codec interface {
	// compress appends the compressed data to dst. history is what stood before data; last says that nothing
	// follows. A long compression stops early if ctx is done.
	compress(ctx context.Context, dst, history, data []byte, last bool) ([]byte, error)
}

// A blockWriter compresses what is written to it in blocks of a fixed size, several at once, and writes them in order.
// All of its methods are for one goroutine, which is the only one that writes. When its context is done, it does not
// wait for blocks any more.
type blockWriter struct {
	ctx     context.Context
	w       io.Writer
	size    int
	history int // bytes before a block that its codec gets to see
	written int64
	current *block
	queue   []*block // under way, in order
	free    []*block
	jobs    chan *block
	workers int
	running sync.WaitGroup
	closed  atomic.Bool
}

type block struct {
	in   []byte // history, then data
	keep int    // bytes of history
	last bool
	out  []byte
	err  error
	done chan struct{}
}

func newBlockWriter(ctx context.Context, w io.Writer, size, history int, newCodec func() codec) *blockWriter {
	b := &blockWriter{ctx: ctx, w: w, size: size, history: history, workers: workers()}
	b.jobs = make(chan *block, 2*b.workers)
	b.current = b.block(nil)
	for range b.workers {
		b.running.Go(func() {
			c := newCodec()
			for j := range b.jobs {
				if b.closed.Load() {
					continue
				}
				j.out, j.err = c.compress(b.ctx, j.out[:0], j.in[:j.keep], j.in[j.keep:], j.last)
				j.done <- struct{}{}
			}
		})
	}
	return b
}

// block returns an empty block that follows the given data.
func (b *blockWriter) block(before []byte) *block {
	var n *block
	if last := len(b.free) - 1; last >= 0 {
		n, b.free = b.free[last], b.free[:last]
	} else {
		n = &block{in: make([]byte, 0, b.history+b.size), done: make(chan struct{}, 1)}
	}
	n.in = append(n.in[:0], before[max(0, len(before)-b.history):]...)
	n.keep = len(n.in)
	n.last = false
	return n
}

func (b *blockWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		c := b.current
		if len(c.in)-c.keep == b.size {
			b.current = b.block(c.in)
			if err := b.submit(c); err != nil {
				return 0, err
			}
			continue
		}
		m := min(len(p), b.size-(len(c.in)-c.keep))
		c.in = append(c.in, p[:m]...)
		p = p[m:]
	}
	return n, nil
}

// submit hands a block to the codecs, and waits for the oldest if enough are under way.
func (b *blockWriter) submit(c *block) error {
	b.queue = append(b.queue, c)
	b.jobs <- c
	if len(b.queue) < 2*b.workers {
		return nil
	}
	return b.oldest()
}

// oldest writes the block that has been under way the longest.
func (b *blockWriter) oldest() error {
	c := b.queue[0]
	select {
	case <-c.done:
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	b.queue = append(b.queue[:0], b.queue[1:]...)
	b.free = append(b.free, c)
	if c.err != nil {
		return c.err
	}
	n, err := b.w.Write(c.out)
	b.written += int64(n)
	return err
}

// flush compresses and writes what is there as the end of a stream. Writing may then begin anew.
func (b *blockWriter) flush() error {
	c := b.current
	c.last = true
	b.current = b.block(nil)
	if err := b.submit(c); err != nil {
		return err
	}
	for len(b.queue) > 0 {
		if err := b.oldest(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the codecs' goroutines. Blocks that are under way are dropped.
func (b *blockWriter) close() {
	b.closed.Store(true)
	close(b.jobs)
	b.running.Wait()
}

// copyExactly copies size bytes, and makes sure that there are no more or less.
func copyExactly(ctx context.Context, w io.Writer, r io.Reader, size int64, buf []byte) error {
	left := size
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if left -= int64(n); left < 0 || err == io.EOF && left > 0 {
			return fmt.Errorf("%w: a blob of %d bytes has another length", storage.ErrCorrupt, size)
		}
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
