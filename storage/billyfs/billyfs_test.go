package billyfs_test

import (
	"flag"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/storagetest"
)

// openOn opens a store that must open.
func openOn(t *testing.T, root billy.Filesystem, opts *billyfs.Options) storage.Backend {
	t.Helper()
	b, err := billyfs.Open(root, opts)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

var noSync = &billyfs.Options{Durability: storage.NoSync}

var levels = flag.Bool("levels", false, "run the contract on all kinds of filesystems at all levels of durability")

// TestContract runs the contract in memory, and on a disk with syncs, which has all that there is without them, too.
func TestContract(t *testing.T) {
	in := func(opts *billyfs.Options, kind ...osfs.Option) func(t *testing.T) storage.Backend {
		return func(t *testing.T) storage.Backend { return openOn(t, osfs.New(storagetest.TempDir(t), kind...), opts) }
	}
	for name, open := range map[string]func(t *testing.T) storage.Backend{
		"memfs":          func(t *testing.T) storage.Backend { return openOn(t, memfs.New(), nil) },
		"osfs":           in(nil),
		"osfs nosync":    in(noSync),
		"boundos":        in(nil, osfs.WithBoundOS()),
		"boundos nosync": in(noSync, osfs.WithBoundOS()),
	} {
		t.Run(name, func(t *testing.T) {
			if !*levels && name != "memfs" && name != "osfs" {
				t.Skip("long: needs -levels")
			}
			if testing.Short() && name == "memfs" {
				t.Skip("long: it goes the ways of a disk")
			}
			storagetest.Run(t, open)
		})
	}
}

var kills = flag.Int("kills", 4, "how many times TestKill and TestKillNoSync kill")

func rounds() int {
	if testing.Short() {
		return min(*kills, 2)
	}
	return *kills
}

func TestReopen(t *testing.T) {
	for name, opts := range map[string]*billyfs.Options{"sync": nil, "nosync": noSync} {
		t.Run(name, func(t *testing.T) {
			if !*levels && name != "sync" {
				t.Skip("long: needs -levels")
			}
			storagetest.RunReopen(t, func(t *testing.T) func() storage.Backend {
				dir := storagetest.TempDir(t)
				return func() storage.Backend { return openOn(t, osfs.New(dir), opts) }
			})
		})
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	storagetest.RunKill(t, rounds(), func(dir string) (storage.Backend, error) { return billyfs.Open(osfs.New(dir), nil) })
}

func TestKillNoSync(t *testing.T) {
	t.Parallel()
	storagetest.RunKill(t, rounds(), func(dir string) (storage.Backend,
		error) {
		return billyfs.Open(osfs.New(dir), noSync)
	})
}
