package reposit_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

const gitHubSignature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n wsBcBAABCAAQBQJk\n =aBcD\n -----END PGP SIGNATURE-----\n \n"

// TestReplay makes a random history of merges, merge tags, signatures, encodings and headers of other programs again,
// by Commit alone, and gets the hashes that git gives it.
func TestReplay(t *testing.T) {
	t.Parallel()
	needGit(t)
	const seed = 20260401
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	dir := newGit(t)
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	headers := []string{
		"", "", gitHubSignature, "gpgsig -----BEGIN SSH SIGNATURE-----\n abc\n -----END SSH SIGNATURE-----\n",
		"mergetag object 1234567890123456789012345678901234567890\n type commit\n tag v1\n tagger A <a@b> 1 +0000\n \n one\n",
		"HG:rename-source hg\nHG:extra amend_source:ab%\n", "change-id kkmpptxz\n" + gitHubSignature, gitHubSignature +
			"HG:extra x\n",
		"encoding ISO-8859-1\n", "encoding ISO-8859-1\n" + gitHubSignature, gitHubSignature + "encoding ISO-8859-1\n",
		"encoding KOI8-R\n",
		"encoding nonsense\n", "encoding windows-1252\n", "encoding ISO-2022-JP\n",
	}
	names := map[string]string{"ISO-8859-1": "Zo\xeb", "KOI8-R": "\xf0\xd2\xc9", "nonsense": "Zo\xeb",
		"windows-1252": "ok \x81", "ISO-2022-JP": "\x1b$BF|K\\\x1b(B"}
	var made []reposit.Hash
	for i := range 120 {
		block := headers[rng.IntN(len(headers))]
		name := "Zoë"
		for encoding, raw := range names {
			if strings.Contains(block, "encoding "+encoding+"\n") {
				name = raw
			}
		}
		var parents []reposit.Hash
		for range min(len(made), 1+rng.IntN(2)*rng.IntN(4)) {
			parents = append(parents, made[rng.IntN(len(made))])
		}
		content := fmt.Sprint(i)
		blob := git(t, dir, []byte(content), "hash-object", "-w", "--stdin")
		tree := git(t, dir, []byte("100644 blob "+blob+"\tfile\n"), "mktree")
		var raw bytes.Buffer
		fmt.Fprintf(&raw, "tree %s\n", tree)
		for _, p := range parents {
			fmt.Fprintf(&raw, "parent %s\n", p)
		}
		fmt.Fprintf(&raw, "author %s <a@b> %d +0130\ncommitter C <c@d> %d -0700\n%s\nsubject %s\n\nbody", name, i, i+1, block,
			name)
		want := git(t, dir, raw.Bytes(), "hash-object", "-w", "-t", "commit", "--stdin")

		// What git says of the commit is what is written again.
		shown := strings.SplitN(git(t, dir, nil, "log", "-1", "--encoding=UTF-8", "--format=%an%x00%B", want), "\x00", 2)
		opts := &reposit.CommitOptions{
			Branch: fmt.Sprint("b", i), Message: strings.TrimSuffix(shown[1], "\n"), Headers: block,
			Author: &reposit.Signature{Name: shown[0], Email: "a@b",
				When: time.Unix(int64(i), 0).In(time.FixedZone("", 90*60))},
			Committer: &reposit.Signature{Name: "C", Email: "c@d",
				When: time.Unix(int64(i+1), 0).In(time.FixedZone("", -7*60*60))},
		}
		if i == 0 {
			opts.Branch = ""
		} else {
			opts.From, opts.Parents = parents[0].String(), parents[1:]
		}
		c := commit(t, r, opts, reposit.Put("file", []byte(content)))
		if c.Hash.String() != want {
			t.Fatalf("commit %d is %s, want that of\n%q", i, c.Hash, raw.Bytes())
		}
		if c.Headers != block || c.Message != opts.Message || c.Author.Name != shown[0] {
			t.Errorf("commit %d has headers %q, message %q of %q, want %q, %q of %q", i, c.Headers, c.Message, c.Author.Name,
				block, opts.Message, shown[0])
		}
		made = append(made, c.Hash)
	}
	exported := s.export(t, r)
	for _, h := range made {
		if got, want := git(t, exported, nil, "cat-file", "-p", h.String()),
			git(t, dir, nil, "cat-file", "-p", h.String()); got != want {
			t.Errorf("commit %s is %q, want %q", h, got, want)
		}
	}
}

