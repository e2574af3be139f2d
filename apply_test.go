package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// TestApply applies what two revisions of a random history differ by to the one, which must become the other one; and
// git's mails of each commit to its parent.
func TestApply(t *testing.T) {
	t.Parallel()
	needGit(t)
	commits, pairs := 20, 30
	if testing.Short() {
		commits, pairs = 8, 6
	}
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		w := &diffWriter{rand.New(rand.NewPCG(*seed, 6)), t, r, map[string]diffFile{}}
		t.Logf("seed %d", *seed)
		var all []*reposit.Commit
		for range commits {
			all = append(all, w.commit())
		}
		for i := range pairs {
			base, head := pickOf(w.Rand, all), pickOf(w.Rand, all)
			d := must(r.Diff(t.Context(), base.Hash.String(), head.Hash.String(),
				&reposit.DiffOptions{Renames: reposit.RenameMode(w.IntN(3))}))(t)
			if len(d.Files) == 0 {
				continue
			}
			var text bytes.Buffer
			if _, err := d.WriteTo(&text); err != nil {
				t.Fatal(err)
			}
			opts := &reposit.ApplyOptions{CommitOptions: reposit.CommitOptions{Branch: fmt.Sprint("b", i),
				From: base.Hash.String(), Message: "applied"}}
			got, err := r.Apply(t.Context(), bytes.NewReader(text.Bytes()), opts)
			if err != nil {
				t.Fatalf("Apply(%s) = %v", &text, err)
			}
			if got.Tree != head.Tree || len(got.Parents) != 1 || got.Parents[0] != base.Hash || got.Message != "applied" {
				t.Errorf("Apply() = %+v, want tree %s on %s\n%s", got, head.Tree, base.Hash, &text)
			}
		}
		dir := s.export(t, r)
		for i, c := range all[1:] {
			mail := git(t, dir, nil, "format-patch", "--stdout", "--binary", "-M", "-1", c.Hash.String()) + "\n"
			if !strings.Contains(mail, "diff --git") {
				continue
			}
			opts := &reposit.ApplyOptions{CommitOptions: reposit.CommitOptions{Branch: fmt.Sprint("m", i),
				From: all[i].Hash.String()}}
			got, err := r.Apply(t.Context(), strings.NewReader(mail), opts)
			if err != nil {
				t.Fatalf("Apply(%s) = %v", mail, err)
			}
			if got.Tree != c.Tree || got.Message != c.Message+"\n" || got.Author.Name != c.Author.Name ||
				got.Author.Email != c.Author.Email || !got.Author.When.Equal(c.Author.When) {
				t.Errorf("Apply(%s) = %+v, want %+v", mail, got, c)
			}
		}
		fsck(t, s.export(t, r))
	})
}

const patchHead = "diff --git a/f b/f\n--- a/f\n+++ b/f\n"

func TestApplyConflict(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		tip := commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Put("f", []byte("1\n2\n3\n")),
			reposit.Put("d/g", []byte("\x00")), reposit.Symlink("l", "f"))
		for _, test := range []struct {
			name, text, about string
			opts              reposit.ApplyOptions
			want              error
		}{
			{"other line", patchHead + "@@ -1,3 +1,3 @@\n 1\n-x\n+y\n 3\n", "f", reposit.ApplyOptions{}, reposit.ErrConflict},
			{"no file", "diff --git a/x b/x\ndeleted file mode 100644\n", "x", reposit.ApplyOptions{}, reposit.ErrConflict},
			{"a file", "diff --git a/f b/f\nnew file mode 100644\n", "f", reposit.ApplyOptions{}, reposit.ErrConflict},
			{"a directory", "diff --git a/d b/d\nnew file mode 100644\n", "d", reposit.ApplyOptions{}, reposit.ErrConflict},
			{"in a file", "diff --git a/f/x b/f/x\nnew file mode 100644\n", "f/x", reposit.ApplyOptions{}, reposit.ErrExists},
			{"deletes less", "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n", "f",
				reposit.ApplyOptions{}, reposit.ErrConflict},
			{"other kind", "diff --git a/l b/l\nold mode 100644\nnew mode 100755\n", "l", reposit.ApplyOptions{},
				reposit.ErrConflict},
			{"other binary", "diff --git a/d/g b/d/g\nindex 1111111111111111111111111111111111111111..2 100644\n" +
				"GIT binary patch\nliteral 0\nHcmV?d00001\n\nliteral 0\nHcmV?d00001\n\n", "d/g", reposit.ApplyOptions{},
				reposit.ErrConflict},
			{"not git's", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", "", reposit.ApplyOptions{}, reposit.ErrInvalid},
			{"a path that leads out", "diff --git a/../x b/../x\nnew file mode 100644\n", "../x", reposit.ApplyOptions{},
				reposit.ErrInvalid},
			{"git's own", "diff --git a/.git/x b/.git/x\nnew file mode 100644\n", ".git/x", reposit.ApplyOptions{},
				reposit.ErrInvalid},
			{"nothing to do", "diff --git a/f b/f\nold mode 100644\nnew mode 100644\n", "", reposit.ApplyOptions{},
				reposit.ErrNoChange},
			{"another tip", "diff --git a/n b/n\nnew file mode 100644\n", "",
				reposit.ApplyOptions{CommitOptions: reposit.CommitOptions{Expect: &reposit.Hash{1}}}, reposit.ErrConflict},
			{"no branch", "diff --git a/n b/n\nnew file mode 100644\n", "nowhere",
				reposit.ApplyOptions{CommitOptions: reposit.CommitOptions{Branch: "x", From: "nowhere"}}, reposit.ErrNotFound},
		} {
			got, err := r.Apply(t.Context(), strings.NewReader(test.text), &test.opts)
			var e *reposit.Error
			if got != nil || !errors.Is(err, test.want) || !errors.As(err, &e) || e.Op != "apply" || e.Name != test.about {
				t.Errorf("%s: Apply() = %v, %v, want %v about %q", test.name, got, err, test.want, test.about)
			}
		}
		failing := io.MultiReader(strings.NewReader("x"), failingReader{})
		if _, err := r.Apply(t.Context(), failing, nil); !errors.Is(err, errWriter) {
			t.Errorf("Apply(a reader that fails) = %v", err)
		}
		if now := must(r.Resolve(t.Context(), "main"))(t); now != tip.Hash {
			t.Errorf("the branch moved to %s", now)
		}
	})
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errWriter }

