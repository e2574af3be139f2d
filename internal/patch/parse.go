package patch

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// A FilePatch is what a patch does with one file.
type FilePatch struct {
	Status           treediff.Status // but TypeChanged: that is two patches
	Old, New         string          // paths: Old is empty of what is added, New of what is deleted
	OldMode, NewMode git.Mode        // 0: not said
	OldHash          string          // digits of the blob that it was made for; may be abbreviated, or empty
	Hunks            []Hunk
	Binary           *Binary // of binary content; nil: Hunks
}

// A Hunk replaces some lines by others. Both sides have the lines around that stay.
type Hunk struct {
	OldStart, NewStart int // lines, from 1; 0 for before the first
	Old, New           [][]byte
	Leading, Trailing  int // how many lines at its ends stay
}

// A Binary is the new content of a file: all of it, or the instructions that make it of the old one.
type Binary struct {
	Delta bool
	Size  int64 // of what Data inflates to
	Data  []byte
}

// malformed returns an error about a line of a patch.
func malformed(what string, line int) error {
	return fault.New(fault.Invalid, "patch: line "+strconv.Itoa(line)+": "+what)
}

// A reader reads a patch line by line.
type reader struct {
	data []byte
	line int // of what peek returns, from 1
}

// peek returns the next line without its newline, and whether there is one.
func (r *reader) peek() ([]byte, bool) {
	if len(r.data) == 0 {
		return nil, false
	}
	line, _, _ := bytes.Cut(r.data, []byte{'\n'})
	return line, true
}

func (r *reader) skip() {
	_, r.data, _ = bytes.Cut(r.data, []byte{'\n'})
	r.line++
}

func (r *reader) fail(what string) error { return malformed(what, r.line) }

// accept skips the next line if it begins so, and returns the rest of it.
func (r *reader) accept(prefix string) (string, bool) {
	line, ok := r.peek()
	if rest, found := bytes.CutPrefix(line, []byte(prefix)); ok && found {
		r.skip()
		return string(rest), true
	}
	return "", false
}

const gitLine = "diff --git "

// Parse reads a patch in git's format (git-diff, "Generating patch text with -p"). What stands between the parts of
// files is passed over. It returns a fault.Invalid for what is no such patch, or lacks the content of a binary file.
func Parse(data []byte) ([]FilePatch, error) { return parse(&reader{data, 1}) }

func parse(r *reader) ([]FilePatch, error) {
	var files []FilePatch
	for {
		line, ok := r.peek()
		if !ok {
			break
		}
		if !bytes.HasPrefix(line, []byte(gitLine)) {
			r.skip()
			continue
		}
		f, err := parseFile(r)
		if err != nil {
			return nil, err
		}
		files = append(files, *f)
	}
	if len(files) == 0 {
		return nil, fault.New(fault.Invalid, `patch: there is no "diff --git"`)
	}
	return files, nil
}

