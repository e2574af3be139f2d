package contributor

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	diff "github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
)

// A gitRepo is a repository that git made.
type gitRepo struct {
	t   *testing.T
	dir string
}

func newGitRepo(t *testing.T) *gitRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	r := &gitRepo{t, t.TempDir()}
	r.run("", "init", "-q", "-b", "main")
	return r
}

func (r *gitRepo) run(in string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		r.t.Fatalf("git %v = %v: %s", args, err, errs.String())
	}
	return out.String()
}

// mailmap stores a .mailmap and returns the setting that makes git use it.
func (r *gitRepo) mailmap(content string) string {
	r.t.Helper()
	return "mailmap.blob=" + strings.TrimSpace(r.run(content, "hash-object", "-w", "--stdin"))
}

// load stores the commits of the git repository and returns the one that rev names.
func (r *gitRepo) load(f *fixture, rev string) git.Hash {
	r.t.Helper()
	out := bufio.NewReader(strings.NewReader(r.run(r.run("", "rev-list", "--all"), "cat-file", "--batch")))
	for {
		var name, kind string
		var size int
		if _, err := fmt.Fscanf(out, "%s %s %d\n", &name, &kind, &size); err == io.EOF {
			break
		} else if err != nil {
			r.t.Fatal(err)
		}
		data := make([]byte, size+1)
		if _, err := io.ReadFull(out, data); err != nil {
			r.t.Fatal(err)
		}
		c, err := git.ParseCommit(data[:size])
		if err != nil {
			r.t.Fatal(err)
		}
		if got := f.put(c); got.String() != name {
			r.t.Fatalf("commit %s is stored as %v", name, got)
		}
	}
	tip, ok := git.ParseHash(strings.TrimSpace(r.run("", "rev-parse", rev)))
	if !ok {
		r.t.Fatalf("%s is no commit", rev)
	}
	return tip
}

// randomCommits writes a history for git fast-import: random authors, merges, no commit that changes nothing.
func randomCommits(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		branch := i - 1 - r.IntN(min(3, i))
		fmt.Fprintf(&b, "commit refs/heads/b%d\nmark :%d\nauthor %s <%s> %d +0000\ncommitter c <c@x> %d +0000\ndata 1\nm\n",
			i, i, pick(r, names), pick(r, emails), i, 1000+i)
		if branch > 0 {
			fmt.Fprintf(&b, "from :%d\n", branch)
		}
		if i > 5 && r.IntN(5) == 0 {
			fmt.Fprintf(&b, "merge :%d\n", i-3-r.IntN(3))
		}
		fmt.Fprintf(&b, "M 100644 inline f\ndata <<E\n%d\nE\n\n", i)
	}
	fmt.Fprintf(&b, "reset refs/heads/main\nfrom :%d\n\n", n)
	return b.String()
}

var (
	names  = []string{"Ada", "ada", "ADA L", "Bob B", "Eve", "Zoë", "ZOË", "x", "Name O. Else"}
	emails = []string{"ada@x.org", "ADA@x.org", "bob@y.org", "eve@z", "zoë@x.org", "nobody", "ada@X.ORG", "else@w"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomMailmap(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		switch r.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "%s <%s>\n", pick(r, names), pick(r, emails))
		case 1:
			fmt.Fprintf(&b, "<%s> <%s>\n", pick(r, emails), pick(r, emails))
		case 2:
			fmt.Fprintf(&b, "%s <%s> <%s>\n", pick(r, names), pick(r, emails), pick(r, emails))
		case 3, 4:
			fmt.Fprintf(&b, "%s <%s> %s <%s>\n", pick(r, names), pick(r, emails), pick(r, names), pick(r, emails))
		case 5:
			fmt.Fprintf(&b, "<%s> %s <%s> # more\n", pick(r, emails), pick(r, names), pick(r, emails))
		case 6:
			fmt.Fprintf(&b, " \t%s\t <%s>  \t<%s>  \n", pick(r, names), pick(r, emails), pick(r, emails))
		default:
			b.WriteString(pick(r, oddLines))
		}
	}
	return b.String()
}

var oddLines = []string{
	"# Ada <ada@x.org>\n", " # Ada <bob@y.org>\n", "\n", "Ada\n", "Ada <ada@x.org\n", "<>\n", "Bob <> <ada@x.org>\n",
	"Bob <bob@y.org> <>\n",
	"<ada@x.org>\n", "Ada <<bob@y.org>\n", "A > B <eve@z>\n", "Ada <eve@z> Eve\n", "Ada <eve@z> <bob@y.org> <ada@x.org>\n",
	"Ada <eve@z>\r\n", "Bob <bob@y.org> <nobody>\r\n", "Ada <ada@x.org>trailing\n", "Ada < ada@x.org >\n",
}

