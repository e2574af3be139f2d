package history

import (
	"context"
	"encoding/binary"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
)

// A ladder is a history of commits by number, each of which has the one before as its parent, and each tenth another
// one, too. Its source makes them when they are asked for.
type ladder struct {
	commits int
	reads   int
}

func (l *ladder) hash(n int) (h git.Hash) {
	binary.BigEndian.PutUint32(h[4:], uint32(n))
	binary.LittleEndian.PutUint32(h[:], uint32(n)*2654435761) // hashes are spread evenly
	return h
}

func (l *ladder) number(h git.Hash) int { return int(binary.BigEndian.Uint32(h[4:])) }

func (l *ladder) Node(_ context.Context, h git.Hash) (Node, error) {
	l.reads++
	n := l.number(h)
	node := Node{When: int64(n), Tree: h}
	if n > 0 {
		node.Parents = append(node.Parents, l.hash(n-1))
	}
	if n > 10 && n%10 == 0 {
		node.Parents = append(node.Parents, l.hash(n-7))
	}
	return node, nil
}

func (l *ladder) Commit(ctx context.Context, h git.Hash) (*git.Commit, error) {
	n, err := l.Node(ctx, h)
	return &git.Commit{Tree: n.Tree, Parents: n.Parents}, err
}

func (l *ladder) Tree(context.Context, git.Hash) (*git.Tree, error) {
	return nil, errors.ErrUnsupported
}
func (l *ladder) Blob(context.Context, git.Hash) ([]byte, error) { return nil, errors.ErrUnsupported }
func (l *ladder) Filter(string) func(git.Hash) bool              { return nil }

// tip returns options of a walk from the last commit.
func (l *ladder) tip() Options { return Options{Tips: []Tip{{Commit: l.hash(l.commits - 1)}}} }

// TestMemory holds what a walk through many commits keeps.
func TestMemory(t *testing.T) {
	commits, most := 1_000_000, uint64(64<<20)
	if testing.Short() {
		commits, most = commits/8, most/8+1<<20
	}
	l := &ladder{commits: commits}
	for _, o := range []Options{
		l.tip(), {Tips: l.tip().Tips, Order: Topological}, {Tips: l.tip().Tips, Order: Reverse},
		{Tips: append(l.tip().Tips, Tip{l.hash(3), true})},
	} {
		before := heap()
		w, found, peak := New(l, &o), 0, uint64(0)
		for {
			_, err := w.Next(t.Context(), commits)
			if errors.Is(err, ErrPaused) {
				continue
			}
			if errors.Is(err, ErrEnd) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if found++; found == 1 || found == commits-8 {
				peak = max(peak, heap()-before)
			}
		}
		if found < commits-4 {
			t.Errorf("a walk of %d commits finds %d", commits, found)
		}
		if peak > most {
			t.Errorf("a walk of %d commits, order %d, keeps %d bytes, want at most %d", commits, o.Order, peak, most)
		}
		t.Logf("order %d: %d bytes", o.Order, peak)
		runtime.KeepAlive(w)
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestStreams holds how much is read for the first results.
func TestStreams(t *testing.T) {
	for _, test := range []struct {
		name  string
		opts  func(*ladder) Options
		found int
		most  int
	}{
		{"one", func(l *ladder) Options { return l.tip() }, 1, 4},
		{"a hundred", func(l *ladder) Options { return l.tip() }, 100, 104},
		{"a range", func(l *ladder) Options {
			return Options{Tips: append(l.tip().Tips, Tip{l.hash(l.commits - 50), true})}
		}, 20, 70},
		{"since", func(l *ladder) Options {
			return Options{Tips: l.tip().Tips, Since: int64(l.commits - 20)}
		}, 20, 30},
	} {
		l := &ladder{commits: 100_001}
		o := test.opts(l)
		w := New(l, &o)
		for range test.found {
			if _, err := w.Next(t.Context(), 1000); err != nil {
				t.Fatalf("%s: Next() = %v", test.name, err)
			}
		}
		if l.reads > test.most {
			t.Errorf("%s: %d commits were read for %d, want at most %d", test.name, l.reads, test.found, test.most)
		}
	}
}

// TestPauses ends a walk's turn after as many steps as it has, and goes on.
func TestPauses(t *testing.T) {
	l := &ladder{commits: 1000}
	o := l.tip()
	o.Match = func(*git.Commit) bool { return false }
	w := New(l, &o)
	pauses := 0
	for {
		_, err := w.Next(t.Context(), 100)
		if errors.Is(err, ErrEnd) {
			break
		}
		if !errors.Is(err, ErrPaused) {
			t.Fatalf("Next() = %v, want %v", err, ErrPaused)
		}
		pauses++
	}
	if pauses < 9 || pauses > 11 {
		t.Errorf("a walk of 1000 commits in turns of 100 pauses %d times", pauses)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w = New(l, &o)
	if _, err := w.Next(ctx, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("Next() with a context that ended = %v", err)
	}
}

// TestOrders lists a small history in all orders.
func TestOrders(t *testing.T) {
	l := &ladder{commits: 25}
	list := func(o Options) (found []int) {
		w := New(l, &o)
		for {
			h, err := w.Next(t.Context(), 1000)
			if err != nil {
				return found
			}
			found = append(found, l.number(h))
		}
	}
	byDate := list(l.tip())
	for i, n := range byDate {
		if n != 24-i {
			t.Fatalf("by date: %v", byDate)
		}
	}
	reversed := list(Options{Tips: l.tip().Tips, Order: Reverse, Limit: 3})
	if len(reversed) != 3 || reversed[0] != 22 || reversed[2] != 24 {
		t.Errorf("reversed, three: %v", reversed)
	}
	first := list(Options{Tips: l.tip().Tips, NoMerges: true})
	if len(first) != 24 {
		t.Errorf("without merges: %v", first)
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"", "/", "//", "/a/", "a", "/a", "a/", "/(/", "/[a-z]+$/", "\x00", "/\\/"} {
		f.Add(s, "some text\nof two lines")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := ParsePattern(pattern)
		expr, isExpr := "", false
		if rest, ok := strings.CutPrefix(pattern, "/"); ok {
			expr, isExpr = strings.CutSuffix(rest, "/")
		}
		switch {
		case len(pattern) > maxPattern:
			if !errors.Is(err, ErrLongPattern) {
				t.Errorf("ParsePattern() of %d bytes = %v", len(pattern), err)
			}
		case isExpr:
			compiled, bad := regexp.Compile(expr)
			if (err == nil) != (bad == nil) || err != nil && !errors.Is(err, ErrPattern) {
				t.Fatalf("ParsePattern(%q) = %v, of regexp: %v", pattern, err, bad)
			}
			if err != nil {
				return
			}
			for line := range strings.SplitSeq(text, "\n") {
				if got := p.inLine(line); got != compiled.MatchString(line) {
					t.Errorf("%q in line %q: %v", pattern, line, got)
				}
			}
		case err != nil:
			t.Errorf("ParsePattern(%q) = %v", pattern, err)
		case p != nil && p.inText(text) != strings.Contains(text, pattern):
			t.Errorf("%q in %q: %v", pattern, text, p.inText(text))
		case p == nil && pattern != "":
			t.Errorf("ParsePattern(%q) = nil", pattern)
		}
	})
}
