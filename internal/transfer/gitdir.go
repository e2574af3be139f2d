package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/storage"
)

// A gitDir is the folder of a repository (gitrepository-layout), or what its alternates lead to. Nothing in it is
// believed: each part must be a file or folder in its own right, no symbolic link leads out of it, and no file that
// names another place is followed.
type gitDir struct {
	fs billy.Filesystem
}

const (
	maxSmall  = 1 << 20   // bytes of HEAD, config, and their like
	maxPacked = 256 << 20 // bytes of packed-refs
	maxRefs   = 1 << 20
	maxDepth  = 64 // folders of refs, one in the other
)

// stat returns what is at a path, or fs.ErrNotExist. Symbolic links, pipes and devices are refused.
func (d gitDir) stat(name string) (os.FileInfo, error) {
	info, err := d.fs.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, unsupported(fmt.Sprintf("%s, which is neither a file nor a folder", name))
	}
	return info, nil
}

// isDir reports whether there is a folder at a path.
func (d gitDir) isDir(name string) (bool, error) {
	info, err := d.stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}

// list returns what is in a folder, in the order of names; nothing if there is none.
func (d gitDir) list(name string) ([]os.FileInfo, error) {
	if ok, err := d.isDir(name); !ok {
		return nil, err
	}
	found, err := d.fs.ReadDir(name)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return found, nil
}

// open opens a file. Its size is as it was before.
func (d gitDir) open(name string) (billy.File, int64, error) {
	info, err := d.stat(name)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, malformed("%s is a folder", name)
	}
	f, err := d.fs.Open(name)
	return f, info.Size(), err
}

// read returns the content of a small file, and whether there is one.
func (d gitDir) read(name string, limit int64) ([]byte, bool, error) {
	f, _, err := d.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes: %w", name, limit, storage.ErrTooLarge)
	}
	return data, true, errors.Join(err, f.Close())
}

// findGitDir returns the folder of a repository: src itself, or its .git.
func findGitDir(src billy.Filesystem) (gitDir, error) {
	d := gitDir{src}
	for range 2 {
		for _, part := range [...]string{"commondir", "gitdir"} {
			if _, err := d.stat(part); !errors.Is(err, fs.ErrNotExist) {
				return d, errors.Join(err, unsupported("folder of a linked worktree, which has the repository elsewhere"))
			}
		}
		_, err := d.stat("HEAD")
		if err == nil {
			objects, err := d.isDir("objects")
			if err == nil && !objects {
				err = malformed("repository has no objects")
			}
			return d, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
		info, err := d.stat(".git")
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return d, err
		}
		if !info.IsDir() {
			return d, unsupported(".git file, which names another place")
		}
		inside, err := src.Chroot(".git")
		if err != nil {
			return d, err
		}
		d = gitDir{inside}
	}
	return d, malformed("folder is no repository: it has no HEAD")
}

// check refuses, by name, what can't be taken.
func (d gitDir) check() error {
	data, _, err := d.read("config", maxSmall)
	if err != nil {
		return err
	}
	if err := checkConfig(data); err != nil {
		return err
	}
	if found, err := d.isDir("reftable"); found || err != nil {
		return errors.Join(err, unsupported("reftable"))
	}
	if data, _, err := d.read("shallow", maxPacked); err != nil {
		return err
	} else if len(bytes.TrimSpace(data)) > 0 {
		return unsupported("shallow clone")
	}
	return nil
}

