package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

const (
	blameCommits = 4_000
	blameLines   = 1_000
)

// manyEdits has git make commits, nine in ten of which change some lines of the file "dir/long", and the rest one of
// 200 others.
func manyEdits(b *testing.B, git string, commits int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	lines := make([]string, blameLines)
	for i := range lines {
		lines[i] = fmt.Sprintf("\tline %d = first(%d)\n", i, i)
	}
	var s bytes.Buffer
	for i := range commits {
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 7\nchange\n\n",
			1_000_000_000+i*60)
		path, text := "dir/long", ""
		if i%10 == 9 {
			path, text = fmt.Sprint("dir/other", rng.IntN(200)), fmt.Sprintln(i)
		} else {
			for range 1 + rng.IntN(3) {
				at := rng.IntN(len(lines))
				lines[at] = fmt.Sprintf("\tline %d = changed(%d)\n", at, i)
			}
			if at := rng.IntN(len(lines)); i%7 == 0 {
				lines = append(lines[:at:at], append([]string{fmt.Sprintf("\tnew line %d\n", i)}, lines[at:]...)...)
			}
			text = strings.Join(lines, "")
		}
		fmt.Fprintf(&s, "M 644 inline %s\ndata %d\n%s\n", path, len(text), text)
	}
	dir := fastImport(b, git, &s)
	runGit(b, git, "-C", dir, "commit-graph", "write", "--reachable", "--changed-paths")
	return dir
}

// BenchmarkBlame blames a file that 3,600 of 4,000 commits changed, whole, a range of it, and with commits ignored,
// beside git with a commit graph and filters of changed paths, process start left out: "git-x" is how many times git's
// time it takes.
func BenchmarkBlame(b *testing.B) {
	git := needGit(b)
	commits := blameCommits
	if testing.Short() {
		commits /= 20
	}
	dir := manyEdits(b, git, commits)
	for _, test := range []struct {
		name string
		opts *reposit.BlameOptions
		args []string
	}{
		{"all", nil, nil},
		{"lines=20", &reposit.BlameOptions{From: 500, To: 519}, []string{"-L500,519"}},
		{"ignored=3", &reposit.BlameOptions{IgnoreRevs: []string{"main~10", "main~20", "main~30"}},
			[]string{"--ignore-rev=main~10", "--ignore-rev=main~20", "--ignore-rev=main~30"}},
	} {
		args := append([]string{"blame", "--porcelain"}, test.args...)
		floor := gitTime(b, git, dir, append(args, "main", "--", "dir/long")...)
		for _, p := range []place{inMemory, onBadger} {
			r := importPack(b, git, dir, openStore(b, p))
			b.Run(fmt.Sprintf("%s/commits=%d/store=%s", test.name, commits, p.name), func(b *testing.B) {
				compareTimes(b, floor, func() {
					if _, err := r.Blame(b.Context(), "", "dir/long", test.opts); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
