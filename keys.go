package reposit

import (
	"context"
	"errors"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/sshkey"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// DeployKeys are SSH keys that open one repository to machines. They die with it, and no fork has them.
type DeployKeys struct{ r *Repo }

// DeployKeys returns the deploy keys of the repository.
func (r *Repo) DeployKeys() DeployKeys { return DeployKeys{r} }

// A DeployKey opens a repository to whoever has the other half of the key, for reading and, if it says so, writing:
// what git fetches and pushes. It never allows what needs Admin, nor to merge or close pull requests, and shows no
// people: neither users, teams, collaborators nor watchers.
type DeployKey struct {
	ID          int64 // of no other key of the store, not even one that is gone
	Title       string
	Key         string // type and base64, as in authorized_keys
	Fingerprint string // "SHA256:..." as ssh-keygen -l shows it
	Write       bool   // it may write, not only read
	CreatedAt   time.Time
}

// KeyOptions say what a deploy key allows: without them, to read.
type KeyOptions struct {
	Write bool // it may write, too
}

// List returns the keys, the oldest first. It needs Admin.
func (d DeployKeys) List(ctx context.Context) ([]DeployKey, error) {
	return call(ctx, d.r, "list deploy keys", "", func() ([]DeployKey, error) {
		var list []DeployKey
		err := d.r.read(ctx, access.Admin, func(v storage.View) error {
			found, err := people.DeployKeys(v, d.r.id)
			list = make([]DeployKey, 0, len(found))
			for _, k := range found {
				list = append(list, publicKey(k))
			}
			return err
		})
		return list, err
	})
}

func publicKey(k people.DeployKey) DeployKey {
	return DeployKey{
		ID: k.Number, Title: k.Title, Key: k.Key, Fingerprint: sshkey.FormatFingerprint(k.Fingerprint),
		Write: k.Write, CreatedAt: k.Created,
	}
}

// Add gives the repository a public key, as one line of authorized_keys has it. A title of "" is the line's comment. It
// needs Admin. It returns ErrInvalid for a line with options, a certificate, a DSA key and one of RSA with less than
// 2,048 bits, ErrExists if this or any other repository has the key, and ErrTooLarge for more than 500 keys.
func (d DeployKeys) Add(ctx context.Context, title, authorizedKey string, opts *KeyOptions) (DeployKey, error) {
	return call(ctx, d.r, "add deploy key", title, func() (DeployKey, error) {
		parsed, err := sshkey.Parse(authorizedKey)
		if err != nil {
			return DeployKey{}, err
		}
		setDefault(&title, parsed.Comment)
		if title != "" {
			if err := names.CheckDisplayName(title); err != nil {
				return DeployKey{}, about(title, invalid("title", err))
			}
		}
		key := people.DeployKey{Title: title, Key: parsed.Text, Fingerprint: parsed.Fingerprint, Created: d.r.s.now().UTC()}
		if opts != nil {
			key.Write = opts.Write
		}
		err = d.r.change(ctx, access.Admin, func(tx *txn.Tx) (err error) {
			if err := takeKey(tx, key.Fingerprint); err != nil {
				return err
			}
			if key.Number, err = people.AddDeployKey(tx, d.r.id, key); err != nil {
				return err
			}
			return d.note(tx, key, Permission(key.Allows()))
		})
		return publicKey(key), about(title, err)
	})
}

// takeKey takes a key off the repository that has it if that was deleted and is kept.
func takeKey(tx *txn.Tx, f people.Fingerprint) error {
	repo, number, err := people.FindDeployKey(tx, f)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if there, err := isThere(tx, repo); err != nil || there {
		return err
	}
	_, err = people.RemoveDeployKey(tx, repo, number)
	return err
}

// Remove takes a key off the repository. Whoever uses the store by it is shut out at once. It needs Admin. It returns
// ErrNotFound if the repository has no such key.
func (d DeployKeys) Remove(ctx context.Context, id int64) error {
	return do(ctx, d.r, "remove deploy key", "", func() error {
		return d.r.change(ctx, access.Admin, func(tx *txn.Tx) error {
			key, err := people.RemoveDeployKey(tx, d.r.id, id)
			if err != nil {
				return err
			}
			return d.note(tx, key, None)
		})
	})
}

func (d DeployKeys) note(tx *txn.Tx, key people.DeployKey, p Permission) error {
	return d.r.s.noteAccess(tx, d.r.id, "deploy key "+sshkey.FormatFingerprint(key.Fingerprint), p)
}

// AsKey returns the same store as the holder of a deploy key may use it: one repository, and nothing of others, not
// even that they are there. That ends at once when the key is removed or the repository deleted. The caller vouches
// that they hold the other half, so only the host may ask; others get ErrForbidden. It returns ErrNotFound for a key
// that no repository has, and ErrInvalid for what Add does not take.
func (s *Store) AsKey(ctx context.Context, authorizedKey string) (*Store, error) {
	return call(ctx, s, "as key", "", func() (*Store, error) {
		if !s.actor.IsHost() {
			return nil, ErrForbidden
		}
		key, err := sshkey.Parse(authorizedKey)
		if err != nil {
			return nil, err
		}
		var actor access.Actor
		err = s.backend.View(ctx, func(v storage.View) error {
			repo, number, err := people.FindDeployKey(v, key.Fingerprint)
			if err == nil {
				_, err = catalog.Pool(v, repo)
			}
			actor = access.Key(repo, number)
			return err
		})
		if err != nil {
			return nil, about(sshkey.FormatFingerprint(key.Fingerprint), err)
		}
		return s.core.as(actor), nil
	})
}
