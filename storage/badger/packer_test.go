package badger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

// manyEntries returns entries of objects that are nowhere, some of whose hashes begin alike.
func manyEntries(n int) []storage.PackEntry {
	random := rand.New(rand.NewPCG(1, 2))
	entries := make([]storage.PackEntry, n)
	for i := range entries {
		e := storage.PackEntry{Type: storage.Blob, Size: int64(i), Offset: int64(3*i + 12), Base: storage.NoBase}
		for j := range e.Hash {
			e.Hash[j] = byte(random.Uint32())
		}
		if i%3 == 0 {
			copy(e.Hash[:], bytes.Repeat([]byte{0x80}, 12))
			binary.BigEndian.PutUint32(e.Hash[12:], uint32(i))
		}
		entries[i] = e
	}
	slices.SortFunc(entries, func(a, b storage.PackEntry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	for i := range entries {
		if i%2 == 1 {
			entries[i].Base, entries[i].Depth = int32(i/2), int32(i%50)+1
		}
	}
	return entries
}

// TestPackIndex looks into an index of three levels.
func TestPackIndex(t *testing.T) {
	b := openTest(t, "", &Options{InMemory: true})
	entries := manyEntries(pageEntries*nodeChildren + 5000)
	w, err := b.Pack(t.Context(), testPool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	err = b.read(t.Context(), func(r *reader) error {
		all, err := r.packsOf(testPool)
		if err != nil || len(all) != 1 || all[0].levels != 3 {
			t.Fatalf("packsOf() = %v, %v, want one of three levels", all, err)
		}
		for i := 0; i < len(entries); i += 41 {
			want := entries[i]
			if got, found, err := r.findIn(&all[0], want.Hash); got != want || !found || err != nil {
				t.Fatalf("findIn(%v) = %v, %v, %v, want %v", want.Hash, got, found, err, want)
			}
			if h, err := r.hashAt(&all[0], int32(i)); h != want.Hash || err != nil {
				t.Fatalf("hashAt(%d) = %v, %v, want %v", i, h, err, want.Hash)
			}
			missing := want.Hash
			missing[19] ^= 0x55
			if got, found, err := r.findIn(&all[0], missing); found || err != nil {
				t.Fatalf("findIn(missing) = %v, %v, %v, want none", got, found, err)
			}
		}
		for _, h := range []storage.Hash{{}, storage.Hash(bytes.Repeat([]byte{0xff}, 20))} {
			if _, found, err := r.findIn(&all[0], h); found || err != nil {
				t.Errorf("findIn(%v) = %v, %v, want none", h, found, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for h, err := range b.Objects(t.Context(), testPool, entries[7000].Hash, entries[20_000].Hash) {
		if err != nil || h != entries[7000+i].Hash {
			t.Fatalf("object %d of Objects() = %v, %v, want %v", i, h, err, entries[7000+i].Hash)
		}
		i++
	}
	if i != 13_001 {
		t.Errorf("Objects() has %d, want 13001", i)
	}
}

func FuzzPackPage(f *testing.F) {
	f.Add(encodePage(nil, manyEntries(5)))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, page []byte) {
		entries, err := decodePage(page, 0, pageEntries)
		if err != nil {
			return
		}
		again, err := decodePage(encodePage(nil, entries), 0, pageEntries)
		if err != nil || !slices.Equal(again, entries) {
			t.Errorf("a page that is written again reads as %v, %v, want %v", again, err, entries)
		}
		if _, err := decodePacks(page); err != nil && !errors.Is(err, errMalformed) {
			t.Errorf("decodePacks() = %v, want %v", err, errMalformed)
		}
	})
}

func text(n int) (all []storage.Object) {
	all = append(all, storagetest.NewObject(storage.Blob, bytes.Repeat([]byte("some lines\n"), 500)))
	for i := 1; i < n; i++ {
		all = append(all, storagetest.NewDelta(all[i-1], append(bytes.Clone(all[i-1].Data), byte(i))))
	}
	return all
}

// TestUnfinishedPacks leaves packs that were not committed, and looks that nothing of them is left, nor of what was
// dropped.
func TestUnfinishedPacks(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	pack, entries := storagetest.NewPack(text(20)...)
	large := storagetest.NewObject(storage.Blob, randomBytes(3*mib))
	more, moreEntries := storagetest.NewPack(append(text(10), large)...)
	if err := storagetest.StorePack(t.Context(), b, testPool, pack, entries); err != nil {
		t.Fatal(err)
	}
	if format := formatOf(t, b); format != formatPlain|formatPacks {
		t.Errorf("format with packs is %d, want %d", format, formatPlain|formatPacks)
	}
	for _, end := range []func(storage.PackWriter) error{
		func(storage.PackWriter) error { return nil }, storage.PackWriter.Discard,
	} {
		w, err := b.Pack(t.Context(), testPool)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(more); err != nil {
			t.Fatal(err)
		}
		if err := end(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := storagetest.StorePack(t.Context(), b, testPool, more, moreEntries); err != nil {
		t.Fatal(err)
	}
	all, err := b.Packs(t.Context(), testPool)
	if err != nil || len(all) != 2 {
		t.Fatalf("Packs() = %v, %v, want two", all, err)
	}
	_, _, r, err := b.OpenObject(t.Context(), testPool, large.Hash)
	if err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, 1000)
	if _, err := io.ReadFull(r, begin); err != nil {
		t.Fatal(err)
	}
	if err := b.Repack(t.Context(), testPool, []storage.PackID{all[1].ID}); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(begin, rest...), large.Data) {
		t.Errorf("an object that was open when its pack was dropped gives %d bytes, %v", len(begin)+len(rest), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	closeStore(t, b)
	b = openTest(t, dir, nil)
	for b.calls.Load() > 0 { // what goes on with the drops
		if err := b.View(t.Context(), func(storage.View) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	chunks := (len(pack) + packChunk - 1) / packChunk
	if got := countKeys(t, b, []byte{dataType}); got != chunks {
		t.Errorf("there are %d chunks of packs, want %d", got, chunks)
	}
	if got := countKeys(t, b, []byte{indexType}); got != 1 {
		t.Errorf("there are %d nodes of indexes, want 1", got)
	}
	if got := countKeys(t, b, []byte{droppedType}); got != 0 {
		t.Errorf("there are %d markers, want none", got)
	}
	update(t, b, func(tx storage.Tx) error { return tx.DropPool(testPool) })
	for _, kind := range []byte{dataType, indexType, packsType, droppedType} {
		if got := countKeys(t, b, []byte{kind}); got != 0 {
			t.Errorf("after DropPool there are %d keys of type %c, want none", got, kind)
		}
	}
}

// TestPackOfLostWriter has the marker of a pack go while it is written, as when the engine was opened again.
func TestPackOfLostWriter(t *testing.T) {
	b := openTest(t, "", &Options{InMemory: true})
	pack, entries := storagetest.NewPack(append(text(2), storagetest.NewObject(storage.Blob, randomBytes(2*mib)))...)
	w, err := b.Pack(t.Context(), testPool)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pack); err != nil {
		t.Fatal(err)
	}
	if err := b.abandonPack(context.Background(), w.(*packWriter).key); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), entries); !errors.Is(err, errPackLost) {
		t.Errorf("Commit() = %v, want %v", err, errPackLost)
	}
	if err := w.Discard(); err != nil {
		t.Errorf("Discard() = %v, want nil", err)
	}
	if all, err := b.Packs(t.Context(), testPool); err != nil || len(all) != 0 {
		t.Errorf("Packs() = %v, %v, want none", all, err)
	}
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func formatOf(t *testing.T, b *backend) byte {
	t.Helper()
	txn := b.db.NewTransactionAt(b.ts, false)
	defer txn.Discard()
	payload, _, err := fetch(txn, []byte{formatType})
	if err != nil || len(payload) != 1 {
		t.Fatalf("format is %x, %v", payload, err)
	}
	return payload[0]
}
