package pull

import (
	"encoding/binary"
	"fmt"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of all records. Numbers have 4 bytes, big-endian. Branches are named in short and hold no byte 00.
//
//	R n ID                        how many there are of a repository, by state (Counts)
//	R p ID number                 a pull request (Pull)
//	R t ID number                 its text; absent if it is empty
//	R s ID state number           the index by state; no value
//	R b ID branch 00 number       an open one by its base; the commit of its head
//	R h ID branch 00 ID branch    an open one by its head, and its base; its number
//	R m ID branch 00 number       the test merge of an open one by its base (Test), of a few of them
//	R a ID login 00 number        an open one by its author, unless an older version opened it; no value
//	R r ID number number          a review (Review) by its own number
//	R v ID number login           what one who may write said last (Verdict), comments aside
//	R z ID                        a deleted repository whose records are yet to be removed; no value
const (
	keyPulls = 'R'

	keyCounts  = 'n'
	keyPull    = 'p'
	keyText    = 't'
	keyState   = 's'
	keyBase    = 'b'
	keyHead    = 'h'
	keyTest    = 'm'
	keyAuthor  = 'a'
	keyReview  = 'r'
	keyVerdict = 'v'
	keyGone    = 'z'
)

// ownKinds are the kinds of the records that only the repository itself has.
var ownKinds = [...]byte{keyPull, keyText, keyState, keyBase, keyTest, keyAuthor, keyReview, keyVerdict, keyCounts}

func repoKey(kind byte, repo storage.ID) []byte {
	return record.IDKeyFor(64, repo, keyPulls, kind)
}

func numberKey(kind byte, repo storage.ID, number int) []byte {
	return binary.BigEndian.AppendUint32(repoKey(kind, repo), uint32(number))
}

func stateKey(repo storage.ID, s State, number int) []byte {
	return binary.BigEndian.AppendUint32(append(repoKey(keyState, repo), byte(s)), uint32(number))
}

// branchKey is what the keys of what is about a branch begin with.
func branchKey(kind byte, repo storage.ID, branch string) []byte {
	return append(append(repoKey(kind, repo), branch...), 0)
}

func (p *Pull) baseKey() []byte {
	return binary.BigEndian.AppendUint32(branchKey(keyBase, p.Repo, p.BaseBranch), uint32(p.Number))
}

func (p *Pull) testKey() []byte {
	return binary.BigEndian.AppendUint32(branchKey(keyTest, p.Repo, p.BaseBranch), uint32(p.Number))
}

func (p *Pull) headKey() []byte {
	b := branchKey(keyHead, p.HeadRepo, p.HeadBranch)
	b = append(b, p.Repo[:]...)
	return append(b, p.BaseBranch...)
}

// authorPrefix is what the keys of an author's open pull requests begin with.
func authorPrefix(repo storage.ID, login string) []byte {
	return append(append(repoKey(keyAuthor, repo), login...), 0)
}

func (p *Pull) authorKey() []byte {
	return binary.BigEndian.AppendUint32(authorPrefix(p.Repo, p.Author), uint32(p.Number))
}

func reviewKey(repo storage.ID, pull, number int) []byte {
	return binary.BigEndian.AppendUint32(numberKey(keyReview, repo, pull), uint32(number))
}

func verdictKey(repo storage.ID, pull int, login string) []byte {
	return append(numberKey(keyVerdict, repo, pull), login...)
}

// lastNumber returns the number that a key ends in.
func lastNumber(key []byte) (int, error) {
	if len(key) < 2+len(storage.ID{})+4 {
		return 0, fmt.Errorf("%w: key of a pull request", storage.ErrCorrupt)
	}
	return int(binary.BigEndian.Uint32(key[len(key)-4:])), nil
}

// baseOf returns the base that the key of a head names behind its prefix.
func baseOf(key, prefix []byte) (repo storage.ID, branch string, err error) {
	rest := key[len(prefix):]
	if len(rest) <= len(repo) {
		return repo, "", fmt.Errorf("%w: key of a pull request's head", storage.ErrCorrupt)
	}
	return storage.ID(rest[:len(repo)]), string(rest[len(repo):]), nil
}
