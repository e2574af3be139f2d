package reposit_test

import (
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

// needGit skips a test where git, the oracle, is not installed.
func needGit(t testing.TB) {
	t.Helper()
	fixture.NeedGit(t)
}

// git runs a git command that must succeed, and returns its output without the last newline.
func git(t testing.TB, dir string, stdin []byte, args ...string) string {
	t.Helper()
	return fixture.Git(t, dir, stdin, args...)
}

func tryGit(t testing.TB, dir string, stdin []byte, args ...string) (string, error) {
	return fixture.TryGit(t, dir, stdin, args...)
}

// newGit makes an empty bare repository.
func newGit(t testing.TB) string {
	t.Helper()
	return fixture.NewGit(t)
}

// export writes all objects and refs of a repository, whatever the backend, into a new bare one.
func (s *store) export(t testing.TB, r *reposit.Repo) string {
	t.Helper()
	return s.fixture().Export(t, r)
}

// fsck checks a repository with git, which must find nothing to say.
func fsck(t testing.TB, dir string) {
	t.Helper()
	fixture.Fsck(t, dir)
}

func allRefs(t testing.TB, r *reposit.Repo) map[string]string {
	t.Helper()
	return fixture.AllRefs(t, r)
}
