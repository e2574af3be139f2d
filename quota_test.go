package reposit_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	gogitstorage "github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit"
)

// TestQuotaTellsNothing brings content to a fork by each door, near its quota and far from it: errors and sizes are the
// same whether a sibling holds the content, only staged it, or has never seen it.
func TestQuotaTellsNothing(t *testing.T) {
	t.Parallel()
	limit, rooms := 4<<20, []int{100, 257 << 10, 1<<20 + 2<<10, 3 << 20}
	if testing.Short() {
		limit, rooms = 3<<20, []int{100, 1<<20 + 2<<10}
	}
	content := func(seed string, n int) string { return strings.Repeat(seed, n/len(seed)) }
	small, large := content("sml ", 256<<10), content("large...", 1<<20+256)
	put := func(path, text string) reposit.Change { return reposit.Put(path, []byte(text)) }
	read := func(path, text string) reposit.Change { return reposit.PutReader(path, strings.NewReader(text)) }
	committed := func(opts reposit.CommitOptions, changes ...func() reposit.Change) func(*testing.T, *reposit.Repo) error {
		return func(t *testing.T, r *reposit.Repo) error {
			var made []reposit.Change
			for _, c := range changes {
				made = append(made, c())
			}
			opts := opts
			_, err := r.Commit(t.Context(), &opts, made...)
			return err
		}
	}
	later := func(make func(path, text string) reposit.Change, path, text string) func() reposit.Change {
		return func() reposit.Change { return make(path, text) }
	}
	stored := func(store func(*testing.T, gogitstorage.Storer) error) func(*testing.T, *reposit.Repo) error {
		return func(t *testing.T, r *reposit.Repo) error {
			s := storerOf(t, r)
			if err := store(t, s); err != nil {
				return err
			}
			h := plumbing.Hash(blobHash(small))
			if s.HasEncodedObject(h) != nil {
				h = plumbing.Hash(blobHash(large))
			}
			return s.SetReference(hashRef("refs/tags/x", h))
		}
	}
	object := func(texts ...string) func(*testing.T, *reposit.Repo) error {
		return stored(func(_ *testing.T, s gogitstorage.Storer) error {
			for _, text := range texts {
				if _, err := s.SetEncodedObject(memoryObject(plumbing.BlobObject, text)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	hashes := regexp.MustCompile("[0-9a-f]{40}") // they differ with the time
	message := reposit.CommitOptions{Message: "m"}
	conflict := reposit.CommitOptions{Message: "m", Expect: &reposit.Hash{}}
	doors := map[string]func(*testing.T, *reposit.Repo) error{
		"Write": func(t *testing.T, r *reposit.Repo) error {
			_, err := r.Write(t.Context(), "f", []byte(small), "m")
			return err
		},
		"Write of much": func(t *testing.T, r *reposit.Repo) error {
			_, err := r.Write(t.Context(), "f", []byte(large), "m")
			return err
		},
		"Put":                  committed(message, later(put, "f", small)),
		"Put of much":          committed(message, later(put, "f", large), later(put, "g", small)),
		"PutReader":            committed(message, later(read, "f", small)),
		"PutReader of much":    committed(message, later(read, "f", large)),
		"both":                 committed(message, later(put, "f", large), later(read, "g", large)),
		"Commit of a conflict": committed(conflict, later(read, "f", large)),
		"Commit once more": func(t *testing.T, r *reposit.Repo) error {
			return errors.Join(committed(conflict, later(read, "f", large))(t, r),
				committed(message, later(read, "f", large))(t, r))
		},
		"SetEncodedObject":         object(small),
		"SetEncodedObject of much": object(large),
		"SetEncodedObject of both": object(small, large),
		"pack": stored(func(t *testing.T, s gogitstorage.Storer) error {
			return writePack(s, encodePack(t, memoryObject(plumbing.BlobObject, small),
				memoryObject(plumbing.BlobObject, large)))
		}),
	}
	siblings := map[string]func(*testing.T, *reposit.Repo){
		"holds it": func(t *testing.T, r *reposit.Repo) { commit(t, r, nil, put("a", small), put("b", large)) },
		"staged it": func(t *testing.T, r *reposit.Repo) {
			err := committed(conflict, later(read, "a", small), later(read, "b", large))(t, r)
			if !errors.Is(err, reposit.ErrConflict) {
				t.Fatal(err)
			}
		},
		"staged and holds it": func(t *testing.T, r *reposit.Repo) {
			if err := committed(conflict, later(read, "b", large))(t, r); !errors.Is(err, reposit.ErrConflict) {
				t.Fatal(err)
			}
			commit(t, r, nil, put("a", small), put("b", large))
		},
	}
	for name, door := range doors {
		t.Run(name, func(t *testing.T) {
			refused := false
			for _, room := range rooms {
				outcome := func(sibling func(*testing.T, *reposit.Repo)) string {
					s, ctx := openMemory(t, &reposit.Options{Limits: reposit.Limits{RepoSize: int64(limit)}}), t.Context()
					root := create(t, s, "root", nil)
					write(t, root, "a", "1")
					own := must(root.Fork(ctx, &reposit.ForkOptions{Owner: "own"}))(t)
					other := must(root.Fork(ctx, &reposit.ForkOptions{Owner: "other"}))(t)
					info := must(own.Info(ctx))(t)
					if fill := limit - room - int(info.Size) - 300; fill > 0 { // with a tree and a commit
						commit(t, own, &reposit.CommitOptions{Message: "m"}, read("fill", content("!", fill)))
					}
					if sibling != nil {
						sibling(t, other)
					}
					err := door(t, own)
					refused = refused || errors.Is(err, reposit.ErrTooLarge)
					return fmt.Sprint(must(own.Info(ctx))(t).Size, " ", hashes.ReplaceAllString(fmt.Sprint(err), "hash"))
				}
				want := outcome(nil)
				for sibling, held := range siblings {
					if got := outcome(held); got != want {
						t.Errorf("with room for %d bytes, where a sibling %s: %s, otherwise %s", room, sibling, got, want)
					}
				}
			}
			if !refused {
				t.Error("it is never refused")
			}
		})
	}
}
