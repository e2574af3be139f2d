package codeowners

import (
	"slices"
	"sync"
)

// maxCached bounds what a Cache holds, in bytes of the files as they are stored. Decoded, they take a few times as
// much.
const maxCached = 2 * MaxSize

// A Cache keeps the files that were asked for last, by the hashes of their blobs, so that each is decoded once. The
// zero value is empty. It is safe for concurrent use.
type Cache struct {
	mu    sync.Mutex
	files []cached // the latest last; few
	size  int
}

type cached struct {
	hash [20]byte
	size int
	file *File
}

// File returns the file of a hash. Unless it is known, load returns its content, which is not kept.
func (c *Cache) File(hash [20]byte, load func() ([]byte, error)) (*File, error) {
	if f := c.find(hash); f != nil {
		return f, nil
	}
	data, err := load()
	if err != nil {
		return nil, err
	}
	f := Parse(data)
	c.add(cached{hash, len(data), f})
	return f, nil
}

func (c *Cache) find(hash [20]byte) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.files, func(f cached) bool { return f.hash == hash })
	if i < 0 {
		return nil
	}
	found := c.files[i]
	c.files = append(slices.Delete(c.files, i, i+1), found)
	return found.file
}

const maxFiles = 64

func (c *Cache) add(f cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.files, func(is cached) bool { return is.hash == f.hash }) {
		return
	}
	c.files, c.size = append(c.files, f), c.size+f.size
	for len(c.files) > maxFiles || c.size > maxCached {
		c.size -= c.files[0].size
		c.files = slices.Delete(c.files, 0, 1)
	}
}
