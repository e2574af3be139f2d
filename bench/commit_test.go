package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// layout is a tree of dirs directories with files files each, of 200 bytes.
type layout struct{ dirs, files int }

func (l layout) path(i int) string {
	return fmt.Sprintf("dir%03d/file%02d.txt", i/l.files%l.dirs, i%l.files)
}

func content(i int) []byte {
	b := make([]byte, 0, 200)
	for len(b) < 180 {
		b = fmt.Appendf(b, "line %d of file\n", i)
	}
	return b[:180]
}

// fill opens a store on b with one repository that holds the layout.
func fill(tb testing.TB, b storage.Backend, l layout) (*reposit.Store, *reposit.Repo) {
	tb.Helper()
	ctx := context.Background()
	s, err := reposit.Open(ctx, b, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	r, err := s.Create(ctx, "bench", nil)
	if err != nil {
		tb.Fatal(err)
	}
	changes := make([]reposit.Change, 0, l.dirs*l.files)
	for i := range l.dirs * l.files {
		changes = append(changes, reposit.Put(l.path(i), content(i)))
	}
	if _, err := r.Commit(ctx, &reposit.CommitOptions{Message: "fill"}, changes...); err != nil {
		tb.Fatal(err)
	}
	return s, r
}

var tenThousand = layout{500, 20}

func BenchmarkCommit(b *testing.B) {
	b.Run("engine=reposit/store=memory", func(b *testing.B) { benchmarkCommit(b, memory.New()) })
	b.Run("engine=none/store=memory", func(b *testing.B) { benchmarkFloor(b, memory.New()) })
}

func benchmarkCommit(b *testing.B, backend storage.Backend) {
	ctx := context.Background()
	_, r := fill(b, backend, tenThousand)
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Write(ctx, tenThousand.path(i*7), content(i+1000000), "change"); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkFloor hashes and stores what a commit of one file writes: the blob, two trees and the commit.
func benchmarkFloor(b *testing.B, backend storage.Backend) {
	ctx := context.Background()
	defer backend.Close()
	pool := storage.ID([]byte("00000000000000000001"))
	root := make([]byte, 0, 1<<15)
	for i := range tenThousand.dirs {
		root = fmt.Appendf(root, "40000 dir%03d\x00%020d", i, i)
	}
	var dir []byte
	for i := range tenThousand.files {
		dir = fmt.Appendf(dir, "100644 file%02d.txt\x00%020d", i, i)
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		objects := [4]storage.Object{
			{Type: storage.Blob, Data: content(i + 1000000)},
			{Type: storage.Tree, Data: append([]byte(nil), dir...)},
			{Type: storage.Tree, Data: append([]byte(nil), root...)},
			{Type: storage.Commit, Data: fmt.Appendf(nil, "tree %040d\nparent %040d\nauthor reposit <reposit@localhost> 1700000000 +0000\ncommitter reposit <reposit@localhost> 1700000000 +0000\n\nchange", i, i)},
		}
		copy(objects[1].Data[30:], fmt.Sprintf("%020d", i))
		copy(objects[2].Data[30:], fmt.Sprintf("%020d", i))
		for k := range objects {
			h, err := git.Sum(objects[k].Type, objects[k].Data)
			if err != nil {
				b.Fatal(err)
			}
			objects[k].Hash, objects[k].Size = h, int64(len(objects[k].Data))
		}
		err := backend.Update(ctx, func(tx storage.Tx) error {
			for k := range objects {
				if _, err := tx.PutObject(pool, objects[k]); err != nil {
					return err
				}
			}
			return tx.PutRef(pool, storage.Ref{Name: "refs/heads/main", Hash: objects[3].Hash}, nil)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	_, r := fill(b, memory.New(), tenThousand)
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Read(ctx, "main", tenThousand.path(i&63)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	ctx := context.Background()
	s, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		if _, err := s.Create(ctx, fmt.Sprintf("repo-%d", i), nil); err != nil {
			b.Fatal(err)
		}
	}
}
