package refstack

import (
	"iter"

	"github.com/reposit/reposit/storage"
)

// A Scan yields the entries of a segment whose names are at least lo and less than hi, in the order of their bytes. An
// empty hi is above every name.
type Scan[V any] func(segment storage.ID, lo, hi string) iter.Seq2[string, V]

// Entries yields, by name, the entries that count of those in layers: for each name that of the first layer that shows
// one, with that layer. An entry without a name, by which a Scan may tell of an error, comes at once.
func Entries[V any](layers []Layer, scan Scan[V], lo, hi string) iter.Seq2[string, Entry[V]] {
	if len(layers) == 1 {
		return entriesOf(layers[0], scan, lo, hi)
	}
	return func(yield func(string, Entry[V]) bool) {
		var heads []*head[V]
		for _, l := range layers {
			h := &head[V]{}
			next, stop := iter.Pull2(entriesOf(l, scan, lo, hi))
			defer stop()
			if h.next = next; h.advance() {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			least := heads[0]
			for _, h := range heads[1:] {
				if h.name < least.name {
					least = h
				}
			}
			name := least.name
			if !yield(name, least.entry) {
				return
			}
			heads = advance(heads, name)
		}
	}
}

// An Entry is what a layer has under a name.
type Entry[V any] struct {
	Layer Layer
	Value V
}

// A head is the next entry of one layer.
type head[V any] struct {
	next  func() (string, Entry[V], bool)
	name  string
	entry Entry[V]
}

func (h *head[V]) advance() (ok bool) {
	h.name, h.entry, ok = h.next()
	return ok
}

// advance moves all heads past name, and leaves out those at their end.
func advance[V any](heads []*head[V], name string) []*head[V] {
	kept := heads[:0]
	for _, h := range heads {
		if h.name != name || h.advance() {
			kept = append(kept, h)
		}
	}
	return kept
}

// shown are the ranges of names that show through an inherited layer, in their order.
var shown = [...]struct{ lo, hi string }{
	{"HEAD", "HEAD\x00"},
	{"refs/heads/", "refs/heads0"},
	{"refs/tags/", "refs/tags0"},
}

// entriesOf yields the entries of one layer that it shows. All scans are made at once, so that what is written later
// does not change what it yields, if that is so of the scans.
func entriesOf[V any](l Layer, scan Scan[V], lo, hi string) iter.Seq2[string, Entry[V]] {
	var scans [len(shown)]iter.Seq2[string, V]
	if !l.Inherited {
		scans[0] = scan(l.Segment, lo, hi)
	} else {
		for i, r := range shown {
			from, to := max(lo, r.lo), r.hi
			if hi != "" {
				to = min(hi, r.hi)
			}
			if from < to {
				scans[i] = scan(l.Segment, from, to)
			}
		}
	}
	return func(yield func(string, Entry[V]) bool) {
		for _, seq := range scans {
			if seq == nil {
				continue
			}
			for name, v := range seq {
				if !yield(name, Entry[V]{l, v}) {
					return
				}
			}
		}
	}
}
