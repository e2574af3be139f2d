package linediff

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A pairing is two texts to compare.
type pairing struct{ a, b []byte }

// gitChanges returns what git finds by a flag, of all pairs in one process.
func gitChanges(t *testing.T, dir string, pairs int, flags ...string) [][]Change {
	t.Helper()
	args := append([]string{"diff-tree", "-p", "-U1", "--text", "--no-renames"}, flags...) // -U0 trims
	out := runGit(t, dir, nil, append(args, "first", "second")...)
	found := make([][]Change, pairs)
	at := -1
	r := bufio.NewReader(bytes.NewReader(out))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return found
		}
		switch {
		case strings.HasPrefix(line, "diff --git "):
			at, err = strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(line, '/')+1:]))
		case strings.HasPrefix(line, "@@ "):
			var c []Change
			c, err = readHunk(r, line)
			found[at] = append(found[at], c...)
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
}

func readHunk(r *bufio.Reader, header string) (found []Change, err error) {
	fields := strings.Fields(header)
	from := func(s string) (start, count int) {
		first, rest, ok := strings.Cut(s[1:], ",")
		start, _ = strconv.Atoi(first)
		count = 1
		if ok {
			count, _ = strconv.Atoi(rest)
		}
		if count > 0 {
			start--
		}
		return start, count
	}
	a, na := from(fields[1])
	b, nb := from(fields[2])
	endA, endB := a+na, b+nb
	var c Change
	flush := func() {
		if c.ALen+c.BLen > 0 {
			found = append(found, c)
		}
	}
	for a < endA || b < endB {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line[0] == '\\' {
			continue
		}
		if line[0] != ' ' && c.A+c.ALen == a && c.B+c.BLen == b && c.ALen+c.BLen > 0 {
			c.ALen += btoi(line[0] == '-')
			c.BLen += btoi(line[0] == '+')
		} else if line[0] != ' ' {
			flush()
			c = Change{a, btoi(line[0] == '-'), b, btoi(line[0] == '+')}
		}
		a += btoi(line[0] != '+')
		b += btoi(line[0] != '-')
	}
	flush()
	return found, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func runGit(t *testing.T, dir string, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes()
}

// store has a repository hold the first texts of all pairs as one tree, and the second ones as another.
func storePairs(t *testing.T, pairs []pairing) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	runGit(t, dir, nil, "init", "-q", "--bare", ".")
	var in bytes.Buffer
	for i, name := range []string{"first", "second"} {
		fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter c <c> 1 +0000\ndata 0\n", name)
		for j, p := range pairs {
			data := p.a
			if i == 1 {
				data = p.b
			}
			fmt.Fprintf(&in, "M 644 inline %05d\ndata %d\n%s\n", j, len(data), data)
		}
	}
	runGit(t, dir, in.Bytes(), "fast-import", "--quiet")
	return dir
}

// A writer makes texts at random.
type writer struct{ *rand.Rand }

// line returns a line of a text with so many different ones.
func (w writer) line(kinds int) string {
	k := w.IntN(kinds)
	indent := strings.Repeat("\t", k%4) + strings.Repeat(" ", k%3)
	switch {
	case k%7 == 0:
		return strings.Repeat(" ", k%2)
	case k == 1 && w.IntN(10) == 0:
		return strings.Repeat("\n", 25)
	case k%13 == 1:
		return strings.Repeat("\t", k%30) + "x"
	case k%11 == 0:
		return indent + "}"
	case w.IntN(30) == 0:
		return indent + fmt.Sprintf("call%d( x)\r", k)
	}
	return indent + fmt.Sprintf("call%d(x)", k)
}

func (w writer) lines(n, kinds int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = w.line(kinds)
	}
	return lines
}

