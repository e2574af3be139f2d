package reposit_test

import (
	"bytes"
	"io"
	"testing"

	fixtures "github.com/go-git/go-git-fixtures/v4"
	"github.com/go-git/go-git/v5/plumbing"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	suite "github.com/go-git/go-git/v5/storage/test"
	check "gopkg.in/check.v1"
)

// TestGoGitSuite runs go-git's own tests of storages. They store what reposit refuses, so they see it through an
// adapter, and five of them, which store a commit and a tag without any content, are here again with real ones.
func TestGoGitSuite(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, open opener) {
		run := check.Run(&storageSuite{t: t, open: open}, &check.RunConf{Output: testLog{t}})
		if !run.Passed() || run.Succeeded+run.Skipped != 23 {
			t.Errorf("go-git's suite: %s", run)
		}
	})
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

type storageSuite struct {
	suite.BaseStorageSuite
	t    *testing.T
	open opener
	full fullStorer
}

// fullStorer is a Storer with all the powers that go-git may ask for.
type fullStorer interface {
	gogitstorage.Storer
	gogitstorer.PackfileWriter
	gogitstorer.Transactioner
	gogitstorer.DeltaObjectStorer
}

func (s *storageSuite) SetUpTest(c *check.C) {
	s.full = storerOf(s.t, create(s.t, s.open(nil), "suite", nil)).(fullStorer)
	s.BaseStorageSuite = suite.NewBaseStorageSuite(&suiteStorer{s.full, map[plumbing.Hash]plumbing.Hash{}})
}

// A suiteStorer lets refs name objects that are not there: it stores others in their place. And it hides HEAD, which
// every repository has.
type suiteStorer struct {
	fullStorer
	names map[plumbing.Hash]plumbing.Hash // what the suite takes a real object for
}

func (s *suiteStorer) real(r *plumbing.Reference) *plumbing.Reference {
	if r == nil || r.Type() != plumbing.HashReference {
		return r
	}
	h := setObject(s.fullStorer, plumbing.BlobObject, r.Hash().String())
	s.names[h] = r.Hash()
	return plumbing.NewHashReference(r.Name(), h)
}

func (s *suiteStorer) SetReference(r *plumbing.Reference) error {
	return s.fullStorer.SetReference(s.real(r))
}

func (s *suiteStorer) CheckAndSetReference(r, old *plumbing.Reference) error {
	return s.fullStorer.CheckAndSetReference(s.real(r), s.real(old))
}

func (s *suiteStorer) Reference(name plumbing.ReferenceName) (*plumbing.Reference, error) {
	r, err := s.fullStorer.Reference(name)
	if err != nil {
		return nil, err
	}
	return plumbing.NewHashReference(r.Name(), s.names[r.Hash()]), nil
}

func (s *suiteStorer) IterReferences() (gogitstorer.ReferenceIter, error) {
	it, err := s.fullStorer.IterReferences()
	if err != nil {
		return nil, err
	}
	var refs []*plumbing.Reference
	err = it.ForEach(func(r *plumbing.Reference) error {
		if r.Name() != plumbing.HEAD {
			refs = append(refs, plumbing.NewHashReference(r.Name(), s.names[r.Hash()]))
		}
		return nil
	})
	return gogitstorer.NewReferenceSliceIter(refs), err
}

// setObject stores an object that must be possible, in a Storer or in a transaction.
func setObject(s interface {
	SetEncodedObject(plumbing.EncodedObject) (plumbing.Hash, error)
}, t plumbing.ObjectType, content string) plumbing.Hash {
	h, err := s.SetEncodedObject(memoryObject(t, content))
	if err != nil {
		panic(err)
	}
	return h
}

func memoryObject(t plumbing.ObjectType, content string) *plumbing.MemoryObject {
	o := &plumbing.MemoryObject{}
	o.SetType(t)
	o.Write([]byte(content))
	return o
}

const (
	emptyTree  = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	personLine = "A U Thor <author@example.com> 1700000000 +0100\n"
	someCommit = "tree " + emptyTree + "\nauthor " + personLine + "committer " + personLine + "\nfirst\n"
)

// fourObjects are one of each type, in an order in which none names what comes later.
func fourObjects() []*plumbing.MemoryObject {
	c := memoryObject(plumbing.CommitObject, someCommit)
	return []*plumbing.MemoryObject{
		memoryObject(plumbing.BlobObject, ""), memoryObject(plumbing.TreeObject, ""), c,
		memoryObject(plumbing.TagObject, "object "+c.Hash().String()+"\ntype commit\ntag v1\ntagger "+personLine+"\nfirst\n"),
	}
}

