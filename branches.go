package reposit

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Branches are the refs under refs/heads/, by their short names. Whatever takes the name of a branch takes its full
// name, too: "refs/heads/main" for "main". Other names that begin with "refs/" are ErrInvalid.
type Branches struct{ r *Repo }

// Branches returns the branches of the repository.
func (r *Repo) Branches() Branches { return Branches{r} }

// A Branch is a name that moves with each commit made on it.
type Branch struct {
	Name      string // short, "main"; full if the short one would begin with "refs/"
	Commit    Commit // the tip
	Protected bool   // a rule applies to it, see Repo.Protection
	// in lists, an ErrCorrupt if the ref or its commit can't be read: only the Name is known then; else nil
	Damaged error
}

// newBranches makes branches of refs.
func newBranches(res *revision.Resolver) (itemMaker[Branch], error) {
	rules, err := protect.Load(res.View, res.Repo)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r storage.Ref) (Branch, error) {
		tip, leads := r.Hash, r.Name
		if r.Target != "" {
			end, err := ref.Follow(res.View, res.Repo, r.Target)
			if err != nil {
				return Branch{}, err
			}
			tip, leads = end.Hash, end.Name
		}
		c, err := res.Objects.Commit(ctx, res.Pool, tip)
		if err != nil {
			return Branch{}, missingObject(err)
		}
		name := r.Name[len(ref.Branches):]
		isProtected := rules.For(name) != nil || rules.For(strings.TrimPrefix(leads, ref.Branches)) != nil
		return Branch{Name: ref.Short(ref.Branches, r.Name), Commit: *publicCommit(tip, c), Protected: isProtected}, nil
	}, nil
}

func newBranch(ctx context.Context, res *revision.Resolver, r storage.Ref) (Branch, error) {
	branch, err := newBranches(res)
	if err != nil {
		return Branch{}, err
	}
	return branch(ctx, r)
}

// List returns a page of the branches, in the order of their names' bytes. A page costs a step for each branch that
// there is, since it counts them.
func (b Branches) List(ctx context.Context, opts *RefListOptions) (Page[Branch], error) {
	return b.lister().list(ctx, opts)
}

func (b Branches) lister() refLister[Branch] {
	return refLister[Branch]{
		r: b.r, op: "list branches", dir: ref.Branches, maker: newBranches,
		damaged: func(name string, err error) Branch { return Branch{Name: ref.Short(ref.Branches, name), Damaged: err} },
		damage:  func(b Branch) (string, error) { return ref.Branches + b.Name, b.Damaged },
	}
}

// All yields all branches, in the order of their names' bytes.
func (b Branches) All(ctx context.Context) iter.Seq2[Branch, error] { return b.lister().all(ctx) }

// Branch returns one branch, or ErrNotFound.
func (b Branches) Branch(ctx context.Context, name string) (Branch, error) {
	return call(ctx, b.r, "branch", name, func() (Branch, error) {
		full, err := branchRef(name)
		if err != nil {
			return Branch{}, err
		}
		var branch Branch
		err = b.r.resolve(ctx, func(res *revision.Resolver) error {
			found, err := res.View.Ref(b.r.id, full)
			if err != nil {
				return err
			}
			branch, err = newBranch(ctx, res, found)
			return err
		})
		return branch, err
	})
}

// Create makes a branch at the commit that the revision from names; "" is the default branch. To admins, a whole hash
// also names what a deleted branch of this name held at any time, so that they can bring it back. It returns ErrExists
// if there is such a branch, or one whose name is a directory of this name, or the reverse.
func (b Branches) Create(ctx context.Context, name, from string) (Branch, error) {
	return call(ctx, b.r, "create branch", name, func() (Branch, error) {
		full, err := branchRef(name)
		if err != nil {
			return Branch{}, err
		}
		var branch Branch
		err = b.r.resolve(ctx, func(res *revision.Resolver) error {
			at, err := res.ResolveAs(ctx, from, revision.Commitish)
			if errors.Is(err, storage.ErrNotFound) {
				at, err = b.recall(res, full, from, err)
			}
			if err == nil {
				at, err = res.Peel(ctx, at, storage.Commit)
			}
			if err == nil {
				branch, err = newBranch(ctx, res, storage.Ref{Name: full, Hash: at})
			}
			return err
		})
		if err != nil {
			return Branch{}, about(from, err)
		}
		setDefault(&from, ref.Head)
		change := ref.Change{Name: full, New: git.Hash(branch.Commit.Hash), Old: &git.Hash{}}
		if err := b.r.updateRefs(ctx, "branch: Created from "+from, []ref.Change{change}); err != nil {
			return Branch{}, taken(err)
		}
		return branch, nil
	})
}

// recall returns the commit of a revision that is not found: one that a deleted branch of this name held, whose log is
// for admins alone. Otherwise it returns why it is not found.
func (b Branches) recall(res *revision.Resolver, full, from string, missing error) (git.Hash, error) {
	if from == "" {
		return git.Hash{}, &detail{ErrNotFound, "not found: the default branch has no commit yet", missing}
	}
	h, ok := git.ParseHash(from)
	if !ok || h.IsZero() {
		return h, missing
	}
	if may, err := b.r.s.actor.Permission(res.View, b.r.id); err != nil || may < access.Admin {
		return h, cmp.Or(err, missing)
	}
	for entry, err := range res.View.Log(b.r.id, full) {
		if err != nil {
			return h, err
		}
		if entry.Old == h || entry.New == h {
			return h, nil
		}
	}
	return h, missing
}

