package pull

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func id(n int) storage.ID { return storage.ID([]byte(fmt.Sprintf("%020d", n))) }

func hash(n int) git.Hash { return git.Hash{byte(n), byte(n >> 8), 1} }

var samples = []*Pull{
	{Repo: id(1), Number: 7, State: Open, HeadRepo: id(2), HeadBranch: "topic", Head: hash(1), BaseBranch: "main",
		Base: hash(2), Title: "名前"},
	{
		Repo: id(1), Number: math.MaxInt32, State: Merged, Title: "t", Author: "ann", HeadRepo: id(1), HeadBranch: "a/b",
		Head: hash(1), BaseBranch: "main",
		Base: hash(2), Commit: hash(3), EndedBy: "bob", Created: time.Unix(1, 2).UTC(), Updated: time.Unix(3, 4).UTC(),
		Ended:   time.Unix(-5, 0).UTC(),
		Reviews: 300, Dismissed: 200,
	},
}

func TestRecords(t *testing.T) {
	check := func(name string, b []byte, decode func([]byte) (any, error), want any) {
		t.Helper()
		got, err := decode(b)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: decoded %v (-want +got):\n%s", name, err, diff)
		}
		for n := range len(b) {
			if got, err := decode(b[:n]); !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
				t.Errorf("%s: %d of %d bytes decode to %v, %v", name, n, len(b), got, err)
			}
		}
		if got, err := decode(append(b[:len(b):len(b)], 0)); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: with a byte more it decodes to %v, %v", name, got, err)
		}
		if got, err := decode(append([]byte{9}, b[1:]...)); !errors.Is(err, storage.ErrFormat) {
			t.Errorf("%s: of another version it decodes to %v, %v", name, got, err)
		}
	}
	for _, p := range samples {
		check("pull", p.encode(), func(b []byte) (any, error) { return decodePull(p.Repo, p.Number, b) }, p)
	}
	// Version 2 had another hash before that of the merge, and a flag behind it.
	b := samples[1].encode()
	at := 2 + len(id(1)) + 2*len(hash(0))
	old2 := append(append(append([]byte{2}, b[1:at]...), make([]byte, 20)...), b[at:at+20]...)
	if p, err := decodePull(id(1), samples[1].Number, append(append(old2, 1), b[at+20:]...)); err != nil {
		t.Errorf("a pull request of version 2 is decoded to %v", err)
	} else if diff := cmp.Diff(samples[1], p); diff != "" {
		t.Errorf("a pull request of version 2 (-want +got):\n%s", diff)
	}
	tested := Test{Base: hash(1), Head: hash(2), Commit: hash(3)}
	check("test", tested.encode(), func(b []byte) (any, error) { return decodeTest(b) }, tested)
	r := &Review{Number: 3, Reviewer: "ann", Opinion: Approved, Body: "a\nb", Commit: hash(1), At: time.Unix(9, 9).UTC()}
	check("review", r.encode(), func(b []byte) (any, error) { return decodeReview(3, b) }, r)
	v := Verdict{"ann", ChangesRequested, hash(1), 300, 2}
	check("verdict", v.encode(), func(b []byte) (any, error) { return decodeVerdict("ann", b) }, v)
	old := append([]byte{1, byte(Approved)}, make([]byte, 20)...)
	if got, err := decodeVerdict("ann", append(old, 7)); got != (Verdict{Reviewer: "ann", Opinion: Approved, Review: 7}) ||
		err != nil {
		t.Errorf("a verdict of version 1 is decoded to %+v, %v", got, err)
	}
	c := Counts{Last: 300, Of: [states]int{Open: 1, Merged: 2, Closed: 297}}
	check("counts", c.encode(), func(b []byte) (any, error) { return decodeCounts(b) }, c)
	check("number", encodeNumber(77), func(b []byte) (any, error) { return decodeNumber(b) }, 77)
	check("hash", encodeHash(hash(7)), func(b []byte) (any, error) { return decodeHash(b) }, hash(7))
}