// TestDecodedCommits reads commits in other encodings, at each verb that tells of one.
func TestDecodedCommits(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	who := &reposit.Signature{Name: "Žižek", Email: "z@x", When: time.Unix(1, 0)}
	c := commit(t, r, &reposit.CommitOptions{Author: who, Message: "Dobrý den", Headers: "encoding ISO-8859-2"},
		reposit.Put("a", nil))
	raw := "author \xaei\xbeek <z@x> 1 +0000\ncommitter \xaei\xbeek <z@x> 1 +0000\nencoding ISO-8859-2\n\nDobr\xfd den"
	raw = "tree " + c.Tree.String() + "\n" + raw
	if want := reposit.Hash(sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(raw), raw))); c.Hash != want {
		t.Errorf("Commit() = %s, want %s of %q", c.Hash, want, raw)
	}
	b, err := r.Branches().Branch(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]*reposit.Commit{"Commit": c, "Branch": &b.Commit} {
		if c.Author.Name != "Žižek" || c.Message != "Dobrý den" || c.Encoding != "ISO-8859-2" ||
			c.Headers != "encoding ISO-8859-2\n" {
			t.Errorf("%s() = %q, %q, %q, %q", what, c.Author.Name, c.Message, c.Encoding, c.Headers)
		}
	}
	list, err := r.Contributors(t.Context(), &reposit.ContributorOptions{Anonymous: true})
	if err != nil || len(list) != 1 || list[0].Name != "Žižek" {
		t.Errorf("Contributors() = %+v, %v, want Žižek", list, err)
	}
}

// TestBadCommitHeaders refuses what would make another commit of it than it says.
func TestBadCommitHeaders(t *testing.T) {
	s := openMemory(t, nil)
	r, other := create(t, s, "x", nil), create(t, s, "y", nil)
	c, foreign := write(t, r, "a", "1"), write(t, other, "b", "2")
	sign := func([]byte) (string, error) { return "signed", nil }
	for _, test := range []struct {
		opts reposit.CommitOptions
		want error
	}{
		{reposit.CommitOptions{Headers: "tree " + c.Tree.String()}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "parent " + foreign.Hash.String()}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "x y\ncommitter x <y> 1 +0000\n"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "author x <y> 1 +0000\n"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "x y\n\nmessage"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: " y\n"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "\n"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "x"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "x\ty z"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "x y\x00z"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "encoding a\nencoding b\n"}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: gitHubSignature, Sign: sign}, reposit.ErrInvalid},
		{reposit.CommitOptions{Headers: "x " + strings.Repeat("y", 1<<20)}, reposit.ErrTooLarge},
		{reposit.CommitOptions{Parents: make([]reposit.Hash, 1025)}, reposit.ErrTooLarge},
		{reposit.CommitOptions{Parents: []reposit.Hash{{}}}, reposit.ErrNotFound},
		{reposit.CommitOptions{Parents: []reposit.Hash{c.Tree}}, reposit.ErrInvalid},
		{reposit.CommitOptions{Parents: []reposit.Hash{foreign.Hash}}, reposit.ErrNotFound},
	} {
		_, err := r.Commit(t.Context(), &test.opts, reposit.Put("c", nil))
		if !errors.Is(err, test.want) {
			t.Errorf("Commit(%.60q, %d parents) = %v, want %v", test.opts.Headers, len(test.opts.Parents), err, test.want)
		}
	}
	// A fork may not name what only the repository that it was forked from got since.
	fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	later := write(t, r, "later", "1")
	if _, err := fork.Commit(t.Context(), &reposit.CommitOptions{Parents: []reposit.Hash{later.Hash}}); !errors.Is(err,
		reposit.ErrNotFound) {
		t.Errorf("Commit() with a parent of another fork = %v, want %v", err, reposit.ErrNotFound)
	}
	signed := commit(t, r, &reposit.CommitOptions{Sign: sign, Headers: "HG:x y\n", AllowEmpty: true})
	if signed.Headers != "HG:x y\ngpgsig signed\n" || signed.Signature != "signed" {
		t.Errorf("Commit() with Sign has the headers %q", signed.Headers)
	}
}
