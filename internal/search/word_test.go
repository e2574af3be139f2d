package search

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTokenize(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{" -- !? ", ""},
		{"ruby-git", "ruby git"},
		{"go_git", "go git"},
		{"GoGit", "gogit(go git)"},
		{"HTTPServer2Go", "httpserver2go(http server2 go)"},
		{"OpenSSL", "openssl(open ssl)"},
		{"iOS", "ios(os)"},
		{"URLs and IDs", "urls and ids"},
		{"node.js v2 go1.26 sha256", "node js v2 go1 26 sha256"},
		{"don't the user's, the user’s", "dont the user the user"},
		{"C++, C#, F# and Objective-C; notepad++ a+b release#12",
			"c++ c# f# and objective c notepad++(notepad) a b release 12"},
		{"résumé RÉSUMÉ re\u0301sume\u0301", "resume resume resume"},
		{"Straße Łódź Søren Ægir", "strasse lodz soren aegir"},
		{"ﬁle ＧＩＴ ½", "file git 1 2"},
		{"σίσυφος ΣΊΣΥΦΟΣ", "σισυφοσ σισυφοσ"},
		{"数据库", "数据 据库 库"},
		{"库 git数据", "库 git 数据 据"},
		{"データベース", "デー ータ タベ ベー ース ス"},
		{"ﾃﾞｰﾀ ー ・カ・", "デー ータ タ ー カ"},
		{"データ管理tool版2", "デー ータ タ管 管理 理 tool 版 2"},
		{"ภาษา", "ภา าษ ษา า"},
		{"한국어 위키", "한국 국어 어 위키 키"},
		{"한글abc한글, \u1112\u1161\u11ab", "한글 글 abc 한글 글 한"},
		{"हिन्दी", "हिन्दी"},
		{"🚀 rocket 👩‍💻", "rocket"},
		{"a\xffb", "a b"},
		{strings.Repeat("x", 100), strings.Repeat("x", maxWord)},
		{strings.Repeat("é", 100), strings.Repeat("e", maxWord)},
		{strings.Repeat("д", 100), strings.Repeat("д", maxWord/2)},
	} {
		var got []string
		for _, tok := range tokenize(test.text) {
			s := tok.text
			if tok.parts != nil {
				s += "(" + strings.Join(tok.parts, " ") + ")"
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("tokenize(%q): -want +got:\n%s", test.text, diff)
		}
	}
}

func TestStem(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"testing", "test"}, {"tests", "test"}, {"libraries", "librari"}, {"library", "librari"}, {"go", "go"},
		{"v2", "v2"}, {"c++", "c++"}, {"данные", "данные"}, {"", ""}, {strings.Repeat("s", 41), strings.Repeat("s", 41)},
	} {
		if got := stem(test.word); got != test.want {
			t.Errorf("stem(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}

func TestStopWordsAreSorted(t *testing.T) {
	if !slices.IsSorted(stopWords) {
		t.Error("isStopWord can't find them")
	}
}

// FuzzTokenize holds that words are what keys may hold.
func FuzzTokenize(f *testing.F) {
	for _, s := range []string{"GoGit c++ don't", "数据库 데이터 ภาษา", "e\u0301\xff½İ", "ﷺ", "\u0345a\u0300\u05b0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range tokenize(text) {
			for _, word := range append(tok.parts, tok.text) {
				if word == "" || len(word) > 2*maxWord || !utf8.ValidString(word) || strings.ContainsAny(word, "\x00 ") {
					t.Fatalf("tokenize(%q) has the word %q", text, word)
				}
				if s := stem(word); s == "" || strings.Contains(s, "\x00") {
					t.Fatalf("stem(%q) = %q", word, s)
				}
			}
		}
	})
}
