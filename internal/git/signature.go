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

// Append appends the signature as it stands in a commit: "name <email> seconds +hhmm".
func (s Signature) Append(b []byte) []byte {
	b = append(b, s.Name...)
	b = append(b, " <"...)
	b = append(b, s.Email...)
	b = append(b, "> "...)
	b = strconv.AppendInt(b, s.When.Unix(), 10)
	_, offset := s.When.Zone()
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	minutes := offset / 60
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
			if offset := (zone/100*60 + zone%100) * 60; offset != 0 {
				return time.Unix(seconds, 0).In(time.FixedZone("", offset))
			}
		}
	}
	return time.Unix(seconds, 0).UTC()
}
