package linemerge

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/reposit/reposit/internal/linediff"
)

var (
	seed  = flag.Uint64("seed", 1, "of generated texts")
	pairs = flag.Int("pairs", 300, "how many generated merges are compared with git's")
)

// lines are what generated texts are made of: few, so that they repeat, with and without letters.
var lines = []string{"a\n", "b\n", "c\n", "word\n", "\n", "}\n", "\t{\n", "1\n", "é\n", "  a\n"}

// texts returns a base and two texts that come from it.
func texts(r *rand.Rand) (base, ours, theirs []byte) {
	alphabet := lines[:2+r.IntN(len(lines)-1)]
	var all []string
	for i := range r.IntN(30) {
		line := alphabet[r.IntN(len(alphabet))]
		if r.IntN(4) == 0 {
			line = fmt.Sprintf("line %d\n", i)
		}
		all = append(all, line)
	}
	edit := func() []string {
		changed := append([]string(nil), all...)
		for range r.IntN(5) {
			at := r.IntN(len(changed) + 1)
			end := min(at+r.IntN(4), len(changed))
			var with []string
			for range r.IntN(4) {
				with = append(with, alphabet[r.IntN(len(alphabet))])
			}
			changed = append(append(append([]string(nil), changed[:at]...), with...), changed[end:]...)
		}
		return changed
	}
	returns := r.IntN(4) // which of the texts have carriage returns
	join := func(lines []string, i int) []byte {
		var b []byte
		for _, line := range lines {
			if returns == 1 || returns == 2 && r.IntN(3) > 0 || returns == 3 && i == 0 {
				line = line[:len(line)-1] + "\r\n"
			}
			b = append(b, line...)
		}
		if r.IntN(5) == 0 {
			b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
		}
		return b
	}
	return join(all, 0), join(edit(), 1), join(edit(), 2)
}

// TestAgainstGit compares generated merges with those of git-merge-file: all bytes, and the number of conflicts.
func TestAgainstGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	styles := map[Style]string{Merge: "--no-diff3", Diff3: "--diff3", ZDiff3: "--zdiff3"}
	favors := map[Favor]string{Ours: "--ours", Theirs: "--theirs", Union: "--union"}
	conflicts := 0
	for i := range *pairs {
		s := *seed + uint64(i)
		r := rand.New(rand.NewPCG(s, 0))
		base, ours, theirs := texts(r)
		opts := Options{Style: Style(r.IntN(3)), Base: "the base", Ours: "ours", Theirs: "theirs"}
		if r.IntN(4) == 0 {
			opts.Favor = Favor(1 + r.IntN(3))
		}
		dir := t.TempDir()
		args := []string{"merge-file", "-p", "-L", opts.Ours, "-L", opts.Base, "-L", opts.Theirs}
		if opts.Style != Merge {
			args = append(args, styles[opts.Style])
		}
		if opts.Favor != None {
			args = append(args, favors[opts.Favor])
		}
		if r.IntN(4) == 0 {
			opts.MarkerSize = 1 + r.IntN(12)
			args = append(args, "--marker-size="+strconv.Itoa(opts.MarkerSize))
		}
		for name, data := range map[string][]byte{"base": base, "ours": ours, "theirs": theirs} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(git, append(args, "ours", "base", "theirs")...)
		cmd.Dir = dir
		want, err := cmd.Output()
		wantConflicts := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			wantConflicts = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		got, err := Run(t.Context(), base, ours, theirs, &opts)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Content, want) || got.Conflicts != wantConflicts {
			t.Fatalf("seed %d, %+v:\nbase %q\nours %q\ntheirs %q\nmerged %d %q\ngit's  %d %q",
				s, opts, base, ours, theirs, got.Conflicts, got.Content, wantConflicts, want)
		}
		conflicts += got.Conflicts
	}
	if conflicts < *pairs/10 {
		t.Errorf("there were just %d conflicts", conflicts)
	}
}

