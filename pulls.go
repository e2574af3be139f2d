package reposit

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Pulls are the pull requests to a repository.
type Pulls struct{ r *Repo }

// Pulls returns the pull requests to the repository. Each asks to take the commits of a branch, the head, into a branch
// of this repository, the base. The head is here too, or in another repository of the fork network.
//
// While one is open, the ref refs/pull/N/head holds the commit of its head, and moves with it; refs/pull/N/merge is
// what the base, as it is, would become by a merge, and is not there if that can't be done. It is made when a revision,
// or a name of a ref that is asked for, first names it after either moved, and goes when one does. So a list of refs
// has only those that were asked for, of 100 pull requests to a branch at most. In a store that is read-only none is
// made. Commits that come to the base in whatever way make it merged, as soon as the base has all of the head. It is
// closed when the head is deleted, or moves back to what the base has, and when the base is deleted; also when the head
// moves in another repository to which its author may not write any more, or when they may not read the base any more,
// and as soon as the head's repository is private and the base's public. It stays, with the head that it had, when the
// head's repository is deleted. A branch that is renamed takes its pull requests along. When one was merged its refs
// stay; when one was closed they go, and with them whatever only they held.
//
// What a program outside does to a branch, as "git push" into the folder of a repository does, tells nobody. So Pull,
// List and Status show what the head holds at that moment; Merge and Review have the pull request follow it first, and
// Merge finds out whether the program merged it. The refs, and the events, follow with that, or with the branch's next
// change by this package.
func (r *Repo) Pulls() Pulls { return Pulls{r} }

// PullState is what has become of a pull request.
type PullState int

// The states. A list can be of all of them.
const (
	PullOpen PullState = iota
	PullMerged
	PullClosed
	PullAny
)

var pullStates = [...]struct {
	text  string
	state pull.State
}{PullOpen: {"open", pull.Open}, PullMerged: {"merged", pull.Merged}, PullClosed: {"closed", pull.Closed},
	PullAny: {"any", 0}}

// String returns "open", "merged", "closed" or "any".
func (s PullState) String() string {
	if s < 0 || int(s) >= len(pullStates) {
		return "PullState(" + strconv.Itoa(int(s)) + ")"
	}
	return pullStates[s].text
}

// A Pull describes a pull request.
type Pull struct {
	Number      int // from 1, in this repository; never given again
	Title, Body string
	Author      string // a login; "" if the host opened it for nobody
	State       PullState
	HeadRepo    ID // "" if it was deleted, or the actor may not read it
	HeadBranch  string
	Head        Hash // the commit
	BaseBranch  string
	Base        Hash // what the base holds; once the pull request has ended, what it held when it was merged, or opened
	Result      Hash // what the base became when it was merged
	EndedBy     string

	CreatedAt, UpdatedAt time.Time
	EndedAt              time.Time // when it was merged or closed
}

// PullOptions say more about a new pull request.
type PullOptions struct {
	Title    string // default: the first line of the head's message
	Body     string
	HeadRepo ID     // whose branch the head is; default: this repository
	Author   string // on whose behalf the host opens it; a user is the author themselves
}

// Open opens a pull request that asks to take the commits of a branch, head, into the branch base; "" is the default
// branch. It needs Read, and Write on the repository of the head, since it shows the head to all who may read the base.
//
// It returns ErrExists if there is an open one of the same head and base, ErrNoChange if the base has all commits of
// the head, ErrInvalid for a repository that is not of this fork network, ErrForbidden for a head in a private
// repository where the base's is public, and ErrTooLarge beyond 100 open ones of one head, beyond
// Limits.PullsPerBranch, and of those who may not write to the base beyond Limits.PullsPerAuthor.
func (p Pulls) Open(ctx context.Context, base, head string, opts *PullOptions) (Pull, error) {
	return call(ctx, p.r, "open pull", head, func() (Pull, error) {
		o := opener{p: p, base: base, head: head}
		if opts != nil {
			o.PullOptions = *opts
		}
		err := o.check()
		if err == nil {
			err = p.update(ctx, o.open)
		}
		return o.made, err
	})
}

// An opener is a pull request on its way.
type opener struct {
	PullOptions
	p          Pulls
	base, head string
	headRepo   storage.ID
	made       Pull
}

