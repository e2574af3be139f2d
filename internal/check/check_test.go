package check_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

func TestMain(m *testing.M) { fixture.Main(m) }

// A village is a store that has something of every noun.
type village struct {
	*fixture.Store
	root, fork, deleted storage.ID
	tip                 *reposit.Commit
}

func newVillage(t *testing.T) *village {
	t.Helper()
	s := fixture.OpenMemory(t, nil)
	ctx := t.Context()
	root := fixture.Create(t, s.Store, "root", &reposit.CreateOptions{Owner: "ann", Description: "a thing",
		Labels: map[string]string{"kind": "red"}, ExpiresAt: time.Now().Add(time.Hour)})
	tip := fixture.Write(t, root, "main.go", "package main\n")
	fork, err := root.Fork(ctx, &reposit.ForkOptions{Owner: "bob"})
	if err == nil {
		_, err = root.Update(ctx, &reposit.RepoUpdate{Slug: fixture.Ref("renamed")})
	}
	var gone *reposit.Repo
	if err == nil {
		gone, err = root.Fork(ctx, &reposit.ForkOptions{Owner: "carl"})
	}
	if err == nil {
		_, err = gone.Fork(ctx, &reposit.ForkOptions{Owner: "dora"})
	}
	if err == nil {
		_, err = root.Contributors(ctx, &reposit.ContributorOptions{Anonymous: true})
	}
	if err == nil {
		_, err = root.Languages(ctx, "")
	}
	if err == nil {
		err = s.Upkeep(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	fixture.Remove(t, gone)
	if err := s.DropDeleted(ctx, gone.ID()); err != nil {
		t.Fatal(err)
	}
	deleted, err := root.Fork(ctx, &reposit.ForkOptions{Owner: "edna"})
	if err != nil {
		t.Fatal(err)
	}
	fixture.Remove(t, deleted)
	return &village{s, fixture.StorageID(root), fixture.StorageID(fork), fixture.StorageID(deleted), tip}
}

// record returns the first record whose key has a prefix.
func (v *village) record(t *testing.T, prefix string) storage.Record {
	t.Helper()
	var found storage.Record
	err := v.Backend.View(t.Context(), func(view storage.View) error {
		for rec, err := range view.Records([]byte(prefix), []byte(prefix+"\xff"), storage.Ascending) {
			found = storage.Record{Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value)}
			return err
		}
		t.Fatalf("no record begins with %q", prefix)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFindings damages a store in one way after the other. Before, all is well; afterwards, what was damaged is found.
func TestFindings(t *testing.T) {
	drop := func(prefix string) func(*testing.T, *village) func(storage.Tx) error {
		return func(t *testing.T, v *village) func(storage.Tx) error {
			key := v.record(t, prefix).Key
			return func(tx storage.Tx) error { return tx.DeleteRecord(key) }
		}
	}
	put := func(key, value string) func(*testing.T, *village) func(storage.Tx) error {
		return func(*testing.T, *village) func(storage.Tx) error {
			return func(tx storage.Tx) error { return tx.PutRecord([]byte(key), []byte(value)) }
		}
	}
	none := "xxxxxxxxxxxxxxxxxxxx"
	for name, c := range map[string]struct {
		damage func(*testing.T, *village) func(storage.Tx) error
		want   check.Noun
		means  string
	}{
		"an index by time is gone": {drop("kt0\x00"), check.Index, "missing"},
		"an index by name is gone": {drop("kn0\x00"), check.Index, "missing"},
		"an index of nothing":      {put("kn0\x00ann/nothing", none), check.Index, "should not be there"},
		"a count is gone":          {drop("n0"), check.Index, "missing"},
		"a count is wrong":         {put("n0", "\x07\x7f"), check.Index, "should be"},
		"no expiry":                {drop("x"), check.Index, "missing"},
		"a state of no repository": {put("t"+none, ""), check.Record, "no such repository"},
		"a key that is cut":        {put("g12", ""), check.Record, "of no repository"},
		"a record of no kind":      {put("~", ""), check.Record, "no known kind"},
		"a former name is gone":    {drop("An"), check.Redirect, "stands alone"},
		"a former name of no repo": {put("Anann/none", none), check.Redirect, "no such repository"},
		"a former name half gone":  {drop("Ai"), check.Redirect, "stands alone"},
		"a family half gone":       {drop("Fa"), check.Family, "stands alone"},
		"a deletion by no time":    {drop("Zt"), check.Index, "missing"},
		"one that never ends":      {drop("Zu"), check.Index, "missing"},
		"one of no family":         {drop("Zf"), check.Index, "missing"},
		"a deletion of nothing":    {drop("Zr"), check.Index, "should not be there"},
		"a deletion that is live": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error {
				return tx.PutRef(v.deleted, storage.Ref{Name: "HEAD", Target: "refs/heads/main"}, nil)
			}
		}, check.Reference, "takes the repository for one"},
		"a deletion that can't be read": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error { return tx.PutRecord([]byte("Zr"+v.deleted.String()), []byte{1}) }
		}, check.Repository, ""},
		"a word is gone":           {drop("S"), check.Word, "missing"},
		"tallies of no repository": {put("Ch"+none, ""), check.Record, "no such repository"},
		"languages of none":        {put("Lc"+none, ""), check.Record, "no such repository"},
		"languages that can't read": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error { return tx.PutRecord([]byte("Lc"+v.root.String()), []byte{1}) }
		}, check.Language, ""},
		"a repository marked": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error { return tx.PutRecord([]byte("Ld"+v.root.String()), nil) }
		}, check.Language, "marked as changed"},
		"contributors cut": {func(t *testing.T, v *village) func(storage.Tx) error {
			rec := v.record(t, "Ca"+v.root.String())
			return func(tx storage.Tx) error { return tx.PutRecord(rec.Key, rec.Value[:len(rec.Value)-1]) }
		}, check.Contributor, ""},
		"a repository cut": {func(t *testing.T, v *village) func(storage.Tx) error {
			rec := v.record(t, "i"+v.root.String())
			return func(tx storage.Tx) error { return tx.PutRecord(rec.Key, rec.Value[:10]) }
		}, check.Repository, ""},
		"a state is gone": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error { return tx.DeleteRecord([]byte("t" + v.root.String())) }
		}, check.Index, "should be"},
		"no HEAD": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error { return tx.DeleteRef(v.fork, "HEAD", nil) }
		}, check.Reference, ""},
		"a ref that leads nowhere": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error {
				return tx.PutRef(v.fork, storage.Ref{Name: "refs/heads/bad", Hash: storage.Hash{1}}, nil)
			}
		}, check.Object, "refs/heads/bad leads to it"},
		"an object of another name": {func(t *testing.T, v *village) func(storage.Tx) error {
			return func(tx storage.Tx) error {
				o := storage.Object{Hash: storage.Hash{2}, Type: storage.Blob, Size: 1, Data: []byte("x")}
				if _, err := tx.PutObject(v.root, o); err != nil {
					return err
				}
				return tx.PutRef(v.fork, storage.Ref{Name: "refs/tags/bad", Hash: o.Hash}, nil)
			}
		}, check.Object, "it holds"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVillage(t)
			if found := all(t, v.Backend); len(found) > 0 {
				t.Fatalf("All() finds %v in a store that is whole", found)
			}
			if err := v.Backend.Update(t.Context(), c.damage(t, v)); err != nil {
				t.Fatal(err)
			}
			found := all(t, v.Backend)
			if !slices.ContainsFunc(found, func(f check.Finding) bool {
				return f.Noun == c.want && strings.Contains(f.Means, c.means) && f.What != ""
			}) {
				t.Errorf("All() = %v, want a %s of which it says %q", found, c.want, c.means)
			}
		})
	}
}

func all(t *testing.T, b storage.Backend) []check.Finding {
	t.Helper()
	found, err := check.All(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestWalkerReadsOnce has a Walker look twice, at what is new the second time.
func TestWalkerReadsOnce(t *testing.T) {
	v := newVillage(t)
	w := check.NewWalker()
	for _, want := range []int{1, 1} {
		if found, err := w.Objects(t.Context(), v.Backend, nil); err != nil || len(found) > 0 || w.Commits != want {
			t.Errorf("Objects() = %v, %v with %d commits, want %d", found, err, w.Commits, want)
		}
	}
	r, err := v.RepoByID(t.Context(), reposit.ID("rp_"+v.root.String()))
	if err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, r, "f", "1")
	if _, err := w.All(t.Context(), v.Backend, nil); err != nil || w.Commits != 2 {
		t.Errorf("All() = %v with %d commits, want 2", err, w.Commits)
	}
}

// TestCancelled holds that what ends a check is no finding.
func TestCancelled(t *testing.T) {
	v := newVillage(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := check.All(ctx, v.Backend); err == nil {
		t.Errorf("All() = %v, want the error of the context", found)
	}
}
