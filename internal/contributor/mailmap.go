package contributor

import (
	"bytes"
	"strings"

	"github.com/reposit/reposit/internal/graph"
)

// MailmapFile is the name of the file, in the root of a tree, that says who authors are.
const MailmapFile = ".mailmap"

// MaxMailmap is how many bytes make a .mailmap too large to be heard.
const MaxMailmap = 4 << 20

// A Mailmap says which names and addresses stand for others (gitmailmap). The zero Mailmap says nothing.
type Mailmap struct {
	byEmail map[string]*mapping // by address, in lower case
}

// A mapping is what is said of one address.
type mapping struct {
	person
	byName map[string]person // with that name in a commit, in lower case
}

// A person is a proper name and address; what is empty stays as it is in the commit.
type person struct{ name, email string }

// ParseMailmap reads a .mailmap. Lines that are malformed say nothing.
func ParseMailmap(data []byte) *Mailmap {
	m := &Mailmap{byEmail: map[string]*mapping{}}
	data, _, _ = bytes.Cut(data, []byte{0}) // to git, this is a C string
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		m.addLine(string(line))
	}
	return m
}

func (m *Mailmap) addLine(line string) {
	if strings.HasPrefix(line, "#") {
		return
	}
	proper, rest, ok := cutPerson(line)
	if !ok || proper.email == "" {
		return
	}
	old, _, ok := cutPerson(rest)
	if !ok {
		old, proper.email = person{email: proper.email}, ""
	}
	proper = person{graph.CleanText(proper.name), graph.CleanText(proper.email)}
	key := lower(graph.CleanText(old.email))
	entry := m.byEmail[key]
	if entry == nil {
		entry = &mapping{}
		m.byEmail[key] = entry
	}
	if old.name != "" {
		if entry.byName == nil {
			entry.byName = map[string]person{}
		}
		entry.byName[lower(graph.CleanText(old.name))] = proper
		return
	}
	if proper.name != "" {
		entry.name = proper.name
	}
	if proper.email != "" {
		entry.email = proper.email
	}
}

// cutPerson reads "name <address>" from the start of s, and returns what follows.
func cutPerson(s string) (p person, rest string, ok bool) {
	name, rest, ok := strings.Cut(s, "<")
	if !ok {
		return person{}, "", false
	}
	email, rest, ok := strings.Cut(rest, ">")
	if !ok {
		return person{}, "", false
	}
	return person{strings.Trim(name, " \t\r\n"), email}, rest, true
}

// Resolve returns the proper name and address of whom commits call by the given ones.
func (m *Mailmap) Resolve(name, email string) (properName, properEmail string) {
	entry := m.byEmail[lower(email)]
	if entry == nil {
		return name, email
	}
	p, ok := entry.byName[lower(name)]
	if !ok {
		p = entry.person
	}
	if p.name != "" {
		name = p.name
	}
	if p.email != "" {
		email = p.email
	}
	return name, email
}

// lower maps ASCII letters to lower case, as git compares here.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for i, c := range b {
				if 'A' <= c && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
