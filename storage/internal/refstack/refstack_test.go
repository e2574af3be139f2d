package refstack_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

func id(n int) storage.ID { return storage.ID(fmt.Appendf(nil, "r%019d", n)) }

// A player does random things to a shelf, with merges that take several steps, or never come to an end.
type player struct {
	*shelf
	rng    *rand.Rand
	repos  []storage.ID
	serial int
	merges []*merging
}

func (p *player) play() error {
	repo := p.repos[p.rng.IntN(len(p.repos))]
	switch n := p.rng.IntN(20); {
	case n == 0 && len(p.repos) < 12:
		return p.create(p.next())
	case n < 4 && len(p.repos) < 12:
		froze, err := p.fork(p.next(), repo)
		if err != nil || !froze {
			return err
		}
		return p.merge(repo)
	case n < 6 && len(p.repos) > 3:
		p.forget(repo)
		return p.drop(repo)
	case n < 8:
		return p.proceed()
	}
	names, count := 80, 1
	if p.rng.IntN(3) == 0 {
		count = 30
	}
	for range count {
		name := fmt.Sprintf("refs/heads/%02d", p.rng.IntN(names))
		if p.rng.IntN(5) == 0 {
			name = strings.Replace(name, "heads", "pull", 1)
		}
		value := fmt.Sprint(p.rng.IntN(1000))
		if p.rng.IntN(4) == 0 {
			value = ""
		}
		if err := p.put(repo, name, value); err != nil {
			return err
		}
	}
	return nil
}

// next makes an ID for a repository, or takes that of one that is gone.
func (p *player) next() storage.ID {
	if p.serial++; p.rng.IntN(4) == 0 {
		for i := range p.serial {
			if _, ok := p.want[id(i)]; !ok {
				p.repos = append(p.repos, id(i))
				return id(i)
			}
		}
	}
	p.repos = append(p.repos, id(p.serial))
	return id(p.serial)
}

func (p *player) forget(repo storage.ID) {
	for i := range p.repos {
		if p.repos[i] == repo {
			p.repos = append(p.repos[:i], p.repos[i+1:]...)
			return
		}
	}
}

func (p *player) merge(repo storage.ID) error {
	g, err := p.start(repo)
	if g != nil {
		p.merges = append(p.merges, g)
	}
	return err
}

// proceed has one merge go on, or undoes it as after a crash.
func (p *player) proceed() error {
	if len(p.merges) == 0 {
		return nil
	}
	i := p.rng.IntN(len(p.merges))
	g := p.merges[i]
	done, err := true, error(nil)
	if p.rng.IntN(6) == 0 {
		err = refstack.Drop(p.shelf, g.Into)
	} else {
		done, err = p.step(g, 20)
	}
	if done {
		p.merges = append(p.merges[:i], p.merges[i+1:]...)
	}
	return err
}

func TestRandomHistories(t *testing.T) {
	for seed := range uint64(25) {
		p := &player{shelf: newShelf(), rng: rand.New(rand.NewPCG(seed, 0)), repos: []storage.ID{id(0)}}
		if err := p.create(id(0)); err != nil {
			t.Fatal(err)
		}
		for i := range 250 {
			if err := p.play(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
			if err := p.check(); err != nil {
				t.Fatalf("seed %d, after step %d: %v", seed, i, err)
			}
		}
		for len(p.merges) > 0 {
			if err := p.proceed(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if err := p.check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := p.checkSpaces(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for len(p.repos) > 0 {
			repo := p.repos[p.rng.IntN(len(p.repos))]
			p.forget(repo)
			if err := p.drop(repo); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if n := len(p.segments) + len(p.stacks) + len(p.refcount); n > 0 {
			t.Errorf("seed %d: %d segments, stacks and refcount are left when all repositories are gone", seed, n)
		}
	}
}

// TestDepth forks and changes in turn: with every merge done at once, the layers stay few.
func TestDepth(t *testing.T) {
	const names = 1000
	for _, burst := range []int{1, 9, 50, 300} {
		m := newShelf()
		parent := id(0)
		if err := m.create(parent); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(burst), 0))
		copied, written, deepest := 0, 0, 0
		for i := range 150 {
			for range burst {
				written++
				if err := m.put(parent, fmt.Sprintf("refs/heads/%04d", rng.IntN(names)), "x"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := m.fork(id(1+i), parent); err != nil {
				t.Fatal(err)
			}
			g, err := m.start(parent)
			if err != nil {
				t.Fatal(err)
			}
			if g != nil {
				for _, l := range g.Layers {
					copied += len(m.segments[l.Segment])
				}
				if _, err := m.step(g, 1<<30); err != nil {
					t.Fatal(err)
				}
			}
			deepest = max(deepest, len(m.stacks[parent].Below))
			if i%50 == 0 {
				if err := m.check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if deepest > 6 {
			t.Errorf("%d changes between forks: %d layers below, want 6 at most", burst, deepest)
		}
		if copied > 12*written {
			t.Errorf("%d changes between forks: %d entries are merged for %d that were written", burst, copied, written)
		}
	}
}

func TestPut(t *testing.T) {
	var s refstack.Stack
	changes := 0
	put := func(name string) {
		next, changed := s.Put(name)
		if changed {
			changes++
		}
		s = next
	}
	for i := range 100 {
		put(fmt.Sprint("refs/notes/", i))
		put("refs/heads/main")
	}
	if len(s.Recent) != 1 || s.Many || changes != 1 {
		t.Errorf("one branch: recent are %q, many %v after %d changes", s.Recent, s.Many, changes)
	}
	for i := range 100 {
		put(fmt.Sprint("refs/tags/", i))
	}
	if len(s.Recent) != 0 || !s.Many || changes > 10 {
		t.Errorf("100 tags: recent are %q, many %v after %d changes", s.Recent, s.Many, changes)
	}
	s = refstack.Stack{}
	put("refs/heads/" + strings.Repeat("x", 10_000))
	if !s.Many {
		t.Error("a long name is among the recent")
	}
}

// TestEntriesStop ends loops early, as callers do.
func TestEntriesStop(t *testing.T) {
	m := newShelf()
	for n := range 3 {
		for i := range 10 {
			m.set(id(n), fmt.Sprintf("refs/heads/%d", i*3+n), entry{value: "x"})
		}
	}
	layers := []refstack.Layer{{Segment: id(0)}, {Segment: id(1), Inherited: true}, {Segment: id(2), Inherited: true}}
	for want := range 30 {
		n := 0
		for range refstack.Entries(layers, m.scan, "", "") {
			if n == want {
				break
			}
			n++
		}
		if n != want {
			t.Errorf("%d entries, want %d", n, want)
		}
	}
}