func (o *opener) check() error {
	for _, branch := range [2]*string{&o.base, &o.head} {
		if branch == &o.base && *branch == "" {
			continue // the default branch
		}
		full, err := branchRef(*branch)
		if err != nil {
			return fault.About(*branch, err)
		}
		*branch = full[len(ref.Branches):]
	}
	if o.Title != "" {
		if err := names.CheckDisplayName(o.Title); err != nil {
			return invalid("title", err)
		}
	}
	if err := names.CheckText(o.Body); err != nil {
		return invalid("body", err)
	}
	if o.headRepo = o.p.r.id; o.HeadRepo != "" {
		var ok bool
		if o.headRepo, ok = o.HeadRepo.storage(); !ok {
			return fault.About(string(o.HeadRepo), invalidf("ID"))
		}
	}
	return nil
}

// actsAs returns the login of whoever does what a person does: the actor themselves, or for the host whom it names.
func (s *Store) actsAs(named string) (string, error) {
	login := s.actor.Login()
	switch {
	case s.actor.IsHost():
		if named == "" {
			return "", nil
		}
		return checkLogin(named)
	case login == "" || named != "" && names.Key(named) != login:
		return "", ErrForbidden
	}
	return login, nil
}

func (o *opener) open(u *pull.Unit) error {
	r, v := o.p.r, u.Tx
	pool, err := r.s.actor.Check(v, r.id, access.Read)
	if err != nil {
		return err
	}
	headPool, err := r.s.actor.Check(v, o.headRepo, access.Write)
	if err != nil {
		return fault.About(string(publicID(o.headRepo)), err)
	}
	if pool != headPool {
		return invalidf("head: its repository is not of the same fork network")
	}
	author, err := r.s.actsAs(o.Author)
	if err != nil {
		return err
	}
	made := &pull.Pull{Repo: r.id, HeadRepo: o.headRepo, Author: author, Title: o.Title}
	base := o.base
	if base == "" {
		name, err := ref.Default(v, r.id)
		if err != nil {
			return err
		}
		base = strings.TrimPrefix(name, ref.Branches)
	}
	if made.BaseBranch, _, err = branchTip(v, r.id, base, "base"); err != nil {
		return err
	}
	if made.HeadBranch, made.Head, err = branchTip(v, o.headRepo, o.head, "head"); err != nil {
		return err
	}
	if made.HeadRepo == made.Repo && made.HeadBranch == made.BaseBranch {
		return invalidf("head: it is the base")
	}
	if made.Title == "" {
		if made.Title, err = o.title(u, made); err != nil {
			return err
		}
	}
	if err := u.Open(made, o.Body); err != nil {
		return err
	}
	o.made, err = o.p.public(v, made)
	return err
}

// branchTip returns the branch that a name leads to, and the commit that it holds. What says which one it is.
func branchTip(v storage.View, repo storage.ID, name, what string) (string, git.Hash, error) {
	at, err := ref.Follow(v, repo, ref.Branches+name)
	if errors.Is(err, storage.ErrNotFound) || err == nil && at.Hash.IsZero() {
		err = &detail{ErrNotFound, "not found: no such branch for the " + what, err}
	}
	if err != nil {
		return "", at.Hash, fault.About(name, err)
	}
	branch, ok := strings.CutPrefix(at.Name, ref.Branches)
	if !ok {
		return "", at.Hash, fault.About(name, invalidf("branch: it leads to %s", at.Name))
	}
	return branch, at.Hash, nil
}

// title makes a title of the head's message.
func (o *opener) title(u *pull.Unit, p *pull.Pull) (string, error) {
	r, err := u.Tx.Repo(p.Repo, access.None)
	if err != nil {
		return "", err
	}
	c, err := r.Commit(p.Head)
	if err != nil {
		return "", err
	}
	subject, _, _ := strings.Cut(charset.Commit(c).Message, "\n")
	if subject = strings.TrimSpace(subject); names.CheckDisplayName(subject) != nil {
		subject = p.HeadBranch
	}
	return subject, nil
}

// update runs fn in a transaction in which pull requests change.
func (p Pulls) update(ctx context.Context, fn func(*pull.Unit) error) error {
	by, err := p.r.s.opts.Author.clean(p.r.s.now())
	if err != nil {
		return err
	}
	actor := p.r.s.actor
	return p.r.s.backend.Update(ctx, actor, func(tx *txn.Tx) error {
		if _, err := tx.Repo(p.r.id, access.Read); err != nil {
			return err
		}
		return fn(&pull.Unit{Tx: tx, By: actor, Name: by.Name, Email: by.Email, Limits: pull.Limits{
			OfAuthor: p.r.s.opts.Limits.PullsPerAuthor, OfBase: p.r.s.opts.Limits.PullsPerBranch,
		}})
	})
}

