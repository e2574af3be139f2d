package badger

import (
	"encoding/binary"

	"github.com/reposit/reposit/storage"
)

// Types of keys: see the package comment. That of records is the least, since Badger's iterators stop only at the
// next key that was not deleted when they go downwards.
const (
	recordType  = 'K'
	formatType  = 'f'
	tailType    = 't'
	refType     = 'r'
	logType     = 'l'
	objectType  = 'o'
	chunkType   = 'c'
	packsType   = 'p'
	indexType   = 'q'
	dataType    = 'd'
	stackType   = 'b'
	usersType   = 'u'
	droppedType = 'x'
	fillerType  = 'z'
)

const idSize = len(storage.ID{})

// headSize is the length of the type byte and the ID that keys of refs, logs, objects and chunks begin with.
const headSize = 1 + idSize

func appendHead(b []byte, kind byte, id storage.ID) []byte {
	return append(append(b, kind), id[:]...)
}

func appendRefKey(b []byte, repo storage.ID, name string) []byte {
	return append(appendHead(b, refType, repo), name...)
}

func appendLogPrefix(b []byte, repo storage.ID, name string) []byte {
	return append(append(appendHead(b, logType, repo), name...), 0)
}

func appendLogKey(b []byte, repo storage.ID, name string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(appendLogPrefix(b, repo, name), ^seq)
}

func appendStackKey(b []byte, repo storage.ID) []byte    { return appendHead(b, stackType, repo) }
func appendUsersKey(b []byte, segment storage.ID) []byte { return appendHead(b, usersType, segment) }

func appendObjectKey(b []byte, pool storage.ID, h storage.Hash) []byte {
	return append(appendHead(b, objectType, pool), h[:]...)
}

func appendChunkKey(b []byte, pool storage.ID, id chunkID, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(append(appendHead(b, chunkType, pool), id[:]...), seq)
}

func appendPacksKey(b []byte, pool storage.ID) []byte { return appendHead(b, packsType, pool) }

func appendIndexKey(b []byte, pack storage.ID, level byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append(appendHead(b, indexType, pack), level), number)
}

func appendDataKey(b []byte, pack storage.ID, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHead(b, dataType, pack), seq)
}

func appendRecordKey(b, key []byte) []byte { return append(append(b, recordType), key...) }
func appendTailKey(b, key []byte) []byte   { return append(append(b, tailType), key...) }

// A scope is what can be dropped at once. IDs of repositories and pools may coincide.
type scope struct {
	kind byte
	id   storage.ID
}

// Kinds of scopes.
const (
	repoKind    = 'r' // refs and logs of a repository
	segmentKind = 's' // refs alone
	logsKind    = 'l' // logs alone
	poolKind    = 'o' // objects
	packKind    = 'p' // what a pack is kept in
)

// writingKind marks a pack that is being written.
const writingKind = 'w'

func repoScope(id storage.ID) scope { return scope{repoKind, id} }
func poolScope(id storage.ID) scope { return scope{poolKind, id} }
func packScope(id storage.ID) scope { return scope{packKind, id} }

// scopesOf returns the scopes that key belongs to: a whole and a part of it, which are the same for objects. Records
// belong to none.
func scopesOf[K string | []byte](key K) (whole, part scope, ok bool) {
	if len(key) < headSize {
		return scope{}, scope{}, false
	}
	switch key[0] {
	case refType:
		whole.kind, part.kind = repoKind, segmentKind
	case logType:
		whole.kind, part.kind = repoKind, logsKind
	case objectType, chunkType, packsType:
		whole.kind, part.kind = poolKind, poolKind
	case indexType, dataType:
		whole.kind, part.kind = packKind, packKind
	default:
		return scope{}, scope{}, false
	}
	copy(whole.id[:], key[1:headSize])
	part.id = whole.id
	return whole, part, true
}

// holds reports whether key belongs to s.
func (s scope) holds(key string) bool {
	whole, part, ok := scopesOf(key)
	return ok && (s == whole || s == part)
}

// types returns the types of the keys in s, in the order in which they are to be deleted.
func (s scope) types() []byte {
	switch s.kind {
	case repoKind:
		return []byte{refType, logType}
	case segmentKind:
		return []byte{refType}
	case logsKind:
		return []byte{logType}
	case poolKind:
		return []byte{packsType, objectType, chunkType}
	case packKind:
		return []byte{indexType, dataType}
	}
	return nil
}

func (s scope) marker() string {
	return string(append(append(make([]byte, 0, 2+idSize), droppedType, s.kind), s.id[:]...))
}

// writing returns the marker of a pack that is being written.
func (s scope) writing() string { return scope{writingKind, s.id}.marker() }

func parseMarker(key []byte) (s scope, ok bool) {
	if len(key) != 2+idSize || key[0] != droppedType {
		return scope{}, false
	}
	s.kind = key[1]
	copy(s.id[:], key[2:])
	return s, s.types() != nil
}

// isObject reports whether key is of an object, a chunk, or a part of a pack: they may be committed ahead of what makes
// them reachable.
func isObject(key string) bool {
	switch key[0] {
	case objectType, chunkType, indexType, dataType:
		return true
	}
	return false
}

// isCached reports whether values of key go through the cache.
func isCached[K string | []byte](key K) bool {
	switch key[0] {
	case recordType, refType, stackType, formatType, packsType, indexType:
		return true
	}
	return false
}

// prefixEnd returns the smallest key that is above all keys with the given prefix. No prefix here ends in 0xff bytes
// only, since all begin with a type byte.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
