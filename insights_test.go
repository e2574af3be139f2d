package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

const (
	goSource   = "package a\n\nfunc A() {}\n"
	rubySource = "class A\n  def b; end\nend\n"
	cSource    = "int a;\n"
)

// wantLanguage compares the language of a repository wherever it is told, and that a search finds it by that one alone.
func wantLanguage(t *testing.T, s *store, r *reposit.Repo, want string) {
	t.Helper()
	ctx := t.Context()
	if err := s.Upkeep(ctx); err != nil {
		t.Fatal(err)
	}
	for _, language := range []string{"Go", "Ruby", "C", "JSON"} {
		page, err := s.Search(ctx, "", &reposit.SearchOptions{Language: language, PageSize: 100})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, item := range page.Items {
			found = found || item.ID == r.ID()
			if item.Language != language {
				t.Errorf("Search(%s) finds %s, which is in %s", language, item.FullName(), item.Language)
			}
		}
		if found != (language == want) {
			t.Errorf("Search(%s) finds it: %v, want %s", language, found, want)
		}
	}
	wantInfoLanguage(t, s, r, want)
	checkStore(t, s)
}

func wantInfoLanguage(t *testing.T, s *store, r *reposit.Repo, want string) {
	t.Helper()
	ctx := t.Context()
	info, err := r.Info(ctx)
	if err != nil || info.Language != want {
		t.Errorf("Info().Language = %q, %v, want %q", info.Language, err, want)
	}
	updated, err := r.Update(ctx, nil)
	if err != nil || updated.Language != want {
		t.Errorf("Update().Language = %q, %v, want %q", updated.Language, err, want)
	}
	network, err := r.Network(ctx, &reposit.ListOptions{PageSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Search(ctx, info.Slug, nil)
	if err != nil {
		t.Fatal(err)
	}
	items := network.Items
	for _, item := range found.Items {
		items = append(items, item.Info)
	}
	for info, err := range s.All(ctx, nil) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, info)
	}
	seen := 0
	for _, item := range items {
		if item.ID == r.ID() {
			if seen++; item.Language != want {
				t.Errorf("a list has language %q, want %q", item.Language, want)
			}
		}
	}
	if seen != 3 {
		t.Errorf("it is in %d of 3 lists", seen)
	}
}

// done fails the test if there is an error.
func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func languages(t testing.TB, r *reposit.Repo, rev string) map[string]int64 {
	t.Helper()
	got, err := r.Languages(t.Context(), rev)
	if err != nil {
		t.Fatalf("Languages(%q) = %v", rev, err)
	}
	return got
}

// TestLanguage follows the language of a repository through whatever can change it.
func TestLanguage(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		ctx := t.Context()
		r := create(t, s, "x", nil)
		wantLanguage(t, s, r, "")
		write(t, r, "README.md", "# Text\n")
		wantLanguage(t, s, r, "")
		first := write(t, r, "a.go", goSource)
		wantLanguage(t, s, r, "Go")
		write(t, r, "a.rb", rubySource)
		wantLanguage(t, s, r, "Ruby")
		write(t, r, ".gitattributes", "*.rb linguist-vendored\n")
		wantLanguage(t, s, r, "Go")
		commit(t, r, nil, reposit.Delete("a.go"), reposit.Delete(".gitattributes"), reposit.Delete("a.rb"),
			reposit.Put("a.c", []byte(cSource)))
		wantLanguage(t, s, r, "C")

		// Another branch does not count, until it is the default one.
		commit(t, r, &reposit.CommitOptions{Branch: "side", From: first.Hash.String()}, reposit.Put("b.go", []byte(goSource)))
		wantLanguage(t, s, r, "C")
		if _, err := r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: ref("side")}); err != nil {
			t.Fatal(err)
		}
		wantLanguage(t, s, r, "Go")
		if err := r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/side", New: commitOf(t, r, "main")}); err != nil {
			t.Fatal(err)
		}
		wantLanguage(t, s, r, "C")
		if err := r.Branches().Rename(ctx, "side", "trunk"); err != nil {
			t.Fatal(err)
		}
		wantLanguage(t, s, r, "C")
		if err := r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/trunk", New: first.Hash}); err != nil {
			t.Fatal(err)
		}
		wantLanguage(t, s, r, "Go")
	})
}