// Restore brings a deleted branch back: it names again what it held when it was last deleted, as its log has it. It
// needs Admin, since what deleted refs held is for admins alone. It returns ErrNotFound if there never was such a
// branch, ErrExists if there is one, or one whose name is a directory of this name, or the reverse, and ErrProtected.
func (b Branches) Restore(ctx context.Context, name string) (Branch, error) {
	return call(ctx, b.r, "restore branch", name, func() (Branch, error) {
		if err := b.r.may(ctx, access.Admin); err != nil {
			return Branch{}, err
		}
		full, err := branchRef(name)
		if err != nil {
			return Branch{}, err
		}
		var branch Branch
		err = b.r.resolve(ctx, func(res *revision.Resolver) error {
			at, err := b.deleted(res, full)
			if err == nil {
				branch, err = newBranch(ctx, res, storage.Ref{Name: full, Hash: at})
			}
			return err
		})
		if err != nil {
			return Branch{}, err
		}
		change := ref.Change{Name: full, New: git.Hash(branch.Commit.Hash), Old: &git.Hash{}}
		if err := b.r.updateRefs(ctx, "branch: restored", []ref.Change{change}); err != nil {
			return Branch{}, taken(err)
		}
		return branch, nil
	})
}

// deleted returns what a branch held that is not there any more.
func (b Branches) deleted(res *revision.Resolver, full string) (git.Hash, error) {
	_, err := res.View.Ref(b.r.id, full)
	if err == nil {
		return git.Hash{}, ErrExists
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return git.Hash{}, err
	}
	if may, err := b.r.s.actor.Permission(res.View, b.r.id); err != nil || may < access.Admin {
		return git.Hash{}, cmp.Or(err, error(ErrForbidden))
	}
	for entry, err := range res.View.Log(b.r.id, full) {
		if err != nil {
			return git.Hash{}, err
		}
		// Of a symbolic ref the log may not say what it held.
		for _, h := range [2]git.Hash{entry.Old, entry.New} {
			if !h.IsZero() {
				return h, nil
			}
		}
	}
	return git.Hash{}, &detail{ErrNotFound, "not found: no deleted branch of this name is known", storage.ErrNotFound}
}

// taken makes the conflict of something that should not exist an ErrExists.
func taken(err error) error {
	if conflict, ok := classify(err).(*ConflictError); ok && conflict.Expected.IsZero() {
		return ErrExists
	}
	return err
}

var errOtherDefault = errors.New("the default branch changed")

// sameDefault returns errOtherDefault unless head is still the default branch.
func sameDefault(v storage.View, repo storage.ID, head string) error {
	now, err := ref.Default(v, repo)
	if err == nil && now != head {
		err = errOtherDefault
	}
	return err
}

// Rename gives a branch another name, the default branch too. The rule that names a protected branch follows it, but
// may refuse: to be renamed is to be deleted, and what a rule names only admins rename, as the default branch. It
// returns ErrExists, ErrNotFound or ErrProtected.
func (b Branches) Rename(ctx context.Context, from, to string) error {
	return do(ctx, b.r, "rename branch", from, func() error {
		oldName, err := branchRef(from)
		if err != nil {
			return err
		}
		newName, err := branchRef(to)
		if err != nil {
			return about(to, err)
		}
		author, err := b.r.s.opts.Author.clean(b.r.s.now())
		if err != nil {
			return err
		}
		for {
			err := b.rename(ctx, oldName, newName, author)
			conflict, moved := classify(err).(*ConflictError)
			if errors.Is(err, errOtherDefault) || moved && conflict.Name == oldName {
				continue
			}
			if err = taken(err); errors.Is(classify(err), ErrExists) {
				return about(to, err)
			}
			return err
		}
	})
}

// rename gives a branch another full name, or returns errOtherDefault or a *ref.ConflictError if it, or the default
// branch, moves meanwhile.
func (b Branches) rename(ctx context.Context, oldName, newName string, by git.Signature) error {
	var head string
	var at storage.Ref
	err := b.r.resolve(ctx, func(res *revision.Resolver) (err error) {
		if head, err = ref.Default(res.View, b.r.id); err != nil {
			return err
		}
		at, err = res.View.Ref(b.r.id, oldName)
		return err
	})
	if err != nil {
		return err
	}
	if at.Target != "" {
		return invalidf("branch: it is symbolic")
	}
	if oldName == newName {
		return nil
	}
	entry := logEntry(by, "branch: renamed "+oldName+" to "+newName)
	changes := []ref.Change{ // the old name goes first: "a" may become "a/b"
		{Name: oldName, Old: &at.Hash, By: b.r.s.actor, Log: entry, Renamed: newName},
		{Name: newName, New: at.Hash, Old: &git.Hash{}, By: b.r.s.actor, Log: entry},
	}
	if head == oldName {
		changes = append(changes, ref.Change{Name: ref.Head, Target: newName, By: b.r.s.actor, Log: entry})
	}
	return b.r.s.backend.Push(ctx, b.r.id, &txn.Push{
		Refs: changes, Now: by.When,
		Check: func(v storage.View) error { return sameDefault(v, b.r.id, head) },
	})
}

// Delete removes a branch. It returns ErrNotFound, ErrProtected, or ErrInvalid for the default branch, which can't be
// deleted. Of its commits, those are not found from then on to which no other ref leads.
func (b Branches) Delete(ctx context.Context, name string) error {
	return do(ctx, b.r, "delete branch", name, func() error {
		full, err := branchRef(name)
		if err != nil {
			return err
		}
		return b.r.updateRefs(ctx, "branch: deleted", []ref.Change{{Name: full}})
	})
}
