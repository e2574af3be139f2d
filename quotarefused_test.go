package reposit_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestQuotaOfRefused brings content to a repository that nothing ever leads to, by each door, again and again: what is
// stored of it counts, so that the repository holds no more than its quota.
func TestQuotaOfRefused(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const quota, each, tries = 4 << 20, 3 << 19, 5
	conflict := &reposit.CommitOptions{Message: "m", Expect: &reposit.Hash{1}}
	doors := map[string]func(t *testing.T, r *reposit.Repo, content []byte) error{
		"commits that are refused": func(t *testing.T, r *reposit.Repo, content []byte) error {
			return errorOf(r.Commit(t.Context(), conflict, reposit.PutReader("f", bytes.NewReader(content))))
		},
		"commits of bytes that are refused": func(t *testing.T, r *reposit.Repo, content []byte) error {
			return errorOf(r.Commit(t.Context(), conflict, reposit.Put("f", content)))
		},
		"commits that end on the way": func(t *testing.T, r *reposit.Repo, content []byte) error {
			return errorOf(r.Commit(t.Context(), nil, reposit.PutReader("f", bytes.NewReader(content)),
				reposit.PutReader("g", failing{})))
		},
		"large objects": func(t *testing.T, r *reposit.Repo, content []byte) error {
			return errorOf(storerOf(t, r).SetEncodedObject(memoryObject(plumbing.BlobObject, string(content))))
		},
		"many objects": func(t *testing.T, r *reposit.Repo, content []byte) error {
			st := storerOf(t, r)
			for part := range bytes.SplitSeq(content, content[:2]) {
				if _, err := st.SetEncodedObject(memoryObject(plumbing.BlobObject, string(part))); err != nil {
					return err
				}
			}
			return closeAll(st.(interface{ Close() error }))
		},
		"packs": func(t *testing.T, r *reposit.Repo, content []byte) error {
			return writePack(storerOf(t, r), encodePack(t, memoryObject(plumbing.BlobObject, string(content))))
		},
	}
	eachKind(t, func(t *testing.T, open opener) {
		for name, door := range doors {
			s := open(&reposit.Options{Limits: reposit.Limits{RepoSize: quota}})
			r := create(t, s, "r", nil)
			write(t, r, "f", "1")
			full := 0
			for i := range tries {
				content := make([]byte, each)
				rand.NewChaCha8([32]byte{byte(i), 1}).Read(content)
				err := door(t, r, content)
				if errors.Is(err, reposit.ErrTooLarge) {
					full++
				} else if err != nil && !errors.Is(err, reposit.ErrConflict) && !errors.Is(err, errFailing) {
					t.Fatalf("%s: %v", name, err)
				}
			}
			var held int64
			for h, err := range s.backend.Objects(t.Context(), storageID(r), storage.Hash{}, lastHash) {
				if err != nil {
					t.Fatal(err)
				}
				_, size, err := s.backend.StatObject(t.Context(), storageID(r), h)
				if err != nil {
					t.Fatal(err)
				}
				held += size
			}
			if held > quota {
				t.Errorf("%s: it holds %d bytes, and may hold %d", name, held, quota)
			}
			if full == 0 && held > each*2 {
				t.Errorf("%s: none of %d was too much", name, tries)
			}
		}
	})
}

var errFailing = errors.New("it fails")

// A failing reader fails.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }

// TestQuotaCountsOnce holds that content which was refused changes nothing at first, counts once when it is taken, and
// when it is not, with the next change or when the store is closed.
func TestQuotaCountsOnce(t *testing.T) {
	for _, forked := range []bool{false, true} {
		b := memory.New()
		s, ctx := openStore(t, kept{b}, "", nil), t.Context()
		r := create(t, s, "r", nil)
		write(t, r, "f", "1")
		if forked {
			must(r.Fork(ctx, &reposit.ForkOptions{Owner: "ann"}))(t)
		}
		before := info(t, r).Size
		content := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
		try := func(expect *reposit.Hash) error {
			return errorOf(r.Commit(ctx, &reposit.CommitOptions{Message: "m", Expect: expect},
				reposit.PutReader("g", bytes.NewReader(content))))
		}
		for range 3 {
			if err := try(&reposit.Hash{1}); !errors.Is(err, reposit.ErrConflict) {
				t.Fatal(err)
			}
		}
		refused := info(t, r).Size - before
		content = append(content, '!')
		if err := try(&reposit.Hash{1}); !errors.Is(err, reposit.ErrConflict) { // it stays refused
			t.Fatal(err)
		}
		content = content[:len(content)-1]
		if err := try(nil); err != nil {
			t.Fatal(err)
		}
		taken := info(t, r).Size - before
		if n := int64(len(content)); refused != 0 || taken < 2*n || taken > 2*n+1000 {
			t.Errorf("%d bytes, refused three times and then taken, and as many refused, count %d and then %d, forked: %v", n,
				refused, taken, forked)
		}
		content = append(content, "??"...)
		if err := try(&reposit.Hash{1}); !errors.Is(err, reposit.ErrConflict) {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again := openStore(t, b, "", nil)
		if closed := info(t, must(again.RepoByID(ctx, r.ID()))(t)).Size - before; closed-taken != int64(len(content)) {
			t.Errorf("%d refused bytes count %d when the store was closed", len(content), closed-taken)
		}
	}
}
