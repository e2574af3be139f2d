package revision

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Kind is what an abbreviated hash is hoped to name, where it fits several objects (git's core.disambiguate).
type Kind int

// The kinds.
const (
	Any       Kind = iota // whatever there is, so several are ambiguous
	Commitish             // a commit, or a tag of one
	Treeish               // what has a tree: one itself, a commit, or a tag of either

	commitOnly // a commit
)

// kindFor returns the kind of object that the first of the steps asks for, or want if there is none.
func kindFor(steps string, want Kind) Kind {
	switch {
	case steps == "":
		return want
	case strings.HasPrefix(steps, "^{tree}"):
		return Treeish
	case strings.HasPrefix(steps, "^{") && !strings.HasPrefix(steps, "^{commit}") && !strings.HasPrefix(steps, "^{/"):
		return Any
	}
	return Commitish
}

const minPrefix = 4 // digits of an abbreviated hash (git's MINIMUM_ABBREV)

func isPrefix(s string) bool {
	if len(s) < minPrefix || len(s) >= 40 {
		return false
	}
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

var errSeveral = fmt.Errorf("%w: several objects begin with it", ErrAmbiguous)

// abbreviated returns the object whose hash begins with digits, of those that the refs reach: the only one, or the only
// one of the kind that is wanted.
func (r *Resolver) abbreviated(ctx context.Context, digits string, want Kind) (git.Hash, error) {
	var wanted, others []git.Hash
	for h, err := range r.Objects.Matching(ctx, r.Pool, digits) {
		if err != nil {
			return git.Hash{}, err
		}
		fits, err := r.is(ctx, h, want)
		if err != nil {
			return git.Hash{}, err
		}
		if fits {
			wanted = append(wanted, h)
		} else {
			others = append(others, h)
		}
	}
	// Whether the others are reached may cost more to find out, and matters only if none is of the kind.
	for _, candidates := range [2][]git.Hash{wanted, others} {
		h, err := r.only(ctx, candidates)
		if !errors.Is(err, storage.ErrNotFound) {
			return h, err
		}
	}
	return git.Hash{}, storage.ErrNotFound
}

// is reports whether an object is of a kind. One that can't be followed is not.
func (r *Resolver) is(ctx context.Context, h git.Hash, want Kind) (bool, error) {
	if want == Any {
		return true, nil
	}
	t, _, err := r.Objects.Stat(ctx, r.Pool, h)
	if err == nil && t == storage.Tag && want != commitOnly {
		if h, err = r.Peel(ctx, h, 0); errors.Is(err, storage.ErrNotFound) || errors.Is(err, ErrSyntax) {
			return false, nil
		}
		if err == nil {
			t, _, err = r.Objects.Stat(ctx, r.Pool, h)
		}
	}
	return t == storage.Commit || t == storage.Tree && want == Treeish, err
}

// only returns the one object that the refs reach.
func (r *Resolver) only(ctx context.Context, candidates []git.Hash) (found git.Hash, err error) {
	for _, h := range candidates {
		err := r.Has(ctx, h)
		switch {
		case errors.Is(err, storage.ErrNotFound):
		case err != nil:
			return git.Hash{}, err
		case !found.IsZero():
			return git.Hash{}, errSeveral
		default:
			found = h
		}
	}
	if found.IsZero() {
		err = storage.ErrNotFound
	}
	return found, err
}
