package reposit

import (
	"context"
	"errors"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/check"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/stats"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// RepairOptions say where objects are taken from, and whom Repair tells.
type RepairOptions struct {
	From     []RepairSource // other copies, in the order in which they are asked
	Progress func(Progress)
	Found    func(Damage) // told of all damage that was found at first
}

// Repair looks at the store as Check does, and then mends what it can, as Damage.Fix says: it makes anew what is made
// of something that is whole, takes objects that are missing or damaged, with all that they lead to, from
// RepairOptions.From, compared with their hashes, and puts out of the way what can't be saved. A damaged ref gets back
// what its log says, or is deleted; a damaged HEAD names a branch that is there. A repository whose own record can't be
// read is gone then: what was kept of it stays under keys that nothing reads, and its refs and objects stay as they
// are. Objects that no copy has stay damaged: reading them goes on to return ErrCorrupt or ErrNotFound.
//
// Then it looks again: the report says what is left. It takes what Check takes, twice, and room for the objects of
// bundles and repositories, until it returns. Others can write, but wait while records are made anew. Only the host
// may: others get ErrForbidden. What was done before an error stays done.
func (s *Store) Repair(ctx context.Context, opts *RepairOptions) (CheckReport, error) {
	if opts == nil {
		opts = &RepairOptions{}
	}
	var report CheckReport
	err := do(ctx, s, "repair", "", func() (err error) {
		if !s.actor.IsHost() {
			return ErrForbidden
		}
		if s.opts.ReadOnly {
			return storage.ErrReadOnly
		}
		tell := reporter(opts.Progress)
		defer tell.End()
		r := &repair{s: s, objects: object.New(s.backend.Backend, 0)}
		scope := s.checking(func(f check.Finding) {
			r.found = append(r.found, f)
			if opts.Found != nil {
				opts.Found(damage(f))
			}
		})
		scope.Tell = tell
		if _, err := check.Run(ctx, s.backend.Backend, scope); err != nil {
			return err
		}
		tell.Begin("repairing", int64(len(r.found)))
		defer func() { err = errors.Join(err, r.close()) }()
		if err := r.run(ctx, opts.From); err != nil {
			return err
		}
		scope = s.checking(func(f check.Finding) { report.add(damage(f)) })
		scope.Tell = tell
		tally, err := check.Run(ctx, s.backend.Backend, scope)
		report.Repos, report.Objects, report.Bytes = tally.Repos, tally.Objects, tally.Bytes
		report.Repaired = max(0, len(r.found)-report.Found)
		return err
	})
	return report, err
}

// A repair is what was found, and where objects may be taken from.
type repair struct {
	s       *Store
	objects *object.Store // reads what is there, and remembers nothing
	found   []check.Finding
	finds   []objectFinder
	ends    []func() error
}

func (r *repair) close() error {
	var err error
	for _, end := range r.ends {
		err = errors.Join(err, end())
	}
	return err
}

func (r *repair) run(ctx context.Context, from []RepairSource) error {
	for _, c := range from {
		if c == nil {
			return invalidf("source of objects: it is nil")
		}
		find, end, err := c.open(ctx, r.s)
		if err != nil {
			return err
		}
		r.finds, r.ends = append(r.finds, find), append(r.ends, end)
	}
	for _, f := range r.found {
		var err error
		switch f.Noun {
		case check.Object:
			err = r.object(ctx, f)
		case check.Reference:
			err = r.ref(ctx, f.Repo, f.What)
		case check.Repository:
			err = r.repo(ctx, f.Repo)
		case check.Language, check.Contributor:
			err = r.recount(ctx, f.Repo)
		case check.Graph:
			err = r.redraw(ctx, f.Pool)
		}
		if err != nil {
			return about(f.What, err)
		}
	}
	for more := true; more; {
		err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) (err error) {
			_, more, err = check.Derive(tx.Tx, derivedAtOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	return r.s.stats.FindAll(ctx)
}

const derivedAtOnce = 2000

// object takes an object from another copy, and what it leads to as far as that is missing or damaged.
func (r *repair) object(ctx context.Context, f check.Finding) error {
	first, ok := git.ParseHash(f.What)
	if !ok {
		return nil
	}
	seen := map[git.Hash]bool{}
	for left := []git.Hash{first}; len(left) > 0; {
		h := left[len(left)-1]
		if left = left[:len(left)-1]; seen[h] {
			continue
		}
		seen[h] = true
		if h != first && r.isWhole(ctx, f.Pool, h) {
			continue
		}
		t, data, err := r.copyOf(ctx, f.Pool, h)
		if err != nil {
			return err
		}
		if t == 0 {
			continue // no copy has it
		}
		o := storage.Object{Hash: h, Type: t, Size: int64(len(data)), Data: data}
		if err := storage.Mend(ctx, r.s.backend.Backend, f.Pool, o); err != nil {
			return err
		}
		below, err := check.Children(t, data)
		if err != nil {
			continue // as malformed as it ever was
		}
		left = append(left, below...)
	}
	return nil
}

func (r *repair) isWhole(ctx context.Context, pool storage.ID, h git.Hash) bool {
	t, data, err := r.objects.Pass(ctx, pool, h)
	if err != nil {
		return false
	}
	sum, err := git.Sum(t, data)
	return err == nil && sum == h
}

// copyOf returns an object that one of the copies has, whose hash is right, or the type 0.
func (r *repair) copyOf(ctx context.Context, pool storage.ID, h git.Hash) (storage.Type, []byte, error) {
	for _, find := range r.finds {
		t, data, err := find(ctx, pool, h)
		if err == nil {
			if sum, err := git.Sum(t, data); err == nil && sum == h {
				return t, data, nil
			}
			continue
		}
		if ctx.Err() != nil || !errors.Is(err, storage.ErrNotFound) && damageOf(err) == nil {
			return 0, nil, err
		}
	}
	return 0, nil, nil
}

// ref gives a damaged ref what its log says that it held, or removes it.
func (r *repair) ref(ctx context.Context, id storage.ID, name string) error {
	if id.IsZero() || name == "" {
		return nil
	}
	return r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
		has, err := tx.Ref(id, name)
		if name == ref.Head {
			if err == nil && strings.HasPrefix(has.Target, ref.Branches) {
				return nil
			}
		} else if err == nil || errors.Is(err, storage.ErrNotFound) {
			return nil
		} else if damageOf(err) == nil {
			return err
		}
		repo, err := tx.Repo(id, access.None)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		by, err := r.s.opts.Author.clean(r.s.now())
		if err != nil {
			return err
		}
		change := ref.Change{Name: name, By: r.s.actor, Log: logEntry(by, "repair")}
		if name == ref.Head {
			change.Target = r.branch(tx, id)
		} else {
			change.New = r.logged(ctx, tx, id, repo.Pool, name)
		}
		return repo.SetRef(&change)
	})
}

// logged returns what the newest entry of a ref's log says, or zero if that is of no use.
func (r *repair) logged(ctx context.Context, v storage.View, id, pool storage.ID, name string) git.Hash {
	for e, err := range v.Log(id, name) {
		if err == nil && r.isWhole(ctx, pool, e.New) {
			return e.New
		}
		break
	}
	return git.Hash{}
}

// branch returns the branch that a HEAD names which named none: the one that new repositories have, or the first.
func (r *repair) branch(v storage.View, id storage.ID) string {
	first := ""
	usual, err := branchRef(r.s.opts.DefaultBranch)
	if err != nil {
		usual = ref.Branches + defaultBranch
	}
	for has, err := range v.Refs(id, ref.Branches, "") {
		if err != nil {
			continue
		}
		if has.Name == usual {
			return usual
		}
		if first == "" {
			first = has.Name
		}
	}
	if first == "" {
		return usual
	}
	return first
}

// repo puts the record of a repository out of the way if it can't be read, or makes its state anew.
func (r *repair) repo(ctx context.Context, id storage.ID) error {
	if id.IsZero() {
		return nil
	}
	lost := false // the state
	err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
		lost = false
		repo, err := catalog.Load(tx, id)
		if err == nil {
			if _, err = catalog.LoadState(tx, repo); err != nil && damageOf(err) != nil {
				lost, err = true, check.SetAsideState(tx.Tx, id)
			}
			return err
		}
		if damageOf(err) == nil {
			return err
		}
		return check.SetAside(tx.Tx, id)
	})
	if err != nil || !lost {
		return err
	}
	return r.state(ctx, id)
}

