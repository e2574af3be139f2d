package patch

import (
	"fmt"

	"github.com/reposit/reposit/internal/linediff"
)

// A lineRange is printed as a hunk says it: counted from 1, or what an empty one comes behind.
type lineRange struct{ at, count int }

func (r lineRange) String() string {
	switch r.count {
	case 0:
		return fmt.Sprintf("%d,0", r.at)
	case 1:
		return fmt.Sprint(r.at + 1)
	}
	return fmt.Sprintf("%d,%d", r.at+1, r.count)
}

const maxWords = 256 << 10 // bytes of a change in which words are looked for

// words finds what changed inside of lines, given where the old and the new ones are in the text.
func (w *writer) words(old, now Span) {
	if now.End-old.Start > maxWords {
		return
	}
	table := linediff.NewTable(linediff.Exact)
	a, b := w.cut(table, old), w.cut(table, now)
	changes, err := linediff.Diff(w.ctx, a.text, b.text, &linediff.Options{NoIndent: true})
	if err != nil {
		return // whoever writes lines is told
	}
	for _, c := range changes {
		w.mark(a.starts, c.A, c.A+c.ALen, a.text)
	}
	for _, c := range changes {
		w.mark(b.starts, c.B, c.B+c.BLen, b.text)
	}
}

// A wordList is the words of some lines, and where each begins.
type wordList struct {
	text   *linediff.Text
	starts []int
}

// cut returns the words of lines in the text, without the marks that they begin with. Words are letters, digits and
// what is not ASCII, white space, and any other character by itself.
func (w *writer) cut(table *linediff.Table, in Span) wordList {
	var l wordList
	var words [][]byte
	text := w.result.Text
	for i := in.Start; i < in.End; {
		if i == in.Start || text[i-1] == '\n' {
			if text[i] == '\\' { // no newline at the end of the file
				break
			}
			i++ // the mark
			continue
		}
		n := 1
		for kind := kindOf(text[i]); kind != single && i+n < in.End && kindOf(text[i+n]) == kind; {
			n++
		}
		words, l.starts = append(words, text[i:i+n]), append(l.starts, i)
		i += n
	}
	l.text = table.Words(words)
	return l
}

// The kinds of characters.
const (
	letter = iota
	space
	single
)

func kindOf(c byte) int {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80:
		return letter
	case c == ' ' || c == '\t':
		return space
	}
	return single
}

// mark adds spans for words i to before j, as few as there can be: none goes over the end of a line, or has it.
func (w *writer) mark(starts []int, i, j int, words *linediff.Text) {
	fresh := true
	for ; i < j; i++ {
		word := words.Line(i)
		if word[0] == '\n' {
			fresh = true
			continue
		}
		end := starts[i] + len(word)
		if n := len(w.result.Words); !fresh && w.result.Words[n-1].End == starts[i] {
			w.result.Words[n-1].End = end
			continue
		}
		w.result.Words = append(w.result.Words, Span{starts[i], end})
		fresh = false
	}
}
