package fsck

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// fsckTests are objects that git fsck --strict has something to say about, or might. The trees that commits and tags
// name are empty; in the names of trees' entries, "#" stands for the hash of a blob, "@" for that of the empty tree.
var fsckTests = []struct {
	name    string
	typ     storage.Type
	content string
	kept    bool // it is stored though git refuses it: histories that exist have it
}{
	{"a commit", storage.Commit, commitBy("A <a@b> 1 +0000"), false},
	{"a signed one", storage.Commit, commitBy("A <a@b> 1 +0000") + "gpgsig x\n y\n\nmessage", false},
	{"nulInHeader", storage.Commit, commitBy("A\x00 <a@b> 1 +0000"), false},
	{"unterminatedHeader", storage.Commit, strings.TrimSuffix(commitBy("A <a@b> 1 +0000"), "\n"), false},
	{"nulInCommit", storage.Commit, commitBy("A <a@b> 1 +0000") + "\na\x00b", true},
	{"missingTree", storage.Commit, "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n", false},
	{"badTreeSha1", storage.Commit, "tree 12\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n", false},
	{"badParentSha1", storage.Commit, "tree " + emptyTree +
		"\nparent 12\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n", false},
	{"missingAuthor", storage.Commit, "tree " + emptyTree + "\ncommitter A <a@b> 1 +0000\n", false},
	{"missingCommitter", storage.Commit, "tree " + emptyTree + "\nauthor A <a@b> 1 +0000\n", false},
	{"multipleAuthors", storage.Commit, "tree " + emptyTree +
		"\nauthor A <a@b> 1 +0000\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n", false},
	{"missingNameBeforeEmail", storage.Commit, commitBy("<b> 1 +0000"), false},
	{"a name of a space", storage.Commit, commitBy(" <b> 1 +0000"), false},
	{"no address", storage.Commit, commitBy("A <> 1 +0000"), false},
	{"badName", storage.Commit, commitBy("A> <a@b> 1 +0000"), false},
	{"missingEmail", storage.Commit, commitBy("A 1 +0000"), false},
	{"badEmail", storage.Commit, commitBy("A <a@b 1 +0000"), false},
	{"missingSpaceBeforeEmail", storage.Commit, commitBy("A<a@b> 1 +0000"), true},
	{"an address in an address", storage.Commit, commitBy("A <a@b <a@b>> 1 +0000"), true},
	{"an address twice", storage.Commit, commitBy("A <a@b> <a@b> 1 +0000"), true},
	{"two people", storage.Commit, commitBy("A <a@b>, B <b@b> 1 +0000"), true},
	{"missingSpaceBeforeDate", storage.Commit, commitBy("A <a@b>1 +0000"), true},
	{"no date", storage.Commit, commitBy("A <a@b>"), true},
	{"no date but a space", storage.Commit, commitBy("A <a@b> "), true},
	{"two spaces before the date", storage.Commit, commitBy("A <a@b>  1 +0000"), false},
	{"a date of 19 digits", storage.Commit, commitBy("A <a@b> 9223372036854775807 +0000"), false},
	{"badDateOverflow", storage.Commit, commitBy("A <a@b> 9223372036854775808 +0000"), false},
	{"a negative date", storage.Commit, commitBy("A <a@b> -1 +0000"), false},
	{"badDate", storage.Commit, commitBy("A <a@b> today +0000"), false},
	{"zeroPaddedDate", storage.Commit, commitBy("A <a@b> 01 +0000"), false},
	{"no zone", storage.Commit, commitBy("A <a@b> 1"), true},
	{"badTimezone", storage.Commit, commitBy("A <a@b> 1 +051800"), true},

	{"a tag", storage.Tag, tagWith("v1", "tagger A <a@b> 1 +0000\n"), false},
	{"missingTaggerEntry", storage.Tag, tagWith("v1", ""), false},
	{"a tag without a date", storage.Tag, tagWith("v1", "tagger A <a@b>\n"), true},
	{"badTagName", storage.Tag, tagWith("a..b", "tagger A <a@b> 1 +0000\n"), false},
	{"a tag without a name", storage.Tag, tagWith("", "tagger A <a@b> 1 +0000\n"), false},
	{"missingObject", storage.Tag, "type tree\ntag v1\n\n", false},
	{"badObjectSha1", storage.Tag, "object 12\ntype tree\ntag v1\n\n", false},
	{"missingTypeEntry", storage.Tag, "object " + emptyTree + "\ntag v1\n\n", false},
	{"badType", storage.Tag, "object " + emptyTree + "\ntype thing\ntag v1\n\n", false},
	{"missingTagEntry", storage.Tag, "object " + emptyTree + "\ntype tree\n\n", false},
	{"a tagger without a name", storage.Tag, tagWith("v1", "tagger <b> 1 +0000\n"), false},

	{"a tree", storage.Tree, "100644 a\x00#100755 b\x00#120000 c\x00#40000 d\x00@", false},
	{"emptyName", storage.Tree, "100644 \x00#", false},
	{"hasDot", storage.Tree, "40000 .\x00@", false},
	{"hasDotdot", storage.Tree, "40000 ..\x00@", false},
	{"hasDotgit", storage.Tree, "40000 .git\x00@", false},
	{"hasDotgit for NTFS", storage.Tree, "40000 GIT~1\x00@", false},
	{"hasDotgit for HFS+", storage.Tree, "40000 .g\u200cit\x00@", false},
	{"fullPathname", storage.Tree, "100644 a/b\x00#", false},
	{"nullSha1", storage.Tree, "100644 a\x00" + strings.Repeat("\x00", 20), false},
	{"zeroPaddedFilemode", storage.Tree, "040000 a\x00@", true},
	{"badFilemode", storage.Tree, "100664 a\x00#", false},
	{"treeNotSorted", storage.Tree, "100644 b\x00#100644 a\x00#", false},
	{"duplicateEntries", storage.Tree, "100644 a\x00#100644 a\x00#", false},
	{"duplicateEntries, apart", storage.Tree, "100644 a\x00#100644 a.b\x00#40000 a\x00@", false},
	{"badTree", storage.Tree, "100644 a", false},
	{"gitmodulesSymlink", storage.Tree, "120000 .gitmodules\x00#", false},
	{"gitmodulesBlob", storage.Tree, "40000 .gitmodules\x00@", false},
	{"gitmodulesBlob for NTFS", storage.Tree, "40000 GITMOD~1\x00@", false},
	{"gitattributesBlob", storage.Tree, "40000 .gitattributes\x00@", false},
	{"gitattributesSymlink", storage.Tree, "120000 .gitattributes\x00#", false},
}

