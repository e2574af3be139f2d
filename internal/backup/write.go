package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Job is a backup that is to be written.
type Job struct {
	Backend storage.Backend
	Since   *Mark                      // what the chain has; nil for a first backup
	Tell    func(objects, bytes int64) // called now and then; nil: nobody is told
	Stage   func(name string, total int64)
}

// Write writes a backup of the state of one moment, and returns what the chain has with it. It changes nothing.
// Nothing may drop pools meanwhile.
//
// The refs and logs of a repository are held in memory one repository after the other, and 21 bytes for each object of
// one pool; and 8 bytes for each object of the store, which the Mark is made of.
func Write(ctx context.Context, w io.Writer, job *Job) (*Mark, error) {
	frames, err := newFrameWriter(w)
	if err != nil {
		return nil, err
	}
	out := &writer{Job: job, ctx: ctx, out: frames}
	err = job.Backend.View(ctx, out.run)
	if err = frames.end(err); err != nil {
		return nil, err
	}
	return out.mark, nil
}

type writer struct {
	*Job
	ctx  context.Context
	out  *frameWriter
	view storage.View
	mark *Mark // what the chain has, and more and more of what is written
	buf  []byte

	objects int64
}

func (w *writer) run(v storage.View) error {
	w.view = v
	var parent [32]byte
	if w.Since == nil {
		w.mark = newMark(newKey())
	} else {
		parent = sha256.Sum256(w.Since.Encode())
		w.mark = w.Since.clone()
	}
	if err := w.put(itemBegin, parent[:], w.mark.key[:]); err != nil {
		return err
	}
	repos, err := w.repos()
	if err != nil {
		return err
	}
	changed := map[storage.ID]bool{} // pools
	pools := map[storage.ID]bool{}
	for id, now := range repos {
		pools[now.pool] = true
		if was, ok := w.mark.repos[id]; !ok || was != now {
			changed[now.pool] = true
		}
	}
	w.stage("objects", 0)
	for _, pool := range sortedIDs(changed) {
		if err := w.pool(pool); err != nil {
			return err
		}
	}
	w.stage("records", 0)
	if err := w.records(); err != nil {
		return err
	}
	if err := w.refs(repos); err != nil {
		return err
	}
	for _, pool := range sortedIDs(w.mark.pools) {
		if !pools[pool] {
			delete(w.mark.pools, pool)
			if err := w.put(itemDropPool, pool[:]); err != nil {
				return err
			}
		}
	}
	end := sha256.Sum256(w.mark.Encode())
	return w.put(itemEnd, end[:])
}

func (w *writer) stage(name string, total int64) {
	if w.Stage != nil {
		w.Stage(name, total)
	}
}

// put writes an item.
func (w *writer) put(kind byte, parts ...[]byte) error {
	b := append(w.buf[:0], kind)
	for _, p := range parts {
		b = append(b, p...)
	}
	w.buf = b[:0]
	_, err := w.out.Write(b)
	return err
}

// repos returns the repositories, with the sums of their refs and states.
func (w *writer) repos() (map[storage.ID]repoSum, error) {
	repos := map[storage.ID]repoSum{}
	for rec, err := range w.view.Records([]byte("i"), []byte("j"), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if err := w.ctx.Err(); err != nil {
			return nil, err
		}
		if len(rec.Key) != 1+len(storage.ID{}) {
			return nil, fmt.Errorf("record %q: %w: it is the key of no repository", rec.Key, storage.ErrCorrupt)
		}
		id := storage.ID(rec.Key[1:])
		pool, err := catalog.Pool(w.view, id)
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", id, err)
		}
		item, err := w.repo(id, pool)
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", id, err)
		}
		state, err := w.view.Record(append([]byte("t"), id[:]...))
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		repos[id] = repoSum{pool, sumOf(item.encode()), sumOf(state)}
	}
	return repos, nil
}

