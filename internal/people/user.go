package people

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A User is a person, by login.
type User struct {
	Login                                string
	Name, Email, Company, Blog, Location string
	Emails                               []string // all addresses besides Email; of no other user
}

// PutUser makes a user be what u says, whether or not there was one. It returns ErrTaken if another user has one of
// the addresses.
func PutUser(tx storage.Tx, u *User) error {
	login := names.Key(u.Login)
	old, err := LoadUser(tx, login)
	if errors.Is(err, storage.ErrNotFound) {
		old, err = &User{}, nil
	}
	if err != nil {
		return err
	}
	addresses := u.Addresses()
	for address, added := range changes(old.Addresses(), addresses, strings.Compare) {
		key := nameKey(keyAddress, address)
		if !added {
			if err := dropAddress(tx, login, address, addresses); err != nil {
				return err
			}
			continue
		}
		if b, err := tx.Record(key); !errors.Is(err, storage.ErrNotFound) && string(b) != login {
			if err == nil {
				err = fmt.Errorf("e-mail address %q %w", address, ErrTaken)
			}
			return err
		}
		if err := tx.PutRecord(key, []byte(login)); err != nil {
			return err
		}
	}
	return tx.PutRecord(userKey(login), u.encode())
}

// Addresses returns all addresses as they are compared, with ASCII letters in lower case, sorted, each once.
func (u *User) Addresses() []string {
	var all []string
	for _, address := range append([]string{u.Email}, u.Emails...) {
		if address != "" {
			all = append(all, names.Key(address))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Removed is what RemoveUser took a user out of.
type Removed struct {
	Shared  []storage.ID // repositories of which they were a collaborator
	Watched []storage.ID // repositories that they watched: the caller keeps their counts
	More    bool         // there is more than one transaction should do: they are still there, with less
}

// RemoveUser removes a user with their addresses, and takes them out of everything that they are in: collaborations,
// teams, watches. If there is more, it must be called again in another transaction. It returns storage.ErrNotFound if
// there is no such user, and ErrOwner for one who has teams. Repositories of theirs are the caller's business.
func RemoveUser(tx storage.Tx, login string) (Removed, error) {
	u, err := LoadUser(tx, login)
	if err != nil {
		return Removed{}, err
	}
	if has, err := hasTeams(tx, u.Login); err != nil {
		return Removed{}, err
	} else if has {
		return Removed{}, fmt.Errorf("%w: the user still owns teams", ErrOwner)
	}
	var r Removed
	if r.Shared, err = removeCollaborations(tx, u.Login); err != nil {
		return Removed{}, err
	}
	teams, err := removeMemberships(tx, u.Login)
	if err != nil {
		return Removed{}, err
	}
	if r.Watched, err = removeWatches(tx, u.Login); err != nil {
		return Removed{}, err
	}
	if r.More = max(len(r.Shared), teams, len(r.Watched)) == batch; r.More {
		return r, nil
	}
	for _, address := range u.Addresses() {
		if err := dropAddress(tx, u.Login, address, nil); err != nil {
			return Removed{}, err
		}
	}
	if err := countRemoval(tx, u.Login); err != nil {
		return Removed{}, err
	}
	return r, tx.DeleteRecord(userKey(u.Login))
}

// Removals returns how often a user of that login was removed. Whatever a person did under a login is theirs for as
// long as this number stays: whoever is given the login later is somebody else.
func Removals(v storage.View, login string) (int, error) {
	b, err := v.Record(nameKey(keyRemovals, names.Key(login)))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	d := decode(b)
	return d.Count(math.MaxUint32), d.End("removals")
}

func countRemoval(tx storage.Tx, login string) error {
	n, err := Removals(tx, login)
	if err != nil {
		return err
	}
	b := binary.AppendUvarint([]byte{recordVersion}, uint64(n)+1)
	return tx.PutRecord(nameKey(keyRemovals, names.Key(login)), b)
}

// LoadUser returns a user, or storage.ErrNotFound.
func LoadUser(v storage.View, login string) (*User, error) {
	login = names.Key(login)
	b, err := v.Record(userKey(login))
	if err != nil {
		return nil, err
	}
	return decodeUser(login, b)
}

// UserByAddress returns the login of whose an e-mail address is, or storage.ErrNotFound.
func UserByAddress(v storage.View, address string) (string, error) {
	key := names.Key(address)
	b, err := v.Record(nameKey(keyAddress, key))
	old := strings.ToLower(address)
	if old == key || !errors.Is(err, storage.ErrNotFound) {
		return string(b), err
	}
	// Letters beyond ASCII had a case once. What was stored then counts if it is this very address.
	if b, err = v.Record(nameKey(keyAddress, old)); err != nil {
		return "", err
	}
	u, err := LoadUser(v, string(b))
	if err == nil && !slices.Contains(u.Addresses(), key) {
		err = storage.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return u.Login, nil
}

// dropAddress removes an address of a user who keeps others, also under the key that it once had; see UserByAddress.
func dropAddress(tx storage.Tx, login, address string, keeps []string) error {
	if old := strings.ToLower(address); old != address && !slices.Contains(keeps, old) {
		b, err := tx.Record(nameKey(keyAddress, old))
		if err == nil && string(b) == login {
			err = tx.DeleteRecord(nameKey(keyAddress, old))
		}
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	return tx.DeleteRecord(nameKey(keyAddress, address))
}

// Users returns up to limit users whose logins are behind after, in order.
func Users(v storage.View, behind string, limit int) ([]User, error) {
	prefix := userKey("")
	lo := prefix
	if behind != "" {
		lo = append(userKey(behind), 0)
	}
	var users []User
	for rec, err := range v.Records(lo, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		u, err := decodeUser(string(rec.Key[len(prefix):]), rec.Value)
		if err != nil {
			return nil, err
		}
		if users = append(users, *u); len(users) == limit {
			break
		}
	}
	return users, nil
}

// known returns storage.ErrNotFound, with their name, unless login is a user.
func known(v storage.View, login string) error {
	_, err := v.Record(userKey(login))
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: user %q", storage.ErrNotFound, login)
	}
	return err
}

func (u *User) encode() []byte {
	b := []byte{recordVersion}
	for _, s := range [...]string{u.Name, u.Email, u.Company, u.Blog, u.Location} {
		b = record.AppendString(b, s)
	}
	return record.AppendStrings(b, u.Emails)
}

func decodeUser(login string, b []byte) (*User, error) {
	d := decode(b)
	u := &User{Login: login}
	for _, to := range [...]*string{&u.Name, &u.Email, &u.Company, &u.Blog, &u.Location} {
		*to = d.String()
	}
	u.Emails = d.Strings()
	return u, d.End("user")
}