func commitOf(t testing.TB, r *reposit.Repo, rev string) reposit.Hash {
	t.Helper()
	h, err := r.Resolve(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestLanguageOfEqual holds that of languages with as many bytes the first by name counts.
func TestLanguageOfEqual(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	commit(t, r, nil, reposit.Put("a.go", []byte("package\n")), reposit.Put("a.c", []byte("int a;;\n")))
	wantLanguage(t, s, r, "C")
}

func TestLanguages(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "x", nil)
		if got := languages(t, r, ""); got == nil || len(got) > 0 {
			t.Errorf("Languages of an empty repository = %v, want an empty map", got)
		}
		commit(t, r, nil, reposit.Put("a.go", []byte(goSource)), reposit.Put("vendor/b.go", []byte(goSource)),
			reposit.Put("c.json", []byte("{}\n")), reposit.Put("d.tsx", []byte("let a = 1\n")), reposit.Symlink("e.go", "a.go"))
		size := func(s string) int64 { return int64(len(s)) }
		want := map[string]int64{"Go": size(goSource), "TypeScript": 10}
		for range 2 {
			got := languages(t, r, "")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Languages (-want +got):\n%s", diff)
			}
			got["Go"], got["Own"] = 0, 1 // it is the caller's
		}
		commit(t, r, &reposit.CommitOptions{Branch: "side"},
			reposit.Put("sub/.gitattributes", []byte("*.json linguist-detectable linguist-language=Ruby\n")),
			reposit.Put("sub/f.json", []byte("{}\n")), reposit.Delete("a.go"))
		for rev, want := range map[string]map[string]int64{
			"": want, "main": want, "side~1": want, "side": {"Ruby": 3, "TypeScript": 10}, "side:sub": {"Ruby": 3},
			"main^{tree}": want,
		} {
			if diff := cmp.Diff(want, languages(t, r, rev)); diff != "" {
				t.Errorf("Languages(%q) (-want +got):\n%s", rev, diff)
			}
		}
		for rev, want := range map[string]error{"nowhere": reposit.ErrNotFound, "main:c.json": reposit.ErrNotFound,
			"a..b": reposit.ErrInvalid} {
			if got, err := r.Languages(t.Context(), rev); !errors.Is(err, want) {
				t.Errorf("Languages(%q) = %v, %v, want %v", rev, got, err, want)
			}
		}
		checkStore(t, s)
	})
}

// TestLanguageOfForks holds that a fork has the language of its parent from the start, and its own later.
func TestLanguageOfForks(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		parent := create(t, s, "x", nil)
		fork := func(of *reposit.Repo, owner string) *reposit.Repo {
			t.Helper()
			r, err := of.Fork(t.Context(), &reposit.ForkOptions{Owner: owner})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		wantLanguage(t, s, fork(parent, "early"), "")
		write(t, parent, "a.go", goSource)
		unknown := fork(parent, "ann")
		wantLanguage(t, s, unknown, "Go")
		wantLanguage(t, s, parent, "Go")
		known := fork(parent, "bob")
		wantLanguage(t, s, fork(known, "carl"), "Go")
		write(t, parent, "a.go", rubySource)
		write(t, known, "a.rb", rubySource)
		if err := parent.Branches().Rename(t.Context(), "main", "trunk"); err != nil {
			t.Fatal(err)
		}
		wantLanguage(t, s, known, "Ruby")
		wantLanguage(t, s, parent, "Go")
		remove(t, parent)
		write(t, unknown, "b.c", strings.Repeat(cSource, 10))
		wantLanguage(t, s, unknown, "C")
		wantLanguage(t, s, known, "Ruby")
	})
}

