package pull

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// maxTests bounds the test merges that are kept of one base: whoever moves it makes them untrue, and forgets them.
const maxTests = 100

// A Test is what came of a test merge. While it is kept, and Base and Head are what base and head hold, the MergeRef of
// its pull request holds Commit.
type Test struct {
	Base, Head git.Hash
	Commit     git.Hash // zero: they can't be merged
}

// An UntestedError says that the test merge of an open pull request is yet to be made.
type UntestedError struct {
	Repo   storage.ID
	Number int
}

func (e *UntestedError) Error() string {
	return fmt.Sprintf("pull request #%d has not been tested", e.Number)
}

// Tested returns an *UntestedError if a ref is the MergeRef of an open pull request and does not tell what the base
// would become by a merge, as base and head are.
func Tested(v storage.View, repo storage.ID, name string) error {
	number, ok := testNumber(name)
	if !ok {
		return nil
	}
	p, err := Load(v, repo, number)
	if errors.Is(err, storage.ErrNotFound) { // a program outside made it
		return nil
	}
	if err != nil || p.State != Open {
		return err
	}
	base, err := p.Tip(v)
	if err != nil || base.IsZero() {
		return err
	}
	_, ok, err = p.TestOf(v, base)
	if err == nil && !ok {
		err = &UntestedError{repo, number}
	}
	return err
}

// testNumber returns the number of the pull request whose MergeRef has a name.
func testNumber(name string) (number int, ok bool) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(name, Refs), "/merge")
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil && (&Pull{Number: number}).MergeRef() == name
}

// Tip returns what the base holds, or zero if it is gone, or a program outside made it symbolic.
func (p *Pull) Tip(v storage.View) (git.Hash, error) {
	at, err := ref.Follow(v, p.Repo, branches+p.BaseBranch)
	if err != nil || at.Name != branches+p.BaseBranch {
		return git.Hash{}, err
	}
	return at.Hash, nil
}

// TestOf returns the test merge of an open pull request with a base, and whether it is known.
func (p *Pull) TestOf(v storage.View, base git.Hash) (Test, bool, error) {
	b, err := v.Record(p.testKey())
	if errors.Is(err, storage.ErrNotFound) {
		return Test{}, false, nil
	}
	if err != nil {
		return Test{}, false, err
	}
	t, err := decodeTest(b)
	return t, err == nil && t.Base == base && t.Head == p.Head, err
}

// A Tree is what a test merge gave: a tree, and those of its objects that are new.
type Tree struct {
	Hash    git.Hash // zero: the sides can't be merged
	Objects []storage.Object
	Items   []*object.Item
}

// Keep stores the test merge of an open pull request, and has its MergeRef hold it. It returns ErrMoved unless base and
// head are what was merged.
func (u *Unit) Keep(p *Pull, base, head git.Hash, tree Tree) error {
	now, err := p.Tip(u.Tx)
	if err != nil {
		return err
	}
	if p.State != Open || p.Head != head || now != base {
		return ErrMoved
	}
	t := Test{Base: base, Head: head}
	if !tree.Hash.IsZero() {
		if t.Commit, err = u.commit(p, base, tree); err != nil {
			return err
		}
	}
	if err := u.makeRoom(p); err != nil {
		return err
	}
	if err := u.point(p, p.MergeRef(), t.Commit); err != nil {
		return err
	}
	return u.Tx.PutRecord(p.testKey(), t.encode())
}

// commit stores the commit of a test merge.
func (u *Unit) commit(p *Pull, base git.Hash, tree Tree) (git.Hash, error) {
	r, err := u.repo(p)
	if err != nil {
		return git.Hash{}, err
	}
	for i, o := range tree.Objects {
		if err := r.Add(o, tree.Items[i]); err != nil {
			return git.Hash{}, err
		}
	}
	by := git.Signature{Name: u.Name, Email: u.Email, When: u.Now}
	h, o, item, err := MergeCommit.Result(base, p.Head, tree.Hash, git.Commit{
		Author: by, Committer: by, Message: fmt.Sprintf("Merge %s into %s\n", p.Head, base),
	})
	if err != nil {
		return h, err
	}
	return h, r.Add(*o, item)
}

// makeRoom forgets a test merge if there are as many with a base as are kept.
func (u *Unit) makeRoom(p *Pull) error {
	numbers, err := u.tests(p.Repo, p.BaseBranch)
	if err != nil || len(numbers) < maxTests || slices.Contains(numbers, p.Number) {
		return err
	}
	return u.forget(&Pull{Repo: p.Repo, BaseBranch: p.BaseBranch, Number: numbers[0]})
}

// forget removes the MergeRef of a pull request, and what is known of its test merge.
func (u *Unit) forget(p *Pull) error {
	own := *u
	own.By = access.Host() // nobody asked for it
	if err := own.point(p, p.MergeRef(), git.Hash{}); err != nil {
		return err
	}
	return u.Tx.DeleteRecord(p.testKey())
}

// forgetAll forgets the test merges with a base.
func (u *Unit) forgetAll(repo storage.ID, branch string) error {
	numbers, err := u.tests(repo, branch)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := u.forget(&Pull{Repo: repo, BaseBranch: branch, Number: n}); err != nil {
			return err
		}
	}
	return nil
}

// tests returns the numbers of the pull requests whose test merges with a base are kept.
func (u *Unit) tests(repo storage.ID, branch string) (numbers []int, err error) {
	prefix := branchKey(keyTest, repo, branch)
	for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		n, err := lastNumber(rec.Key)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
