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

func loadValue(v storage.View, key []byte) (value, error) {
	header, err := v.Record(key)
	if err != nil {
		return value{}, err
	}
	if len(header) != headerSize || header[0] != recordVersion {
		return value{}, fmt.Errorf("%w: record of go-git", storage.ErrFormat)
	}
	out := value{when: time.Unix(0, int64(binary.BigEndian.Uint64(header[1:])))}
	size := binary.BigEndian.Uint64(header[9:])
	for part := 0; uint64(len(out.data)) < size; part++ {
		b, err := v.Record(partKey(key, part))
		if err != nil || len(b) == 0 {
			return value{}, fmt.Errorf("%w: record of go-git lacks part %d: %w", storage.ErrCorrupt, part, err)
		}
		out.data = append(out.data, b...)
	}
	if crc32.ChecksumIEEE(out.data) != binary.BigEndian.Uint32(header[17:]) {
		return value{}, fmt.Errorf("%w: record of go-git", storage.ErrCorrupt)
	}
	return out, nil
}

// save stores a value under a name.
func (s *Storer) save(name string, v value) error {
	header := make([]byte, 0, headerSize)
	header = append(header, recordVersion)
	header = binary.BigEndian.AppendUint64(header, uint64(v.when.UnixNano()))
	header = binary.BigEndian.AppendUint64(header, uint64(len(v.data)))
	header = binary.BigEndian.AppendUint32(header, crc32.ChecksumIEEE(v.data))
	parts := (len(v.data) + partSize - 1) / partSize
	return s.Backend.Update(s.ctx, func(tx storage.Tx) error {
		if _, err := s.By.Check(tx, s.Repo, access.Write); err != nil {
			return err
		}
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
	})
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

// Config returns what SetConfig stored, or an empty configuration. It is the caller's to change.
func (s *Storer) Config() (c *config.Config, err error) {
	err = s.call("config", "", func() error {
		v, err := s.load("config")
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

// Index returns what SetIndex stored, or an empty index. It is the caller's to change.
func (s *Storer) Index() (idx *index.Index, err error) {
	err = s.call("index", "", func() error {
		idx = &index.Index{Version: 2}
		v, err := s.load("index")
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
// by which go-git tells files that changed right after. An index too large for one unit of work of the backend is
// refused.
func (s *Storer) SetIndex(idx *index.Index) error {
	return s.call("set index", "", func() error {
		pool, err := s.writable()
		if err != nil {
			return err
		}
		if err := s.flush(pool); err != nil {
			return err
		}
		var b bytes.Buffer
		if err := index.NewEncoder(&b).Encode(idx); err != nil {
			return err
		}
		now := s.Now()
		if err := s.save("index", value{b.Bytes(), now}); err != nil {
			return err
		}
		idx.ModTime = now
		return nil
	})
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
	if len(v.data)%len(plumbing.Hash{}) != 0 {
		return nil, fmt.Errorf("%w: go-git's shallow", storage.ErrCorrupt)
	}
	commits := make([]plumbing.Hash, 0, len(v.data)/len(plumbing.Hash{}))
	for h := range slices.Chunk(v.data, len(plumbing.Hash{})) {
		commits = append(commits, plumbing.Hash(h))
	}
	return commits, nil
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
// objects that are stored after it.
func (s *Storer) SetShallow(commits []plumbing.Hash) error {
	return s.call("set shallow", "", func() error {
		data := make([]byte, 0, len(commits)*len(plumbing.Hash{}))
		for _, h := range commits {
			data = append(data, h[:]...)
		}
		return s.save("shallow", value{data, s.Now()})
	})
}
