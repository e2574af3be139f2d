package storagetest

import (
	"errors"
	"sync"
)

// ErrInjected is what calls return that a Fault makes fail, if it names no other error.
var ErrInjected = errors.New("storagetest: injected fault")

// A Call names a kind of call that a Fault can be of.
type Call string

// All kinds of calls. Those of iterators and readers count each loop over them, and each Read.
const (
	CallObject     Call = "Backend.Object"
	CallStatObject Call = "Backend.StatObject"
	CallOpenObject Call = "Backend.OpenObject"
	CallObjects    Call = "Backend.Objects"
	CallStage      Call = "Backend.Stage"
	CallView       Call = "Backend.View"
	CallUpdate     Call = "Backend.Update"
	CallClose      Call = "Backend.Close"

	CallRef     Call = "View.Ref"
	CallRefs    Call = "View.Refs"
	CallLog     Call = "View.Log"
	CallRecord  Call = "View.Record"
	CallRecords Call = "View.Records"

	CallHasObject    Call = "Tx.HasObject"
	CallPutObject    Call = "Tx.PutObject"
	CallPutRef       Call = "Tx.PutRef"
	CallDeleteRef    Call = "Tx.DeleteRef"
	CallPutRecord    Call = "Tx.PutRecord"
	CallDeleteRecord Call = "Tx.DeleteRecord"
	CallCreateRepo   Call = "Tx.CreateRepo"
	CallForkRepo     Call = "Tx.ForkRepo"
	CallDropRepo     Call = "Tx.DropRepo"
	CallDropPool     Call = "Tx.DropPool"

	CallStagePut    Call = "Stage.Put"
	CallStageCreate Call = "Stage.Create"
	CallStageClose  Call = "Stage.Close"

	CallWrite   Call = "Writer.Write"
	CallContent Call = "Writer.Content"
	CallCommit  Call = "Writer.Commit"

	CallRead Call = "Reader.Read" // of OpenObject and Content
)

// Mode is how much of a call is done before it fails.
type Mode int

const (
	// Before does nothing of it.
	Before Mode = iota
	// Within does part of it: an Update runs its function and drops what it did, a Write takes half of its bytes, a
	// Read gives half of what it could, a loop ends after its first element. Other calls fail as with Before.
	Within
	// After does all of it, and then fails: the outcome is unknown to the caller. A loop fails at its end.
	After
	// Again is of Update alone: its function runs, what it did is dropped, and it runs once more. Nothing fails.
	Again
)

// A Fault makes calls fail.
type Fault struct {
	Call    Call  // of this kind; "" means of any kind
	N       int   // the n-th call of the kind, from 1; 0 means 1
	Forever bool  // and all later ones
	Mode    Mode  // how
	Err     error // with what; nil means ErrInjected
}

// A Plan says which calls of a backend fail. It is safe for concurrent use. To see every point of failure of some
// work, do it with Fault{N: 1}, Fault{N: 2} and so on, until Fired is 0.
type Plan struct {
	faults []Fault

	mu    sync.Mutex
	seen  map[Call]int
	total int
	fired int
}

// NewPlan returns a plan of these faults. Of several that are due at one call, the first counts.
func NewPlan(faults ...Fault) *Plan {
	return &Plan{faults: faults, seen: map[Call]int{}}
}

// Calls returns how many calls of the kind there were; "" means of any kind.
func (p *Plan) Calls(kind Call) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == "" {
		return p.total
	}
	return p.seen[kind]
}

// Fired returns how many calls met a fault.
func (p *Plan) Fired() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired
}

// next counts a call and returns the fault that it meets, or nil.
func (p *Plan) next(kind Call) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[kind]++
	p.total++
	for i := range p.faults {
		f := &p.faults[i]
		n := p.total
		if f.Call != "" {
			n = p.seen[f.Call]
			if f.Call != kind {
				continue
			}
		}
		if f.Mode == Again && kind != CallUpdate {
			continue
		}
		if due := max(f.N, 1); n == due || f.Forever && n > due {
			p.fired++
			return f
		}
	}
	return nil
}

func (f *Fault) err() error {
	if f.Err != nil {
		return f.Err
	}
	return ErrInjected
}

// do runs call, or what the fault leaves of it. A nil fault leaves all.
func (f *Fault) do(call func() error) error {
	if f == nil {
		return call()
	}
	if f.Mode == After {
		if err := call(); err != nil {
			return err
		}
	}
	return f.err()
}
