package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pktline"
)

// A Sink is a repository that is pushed to, by the one who pushes.
type Sink interface {
	// Refs returns the refs that are shown.
	Refs(ctx context.Context) (*Refs, error)

	// Refuse returns why a ref is not taken, whatever it shall become.
	Refuse(name string) error

	// Receive reads a pack, and no more, and checks it. Nothing of it is kept unless Update has a use for it. Shallow says
	// that the client has no whole history.
	Receive(ctx context.Context, src io.Reader, shallow bool) error

	// Update makes the changes, or all that are not refused unless atomic, and returns why each of them was refused. Its
	// error is about what kept it from trying.
	Update(ctx context.Context, changes []Command, atomic bool) (refused []error, err error)

	// Text returns what a client is told of an error.
	Text(err error) string
}

// A Command says what shall happen to a ref: the zero hash is nothing.
type Command struct {
	Name     string
	Old, New git.Hash
}

// A receive serves one client that pushes.
type receive struct {
	conn
	sink     Sink
	opts     *Options
	commands []Command
	refused  []error // by command
	shallow  bool
	report   bool
	atomic   bool
	options  bool
	band     int
}

// What other commands are told when a push is refused.
var (
	errAtomic   = fault.New(fault.Conflict, "atomic push failed: another ref was refused")
	errTwice    = fault.New(fault.Invalid, "the ref is pushed to more than once")
	errUnpacker = fault.New(fault.Invalid, "unpacker error")
	errNothing  = fault.New(fault.Invalid, "it was nothing, and becomes nothing")
)

// Receive serves one client that pushes. An error of what is pushed as a whole is told to it, and returned. Refs that
// are refused are told, too, and are no error.
func Receive(ctx context.Context, rw io.ReadWriter, sink Sink, opts *Options) error {
	s := NewStream(ctx, rw)
	defer s.Close()
	r := &receive{conn: conn{ctx: ctx, in: pktline.NewReader(s), out: pktline.NewWriter(s)}, sink: sink, opts: opts}
	told, err := r.run()
	if err == nil {
		return r.out.Send()
	}
	if told {
		return errors.Join(err, ignoreClosed(r.out.Send()))
	}
	return r.tell(err, "receive-pack: "+oneLine(sink.Text(err)))
}

// run reports whether the client was told of its error.
func (r *receive) run() (told bool, err error) {
	if r.opts.Advertise || !r.opts.Stateless {
		if err := r.advertise(); err != nil || r.opts.Advertise {
			return false, err
		}
	}
	if err := r.read(); err != nil || len(r.commands) == 0 {
		return false, err
	}
	if r.options {
		if err := r.readOptions(); err != nil {
			return false, err
		}
	}
	r.banded = r.band
	r.judge()
	brings := slices.ContainsFunc(r.commands, func(c Command) bool { return !c.New.IsZero() })
	if brings {
		if err := r.sink.Receive(r.ctx, r.in.Rest(), r.shallow); err != nil {
			if r.ctx.Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
			for i := range r.refused {
				if r.refused[i] == nil {
					r.refused[i] = errUnpacker
				}
			}
			r.tellReport(oneLine(r.sink.Text(err)))
			return r.report, err
		}
	}
	err = r.update()
	if err != nil && !r.report {
		return false, err
	}
	r.tellReport("ok")
	return true, err
}

// advertise says which refs there are.
func (r *receive) advertise() error {
	refs, err := r.sink.Refs(r.ctx)
	if err != nil {
		return err
	}
	const caps = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta push-options " + format +
		" " + agent
	if r.opts.Version == 1 {
		r.out.Printf("version 1\n")
	}
	if len(refs.Refs) == 0 {
		r.out.Printf("%s capabilities^{}\x00%s\n", git.Hash{}, caps)
	}
	for i, found := range refs.Refs {
		after := ""
		if i == 0 {
			after = "\x00" + caps
		}
		r.out.Printf("%s %s%s\n", found.Hash, found.Name, after)
	}
	for h := range refs.Shallow {
		r.out.Printf("shallow %s\n", h)
	}
	r.out.Flush()
	return r.out.Send()
}

