package gitfile

import (
	"bytes"
	"fmt"
	"strings"
)

// checkModules refuses names, urls, paths and ways to update of submodules that git-fsck refuses (fsck.c,
// fsck_gitmodules_fn).
func checkModules(data []byte) error {
	p := parser{rest: data}
	var key, value string
	for p.next(&key, &value) {
		rest, ok := strings.CutPrefix(cString(key), "submodule.")
		dot := strings.LastIndexByte(rest, '.')
		if !ok || dot < 0 {
			continue
		}
		if err := checkModule(rest[:dot], rest[dot+1:], cString(value)); err != nil {
			return err
		}
	}
	return nil
}

// cString returns s up to its first NUL, which is all that Git sees of it.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func checkModule(name, key, value string) error {
	if !isModuleName(name) {
		return &Error{"gitmodulesName", fmt.Sprintf("has a submodule called %.80q", name)}
	}
	switch {
	case key == "url" && !isModuleURL(value):
		return &Error{"gitmodulesUrl", fmt.Sprintf("has the url %.80q", value)}
	case key == "path" && strings.HasPrefix(value, "-"):
		return &Error{"gitmodulesPath", fmt.Sprintf("has the path %.80q", value)}
	case key == "update" && strings.HasPrefix(value, "!"):
		return &Error{"gitmodulesUpdate", fmt.Sprintf("has the command %.80q as update", value)}
	}
	return nil
}

// isModuleName reports whether a submodule may be called so: Git makes a directory of the name.
func isModuleName(name string) bool {
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return false
		}
	}
	return name != ""
}

// isModuleURL reports whether Git may clone a submodule from a URL. A relative one is put behind the URL of the
// repository, where it must not reach the host, and may come to be decoded.
func isModuleURL(url string) bool {
	switch {
	case strings.HasPrefix(url, "-"):
		return false
	case strings.HasPrefix(url, "./"), strings.HasPrefix(url, "../"):
		if strings.Contains(decode(url), "\n") {
			return false
		}
		up, rest := false, url
		for {
			if after, ok := strings.CutPrefix(rest, "../"); ok {
				up, rest = true, after
			} else if after, ok := strings.CutPrefix(rest, "./"); ok {
				rest = after
			} else {
				break
			}
		}
		return !up || rest == "" || rest[0] != ':' && rest[0] != '/'
	}
	for _, scheme := range [...]string{"http", "https", "ftp", "ftps"} {
		if after, ok := strings.CutPrefix(url, scheme+"::"); ok {
			return hasHost(after)
		}
		if strings.HasPrefix(url, scheme+"://") {
			return hasHost(url)
		}
	}
	return true
}

// hasHost reports whether a URL that git-remote-curl gets names a host, and no part of it has a newline when it is
// decoded (credential.c, credential_from_url_gently).
func hasHost(url string) bool {
	protocol, rest, ok := strings.Cut(url, "://")
	if !ok || protocol == "" {
		return false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	parts := []string{protocol}
	host := rest[:end]
	if at := strings.IndexByte(host, '@'); at >= 0 {
		user, password, _ := strings.Cut(host[:at], ":")
		parts = append(parts, decode(user), decode(password))
		host = host[at+1:]
	}
	host = decode(host)
	parts = append(parts, host, decode(strings.TrimLeft(rest[end:], "/")))
	for _, part := range parts {
		if strings.Contains(part, "\n") {
			return false
		}
	}
	return host != ""
}

// decode decodes %XX as Git does: not before the first colon, and not %00 (url.c, url_decode_mem).
func decode(s string) string {
	from := max(strings.IndexByte(s, ':'), 0)
	b := []byte(s[:from])
	for i := from; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 && hi+lo > 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) int { return strings.IndexByte("0123456789abcdef", lower(c)) }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// A parser reads a file of git-config as Git does (config.c), up to where it can't: Git calls back for each value
// before it meets the error. It reads what a git does that has the file checked out. Where char is signed, git-fsck
// ends at a byte order mark, and at a byte ff.
type parser struct {
	rest    []byte
	section string // with its dot
	begun   bool
	ended   bool // the end was read
}

// char returns the next character. The end of the file, and a carriage return and newline, are a newline.
func (p *parser) char() byte {
	if len(p.rest) == 0 {
		p.ended = true
		return '\n'
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	if c == '\r' && len(p.rest) > 0 && p.rest[0] == '\n' {
		c, p.rest = '\n', p.rest[1:]
	}
	return c
}

// next reads up to the next value, and reports whether there is one. A key without a value has an empty one, which
// nothing is wrong with.
func (p *parser) next(key, value *string) bool {
	if !p.begun {
		p.begun = true
		p.rest = bytes.TrimPrefix(p.rest, byteOrderMark)
	}
	for comment := false; ; {
		c := p.char()
		switch {
		case c == '\n' && p.ended:
			return false
		case c == '\n':
			comment = false
		case comment || isSpace(c):
		case c == '#' || c == ';':
			comment = true
		case c == '[':
			if !p.header() {
				return false
			}
		case isAlpha(c):
			return p.entry(c, key, value)
		default:
			return false
		}
	}
}

// header reads the name of a section, behind its "[".
func (p *parser) header() bool {
	var name []byte
	for {
		c := p.char()
		switch {
		case p.ended:
			return false
		case c == ']':
			p.section = string(name) + "."
			return len(name) > 0
		case isSpace(c):
			sub, ok := p.subsection(c)
			p.section = string(name) + "." + sub + "."
			return ok
		case !isKey(c) && c != '.':
			return false
		}
		name = append(name, lower(c))
	}
}

// subsection reads the quoted name behind a section's, of which c follows.
func (p *parser) subsection(c byte) (string, bool) {
	for isSpace(c) {
		if c == '\n' {
			return "", false
		}
		c = p.char()
	}
	if c != '"' {
		return "", false
	}
	var name []byte
	for {
		c := p.char()
		if c == '"' {
			return string(name), p.char() == ']'
		}
		if c == '\\' {
			c = p.char()
		}
		if c == '\n' {
			return "", false
		}
		name = append(name, c)
	}
}

// entry reads a key that begins with c, and its value.
func (p *parser) entry(c byte, key, value *string) bool {
	name := []byte{lower(c)}
	for c = p.char(); isKey(c); c = p.char() {
		name = append(name, lower(c))
	}
	for c == ' ' || c == '\t' {
		c = p.char()
	}
	*key, *value = p.section+string(name), ""
	if c == '\n' {
		return true
	}
	if c != '=' {
		return false
	}
	var ok bool
	*value, ok = p.value()
	return ok
}

func (p *parser) value() (string, bool) {
	var b []byte
	quoted, comment, spaces := false, false, 0
	for {
		c := p.char()
		switch {
		case c == '\n':
			return string(b), !quoted
		case comment:
			continue
		case isSpace(c) && !quoted:
			if len(b) > 0 {
				spaces++
			}
			continue
		case !quoted && (c == ';' || c == '#'):
			comment = true
			continue
		}
		for ; spaces > 0; spaces-- {
			b = append(b, ' ')
		}
		switch c {
		case '"':
			quoted = !quoted
			continue
		case '\\':
			switch c = p.char(); c {
			case '\n':
				continue
			case 't':
				c = '\t'
			case 'b':
				c = '\b'
			case 'n':
				c = '\n'
			case '\\', '"':
			default:
				return "", false
			}
		}
		b = append(b, c)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isAlpha(c byte) bool { return 'a' <= lower(c) && lower(c) <= 'z' }

func isKey(c byte) bool { return isAlpha(c) || '0' <= c && c <= '9' || c == '-' }
