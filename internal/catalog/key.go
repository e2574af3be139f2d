package catalog

import (
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of this package's records, by their first byte:
//
//	v                                   version of the format of this table and of all values
//	M                                   the secret that page tokens are made with
//	i ID                                a repository (Repo)
//	t ID                                its state (State); absent before the first change
//	k t vis scope 00 fields time ID     the index by time; no value
//	k n vis 00 owner/slug               the index by name, and what a slug is resolved by; the ID
//	k n vis scope 00 owner/slug         the same within a label or a fork network; the ID
//	n vis scope                         how many entries the index by time has in the scope, by fields
//	x time ID                           when a repository expires; no value
//	d ID                                its delete token
//	g ID name                           what go-git stores beside objects and refs
//	A n owner/slug                      a name that a repository had before; the ID
//	A i ID owner/slug                   the same by ID; no value
//	z ID                                a deleted repository of which g and A, or a pool of which F u, are yet to be
//	                                    removed; no value
//	D pool                              a pool that is to be dropped when no backup reads it any more; no value
//	Q key                               a record that was set aside since nothing could be made of it, by its key
//	F p pool                            the fork network of a pool (Network); absent before the first fork
//	F h family                          who the forks of a deleted repository belong to now; the ID
//	F a ID family                       the same by ID; no value
//	F o owner 00 ID                     a repository of an owner that has an upstream; no value
//	F u pool ID                         a deleted repository that was private and had private forks (Tombstone)
//
// Other packages keep records of their own, each behind a first byte of its own: P and K people, S search, L and C
// languages and contributors, B protect, R pull, E event,
// G graph.
//
// Visibility is 0 for public repositories and 1 for private ones, so that those who may not see the private ones never
// come across them.
//
// A repository stands in the index by time once for each of its times, under the set of the fields that have it: bit 1
// created, 2 updated, 4 pushed. Two fields mostly have the same time, so a push moves one entry and not two. A list by
// one field is the merge of the sets that hold it.
//
// A scope is empty for all repositories, "o" and the owner, or "l" and a label's key, 01 and its value. The forks of a
// repository are "c" and the family, the members of a network "f" and the pool: these two have no times but the created
// one, so that a push to a fork costs no more than any other. Names are lower-case. Neither owners nor labels hold the
// bytes 00 and 01.
const (
	keyVersion  = 'v'
	keySecret   = 'M'
	keyRepo     = 'i'
	keyState    = 't'
	keyIndex    = 'k'
	keyCount    = 'n'
	keyExpiry   = 'x'
	keyToken    = 'd'
	keyGoGit    = 'g'
	keyRedirect = 'A'
	keyFork     = 'F'
	keyGone     = 'z'
	keyHeld     = 'D'
	keyAside    = 'Q'
)

// A visibility is who comes across a repository.
type visibility byte

const (
	public  visibility = '0'
	private visibility = '1'
)

func (r *Repo) visibility() visibility {
	if r.Private {
		return private
	}
	return public
}

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

func ownerScope(owner string) string { return "o" + names.Key(owner) }

func labelScope(key, value string) string { return "l" + key + "\x01" + value }

func familyScope(family storage.ID) string { return "c" + string(family[:]) }

func networkScope(pool storage.ID) string { return "f" + string(pool[:]) }

// isStatic reports whether only what a push does not change is indexed in a scope.
func isStatic(scope string) bool { return scope != "" && (scope[0] == 'c' || scope[0] == 'f') }

func idKey(kind byte, id storage.ID) []byte { return record.IDKey(id, kind) }

// indexPrefix is what the keys of an index in a scope begin with.
func indexPrefix(b []byte, index byte, vis visibility, scope string) []byte {
	b = append(b, keyIndex, index, byte(vis))
	b = append(b, scope...)
	return append(b, 0)
}

func timeIndexKey(b []byte, vis visibility, scope string, e timeEntry, id storage.ID) []byte {
	b = indexPrefix(b, indexTime, vis, scope)
	b = append(b, byte(e.fields))
	return append(record.AppendStamp(b, e.time), id[:]...)
}

func nameIndexKey(b []byte, vis visibility, scope, owner, slug string) []byte {
	return appendName(indexPrefix(b, indexName, vis, scope), owner, slug)
}

func appendName(b []byte, owner, slug string) []byte {
	b = append(b, names.Key(owner)...)
	b = append(b, '/')
	return append(b, names.Key(slug)...)
}

func countKey(b []byte, vis visibility, scope string) []byte {
	return append(append(b, keyCount, byte(vis)), scope...)
}

func redirectKey(owner, slug string) []byte { return appendName([]byte{keyRedirect, 'n'}, owner, slug) }

// redirectOfKey with no name is what the keys of all of a repository's redirects begin with.
func redirectOfKey(id storage.ID, name []byte) []byte {
	return append(record.IDKeyFor(len(name), id, keyRedirect, 'i'), name...)
}

func networkKey(pool storage.ID) []byte { return record.IDKey(pool, keyFork, 'p') }

func holderKey(family storage.ID) []byte { return record.IDKey(family, keyFork, 'h') }

func adoptedKey(id storage.ID, family []byte) []byte {
	return append(record.IDKeyFor(len(family), id, keyFork, 'a'), family...)
}

// dependentKey with no ID is what the keys of all repositories of an owner begin with that have an upstream.
func dependentKey(owner string, id []byte) []byte {
	b := append([]byte{keyFork, 'o'}, names.Key(owner)...)
	return append(append(b, 0), id...)
}

// tombstoneKey with no ID is what the keys of all tombstones of a pool begin with.
func tombstoneKey(pool storage.ID, id []byte) []byte {
	return append(append([]byte{keyFork, 'u'}, pool[:]...), id...)
}

// GoGitKey returns the key of what go-git stores under a name.
func GoGitKey(id storage.ID, name string) []byte {
	return append(record.IDKeyFor(len(name), id, keyGoGit), name...)
}
