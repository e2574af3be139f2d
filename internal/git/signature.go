package git

import (
	"bytes"
	"strconv"
	"time"
)

// A Signature says who did something, and when. Of When, Git keeps whole seconds and the offset from UTC in minutes.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Round returns t as a signature keeps it.
func Round(t time.Time) time.Time { return at(t.Unix(), offset(t)) }

// offset returns the offset of t from UTC in minutes.
func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds / 60
}

func at(seconds int64, offset int) time.Time {
	if offset == 0 {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Unix(seconds, 0).In(time.FixedZone("", offset*60))
}

// Append appends the signature as it stands in a commit: "name <email> seconds +hhmm".
func (s Signature) Append(b []byte) []byte {
	b = append(b, s.Name...)
	b = append(b, " <"...)
	b = append(b, s.Email...)
	b = append(b, "> "...)
	b = strconv.AppendInt(b, s.When.Unix(), 10)
	minutes := offset(s.When)
	sign := byte('+')
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	h, m := minutes/60, minutes%60
	return append(b, ' ', sign, '0'+byte(h/10%10), '0'+byte(h%10), '0'+byte(m/10), '0'+byte(m%10))
}

// ParseSignature reads what Append writes, and is as lenient as git about histories that were written by others:
// what can't be read of the time is left zero.
func ParseSignature(line []byte) Signature {
	open := bytes.IndexByte(line, '<')
	if open < 0 {
		return Signature{Name: string(bytes.TrimSpace(line)), When: time.Unix(0, 0).UTC()}
	}
	s := Signature{Name: string(bytes.TrimRight(line[:open], " ")), When: time.Unix(0, 0).UTC()}
	rest := line[open+1:]
	end := bytes.LastIndexByte(rest, '>')
	if end < 0 {
		s.Email = string(rest)
		return s
	}
	// git takes the first ">" as the end of the address, the last one as where the time begins.
	s.Email = string(rest[:bytes.IndexByte(rest, '>')])
	if fields := bytes.Fields(rest[end+1:]); len(fields) > 0 {
		s.When = parseWhen(fields)
	}
	return s
}

func parseWhen(fields [][]byte) time.Time {
	seconds, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	if len(fields) > 1 {
		if zone, err := strconv.Atoi(string(fields[1])); err == nil && zone > -10000 && zone < 10000 {
			return at(seconds, zone/100*60+zone%100)
		}
	}
	return time.Unix(seconds, 0).UTC()
}
