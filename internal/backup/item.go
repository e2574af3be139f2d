package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The items of a stream, each after its kind. Lengths, sizes and counts are uvarints, strings have their length in
// front.
const (
	itemBegin    = 'H' // first: the sum of the mark that it goes on from (32 bytes, zeros for none), the key of names (16)
	itemPool     = 'O' // objects of a pool follow: its ID
	itemWhole    = 'w' // an object: type, hash, size, content
	itemDelta    = 'd' // an object: type, hash, size, hash of its base, depth, length of the instructions, instructions
	itemRecords  = 'R' // the records of a range, in place of all that were there: lo, 1 and hi or 0, records, 0
	itemRecord   = 'r' // one of them: key, value
	itemRepo     = 'P' // a repository, in place of what it was: ID, sum of its state (16), length of what follows, refs
	itemState    = 'S' // a repository whose refs are as they were: ID, sum of its state (16)
	itemDropRepo = 'X' // a repository that is gone: ID
	itemDropPool = 'Z' // a pool that is gone: ID
	itemEnd      = 'E' // last: the sum of the mark that the stream leads to (32 bytes)
)

// A repoItem is a repository with its refs and their logs.
type repoItem struct {
	ID, Pool storage.ID
	Refs     []refItem
}

// A refItem is a ref, or what the log of a deleted one tells.
type refItem struct {
	storage.Ref
	Gone bool
	Log  []storage.LogEntry // the oldest first
}

// The kinds of refs.
const (
	refGone byte = iota
	refHash
	refSymbolic
)

func (r *repoItem) encode() []byte {
	b := append([]byte(nil), r.Pool[:]...)
	b = binary.AppendUvarint(b, uint64(len(r.Refs)))
	for i := range r.Refs {
		b = r.Refs[i].encode(b)
	}
	return b
}

func (r *refItem) encode(b []byte) []byte {
	b = record.AppendString(b, r.Name)
	switch {
	case r.Gone:
		b = append(b, refGone)
	case r.Target != "":
		b = record.AppendString(append(b, refSymbolic), r.Target)
	default:
		b = append(append(b, refHash), r.Hash[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Log)))
	for i := range r.Log {
		e := &r.Log[i]
		b = append(append(b, e.Old[:]...), e.New[:]...)
		_, offset := e.When.Zone()
		b = binary.AppendVarint(binary.AppendVarint(b, e.When.Unix()), int64(offset))
		b = record.AppendString(record.AppendString(record.AppendString(b, e.Name), e.Email), e.Message)
	}
	return b
}

func decodeRepoItem(id storage.ID, b []byte) (*repoItem, error) {
	d := record.Decode(b)
	r := &repoItem{ID: id, Pool: d.ID()}
	for range d.Count(uint64(d.Len())) {
		ref := refItem{Ref: storage.Ref{Name: d.String()}}
		switch kind := d.Byte(); kind {
		case refGone:
			ref.Gone = true
		case refHash:
			ref.Hash = d.Hash()
		case refSymbolic:
			ref.Target = d.String()
			d.Check(ref.Target != "")
		default:
			d.Check(false)
		}
		for range d.Count(uint64(d.Len())) {
			e := storage.LogEntry{Old: d.Hash(), New: d.Hash()}
			at, offset := d.Varint(), d.Varint()
			d.Check(offset > -24*3600 && offset < 24*3600)
			e.When = time.Unix(at, 0).In(time.FixedZone("", int(offset)))
			e.Name, e.Email, e.Message = d.String(), d.String(), d.String()
			ref.Log = append(ref.Log, e)
		}
		d.Check(ref.Name != "")
		r.Refs = append(r.Refs, ref)
	}
	return r, d.End("repository of a backup")
}