// public describes a pull request to the actor.
func (p Pulls) public(v storage.View, from *pull.Pull) (Pull, error) {
	from, _, err := from.Current(v, nil)
	if err != nil {
		return Pull{}, err
	}
	text, err := from.Text(v)
	if err != nil {
		return Pull{}, err
	}
	out := Pull{
		Number: from.Number, Title: from.Title, Body: text, Author: from.Author,
		HeadBranch: ref.Short(ref.Branches, ref.Branches+from.HeadBranch), Head: Hash(from.Head),
		BaseBranch: ref.Short(ref.Branches, ref.Branches+from.BaseBranch), Base: Hash(from.Base),
		Result: Hash(from.Commit), EndedBy: from.EndedBy,
		CreatedAt: from.Created, UpdatedAt: from.Updated, EndedAt: from.Ended,
	}
	for state, of := range pullStates {
		if of.state == from.State {
			out.State = PullState(state)
		}
	}
	if from.State == pull.Open {
		at, err := ref.Follow(v, from.Repo, ref.Branches+from.BaseBranch)
		if err != nil {
			return Pull{}, err
		}
		out.Base = Hash(at.Hash)
	}
	seen, err := p.r.s.actor.CanRead(v, from.HeadRepo)
	if seen {
		out.HeadRepo = publicID(from.HeadRepo)
	}
	return out, err
}

// Pull returns the pull request with that number, or ErrNotFound. It needs Read.
func (p Pulls) Pull(ctx context.Context, number int) (Pull, error) {
	return call(ctx, p.r, "pull", pullName(number), func() (Pull, error) {
		var found Pull
		err := p.r.read(ctx, access.Read, func(v storage.View) error {
			loaded, err := pull.Load(v, p.r.id, number)
			if err != nil {
				return err
			}
			found, err = p.public(v, loaded)
			return err
		})
		return found, err
	})
}

func pullName(number int) string { return "#" + strconv.Itoa(number) }

// PullListOptions say which pull requests are listed, and which page of them.
type PullListOptions struct {
	State          PullState
	PageSize, Page int    // default 30, at most 100; Page is 1-based, instead of PageToken
	PageToken      string // from the page before
}

// List returns a page of the pull requests of a state, the latest first. It needs Read. A page costs what its rows
// cost, with Page also a step for each row before.
func (p Pulls) List(ctx context.Context, opts *PullListOptions) (Page[Pull], error) {
	return call(ctx, p.r, "list pulls", "", func() (Page[Pull], error) {
		if opts == nil {
			opts = &PullListOptions{}
		}
		return p.page(ctx, opts)
	})
}

func (p Pulls) page(ctx context.Context, o *PullListOptions) (list Page[Pull], err error) {
	if o.State < PullOpen || o.State > PullAny {
		return list, invalidf("state: %d", o.State)
	}
	state := pullStates[o.State].state
	q, err := p.r.s.page(o.PageSize, o.Page, o.PageToken, "pulls of %s %d as %q", p.r.id, state, p.r.s.actor)
	if err != nil {
		return list, err
	}
	before := 0
	if q.after != nil {
		before = int(binary.BigEndian.Uint32(q.after))
	}
	err = p.r.read(ctx, access.Read, func(v storage.View) error {
		counts, err := pull.Count(v, p.r.id)
		if err != nil {
			return err
		}
		found, more, err := pull.List(v, p.r.id, state, before, q.Bounds)
		if err != nil {
			return err
		}
		list = Page[Pull]{Items: make([]Pull, len(found)), TotalCount: counts.Total(state)}
		for i, f := range found {
			if list.Items[i], err = p.public(v, f); err != nil {
				return err
			}
		}
		if more {
			last := uint32(found[len(found)-1].Number)
			list.NextPageToken = q.token(binary.BigEndian.AppendUint32(nil, last), more)
		}
		return nil
	})
	return list, err
}

// Close ends an open pull request unmerged. Its author may if they may read the repository, and who may write, but for
// deploy keys. It returns ErrNotFound, or ErrConflict for one that is not open.
func (p Pulls) Close(ctx context.Context, number int) error {
	return do(ctx, p.r, "close pull", pullName(number), func() error {
		return p.update(ctx, func(u *pull.Unit) error { return p.close(u, number) })
	})
}

func (p Pulls) close(u *pull.Unit, number int) error {
	found, err := pull.Load(u.Tx, p.r.id, number)
	if err != nil {
		return err
	}
	if !p.r.s.actor.IsOrHost(found.Author) {
		if _, err := p.r.s.actor.Check(u.Tx, p.r.id, access.Write); errors.Is(err, ErrForbidden) {
			return &detail{ErrForbidden, "forbidden: its author, and who may write, can close it", err}
		} else if err != nil {
			return err
		}
		if p.r.s.actor.IsKey() {
			return access.ErrKey
		}
	}
	return u.Close(found)
}
