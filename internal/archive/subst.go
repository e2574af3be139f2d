package archive

import (
	"bytes"
	"time"

	"github.com/reposit/reposit/storage"
)

// Subst answers what export-subst asks about the repository that a commit is in. All of it may be left out.
type Subst struct {
	// Abbrev returns the shortest text that names an object, of at least 7 digits; by default the first 7.
	Abbrev func(storage.Hash) string

	// Refs returns those that point to the commit, in git log's words and order: "HEAD -> main", "tag: v1", "side". It
	// is called once, and only where a file asks for them.
	Refs func() []string

	// Describe answers the archive's first %(describe), given the options of git describe that it asks for. It is
	// not called for more. By default, nothing describes the commit.
	Describe func(options []string) string

	// Mailmap returns the name and address to show for those in the commit; by default, the same.
	Mailmap func(name, mail string) (string, string)

	// Now is the time that relative dates start from; by default, the commit's. They and %ah are in UTC.
	Now time.Time
}

var substStart = []byte("$Format:")

const (
	substSpare   = 1 << 20 // how much a file may grow, besides ten times its size
	substFactor  = 10
	maxExpansion = 1 << 20 // of one $Format:...$
	maxWork      = 64 << 20
)

// A substFilter expands $Format:...$ in one file.
type substFilter struct {
	expand *expander
	room   int64 // how many bytes the file may still grow
	held   []byte
}

// filter returns a filter of a file of the given size.
func (x *expander) filter(size int64) *substFilter {
	x.work = maxWork
	return &substFilter{expand: x, room: size*(substFactor-1) + substSpare}
}

// feed may look at and change what it finds in dst: some placeholders act on what stands before them.
func (f *substFilter) feed(dst, src []byte, last bool) []byte {
	if len(f.held) > 0 {
		src = append(f.held, src...)
		f.held = nil
	}
	for {
		start := bytes.Index(src, substStart)
		if start < 0 {
			break
		}
		dst = append(dst, src[:start]...)
		src = src[start:]
		end := bytes.IndexByte(src[len(substStart):], '$')
		if end < 0 {
			if !last && len(src) < maxHeld {
				f.held = append([]byte(nil), src...)
				return dst
			}
			dst = append(dst, substStart...)
			src = src[len(substStart):]
			continue
		}
		whole := len(substStart) + end + 1
		dst = f.one(dst, src[:whole])
		src = src[whole:]
	}
	if !last {
		keep := prefixAtEnd(src, substStart)
		f.held = append([]byte(nil), src[len(src)-keep:]...)
		src = src[:len(src)-keep]
	}
	return append(dst, src...)
}

// one appends what whole, a $Format:...$, stands for, or whole itself if that is too much.
func (f *substFilter) one(dst, whole []byte) []byte {
	before := len(dst)
	limit := min(f.room+int64(len(whole)), maxExpansion)
	out, ok := f.expand.expand(dst, string(whole[len(substStart):len(whole)-1]), int(limit))
	if !ok {
		return append(dst[:before], whole...)
	}
	f.room -= int64(len(out) - before - len(whole))
	return out
}

// prefixAtEnd returns the length of the longest beginning of word, short of word itself, that s ends in.
func prefixAtEnd(s, word []byte) int {
	n := min(len(s), len(word)-1)
	for !bytes.HasSuffix(s, word[:n]) {
		n--
	}
	return n
}
