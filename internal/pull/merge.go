package pull

import (
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A Strategy is how a base takes the commits of a head that has all of the base's.
type Strategy int

// The strategies.
const (
	MergeCommit Strategy = iota // one with both as parents
	FastForward                 // none: the base becomes the head
	Squash                      // one on top of the base
	Rebase                      // those of the head, which are on top of the base already
)

// Result returns what the base becomes, and the commit that is to be stored for it, if it is not the head itself.
// made has author, committer and message of that; tree is the head's.
func (s Strategy) Result(base, head, tree git.Hash, made git.Commit) (git.Hash, *storage.Object, *object.Item, error) {
	switch s {
	case MergeCommit:
		made.Parents = []git.Hash{base, head}
	case Squash:
		made.Parents = []git.Hash{base}
	default:
		return head, nil, nil, nil
	}
	made.Tree = tree
	raw := made.Append(nil)
	h, err := git.Sum(storage.Commit, raw)
	if err != nil {
		return h, nil, nil, err
	}
	size := int64(len(raw))
	return h, &storage.Object{Hash: h, Type: storage.Commit, Size: size, Data: raw},
		&object.Item{Type: storage.Commit, Size: size, Data: raw, Commit: &made}, nil
}
