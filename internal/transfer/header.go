package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// ErrUnsupported says that something is in a form of git that can't be taken.
var ErrUnsupported = fault.New(fault.Invalid, "not supported")

func unsupported(what string) error { return fmt.Errorf("%s: %w", what, ErrUnsupported) }

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", git.ErrMalformed, fmt.Sprintf(format, args...))
}

const (
	maxLine   = 8 << 10 // bytes of a line of a bundle's header, or of packed-refs
	maxHeader = 1 << 20 // lines
)

// A Header is what a bundle begins with.
type Header struct {
	Prerequisites []git.Hash
	Refs          []storage.Ref // in the order of the bundle, HEAD among them
}

// ReadHeader reads the header of a bundle of version 2, or of version 3 with SHA-1 (gitformat-bundle). The pack follows
// in r. It returns errors that wrap git.ErrMalformed, ErrUnsupported or storage.ErrTooLarge.
func ReadHeader(r *bufio.Reader) (*Header, error) {
	first, err := readLine(r)
	if err != nil {
		return nil, err
	}
	if first != "# v2 git bundle" && first != "# v3 git bundle" {
		if strings.HasPrefix(first, "# v") && strings.HasSuffix(first, " git bundle") {
			return nil, unsupported("bundle of version " + first[len("# v"):len(first)-len(" git bundle")])
		}
		return nil, malformed("bundle does not begin as one")
	}
	h := &Header{}
	for range maxHeader {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		switch {
		case line == "":
			return h, nil
		case line[0] == '@' && first == "# v3 git bundle" && len(h.Refs)+len(h.Prerequisites) == 0:
			err = capability(line[1:])
		case line[0] == '-' && len(h.Refs) == 0:
			err = h.prerequisite(line[1:])
		default:
			err = h.ref(line)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("header of a bundle has more than %d lines: %w", maxHeader, storage.ErrTooLarge)
}

// readLine returns the next line without its end.
func readLine(r *bufio.Reader) (string, error) {
	var b []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(b)+len(part) > maxLine {
			return "", fmt.Errorf("line of a bundle's header has more than %d bytes: %w", maxLine, storage.ErrTooLarge)
		}
		b = append(b, part...)
		switch {
		case err == nil:
			return string(bytes.TrimSuffix(b, []byte{'\n'})), nil
		case err == io.EOF:
			return "", malformed("header of a bundle is cut short")
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

func capability(c string) error {
	switch {
	case c == "object-format=sha1":
		return nil
	case strings.HasPrefix(c, "object-format="):
		return unsupported("bundle with hashes of " + fmt.Sprintf("%.40q", c[len("object-format="):]))
	case strings.HasPrefix(c, "filter="):
		return unsupported("bundle of a partial clone")
	}
	return unsupported(fmt.Sprintf("bundle that asks for %.40q", c))
}

func (h *Header) prerequisite(line string) error {
	name, _, _ := strings.Cut(line, " ")
	hash, err := parseHash(name)
	if err == nil {
		h.Prerequisites = append(h.Prerequisites, hash)
	}
	return err
}

func (h *Header) ref(line string) error {
	digits, name, ok := strings.Cut(line, " ")
	if !ok || name == "" {
		return malformed("header of a bundle has the line %.80q", line)
	}
	hash, err := parseHash(digits)
	if err == nil {
		h.Refs = append(h.Refs, storage.Ref{Name: name, Hash: hash})
	}
	return err
}

// parseHash reads a hash, and tells those of SHA-256 from what is none.
func parseHash(digits string) (git.Hash, error) {
	h, ok := git.ParseHash(digits)
	switch {
	case ok && !h.IsZero():
		return h, nil
	case len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == "":
		return h, unsupported("repository with SHA-256")
	}
	return h, malformed("%.80q is no hash", digits)
}

// Head returns the branch that the bundle's HEAD names, as far as that can be told: of those that hold what HEAD does,
// the preferred one, or else the first; "" if there is none.
func (h *Header) Head(preferred ...string) string {
	var head git.Hash
	for _, r := range h.Refs {
		if r.Name == "HEAD" {
			head = r.Hash
		}
	}
	first := ""
	for i, r := range h.Refs {
		if r.Hash != head || !strings.HasPrefix(r.Name, "refs/heads/") {
			continue
		}
		if i > 0 && h.Refs[i-1].Name == "HEAD" {
			return r.Name // as our own bundles say it
		}
		for _, p := range preferred {
			if r.Name == p {
				return p
			}
		}
		if first == "" {
			first = r.Name
		}
	}
	return first
}
