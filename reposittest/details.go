package reposittest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reposit/reposit"
)

// details are what the headers of a commit, merge or tag say.
type details struct {
	message           *string // if it can't stand as lines; nil: it does
	author, committer *reposit.Signature
	ours              bool // a merge that takes nothing from the others
}

// parseDetails splits the lines of a section into headers and the text after them.
func parseDetails(data string) (d details, text string, err error) {
	if text, ok := strings.CutPrefix(data, "\n"); ok || !startsHeader(data) {
		return d, text, nil
	}
	var date, committed time.Time
	for data != "" {
		line, rest, _ := strings.Cut(data, "\n")
		data = rest
		if line == "" {
			break
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			return d, "", fmt.Errorf("%q is no header; an empty line ends them", line)
		}
		switch key {
		case "author":
			d.author, err = parseIdentity(value)
		case "committer":
			d.committer, err = parseIdentity(value)
		case "date":
			date, err = time.Parse(time.RFC3339, value)
		case "committed":
			committed, err = time.Parse(time.RFC3339, value)
		case "message":
			var m string
			m, err = strconv.Unquote(value)
			d.message = &m
		case "strategy":
			if d.ours = value == "ours"; !d.ours {
				err = fmt.Errorf(`want "ours"`)
			}
		default:
			err = fmt.Errorf("there is no such header")
		}
		if err != nil {
			return d, "", fmt.Errorf("header %q: %w", line, err)
		}
	}
	d.author = at(d.author, date)
	d.committer = at(d.committer, committed)
	return d, data, nil
}

// startsHeader reports whether text would be taken for headers.
func startsHeader(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	key, _, ok := strings.Cut(line, ": ")
	switch key {
	case "author", "committer", "date", "committed", "message", "strategy":
		return ok
	}
	return false
}

// at returns s with a time, or the default author's name with it.
func at(s *reposit.Signature, when time.Time) *reposit.Signature {
	if when.IsZero() {
		return s
	}
	if s == nil {
		s = new(defaultAuthor)
	}
	s.When = when
	return s
}

// defaultAuthor is that of a store whose Options name none.
var defaultAuthor = reposit.Signature{Name: "reposit", Email: "reposit@localhost"}

func parseIdentity(text string) (*reposit.Signature, error) {
	name, rest, ok := strings.Cut(text, "<")
	email, ok2 := strings.CutSuffix(rest, ">")
	if !ok || !ok2 {
		return nil, fmt.Errorf("want a name and <address>")
	}
	return &reposit.Signature{Name: strings.TrimSpace(name), Email: email}, nil
}

// write writes the details of a commit, and its message, as the lines of a section. Of the message, subject stands in
// the section's name.
func (d details) write(subject, message string) string {
	var b strings.Builder
	text, ok := strings.CutPrefix(message, subject)
	if subject != "" && text != "" {
		// What is behind the subject stands behind an empty line.
		rest, spaced := strings.CutPrefix(text, "\n\n")
		ok, text = ok && spaced && rest != "", rest
	}
	if ok = ok && plain(text); !ok {
		fmt.Fprintf(&b, "message: %q\n", message)
		text = ""
	}
	if s := d.author; s != nil {
		if s.Name != defaultAuthor.Name || s.Email != defaultAuthor.Email {
			fmt.Fprintf(&b, "author: %s <%s>\n", s.Name, s.Email)
		}
		if !sameTime(s.When, Epoch) {
			fmt.Fprintf(&b, "date: %s\n", s.When.Format(time.RFC3339))
		}
		if c := d.committer; c != nil && (c.Name != s.Name || c.Email != s.Email || !sameTime(c.When, s.When)) {
			fmt.Fprintf(&b, "committer: %s <%s>\ncommitted: %s\n", c.Name, c.Email, c.When.Format(time.RFC3339))
		}
	}
	if d.ours {
		b.WriteString("strategy: ours\n")
	}
	if text != "" && (b.Len() > 0 || strings.HasPrefix(text, "\n") || startsHeader(text)) {
		b.WriteByte('\n')
	}
	return b.String() + text
}

// sameTime reports whether Git would write a and b the same.
func sameTime(a, b time.Time) bool {
	_, za := a.Zone()
	_, zb := b.Zone()
	return a.Unix() == b.Unix() && za == zb
}