// repo reads the refs of a repository.
func (w *writer) repo(id, pool storage.ID) (*repoItem, error) {
	r := &repoItem{ID: id, Pool: pool}
	add := func(ref refItem) error {
		for entry, err := range w.view.Log(id, ref.Name) {
			if err != nil {
				return fmt.Errorf("log of %s: %w", ref.Name, err)
			}
			ref.Log = append(ref.Log, entry)
		}
		slices.Reverse(ref.Log)
		r.Refs = append(r.Refs, ref)
		return nil
	}
	for ref, err := range w.view.Refs(id, "", "") {
		if err != nil {
			return nil, fmt.Errorf("ref %s: %w", ref.Name, err)
		}
		if err := add(refItem{Ref: ref}); err != nil {
			return nil, err
		}
	}
	var gone []string
	for name, err := range storage.DeletedRefs(w.view, id) {
		if err != nil {
			return nil, err
		}
		gone = append(gone, name)
	}
	slices.Sort(gone)
	for _, name := range gone {
		if err := add(refItem{Ref: storage.Ref{Name: name}, Gone: true}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// refs writes the repositories that are others than the chain has.
func (w *writer) refs(repos map[storage.ID]repoSum) error {
	for _, id := range sortedIDs(repos) {
		now, was := repos[id], w.mark.repos[id]
		w.mark.repos[id] = now
		switch {
		case was == now:
		case was.pool == now.pool && was.refs == now.refs:
			if err := w.put(itemState, id[:], now.state[:]); err != nil {
				return err
			}
		default:
			r, err := w.repo(id, now.pool)
			if err != nil {
				return err
			}
			b := r.encode()
			if now.refs != sumOf(b) { // another program changes refs under the view
				now.refs = sumOf(b)
				w.mark.repos[id] = now
			}
			if err := w.put(itemRepo, id[:], now.state[:], binary.AppendUvarint(nil, uint64(len(b))), b); err != nil {
				return err
			}
		}
	}
	for _, id := range sortedIDs(w.mark.repos) {
		if _, ok := repos[id]; !ok {
			delete(w.mark.repos, id)
			if err := w.put(itemDropRepo, id[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// A rangeSummer makes the sum of records.
type rangeSummer struct {
	hash hash.Hash
	buf  []byte
}

func newRangeSummer() *rangeSummer { return &rangeSummer{hash: sha256.New()} }

func (s *rangeSummer) add(rec storage.Record) {
	s.buf = binary.AppendUvarint(s.buf[:0], uint64(len(rec.Key)))
	s.buf = append(s.buf, rec.Key...)
	s.buf = binary.AppendUvarint(s.buf, uint64(len(rec.Value)))
	s.hash.Write(append(s.buf, rec.Value...))
}

func (s *rangeSummer) sum() sum { return sum(s.hash.Sum(nil)) }

// records writes the ranges that are others than the chain has. A range is read twice: to find that out, and to be
// written.
func (w *writer) records() error {
	lo, now := []byte{}, newRangeSummer()
	end := func(hi []byte) error {
		s, to, ok := w.mark.find(string(lo))
		if got := now.sum(); !ok || s != got || !bytes.Equal(to, hi) || (to == nil) != (hi == nil) {
			w.mark.replace(lo, hi, got)
			return w.putRange(lo, hi)
		}
		return nil
	}
	for rec, err := range w.view.Records(nil, nil, storage.Ascending) {
		if err == nil {
			err = w.ctx.Err()
		}
		if err != nil {
			return err
		}
		if isEdge(rec.Key) {
			if err := end(rec.Key); err != nil {
				return err
			}
			lo, now = bytes.Clone(rec.Key), newRangeSummer()
		}
		now.add(rec)
	}
	return end(nil)
}

func (w *writer) putRange(lo, hi []byte) error {
	b := record.AppendString(nil, string(lo))
	if hi == nil {
		b = append(b, 0)
	} else {
		b = record.AppendString(append(b, 1), string(hi))
	}
	if err := w.put(itemRecords, b); err != nil {
		return err
	}
	for rec, err := range w.view.Records(lo, hi, storage.Ascending) {
		if err != nil {
			return err
		}
		b = record.AppendString(b[:0], string(rec.Key))
		b = record.AppendString(b, string(rec.Value))
		if err := w.put(itemRecord, b); err != nil {
			return err
		}
	}
	return w.put(0)
}
