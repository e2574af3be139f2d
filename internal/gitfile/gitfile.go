// Package gitfile checks the content of the files of a tree that Git reads for itself, .gitmodules and .gitattributes,
// as git fsck --strict does. What it refuses leads a git that checks it out to run commands, or to write where it must
// not (gitsubmodules, CVE-2018-11235, CVE-2018-17456, CVE-2020-11008, CVE-2022-23521).
package gitfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/names"
)

// ErrMalformed is wrapped by every error about content that is refused.
var ErrMalformed = fault.New(fault.Invalid, "malformed file")

// An Error says which rule a file breaks.
type Error struct {
	ID   string // what git-fsck calls it: "gitmodulesUrl"
	Text string // a clause without a subject: `has the url "-x"`
}

// Error returns the text, with the file as its subject, and the ID.
func (e *Error) Error() string { return "the file " + e.Text + " (" + e.ID + ")" }

// Unwrap returns ErrMalformed.
func (e *Error) Unwrap() error { return ErrMalformed }

// A Kind says for which of the files Git may take a name. Some names may be taken for both; zero is for none.
type Kind uint8

const (
	Modules    Kind = 1 << iota // .gitmodules
	Attributes                  // .gitattributes
)

// Limits of a file, in bytes. Git takes a .gitmodules of up to core.bigFileThreshold, which is 512 MiB; real ones are
// far below 1 MiB, and one is held in memory while it is checked.
const (
	maxModules    = 16 << 20
	maxAttributes = 100 << 20 // git's ATTR_MAX_FILE_SIZE
	maxLine       = 2048      // git's ATTR_MAX_LINE_LENGTH, the first that is too long
)

// Named returns the kind of a file of the given name, which has no slash: whatever some file system takes for
// .gitmodules or .gitattributes, in whatever directory. Most names cost a look at each byte.
func Named[T string | []byte](name T) Kind {
	if isPlain(name) {
		return 0
	}
	var k Kind
	if names.IsModules(string(name)) {
		k |= Modules
	}
	if names.IsAttributes(string(name)) {
		k |= Attributes
	}
	return k
}

// isPlain reports whether a name is for sure of no kind: it has no leading dot, no character that HFS+ may ignore
// before the dot, no tilde of a short name, and no backslash.
func isPlain[T string | []byte](name T) bool {
	if len(name) < 8 || name[0] >= 0x80 {
		return len(name) < 8
	}
	if name[0] == '.' {
		return name[1]|0x20 != 'g' && name[1] < 0x80 && !has(name, '\\')
	}
	return !has(name, '~') && !has(name, '\\')
}

func has[T string | []byte](name T, c byte) bool {
	for i := range len(name) {
		if name[i] == c {
			return true
		}
	}
	return false
}

// Check checks the content of a file of the given kind and size. It returns an *Error for content that git-fsck holds
// for an error, and the errors of r. Content that Git can't parse to its end passes, as there: what stands before
// counts. Of a .gitattributes, no more is held in memory than a line.
func Check(k Kind, size int64, r io.Reader) error {
	if k&Modules == 0 {
		if k&Attributes == 0 {
			return nil
		}
		return checkAttributes(size, r)
	}
	if size > maxModules {
		return &Error{"gitmodulesLarge", "has more than " + strconv.Itoa(maxModules) + " bytes"}
	}
	data, err := io.ReadAll(io.LimitReader(r, maxModules))
	if err != nil {
		return err
	}
	return CheckBytes(k, data)
}

// CheckBytes is Check of content in memory.
func CheckBytes(k Kind, data []byte) error {
	if k&Modules != 0 {
		if len(data) > maxModules {
			return Check(Modules, int64(len(data)), nil)
		}
		if err := checkModules(data); err != nil {
			return err
		}
	}
	if k&Attributes != 0 {
		return checkAttributes(int64(len(data)), bytes.NewReader(data))
	}
	return nil
}

// checkAttributes refuses long lines. For Git, which checks a C string, a NUL ends the file.
func checkAttributes(size int64, r io.Reader) error {
	if size > maxAttributes {
		return &Error{"gitattributesLarge", "has more than " + strconv.Itoa(maxAttributes) + " bytes"}
	}
	lines := bufio.NewReaderSize(r, 2*maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		end := bytes.IndexByte(line, 0)
		length := end
		if end < 0 {
			length = len(bytes.TrimSuffix(line, []byte{'\n'}))
		}
		switch {
		case length >= maxLine:
			return &Error{"gitattributesLineLength", "has a line of " + strconv.Itoa(maxLine) + " bytes or more"}
		case end >= 0 || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
