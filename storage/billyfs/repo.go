package billyfs

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// repoConfig is the config of a bare repository. Its objects are kept in a pool, in which no program but this one
// knows what is in use: preciousObjects has git refuse to remove any there.
const (
	repoConfig = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n[reposit]\n\tborn = %d\n" +
		fsckConfig

	// fsckConfig has git refuse trees with entries such as ".." when it receives them. What it ignores is in old
	// histories everywhere, and does no harm.
	fsckConfig = "[transfer]\n\tfsckObjects = true\n" +
		"[receive]\n\tfsckObjects = true\n[receive \"fsck\"]\n" + fsckIgnored +
		"[fetch \"fsck\"]\n" + fsckIgnored
	fsckIgnored = "\tbadTimezone = ignore\n\tmissingSpaceBeforeDate = ignore\n\tzeroPaddedFilemode = ignore\n"

	poolConfig = "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n" +
		"[extensions]\n\tpreciousObjects = true\n[gc]\n\tauto = 0\n"
)

// A repos is the directories of repositories: what is in them beside refs, logs and objects.
type repos struct {
	m       *disk.Medium
	refs    *refFiles
	logs    *refLogs
	objects *objects
	overlay *overlay
	checked sync.Map // of repoRef: repositories of which the format is known to be ours
}

// build makes what git takes for a repository in dir, or what is missing of it. Its refs come later.
func (r *repos) build(dir string, repo repoRef, pool storage.ID) error {
	if err := r.objects.ensurePool(pool); err != nil {
		return err
	}
	for _, sub := range []string{"objects/info", "refs/heads"} {
		if err := r.m.MkdirAll(path.Join(dir, sub)); err != nil {
			return err
		}
	}
	files := []struct{ name, content string }{
		{"objects/info/alternates", "../../../" + poolDir(pool) + "/objects\n"},
		{"HEAD", "ref: " + noHead + "\n"},
		{"config", fmt.Sprintf(repoConfig, repo.Born)},
	}
	for _, f := range files {
		if err := ensureFile(r.m, path.Join(dir, f.name), f.content); err != nil {
			return err
		}
	}
	return nil
}

// ensureFile writes a file unless there is one with text in it.
func ensureFile(m *disk.Medium, name, content string) error {
	data, err := readRefFile(m, name)
	if err == nil && len(data) > 0 && !strings.Contains(string(data), "\x00") {
		return nil
	}
	if err != nil && !disk.Absent(err) {
		return err
	}
	if err != nil { // nobody can see half of a file in a directory that is not there yet
		if err := m.InDir(name, func() error { return m.WriteFile(name, []byte(content), 0) }); err != nil {
			return err
		}
		m.Wrote(name)
		m.Named(name)
		return nil
	}
	return m.Replace(name, []byte(content), 0)
}

// addFsck has git check what it receives in the repositories of a store of version 1, unless they say themselves
// whether it should.
func (r *repos) addFsck(now reader) error {
	for key := range now.Scan(repoKey, nextPrefix(repoKey), false) {
		name := path.Join(repoDir(storage.ID([]byte(key[len(repoKey):]))), "config")
		data, err := r.m.ReadFile(name)
		text := strings.ToLower(string(data))
		if disk.Absent(err) || errors.Is(err, storage.ErrCorrupt) || err == nil && !strings.Contains(text, "born = ") ||
			strings.Contains(text, "fsckobjects") {
			continue // what a crash left of a config is written anew by recover
		}
		if err == nil {
			err = r.m.Replace(name, append(bytes.TrimRight(data, "\n"), "\n"+fsckConfig...), disk.SyncData)
		}
		if err != nil {
			return err
		}
	}
	return r.m.Flush()
}

// ensurePool makes the directory of a pool. git takes it for a repository without refs.
func (s *objects) ensurePool(pool storage.ID) error {
	if !validID(pool) {
		return fmt.Errorf("pool %q: %w", pool, storage.ErrNotFound)
	}
	s.mu.Lock()
	known := s.pools[pool]
	s.mu.Unlock()
	if known {
		return nil
	}
	dir := poolDir(pool)
	for _, sub := range []string{"objects/pack", "objects/info", "refs"} {
		if err := s.m.MkdirAll(path.Join(dir, sub)); err != nil {
			return err
		}
	}
	if err := ensureFile(s.m, path.Join(dir, "config"), poolConfig); err != nil {
		return err
	}
	if err := ensureFile(s.m, path.Join(dir, "HEAD"), "ref: "+noHead+"\n"); err != nil {
		return err
	}
	s.mu.Lock()
	s.pools[pool] = true
	s.mu.Unlock()
	return nil
}

// bornIn returns the number of the Update that created the repository in dir.
func (r *repos) bornIn(dir string) (born uint64, ok bool) {
	data, err := r.m.ReadFile(path.Join(dir, "config"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "born = %d", &born); n == 1 {
			return born, true
		}
	}
	return 0, false
}

// manyRefs is from how many refs on a transaction writes packed-refs rather than a file for each, and a new repository
// gets it.
const manyRefs = 16

// stage builds a new repository with its refs aside, so that it appears all at once.
func (p *prepared) stage(r *txRepo) error {
	dir := repoDir(r.Repo)
	old := slices.ContainsFunc(p.commit.Drops, func(d repoRef) bool { return d.Repo == r.Repo }) // stands there still
	if old || !p.s.m.Volatile {
		dir = p.s.m.Temp()
	}
	p.staged[r.Repo] = dir
	p.commit.Creates = append(p.commit.Creates, journal.RepoCreate{Repo: r.Repo, Pool: r.pool})
	if err := p.s.repos.build(dir, r.repoRef, r.pool); err != nil {
		return err
	}
	var packed packedChange
	many := len(r.refs) > p.s.refs.many
	for _, name := range r.written {
		ref := r.refs[name]
		p.add(r, name, refValue{}, 0)
		if err := p.stageRef(dir, name, ref, many, &packed); err != nil {
			return err
		}
	}
	if len(packed.logs) > 0 {
		if err := p.s.logs.packed.write(dir, noPackedLogs.change(packed.logs)); err != nil {
			return err
		}
	}
	if len(packed.refs) > 0 {
		return p.s.refs.packed.write(dir, noPackedRefs.change(packed.refs, false, nil))
	}
	return nil
}

func (p *prepared) stageRef(dir, name string, ref *txRef, many bool, packed *packedChange) error {
	if ref.lines != "" && many && !p.s.refs.folding.any() && strings.HasPrefix(name, "refs/") {
		packed.logs = append(packed.logs, packedLog{name, ref.lines})
	} else if ref.lines != "" {
		if err := p.s.logs.append(dir, name, ref.lines); err != nil {
			return err
		}
	}
	switch v := ref.value; {
	case v.IsZero():
		return p.s.logs.moveDeleted(dir, name)
	case v.Target == "" && name != "HEAD" && (many || !p.s.refs.folding.plain(name)):
		packed.refs = append(packed.refs, packedRef{name: name, hash: v.Hash})
		return nil
	case !p.s.refs.folding.plain(name):
		return p.s.refs.writeAside(dir, name, v)
	default:
		return p.s.m.Replace(path.Join(dir, name), refFile(v), 0)
	}
}
