package people

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// maxDeployKeys bounds those of one repository, so that one transaction can remove all.
const maxDeployKeys = 500

// A Fingerprint is the SHA-256 of a public key as SSH sends it. Two keys are the same if theirs are.
type Fingerprint [32]byte

// A DeployKey opens one repository to whoever has the other half of the key.
type DeployKey struct {
	Number      int64 // of no other key of the store, also none that is gone
	Title, Key  string
	Fingerprint Fingerprint
	Write       bool // it may write, not only read
	Created     time.Time
}

// AddDeployKey gives a repository a key and returns its number. It returns ErrTaken if this or another repository has
// the key, and ErrTooMany.
func AddDeployKey(tx storage.Tx, repo storage.ID, k DeployKey) (int64, error) {
	owner := fingerprintKey(k.Fingerprint)
	if _, err := tx.Record(owner); !errors.Is(err, storage.ErrNotFound) {
		if err == nil {
			err = fmt.Errorf("deploy key %w", ErrTaken)
		}
		return 0, err
	}
	numbers, err := suffixes(tx, deployKeyKey(repo, 0)[:deployKeyPrefix], maxDeployKeys)
	if err != nil {
		return 0, err
	}
	if len(numbers) == maxDeployKeys {
		return 0, fmt.Errorf("%w: a repository can have %d deploy keys", ErrTooMany, maxDeployKeys)
	}
	if k.Number, err = nextNumber(tx); err != nil {
		return 0, err
	}
	key := deployKeyKey(repo, k.Number)
	if err := tx.PutRecord(owner, key[2:]); err != nil {
		return 0, err
	}
	return k.Number, tx.PutRecord(key, k.encode())
}

// nextNumber counts the keys that the store ever had.
func nextNumber(tx storage.Tx) (int64, error) {
	key := []byte{keyDeploy, keyLastNumber}
	last := make([]byte, 8)
	b, err := tx.Record(key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
	case err != nil:
		return 0, err
	case copy(last, b) != len(last) || len(b) != len(last):
		return 0, corrupt("number of the last deploy key")
	}
	n := binary.BigEndian.Uint64(last) + 1
	return int64(n), tx.PutRecord(key, binary.BigEndian.AppendUint64(nil, n))
}

// RemoveDeployKey takes a key off a repository and returns it, or storage.ErrNotFound.
func RemoveDeployKey(tx storage.Tx, repo storage.ID, number int64) (DeployKey, error) {
	k, err := LoadDeployKey(tx, repo, number)
	if err != nil {
		return DeployKey{}, err
	}
	return k, errors.Join(tx.DeleteRecord(deployKeyKey(repo, number)), tx.DeleteRecord(fingerprintKey(k.Fingerprint)))
}

// LoadDeployKey returns a key of a repository, or storage.ErrNotFound.
func LoadDeployKey(v storage.View, repo storage.ID, number int64) (DeployKey, error) {
	b, err := v.Record(deployKeyKey(repo, number))
	if err != nil {
		return DeployKey{}, err
	}
	return decodeDeployKey(number, b)
}

// Allows returns what whoever has the key may do with the repository.
func (k *DeployKey) Allows() Permission {
	if k.Write {
		return Write
	}
	return Read
}

// KeyPermission returns what a key allows: Read, Write, or None if the repository has no such key any more.
func KeyPermission(v storage.View, repo storage.ID, number int64) (Permission, error) {
	k, err := LoadDeployKey(v, repo, number)
	if errors.Is(err, storage.ErrNotFound) {
		return None, nil
	}
	if err != nil {
		return None, err
	}
	return k.Allows(), nil
}

// FindDeployKey returns the repository that has a key, and the key's number, or storage.ErrNotFound.
func FindDeployKey(v storage.View, f Fingerprint) (repo storage.ID, number int64, err error) {
	b, err := v.Record(fingerprintKey(f))
	if err != nil {
		return repo, 0, err
	}
	d := record.Decode(b)
	repo, number = d.ID(), int64(d.Uint64())
	return repo, number, d.End("owner of a deploy key")
}

// DeployKeys returns the keys of a repository, the oldest first.
func DeployKeys(v storage.View, repo storage.ID) ([]DeployKey, error) {
	prefix := deployKeyKey(repo, 0)[:deployKeyPrefix]
	var keys []DeployKey
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if len(rec.Key) != deployKeyPrefix+8 {
			return nil, corrupt("key of a deploy key of %s", repo)
		}
		k, err := decodeDeployKey(int64(binary.BigEndian.Uint64(rec.Key[deployKeyPrefix:])), rec.Value)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func dropDeployKeys(tx storage.Tx, repo storage.ID) error {
	keys, err := DeployKeys(tx, repo)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if _, err := RemoveDeployKey(tx, repo, k.Number); err != nil {
			return err
		}
	}
	return nil
}

const flagReadOnly = 1

func (k *DeployKey) encode() []byte {
	b := []byte{recordVersion, flagReadOnly}
	if k.Write {
		b[1] = 0
	}
	b = append(b, k.Fingerprint[:]...)
	b = record.AppendTime(b, record.Nearest(k.Created))
	b = record.AppendString(b, k.Title)
	return record.AppendString(b, k.Key)
}

func decodeDeployKey(number int64, b []byte) (DeployKey, error) {
	d := decode(b)
	flags := d.Byte()
	d.Check(flags <= flagReadOnly)
	k := DeployKey{Number: number, Write: flags&flagReadOnly == 0}
	copy(k.Fingerprint[:], d.Take(uint64(len(k.Fingerprint))))
	k.Created, k.Title, k.Key = d.Time(), d.String(), d.String()
	return k, d.End("deploy key")
}
