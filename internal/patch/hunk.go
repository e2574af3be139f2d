package patch

import (
	"bytes"

	"github.com/reposit/reposit/internal/linediff"
)

type texts struct{ a, b *linediff.Text }

// hunks writes all changes, in hunks of those whose context touches or overlaps.
func (w *writer) hunks(t texts, changes []linediff.Change) error {
	around := w.opts.Context
	section := section{text: t.a, looked: -1}
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].A-(changes[n-1].A+changes[n-1].ALen) <= 2*around {
			n++
		}
		w.hunk(t, changes[:n], &section)
		changes = changes[n:]
		if err := w.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) hunk(t texts, changes []linediff.Change, s *section) {
	first, last := changes[0], changes[len(changes)-1]
	before := min(w.opts.Context, first.A, first.B)
	endA, endB := last.A+last.ALen, last.B+last.BLen
	behind := min(w.opts.Context, t.a.Len()-endA, t.b.Len()-endB)
	from := linediff.Change{A: first.A - before, B: first.B - before}
	from.ALen, from.BLen = endA+behind-from.A, endB+behind-from.B
	w.head(from, s.name(from.A))
	// Of lines that are the same but for white space, git shows the second text's.
	at := from.B
	for _, c := range changes {
		w.lines(' ', t.b, at, c.B)
		old := w.lines('-', t.a, c.A, c.A+c.ALen)
		now := w.lines('+', t.b, c.B, c.B+c.BLen)
		if w.opts.Words && c.ALen > 0 && c.BLen > 0 {
			w.words(old, now)
		}
		at = c.B + c.BLen
	}
	w.lines(' ', t.b, at, endB+behind)
}

const maxHead = 127 // bytes, the newline left out

// head writes the line that a hunk begins with.
func (w *writer) head(c linediff.Change, name []byte) {
	start := len(w.result.Text)
	w.print("@@ -%s +%s @@", lineRange{c.A, c.ALen}, lineRange{c.B, c.BLen})
	if len(name) > 0 {
		room := maxHead - (len(w.result.Text) - start) - 1
		w.print(" %s", name[:max(min(len(name), room), 0)])
	}
	w.print("\n")
}

// lines writes lines behind a mark each, and returns where they are.
func (w *writer) lines(mark byte, t *linediff.Text, from, to int) Span {
	out := w.result.Text
	start := len(out)
	for i := from; i < to; i++ {
		line := t.Line(i)
		out = append(append(out, mark), line...)
		if line[len(line)-1] != '\n' {
			out = append(out, "\n\\ No newline at end of file\n"...)
		}
	}
	w.result.Text = out
	return Span{start, len(out)}
}

// A section finds the last line before a hunk that looks like the beginning of a function, by git's default rule.
type section struct {
	text   *linediff.Text
	looked int // up to this line
	last   []byte
}

const maxName = 80

// name returns that line, as far as it is shown, or nothing. It must be called with ascending lines.
func (s *section) name(line int) []byte {
	for i := line - 1; i > s.looked; i-- {
		text := s.text.Line(i)
		c := text[0]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' {
			s.last = bytes.TrimRight(text[:min(len(text), maxName)], " \t\r\n")
			break
		}
	}
	s.looked = line - 1
	return s.last
}
