package memory_test

import (
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
	"github.com/reposit/reposit/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Backend { return memory.New() })
}
