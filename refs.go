package reposit

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Resolve returns the object that a revision names; see Read for what can be one. A tag is not followed: "v1" is the
// tag object of an annotated tag, "v1^{}" what it names. It returns ErrNotFound, also for a branch that has no
// commit yet, and ErrInvalid for a malformed or ambiguous revision.
//
// A name costs a look-up. A hash, whole or abbreviated, is found only if the refs of this repository lead to it: not if
// it is stored for a fork, or was left behind by a deletion or a forced move. Those who may write also find what
// refs held before, and admins what deleted refs did whose names are in use again. The first such question reads the
// refs, and of the history as much as it takes; so does the first one after refs changed, but only what is new. Others
// cost look-ups, as long as there is memory for what is known. To find a tree or blob by its hash, trees are compared
// along the whole way to it.
func (r *Repo) Resolve(ctx context.Context, rev string) (Hash, error) {
	return call(ctx, r, "resolve", rev, func() (Hash, error) {
		var h git.Hash
		err := r.resolve(ctx, func(res *revision.Resolver) error {
			var err error
			h, err = res.Resolve(ctx, rev)
			return err
		})
		return Hash(h), err
	})
}

// Refs are all refs of a repository: HEAD, and everything under refs/.
type Refs struct{ r *Repo }

// Refs returns all refs of the repository.
func (r *Repo) Refs() Refs { return Refs{r} }

// A Ref is a name that holds a hash, or the name of another ref.
type Ref struct {
	Name     string // full: "refs/heads/main"
	Hash     Hash   // of a symbolic ref, what it leads to
	Symbolic string // the name that a symbolic ref holds; else ""
	// an ErrCorrupt if what it holds, or leads to, can't be read: Update mends or deletes it, with Old nil; else nil
	Damaged error
}

// A RefUpdate says what shall happen to a ref.
type RefUpdate struct {
	Name string // full: "refs/heads/main"
	New  Hash   // zero deletes
	Old  *Hash  // expected; zero: must not exist; nil: any
}

// All yields the refs under refs/ whose names begin with prefix, in the order of the names' bytes. Symbolic refs that
// lead nowhere have a zero Hash. It sees the refs in pages, so one that is changed meanwhile may be seen old or new. Of
// what pull requests would become (see Pulls) it yields those that were asked for, and one whose whole name is prefix.
func (f Refs) All(ctx context.Context, prefix string) iter.Seq2[Ref, error] {
	given := prefix
	if strings.HasPrefix("refs/", prefix) {
		prefix = "refs/"
	}
	return page.All("", func(after string) (refs []Ref, next string, more bool, err error) {
		err = do(ctx, f.r, "refs", given, func() error {
			if err := f.r.testNamed(ctx, given); err != nil {
				return err
			}
			refs, next, err = f.r.refPage(ctx, prefix, after)
			return err
		})
		return refs, next, next != "", err
	})
}

// refPageSize is how many refs are read at a time. Each page costs a look at whether the refs changed.
const refPageSize = 4096

// refPage returns the next refs after a name but HEAD, and the name after which there are more; "" on the last page.
func (r *Repo) refPage(ctx context.Context, prefix, after string) (refs []Ref, next string, err error) {
	err = r.resolve(ctx, func(res *revision.Resolver) error {
		refs, next = nil, ""
		last := after
		for found, err := range res.View.Refs(r.id, prefix, after) {
			if err != nil && !isDamagedRef(found, err) {
				return err
			}
			if len(refs) == refPageSize {
				next = last
				return nil
			}
			last = found.Name
			if found.Name == ref.Head {
				continue
			}
			out := Ref{Name: found.Name, Hash: Hash(found.Hash), Symbolic: found.Target, Damaged: damageOf(err)}
			if found.Target != "" {
				end, err := ref.Follow(res.View, r.id, found.Target)
				if out.Damaged = damageOf(err); err != nil && out.Damaged == nil && !errors.Is(err, ref.ErrSymbolic) {
					return err
				}
				out.Hash = Hash(end.Hash)
			}
			refs = append(refs, out)
		}
		return nil
	})
	for _, found := range refs {
		r.s.tellDamage(r.ID(), found.Name, found.Damaged)
	}
	return refs, next, err
}

