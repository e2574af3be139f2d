package badger

import (
	"flag"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

var levels = flag.Bool("levels", false, "run the contract without syncs, too, where nothing else differs")

// durable are the ways to keep a store on a disk. Encrypted ones are not synced, so that both are gone through.
var durable = map[string]*Options{
	"sync":      nil,
	"nosync":    {Durability: storage.NoSync, MemoryBudget: 1},
	"encrypted": {Durability: storage.NoSync, MemoryBudget: 1, EncryptionKey: []byte("0123456789abcdef")},
}

func TestContract(t *testing.T) {
	for name, opts := range durable {
		t.Run(name, func(t *testing.T) {
			needLevels(t, name)
			if testing.Short() && name != "sync" {
				t.Skip("long: what it does otherwise, TestContractReopened shows")
			}
			storagetest.Run(t, func(t *testing.T) storage.Backend { return mustOpen(t, storagetest.TempDir(t), opts) })
		})
	}
	t.Run("memory", func(t *testing.T) {
		if testing.Short() {
			t.Skip("long: it goes the ways of a disk")
		}
		opts := &Options{InMemory: true, MemoryBudget: 1}
		storagetest.Run(t, func(t *testing.T) storage.Backend { return mustOpen(t, "", opts) })
	})
}

func TestContractReopened(t *testing.T) {
	for name, opts := range durable {
		t.Run(name, func(t *testing.T) {
			needLevels(t, name)
			storagetest.RunReopen(t, func(t *testing.T) func() storage.Backend {
				dir := storagetest.TempDir(t)
				return func() storage.Backend { return mustOpen(t, dir, opts) }
			})
		})
	}
}

func TestContractKilled(t *testing.T) {
	for name, opts := range durable {
		t.Run(name, func(t *testing.T) {
			storagetest.RunKill(t, rounds(*kills/2), func(dir string) (storage.Backend, error) { return Open(dir, opts) })
		})
	}
}

func needLevels(t *testing.T, name string) {
	t.Helper()
	if name == "nosync" && !*levels {
		t.Skip("long: needs -levels")
	}
}

func mustOpen(t *testing.T, dir string, opts *Options) storage.Backend {
	t.Helper()
	b, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
