package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

// tagged makes a random history with random tags.
func tagged(t *testing.T, r *reposit.Repo, rng *rand.Rand, commits int) (made []reposit.Hash) {
	t.Helper()
	for i := range commits {
		when := &reposit.Signature{Name: "a", Email: "b@c", When: time.Unix(int64(1000+i/3+rng.IntN(4)), 0)}
		opts := &reposit.CommitOptions{Branch: fmt.Sprint("b", i), Message: fmt.Sprint(i), Author: when, AllowEmpty: true}
		if i > 0 {
			opts.From = made[max(0, i-1-rng.IntN(4))].String()
			for range rng.IntN(5) / 3 {
				opts.Parents = append(opts.Parents, made[max(0, i-1-rng.IntN(9))])
			}
		} else {
			opts.Branch = "main"
		}
		made = append(made, commit(t, r, opts).Hash)
	}
	return made
}

func tagSome(t *testing.T, r *reposit.Repo, rng *rand.Rand, made []reposit.Hash, n int) {
	t.Helper()
	for i := range n {
		name := []string{"v", "rc/", "x"}[rng.IntN(3)] + fmt.Sprint(i)
		opts := &reposit.TagOptions{}
		if rng.IntN(2) == 0 {
			opts = &reposit.TagOptions{Message: "x",
				Tagger: &reposit.Signature{Name: "a", Email: "b", When: time.Unix(int64(rng.IntN(3)+5), 0)}}
		}
		tag, err := r.Tags().Create(t.Context(), name, made[rng.IntN(len(made))].String(), opts)
		if err == nil && opts.Message != "" && rng.IntN(4) == 0 { // under another name than it has in itself
			err = r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/tags/other" + fmt.Sprint(i), New: tag.Hash})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDescribe describes commits of random histories beside git.
func TestDescribe(t *testing.T) {
	t.Parallel()
	needGit(t)
	const seed = 20260501
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	s := openMemory(t, nil)
	described := 0
	for round := range 6 {
		r := create(t, s, fmt.Sprint("x", round), nil)
		made := tagged(t, r, rng, 60)
		tagSome(t, r, rng, made, []int{0, 1, 3, 8, 20, 50}[round])
		dir := s.export(t, r)
		for range 80 {
			var opts reposit.DescribeOptions
			var args []string
			set := func(chance int, arg string, apply func()) {
				if rng.IntN(chance) == 0 {
					args = append(args, arg)
					apply()
				}
			}
			set(2, "--tags", func() { opts.Tags = true })
			set(4, "--match=v*", func() { opts.Match = append(opts.Match, "v*") })
			set(6, "--match=r*[0-5]", func() { opts.Match = append(opts.Match, "r*[0-5]") })
			set(5, "--exclude=*3*", func() { opts.Exclude = append(opts.Exclude, "*3*") })
			set(4, "--abbrev=12", func() { opts.Abbrev = 12 })
			set(4, "--candidates=2", func() { opts.Candidates = 2 })
			set(9, "--candidates=0", func() { opts.Candidates = -1 })
			set(3, "--always", func() { opts.Always = true })
			set(3, "--first-parent", func() { opts.FirstParent = true })
			if rng.IntN(3) == 0 {
				set(1, "--long", func() { opts.Long = true })
			} else {
				set(6, "--abbrev=0", func() { opts.Abbrev = -1 })
			}
			h := made[rng.IntN(len(made))].String()
			want, gitErr := tryGit(t, dir, nil, append(append([]string{"describe"}, args...), h)...)
			got, err := r.Describe(t.Context(), h, &opts)
			switch {
			case (err == nil) != (gitErr == nil), err == nil && got+"\n" != want:
				t.Errorf("Describe(%s) with %v = %q, %v; git: %q, %v", h, args, got, err, want, gitErr)
			case err != nil && !errors.Is(err, reposit.ErrNotFound):
				t.Errorf("Describe(%s) with %v = %v, want %v", h, args, err, reposit.ErrNotFound)
			case err == nil:
				described++
			}
		}
	}
	if described < 100 {
		t.Errorf("git described %d commits only", described)
	}
}

func TestBadDescribe(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	c := write(t, r, "a", "x")
	for _, test := range []struct {
		rev  string
		opts reposit.DescribeOptions
		want error
	}{
		{"", reposit.DescribeOptions{}, reposit.ErrNotFound},
		{"nothing", reposit.DescribeOptions{Always: true}, reposit.ErrNotFound},
		{"main:a", reposit.DescribeOptions{Always: true}, reposit.ErrInvalid},
		{"main^{tree}", reposit.DescribeOptions{Always: true}, reposit.ErrInvalid},
		{"", reposit.DescribeOptions{Abbrev: 3}, reposit.ErrInvalid},
		{"", reposit.DescribeOptions{Abbrev: 41}, reposit.ErrInvalid},
		{"", reposit.DescribeOptions{Abbrev: -1, Long: true}, reposit.ErrInvalid},
		{"", reposit.DescribeOptions{Match: []string{strings.Repeat("*", 1025)}}, reposit.ErrTooLarge},
		{"", reposit.DescribeOptions{Exclude: make([]string, 65)}, reposit.ErrTooLarge},
	} {
		if got, err := r.Describe(t.Context(), test.rev, &test.opts); !errors.Is(err, test.want) {
			t.Errorf("Describe(%q, %.80v) = %q, %v, want %v", test.rev, test.opts, got, err, test.want)
		}
	}
	if got, err := r.Describe(t.Context(), "", &reposit.DescribeOptions{Always: true}); err != nil ||
		got != c.Hash.String()[:7] {
		t.Errorf("Describe() = %q, %v, want %s", got, err, c.Hash.String()[:7])
	}
}

// TestArchiveSubst has export-subst ask the repository, beside git archive.
func TestArchiveSubst(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	for i, format := range []string{
		"%(describe)", "%(describe:tags)", "%(describe:tags=false,match=v*)", "%(describe:abbrev=0)", "%(describe:abbrev=2)",
		"%(describe:exclude=v1,tags)",
		"%(describe) %(describe)", "%an %aN %ae %aE %aL %cN %cE %cn", "%h %t %p %d %D", "%(describe:match=nothing)|",
	} {
		r := create(t, s, fmt.Sprint("x", i), nil)
		who := &reposit.Signature{Name: "Old Name", Email: "old@x", When: time.Unix(5, 0)}
		commit(t, r, &reposit.CommitOptions{Author: who},
			reposit.Put(".gitattributes", []byte("* export-subst\n")), reposit.Put("file", []byte("$Format:"+format+"$\n")),
			reposit.Put(".mailmap", []byte("New Name <new@x> <old@x>\n")))
		for name, opts := range map[string]*reposit.TagOptions{"v1": {Message: "x"}, "light": nil} {
			if _, err := r.Tags().Create(t.Context(), name, "", opts); err != nil {
				t.Fatal(err)
			}
		}
		commit(t, r, &reposit.CommitOptions{Author: who}, reposit.Put("b", nil))
		if i%2 == 0 {
			commit(t, r, &reposit.CommitOptions{Author: who},
				reposit.Put(".mailmap", []byte("Newest Name <newest@x> <old@x>\n")))
		}
		dir := s.export(t, r)
		for _, rev := range []string{"main", "main~1"} {
			var got bytes.Buffer
			if err := r.Archive(t.Context(), &got, &reposit.ArchiveOptions{Revision: rev, Format: reposit.Tar}); err != nil {
				t.Fatal(err)
			}
			if want := git(t, dir, nil, "archive", "--format=tar", rev); got.String() != want {
				t.Errorf("Archive(%s) of %q differs: %q, git has %q", rev, format, fileIn(got.String()), fileIn(want))
			}
		}
	}
}

// fileIn returns what is in "file" in an archive, as far as it is one block.
func fileIn(tar string) string {
	_, rest, _ := strings.Cut(tar, "\nfile\x00")
	if at := strings.Index(tar, "file\x00"); rest == "" && at >= 0 {
		rest = tar[at:]
	}
	return strings.Trim(rest[min(len(rest), 512):min(len(rest), 1024)], "\x00")
}

// TestAbbreviationLength abbreviates as git does where there are many objects.
func TestAbbreviationLength(t *testing.T) {
	needGit(t)
	s := openMemory(t, nil)
	for _, files := range []int{16_000, 16_500} {
		r := create(t, s, fmt.Sprint("x", files), nil)
		var changes []reposit.Change
		for i := range files {
			changes = append(changes, reposit.Put(fmt.Sprintf("%d/%d", i/100, i), fmt.Append(nil, i)))
		}
		commit(t, r, nil, changes...)
		got, err := r.Describe(t.Context(), "", &reposit.DescribeOptions{Always: true})
		if want := git(t, s.export(t, r), nil, "describe", "--always"); err != nil || got != want {
			t.Errorf("Describe() of %d files = %q, %v, git has %q", files, got, err, want)
		}
	}
}
