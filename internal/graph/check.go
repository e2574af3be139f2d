package graph

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// CheckStored returns an error unless all that is stored of a pool's graph is what follows from its commits and trees,
// which read and tree return: each commit has its parents, date, generation, tree and author, is found by its hash, and
// is there once. Filters may be missing.
func CheckStored(ctx context.Context, v storage.View, pool storage.ID, read func(git.Hash) (*git.Commit, error),
	tree func(context.Context, git.Hash) (*git.Tree, error)) error {
	h, err := readHead(v, pool)
	if err != nil {
		return err
	}
	c := checker{v: v, pool: pool, read: read, head: h, numbers: map[git.Hash]uint32{}}
	for chunk := range h.chunks {
		if err := c.chunk(chunk); err != nil {
			return fmt.Errorf("chunk %d: %w", chunk, err)
		}
	}
	if err := c.runs(); err != nil {
		return err
	}
	if err := c.filters(ctx, &changes{tree: tree, paths: map[string]struct{}{}}); err != nil {
		return err
	}
	return c.tail()
}

type checker struct {
	v       storage.View
	pool    storage.ID
	read    func(git.Hash) (*git.Commit, error)
	head    *head
	hashes  []git.Hash
	numbers map[git.Hash]uint32
	at      []position
	trees   []git.Hash
	first   []uint32 // first parents, plus one
}

func (c *checker) chunk(chunk uint32) error {
	b, err := c.v.Record(chunkKey(keyLinks, c.pool, chunk))
	if err != nil {
		return err
	}
	l, err := decodeLinks(b, chunk*chunkSize)
	if err != nil {
		return err
	}
	if b, err = c.v.Record(chunkKey(keyNames, c.pool, chunk)); err != nil {
		return err
	}
	n, err := decodeNames(b)
	if err != nil {
		return err
	}
	for i := range chunkSize {
		number, h := chunk*chunkSize+uint32(i), n.hash(i)
		commit, err := c.read(h)
		if err != nil {
			return fmt.Errorf("commit %s: %w", h, err)
		}
		if _, ok := c.numbers[h]; ok {
			return fmt.Errorf("commit %s has two numbers", h)
		}
		c.numbers[h], c.hashes = number, append(c.hashes, h)
		var parents []uint32
		for _, p := range commit.Parents {
			m, ok := c.numbers[p]
			if !ok {
				return fmt.Errorf("commit %s comes before its parent %s", h, p)
			}
			parents = append(parents, m)
		}
		want, err := positionOf(number, DateOf(commit), parents, func(n uint32) (position, error) { return c.at[n], nil })
		if err != nil {
			return err
		}
		c.at, c.trees = append(c.at, want), append(c.trees, commit.Tree)
		c.first = append(c.first, l.first[i])
		author := Author{}
		if a := n.author[i]; a > 0 {
			author = n.authors[a-1]
		}
		is := AuthorOf(commit)
		if len(is.Name)+len(is.Email) > longAuthor {
			is = Author{}
		}
		got := l.parents(nil, i)
		if !slices.Equal(got, parents) || l.date[i] != DateOf(commit) || l.generation[i] != want.generation ||
			l.depth[i] != want.depth || l.skip[i] != want.skip || n.tree(i) != commit.Tree || author != is {
			return fmt.Errorf("commit %s is not as it is stored", h)
		}
	}
	return nil
}

// runs looks for each commit by its hash.
func (c *checker) runs() error {
	found := 0
	for i := range c.head.runs {
		r := &c.head.runs[i]
		for b := range r.buckets() {
			value, err := c.v.Record(bucketKey(c.pool, r.id, b))
			if err != nil {
				return fmt.Errorf("bucket %d of run %d: %w", b, r.id, err)
			}
			list, err := decodeBucket(value)
			if err != nil {
				return err
			}
			for j := range list.len() {
				e := list.at(j)
				if e.number < r.from*chunkSize || e.number >= r.to*chunkSize || prefixOf(c.hashes[e.number]) != e.prefix ||
					bucketOf(e.prefix, r.bits) != b || j > 0 && compareIndexed(list.at(j-1), e) >= 0 {
					return fmt.Errorf("run %d has number %d in bucket %d", r.id, e.number, b)
				}
				found++
			}
		}
	}
	if found != len(c.hashes) {
		return fmt.Errorf("%d of %d commits are found by their hashes", found, len(c.hashes))
	}
	return nil
}

// filters makes each filter that is stored anew.
func (c *checker) filters(ctx context.Context, by *changes) error {
	for chunk := range c.head.filtered {
		b, err := c.v.Record(chunkKey(keyFilters, c.pool, chunk))
		if err != nil {
			return fmt.Errorf("filters of chunk %d: %w", chunk, err)
		}
		f, err := decodeFilters(b)
		if err != nil {
			return err
		}
		for i := range chunkSize {
			n := chunk*chunkSize + uint32(i)
			var old git.Hash
			if p := c.first[n]; p > 0 {
				old = c.trees[p-1]
			}
			want, known, err := by.filter(ctx, nil, old, c.trees[n])
			if err != nil {
				return err
			}
			if got := f.of(i); len(got) > 0 && known && !bytes.Equal(got, want) {
				return fmt.Errorf("the filter of commit %s is not of what it changed", c.hashes[n])
			}
		}
	}
	return nil
}

func (c *checker) tail() error {
	prefix := tailPrefix(c.pool)
	for rec, err := range c.v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return err
		}
		h := git.Hash(rec.Key[len(prefix):])
		commit, err := c.read(h)
		if err != nil {
			return fmt.Errorf("commit %s of the tail: %w", h, err)
		}
		if string(EntryOf(commit).append(nil)) != string(rec.Value) {
			return fmt.Errorf("commit %s is not as the tail has it", h)
		}
	}
	return nil
}
