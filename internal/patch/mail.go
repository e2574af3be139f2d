package patch

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
)

// A Mail is what git format-patch says of a commit beside its patch.
type Mail struct {
	Author  *git.Signature // nil: not said
	Message string
}

var (
	mboxLine   = regexp.MustCompile(`(?m)^From [0-9a-f]{40} .*\n`)
	headerLine = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*:`)
)

// ParseMail takes a mail apart, as git am does, and returns what follows the message. Data that is no mail it returns
// as it is, with an empty Mail. It returns a fault.Invalid for several mails, and for one of several parts.
func ParseMail(data []byte) (*Mail, []byte, error) {
	all := mboxLine.FindAllIndex(data, 2)
	isMail := len(all) > 0 && all[0][0] == 0
	if isMail && len(all) > 1 {
		return nil, nil, fault.New(fault.Invalid, "patch: there are several mails")
	}
	if isMail {
		data = data[all[0][1]:]
	} else if !headerLine.Match(data) {
		return &Mail{}, data, nil
	}
	h, body := parseHeaders(data)
	if !isMail && h["from"] == "" && h["subject"] == "" {
		return &Mail{}, data, nil
	}
	if strings.HasPrefix(strings.ToLower(h["content-type"]), "multipart/") {
		return nil, nil, fault.New(fault.Invalid, "patch: the mail has several parts")
	}
	body, err := decodeBody(body, h["content-transfer-encoding"])
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "patch: the mail is damaged: "+err.Error())
	}
	m := &Mail{}
	text, rest := cutMessage(body)
	if inside, after := parseHeaders(text); inside["from"] != "" { // said by whoever sends it for somebody else
		text = after
		for _, key := range []string{"from", "date", "subject"} {
			if inside[key] != "" {
				h[key] = inside[key]
			}
		}
	}
	m.Author = parseAuthor(h["from"], h["date"])
	m.Message = message(cleanSubject(h["subject"]), text)
	return m, rest, nil
}

// parseHeaders reads the lines of a header, unfolded and decoded, by lower-case name, and returns what follows.
func parseHeaders(data []byte) (map[string]string, []byte) {
	h := map[string]string{}
	last := ""
	for len(data) > 0 {
		raw, rest, _ := bytes.Cut(data, []byte{'\n'})
		line := strings.TrimSuffix(string(raw), "\r")
		switch {
		case line == "":
			data = rest
			for key, value := range h {
				h[key] = decodeHeader(value)
			}
			return h, data
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			h[last] += " " + strings.TrimSpace(line)
		case headerLine.MatchString(line):
			name, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(name)
			h[last] = strings.TrimSpace(value)
		default:
			return map[string]string{}, data
		}
		data = rest
	}
	return map[string]string{}, data
}

func decodeHeader(s string) string {
	var words mime.WordDecoder
	if decoded, err := words.DecodeHeader(s); err == nil {
		return decoded
	}
	return s
}

func decodeBody(body []byte, encoding string) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	case "base64":
		return io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
	}
	return body, nil
}

// cutMessage divides a body where the message ends: at a line "---", or where the patch begins.
func cutMessage(body []byte) (text, rest []byte) {
	for at := 0; at < len(body); {
		line := body[at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		end := bytes.TrimRight(line, " \t\r\n")
		if string(end) == "---" || bytes.HasPrefix(line, []byte(gitLine)) || bytes.HasPrefix(line, []byte("Index: ")) ||
			bytes.HasPrefix(line, []byte("--- a/")) {
			return body[:at], body[at:]
		}
		at += len(line)
	}
	return body, nil
}

// parseAuthor reads `Name <address>`, or returns nil.
func parseAuthor(from, date string) *git.Signature {
	name, rest, ok := strings.Cut(from, "<")
	address, _, closed := strings.Cut(rest, ">")
	if !ok || !closed || address == "" {
		return nil
	}
	name = strings.TrimSpace(name)
	if len(name) > 1 && name[0] == '"' && name[len(name)-1] == '"' {
		name = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(name[1 : len(name)-1])
	}
	s := &git.Signature{Name: name, Email: address}
	for _, layout := range []string{time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700"} {
		if when, err := time.Parse(layout, date); err == nil {
			s.When = when
			break
		}
	}
	return s
}

// cleanSubject drops what mailers put before a subject: "Re:" and what stands in brackets.
func cleanSubject(s string) string {
	for {
		s = strings.TrimLeft(s, " \t:")
		switch {
		case len(s) >= 3 && strings.EqualFold(s[:3], "re:"):
			s = s[3:]
		case strings.HasPrefix(s, "["):
			end := strings.IndexByte(s, ']')
			if end < 0 {
				return s
			}
			s = s[end+1:]
		default:
			return strings.TrimSpace(s)
		}
	}
}

// message puts a message together.
func message(subject string, text []byte) string {
	return git.StripSpace(subject + "\n\n" + string(text))
}
