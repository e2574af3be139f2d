package memory

import (
	"bytes"
	"iter"
	"strings"
	"unsafe"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// reader is what snapshots and units of work have in common.
type reader interface {
	Get(key string) (value, bool)
	Scan(lo, hi string, desc bool) iter.Seq2[string, value]
}

type snapshot struct{ at mvcc.Snapshot[value] }

func (s *snapshot) Ref(repo storage.ID, name string) (storage.Ref, error) {
	var buffer [refKeySize]byte
	v, ok := s.at.Get(text(appendRefKey(buffer[:0], repo, name)))
	return v.asRef(ok)
}

func (s *snapshot) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return readRefs(s.at, repo, prefix, after)
}

func (s *snapshot) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return readLog(s.at, repo, name)
}

func (s *snapshot) Record(key []byte) ([]byte, error) {
	var buffer [recordKeySize]byte
	v, ok := s.at.Get(text(appendRecordKey(buffer[:0], key)))
	return v.asRecord(ok)
}

func (s *snapshot) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return readRecords(s.at, lo, hi, order)
}

// text makes a string of a buffer that does not change while the string lives.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func appendRefKey(b []byte, repo storage.ID, name string) []byte {
	b = append(b, refKind...)
	b = append(b, repo[:]...)
	return append(b, name...)
}

func appendRecordKey(b, key []byte) []byte {
	b = append(b, recordKind...)
	return append(b, key...)
}

// Keys up to these sizes are built on the stack.
const (
	refKeySize    = 96
	recordKeySize = 160
)

func (v value) asRef(ok bool) (storage.Ref, error) {
	if !ok || !v.ref.live {
		return storage.Ref{}, storage.ErrNotFound
	}
	return v.ref.ref, nil
}

func (v value) asRecord(ok bool) ([]byte, error) {
	if !ok {
		return nil, storage.ErrNotFound
	}
	return v.record, nil
}

func readRefs[R reader](r R, repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		lo := string(appendRefKey(nil, repo, prefix))
		hi := above(lo)
		if after >= prefix {
			lo = string(appendRefKey(nil, repo, after)) + "\x00"
		}
		for _, v := range r.Scan(lo, hi, false) {
			if v.ref.live && !yield(v.ref.ref, nil) {
				return
			}
		}
	}
}

func readLog[R reader](r R, repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		v, ok := r.Get(string(appendRefKey(nil, repo, name)))
		if !ok {
			return
		}
		for l := v.ref.log; l != nil; l = l.older {
			if !yield(l.entry, nil) {
				return
			}
		}
	}
}

func readRecords[R reader](r R, lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		from := string(appendRecordKey(nil, lo))
		to := above(recordKind)
		if hi != nil {
			to = string(appendRecordKey(nil, hi))
		}
		for k, v := range r.Scan(from, to, bool(order)) {
			key := bytes.Clone([]byte(strings.TrimPrefix(k, recordKind)))
			if !yield(storage.Record{Key: key, Value: v.record}, nil) {
				return
			}
		}
	}
}

// above returns the least string that is greater than every one that begins with prefix.
func above(prefix string) string {
	b := []byte(prefix)
	for len(b) > 0 {
		if b[len(b)-1]++; b[len(b)-1] != 0 {
			return string(b)
		}
		b = b[:len(b)-1]
	}
	return ""
}
