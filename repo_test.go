package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

func open(t testing.TB) *reposit.Store {
	t.Helper()
	n := 0
	s, err := reposit.Open(t.Context(), memory.New(), &reposit.Options{
		Now: func() time.Time { return time.Unix(1700000000, 0).UTC() },
		IDs: func() reposit.ID { n++; return reposit.ID(fmt.Sprintf("rp_%020d", n)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	r, err := s.Create(ctx, "My New Project", nil)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := r.List(ctx, "", ""); err != nil || len(l) != 0 {
		t.Fatal(l, err)
	}
	c, err := r.Write(ctx, "dir/a.txt", []byte("hello\n"), "first")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(c)
	if _, err := r.Write(ctx, "dir/a.txt", []byte("hello\n"), "first"); !errors.Is(err, reposit.ErrNoChange) {
		t.Fatal(err)
	}
	_, err = r.Commit(ctx, &reposit.CommitOptions{Message: "second"},
		reposit.Move("dir/a.txt", "b.txt"), reposit.Symlink("link", "b.txt"), reposit.Put("x/y/z", nil),
		reposit.Copy("x", "w"), reposit.Put("w/run", []byte("#!")).Mode(reposit.ModeExecutable))
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.Read(ctx, "main", "b.txt")
	if err != nil || string(data) != "hello\n" {
		t.Fatal(string(data), err)
	}
	for e, err := range r.Walk(ctx, "", "") {
		t.Log(e, err)
	}
	fsys, err := r.FS(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "b.txt", "x/y/z"); err != nil {
		t.Fatal(err)
	}
	_, err = r.Write(ctx, "a//b", nil, "x")
	t.Log(err)
	_, err = r.Write(ctx, "b.txt/c", nil, "x")
	t.Log(err)
	_, err = r.Read(ctx, "main~1", "nope")
	t.Log(err)
	info, err := r.Info(ctx)
	t.Logf("%+v %v", info, err)
	page, err := s.List(ctx, nil)
	t.Log(page, err)
	if _, err := r.Branches().Create(ctx, "dev", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Branches().Create(ctx, "dev", ""); !errors.Is(err, reposit.ErrExists) {
		t.Fatal(err)
	}
	if _, err := r.Tags().Create(ctx, "v1", "main~1", &reposit.TagOptions{Message: "one"}); err != nil {
		t.Fatal(err)
	}
	tag, err := r.Tags().Tag(ctx, "v1")
	t.Log(tag, err)
	h, err := r.Resolve(ctx, c.Hash.String()[:7])
	if err != nil || h != c.Hash {
		t.Fatal(h, err)
	}
	if err := r.Branches().Rename(ctx, "main", "trunk"); err != nil {
		t.Fatal(err)
	}
	token, _ := r.DeleteToken(ctx)
	if err := r.Delete(ctx, token); err != nil {
		t.Fatal(err)
	}
	_, err = r.Info(ctx)
	t.Log(err)
}
