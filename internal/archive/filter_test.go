package archive

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/pretty"
	"github.com/reposit/reposit/storage"
)

// TestCodecsRememberNothing: what a block becomes must not depend on what the same codec was given before.
func TestCodecsRememberNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	block := func() []byte {
		var b []byte
		for n := random.IntN(150_000); len(b) < n; {
			if random.IntN(4) == 0 {
				b = append(b, byte(random.Uint32()))
			} else {
				b = append(b, []string{"func ", "return ", "err\n", "the ", "archive", "\t", "of ",
					"\x00\x00\x00\x00"}[random.IntN(8)]...)
			}
		}
		return b
	}
	codecs := map[string]func() codec{}
	for level := 1; level <= 9; level++ {
		codecs["flate "+string(rune('0'+level))] = func() codec { return newFlateCodec(level) }
	}
	for _, level := range []int{1, 3, 7, 11} {
		codecs["zstd "+string(rune('0'+level))] = func() codec { return newZstdCodec(level) }
	}
	for name, newCodec := range codecs {
		used := newCodec()
		for i := range 4 {
			history, data, last := block(), block(), i%2 == 0
			history = history[:min(len(history), flateWindow)]
			want, err := newCodec().compress(t.Context(), nil, history, data, last)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := used.compress(t.Context(), nil, history, data, last); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: block %d is %d bytes of a used codec, %v, want the same %d as of a new one", name, i, len(got), err,
					len(want))
			}
		}
	}
}

// FuzzFilters checks that a file becomes the same whether it is treated as a whole or in pieces, and that
// export-subst keeps within its bounds.
func FuzzFilters(f *testing.F) {
	f.Add("a\r\nb\n$Id$ $Id: x $ $Id: a b $\n", "$Format:%H %an %<(20)%s|%w(10,1,2)%b$", uint8(3))
	f.Add("$Format:%-d%>>(1)%B", "$ $Format:%<|(30)%ad%n$", uint8(1))
	f.Add("$Form", "at:%+s% b%x00%C(always,red bold)%(describe)$", uint8(5))
	c := pretty.ParseCommit(storage.Hash{1},
		[]byte("tree x\nauthor A <a@b> 1 +0100\ncommitter C <c> 2 -0100\n\nsubject\n\nbody of some words\n"))
	f.Fuzz(func(t *testing.T, head, tail string, piece uint8) {
		src := []byte(head + tail)
		if len(src) > 16<<10 || piece == 0 {
			return
		}
		x := newExpander(c, &pretty.Repository{Refs: func() []string { return []string{"tag: v1"} }})
		for name, newFilter := range map[string]func() filter{
			"crlf":  func() filter { return &crlfFilter{} },
			"ident": func() filter { return &identFilter{hash: strings.Repeat("a", 40)} },
			"subst": func() filter { x.Describes = 1; return newSubstFilter(x, int64(len(src))) },
		} {
			whole := newFilter().feed(nil, src, true)
			if limit := substFactor*len(src) + substSpare; len(whole) > limit {
				t.Errorf("%s made %d bytes of %d, want at most %d", name, len(whole), len(src), limit)
			}
			var pieces []byte
			byPieces := newFilter()
			for rest := src; len(rest) > 0; {
				n := min(int(piece), len(rest))
				pieces = byPieces.feed(pieces, rest[:n], false)
				rest = rest[n:]
			}
			pieces = byPieces.feed(pieces, nil, true)
			if !bytes.Equal(pieces, whole) {
				t.Errorf("%s of %q in pieces of %d = %q, want %q", name, src, piece, pieces, whole)
			}
		}
	})
}
