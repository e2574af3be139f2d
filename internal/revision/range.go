package revision

import (
	"context"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Range is a set of commits: those that the included ones reach, they among them, without those that the excluded
// ones reach.
type Range struct {
	Include, Exclude []git.Hash
	Symmetric        bool // the merge bases of the two in Include are to be excluded
}

var errNoCommit = fault.New(fault.Invalid, "it is no commit")

// Commit returns the commit that rev names, or that the tag names which it names. What names something else is an error
// of the kind fault.Invalid.
func (r *Resolver) Commit(ctx context.Context, rev string) (git.Hash, error) {
	h, err := r.ResolveAs(ctx, rev, Commitish)
	if err == nil {
		h, err = r.Peel(ctx, h, 0)
	}
	if err != nil {
		return git.Hash{}, err
	}
	t, _, err := r.Objects.Stat(ctx, r.Pool, h)
	if err == nil && t != storage.Commit {
		err = errNoCommit
	}
	return h, err
}

// Range returns the commits that rev stands for: "a..b", "a...b", "rev^@", "rev^!", "rev^-", "rev^-n" (gitrevisions,
// "Specifying ranges"), and else those that the one commit reaches which it names.
func (r *Resolver) Range(ctx context.Context, rev string) (Range, error) {
	found, ok, first := r.between(ctx, rev)
	if ok && first == nil {
		return found, nil
	}
	if base, steps, ok := cutParents(rev); ok {
		found, err := r.parents(ctx, base, steps)
		if err == nil {
			return found, nil
		}
		first = err
	}
	h, err := r.Commit(ctx, rev)
	if err == nil {
		return Range{Include: []git.Hash{h}}, nil
	}
	if first != nil {
		err = first // it says more than that there can be no ref of that name
	}
	return Range{}, err
}

// between returns what "a..b" and "a...b" stand for. It reports false if rev is of neither form.
func (r *Resolver) between(ctx context.Context, rev string) (Range, bool, error) {
	a, b, ok := strings.Cut(rev, "..")
	if !ok {
		return Range{}, false, nil
	}
	b, symmetric := strings.CutPrefix(b, ".")
	if a == "" && b == "" && !symmetric {
		return Range{}, false, nil
	}
	from, err := r.Commit(ctx, a)
	if err != nil {
		return Range{}, true, fault.About(a, err)
	}
	to, err := r.Commit(ctx, b)
	if err != nil {
		return Range{}, true, fault.About(b, err)
	}
	if symmetric {
		return Range{Include: []git.Hash{from, to}, Symmetric: true}, true, nil
	}
	return Range{Include: []git.Hash{to}, Exclude: []git.Hash{from}}, true, nil
}

// cutParents splits "rev^@", "rev^!" and "rev^-n".
func cutParents(rev string) (base, steps string, ok bool) {
	at := strings.LastIndexByte(rev, '^')
	if at < 0 || at+1 == len(rev) || !strings.ContainsRune("@!-", rune(rev[at+1])) {
		return "", "", false
	}
	if steps = rev[at+1:]; steps[0] != '-' && len(steps) > 1 {
		return "", "", false
	}
	return rev[:at], steps, true
}

func (r *Resolver) parents(ctx context.Context, base, steps string) (Range, error) {
	h, err := r.Commit(ctx, base)
	if err != nil {
		return Range{}, err
	}
	c, err := r.Objects.Commit(ctx, r.Pool, h)
	if err != nil {
		return Range{}, err
	}
	switch steps {
	case "@":
		return Range{Include: c.Parents}, nil
	case "!":
		return Range{Include: []git.Hash{h}, Exclude: c.Parents}, nil
	}
	n := 1
	if digits := steps[1:]; digits != "" {
		if n, err = strconv.Atoi(digits); err != nil {
			return Range{}, ErrSyntax
		}
	}
	if n < 1 || n > len(c.Parents) {
		return Range{}, storage.ErrNotFound
	}
	return Range{Include: []git.Hash{h}, Exclude: c.Parents[n-1 : n]}, nil
}
