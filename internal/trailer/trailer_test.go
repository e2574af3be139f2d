package trailer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pieces are what messages are put together from.
var pieces = []string{
	"\n", "\n\n", "subject\n", "Signed-off-by: A <a@x>\n", "Co-authored-by: B\n", "key:value\n", "Key :  v  \n", " more\n",
	"\tmore: x\n", "(cherry picked from commit 0123)\n", "words that are no trailer\n",
	"---\n", "--- a/f\n", "----\n",
	"# comment\n", "Conflicts:\n", "\tpath\n", ": none\n", "a b: c\n", "k_y: v\n", "  \n", "empty:\n", "x-1:\r\n",
	"# ------------------------ >8 ------------------------\n",
	"last without an end", "s: p\n \n q\n", "ü: v\n", "k:\vv\n",
}

// TestAgainstGit compares with git interpret-trailers --parse, many messages at a time: git reads each from a file.
func TestAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	messages := []string{"", "\n", "a: b", "s\n\na: b", "s\n\na: b\n c\n\td\n", "s\n\na: b\n\n# x\n", "s\n\n\n---\na: b\n"}
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		// Git does not come to an end if its own line stands behind the end of the message.
		m := b.String()
		divided := strings.Contains(m, "--- a") || strings.Contains("\n"+m, "\n---\n")
		if !divided || !strings.Contains(m, cutLine) {
			messages = append(messages, m)
		}
	}
	for _, m := range messages {
		c := exec.Command("git", "interpret-trailers", "--parse")
		c.Stdin = strings.NewReader(m)
		want, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		for _, p := range Parse(m) {
			fmt.Fprintf(&got, "%s: %s\n", p.Key, p.Value)
		}
		if got.String() != string(want) {
			t.Errorf("seed %d: Parse(%q) = %q, want %q", seed, m, got.String(), want)
		}
	}
}

func TestEnds(t *testing.T) {
	for m, want := range map[string]bool{
		"": false, "s": false, "s: t\n": false, "s\n\na: b": true, "s\n\na: b\nwords\n": false,
		"s\n\nSigned-off-by: x\nwords\n": true, "s\n\nwords\n\na: b\n\n": true, "s\n\n---\n\na: b\n": true,
	} {
		if got := Ends(m); got != want {
			t.Errorf("Ends(%q) = %v, want %v", m, got, want)
		}
	}
}

// FuzzParse holds that what is parsed is found again when it is written by itself.
func FuzzParse(f *testing.F) {
	for _, p := range pieces {
		f.Add("s\n\n" + p + "Signed-off-by: x\n")
	}
	f.Fuzz(func(t *testing.T, message string) {
		all := Parse(message)
		var b strings.Builder
		b.WriteString("subject\n\n")
		for _, p := range all {
			if p.Key == "" || strings.ContainsAny(p.Key+p.Value, "\n\x00") {
				t.Fatalf("Parse(%q) = %q", message, all)
			}
			b.WriteString(p.Key + ": " + p.Value + "\n")
		}
		if again := Parse(b.String()); !slices.Equal(again, all) {
			t.Errorf("Parse(%q) = %q, and of that alone %q", message, all, again)
		}
	})
}
