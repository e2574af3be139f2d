package reposit_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// fetches are what clients do, as git commands, and the words URL and HASH(rev) in them. All that follow the first are
// run in the folder "c".
var fetches = map[string][]string{
	"shallow":                 {"clone -q --bare --depth 1 URL c"},
	"shallow, of all":         {"clone -q --bare --depth 3 --no-single-branch URL c"},
	"deepened":                {"clone -q --bare --depth 1 --no-single-branch URL c", "fetch -q --depth 5"},
	"deepened by some":        {"clone -q --bare --depth 2 --no-single-branch URL c", "fetch -q --deepen 3"},
	"cut":                     {"clone -q --bare URL c", "fetch -q --depth 2"},
	"not shallow any more":    {"clone -q --bare --depth 2 --no-single-branch URL c", "fetch -q --unshallow"},
	"shallow since a time":    {"clone -q --bare --shallow-since=@SINCE URL c"},
	"shallow without a ref":   {"clone -q --bare --shallow-exclude=light URL c"},
	"shallow, later more":     {"clone -q --bare --depth 2 --single-branch URL c", "fetch -q URL side:side"},
	"a branch":                {"clone -q --bare --single-branch --no-tags -b side URL c", "fetch -q URL main:main"},
	"a tag":                   {"init -q --bare c", "fetch -q --no-tags URL refs/tags/v1:refs/tags/v1"},
	"tags that come along":    {"init -q --bare c", "fetch -q URL main:main"},
	"a tree":                  {"init -q --bare c", "fetch -q --no-tags URL refs/odd/tree:refs/odd/tree"},
	"by hash":                 {"init -q --bare c", "fetch -q --no-tags URL HASH(main~3):refs/heads/x"},
	"without blobs":           {"clone -q --bare --filter=blob:none URL c"},
	"without large blobs":     {"clone -q --bare --filter=blob:limit=1k URL c"},
	"without blobs of a size": {"clone -q --bare --filter=blob:limit=18 URL c"},
	"without trees":           {"clone -q --bare --filter=tree:0 URL c"},
	"without blobs, shallow":  {"clone -q --bare --filter=blob:none --depth 2 URL c"},
	"without blobs, then one": {"clone -q --bare --filter=blob:none URL c", "cat-file -e HASH(main:dir/3/file)"},
	"without trees, then one": {"clone -q --bare --filter=tree:0 URL c", "cat-file -e HASH(main:dir)"},
	"mirror":                  {"clone -q --mirror URL c"},
}

// TestServedFetches has git fetch from a repository, and from git's own export of it: what arrives is the same.
func TestServedFetches(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	r, _ := travelled(t, s)
	h, web, stream := serveHost(t, r)
	oracle := newGit(t)
	git(t, oracle, nil, "fetch", "-q", web, "+refs/*:refs/*")
	git(t, oracle, nil, "symbolic-ref", "HEAD", "refs/heads/main")
	git(t, oracle, nil, "config", "uploadpack.allowFilter", "true")
	git(t, oracle, nil, "config", "uploadpack.allowAnySHA1InWant", "true")
	since := git(t, oracle, nil, "log", "-1", "--format=%ct", "main~10")
	run := func(t *testing.T, version, url string, commands []string) string {
		dir := t.TempDir()
		for i, c := range commands {
			c = strings.ReplaceAll(strings.ReplaceAll(c, "URL", url), "@SINCE", since)
			if before, rest, ok := strings.Cut(c, "HASH("); ok {
				rev, after, _ := strings.Cut(rest, ")")
				c = before + must(r.Resolve(t.Context(), rev))(t).String() + after
			}
			if i == 1 {
				dir = filepath.Join(dir, "c")
			}
			git(t, dir, nil, slices.Concat([]string{"-c", version}, strings.Fields(c))...)
		}
		return filepath.Join(dir, map[bool]string{true: "c"}[len(commands) == 1])
	}
	ways := []struct{ version, url string }{{"2", web}, {"0", stream}, {"2", stream}, {"0", web}}
	for i, name := range slices.Sorted(maps.Keys(fetches)) {
		commands, ways := fetches[name], ways[i%2*2:][:2]
		if testing.Short() {
			ways = ways[i/2%2:][:1]
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := run(t, "protocol.version=2", "file://"+oracle, commands)
			for _, way := range ways {
				got := run(t, "protocol.version="+way.version, way.url, commands)
				at := fmt.Sprintf("version %s of %s", way.version, way.url)
				fsck(t, got)
				if got, want := git(t, got, nil, "for-each-ref", refFormat), git(t, want, nil, "for-each-ref",
					refFormat); got != want {
					t.Errorf("%s: refs\n%s\nwant\n%s", at, got, want)
				}
				if diff := cmp.Diff(shallowOf(t, want), shallowOf(t, got)); diff != "" {
					t.Errorf("%s: shallow commits differ (-want +got):\n%s", at, diff)
				}
				if diff := cmp.Diff(stored(t, want), stored(t, got)); diff != "" {
					t.Errorf("%s: objects differ (-want +got):\n%s", at, diff)
				}
			}
		})
	}
	t.Cleanup(func() { h.quiet(t) })
}

