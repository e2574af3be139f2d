package reposit

import (
	"strings"
	"time"

	gonanoid "github.com/matoous/go-nanoid/v2"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// An ID names a repository for good, through renames and transfers: "rp_" and 20 characters of 0-9 and a-z, unique
// over all owners. Keep IDs, not slugs.
type ID string

const (
	idPrefix   = "rp_"
	idAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// newID returns a random NanoID: 103 bits of crypto/rand.
func newID() ID { return ID(idPrefix + gonanoid.MustGenerate(idAlphabet, len(storage.ID{}))) }

// ParseID reads an ID, or returns ErrInvalid.
func ParseID(s string) (ID, error) {
	if _, ok := ID(s).storage(); !ok {
		return "", failed("parse ID", "", s, invalidf("ID: it is not %q and %d characters of 0-9 and a-z", idPrefix,
			len(storage.ID{})))
	}
	return ID(s), nil
}

// storage returns the ID as backends know it.
func (id ID) storage() (out storage.ID, ok bool) {
	s, ok := strings.CutPrefix(string(id), idPrefix)
	if !ok || len(s) != len(out) {
		return out, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return storage.ID{}, false
		}
	}
	copy(out[:], s)
	return out, true
}

func publicID(id storage.ID) ID {
	if id.IsZero() {
		return ""
	}
	return ID(idPrefix + string(id[:]))
}

// Slugify makes a slug of a name: "my-new-project" of "My New Project". Letters are lower-cased, Latin ones
// lose their accents, other letters are dropped, and everything else becomes a single "-". The result is "" if
// nothing is left.
func Slugify(name string) string { return names.Slugify(name) }

// A Hash names a Git object: the SHA-1 of its type, size and content.
type Hash [20]byte

// ParseHash reads 40 hexadecimal digits, or returns ErrInvalid.
func ParseHash(s string) (Hash, error) {
	h, ok := git.ParseHash(s)
	if !ok {
		return Hash{}, failed("parse hash", "", s, invalidf("hash: it is not 40 hexadecimal digits"))
	}
	return Hash(h), nil
}

// String returns h as 40 lower-case hexadecimal digits.
func (h Hash) String() string { return storage.Hash(h).String() }

// IsZero reports whether h is the zero Hash, which names no object.
func (h Hash) IsZero() bool { return h == Hash{} }

// A Signature says who did something, and when. Git keeps the time in whole seconds, with its offset from UTC.
type Signature struct {
	Name, Email string
	When        time.Time
}

// clean checks a signature and returns it as Git writes it. A zero When is now.
func (s Signature) clean(now time.Time) (git.Signature, error) {
	name, email, err := names.CleanIdentity(s.Name, s.Email)
	if err != nil {
		return git.Signature{}, invalid("identity", err)
	}
	if s.When.IsZero() {
		s.When = now
	}
	if err := names.CheckTime(s.When); err != nil {
		return git.Signature{}, invalid("time", err)
	}
	return git.Signature{Name: name, Email: email, When: git.Round(s.When)}, nil
}

func publicSignature(s git.Signature) Signature { return Signature(s) }
