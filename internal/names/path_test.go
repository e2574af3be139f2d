package names

import (
	"errors"
	"strings"
	"testing"
)

// kind names the sentinel that err matches: "", "malformed" or "too long".
func kind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrMalformed):
		return "malformed"
	case errors.Is(err, ErrTooLong):
		return "too long"
	}
	return "unknown kind of " + err.Error()
}

func TestCheckEntry(t *testing.T) {
	long := strings.Repeat("x", MaxComponent+1)
	for _, test := range []struct{ name, want string }{
		{"a", ""}, {"...", ""}, {" ", ""}, {"a b", ""}, {"a\\b", ""}, {"C:x", ""}, {"con", ""}, {"x.", ""}, {"\xff", ""},
		{"\x01", ""}, {"-x", ""}, {".gitignore", ""}, {".gitmodules", ""}, {"git", ""}, {"git~2", ""}, {"git~10", ""},
		{".gitx", ""}, {".git\u00e9", ""}, {".gi\xfft", ""}, {"\u200c", ""}, {"x.git", ""}, {".git\u0131", ""}, {long, ""},
		{"", "malformed"}, {".", "malformed"}, {"..", "malformed"}, {"a\x00b", "malformed"}, {"a/b", "malformed"},
		{".git", "malformed"}, {".GiT", "malformed"}, {".git.", "malformed"}, {".git ", "malformed"},
		{".git . .", "malformed"}, {".git:x", "malformed"}, {".git..:$DATA", "malformed"}, {".git\\x", "malformed"},
		{"git~1", "malformed"}, {"GIT~1 .", "malformed"}, {"git~1:x", "malformed"}, {"a\\.git", "malformed"},
		{"a\\b\\GIT~1", "malformed"}, {"a\\.git\\hooks", "malformed"},
		{".g\u200cit", "malformed"}, {"\ufeff.git", "malformed"}, {".git\u206f", "malformed"},
		{".\u202eG\u200fIT", "malformed"},
		{".git\xff", "malformed"}, {".git\uffff", "malformed"},
	} {
		if got := kind(CheckEntry(test.name)); got != test.want {
			t.Errorf("CheckEntry(%q) = %q, want %q", test.name, got, test.want)
		}
	}
	if got := kind(CheckComponent(long)); got != "too long" {
		t.Errorf("CheckComponent(256 bytes) = %q, want %q", got, "too long")
	}
	if err := CheckComponent(long[1:]); err != nil {
		t.Errorf("CheckComponent(255 bytes) = %v, want nil", err)
	}
}

func TestCheckPath(t *testing.T) {
	deep := strings.Repeat("d/", MaxDepth)
	for _, test := range []struct {
		path        string
		length, dir int
		want        string
	}{
		{path: "a"}, {path: "a/b.txt"}, {path: deep + "f"}, {path: ".github/x"},
		{path: "", want: "malformed"}, {path: "/", want: "malformed"}, {path: "/a", want: "malformed"},
		{path: "a/", want: "malformed"}, {path: "a//b", want: "malformed"}, {path: "a/./b", want: "malformed"},
		{path: "a/../b", want: "malformed"}, {path: "..", want: "malformed"}, {path: "a/.git/config", want: "malformed"},
		{path: "sub/GIT~1", want: "malformed"}, {path: "a\x00", want: "malformed"},
		{path: deep + "d/f", want: "too long"}, {path: "a/b/c", dir: 1, want: "too long"}, {path: "a/b", dir: 1},
		{path: "abc", length: 2, want: "too long"}, {path: "ab", length: 2},
		{path: strings.Repeat("x", MaxPath+1), want: "too long"}, {path: "a/" + strings.Repeat("x", 256), want: "too long"},
	} {
		if got := kind(CheckPath(test.path, test.length, test.dir)); got != test.want {
			t.Errorf("CheckPath(%.40q, %d, %d) = %q, want %q", test.path, test.length, test.dir, got, test.want)
		}
	}
}

func TestCheckSymlink(t *testing.T) {
	for _, test := range []struct{ name, entry, write string }{
		{"link", "", ""}, {".gitmodules2", "", ""}, {"gitmodules", "", ""}, {"gitmod~5", "", ""}, {"gi7eba~0", "", ""},
		{"gi7eba~1x", "", ""}, {"gi7eb~1", "", ""},
		{".gitmodules", "malformed", "malformed"}, {".GITmodules . ", "malformed", "malformed"},
		{".gitmodules:x", "malformed", "malformed"}, {"gitmod~1", "malformed", "malformed"},
		{"GITMOD~4.", "malformed", "malformed"}, {"gi7eba~1", "malformed", "malformed"},
		{"g~123456", "malformed", "malformed"},
		{"GI7EB~10", "malformed", "malformed"}, {"~1000000", "malformed", "malformed"},
		{".git\u200dmodules", "malformed", "malformed"},
		{"a\\.gitmodules", "malformed", "malformed"},
		{".gitattributes", "", "malformed"}, {"gitatt~1", "", "malformed"}, {"gi7d29~1", "", "malformed"},
		{".gitignore", "", "malformed"}, {"gi250a~9", "", "malformed"}, {".mailmap", "", "malformed"},
		{"MAILMA~2", "", "malformed"}, {"maba30~1", "", "malformed"}, {".mail\ufeffmap", "", "malformed"},
	} {
		if got := kind(CheckSymlinkEntry(test.name)); got != test.entry {
			t.Errorf("CheckSymlinkEntry(%q) = %q, want %q", test.name, got, test.entry)
		}
		if got := kind(CheckSymlink(test.name)); got != test.write {
			t.Errorf("CheckSymlink(%q) = %q, want %q", test.name, got, test.write)
		}
	}
}

func TestErrorNamesTheRule(t *testing.T) {
	err := CheckPath("docs/.GIT/config", 0, 0)
	if got, want := err.Error(), `".GIT" is .git`; got != want {
		t.Errorf("Error() = %s, want %s", got, want)
	}
	long := CheckPath(strings.Repeat("x", 1<<20), 0, 0)
	if got := len(long.Error()); got > 200 {
		t.Errorf("an error about 1 MiB has %d bytes of text, want at most 200", got)
	}
}

func TestChecksAllocateNothing(t *testing.T) {
	path := "src/internal/a long directory/.gitlab/\\x/файл.txt"
	allocs := testing.AllocsPerRun(100, func() {
		if CheckPath(path, 0, 0) != nil || CheckSymlink(".gitmodulesx\\y") != nil ||
			CheckRef("refs/heads/feature/x") != nil || CheckBranch("main") != nil || CheckSlug("my-project") != nil ||
			CheckIdentity("A. U. Thor", "a@example.com") != nil || CheckDisplayName("My Project") != nil {
			t.Error("a check refused a good name")
		}
	})
	if allocs != 0 {
		t.Errorf("checks of good names allocate %v times, want 0", allocs)
	}
}

func BenchmarkCheckPath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckPath("src/internal/storage/backend/file_name.go", 0, 0); err != nil {
			b.Fatal(err)
		}
	}
}
