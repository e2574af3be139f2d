package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/reposit/reposit"
)

const grepFiles = 10_000

// manyFiles has git make a commit of files of about 4 KB, of words.
func manyFiles(b *testing.B, git string, files int) string {
	rng := rand.New(rand.NewPCG(1, 3))
	words := []string{"return", "value", "func", "error", "nil", "for", "range", "name", "string", "if", "count", "x", "i"}
	var s bytes.Buffer
	s.WriteString("commit refs/heads/main\ncommitter A <a@example.org> 1000000000 +0000\ndata 2\nx\n\n")
	for n := range files {
		var text bytes.Buffer
		for text.Len() < 4000 {
			for range 1 + rng.IntN(8) {
				text.WriteString(words[rng.IntN(len(words))])
				text.WriteString([]string{" ", "(", ") ", ".", " = "}[rng.IntN(5)])
			}
			fmt.Fprintf(&text, "%d\n", rng.IntN(100_000))
		}
		if n%100 == 0 {
			text.WriteString("the needle(42)\n")
		}
		fmt.Fprintf(&s, "M 644 inline dir%d/file%d.go\ndata %d\n%s\n", n%100, n, text.Len(), text.Bytes())
	}
	dir := fastImport(b, git, &s)
	return dir
}

// BenchmarkGrep searches 10,000 files of a revision beside git grep, process start left out, both with as many threads
// as there are cores: "git-x" is how many times git's time it takes.
func BenchmarkGrep(b *testing.B) {
	git := needGit(b)
	files := grepFiles
	if testing.Short() {
		files /= 20
	}
	dir := manyFiles(b, git, files)
	for _, test := range []struct {
		name, pattern string
		opts          *reposit.GrepOptions
		args          []string
	}{
		{"fixed", "needle(", &reposit.GrepOptions{FixedString: true}, []string{"-F"}},
		{"expression", "need[a-z]+\\(4", nil, []string{"-E"}},
		{"classes", "[0-9]{4}00*$", nil, []string{"-E"}},
		{"ignorecase", "NEEDLE", &reposit.GrepOptions{IgnoreCase: true}, []string{"-E", "-i"}},
		{"word", "needle", &reposit.GrepOptions{WholeWord: true}, []string{"-E", "-w"}},
	} {
		args := append(append([]string{"grep", "-n"}, test.args...), "-e", test.pattern, "main")
		floor := gitTime(b, git, dir, args...)
		for _, p := range []place{inMemory, onBadger} {
			r := importPack(b, git, dir, openStore(b, p))
			b.Run(fmt.Sprintf("%s/files=%d/store=%s", test.name, files, p.name), func(b *testing.B) {
				compareTimes(b, floor, func() { drain(b, r.Grep(b.Context(), "", test.pattern, test.opts)) })
			})
		}
	}
}
