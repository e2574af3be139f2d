package event

import (
	"math/rand/v2"
	"testing"
)

func TestAliases(t *testing.T) {
	a, other := NewAliases([32]byte{1}), NewAliases([32]byte{2})
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[int64]bool{}
	ascending := 0
	last := int64(0)
	for i := range 20_000 {
		number := uint64(i/2 + 1)
		if i > 10_000 {
			number = r.Uint64N(1<<numberBits-1) + 1
		}
		alias := a.Alias(number, uint32(i%2))
		if alias <= 0 || seen[alias] {
			t.Fatalf("Alias(%d) = %d, which is not positive or not new", number, alias)
		}
		seen[alias] = true
		if got := a.Number(alias); got != number {
			t.Fatalf("Number(Alias(%d)) = %d", number, got)
		}
		if other.Number(alias) == number {
			t.Errorf("an alias of %d holds for another key, too", number)
		}
		if alias > last {
			ascending++
		}
		last = alias
	}
	if ascending < 9_000 || ascending > 11_000 {
		t.Errorf("of 20,000 aliases %d are larger than the one before", ascending)
	}
	if a.Alias(0, 5) != 0 || a.Number(0) != 0 || a.Number(-1) != 0 {
		t.Error("0 is not its own alias, or a negative one stands for something")
	}
}
