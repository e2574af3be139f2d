package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/cmd/reposit/internal/place"
	"github.com/reposit/reposit/reposittest"
	"github.com/reposit/reposit/storage/billyfs"
)

// A shell runs the command on one store.
type shell struct {
	t        *testing.T
	dir      string
	terminal bool
	env      map[string]string
}

func (s *shell) run(args ...string) (code int, out, errs string) {
	s.t.Helper()
	var o, e bytes.Buffer
	code = run(s.t.Context(), append([]string{"-C", s.dir}, args...), streams{
		in: strings.NewReader(""), out: &o, err: &e, outTerminal: s.terminal, errTerminal: s.terminal,
		getenv: func(name string) string { return s.env[name] },
	})
	return code, o.String(), e.String()
}

// ok runs a verb that must succeed, and returns what it says.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	code, out, errs := s.run(args...)
	if code != exitOK {
		s.t.Fatalf("reposit %s: exit code %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

// history is what the tests show.
const history = `repo: local/notes
-- commit: first words --
author: Ann <ann@example.com>
date: 2026-02-03T04:05:06Z
-- README.md --
# Notes
-- docs/a.txt --
a
-- branch: draft --
-- commit: a draft --
-- docs/b.txt --
b
-- branch: main --
-- commit: more words --
-- README.md --
# Field notes
-- tag: v1 main~1 --
`

// fill makes a store on billyfs with a repository.
func fill(t *testing.T, archive string) *shell {
	t.Helper()
	dir := t.TempDir()
	b, err := billyfs.Open(osfs.New(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := reposit.Open(t.Context(), b, &reposit.Options{Now: reposittest.Clock(reposittest.Epoch, 0)})
	if err != nil {
		t.Fatal(err)
	}
	reposittest.Repo(t, store, archive)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return &shell{t: t, dir: dir, env: map[string]string{"PAGER": "cat"}}
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	s := fill(t, history)
	other := t.TempDir()
	key := filepath.Join(other, "key.pub")
	const pub = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6WyXuGkq2JVOqfWPVjTiMJPqtSeOzSjOjXJ9bhLpT5 build\n"
	if err := os.WriteFile(key, []byte(pub), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args string // separated by white space
		code int
		want string // a part of the output, or of the complaint
	}{
		{"version", exitOK, "reposit"},
		{"ls", exitOK, "local/notes  public"},
		{"ls --sort size", exitUsage, `order "size"`},
		{"show notes", exitOK, "default branch  main"},
		{"show notes draft", exitOK, "+++ b/docs/b.txt"},
		{"show local/nothing", exitNotFound, "hint: reposit ls"},
		{"log notes --oneline", exitOK, "more words  reposit, 2026-01-01 00:00\n"},
		{"log notes --author Ann", exitOK, "    first words"},
		{"log notes draft -- docs", exitOK, "a draft"},
		{"log notes --since tomorrow", exitUsage, `time "tomorrow"`},
		{"log notes a b", exitUsage, "2 revisions"},
		{"diff notes v1 main", exitOK, "-# Notes\n+# Field notes\n"},
		{"diff notes v1 main --stat", exitOK, "1 files, +1 -1"},
		{"diff notes v1 draft -- README.md", exitOK, ""},
		{"tree notes", exitOK, "README.md"},
		{"tree notes draft docs --last", exitOK, "a draft"},
		{"tree notes main -r", exitOK, "docs/a.txt"},
		{"cat notes v1 README.md", exitOK, "# Notes\n"},
		{"cat notes v1 none", exitNotFound, "none"},
		{"branch list notes", exitOK, "draft"},
		{"branch create notes other v1", exitOK, "other is at"},
		{"branch create notes other v1", exitConflict, "hint: choose another name"},
		{"branch rename notes other next", exitOK, "other is now next"},
		{"branch delete notes next", exitOK, "deleted next"},
		{"branch", exitUsage, "needs a verb"},
		{"tag create notes v2 -m second", exitOK, "v2 is at"},
		{"tag list notes", exitOK, "second"},
		{"tag delete notes v2", exitOK, "deleted v2"},
		{"protect set notes release/* --reviews 2", exitOK, "protected release/*"},
		{"protect list notes", exitOK, "RequiredReviews:2"},
		{"protect remove notes release/*", exitOK, "removed"},
		{"merge notes draft --dry-run", exitOK, "merged"},
		{"pull open notes main draft", exitOK, "pull request 1: a draft"},
		{"pull list notes", exitOK, "main ← draft"},
		{"pull show notes 1", exitOK, "main ← draft"},
		{"pull close notes 1", exitOK, "closed pull request 1"},
		{"pull show notes one", exitUsage, "want a number"},
		{"merge notes draft -m both", exitOK, "merged"},
		{"merge notes draft --strategy best", exitUsage, `strategy "best"`},
		{"log notes --graph", exitOK, "├─╮"},
		{"blame notes main README.md", exitOK, "1  # Field notes"},
		{"grep notes field -i -B 0", exitOK, "README.md:1:# Field notes"},
		{"grep notes . draft -- docs/b.txt", exitOK, "docs/b.txt:1:b"},
		{"compare notes v1 draft", exitOK, "draft is"},
		{"undo notes v1 README.md", exitOK, "README.md"},
		{"fork notes --owner ann", exitOK, "ann/notes"},
		{"user put ann --email ann@example.com", exitOK, "ann is a user"},
		{"user list", exitOK, "ann@example.com"},
		{"user grant notes ann --permission write", exitOK, "ann: write"},
		{"user grant notes ann --permission all", exitUsage, "all"},
		{"--as ann show notes", exitOK, "local/notes"},
		{"--as ann protect remove notes x", exitForbidden, "hint"},
		{"create secret --private", exitOK, "private"},
		{"--as ann show secret", exitNotFound, "not found"},
		{"team put local/writers --members ann --repos notes --permission write", exitOK, "1 members"},
		{"team list local", exitOK, "local/writers  write  ann"},
		{"team remove local/writers", exitOK, "removed"},
		{"team put writers", exitUsage, "OWNER/NAME"},
		{"key add notes build " + key, exitOK, "SHA256:"},
		{"key list notes", exitOK, "build"},
		{"key remove notes 1", exitOK, "removed key 1"},
		{"search notes", exitOK, "local/notes"},
		{"events", exitOK, "repo created"},
		{"events --after 1000000", exitOK, ""},
		{"export notes " + filepath.Join(other, "out.git"), exitOK, "wrote"},
		{"import again " + filepath.Join(other, "out.git"), exitOK, "local/again"},
		{"import again " + filepath.Join(other, "out.git"), exitConflict, "exists"},
		{"bundle notes -o " + filepath.Join(other, "notes.bundle"), exitOK, ""},
		{"import fromBundle " + filepath.Join(other, "notes.bundle"), exitOK, "local/frombundle"},
		{"fetch again " + filepath.Join(other, "notes.bundle"), exitOK, ""},
		{"archive notes -o " + filepath.Join(other, "notes.tar.gz") + " --prefix n/", exitOK, ""},
		{"archive notes -o notes.rar", exitUsage, "says no format"},
		{"import fromArchive " + filepath.Join(other, "notes.tar.gz") + " --strip 1", exitOK, "local/fromarchive"},
		{"cat fromarchive main docs/b.txt", exitOK, "b\n"},
		{"import fromFolder " + other, exitOK, "local/fromfolder"},
		{"repair --from " + filepath.Join(other, "notes.bundle"), exitOK, "objects"},
		{"check", exitOK, "objects"},
		{"backup -o " + filepath.Join(other, "full") + " --mark " + filepath.Join(other, "mark"), exitOK, ""},
		{"create later", exitOK, ""},
		{"backup -o " + filepath.Join(other, "next") + " --since " + filepath.Join(other, "mark"), exitOK, ""},
		{"verify " + filepath.Join(other, "full") + " " + filepath.Join(other, "next"), exitOK, "whole"},
		{"verify " + filepath.Join(other, "next"), exitUsage, "backup"},
		{"-C " + filepath.Join(other, "s") + " restore " + filepath.Join(other, "full"), exitOK, "made a store on badger"},
		{"-C " + filepath.Join(other, "s") + " show notes", exitOK, "local/notes"},
		{"copy " + filepath.Join(other, "c") + " --backend billyfs", exitOK, "made a store on billyfs"},
		{"-C " + filepath.Join(other, "c") + " show later", exitOK, "local/later"},
		{"copy " + filepath.Join(other, "c"), exitConflict, "there is a store"},
		{"init --backend disk", exitUsage, "want badger or billyfs"},
		{"init", exitConflict, "there is a store on billyfs"},
		{"log", exitUsage, "usage is"},
		{"lgo", exitUsage, `no verb "lgo"`},
		{"ls --color", exitUsage, "unknown flag"},
	} {
		code, out, errs := s.run(strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(out+errs, step.want) {
			t.Errorf("reposit %s: exit code %d, want %d; says\n%s%s\nwant %q", step.args, code, step.code, out, errs,
				step.want)
		}
		if code != exitOK && out != "" && !strings.Contains(step.args, "--help") {
			t.Errorf("reposit %s fails, and says %q on its standard output", step.args, out)
		}
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"badger", "billyfs"} {
		s := &shell{t: t, dir: filepath.Join(t.TempDir(), "store")}
		if code, _, errs := s.run("ls"); code != exitCorrupt || !strings.Contains(errs, "no store here") {
			t.Errorf("ls where there is no store: exit code %d, %s", code, errs)
		}
		s.ok("init", "--backend", kind)
		s.ok("create", "ann/notes")
		if out := s.ok("ls"); !strings.Contains(out, "ann/notes") {
			t.Errorf("ls on %s says %q", kind, out)
		}
	}
	s := &shell{t: t, dir: t.TempDir()}
	if code, _, _ := s.run("init", "--backend", "disk"); code != exitUsage {
		t.Errorf("init on an unknown backend: exit code %d", code)
	}
}

// TestLocked opens a store that somebody else has open.
func TestLocked(t *testing.T) {
	t.Parallel()
	s := fill(t, history)
	b, err := billyfs.Open(osfs.New(s.dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	code, _, errs := s.run("ls")
	if code != exitBusy || !strings.Contains(errs, "in use") {
		t.Errorf("ls: exit code %d, %s", code, errs)
	}
	if place.Holder(s.dir) != "" && !strings.Contains(errs, fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("ls does not say who holds the store: %s", errs)
	}
}

// TestHelp asks that each verb says what it does, and shows an example.
func TestHelp(t *testing.T) {
	t.Parallel()
	a := &app{streams: streams{getenv: func(string) string { return "" }}}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no description, or no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(a.command())
}

func TestGraph(t *testing.T) {
	t.Parallel()
	h := func(c byte) reposit.Hash { return reposit.Hash{c} }
	var got []string
	var l lanes
	for _, c := range []string{"gfe", "fd", "eb", "dcb", "ca", "ba", "a"} {
		var parents []reposit.Hash
		for i := 1; i < len(c); i++ {
			parents = append(parents, h(c[i]))
		}
		before, node, after := l.next(h(c[0]), parents)
		got = append(append(append(got, before...), node+" "+c[:1]), after...)
	}
	const want = `* g
├─╮
* │ f
│ * e
* │ d
├─┤
* │ c
│ * b
├─╯
* a`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("the graph is\n%s\nwant\n%s", text, want)
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	p := reposit.Progress{Stage: "objects", Done: 50, Total: 200, Bytes: 3 << 20}
	if got, want := progressLine(p, 2*time.Second), "objects:  25% (50/200), 3.0 MiB, 1.5 MiB/s, 6s left"; got != want {
		t.Errorf("progressLine() = %q, want %q", got, want)
	}
	p = reposit.Progress{Stage: "objects", Done: 50}
	if got, want := progressLine(p, 0), "objects: 50"; got != want {
		t.Errorf("progressLine() = %q, want %q", got, want)
	}
}

// TestHostile shows what others wrote on a terminal, and as JSON: nothing of it is a command to the terminal.
func TestHostile(t *testing.T) {
	t.Parallel()
	const evil = `\x1b]0;owned\a\x1b[2J\u202egnp.exe\u2066\u009b31m\r`
	s := fill(t, `repo: local/notes
-- commit: --
message: "`+evil+`\n\n`+evil+`"
author: `+"\x7f\u202eEve\u2066\u009b31m"+` <eve@example.com>
-- "`+evil+`" --
`+"\x1b[2J\u202e\n"+`
-- branch: draft --
-- commit: --
message: "`+evil+`"
-- `+"docs/\u202ea"+` --
a
-- tag: v1 --
`+"\x1b[2J\u202e\n"+`
`)
	s.terminal = true
	s.env["NO_COLOR"] = "1"
	s.ok("create", "other")
	for _, args := range []string{
		"ls", "show notes", "show notes draft", "log notes draft", "log notes draft --oneline", "log notes draft --graph",
		"diff notes main draft", "diff notes main draft --stat",
		"tree notes", "tree notes draft --last", "tree notes draft -r",
		"branch list notes", "tag list notes", "pull open notes main draft", "pull list notes", "pull show notes 1",
		"search other", "events", "blame notes draft " + "docs/\u202ea", "grep notes .", "grep notes . draft -A 2",
		"compare notes main draft",
	} {
		out := s.ok(strings.Fields(args)...)
		for _, r := range out {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("reposit %s writes %q to a terminal: %q", args, r, out)
				break
			}
		}
		if strings.HasPrefix(args, "pull open") {
			continue
		}
		for line := range strings.Lines(s.ok(append(strings.Fields(args), "--json")...)) {
			var v any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("reposit %s --json: %v: %s", args, err, line)
			}
			for _, r := range line {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("reposit %s --json writes %q", args, r)
				}
			}
		}
	}
	_, _, errs := s.run("cat", "notes", "main", "\x1b[2J")
	if strings.ContainsRune(errs, '\x1b') {
		t.Errorf("a complaint has an escape: %q", errs)
	}
	out := s.ok("cat", "notes", "main", "\x1b]0;owned\a\x1b[2J\u202egnp.exe\u2066\u009b31m\r")
	if out != `\x1b[2J\u202e`+"\n\n" {
		t.Errorf("cat writes %q to a terminal", out)
	}
	if code, _, _ := s.run("bundle", "notes"); code != exitUsage {
		t.Errorf("bundle to a terminal: exit code %d", code)
	}
}
