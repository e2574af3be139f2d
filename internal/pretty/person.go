package pretty

import (
	"bytes"
	"strings"
)

// A person is the value of an author or committer line, split as git's split_ident_line does.
type person struct {
	name, mail string
	date, zone string // digits, and a sign and digits; "" if they can't be read
	valid      bool   // that there is an address; all is empty otherwise
}

const blank = " \t\n\r" // what git's isspace knows

func parsePerson(line []byte) person {
	open := bytes.IndexByte(line, '<')
	if open < 0 {
		return person{}
	}
	end := bytes.IndexByte(line[open:], '>')
	if end < 0 {
		return person{}
	}
	p := person{
		name: strings.TrimRight(string(line[:open]), blank),
		mail: string(line[open+1 : open+end]), valid: true,
	}
	rest := strings.TrimLeft(string(line[bytes.LastIndexByte(line, '>')+1:]), blank)
	date := rest[:digits(rest)]
	rest = strings.TrimLeft(rest[len(date):], blank)
	if date == "" || rest == "" || rest[0] != '+' && rest[0] != '-' {
		return p
	}
	if n := digits(rest[1:]); n > 0 {
		p.date, p.zone = date, rest[:1+n]
	}
	return p
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// local returns the part of the address before the "@".
func (p person) local() string {
	name, _, _ := strings.Cut(p.mail, "@")
	return name
}
