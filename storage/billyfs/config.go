package billyfs

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// fine are the extensions of a repository that change nothing of what is read here, by name and value in lower case; ""
// stands for any value. (gitrepository-layout, git-config, extensions)
var fine = map[string]string{
	"noop": "", "noop-v1": "", "preciousobjects": "", "partialclone": "", "worktreeconfig": "", "relativeworktrees": "",
	"objectformat": "sha1", "refstorage": "files",
}

// Extensions that git heeds in a repository of version 0, too, or refuses there.
var always = []string{"objectformat", "refstorage", "compatobjectformat"}

// check returns storage.ErrFormat, saying why, if a repository has a format that this package does not read: git
// can give it one. It looks once in a session: for git to change it later shows in refs that can't be read.
func (r *repos) check(repo repoRef, dir string) error {
	if r.m.Volatile {
		return nil
	}
	if _, ok := r.checked.Load(repo); ok {
		return nil
	}
	data, err := r.m.ReadFile(path.Join(dir, "config"))
	if err != nil && !disk.Absent(err) && !errors.Is(err, storage.ErrCorrupt) { // without a config, it is as it was made
		return err
	}
	if odd := foreign(string(data)); odd != "" {
		return fmt.Errorf("%s/config: %s: %w", dir, odd, storage.ErrFormat)
	}
	r.checked.Store(repo, struct{}{})
	return nil
}

// foreign says what of a config makes git refuse a repository, or read it in a way that is not known here.
func foreign(config string) (odd string) {
	version, unknown, refused := 0, "", ""
	section := ""
	for line := range strings.Lines(strings.ToLower(config)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok {
			section, line, _ = strings.Cut(rest, "]")
			section, line = strings.TrimSpace(section), strings.TrimSpace(line)
		}
		key, value, _ := strings.Cut(line, "=")
		value, _, _ = strings.Cut(value, "#")
		value, _, _ = strings.Cut(value, ";")
		key, value = strings.TrimSpace(key), strings.Trim(value, " \t\"")
		switch {
		case key == "" || key[0] == '#' || key[0] == ';':
		case section == "core" && key == "repositoryformatversion":
			n, err := strconv.Atoi(value)
			if err != nil || n > 1 {
				refused = "repository format version " + value
			}
			version = n
		case section == "extensions":
			if want, ok := fine[key]; ok && (want == "" || want == value) {
				continue
			}
			unknown = "extensions." + key + " = " + value
			for _, name := range always {
				if key == name {
					refused = unknown
				}
			}
		}
	}
	if refused == "" && version > 0 {
		refused = unknown
	}
	return refused
}
