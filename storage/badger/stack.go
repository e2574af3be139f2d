package badger

import (
	"encoding/binary"
	"errors"
	"iter"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// encodeStack appends what keeps a stack: its own segment; how many recent names there are, plus one, or 0 for many,
// and the names; for each layer whether it is inherited, and its segment.
func encodeStack(b []byte, s refstack.Stack) []byte {
	b = append(b, s.Own[:]...)
	if s.Many {
		b = append(b, 0)
	} else {
		b = binary.AppendUvarint(b, uint64(len(s.Recent))+1)
		for _, name := range s.Recent {
			b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		}
	}
	for _, l := range s.Below {
		flag := byte(0)
		if l.Inherited {
			flag = 1
		}
		b = append(append(b, flag), l.Segment[:]...)
	}
	return b
}

func decodeStack(payload []byte) (s refstack.Stack, err error) {
	r := reading{b: payload}
	copy(s.Own[:], r.take(idSize))
	n := r.uvarint()
	for s.Many = n == 0; n > 1 && !r.bad; n-- {
		s.Recent = append(s.Recent, r.text())
	}
	s.Below = make([]refstack.Layer, 0, len(r.b)/(1+idSize))
	for len(r.b) > 0 && !r.bad {
		flag := r.byte()
		l := refstack.Layer{Inherited: flag == 1}
		copy(l.Segment[:], r.take(idSize))
		r.bad = r.bad || flag > 1
		s.Below = append(s.Below, l)
	}
	if r.bad {
		return refstack.Stack{}, errMalformed
	}
	return s, nil
}

// stack returns the stack of a repository, or nil if it has none: then its first segment is all there is.
func (r *reader) stack(repo storage.ID) (*refstack.Stack, error) {
	if !r.b.forked.Load() {
		return nil, nil
	}
	r.key = appendStackKey(r.key[:0], repo)
	if w, ok := r.unpublished(r.key); ok {
		if w.value == nil {
			return nil, nil
		}
		return r.decodeStack(payloadOf(w.value))
	}
	seen := r.b.stacks.load(&repo)
	if seen.tells(&repo, r.snap.ts) {
		return seen.stack, nil
	}
	payload, err := r.get(r.key)
	var s *refstack.Stack
	switch {
	case err == nil:
		if s, err = r.decodeStack(payload); err != nil {
			return nil, err
		}
	case !errors.Is(err, storage.ErrNotFound):
		return nil, err
	}
	r.b.stacks.fill(seen, &knownStack{repo: repo, stack: s, known: true, ts: r.snap.ts})
	return s, nil
}

// decodeStack returns the stack whose payload was read under r.key.
func (r *reader) decodeStack(payload []byte) (*refstack.Stack, error) {
	s, err := decodeStack(payload)
	if err != nil {
		return nil, corrupt(r.key, err.Error())
	}
	return &s, nil
}

// A refEntry is what a segment has under the name of a ref, or why that cannot be read.
type refEntry struct {
	storedRef
	err error
}

// entries yields what a segment has, at the time of the call, under the names lo <= name < hi.
func (r *reader) entries(segment storage.ID, lo, hi string) iter.Seq2[string, refEntry] {
	in := span{lo: appendRefKey(nil, segment, lo), hi: prefixEnd(appendRefKey(nil, segment, ""))}
	if hi != "" {
		in.hi = appendRefKey(nil, segment, hi)
	}
	in.prefix = commonPrefix(in.lo, in.hi)
	p := r.begin(in)
	return func(yield func(string, refEntry) bool) {
		p.scan(func(e entry, err error) bool {
			if err != nil {
				return yield("", refEntry{err: err})
			}
			ref, err := decodeRef(e.payload)
			if err != nil {
				yield("", refEntry{err: corrupt(e.key, err.Error())})
				return false
			}
			return yield(string(e.key[headSize:]), refEntry{storedRef: ref})
		})
	}
}

// A medium is a transaction as package refstack needs it.
type medium struct{ t *tx }

func (m medium) Stack(repo storage.ID) (refstack.Stack, bool, error) {
	s, err := m.t.stack(repo)
	if err != nil || s == nil {
		return refstack.Stack{}, false, err
	}
	return *s, true, nil
}

func (m medium) PutStack(repo storage.ID, s refstack.Stack) error {
	t := m.t
	t.b.forked.Store(true)
	format, err := t.get([]byte{formatType})
	if err != nil {
		return err
	}
	if packs := format[0] & formatPacks; format[0] != formatForked|packs {
		key := []byte{formatType}
		t.own.set(string(key), seal(key, []byte{formatForked | packs}))
	}
	key := appendStackKey(nil, repo)
	t.own.set(string(key), seal(key, encodeStack(nil, s)))
	return t.check()
}

func (m medium) DeleteStack(repo storage.ID) error {
	m.t.own.set(string(appendStackKey(nil, repo)), nil)
	return m.t.check()
}

func (m medium) Refcount(segment storage.ID) (uint64, error) {
	key := appendUsersKey(nil, segment)
	payload, err := m.t.get(key)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r := reading{b: payload}
	n := r.uvarint()
	if r.bad || len(r.b) > 0 {
		return 0, corrupt(key, errMalformed.Error())
	}
	return n, nil
}

func (m medium) PutRefcount(segment storage.ID, n uint64) error {
	key := appendUsersKey(nil, segment)
	if n == 0 {
		m.t.own.set(string(key), nil)
	} else {
		m.t.own.set(string(key), seal(key, binary.AppendUvarint(nil, n)))
	}
	return m.t.check()
}

func (m medium) Copy(to, from storage.ID, names []string) error {
	for _, name := range names {
		ref, err := m.t.entry(from, name)
		if err != nil {
			return err
		}
		ref.seq = 0
		key := appendRefKey(nil, to, name)
		m.t.own.set(string(key), seal(key, ref.encode(nil)))
	}
	return m.t.check()
}

func (m medium) DropSegment(segment storage.ID) error {
	return m.t.dropScope(scope{segmentKind, segment})
}
func (m medium) DropLogs(repo storage.ID) error { return m.t.dropScope(scope{logsKind, repo}) }

func (m medium) DropAll(repo storage.ID) error {
	if err := m.t.dropScope(repoScope(repo)); err != nil {
		return err
	}
	if s, err := m.t.stack(repo); err != nil || s == nil {
		return err
	}
	return m.DeleteStack(repo)
}
