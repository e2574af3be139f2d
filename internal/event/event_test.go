package event

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

var some = []Event{
	{Kind: RepoCreated, Repo: storage.ID{1}, Private: true, By: "host", Name: "a/b", Detail: "d"},
	{Kind: RefChanged, Repo: storage.ID{2}, Name: "refs/heads/main", Old: storage.Hash{3}, New: storage.Hash{4}},
	{Kind: PullChanged, Pull: math.MaxInt},
}

func TestDecode(t *testing.T) {
	raw := encode(some, time.Unix(5, 6), 7)
	unit, got, err := decode(9, raw)
	if err != nil || len(got) != len(some) || unit != 7 {
		t.Fatalf("decode() = %v, %v", got, err)
	}
	for i, e := range got {
		want := some[i]
		want.Number, want.When = uint64(7+i), time.Unix(5, 6).UTC()
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	for n := range raw {
		if _, _, err := decode(9, raw[:n]); !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
			t.Errorf("decode() of %d of %d bytes = %v, want %v", n, len(raw), err, storage.ErrCorrupt)
		}
	}
	if _, _, err := decode(2, raw); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("decode() of 3 events up to number 2 = %v, want %v", err, storage.ErrCorrupt)
	}
}

// TestFirstVersion holds that records without units are read, and go on being trimmed.
func TestFirstVersion(t *testing.T) {
	b := memory.New()
	defer b.Close()
	const old = 1000
	write := func(fn func(tx storage.Tx) error) {
		t.Helper()
		if err := b.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	when := time.Unix(5, 6)
	write(func(tx storage.Tx) error {
		for n := uint64(2); n <= old; n += 2 {
			v := encode(some[:2], when, 0)
			if err := tx.PutRecord(key(n), append([]byte{firstVersion}, v[2:]...)); err != nil {
				return err
			}
		}
		return nil
	})
	l := NewLog(Keep{Units: 10})
	for range 20 * trimEach {
		write(func(tx storage.Tx) error { return l.Append(tx, some[:1], when) })
	}
	err := b.View(t.Context(), func(v storage.View) error {
		first, err := First(v)
		if last, err := Last(v); err != nil || last != old+20*trimEach || last-first < 9 || last-first > 9+trimEach {
			t.Errorf("events %d to %d are kept, %v, want the last 10 or a few more", first, last, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(some, time.Unix(5, 6), 7))
	f.Fuzz(func(t *testing.T, raw []byte) {
		unit, events, err := decode(1<<40, raw)
		if err != nil {
			return
		}
		_, again, err := decode(1<<40, encode(events, events[0].When, unit))
		if diff := cmp.Diff(events, again); diff != "" || err != nil {
			t.Errorf("%v, -once +twice:\n%s", err, diff)
		}
	})
}

// TestLog adds events in transactions that fail and that do not, and opens the log anew in between.
func TestLog(t *testing.T) {
	b := memory.New()
	defer b.Close()
	l := NewLog(Keep{Units: 5})
	fail := errors.New("fails")
	want := uint64(0)
	for i := range 5000 {
		if i%1000 == 0 {
			l = NewLog(Keep{Units: 5})
		}
		n := i % 3
		err := b.Update(t.Context(), func(tx storage.Tx) error {
			if n > 0 {
				if err := l.Append(tx, slices.Repeat([]Event{{Kind: RefChanged}}, n), time.Unix(int64(i), 0)); err != nil {
					return err
				}
			}
			if i%7 == 0 {
				return fail
			}
			return nil
		})
		switch {
		case i%7 == 0 && !errors.Is(err, fail):
			t.Fatalf("Update() = %v, want %v", err, fail)
		case i%7 != 0 && err != nil:
			t.Fatal(err)
		case err == nil:
			want += uint64(n)
		}
		err = b.View(t.Context(), func(v storage.View) error {
			last, err := Last(v)
			if err != nil || last != want {
				t.Fatalf("Last() = %d, %v after %d steps, want %d", last, err, i, want)
			}
			events, err := After(v, max(want, 5)-5, 100)
			for j, e := range events {
				if e.Number != max(want, 5)-5+uint64(j)+1 {
					t.Fatalf("After() yields %d as number %d of those after %d", e.Number, j, want-5)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := b.View(t.Context(), func(v storage.View) error {
		_, err := After(v, 0, 1)
		return err
	})
	if !errors.Is(err, ErrGone) {
		t.Errorf("After() of what was trimmed = %v, want %v", err, ErrGone)
	}
}