var emptyTree = git.EmptyTree.String()

func commitBy(who string) string {
	return "tree " + emptyTree + "\nauthor " + who + "\ncommitter A <a@b> 1 +0000\n"
}

func tagWith(name, tagger string) string {
	return "object " + emptyTree + "\ntype tree\ntag " + name + "\n" + tagger + "\nmessage\n"
}

var fsckError = regexp.MustCompile(`(?m)^error( in |: )`)

// TestCheckAgainstFsck holds what is refused against git fsck --strict, but for what histories that exist hold.
func TestCheckAgainstFsck(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("needs git")
	}
	for _, test := range fsckTests {
		dir := t.TempDir()
		run := func(in string, args ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), program, append([]string{"-C", dir}, args...)...)
			cmd.Stdin = strings.NewReader(in)
			cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "LC_ALL=C")
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		must := func(in string, args ...string) {
			t.Helper()
			if out, err := run(in, args...); err != nil {
				t.Fatalf("git %v = %v: %s", args, err, out)
			}
		}
		must("", "init", "--bare", "-q")
		must("target", "hash-object", "-w", "--stdin")
		must("", "hash-object", "-w", "-t", "tree", "--stdin")
		content := test.content
		if test.typ == storage.Tree {
			blob, err := git.Sum(storage.Blob, []byte("target"))
			if err != nil {
				t.Fatal(err)
			}
			content = strings.NewReplacer("#", string(blob[:]), "@", string(git.EmptyTree[:])).Replace(content)
		}
		must(content, "hash-object", "-w", "--literally", "-t", test.typ.String(), "--stdin")
		out, failed := run("", "fsck", "--strict", "--no-dangling")
		refused := failed != nil || fsckError.MatchString(out)
		_, err := Check(test.typ, []byte(content))
		switch want := refused && !test.kept; {
		case test.kept && !refused:
			t.Errorf("%s: git takes it, so it is no difference", test.name)
		case (err != nil) != want:
			t.Errorf("%s: Check() = %v, want an error: %v; git says %s", test.name, err, want, out)
		}
	}
}
