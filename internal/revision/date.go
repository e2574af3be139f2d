package revision

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Timed reports whether what a revision names may depend on the time of the day.
func Timed(rev string) bool { return strings.Contains(rev, "@{") }

// dateLayouts are the forms of a whole time. Where there is no offset, it is in UTC.
var dateLayouts = func() (all []string) {
	for _, day := range []string{"2006-1-2", "2006/1/2"} {
		for _, sep := range []string{" ", "T"} {
			for _, hour := range []string{"15:04:05", "15:04"} {
				for _, zone := range []string{"", " -0700", "-0700", "Z07:00", " Z07:00", " MST"} {
					all = append(all, day+sep+hour+zone)
				}
			}
		}
	}
	for _, zone := range []string{"", " -0700", " MST"} {
		all = append(all, "Mon, 2 Jan 2006 15:04:05"+zone, "2 Jan 2006 15:04:05"+zone, "Mon Jan 2 15:04:05 2006"+zone,
			"Jan 2 15:04:05 2006"+zone)
	}
	return all
}()

// parseDate returns the time that a text says, as git's approxidate understands it, in UTC: a whole time, seconds since
// 1970, or parts of one in words. It returns ErrSyntax where it does not understand each word of it, also where git
// passes over them.
func parseDate(text string, now time.Time) (time.Time, error) {
	bad := fmt.Errorf("%w: @{%.100s} is neither an entry of a log, counted from 0, nor a time", ErrSyntax, text)
	if len(text) > 200 {
		return time.Time{}, bad
	}
	stamp, offset, hasOffset := strings.Cut(text, " ")
	if seconds, err := strconv.ParseInt(stamp, 10, 64); err == nil && seconds >= leastStamp && seconds < 1<<40 {
		if _, err := time.Parse("-0700", offset); !hasOffset || err == nil {
			return time.Unix(seconds, 0).UTC(), nil
		}
		return time.Time{}, bad
	}
	for _, layout := range dateLayouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if zone, _ := t.Zone(); strings.HasSuffix(layout, "MST") && zone != "UTC" && zone != "GMT" {
			return time.Time{}, bad // Go knows no offset of others
		}
		if t.Year() < 1970 || t.Year() > 2099 {
			return time.Time{}, bad
		}
		return t.UTC(), nil
	}
	d := newDate(now)
	for _, word := range dateWords(text) {
		if !d.word(word) {
			return time.Time{}, bad
		}
	}
	d.pending()
	if !d.said || d.lost {
		return time.Time{}, bad
	}
	d.back(0)
	return d.time(), nil
}

// leastStamp is the least number that counts seconds since 1970, and is neither a date nor an entry of a log.
const leastStamp = 100_000_000

// dateWords cuts a text into words and numbers, as "3pm" into two, with times and dates as one.
func dateWords(text string) (all []string) {
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	isAlpha := func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
	for i := 0; i < len(text); {
		from := i
		switch {
		case isDigit(text[i]):
			for i < len(text) && (isDigit(text[i]) || strings.IndexByte(":/-", text[i]) >= 0 && i+1 < len(text) &&
				isDigit(text[i+1])) {
				i++
			}
		case isAlpha(text[i]):
			for i < len(text) && isAlpha(text[i]) {
				i++
			}
		case strings.IndexByte(" .,_", text[i]) >= 0:
			i++
			continue
		default:
			return []string{text[i:]} // which is no word
		}
		if i > from && i+1 < len(text) && text[i] == '.' && isDigit(text[i-1]) && isDigit(text[i+1]) {
			return []string{text[i:]} // a date with points may have the day or the month first
		}
		all = append(all, strings.ToLower(text[from:i]))
	}
	return all
}

// A date is a time that words say part by part. What is not said of the day is unset, -1.
type date struct {
	now              time.Time
	year, month, day int // month from 1
	hour, min, sec   int
	weekday          time.Weekday
	number           int // one that the words to come say the meaning of; 0: none
	said             bool
	lost             bool // there was a number without a meaning
}

func newDate(now time.Time) *date {
	now = now.UTC()
	d := &date{now: now, year: -1, month: -1, day: -1, weekday: now.Weekday()}
	d.hour, d.min, d.sec = now.Clock()
	return d
}

func (d *date) time() time.Time {
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.min, d.sec, 0, time.UTC)
}

