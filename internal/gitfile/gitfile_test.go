package gitfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/storage"
)

func url(u string) string { return "[submodule \"a\"]\n\tpath = a\n\turl = " + u + "\n" }
func name(n string) string {
	return "[submodule \"" + n + "\"]\n\tpath = a\n\turl = https://example.com/a\n"
}

// modulesTests are contents of .gitmodules: good ones, bad ones, and such as Git parses in a way of its own.
var modulesTests = []string{
	"", "\n", "# a comment", url("https://example.com/a.git"), url("../a.git"), url("./a"),
	url("git@example.com:a/b"), url("/srv/a"),
	url("-u./x"), url("--upload-pack=x"), url("\"-u./x\""), url("\\\"-x"), url("\\t-x"), url(" -x"),
	url("\"\"-x"), url("\\b-x"),
	url("./%0a"), url("../a%0Ab"), url("./a:%0a"), url("./%0a:"), url("./%0"), url("./%00%0a"),
	url("./%zz%0a"), url("\"./a\\nb\""),
	url("../:a"), url("..//a"), url(".././:a"), url("./:a"), url("..///a"), url("../a/:b"), url("../../:x"),
	url("../"), url(".."), url("...//"),
	url("https://"), url("https:///a"), url("https://?a"), url("https://#a"), url("http://a%0ab/"),
	url("http://a/b%0ac"), url("ftp://u%0a@h/"),
	url("ftps://u:p%0a@h/"), url("http://u:p@/x"), url("http://u@h"), url("https::https://h/a"),
	url("https::h/a"), url("https::://h"),
	url("http::https://h%0a/"), url("http::ftp://a%0a:1/x"), url("ssh://h%0a/x"), url("https://h/a?b=%0a"),
	url("https://h:1%0a/x"),
	url("https%0a://h/"), url("HTTPS:///a"), url("file:///%0a"), url("https://h//%0a"), url("http://@/"),
	url("http://%0a:%0a@h/"), url("http://%00/"),
	name("a"), name("../x"), name("x/.."), name("a/../b"), name(".."), name("..."), name("a\\\\..\\\\b"),
	name("a\\..b"), name(""), name("a/..b"), name("..\\\\a"), name("\\.."),
	name("a.b/../c.d"), name("é"), name("a\x00/../b"), name("a\x00"),
	"[submodule \"../x\"]\n", "[submodule \"../x\"]\nnot a line\n", "[submodule \"../x\"]\npath",
	"[submodule.../x]\npath=a\n",
	"[submodule.a]\nurl=-x\n", "[SUBMODULE \"a\"]\nURL = -x\n", "[submodule.]\nurl = -x\n",
	"[submodule]\nurl = -x\n", "[submodules \"a\"]\nurl = -x\n",
	"[submodule \"a\"]path = -x\n", "[submodule \"a\"]\npath = -x", "[submodule \"a\"]\npath = a-x",
	"[submodule \"a\"]\npath\n", "[submodule \"a\"]\nurl\n",
	"[submodule \"a\"]\nupdate = !cmd\n", "[submodule \"a\"]\nupdate = \"!cmd\"\n",
	"[submodule \"a\"]\nupdate = checkout\n", "[submodule \"a\"]\nupdate = none!\n",
	"[submodule \"a\"]\nupdate = nonsense\n", "[submodule \"a\"]\nupdate = !\n",
	"[submodule \"a\"]\nupdate=\n", "[submodule \"a\"]\nup-date = !cmd\n",
	"[submodule \"a\"] ; comment\nurl = -x\n", "[submodule   \"a\"]\nurl = -x\n",
	"[submodule\t\"a\"]\nurl = -x\n", "[submodule \"a\" ]\nurl = -x\n", "[submodule\n\"a\"]\nurl = -x\n",
	"[submodule \"a\"]\r\nurl = -x\r\n", "[submodule \"a\"]\rurl = -x\r", "[submodule \"a\"]\nurl = \\\n-x\n",
	"[submodule \"a\"]\nurl = \\\r\n-x\n", "[submodule \"a\"]\nurl = \"a\nb\"\nurl = -x\n",
	"[submodule \"a\"]\nurl = a\\qb\nurl = -x\n", "[submodule \"a\"]\nurl = -x\nurl = a\\q\n",
	"[submodule \"a\"]\nurl = -\\q\n", "[submodule \"a\"]\nurl : -x\n", "[submodule \"a\"]\nurl\t = -x\n",
	"[submodule \"a\"]\nurl x\nurl = -x\n",
	"[submodule \"a\nb\"]\nurl = -x\n", "[submodule \"a\\\nb\"]\nurl = -x\n", "[submodule \"a", "[submodule",
	"[", "[submodule \"a\"", "[submodule \"a\"]\nurl = \"-x", "[submodule \"a\"]\nurl = -x\\",
	"url = -x\n", "1 = 2\n", "[sub_module]\n[submodule \"a\"]\nurl = -x\n",
	"[]\n[submodule \"a\"]\nurl = -x\n", "[submodule \"a\"]\n#url = -x\n", "[submodule \"a\"]\nurl = #-x\n",
	"[submodule \"a\"]\nurl = ;-x\n",
	"[submodule \"a\"]\nurl = -x # comment\n", "[submodule \"a\"]\n\vurl = -x\n",
	"[submodule \"a\"]\nurl = \v-x\n", "[submodule \"a\"]\nurl = \x00-x\n", "[submodule \"a\"]\nurl = -\x00\n",
	"[submodule \"a\"]\nur\x00l = -x\n",
	"[submodule \"a\"]\nurl = https://a\x00%0a\n", "[submodule \"a\"]\nurl = https://\x00a\n",
	"[submodule \"a\"]\nurl.x = -x\n", "[submodule \"a.url\"]\npath = b\n",
	"[submodule \"../a\"]\n[submodule \"b\"]\npath = b\n",
	"\xef\xbb[submodule \"a\"]\nurl = -x\n", "\xff[submodule \"a\"]\nurl = -x\n", "[submodule \"a\"]\nurl = \xff-x\n",
	"[submodule \"a\"]\nurl = \xa0-x\n", "[submodule \"a\"]\nurl = b\n\turl = -x",
}

