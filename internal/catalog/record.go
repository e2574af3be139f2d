package catalog

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Repo is what the catalog knows of a repository, apart from what every push changes.
type Repo struct {
	ID, Pool                         storage.ID
	Family                           storage.ID // of a fork: what it was forked from, also when that is gone; see Parent
	Upstream                         storage.ID // of the fork of a private repository: that, also when it is gone
	Owner, Slug                      string
	Name, Description, Homepage      string
	Private                          bool
	HasWiki, HasIssues, HasDownloads bool
	Protected                        bool // some of its branches are
	Networked                        bool // it is in the list of its fork network
	OpenIssues                       int
	Created, Expires                 time.Time
	Labels                           map[string]string
}

// A Header is what every access to a repository must know of it.
type Header struct {
	Pool      storage.ID
	Owner     string
	Private   bool
	Protected bool       // some of its branches are
	Upstream  storage.ID // what its owner must be able to read, if it is private; zero: nothing
}

// A State is what changes with every push, and what else changes often.
type State struct {
	Updated, Pushed     time.Time
	Size                int64  // bytes of all objects, before compression
	Moves               uint64 // how often what the repository's names lead to changed: its refs, and go-git's records
	Forks, PrivateForks int    // direct ones that all may see, and others
	Watchers, OpenPulls int
	Offered             int          // open pull requests, of whatever repository, whose head is a branch of this one
	Language            string       // with most bytes on the default branch
	LanguageAt          storage.Hash // the commit of the default branch at which Language was found out
	LanguageMoves       uint64       // what Moves was then
}

// LanguageIsNew reports whether no refs changed since the language was found out, but by other programs.
func (s *State) LanguageIsNew() bool { return s.Moves == s.LanguageMoves }

// The first byte of each stored value is the version of its layout.
const (
	repoVersion  = 2
	forkVersion  = 3 // of a repository that has an upstream
	stateVersion = 2
)

const (
	flagPrivate = 1 << iota
	flagWiki
	flagIssues
	flagDownloads
	flagProtected
	flagNetworked
	flagFork
)

func (r *Repo) encode() []byte {
	b := make([]byte, 0, 160+len(r.Name)+len(r.Description)+len(r.Homepage))
	version := byte(repoVersion)
	if !r.Upstream.IsZero() {
		version = forkVersion
	}
	b = append(b, version)
	b = append(b, r.Pool[:]...)
	b = append(b, r.flags())
	b = record.AppendString(b, r.Owner)
	if version == forkVersion {
		b = append(b, r.Upstream[:]...)
	}
	if !r.Family.IsZero() {
		b = append(b, r.Family[:]...)
	}
	for _, s := range [4]string{r.Slug, r.Name, r.Description, r.Homepage} {
		b = record.AppendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(r.OpenIssues))
	b = appendTime(b, r.Created)
	b = appendTime(b, r.Expires)
	b = binary.AppendUvarint(b, uint64(len(r.Labels)))
	if len(r.Labels) == 0 {
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
		b = record.AppendString(b, k)
		b = record.AppendString(b, r.Labels[k])
	}
	return b
}

