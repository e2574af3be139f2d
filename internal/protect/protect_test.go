package protect

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func id(n int) storage.ID { return storage.ID([]byte(fmt.Sprintf("%020d", n))) }

func update(t testing.TB, b storage.Backend, fn func(storage.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func patterns(rs Rules) string {
	var all []string
	for _, r := range rs {
		all = append(all, r.Pattern)
	}
	return strings.Join(all, " ")
}

func TestFor(t *testing.T) {
	rules := Rules{{Pattern: "release/*"}, {Pattern: "**"}, {Pattern: "release/1*"}, {Pattern: "main"},
		{Pattern: "release/1.0"}}
	for _, test := range [][2]string{
		{"main", "main"}, {"release/1.0", "release/1.0"}, {"release/1.1", "release/*"}, {"release/1/x", "**"},
		{"other", "**"}, {"Main", "**"},
	} {
		if got := rules.For(test[0]); got == nil || got.Pattern != test[1] {
			t.Errorf("For(%q) = %v, want %q", test[0], got, test[1])
		}
	}
	if got := rules[:1].For("main"); got != nil {
		t.Errorf("For(main) = %v, want nil", got)
	}
	if got, want := patterns(rules.Sorted()), "main release/1.0 release/* ** release/1*"; got != want {
		t.Errorf("Sorted() = %s, want %s", got, want)
	}
}

func TestRefuse(t *testing.T) {
	err := (&Rule{Pattern: "release/*"}).Refuse("changes must come by a pull request")
	const want = `refused by the branch protection "release/*": changes must come by a pull request`
	if !errors.Is(err, ErrRefused) || err.Error() != want {
		t.Errorf("Refuse() = %v, want %s", err, want)
	}
}

func TestCheck(t *testing.T) {
	for _, pattern := range []string{
		"main", "release/*", "**", "*", "a/**/b", "v[0-9]", "[!a]*", "[]]x", "é", "?", "x.[l]ock", `[\]]`, "a]",
		strings.Repeat("x", 200),
	} {
		if err := (&Rule{Pattern: pattern}).Check(); err != nil {
			t.Errorf("Check(%q) = %v, want nil", pattern, err)
		}
	}
	for _, pattern := range []string{
		"", "/", "a/", "/a", "a//b", "a b", "a..b", "*.lock", ".x", "a/.*", "a~1", "@{*}", "x:y", "-x", "HEAD", "[", "[]",
		`x\`, `\*`,
		"refs/heads/main", "a.", "a\x00", "*\x7f", strings.Repeat("x", 300), strings.Repeat("*/", 600) + "x", "[" +
			strings.Repeat("a", MaxPattern) + "]",
	} {
		if err := (&Rule{Pattern: pattern}).Check(); !errors.Is(err, ErrRule) {
			t.Errorf("Check(%q) = %v, want %v", pattern, err, ErrRule)
		}
	}
	for _, n := range []int{-1, MaxReviews + 1} {
		if err := (&Rule{Pattern: "main", RequiredReviews: n}).Check(); !errors.Is(err, ErrRule) {
			t.Errorf("Check() with %d reviews = %v, want %v", n, err, ErrRule)
		}
	}
}

func TestRecords(t *testing.T) {
	b := memory.New()
	defer b.Close()
	load := func(repo int) (rs Rules) {
		err := b.View(t.Context(), func(v storage.View) (err error) {
			rs, err = Load(v, id(repo))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return rs
	}
	full := Rule{
		Pattern: "main", RequirePR: true, RequiredReviews: 2, DismissStaleReviews: true, RequireCodeOwnerReview: true,
		RequireLastPushReview: true, AllowForcePush: true, AllowDeletion: true, BypassAdmins: true,
	}
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			Set(tx, id(1), Rule{Pattern: "release/*", AllowDeletion: true}),
			Set(tx, id(1), Rule{Pattern: "main"}),
			Set(tx, id(1), full), // in place of the one before
			Set(tx, id(2), Rule{Pattern: "x"}),
		)
	})
	if diff := cmp.Diff(Rules{{Pattern: "release/*", AllowDeletion: true}, full}, load(1)); diff != "" {
		t.Errorf("Load() (-want +got):\n%s", diff)
	}
	update(t, b, func(tx storage.Tx) error {
		return errors.Join(
			Rename(tx, id(1), "main", "trunk"), Rename(tx, id(1), "none", "else"), Rename(tx, id(1), "trunk", "release/*"),
		)
	})
	if got, want := patterns(load(1)), "release/* trunk"; got != want {
		t.Errorf("patterns after Rename = %s, want %s", got, want)
	}
	update(t, b, func(tx storage.Tx) error {
		if left, err := Remove(tx, id(1), "main"); !left || !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Remove(main) = %v, %v, want true, %v", left, err, storage.ErrNotFound)
		}
		if left, err := Remove(tx, id(1), "release/*"); !left || err != nil {
			t.Errorf("Remove(release/*) = %v, %v, want true, nil", left, err)
		}
		if left, err := Remove(tx, id(1), "trunk"); left || err != nil {
			t.Errorf("Remove(trunk) = %v, %v, want false, nil", left, err)
		}
		return Drop(tx, id(2))
	})
	if rs := append(load(1), load(2)...); len(rs) > 0 {
		t.Errorf("left after Remove and Drop: %v", rs)
	}
}

func TestTooMany(t *testing.T) {
	b := memory.New()
	defer b.Close()
	update(t, b, func(tx storage.Tx) error {
		for i := range MaxRules {
			if err := Set(tx, id(1), Rule{Pattern: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		if err := Set(tx, id(1), Rule{Pattern: "x"}); !errors.Is(err, ErrTooMany) || !errors.Is(err, storage.ErrTooLarge) {
			t.Errorf("Set() of one more = %v, want %v", err, ErrTooMany)
		}
		return Set(tx, id(1), Rule{Pattern: "7", AllowDeletion: true})
	})
}

func TestTruncated(t *testing.T) {
	b := Rules{{Pattern: "main", RequirePR: true, RequiredReviews: 3}, {Pattern: "release/*"}}.encode()
	for n := range len(b) {
		if rs, err := decode(b[:n]); !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
			t.Errorf("decode of %d of %d bytes = %v, %v", n, len(b), rs, err)
		}
	}
	for _, bad := range []string{"\x03\x01\x00\x00\x01x", "\x02\x00", "\x02\x01\x80\x00\x01x", "\x01\x00",
		"\x01\x01\x40\x00\x01x", "\x01\x01\x00\x65\x01x", "\x01\x01\x00\x00\x00", string(b) + "x"} {
		if rs, err := decode([]byte(bad)); err == nil {
			t.Errorf("decode(%q) = %v, want an error", bad, rs)
		}
	}
}

// TestOldRules holds that rules of the version before are read.
func TestOldRules(t *testing.T) {
	rs, err := decode([]byte("\x01\x01\x05\x02\x04main"))
	want := Rules{{Pattern: "main", RequirePR: true, RequireCodeOwnerReview: true, RequiredReviews: 2}}
	if diff := cmp.Diff(want, rs); diff != "" || err != nil {
		t.Errorf("decode() of version 1 = %v (-want +got):\n%s", err, diff)
	}
}

// FuzzDecode holds that what can be decoded is what encode wrote.
func FuzzDecode(f *testing.F) {
	f.Add(Rules{{Pattern: "main", RequirePR: true, RequiredReviews: 3}, {Pattern: "release/*"}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		rs, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(rs.encode())
		if diff := cmp.Diff(rs, again); diff != "" || err != nil {
			t.Errorf("decode of what was decoded = %v (-want +got):\n%s", err, diff)
		}
	})
}

// FuzzCheck holds that a pattern without wildcards is taken just if it is a branch's name, and matches it.
func FuzzCheck(f *testing.F) {
	f.Add("release/[0-9]*", "release/1")
	f.Add("main", "main")
	f.Fuzz(func(t *testing.T, pattern, branch string) {
		r := &Rule{Pattern: pattern}
		if r.Check() != nil {
			return
		}
		if r.IsExact() && !r.Matches(pattern) {
			t.Errorf("%q does not match itself", pattern)
		}
		if rs := (Rules{{Pattern: "**"}, *r}); branch != "" &&
			(rs.For(branch) == &rs[1]) != (r.IsExact() && r.Matches(branch)) {
			t.Errorf("For(%q) of ** and %q = %v", branch, pattern, rs.For(branch))
		}
	})
}
