package storagetest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

func logClauses() []clause {
	return []clause{
		{"RoundTrip", logsRoundTrip},
		{"NewestFirst", logsNewestFirst},
		{"OutliveTheRef", logsOutliveTheRef},
		{"OfDeletedRefs", logsOfDeletedRefs},
		{"NoEntry", logsNoEntry},
		{"OwnWrites", logsOwnWrites},
		{"Aborted", logsAborted},
		{"PerRef", logsPerRef},
	}
}

// entry returns an entry of a log for a change to next.
func entry(message string, next storage.Hash) *storage.LogEntry {
	return &storage.LogEntry{
		New: next, Name: "A U Thor", Email: "author@example.com",
		When: time.Unix(1_700_000_000, 0).In(time.FixedZone("", 2*60*60)), Message: message,
	}
}

// wantLog checks the messages of a log, the newest first.
func (f *fixture) wantLog(repo storage.ID, name string, want ...string) {
	f.Helper()
	f.view(func(v storage.View) error { return checkLog(v, repo, name, want...) })
}

func checkLog(v storage.View, repo storage.ID, name string, want ...string) error {
	got := []string{}
	for e, err := range v.Log(repo, name) {
		if err != nil {
			return fmt.Errorf("Log(%q): %w", name, err)
		}
		got = append(got, e.Message)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		return fmt.Errorf("messages of Log(%q) differ (-want +got):\n%s", name, diff)
	}
	return nil
}

// logsOfDeletedRefs is for views that name such refs; others have none.
func logsOfDeletedRefs(f *fixture) {
	repo, other := f.createRepo(1), f.createRepo(2)
	f.update(func(tx storage.Tx) error {
		for _, name := range []string{"refs/heads/gone", "refs/heads/Gone/way", "refs/heads/back", "refs/heads/stays"} {
			if err := tx.PutRef(repo, refTo(name, 1), entry("put", refTo(name, 1).Hash)); err != nil {
				return err
			}
			if err := tx.DeleteRef(repo, name, entry("deleted", storage.Hash{})); err != nil {
				return err
			}
		}
		return errors.Join(tx.PutRef(repo, refTo("refs/heads/quiet", 1), nil), tx.DeleteRef(repo, "refs/heads/quiet", nil))
	})
	f.update(func(tx storage.Tx) error {
		return errors.Join(tx.PutRef(repo, refTo("refs/heads/back", 2), entry("again", refTo("x", 2).Hash)),
			tx.PutRef(repo, refTo("refs/heads/stays", 2), nil))
	})
	f.view(func(v storage.View) error {
		if _, ok := v.(interface {
			DeletedRefs(storage.ID) iter.Seq2[string, error]
		}); !ok {
			f.Skip("views name no deleted refs")
		}
		for id, want := range map[storage.ID][]string{repo: {"refs/heads/Gone/way", "refs/heads/gone"}, other: nil} {
			var got []string
			for name, err := range storage.DeletedRefs(v, id) {
				if err != nil {
					return err
				}
				got = append(got, name)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				return fmt.Errorf("DeletedRefs() = %q, want %q", got, want)
			}
		}
		return nil
	})
}

func logsRoundTrip(f *fixture) {
	repo := f.createRepo(1)
	one, two := refTo("x", 1).Hash, refTo("x", 2).Hash
	zone := func(sec int64, offset time.Duration) time.Time {
		return time.Unix(sec, 0).In(time.FixedZone("", int(offset/time.Second)))
	}
	entries := []storage.LogEntry{
		{New: one, Name: "A U Thor", Email: "a@example.com", When: zone(1_700_000_000, 2*time.Hour),
			Message: "branch: Created from HEAD"},
		{Old: one, New: two, Name: "Ægir \"Q\" Jr.", Email: "", When: zone(0, 0),
			Message: "commit: ünïcode > < : \\ 'quotes'"},
		{Old: two, New: one, Name: "x", Email: "x y@z", When: zone(4_102_444_800, -(9*time.Hour + 30*time.Minute)),
			Message: ""},
		{Old: one, Name: "A", Email: "a", When: zone(1<<33, 14*time.Hour), Message: "deleted"},
		{New: two, Name: "A", Email: "a", When: zone(1, -12*time.Hour), Message: fmt.Sprintf("long %0500d", 1)},
	}
	for i := range entries {
		f.update(func(tx storage.Tx) error {
			if entries[i].New.IsZero() {
				return tx.DeleteRef(repo, "refs/heads/main", &entries[i])
			}
			return tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: entries[i].New}, &entries[i])
		})
	}
	want := slices.Clone(entries)
	slices.Reverse(want)
	f.view(func(v storage.View) error {
		got, err := collect(v.Log(repo, "refs/heads/main"))
		if diff := diffLogs(want, got); diff != "" || err != nil {
			f.Errorf("Log() = %v, differs (-want +got):\n%s", err, diff)
		}
		return nil
	})
}

