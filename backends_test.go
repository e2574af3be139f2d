package reposit_test

import (
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

var seed = fixture.Seed

func TestMain(m *testing.M) { fixture.Main(m) }

// A store is an open store with what tests look at behind its back.
type store struct {
	*reposit.Store
	backend storage.Backend
	dir     string // where billyfs keeps it on disk; else ""
}

func newStore(f *fixture.Store) *store { return &store{f.Store, f.Backend, f.Dir} }

func (s *store) fixture() *fixture.Store {
	return &fixture.Store{Store: s.Store, Backend: s.backend, Dir: s.dir}
}

// An opener opens a new, empty store, which is closed at the end of the test.
type opener func(*reposit.Options) *store

func of(open fixture.Opener) opener {
	return func(opts *reposit.Options) *store { return newStore(open(opts)) }
}

// eachBackend runs a test on every backend; with -short, on one of each kind.
func eachBackend(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	fixture.EachBackend(t, func(t *testing.T, open fixture.Opener) { test(t, of(open)) })
}

// eachKind is eachBackend for tests that take seconds and do one thing after the other: it runs a test on one backend
// of each kind; with -alike, on all; with -short, in memory alone.
func eachKind(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	fixture.EachKind(t, func(t *testing.T, open fixture.Opener) { test(t, of(open)) })
}

// rawBackend opens the backend of a name.
func rawBackend(t testing.TB, name string) storage.Backend {
	t.Helper()
	return fixture.Backend(t, name)
}

// openStore opens a store that does nothing by itself, unless opts say when it does.
func openStore(t testing.TB, b storage.Backend, dir string, opts *reposit.Options) *store {
	t.Helper()
	return newStore(fixture.Open(t, b, dir, opts))
}

// kept is a backend that stays open when the store on it is closed.
type kept struct{ storage.Backend }

func (kept) Close() error { return nil }

// openMemory opens a store in memory, for tests of what does not depend on the backend.
func openMemory(t testing.TB, opts *reposit.Options) *store {
	t.Helper()
	return newStore(fixture.OpenMemory(t, opts))
}

// checkStore compares all indexes and counts with a scan.
func checkStore(t testing.TB, s *store) {
	t.Helper()
	s.fixture().Check(t)
}

// A clock stands still until it is told to go on.
type clock struct{ *fixture.Clock }

var newYear = fixture.NewYear

func (c *clock) now() time.Time          { return c.Now() }
func (c *clock) advance(d time.Duration) { c.Advance(d) }

// fixed returns options by which two runs are equal, and their clock.
func fixed() (*reposit.Options, *clock) {
	opts, c := fixture.Fixed()
	return opts, &clock{c}
}

// create makes a repository that must be possible.
func create(t testing.TB, s *store, name string, opts *reposit.CreateOptions) *reposit.Repo {
	t.Helper()
	return fixture.Create(t, s.Store, name, opts)
}

// commit makes a commit that must be possible.
func commit(t testing.TB, r *reposit.Repo, opts *reposit.CommitOptions, changes ...reposit.Change) *reposit.Commit {
	t.Helper()
	return fixture.Commit(t, r, opts, changes...)
}

// write makes a commit of one file on the default branch.
func write(t testing.TB, r *reposit.Repo, path, content string) *reposit.Commit {
	t.Helper()
	return fixture.Write(t, r, path, content)
}

// remove deletes a repository, which must be possible.
func remove(t testing.TB, r *reposit.Repo) {
	t.Helper()
	fixture.Remove(t, r)
}

func ref[T any](v T) *T { return fixture.Ref(v) }

func storageID(r *reposit.Repo) storage.ID { return fixture.StorageID(r) }

func blobHash(content string) reposit.Hash { return fixture.BlobHash(content) }

var lastHash = fixture.LastHash

// digest returns a hash of all that a store holds: records, refs, logs and names of objects.
func (s *store) digest(t testing.TB) string {
	t.Helper()
	return s.fixture().Digest(t)
}

// digestOfNames is digest without objects, some of which may be left over from what was given up.
func (s *store) digestOfNames(t testing.TB) string {
	t.Helper()
	return s.fixture().DigestOfNames(t)
}

// objects returns how many objects a repository's pool holds.
func (s *store) objects(t testing.TB, id storage.ID) int {
	t.Helper()
	return s.fixture().Objects(t, id)
}