// Update moves all the given refs, or none. Each new hash must be one that Resolve finds, under refs/heads/ a
// commit. It returns ErrConflict (*ConflictError) naming the first ref whose Old is stale, ErrNotFound for an object
// or a ref to delete that is not there, ErrExists for a name that is a directory of another ref's name, ErrProtected
// for what a branch is protected from, and ErrInvalid for names that Git refuses (git-check-ref-format), names outside
// of refs/, those under refs/pull/, and the deletion of the default branch. A damaged ref is overwritten or deleted if
// Old is nil; of a protected branch, unless it may be forced by anybody, admins alone overwrite it.
func (f Refs) Update(ctx context.Context, updates ...RefUpdate) error {
	return do(ctx, f.r, "update refs", "", func() error {
		changes := make([]ref.Change, len(updates))
		for i, u := range updates {
			if err := checkRef(u.Name); err != nil {
				return about(u.Name, err)
			}
			changes[i] = ref.Change{Name: u.Name, New: git.Hash(u.New), Old: (*git.Hash)(u.Old)}
		}
		if err := f.r.may(ctx, access.Write); err != nil {
			return err
		}
		if err := f.r.reaches(ctx, changes); err != nil {
			return err
		}
		if len(changes) == 0 {
			return nil
		}
		return f.r.updateRefs(ctx, "update", changes)
	})
}

// checkRef checks the full name of a ref that callers may write.
func checkRef(name string) error {
	if err := names.CheckRef(name); err != nil {
		return invalid("ref", err)
	}
	if !strings.HasPrefix(name, "refs/") {
		return invalidf("ref: it is not under refs/")
	}
	if name+"/" == ref.Branches || name+"/" == ref.Tags {
		return invalidf("ref: it would be in the way of all branches or tags")
	}
	if strings.HasPrefix(name+"/", pull.Refs) {
		return invalidf("ref: refs/pull/ is for pull requests alone")
	}
	if short, ok := strings.CutPrefix(name, ref.Branches); ok {
		if err := names.CheckBranch(short); err != nil {
			return invalid("branch", err)
		}
	}
	if short, ok := strings.CutPrefix(name, ref.Tags); ok {
		if err := names.CheckTag(short); err != nil {
			return invalid("tag", err)
		}
	}
	return nil
}

// reaches returns ErrNotFound unless the refs of the repository reach all that the changes name.
func (r *Repo) reaches(ctx context.Context, changes []ref.Change) error {
	return r.resolve(ctx, func(res *revision.Resolver) error {
		for _, c := range changes {
			if c.New.IsZero() {
				continue
			}
			if err := res.Has(ctx, c.New); err != nil {
				return fault.About(c.Name, err)
			}
		}
		return nil
	})
}

// updateRefs checks what the changes point to, and makes them as one.
func (r *Repo) updateRefs(ctx context.Context, message string, changes []ref.Change, objects ...storage.Object) error {
	if err := r.may(ctx, access.Write); err != nil {
		return err
	}
	author, err := r.s.opts.Author.clean(r.s.now())
	if err != nil {
		return err
	}
	types := make([]storage.Type, len(changes))
	err = r.resolve(ctx, func(res *revision.Resolver) error {
		for i := range changes {
			c := &changes[i]
			c.By, c.Log = r.s.actor, logEntry(author, message)
			if types[i], err = targetType(ctx, res, c, objects); err != nil {
				return fault.About(c.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.s.backend.Push(ctx, r.id, &txn.Push{
		Objects: objects, Refs: changes, Now: author.When, Quota: r.s.opts.Limits.RepoSize,
		Check: func(v storage.View) error { return r.checkChanges(v, changes, types) },
	})
}

// targetType returns the type of the object that a change points to, or 0 for a deletion.
func targetType(ctx context.Context, res *revision.Resolver, c *ref.Change,
	objects []storage.Object) (storage.Type, error) {
	if c.New.IsZero() {
		return 0, nil
	}
	for _, o := range objects {
		if o.Hash == c.New {
			return o.Type, nil
		}
	}
	t, _, err := res.Objects.Stat(ctx, res.Pool, c.New)
	return t, err
}

// checkChanges refuses to delete the default branch, and a branch that would be no commit, also if the change comes
// by a symbolic ref. It is asked in the transaction that makes the changes.
func (r *Repo) checkChanges(v storage.View, changes []ref.Change, types []storage.Type) error {
	for i, c := range changes {
		if types[i] == 0 {
			head, err := ref.Default(v, r.id)
			if err == nil && c.Name == head {
				return fault.About(c.Name, invalidf("deletion: it is the default branch"))
			}
			lost := errors.Is(err, ref.ErrSymbolic) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt)
			if err != nil && !lost {
				return err
			}
			continue
		}
		end, err := ref.Follow(v, r.id, c.Name)
		if err != nil && (c.Old != nil || !isDamagedRef(end, err)) { // what is damaged may be overwritten
			return fault.About(c.Name, err)
		}
		if strings.HasPrefix(end.Name, ref.Branches) && types[i] != storage.Commit {
			return fault.About(c.Name, invalidf("branch: object %s is a %s, not a commit", c.New, types[i]))
		}
	}
	return nil
}
