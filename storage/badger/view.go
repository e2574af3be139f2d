package badger

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// View implements storage.Backend.
func (b *backend) View(ctx context.Context, fn func(storage.View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.enter(); err != nil {
		return err
	}
	defer b.leave()
	r, ok := b.views.Get().(*reader)
	if !ok {
		r = &reader{b: b}
		r.key = r.short[:0]
	}
	r.snap = b.timeline.acquire()
	defer b.views.Put(r)
	defer r.end()
	return b.confirm(fn(r))
}

// Version is asked by storage.Version. What a transaction sees has no number.
func (r *reader) Version() uint64 {
	if r.own != nil {
		return 0
	}
	return r.snap.ts
}

// Ref implements storage.View.
func (r *reader) Ref(repo storage.ID, name string) (storage.Ref, error) {
	ref, err := r.ref(repo, name)
	if err != nil {
		return storage.Ref{}, err
	}
	if ref.form == refDeleted {
		return storage.Ref{}, storage.ErrNotFound
	}
	return ref.named(name), nil
}

// ref returns what the highest layer that says anything of a ref says.
func (r *reader) ref(repo storage.ID, name string) (storedRef, error) {
	if !r.b.forked.Load() {
		return r.entry(repo, name)
	}
	s, err := r.stack(repo)
	if err != nil {
		return storedRef{}, err
	}
	if s == nil {
		return r.entry(repo, name)
	}
	return r.refOf(s, name)
}

func (r *reader) refOf(s *refstack.Stack, name string) (storedRef, error) {
	ref, err := r.entry(s.Own, name)
	for _, l := range s.Below {
		if err != storage.ErrNotFound {
			break
		}
		if !l.Shows(name) {
			continue
		}
		if ref, err = r.entry(l.Segment, name); l.Inherited {
			ref.seq = 0
		}
	}
	return ref, err
}

// entry returns what a segment has under the name of a ref, or storage.ErrNotFound itself.
func (r *reader) entry(segment storage.ID, name string) (storedRef, error) {
	r.key = appendRefKey(r.key[:0], segment, name)
	payload, err := r.get(r.key)
	if err != nil {
		return storedRef{}, err
	}
	ref, err := decodeRef(payload)
	if err != nil {
		return storedRef{}, corrupt(r.key, err.Error())
	}
	return ref, nil
}

// Refs implements storage.View.
func (r *reader) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		s, err := r.stack(repo)
		if err != nil {
			yield(storage.Ref{}, err)
			return
		}
		layers := []refstack.Layer{{Segment: repo}}
		if s != nil {
			layers = s.Layers()
		}
		lo, hi := prefix, string(prefixEnd([]byte(prefix)))
		if after >= prefix {
			lo = after + "\x00"
		}
		for name, e := range refstack.Entries(layers, r.entries, lo, hi) {
			switch {
			case e.Value.err != nil:
				yield(storage.Ref{}, e.Value.err)
				return
			case e.Value.form == refDeleted:
				continue
			}
			if !yield(e.Value.named(name), nil) {
				return
			}
		}
	}
}

// Log implements storage.View.
func (r *reader) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		// A ref knows how many entries its log has, also when it was deleted. Most refs of a fork have none.
		ref, err := r.ref(repo, name)
		if err == storage.ErrNotFound || err == nil && ref.seq == 0 {
			return
		}
		if err != nil {
			yield(storage.LogEntry{}, err)
			return
		}
		all := appendLogPrefix(nil, repo, name)
		r.scan(span{prefix: all, lo: all, hi: prefixEnd(all)}, func(e entry, err error) bool {
			if err != nil {
				return yield(storage.LogEntry{}, err)
			}
			if len(e.key) != len(all)+8 {
				return true // of a name that contains this one and a zero byte
			}
			l, err := decodeLog(e.payload)
			if err != nil {
				yield(storage.LogEntry{}, corrupt(e.key, err.Error()))
				return false
			}
			return yield(l, nil)
		})
	}
}

// Record implements storage.View.
func (r *reader) Record(key []byte) ([]byte, error) {
	if len(key) > storage.MaxKey {
		return nil, storage.ErrNotFound
	}
	r.key = appendRecordKey(r.key[:0], key)
	payload, err := r.get(r.key)
	if err != nil {
		return nil, err
	}
	return r.recordValue(key, payload)
}

// recordValue returns the value of the record whose payload is given.
func (r *reader) recordValue(key, payload []byte) ([]byte, error) {
	switch {
	case len(payload) == 0 || payload[0] > recordSplit:
		return nil, corrupt(nil, errMalformed.Error())
	case payload[0] == recordWhole:
		return payload[1:], nil
	}
	tail, err := r.get(appendTailKey(nil, key))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, corrupt(nil, "second part is missing")
	}
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{payload[1:], tail}, nil), nil
}

// Records implements storage.View.
func (r *reader) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		in := span{
			prefix:     []byte{recordType},
			lo:         appendRecordKey(nil, lo),
			hi:         []byte{recordType + 1},
			descending: order == storage.Descending,
		}
		if hi != nil {
			in.hi = appendRecordKey(nil, hi)
			in.prefix = commonPrefix(in.lo, in.hi)
		}
		r.scan(in, func(e entry, err error) bool {
			if err != nil {
				return yield(storage.Record{}, err)
			}
			value, err := r.recordValue(e.key[1:], e.payload)
			if err != nil {
				yield(storage.Record{}, err)
				return false
			}
			return yield(storage.Record{Key: e.key[1:], Value: value}, nil)
		})
	}
}

// DeletedRefs is asked by storage.DeletedRefs.
func (r *reader) DeletedRefs(repo storage.ID) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s, err := r.stack(repo)
		if err != nil {
			yield("", err)
			return
		}
		layers := []refstack.Layer{{Segment: repo}}
		if s != nil {
			layers = s.Layers()
		}
		for name, e := range refstack.Entries(layers, r.entries, "", "") {
			if e.Value.err != nil {
				yield("", e.Value.err)
				return
			}
			if e.Value.form == refDeleted && e.Value.seq > 0 && !e.Layer.Inherited && !yield(name, nil) {
				return
			}
		}
	}
}
