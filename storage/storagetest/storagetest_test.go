package storagetest_test

import (
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

func TestDouble(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Backend { return newMedium().open() })
}

func TestDoubleReopened(t *testing.T) {
	storagetest.RunReopen(t, func(*testing.T) func() storage.Backend { return newMedium().open })
}
