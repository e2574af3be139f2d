package archive

import (
	"bytes"

	"github.com/reposit/reposit/internal/pretty"
)

var substStart = []byte("$Format:")

const (
	substSpare   = 1 << 20 // how much a file may grow, besides ten times its size
	substFactor  = 10
	maxExpansion = 1 << 20 // of one $Format:...$
)

// A substFilter expands $Format:...$ in one file.
type substFilter struct {
	expand *pretty.Expander
	room   int64 // how many bytes the file may still grow
	held   []byte
}

// newExpander returns one for an archive of the commit, or nil without one, as there is nothing to expand then.
func newExpander(c *pretty.Commit, r *pretty.Repository) *pretty.Expander {
	if c == nil {
		return nil
	}
	x := pretty.New(c, r)
	x.Describes, x.Encode = 1, true
	return x
}

// newSubstFilter returns a filter of a file of the given size.
func newSubstFilter(x *pretty.Expander, size int64) *substFilter {
	x.Work = pretty.DefaultWork
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
	out, ok := f.expand.Append(dst, string(whole[len(substStart):len(whole)-1]), int(limit))
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