func contentAs(c *check.C, o plumbing.EncodedObject) []byte {
	r, err := o.Reader()
	c.Assert(err, check.IsNil)
	b, err := io.ReadAll(r)
	c.Assert(err, check.IsNil)
	c.Assert(r.Close(), check.IsNil)
	return b
}

func (s *storageSuite) same(c *check.C, got plumbing.EncodedObject, want *plumbing.MemoryObject) {
	c.Assert(got.Hash(), check.Equals, want.Hash())
	c.Assert(got.Type(), check.Equals, want.Type())
	c.Assert(got.Size(), check.Equals, want.Size())
	c.Assert(bytes.Equal(contentAs(c, got), contentAs(c, want)), check.Equals, true)
}

func (s *storageSuite) TestSetEncodedObjectAndEncodedObject(c *check.C) {
	for _, want := range fourObjects() {
		h, err := s.full.SetEncodedObject(want)
		c.Assert(err, check.IsNil)
		c.Assert(h, check.Equals, want.Hash())
		for _, t := range []plumbing.ObjectType{want.Type(), plumbing.AnyObject} {
			o, err := s.full.EncodedObject(t, h)
			c.Assert(err, check.IsNil)
			s.same(c, o, want)
		}
		for _, other := range fourObjects() {
			if other.Type() == want.Type() {
				continue
			}
			o, err := s.full.EncodedObject(other.Type(), h)
			c.Assert(o, check.IsNil)
			c.Assert(err, check.Equals, plumbing.ErrObjectNotFound)
		}
	}
}

func (s *storageSuite) TestIterEncodedObjects(c *check.C) {
	for _, o := range fourObjects() {
		setObject(s.full, o.Type(), string(contentAs(c, o)))
	}
	for _, want := range fourObjects() {
		it, err := s.full.IterEncodedObjects(want.Type())
		c.Assert(err, check.IsNil)
		o, err := it.Next()
		c.Assert(err, check.IsNil)
		s.same(c, o, want)
		o, err = it.Next()
		c.Assert(o, check.IsNil)
		c.Assert(err, check.Equals, io.EOF)
	}
	c.Assert(s.count(c), check.Equals, 4)
}

func (s *storageSuite) count(c *check.C) int {
	it, err := s.full.IterEncodedObjects(plumbing.AnyObject)
	c.Assert(err, check.IsNil)
	n := 0
	c.Assert(it.ForEach(func(plumbing.EncodedObject) error { n++; return nil }), check.IsNil)
	return n
}

// TestDeltaObjectStorer skips backends that keep objects of this size whole.
func (s *storageSuite) TestDeltaObjectStorer(c *check.C) {
	w, err := s.full.PackfileWriter()
	c.Assert(err, check.IsNil)
	_, err = io.Copy(w, fixtures.Basic().One().Packfile())
	c.Assert(err, check.IsNil)
	c.Assert(w.Close(), check.IsNil)
	o, err := s.full.DeltaObject(plumbing.AnyObject, plumbing.NewHash("aa9b383c260e1d05fbbf6b30a02914555e20c725"))
	c.Assert(err, check.IsNil)
	if o.Type() == plumbing.TreeObject {
		c.Skip("kept whole")
	}
	s.BaseStorageSuite.TestDeltaObjectStorer(c)
}

func (s *storageSuite) TestObjectStorerTxSetEncodedObjectAndCommit(c *check.C) {
	tx := s.full.Begin()
	for _, o := range fourObjects() {
		setObject(tx, o.Type(), string(contentAs(c, o)))
	}
	c.Assert(s.count(c), check.Equals, 0)
	c.Assert(tx.Commit(), check.IsNil)
	c.Assert(s.count(c), check.Equals, 4)
}

func (s *storageSuite) TestObjectStorerTxSetObjectAndGetObject(c *check.C) {
	tx := s.full.Begin()
	for _, want := range fourObjects() {
		h := setObject(tx, want.Type(), string(contentAs(c, want)))
		o, err := tx.EncodedObject(want.Type(), h)
		c.Assert(err, check.IsNil)
		s.same(c, o, want)
	}
}

func (s *storageSuite) TestObjectStorerTxSetObjectAndRollback(c *check.C) {
	tx := s.full.Begin()
	for _, o := range fourObjects() {
		setObject(tx, o.Type(), string(contentAs(c, o)))
	}
	c.Assert(tx.Rollback(), check.IsNil)
	c.Assert(tx.Commit(), check.IsNil)
	c.Assert(s.count(c), check.Equals, 0)
}