// TestLanguageFromOutside holds that the language is true also where another program moved the branch.
func TestLanguageFromOutside(t *testing.T) {
	needGit(t)
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		if s.dir == "" {
			t.Skip("git can't see it")
		}
		r := create(t, s, "x", nil)
		old := write(t, r, "a.go", goSource)
		write(t, r, "a.go", rubySource)
		write(t, r, "a.rb", rubySource)
		dir := s.dir + "/repos/" + storageID(r).String() + ".git"
		for _, tt := range []struct {
			args []string
			want string
		}{
			{nil, "Go"},
			{[]string{"update-ref", "refs/heads/main", old.Hash.String()}, "Go"},
			{[]string{"branch", "other", "main"}, "Go"},
			{[]string{"symbolic-ref", "HEAD", "refs/heads/none"}, ""},
			{[]string{"symbolic-ref", "HEAD", "refs/heads/other"}, "Go"},
			{[]string{"symbolic-ref", "HEAD", "refs/heads/none"}, ""},
			{[]string{"update-ref", "--no-deref", "HEAD", old.Hash.String()}, ""},
		} {
			if tt.args != nil {
				git(t, dir, nil, tt.args...)
			}
			if _, err := r.Languages(t.Context(), ""); err != nil && !errors.Is(err, reposit.ErrNotFound) {
				t.Fatal(err)
			}
			info, err := r.Info(t.Context())
			if err != nil || info.Language != tt.want {
				t.Errorf("after git %v: Info().Language = %q, %v, want %q", tt.args, info.Language, err, tt.want)
			}
		}
	})
}

// A leaky backend has lost some objects.
type leaky struct {
	storage.Backend
	mu   sync.Mutex
	lost map[storage.Hash]bool
}

func (l *leaky) lose(h reposit.Hash, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[storage.Hash(h)] = is
}

func (l *leaky) isLost(h storage.Hash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost[h]
}

func (l *leaky) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	if l.isLost(h) {
		return storage.Object{}, storage.ErrCorrupt
	}
	return l.Backend.Object(ctx, pool, h)
}

func (l *leaky) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	if l.isLost(h) {
		return 0, 0, nil, storage.ErrCorrupt
	}
	return l.Backend.OpenObject(ctx, pool, h)
}

