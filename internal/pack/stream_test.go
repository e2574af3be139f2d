package pack

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
)

// An unhurried reader returns a few bytes at a time, and says so when it is asked for more than there are.
type unhurried struct {
	left   []byte
	step   int
	beyond bool
}

func (r *unhurried) Read(b []byte) (int, error) {
	if len(r.left) == 0 {
		r.beyond = true
		return 0, io.EOF
	}
	n := copy(b, r.left[:min(len(r.left), r.step)])
	r.left = r.left[n:]
	return n, nil
}

// checkArrival reads a pack as it arrives: it holds what Read says it does, and not a byte more than it has is waited
// for.
func checkArrival(t testing.TB, p []byte, opts Options, objects int, want error) {
	t.Helper()
	opts.Check = func(*Object) error { return nil }
	for _, step := range []int{1, 13, 1 << 20} {
		src := &unhurried{left: p, step: step}
		spool := NewSpool(1<<30, Store{Create: func() (storage.Writer, error) { return &segmentWriter{}, nil }})
		got, err := ReadStream(t.Context(), src, spool, opts)
		switch {
		case want != nil:
			if err == nil || errors.Is(want, ErrTooLarge) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("ReadStream() = %v, and Read() = %v", err, want)
			}
		case err != nil || got.Len() != objects || src.beyond:
			t.Fatalf("ReadStream() = %v, reads on: %v, want the same %d objects and no more", err, src.beyond, objects)
		default:
			kept := make([]byte, len(p))
			if n, err := spool.ReadAt(kept, 0); n != len(p) || err != nil || !bytes.Equal(kept, p) ||
				spool.Size() != int64(len(p)) {
				t.Errorf("the spool has %d of %d bytes, %v", n, spool.Size(), err)
			}
			err := got.Each(t.Context(), func(o *Object) error {
				if h := sum(o.Type, string(o.Data)); o.Data != nil && h != o.Hash {
					t.Errorf("object %s has hash %s", o.Hash, h)
				}
				return nil
			})
			if err != nil {
				t.Errorf("Each() = %v", err)
			}
		}
		if err := spool.Discard(); err != nil {
			t.Error(err)
		}
	}
}

// TestReadStream reads packs of which nothing but their last object tells that they end, and one that goes on.
func TestReadStream(t *testing.T) {
	var b builder
	checkArrival(t, b.pack(), generous, 0, nil)
	at := b.object(storage.Blob, "")
	checkArrival(t, b.pack(), generous, 1, nil)
	b.object(storage.Blob, strings.Repeat("0123456789", 50000))
	b.offsetDelta(at, appending(0, "more"))
	b.refDelta(sum(storage.Commit, "a commit"), appending(8, "!"))
	b.object(storage.Commit, "a commit")
	p := b.pack()
	checkArrival(t, p, generous, 5, nil)
	checkArrival(t, p[:len(p)-1], generous, 0, ErrMalformed)
	checkArrival(t, p[:len(p)-trailerSize], generous, 0, ErrMalformed)
	flip := bytes.Clone(p)
	flip[len(p)-1] ^= 1
	checkArrival(t, flip, generous, 0, ErrMalformed)

	spool := NewSpool(1<<20, Store{})
	if _, err := ReadStream(t.Context(), bytes.NewReader(append(bytes.Clone(p), "more"...)), spool, generous); err != nil {
		t.Errorf("ReadStream() of a pack that something follows = %v", err)
	}
	spool = NewSpool(100<<10, Store{})
	big := builder{}
	var noise strings.Builder
	for i := range 50000 {
		h := sum(storage.Blob, noise.String()[max(0, noise.Len()-20):]+string(rune(i)))
		noise.Write(h[:])
	}
	big.object(storage.Blob, noise.String())
	if _, err := ReadStream(t.Context(), bytes.NewReader(big.pack()), spool, generous); !errors.Is(err, ErrTooLarge) {
		t.Errorf("ReadStream() of a pack that the spool does not take = %v, want ErrTooLarge", err)
	}
}