func logsNewestFirst(f *fixture) {
	repo := f.createRepo(1)
	const n = 200
	want := make([]string, n)
	for i := range n {
		want[n-1-i] = fmt.Sprint("change ", i)
	}
	for i := 0; i < n; i += 20 {
		f.update(func(tx storage.Tx) error {
			for j := i; j < i+20; j++ {
				if err := tx.PutRef(repo, refTo("refs/heads/main", j),
					entry(fmt.Sprint("change ", j), refTo("", j).Hash)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f.wantLog(repo, "refs/heads/main", want...)
	f.view(func(v storage.View) error {
		seen := 0
		for e, err := range v.Log(repo, "refs/heads/main") {
			if err != nil {
				return err
			}
			if e.Message != want[seen] {
				f.Errorf("entry %d of Log() is %q, want %q", seen, e.Message, want[seen])
			}
			if seen++; seen == 3 {
				break
			}
		}
		if seen != 3 {
			f.Errorf("a loop over Log() that breaks off at 3 saw %d", seen)
		}
		return nil
	})
}

func logsOutliveTheRef(f *fixture) {
	repo := f.createRepo(1)
	r := refTo("refs/heads/main", 1)
	f.update(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry("created", r.Hash)) })
	f.update(func(tx storage.Tx) error { return tx.DeleteRef(repo, r.Name, entry("deleted", storage.Hash{})) })
	f.wantRefs(repo)
	f.wantLog(repo, r.Name, "deleted", "created")
	f.update(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry("again", r.Hash)) })
	f.wantLog(repo, r.Name, "again", "deleted", "created")
}

func logsNoEntry(f *fixture) {
	repo := f.createRepo(1)
	r := refTo("refs/heads/main", 1)
	f.putRefs(repo, r)
	f.wantLog(repo, r.Name)
	f.update(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry("one", r.Hash)) })
	f.putRefs(repo, refTo(r.Name, 2))
	f.update(func(tx storage.Tx) error { return tx.DeleteRef(repo, r.Name, nil) })
	f.wantLog(repo, r.Name, "one")
	f.wantLog(repo, "refs/heads/other")
}

func logsOwnWrites(f *fixture) {
	repo := f.createRepo(1)
	r := refTo("refs/heads/main", 1)
	f.update(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry("one", r.Hash)) })
	f.update(func(tx storage.Tx) error {
		return errors.Join(
			tx.PutRef(repo, r, entry("two", r.Hash)),
			checkLog(tx, repo, r.Name, "two", "one"),
			tx.DeleteRef(repo, r.Name, entry("three", storage.Hash{})),
			checkLog(tx, repo, r.Name, "three", "two", "one"),
			tx.PutRef(repo, refTo("refs/heads/new", 1), entry("new", r.Hash)),
			checkLog(tx, repo, "refs/heads/new", "new"),
		)
	})
	f.wantLog(repo, r.Name, "three", "two", "one")
	f.wantLog(repo, "refs/heads/new", "new")
}

func logsAborted(f *fixture) {
	repo := f.createRepo(1)
	r := refTo("refs/heads/main", 1)
	f.update(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry("one", r.Hash)) })
	err := f.b.Update(f.ctx, func(tx storage.Tx) error {
		return errors.Join(tx.PutRef(repo, r, entry("two", r.Hash)), tx.PutRef(repo, refTo("HEAD", 1), entry("head", r.Hash)),
			errAbort)
	})
	f.wantErr("Update()", err, errAbort)
	f.wantLog(repo, r.Name, "one")
	f.wantLog(repo, "HEAD")
}

func logsPerRef(f *fixture) {
	one, two := f.createRepo(1), f.createRepo(2)
	names := []string{"HEAD", "refs/heads/a-b", "refs/heads/a/b", "refs/heads/A/b", "refs/heads/a/b-c"}
	for _, repo := range []storage.ID{one, two} {
		f.update(func(tx storage.Tx) error {
			for i, name := range names {
				if err := tx.PutRef(repo, refTo(name, i), entry(name, refTo(name, i).Hash)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f.update(func(tx storage.Tx) error { return tx.DeleteRef(two, names[2], entry("deleted", storage.Hash{})) })
	for _, name := range names {
		f.wantLog(one, name, name)
	}
	f.wantLog(two, names[2], "deleted", names[2])
	f.wantLog(two, names[4], names[4])
}