// back sets what is unset of the day, and goes back in time.
func (d *date) back(seconds int) {
	year, month, day := d.now.Date()
	if d.day < 0 {
		d.day = day
	}
	if d.month < 0 {
		d.month = int(month)
	}
	if d.year < 0 {
		if d.year = year; d.month > int(month) {
			d.year--
		}
	}
	t := d.time().Add(-time.Duration(seconds) * time.Second)
	y, m, dd := t.Date()
	d.year, d.month, d.day, d.weekday = y, int(m), dd, t.Weekday()
	d.hour, d.min, d.sec = t.Clock()
}

// pending takes a number that no word said the meaning of for the day, the month or the year.
func (d *date) pending() {
	n := d.number
	d.number = 0
	switch {
	case n == 0:
	case d.day < 0 && n < 32:
		d.day = n
	case d.month < 0 && n < 13:
		d.month = n
	case d.year < 0 && n > 1969 && n < 2100:
		d.year = n
	case d.year < 0 && n > 69 && n < 100:
		d.year = 1900 + n
	case d.year < 0 && n < 38:
		d.year = 2000 + n
	default:
		d.lost = true
	}
}

var (
	monthNames   = strings.Fields("january february march april may june july august september october november december")
	weekdayNames = strings.Fields("sundays mondays tuesdays wednesdays thursdays fridays saturdays")
	numberNames  = strings.Fields("zero one two three four five six seven eight nine ten")
	unitSeconds  = map[string]int{"second": 1, "minute": 60, "hour": 3600, "day": 24 * 3600, "week": 7 * 24 * 3600}
)

// prefixOf returns the number of the name that begins with a word of at least three letters.
func prefixOf(names []string, word string) (int, bool) {
	for i, name := range names {
		if len(word) >= 3 && strings.HasPrefix(name, word) {
			return i, true
		}
	}
	return 0, false
}

// word takes one word, and reports whether it has a meaning.
func (d *date) word(word string) bool {
	if word[0] >= '0' && word[0] <= '9' {
		d.pending()
		return d.digits(word)
	}
	if m, ok := prefixOf(monthNames, word); ok {
		d.month, d.said = m+1, true
		return true
	}
	switch word {
	case "ago", "at", "on", "and":
		return d.said
	case "now":
		d.number = 0
		d.back(0)
	case "yesterday":
		d.number = 0
		d.back(24 * 3600)
	case "midnight":
		d.pending()
		d.at(0)
	case "noon":
		d.pending()
		d.at(12)
	case "tea":
		d.pending()
		d.at(17)
	case "am", "pm":
		if d.number == 0 || d.number > 12 {
			return false
		}
		d.hour, d.min, d.sec = d.number%12, 0, 0
		if word == "pm" {
			d.hour += 12
		}
		d.number = 0
	default:
		return d.counted(word)
	}
	d.said = true
	return true
}

// at sets the hour, of the day before if that is yet to come.
func (d *date) at(hour int) {
	if d.hour < hour {
		d.back(24 * 3600)
	}
	d.hour, d.min, d.sec = hour, 0, 0
}

// counted takes a word that is a number, or that a number comes before.
func (d *date) counted(word string) bool {
	if d.number == 0 {
		for i, name := range numberNames[1:] {
			if word == name {
				d.number, d.said = i+1, true
				return true
			}
		}
		if word == "last" {
			d.number, d.said = 1, true
			return true
		}
		return false
	}
	n := d.number
	if n > 1<<20 {
		return false
	}
	d.number = 0
	singular := strings.TrimSuffix(word, "s")
	if seconds, ok := unitSeconds[singular]; ok {
		d.back(seconds * n)
		return true
	}
	if i, ok := prefixOf(weekdayNames, word); ok {
		diff := int(d.weekday) - i
		if n--; diff <= 0 {
			n++
		}
		d.back((diff + 7*n) * 24 * 3600)
		return true
	}
	switch singular {
	case "month":
		d.back(0)
		for d.month -= n; d.month < 1; d.month += 12 {
			d.year--
		}
	case "year":
		d.back(0)
		d.year -= n
	default:
		return false
	}
	return d.year >= 1970
}

// digits takes a number, a time of the day, or a day with its year first.
func (d *date) digits(word string) bool {
	d.said = true
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, word); err == nil {
			d.hour, d.min, d.sec = t.Clock()
			return true
		}
	}
	for _, layout := range []string{"2006-1-2", "2006/1/2"} {
		if t, err := time.Parse(layout, word); err == nil && t.Year() >= 1970 && t.Year() < 2100 {
			d.year, d.month, d.day = t.Year(), int(t.Month()), t.Day()
			return true
		}
	}
	n, err := strconv.Atoi(word)
	if err != nil || n == 0 || word[0] == '0' && len(word) > 2 {
		return false
	}
	d.number = n
	return true
}
