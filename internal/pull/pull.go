// Package pull keeps pull requests: what is proposed to a branch, what reviewers say of it, and the refs under
// refs/pull/ that hold its commits. All of it changes in the transaction that moves the branches.
package pull

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

var (
	// ErrTaken is what there is just one of at a time.
	ErrTaken = fault.New(fault.Exists, "")
	// ErrOpen says that there is an open pull request of the same head and base.
	ErrOpen = fmt.Errorf("%w: an open pull request of this head and base", ErrTaken)
	// ErrContained says that the base has all of the head already.
	ErrContained = fault.New(fault.NoChange, "nothing to merge: the base has all commits of the head")
	// ErrConflict says that a pull request is not what it must be.
	ErrConflict = fault.New(fault.Conflict, "")
	// ErrEnded says that it is not open any more.
	ErrEnded = fmt.Errorf("%w: the pull request is not open", ErrConflict)
	// ErrMoved says that it, or what is asked of it, has changed since it was looked at.
	ErrMoved = fmt.Errorf("%w: the pull request moved", ErrConflict)
	// ErrTooMany says that there are as many open pull requests as there can be.
	ErrTooMany = fmt.Errorf("%w: too many open pull requests", storage.ErrTooLarge)
	// ErrHidden says that the head is in a private repository, and the base in a public one.
	ErrHidden = fmt.Errorf("%w: the head is private, and the base is not", access.ErrForbidden)
)

// maxOfHead bounds the open pull requests of one head: whoever moves the branch moves them all.
const maxOfHead = 100

// A State says what has become of a pull request.
type State byte

// The states. Their numbers are stored.
const (
	Open State = 1 + iota
	Merged
	Closed
	states
)

func (s State) valid() bool { return s >= Open && s < states }

// A Pull is a request to take the commits of a branch, the head, into another one, the base.
type Pull struct {
	Repo       storage.ID // of the base
	Number     int
	State      State
	Title      string
	Author     string // "" if the host opened it for nobody
	HeadRepo   storage.ID
	HeadBranch string
	Head       git.Hash // the commit
	BaseBranch string
	Base       git.Hash // what the base held when the pull request was opened, or merged
	Commit     git.Hash // what the base held once it was merged
	EndedBy    string   // who merged or closed it

	Created, Updated, Ended time.Time

	Pusher    string // the login of who last moved the head; at first the author. "" for the host and deploy keys
	Reviews   int    // the number of the last review
	Dismissed int    // the last of the approvals that count no more
}

// Branches, heads and merges are refs that begin with these.
const (
	branches = "refs/heads/"
	Refs     = "refs/pull/"
)

// HeadRef is the name of the ref that holds the commit of the head.
func (p *Pull) HeadRef() string { return fmt.Sprintf("%s%d/head", Refs, p.Number) }

// CheckHead returns a *ref.ConflictError unless the head is what is expected; nil stands for any.
func (p *Pull) CheckHead(expect *git.Hash) error {
	if expect == nil || p.Head == *expect {
		return nil
	}
	return &ref.ConflictError{Name: p.HeadRef(), Expected: *expect, Actual: p.Head}
}

// MergeRef is the name of the ref that holds what the base would become by a merge, see Test, or became.
func (p *Pull) MergeRef() string { return fmt.Sprintf("%s%d/merge", Refs, p.Number) }

// Counts say how many pull requests a repository has.
type Counts struct {
	Last int         // the last number
	Of   [states]int // by state
}

// Total returns how many there are of a state, or of all if it is 0.
func (c *Counts) Total(s State) int {
	if s != 0 {
		return c.Of[s]
	}
	n := 0
	for _, of := range c.Of {
		n += of
	}
	return n
}

// Count returns how many pull requests a repository has.
func Count(v storage.View, repo storage.ID) (Counts, error) {
	b, err := v.Record(repoKey(keyCounts, repo))
	if errors.Is(err, storage.ErrNotFound) {
		return Counts{}, nil
	}
	if err != nil {
		return Counts{}, err
	}
	return decodeCounts(b)
}

// CountOutgoing returns how many open pull requests there are whose head is a branch of a repository.
func CountOutgoing(v storage.View, repo storage.ID) (n int, err error) {
	prefix := repoKey(keyHead, repo)
	for _, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Load returns a pull request, or storage.ErrNotFound.
func Load(v storage.View, repo storage.ID, number int) (*Pull, error) {
	if number < 1 || int64(number) > math.MaxUint32 {
		return nil, storage.ErrNotFound
	}
	b, err := v.Record(numberKey(keyPull, repo, number))
	if err != nil {
		return nil, err
	}
	return decodePull(repo, number, b)
}

// Text returns the text of a pull request.
func (p *Pull) Text(v storage.View) (string, error) {
	b, err := v.Record(numberKey(keyText, p.Repo, p.Number))
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if len(b) < 2 || b[0] != recordVersion {
		return "", fmt.Errorf("%w: text of a pull request", storage.ErrCorrupt)
	}
	return string(b[1:]), nil
}

// List returns a page of the pull requests of a state, 0 for all, the latest first, and whether others follow: those
// before a number, 0 for all. It costs a step for each that it skips.
func List(v storage.View, repo storage.ID, state State, before int,
	b page.Bounds) (list []*Pull, more bool, err error) {
	prefix := repoKey(keyPull, repo)
	if state != 0 {
		prefix = append(repoKey(keyState, repo), byte(state))
	}
	hi := record.After(prefix)
	if before > 0 {
		hi = binary.BigEndian.AppendUint32(bytes.Clone(prefix), uint32(before))
	}
	rows, more, err := page.Cut(v.Records(prefix, hi, storage.Descending), b)
	for _, rec := range rows {
		number, err := lastNumber(rec.Key)
		if err != nil {
			return nil, false, err
		}
		p, err := Load(v, repo, number)
		if err != nil {
			return nil, false, dangling(err, repo, number)
		}
		list = append(list, p)
	}
	return list, more, err
}

// dangling makes the error of a pull request that an index names, but which is not there, one of damage.
func dangling(err error, repo storage.ID, number int) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: index names pull request %d of %s, which is not there", storage.ErrCorrupt, number, repo)
	}
	return err
}

// put stores what changed of a pull request that has had a state before: 0 for a new one.
func (p *Pull) put(tx storage.Tx, before State) error {
	if err := tx.PutRecord(numberKey(keyPull, p.Repo, p.Number), p.encode()); err != nil {
		return err
	}
	if p.State == Open {
		if err := tx.PutRecord(p.baseKey(), encodeHash(p.Head)); err != nil {
			return err
		}
	}
	if before == p.State {
		return nil
	}
	counts, err := Count(tx, p.Repo)
	if err != nil {
		return err
	}
	counts.Last = max(counts.Last, p.Number)
	counts.Of[p.State]++
	if before != 0 {
		counts.Of[before]--
		if err := tx.DeleteRecord(stateKey(p.Repo, before, p.Number)); err != nil {
			return err
		}
	}
	if err := tx.PutRecord(repoKey(keyCounts, p.Repo), counts.encode()); err != nil {
		return err
	}
	return tx.PutRecord(stateKey(p.Repo, p.State, p.Number), nil)
}
