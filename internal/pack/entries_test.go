package pack

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

// readPack reads a pack that nothing limits, which may be based on what base has.
func readPack(t *testing.T, p []byte, base shelf) *Pack {
	t.Helper()
	read, err := Read(t.Context(), bytes.NewReader(p), int64(len(p)), Options{
		Blob: 1 << 30, Total: 1 << 30, Objects: 1 << 20, Base: base.base, Check: func(*Object) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// base is Whole of what may be missing.
func (s shelf) base(ctx context.Context, h git.Hash) (storage.Type, []byte, error) {
	if _, ok := s[h]; !ok {
		return 0, nil, storage.ErrNotFound
	}
	return s.Whole(ctx, h)
}

// TestEntries compares what a pack that was read says of its objects with what whoever wrote it knows, and reads each.
func TestEntries(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	noise := func(n int) []byte {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		return data
	}
	var all []storage.Object
	for i := range 40 {
		text := fmt.Appendf(nil, "%d\n%s", i, bytes.Repeat([]byte("line\n"), 300))
		all = append(all, storagetest.NewObject(storage.Blob, text))
		for n := range i % 7 {
			all = append(all, storagetest.NewDelta(all[len(all)-1], append(all[len(all)-1].Data, byte(n))))
		}
		all = append(all, storagetest.NewObject(storage.Blob, noise(i*i*70))) // many fill the reader's buffer
	}
	all = append(all, storagetest.NewObject(storage.Blob, noise(storage.LargeObject+100)),
		storagetest.NewObject(storage.Blob, []byte("the last")))
	bytesOf, want := storagetest.NewPack(all...)
	p := readPack(t, bytesOf, nil)
	got, ok := p.Entries()
	if !ok {
		t.Fatal("Entries() reports false")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Entries() (-want +got):\n%s", diff)
	}
	for _, o := range all {
		found, ok, err := p.Find(t.Context(), o.Hash)
		if err != nil || !ok || found.Type != o.Type || found.Size != o.Size {
			t.Fatalf("Find(%s) = %v, %v, %v, want the %s of %d bytes", o.Hash, found, ok, err, o.Type, o.Size)
		}
		if found.Data != nil && !bytes.Equal(found.Data, o.Data) {
			t.Errorf("Find(%s) has another content", o.Hash)
		}
	}
	if _, ok, err := p.Find(t.Context(), git.Hash{1}); ok || err != nil {
		t.Errorf("Find(missing) = %v, %v, want false", ok, err)
	}
}

// TestNoEntries reads packs that can't be kept: one that has an object twice, a thin one, and one of a long chain.
func TestNoEntries(t *testing.T) {
	var twice builder
	twice.object(storage.Blob, "a")
	twice.object(storage.Blob, "a")
	s := shelf{}
	outside := s.add(t, bytes.Repeat([]byte("line\n"), 50), git.Hash{})
	var thin builder
	thin.refDelta(outside, git.Difference(s[outside].Data, append(s[outside].Data, 'x')))
	long := func(n int) []byte {
		all := []storage.Object{storagetest.NewObject(storage.Blob, nil)}
		for i := range n {
			all = append(all, storagetest.NewDelta(all[i], append(bytes.Clone(all[i].Data), byte(i))))
		}
		p, _ := storagetest.NewPack(all...)
		return p
	}
	for name, test := range map[string]struct {
		pack []byte
		want bool
	}{
		"twice": {twice.pack(), false}, "thin": {thin.pack(), false}, "long": {long(maxKeptChain + 1), false},
		"as long as may be": {long(maxKeptChain), true},
	} {
		if _, got := readPack(t, test.pack, s).Entries(); got != test.want {
			t.Errorf("%s: Entries() reports %v, want %v", name, got, test.want)
		}
	}
}
