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

func appendObjectKey(b []byte, pool storage.ID, h storage.Hash) []byte {
	return append(appendHead(b, objectType, pool), h[:]...)
}

func appendChunkKey(b []byte, pool storage.ID, id chunkID, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(append(appendHead(b, chunkType, pool), id[:]...), seq)
}

func appendRecordKey(b, key []byte) []byte { return append(append(b, recordType), key...) }
func appendTailKey(b, key []byte) []byte   { return append(append(b, tailType), key...) }

// A scope is a repository or a pool as something that can be dropped. The two kinds of IDs may coincide.
type scope struct {
	kind byte // refType or objectType
	id   storage.ID
}

func repoScope(id storage.ID) scope { return scope{refType, id} }
func poolScope(id storage.ID) scope { return scope{objectType, id} }

// scopeOf returns the scope that key belongs to. Records belong to none.
func scopeOf[K string | []byte](key K) (s scope, ok bool) {
	if len(key) < headSize {
		return scope{}, false
	}
	switch key[0] {
	case refType, logType:
		s.kind = refType
	case objectType, chunkType:
		s.kind = objectType
	default:
		return scope{}, false
	}
	copy(s.id[:], key[1:headSize])
	return s, true
}

// types returns the types of the keys in s, in the order in which they are to be deleted.
func (s scope) types() [2]byte {
	if s.kind == refType {
		return [2]byte{refType, logType}
	}
	return [2]byte{objectType, chunkType}
}

func (s scope) marker() string {
	return string(append(append(make([]byte, 0, 2+idSize), droppedType, s.kind), s.id[:]...))
}

func parseMarker(key []byte) (s scope, ok bool) {
	if len(key) != 2+idSize || key[0] != droppedType {
		return scope{}, false
	}
	s.kind = key[1]
	copy(s.id[:], key[2:])
	return s, s.kind == refType || s.kind == objectType
}

// isObject reports whether key is of an object or a chunk: they may be committed ahead of the refs that make them
// reachable.
func isObject(key string) bool { return key[0] == objectType || key[0] == chunkType }

// isCached reports whether values of key go through the cache.
func isCached[K string | []byte](key K) bool { return key[0] == refType || key[0] == recordType }

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
