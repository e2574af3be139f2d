package gogit

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// Roots yields the objects that go-git's records of a repository lead to, beside its refs: the files in its index,
// and the refs and indexes of submodules. They must be kept, with all that they lead to.
func Roots(v storage.View, repo storage.ID) iter.Seq2[git.Hash, error] {
	return fromRecords(v, repo, rootsOf)
}

// Tips yields those of the objects that go-git's records lead to which are the repository's own for that alone: files
// in its index that were stored for it, and the refs of submodules. To be named by an index gives no right to anything.
func Tips(v storage.View, repo storage.ID) iter.Seq2[git.Hash, error] {
	return fromRecords(v, repo, tipsOf)
}

// fromRecords yields what a function finds in each record, given its name without the submodules that it is in.
func fromRecords(v storage.View, repo storage.ID,
	find func(v storage.View, r storage.Record, name string) ([]git.Hash, error)) iter.Seq2[git.Hash, error] {
	return func(yield func(git.Hash, error) bool) {
		lo := catalog.GoGitKey(repo, "")
		hi := catalog.GoGitKey(repo, "\xff") // names begin with letters
		for r, err := range v.Records(lo, hi, storage.Ascending) {
			if err != nil {
				yield(git.Hash{}, err)
				return
			}
			hashes, err := find(v, r, own(string(r.Key[len(lo):])))
			if err != nil {
				yield(git.Hash{}, err)
				return
			}
			for _, h := range hashes {
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// own returns a record's name without the submodules that it is in.
func own(name string) string {
	for {
		rest, ok := strings.CutPrefix(name, "module/")
		if !ok {
			return name
		}
		_, name, _ = strings.Cut(rest, "/")
	}
}

func rootsOf(v storage.View, r storage.Record, name string) ([]git.Hash, error) {
	if name == "index" {
		return indexed(v, bytes.Clone(r.Key))
	}
	return moduleRef(r, name)
}

func tipsOf(v storage.View, r storage.Record, name string) ([]git.Hash, error) {
	if name == "added" {
		return added(v, bytes.Clone(r.Key))
	}
	return moduleRef(r, name)
}

// moduleRef returns what a ref of a submodule holds, if the record is one.
func moduleRef(r storage.Record, name string) ([]git.Hash, error) {
	if ref, ok := strings.CutPrefix(name, "ref/"); ok {
		found, err := decodeRef(ref, r.Value)
		if err != nil || found.Target != "" {
			return nil, err
		}
		return []git.Hash{found.Hash}, nil
	}
	return nil, nil
}

// indexed returns the files that an index names.
func indexed(v storage.View, key []byte) ([]git.Hash, error) {
	stored, err := loadValue(v, key)
	if err != nil {
		return nil, err
	}
	idx := &index.Index{}
	if err := index.NewDecoder(bytes.NewReader(stored.data)).Decode(idx); err != nil {
		return nil, err
	}
	return files(idx), nil
}

func files(idx *index.Index) []git.Hash {
	var hashes []git.Hash
	for _, e := range idx.Entries {
		if e.Mode != filemode.Submodule {
			hashes = append(hashes, git.Hash(e.Hash))
		}
	}
	return hashes
}

// added returns the files of an index that were stored for it.
func added(v storage.View, key []byte) ([]git.Hash, error) {
	stored, err := loadValue(v, key)
	if err != nil {
		return nil, err
	}
	return decodeHashes(stored.data)
}

func encodeHashes(hashes []git.Hash) []byte {
	data := make([]byte, 0, len(hashes)*len(git.Hash{}))
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data
}

func decodeHashes(data []byte) ([]git.Hash, error) {
	if len(data)%len(git.Hash{}) != 0 {
		return nil, fmt.Errorf("%w: hashes in a record of go-git", storage.ErrCorrupt)
	}
	hashes := make([]git.Hash, 0, len(data)/len(git.Hash{}))
	for h := range slices.Chunk(data, len(git.Hash{})) {
		hashes = append(hashes, git.Hash(h))
	}
	return hashes, nil
}
