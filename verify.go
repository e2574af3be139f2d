package reposit

import (
	"context"
	"strconv"
	"time"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/signature"
	"github.com/reposit/reposit/storage"
)

// A SignatureStatus says what a signature is worth.
type SignatureStatus int

// The statuses, each with the letters of git log's %G?.
const (
	Unsigned         SignatureStatus = iota // N: there is none
	SignatureGood                           // G: by a key of the keyring, over just what is stored
	SignatureBad                            // B: over something else, or it can't be read, or its key is too weak
	SignatureUnknown                        // E: by no key of the keyring
	SignatureExpired                        // X, Y: good, but it or its key was out of date
	SignatureRevoked                        // R: good, but its key is revoked
)

var signatureStatuses = [...]string{"unsigned", "good", "bad", "unknown", "expired", "revoked"}

// String returns "unsigned", "good", "bad", "unknown", "expired" or "revoked".
func (s SignatureStatus) String() string {
	if s >= 0 && int(s) < len(signatureStatuses) {
		return signatureStatuses[s]
	}
	return "SignatureStatus(" + strconv.Itoa(int(s)) + ")"
}

// A Verification is what there is to say of a signature. Who may do something is not for it to say: that a key is known
// makes its holder no author.
type Verification struct {
	Status     SignatureStatus
	Key        string    // its fingerprint; while the signature is not good, what it claims, or ""
	Identities []string  // of the key, by the keyring: user IDs of OpenPGP, principals of SSH
	When       time.Time // it was signed; zero if it does not say so, as by SSH
}

// A Keyring says what signatures are worth. NewKeyring returns one for keys of OpenPGP and SSH; a program can bring its
// own for others.
type Keyring interface {
	// Verify looks at an armoured signature of a payload, which is never empty. at is when the payload says that it was
	// made. It must not keep payload, and be safe for concurrent use.
	Verify(payload []byte, signature string, at time.Time) Verification
}

// KeyringOptions say whose signatures are good.
type KeyringOptions struct {
	OpenPGP []byte // public keys, as gpg --export writes them, armoured or not
	// AllowedSigners are keys of SSH in a file of that format (ssh-keygen(1), git's gpg.ssh.allowedSignersFile), with
	// namespaces and times, which are compared with the committer's. Authorities of certificates are ignored.
	AllowedSigners []byte
	Now            func() time.Time // at which keys of OpenPGP must not be out of date; default: time.Now
}

// NewKeyring returns a Keyring of the keys in opts. It returns ErrInvalid for what holds no keys.
func NewKeyring(opts *KeyringOptions) (Keyring, error) {
	if opts == nil {
		opts = &KeyringOptions{}
	}
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	keys, err := signature.Parse(opts.OpenPGP, opts.AllowedSigners, now)
	if err != nil {
		return nil, failed("new keyring", "", "", err)
	}
	return keyring{keys}, nil
}

type keyring struct{ keys *signature.Keys }

func (k keyring) Verify(payload []byte, text string, at time.Time) Verification {
	r := k.keys.Verify(payload, []byte(text), at)
	return Verification{SignatureStatus(r.Status), r.Key, r.Identities, r.When}
}

// Verify says what the signature of a commit is worth, or of an annotated tag if the revision names one and not the
// commit behind it ("v1^{}"), as git verify-commit and git verify-tag do. The bytes that are stored count. A bad
// signature is no error. It returns ErrNotFound for a revision that does not exist, and ErrInvalid for what is
// neither commit nor tag, and without keys.
func (r *Repo) Verify(ctx context.Context, rev string, keys Keyring) (Verification, error) {
	return call(ctx, r, "verify", rev, func() (Verification, error) {
		if keys == nil {
			return Verification{}, invalidf("keyring: it is nil")
		}
		var s signed
		err := r.resolve(ctx, func(res *revision.Resolver) error {
			h, err := res.ResolveAs(ctx, rev, revision.Commitish)
			if err == nil {
				s, err = readSigned(ctx, res, h)
			}
			return err
		})
		if err != nil || s.signature == "" {
			return Verification{}, err
		}
		return keys.Verify(s.payload, s.signature, s.at), nil
	})
}

// A signed object is what was signed of one.
type signed struct {
	payload   []byte
	signature string
	at        time.Time
}

func readSigned(ctx context.Context, res *revision.Resolver, h git.Hash) (s signed, err error) {
	t, _, err := res.Objects.Stat(ctx, res.Pool, h)
	if err != nil {
		return s, err
	}
	if t != storage.Commit && t != storage.Tag {
		return s, invalidf("revision: it is neither a commit nor a tag")
	}
	item, err := res.Objects.Item(ctx, res.Pool, h)
	if err != nil {
		return s, missingObject(err)
	}
	var signature []byte
	if t == storage.Commit {
		s.at = item.Commit.Committer.When
		s.payload, signature = git.SignedCommit(item.Data)
	} else {
		tag, err := git.ParseTag(item.Data)
		if err != nil {
			return s, fault.New(fault.Corrupt, "corrupt data: "+err.Error())
		}
		if tag.Tagger != nil {
			s.at = tag.Tagger.When
		}
		s.payload, signature = git.SignedTag(item.Data)
	}
	s.payload, s.signature = append([]byte(nil), s.payload...), string(signature)
	return s, nil
}
