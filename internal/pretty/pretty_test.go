package pretty_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/pretty"
	"github.com/reposit/reposit/storage"
)

const sample = "tree 0123456789abcdef0123456789abcdef01234567\nparent fedcba9876543210fedcba9876543210fedcba98\n" +
	"author A U Thor <a.thor@example.com> 1600000000 +0130\ncommitter C <c@example.com> 1600003600 -0500\n\n" +
	"A subject: (of) two..lines\nthat goes on\n\nThe body.\n"

func TestAppend(t *testing.T) {
	c := pretty.ParseCommit(storage.Hash{0xab}, []byte(sample))
	repo := &pretty.Repository{
		Abbrev:   func(h storage.Hash) string { return h.String()[:9] },
		Refs:     func() []string { return []string{"HEAD -> main", "tag: v1"} },
		Describe: func(options []string) string { return "v1-2" + strings.Join(options, "") + "\n" },
		Mailmap:  func(name, mail string) (string, string) { return name + "!", "mapped@example.com" },
		Notes:    func() string { return "a note" },
		Now:      time.Unix(1600000000+7200, 0),
	}
	for format, want := range map[string]string{
		"%h %t %p":           "ab0000000 012345678 fedcba987",
		"%an %aN %ae %aE":    "A U Thor A U Thor! a.thor@example.com mapped@example.com",
		"%al %aI %as":        "a.thor 2020-09-13T13:56:40+01:30 2020-09-13",
		"%cd|%ar":            "Sun Sep 13 08:26:40 2020 -0500|2 hours ago",
		"%s|%f|%b":           "A subject: (of) two..lines that goes on|A-subject-of-two.lines|The body.\n",
		"%d%D":               " (HEAD -> main, tag: v1)HEAD -> main, tag: v1",
		"%(describe:tags)":   "v1-2--tags",
		"%<(6)%al|%>(8)%al|": "a.thor|  a.thor|",
		"%<(5,trunc)%al|":    "a.t..|",
		"%w(10,1,2)%s":       " A\n  subject:\n  (of)\n  two..lines\n  that\n  goes on",
		"a%% %x41%n%q%":      "a% A\n%q%",
		"%N%+N":              "a note\na note",
		"%+e%-e% e|%+cn":     "|\nC",
	} {
		if got, ok := pretty.New(c, repo).Append([]byte("> "), format, 1000); !ok || string(got) != "> "+want {
			t.Errorf("Append(%q) = %q, %v, want %q", format, got, ok, "> "+want)
		}
	}
	if got := c.Time(); got != 1600003600 {
		t.Errorf("Time() = %d, want 1600003600", got)
	}
}

// TestNothingAnswers holds what is said of a commit of a repository of which nothing is known.
func TestNothingAnswers(t *testing.T) {
	x := pretty.New(pretty.ParseCommit(storage.Hash{0xab}, []byte(sample)), &pretty.Repository{})
	const want = "ab00000|A U Thor||||%N|0 seconds ago"
	if got, ok := x.Append(nil, "%h|%aN|%d|%D|%(describe)|%N|%cr", 100); !ok || string(got) != want {
		t.Errorf("Append() = %q, %v, want %q", got, ok, want)
	}
	x = pretty.New(pretty.ParseCommit(storage.Hash{}, nil), &pretty.Repository{})
	if got, ok := x.Append(nil, "%T%P%an%ad%at%cr%e%B%s%f%b", 100); !ok || len(got) != 0 {
		t.Errorf("Append() of an empty commit = %q, %v, want nothing", got, ok)
	}
}

func TestBounds(t *testing.T) {
	x := pretty.New(pretty.ParseCommit(storage.Hash{0xab}, []byte(sample)), &pretty.Repository{})
	if got, ok := x.Append([]byte("x  "), "%>>(1)%H", 10); ok || string(got) != "x  " {
		t.Errorf("Append() beyond the limit = %q, %v, want %q and false", got, ok, "x  ")
	}
	x.Describes = 1
	if got, ok := x.Append(nil, "[%(describe)%(describe)]", 100); !ok || string(got) != "[%(describe)]" {
		t.Errorf("Append() = %q, %v, want the second %%(describe) as it stands", got, ok)
	}
	x.Work = 100
	line := bytes.Repeat([]byte("x"), 200)
	if got, ok := x.Append(line, "%<|(5)%h", 100); ok || !bytes.Equal(got, line) {
		t.Errorf("Append() beyond Work = %q, %v, want what was there, and false", got, ok)
	}
}

// FuzzAppend holds that a format keeps within its limit, leaves what was there if it does not, gives the same again,
// and is itself if all of it is quoted; whatever the commit.
func FuzzAppend(f *testing.F) {
	f.Add(sample, "x  ", "%H%>>(5)%an%w(5,2,1)%b%<|(20,mtrunc)%s%C(always,red bold)", 500)
	f.Add("tree x\nauthor A <a@b> 1 +9999\ncommitter C <c> 2 -0100\nencoding l1\n\ns\xe9\n", "\n\n", "%-d%+s% b%ad%cD", 20)
	f.Add("author A <a> 99999999999999999999 +0\n\n\n\n", "", "%(describe:abbrev=7,tags=no)%x00%ar%ah%f", 100)
	f.Fuzz(func(t *testing.T, commit, before, format string, limit int) {
		if limit < 0 || limit > 1<<20 || len(format) > 1000 || len(commit) > 10_000 {
			return
		}
		c := pretty.ParseCommit(storage.Hash{1}, []byte(commit))
		expand := func(format string) (string, bool) {
			x := pretty.New(c, &pretty.Repository{Refs: func() []string { return []string{"tag: v1"} }})
			got, ok := x.Append([]byte(before), format, limit)
			return string(got), ok
		}
		got, ok := expand(format)
		if ok && len(got) > len(before)+limit || !ok && got != before {
			t.Errorf("Append(%q, %q, %d) = %q, %v: beyond its limit, or not as it was", before, format, limit, got, ok)
		}
		if again, same := expand(format); again != got || same != ok {
			t.Errorf("Append(%q, %q, %d) = %q, %v, then %q, %v", before, format, limit, got, ok, again, same)
		}
		text, _, _ := strings.Cut(format, "\x00")
		if got, ok := expand(strings.ReplaceAll(text, "%", "%%")); ok != (len(text) <= limit) || ok && got != before+text {
			t.Errorf("Append(%q, %q, %d) with its %% quoted = %q, %v", before, text, limit, got, ok)
		}
	})
}
