package reposit_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// badFiles are contents that files of these names must not have.
var badFiles = []struct{ path, content string }{
	{".gitmodules", "[submodule \"a\"]\n\tpath = a\n\turl = -u./x\n"},
	{"dir/.gitmodules", "[submodule \"a\"]\n\turl = ./%0ahost=x\n"},
	{".GITMODULES", "[submodule \"a\"]\n\tpath = -x\n"},
	{"gitmod~1", "[submodule \"../x\"]\n\tpath = a\n"},
	{".git\u200cmodules", "[submodule \"a\"]\n\tupdate = !cmd\n"},
	{".gitattributes", "* text\n" + strings.Repeat("x", 2048) + "\n"},
	{"a/b/gitatt~1", strings.Repeat("x", 3000)},
	{".gitattributes", strings.Repeat("a\n", storage.LargeObject) + strings.Repeat("x", 2048)},
	{".gitmodules", strings.Repeat("#\n", storage.LargeObject) + "[submodule \"..\"]\nurl = x\n"},
}

// goodFiles may stand under the same names.
var goodFiles = []struct{ path, content string }{
	{".gitmodules", "[submodule \"a\"]\n\tpath = a\n\turl = ../a.git\n\tupdate = rebase\n"},
	{".gitattributes", strings.Repeat("x", 2047) + "\n"},
	{"gitmodules", badFiles[0].content},
	{".gitmodules.txt", badFiles[0].content},
	{".gitattributes", badFiles[0].content},
	{".gitmodules", badFiles[6].content},
}

func TestCommitChecksGitFiles(t *testing.T) {
	r := create(t, openMemory(t, nil), "files", nil)
	tip := write(t, r, "file", "x").Hash
	for i, f := range badFiles {
		data, stored := []byte(f.content), fmt.Sprintf("stored%d", i)
		tip = commit(t, r, nil, reposit.Put(stored, data)).Hash
		blob := blobHash(f.content)
		for door, changes := range map[string][]reposit.Change{
			"Put":        {reposit.Put(f.path, data)},
			"executable": {reposit.Put(f.path, data).Mode(reposit.ModeExecutable)},
			"PutReader":  {reposit.PutReader(f.path, strings.NewReader(f.content))},
			"PutBlob":    {reposit.PutBlob(f.path, blob)},
			"Move":       {reposit.Move(stored, f.path)},
			"Copy":       {reposit.Copy(stored, f.path)},
			"new blob": {
				reposit.Put("other", []byte(f.content+"\n")), reposit.PutBlob(f.path, blobHash(f.content+"\n")),
			},
			"new move": {reposit.Put("other", []byte(f.content+"\n\n")), reposit.Move("other", f.path)},
			"replaced": {reposit.Put(f.path, nil), reposit.Put(f.path, data)},
		} {
			_, err := r.Commit(t.Context(), nil, changes...)
			checkError(t, attempt{name: door + " of " + f.path, want: reposit.ErrInvalid, path: f.path}, err)
		}
		_, err := r.Write(t.Context(), f.path, data, "")
		checkError(t, attempt{name: "Write of " + f.path, want: reposit.ErrInvalid}, err)
	}
	if got := commitOf(t, r, "main"); got != tip {
		t.Errorf("main = %s, want %s", got, tip)
	}
	for _, f := range goodFiles {
		write(t, r, f.path, f.content)
	}
	// Content that the repository does not have is not told about.
	_, err := r.Commit(t.Context(), nil, reposit.PutBlob(".gitmodules", blobHash("unknown")))
	if !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("PutBlob of an unknown blob = %v, want %v", err, reposit.ErrNotFound)
	}
}

// fileObjects returns the objects of a commit of one file: blob, trees from the lowest, commit.
func fileObjects(path, content string) []*plumbing.MemoryObject {
	blob := memoryObject(plumbing.BlobObject, content)
	objects := []*plumbing.MemoryObject{blob}
	parts, mode, h := strings.Split(path, "/"), "100644", blob.Hash()
	for i := len(parts) - 1; i >= 0; i-- {
		tree := memoryObject(plumbing.TreeObject, mode+" "+parts[i]+"\x00"+string(h[:]))
		objects = append(objects, tree)
		mode, h = "40000", tree.Hash()
	}
	who := " A <a@b> 1 +0000\n"
	return append(objects, memoryObject(plumbing.CommitObject,
		"tree "+h.String()+"\nauthor"+who+"committer"+who+"\nfile\n"))
}

