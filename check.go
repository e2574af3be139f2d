package reposit

import (
	"context"
	"iter"

	"github.com/reposit/reposit/internal/check"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/storage"
)

// A Damage is something in a store that does not hold.
type Damage struct {
	Kind  DamageKind
	Repos []ID   // that it touches, at most 1,000; empty if it touches none, or if that can't be told
	Name  string // what is damaged: the hash of an object, the name of a ref, the key of a record
	Means string // what does not hold of it, for people to read
	Fix   Fix
}

// A DamageKind says what is damaged.
type DamageKind string

// The kinds of damage.
const (
	DamagedObject     DamageKind = "object"     // it is missing, can't be read, or has another hash
	DamagedPool       DamageKind = "pool"       // where objects are kept that a repository shares with its forks
	DamagedRef        DamageKind = "ref"        // it can't be read, or HEAD is missing
	DamagedLog        DamageKind = "log"        // of a ref: it can't be read
	DamagedRepository DamageKind = "repository" // what is kept of it can't be read, but for its refs and objects
	DamagedNetwork    DamageKind = "network"    // who was forked from whom, or was called how before
	DamagedRecord     DamageKind = "record"     // some other record
	DamagedIndex      DamageKind = "index"      // what is kept for speed alone: indexes, counts, languages, the graph
	DamagedBackend    DamageKind = "backend"    // what the backend itself found in its files
)

// A Fix says what Store.Repair can do about damage.
type Fix string

// The fixes.
const (
	FixDerive   Fix = "derive"    // made anew from what is whole
	FixCopy     Fix = "copy"      // taken from RepairOptions.From, if that has it
	FixSetAside Fix = "set aside" // what it held is lost; it is put out of the way, so that the rest works
	FixNone     Fix = "none"      // nothing: it does no harm, or only a backup helps
)

// CheckOptions say whom Check tells.
type CheckOptions struct {
	Progress func(Progress)
	Found    func(Damage) // told of each damage, of as many as there are
}

// A CheckReport says what Check looked at, and what it found.
type CheckReport struct {
	Damage   []Damage // the first 1,000
	Found    int      // how many there are in all
	Repaired int      // how many more there were, which Repair has mended or set aside

	Repos, Objects int64
	Bytes          int64 // of the objects, before compression
}

// maxReported is how many damages a report lists.
const maxReported = 1000

// Clean reports whether nothing was found.
func (r *CheckReport) Clean() bool { return r.Found == 0 }

func (r *CheckReport) add(d Damage) {
	if r.Found++; len(r.Damage) < maxReported {
		r.Damage = append(r.Damage, d)
	}
}

// Check looks at all that is stored, and changes nothing: it reads every object and compares it with its hash, looks
// whether everything is there that objects, refs, logs and records name, and makes anew what is kept for speed alone,
// to compare it. It takes as long as reading all of that. Damage is in the report, and no error.
//
// Others may write meanwhile. The records are looked at as they were at one moment, objects pool by pool; what was
// deleted since is not reported. It takes about 2 KiB of memory for each repository, and 30 bytes for each object of
// the largest network of forks. Only the host may: others get ErrForbidden. After an error, the report says what was
// found until then.
func (s *Store) Check(ctx context.Context, opts *CheckOptions) (CheckReport, error) {
	if opts == nil {
		opts = &CheckOptions{}
	}
	var report CheckReport
	err := do(ctx, s, "check", "", func() error {
		if !s.actor.IsHost() {
			return ErrForbidden
		}
		tell := reporter(opts.Progress)
		defer tell.End()
		scope := s.checking(func(f check.Finding) {
			d := damage(f)
			report.add(d)
			if opts.Found != nil {
				opts.Found(d)
			}
		})
		scope.Tell = tell
		tally, err := check.Run(ctx, s.backend.Backend, scope)
		report.Repos, report.Objects, report.Bytes = tally.Repos, tally.Objects, tally.Bytes
		return err
	})
	return report, err
}

// checking returns how a store is looked at.
func (s *Store) checking(found func(check.Finding)) check.Options {
	return check.Options{
		Found: found,
		Roots: func(v storage.View, id storage.ID) iter.Seq2[git.Hash, error] { return gogit.Tips(v, id) },
		Shallow: func(v storage.View, id storage.ID) (map[git.Hash]bool, bool, error) {
			ends, err := gogit.ShallowCommits(v, id)
			if err != nil {
				return nil, false, err
			}
			lacking, err := gogit.MayLack(v, id)
			return ends, lacking, err
		},
	}
}

// damage returns what is said of a finding.
func damage(f check.Finding) Damage {
	d := Damage{Name: f.What, Means: f.Means, Fix: FixDerive}
	if len(f.Repos) == 0 && !f.Repo.IsZero() {
		f.Repos = []storage.ID{f.Repo}
	}
	for _, id := range f.Repos {
		d.Repos = append(d.Repos, publicID(id))
	}
	switch f.Noun {
	case check.Object:
		d.Kind, d.Fix = DamagedObject, FixCopy
		if len(d.Repos) == 0 {
			d.Fix = FixNone
		}
	case check.Pool:
		d.Kind, d.Fix = DamagedPool, FixNone
	case check.Reference:
		d.Kind, d.Fix = DamagedRef, FixSetAside
	case check.Log:
		d.Kind, d.Fix = DamagedLog, FixNone
	case check.Repository:
		d.Kind, d.Fix = DamagedRepository, FixSetAside
	case check.Redirect, check.Family, check.Network:
		d.Kind = DamagedNetwork
	case check.Record:
		d.Kind, d.Fix = DamagedRecord, FixSetAside
	case check.Backend:
		d.Kind, d.Fix = DamagedBackend, FixNone
	default:
		d.Kind = DamagedIndex
	}
	return d
}
