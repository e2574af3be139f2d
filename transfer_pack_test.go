package reposit_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// packedHistory makes a repository by git whose one pack has more than size bytes, and returns it and the pack's file.
func packedHistory(t *testing.T, size int) (dir, pack string) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, nil, "init", "-q", "--initial-branch=main", ".")
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(content)
	text := strings.Repeat("a line of a text\n", 200)
	for i := range 12 {
		text += fmt.Sprintf("line %d\n", i)
		for name, data := range map[string]string{
			"large": string(content[i:]), fmt.Sprintf("d/file%d", i/2): text, "text": text, ".gitattributes": "* text\n",
			fmt.Sprintf("part%d", i): string(content[i*size/24 : (i+1)*size/24]),
		} {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(data), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		git(t, dir, nil, "add", "-A")
		commitGit(t, dir, fmt.Sprint("commit ", i))
	}
	git(t, dir, nil, "tag", "v1")
	git(t, dir, nil, "repack", "-adfq")
	git(t, dir, nil, "prune-packed")
	files, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	if err != nil || len(files) != 1 {
		t.Fatalf("there are packs %v, %v, want one", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Size() < int64(size) {
		t.Fatalf("the pack has %v, %v, want %d bytes", info, err, size)
	}
	return dir, files[0]
}

// packsOf returns the packs of a repository's pool, and how many objects are in none.
func (s *store) packsOf(t *testing.T, r *reposit.Repo) (packs []storage.Pack, recent int) {
	t.Helper()
	b, ok := storage.PackerOf(s.backend)
	if !ok {
		t.Fatal("the backend keeps no packs")
	}
	var pool storage.ID
	err := b.View(t.Context(), func(v storage.View) error {
		repo, err := catalog.Load(v, storageID(r))
		pool = repo.Pool
		return err
	})
	if err == nil {
		packs, err = b.Packs(t.Context(), pool)
	}
	if err != nil {
		t.Fatal(err)
	}
	var last storage.Hash
	for i := range last {
		last[i] = 0xff
	}
	for _, err := range b.Recent(t.Context(), pool, storage.Hash{}, last) {
		if err != nil {
			t.Fatal(err)
		}
		recent++
	}
	return packs, recent
}

// TestImportKeepsPacks imports a repository with a pack, and a bundle, and stores a pack by way of go-git: each is kept
// as it came.
func TestImportKeepsPacks(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir, pack := packedHistory(t, 1<<20+1000)
	content, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle")
	git(t, dir, nil, "bundle", "create", "-q", bundle, "--all")
	want := stored(t, dir)
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		for _, way := range []struct {
			name string
			in   func(name string) (*reposit.Repo, error)
		}{
			{"import", func(name string) (*reposit.Repo, error) {
				return s.Import(t.Context(), name, osfs.New(dir), nil)
			}},
			{"bundle", func(name string) (*reposit.Repo, error) {
				f, err := os.Open(bundle)
				if err != nil {
					return nil, err
				}
				defer f.Close()
				return s.ImportBundle(t.Context(), name, f, nil)
			}},
			{"fetch", func(name string) (*reposit.Repo, error) {
				f, err := os.Open(bundle)
				if err != nil {
					return nil, err
				}
				defer f.Close()
				r := create(t, s, name, nil)
				_, err = r.Fetch(t.Context(), f, nil)
				return r, err
			}},
			{"storer", func(name string) (*reposit.Repo, error) {
				r := create(t, s, name, nil)
				into := storerOf(t, r)
				w, err := into.(gogitstorer.PackfileWriter).PackfileWriter()
				if err != nil {
					return nil, err
				}
				if _, err := io.Copy(w, strings.NewReader(string(content))); err != nil {
					return nil, err
				}
				if err := w.Close(); err != nil {
					return nil, err
				}
				tip := plumbing.NewHash(git(t, dir, nil, "rev-parse", "HEAD"))
				return r, into.SetReference(hashRef("refs/heads/main", tip))
			}},
		} {
			r, err := way.in(way.name)
			if err != nil {
				t.Fatalf("%s: %v", way.name, err)
			}
			packs, recent := s.packsOf(t, r)
			if len(packs) != 1 || recent != 0 || packs[0].Objects != len(want) {
				t.Errorf("%s: packs are %v, and %d objects beside, want one of %d", way.name, packs, recent, len(want))
			}
			if way.name != "bundle" && way.name != "fetch" && packs[0].Size != int64(len(content)) {
				t.Errorf("%s: the pack has %d bytes, want %d", way.name, packs[0].Size, len(content))
			}
			out := t.TempDir()
			if err := r.Export(t.Context(), osfs.New(out), nil); err != nil {
				t.Fatalf("%s: Export() = %v", way.name, err)
			}
			fsck(t, out)
			if diff := cmp.Diff(want, stored(t, out)); diff != "" {
				t.Errorf("%s: objects of the export (-want +got):\n%s", way.name, diff)
			}
		}
		checkStore(t, s)
	})
}

// TestImportTakesPacksApart imports packs that can't be kept: with an object that is malformed and not reached.
func TestImportTakesPacksApart(t *testing.T) {
	t.Parallel()
	needGit(t)
	dir, pack := packedHistory(t, 100<<10)
	want := reached(t, dir)
	bad := git(t, dir, []byte("tree 0000\n"), "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
	git(t, dir, []byte(strings.Join(append(want, bad), "\n")+"\n"), "pack-objects", "-q", ".git/objects/pack/pack")
	git(t, dir, nil, "prune-packed")
	for _, file := range []string{pack, strings.TrimSuffix(pack, ".pack") + ".idx"} {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	eachKind(t, func(t *testing.T, open opener) {
		s := open(nil)
		r, err := s.Import(t.Context(), "r", osfs.New(dir), nil)
		if err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		if err := r.Export(t.Context(), osfs.New(out), nil); err != nil {
			t.Fatal(err)
		}
		fsck(t, out)
		if diff := cmp.Diff(want, stored(t, out)); diff != "" {
			t.Errorf("objects of the export (-want +got):\n%s", diff)
		}
		if packs, recent := s.packsOf(t, r); len(packs) != 0 && recent != 0 || len(packs) > 1 {
			t.Errorf("packs are %v, and %d objects beside, want none that came", packs, recent)
		}
	})
}