// TestLanguageOfDamage holds that one damaged repository keeps no list from being read, and is named in the log once.
func TestLanguageOfDamage(t *testing.T) {
	var log bytes.Buffer
	l := &leaky{Backend: memory.New(), lost: map[storage.Hash]bool{}}
	s := openStore(t, l, "", &reposit.Options{CacheSize: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := create(t, s, "damaged", nil)
	write(t, r, "a.go", goSource)
	wantLanguage(t, s, r, "Go")
	whole := create(t, s, "whole", nil)
	write(t, whole, "a.c", cSource)
	write(t, r, "a.rb", strings.Repeat(rubySource, 3))
	e, err := r.Stat(t.Context(), "", "a.rb")
	if err != nil {
		t.Fatal(err)
	}
	l.lose(e.Hash, true)
	for range 2 {
		if err := s.Upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantInfoLanguage(t, s, r, "Go")
	wantInfoLanguage(t, s, whole, "C")
	if _, err := s.Search(t.Context(), "", &reposit.SearchOptions{Language: "Ruby"}); err != nil {
		t.Errorf("Search = %v", err)
	}
	if n := strings.Count(log.String(), "can't be counted"); n != 1 ||
		!strings.Contains(log.String(), storageID(r).String()) {
		t.Errorf("the log tells of it %d times, want once:\n%s", n, log.String())
	}
	if got, err := r.Languages(t.Context(), ""); !errors.Is(err, reposit.ErrCorrupt) {
		t.Errorf("Languages = %v, %v, want ErrCorrupt", got, err)
	}
	l.lose(e.Hash, false)
	if got := languages(t, r, ""); got["Ruby"] == 0 {
		t.Errorf("Languages = %v after what was lost is back", got)
	}
	write(t, r, "b.c", cSource)
	wantLanguage(t, s, r, "Ruby")
}

// A fullBackend can be made to have no space left.
type fullBackend struct {
	storage.Backend
	isFull atomic.Bool
}

func (f *fullBackend) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if f.isFull.Load() {
		return storage.ErrNoSpace
	}
	return f.Backend.Update(ctx, fn)
}

// TestInsightsWithoutSpace holds that one can ask also where the answer can't be kept.
func TestInsightsWithoutSpace(t *testing.T) {
	b := &fullBackend{Backend: memory.New()}
	s := openStore(t, b, "", nil)
	r := create(t, s, "x", nil)
	write(t, r, "a.go", goSource)
	b.isFull.Store(true)
	for range 2 {
		if got := languages(t, r, ""); got["Go"] == 0 {
			t.Errorf("Languages = %v", got)
		}
		if got := contributors(t, r, &reposit.ContributorOptions{Anonymous: true}); len(got) != 1 {
			t.Errorf("Contributors = %v, want one", got)
		}
		if _, err := s.Search(t.Context(), "", &reposit.SearchOptions{Language: "Go"}); err != nil {
			t.Errorf("Search = %v", err)
		}
	}
	b.isFull.Store(false)
	wantLanguage(t, s, r, "Go")
}

// TestInsightsCancelled holds that what is counted for a caller who goes away is counted for the next.
func TestInsightsCancelled(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	write(t, r, "a.go", goSource)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Languages(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Languages = %v, want %v", err, context.Canceled)
	}
	if _, err := r.Contributors(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Contributors = %v, want %v", err, context.Canceled)
	}
	wantLanguage(t, s, r, "Go")
}

// TestLanguageIsKept holds that what was counted is there when the store is opened again, and is not counted again.
func TestLanguageIsKept(t *testing.T) {
	backend := memory.New()
	s := openStore(t, unclosed{backend}, "", nil)
	r := create(t, s, "x", nil)
	var changes []reposit.Change
	for i := range 500 {
		changes = append(changes, reposit.Put(fmt.Sprintf("d%d/f%d.go", i%20, i),
			fmt.Appendf(nil, "package a\n\n// %d\n", i)))
	}
	commit(t, r, nil, changes...)
	languages(t, r, "")
	wantInfoLanguage(t, s, r, "Go")
	write(t, r, "b.go", goSource)
	want := languages(t, r, "main")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		reads := &readCounter{Backend: unclosed{backend}}
		s = openStore(t, reads, "", nil)
		again, err := s.RepoByID(t.Context(), r.ID())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, languages(t, again, "")); diff != "" {
			t.Errorf("Languages after it was opened again (-want +got):\n%s", diff)
		}
		if reads.objects > 20 {
			t.Errorf("Languages read %d objects, want few", reads.objects)
		}
		wantLanguage(t, s, again, "Go")
	}
}

// An unclosed backend stays open when its store is closed.
type unclosed struct{ storage.Backend }

func (unclosed) Close() error { return nil }

// A readCounter counts the objects that are read.
type readCounter struct {
	storage.Backend
	mu      sync.Mutex
	objects int
}

func (r *readCounter) add() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects++
}

func (r *readCounter) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	r.add()
	return r.Backend.Object(ctx, pool, h)
}

func (r *readCounter) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	r.add()
	return r.Backend.OpenObject(ctx, pool, h)
}

// TestReadsDoNotCount holds that who describes, lists or finds a repository after a push reads no object, and is told
// the language that is known, and of which commit it is.
func TestReadsDoNotCount(t *testing.T) {
	reads := &readCounter{Backend: memory.New()}
	s := openStore(t, reads, "", &reposit.Options{CacheSize: 1})
	ctx := t.Context()
	done(t, s.Users().Put(ctx, reposit.Profile{Login: "bob"}))
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
	done(t, r.Collaborators().Add(ctx, "bob", reposit.Write))
	fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "eve"}))(t)
	check := func(language string, at reposit.Hash) {
		t.Helper()
		before := reads.objects
		list, network := must(s.List(ctx, nil))(t), must(r.Network(ctx, nil))(t)
		pushable, forks := must(s.Pushable(ctx, "bob", nil))(t), must(r.Forks(ctx, nil))(t)
		infos := slices.Concat([]reposit.Info{must(r.Info(ctx))(t), must(r.Update(ctx, nil))(t)}, list.Items, network.Items,
			pushable.Items, forks.Items)
		for _, query := range []string{"", "ann", "x"} {
			for _, item := range must(s.Search(ctx, query, nil))(t).Items {
				infos = append(infos, item.Info)
			}
		}
		must(s.Search(ctx, "", &reposit.SearchOptions{Language: "Go"}))(t)
		for _, info := range infos {
			if info.ID == r.ID() && (info.Language != language || info.LanguageAt != at) {
				t.Errorf("language %q at %s, want %q at %s", info.Language, info.LanguageAt, language, at)
			}
		}
		if n := len(infos); n < 12 {
			t.Errorf("there are %d Infos, want more", n)
		}
		if reads.objects != before {
			t.Errorf("%d objects were read", reads.objects-before)
		}
	}
	check("", reposit.Hash{})
	first := write(t, r, "a.go", goSource)
	write(t, fork, "a.go", goSource)
	check("", reposit.Hash{})
	languages(t, r, "")
	check("Go", first.Hash)
	second := write(t, r, "a.go", rubySource)
	check("Go", first.Hash)
	write(t, r, "b.go", goSource)
	languages(t, r, second.Hash.String()) // of another commit
	check("Go", first.Hash)
	done(t, s.Upkeep(ctx))
	check("Go", commitOf(t, r, "main"))
	checkStore(t, s)
}