// state finds out the state of a repository anew: times and size as far as they can be told.
func (r *repair) state(ctx context.Context, id storage.ID) error {
	watchers, outgoing := 0, 0
	var pulls pull.Counts
	var pool storage.ID
	err := r.s.backend.View(ctx, func(v storage.View) error {
		for _, err := range people.Watchers(v, id, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			watchers++
		}
		var err error
		if pulls, err = pull.Count(v, id); err != nil {
			return err
		}
		if outgoing, err = pull.CountOutgoing(v, id); err != nil {
			return err
		}
		pool, err = catalog.Pool(v, id)
		return err
	})
	var size int64
	if err == nil {
		size, err = r.size(ctx, pool)
	}
	if err != nil {
		return err
	}
	err = r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
		entry, err := tx.Entry(id)
		if err != nil {
			return err
		}
		state, err := entry.Edit(tx)
		if err != nil {
			return err
		}
		state.Watchers, state.OpenPulls, state.OutgoingPulls, state.Size = watchers, pulls.Total(pull.Open), outgoing, size
		// What is remembered of a number that the refs had before must not be taken for what they are.
		state.RefVersion = uint64(r.s.now().UnixNano())
		return nil
	})
	if err != nil {
		return err
	}
	return r.recount(ctx, id)
}

// size returns how many bytes the objects of a pool have. Those that can't be read do not count.
func (r *repair) size(ctx context.Context, pool storage.ID) (size int64, err error) {
	for h, err := range r.s.backend.Objects(ctx, pool, storage.Hash{}, git.LastHash()) {
		if err != nil {
			return 0, err
		}
		if _, n, err := r.s.backend.StatObject(ctx, pool, h); err == nil {
			size += n
		}
	}
	return size, nil
}

// recount has languages and contributors counted again.
func (r *repair) recount(ctx context.Context, id storage.ID) error {
	return r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
		if err := stats.Drop(tx, id); err != nil {
			return err
		}
		entry, err := tx.Entry(id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		state, err := entry.Edit(tx)
		if err != nil {
			return err
		}
		state.Language, state.LanguageAt = "", storage.Hash{}
		state.LanguageVersion = state.RefVersion
		entry.Moved()
		return nil
	})
}

// redraw has the graph of a pool made again.
func (r *repair) redraw(ctx context.Context, pool storage.ID) error {
	if pool.IsZero() {
		return nil
	}
	for more := true; more; {
		err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) (err error) {
			more, err = graph.Dropped.Drop(tx.Tx, pool)
			return err
		})
		if err != nil {
			return err
		}
	}
	r.s.backend.Graphs().Reset(pool)
	return nil
}
