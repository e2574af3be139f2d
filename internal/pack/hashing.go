package pack

import (
	"runtime"
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// Bounds of the content that waits to be hashed.
const (
	waitingObjects = 256
	waitingBytes   = 8 << 20 // and one object more
)

// hashing hashes and checks objects beside the goroutine that inflates them.
type hashing struct {
	p     *Pack
	todo  chan hashed
	work  crew
	done  [][]hashed // by goroutine
	mu    sync.Mutex
	freed sync.Cond
	bytes int64 // that wait
}

// A hashed object is one that is no delta, with its place among the entries.
type hashed struct {
	place int
	typ   storage.Type
	data  []byte
	hash  git.Hash
}

func (p *Pack) startHashing() *hashing {
	n := max(1, runtime.GOMAXPROCS(0)-1)
	h := &hashing{p: p, todo: make(chan hashed, waitingObjects), done: make([][]hashed, n)}
	h.freed.L = &h.mu
	for i := range n {
		h.work.add(func() error {
			for o := range h.todo {
				if !h.work.failed() {
					if err := h.hash(&o); err != nil {
						h.work.fail(err)
					}
				}
				h.free(int64(len(o.data)))
				o.data = nil
				h.done[i] = append(h.done[i], o)
			}
			return nil
		})
	}
	return h
}

// add hands over an object.
func (h *hashing) add(o hashed) {
	h.mu.Lock()
	for h.bytes > waitingBytes {
		h.freed.Wait()
	}
	h.bytes += int64(len(o.data))
	h.mu.Unlock()
	h.todo <- o
}

func (h *hashing) free(bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes -= bytes
	h.freed.Signal()
}

func (h *hashing) hash(o *hashed) (err error) {
	if o.hash, err = git.Sum(o.typ, o.data); err != nil {
		return err
	}
	return h.p.opts.Check(&Object{Object: storage.Object{
		Hash: o.hash, Type: o.typ, Size: int64(len(o.data)), Data: o.data,
	}})
}

// end waits for all that was handed over, and notes the hashes. It returns err, or else what went wrong.
func (h *hashing) end(err error) error {
	if err != nil {
		h.work.fail(err)
	}
	close(h.todo)
	if err := h.work.wait(); err != nil {
		return err
	}
	for _, done := range h.done {
		for _, o := range done {
			h.p.entries[o.place].hash = o.hash
		}
	}
	return nil
}
