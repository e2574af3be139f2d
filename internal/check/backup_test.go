package check_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// kinds are one backend of each kind.
var kinds = []string{"memory", "badger", "billyfs-osfs"}

// dump returns all that a backend holds, line by line.
func dump(t *testing.T, b storage.Backend) []string {
	t.Helper()
	var lines []string
	pools := map[storage.ID]bool{}
	err := b.View(t.Context(), func(v storage.View) error {
		var repos []storage.ID
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("record %q %x", rec.Key, rec.Value))
			if rec.Key[0] == 'i' {
				repos = append(repos, storage.ID(rec.Key[1:]))
				pools[storage.ID(rec.Value[1:21])] = true
			}
		}
		for _, id := range repos {
			var names []string
			for ref, err := range v.Refs(id, "", "") {
				if err != nil {
					return err
				}
				lines = append(lines, fmt.Sprint("ref ", id, ref))
				names = append(names, ref.Name)
			}
			for name, err := range storage.DeletedRefs(v, id) {
				if err != nil {
					return err
				}
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				for e, err := range v.Log(id, name) {
					if err != nil {
						return err
					}
					when := e.When.Format("2006-01-02 15:04:05 -0700")
					lines = append(lines, fmt.Sprint("log ", id, name, e.Old, e.New, e.Name, e.Email, when, e.Message))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var last storage.Hash
	copy(last[:], bytes.Repeat([]byte{0xff}, 20))
	for pool := range pools {
		for h, err := range b.Objects(t.Context(), pool, storage.Hash{}, last) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprint("object ", pool, h))
		}
	}
	slices.Sort(lines)
	return lines
}

// fill makes a store that has something of everything, and returns two of its repositories.
func fill(t *testing.T, s *reposit.Store) (repo, fork *reposit.Repo) {
	t.Helper()
	ctx := t.Context()
	repo = fixture.Create(t, s, "root", &reposit.CreateOptions{Owner: "ann", Labels: map[string]string{"a": "b"}})
	for i := range 12 {
		fixture.Write(t, repo, fmt.Sprintf("dir/file%d", i%3), strings.Repeat("line\n", 200)+fmt.Sprint(i))
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), storage.LargeObject/8)
	_, err := repo.Commit(ctx, nil, reposit.PutReader("large", bytes.NewReader(large)))
	for _, name := range []string{"gone", "kept"} {
		if err == nil {
			_, err = repo.Branches().Create(ctx, name, "")
		}
	}
	if err == nil {
		err = repo.Branches().Delete(ctx, "gone")
	}
	if err == nil {
		_, err = repo.Branches().Create(ctx, "gone/way", "main~3")
	}
	if err == nil {
		_, err = repo.Tags().Create(ctx, "v1", "", &reposit.TagOptions{Message: "one"})
	}
	if err == nil {
		fork, err = repo.Fork(ctx, &reposit.ForkOptions{Owner: "bob"})
	}
	if err == nil {
		_, err = repo.Update(ctx, &reposit.RepoUpdate{Slug: fixture.Ref("renamed")})
	}
	if err == nil {
		err = s.Users().Put(ctx, reposit.Profile{Login: "ann", Name: "Ann"})
	}
	if err == nil {
		err = s.Upkeep(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	fixture.Write(t, fork, "own", "of the fork")
	return repo, fork
}

// TestBackup backs up a store of each kind, once and three times more after changes, and restores the chain into each
// kind: there is the same then.
func TestBackup(t *testing.T) {
	for _, from := range kinds {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			s := fixture.Open(t, fixture.Backend(t, from), "", nil)
			repo, fork := fill(t, s.Store)
			chain, marks := backUp(t, s, nil)
			fixture.Write(t, repo, "more", "content")
			fixture.Write(t, fixture.Create(t, s.Store, "new", nil), "f", "new")
			chain, marks = backUp(t, s, chain, marks...)
			fixture.Remove(t, fork)
			gone := fixture.Create(t, s.Store, "gone", nil)
			if err := repo.Branches().Delete(t.Context(), "kept"); err != nil {
				t.Fatal(err)
			}
			chain, marks = backUp(t, s, chain, marks...)
			fixture.Remove(t, gone)
			chain, marks = backUp(t, s, chain, marks...)
			if len(chain[3]) > len(chain[0])/2 {
				t.Errorf("an incremental backup of one deletion has %d bytes, the first one %d", len(chain[3]), len(chain[0]))
			}
			got, err := reposit.VerifyBackup(t.Context(), readers(chain)...)
			if err != nil || got != marks[3] {
				t.Fatalf("VerifyBackup() = %v, another mark: %v", err, got != marks[3])
			}
			want := dump(t, s.Backend)
			for _, into := range kinds {
				if testing.Short() && into != "memory" && from != "memory" {
					continue
				}
				b := fixture.Backend(t, into)
				if err := reposit.Restore(t.Context(), b, readers(chain)...); err != nil {
					t.Fatalf("Restore() into %s = %v", into, err)
				}
				if diff := cmp.Diff(want, dump(t, b)); diff != "" {
					t.Errorf("restored into %s, -want +got:\n%s", into, diff)
				}
				restored := fixture.Open(t, b, "", nil)
				if report := inspect(t, restored.Store); !report.Clean() {
					t.Errorf("Check() of what was restored into %s = %+v", into, report.Damage)
				}
				fixture.Write(t, must(restored.Repo(t.Context(), "ann/renamed"))(t), "after", "restore")
			}
		})
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// backUp adds a backup to a chain, and its mark, which goes through its text.
func backUp(t *testing.T, s *fixture.Store, chain [][]byte, marks ...reposit.BackupMark) ([][]byte,
	[]reposit.BackupMark) {
	t.Helper()
	var opts reposit.BackupOptions
	if len(marks) > 0 {
		text, err := marks[len(marks)-1].MarshalText()
		if err == nil {
			err = opts.Since.UnmarshalText(text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	mark, err := s.Store.Backup(t.Context(), &b, &opts)
	if err != nil {
		t.Fatal(err)
	}
	return append(chain, b.Bytes()), append(marks, mark)
}

func readers(chain [][]byte) (list []io.Reader) {
	for _, b := range chain {
		list = append(list, bytes.NewReader(b))
	}
	return list
}

// TestBackupBesideWriters backs up a store again and again while others write, fork and delete. Each commit moves two
// branches in one transaction: a backup has both, or neither.
func TestBackupBesideWriters(t *testing.T) {
	fixture.EachKind(t, func(t *testing.T, open fixture.Opener) {
		s, ctx := open(nil), t.Context()
		repo := fixture.Create(t, s.Store, "pair", nil)
		first := fixture.Write(t, repo, "f", "0")
		must(repo.Branches().Create(ctx, "twin", ""))(t)
		var writers sync.WaitGroup
		stop := make(chan struct{})
		run := func(step func(i int) error) {
			writers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if err := step(i); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		at := first.Hash
		run(func(i int) error {
			c, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: "work"}, reposit.Put("f", []byte(fmt.Sprint(i+1))))
			if err != nil {
				return err
			}
			err = repo.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/main", Old: &at, New: c.Hash},
				reposit.RefUpdate{Name: "refs/heads/twin", Old: &at, New: c.Hash})
			at = c.Hash
			return err
		})
		run(func(i int) error {
			r, err := s.Create(ctx, "short", &reposit.CreateOptions{Owner: "ann"})
			if err == nil {
				_, err = r.Write(ctx, "f", []byte(fmt.Sprint(i)), "m")
			}
			if err == nil {
				err = r.Delete(ctx, "")
			}
			return err
		})
		chain, marks := backUp(t, s, nil)
		for range 3 {
			chain, marks = backUp(t, s, chain, marks...)
			copied := memory.New()
			if err := reposit.Restore(ctx, copied, readers(chain)...); err != nil {
				t.Fatal(err)
			}
			restored := fixture.Open(t, copied, "", nil)
			r := must(restored.Repo(ctx, "pair"))(t)
			if a, b := must(r.Resolve(ctx, "main"))(t), must(r.Resolve(ctx, "twin"))(t); a != b {
				t.Errorf("branches that move as one are at %s and %s", a, b)
			}
			if report := inspect(t, restored.Store); !report.Clean() {
				t.Errorf("Check() of what was restored = %+v", report.Damage)
			}
		}
		close(stop)
		writers.Wait()
		if report := inspect(t, s.Store); !report.Clean() {
			t.Errorf("Check() after backups = %+v", report.Damage)
		}
	})
}

// TestBackupDamaged holds that a backup with a flipped bit, or one that is cut, is refused by name, and so are chains
// that lack one, or have it elsewhere; and that nothing then takes the backend for a store.
func TestBackupDamaged(t *testing.T) {
	s, ctx := fixture.OpenMemory(t, nil), t.Context()
	r := fixture.Create(t, s.Store, "x", nil)
	fixture.Write(t, r, "f", "content")
	chain, marks := backUp(t, s, nil)
	for i := range 2 {
		fixture.Write(t, r, "f", fmt.Sprint(i))
		chain, marks = backUp(t, s, chain, marks...)
	}
	refused := func(what string, want error, chain ...[]byte) {
		t.Helper()
		if _, err := reposit.VerifyBackup(ctx, readers(chain)...); !errors.Is(err, want) {
			t.Errorf("VerifyBackup() of %s = %v, want %v", what, err, want)
		}
		b := memory.New()
		defer b.Close()
		if err := reposit.Restore(ctx, b, readers(chain)...); !errors.Is(err, want) {
			t.Errorf("Restore() of %s = %v, want %v", what, err, want)
		}
		if len(chain) == 0 {
			return
		}
		if _, err := reposit.Open(ctx, b, nil); !errors.Is(err, storage.ErrFormat) {
			t.Errorf("Open() after Restore of %s = %v, want %v", what, err, storage.ErrFormat)
		}
	}
	whole := chain[0]
	for at := 0; at < len(whole); at += 1 + len(whole)/97 {
		if at == 7 { // the version
			continue
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		refused(fmt.Sprintf("a flip of byte %d", at), reposit.ErrCorrupt, flipped)
		refused(fmt.Sprintf("a cut at %d", at), reposit.ErrCorrupt, whole[:at])
	}
	next := bytes.Clone(whole)
	next[7]++
	refused("another version", storage.ErrFormat, next)
	refused("something behind", reposit.ErrCorrupt, append(bytes.Clone(whole), 0))
	refused("a second one alone", reposit.ErrInvalid, chain[1])
	refused("one that lacks", reposit.ErrInvalid, chain[0], chain[2])
	refused("one twice", reposit.ErrInvalid, chain[0], chain[1], chain[1])
	refused("another first one", reposit.ErrInvalid, chain[0], chain[0])
	refused("nothing", reposit.ErrInvalid)
	if err := reposit.Restore(ctx, s.Backend, readers(chain)...); !errors.Is(err, reposit.ErrExists) {
		t.Errorf("Restore() over a store = %v, want %v", err, reposit.ErrExists)
	}
	var mark reposit.BackupMark
	if err := mark.UnmarshalText([]byte("bm9uZQ==")); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("UnmarshalText() = %v, want %v", err, reposit.ErrInvalid)
	}
}

// TestCopyTo copies a store, and holds that what ends it comes out.
func TestCopyTo(t *testing.T) {
	s, ctx := fixture.Open(t, fixture.Backend(t, "billyfs-osfs"), "", nil), t.Context()
	fill(t, s.Store)
	b := fixture.Backend(t, "badger")
	told := int64(0)
	err := s.CopyTo(ctx, b, &reposit.CopyOptions{Progress: func(p reposit.Progress) { told = max(told, p.Bytes) }})
	if err != nil || told == 0 {
		t.Fatalf("CopyTo() = %v, told %d bytes", err, told)
	}
	if diff := cmp.Diff(dump(t, s.Backend), dump(t, b)); diff != "" {
		t.Errorf("copied, -want +got:\n%s", diff)
	}
	if err := s.CopyTo(ctx, b, nil); !errors.Is(err, reposit.ErrExists) {
		t.Errorf("CopyTo() over a store = %v, want %v", err, reposit.ErrExists)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.CopyTo(ended, memory.New(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("CopyTo() with a cancelled context = %v", err)
	}
	b.Close()
}

type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errors.New("no more room")
	}
	return len(p), nil
}

// TestBackupFails holds that the error of the writer comes out, wherever it comes, and that pools are given back.
func TestBackupFails(t *testing.T) {
	s := fixture.OpenMemory(t, nil)
	r, _ := fill(t, s.Store)
	for _, n := range []int{0, 8, 100, 5000} {
		if _, err := s.Backup(t.Context(), &failing{n}, nil); err == nil || !strings.Contains(err.Error(), "no more room") {
			t.Errorf("Backup() to a writer of %d bytes = %v", n, err)
		}
	}
	fixture.Remove(t, r)
	for _, line := range dump(t, s.Backend) {
		if strings.HasPrefix(line, `record "D`) {
			t.Errorf("%s is left", line)
		}
	}
}
