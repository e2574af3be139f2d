package stats

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/contributor"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// keepCommits is how many commits may be read again for each question before it is worth an Update to keep their tally.
const keepCommits = 64

// Contributors tallies the commits that a commit of a repository reaches. The tally of the default branch is kept, and
// others go on from it.
func (k *Service) Contributors(
	ctx context.Context, repo, pool storage.ID, at git.Hash, isDefault bool,
) (*contributor.Tally, error) {
	return k.tally(ctx, repo, pool, at, k.contributors, func(isKept bool, read int) bool {
		return isDefault && (!isKept || read >= keepCommits)
	})
}

// foresee tallies the commits of a default branch, so that whoever asks for its contributors need not wait for a long
// history. Of a short one nothing is kept.
func (k *Service) foresee(ctx context.Context, g Stale, by *contributor.Counter) error {
	if g.Tip.IsZero() {
		return nil
	}
	_, err := k.tally(ctx, g.Repo, g.Pool, g.Tip, by, func(_ bool, read int) bool { return read >= keepCommits })
	if err != nil && !stops(ctx, err) {
		err = nil // whoever asks is told
	}
	return err
}

// tally tallies commits, and keeps the tally if it should, given whether one is kept already and how many commits were
// read.
func (k *Service) tally(
	ctx context.Context, repo, pool storage.ID, at git.Hash, by *contributor.Counter, should func(bool, int) bool,
) (*contributor.Tally, error) {
	giveBack, err := k.turns.take(ctx, turn{repo, 'C'})
	if err != nil {
		return nil, err
	}
	defer giveBack()
	own, base, err := k.tallies(ctx, repo)
	if err != nil {
		return nil, err
	}
	t, read, err := by.Advance(ctx, pool, base, at)
	if err != nil || !should(own != nil, read) {
		return t, err
	}
	err = k.backend.Update(ctx, access.Host(), func(tx *txn.Tx) error {
		if _, err := catalog.LoadHeader(tx, repo); err != nil {
			if errors.Is(err, storage.ErrNotFound) {
				return nil // it was deleted meanwhile
			}
			return err
		}
		return contributor.Save(tx, repo, own, t)
	})
	if err != nil && !stops(ctx, err) {
		k.logUnlessReadOnly("contributors can't be stored", err, "repo", repo.String()) // who only reads need not mind
		err = nil
	}
	return t, err
}

// tallies returns the tally that is kept of a repository, or nil, and the one to go on from: that, else one of what it
// was forked from, else an empty one.
func (k *Service) tallies(ctx context.Context, repo storage.ID) (own, base *contributor.Tally, err error) {
	err = k.backend.View(ctx, func(v storage.View) error {
		ids, err := relatives(v, repo)
		if err != nil {
			return err
		}
		for _, id := range ids {
			base, err = contributor.Load(v, id)
			if err == nil {
				if id == repo {
					own = base
				}
				return nil
			}
			if !isDamage(err) {
				return err
			}
		}
		base = &contributor.Tally{}
		return nil
	})
	return own, base, err
}

// CoAuthors returns the authors of a tally, and who else has a share in their commits.
func (k *Service) CoAuthors(
	ctx context.Context, pool storage.ID, t *contributor.Tally, m *contributor.Mailmap,
) ([]contributor.Author, error) {
	return k.contributors.AddCoAuthors(ctx, pool, t, m)
}

// Mailmap returns the .mailmap of a tree. One that is a link, or too large, says nothing.
func (k *Service) Mailmap(ctx context.Context, pool storage.ID, tree git.Hash) (*contributor.Mailmap, error) {
	none := &contributor.Mailmap{}
	if tree.IsZero() || tree == git.EmptyTree {
		return none, nil
	}
	item, err := k.objects.Tree(ctx, pool, tree)
	if err != nil {
		return nil, err
	}
	e, ok := item.Tree.Find(contributor.MailmapFile)
	if !ok || !e.IsFile() {
		return none, nil
	}
	size, data, err := k.objects.Head(ctx, pool, e.Hash, contributor.MaxMailmap)
	if err != nil || size > contributor.MaxMailmap {
		return none, err
	}
	return contributor.ParseMailmap(data), nil
}

// Users returns who the users are, by their addresses.
func Users(v storage.View) contributor.Directory {
	return func(email string) (login, name string, err error) {
		login, err = people.UserByAddress(v, email)
		if errors.Is(err, storage.ErrNotFound) {
			return "", "", nil
		}
		if err != nil {
			return "", "", err
		}
		u, err := people.LoadUser(v, login)
		if err != nil {
			return "", "", err
		}
		return u.Login, u.Name, nil
	}
}