// fileTests are contents that git reads when they are checked out, though git-fsck may end before the bad line: it
// reads bytes of blobs as signed, and takes ff for the end.
var fileTests = []string{
	"\xef\xbb\xbf[submodule \"a\"]\nurl = -x\n", "# \xff\n[submodule \"a\"]\nurl = -x\n",
	"[submodule \"a\xff\"]\nurl = -x\n", "[submodule \"a\"]\nurl = \xff\nurl = -x\n",
}

// TestCheckAsFile checks that git gives the bad url when it reads the files, and that they are refused.
func TestCheckAsFile(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("needs git")
	}
	for _, content := range fileTests {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "config", "-f", file, "--get-regexp", "url").Output()
		if err != nil || !strings.Contains(string(out), "url -x\n") {
			t.Errorf("git config -f of %q = %q, %v: it does not read the url", content, out, err)
		}
		if err := gitfile.CheckBytes(gitfile.Modules, []byte(content)); !errors.Is(err, gitfile.ErrMalformed) {
			t.Errorf("CheckBytes(%q) = %v, want %v", content, err, gitfile.ErrMalformed)
		}
	}
}

func line(n int) string { return strings.Repeat("x", n) }

var attributesTests = []string{
	"", "* text\n", line(2047), line(2047) + "\n", line(2048), line(2048) + "\n", "a\n" + line(2048) + "\nb",
	line(2047) + "\r\n", "a\r" + line(2047),
	line(2047) + "\n" + line(2047), "\x00" + line(3000), line(2047) + "\x00" + line(3000), line(2048) + "\x00",
	"a\x00\n" + line(3000), line(100_000),
	"#" + line(3000), line(4095) + "\n", line(4096) + "\n", line(4097) + "\n", strings.Repeat("\n", 5000),
	"[submodule \"../x\"]\npath = -x\n",
}

var fsckMessage = regexp.MustCompile(`(?m)^error in blob ([0-9a-f]{40}): (\w+)`)

