package wildmatch_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/wildmatch"
)

// TestAgainstGit compares with git ls-files, whose arguments are matched by wildmatch: with WM_PATHNAME after
// ":(glob)", without flags otherwise.
func TestAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 3))
	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "XDG_CONFIG_HOME="+dir)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("", "init", "-q")
	names := randomNames(random, 400)
	var index strings.Builder
	for _, name := range names {
		fmt.Fprintf(&index, "100644 %040d 0\t%s\x00", 1, name)
	}
	git(index.String(), "update-index", "-z", "--add", "--index-info")
	names = strings.FieldsFunc(git("", "ls-files", "-z"), func(r rune) bool { return r == 0 })
	if len(names) < 50 {
		t.Fatalf("the index has %d names, want more", len(names))
	}

	matched := 0
	for range 150 {
		pattern := randomPattern(random)
		// What is before the first special byte is compared by git, and only the rest is matched.
		stem := pattern[:strings.IndexAny(pattern, `*?[\`)]
		for prefix, match := range map[string]func(string, string) bool{
			":(top)": wildmatch.Match, ":(top,glob)": wildmatch.MatchPath,
		} {
			var got, want []string
			for name := range strings.FieldsFuncSeq(git("", "ls-files", "-z", "--", prefix+pattern), func(r rune) bool {
				return r == 0
			}) {
				if !strings.HasPrefix(name, pattern) { // git takes it for a directory's name as well
					want = append(want, name)
				}
			}
			for _, name := range names {
				rest, ok := strings.CutPrefix(name, stem)
				if ok && match(pattern[len(stem):], rest) && !strings.HasPrefix(name, pattern) {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d: %s%q (-git +ours):\n%s", seed, prefix, pattern, diff)
			}
			matched += len(want)
		}
	}
	if matched < 500 {
		t.Errorf("%d names matched, want more: the test shows too little", matched)
	}
}

func randomNames(random *rand.Rand, n int) []string {
	letters := []string{"a", "b", "a", "b", "-", "]", "[", "!", "\\", "*", "\xff", ":", "a.b", "\t", " ", "A", "0"}
	names := make([]string, n)
	for i := range names {
		parts := make([]string, 1+random.IntN(4))
		for j := range parts {
			for range 1 + random.IntN(3) {
				parts[j] += letters[random.IntN(len(letters))]
			}
		}
		names[i] = strings.Join(parts, "/")
	}
	return names
}

// randomPattern returns a pattern that has something special, and which git does not take for a path to be cleaned.
func randomPattern(random *rand.Rand) string {
	items := []string{"a", "b", "ab", "a", "b", "*", "*", "**", "?", "/", "/", "/**/", "**/", "***", `\*`, `\a`, `\/`,
		"[ab]", "[!a]", "[^b-]", "[a-b]", "[]a]", "[[:alpha:]]", "[![:upper:]]", "[[:digit:]", "[[:al]", "[a", "[[:foo:]]",
		"[b-a]",
		`[\]b]`, "[a-", "-", "!", "[--b]", "[[:punct:]a-b]", "[[:space:]]", "[[:graph:]]", "[[:xdigit:]]", "[[:cntrl:]]"}
	for {
		pattern := ""
		for range 1 + random.IntN(6) {
			pattern += items[random.IntN(len(items))]
		}
		clean := !slices.Contains(strings.Split(pattern, "/"), "") && !strings.HasPrefix(pattern, "!")
		if clean && strings.ContainsAny(pattern, `*?[\`) {
			return pattern
		}
	}
}
