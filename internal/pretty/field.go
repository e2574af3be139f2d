package pretty

import (
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/git"
)

// field appends a placeholder for something of the commit.
func (x *Expander) field(dst []byte, s string) ([]byte, int) {
	c := x.commit
	switch s[0] {
	case 'H':
		return x.add(dst, c.hash.String()), 1
	case 'h':
		return x.add(dst, x.abbrev(c.hash.String())), 1
	case 'T':
		return x.add(dst, c.tree), 1
	case 't':
		return x.add(dst, x.abbrev(c.tree)), 1
	case 'P':
		return x.add(dst, strings.Join(c.parents, " ")), 1
	case 'p':
		for i, p := range c.parents {
			if i > 0 {
				dst = x.add(dst, " ")
			}
			dst = x.add(dst, x.abbrev(p))
		}
		return dst, 1
	case 'm':
		return x.add(dst, ">"), 1
	case 'd':
		if refs := x.decoration(); refs != "" {
			dst = x.add(dst, " ("+refs+")")
		}
		return dst, 1
	case 'D':
		return x.add(dst, x.decoration()), 1
	case 'g':
		if len(s) > 1 && strings.IndexByte("dDsnNeE", s[1]) >= 0 {
			return dst, 2 // there is no reflog to tell of
		}
		return dst, 0
	case 'G':
		return x.signature(dst, s)
	case 'N':
		if x.repo.Notes == nil {
			return dst, 0
		}
		return x.add(dst, x.repo.Notes()), 1
	case 'S':
		return dst, 0 // there is no list of refs that the commit was reached from
	}
	return x.text(dst, s)
}

// text appends a placeholder for something that the commit's text says.
func (x *Expander) text(dst []byte, s string) ([]byte, int) {
	c := x.commit
	x.decoded = true
	switch s[0] {
	case 'a':
		return x.person(dst, c.author, s)
	case 'c':
		return x.person(dst, c.committer, s)
	case 'e':
		return x.add(dst, c.encoding), 1
	case 'B':
		return x.add(dst, c.message), 1
	case 's':
		return x.add(dst, x.subject), 1
	case 'f':
		return x.add(dst, x.fileName), 1
	case 'b':
		return x.add(dst, x.body), 1
	}
	return dst, 0
}

// decoration returns the refs that point to the commit.
func (x *Expander) decoration() string {
	if x.refs == nil {
		refs := ""
		if x.repo.Refs != nil {
			refs = strings.Join(x.repo.Refs(), ", ")
		}
		x.refs = &refs
	}
	return *x.refs
}

func (x *Expander) abbrev(hash string) string {
	h, ok := git.ParseHash(hash)
	if ok && x.repo.Abbrev != nil {
		return x.repo.Abbrev(h)
	}
	return hash[:min(7, len(hash))]
}

// person appends the part of an author or committer that is asked for.
func (x *Expander) person(dst []byte, p person, s string) ([]byte, int) {
	if len(s) < 2 {
		return dst, 0
	}
	if p.valid {
		if x.repo.Mailmap != nil && strings.IndexByte("NEL", s[1]) >= 0 {
			p.name, p.mail = x.repo.Mailmap(p.name, p.mail)
		}
		switch s[1] {
		case 'n', 'N':
			return x.add(dst, p.name), 2
		case 'e', 'E':
			return x.add(dst, p.mail), 2
		case 'l', 'L':
			return x.add(dst, p.local()), 2
		}
	}
	if p.date != "" {
		switch style := dateStyle(s[1]); style {
		case 't':
			return x.add(dst, p.date), 2
		case dateNormal, dateRFC2822, dateRelative, dateISO, dateISOStrict, dateHuman, dateShort:
			now := x.repo.Now
			if now.IsZero() {
				now = person{date: strconv.FormatUint(x.commit.when, 10)}.stamp().Time
			}
			return x.add(dst, p.stamp().format(style, now)), 2
		}
	}
	if strings.IndexByte("netdDri", s[1]) >= 0 {
		return dst, 2
	}
	return dst, 0
}

// signature appends what is known of the commit's signature without verifying it.
func (x *Expander) signature(dst []byte, s string) ([]byte, int) {
	if len(s) < 2 {
		return dst, 0
	}
	switch s[1] {
	case '?':
		if x.commit.signed {
			return x.add(dst, "E"), 2
		}
		return x.add(dst, "N"), 2
	case 'T':
		return x.add(dst, "undefined"), 2
	case 'G', 'S', 'K', 'F', 'P':
		return dst, 2
	}
	return dst, 0
}