// edit changes a text here and there.
func (w writer) edit(lines []string, edits, kinds int) []string {
	out := append([]string{}, lines...)
	for range edits {
		at := w.IntN(len(out) + 1)
		n := min(w.IntN(1+w.IntN(6)), len(out)-at)
		switch w.IntN(6) {
		case 0:
			out = append(out[:at:at], out[at+n:]...)
		case 1:
			out = append(out[:at:at], append(w.lines(n, kinds), out[at+n:]...)...)
		case 2: // said again
			out = append(out[:at+n:at+n], out[at:]...)
		case 3: // moved
			moved := out[at : at+n]
			rest := append(out[:at:at], out[at+n:]...)
			to := w.IntN(len(rest) + 1)
			out = append(rest[:to:to], append(append([]string{}, moved...), rest[to:]...)...)
		case 4:
			out = append(out[:at:at], append(w.lines(1+w.IntN(5), kinds), out[at:]...)...)
		case 5: // white space
			if at < len(out) {
				out[at] = pick(w.Rand, []string{" " + out[at], out[at] + " \t", strings.ReplaceAll(out[at], "(", " ("),
					strings.ReplaceAll(out[at], "\t", "        "), strings.TrimSpace(out[at])})
			}
		}
	}
	return out
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (w writer) text(lines []string) []byte {
	text := strings.Join(lines, "\n")
	if w.IntN(5) > 0 && len(lines) > 0 {
		text += "\n"
	}
	return []byte(text)
}

// pairs returns texts of many kinds: small ones of few lines, code, long ones where searches are cut short.
func (w writer) pairs(small, long int) []pairing {
	var all []pairing
	for range small {
		kinds := pick(w.Rand, []int{2, 3, 5, 12, 40, 1000})
		a := w.lines(w.IntN(pick(w.Rand, []int{4, 12, 60, 300})), kinds)
		b := w.edit(a, w.IntN(1+w.IntN(12)), kinds)
		if w.IntN(8) == 0 {
			b = w.lines(w.IntN(40), kinds)
		}
		all = append(all, pairing{w.text(a), w.text(b)})
	}
	for range long {
		kinds := pick(w.Rand, []int{20, 200, 1000, 5000, 100000})
		a := w.lines(500+w.IntN(4000), kinds)
		b := w.edit(a, w.IntN(1200), kinds)
		if w.IntN(3) == 0 {
			b = w.lines(500+w.IntN(3000), kinds)
			at := w.IntN(len(a) / 2)
			to := w.IntN(len(b))
			b = append(b[:to:to], append(a[at:at+len(a)/3:at+len(a)/3], b[to:]...)...)
		}
		all = append(all, pairing{w.text(a), w.text(b)})
	}
	for i := range long / 4 {
		n := 3000 + w.IntN(9000)
		if i < long/15 {
			n = 36000 // below, a search ends before a long run may decide
		}
		a := w.lines(n, 2000)
		all = append(all, pairing{w.text(a), w.text(w.disturb(a, 2000))})
	}
	return all
}

// disturb replaces and drops lines in some stretches of a text, and leaves others alone: there long runs of equal lines
// lie behind many changes.
func (w writer) disturb(lines []string, kinds int) (out []string) {
	for len(lines) > 0 {
		n := min(10+w.IntN(90), len(lines))
		calm := w.IntN(2) == 0
		for _, line := range lines[:n] {
			switch {
			case calm || w.IntN(3) > 0:
				out = append(out, line)
			case w.IntN(2) == 0:
				out = append(out, w.line(kinds))
			}
		}
		lines = lines[n:]
	}
	return out
}

// TestAgainstGit compares with git, by every algorithm and white space mode.
func TestAgainstGit(t *testing.T) {
	small, long := 10*(*pairs), *pairs/4
	if testing.Short() {
		small, long = 150, 5
	}
	made := writer{rand.New(rand.NewPCG(*seed, 1))}.pairs(small, long)
	dir := storePairs(t, made)
	for _, c := range []struct {
		flag  string
		opts  Options
		space Space
	}{
		{"--indent-heuristic", Options{}, Exact},
		{"--no-indent-heuristic", Options{NoIndent: true}, Exact},
		{"--patience", Options{Algorithm: Patience}, Exact},
		{"--histogram", Options{Algorithm: Histogram}, Exact},
		{"-w", Options{}, IgnoreAll},
		{"-b", Options{}, IgnoreCount},
		{"--ignore-space-at-eol", Options{}, IgnoreAtEnd},
		{"-U0", Options{}, Exact},
	} {
		t.Run(c.flag, func(t *testing.T) {
			wrong := 0
			for i, want := range gitChanges(t, dir, len(made), c.flag) {
				table := NewTable(c.space)
				a, b := made[i].a, made[i].b
				if c.flag == "-U0" {
					a, b = TrimTail(a, b)
				}
				got, err := Diff(t.Context(), table.Text(a), table.Text(b), &c.opts)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					if wrong++; wrong < 4 {
						t.Errorf("pair %d (%d and %d lines): -git +ours\n%s", i, CountLines(made[i].a), CountLines(made[i].b), diff)
						if len(made[i].a) < 400 {
							t.Logf("a %q\nb %q", made[i].a, made[i].b)
						}
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d pairs differ", wrong, len(made))
			}
		})
	}
}
