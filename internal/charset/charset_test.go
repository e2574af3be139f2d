package charset

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

func runGit(t *testing.T, dir string, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+dir, "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return string(out)
}

// TestCommitAgainstGit decodes commits in many encodings, beside git-log.
func TestCommitAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	runGit(t, dir, nil, "init", "-q", "--bare")
	runGit(t, dir, nil, "hash-object", "-t", "tree", "-w", "--stdin")
	decoded := 0
	for _, test := range []struct{ encoding, text string }{
		{"ISO-8859-1", "Zoë Müller \u0085"}, {"iso8859-1", "é"}, {"latin-1", "é"}, {"latin1", "ÿ"}, {"ISO-8859-2", "Žižek"},
		{"ISO-8859-15", "5 €"},
		{"ISO-8859-5", "Привет"}, {"windows-1251", "Привет"}, {"CP1251", "Ёж"}, {"windows-1252", "“x” €"}, {"CP1252", "€"},
		{"KOI8-R", "Привет"}, {"koi8-u", "Їжак"}, {"Shift_JIS", "日本語"}, {"SJIS", "カタカナ"}, {"EUC-JP", "日本語"}, {"eucJP", "日本"},
		{"ISO-2022-JP", "日本語 漢字"},
		{"GBK", "中文"}, {"GB18030", "中文 \U00020000"}, {"gb2312", "中文"}, {"Big5", "中文"}, {"EUC-KR", "한국어"}, {"cp949", "한국어"},
		{"CP866", "Привет"},
		{"UTF-8", "é日本"}, {"utf8", "é"}, {"", "é"},
		{"nonsense", "\xe9"}, {"ISO-8859-7", "\xd2"}, {"windows-1252", "\x81"}, {"EUC-JP", "ok \xff\xff"}, {"UTF-8", "\xe9"},
		{"", "\xe9"},
	} {
		name, message := test.text, "Message "+test.text+"\n"
		if e, ok := Encode(test.encoding, test.text); ok {
			name, message = e, "Message "+e+"\n"
			decoded++
		}
		var raw bytes.Buffer
		fmt.Fprintf(&raw, "tree %s\nauthor %s <a@b> 1 +0000\ncommitter C <c@d> 2 +0000\n", git.EmptyTree, name)
		if test.encoding != "" {
			fmt.Fprintf(&raw, "encoding %s\n", test.encoding)
		}
		fmt.Fprintf(&raw, "\n%s", message)
		h := strings.TrimSpace(runGit(t, dir, raw.Bytes(), "hash-object", "-t", "commit", "-w", "--stdin"))
		want := runGit(t, dir, nil, "log", "-1", "--encoding=UTF-8", "--format=%an%n%B", h)
		c, err := git.ParseCommit(raw.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		d := Commit(c)
		if got := d.Author.Name + "\n" + d.Message + "\n"; got != want {
			t.Errorf("Commit() in %q of %q is %q, git has %q", test.encoding, test.text, got, want)
		}
		if sum, _ := git.Sum(storage.Commit, c.Append(nil)); sum.String() != h {
			t.Errorf("the commit in %q became another one", test.encoding)
		}
	}
	if decoded < 24 {
		t.Errorf("%d encodings are known only", decoded)
	}
}
