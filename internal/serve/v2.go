package serve

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pktline"
	"github.com/reposit/reposit/internal/ref"
)

// An upload serves one client that fetches.
type upload struct {
	conn
	src  Source
	opts *Options
	refs *Refs
}

// Upload serves one client that fetches, clones or lists refs, until it has enough. An error is told to the client, as
// far as that can be, and returned. A client that goes away between requests is no error.
func Upload(ctx context.Context, rw io.ReadWriter, src Source, opts *Options) error {
	s := NewStream(ctx, rw)
	defer s.Close()
	u := &upload{conn: conn{ctx: ctx, in: pktline.NewReader(s), out: pktline.NewWriter(s)}, src: src, opts: opts}
	var err error
	if opts.Version == 2 {
		err = u.version2()
	} else {
		err = u.version0()
	}
	if err != nil {
		return u.tell(err, "upload-pack: "+oneLine(src.Text(err)))
	}
	return u.out.Send()
}

// version2 speaks gitprotocol-v2.
func (u *upload) version2() error {
	if u.opts.Advertise || !u.opts.Stateless {
		if err := u.src.Ask(); err != nil {
			return err
		}
		for _, line := range [...]string{"version 2", agent, "ls-refs=unborn",
			"fetch=shallow wait-for-done filter ref-in-want", "server-option", format, "object-info"} {
			u.out.Printf("%s\n", line)
		}
		u.out.Flush()
		if err := u.out.Send(); err != nil || u.opts.Advertise {
			return err
		}
	}
	for {
		if more, err := u.command(); err != nil || !more || u.opts.Stateless {
			return err
		}
	}
}

