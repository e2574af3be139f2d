package language

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestCountEnds holds that a count whose every caller gives up early is done in the end, and comes to the same.
func TestCountEnds(t *testing.T) {
	f := newFixture(t)
	all := files{}
	for i := range 200 {
		all[fmt.Sprintf("d%d/f%d.go", i%7, i)] = goFile + fmt.Sprintln("//", i)
		all[fmt.Sprintf("d%d/f%d.rb", i%7, i)] = rubyFile
	}
	from, to := f.tree(files{"d1/x.go": goFile, "d1/f1.go": rubyFile}), f.tree(all)
	counts := f.count(from)
	want := fixtureOn(t, f.backend).count(to)
	impatient := f.counter.Paced(func(context.Context) error { return context.DeadlineExceeded })
	for calls := 1; ; calls++ {
		got, _, err := impatient.Advance(t.Context(), pool, from, to, counts)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if most := 400/batchSize + 2; calls > most {
			t.Fatalf("%d calls were not enough", most)
		}
		if err == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Advance in %d calls (-want +got):\n%s", calls, diff)
			}
			break
		}
	}
	if n := len(f.counter.unfinished.counts); n != 0 {
		t.Errorf("%d counts are held after the last one ended", n)
	}
}

// TestUnfinishedIsBounded holds that what is held of counts that ended early does not grow.
func TestUnfinishedIsBounded(t *testing.T) {
	f := newFixture(t)
	impatient := f.counter.Paced(func(context.Context) error { return context.Canceled })
	for i := range 3 * maxUnfinished {
		if _, err := impatient.Count(t.Context(), pool, f.tree(files{fmt.Sprint(i): "x"})); !errors.Is(err,
			context.Canceled) {
			t.Fatalf("Count = %v, want %v", err, context.Canceled)
		}
	}
	if n := len(f.counter.unfinished.counts); n != maxUnfinished {
		t.Errorf("%d counts are held, want %d", n, maxUnfinished)
	}
}

// A blobCounter counts the blobs that are read.
type blobCounter struct {
	storage.Backend
	read atomic.Int64
}

func (b *blobCounter) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	o, err := b.Backend.Object(ctx, pool, h)
	if o.Type == storage.Blob {
		b.read.Add(1)
	}
	return o, err
}

func (b *blobCounter) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	t, size, r, err := b.Backend.OpenObject(ctx, pool, h)
	if t == storage.Blob {
		b.read.Add(1)
	}
	return t, size, r, err
}

// TestSameContent holds that content which many files have is looked at once for each kind of file.
func TestSameContent(t *testing.T) {
	b := &blobCounter{Backend: memory.New()}
	t.Cleanup(func() { b.Close() })
	f := fixtureOn(t, b)
	content := strings.Repeat("int word;\n", MaxContent/10)
	blob := f.put(storage.Blob, []byte(content))
	var entries []git.Entry
	for i := range 20_000 {
		entries = append(entries, git.Entry{Name: fmt.Sprintf("f%d.%d.h", i, i), Mode: git.ModeRegular, Hash: blob})
	}
	got := f.count(f.treeOf(entries))
	if want := int64(20_000 * len(content)); got.Bytes["C"]+got.Bytes["C++"]+got.Bytes["Objective-C"] != want {
		t.Errorf("Count = %v, want %d bytes", got.Bytes, want)
	}
	if n := b.read.Load(); n < 1 || n > 8 { // workers may begin with it at once
		t.Errorf("the blob was read %d times", n)
	}
}