// read reads the commands. A client that has none may leave.
func (r *receive) read() error {
	for lines := 0; ; lines++ {
		k, b, err := r.in.Next()
		switch {
		case errors.Is(err, io.EOF) && lines == 0:
			return nil
		case err != nil:
			return cutShort(err)
		case k == pktline.Flush:
			return nil
		case k != pktline.Data:
			return malformed("a push has a line without content")
		case lines > maxCommands+maxShallows:
			return tooMany("lines", maxCommands+maxShallows)
		}
		line, caps, _ := bytes.Cut(bytes.TrimSuffix(b, []byte{'\n'}), []byte{0})
		if digits, ok := strings.CutPrefix(string(line), "shallow "); ok {
			if _, err := parseHash(digits); err != nil {
				return err
			}
			r.shallow = true
			continue
		}
		c, err := parseCommand(string(line))
		if err != nil {
			return err
		}
		if len(r.commands) == 0 {
			if err := r.capabilities(string(caps)); err != nil {
				return err
			}
		}
		if len(r.commands) == maxCommands {
			return tooMany("refs", maxCommands)
		}
		r.commands = append(r.commands, c)
	}
}

// parseCommand reads "old new name".
func parseCommand(line string) (c Command, err error) {
	before, rest, _ := strings.Cut(line, " ")
	after, name, ok := strings.Cut(rest, " ")
	if !ok || name == "" {
		return c, malformed("a push has the line %.80q", line)
	}
	if c.Old, err = parseHash(before); err == nil {
		c.New, err = parseHash(after)
	}
	c.Name = name
	return c, err
}

func (r *receive) capabilities(caps string) error {
	for c := range strings.FieldsSeq(caps) {
		switch c {
		case "report-status", "report-status-v2":
			r.report = true
		case "side-band-64k":
			r.band = pktline.Wide
		case "atomic":
			r.atomic = true
		case "push-options":
			r.options = true
		default:
			if f, ok := strings.CutPrefix(c, "object-format="); ok && f != "sha1" {
				return malformed("hashes of %.40q", f)
			}
		}
	}
	return nil
}

// readOptions reads the options of a push, of which none means anything here.
func (r *receive) readOptions() error {
	for n := 0; ; n++ {
		k, _, err := r.in.Next()
		switch {
		case err != nil:
			return cutShort(err)
		case k == pktline.Flush:
			return nil
		case k != pktline.Data:
			return malformed("a push has a line without content among its options")
		case n == maxOptions:
			return tooMany("options", maxOptions)
		}
	}
}

// judge refuses what is refused whatever is pushed.
func (r *receive) judge() {
	r.refused = make([]error, len(r.commands))
	seen := map[string]int{}
	for i, c := range r.commands {
		first, again := seen[c.Name]
		switch {
		case again:
			r.refused[first], r.refused[i] = errTwice, errTwice
		case c.Old.IsZero() && c.New.IsZero():
			r.refused[i] = errNothing
		default:
			r.refused[i] = r.sink.Refuse(c.Name)
		}
		if !again {
			seen[c.Name] = i
		}
	}
}

// update makes the changes that are not refused yet.
func (r *receive) update() error {
	var left []Command
	var places []int
	for i, c := range r.commands {
		if r.refused[i] == nil {
			left, places = append(left, c), append(places, i)
		}
	}
	if r.atomic && len(left) < len(r.commands) {
		for _, i := range places {
			r.refused[i] = errAtomic
		}
		return nil
	}
	if len(left) == 0 {
		return nil
	}
	refused, err := r.sink.Update(r.ctx, left, r.atomic)
	for n, i := range places {
		switch {
		case err != nil:
			r.refused[i] = err
		case refused[n] != nil:
			r.refused[i] = refused[n]
		}
	}
	if err == nil && r.atomic && slices.ContainsFunc(refused, func(err error) bool { return err != nil }) {
		for i := range r.refused {
			if r.refused[i] == nil {
				r.refused[i] = errAtomic
			}
		}
	}
	return err
}

// tellReport says what became of the push (gitprotocol-pack, "Report Status").
func (r *receive) tellReport(unpacked string) {
	if !r.report {
		return
	}
	var b bytes.Buffer
	w := pktline.NewWriter(&b)
	w.Printf("unpack %s\n", unpacked)
	for i, c := range r.commands {
		if err := r.refused[i]; err != nil {
			w.Printf("ng %s %s\n", c.Name, oneLine(r.sink.Text(err)))
		} else {
			w.Printf("ok %s\n", c.Name)
		}
	}
	w.Flush()
	_ = w.Send() // to memory
	if r.band == 0 {
		r.out.Raw(b.Bytes())
		return
	}
	_, _ = (&pktline.Banded{W: r.out, Band: pktline.Content, Size: r.band}).Write(b.Bytes()) // told by Send
	r.out.Flush()
}
