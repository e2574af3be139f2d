package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// safe returns text as it may go to a terminal: what is no printable character, and what changes the direction of
// writing, stands as in a string of Go. Tabs and ends of lines stay if they are kept.
func safe(text string) string { return escape(text, false) }

func escape(text string, lines bool) string {
	odd := func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsPrint(r) && !(lines && (r == '\n' || r == '\t'))
	}
	if !strings.ContainsFunc(text, odd) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r != utf8.RuneError && !odd(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		text = text[n:]
	}
	return b.String()
}

// A styled is text with escapes of its own, which came from safe text.
type styled string

// A printer writes text for people.
type printer struct {
	w     io.Writer
	color bool
}

// line writes a line. Arguments that are or hold text are made safe; format is the command's own.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", safeArgs(args)...)
}

func safeArgs(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case styled:
			out[i] = string(a)
		case string:
			out[i] = safe(a)
		case time.Time:
			out[i] = day(a)
		case fmt.Stringer:
			out[i] = safe(a.String())
		case error:
			out[i] = safe(a.Error())
		default:
			out[i] = a
		}
	}
	return out
}

// day is a time as lists show it; "" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04")
}

// text writes many lines, as they are but for what a terminal would take for commands.
func (p *printer) text(text string) {
	_, _ = io.WriteString(p.w, escape(text, true))
}

// table writes rows in columns.
func (p *printer) table(fn func(row func(cells ...any))) {
	t := tabwriter.NewWriter(p.w, 0, 8, 2, ' ', 0)
	fn(func(cells ...any) {
		cells = safeArgs(cells)
		for i, c := range cells {
			if i > 0 {
				_, _ = io.WriteString(t, "\t")
			}
			fmt.Fprint(t, c)
		}
		_, _ = io.WriteString(t, "\n")
	})
	_ = t.Flush()
}

// The colours, as git's.
const (
	yellow = "33"
	red    = "31"
	green  = "32"
	cyan   = "36"
	bold   = "1"
)

func (p *printer) paint(code, text string) styled {
	if !p.color {
		return styled(safe(text))
	}
	return styled("\x1b[" + code + "m" + safe(text) + "\x1b[m")
}

// printer returns where text for people goes: through the pager, if the verb may be long and out is a terminal.
func (a *app) printer(long bool) *printer {
	if long && a.pager == nil && a.outTerminal && !a.noPager {
		a.pager = startPager(a.getenv, a.out)
	}
	w := a.out
	if a.pager != nil {
		w = a.pager
	}
	return &printer{w: w, color: a.color}
}

// answer prints v as JSON, or by fn for people.
func (a *app) answer(v any, fn func(p *printer)) error {
	if a.json {
		return a.printJSON(v)
	}
	fn(a.printer(false))
	return nil
}

// printJSON writes v in one line, in characters that no terminal takes for commands.
func (a *app) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	var out strings.Builder
	for _, r := range b.String() {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	_, err := io.WriteString(a.out, out.String())
	return err
}

// errPagerClosed says that nobody reads any more.
var errPagerClosed = errors.New("the pager has ended")

// A pager shows what is long, a page at a time.
type pager struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// startPager starts what GIT_PAGER or PAGER say, less by default, as git does. It returns nil if there is none.
func startPager(getenv func(string) string, out io.Writer) *pager {
	name := getenv("GIT_PAGER")
	if name == "" {
		name = getenv("PAGER")
	}
	if name == "" {
		name = "less"
	}
	if name == "cat" {
		return nil
	}
	cmd := exec.Command("sh", "-c", name)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	cmd.Env = append(os.Environ(), "LESS=FRX", "LV=-c")
	in, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	return &pager{cmd: cmd, in: in}
}

func (p *pager) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil {
		err = errPagerClosed
	}
	return n, err
}

func (p *pager) close() error {
	_ = p.in.Close()
	_ = p.cmd.Wait() // Its own way of ending says nothing of what was asked for.
	return nil
}
