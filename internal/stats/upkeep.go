package stats

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/storage"
)

// Upkeep says what a Service does by itself.
type Upkeep struct {
	Off     bool          // nothing
	Percent int           // of one core that it uses at most, from 1 to 100
	Delay   time.Duration // from Wake to the work
}

// background is the work that a Service does by itself. There is no goroutine until there is something to do.
type background struct {
	Upkeep
	ctx  context.Context // done when the Service is stopped
	stop context.CancelFunc

	also    func(context.Context) error // done with each round; nil: nothing
	pending atomic.Bool                 // there is something to do that the goroutine has not begun with
	mu      sync.Mutex
	running bool
	workers sync.WaitGroup
}

// Wake has the Service count, after a delay, what is marked. The cost does not depend on how often it is called.
func (k *Service) Wake() {
	b := &k.background
	if b.Off || b.pending.Load() || b.pending.Swap(true) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.running && b.ctx.Err() == nil {
		b.running = true
		b.workers.Go(k.run)
	}
}

// Also has fn be called whenever what Wake began is done. It must be called before Wake.
func (k *Service) Also(fn func(context.Context) error) { k.background.also = fn }

// Stop ends what Wake began, and waits for that. Later calls of Wake are no-ops.
func (k *Service) Stop() {
	b := &k.background
	b.mu.Lock()
	b.stop()
	b.mu.Unlock()
	b.workers.Wait()
}

func (k *Service) run() {
	b := &k.background
	for {
		sleep(b.ctx, b.Delay, nil)
		if b.ctx.Err() != nil {
			return
		}
		b.pending.Store(false)
		if err := k.findMarked(b.ctx); err != nil && !stops(b.ctx, err) {
			k.log.Error("languages can't be counted", "err", err)
		}
		if b.also != nil {
			if err := b.also(b.ctx); err != nil && !stops(b.ctx, err) {
				k.log.Error("what was deleted long ago can't be dropped", "err", err)
			}
		}
		b.mu.Lock()
		if !b.pending.Load() {
			b.running = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
	}
}

// findMarked does what FindAll does, within the budget.
func (k *Service) findMarked(ctx context.Context) error {
	err := k.eachMarked(ctx, func(gaps []Stale) error {
		for _, g := range gaps {
			p := &pace{percent: k.background.Percent, since: time.Now(), wanted: k.turns.wanted(turn{g.Repo, 'L'})}
			if _, err := k.count(ctx, g, k.languages.Paced(p.step)); err != nil {
				return err
			}
			if err := p.step(ctx); err != nil {
				return err
			}
			if err := k.draw(ctx, g, p.step); err != nil {
				return err
			}
			p.wanted = k.turns.wanted(turn{g.Repo, 'C'})
			if err := k.foresee(ctx, g, k.contributors.Paced(p.step)); err != nil {
				return err
			}
			if err := p.step(ctx); err != nil {
				return err
			}
		}
		p := &pace{percent: k.background.Percent, since: time.Now()}
		if err := k.keep(ctx, gaps); err != nil {
			return err
		}
		return p.step(ctx)
	})
	if err == nil {
		err = k.drawWanted(ctx, (&pace{percent: k.background.Percent, since: time.Now()}).step)
	}
	return err
}

// A pace rests after each step of some work, so that the work takes no more than its share of one core.
type pace struct {
	percent int
	since   time.Time       // of the last rest
	wanted  <-chan struct{} // closed when somebody waits for the work to end: then there is no rest
}

func (p *pace) step(ctx context.Context) error {
	worked := time.Since(p.since)
	sleep(ctx, worked*time.Duration(100-p.percent)/time.Duration(p.percent), p.wanted)
	p.since = time.Now()
	return ctx.Err()
}

// sleep waits for a while, unless the context ends or wake is closed before.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// HasMarked reports whether the language of some repository is not known for what its default branch names.
func HasMarked(v storage.View) (bool, error) {
	ids, err := language.Dirty(v, storage.ID{}, 1)
	return len(ids) > 0, err
}
