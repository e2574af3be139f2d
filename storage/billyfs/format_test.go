package billyfs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/storagetest"
)

const formerFormat = "reposit billyfs 1\n"

// fill makes n repositories, each with a record, each in an Update of its own.
func fill(t *testing.T, b storage.Backend, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		err := b.Update(t.Context(), func(tx storage.Tx) error {
			return errors.Join(tx.CreateRepo(id(fmt.Sprint("r", i)), id(fmt.Sprint("p", i))),
				tx.PutRecord(fmt.Appendf(nil, "k%04d", i), make([]byte, 50)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// count returns how many records there are.
func count(t *testing.T, b storage.Backend) (n int) {
	t.Helper()
	err := b.View(t.Context(), func(v storage.View) error {
		for _, err := range v.Records(nil, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// copyOf copies a store, with the lock of which nothing is to be done.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := storagetest.TempDir(t)
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestJournalCut cuts the journal of a store, and opens it: a store that lost part of what was acknowledged is not
// passed off as a smaller one.
func TestJournalCut(t *testing.T) {
	t.Parallel()
	const repos = 16
	for name, opts := range map[string]*billyfs.Options{"sync": nil, "nosync": noSync} {
		dir := storagetest.TempDir(t)
		b := openOn(t, osfs.New(dir), opts)
		fill(t, b, 0, repos/2)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = openOn(t, osfs.New(dir), opts)
		fill(t, b, repos/2, repos)
		unclean := copyOf(t, dir)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		clean, former, formerUnclean := copyOf(t, dir), copyOf(t, dir), copyOf(t, unclean)
		for _, dir := range []string{former, formerUnclean} {
			write(t, filepath.Join(dir, "reposit/format"), formerFormat)
		}
		for kind, dir := range map[string]string{
			"clean": clean, "unclean": unclean, "clean, former format": former, "unclean, former format": formerUnclean,
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				b := openOn(t, osfs.New(copyOf(t, dir)), opts)
				if got := count(t, b); got != repos {
					t.Errorf("with the whole journal there are %d records, want %d", got, repos)
				}
				journal := filepath.Join(dir, "reposit/journal")
				whole, err := os.ReadFile(journal)
				if err != nil {
					t.Fatal(err)
				}
				for _, part := range []int{-1, 0, 1, 2, 3, 4} {
					cut := copyOf(t, dir)
					journal := filepath.Join(cut, "reposit/journal")
					switch part {
					case -1:
						err = os.Remove(journal)
					case 4:
						err = os.Truncate(journal, int64(len(whole)-1))
					default:
						err = os.Truncate(journal, int64(len(whole)*part/4))
					}
					if err != nil {
						t.Fatal(err)
					}
					b, err := billyfs.Open(osfs.New(cut), opts)
					if err == nil {
						got := count(t, b)
						b.Close()
						switch {
						case part == 4 && kind != "clean" && got == repos: // what tells of the end was torn
						case part < 4 && name == "nosync" && kind == "unclean" && got >= repos/2:
							// A power cut may have taken these Updates. Their repositories are put aside.
							aside, err := filepath.Glob(filepath.Join(cut, "reposit/lost/*"))
							if err != nil || len(aside) != repos-got {
								t.Errorf("%d repositories are put aside, %v, want %d", len(aside), err, repos-got)
							}
							b = openOn(t, osfs.New(cut), opts)
							if got := count(t, b); got < repos/2 {
								t.Errorf("opened again, there are %d records", got)
							}
						default:
							t.Errorf("with %d quarters of the journal, Open() = nil and there are %d records", part, got)
						}
						continue
					}
					if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "reposit/journal") {
						t.Errorf("with %d quarters of the journal, Open() = %v, want %v with the file's name", part, err,
							storage.ErrCorrupt)
					}
					left, _ := os.ReadFile(journal)
					if want := len(whole) * part / 4; part >= 0 && part < 4 && len(left) != want {
						t.Errorf("Open() changed a journal of %d bytes to %d", want, len(left))
					}
				}
			})
		}
	}
}

// TestJournalOfAnotherTime puts a store together from two copies.
func TestJournalOfAnotherTime(t *testing.T) {
	dir := storagetest.TempDir(t)
	b := openOn(t, osfs.New(dir), nil)
	fill(t, b, 0, 3)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	old := copyOf(t, dir)
	b = openOn(t, osfs.New(dir), nil)
	fill(t, b, 3, 6)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][]string{{"journal"}, {"format"}, {"journal", "format"}} {
		mixed := copyOf(t, dir)
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(old, "reposit", file))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(mixed, "reposit", file), string(data))
		}
		if b, err := billyfs.Open(osfs.New(mixed), nil); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("Open() with %v of an earlier time = %v, want %v", files, err, storage.ErrCorrupt)
			if err == nil {
				b.Close()
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "reposit/format")); err != nil {
		t.Fatal(err)
	}
	if _, err := billyfs.Open(osfs.New(dir), nil); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("Open() without reposit/format = %v, want %v", err, storage.ErrCorrupt)
	}
}

// TestOpenElsewhere opens a store where there is something else: it is named, and nothing is written there.
func TestOpenElsewhere(t *testing.T) {
	for want, files := range map[string][]string{
		"a Git worktree":        {".git/HEAD", "main.go"},
		"a bare Git repository": {"HEAD", "config", "objects/info/x", "refs/heads/main"},
		"a Badger database":     {"MANIFEST", "KEYREGISTRY", "000001.sst"},
		"letter.txt":            {"letter.txt"},
		"repos":                 {"repos/mine.txt"},
	} {
		dir := storagetest.TempDir(t)
		for _, file := range files {
			write(t, filepath.Join(dir, file), "x")
		}
		before := tree(t, dir)
		_, err := billyfs.Open(osfs.New(dir), nil)
		if want == "repos" {
			if !errors.Is(err, storage.ErrFormat) && !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("Open() beside %v = %v, want an error", files, err)
			}
		} else if !errors.Is(err, storage.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("Open() beside %v = %v, want %v that names %q", files, err, storage.ErrFormat, want)
		}
		if after := tree(t, dir); !slices.Equal(after, before) {
			t.Errorf("Open() beside %v left %v", files, after)
		}
	}
}

