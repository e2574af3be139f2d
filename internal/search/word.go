package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"github.com/kljensen/snowball/english"
	"golang.org/x/text/unicode/norm"
)

// maxWord bounds words in bytes. Longer ones are cut, in texts and in queries alike.
const maxWord = 64

// A token is a word of a text, as it is searched for.
type token struct {
	text  string   // folded: without case, accents and other variants of the same letter
	parts []string // of a compound like "GoGit": "go" and "git"
	tail  bool     // the last character of a run of bigrams, which the bigram before it holds too
	whole bool     // the only character of such a run
}

// tokenize splits a text into words by the rules of Unicode (UAX #29), and at "_", "." and ":" too. Compounds
// in camel case come with their parts. Scripts that put no spaces between words, and Korean, which writes compounds and
// particles together, are split into overlapping pairs of characters. "c++" and "c#" are words.
func tokenize(text string) []token {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, " ")
	}
	if !norm.NFKC.IsNormalString(text) {
		text = norm.NFKC.String(text)
	}
	var tokens []token
	var run []string // characters that follow each other without a space
	end := 0         // of the run
	flush := func() {
		tokens = appendRun(tokens, run)
		run = run[:0]
	}
	for segments := words.FromString(text); segments.Next(); {
		segment, at := segments.Value(), segments.Start()
		for segment != "" {
			n, dense := stretch(segment, at == end && len(run) > 0)
			piece := segment[:n]
			segment = segment[n:]
			switch {
			case dense:
				if at != end {
					flush()
				}
				run, end = append(run, fold(piece)), at+n
			case piece == " " || piece == "-": // which most of what is no word is
				flush()
			default:
				flush()
				for word := range strings.FieldsFuncSeq(piece, isSeparator) {
					tokens = appendPiece(tokens, word, text[at+n:])
				}
			}
			at += n
		}
	}
	flush()
	return tokens
}

// unspaced are the scripts that put no spaces between all words. UAX #29 leaves them as single characters, but for
// Katakana and Hangul.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer,
	unicode.Myanmar,
}

// stretch returns how many bytes of a text, which is not empty, are one character of these scripts, with its marks, or
// how many come before the next such character. inRun says that it follows one: then the sign that makes a vowel long
// is one, too.
func stretch(text string, inRun bool) (n int, dense bool) {
	for i, r := range text {
		is := r >= utf8.RuneSelf && (unicode.In(r, unspaced...) || inRun && r == 'ー')
		switch {
		case i == 0:
			dense = is
		case dense && !unicode.IsMark(r) && r != '\u200d', !dense && is:
			return i, dense
		}
		inRun = false
	}
	return len(text), dense
}

// isSeparator reports whether r parts words. An apostrophe does not.
func isSeparator(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && !isApostrophe(r)
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

// appendRun appends the tokens of a run of characters: each with the one that follows it, and the last alone.
func appendRun(tokens []token, run []string) []token {
	for i, c := range run {
		if i+1 < len(run) {
			tokens = append(tokens, token{text: c + run[i+1]})
		} else if c != "" {
			tokens = append(tokens, token{text: c, tail: i > 0, whole: i == 0})
		}
	}
	return tokens
}

// appendPiece appends the token of a piece of text that holds no separator. What follows it in the text may be the
// rest of the name of a programming language.
func appendPiece(tokens []token, piece, following string) []token {
	piece = strings.TrimSuffix(strings.TrimSuffix(piece, "'s"), "’s")
	t := token{text: fold(piece)}
	if t.text == "" {
		return tokens
	}
	if suffix := languageSuffix(piece, following); suffix != "" {
		if len(t.text) > 1 {
			t.parts = []string{t.text}
		}
		t.text += suffix
		return append(tokens, t)
	}
	if parts := splitCase(piece); len(parts) > 1 {
		for _, p := range parts {
			if p = fold(p); utf8.RuneCountInString(p) > 1 {
				t.parts = append(t.parts, p)
			}
		}
	}
	return append(tokens, t)
}

// languageSuffix returns the "++" or "#" that follows a word and belongs to it.
func languageSuffix(word, following string) string {
	for _, suffix := range [...]string{"++", "#"} {
		rest, found := strings.CutPrefix(following, suffix)
		next, _ := utf8.DecodeRuneInString(rest)
		if found && isASCIILetters(word) && (rest == "" || isSeparator(next)) {
			return suffix
		}
	}
	return ""
}

func isASCIILetters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// splitCase splits where a small letter or digit is followed by a capital, and before the last capital of several if
// a small letter follows, unless that is a plural's: "GoGit", "HTTPServer", "URLs".
func splitCase(word string) []string {
	if strings.IndexFunc(word[1:], unicode.IsUpper) < 0 {
		return nil
	}
	var parts []string
	runes := []rune(word)
	from := 0
	for i := 1; i < len(runes); i++ {
		if !unicode.IsUpper(runes[i]) {
			continue
		}
		rest := runes[i+1:]
		ends := unicode.IsUpper(runes[i-1]) && len(rest) > 0 && unicode.IsLower(rest[0]) && string(rest) != "s"
		if !unicode.IsUpper(runes[i-1]) || ends {
			parts = append(parts, string(runes[from:i]))
			from = i
		}
	}
	return append(parts, string(runes[from:]))
}

// fold returns a word without case, accents and apostrophes, cut to maxWord.
func fold(word string) string {
	if !isASCII(word) {
		word = foldLetters(word)
	}
	word = strings.ToLower(word)
	if strings.Contains(word, "'") {
		word = strings.ReplaceAll(word, "'", "")
	}
	if len(word) > maxWord {
		cut := maxWord
		for !utf8.RuneStart(word[cut]) {
			cut--
		}
		word = word[:cut]
	}
	return word
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldLetters takes the accents off letters, and replaces those that Unicode does not take apart.
func foldLetters(word string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(word) {
		r = unicode.ToLower(r)
		switch {
		case '\u0300' <= r && r <= '\u036f' || isSeparator(r) || r == '’':
		case base[r] != "":
			b.WriteString(base[r])
		default:
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// base are letters that people write in other ways where their keyboard does not have them.
var base = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ħ': "h", 'ı': "i", 'ς': "σ",
}

// stem returns what the forms of an English word have in common, by the Porter2 algorithm, which leaves other words
// mostly alone. Words that are not all letters are their own stems.
func stem(word string) string {
	if len(word) < 3 || len(word) > 40 || !isASCIILetters(word) ||
		strings.IndexByte("abfhjkopquvwxz", word[len(word)-1]) >= 0 {
		return word // the last are letters in which no ending ends that the algorithm knows
	}
	if s := english.Stem(word, true); s != "" {
		return s
	}
	return word
}

// isStopWord reports whether a word is so common in English that it says nothing about a text.
func isStopWord(word string) bool {
	_, found := slices.BinarySearch(stopWords, word)
	return found
}

var stopWords = strings.Fields("a an and are as at be but by for if in into is it no not of on or such that the their then " +
	"there these they this to was will with")
