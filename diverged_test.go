package reposit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// numbered returns a text of so many lines, some of them others.
func numbered(n int, other map[int]string) []byte {
	var b strings.Builder
	for i := range n {
		line := fmt.Sprintf("line %d", i)
		if text, ok := other[i]; ok {
			line = text
		}
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

// TestMergeDiverged has a branch take commits beside its own.
func TestMergeDiverged(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		commit(t, r, nil, reposit.Put("both", numbered(20, nil)), reposit.Put("old/moved", numbered(9, nil)),
			reposit.Put("gone", []byte("1")), reposit.Put("d/e/deep", []byte("1")))
		must(r.Branches().Create(ctx, "side", ""))(t)
		ours := commit(t, r, nil, reposit.Put("both", numbered(20, map[int]string{2: "ours"})),
			reposit.Move("old/moved", "new/moved"), reposit.Put("mine", []byte("2")))
		theirs := commit(t, r, &reposit.CommitOptions{Branch: "side"},
			reposit.Put("both", numbered(20, map[int]string{17: "theirs"})), reposit.Delete("gone"),
			reposit.Put("old/moved", numbered(9, map[int]string{4: "theirs"})), reposit.Put("yours", []byte("3")))
		want := []string{
			"both " + string(numbered(20, map[int]string{2: "ours", 17: "theirs"})), "d/e/deep 1", "mine 2",
			"new/moved " + string(numbered(9, map[int]string{4: "theirs"})), "yours 3",
		}

		dry := must(r.Merge(ctx, "side", &reposit.MergeOptions{DryRun: true}))(t)
		if got := resolve(t, r, "main"); got != ours.Hash {
			t.Fatalf("a dry run moved the branch to %s", got)
		}
		must(r.Branches().Create(ctx, "squashed", ""))(t)
		made := must(r.Merge(ctx, "side", nil))(t)
		if made.Kind != reposit.Merged || !slices.Equal(made.Commit.Parents, []reposit.Hash{ours.Hash, theirs.Hash}) ||
			made.Base != ours.Hash || made.Commit.Tree != dry.Commit.Tree {
			t.Errorf("Merge() = %+v, %+v", made, made.Commit)
		}
		if got := paths(t, r, "main"); !slices.Equal(got, want) {
			t.Errorf("the branch holds %q, want %q", got, want)
		}
		squashed := must(r.Merge(ctx, "side", &reposit.MergeOptions{Branch: "squashed", Strategy: reposit.Squash}))(t)
		if squashed.Kind != reposit.Squashed || squashed.Commit.Tree != made.Commit.Tree ||
			!slices.Equal(squashed.Commit.Parents, []reposit.Hash{ours.Hash}) {
			t.Errorf("Merge() = %+v, %+v, want a commit on the branch of the same tree", squashed, squashed.Commit)
		}
		_, err := r.Merge(ctx, "side", &reposit.MergeOptions{Branch: "squashed", Strategy: reposit.FastForwardOnly})
		if !errors.Is(err, reposit.ErrConflict) {
			t.Errorf("Merge() by fast-forward = %v, want %v", err, reposit.ErrConflict)
		}
		if again := must(r.Merge(ctx, "side", nil))(t); again.Kind != reposit.AlreadyMerged {
			t.Errorf("the second merge is %v, want %v", again.Kind, reposit.AlreadyMerged)
		}
		// Each side merged the other one: of the two best common ancestors, neither is better.
		crossed := must(r.Merge(ctx, ours.Hash.String(), &reposit.MergeOptions{Branch: "side"}))(t)
		if crossed.Commit.Tree != made.Commit.Tree {
			t.Errorf("merged the other way the tree is %s, want %s", crossed.Commit.Tree, made.Commit.Tree)
		}
		put(t, r, "side", "later", "4")
		write(t, r, "mine", "5")
		must(r.Merge(ctx, "side", nil))(t)
		if got := string(must(r.Read(ctx, "", "later"))(t)) + string(must(r.Read(ctx, "", "mine"))(t)); got != "45" {
			t.Errorf("after a criss-cross merge there is %q, want %q", got, "45")
		}
		checkStore(t, s)
	})
}