func (r *Repo) flags() byte {
	var f byte
	for i, set := range [7]bool{
		r.Private, r.HasWiki, r.HasIssues, r.HasDownloads, r.Protected, r.Networked, !r.Family.IsZero(),
	} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

// head reads what a repository's record begins with.
func (d *decoder) head() (h Header, flags byte, err error) {
	version := d.Byte()
	if version != repoVersion && version != forkVersion {
		return h, 0, fmt.Errorf("%w: repository record of version %d", storage.ErrFormat, version)
	}
	h.Pool = d.id()
	flags = d.Byte()
	h.Owner = d.String()
	h.Private, h.Protected = flags&flagPrivate != 0, flags&flagProtected != 0
	if version == forkVersion {
		h.Upstream = d.id()
	}
	return h, flags, nil
}

func decodeRepo(id storage.ID, b []byte) (*Repo, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	h, flags, err := d.head()
	if err != nil {
		return nil, err
	}
	r := &Repo{
		ID: id, Pool: h.Pool, Owner: h.Owner, Private: h.Private, Protected: h.Protected, Upstream: h.Upstream,
	}
	r.HasWiki, r.HasIssues = flags&flagWiki != 0, flags&flagIssues != 0
	r.HasDownloads, r.Networked = flags&flagDownloads != 0, flags&flagNetworked != 0
	if flags&flagFork != 0 {
		r.Family = d.id()
	}
	for _, to := range [4]*string{&r.Slug, &r.Name, &r.Description, &r.Homepage} {
		*to = d.String()
	}
	r.OpenIssues = int(d.Uvarint())
	r.Created, r.Expires = d.time(), d.time()
	if n := d.Uvarint(); n > 0 && n <= uint64(len(b)) {
		r.Labels = make(map[string]string, n)
		for range n {
			k := d.String()
			r.Labels[k] = d.String()
		}
	}
	return r, d.end()
}

func (s *State) encode(b []byte) []byte {
	b = append(b, stateVersion)
	b = appendTime(b, s.Updated)
	b = appendTime(b, s.Pushed)
	b = binary.AppendUvarint(b, uint64(s.Size))
	b = binary.AppendUvarint(b, s.Moves)
	for _, n := range [5]int{s.Forks, s.PrivateForks, s.Watchers, s.OpenPulls, s.Offered} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	if s.LanguageMoves == 0 && s.LanguageAt.IsZero() {
		return b
	}
	b = binary.AppendUvarint(b, s.LanguageMoves)
	b = append(b, s.LanguageAt[:]...)
	return append(b, s.Language...)
}

func decodeState(b []byte) (State, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	if v := d.Byte(); v != stateVersion {
		return State{}, fmt.Errorf("%w: state record of version %d", storage.ErrFormat, v)
	}
	s := State{Updated: d.time(), Pushed: d.time(), Size: int64(d.Uvarint()), Moves: d.Uvarint()}
	for _, to := range [5]*int{&s.Forks, &s.PrivateForks, &s.Watchers, &s.OpenPulls, &s.Offered} {
		*to = int(d.Uvarint())
	}
	if len(d.Rest) > 0 {
		s.LanguageMoves = d.Uvarint()
		copy(s.LanguageAt[:], d.Take(uint64(len(s.LanguageAt))))
		s.Language = string(d.Take(uint64(len(d.Rest))))
	}
	return s, d.end()
}

// decodeMoves returns the Moves of a State alone.
func decodeMoves(b []byte) (uint64, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	if v := d.Byte(); v != stateVersion {
		return 0, fmt.Errorf("%w: state record of version %d", storage.ErrFormat, v)
	}
	d.Take(2 * 8) // times
	d.Uvarint()   // Size
	moves := d.Uvarint()
	d.Rest = nil
	return moves, d.end()
}

// appendTime appends a time so that the bytes sort as the times do. The zero time is before every other.
func appendTime(b []byte, t time.Time) []byte { return binary.BigEndian.AppendUint64(b, timeKey(t)) }

// The times that are kept as they are. Others become the nearest of them.
var (
	MinTime = record.MinTime
	MaxTime = record.MaxTime
)

// timeKey maps the nanoseconds since 1970, which may be negative, to numbers that sort alike. 0 is no time.
func timeKey(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(record.Nanos(t)) ^ 1<<63
}

func keyTime(k uint64) time.Time {
	if k == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(k^1<<63)).UTC()
}

// A decoder reads what the append functions wrote. After the first thing that is not there it yields zero values,
// and end says so.
type decoder struct {
	record.Decoder
}

func (d *decoder) id() (id storage.ID) {
	copy(id[:], d.Take(uint64(len(id))))
	return id
}

func (d *decoder) time() time.Time {
	if b := d.Take(8); b != nil {
		return keyTime(binary.BigEndian.Uint64(b))
	}
	return time.Time{}
}

func (d *decoder) end() error {
	if d.Bad || len(d.Rest) > 0 {
		return fmt.Errorf("%w: catalog record", storage.ErrCorrupt)
	}
	return nil
}
