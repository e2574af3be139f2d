package graph

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// An Author is a name and an address as a commit has them, in UTF-8 and of bounded length.
type Author struct{ Name, Email string }

// An Entry is what the graph keeps of a commit.
type Entry struct {
	Tree    git.Hash
	Parents []git.Hash
	Date    int64 // of the committer, in seconds since 1970
	Author  Author
}

// EntryOf returns the Entry of a commit.
func EntryOf(c *git.Commit) *Entry {
	return &Entry{Tree: c.Tree, Parents: c.Parents, Date: DateOf(c), Author: AuthorOf(c)}
}

// DateOf returns the date of a commit's committer in seconds since 1970, or the nearest one of which a sum with another
// does not overflow.
func DateOf(c *git.Commit) int64 {
	return min(max(c.Committer.When.Unix(), -maxDate), maxDate)
}

const maxDate = 1 << 60

// AuthorOf returns the author of a commit, decoded by its encoding header.
func AuthorOf(c *git.Commit) Author {
	c = charset.Commit(c)
	return Author{CleanText(c.Author.Name), CleanText(c.Author.Email)}
}

// MaxText is how many bytes of a name or an address are heeded.
const MaxText = 1 << 10

// CleanText returns s in UTF-8 and of bounded length. What is not UTF-8 is taken for Latin-1, as git does with what is
// committed (git's verify_utf8).
func CleanText(s string) string {
	if !utf8.ValidString(s) {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.WriteRune(rune(c))
		}
		s = b.String()
	}
	if len(s) > MaxText {
		s = strings.ToValidUTF8(s[:MaxText], "")
	}
	return s
}

// maxParents is how many parents a commit may have that gets a number. Others, and what comes after them, are read as
// objects.
const maxParents = 256

const entryVersion = 1

// Put adds a commit to the tail of a pool's graph, in the transaction that stores it.
func Put(tx storage.Tx, pool storage.ID, h git.Hash, c *git.Commit) error {
	if len(c.Parents) > maxParents {
		return nil
	}
	return tx.PutRecord(tailKey(pool, h), EntryOf(c).append(make([]byte, 0, 128)))
}

func (e *Entry) append(b []byte) []byte {
	b = append(b, entryVersion)
	b = append(b, e.Tree[:]...)
	b = binary.AppendVarint(b, e.Date)
	b = binary.AppendUvarint(b, uint64(len(e.Parents)))
	for _, p := range e.Parents {
		b = append(b, p[:]...)
	}
	b = record.AppendString(b, e.Author.Name)
	return record.AppendString(b, e.Author.Email)
}

func decodeEntry(b []byte) (*Entry, error) {
	d := record.Decode(b)
	d.Version(entryVersion, entryVersion)
	e := &Entry{Tree: d.Hash(), Date: d.Varint()}
	if n := d.Count(maxParents); n > 0 {
		e.Parents = make([]git.Hash, n)
		for i := range e.Parents {
			e.Parents[i] = d.Hash()
		}
	}
	e.Author = Author{d.String(), d.String()}
	if err := d.End("commit of a graph"); err != nil {
		return nil, err
	}
	return e, nil
}