// TestUpkeep holds that a store finds out languages by itself, that it has no goroutine before and after that, and that
// one that has work to do can be closed.
func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, memory.New(), "", &reposit.Options{Upkeep: reposit.Upkeep{Delay: time.Minute}})
		r := create(t, s, "x", nil)
		for i := range 3 {
			tip := write(t, r, "a.go", goSource+strings.Repeat("// more\n", i))
			synctest.Wait()
			if n := upkeepers(); n != 1 {
				t.Errorf("%d goroutines run beside a store with work to do, want one", n)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if info, err := r.Info(t.Context()); err != nil || info.Language != "Go" || info.LanguageAt != tip.Hash {
				t.Errorf("Info() has language %q at %s, %v, want Go at %s", info.Language, info.LanguageAt, err, tip.Hash)
			}
			if n := upkeepers(); n != 0 {
				t.Errorf("%d goroutines run beside a store with nothing to do", n)
			}
			checkStore(t, s)
		}
		write(t, r, "a.go", rubySource)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := upkeepers(); n != 0 {
			t.Errorf("%d goroutines run beside a closed store", n)
		}
	})
}

// upkeepers returns how many goroutines of stores there are.
func upkeepers() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("stats.(*Service).run("))
}

// TestUpkeepAfterOpen holds that what one process left to do the next one does.
func TestUpkeepAfterOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := memory.New()
		s := openStore(t, unclosed{backend}, "", nil)
		id, tip := create(t, s, "x", nil).ID(), reposit.Hash{}
		r := must(s.RepoByID(t.Context(), id))(t)
		tip = write(t, r, "a.go", goSource).Hash
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, backend, "", &reposit.Options{Upkeep: reposit.Upkeep{Percent: 100}})
		r = must(s.RepoByID(t.Context(), id))(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		if info, err := r.Info(t.Context()); err != nil || info.Language != "Go" || info.LanguageAt != tip {
			t.Errorf("Info() has language %q at %s, %v, want Go at %s", info.Language, info.LanguageAt, err, tip)
		}
	})
}

// TestLanguageOnce holds that many who ask at once make the store count once.
func TestLanguageOnce(t *testing.T) {
	reads := &readCounter{Backend: memory.New()}
	s := openStore(t, reads, "", &reposit.Options{CacheSize: 1})
	r := create(t, s, "x", nil)
	var changes []reposit.Change
	for i := range 300 {
		changes = append(changes, reposit.Put(fmt.Sprintf("f%d.go", i), fmt.Appendf(nil, "package a\n\n// %d\n", i)))
	}
	commit(t, r, nil, changes...)
	reads.objects = 0
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if got, err := r.Languages(t.Context(), ""); err != nil || got["Go"] == 0 {
				t.Errorf("Languages = %v, %v", got, err)
			}
		})
	}
	group.Wait()
	if reads.objects > 350 {
		t.Errorf("%d objects were read to count 300 files", reads.objects)
	}
}

