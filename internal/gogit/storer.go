// Package gogit hands a repository to go-git: a Storer implements what go-git v5 asks of a storage, on a backend of
// reposit.
//
// What go-git stores beside objects and refs is kept in records, under catalog.GoGitKey and these names:
//
//	config, index, added, shallow   a header; the value follows in parts, behind the name, 00 and a number of four bytes
//	lacking                         commits may lack their parents; no value
//	module/HEX/...                  the same four for a submodule, whose name is HEX in hexadecimal
//	module/HEX/ref/NAME             a ref of a submodule
//
// What is "added" are the hashes of files in the index that were stored for it.
package gogit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	gogitstorage "github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Host is the repository that Storers work on, and what its owner decides.
type Host struct {
	Backend *txn.Engine
	Objects *object.Store
	Reach   *reach.Index
	Repo    storage.ID
	By      access.Actor

	ReadOnly bool // whatever would change something is storage.ErrReadOnly

	Hidden []string // what the names of refs begin with that count as not there when an object is looked for

	Limits Limits
	Now    func() time.Time
	Author func() (git.Signature, error) // who stands in the logs of refs
	Ref    func(name string) error       // refuses names that no ref under refs/ may have
	Branch func(name string) error       // the same for short names of branches

	// Ready has a ref be made that is made when somebody asks for it; nil: there is none such
	Ready func(ctx context.Context, name string) error

	Enter func(context.Context) error // begins a call
	Leave func()                      // ends one that Enter let in
	Fail  func(op, name string, err error) error
}

// Limits bound what is stored, in bytes.
type Limits struct {
	Blob  int64 // one blob
	Pack  int64 // a pack as it arrives
	Total int64 // the objects of one pack
	Repo  int64 // all objects of the repository; 0: any
}

// A Storer is a view of one repository for go-git. It is safe for concurrent use. All its calls run under the
// context that it was made with.
type Storer struct {
	*Host
	ctx        context.Context
	space      string // what the names of its records begin with
	refs       table
	session    *session
	quarantine quarantine
	unborn     atomic.Bool              // see Init
	fresh      atomic.Bool              // Init was called, and no branch was set since
	cloned     atomic.Pointer[git.Hash] // what HEAD is for this Storer, if a tag was cloned

	mu      sync.Mutex
	modules map[string]*Storer
}

var (
	_ gogitstorage.Storer      = (*Storer)(nil)
	_ storer.Initializer       = (*Storer)(nil)
	_ storer.PackfileWriter    = (*Storer)(nil)
	_ storer.DeltaObjectStorer = (*Storer)(nil)
	_ storer.Transactioner     = (*Storer)(nil)
)

// New returns a Storer of a repository.
func New(ctx context.Context, h *Host) *Storer {
	s := &Storer{Host: h, ctx: ctx, session: &session{}}
	s.refs = repoRefs{s}
	return s
}

// call runs one call of go-git. The errors that go-git compares with its own are returned as they are.
func (s *Storer) call(op, name string, fn func() error) error {
	err := s.Enter(s.ctx)
	if err == nil {
		err = fn()
		s.Leave()
	}
	if err == nil || isSentinel(err) {
		return err
	}
	return s.Fail("go-git: "+op, name, err)
}

func isSentinel(err error) bool {
	switch err {
	case plumbing.ErrObjectNotFound, plumbing.ErrReferenceNotFound, plumbing.ErrInvalidType,
		gogitstorage.ErrReferenceHasChanged:
		return true
	}
	return false
}

// missing is what is returned for an object that something else names.
func missing(format string, args ...any) error {
	return &missingError{fmt.Sprintf(format, args...)}
}

type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }
func (e *missingError) Unwrap() []error {
	return []error{plumbing.ErrObjectNotFound, storage.ErrNotFound}
}

// writable returns where the objects are that are about to be stored. It returns storage.ErrNotFound if the repository
// was deleted, and the errors of access.
func (s *Storer) writable() (pool storage.ID, err error) {
	if s.ReadOnly {
		return pool, storage.ErrReadOnly
	}
	err = s.Backend.View(s.ctx, func(v storage.View) error {
		pool, err = s.By.Check(v, s.Repo, access.Write)
		return err
	})
	return pool, err
}

// exists returns storage.ErrNotFound if the repository was deleted, or may not be read.
func (s *Storer) exists(v storage.View) error {
	_, err := s.By.Check(v, s.Repo, access.Read)
	return err
}

// readable is exists in a View of its own.
func (s *Storer) readable() error { return s.Backend.View(s.ctx, s.exists) }

// stored returns the type and size of an object that the pool holds, be it this repository's or not.
func (s *Storer) stored(pool storage.ID, h git.Hash) (storage.Type, int64, error) {
	return s.Objects.Stat(s.ctx, pool, h)
}

// Close stores what is still held back (see SetEncodedObject). It returns an error if some of it could not be stored
// because the objects that it names never came. The Storer may be used on.
func (s *Storer) Close() error {
	err := s.call("close", "", func() error {
		if s.quarantine.empty() {
			return s.readable()
		}
		pool, err := s.writable()
		if err != nil {
			return err
		}
		if err := s.flush(pool); err != nil {
			return err
		}
		return s.quarantine.incomplete()
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.modules {
		err = errors.Join(err, m.Close())
	}
	return err
}
