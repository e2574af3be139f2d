package packfile

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// TestDeltaIndex changes contents at random, moves parts of them, and makes them again by deltas, which are small.
func TestDeltaIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range 300 {
		base := noise(random.IntN(5000))
		if random.IntN(4) == 0 {
			base = append(base, bytes.Repeat([]byte{byte(random.Uint32())}, random.IntN(3000))...)
		}
		target := bytes.Clone(base)
		for range random.IntN(4) {
			cut, to := random.IntN(len(target)+1), random.IntN(len(target)+1)
			moved := append(bytes.Clone(target[cut:]), target[:cut]...)
			target = append(append(bytes.Clone(moved[:to]), noise(random.IntN(30))...), moved[to:]...)
		}
		delta := NewDeltaIndex(base).Delta(target, math.MaxInt)
		made, err := ApplyDelta(base, delta, math.MaxInt64)
		if err != nil || !bytes.Equal(made, target) {
			t.Fatalf("the delta of %d bytes makes %d, %v, want %d", len(base), len(made), err, len(target))
		}
		if most := 400 + len(target)/100; len(delta) > most {
			t.Errorf("the delta from %d to %d bytes has %d, want %d at most", len(base), len(target), len(delta), most)
		}
		if NewDeltaIndex(base).Delta(target, len(delta)-1) != nil {
			t.Errorf("a delta of %d bytes is within %d", len(delta), len(delta)-1)
		}
	}
}

func FuzzDeltaIndex(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), []byte("x0123456789abcdef0123456789abcdefx"))
	f.Fuzz(func(t *testing.T, base, target []byte) {
		made, err := ApplyDelta(base, NewDeltaIndex(base).Delta(target, math.MaxInt), math.MaxInt64)
		if err != nil || !bytes.Equal(made, target) {
			t.Errorf("the delta makes %q, %v, want %q", made, err, target)
		}
	})
}
