package search

import (
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of the records, all of which begin with 'S':
//
//	S d ID                              a document: what is indexed of a repository
//	S t part term                       a term that a document of a part has, and the document if it is the only one
//	S c part term                       how many have it if there are several
//	S p part term 00 class created ID   one of several documents that have it; no value
//	S g part stem                       the words of a part that have the stem and are not the stem itself
//
// A part is "p" for public repositories, "h" for all private ones, and "o", the owner and 00 for their private ones: a
// private repository is in two parts. A term is "w" and a word, or "l" and a language. Neither words nor
// languages nor owners hold the byte 00. Created is big-endian, nanoseconds since 1970 with the sign bit flipped.
const (
	keyPrefix = 'S'

	keyDocument = 'd'
	keyTerm     = 't'
	keyCount    = 'c'
	keyPosting  = 'p'
	keyGroup    = 'g'

	termWord     = "w"
	termLanguage = "l"
)

// A part is a set of documents that has its own terms and counts, so that those who may not see it learn nothing from
// them.
type part string

const (
	public  part = "p"
	private part = "h"
)

func privateOf(owner string) part { return part("o" + owner + "\x00") }

func documentKey(b []byte, id storage.ID) []byte {
	return append(append(b, keyPrefix, keyDocument), id[:]...)
}

func partKey(b []byte, kind byte, p part, s string) []byte {
	return append(append(append(b, keyPrefix, kind), p...), s...)
}

// A place is where a document stands among those with the same term.
type place struct {
	class   class
	created record.Stamp
	id      storage.ID
}

// keyRoom is room for most keys.
const keyRoom = 112

// placeSize is the length of a place in a key.
const placeSize = 1 + 8 + len(storage.ID{})

func postingKey(b []byte, p part, term string, at place) []byte {
	b = append(partKey(b, keyPosting, p, term), 0, byte(at.class))
	return append(record.AppendStamp(b, at.created), at.id[:]...)
}

// placeOf returns the place at the end of a posting's key.
func placeOf(key []byte) (place, bool) {
	if len(key) < placeSize {
		return place{}, false
	}
	d := record.Decode(key[len(key)-placeSize:])
	return place{class(d.Byte()), d.Stamp(), d.ID()}, true
}

// end returns the least key that is greater than all that begin with prefix, which does not end in FF.
func end(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	b[len(b)-1]++
	return b
}
