package serve

import (
	"errors"
	"io"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pktline"
)

// capabilities are those of versions 0 and 1 (gitprotocol-capabilities).
const capabilities = "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not " +
	"deepen-relative no-progress include-tag multi_ack_detailed allow-tip-sha1-in-want allow-reachable-sha1-in-want " +
	"filter "

// version0 speaks gitprotocol-pack.
func (u *upload) version0() error {
	var err error
	if u.refs, err = u.src.Refs(u.ctx); err != nil {
		return err
	}
	if u.opts.Advertise || !u.opts.Stateless {
		if err := u.advertise(); err != nil || u.opts.Advertise {
			return err
		}
	}
	q := &request{}
	if err := u.needs(q); err != nil || len(q.wants.hashes) == 0 {
		return err
	}
	if err := u.checkWants(q); err != nil {
		return err
	}
	if err := u.keepShallow(q); err != nil {
		return err
	}
	if q.deepens() {
		if err := u.deepen(q); err != nil {
			return err
		}
		u.out.Flush()
		if err := u.out.Send(); err != nil {
			return err
		}
	}
	if more, err := u.negotiate(q); err != nil || !more {
		return err
	}
	return u.send(q)
}

// advertise says which refs there are.
func (u *upload) advertise() error {
	caps := capabilities
	if u.opts.Stateless || u.opts.Advertise {
		caps += "no-done "
	}
	if _, ok := u.refs.head(); ok {
		caps += "symref=HEAD:" + u.refs.Head + " "
	}
	caps += format + " " + agent
	if u.opts.Version == 1 {
		u.out.Printf("version 1\n")
	}
	all := u.refs.all()
	if len(all) == 0 {
		u.out.Printf("%s capabilities^{}\x00%s\n", git.Hash{}, caps)
	}
	for i, r := range all {
		after := ""
		if i == 0 {
			after = "\x00" + caps
		}
		u.out.Printf("%s %s%s\n", r.Hash, r.Name, after)
		peeled, is, err := u.refs.peel(u.ctx, r.Hash)
		if err != nil {
			return err
		}
		if is {
			u.out.Printf("%s %s^{}\n", peeled, r.Name)
		}
	}
	for h := range u.refs.Shallow {
		u.out.Printf("shallow %s\n", h)
	}
	u.out.Flush()
	return u.out.Send()
}

// needs reads what is wanted, up to the end of that list. A client that wants nothing may leave.
func (u *upload) needs(q *request) error {
	for first := true; ; first = false {
		k, line, err := u.in.Text()
		switch {
		case errors.Is(err, io.EOF) && first:
			return nil
		case err != nil:
			return cutShort(err)
		case k == pktline.Flush:
			return nil
		case k != pktline.Data:
			return malformed("a request has a line without content")
		}
		if want, ok := strings.CutPrefix(line, "want "); ok && len(q.wants.hashes) == 0 {
			digits, caps, _ := strings.Cut(want, " ")
			for c := range strings.FieldsSeq(caps) {
				if err := q.capability(c); err != nil {
					return err
				}
			}
			line = "want " + digits
		}
		if known, err := q.argument(line); err != nil {
			return err
		} else if !known {
			return malformed("a request has the line %.80q", line)
		}
		if err := q.count(); err != nil {
			return err
		}
	}
}

// negotiate says of what the client has whether the repository has it as well, until the client knows enough. It
// reports false if the client goes away, or goes on with another request.
func (u *upload) negotiate(q *request) (bool, error) {
	n := negotiation{upload: u, q: q}
	for {
		k, line, err := u.in.Text()
		switch {
		case errors.Is(err, io.EOF) && u.opts.Stateless:
			return false, u.out.Send()
		case err != nil:
			return false, cutShort(err)
		case k == pktline.Flush:
			if done, err := n.pause(); done || err != nil {
				return done, err
			}
			if err := u.out.Send(); err != nil || u.opts.Stateless {
				return false, err
			}
			continue
		}
		if digits, ok := strings.CutPrefix(line, "have "); ok && k == pktline.Data {
			h, err := parseHash(digits)
			if err == nil {
				err = n.have(h)
			}
			if err == nil && n.haves > maxHaves {
				err = tooMany("haves", maxHaves)
			}
			if err != nil {
				return false, err
			}
			continue
		}
		if line != "done" {
			return false, malformed("a have is expected, and not %.80q", line)
		}
		n.end()
		return true, nil
	}
}

// A negotiation is where negotiate stands (gitprotocol-pack, "Packfile Negotiation").
type negotiation struct {
	*upload
	q     *request
	haves int
	last  git.Hash // the last that both have

	common, other bool // since the last pause: what both have was named, or what the client alone has
	judged        int  // how many were common when it was found out that they do not suffice
	ready         bool // they suffice
	saidReady     bool
}

// enough reports whether what both have suffices.
func (n *negotiation) enough() (bool, error) {
	if !n.ready && len(n.q.common.hashes) > n.judged {
		var err error
		if n.ready, err = n.suffices(n.q); err != nil {
			return false, err
		}
		n.judged = len(n.q.common.hashes)
	}
	return n.ready, nil
}

// have takes an object that the client has.
func (n *negotiation) have(h git.Hash) error {
	n.haves++
	if err := n.met(n.q, []git.Hash{h}); err != nil {
		return err
	}
	if n.q.common.has(h) {
		n.common, n.last = true, h
		switch {
		case n.q.ack == detailed:
			n.out.Printf("ACK %s common\n", h)
		case n.q.ack == multiAck:
			n.out.Printf("ACK %s continue\n", h)
		case len(n.q.common.hashes) == 1:
			n.out.Printf("ACK %s\n", h)
		}
		return nil
	}
	n.other = true
	if n.q.ack == single {
		return nil
	}
	enough, err := n.enough()
	if err != nil || !enough {
		return err
	}
	state := "continue"
	if n.q.ack == detailed {
		state, n.saidReady = "ready", true
	}
	n.out.Printf("ACK %s %s\n", h, state)
	return nil
}

// pause answers what came so far. It reports whether that is all.
func (n *negotiation) pause() (done bool, err error) {
	if n.q.ack == detailed && n.common && !n.other {
		enough, err := n.enough()
		if err != nil {
			return false, err
		}
		if enough {
			n.saidReady = true
			n.out.Printf("ACK %s ready\n", n.last)
		}
	}
	if len(n.q.common.hashes) == 0 || n.q.ack != single {
		n.out.Printf("NAK\n")
	}
	if n.q.noDone && n.saidReady {
		n.out.Printf("ACK %s\n", n.last)
		return true, nil
	}
	n.common, n.other = false, false
	return false, nil
}

// end answers a client that knows enough.
func (n *negotiation) end() {
	switch {
	case len(n.q.common.hashes) == 0:
		n.out.Printf("NAK\n")
	case n.q.ack != single:
		n.out.Printf("ACK %s\n", n.last)
	}
}
