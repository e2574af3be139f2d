package linguist

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"sync"
)

// rawWords is how often words occur in languages: the number of all words (8 bytes, a float), the number of languages
// (uvarint), for each its name (string), how likely it is and its block's length (uvarints), then all blocks. A block
// is compressed, and has the number of likelihoods (uvarint), these (uvarints), the number of words (uvarint), and for
// each, in the order of their bytes, how many bytes it shares with the one before, the rest (string), and the index of
// its likelihood (uvarints). A likelihood is the logarithm, times minus a million.
//
//go:embed words.bin
var rawWords []byte

// words are how likely words are in one language, read when that is first asked for.
type words struct {
	prior float64
	block []byte
	once  sync.Once
	by    map[string]float64
}

func (w *words) all() map[string]float64 {
	w.once.Do(func() {
		raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(w.block)))
		if err != nil {
			panic("linguist: embedded words: " + err.Error()) // TestTables would have failed
		}
		d := reader{raw}
		likely := make([]float64, d.uvarint())
		for i := range likely {
			likely[i] = d.logarithm()
		}
		n := d.uvarint()
		w.by = make(map[string]float64, n)
		last := ""
		for range n {
			shared := d.uvarint()
			last = last[:shared] + d.string()
			w.by[last] = likely[d.uvarint()]
		}
	})
	return w.by
}

// A model is what the classifier knows.
type model struct {
	unknown   float64 // how likely a word is that a language does not have
	languages map[string]*words
}

var classifier = sync.OnceValue(func() *model {
	d := reader{rawWords[8:]}
	m := &model{
		unknown:   math.Log(1 / math.Float64frombits(binary.BigEndian.Uint64(rawWords))),
		languages: map[string]*words{},
	}
	type entry struct {
		w    *words
		size uint64
	}
	entries := make([]entry, d.uvarint())
	for i := range entries {
		w := &words{}
		m.languages[d.string()] = w
		w.prior = d.logarithm()
		entries[i] = entry{w, d.uvarint()}
	}
	for _, e := range entries {
		e.w.block = d.take(e.size)
	}
	return m
})

// Choose returns the candidate in which the words of content are most likely, the least by name of equal ones. It is ""
// if none of them is known.
func Choose(content []byte, candidates []string) string {
	m := classifier()
	candidates = slices.Compact(slices.Sorted(slices.Values(candidates)))
	tokens := tokenize(content)
	best, most := "", math.Inf(-1)
	for _, language := range candidates {
		w := m.languages[language]
		if w == nil {
			continue
		}
		likely, sum := w.all(), 0.0
		for _, token := range tokens {
			p, ok := likely[string(token)]
			if !ok {
				p = m.unknown
			}
			sum += p
		}
		if score := w.prior + sum; best == "" || score > most {
			best, most = language, score
		}
	}
	return best
}

// A reader reads what is embedded, and so is well formed.
type reader struct{ rest []byte }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.rest = r.rest[n:]
	return v
}

func (r *reader) take(n uint64) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) string() string     { return string(r.take(r.uvarint())) }
func (r *reader) logarithm() float64 { return -float64(r.uvarint()) / 1e6 }
