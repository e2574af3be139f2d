package reposit

import (
	"context"
	"errors"
	"strings"

	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// Test merges are made when somebody asks for the ref that holds one: refs/pull/N/merge.

// tested returns a resolver that finds no such ref which is not true, unless nothing can be changed.
func (r *Repo) tested(res revision.Resolver) revision.Resolver {
	if !r.s.opts.ReadOnly {
		res.Ready = pull.Tested
	}
	return res
}

// test reports whether err is that of a resolver which found a test merge missing: it is made, and what failed is to be
// done again. Otherwise it returns err.
func (r *Repo) test(ctx context.Context, err error) (again bool, _ error) {
	if err == nil {
		return false, nil
	}
	var missing *pull.UntestedError
	if !errors.As(err, &missing) {
		return false, err
	}
	err = r.s.merges.Test(ctx, r.s.actor, missing.Repo, missing.Number)
	return err == nil, err
}

// viewTested calls fn with a snapshot, and again with each test merge that its resolver found missing.
func (r *Repo) viewTested(ctx context.Context, fn func(storage.View) error) error {
	for {
		if again, err := r.test(ctx, r.s.backend.View(ctx, fn)); !again {
			return err
		}
	}
}

// testNamed has the test merges that a revision, or the name of a ref, names be made. What else is wrong with it is for
// those to find who resolve it.
func (r *Repo) testNamed(ctx context.Context, rev string) error {
	if !strings.Contains(rev, "pull/") {
		return nil
	}
	err := r.resolve(ctx, func(res *revision.Resolver) error {
		_, err := res.Resolve(ctx, rev)
		var missing *pull.UntestedError
		if errors.As(err, &missing) {
			return err
		}
		return nil
	})
	if err == nil || errors.Is(err, storage.ErrNotFound) || errors.Is(err, ErrForbidden) {
		return nil
	}
	return err
}
