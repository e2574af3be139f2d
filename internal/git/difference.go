package git

import (
	"bytes"
	"iter"
	"slices"
)

// Differences yields what differs between two trees, in Git's order: entries of the same name, both directories or
// both not, as a pair, and others beside a zero Entry. A nil tree has no entries. Of trees that are not in Git's order,
// entries that are equal may be yielded too, one by one; each entry of a tree is yielded at most once. The cost is a
// comparison of the bytes, and a step for each entry from the first that differs to the last.
func Differences(a, b *Tree) iter.Seq2[Entry, Entry] {
	if a == nil {
		a = &Tree{}
	}
	if b == nil {
		b = &Tree{}
	}
	return func(yield func(Entry, Entry) bool) {
		i := commonPrefix(a, b)
		j := i
		endA, endB := commonSuffix(a, b, i)
		for i < endA || j < endB {
			var x, y Entry
			switch {
			case j == endB || i < endA && a.less(i, b, j):
				x = a.Entry(i)
				i++
			case i == endA || b.less(j, a, i):
				y = b.Entry(j)
				j++
			case a.same(i, b, j):
				i++
				j++
				continue
			default:
				x, y = a.Entry(i), b.Entry(j)
				i++
				j++
			}
			if !yield(x, y) {
				return
			}
		}
	}
}

// less reports whether entry i stands before entry j of another tree.
func (t *Tree) less(i int, u *Tree, j int) bool {
	mode, name, _ := t.fields(i)
	otherMode, other, _ := u.fields(j)
	return compareNames(name, mode == ModeDir, string(other), otherMode == ModeDir) < 0
}

func (t *Tree) same(i int, u *Tree, j int) bool {
	return bytes.Equal(t.raw[t.starts[i]:t.end(i)], u.raw[u.starts[j]:u.end(j)])
}

const compareStep = 4096

// commonPrefix returns how many entries at the start are the same.
func commonPrefix(a, b *Tree) int {
	n, at := min(len(a.raw), len(b.raw)), 0
	for at+compareStep <= n && bytes.Equal(a.raw[at:at+compareStep], b.raw[at:at+compareStep]) {
		at += compareStep
	}
	for at < n && a.raw[at] == b.raw[at] {
		at++
	}
	// Both trees have the same entries up to the one that byte at is in, or that ends there.
	i, found := slices.BinarySearch(a.starts, uint32(at))
	if at == len(a.raw) {
		i, found = len(a.starts), true
	}
	if !found {
		i--
	}
	return min(i, len(b.starts))
}

// commonSuffix returns where the entries begin that are the same up to the end, after the first from entries.
func commonSuffix(a, b *Tree, from int) (endA, endB int) {
	n, size := min(len(a.raw), len(b.raw)), 0
	endOf := func(t *Tree) []byte { return t.raw[:len(t.raw)-size] }
	for size+compareStep <= n && bytes.HasSuffix(endOf(a), endOf(b)[len(b.raw)-size-compareStep:]) {
		size += compareStep
	}
	for size < n && a.raw[len(a.raw)-size-1] == b.raw[len(b.raw)-size-1] {
		size++
	}
	i, _ := slices.BinarySearch(a.starts, uint32(len(a.raw)-size))
	for i = max(i, from); i < len(a.starts); i++ {
		// What follows is the same only if an entry of b begins there too, and not in the middle of one.
		j, found := slices.BinarySearch(b.starts, uint32(int(a.starts[i])-len(a.raw)+len(b.raw)))
		if found && j >= from {
			return i, j
		}
	}
	return len(a.starts), len(b.starts)
}
