package names

import (
	"strings"
	"unicode/utf8"
)

// A gitFile is a file that Git reads from a tree, and under which names NTFS may know it.
type gitFile struct {
	name  string // without the dot, lower case
	short string // how its generated short name begins if ~1 to ~4 are taken
}

var gitFiles = [...]gitFile{
	{"gitmodules", "gi7eba"},
	{"gitattributes", "gi7d29"},
	{"gitignore", "gi250a"},
	{"mailmap", "maba30"},
}

// IsModules reports whether some file system takes the name of a tree's entry for ".gitmodules", or a part of it behind
// a backslash, as git-fsck does.
func IsModules(name string) bool { return isSpelling(name, gitFiles[0]) }

// IsAttributes reports whether some file system takes the name of a tree's entry for ".gitattributes". As for git-fsck,
// what stands behind a backslash is none.
func IsAttributes(name string) bool {
	return isHFSDot(name, gitFiles[1].name) || isNTFSDotFile(name, gitFiles[1])
}

// isSpelling reports whether some file system takes name, or a part of it behind a backslash, for the file.
func isSpelling(name string, file gitFile) bool {
	is := func(s string) bool { return isNTFSDotFile(s, file) }
	return isHFSDot(name, file.name) || is(name) || afterBackslash(name, is)
}

// afterBackslash reports whether is holds for what follows any backslash of name: NTFS takes it for a slash.
func afterBackslash(name string, is func(string) bool) bool {
	for {
		i := strings.IndexByte(name, '\\')
		if i < 0 {
			return false
		}
		name = name[i+1:]
		if is(name) {
			return true
		}
	}
}

// isHFSDot reports whether HFS+ takes name for "." and needle, which ignores case and some code points (git's
// is_hfs_dot_generic). A malformed character directly behind the needle counts as its end, as it does there.
func isHFSDot(name, needle string) bool {
	c, rest := nextHFS(name)
	if c != '.' {
		return false
	}
	for i := range len(needle) {
		c, rest = nextHFS(rest)
		if c > 127 || lower(byte(c)) != needle[i] {
			return false
		}
	}
	c, _ = nextHFS(rest)
	return c == 0
}

// nextHFS returns the first character of s that HFS+ does not ignore, and what follows it. The end of s, and a
// character that Git holds for malformed, give 0.
func nextHFS(s string) (rune, string) {
	for s != "" {
		if s[0] < utf8.RuneSelf {
			return rune(s[0]), s[1:]
		}
		c, size := utf8.DecodeRuneInString(s)
		if c == utf8.RuneError && size == 1 || c == 0xfffe || c == 0xffff {
			return 0, ""
		}
		s = s[size:]
		if c < 0x200c || c > 0x200f && c < 0x202a || c > 0x202e && c < 0x206a || c > 0x206f && c != 0xfeff {
			return c, s
		}
	}
	return 0, ""
}

// isNTFSDotGit reports whether NTFS takes the beginning of name, up to a colon or backslash, for ".git" (git's
// is_ntfs_dotgit).
func isNTFSDotGit(name string) bool {
	var rest string
	switch {
	case len(name) >= 4 && name[0] == '.' && hasFold(name[1:], "git"):
		rest = name[4:]
	case len(name) >= 5 && name[3] == '~' && name[4] == '1' && hasFold(name, "git"):
		rest = name[5:]
	default:
		return false
	}
	rest = strings.TrimLeft(rest, " .")
	return rest == "" || rest[0] == ':' || rest[0] == '\\'
}

// isNTFSDotFile reports whether NTFS takes name for the file, by its own name or a short one (git's
// is_ntfs_dot_generic).
func isNTFSDotFile(name string, file gitFile) bool {
	var rest string
	switch n := len(file.name); {
	case len(name) > n && name[0] == '.' && hasFold(name[1:], file.name):
		rest = name[1+n:]
	case len(name) >= 8 && hasFold(name, file.name[:6]) && name[6] == '~' && '1' <= name[7] && name[7] <= '4':
		rest = name[8:]
	case isNTFSFallback(name, file.short):
		rest = name[8:]
	default:
		return false
	}
	rest = strings.TrimLeft(rest, " .")
	return rest == "" || rest[0] == ':'
}

// isNTFSFallback reports whether name begins with a short name of eight bytes: up to six of prefix, a tilde, and
// digits of which the first is not 0.
func isNTFSFallback(name, prefix string) bool {
	if len(name) < 8 {
		return false
	}
	i := 0
	for i < 6 && lower(name[i]) == prefix[i] {
		i++
	}
	if name[i] != '~' || name[i+1] < '1' || name[i+1] > '9' {
		return false
	}
	for _, c := range []byte(name[i+2 : 8]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// hasFold reports whether s begins with prefix, which is in lower case, when ASCII case is ignored.
func hasFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
