package catalog

import (
	"encoding/binary"
	"strings"

	"github.com/reposit/reposit/storage"
)

// The keys of all records, by their first byte:
//
//	v                                   version of the format of this table and of all values
//	i ID                                a repository (Repo)
//	t ID                                its state (State); absent before the first change
//	k t scope 00 fields time ID         the index by time; no value
//	k n 00 owner/slug                   the index by name, and what a slug is resolved by; the ID
//	k n scope 00 owner/slug             the same within a label; the ID
//	n scope                             how many repositories are in the scope
//	x time ID                           when a repository expires; no value
//	d ID                                its delete token
//	g ID name                           what go-git stores beside objects and refs
//
// A repository stands in the index by time once for each of its times, under the set of the fields that have it: bit 1
// created, 2 updated, 4 pushed. Two fields mostly have the same time, so a push moves one entry and not two. A list by
// one field is the merge of the sets that hold it.
//
// A scope is empty for all repositories, "o" and the owner, or "l" and a label's key, 01 and its value. Names are
// lower-case. Neither owners nor labels hold the bytes 00 and 01.
const (
	keyVersion = 'v'
	keyRepo    = 'i'
	keyState   = 't'
	keyIndex   = 'k'
	keyCount   = 'n'
	keyExpiry  = 'x'
	keyToken   = 'd'
	keyGoGit   = 'g'
)

// A Sort names the order of a list.
type Sort byte

// The orders. Those by time are the bits of the index by time.
const (
	ByName    Sort = 0
	ByCreated Sort = 1
	ByUpdated Sort = 2
	ByPushed  Sort = 4

	allTimes = ByCreated | ByUpdated | ByPushed
)

const (
	indexName = 'n'
	indexTime = 't'
)

func ownerScope(owner string) string { return "o" + strings.ToLower(owner) }

func labelScope(key, value string) string { return "l" + key + "\x01" + value }

func idKey(kind byte, id storage.ID) []byte { return append([]byte{kind}, id[:]...) }

// indexPrefix is what the keys of an index in a scope begin with.
func indexPrefix(b []byte, index byte, scope string) []byte {
	b = append(b, keyIndex, index)
	b = append(b, scope...)
	return append(b, 0)
}

func timeIndexKey(b []byte, scope string, e timeEntry, id storage.ID) []byte {
	b = indexPrefix(b, indexTime, scope)
	b = append(b, byte(e.fields))
	b = binary.BigEndian.AppendUint64(b, e.time)
	return append(b, id[:]...)
}

func nameIndexKey(b []byte, scope, owner, slug string) []byte {
	b = indexPrefix(b, indexName, scope)
	b = append(b, strings.ToLower(owner)...)
	b = append(b, '/')
	return append(b, strings.ToLower(slug)...)
}

// GoGitKey returns the key of what go-git stores under a name.
func GoGitKey(id storage.ID, name string) []byte { return append(idKey(keyGoGit, id), name...) }

// after returns the least key that is greater than all that begin with prefix.
func after(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for len(b) > 0 {
		if b[len(b)-1]++; b[len(b)-1] != 0 {
			return b
		}
		b = b[:len(b)-1]
	}
	return nil
}
