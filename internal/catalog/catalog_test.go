package catalog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func id(n int) storage.ID { return storage.ID([]byte(fmt.Sprintf("%020d", n))) }

// newStore returns a backend with these repositories.
func newStore(t testing.TB, repos ...*Repo) storage.Backend {
	t.Helper()
	b := memory.New()
	t.Cleanup(func() { b.Close() })
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		if err := Init(tx); err != nil {
			return err
		}
		for _, r := range repos {
			if err := Create(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInit(t *testing.T) {
	b := newStore(t)
	if err := b.Update(t.Context(), Init); err != nil {
		t.Errorf("Init() once more = %v", err)
	}
	for _, version := range [][]byte{{formatVersion + 1}, {0}, {}, {formatVersion, 0}} {
		err := b.Update(t.Context(), func(tx storage.Tx) error {
			if err := tx.PutRecord([]byte{keyVersion}, version); err != nil {
				return err
			}
			return Init(tx)
		})
		if !errors.Is(err, storage.ErrFormat) {
			t.Errorf("Init() of version %v = %v, want %v", version, err, storage.ErrFormat)
		}
	}
}

func TestRecords(t *testing.T) {
	full := &Repo{
		ID: id(1), Pool: id(2), Family: id(3), Protected: true, Networked: true, Owner: "ann", Slug: "x", Name: "名前",
		Description: "d", Homepage: "h", Private: true,
		HasIssues: true, OpenIssues: math.MaxInt, Created: time.Unix(1, 2).UTC(), Expires: time.Unix(3, 4).UTC(),
		Labels: map[string]string{"a": "", "b": "c"},
	}
	for _, r := range []*Repo{full, {ID: id(1)}} {
		got, err := decodeRepo(r.ID, r.encode())
		if diff := cmp.Diff(r, got); diff != "" || err != nil {
			t.Errorf("decodeRepo() = %v, -want +got:\n%s", err, diff)
		}
	}
	raw := full.encode()
	for n := range raw {
		if _, err := decodeRepo(full.ID, raw[:n]); !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
			t.Errorf("decodeRepo() of %d of %d bytes = %v, want %v", n, len(raw), err, storage.ErrCorrupt)
		}
	}
	if _, err := decodeRepo(full.ID, append(raw, 0)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("decodeRepo() with a byte more = %v, want %v", err, storage.ErrCorrupt)
	}
	for _, state := range []State{
		{Updated: time.Unix(5, 0).UTC(), Size: 1 << 50, RefVersion: 1 << 40},
		{Forks: 1, PrivateForks: 2, Watchers: 300, OpenPulls: 4, OutgoingPulls: 5, Language: "C++",
			LanguageAt: storage.Hash{1}},
		{LanguageAt: storage.Hash{1}},
	} {
		if got, err := decodeState(state.encode(nil)); err != nil || got != state {
			t.Errorf("decodeState() = %v, %v, want %v", got, err, state)
		}
		if got, err := decodeRefVersion(state.encode(nil)); err != nil || got != state.RefVersion {
			t.Errorf("decodeRefVersion() = %d, %v, want %d", got, err, state.RefVersion)
		}
	}
}

// TestCorruptIndex lists a catalog whose index names what is not there. It comes as damaged, beside the others.
func TestCorruptIndex(t *testing.T) {
	b := newStore(t, &Repo{ID: id(1), Owner: "ann", Slug: "x", Created: time.Unix(1, 0)},
		&Repo{ID: id(2), Owner: "ann", Slug: "y", Created: time.Unix(2, 0)})
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.DeleteRecord(idKey(keyRepo, id(1))) })
	if err != nil {
		t.Fatal(err)
	}
	err = b.View(t.Context(), func(v storage.View) error {
		for _, sort := range []Sort{ByCreated, ByName} {
			page, _, total, err := List(t.Context(), v, &Query{Sort: sort, Bounds: page.Bounds{Size: 9}})
			if err != nil {
				return err
			}
			if total != 2 || len(page) != 2 || page[0].Repo.ID != id(1) || !errors.Is(page[0].Damaged, storage.ErrCorrupt) ||
				page[1].Damaged != nil {
				t.Errorf("List() = %+v of %d, want the first damaged", page, total)
			}
			if sort == ByName && page[0].Slug != "x" {
				t.Errorf("List() by name calls what is damaged %q, want x", page[0].Slug)
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("List() = %v", err)
	}
}

// TestForgedToken gives List tokens that it did not make, and such as it made for somebody or something else.
func TestForgedToken(t *testing.T) {
	var repos []*Repo
	for i, owner := range []string{"ann", "bob", "bob", "carl"} {
		repos = append(repos, &Repo{ID: id(i), Owner: owner, Slug: fmt.Sprint("r", i), Created: time.Unix(int64(i), 0)})
	}
	b := newStore(t, repos...)
	ask := func(q Query) (next string, err error) {
		q.Size = 1
		if q.Secret == nil {
			q.Secret = &page.Secret{}
		}
		err = b.View(t.Context(), func(v storage.View) error {
			_, next, _, err = List(t.Context(), v, &q)
			return err
		})
		return next, err
	}
	bobs := Query{Owner: "bob", Sort: ByName}
	good, err := ask(bobs)
	if err != nil || good == "" {
		t.Fatalf("List() = %q, %v, want a token", good, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		forged := slices.Clone(raw)
		forged[i] ^= 1
		q := bobs
		q.Token = base64.RawURLEncoding.EncodeToString(forged)
		if _, err := ask(q); !errors.Is(err, page.ErrToken) {
			t.Errorf("List() with byte %d of the token changed = %v, want %v", i, err, page.ErrToken)
		}
	}
	for name, q := range map[string]Query{
		"owner":     {Owner: "ann", Sort: ByName},
		"order":     {Owner: "bob", Sort: ByCreated},
		"direction": {Owner: "bob", Sort: ByName, Descending: true},
		"label":     {Owner: "bob", Sort: ByName, Labels: map[string]string{"a": "b"}},
		"viewer":    {Owner: "bob", Sort: ByName, Viewer: &Viewer{Name: "carl"}},
		"secret":    {Owner: "bob", Sort: ByName, Secret: &page.Secret{1}},
		"network":   {Owner: "bob", Sort: ByName, Within: &Within{Repo: repos[0], Network: true}},
	} {
		q.Token = good
		if _, err := ask(q); !errors.Is(err, page.ErrToken) {
			t.Errorf("List() with the token of another %s = %v, want %v", name, err, page.ErrToken)
		}
	}
	bobs.Token = good
	if next, err := ask(bobs); err != nil || next != "" {
		t.Errorf("List() with its token = %q, %v", next, err)
	}
}

// FuzzDecodeRepo reads what may be a repository's record. What is accepted comes back the same.
func FuzzDecodeRepo(f *testing.F) {
	f.Add((&Repo{Pool: id(1), Owner: "ann", Slug: "x", Labels: map[string]string{"a": "b"}}).encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := decodeRepo(id(1), raw)
		if err != nil {
			return
		}
		again, err := decodeRepo(id(1), r.encode())
		if diff := cmp.Diff(r, again); diff != "" || err != nil {
			t.Errorf("%v, -once +twice:\n%s", err, diff)
		}
	})
}