// FuzzDecode holds that what can be decoded is encoded alike.
func FuzzDecode(f *testing.F) {
	for _, p := range samples {
		f.Add(p.encode())
	}
	f.Add((&Review{Reviewer: "ann", Opinion: Approved, Body: "x"}).encode())
	f.Add((&Verdict{"ann", Approved, hash(1), 1, 1}).encode())
	f.Add((&Counts{Last: 3, Of: [states]int{Open: 3}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := decodePull(id(1), 1, b); err == nil {
			again, err := decodePull(id(1), 1, p.encode())
			if diff := cmp.Diff(p, again); diff != "" || err != nil {
				t.Errorf("pull: %v, %s", err, diff)
			}
		}
		if r, err := decodeReview(1, b); err == nil {
			again, err := decodeReview(1, r.encode())
			if diff := cmp.Diff(r, again); diff != "" || err != nil {
				t.Errorf("review: %v, %s", err, diff)
			}
		}
		if v, err := decodeVerdict("x", b); err == nil {
			if again, err := decodeVerdict("x", v.encode()); again != v || err != nil {
				t.Errorf("verdict: %v, %v, want %v", again, err, v)
			}
		}
		if c, err := decodeCounts(b); err == nil {
			if again, err := decodeCounts(c.encode()); again != c || err != nil {
				t.Errorf("counts: %v, %v, want %v", again, err, c)
			}
		}
	})
}

// newStore returns a backend with repositories 1 and 2, in one pool, whose branch main holds commit 0.
func newStore(t testing.TB) storage.Backend {
	t.Helper()
	b := memory.New()
	t.Cleanup(func() { b.Close() })
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		for n := 1; n <= 2; n++ {
			r := &catalog.Repo{ID: id(n), Pool: id(1), Owner: "ann", Slug: fmt.Sprint("r", n), Name: "r",
				Created: time.Unix(1, 0)}
			if err := errors.Join(catalog.Create(tx, r), tx.CreateRepo(id(n), id(1))); err != nil {
				return err
			}
			if err := tx.PutRef(id(n), storage.Ref{Name: "refs/heads/main", Hash: hash(0)}, nil); err != nil {
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

// update runs fn in a transaction on a history of which each commit is on top of commit 0.
func update(t testing.TB, b storage.Backend, fn func(*Unit) error) {
	t.Helper()
	objects := object.New(b, 1<<24)
	for n := range batch {
		c := &git.Commit{Tree: git.EmptyTree}
		if n > 0 {
			c.Parents = []git.Hash{hash(0)}
		}
		objects.Remember(id(1), hash(n), &object.Item{Type: storage.Commit, Data: []byte{}, Commit: c})
	}
	engine := txn.New(b, objects, event.NewLog(event.Keep{Units: 1}), func() time.Time { return time.Unix(5, 0) },
		NewGuard)
	err := engine.Update(t.Context(), access.Host(), func(tx *txn.Tx) error {
		return fn(&Unit{Tx: tx, By: access.Host(), Name: "n", Email: "e", Limits: Limits{1000, 1000}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSweep holds that a repository with any number of pull requests can be deleted in transactions that all backends
// can make atomic, and that those of others are left alone.
func TestSweep(t *testing.T) {
	b := newStore(t)
	const n = batch / 2
	update(t, b, func(u *Unit) error {
		for i := range n {
			p := &Pull{Repo: id(1), HeadRepo: id(2), HeadBranch: fmt.Sprint("topic", i), Head: hash(i + 1), BaseBranch: "main",
				Title: "t"}
			if err := u.Open(p, "text"); err != nil {
				return err
			}
			if err := u.Review(p, &Review{Reviewer: "bob", Opinion: Approved}); err != nil {
				return err
			}
			if i%2 == 0 {
				if err := u.Close(p); err != nil {
					return err
				}
			}
		}
		return u.Open(&Pull{Repo: id(2), HeadRepo: id(1), HeadBranch: "x", Head: hash(7), BaseBranch: "main", Title: "t"}, "")
	})
	update(t, b, func(u *Unit) error { return Deleted.Bury(u.Tx, id(1)) })
	rounds := 0
	for more := true; more && rounds < 10; rounds++ {
		update(t, b, func(u *Unit) (err error) {
			more, err = Deleted.Sweep(u.Tx)
			return err
		})
	}
	err := b.View(t.Context(), func(v storage.View) error {
		if swept, err := Deleted.Swept(v); !swept || err != nil {
			t.Errorf("Swept() = %v, %v after %d rounds", swept, err, rounds)
		}
		records := 0
		for rec, err := range v.Records([]byte{keyPulls}, []byte{keyPulls + 1}, storage.Ascending) {
			if err != nil {
				return err
			}
			if records++; [20]byte(rec.Key[2:22]) != id(2) {
				t.Errorf("record %q is left", rec.Key)
			}
		}
		if records != 4 { // counts, itself, and the indexes by state and base: its head is gone
			t.Errorf("%d records of the other repository, want 4", records)
		}
		r, err := catalog.Load(v, id(2))
		if err != nil {
			return err
		}
		state, err := catalog.LoadState(v, r)
		if state.OutgoingPulls != 0 || state.OpenPulls != 1 {
			t.Errorf("state of the other repository = %+v, want no pull request from it, one to it", state)
		}
		return err
	})
	if err != nil || rounds < 3 {
		t.Errorf("%d rounds, %v, want several", rounds, err)
	}
}

// TestOnTop holds that a commit on top of a head needs no walk, also where the base has gone another way.
func TestOnTop(t *testing.T) {
	b := newStore(t)
	runs := 0
	update(t, b, func(u *Unit) error {
		runs++
		p := &Pull{Repo: id(1), HeadRepo: id(2), HeadBranch: "topic", Head: hash(1), BaseBranch: "main", Title: "t"}
		return u.Open(p, "")
	})
	if runs != 2 {
		t.Errorf("Open() ran %d times, want 2: it asks about the history", runs)
	}
	update(t, b, func(u *Unit) error {
		if err := u.HeadMoved(Move{Repo: id(2), Branch: "topic", Old: hash(1), New: hash(2), OnTop: true}); err != nil {
			return err
		}
		got, err := Load(u.Tx, id(1), 1)
		if err != nil || got.Head != hash(2) || u.Unanswered() != nil {
			t.Errorf("after a commit on top: %+v, %v, %v", got, err, u.Unanswered())
		}
		err = u.BaseMoved(Move{Repo: id(1), Branch: "main", Old: hash(0), New: hash(3), OnTop: true})
		if err != nil || u.Unanswered() != nil {
			t.Errorf("BaseMoved() by a new commit = %v, asks %v", err, u.Unanswered())
		}
		return u.HeadMoved(Move{Repo: id(2), Branch: "topic", Old: hash(2), New: hash(2)})
	})
}

func TestNeed(t *testing.T) {
	n := codeowners.Requirement{Path: "a/b",
		Owners: []codeowners.Owner{{Login: "ann"}, {Org: "o", Team: "t"}, {Email: "a@b"}}}
	if got, want := n.Text(nil), `no owner of "a/b" has approved: @ann, @o/t, a@b`; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
}
