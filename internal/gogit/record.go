package gogit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

const (
	recordVersion = 1
	partSize      = 512 << 10
)

// A value is what is stored under a name, and when that was. Its header is a version byte, the time in nanoseconds
// since 1970, the length and a CRC-32 (IEEE) of the data, all big-endian.
type value struct {
	data []byte
	when time.Time
}

const headerSize = 1 + 8 + 8 + 4

func (s *Storer) key(name string) []byte { return catalog.GoGitKey(s.Repo, s.space+name) }

func partKey(key []byte, part int) []byte {
	return binary.BigEndian.AppendUint32(append(bytes.Clone(key), 0), uint32(part))
}

// load returns what is stored under a name, or storage.ErrNotFound.
func (s *Storer) load(name string) (out value, err error) {
	err = s.view(func(v storage.View) error {
		out, err = loadValue(v, s.key(name))
		return err
	})
	return out, err
}

// loadForWriters is load of what is nobody's business but theirs who may write. For others there is none.
func (s *Storer) loadForWriters(name string) (out value, err error) {
	err = s.Backend.View(s.ctx, func(v storage.View) error {
		_, err := s.By.Check(v, s.Repo, access.Write)
		if errors.Is(err, access.ErrForbidden) {
			return storage.ErrNotFound
		}
		if err == nil {
			out, err = loadValue(v, s.key(name))
		}
		return err
	})
	return out, err
}

func loadValue(v storage.View, key []byte) (value, error) {
	header, err := v.Record(key)
	if err != nil {
		return value{}, err
	}
	d := record.Decode(header)
	d.Version(recordVersion, recordVersion)
	out := value{when: d.FixedNanos()}
	size, sum := d.Uint64(), d.Uint32()
	if err := d.End("go-git"); err != nil {
		return value{}, err
	}
	for part := 0; uint64(len(out.data)) < size; part++ {
		b, err := v.Record(partKey(key, part))
		if err != nil || len(b) == 0 {
			return value{}, fmt.Errorf("%w: record of go-git lacks part %d: %w", storage.ErrCorrupt, part, err)
		}
		out.data = append(out.data, b...)
	}
	if crc32.ChecksumIEEE(out.data) != sum {
		return value{}, fmt.Errorf("%w: record of go-git", storage.ErrCorrupt)
	}
	return out, nil
}

// save stores a value under a name.
func (s *Storer) save(name string, v value) error {
	return s.update(func(tx *txn.Tx, _ *txn.Repo) error { return s.putValue(tx, name, v) })
}

// update runs a transaction that changes records, if the actor may.
func (s *Storer) update(fn func(*txn.Tx, *txn.Repo) error) error {
	return s.Backend.Update(s.ctx, s.By, func(tx *txn.Tx) error {
		r, err := tx.Repo(s.Repo, access.Write)
		if err != nil {
			return err
		}
		return fn(tx, r)
	})
}

func (s *Storer) putValue(tx storage.Tx, name string, v value) error {
	header := make([]byte, 0, headerSize)
	header = append(header, recordVersion)
	header = record.AppendFixedNanos(header, v.when)
	header = binary.BigEndian.AppendUint64(header, uint64(len(v.data)))
	header = binary.BigEndian.AppendUint32(header, crc32.ChecksumIEEE(v.data))
	parts := (len(v.data) + partSize - 1) / partSize
	if err := s.cut(tx, name, parts); err != nil {
		return err
	}
	for part := range parts {
		data := v.data[part*partSize : min(len(v.data), (part+1)*partSize)]
		if err := tx.PutRecord(partKey(s.key(name), part), data); err != nil {
			return err
		}
	}
	return tx.PutRecord(s.key(name), header)
}

// cut deletes the parts from number parts on.
func (s *Storer) cut(tx storage.Tx, name string, parts int) error {
	var keys [][]byte
	for r, err := range tx.Records(partKey(s.key(name), parts), append(s.key(name), 1), storage.Ascending) {
		if err != nil {
			return err
		}
		keys = append(keys, bytes.Clone(r.Key))
	}
	for _, key := range keys {
		if err := tx.DeleteRecord(key); err != nil {
			return err
		}
	}
	return nil
}

// Config returns what SetConfig stored, or an empty configuration; to those who may not write, always that, since it
// may hold the secrets of remotes. It is the caller's to change.
func (s *Storer) Config() (c *config.Config, err error) {
	err = s.call("config", "", func() error {
		v, err := s.loadForWriters("config")
		if errors.Is(err, storage.ErrNotFound) {
			if err = s.view(func(storage.View) error { return nil }); err == nil {
				c = config.NewConfig()
			}
			return err
		}
		if err == nil {
			c, err = config.ReadConfig(bytes.NewReader(v.data))
		}
		return err
	})
	return c, err
}

// SetConfig stores a configuration that is valid. It decides nothing in reposit: the default branch, for one, is HEAD.
func (s *Storer) SetConfig(c *config.Config) error {
	return s.call("set config", "", func() error {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("%w: %w", git.ErrMalformed, err)
		}
		data, err := c.Marshal()
		if err != nil {
			return err
		}
		return s.save("config", value{data, s.Now()})
	})
}

