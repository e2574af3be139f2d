package pretty

import (
	"fmt"
	"math"
	"time"
)

// A stamp is a time with the offset that is shown with it: hours times 100 plus minutes.
type stamp struct {
	time.Time
	seconds int64
	zone    int
}

// lastSecond is the last one whose year C's struct tm holds.
const lastSecond = 67768036191676799

func (p person) stamp() stamp {
	seconds, zone := parseUint(p.date), parseZone(p.zone)
	if seconds > math.MaxInt64 {
		seconds, zone = 0, 0
	}
	minutes := int64(zone/100*60 + zone%100)
	s := stamp{seconds: int64(seconds), zone: zone}
	if s.seconds > lastSecond-minutes*60 {
		return stamp{Time: time.Unix(0, 0).UTC(), seconds: s.seconds}
	}
	s.Time = time.Unix(s.seconds+minutes*60, 0).UTC()
	return s
}

func parseZone(s string) int {
	if s == "" {
		return 0
	}
	n := parseUint(s[1:])
	if n >= math.MaxInt32 {
		return 0
	}
	if s[0] == '-' {
		return -int(n)
	}
	return int(n)
}

// A dateStyle is a style of dates, by the letter of its placeholder.
type dateStyle byte

const (
	dateNormal    dateStyle = 'd'
	dateRFC2822   dateStyle = 'D'
	dateRelative  dateStyle = 'r'
	dateISO       dateStyle = 'i'
	dateISOStrict dateStyle = 'I'
	dateHuman     dateStyle = 'h'
	dateShort     dateStyle = 's'
)

func (s stamp) format(style dateStyle, now time.Time) string {
	switch style {
	case dateRFC2822:
		return fmt.Sprintf("%.3s, %d %.3s %d %s %+05d", s.Weekday(), s.Day(), s.Month(), s.Year(), s.clock(), s.zone)
	case dateRelative:
		return relative(s.seconds, now.Unix())
	case dateISO:
		return fmt.Sprintf("%s %s %+05d", s.date(), s.clock(), s.zone)
	case dateISOStrict:
		sign, zone := '+', s.zone
		if zone < 0 {
			sign, zone = '-', -zone
		}
		return fmt.Sprintf("%sT%s%c%02d:%02d", s.date(), s.clock(), sign, zone/100, zone%100)
	case dateHuman:
		return s.human(now.UTC())
	case dateShort:
		return s.date()
	}
	normal := fmt.Sprintf("%.3s %.3s %d %s %d", s.Weekday(), s.Month(), s.Day(), s.clock(), s.Year())
	if s.zone == -1 { // which is git's mark of a zone not to be shown
		return normal
	}
	return normal + fmt.Sprintf(" %+05d", s.zone)
}

func (s stamp) date() string {
	return fmt.Sprintf("%04d-%02d-%02d", s.Year(), s.Month(), s.Day())
}

func (s stamp) clock() string {
	return fmt.Sprintf("%02d:%02d:%02d", s.Hour(), s.Minute(), s.Second())
}

// human shows what matters of the time as seen from now, in UTC.
func (s stamp) human(now time.Time) string {
	thisYear := s.Year() == now.Year()
	days := math.MaxInt
	if thisYear && s.Month() == now.Month() && s.Day() <= now.Day() {
		days = now.Day() - s.Day()
	}
	clock := fmt.Sprintf("%02d:%02d", s.Hour(), s.Minute())
	switch {
	case days == 0:
		return relative(s.seconds, now.Unix())
	case days < 5 && s.zone != 0:
		return fmt.Sprintf("%.3s %s %+05d", s.Weekday(), clock, s.zone)
	case days < 5:
		return fmt.Sprintf("%.3s %s", s.Weekday(), clock)
	case thisYear:
		return fmt.Sprintf("%.3s %.3s %d %s", s.Weekday(), s.Month(), s.Day(), clock)
	}
	return fmt.Sprintf("%.3s %d %d", s.Month(), s.Day(), s.Year())
}

// relative says how long ago a time was, rounded as git does at each unit.
func relative(then, now int64) string {
	if now < then {
		return "in the future"
	}
	n := uint64(now - then)
	if n < 90 {
		return ago(n, "second")
	}
	if n = (n + 30) / 60; n < 90 {
		return ago(n, "minute")
	}
	if n = (n + 30) / 60; n < 36 {
		return ago(n, "hour")
	}
	days := (n + 12) / 24
	switch {
	case days < 14:
		return ago(days, "day")
	case days < 70:
		return ago((days+3)/7, "week")
	case days < 365:
		return ago((days+15)/30, "month")
	case days < 1825:
		months := (days*12*2 + 365) / (365 * 2)
		if months%12 == 0 {
			return ago(months/12, "year")
		}
		return plural(months/12, "year") + ", " + ago(months%12, "month")
	}
	return ago((days+183)/365, "year")
}

func ago(n uint64, unit string) string { return plural(n, unit) + " ago" }

func plural(n uint64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
