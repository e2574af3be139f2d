package pretty_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pretty"
)

// TestAgainstGit compares with git log on generated formats. Package archive compares with git archive.
func TestAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	const now = 1700000000
	dir := t.TempDir()
	run := func(stdin string, args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "XDG_CONFIG_HOME="+dir, "TZ=UTC", "LC_ALL=C",
			"GIT_TEST_DATE_NOW="+strconv.Itoa(now), "COLUMNS=80")
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %q: %v", args, err)
		}
		return string(out)
	}
	run("", "init", "-q", "-b", "main")
	tree := strings.TrimSpace(run("", "mktree"))
	parent := ""
	type made struct{ hash, raw string }
	var commits []made
	for _, rest := range []string{
		"author A U Thor <a.thor@example.com> 1600000000 +0130\ncommitter C <c@example.com> 1699999000 -0500\n\n" +
			"A subject: (of) two..lines -- \nthat goes on \t\n\n\nThe body has a line that is longer than others, and\n\n- one\n- two\n",
		"author \u00c4\u00dc  <a@b@c>  1234567890 -1130\ncommitter <> 0 +0000\n\n\u4e2d\u6587\u4e2d\u6587 \u4e2d\u6587\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding ISO-8859-1\n\ncaf\xe9\n\nb\xf6dy\n",
		"author \x83\x5c <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding Shift_JIS\n\n\x93\xfa\x96\x7b\n\n\x8c\xea\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\n\n\n\n",
	} {
		raw := "tree " + tree + "\n" + parent + rest
		hash := strings.TrimSpace(run(raw, "hash-object", "-t", "commit", "-w", "--stdin", "--literally"))
		commits = append(commits, made{hash, raw})
		parent = "parent " + hash + "\n"
	}
	run("", "update-ref", "refs/heads/main", commits[4].hash)
	run("", "tag", "v1", commits[0].hash)

	const seed = 2
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range 300 {
		format := ""
		if i < len(placeholders) {
			format = "[" + placeholders[i] + "]"
		}
		for range random.IntN(6) {
			format += placeholders[random.IntN(len(placeholders))]
		}
		at := random.IntN(len(commits))
		hash, ok := git.ParseHash(commits[at].hash)
		if !ok {
			t.Fatalf("git says %q", commits[at].hash)
		}
		repo := &pretty.Repository{Now: time.Unix(now, 0), Notes: func() string { return "" }}
		switch at {
		case 0:
			repo.Refs = func() []string { return []string{"tag: v1"} }
		case 4:
			repo.Refs = func() []string { return []string{"HEAD -> main"} }
		}
		format += "|"
		want := run("", "log", "-1", "--no-color", "--format=tformat:"+format, commits[at].hash)
		got, ok := pretty.New(pretty.ParseCommit(hash, []byte(commits[at].raw)), repo).Append(nil, format, 1<<20)
		if string(got)+"\n" != want || !ok {
			t.Errorf("seed %d, commit %d: Append(%q) =\n%q, %v, want\n%q", seed, at, format, fmt.Sprintf("%s\n", got), ok, want)
		}
	}
}

var placeholders = []string{
	"%H", "%h", "%T", "%t", "%P", "%p", "%an", "%aN", "%ae", "%aE", "%al", "%aL", "%ad", "%aD", "%at", "%ai", "%aI", "%as",
	"%ar", "%ah", "%cn", "%cN", "%ce", "%cE", "%cl", "%cL", "%cd", "%cD", "%ct", "%ci", "%cI", "%cs", "%cr", "%ch",
	"%d", "%D",
	"%s", "%f", "%b", "%B", "%e", "%n", "%%", "%x41", "%xz", "%x4", "%q", "%a", "%aq", "%c", "%g", "%gq", "%G", "%G?",
	"%GG",
	"%GS", "%GK", "%GT", "%Gq", "%m", "%N", "%+s", "%-s", "% s", "%+d", "%-d", "% b", "%+b", "%-b", "%+", "%-", "% ",
	"%+w(3)",
	"%Cred", "%Creset", "%Cq", "%C(red)", "%C(auto,red)", "%C(always,red)", "%C(always,bold 3 blue)", "%C(always,reset)",
	"%C(always,#ff8000 12 ul no-dim)", "%C(always,normal 200)", "%C(", "%C", "%<(20)", "%<(3)", "%<(10,trunc)",
	"%<(5,ltrunc)", "%<(6,mtrunc)", "%>(12)", "%>>(12)", "%><(15)", "%<|(20)", "%>|(30)", "%>>|(25)", "%><|(40)",
	"%<|(-60)", "%<(0)", "%<(x)", "%<(5,bad)", "%<", "%>", "%>(16385)", "%w(0)", "%w(20)", "%w(20,4)", "%w(10,2,6)",
	"%w()",
	"%w(x)", "%w(30,1,)", "%w", "plain", " ", "   ", "\n", "\t", "a b c d e f", "\u4e2d\u6587", "e\u0301", "(", ")", ",",
}
