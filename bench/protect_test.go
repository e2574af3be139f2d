package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/reposit/reposit"
)

// BenchmarkGuard commits to a branch with rules, and with open pull requests to and from it. What that costs more than
// with nothing is what they cost.
func BenchmarkGuard(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		for _, with := range []struct {
			name            string
			rules, to, from int
		}{{"nothing", 0, 0, 0}, {"rules=1", 1, 0, 0}, {"rules=100", 100, 0, 0}, {"pulls-to=1000", 0, 1000, 0},
			{"pulls-from=10", 0, 0, 10}} {
			b.Run("store="+p.name+"/with="+with.name, func(b *testing.B) {
				s := openStore(b, p)
				r := fill(b, s, "bench", layout{50, 20})
				guard(b, r, with.rules, with.to, with.from)
				path := layout{50, 20}.path(7)
				b.ReportAllocs()
				defer reportCPU(b)()
				for i := 0; b.Loop(); i++ {
					if _, err := r.Write(context.Background(), path, content(i), "change"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// guard sets rules, the last of which applies to main, and opens pull requests to and from it.
func guard(b *testing.B, r *reposit.Repo, rules, to, from int) {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range rules {
		check(r.Protection().Set(ctx, fmt.Sprintf("[!%d]ai*%d", i, i), reposit.Protection{RequirePR: true}))
	}
	if rules > 0 {
		check(r.Protection().Set(ctx, "ma*n", reposit.Protection{}))
	}
	for i := range from {
		base := fmt.Sprint("base", i)
		_, err := r.Branches().Create(ctx, base, "")
		check(err)
	}
	_, err := r.Write(ctx, "ahead", nil, "go ahead")
	check(err)
	for i := range from {
		_, err := r.Pulls().Open(ctx, fmt.Sprint("base", i), "main", nil)
		check(err)
	}
	for i := range to {
		head := fmt.Sprint("head", i)
		_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: head, Message: head}, reposit.Put(head, nil))
		check(err)
		_, err = r.Pulls().Open(ctx, "main", head, nil)
		check(err)
	}
}
