package catalog

import (
	"encoding/binary"
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
	RefVersion          uint64 // how often what the repository's names lead to changed: its refs, and go-git's records
	Forks, PrivateForks int    // direct ones that all may see, and others
	Watchers, OpenPulls int
	OutgoingPulls       int          // open pull requests, of whatever repository, whose head is a branch of this one
	Language            string       // with most bytes on the default branch
	LanguageAt          storage.Hash // the commit of the default branch at which Language was found out
	LanguageVersion     uint64       // what RefVersion was then
}

// LanguageIsNew reports whether no refs changed since the language was found out, but by other programs.
func (s *State) LanguageIsNew() bool { return s.RefVersion == s.LanguageVersion }

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
	b = record.AppendTime(b, r.Created)
	b = record.AppendTime(b, r.Expires)
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

// decodeHead reads what a repository's record begins with.
func decodeHead(d *record.Decoder) (h Header, flags byte) {
	version := d.Version(repoVersion, forkVersion)
	h.Pool = d.ID()
	flags = d.Byte()
	h.Owner = d.String()
	h.Private, h.Protected = flags&flagPrivate != 0, flags&flagProtected != 0
	if version == forkVersion {
		h.Upstream = d.ID()
	}
	return h, flags
}

func decodeRepo(id storage.ID, b []byte) (*Repo, error) {
	d := record.Decode(b)
	h, flags := decodeHead(&d)
	r := &Repo{
		ID: id, Pool: h.Pool, Owner: h.Owner, Private: h.Private, Protected: h.Protected, Upstream: h.Upstream,
	}
	r.HasWiki, r.HasIssues = flags&flagWiki != 0, flags&flagIssues != 0
	r.HasDownloads, r.Networked = flags&flagDownloads != 0, flags&flagNetworked != 0
	if flags&flagFork != 0 {
		r.Family = d.ID()
	}
	for _, to := range [4]*string{&r.Slug, &r.Name, &r.Description, &r.Homepage} {
		*to = d.String()
	}
	r.OpenIssues = int(d.Uvarint())
	r.Created, r.Expires = d.Time(), d.Time()
	if n := d.Count(uint64(d.Len())); n > 0 {
		r.Labels = make(map[string]string, n)
		for range n {
			k := d.String()
			r.Labels[k] = d.String()
		}
	}
	return r, d.End("repository")
}

func (s *State) encode(b []byte) []byte {
	b = append(b, stateVersion)
	b = record.AppendTime(b, s.Updated)
	b = record.AppendTime(b, s.Pushed)
	b = binary.AppendUvarint(b, uint64(s.Size))
	b = binary.AppendUvarint(b, s.RefVersion)
	for _, n := range [5]int{s.Forks, s.PrivateForks, s.Watchers, s.OpenPulls, s.OutgoingPulls} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	if s.LanguageVersion == 0 && s.LanguageAt.IsZero() {
		return b
	}
	b = binary.AppendUvarint(b, s.LanguageVersion)
	b = append(b, s.LanguageAt[:]...)
	return append(b, s.Language...)
}

func decodeState(b []byte) (State, error) {
	d := record.Decode(b)
	d.Version(stateVersion, stateVersion)
	s := State{Updated: d.Time(), Pushed: d.Time(), Size: int64(d.Uvarint()), RefVersion: d.Uvarint()}
	for _, to := range [5]*int{&s.Forks, &s.PrivateForks, &s.Watchers, &s.OpenPulls, &s.OutgoingPulls} {
		*to = int(d.Uvarint())
	}
	if d.Len() > 0 {
		s.LanguageVersion, s.LanguageAt, s.Language = d.Uvarint(), d.Hash(), string(d.Rest())
	}
	return s, d.End("state")
}

// decodeRefVersion returns the RefVersion of a State alone.
func decodeRefVersion(b []byte) (uint64, error) {
	d := record.Decode(b)
	d.Version(stateVersion, stateVersion)
	d.Take(2 * record.StampSize) // Updated, Pushed
	d.Uvarint()                  // Size
	return d.Uvarint(), d.Err("state")
}
