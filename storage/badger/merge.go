package badger

import (
	"context"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// mergeBatch is how many entries of layers are merged in one Update.
const mergeBatch = 1000

// merge merges the layers of a repository that are alike in size. It stops early when the store is being closed: the
// next Open undoes what it did.
func (b *backend) merge(repo storage.ID) error {
	layers, err := b.alike(repo)
	if err != nil || len(layers) == 0 {
		return err
	}
	var g *refstack.Compaction
	for from := ""; ; {
		if b.closing.Load() {
			return nil
		}
		var m *refstack.Compaction
		var next string
		err := b.work(context.Background(), func(t *tx) (err error) {
			if m = g; m == nil {
				if m, err = refstack.Start(medium{t}, repo, layers); err != nil || m == nil {
					return err
				}
			}
			if next, err = t.mergeEntries(m, from); err != nil || next != "" {
				return err
			}
			return m.Finish(medium{t})
		})
		if err != nil || next == "" {
			return err
		}
		g, from = m, next
	}
}

// alike returns the layers that are to be merged. Since they never change, they are counted outside of any Update.
func (b *backend) alike(repo storage.ID) ([]refstack.Layer, error) {
	r := &reader{b: b, snap: b.timeline.acquire()}
	defer r.end()
	s, err := r.stack(repo)
	if err != nil || s == nil {
		return nil, err
	}
	return s.Alike(func(segment storage.ID, limit int) (n int, err error) {
		for _, e := range r.entries(segment, "", "") {
			if n == limit || e.err != nil {
				return n, e.err
			}
			n++
		}
		return n, nil
	})
}

// mergeEntries copies the entries from a name on that count, and returns where to go on, or "" at the end.
func (t *tx) mergeEntries(g *refstack.Compaction, from string) (next string, err error) {
	n := 0
	for name, e := range refstack.Entries(g.Layers, t.entries, from, "") {
		if e.Value.err != nil {
			return "", e.Value.err
		}
		if n == mergeBatch || 2*t.own.atomic.bytes > t.b.atomic.bytes {
			return name, nil
		}
		n++
		ref := e.Value.storedRef
		if e.Layer.Inherited {
			ref.seq = 0
		}
		if g.Bottom && ref.form == refDeleted && ref.seq == 0 {
			continue
		}
		key := appendRefKey(nil, g.Into, name)
		t.own.set(string(key), seal(key, ref.encode(nil)))
	}
	return "", nil
}