// TestCheckAgainstFsck holds what is refused against git fsck --strict.
func TestCheckAgainstFsck(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("needs git")
	}
	for _, test := range []struct {
		kind     gitfile.Kind
		file     string
		contents []string
	}{{gitfile.Modules, ".gitmodules", modulesTests}, {gitfile.Attributes, ".gitattributes", attributesTests}} {
		dir := t.TempDir()
		run := func(in string, args ...string) string {
			cmd := exec.CommandContext(t.Context(), program, append([]string{"-C", dir}, args...)...)
			cmd.Stdin = strings.NewReader(in)
			cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "LC_ALL=C")
			out, err := cmd.CombinedOutput()
			if err != nil && args[0] != "fsck" {
				t.Fatalf("git %v = %v: %s", args, err, out)
			}
			return string(out)
		}
		run("", "init", "--bare", "-q")
		var stream strings.Builder
		stream.WriteString("commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 0\n")
		for i, content := range test.contents {
			fmt.Fprintf(&stream, "M 644 inline %d/%s\ndata %d\n%s\n", i, test.file, len(content), content)
		}
		run(stream.String(), "fast-import", "--quiet")
		said := map[string][]string{}
		for _, m := range fsckMessage.FindAllStringSubmatch(run("", "fsck", "--strict"), -1) {
			said[m[1]] = append(said[m[1]], m[2])
		}
		if len(said) < 4 {
			t.Fatalf("git fsck refuses %d of %s: too few", len(said), test.file)
		}
		for _, content := range test.contents {
			h, err := git.Sum(storage.Blob, []byte(content))
			if err != nil {
				t.Fatal(err)
			}
			want := said[h.String()]
			err = gitfile.CheckBytes(test.kind, []byte(content))
			var id string
			if e := (*gitfile.Error)(nil); errors.As(err, &e) {
				id = e.ID
			}
			if (err == nil) != (len(want) == 0) || err != nil && !slices.Contains(want, id) {
				t.Errorf("%s: CheckBytes(%.80q) = %v; git says %v", test.file, content, err, want)
			}
			streamed := gitfile.Check(test.kind, int64(len(content)), iotest.OneByteReader(strings.NewReader(content)))
			if fmt.Sprint(streamed) != fmt.Sprint(err) {
				t.Errorf("%s: Check(%.80q) = %v, CheckBytes %v", test.file, content, streamed, err)
			}
		}
	}
}

func TestCheckLarge(t *testing.T) {
	for _, test := range []struct {
		kind gitfile.Kind
		size int64
		want string
	}{
		{gitfile.Modules, 16<<20 + 1, "gitmodulesLarge"}, {gitfile.Attributes, 100<<20 + 1, "gitattributesLarge"},
		{gitfile.Modules | gitfile.Attributes, 16<<20 + 1, "gitmodulesLarge"}, {0, 1 << 40, ""},
	} {
		err := gitfile.Check(test.kind, test.size, iotest.ErrReader(errors.New("it was read")))
		var id string
		if e := (*gitfile.Error)(nil); errors.As(err, &e) {
			id = e.ID
		}
		if id != test.want || (err == nil) != (test.want == "") {
			t.Errorf("Check(%d, %d bytes) = %v, want %q", test.kind, test.size, err, test.want)
		}
	}
	broken := errors.New("broken")
	for _, kind := range []gitfile.Kind{gitfile.Modules, gitfile.Attributes} {
		if err := gitfile.Check(kind, 10, iotest.ErrReader(broken)); !errors.Is(err, broken) {
			t.Errorf("Check(%d) of a broken reader = %v, want %v", kind, err, broken)
		}
	}
	both := gitfile.Modules | gitfile.Attributes
	if err := gitfile.CheckBytes(both, bytes.Repeat([]byte{'a'}, 2048)); err == nil {
		t.Error("CheckBytes of a long line for both kinds = nil")
	}
}

func TestNamed(t *testing.T) {
	for name, want := range map[string]gitfile.Kind{
		".gitmodules": gitfile.Modules, ".GITMODULES": gitfile.Modules, ".gitmodules ": gitfile.Modules,
		".gitmodules.:$DATA": gitfile.Modules,
		".git\u200cmodules":  gitfile.Modules, "\u200c.gitmodules": gitfile.Modules,
		".\u200cgitmodules": gitfile.Modules,
		"GITMOD~1":          gitfile.Modules, "gi7eba~1": gitfile.Modules, "a\\.gitmodules": gitfile.Modules,
		".a\\gitmod~4":   gitfile.Modules,
		".gitattributes": gitfile.Attributes, "GitAtt~2": gitfile.Attributes, "gi7d29~9": gitfile.Attributes,
		"\u200c.gitattributes": gitfile.Attributes,
		"~1000000":             gitfile.Modules | gitfile.Attributes, "gi~12345": gitfile.Modules | gitfile.Attributes,
		"": 0, "a": 0, ".gitmodule": 0, ".gitmodules2": 0, "gitmodules": 0, ".gitignore": 0, "gitmod~5": 0,
		"a\\.gitattributes": 0, "main.go": 0, ".github": 0,
	} {
		if got := gitfile.Named(name); got != want {
			t.Errorf("Named(%q) = %d, want %d", name, got, want)
		}
		if got := gitfile.Named([]byte(name)); got != want {
			t.Errorf("Named of the bytes of %q = %d, want %d", name, got, want)
		}
	}
}
