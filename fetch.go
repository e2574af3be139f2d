package reposit

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// FetchOptions say what of a bundle is fetched.
type FetchOptions struct {
	Refs     []string // as BundleOptions.Refs; default: all but HEAD
	Force    bool     // refs are set whatever they hold
	Progress func(Progress)
}

// FetchResult says what became of the refs of a bundle. Those that hold what the bundle has are in neither.
type FetchResult struct {
	Updated  []RefUpdate       // in the order of their names; Old is what the ref held, zero for nothing
	Rejected map[string]string // by full name, why a ref stayed as it was
}

// Fetch stores what a bundle (gitformat-bundle, version 2 or 3 with SHA-1) has, and sets the refs of the same names.
// What the bundle needs must be there: commits that Resolve finds. Without Force, a branch or another ref that exists
// is moved by a fast-forward alone, and a tag that exists stays. Refs that break the rules of Refs.Update or are
// protected stay, too. All of that is in the result, and no error; refs are moved together if none is refused when they
// are, and otherwise one by one.
//
// It needs Write. It returns ErrNotFound for a commit that the bundle needs, ErrInvalid for one that is damaged,
// malformed, not supported or not whole, and ErrTooLarge over Options.Limits, as Storer does. src is read to its end.
func (r *Repo) Fetch(ctx context.Context, src io.Reader, opts *FetchOptions) (FetchResult, error) {
	if opts == nil {
		opts = &FetchOptions{}
	}
	return call(ctx, r, "fetch", "", func() (FetchResult, error) {
		if src == nil {
			return FetchResult{}, invalidf("reader: it is nil")
		}
		if err := r.may(ctx, access.Write); err != nil {
			return FetchResult{}, err
		}
		f := &fetching{r: r, opts: opts, result: FetchResult{Rejected: map[string]string{}}}
		err := f.run(ctx, src)
		return f.result, incoming(err)
	})
}

// fetching is a fetch on its way.
type fetching struct {
	r      *Repo
	opts   *FetchOptions
	storer *gogit.Storer
	result FetchResult
}

