package badger

import (
	"bytes"
	"fmt"

	engine "github.com/dgraph-io/badger/v4"
)

// A cursor steps through what the engine has in a span, one version of a key after the other, deleted ones as well. So
// it knows what it steps over, and where the span ends: the engine's own iterators stop only at the next key that was
// not deleted, which may lie far behind.
type cursor struct {
	it *engine.Iterator
	span
	at      []byte // the key that the last step led to
	value   []byte // what is stored under it
	version uint64
	buried  int // how many versions it came across that are deletions, or were replaced
}

// open returns a cursor that stands before the first key of s.
func (r *reader) open(s span) *cursor {
	c := &cursor{span: s, it: r.badger().NewIterator(engine.IteratorOptions{
		Prefix: s.prefix, Reverse: s.descending, AllVersions: true,
	})}
	if s.descending {
		c.it.Seek(s.hi)
	} else {
		c.it.Seek(s.lo)
	}
	return c
}

func (c *cursor) close() { c.it.Close() }

// next steps to the next key that has a value, and reports whether there is one.
func (c *cursor) next() (found bool, err error) {
	for c.it.Valid() {
		key := c.it.Item().Key()
		if !c.holds(key) {
			if c.descending && bytes.Compare(key, c.hi) >= 0 {
				c.it.Next() // The end, which is no part of it.
				continue
			}
			break
		}
		c.at = append(c.at[:0], key...)
		live, err := c.newest()
		if live || err != nil {
			return live, err
		}
	}
	return false, nil
}

// newest reads the newest version of the key that the cursor is at, passes the others, and reports whether the key has
// a value. Versions come the newest first, and downwards the oldest first.
func (c *cursor) newest() (live bool, err error) {
	for first := true; c.it.Valid(); first = false {
		item := c.it.Item()
		if !bytes.Equal(item.Key(), c.at) {
			break
		}
		if !first {
			c.buried++
		}
		if first || c.descending {
			if live = !item.IsDeletedOrExpired(); live {
				c.version = item.Version()
				err = item.Value(func(v []byte) error {
					c.value = append(c.value[:0], v...)
					return nil
				})
				if err != nil {
					return false, fmt.Errorf("badger: %s: %w", describe(c.at), err)
				}
			}
		}
		c.it.Next()
	}
	if !live {
		c.buried++
	}
	return live, nil
}
