package names

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzCheckPath(f *testing.F) {
	f.Add("a/b", 0, 0)
	f.Add(".g\u200cit/config", 10, 1)
	f.Fuzz(func(t *testing.T, path string, length, depth int) {
		if CheckPath(path, length, depth) != nil {
			return
		}
		for name := range strings.SplitSeq(path, "/") {
			if err := CheckComponent(name); err != nil {
				t.Errorf("CheckPath(%q) = nil, but CheckComponent(%q) = %v", path, name, err)
			}
			if bare := strings.ReplaceAll(name, "\u200c", ""); strings.EqualFold(bare, ".git") {
				t.Errorf("CheckPath(%q) = nil, but HFS+ takes %q for %q", path, name, bare)
			}
		}
	})
}

func FuzzCheckSymlink(f *testing.F) {
	f.Add("gi7eba~1")
	f.Fuzz(func(t *testing.T, name string) {
		if CheckSymlink(name) == nil && CheckSymlinkEntry(name) != nil {
			t.Errorf("CheckSymlink(%q) takes what CheckSymlinkEntry refuses", name)
		}
		if upper := strings.ToUpper(name); isASCII(name) && (CheckSymlink(upper) == nil) != (CheckSymlink(name) == nil) {
			t.Errorf("CheckSymlink(%q) depends on case", name)
		}
	})
}

func FuzzCheckRef(f *testing.F) {
	f.Add("refs/heads/main")
	f.Add("feature@{/x.lock")
	f.Fuzz(func(t *testing.T, name string) {
		if (CheckBranch(name) == nil) != (CheckRef("refs/heads/"+name) == nil && name != "HEAD" &&
			!strings.HasPrefix(name, "-")) {
			t.Errorf("CheckBranch(%q) = %v does not follow from CheckRef", name, CheckBranch(name))
		}
		// A ref may become a file below a directory: it never leaves it and never is a lock.
		if CheckRef(name) == nil && name != "HEAD" {
			for part := range strings.SplitSeq(name, "/") {
				if part == "" || part == "." || part == ".." || strings.HasSuffix(part, ".lock") {
					t.Errorf("CheckRef(%q) = nil, want an error for component %q", name, part)
				}
			}
		}
	})
}

func FuzzSlugify(f *testing.F) {
	f.Add("My New Project")
	f.Add("x.git..\u00e9-\u00d7")
	f.Fuzz(func(t *testing.T, name string) {
		slug := Slugify(name)
		if slug == "" {
			return
		}
		if err := CheckSlug(slug); err != nil {
			t.Errorf("Slugify(%q) = %q: %v", name, slug, err)
		}
		if again := Slugify(slug); again != slug {
			t.Errorf("Slugify(%q) = %q, want it unchanged", slug, again)
		}
		if Key(slug) != slug {
			t.Errorf("Key(%q) = %q, want it unchanged", slug, Key(slug))
		}
	})
}

func FuzzCleanIdentity(f *testing.F) {
	f.Add("A U Thor", "a@example.com")
	f.Fuzz(func(t *testing.T, name, email string) {
		n, e, err := CleanIdentity(name, email)
		if err != nil {
			return
		}
		line := n + " <" + e + "> 0 +0000"
		if strings.ContainsAny(line, "\n\x00") || strings.Count(line, "<") != 1 || strings.Count(line, ">") != 1 || n == "" {
			t.Errorf("CleanIdentity(%q, %q) makes the header %q", name, email, line)
		}
		if n2, e2, err := CleanIdentity(n, e); n2 != n || e2 != e || err != nil {
			t.Errorf("CleanIdentity(%q, %q) = %q, %q, %v, want it unchanged", n, e, n2, e2, err)
		}
	})
}

func FuzzTexts(f *testing.F) {
	f.Add("My Project\u202e\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if CheckDisplayName(text) == nil && (!utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n\r\x1b\u202e")) {
			t.Errorf("CheckDisplayName(%q) = nil", text)
		}
		line := LogMessage(text)
		if strings.ContainsAny(line, "\x00\n\r\t") || LogMessage(line) != line {
			t.Errorf("LogMessage(%q) = %q, want one clean line", text, line)
		}
	})
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
