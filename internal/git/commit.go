package git

import (
	"bytes"
	"strings"
)

// A Commit is a decoded commit. Headers that it has no field for are in Extra, and all that follow the committer are in
// Headers if they do not stand in Git's order, so that decoding and encoding give the same bytes for every commit that
// begins with its tree, parents, author and committer, and whose headers end in an empty line.
type Commit struct {
	Tree              Hash
	Parents           []Hash
	Author, Committer Signature
	Encoding          string
	Extra             []byte // further headers as they stand, each ending in a newline
	Signature         string // gpgsig, without the indentation; a newline at its end is an empty line of the header
	Headers           []byte // all after the committer as they stand, in place of Encoding, Extra and Signature; or nil
	Message           string
}

// Append appends the commit's content to b.
func (c *Commit) Append(b []byte) []byte {
	b = appendHash(b, "tree ", c.Tree)
	for _, p := range c.Parents {
		b = appendHash(b, "parent ", p)
	}
	b = append(b, "author "...)
	b = c.Author.Append(b)
	b = append(b, "\ncommitter "...)
	b = c.Committer.Append(b)
	b = append(b, '\n')
	b = c.AppendHeaders(b)
	b = append(b, '\n')
	return append(b, c.Message...)
}

// AppendHeaders appends the headers that follow the committer, as they stand.
func (c *Commit) AppendHeaders(b []byte) []byte {
	if c.Headers != nil {
		return append(b, c.Headers...)
	}
	if c.Encoding != "" {
		b = append(b, "encoding "...)
		b = append(b, c.Encoding...)
		b = append(b, '\n')
	}
	b = append(b, c.Extra...)
	if c.Signature != "" {
		b = append(b, "gpgsig "...)
		b = append(b, strings.ReplaceAll(c.Signature, "\n", "\n ")...)
		b = append(b, '\n')
	}
	return b
}

func appendHash(b []byte, key string, h Hash) []byte {
	const digits = "0123456789abcdef"
	b = append(b, key...)
	for _, c := range h {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return append(b, '\n')
}

// ParseCommit decodes the content of a commit. It keeps no part of raw.
func ParseCommit(raw []byte) (*Commit, error) {
	if !bytes.HasPrefix(raw, []byte("tree ")) {
		return nil, malformed("commit does not begin with its tree")
	}
	c := &Commit{}
	rest, err := headers(raw, func(key string, value, line []byte) error { return c.header(key, value, line) })
	if err != nil {
		return nil, err
	}
	if c.Tree.IsZero() {
		return nil, malformed("commit names no tree")
	}
	c.Message = string(rest)
	if c.Extra != nil || c.Encoding != "" && c.Signature != "" {
		all := raw[:len(raw)-len(rest)]
		if rest != nil {
			all = all[:len(all)-1]
		}
		c.keepOrder(all)
	}
	return c, nil
}

// keepOrder sets Headers if the headers in raw do not stand in Git's order.
func (c *Commit) keepOrder(raw []byte) {
	line, block := bytes.Index(raw, []byte("\ncommitter ")), []byte(nil)
	if line >= 0 {
		end := line + 1 + headerEnd(raw[line+1:])
		block = raw[end:]
		if n := len(block); n > 0 && block[n-1] != '\n' {
			block = append(block[:n:n], '\n')
		}
	}
	if block != nil && !bytes.Equal(c.AppendHeaders(nil), block) {
		c.Headers = bytes.Clone(block)
	}
}

// CommitLinks returns the tree and the parents that the content of a commit names, as ParseCommit would.
func CommitLinks(raw []byte) (tree Hash, parents []Hash, err error) {
	for first := true; len(raw) > 0 && raw[0] != '\n'; first = false {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		raw = rest
		key, value, _ := bytes.Cut(line, []byte{' '})
		isTree := string(key) == "tree" && tree.IsZero()
		if first && !isTree {
			break
		}
		if !isTree && string(key) != "parent" {
			continue
		}
		h, ok := ParseHash(string(value))
		if !ok || len(raw) > 0 && raw[0] == ' ' {
			return Hash{}, nil, malformed("commit names %s %q", key, value)
		}
		if isTree {
			tree = h
		} else {
			parents = append(parents, h)
		}
	}
	if tree.IsZero() {
		return Hash{}, nil, malformed("commit names no tree")
	}
	return tree, parents, nil
}

func (c *Commit) header(key string, value, line []byte) error {
	switch {
	case key == "tree" && c.Tree.IsZero():
		h, ok := ParseHash(string(value))
		if !ok {
			return malformed("commit names tree %q", value)
		}
		c.Tree = h
	case key == "parent", key == "parent\n": // a hash on the next line is none
		h, ok := ParseHash(string(value))
		if !ok {
			return malformed("commit names parent %q", value)
		}
		c.Parents = append(c.Parents, h)
	case key == "author" && c.Author == Signature{}:
		c.Author = ParseSignature(value)
	case key == "committer" && c.Committer == Signature{}:
		c.Committer = ParseSignature(value)
	case key == "encoding" && c.Encoding == "" && len(value) > 0:
		c.Encoding = string(value)
	case key == "gpgsig" && c.Signature == "" && len(value) > 0: // the first counts
		c.Signature = strings.ReplaceAll(string(value), "\n ", "\n")
	default:
		c.Extra = append(c.Extra, bytes.TrimSuffix(line, []byte{'\n'})...)
		c.Extra = append(c.Extra, '\n')
	}
	return nil
}

// headers calls fn with each header of a commit or tag, continuation lines included, and returns the message. line
// is the header as it stands, with its newline.
func headers(raw []byte, fn func(key string, value, line []byte) error) ([]byte, error) {
	for len(raw) > 0 {
		if raw[0] == '\n' {
			return raw[1:], nil
		}
		end := headerEnd(raw)
		line := raw[:end]
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
		if err := fn(string(key), value, line); err != nil {
			return nil, err
		}
		raw = raw[end:]
	}
	return nil, nil
}

// headerEnd returns the length of the first header: up to a newline that no space follows.
func headerEnd(raw []byte) int {
	end := 0
	for {
		n := bytes.IndexByte(raw[end:], '\n')
		if n < 0 {
			return len(raw)
		}
		end += n + 1
		if end == len(raw) || raw[end] != ' ' {
			return end
		}
	}
}
