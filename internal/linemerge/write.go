package linemerge

import (
	"bytes"

	"github.com/reposit/reposit/internal/linediff"
)

// write returns the merged text. Size is about how many bytes it takes.
func (m *merge) write(size int) Result {
	w := writer{merge: m, out: make([]byte, 0, size)}
	at := 0 // the line of ours up to which there is nothing left to write
	for i := range m.hunks {
		h := &m.hunks[i]
		if h.by == alike { // as it is in ours
			continue
		}
		if h.by == conflict {
			h.by = favored[m.opts.Favor]
		}
		w.copy(m.ours, span{at, h.ours.at})
		at = h.ours.end
		switch h.by {
		case conflict:
			w.conflict(h)
		case byBoth:
			w.lines(m.ours, h.ours, w.lineEnd(h))
			w.copy(m.theirs, h.theirs)
		case byUs:
			w.copy(m.ours, h.ours)
		default:
			w.copy(m.theirs, h.theirs)
		}
	}
	w.copy(m.ours, span{at, m.ours.Len()})
	return Result{w.out, w.conflicts}
}

var favored = map[Favor]side{None: conflict, Ours: byUs, Theirs: byThem, Union: byBoth}

// A writer writes a merged text.
type writer struct {
	*merge
	out       []byte
	conflicts int
}

func (w *writer) copy(t *linediff.Text, s span) { w.out = append(w.out, t.Lines(s.at, s.end)...) }

// lines copies lines after which others follow, so that the last one must end.
func (w *writer) lines(t *linediff.Text, s span, end string) {
	w.copy(t, s)
	if s.len() > 0 && !bytes.HasSuffix(w.out, newline) {
		w.out = append(w.out, end...)
	}
}

var newline = []byte("\n")

func (w *writer) conflict(h *hunk) {
	w.conflicts++
	end := w.lineEnd(h)
	w.marker('<', w.opts.Ours, end)
	w.lines(w.ours, h.ours, end)
	if w.opts.Style != Merge {
		w.marker('|', w.opts.Base, end)
		w.lines(w.base, h.base, end)
	}
	w.marker('=', "", end)
	w.lines(w.theirs, h.theirs, end)
	w.marker('>', w.opts.Theirs, end)
}

func (w *writer) marker(c byte, label, end string) {
	n := w.opts.MarkerSize
	if n <= 0 {
		n = MarkerSize
	}
	w.out = append(w.out, bytes.Repeat([]byte{c}, n)...)
	if label != "" {
		w.out = append(append(w.out, ' '), label...)
	}
	w.out = append(w.out, end...)
}

// lineEnd returns how lines end that are added in a hunk: with a carriage return if the first line of the base does,
// and on neither side the line before the hunk lacks it.
func (w *writer) lineEnd(h *hunk) string {
	if ending(w.ours, max(h.ours.at-1, 0)) == "\n" || ending(w.theirs, max(h.theirs.at-1, 0)) == "\n" ||
		ending(w.base, 0) != "\r\n" {
		return "\n"
	}
	return "\r\n"
}

// ending returns how a line ends, the line before it if that does not, and "" if that can't be known.
func ending(t *linediff.Text, i int) string {
	if t.Len() == 0 {
		return ""
	}
	line := t.Line(i)
	if !bytes.HasSuffix(line, newline) {
		if i == 0 {
			return ""
		}
		line = t.Line(i - 1)
	}
	if bytes.HasSuffix(line, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