func contributors(t testing.TB, r *reposit.Repo, opts *reposit.ContributorOptions) []reposit.Contributor {
	t.Helper()
	got, err := r.Contributors(t.Context(), opts)
	if err != nil {
		t.Fatalf("Contributors(%+v) = %v", opts, err)
	}
	return got
}

// by makes a commit by an author.
func by(t testing.TB, r *reposit.Repo, branch, name, email string) *reposit.Commit {
	t.Helper()
	return commit(t, r, &reposit.CommitOptions{Branch: branch, Author: &reposit.Signature{Name: name, Email: email}},
		reposit.Put(fmt.Sprintf("f-%s-%d", name, time.Now().UnixNano()), []byte(name)))
}

func TestContributors(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "x", nil)
		everybody := &reposit.ContributorOptions{Anonymous: true}
		if got := contributors(t, r, everybody); len(got) > 0 {
			t.Errorf("Contributors of an empty repository = %v", got)
		}
		by(t, r, "", "Ada", "ada@x.org")
		by(t, r, "", "Ada", "ADA@x.org")
		by(t, r, "", "Bob", "bob@old")
		by(t, r, "", "Bob", "bob@new")
		by(t, r, "", "Bob", "bob@new")
		by(t, r, "", "Zoe", "zoe@x.org")
		commit(t, r, &reposit.CommitOptions{Message: "nothing", AllowEmpty: true,
			Author: &reposit.Signature{Name: "Nil", Email: "nil@x.org"}})
		by(t, r, "side", "Eve", "eve@x.org")

		check := func(what string, opts *reposit.ContributorOptions, want ...reposit.Contributor) {
			t.Helper()
			if diff := cmp.Diff(want, contributors(t, r, opts)); diff != "" {
				t.Errorf("%s: Contributors (-want +got):\n%s", what, diff)
			}
		}
		ada, bob := reposit.Contributor{Name: "Ada", Email: "ADA@x.org", Contributions: 2},
			reposit.Contributor{Name: "Bob", Email: "bob@new", Contributions: 2}
		oldBob, zoe := reposit.Contributor{Name: "Bob", Email: "bob@old", Contributions: 1},
			reposit.Contributor{Name: "Zoe", Email: "zoe@x.org", Contributions: 1}
		eve := reposit.Contributor{Name: "Eve", Email: "eve@x.org", Contributions: 1}
		check("addresses", everybody, ada, bob, oldBob, zoe)
		check("another branch", &reposit.ContributorOptions{Anonymous: true, Revision: "side"}, ada, bob, oldBob, eve, zoe)
		check("limit", &reposit.ContributorOptions{Anonymous: true, Limit: 1}, ada)
		if got := contributors(t, r, nil); got == nil || len(got) > 0 {
			t.Errorf("Contributors without users = %v, want none", got)
		}

		put := func(p reposit.Profile) {
			t.Helper()
			if err := s.Users().Put(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		put(reposit.Profile{Login: "ada", Name: "Ada Lovelace", Email: "Ada@x.org"})
		put(reposit.Profile{Login: "robert", Emails: []string{"bob@old"}})
		knownAda := reposit.Contributor{Login: "ada", Name: "Ada Lovelace", Email: "ADA@x.org", Contributions: 2}
		knownBob := reposit.Contributor{Login: "robert", Name: "Bob", Email: "bob@old", Contributions: 1}
		check("users", nil, knownAda, knownBob)
		check("users and others", everybody, knownAda, bob, knownBob, zoe)

		commit(t, r, &reposit.CommitOptions{Author: &reposit.Signature{Name: "Zoe", Email: "zoe@x.org"}},
			reposit.Put(".mailmap", []byte("Bobby <bob@new> <bob@old>\nAda <ada@x.org> <zoe@x.org>\n")))
		knownAda.Contributions, knownBob = 4, reposit.Contributor{Login: "robert", Name: "Bob", Email: "bob@new",
			Contributions: 3}
		knownAda.Email = "ada@x.org"
		check("mailmap", nil, knownAda, knownBob)
		checkStore(t, s)

		// The branch goes back, and on from there.
		if err := r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/main",
			New: commitOf(t, r, "main~4")}); err != nil {
			t.Fatal(err)
		}
		check("after it went back", everybody, reposit.Contributor{Login: "ada", Name: "Ada Lovelace", Email: "ADA@x.org",
			Contributions: 2},
			reposit.Contributor{Name: "Bob", Email: "bob@new", Contributions: 1},
			reposit.Contributor{Login: "robert", Name: "Bob", Email: "bob@old", Contributions: 1})
		checkStore(t, s)
	})
}

