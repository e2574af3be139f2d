package names

import (
	"strconv"
	"strings"
)

// Limits of CheckPath where its arguments are 0, and of a component, in bytes. 255 is what file systems take.
const (
	MaxPath      = 4096
	MaxDepth     = 256
	MaxComponent = 255
)

// CheckPath checks the path of a file or directory, relative to the root of a tree, as a caller gives it: components
// that pass CheckComponent, joined by single slashes. It may have maxLength bytes and lie in maxDepth directories;
// 0 stands for MaxPath and MaxDepth. The empty path is refused.
func CheckPath(path string, maxLength, maxDepth int) error {
	if maxLength <= 0 {
		maxLength = MaxPath
	}
	if maxDepth <= 0 {
		maxDepth = MaxDepth
	}
	if len(path) > maxLength {
		return tooLong(path, "is longer than "+strconv.Itoa(maxLength)+" bytes")
	}
	for depth, rest := 0, path; ; depth++ {
		name, after, more := strings.Cut(rest, "/")
		if err := CheckComponent(name); err != nil {
			return err
		}
		if !more {
			return nil
		}
		if depth == maxDepth {
			return tooLong(path, "lies deeper than "+strconv.Itoa(maxDepth)+" directories")
		}
		rest = after
	}
}

// CheckComponent checks one component of a path that is to be written: CheckEntry's rules, and at most MaxComponent
// bytes.
func CheckComponent(name string) error {
	if len(name) > MaxComponent {
		return tooLong(name, "is longer than 255 bytes")
	}
	return CheckEntry(name)
}

// CheckEntry checks the name of a tree's entry that comes from outside, by the rules of Git's verify_path with
// core.protectHFS and core.protectNTFS set: it is not empty, "." or "..", has no slash and no NUL, and is not ".git"
// in any spelling that some file system takes for it. Everything else passes, invalid UTF-8 too, so that existing
// histories survive unchanged.
func CheckEntry(name string) error {
	switch name {
	case "":
		return malformed(name, "is an empty component")
	case ".", "..":
		return malformed(name, "is a relative component")
	}
	backslash := false
	for i := range len(name) {
		switch name[i] {
		case 0:
			return malformed(name, "contains NUL")
		case '/':
			return malformed(name, "contains a slash")
		case '\\':
			backslash = true
		}
	}
	if isHFSDot(name, "git") || isNTFSDotGit(name) {
		return malformed(name, "is .git")
	}
	if backslash && afterBackslash(name, isNTFSDotGit) {
		return malformed(name, "is .git behind a backslash")
	}
	return nil
}

// CheckSymlinkEntry checks the name of a symbolic link that comes from outside and has passed CheckEntry: it is not
// ".gitmodules" in any spelling, as in Git's verify_path.
func CheckSymlinkEntry(name string) error {
	if isSpelling(name, gitFiles[0]) {
		return malformed(name, "is a symbolic link named .gitmodules")
	}
	return nil
}

// CheckSymlink checks the name of a symbolic link that is to be written and has passed CheckComponent: it is not
// ".gitmodules", nor one of the other files that Git does not follow where they are symbolic links:
// ".gitattributes", ".gitignore" and ".mailmap" (git-fsck, "gitattributesSymlink" and others).
func CheckSymlink(name string) error {
	for _, file := range gitFiles {
		if isSpelling(name, file) {
			return malformed(name, "is a symbolic link named ."+file.name)
		}
	}
	return nil
}

// CheckDirectory checks the name of a directory or submodule that is to be written and has passed CheckComponent: it
// is not ".gitmodules" or ".gitattributes", which Git wants to be files (git-fsck, "gitmodulesBlob" and
// "gitattributesBlob").
func CheckDirectory(name string) error {
	for _, file := range gitFiles[:2] {
		if isSpelling(name, file) {
			return malformed(name, "is a directory named ."+file.name)
		}
	}
	return nil
}

// Climbs reports whether path, once its backslashes are taken for slashes as programs on Windows do, leads upwards.
func Climbs(path string) bool {
	if !strings.Contains(path, "..") {
		return false
	}
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return true
		}
	}
	return false
}
