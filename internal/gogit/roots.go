package gogit

import (
	"bytes"
	"iter"
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
	return func(yield func(git.Hash, error) bool) {
		lo := catalog.GoGitKey(repo, "")
		hi := catalog.GoGitKey(repo, "\xff") // names begin with letters
		for r, err := range v.Records(lo, hi, storage.Ascending) {
			if err != nil {
				yield(git.Hash{}, err)
				return
			}
			hashes, err := rootsOf(v, r, own(string(r.Key[len(lo):])))
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
	var hashes []git.Hash
	for _, e := range idx.Entries {
		if e.Mode != filemode.Submodule {
			hashes = append(hashes, git.Hash(e.Hash))
		}
	}
	return hashes, nil
}
