package reposit

import (
	"context"
	"errors"

	gogitstorage "github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// packFactor is how many times CommitSize the objects of one pack may have, once they are inflated.
const packFactor = 4

// Storer returns the repository as a storage of go-git v5, on which git.Open(storer, nil) and the like work. It
// returns ErrNotFound.
//
// The Storer is safe for concurrent use, unlike what go-git builds on it. All its calls run under ctx, since go-git
// passes none: they fail once it is done. Small objects are held back in memory until a ref or the index changes, or
// they are many; until then, only reads through the same Storer see them. The Storer is an io.Closer, too: Close
// stores what is still held back, and need not be called if a ref leads to all that was written.
//
// Errors that go-git compares are its own: plumbing.ErrObjectNotFound, plumbing.ErrReferenceNotFound,
// plumbing.ErrInvalidType and storage.ErrReferenceHasChanged. All others are as everywhere in reposit.
//
// It differs from go-git's own storages where these would let a repository be damaged:
//
//   - Objects must be well formed: a commit or tag without headers, a tree with an entry called ".git" or out of
//     order, a blob over Limits.BlobSize is refused, in packs too. What old programs wrote is kept byte for byte:
//     modes padded with zeroes, mode 100664, odd or missing times and zones, addresses within or behind an address.
//   - A pack may have Limits.CommitSize bytes, and its objects four times as many. What its deltas make has at most
//     1,000 times the bytes of the pack, or 64 MiB, and what stored objects they are based on have: ErrTooLarge.
//   - An object is there if a ref of the repository leads to it, as for Repo.Resolve, or if it came in by this Storer.
//     So is what go-git's index names and was stored for it, and what the refs of submodules lead to.
//   - What an object names must be there before it is stored, and before a ref names it. Set objects in any order;
//     those whose parts are missing wait in memory.
//   - Names of refs follow Git's rules (git-check-ref-format), under refs/. No ref may be a directory of another.
//   - HEAD always names a branch: it can't be detached, so Worktree.Checkout of a hash or tag is refused, nor removed,
//     nor can the default branch. So Worktree.Checkout of a branch makes that the default branch, for everybody and for
//     good, as Repo.Update does; it needs Admin. To work on another branch, clone into a storage of its own. Other
//     symbolic refs can be made to name another ref, but not to hold a hash.
//   - CheckAndSetReference also compares symbolic refs, and refs that do not exist.
//   - git.Init and git.Clone take a repository that has no refs, though its HEAD exists. A clone of a tag has its HEAD
//     detached for this Storer alone. Refs under refs/pull/ are left out of mirrors.
//   - AddAlternate is refused. Packing and pruning are not go-git's business.
func (r *Repo) Storer(ctx context.Context) (gogitstorage.Storer, error) {
	const op = "storer"
	made := gogit.New(ctx, r.storerHost())
	if _, err := made.Config(); err != nil {
		return nil, r.fail(op, "", err)
	}
	return made, nil
}

// storerHost returns what a Storer of the repository is told.
func (r *Repo) storerHost() *gogit.Host {
	s := r.s
	limits := &s.opts.Limits
	return &gogit.Host{
		Backend: s.backend, Objects: s.objects, Reach: s.reach, Repo: r.id, By: s.actor,
		ReadOnly: s.opts.ReadOnly,
		Limits: gogit.Limits{
			Blob: limits.BlobSize, Pack: limits.CommitSize, Total: packFactor * limits.CommitSize, Repo: limits.RepoSize,
		},
		Now:    s.now,
		Author: func() (git.Signature, error) { return s.opts.Author.clean(s.now()) },
		Ref:    checkRef,
		Branch: func(short string) error {
			if err := names.CheckBranch(short); err != nil {
				return invalid("branch", err)
			}
			return nil
		},
		Ready: func(ctx context.Context, name string) error { return r.testNamed(ctx, name) },
		Enter: s.calls.Enter,
		Leave: s.calls.Leave,
		Fail:  r.failStorer,
	}
}

// failStorer makes an error of a Storer one that callers can branch on.
func (r *Repo) failStorer(op, name string, err error) error {
	if errors.Is(err, git.ErrMalformed) && !errors.Is(err, storage.ErrCorrupt) {
		err = &detail{ErrInvalid, "invalid object or ref: " + err.Error(), err}
	}
	return r.fail(op, name, err)
}
