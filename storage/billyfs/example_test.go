package billyfs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-git/go-billy/v5/memfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// On a disk, osfs.New("/srv/repositories") takes the place of memfs.New().
func ExampleOpen() {
	b, err := billyfs.Open(memfs.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	ctx := context.Background()
	err = b.Update(ctx, func(tx storage.Tx) error {
		return tx.PutRecord([]byte("key"), []byte("value"))
	})
	if err != nil {
		log.Fatal(err)
	}
	err = b.View(ctx, func(v storage.View) error {
		value, err := v.Record([]byte("key"))
		fmt.Printf("%s\n", value)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: value
}
