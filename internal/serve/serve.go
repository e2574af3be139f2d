// Package serve speaks git's protocol with one client over a stream (gitprotocol-pack, gitprotocol-v2): it serves what
// clients fetch, and takes what they push. What clients say is not believed: what they ask for must be theirs to have,
// lines and how many there are of them are bounded, and what they send is checked before any of it is kept.
package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pktline"
	"github.com/reposit/reposit/storage"
)

// Options say how a client is served.
type Options struct {
	Version   int  // of the protocol: 0, 1 or 2
	Stateless bool // one request and its answer
	Advertise bool // only what a server says first
}

// ParseProtocol returns the version that GIT_PROTOCOL asks for: the highest of those that are known. Whatever else it
// says is passed over, as git does.
func ParseProtocol(s string) int {
	version := 0
	for part := range strings.SplitSeq(s, ":") {
		switch part {
		case "version=1":
			version = max(version, 1)
		case "version=2":
			version = 2
		}
	}
	return version
}

// ErrNotOurs says that a client asks for an object that it may not have, or that is nowhere.
var ErrNotOurs = fault.New(fault.NotFound, "not our ref")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", git.ErrMalformed, fmt.Sprintf(format, args...))
}

func tooMany(what string, limit int) error {
	return fmt.Errorf("client sends more than %d %s: %w", limit, what, storage.ErrTooLarge)
}

// Bounds of what one client sends.
const (
	maxWants    = 1 << 20
	maxHaves    = 1 << 20
	maxShallows = 1 << 18
	maxPrefixes = 1 << 16
	maxExcluded = 1 << 10 // refs of deepen-not
	maxLines    = 1 << 21 // of one request that say nothing of the above
	maxCommands = 1 << 18
	maxOptions  = 1 << 10 // of a push
)

// agent is how servers call themselves.
const agent = "agent=reposit"

const format = "object-format=sha1"

// A conn is the stream to a client.
type conn struct {
	ctx    context.Context
	in     *pktline.Reader
	out    *pktline.Writer
	banded int // size of lines in bands, once these are in use; else 0
}

// tell tells the client of the error that ends all, if the stream still works, and returns it.
func (c *conn) tell(err error, text string) error {
	if err == nil || c.ctx.Err() != nil {
		return err
	}
	if c.banded > 0 {
		b := pktline.Banded{W: c.out, Band: pktline.Fatal, Size: c.banded}
		_, _ = b.Write([]byte(text + "\n"))
		c.out.Flush()
	} else {
		c.out.Printf("ERR %s\n", text)
	}
	return errors.Join(err, ignoreClosed(c.out.Send()))
}

// ignoreClosed drops an error of a stream: there was another one before.
func ignoreClosed(error) error { return nil }

// oneLine returns a text without what a line of the protocol can't hold.
func oneLine(s string) string {
	const most = 1000
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func parseHash(digits string) (git.Hash, error) {
	h, ok := git.ParseHash(digits)
	if !ok {
		return h, malformed("%.80q is no hash", digits)
	}
	return h, nil
}