// shallowOf returns the commits at which the history of a repository ends.
func shallowOf(t testing.TB, dir string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "shallow"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	hashes := strings.Fields(string(b))
	slices.Sort(hashes)
	return hashes
}

// TestServedUpdates has git fetch what changed since it cloned: what arrives is whole, and little more than what is
// new.
func TestServedUpdates(t *testing.T) {
	t.Parallel()
	needGit(t)
	r, _ := travelled(t, openMemory(t, nil))
	h, web, stream := serveHost(t, r)
	dirs := map[string]string{}
	for _, version := range protocols {
		for _, url := range []string{web, stream} {
			dir := filepath.Join(t.TempDir(), "c")
			git(t, t.TempDir(), nil, "-c", "protocol.version="+version, "clone", "-q", "--mirror", url, dir)
			git(t, dir, nil, "config", "protocol.version", version)
			// What the server does not know is among what the client has.
			own := git(t, dir, nil, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", "-m", "own", "-p", "main",
				"main^{tree}")
			git(t, dir, nil, "update-ref", "refs/own/x", own)
			dirs[version+" "+url] = dir
		}
	}
	for range 40 {
		write(t, r, "dir/3/file", fmt.Sprint(len(dirs), t.Name()))
		write(t, r, "dir/3/file", "other")
	}
	commit(t, r, &reposit.CommitOptions{Branch: "topic", Message: "topic"}, reposit.Put("topic", nil))
	write(t, r, "dir/4/new", "x")
	merged := must(r.Merge(t.Context(), "topic", &reposit.MergeOptions{}))(t).Commit
	must(r.Tags().Create(t.Context(), "v2", merged.Hash.String(), &reposit.TagOptions{Message: "two\n"}))(t)
	for name, dir := range dirs {
		before := len(stored(t, dir))
		git(t, dir, nil, "fetch", "-q", "origin", "+refs/heads/*:refs/heads/*")
		fsck(t, dir)
		if got, want := git(t, dir, nil, "rev-parse", "main", "v2^{commit}"), fmt.Sprintf("%s\n%s", merged.Hash,
			merged.Hash); got != want {
			t.Errorf("%s: main and v2 are %q, want %q", name, got, want)
		}
		if now := len(stored(t, dir)); now > before+81*5 {
			t.Errorf("%s: %d objects became %d", name, before, now)
		}
		git(t, dir, nil, "fetch", "-q")
		git(t, dir, nil, "fetch", "-q")
	}
	h.quiet(t)
}

// TestServedHidden asks for what a client must not get: what a fork has, a deleted branch had, and hidden refs hold.
func TestServedHidden(t *testing.T) {
	t.Parallel()
	needGit(t)
	r, fork := travelled(t, openMemory(t, nil))
	ctx := t.Context()
	secret := commit(t, r, &reposit.CommitOptions{Branch: "hidden/x", Message: "m"}, reposit.Put("h", []byte("hidden")))
	gone := commit(t, r, &reposit.CommitOptions{Branch: "gone", Message: "m"}, reposit.Put("gone", []byte("gone again")))
	if err := r.Branches().Delete(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	h, web, stream := serveHost(t, r)
	h.hide("refs/heads/hidden/")
	for _, version := range protocols {
		for _, url := range []string{web, stream} {
			dir := newGit(t)
			if got := git(t, dir, nil, "-c", "protocol.version="+version, "ls-remote", url); strings.Contains(got, "hidden") ||
				strings.Contains(got, secret.Hash.String()) {
				t.Errorf("version %s of %s shows %s", version, url, got)
			}
			h.quiet(t)
			for what, hash := range map[string]reposit.Hash{
				"a hidden commit": secret.Hash, "a blob of a hidden commit": blobHash("hidden"), "a deleted branch": gone.Hash,
				"a blob of a deleted branch": blobHash("gone again"),
				"a commit of a fork":         must(fork.Resolve(ctx, "main"))(t), "a blob of a fork": blobHash("of the sibling"),
				"nothing": {1, 2, 3},
			} {
				out, err := tryGit(t, dir, nil, "-c", "protocol.version="+version, "fetch", "-q", url, hash.String())
				if err == nil || !strings.Contains(out+err.Error(), "not our ref "+hash.String()) {
					t.Errorf("version %s: fetching %s from %s = %q, %v", version, what, url, out, err)
				}
				if errs := h.errors(); len(errs) != 1 || !errors.Is(errs[0], reposit.ErrNotFound) {
					t.Errorf("version %s: serving %s to %s returned %v, want ErrNotFound", version, what, url, errs)
				}
			}
			tree := must(r.Resolve(ctx, "main~2:dir"))(t)
			git(t, dir, nil, "-c", "protocol.version="+version, "fetch", "-q", url, tree.String())
			h.quiet(t)
		}
	}
}
