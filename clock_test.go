package reposit_test

import (
	"testing"
	"time"

	"github.com/reposit/reposit"
)

// TestClocks has clocks that no number of nanoseconds since 1970 stands for, and reads back the same time everywhere.
func TestClocks(t *testing.T) {
	for _, now := range []time.Time{
		time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1600, 5, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2300, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 5, 1, 0, 0, 0, 0, time.UTC),
	} {
		at := now
		s := openMemory(t, &reposit.Options{Now: func() time.Time { return at }})
		r := create(t, s, "x", nil)
		who := &reposit.Signature{Name: "a", Email: "b", When: time.Unix(5, 0)}
		at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // a commit has no time before 1970
		commit(t, r, &reposit.CommitOptions{Author: who}, reposit.Put("a", nil))
		if _, err := r.Branches().Create(t.Context(), "side", ""); err != nil {
			t.Fatal(err)
		}
		commit(t, r, &reposit.CommitOptions{Author: who, Branch: "side"}, reposit.Put("b", nil))
		info, err := r.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := info.CreatedAt
		if now.Year() == 2026 && !want.Equal(now) {
			t.Errorf("created at %v, want %v", want, now)
		}
		for e, err := range s.Events(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if !e.When.Equal(want) {
				t.Errorf("at %v, the event is of %v, and the repository of %v", now, e.When, want)
			}
			break
		}
		if now.Year() < 1970 {
			continue
		}
		at = now
		p, err := r.Pulls().Open(t.Context(), "main", "side", nil)
		if err != nil {
			t.Fatal(err)
		}
		if p, err = r.Pulls().Pull(t.Context(), p.Number); err != nil || !p.CreatedAt.Equal(want) {
			t.Errorf("at %v, the pull request is of %v, %v, and the repository of %v", now, p.CreatedAt, err, want)
		}
	}
}