// TestMergeConflict holds that a merge which can't be done says why, and changes nothing.
func TestMergeConflict(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		commit(t, r, nil, reposit.Put("both", []byte("a\nb\nc\n")), reposit.Put("gone", numbered(9, nil)))
		must(r.Branches().Create(ctx, "side", ""))(t)
		tip := commit(t, r, nil, reposit.Put("both", []byte("a\nours\nc\n")), reposit.Delete("gone"),
			reposit.Put("added", []byte("1")))
		commit(t, r, &reposit.CommitOptions{Branch: "side"}, reposit.Put("both", []byte("a\ntheirs\nc\n")),
			reposit.Put("gone", numbered(9, map[int]string{3: "theirs"})), reposit.Put("added", []byte("2")))

		_, err := r.Merge(ctx, "side", &reposit.MergeOptions{ConflictStyle: reposit.Diff3})
		failed, ok := errors.AsType[*reposit.MergeConflictError](err)
		if !ok || !errors.Is(err, reposit.ErrConflict) || !strings.Contains(err.Error(), `"added"`) {
			t.Fatalf("Merge() = %v, want a *MergeConflictError", err)
		}
		var got []string
		for _, c := range failed.Conflicts {
			stages := ""
			for _, e := range []*reposit.Entry{c.Base, c.Ours, c.Theirs} {
				if e != nil {
					stages += e.Hash.String()[:4]
				}
				stages += "."
			}
			got = append(got, fmt.Sprint(c.Path, " ", c.Kind, " ", stages))
		}
		hash := func(rev, path string) string { return must(r.Stat(ctx, rev, path))(t).Hash.String()[:4] }
		want := []string{
			fmt.Sprintf("added add/add .%s.%s.", hash("main", "added"), hash("side", "added")),
			fmt.Sprintf("both content %s.%s.%s.", hash("main~1", "both"), hash("main", "both"), hash("side", "both")),
			fmt.Sprintf("gone modify/delete %s..%s.", hash("main~1", "gone"), hash("side", "gone")),
		}
		if !slices.Equal(got, want) {
			t.Errorf("conflicts are %q, want %q", got, want)
		}
		base := must(r.CommitAt(ctx, "main~1"))(t).Hash.String()[:7]
		marked := "a\n<<<<<<< main\nours\n||||||| " + base + "\nb\n=======\ntheirs\n>>>>>>> side\nc\n"
		if text := string(failed.Conflicts[1].Merged); text != marked {
			t.Errorf("the merged file is %q, want %q", text, marked)
		}
		if now := resolve(t, r, "main"); now != tip.Hash {
			t.Errorf("main is %s, want it unmoved", now)
		}

		// What one side decides is no conflict, but that it deleted a file is.
		_, err = r.Merge(ctx, "side", &reposit.MergeOptions{Favor: reposit.Theirs})
		if failed, ok = errors.AsType[*reposit.MergeConflictError](err); !ok || len(failed.Conflicts) != 1 {
			t.Errorf("Merge() in favor of theirs = %v, want one conflict", err)
		}
		commit(t, r, nil, reposit.Put("gone", numbered(9, nil)))
		must(r.Merge(ctx, "side", &reposit.MergeOptions{Favor: reposit.Theirs}))(t)
		if text := string(must(r.Read(ctx, "", "both"))(t)); text != "a\ntheirs\nc\n" {
			t.Errorf("merged in favor of theirs the file is %q", text)
		}
		for _, opts := range []reposit.MergeOptions{{Favor: 9}, {ConflictStyle: -1}} {
			if _, err := r.Merge(ctx, "side", &opts); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("Merge(%+v) = %v, want %v", opts, err, reposit.ErrInvalid)
			}
		}
		checkStore(t, s)
	})
}

// TestMergeBesideCommits has a branch take commits while others commit to it: nothing is lost.
func TestMergeBesideCommits(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	write(t, r, "first", "0")
	must(r.Branches().Create(ctx, "side", ""))(t)
	done := make(chan error)
	go func() {
		var failed error
		for i := range 100 {
			if _, err := r.Write(ctx, fmt.Sprint("mine", i), nil, "m"); err != nil {
				failed = err
				break
			}
		}
		done <- failed
	}()
	for i := range 20 {
		put(t, r, "side", fmt.Sprint("theirs", i), "x")
		must(r.Merge(ctx, "side", nil))(t)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := len(paths(t, r, "")); got != 121 {
		t.Errorf("the branch has %d files, want %d", got, 121)
	}
	checkStore(t, s)
}