// TestApplyTogether holds that patches of one file that are applied at the same time are all in it.
func TestApplyTogether(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		var lines []string
		for i := range 40 {
			lines = append(lines, fmt.Sprintln(i))
		}
		write(t, r, "f", strings.Join(lines, ""))
		const writers = 6
		results := make(chan error, writers)
		for i := range writers {
			at := 3 + 6*i
			text := patchHead + fmt.Sprintf("@@ -%d,3 +%d,3 @@\n %s-%s+changed\n %s", at, at, lines[at-1], lines[at],
				lines[at+1])
			go func() {
				_, err := r.Apply(t.Context(), strings.NewReader(text), nil)
				results <- err
			}()
		}
		for range writers {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		got := string(must(r.Read(t.Context(), "", "f"))(t))
		if n := strings.Count(got, "changed\n"); n != writers {
			t.Errorf("%d of %d patches are in\n%s", n, writers, got)
		}
	})
}

// TestApplyThreeWay holds that a patch is merged with what became of its file, if that does not stand against it.
func TestApplyThreeWay(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	base := write(t, r, "f", "1\n2\n3\n4\n5\n6\n7\n")
	write(t, r, "f", "1\n2\n3\n4\n5\n6\nseven\n")
	d := must(r.Diff(t.Context(), base.Hash.String(), "main", nil))(t)
	text := d.Files[0].Patch
	for _, test := range []struct{ now, want string }{
		{"0\n1\n2\n3\n4\n5\n6\n7\n", "0\n1\n2\n3\n4\n5\n6\nseven\n"},
		{"1\n2\n3\nfour\n5\n6\n7\n", "1\n2\n3\nfour\n5\n6\nseven\n"}, // does not fit exactly
		{"1\n2\n3\n4\n5\n6\nsieben\n", ""},
	} {
		write(t, r, "f", test.now)
		tip := must(r.Resolve(t.Context(), ""))(t)
		_, err := r.Apply(t.Context(), strings.NewReader(text), &reposit.ApplyOptions{ThreeWay: true})
		if test.want == "" {
			if !errors.Is(err, reposit.ErrConflict) || must(r.Resolve(t.Context(), ""))(t) != tip {
				t.Errorf("Apply() to %q = %v, want %v", test.now, err, reposit.ErrConflict)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(must(r.Read(t.Context(), "", "f"))(t))); diff != "" {
			t.Errorf("Apply() to %q (-want +got):\n%s", test.now, diff)
		}
	}
	write(t, r, "f", "1\n2\n3\nfour\n5\n6\n7\n")
	if _, err := r.Apply(t.Context(), strings.NewReader(text), nil); !errors.Is(err, reposit.ErrConflict) {
		t.Errorf("Apply() without ThreeWay = %v, want %v", err, reposit.ErrConflict)
	}
}

// TestApplyHidden holds that a patch does not tell whether another repository of the network has the file that it was
// made for.
func TestApplyHidden(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "r", nil)
	write(t, r, "f", "1\n2\n3\nfour\n5\n6\n7\n")
	fork := must(r.Fork(t.Context(), &reposit.ForkOptions{Owner: "other"}))(t)
	write(t, fork, "f", "1\n2\n3\n4\n5\n6\n7\n")
	hidden := must(fork.Stat(t.Context(), "", "f"))(t).Hash.String()
	text := func(hash string) string {
		return "diff --git a/f b/f\nindex " + hash + "..2222222 100644\n--- a/f\n+++ b/f\n" +
			"@@ -4,4 +4,4 @@\n 4\n 5\n 6\n-7\n+seven\n"
	}
	opts := &reposit.ApplyOptions{ThreeWay: true}
	_, err := r.Apply(t.Context(), strings.NewReader(text(hidden)), opts)
	_, nowhere := r.Apply(t.Context(), strings.NewReader(text(absent)), opts)
	if !errors.Is(err, reposit.ErrConflict) || err.Error() != nowhere.Error() {
		t.Errorf("Apply() for a hidden file = %v, for one that is nowhere %v", err, nowhere)
	}
	if _, err := fork.Apply(t.Context(), strings.NewReader(text(hidden)), opts); err != nil {
		t.Errorf("Apply() where the file is = %v", err)
	}
}