// tree returns the names of all files below dir.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestOpenBesideStrays opens a store in a folder with what systems leave anywhere, and in the store's own folders.
func TestOpenBesideStrays(t *testing.T) {
	dir := storagetest.TempDir(t)
	for _, name := range []string{"lost+found/x", ".DS_Store", "desktop.ini", "System Volume Information/x", "._x"} {
		write(t, filepath.Join(dir, name), "x")
	}
	b := openOn(t, osfs.New(dir), nil)
	fill(t, b, 0, 2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"repos/.DS_Store", "pools/desktop.ini", "reposit/Thumbs.db", "letter.txt",
		"repos/" + strings.Repeat("z", 20) + ".git/HEAD", "repos/x.git/config"} {
		write(t, filepath.Join(dir, name), "x")
	}
	b = openOn(t, osfs.New(dir), nil)
	if got := count(t, b); got != 2 {
		t.Errorf("there are %d records, want 2", got)
	}
}

// TestOpenHalfMade opens what is left where making a store was cut short.
func TestOpenHalfMade(t *testing.T) {
	for _, files := range [][]string{
		nil,
		{"reposit/lock"},
		{"reposit/lock", "reposit/journal"},
		{"reposit/lock", "reposit/tmp/0000000000000001", "reposit-probe"},
	} {
		dir := storagetest.TempDir(t)
		for _, sub := range []string{"reposit", "repos", "pools"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range files {
			write(t, filepath.Join(dir, file), "")
		}
		fill(t, openOn(t, osfs.New(dir), nil), 0, 1)
	}
}
