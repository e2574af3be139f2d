// Package folder is what stores that are kept in a folder have in common: telling one that is empty from one that
// belongs to something else, and waiting for its lock.
package folder

import (
	"slices"
	"strings"
)

// strays are what systems and file managers put into any folder, in lower case.
var strays = []string{
	"lost+found", "aquota.user", "aquota.group", ".directory", ".snapshot", ".snapshots", ".zfs", // Linux
	".ds_store", ".localized", ".fseventsd", ".trashes", ".temporaryitems", ".apdisk", ".volumeicon.icns",
	".spotlight-v100", ".documentrevisions-v100", ".metadata_never_index", "icon\r", // macOS
	"desktop.ini", "thumbs.db", "ehthumbs.db", "system volume information", "$recycle.bin", // Windows
	"@eadir", "#recycle", "#snapshot", // network disks
}

// strayPrefixes are how the names of such files begin: copies of attributes, rubbish bins of a user, open files that
// were removed.
var strayPrefixes = []string{"._", ".trash-", ".nfs", ".fuse_hidden"}

// Stray reports whether a file of this name means nothing: a folder with it is as good as empty.
func Stray(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(strays, name) ||
		slices.ContainsFunc(strayPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// Describe says what a folder with these names in it holds, for the text of an error; "" if they are all strays.
func Describe(names []string) string {
	has := func(all ...string) bool {
		return !slices.ContainsFunc(all, func(name string) bool { return !slices.Contains(names, name) })
	}
	switch {
	case has(".git"):
		return "a Git worktree (.git)"
	case has("HEAD", "objects", "refs"):
		return "a bare Git repository (HEAD, objects, refs)"
	case has("MANIFEST"):
		return "a Badger database (MANIFEST)"
	case has("reposit", "repos"):
		return "a billyfs store (reposit, repos)"
	}
	names = slices.DeleteFunc(slices.Clone(names), Stray)
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "another's file (" + quote(names[0]) + ")"
	}
	return "other files (" + quote(slices.Min(names)) + ", ...)"
}

func quote(name string) string {
	if len(name) > 64 {
		name = name[:64] + "..."
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name), "?")
}
