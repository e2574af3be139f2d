package storagetest

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

func packClauses() []clause {
	return []clause{
		{"RoundTrip", packsRoundTrip},
		{"Many", packsMany},
		{"ReadAt", packsReadAt},
		{"Discard", packsDiscard},
		{"Again", packsAgain},
		{"Updates", packsUpdates},
		{"Twice", packsTwice},
		{"Repack", packsRepack},
		{"RepackUnknown", packsRepackUnknown},
		{"Listed", packsListed},
		{"Dropped", packsDropped},
		{"BesideReaders", packsBesideReaders},
		{"Together", packsTogether},
	}
}

// packer returns the backend as one that keeps packs, or skips the clause.
func (f *fixture) packer() storage.Packer {
	f.Helper()
	p, ok := storage.PackerOf(f.b)
	if !ok {
		f.Skip("the backend keeps no packs")
	}
	return p
}

// pack stores objects as a pack.
func (f *fixture) pack(pool storage.ID, all ...storage.Object) {
	f.Helper()
	pack, entries := NewPack(all...)
	if err := StorePack(f.ctx, f.packer(), pool, pack, entries); err != nil {
		f.Fatalf("storing a pack = %v, want nil", err)
	}
}

func (f *fixture) packs(pool storage.ID) []storage.Pack {
	f.Helper()
	all, err := f.packer().Packs(f.ctx, pool)
	if err != nil {
		f.Fatalf("Packs() = %v, want nil", err)
	}
	return all
}

func (f *fixture) wantRecent(pool storage.ID, all ...storage.Object) {
	f.Helper()
	got, err := collect(f.packer().Recent(f.ctx, pool, storage.Hash{}, lastHash))
	if err != nil {
		f.Fatalf("Recent() = %v, want no error", err)
	}
	if diff := cmp.Diff(hashesOf(all), got); diff != "" {
		f.Errorf("Recent() (-want +got):\n%s", diff)
	}
}

