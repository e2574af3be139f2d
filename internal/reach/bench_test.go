package reach

import (
	"fmt"
	"testing"

	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

const benchCommits = 100_000

// BenchmarkHas asks about a repository of 100,000 commits.
func BenchmarkHas(b *testing.B) {
	l := newLong(b, benchCommits)
	var changes []ref.Change
	for i := range 1000 {
		changes = append(changes, ref.Change{Name: fmt.Sprintf("refs/heads/b%d", i), New: l.commits[i*(benchCommits/1000)]})
	}
	stray, blob := l.stray()
	for _, branches := range []int{1, 1000} {
		if branches > 1 {
			l.land(l.repo, nil, changes...)
		}
		run := func(name string, fn func(b *testing.B)) { b.Run(fmt.Sprintf("branches=%d/%s", branches, name), fn) }
		newIndex := func() *Index {
			x := l.index(Options{Budget: 1 << 30})
			x.exclusive = true
			return x
		}
		warm := newIndex()
		l.want(warm, l.repo, blob, false)
		b.Logf("%d bytes are kept of %d commits and 300,000 other objects", warm.bytes.Load(), len(l.commits))
		for _, of := range []struct {
			name string
			hash storage.Hash
			want bool
		}{
			{"no=commit", stray, false}, {"no=blob", blob, false}, {"no=nowhere", storage.Hash{1}, false},
			{"yes=commit", l.commits[7], true}, {"yes=blob", l.blobs[7], true},
		} {
			run(of.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if l.ask(warm, l.repo, l.pool, of.hash) != of.want {
						b.Fatal(of.name)
					}
				}
			})
		}
		run("floor=view", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.must(l.world.backend.View(l.ctx, func(v storage.View) error { return nil }))
			}
		})
		run("first=commit", func(b *testing.B) {
			for b.Loop() {
				l.want(newIndex(), l.repo, l.commits[7], true)
			}
		})
		run("first=blob", func(b *testing.B) {
			for b.Loop() {
				l.want(newIndex(), l.repo, l.blobs[7], true)
			}
		})
		run("after=fast-forward", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				more := l.next()
				l.land(l.repo, more, ref.Change{Name: "refs/heads/main", New: l.commits[len(l.commits)-1]})
				b.StartTimer()
				l.want(warm, l.repo, blob, false)
			}
		})
		run("after=deletion", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				l.land(l.repo, nil, ref.Change{Name: "refs/heads/x", New: stray})
				l.want(warm, l.repo, stray, true)
				l.land(l.repo, nil, ref.Change{Name: "refs/heads/x"})
				b.StartTimer()
				l.want(warm, l.repo, stray, false)
			}
		})
	}
}
