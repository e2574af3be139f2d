package names

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These tests compare the rules with git's own, on names made of the pieces that the rules are about. What we take
// and git refuses is an error; what we refuse and git takes must be refused for one of the reasons listed here.

const oracleSeed = 20260101

// repository makes an empty bare repository for git to run in, or skips the test if there is no git.
func repository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: the rules are not compared with it")
	}
	dir := t.TempDir()
	git(t, dir, nil, "init", "-q", "--bare")
	return dir
}

// git runs git in dir and returns its standard output and error output.
func git(t *testing.T, dir string, stdin []byte, args ...string) (stdout, stderr []byte) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(stdin), &out, &errs
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %v: %v\n%.2000s", args, err, errs.Bytes())
	}
	return out.Bytes(), errs.Bytes()
}

// generate returns n different names, each of one to ten of the pieces.
func generate(n int, pieces []string) []string {
	rng := rand.New(rand.NewPCG(oracleSeed, uint64(len(pieces))))
	seen := make(map[string]bool, n)
	all := make([]string, 0, n)
	for len(all) < n {
		var b strings.Builder
		for range 1 + rng.IntN(10) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		if name := b.String(); !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return all
}

var pathPieces = []string{
	".git", ".GIT", ".Git", ".gi", "g", "i", "t", "G", "git", "git~1", "GIT~1", "~1", "~", "1", "2", ".", "..", " ", ":",
	"\\", "/", "/",
	"a", "x", "\x01", "\x7f", "\xff", "\xc3", "\xe2\x80", "é", "\uffff", "\ufffe", "\U0001ffff", "\u200b", "\u2010",
	"\u2070",
	"\u200c", "\u200d", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
	"\u206a", "\u206b", "\u206c", "\u206d", "\u206e", "\u206f", "\ufeff",
	"modules", "MODULES", ".gitmodules", "gitmod", "gitmod~1", "gitmod~4", "gitmod~5", "gi7eba", "gi7eb", "gi7",
	"GI7EBA~1", "~12", "~123456",
	"CON", "C:", "*", "?", "[", "-", "@",
}

// TestPathsAgainstGit asks "git update-index --index-info", which says for each path whether verify_path takes it.
func TestPathsAgainstGit(t *testing.T) {
	for _, test := range []struct {
		mode  string
		check func(path string) error
	}{
		{"100644", func(path string) error { return eachComponent(path, CheckEntry) }},
		{"120000", func(path string) error {
			return eachComponent(path, func(name string) error {
				if err := CheckEntry(name); err != nil {
					return err
				}
				return CheckSymlinkEntry(name)
			})
		}},
	} {
		t.Run("mode="+test.mode, func(t *testing.T) {
			names := generate(100_000, pathPieces)
			refused := pathsRefusedByGit(t, test.mode, names)
			agreed, unsafe := 0, 0
			for _, name := range names {
				err := test.check(name)
				switch {
				case (err != nil) == refused[name]:
					agreed++
				case err == nil:
					unsafe++
					t.Errorf("git refuses %q, the check of mode %s takes it", name, test.mode)
				case strings.Contains("/"+name, "/\\"):
					// git does not look behind a backslash that begins a component.
				case test.mode == "120000" && strings.Contains(err.Error(), ".gitmodules"):
					// git looks for .gitmodules in the last component only, but for its plain spelling.
				default:
					t.Errorf("git takes %q, the check of mode %s says: %v", name, test.mode, err)
				}
				if unsafe > 20 {
					t.Fatal("too many errors")
				}
			}
			t.Logf("seed %d: %d names, %d refused by git, %d agreed", oracleSeed, len(names), len(refused), agreed)
		})
	}
}

func eachComponent(path string, check func(string) error) error {
	for name := range strings.SplitSeq(path, "/") {
		if err := check(name); err != nil {
			return err
		}
	}
	return nil
}

func pathsRefusedByGit(t *testing.T, mode string, names []string) map[string]bool {
	dir := repository(t)
	var input bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&input, "%s e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\t%s\x00", mode, name)
	}
	_, stderr := git(t, dir, input.Bytes(), "-c", "core.protectHFS=1", "-c", "core.protectNTFS=1", "update-index", "-z",
		"--index-info")
	refused := make(map[string]bool)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(stderr), "\n"), "\n") {
		name, ok := strings.CutPrefix(line, "Ignoring path ")
		if !ok {
			t.Fatalf("git update-index says %q", line)
		}
		refused[name] = true
	}
	return refused
}

