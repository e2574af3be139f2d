package memory

import (
	"bytes"
	"iter"
	"strings"
	"unsafe"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// A reader is a snapshot, or what a transaction sees.
type reader struct {
	b      *backend
	values *mvcc.Tx[value] // nil in a View
	at     mvcc.Snapshot[value]
}

func (r *reader) get(key string) (value, bool) {
	if r.values != nil {
		return r.values.Get(key)
	}
	return r.at.Get(key)
}

func (r *reader) scan(lo, hi string, desc bool) iter.Seq2[string, value] {
	if r.values != nil {
		return r.values.Scan(lo, hi, desc)
	}
	return r.at.Scan(lo, hi, desc)
}

// Version is asked by storage.Version. What a transaction sees has no number.
func (r *reader) Version() uint64 {
	if r.values != nil {
		return 0
	}
	return r.at.Commit()
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

func appendStackKey(b []byte, repo storage.ID) []byte {
	return append(append(b, stackKind...), repo[:]...)
}
func appendUsersKey(b []byte, segment storage.ID) []byte {
	return append(append(b, usersKind...), segment[:]...)
}

// Keys up to these sizes are built on the stack.
const (
	refKeySize    = 96
	recordKeySize = 160
)

func (r *reader) Record(key []byte) ([]byte, error) {
	var buffer [recordKeySize]byte
	v, ok := r.get(text(appendRecordKey(buffer[:0], key)))
	if !ok {
		return nil, storage.ErrNotFound
	}
	return v.record, nil
}

func (r *reader) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		from := string(appendRecordKey(nil, lo))
		to := above(recordKind)
		if hi != nil {
			to = string(appendRecordKey(nil, hi))
		}
		for k, v := range r.scan(from, to, bool(order)) {
			key := bytes.Clone([]byte(strings.TrimPrefix(k, recordKind)))
			if !yield(storage.Record{Key: key, Value: v.record}, nil) {
				return
			}
		}
	}
}

func (r *reader) Ref(repo storage.ID, name string) (storage.Ref, error) {
	var ref *refState
	if r.b.forked.lacks(&repo) {
		ref = r.state(repo, name)
	} else {
		ref, _ = r.find(repo, name)
	}
	if ref == nil || !ref.live {
		return storage.Ref{}, storage.ErrNotFound
	}
	return ref.ref, nil
}

// find returns what the highest layer that says anything of a ref says, or nil, and whether it is inherited.
func (r *reader) find(repo storage.ID, name string) (ref *refState, inherited bool) {
	s := r.stack(repo)
	if s == nil {
		return r.state(repo, name), false
	}
	ref = r.state(s.Own, name)
	for _, l := range s.Below {
		if ref != nil {
			break
		}
		if l.Shows(name) {
			ref, inherited = r.state(l.Segment, name), l.Inherited
		}
	}
	return ref, inherited
}

// state returns what a segment has under the name of a ref, or nil.
func (r *reader) state(segment storage.ID, name string) *refState {
	var buffer [refKeySize]byte
	key := text(appendRefKey(buffer[:0], segment, name))
	if r.values != nil {
		v, _ := r.values.Get(key)
		return v.ref
	}
	v, _ := r.at.Get(key)
	return v.ref
}

func (r *reader) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		lo := prefix
		if after >= prefix {
			lo = after + "\x00"
		}
		layers := []refstack.Layer{{Segment: repo}}
		if s := r.stack(repo); s != nil {
			layers = s.Layers()
		}
		for _, e := range refstack.Entries(layers, r.entries, lo, above(prefix)) {
			if e.Value.live && !yield(e.Value.ref, nil) {
				return
			}
		}
	}
}

// entries yields what a segment has under the names lo <= name < hi.
func (r *reader) entries(segment storage.ID, lo, hi string) iter.Seq2[string, *refState] {
	from, to := string(appendRefKey(nil, segment, lo)), above(string(appendRefKey(nil, segment, "")))
	if hi != "" {
		to = string(appendRefKey(nil, segment, hi))
	}
	all := r.scan(from, to, false)
	return func(yield func(string, *refState) bool) {
		for _, v := range all {
			if !yield(v.ref.ref.Name, v.ref) {
				return
			}
		}
	}
}

func (r *reader) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		ref, inherited := r.find(repo, name)
		if ref == nil || inherited {
			return
		}
		for l := ref.log; l != nil; l = l.older {
			if !yield(l.entry, nil) {
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

// DeletedRefs is asked by storage.DeletedRefs.
func (r *reader) DeletedRefs(repo storage.ID) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		layers := []refstack.Layer{{Segment: repo}}
		if s := r.stack(repo); s != nil {
			layers = s.Layers()
		}
		for name, e := range refstack.Entries(layers, r.entries, "", "") {
			if !e.Value.live && e.Value.log != nil && !e.Layer.Inherited && !yield(name, nil) {
				return
			}
		}
	}
}