func (f *fetching) run(ctx context.Context, src io.Reader) error {
	in := bufio.NewReaderSize(src, 64<<10)
	header, err := transfer.ReadHeader(in)
	if err != nil {
		return err
	}
	chosen, err := newRefChoice(f.opts.Refs)
	if err != nil {
		return err
	}
	err = f.r.resolve(ctx, func(res *revision.Resolver) error {
		for _, h := range header.Prerequisites {
			if err := res.Has(ctx, h); err != nil {
				return about(h.String(), err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.receive(ctx, in); err != nil {
		return err
	}
	var changes []ref.Change
	for _, found := range header.Refs {
		if found.Name == ref.Head || !chosen.has(found.Name) {
			continue
		}
		if err := checkRef(found.Name); err != nil {
			f.result.Rejected[found.Name] = err.Error()
			continue
		}
		if err := f.storer.Has(found.Hash); errors.Is(err, storage.ErrNotFound) {
			return about(found.Name, invalidf("bundle: it lacks object %s", found.Hash))
		} else if err != nil {
			return err
		}
		changes = append(changes, ref.Change{Name: found.Name, New: found.Hash})
	}
	if err := chosen.unused(); err != nil {
		return err
	}
	slices.SortStableFunc(changes, func(a, b ref.Change) int { return cmp.Compare(a.Name, b.Name) })
	changes = slices.CompactFunc(changes, func(a, b ref.Change) bool { return a.Name == b.Name })
	if changes, err = f.allowed(ctx, changes); err != nil {
		return err
	}
	return f.update(ctx, changes)
}

// receive stores the pack that is left of a bundle.
func (f *fetching) receive(ctx context.Context, src io.Reader) error {
	tell := reporter(f.opts.Progress)
	host := f.r.storerHost()
	host.Fail = func(_, _ string, err error) error { return err } // Fetch says what it is about
	f.storer = gogit.New(ctx, host)
	w, err := f.storer.PackfileWriter()
	if err != nil {
		return err
	}
	err = transfer.Copy(ctx, w, src, tell)
	err = cmp.Or(err, w.Close())
	tell.End()
	return err
}

// allowed returns the changes that are no news to nobody, and notes those that Force alone would make.
func (f *fetching) allowed(ctx context.Context, changes []ref.Change) ([]ref.Change, error) {
	var left []ref.Change
	err := f.r.resolve(ctx, func(res *revision.Resolver) error {
		left = left[:0]
		for _, c := range changes {
			now, err := ref.Follow(res.View, f.r.id, c.Name)
			if err != nil {
				f.result.Rejected[c.Name] = classify(err).Error()
				continue
			}
			if now.Hash == c.New {
				continue
			}
			why, err := f.refuse(ctx, res, now, c.New)
			if err != nil {
				return err
			}
			if why != "" {
				f.result.Rejected[c.Name] = why
				continue
			}
			c.Old = &now.Hash
			left = append(left, c)
		}
		return nil
	})
	return left, err
}

// refuse returns why a ref may not be moved, or "".
func (f *fetching) refuse(ctx context.Context, res *revision.Resolver, now storage.Ref, to git.Hash) (string, error) {
	t, _, err := res.Objects.Stat(ctx, res.Pool, to)
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(now.Name, ref.Branches) && t != storage.Commit:
		return fmt.Sprintf("a branch can't name a %s", t), nil
	case now.Hash.IsZero() || f.opts.Force:
		return "", nil
	case strings.HasPrefix(now.Name, ref.Tags):
		return "the tag exists", nil
	}
	old, _, err := res.Objects.Stat(ctx, res.Pool, now.Hash)
	if err != nil {
		return "", err
	}
	const notForward = "not a fast-forward"
	if old != storage.Commit || t != storage.Commit {
		return notForward, nil
	}
	read := func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		return res.Objects.Commit(ctx, res.Pool, h)
	}
	is, err := graph.IsAncestor(ctx, read, now.Hash, to)
	if err != nil || is {
		return "", err
	}
	return notForward, nil
}

// update makes the changes: all at once, or, if one is refused, all that are not.
func (f *fetching) update(ctx context.Context, changes []ref.Change) error {
	if len(changes) == 0 {
		return nil
	}
	err := f.push(ctx, changes)
	if err == nil {
		for _, c := range changes {
			f.result.Updated = append(f.result.Updated, RefUpdate{Name: c.Name, New: Hash(c.New), Old: (*Hash)(c.Old)})
		}
		return nil
	}
	if !isRefusal(err) {
		return err
	}
	if len(changes) == 1 {
		f.result.Rejected[changes[0].Name] = classify(err).Error()
		return nil
	}
	for i := range changes {
		if err := f.update(ctx, changes[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// isRefusal reports whether an error is about the change of a ref, and not about what kept it from being tried.
func isRefusal(err error) bool {
	switch fault.KindOf(classify(err)) {
	case fault.Conflict, fault.Exists, fault.Invalid, fault.Protected:
		return true
	}
	return errors.Is(classify(err), ErrConflict)
}

func (f *fetching) push(ctx context.Context, changes []ref.Change) error {
	r := f.r
	author, err := r.s.opts.Author.clean(r.s.now())
	if err != nil {
		return err
	}
	types := make([]storage.Type, len(changes))
	err = r.resolve(ctx, func(res *revision.Resolver) error {
		for i := range changes {
			c := &changes[i]
			c.By, c.Log = r.s.actor, logEntry(author, "fetch")
			if types[i], err = targetType(ctx, res, c, nil); err != nil {
				return about(c.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.s.backend.Push(ctx, r.id, &txn.Push{
		Refs: changes, Now: author.When, Quota: r.s.opts.Limits.RepoSize,
		Check: func(v storage.View) error { return r.checkChanges(v, changes, types) },
	})
}
