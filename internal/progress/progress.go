// Package progress tells how far long work is, now and then.
package progress

import "time"

// A Report is how far work is.
type Report struct {
	Stage       string
	Done, Total int64 // Total is 0 while it is not known
	Bytes       int64
}

// interval is how long nothing is told after something was.
const interval = 100 * time.Millisecond

// A Reporter tells one function of Reports, at most ten times a second, and at the end. It is for one goroutine. A nil
// one tells nobody.
type Reporter struct {
	tell func(Report)
	now  Report
	last time.Time
}

// New returns a Reporter that tells fn, or nil for nil.
func New(fn func(Report)) *Reporter {
	if fn == nil {
		return nil
	}
	return &Reporter{tell: fn}
}

// Begin begins another stage.
func (r *Reporter) Begin(stage string, total int64) {
	if r != nil {
		r.now.Stage, r.now.Done, r.now.Total = stage, 0, total
		r.look()
	}
}

// Set notes how much of the stage is done, and how many bytes that are.
func (r *Reporter) Set(done, bytes int64) {
	if r != nil {
		r.now.Done, r.now.Bytes = done, bytes
		r.look()
	}
}

func (r *Reporter) look() {
	if now := time.Now(); now.Sub(r.last) >= interval {
		r.last = now
		r.tell(r.now)
	}
}

// End tells how far the work is, whenever it was told last.
func (r *Reporter) End() {
	if r != nil {
		r.tell(r.now)
	}
}
