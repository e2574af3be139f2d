package mvcc

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkCommit commits ten keys, three of which are random and the others in sequences, and replaces four others, in
// a map of n such commits.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("commits=%d", n), func(b *testing.B) {
			m := New[[]byte]()
			r := rand.New(rand.NewPCG(1, 2))
			number := uint64(0)
			commit := func() {
				number++
				tx := m.Begin()
				for i := range 3 {
					id := binary.BigEndian.AppendUint64([]byte{'r', byte(i)}, r.Uint64())
					tx.Put(string(id), id[2:])
				}
				for i := range 7 {
					next := fmt.Appendf(nil, "sequence %d of several:", i)
					tx.Put(string(binary.BigEndian.AppendUint64(next, number)), nil)
				}
				for i := range 4 {
					tx.Put(fmt.Sprint("count ", i), nil)
				}
				tx.Commit()
			}
			for range n {
				commit()
			}
			b.ReportAllocs()
			for b.Loop() {
				commit()
			}
		})
	}
}