// Index returns what SetIndex stored, or an empty index; to those who may not write, always that, since what is not
// committed yet is not theirs. It is the caller's to change.
func (s *Storer) Index() (idx *index.Index, err error) {
	err = s.call("index", "", func() error {
		idx = &index.Index{Version: 2}
		v, err := s.loadForWriters("index")
		if errors.Is(err, storage.ErrNotFound) {
			return s.view(func(storage.View) error { return nil })
		}
		if err == nil {
			idx.ModTime = v.when
			err = index.NewDecoder(bytes.NewReader(v.data)).Decode(idx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return idx, nil
}

// SetIndex stores the index of a worktree, and the objects that were held back, since it names them. It sets ModTime,
// by which go-git tells files that changed right after. An index too large for one transaction of the backend is
// refused.
func (s *Storer) SetIndex(idx *index.Index) error {
	return s.call("set index", "", func() error {
		pool, err := s.writable()
		if err != nil {
			return err
		}
		if err = s.flush(pool); err != nil {
			return err
		}
		var b bytes.Buffer
		if err := index.NewEncoder(&b).Encode(idx); err != nil {
			return err
		}
		named := files(idx)
		own, err := s.onlyOwn(named)
		if err != nil {
			return err
		}
		now := s.Now()
		err = s.update(func(tx *txn.Tx, r *txn.Repo) error {
			if err := s.putValue(tx, "index", value{b.Bytes(), now}); err != nil {
				return err
			}
			return s.putAdded(tx, r, named, own, now)
		})
		if err == nil {
			idx.ModTime = now
		}
		return err
	})
}

// onlyOwn returns those of the objects that came in by this session, and to which no ref leads as far as is known.
func (s *Storer) onlyOwn(hashes []git.Hash) (own []git.Hash, err error) {
	err = s.look(access.Write, func(g *scope) error {
		g.in.Records = false
		for _, h := range hashes {
			if !s.session.owns(h) {
				continue
			}
			known, err := g.Reach.Known(&g.in, h)
			if err != nil {
				return err
			}
			if !known {
				own = append(own, h)
			}
		}
		return nil
	})
	return own, err
}

// putAdded stores which files of an index were stored for it: those that this session brought, and those that an
// earlier one did, if the index still names them.
func (s *Storer) putAdded(tx *txn.Tx, r *txn.Repo, named, own []git.Hash, now time.Time) error {
	const name = "added"
	before, err := added(tx, s.key(name))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	list := own
	if len(before) > 0 {
		are := make(map[git.Hash]bool, len(named))
		for _, h := range named {
			are[h] = true
		}
		for _, h := range before {
			if are[h] {
				list = append(list, h)
			}
		}
	}
	slices.SortFunc(list, func(a, b git.Hash) int { return bytes.Compare(a[:], b[:]) })
	if list = slices.Compact(list); slices.Equal(list, before) {
		return nil
	}
	r.Moved()
	if len(list) > 0 {
		return s.putValue(tx, name, value{encodeHashes(list), now})
	}
	if err := s.cut(tx, name, 0); err != nil {
		return err
	}
	return tx.DeleteRecord(s.key(name))
}

// Shallow returns the commits whose parents are left out, as SetShallow stored them.
func (s *Storer) Shallow() (commits []plumbing.Hash, err error) {
	err = s.call("shallow", "", func() error {
		commits, err = s.loadShallow()
		return err
	})
	return commits, err
}

func (s *Storer) loadShallow() ([]plumbing.Hash, error) {
	v, err := s.load("shallow")
	if errors.Is(err, storage.ErrNotFound) {
		return nil, s.view(func(storage.View) error { return nil })
	}
	if err != nil {
		return nil, err
	}
	hashes, err := decodeHashes(v.data)
	commits := make([]plumbing.Hash, 0, len(hashes))
	for _, h := range hashes {
		commits = append(commits, plumbing.Hash(h))
	}
	return commits, err
}

func (s *Storer) shallow() (map[git.Hash]bool, error) {
	commits, err := s.loadShallow()
	ends := make(map[git.Hash]bool, len(commits))
	for _, h := range commits {
		ends[git.Hash(h)] = true
	}
	return ends, err
}

// SetShallow stores at which commits a history ends though they have parents. Their parents may be missing from
// objects that are stored after it, as long as the repository is in no fork network; it then can't be forked.
func (s *Storer) SetShallow(commits []plumbing.Hash) error {
	return s.call("set shallow", "", func() error {
		data := make([]byte, 0, len(commits)*len(plumbing.Hash{}))
		for _, h := range commits {
			data = append(data, h[:]...)
		}
		return s.update(func(tx *txn.Tx, r *txn.Repo) error {
			if len(commits) > 0 {
				if err := s.mayLack(tx, r); err != nil {
					return err
				}
			}
			return s.putValue(tx, "shallow", value{data, s.Now()})
		})
	})
}

// ShallowCommits returns the commits of a repository whose parents may be missing, as SetShallow stored them.
func ShallowCommits(v storage.View, repo storage.ID) (map[git.Hash]bool, error) {
	stored, err := loadValue(v, catalog.GoGitKey(repo, "shallow"))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	hashes, err := decodeHashes(stored.data)
	ends := make(map[git.Hash]bool, len(hashes))
	for _, h := range hashes {
		ends[h] = true
	}
	return ends, err
}

// lacking is the name of the record of a repository some of whose commits may lack their parents. It has no value.
const lacking = "lacking"

// mayLack notes that parents of commits may be missing from now on, also once the shallow commits are others.
func (s *Storer) mayLack(tx *txn.Tx, r *txn.Repo) error {
	if r.Networked { // nothing is excused
		return nil
	}
	return tx.PutRecord(catalog.GoGitKey(s.Repo, lacking), nil)
}

// MayLack reports whether some of a repository's commits may lack their parents, since their history is shallow. If
// such a one was forked, a fork could bring a parent, and whoever named it would have it.
func MayLack(v storage.View, repo storage.ID) (bool, error) {
	_, err := v.Record(catalog.GoGitKey(repo, lacking))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
