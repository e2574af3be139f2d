package pull

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestRequirementsBounds asks who owns paths that are too deep or too long. Nobody can approve of such a change, and
// finding that out takes no more memory than the bounds.
func TestRequirementsBounds(t *testing.T) {
	b := memory.New()
	defer b.Close()
	pool := id(1)
	put := func(typ storage.Type, data string) (h git.Hash) {
		t.Helper()
		h, err := git.Sum(typ, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		err = b.Update(t.Context(), func(tx storage.Tx) error {
			_, err := tx.PutObject(pool, storage.Object{Hash: h, Type: typ, Size: int64(len(data)), Data: []byte(data)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	commit := func(tree git.Hash) git.Hash {
		who := "A <a@example.com> 1 +0000\n"
		return put(storage.Commit, fmt.Sprintf("tree %s\nauthor %scommitter %s\n", tree, who, who))
	}
	owners, file := put(storage.Blob, "* @ann\n"), put(storage.Blob, "x")
	base := commit(put(storage.Tree, "100644 CODEOWNERS\x00"+string(owners[:])))
	nested := func(depth int, name string) git.Hash {
		h := put(storage.Tree, "100644 file\x00"+string(file[:]))
		for range depth - 1 {
			h = put(storage.Tree, "40000 "+name+"\x00"+string(h[:]))
		}
		return commit(put(storage.Tree, "100644 CODEOWNERS\x00"+string(owners[:])+"40000 d\x00"+string(h[:])))
	}
	for _, test := range []struct {
		name  string
		depth int
		dir   string
		owned bool
	}{
		{"a few directories", 20, "d", true},
		{"as many directories as git reads", 2000, "d", true},
		{"too many directories", 40_000, "d", false},
		{"a path of more than 4,096 bytes", 50, strings.Repeat("d", 100), false},
	} {
		owners := NewOwners(object.New(b, 1<<20))
		found, err := owners.Requirements(t.Context(), pool, base, base, nested(test.depth, test.dir), nil)
		needs := found.Requirements
		if err != nil || len(needs) != 1 || (len(needs[0].Owners) == 1) != test.owned {
			t.Errorf("Requirements() of %s = %.200v, %v, want one need; somebody can meet it: %v", test.name, needs, err, test.owned)
		}
	}
}