func parseFile(r *reader) (*FilePatch, error) {
	f := &FilePatch{Status: treediff.Modified}
	names, _ := r.accept(gitLine)
	header := r.line - 1
	for {
		more, err := f.parseHeader(r)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if f.Old == "" && f.New == "" { // nothing but the first line has the name
		name, ok := sameNames(names)
		if !ok {
			return nil, malformed("the names can't be told apart", header)
		}
		f.Old, f.New = name, name
	}
	if err := f.parseContent(r); err != nil {
		return nil, err
	}
	if err := f.settle(); err != nil {
		return nil, malformed(err.Error(), header)
	}
	return f, nil
}

// parseHeader reads one line of the header, and reports whether it was one.
func (f *FilePatch) parseHeader(r *reader) (bool, error) {
	for _, field := range []struct {
		prefix string
		set    func(string) bool
	}{
		{"old mode ", func(s string) bool { return parseMode(s, &f.OldMode) }},
		{"new mode ", func(s string) bool { return parseMode(s, &f.NewMode) }},
		{"new file mode ", func(s string) bool { f.Status = treediff.Added; return parseMode(s, &f.NewMode) }},
		{"deleted file mode ", func(s string) bool { f.Status = treediff.Deleted; return parseMode(s, &f.OldMode) }},
		{"rename from ", func(s string) bool { f.Status = treediff.Renamed; return parseName(s, "", &f.Old) }},
		{"rename to ", func(s string) bool { f.Status = treediff.Renamed; return parseName(s, "", &f.New) }},
		{"copy from ", func(s string) bool { f.Status = treediff.Copied; return parseName(s, "", &f.Old) }},
		{"copy to ", func(s string) bool { f.Status = treediff.Copied; return parseName(s, "", &f.New) }},
		{"similarity index ", func(string) bool { return true }},
		{"dissimilarity index ", func(string) bool { return true }},
		{"index ", f.parseIndex},
	} {
		if rest, ok := r.accept(field.prefix); ok {
			if !field.set(strings.TrimSuffix(rest, "\r")) {
				r.line--
				return false, r.fail("malformed " + strings.TrimSpace(field.prefix))
			}
			return true, nil
		}
	}
	return false, nil
}

func parseMode(s string, to *git.Mode) bool {
	n, err := strconv.ParseUint(s, 8, 32)
	*to = git.Mode(n)
	switch {
	case err != nil:
		return false
	case *to&0o170000 == git.ModeRegular&0o170000:
		*to = git.ModeRegular
		if n&0o100 != 0 {
			*to = git.ModeExecutable
		}
		return true
	}
	return *to == git.ModeSymlink || *to == git.ModeSubmodule
}

// parseIndex reads "old..new mode", where the mode may be missing.
func (f *FilePatch) parseIndex(s string) bool {
	hashes, mode, ok := strings.Cut(s, " ")
	if ok && (f.OldMode != 0 || f.NewMode != 0 || !parseMode(mode, &f.OldMode)) {
		return false
	}
	old, _, ok := strings.Cut(hashes, "..")
	if !ok || len(old) > 40 || strings.Trim(old, "0123456789abcdef") != "" {
		return false
	}
	if strings.Trim(old, "0") != "" {
		f.OldHash = old
	}
	return true
}

// parseContent reads what follows the header.
func (f *FilePatch) parseContent(r *reader) error {
	line, ok := r.peek()
	switch {
	case !ok:
		return nil
	case string(line) == "GIT binary patch":
		r.skip()
		return f.parseBinary(r)
	case bytes.HasPrefix(line, []byte("Binary files ")):
		return r.fail("the content of a binary file is missing")
	case !bytes.HasPrefix(line, []byte("--- ")):
		return nil
	}
	old, _ := r.accept("--- ")
	now, ok := r.accept("+++ ")
	if !ok {
		return r.fail(`"+++" is missing`)
	}
	for _, side := range []struct {
		text, prefix string
		gone         treediff.Status
		name         *string
	}{{old, "a/", treediff.Added, &f.Old}, {now, "b/", treediff.Deleted, &f.New}} {
		text, _, _ := strings.Cut(strings.TrimSuffix(side.text, "\r"), "\t")
		var name string
		switch {
		case text == nothing && f.Status != side.gone:
			return r.fail("a file that is neither new nor deleted has no name")
		case text == nothing:
		case !parseName(text, side.prefix, &name) || *side.name != "" && *side.name != name:
			return r.fail("names contradict each other")
		}
		if name != "" {
			*side.name = name
		}
	}
	return f.parseHunks(r)
}

// settle holds that all that was read of a file fits together.
func (f *FilePatch) settle() error {
	switch f.Status {
	case treediff.Added:
		f.Old = ""
		if f.NewMode == 0 || f.New == "" {
			return fault.New(fault.Invalid, "a new file lacks its mode or name")
		}
	case treediff.Deleted:
		f.New = ""
		if f.Old == "" {
			return fault.New(fault.Invalid, "a deleted file lacks its name")
		}
	case treediff.Modified:
		if f.Old != f.New || f.Old == "" {
			return fault.New(fault.Invalid, "names contradict each other")
		}
	default:
		if f.Old == "" || f.New == "" {
			return fault.New(fault.Invalid, "a renamed or copied file lacks a name")
		}
	}
	if f.OldMode != 0 && f.NewMode == 0 && f.Status != treediff.Deleted {
		f.NewMode = f.OldMode // of the line "index"
	}
	return nil
}

// sameNames returns the name in "a/name b/name".
func sameNames(s string) (string, bool) {
	s = strings.TrimSuffix(s, "\r")
	var a, b string
	if strings.HasPrefix(s, `"`) {
		end := quotedEnd(s)
		if end < 0 || !strings.HasPrefix(s[end:], " ") {
			return "", false
		}
		ok := parseName(s[:end], "a/", &a) && parseName(s[end+1:], "b/", &b)
		return a, ok && a == b
	}
	half := len(s) / 2
	if len(s)%2 == 0 || s[half] != ' ' {
		return "", false
	}
	ok := parseName(s[:half], "a/", &a) && parseName(s[half+1:], "b/", &b)
	return a, ok && a == b
}

// parseName reads a name as Quote writes it.
func parseName(s, prefix string, to *string) bool {
	if strings.HasPrefix(s, `"`) {
		if quotedEnd(s) != len(s) {
			return false
		}
		var ok bool
		if s, ok = unquote(s[1 : len(s)-1]); !ok {
			return false
		}
	}
	name, ok := strings.CutPrefix(s, prefix)
	*to = name
	return ok && name != ""
}

// quotedEnd returns where a quoted name ends, or -1.
func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func unquote(s string) (string, bool) {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if i++; i == len(s) {
			return "", false
		}
		if at := bytes.IndexByte(escapes[:], s[i]); at >= 0 && s[i] != 0 {
			b = append(b, byte(at))
			continue
		}
		if i+3 > len(s) {
			return "", false
		}
		n, err := strconv.ParseUint(s[i:i+3], 8, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(n))
		i += 2
	}
	return string(b), true
}
