package ancestry

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// ErrUnanswered ends a unit of work that needs to know about ancestors: it is begun again when they have been looked up,
// so that no other waits for that.
var ErrUnanswered = errors.New("ancestors are to be looked up")

// Facts are what is known of ancestors. A unit of work asks, and goes on with whatever answer, but ends with the error
// of Unanswered. The zero value knows nothing. Facts are for one goroutine.
type Facts struct {
	known map[[2]git.Hash]bool // of a head and a commit, whether the one contains the other
	asked []question
}

// A question is which of commits are head or among its ancestors, those of base aside.
type question struct {
	head, base git.Hash
	commits    []git.Hash
}

// Update runs fn in a unit of work of b, and again as often as it ends with ErrUnanswered: histories are walked in
// between, where nobody waits. What fn then finds to be as it was when it asked, it need not ask again.
func (f *Facts) Update(ctx context.Context, b storage.Backend, read Reader, fn func(storage.Tx) error) error {
	for {
		err := b.Update(ctx, func(tx storage.Tx) error {
			f.asked = f.asked[:0]
			return fn(tx)
		})
		if !errors.Is(err, ErrUnanswered) {
			return err
		}
		if err := f.answer(ctx, read); err != nil {
			return err
		}
	}
}

// Contains reports whether commit is head or one of its ancestors, and whether that is known yet.
func (f *Facts) Contains(head, commit git.Hash) (contains, known bool) {
	if head == commit {
		return true, true
	}
	asked := len(f.asked)
	contains = len(f.Among(head, commit, []git.Hash{commit})) > 0
	return contains, len(f.asked) == asked
}

// Among returns which of commits are known to be head or among its ancestors. The caller says that base has none of
// them among its ancestors other than itself.
func (f *Facts) Among(head, base git.Hash, commits []git.Hash) (in []git.Hash) {
	var open []git.Hash
	for _, c := range commits {
		is, known := f.known[[2]git.Hash{head, c}]
		switch {
		case is, c == head:
			in = append(in, c)
		case !known:
			open = append(open, c)
		}
	}
	if len(open) > 0 {
		f.asked = append(f.asked, question{head, base, open})
	}
	return in
}

// Unanswered returns ErrUnanswered if anything was asked that is not known, else nil.
func (f *Facts) Unanswered() error {
	if len(f.asked) > 0 {
		return ErrUnanswered
	}
	return nil
}

// answer looks up what was asked.
func (f *Facts) answer(ctx context.Context, read Reader) error {
	if f.known == nil {
		f.known = map[[2]git.Hash]bool{}
	}
	for _, q := range f.asked {
		found, err := Among(ctx, read, q.head, q.base, q.commits)
		if err != nil {
			return err
		}
		for _, c := range q.commits {
			f.known[[2]git.Hash{q.head, c}] = false
		}
		for _, c := range found {
			f.known[[2]git.Hash{q.head, c}] = true
		}
	}
	return nil
}
