package patch

import (
	"context"
	"runtime"
	"sync"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// MaxText is how many bytes the text of all files together may have.
const MaxText = 256 << 20

// ErrTooLong says that a patch is longer.
var ErrTooLong = fault.New(fault.TooLarge, "too large: the patch of all files together is longer than 256 MiB")

// Load reads one side of a file. What is too large to be compared by lines is not read.
func Load(ctx context.Context, src treediff.Source, f *treediff.File) (Content, error) {
	switch f.Mode {
	case 0:
		return Content{}, nil
	case git.ModeSubmodule:
		return Submodule(f.Hash), nil
	}
	size, err := src.Size(ctx, f.Hash)
	if err != nil || size > MaxSize {
		return Content{Binary: true}, err
	}
	data, err := src.Blob(ctx, f.Hash)
	return Text(data), err
}

// Files makes the patch of each change, on several cores. It holds the contents of few files at a time, and of one if
// that is large. src must be safe for concurrent use. It returns ErrTooLong, and what src returns.
func Files(ctx context.Context, src treediff.Source, changes []treediff.Change, opts *Options) ([]Result, error) {
	m := &maker{src: src, opts: opts, changes: changes, results: make([]Result, len(changes))}
	m.ctx, m.cancel = context.WithCancelCause(ctx)
	defer m.cancel(nil)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), maxWorkers, len(changes)/perWorker) {
		workers.Go(m.work)
	}
	m.work()
	workers.Wait()
	if m.ctx.Err() != nil {
		return nil, context.Cause(m.ctx)
	}
	return m.results, nil
}

const (
	maxWorkers = 3       // besides the caller
	perWorker  = 4       // changes that one more worker is worth
	large      = 1 << 20 // bytes of a file of which one at a time is compared
)

// A maker makes the patches of many files.
type maker struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	src     treediff.Source
	opts    *Options
	changes []treediff.Change
	results []Result
	large   sync.Mutex // held while a large file is compared

	mu   sync.Mutex // guards what follows
	next int
	size int // of the text so far
}

// work makes patches until there is none left to make.
func (m *maker) work() {
	for i := m.take(); i >= 0; i = m.take() {
		r, err := m.make(&m.changes[i])
		if err != nil {
			m.cancel(err)
			return
		}
		m.results[i] = *r
		m.mu.Lock()
		m.size += len(r.Text)
		if m.size > MaxText {
			m.cancel(ErrTooLong)
		}
		m.mu.Unlock()
	}
}

// take returns the next change that nobody has taken, or -1.
func (m *maker) take() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.next == len(m.changes) || m.ctx.Err() != nil {
		return -1
	}
	m.next++
	return m.next - 1
}

func (m *maker) make(c *treediff.Change) (*Result, error) {
	if c.Old.Hash == c.New.Hash {
		return Make(m.ctx, c, Content{}, Content{}, m.opts)
	}
	for _, f := range []*treediff.File{&c.Old, &c.New} {
		if f.Mode == 0 || f.Mode == git.ModeSubmodule {
			continue
		}
		size, err := m.src.Size(m.ctx, f.Hash)
		if err != nil {
			return nil, err
		}
		if size > large {
			m.large.Lock()
			defer m.large.Unlock()
			break
		}
	}
	old, err := Load(m.ctx, m.src, &c.Old)
	if err != nil {
		return nil, err
	}
	now, err := Load(m.ctx, m.src, &c.New)
	if err != nil {
		return nil, err
	}
	return Make(m.ctx, c, old, now, m.opts)
}