// TestProperties holds what a merge must be whatever the texts.
func TestProperties(t *testing.T) {
	for i := range 3000 {
		s := *seed + uint64(i)
		r := rand.New(rand.NewPCG(s, 1))
		base, ours, theirs := texts(r)
		opts := Options{Style: Style(r.IntN(3)), Algorithm: linediff.Algorithm(r.IntN(3)), Whole: r.IntN(2) == 0}
		check := func(what string, base, ours, theirs, want []byte) {
			t.Helper()
			got, err := Run(t.Context(), base, ours, theirs, &opts)
			if err != nil || got.Conflicts != 0 || !bytes.Equal(got.Content, want) {
				t.Fatalf("seed %d: %s: %d conflicts, %v, %q, want %q", s, what, got.Conflicts, err, got.Content, want)
			}
		}
		check("nobody changed anything", base, base, base, base)
		check("ours alone changed", base, ours, base, ours)
		check("theirs alone changed", base, base, theirs, theirs)
		check("both changed alike", base, ours, ours, ours)

		there, err := Run(t.Context(), base, ours, theirs, &opts)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Run(t.Context(), base, theirs, ours, &opts)
		if err != nil {
			t.Fatal(err)
		}
		if (there.Conflicts == 0) != (back.Conflicts == 0) ||
			there.Conflicts == 0 && !bytes.Equal(there.Content, back.Content) {
			t.Fatalf("seed %d: ours with theirs: %d %q; theirs with ours: %d %q", s, there.Conflicts, there.Content,
				back.Conflicts, back.Content)
		}
	}
}

// TestClean holds what is merged without a conflict, and what is not.
func TestClean(t *testing.T) {
	for _, test := range []struct {
		base, ours, theirs, want string
		clean                    bool
	}{
		{"1\n2\n3\n4\n5\n", "1\nx\n3\n4\n5\n", "1\n2\n3\n4\ny\n", "1\nx\n3\n4\ny\n", true},
		{"1\n2\n3\n", "1\nx\n3\n", "1\nx\n3\n", "1\nx\n3\n", true},
		{"1\n2\n3\n", "1\nx\n3\n", "1\ny\n3\n", "", false},
		{"1\n2\n3\n", "1\nx\n3\n", "1\n2\ny\n", "", false}, // next to each other
		{"1\n2\n3\n", "1\n2\n3\n", "0\n1\n3\n", "0\n1\n3\n", true},
		{"1\n2\n3\n", "2\n3\n", "1\n2\n", "2\n", true},
		{"1", "1", "1\n2", "1\n2", true},
	} {
		got, err := Run(t.Context(), []byte(test.base), []byte(test.ours), []byte(test.theirs), &Options{Whole: true})
		if clean := got.Conflicts == 0; err != nil || clean != test.clean || clean && string(got.Content) != test.want {
			t.Errorf("Run(%q, %q, %q) = %+v, %v, want %q, %t", test.base, test.ours, test.theirs, got, err, test.want,
				test.clean)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, []byte("a"), []byte("b"), []byte("c"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v, want %v", err, context.Canceled)
	}
}

// FuzzRun holds that no texts make a merge panic, and that what just one side changed is taken as it is.
func FuzzRun(f *testing.F) {
	f.Add([]byte("a\nb\n"), []byte("a\nc\n"), []byte("d\nb"), byte(0))
	f.Add([]byte(""), []byte("a"), []byte("\r\n"), byte(7))
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte, bits byte) {
		opts := Options{Style: Style(bits % 3), Favor: Favor(bits / 3 % 4), Algorithm: linediff.Algorithm(bits / 12 % 3)}
		got, err := Run(t.Context(), base, ours, theirs, &opts)
		if err != nil {
			t.Fatal(err)
		}
		if opts.Favor != None && got.Conflicts > 0 {
			t.Errorf("%d conflicts, though one side was favored", got.Conflicts)
		}
		if alone, err := Run(t.Context(), base, base, theirs, &opts); err != nil || !bytes.Equal(alone.Content, theirs) {
			t.Errorf("of theirs alone %q, %v, want %q", alone.Content, err, theirs)
		}
	})
}