// A sink takes the items of streams.
type sink interface {
	pool(ctx context.Context, id storage.ID) error
	// object takes an object, whose Data is nil if it is a delta
	object(ctx context.Context, pool storage.ID, o storage.Object) error
	large(ctx context.Context, pool storage.ID, t storage.Type, h storage.Hash, size int64, r io.Reader) error
	// endPool comes when no more objects of a pool do
	endPool(ctx context.Context, id storage.ID) error
	records(ctx context.Context, lo, hi []byte, next func() (*storage.Record, error)) error
	repo(ctx context.Context, r *repoItem) error
	dropRepo(ctx context.Context, id storage.ID) error
	dropPool(ctx context.Context, id storage.ID) error
}

// A source reads the items of one stream.
type source struct {
	r    *bufio.Reader
	at   *Mark // what the chain has; nil before the first stream
	sum  [32]byte
	into sink
	tell func(objects, bytes int64)

	objects int64
	names   []uint64 // of the objects of the pool
}

// Limits of what is believed without having come.
const (
	mostBelieved = 1 << 20
	mostDelta    = 1 << 31
)

func (s *source) bytes(n uint64) ([]byte, error) {
	if n <= mostBelieved {
		b := make([]byte, n)
		_, err := io.ReadFull(s.r, b)
		return b, err
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, s.r, int64(n)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (s *source) uvarint(limit uint64) (uint64, error) {
	n, err := binary.ReadUvarint(s.r)
	if err == nil && n > limit {
		err = damaged("a length is too large")
	}
	return n, err
}

func (s *source) string(limit uint64) ([]byte, error) {
	n, err := s.uvarint(limit)
	if err != nil {
		return nil, err
	}
	return s.bytes(n)
}

func (s *source) id() (id storage.ID, err error) {
	_, err = io.ReadFull(s.r, id[:])
	for _, c := range id {
		if err == nil && (c < '0' || c > '9' && c < 'a' || c > 'z') {
			err = damaged("an ID has other bytes than 0-9 and a-z")
		}
	}
	return id, err
}

// ErrChain says that backups do not follow each other.
var ErrChain = errors.New("the backups do not follow each other")

// run reads all items. The end of the stream before the last item is damage.
func (s *source) run(ctx context.Context) error {
	err := s.begin()
	var done bool
	var in storage.ID // the pool that objects are of
	for err == nil && !done {
		if err = ctx.Err(); err != nil {
			break
		}
		var kind byte
		if kind, err = s.r.ReadByte(); err != nil {
			break
		}
		if !in.IsZero() && kind != itemWhole && kind != itemDelta {
			s.at.add(in, s.names)
			if err = s.into.endPool(ctx, in); err != nil {
				break
			}
			in = storage.ID{}
		}
		switch kind {
		case itemPool:
			if in, err = s.id(); err == nil {
				s.names = s.names[:0]
				err = s.into.pool(ctx, in)
			}
		case itemWhole, itemDelta:
			if in.IsZero() {
				return damaged("an object is of no pool")
			}
			err = s.object(ctx, in, kind == itemDelta)
		case itemEnd:
			done, err = true, s.end()
		default:
			err = s.other(ctx, kind)
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = damaged("it ends within an item")
	}
	return err
}

func (s *source) begin() error {
	var b [1 + 32 + 16]byte
	if _, err := io.ReadFull(s.r, b[:]); err != nil {
		return err
	}
	if b[0] != itemBegin {
		return damaged("it has no beginning")
	}
	parent, key := [32]byte(b[1:]), [16]byte(b[33:])
	if s.at == nil && parent == [32]byte{} {
		s.at = newMark(key)
		return nil
	}
	if s.at == nil || parent != s.sum || key != s.at.key {
		return ErrChain
	}
	return nil
}

func (s *source) end() error {
	if _, err := io.ReadFull(s.r, s.sum[:]); err != nil {
		return err
	}
	if _, err := s.r.ReadByte(); err != io.EOF {
		if err == nil {
			err = damaged("something follows the last item")
		}
		return err
	}
	return nil
}

func (s *source) object(ctx context.Context, pool storage.ID, isDelta bool) error {
	var b [1 + 20]byte
	if _, err := io.ReadFull(s.r, b[:]); err != nil {
		return err
	}
	o := storage.Object{Type: storage.Type(b[0]), Hash: storage.Hash(b[1:])}
	size, err := s.uvarint(1 << 62)
	if err != nil {
		return err
	}
	if o.Size = int64(size); o.Type < storage.Commit || o.Type > storage.Tag {
		return damaged("object %s is of no known type", o.Hash)
	}
	s.names = append(s.names, s.at.short(o.Hash))
	if s.objects++; s.tell != nil {
		s.tell(s.objects, o.Size)
	}
	if isDelta {
		o.Delta = &storage.Delta{}
		if _, err := io.ReadFull(s.r, o.Delta.Base[:]); err != nil {
			return err
		}
		depth, err := s.uvarint(1 << 20)
		if err != nil {
			return err
		}
		o.Delta.Depth = int(depth)
		if o.Delta.Ops, err = s.string(mostDelta); err != nil {
			return err
		}
		return s.into.object(ctx, pool, o)
	}
	if o.Size < storage.LargeObject {
		if o.Data, err = s.bytes(size); err != nil {
			return err
		}
		return s.into.object(ctx, pool, o)
	}
	content := &io.LimitedReader{R: s.r, N: o.Size}
	if err := s.into.large(ctx, pool, o.Type, o.Hash, o.Size, content); err != nil {
		return err
	}
	if content.N > 0 {
		return damaged("object %s: it is cut short", o.Hash)
	}
	return nil
}

func (s *source) other(ctx context.Context, kind byte) error {
	if kind == itemRecords {
		return s.records(ctx)
	}
	id, err := s.id()
	if err != nil {
		return err
	}
	switch kind {
	case itemDropRepo:
		delete(s.at.repos, id)
		return s.into.dropRepo(ctx, id)
	case itemDropPool:
		delete(s.at.pools, id)
		return s.into.dropPool(ctx, id)
	case itemRepo, itemState:
	default:
		return damaged("an item is of no known kind")
	}
	kept := s.at.repos[id]
	if _, err := io.ReadFull(s.r, kept.state[:]); err != nil {
		return err
	}
	if kind == itemState {
		if kept.pool.IsZero() {
			return damaged("repository %s is not there", id)
		}
		s.at.repos[id] = kept
		return nil
	}
	b, err := s.string(1 << 40)
	if err != nil {
		return err
	}
	r, err := decodeRepoItem(id, b)
	if err != nil {
		return err
	}
	kept.pool, kept.refs = r.Pool, sumOf(b)
	s.at.repos[id] = kept
	return s.into.repo(ctx, r)
}

func (s *source) records(ctx context.Context) error {
	lo, err := s.string(storage.MaxKey)
	if err != nil {
		return err
	}
	has, err := s.r.ReadByte()
	if err != nil {
		return err
	}
	var hi []byte
	if has == 1 {
		if hi, err = s.string(storage.MaxKey); err != nil {
			return err
		}
	}
	summer := newRangeSummer()
	done := false
	last := ""
	next := func() (*storage.Record, error) {
		if done {
			return nil, nil
		}
		kind, err := s.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if kind == 0 {
			done = true
			return nil, nil
		}
		var rec storage.Record
		if rec.Key, err = s.string(storage.MaxKey); err != nil {
			return nil, err
		}
		if rec.Value, err = s.string(storage.MaxValue); err != nil {
			return nil, err
		}
		if kind != itemRecord || len(rec.Key) == 0 || string(rec.Key) <= last && last != "" ||
			bytes.Compare(rec.Key, lo) < 0 || hi != nil && bytes.Compare(rec.Key, hi) >= 0 {
			return nil, damaged("a record is out of its place")
		}
		last = string(rec.Key)
		summer.add(rec)
		return &rec, nil
	}
	if err := s.into.records(ctx, lo, hi, next); err != nil {
		return err
	}
	if !done {
		return damaged("the records of a range do not end")
	}
	s.at.replace(lo, hi, summer.sum())
	return nil
}
