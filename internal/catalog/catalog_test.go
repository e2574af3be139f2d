package catalog

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestTimes(t *testing.T) {
	times := []time.Time{
		{}, time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Unix(0, 0), time.Unix(0, 1),
		time.Unix(1, 0), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), time.Unix(0, math.MaxInt64),
	}
	for i, at := range times {
		k := timeKey(at)
		if i > 0 && k <= timeKey(times[i-1]) {
			t.Errorf("%v does not sort behind %v", at, times[i-1])
		}
		if back := keyTime(k); !back.Equal(at) && !at.Before(MinTime) {
			t.Errorf("%v comes back as %v", at, back)
		}
	}
	if a, b := timeKey(time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)), timeKey(MaxTime); a != b {
		t.Errorf("a time that can't be kept has key %x, want %x", a, b)
	}
}

func TestRecords(t *testing.T) {
	full := &Repo{
		ID: id(1), Pool: id(2), Parent: id(3), Source: id(4), Owner: "ann", Slug: "x", Name: "名前", Description: "d", Homepage: "h", Private: true,
		HasIssues: true, OpenIssues: 1 << 40, Created: time.Unix(1, 2).UTC(), Expires: time.Unix(3, 4).UTC(), Labels: map[string]string{"a": "", "b": "c"},
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
	state := State{Updated: time.Unix(5, 0).UTC(), Size: 1 << 50}
	if got, err := decodeState(state.encode(nil)); err != nil || got != state {
		t.Errorf("decodeState() = %v, %v, want %v", got, err, state)
	}
}

// TestCorruptIndex lists a catalog whose index names what is not there.
func TestCorruptIndex(t *testing.T) {
	b := newStore(t, &Repo{ID: id(1), Owner: "ann", Slug: "x", Created: time.Unix(1, 0)})
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.DeleteRecord(idKey(keyRepo, id(1))) })
	if err != nil {
		t.Fatal(err)
	}
	err = b.View(t.Context(), func(v storage.View) error {
		_, _, _, err := List(t.Context(), v, &Query{Sort: ByCreated, Size: 1})
		return err
	})
	if !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("List() = %v, want %v", err, storage.ErrCorrupt)
	}
}

// TestForgedToken gives List a token with a good sum for a position that is not in the list.
func TestForgedToken(t *testing.T) {
	var repos []*Repo
	for i, owner := range []string{"ann", "bob", "bob", "carl"} {
		repos = append(repos, &Repo{ID: id(i), Owner: owner, Slug: fmt.Sprint("r", i), Created: time.Unix(int64(i), 0)})
	}
	b := newStore(t, repos...)
	for _, descending := range []bool{false, true} {
		for _, position := range []string{"", "a", "ann/r0", "bob", "bob/", "bob0", "carl/r3", "zzz", "\xff"} {
			q := &Query{Owner: "bob", Sort: ByName, Size: 10, Descending: descending}
			l := lister{Query: q, last: []byte(position)}
			q.Token = l.token()
			err := b.View(t.Context(), func(v storage.View) error {
				page, _, _, err := List(t.Context(), v, q)
				for _, f := range page {
					if f.Owner != "bob" {
						t.Errorf("List() from %q, descending: %v, yields %s/%s", position, descending, f.Owner, f.Slug)
					}
				}
				return err
			})
			if err != nil && !errors.Is(err, ErrToken) {
				t.Errorf("List() from %q = %v", position, err)
			}
		}
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

// FuzzToken gives a query tokens. It takes those alone that it would give out.
func FuzzToken(f *testing.F) {
	q := &Query{Owner: "ann", Sort: ByUpdated, Labels: map[string]string{"a": "b"}}
	l := lister{Query: q, last: []byte("position")}
	f.Add(l.token())
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32([]byte{tokenVersion}, 0)))
	f.Fuzz(func(t *testing.T, token string) {
		q := &Query{Owner: "ann", Sort: ByUpdated, Labels: map[string]string{"a": "b"}, Token: token}
		l := lister{Query: q, ctx: context.Background()}
		if err := l.parseToken(); err != nil || token == "" {
			return
		}
		l.last = slices.Clone(l.from)
		if got := l.token(); got != token {
			t.Errorf("token %q is taken for %q", token, got)
		}
	})
}