func TestStorerChecksGitFiles(t *testing.T) {
	st := openMemory(t, nil)
	r := create(t, st, "files", nil)
	made := 0
	fresh := func() *reposit.Repo {
		made++
		return create(t, st, fmt.Sprint("fresh ", made), nil)
	}
	for _, f := range badFiles {
		objects := fileObjects(f.path, f.content)
		blob, tree, last := objects[0], objects[1], objects[len(objects)-1]
		stored := commit(t, r, nil, reposit.Put("stored", []byte(f.content)))
		before := st.digest(t)
		refused := func(door string, err error) {
			t.Helper()
			if !errors.Is(err, reposit.ErrInvalid) || !strings.Contains(err.Error(), "(git") {
				t.Errorf("%s: %s = %v, want %v", f.path, door, err, reposit.ErrInvalid)
			}
		}

		s := storerOf(t, r)
		setObject(s, plumbing.BlobObject, f.content)
		_, err := s.SetEncodedObject(tree)
		refused("SetEncodedObject after the blob", err)
		_, err = storerOf(t, r).SetEncodedObject(tree)
		refused("SetEncodedObject of a tree whose blob is stored", err)

		refused("pack", writePack(storerOf(t, r), encodePack(t, objects...)))
		refused("pack without the stored blob", writePack(storerOf(t, r), encodePack(t, objects[1:]...)))
		if after := st.digest(t); after != before && len(f.content) < storage.LargeObject {
			t.Errorf("%s: what was refused left something behind", f.path)
		}

		// The trees come first, in a repository that does not know the blob.
		other := fresh()
		s = storerOf(t, other)
		for i := len(objects) - 1; i >= 0; i-- {
			if _, err := s.SetEncodedObject(objects[i]); err != nil {
				t.Errorf("%s: SetEncodedObject of object %d = %v", f.path, i, err)
			}
		}
		refused("SetReference", s.SetReference(hashRef("refs/heads/main", last.Hash())))
		refused("Close", s.(interface{ Close() error }).Close())
		if _, err := other.Resolve(t.Context(), "main"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("%s: main resolves: %v", f.path, err)
		}
		if len(f.content) < storage.LargeObject {
			for _, order := range [][]*plumbing.MemoryObject{{blob, tree}, {tree, blob}} {
				tx := storerOf(t, fresh()).(interface {
					Begin() gogitstorer.Transaction
				}).Begin()
				for _, o := range order {
					if _, err := tx.SetEncodedObject(o); err != nil {
						t.Errorf("%s: SetEncodedObject of the transaction = %v", f.path, err)
					}
				}
				refused("Commit of the transaction", tx.Commit())
			}
		}
		if got, err := r.Resolve(t.Context(), "main"); err != nil || got != stored.Hash {
			t.Errorf("%s: main = %s, %v", f.path, got, err)
		}
	}
	for _, f := range goodFiles {
		objects := fileObjects(f.path, f.content)
		s := storerOf(t, fresh())
		for _, o := range objects {
			if _, err := s.SetEncodedObject(o); err != nil {
				t.Errorf("SetEncodedObject of the good %s = %v", f.path, err)
			}
		}
		if err := s.SetReference(hashRef("refs/heads/main", objects[len(objects)-1].Hash())); err != nil {
			t.Errorf("SetReference of the good %s = %v", f.path, err)
		}
		if err := writePack(storerOf(t, fresh()), encodePack(t, objects...)); err != nil {
			t.Errorf("pack with the good %s = %v", f.path, err)
		}
	}
}

// TestGitFilesStayReadable puts a file that is refused now behind the back of the store, as an older one holds it.
func TestGitFilesStayReadable(t *testing.T) {
	st := openMemory(t, nil)
	r := create(t, st, "old", nil)
	for _, f := range badFiles[:6] {
		objects := fileObjects(f.path, f.content)
		tip := objects[len(objects)-1].Hash()
		err := st.backend.Update(t.Context(), func(tx storage.Tx) error {
			pool, err := catalog.Pool(tx, storageID(r))
			for _, o := range objects {
				in, _ := o.Reader()
				data, _ := io.ReadAll(in)
				if err == nil {
					_, err = tx.PutObject(pool, storage.Object{
						Hash: storage.Hash(o.Hash()), Type: storage.Type(o.Type()), Size: o.Size(), Data: data,
					})
				}
			}
			return errors.Join(err, tx.PutRef(storageID(r), storage.Ref{Name: "refs/heads/main", Hash: storage.Hash(tip)}, nil))
		})
		if err != nil {
			t.Fatal(err)
		}
		if data, err := r.Read(t.Context(), "main", f.path); err != nil || string(data) != f.content {
			t.Errorf("Read(%s) = %.80q, %v", f.path, data, err)
		}
		s := storerOf(t, r)
		if got := contentOf(t, s, objects[0].Hash()); got != f.content {
			t.Errorf("EncodedObject of %s = %.80q", f.path, got)
		}
		// Commits go on beside it, and may take it away.
		write(t, r, "beside/file", f.path)
		commit(t, r, nil, reposit.Move(f.path, "moved"))
		if err := s.SetReference(hashRef("refs/heads/side", tip)); err != nil {
			t.Errorf("SetReference to the commit of %s = %v", f.path, err)
		}
	}
}