var refPieces = []string{
	"a", "b", "x", "é", "\xff", "/", "/", "/", ".", "..", ".lock", ".LOCK", "lock", "@", "@{", "{", "}", "-", "HEAD",
	"refs/", "heads/",
	" ", "~", "^", ":", "?", "*", "[", "]", "\\", "\x01", "\t", "\x7f", "\x1f", "!", "\"", "'",
	"#", "$", "%", "&", "+", ",", ";", "<", "=", ">", "`", "|",
}

// TestRefsAgainstGit writes all names to a packed-refs file, and asks "git cat-file --batch-check" for each: git
// resolves a name only if check_refname_format takes it.
func TestRefsAgainstGit(t *testing.T) {
	dir := repository(t)
	names := generate(200_000, refPieces)
	for i, name := range names {
		names[i] = "refs/heads/" + name
	}
	taken := refsTakenByGit(t, dir, names)
	agreed := 0
	for _, name := range names {
		switch err := CheckRef(name); {
		case (err == nil) == taken[name]:
			agreed++
		case err == nil:
			t.Errorf("git refuses %q, CheckRef takes it", name)
		default:
			t.Errorf("git takes %q, CheckRef says: %v", name, err)
		}
	}
	t.Logf("seed %d: %d names, %d taken by git, %d agreed", oracleSeed, len(names), len(taken), agreed)
}

func refsTakenByGit(t *testing.T, dir string, names []string) map[string]bool {
	stdout, _ := git(t, dir, nil, "hash-object", "-w", "--stdin")
	blob := strings.TrimSpace(string(stdout))
	packed := bytes.NewBufferString("# pack-refs with: sorted \n")
	for _, name := range slices.Sorted(slices.Values(names)) {
		fmt.Fprintf(packed, "%s %s\n", blob, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "packed-refs"), packed.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(slices.Clone(names), hasOperator)
	stdout, _ = git(t, dir, []byte(strings.Join(names, "\n")+"\n"), "cat-file", "--batch-check=%(objectname)")
	taken := make(map[string]bool)
	scanner := bufio.NewScanner(bytes.NewReader(stdout))
	for i := 0; scanner.Scan(); i++ {
		if i >= len(names) {
			t.Fatalf("git cat-file answers more than the %d names", len(names))
		}
		if scanner.Text() == blob {
			taken[names[i]] = true
		}
	}
	return taken
}

// hasOperator reports whether name has a character that no ref has, and that cat-file reads as an operator on another
// name instead.
func hasOperator(name string) bool {
	return strings.ContainsAny(name, "^~:") || strings.Contains(name, "@{")
}

// TestBranchesAgainstGit runs "git check-ref-format --branch" for a few names; it takes one at a time.
func TestBranchesAgainstGit(t *testing.T) {
	dir := repository(t)
	for _, name := range append(generate(300, refPieces), "HEAD", "-x", "@", "x", "refs/heads/x", "x.lock", "-") {
		if strings.Contains(name, "@{") || name == "@" || name == "-" {
			continue // git expands these to other branches first
		}
		cmd := exec.CommandContext(t.Context(), "git", "check-ref-format", "--branch", name)
		cmd.Dir = dir
		taken := cmd.Run() == nil
		if err := CheckBranch(name); (err == nil) != taken {
			t.Errorf("CheckBranch(%q) = %v, git takes it: %v", name, err, taken)
		}
	}
}

// TestIdentitiesAgainstGit lets "git var GIT_AUTHOR_IDENT" clean names.
func TestIdentitiesAgainstGit(t *testing.T) {
	dir := repository(t)
	pieces := []string{"a", "B", " ", ",", ":", ";", "\"", "'", "\\", "\t", "\x01", "é", "-", "\r"}
	for _, name := range generate(200, pieces) {
		cmd := exec.CommandContext(t.Context(), "git", "var", "GIT_AUTHOR_IDENT")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME="+name, "GIT_AUTHOR_EMAIL="+name+"@", "GIT_AUTHOR_DATE=@1 +0000")
		out, gitErr := cmd.Output()
		gotName, gotEmail, err := CleanIdentity(name, name+"@")
		if (err == nil) != (gitErr == nil) {
			t.Errorf("CleanIdentity(%q) = %v, git says %v", name, err, gitErr)
			continue
		}
		if want := fmt.Sprintf("%s <%s> 1 +0000\n", gotName, gotEmail); err == nil && string(out) != want {
			t.Errorf("git writes the identity %q, CleanIdentity gives %q", out, want)
		}
	}
}