// TestMailmapAgainstGit compares with git check-mailmap.
func TestMailmapAgainstGit(t *testing.T) {
	repo := newGitRepo(t)
	var contacts strings.Builder
	for _, name := range names {
		for _, email := range emails {
			fmt.Fprintf(&contacts, "%s <%s>\n", name, email)
		}
	}
	check := func(mailmap string) {
		t.Helper()
		want := repo.run(contacts.String(), "-c", repo.mailmap(mailmap), "check-mailmap", "--stdin")
		m := ParseMailmap([]byte(mailmap))
		var got strings.Builder
		for _, name := range names {
			for _, email := range emails {
				name, email := m.Resolve(name, email)
				fmt.Fprintf(&got, "%s <%s>\n", name, email)
			}
		}
		if d := diff.Diff(want, got.String()); d != "" {
			t.Errorf("mailmap %q (-git +got):\n%s", mailmap, d)
		}
	}
	for _, line := range oddLines {
		check(line)
	}
	check("Ada <ada@x.org>\x00\nBob <bob@y.org>\n")
	check("Ada <eve@z> <bob@y.org>\nBob <bob@y.org>\n<x@y> <bob@y.org>\nEve <e@e> X <bob@y.org>\nEve2 <e@e> x <BOB@y.org>")
	for seed := range uint64(100) {
		check(randomMailmap(rand.New(rand.NewPCG(seed, 3))))
	}
}

// TestAgainstGit compares with git shortlog.
func TestAgainstGit(t *testing.T) {
	for seed := range uint64(6) {
		repo := newGitRepo(t)
		r := rand.New(rand.NewPCG(seed, 4))
		repo.run(randomCommits(r, 150), "fast-import", "--quiet", "--force")
		mailmap := randomMailmap(r)
		config := repo.mailmap(mailmap)
		f := newFixture(t)
		tally := f.count(repo.load(f, "main"))
		for _, tt := range []struct {
			group  string
			lookup func(Author) string
		}{
			{"%an <%ae>", func(a Author) string { return fmt.Sprintf("%s <%s>", a.Name, a.Email) }},
			{"%aN <%aE>", func(a Author) string {
				name, email := ParseMailmap([]byte(mailmap)).Resolve(a.Name, a.Email)
				return fmt.Sprintf("%s <%s>", name, email)
			}},
		} {
			want := map[string]int{}
			for line := range strings.Lines(repo.run("", "-c", config, "log", "--no-merges", "--format="+tt.group, "main")) {
				want[strings.TrimSuffix(line, "\n")]++
			}
			got := map[string]int{}
			for _, a := range tally.Authors {
				got[tt.lookup(a)] += a.Commits
			}
			if d := diff.Diff(want, got); d != "" {
				t.Errorf("seed %d: %s (-git +got):\n%s", seed, tt.group, d)
			}
		}
		compareList(t, repo, tally, mailmap, config)
	}
}

// compareList compares whom List lists with git shortlog, by address.
func compareList(t *testing.T, repo *gitRepo, tally *Tally, mailmap, config string) {
	t.Helper()
	type line struct {
		n     int
		email string
	}
	sum := map[string]int{}
	for s := range strings.Lines(repo.run("", "-c", config, "shortlog", "-s", "-n", "-e", "--no-merges", "main")) {
		var n int
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatal(err)
		}
		sum[strings.ToLower(s[strings.LastIndex(s, "<")+1:strings.LastIndex(s, ">")])] += n
	}
	var want, got []line
	for email, n := range sum {
		want = append(want, line{n, email})
	}
	listed, err := List(tally.Authors, ParseMailmap([]byte(mailmap)),
		func(string) (string, string, error) { return "", "", nil }, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range listed {
		got = append(got, line{c.Contributions, strings.ToLower(c.Email)})
	}
	byCount := func(a, b line) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.email, b.email)) }
	slices.SortFunc(want, byCount)
	slices.SortStableFunc(got, byCount)
	if !slices.Equal(want, got) {
		t.Errorf("mailmap %q: List = %v, git shortlog has %v", mailmap, got, want)
	}
}

// FuzzMailmap holds that the case of an address does not matter, and that what is mapped is text.
func FuzzMailmap(f *testing.F) {
	for _, line := range oddLines {
		f.Add([]byte(line), "Ada", "ada@x.org")
	}
	f.Add([]byte("Ada <a@b> ADA <c@d>\n"), "ada", "C@D")
	f.Fuzz(func(t *testing.T, data []byte, name, email string) {
		m := ParseMailmap(data)
		name, email = graph.CleanText(name), graph.CleanText(email)
		properName, properEmail := m.Resolve(name, email)
		if !utf8.ValidString(properName) || !utf8.ValidString(properEmail) {
			t.Errorf("Resolve(%q, %q) = %q, %q, which is no text", name, email, properName, properEmail)
		}
		otherName, otherEmail := m.Resolve(name, lower(email))
		if otherName != properName || otherEmail != properEmail && properEmail != email {
			t.Errorf("Resolve(%q, %q) = %q, %q, but %q, %q in lower case", name, email, properName, properEmail, otherName,
				otherEmail)
		}
	})
}
