package revision

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// knownDates are texts that git and parseDate understand alike.
var knownDates = strings.Split(`now
yesterday
noon
midnight
tea
noon yesterday
yesterday noon
yesterday 10:05
yesterday at 10:05:06
3pm
12am
12 pm yesterday
1 second ago
2 seconds ago
90 minutes ago
2 hours ago
2.hours.ago
2 hours
three days ago
one week 2 days ago
1 week 2 days 3 hours ago
last week
last month
last year
last friday
2 mondays ago
1 month ago
14 months ago
3 months 2 days ago
5 years ago
2005-04-07
2005-4-7
2005/04/07
2005-04-07 22:13:13
2005-04-07T22:13:13
2005-04-07 22:13
2005-04-07 22:13:13 +0200
2005-04-07T22:13:13-0700
2005-04-07T22:13:13Z
2005-04-07 22:13:13 UTC
Thu, 7 Apr 2005 22:13:13 +0200
Thu Apr 7 15:14:13 2005 -0700
Thu Apr 7 15:14:13 2005
7 Apr 2005 22:13:13 +0200
Apr 7 2005
7 April 2005
april 7
Apr 7 2005 noon
7 apr 05
1112911993
1112911993 +0200`, "\n")

// TestDates compares with what git makes of dates, at several times of the year and of the day.
func TestDates(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	if err := exec.CommandContext(t.Context(), "git", "init", "-q", "--bare", dir).Run(); err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, text := range knownDates {
		args = append(args, "--since="+text)
	}
	for _, at := range []string{"2026-11-29 17:00:05", "2024-03-31 00:00:00", "2024-02-29 11:59:59", "2025-01-01 12:00:00",
		"2025-05-31 23:59:59"} {
		now, err := time.Parse(time.DateTime, at)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"rev-parse"}, args...)...)
		cmd.Env = append(os.Environ(), "TZ=UTC", fmt.Sprint("GIT_TEST_DATE_NOW=", now.Unix()), "GIT_DIR="+dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(string(out))
		for i, text := range knownDates {
			got, err := parseDate(text, now)
			if want := lines[i]; err != nil || fmt.Sprint("--max-age=", got.Unix()) != want {
				t.Errorf("parseDate(%q, %s) = %s (%d), %v, to git %s", text, at, got, got.Unix(), err, want)
			}
		}
	}
}

// TestUnknownDates holds that what is not understood as a whole is refused, also where git passes over words.
func TestUnknownDates(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, text := range []string{"", " ", "ago", "u", "upstream", "push", "-1", "hours ago", "monday", "2 fortnights ago",
		"yesterday evening", "2 hours hence", "the day before", "7.4.2005", "2.5 hours ago",
		"04/07/2005", "2005-13-07", "2005-02-30",
		"25:00", "2005-04-07 22:13:13 CET", "1112911993 CET", "1969-12-31", "2100-01-01", "99 99 99", "99 99 99 12:00",
		"13pm", "00005", "+1", "2 hours ago!", "12345678901234567890", "never", strings.Repeat("1 day ", 40),
		"60 years ago"} {
		if got, err := parseDate(text, now); !errors.Is(err, ErrSyntax) {
			t.Errorf("parseDate(%q) = %v, %v, want %v", text, got, err, ErrSyntax)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, text := range knownDates {
		f.Add(text)
	}
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseDate(text, now)
		if err == nil && (got.Year() < 1900 || got.Year() > 40000 || got.Location() != time.UTC) {
			t.Errorf("parseDate(%q) = %v", text, got)
		}
		if err != nil && !errors.Is(err, ErrSyntax) {
			t.Errorf("parseDate(%q) = %v", text, err)
		}
	})
}