// checkConfig looks for what makes a repository another format (git's repository-version.txt). Nothing else of the
// configuration counts, and nothing in it is obeyed: neither what it includes, nor commands.
func checkConfig(data []byte) error {
	version := "0"
	var extensions []string
	err := eachSetting(data, func(section, key, value string) error {
		switch {
		case section == "core" && key == "repositoryformatversion":
			version = value
		case section == "extensions" && key == "objectformat" && value != "sha1":
			return unsupported("repository with hashes of " + fmt.Sprintf("%.40q", value))
		case section == "extensions" && key == "refstorage" && value != "files":
			return unsupported(fmt.Sprintf("%.40q", value))
		case section == "extensions" && key == "partialclone",
			strings.HasPrefix(section, "remote ") && key == "promisor" && value != "false":
			return unsupported("partial clone")
		case section == "extensions":
			extensions = append(extensions, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch version {
	case "0":
		return nil
	case "1":
	default:
		return unsupported(fmt.Sprintf("repository of format %.40q", version))
	}
	for _, e := range extensions {
		switch e {
		case "noop", "noop-v1", "objectformat", "refstorage", "preciousobjects", "worktreeconfig", "relativeworktrees",
			"compatobjectformat":
		default:
			return unsupported(fmt.Sprintf("repository with the extension %.40q", e))
		}
	}
	return nil
}

// eachSetting calls fn with the settings of a configuration (git-config), as far as they are on lines of their own.
// Section and key are in lower case, but for a subsection.
func eachSetting(data []byte, fn func(section, key, value string) error) error {
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok {
			name, after, _ := strings.Cut(rest, "]")
			base, sub, isSub := strings.Cut(name, " ")
			section = strings.ToLower(strings.TrimSpace(base))
			if isSub {
				section += " " + strings.Trim(strings.TrimSpace(sub), `"`)
			}
			line = strings.TrimSpace(after)
		}
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, isSet := strings.Cut(line, "=")
		if !isSet {
			value = "true"
		}
		if at := strings.IndexAny(value, "#;"); at >= 0 {
			value = value[:at]
		}
		value = strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))
		if err := fn(section, strings.ToLower(strings.TrimSpace(key)), value); err != nil {
			return err
		}
	}
	return nil
}

// head returns the full name of the branch that HEAD names, or "" if it is detached.
func (d gitDir) head() (string, error) {
	data, _, err := d.read("HEAD", maxSmall)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if target, ok := strings.CutPrefix(text, "ref:"); ok {
		return strings.TrimSpace(target), nil
	}
	_, err = parseHash(text)
	return "", err
}

// refs returns all refs in the order of their names, symbolic ones with their target alone. broken is told of files
// that hold no ref.
func (d gitDir) refs(ctx context.Context, broken func(name, why string)) ([]storage.Ref, error) {
	found := map[string]storage.Ref{}
	if err := d.packedRefs(found); err != nil {
		return nil, err
	}
	if err := d.looseRefs(ctx, "refs", 0, found, broken); err != nil {
		return nil, err
	}
	refs := make([]storage.Ref, 0, len(found))
	for _, r := range found {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, func(a, b storage.Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

func addRef(found map[string]storage.Ref, r storage.Ref) error {
	if found[r.Name] = r; len(found) > maxRefs {
		return fmt.Errorf("more than %d refs: %w", maxRefs, storage.ErrTooLarge)
	}
	return nil
}

// packedRefs adds those of packed-refs (git-pack-refs).
func (d gitDir) packedRefs(found map[string]storage.Ref) error {
	f, _, err := d.open("packed-refs")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(io.LimitReader(f, maxPacked))
	lines.Buffer(nil, maxLine)
	for lines.Scan() && err == nil {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		var r storage.Ref
		digits, name, _ := strings.Cut(line, " ")
		if r.Hash, err = parseHash(digits); err == nil {
			r.Name = name
			err = addRef(found, r)
		}
	}
	if scan := lines.Err(); err == nil && scan != nil {
		err = malformed("packed-refs: %v", scan)
	}
	return errors.Join(err, f.Close())
}

// looseRefs adds those that have files in a folder, in place of packed ones.
func (d gitDir) looseRefs(ctx context.Context, dir string, depth int, found map[string]storage.Ref,
	broken func(name, why string)) error {
	if depth > maxDepth {
		return fmt.Errorf("folders of refs are nested deeper than %d: %w", maxDepth, storage.ErrTooLarge)
	}
	list, err := d.list(dir)
	if err != nil {
		return err
	}
	for _, info := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, info.Name())
		info, err := d.stat(name)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := d.looseRefs(ctx, name, depth+1, found, broken); err != nil {
				return err
			}
			continue
		}
		if strings.HasSuffix(name, ".lock") {
			continue // of a program that is, or was, writing
		}
		data, _, err := d.read(name, maxSmall)
		if err != nil {
			return err
		}
		r := storage.Ref{Name: name}
		text := strings.TrimSpace(string(data))
		if target, ok := strings.CutPrefix(text, "ref:"); ok {
			r.Target = strings.TrimSpace(target)
		} else if r.Hash, err = parseHash(text); errors.Is(err, ErrUnsupported) {
			return err
		} else if err != nil {
			broken(name, "it holds no hash")
			continue
		}
		if err := addRef(found, r); err != nil {
			return err
		}
	}
	return nil
}