// hashesOf returns the hashes in their order, nil for none.
func hashesOf(all []storage.Object) []storage.Hash {
	var hashes []storage.Hash
	for _, o := range all {
		hashes = append(hashes, o.Hash)
	}
	slices.SortFunc(hashes, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(hashes)
}

// line returns n versions of a text, each but the first a delta from the one before.
func line(n int) []storage.Object {
	text := bytes.Repeat([]byte("a line of a text\n"), 60)
	all := []storage.Object{NewObject(storage.Blob, text)}
	for i := 1; i < n; i++ {
		all = append(all, NewDelta(all[i-1], fmt.Appendf(bytes.Clone(all[i-1].Data), "line %d\n", i)))
	}
	return all
}

func packsRoundTrip(f *fixture) {
	all := append(everyType(), line(40)...)
	before := blobs(1)[0]
	f.put(poolID(1), before)
	f.pack(poolID(1), all...)
	f.has(poolID(1), all...)
	f.has(poolID(1), before)
	if diff := cmp.Diff(hashesOf(append(all, before)), f.objects(poolID(1), storage.Hash{}, lastHash)); diff != "" {
		f.Errorf("Objects() (-want +got):\n%s", diff)
	}
	f.wantRecent(poolID(1), before)
	f.lacks(poolID(1), blobs(2)[1].Hash)
	f.lacks(poolID(2), all[0].Hash)
	for _, o := range all {
		if err := f.checkPacked(o); err != nil {
			f.Error(err)
		}
	}
	_, err := f.packer().Packed(f.ctx, poolID(1), before.Hash)
	f.wantErr("Packed(recent)", err, storage.ErrNotFound)
}

// checkPacked compares what the pack of an object has with it.
func (f *fixture) checkPacked(want storage.Object) error {
	p, err := f.packer().Packed(f.ctx, poolID(1), want.Hash)
	if err != nil {
		return fmt.Errorf("Packed(%v): %w", want.Hash, err)
	}
	src := bytes.NewReader(p.Stream)
	z, err := zlib.NewReader(src)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	typ, base, content := want.Type, storage.Hash{}, want.Data
	if want.Delta != nil {
		typ, base, content = 0, want.Delta.Base, want.Delta.Ops
	}
	if !bytes.Equal(data, content) || src.Len() > 0 || p.Type != typ || p.Base != base || p.Length != int64(len(content)) {
		return fmt.Errorf("Packed(%v) = %v based on %v, %d bytes and %d behind, want %v, %v, %d", want.Hash, p.Type, p.Base,
			p.Length, src.Len(), typ, base, len(content))
	}
	return nil
}

// packsMany stores a pack whose index is of several pages, in one of which hashes begin alike.
func packsMany(f *fixture) {
	all := blobs(3000)
	f.pack(poolID(1), all...)
	if got := f.objects(poolID(1), storage.Hash{}, lastHash); len(got) != len(all) {
		f.Errorf("Objects() has %d hashes, want %d", len(got), len(all))
	}
	for i := 0; i < len(all); i += 37 {
		f.has(poolID(1), all[i])
	}
	sorted := hashesOf(all)
	lo, hi := sorted[1000], sorted[1400]
	if got := f.objects(poolID(1), lo, hi); !slices.Equal(got, sorted[1000:1401]) {
		f.Errorf("Objects(lo, hi) has %d hashes, want 401", len(got))
	}
	for i := range 100 {
		f.lacks(poolID(1), NewObject(storage.Blob, fmt.Appendf(nil, "missing %d", i)).Hash)
	}
}

func packsReadAt(f *fixture) {
	data := randomBytes(7, 300_000)
	w, err := f.packer().Pack(f.ctx, poolID(1))
	if err != nil {
		f.Fatal(err)
	}
	f.write(w, data)
	f.together(3, func(i int) error {
		for at := i * 1000; at < len(data); at += 70_001 {
			b := make([]byte, min(40_000, len(data)-at))
			if n, err := w.ReadAt(b, int64(at)); n != len(b) || err != nil || !bytes.Equal(b, data[at:at+n]) {
				return fmt.Errorf("ReadAt(%d bytes at %d) = %d, %v", len(b), at, n, err)
			}
		}
		return nil
	})
	b := make([]byte, 10)
	if n, err := w.ReadAt(b, int64(len(data)-4)); n != 4 || err != io.EOF {
		f.Errorf("ReadAt() beyond the end = %d, %v, want 4, EOF", n, err)
	}
	if err := w.Discard(); err != nil {
		f.Errorf("Discard() = %v, want nil", err)
	}
	if err := w.Discard(); err != nil {
		f.Errorf("second Discard() = %v, want nil", err)
	}
}

// packsDiscard leaves a pack that was not committed, and one that was given up.
func packsDiscard(f *fixture) {
	all := line(20)
	pack, entries := NewPack(all...)
	for _, discard := range []bool{false, true} {
		w, err := f.packer().Pack(f.ctx, poolID(1))
		if err != nil {
			f.Fatal(err)
		}
		f.write(w, pack)
		if discard {
			if err := w.Discard(); err != nil {
				f.Errorf("Discard() = %v, want nil", err)
			}
			if err := w.Commit(f.ctx, entries); err == nil {
				f.Error("Commit() after Discard = nil, want an error")
			}
		}
		f.lacks(poolID(1), all[0].Hash)
		f.wantPacks(0)
	}
}

func (f *fixture) wantPacks(n int) {
	f.Helper()
	if got := f.packs(poolID(1)); len(got) != n {
		f.Errorf("Packs() = %v, want %d", got, n)
	}
}

func packsAgain(f *fixture) {
	all := line(20)
	for range 2 {
		f.pack(poolID(1), all...)
		f.wantPacks(1)
		f.has(poolID(1), all...)
	}
	f.pack(poolID(2), all...)
	f.has(poolID(2), all...)
	f.update(func(tx storage.Tx) error { return tx.DropPool(poolID(2)) })
	f.has(poolID(1), all...)
	f.lacks(poolID(2), all[3].Hash)
}

// packsUpdates has transactions see what packs have.
func packsUpdates(f *fixture) {
	all := line(20)
	f.pack(poolID(1), all...)
	fresh := NewDelta(all[19], []byte("another text"))
	f.update(func(tx storage.Tx) error {
		for _, o := range all {
			has, err := tx.HasObject(poolID(1), o.Hash)
			if err != nil || !has {
				return fmt.Errorf("HasObject(packed) = %v, %w, want true", has, err)
			}
			o.Data = bytes.Clone(o.Data)
			if added, err := tx.PutObject(poolID(1), o); err != nil || added {
				return fmt.Errorf("PutObject(packed) = %v, %w, want false", added, err)
			}
		}
		added, err := tx.PutObject(poolID(1), fresh)
		if err == nil && !added {
			err = errors.New("PutObject(new) = false, want true")
		}
		return err
	})
	f.wantRecent(poolID(1), fresh)
	f.has(poolID(1), fresh)
	f.stage(poolID(1), all...)
	f.wantRecent(poolID(1), fresh)
}

// packsTwice has objects in two packs and on their own, as deltas of each other in both directions.
func packsTwice(f *fixture) {
	up := line(10)
	down := []storage.Object{NewObject(storage.Blob, up[9].Data)}
	for i := range 9 {
		down = append(down, NewDelta(down[i], up[8-i].Data))
	}
	f.put(poolID(1), up...)
	f.pack(poolID(1), down...)
	f.hasContent(up...)
	f.pack(poolID(1), up...)
	f.hasContent(up...)
	if got := f.objects(poolID(1), storage.Hash{}, lastHash); len(got) != len(up) {
		f.Errorf("Objects() has %d hashes, want %d", len(got), len(up))
	}
}

// hasContent is has of objects that may be deltas of any other.
func (f *fixture) hasContent(all ...storage.Object) {
	f.Helper()
	for _, o := range all {
		if _, data, err := ReadObject(f.ctx, f.b, poolID(1), o.Hash); err != nil || !bytes.Equal(data, o.Data) {
			f.Errorf("reading %v gives %d bytes, %v", o.Hash, len(data), err)
		}
	}
}

// packsRepack has one pack take the place of two, and of recent objects.
func packsRepack(f *fixture) {
	all := line(60)
	kept := NewObject(storage.Blob, []byte("kept on its own"))
	large := NewObject(storage.Blob, randomBytes(3, storage.LargeObject+5))
	f.pack(poolID(1), all[:20]...)
	f.pack(poolID(1), slices.Concat(all[:1], all[20:40])...)
	old := f.packs(poolID(1))
	f.put(poolID(1), all[40:]...)
	f.put(poolID(1), kept)
	f.writeLarge(poolID(1), large)
	f.pack(poolID(1), append(slices.Clone(all), large)...)
	f.wantPacks(3)
	drop := []storage.PackID{old[0].ID, old[1].ID}
	for range 2 {
		if err := f.packer().Repack(f.ctx, poolID(1), drop); err != nil {
			f.Fatalf("Repack() = %v, want nil", err)
		}
		f.wantPacks(1)
		f.wantRecent(poolID(1), kept)
		f.has(poolID(1), all...)
		f.has(poolID(1), kept, large)
	}
	left := f.packs(poolID(1))
	if left[0].Objects != len(all)+1 {
		f.Errorf("Packs() = %v, want the one of %d objects", left, len(all)+1)
	}
	if err := f.packer().Repack(f.ctx, poolID(1), []storage.PackID{left[0].ID}); err != nil {
		f.Fatalf("Repack() = %v, want nil", err)
	}
	f.lacks(poolID(1), all[5].Hash)
	f.put(poolID(1), all...) // what was dropped can come back
	f.has(poolID(1), all...)
}

func packsRepackUnknown(f *fixture) {
	if err := f.packer().Repack(f.ctx, poolID(1), []storage.PackID{{1}}); err != nil {
		f.Errorf("Repack() of nothing = %v, want nil", err)
	}
	f.put(poolID(1), blobs(3)...)
	if err := f.packer().Repack(f.ctx, poolID(1), nil); err != nil {
		f.Errorf("Repack() without packs = %v, want nil", err)
	}
	f.has(poolID(1), blobs(3)...)
	f.wantPacks(0)
	_, err := collect(f.packer().PackEntries(f.ctx, poolID(1), storage.PackID{1}))
	f.wantErr("PackEntries(unknown)", err, storage.ErrNotFound)
}

func packsListed(f *fixture) {
	all := line(150)
	pack, entries := NewPack(all...)
	if err := StorePack(f.ctx, f.packer(), poolID(1), pack, entries); err != nil {
		f.Fatal(err)
	}
	list := f.packs(poolID(1))
	if len(list) != 1 || list[0].Objects != len(all) || list[0].Size != int64(len(pack)) {
		f.Fatalf("Packs() = %v, want one of %d objects and %d bytes", list, len(all), len(pack))
	}
	got, err := collect(f.packer().PackEntries(f.ctx, poolID(1), list[0].ID))
	if err != nil {
		f.Fatalf("PackEntries() = %v, want no error", err)
	}
	for i := range got {
		if got[i].CRC == 0 && i < len(entries) {
			got[i].CRC = entries[i].CRC
		}
	}
	if diff := cmp.Diff(entries, got); diff != "" {
		f.Errorf("PackEntries() (-want +got):\n%s", diff)
	}
}

func packsDropped(f *fixture) {
	all := line(20)
	f.put(poolID(1), all[:3]...)
	f.pack(poolID(1), all...)
	f.update(func(tx storage.Tx) error { return tx.DropPool(poolID(1)) })
	for _, o := range all {
		f.lacks(poolID(1), o.Hash)
	}
	f.wantPacks(0)
	f.wantRecent(poolID(1))
}

// packsBesideReaders reads while packs take the place of others, and of recent objects.
func packsBesideReaders(f *fixture) {
	all := line(30)
	f.pack(poolID(1), all[:10]...)
	f.put(poolID(1), all[10:]...)
	var done atomic.Bool
	f.together(3, func(i int) error {
		if i > 0 {
			for !done.Load() {
				for at := range all {
					o := all[(at*7+i)%len(all)]
					if _, data, err := ReadObject(f.ctx, f.b, poolID(1), o.Hash); err != nil || !bytes.Equal(data, o.Data) {
						return fmt.Errorf("reading %v beside Repack gives %d bytes, %w", o.Hash, len(data), err)
					}
				}
			}
			return nil
		}
		defer done.Store(true)
		for round := range 8 {
			old, err := f.packer().Packs(f.ctx, poolID(1))
			if err != nil {
				return err
			}
			pack, entries := NewPack(append(slices.Clone(all), blobs(round + 1)[round])...)
			if err := StorePack(f.ctx, f.packer(), poolID(1), pack, entries); err != nil {
				return err
			}
			drop := []storage.PackID{}
			for _, p := range old {
				drop = append(drop, p.ID)
			}
			if err := f.packer().Repack(f.ctx, poolID(1), drop); err != nil {
				return err
			}
		}
		return nil
	})
}

func packsTogether(f *fixture) {
	p := f.packer()
	all := line(80)
	f.together(4, func(i int) error {
		pack, entries := NewPack(append(slices.Clone(all[:20*(i+1)]), blobs(i + 1)[i])...)
		return StorePack(f.ctx, p, poolID(1), pack, entries)
	})
	f.wantPacks(4)
	f.hasContent(all...)
	f.hasContent(blobs(4)...)
}