func TestContributorsOfBad(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	write(t, r, "d/a", "a")
	for _, tt := range []struct {
		opts reposit.ContributorOptions
		want error
	}{
		{reposit.ContributorOptions{Limit: -1}, reposit.ErrInvalid},
		{reposit.ContributorOptions{Revision: "nowhere"}, reposit.ErrNotFound},
		{reposit.ContributorOptions{Revision: "main:d"}, reposit.ErrInvalid},
		{reposit.ContributorOptions{Revision: "main:d/a"}, reposit.ErrNotFound},
	} {
		if got, err := r.Contributors(t.Context(), &tt.opts); !errors.Is(err, tt.want) {
			t.Errorf("Contributors(%+v) = %v, %v, want %v", tt.opts, got, err, tt.want)
		}
	}
}

// TestContributorsAreForeseen holds that of a long history contributors are counted before anybody asks, so that
// whoever does after the store was opened waits for few commits.
func TestContributorsAreForeseen(t *testing.T) {
	backend := memory.New()
	s := openStore(t, unclosed{backend}, "", nil)
	r, short := create(t, s, "x", nil), create(t, s, "short", nil)
	for range 200 {
		by(t, r, "", "Ada", "ada@x.org")
	}
	by(t, short, "", "Ada", "ada@x.org")
	done(t, s.Upkeep(t.Context()))
	by(t, r, "", "Bob", "bob@x.org")
	checkStore(t, s)
	done(t, s.Close())
	reads := &readCounter{Backend: backend}
	s = openStore(t, reads, "", &reposit.Options{CacheSize: 1})
	everybody := &reposit.ContributorOptions{Anonymous: true}
	want := []reposit.Contributor{
		{Name: "Ada", Email: "ada@x.org", Contributions: 200}, {Name: "Bob", Email: "bob@x.org", Contributions: 1},
	}
	if diff := cmp.Diff(want, contributors(t, must(s.RepoByID(t.Context(), r.ID()))(t), everybody)); diff != "" {
		t.Errorf("Contributors (-want +got):\n%s", diff)
	}
	if reads.objects > 60 {
		t.Errorf("%d objects were read", reads.objects)
	}
	if got := contributors(t, must(s.RepoByID(t.Context(), short.ID()))(t), everybody); len(got) != 1 {
		t.Errorf("Contributors of a short history = %v, want one", got)
	}
	checkStore(t, s)
}

// TestContributorsOfForks holds that a fork's tally begins with its parent's.
func TestContributorsOfForks(t *testing.T) {
	reads := &readCounter{Backend: memory.New()}
	s := openStore(t, reads, "", &reposit.Options{CacheSize: 1})
	parent := create(t, s, "x", nil)
	for range 100 {
		by(t, parent, "", "Ada", "ada@x.org")
	}
	everybody := &reposit.ContributorOptions{Anonymous: true}
	contributors(t, parent, everybody)
	fork, err := parent.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	by(t, fork, "", "Bob", "bob@x.org")
	reads.objects = 0
	want := []reposit.Contributor{{Name: "Ada", Email: "ada@x.org", Contributions: 100},
		{Name: "Bob", Email: "bob@x.org", Contributions: 1}}
	if diff := cmp.Diff(want, contributors(t, fork, everybody)); diff != "" {
		t.Errorf("Contributors of a fork (-want +got):\n%s", diff)
	}
	if reads.objects > 30 {
		t.Errorf("%d objects were read", reads.objects)
	}
	remove(t, parent)
	by(t, fork, "", "Bob", "bob@x.org")
	want[1].Contributions++
	if diff := cmp.Diff(want, contributors(t, fork, everybody)); diff != "" {
		t.Errorf("Contributors of a fork without parent (-want +got):\n%s", diff)
	}
	checkStore(t, s)
}
