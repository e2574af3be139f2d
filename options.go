package reposit

import (
	"log/slog"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/names"
)

// Options are what a Store is opened with. The zero value of each field is its default.
type Options struct {
	Owner         string           // owner of repositories named without one; default "local"
	DefaultBranch string           // first branch of new repositories; default "main"
	Author        Signature        // of commits that name none; default reposit <reposit@localhost>
	Now           func() time.Time // clock; default time.Now. It must be safe for concurrent use
	// source of IDs, none of them twice, not even after a deletion; default random NanoIDs. It must be safe for
	// concurrent use
	IDs func() ID
	// bytes of decoded objects kept in memory; default 64 MiB. Half as much more is kept of what refs reach
	CacheSize int64
	Upkeep    Upkeep // what the store does by itself
	// the events of how many of the last changes are kept at least; default 100,000. What one call changes at once is
	// one change
	KeepEvents    int
	KeepEventsFor time.Duration // how long events are kept at least; default 0: as KeepEvents says
	Limits        Limits        // what untrusted input may ask for
	// nothing is changed, whoever asks: that is storage.ErrReadOnly, and ErrForbidden. The store must have been made
	// before
	ReadOnly bool
	// merge the content of some files; of several that fit, the first does. The merge attribute in .gitattributes comes
	// first, if it names a driver of git's own (set, unset, "text", "binary" or "union") or one of these
	MergeDrivers []MergeDriver
	Logger       *slog.Logger // told of damage and of deleted repositories; default: discard
}

// Upkeep says what a store does by itself after changes: it finds out the languages of repositories whose default
// branch moved, for Info, lists and searches, which never count, and counts the commits of long histories, so that
// Repo.Contributors takes no longer the first time. It does that in one goroutine, which ends when there is nothing to
// do, and with Close. Store.Upkeep does all of it at once, whatever Upkeep says. The zero value of each field is the
// default in brackets.
type Upkeep struct {
	Off     bool          // the store does nothing by itself
	Percent int           // of one core's time that it takes at most [5]: under load, Info.Language lags behind with few
	Delay   time.Duration // between a change and the beginning of the work [1 s]
}

// Limits bound what callers may store. The zero value of each field is the default in brackets.
type Limits struct {
	BlobSize   int64 // bytes in one file [1 GiB]
	CommitSize int64 // bytes of new content in one commit [4 GiB]
	// bytes of all objects of one repository, before compression [none]. What nothing leads to any more counts, and so
	// does what a refused commit had stored ahead: content of readers, and of more than 1 MiB or 256 files. A fork
	// begins with the size of its parent, though it takes no room: a fork of a full repository is full. Nothing makes
	// one smaller, and each commit takes some room, one that only deletes too: a full one takes no more commits until
	// its host opens the store with a higher limit
	RepoSize   int64
	PathLength int // bytes in a path [4096]
	PathDepth  int // directories in a path [256]

	// Open pull requests. All that are to a branch follow it in one transaction, when it is renamed or deleted.
	PullsPerAuthor int // of one author who may not write to the base, to one repository [100]
	PullsPerBranch int // to one branch; those who may write to it, and the host, can open a quarter more [1000]

	// What others than the host put into a user's lists, where each repository costs a look. Users can leave.
	SharedPerUser int // others' repositories of which one user is a collaborator [1000]
	TeamsPerUser  int // others' teams that one user is in [100]
	ReposPerTeam  int // repositories of one team [1000]
}

const (
	defaultOwner      = "local"
	defaultBranch     = "main"
	defaultCache      = 64 << 20
	defaultEvents     = 100_000
	defaultBlobSize   = 1 << 30
	defaultCommitSize = 4 << 30
	defaultPathLength = 4096
	defaultPathDepth  = 256
	defaultPercent    = 5
	defaultDelay      = time.Second
	defaultOfAuthor   = 100
	defaultOfBranch   = 1000
	defaultShared     = 1000
	defaultTeams      = 100
	defaultTeamRepos  = 1000

	minReach = 16 << 20 // bytes in which is kept what refs reach
	minLasts = 4 << 20  // bytes in which is kept what LastCommits found
)

// withDefaults returns the options with zero values replaced, or ErrInvalid.
func (o *Options) withDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
		opts.MergeDrivers = slices.Clone(o.MergeDrivers)
	}
	setDefault(&opts.Owner, defaultOwner)
	setDefault(&opts.DefaultBranch, defaultBranch)
	setDefault(&opts.CacheSize, defaultCache)
	setDefault(&opts.KeepEvents, defaultEvents)
	setDefault(&opts.Upkeep.Percent, defaultPercent)
	setDefault(&opts.Upkeep.Delay, defaultDelay)
	setDefault(&opts.Limits.BlobSize, defaultBlobSize)
	setDefault(&opts.Limits.CommitSize, defaultCommitSize)
	setDefault(&opts.Limits.PathLength, defaultPathLength)
	setDefault(&opts.Limits.PathDepth, defaultPathDepth)
	setDefault(&opts.Limits.PullsPerAuthor, defaultOfAuthor)
	setDefault(&opts.Limits.PullsPerBranch, defaultOfBranch)
	setDefault(&opts.Limits.SharedPerUser, defaultShared)
	setDefault(&opts.Limits.TeamsPerUser, defaultTeams)
	setDefault(&opts.Limits.ReposPerTeam, defaultTeamRepos)
	if opts.Author.Name == "" && opts.Author.Email == "" {
		opts.Author.Name, opts.Author.Email = "reposit", "reposit@localhost"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.IDs == nil {
		opts.IDs = newID
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return opts, opts.check()
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (o *Options) check() error {
	if err := names.CheckOwner(names.Key(o.Owner)); err != nil {
		return invalid("option Owner", err)
	}
	if _, err := branchRef(o.DefaultBranch); err != nil {
		return fault.About("DefaultBranch", err)
	}
	if _, err := o.Author.clean(time.Unix(0, 0)); err != nil {
		return invalid("option Author", err)
	}
	if err := o.checkDrivers(); err != nil {
		return err
	}
	l := o.Limits
	if min(o.CacheSize, int64(o.KeepEvents), l.BlobSize, l.CommitSize, l.RepoSize, int64(l.PathLength), int64(l.PathDepth),
		int64(l.PullsPerAuthor), int64(l.PullsPerBranch), int64(l.SharedPerUser), int64(l.TeamsPerUser),
		int64(l.ReposPerTeam)) < 0 {
		return invalidf("option: sizes and limits can't be negative")
	}
	if o.KeepEventsFor < 0 {
		return invalidf("option KeepEventsFor: it is negative")
	}
	if u := o.Upkeep; u.Percent < 0 || u.Percent > 100 || u.Delay < 0 {
		return invalidf("option Upkeep: %d percent, delay %v", u.Percent, u.Delay)
	}
	return nil
}
