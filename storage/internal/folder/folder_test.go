package folder

import "testing"

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"lost+found"}, ""},
		{[]string{".DS_Store", "desktop.ini", "._x", ".Trash-1000", "System Volume Information"}, ""},
		{[]string{".git", "main.go"}, "a Git worktree (.git)"},
		{[]string{"HEAD", "config", "objects", "refs"}, "a bare Git repository (HEAD, objects, refs)"},
		{[]string{"000001.sst", "KEYREGISTRY", "MANIFEST"}, "a Badger database (MANIFEST)"},
		{[]string{"pools", "repos", "reposit"}, "a billyfs store (reposit, repos)"},
		{[]string{".DS_Store", "letter.txt"}, "another's file (letter.txt)"},
		{[]string{"b", "a\n"}, "other files (a?, ...)"},
		{[]string{"HEAD"}, "another's file (HEAD)"},
	} {
		if got := Describe(c.names); got != c.want {
			t.Errorf("Describe(%q) = %q, want %q", c.names, got, c.want)
		}
	}
}