// command serves one command, and reports whether there may be another.
func (u *upload) command() (more bool, err error) {
	k, line, err := u.in.Text()
	if errors.Is(err, io.EOF) || err == nil && k == pktline.Flush {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	name, ok := strings.CutPrefix(line, "command=")
	if k != pktline.Data || !ok {
		return false, malformed("a request begins with %.80q", line)
	}
	lines := 0
	for k == pktline.Data {
		if k, line, err = u.in.Text(); err != nil {
			return false, cutShort(err)
		}
		if lines++; lines > maxLines {
			return false, tooMany("capabilities", maxLines)
		}
		if f, ok := strings.CutPrefix(line, "object-format="); ok && f != "sha1" {
			return false, malformed("hashes of %.40q", f)
		}
	}
	if k == pktline.End {
		return false, malformed("a request has no end")
	}
	empty := k == pktline.Flush
	if u.refs, err = u.src.Refs(u.ctx); err != nil {
		return false, err
	}
	switch name {
	case "ls-refs":
		err = u.lsRefs(empty)
	case "fetch":
		err = u.fetch(empty)
	case "object-info":
		err = u.objectInfo(empty)
	default:
		err = malformed("command %.80q", name)
	}
	if err == nil {
		err = u.out.Send()
	}
	return err == nil, err
}

// arguments calls fn with each argument of a command.
func (u *upload) arguments(empty bool, fn func(line string) error) error {
	for n := 0; !empty; n++ {
		k, line, err := u.in.Text()
		switch {
		case err != nil:
			return cutShort(err)
		case k == pktline.Flush:
			return nil
		case k != pktline.Data:
			return malformed("an argument is none")
		case n > maxLines:
			return tooMany("arguments", maxLines)
		}
		if err := fn(line); err != nil {
			return err
		}
	}
	return nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// lsRefs lists refs (gitprotocol-v2, "ls-refs").
func (u *upload) lsRefs(empty bool) error {
	var prefixes []string
	var peel, symrefs, unborn bool
	err := u.arguments(empty, func(line string) error {
		prefix, ok := strings.CutPrefix(line, "ref-prefix ")
		switch {
		case ok && len(prefixes) == maxPrefixes:
			return tooMany("prefixes of refs", maxPrefixes)
		case ok:
			prefixes = append(prefixes, prefix)
		case line == "peel":
			peel = true
		case line == "symrefs":
			symrefs = true
		case line == "unborn":
			unborn = true
		default:
			return malformed("argument %.80q of ls-refs", line)
		}
		return nil
	})
	if err != nil {
		return err
	}
	asked := askedFor(prefixes)
	if _, born := u.refs.head(); !born && unborn && symrefs && u.refs.Head != "" && asked(ref.Head) {
		u.out.Printf("unborn HEAD symref-target:%s\n", u.refs.Head)
	}
	for i, r := range u.refs.all() {
		if i%1024 == 0 && u.ctx.Err() != nil {
			return u.ctx.Err()
		}
		if !asked(r.Name) {
			continue
		}
		line := r.Hash.String() + " " + r.Name
		if symrefs && r.Target != "" {
			line += " symref-target:" + r.Target
		}
		if peel {
			peeled, is, err := u.refs.peel(u.ctx, r.Hash)
			if err != nil {
				return err
			}
			if is {
				line += " peeled:" + peeled.String()
			}
		}
		u.out.Printf("%s\n", line)
	}
	u.out.Flush()
	return nil
}

// askedFor returns what reports whether a name begins with one of prefixes. No prefixes ask for all.
func askedFor(prefixes []string) func(name string) bool {
	if len(prefixes) == 0 {
		return func(string) bool { return true }
	}
	slices.Sort(prefixes)
	// One that begins with another adds nothing.
	kept := prefixes[:1]
	for _, p := range prefixes[1:] {
		if !strings.HasPrefix(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return func(name string) bool {
		i, exact := slices.BinarySearch(kept, name)
		return exact || i > 0 && strings.HasPrefix(name, kept[i-1])
	}
}

// objectInfo tells the sizes of objects (gitprotocol-v2, "object-info").
func (u *upload) objectInfo(empty bool) error {
	var objects list
	size := false
	err := u.arguments(empty, func(line string) error {
		digits, ok := strings.CutPrefix(line, "oid ")
		if !ok {
			if line != "size" {
				return malformed("argument %.80q of object-info", line)
			}
			size = true
			return nil
		}
		h, err := parseHash(digits)
		if err == nil && objects.add(h) && len(objects.hashes) > maxWants {
			err = tooMany("objects", maxWants)
		}
		return err
	})
	if err != nil || !size {
		u.out.Flush()
		return err
	}
	has, err := u.src.Has(u.ctx, objects.hashes)
	if err != nil {
		return err
	}
	u.out.Printf("size\n")
	for i, h := range objects.hashes {
		if !has[i] {
			u.out.Printf("%s \n", h) // as git says it of an object that is missing
			continue
		}
		_, n, err := u.refs.Objects.Stat(u.ctx, h)
		if err != nil {
			return err
		}
		u.out.Printf("%s %d\n", h, n)
	}
	u.out.Flush()
	return nil
}

// fetch sends what a client lacks (gitprotocol-v2, "fetch").
func (u *upload) fetch(empty bool) error {
	q := &request{band: pktline.Wide}
	err := u.arguments(empty, func(line string) error {
		if known, err := q.argument(line); known || err != nil {
			return err
		}
		return q.argument2(line)
	})
	if err != nil {
		return err
	}
	wanted, err := u.wantedRefs(q)
	if err != nil {
		return err
	}
	if err := u.checkWants(q); err != nil {
		return err
	}
	if len(q.wants.hashes) == 0 {
		return nil // as git takes it: nothing is wanted, and nothing said
	}
	if err := u.keepShallow(q); err != nil {
		return err
	}
	if err := u.met(q, q.haves.hashes); err != nil {
		return err
	}
	if len(q.haves.hashes) > 0 && !q.done {
		ready, err := u.acknowledge(q)
		if err != nil || !ready {
			return err
		}
	}
	if q.deepens() || len(q.shallow.hashes) > 0 || len(u.refs.Shallow) > 0 {
		u.out.Printf("shallow-info\n")
		if err := u.deepen(q); err != nil {
			return err
		}
		u.out.Delim()
	}
	if len(wanted) > 0 {
		u.out.Printf("wanted-refs\n")
		for _, line := range wanted {
			u.out.Printf("%s\n", line)
		}
		u.out.Delim()
	}
	u.out.Printf("packfile\n")
	return u.send(q)
}

// argument2 takes an argument that version 2 alone has.
func (q *request) argument2(line string) error {
	key, value, _ := strings.Cut(line, " ")
	switch key {
	case "want-ref":
		if len(q.wantRefs) == maxWants {
			return tooMany("wanted refs", maxWants)
		}
		q.wantRefs = append(q.wantRefs, value)
	case "have":
		return q.hash(&q.haves, value, "haves", maxHaves)
	case "done":
		q.done = true
	case "wait-for-done":
		q.wait = true
	case "thin-pack":
		q.thin = true
	case "no-progress":
		q.noProgress = true
	case "include-tag":
		q.moreTags = true
	case "ofs-delta":
		q.offsets = true
	default:
		return malformed("argument %.80q of fetch", line)
	}
	return nil
}

// wantedRefs adds the wanted refs to what is wanted, and returns what is said of them.
func (u *upload) wantedRefs(q *request) (lines []string, err error) {
	for _, name := range q.wantRefs {
		var h git.Hash
		var ok bool
		if name == ref.Head {
			h, ok = u.refs.head()
		} else {
			r, found := u.refs.find(name)
			h, ok = r.Hash, found
		}
		if !ok {
			return nil, malformed("unknown ref %.200q", name)
		}
		q.wants.add(h)
		lines = append(lines, h.String()+" "+name)
	}
	return lines, nil
}

// acknowledge says what both have, and reports whether that suffices.
func (u *upload) acknowledge(q *request) (ready bool, err error) {
	u.out.Printf("acknowledgments\n")
	if len(q.common.hashes) == 0 {
		u.out.Printf("NAK\n")
	}
	for _, h := range q.common.hashes {
		u.out.Printf("ACK %s\n", h)
	}
	if !q.wait {
		if ready, err = u.suffices(q); err != nil {
			return false, err
		}
	}
	if ready {
		u.out.Printf("ready\n")
		u.out.Delim()
	} else {
		u.out.Flush()
	}
	return ready, nil
}
