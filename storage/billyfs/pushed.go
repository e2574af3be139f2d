package billyfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// importPushed brings into a pool what git programs pushed into its repositories, before a ref of another repository
// leads there: git finds a repository's objects in its own directory and in the pool, not in that of another. A fork
// leads where its parent does, other new repositories may take their refs from any, and an older one only leads where
// somebody has looked.
func (p *prepared) importPushed(repos []*txRepo) error {
	if !p.s.shared {
		return nil
	}
	added := false
	for _, r := range repos {
		some, err := p.importFor(r)
		if err != nil {
			return err
		}
		added = added || some
	}
	if !added || !p.s.m.Syncs {
		return nil
	}
	// No journal has these files. Should the repository go that they were pushed to, they must not be lost with it.
	if err := p.s.upkeep.stuck; err != nil {
		return err
	}
	return p.s.upkeep.flush()
}

// importFor imports what the refs of one repository may lead to. It reports whether there was anything.
func (p *prepared) importFor(r *txRepo) (added bool, err error) {
	s := p.s
	from := func(repo storage.ID, d *objectDir) {
		if err != nil || repo == r.Repo {
			return
		}
		var some bool
		some, err = s.objects.importFrom(d, r.pool)
		added = added || some
	}
	switch {
	case !r.from.IsZero():
		from(r.from, s.objects.dir(repoDir(r.from)+"/objects"))
	case r.dir == "":
		for repo, d := range s.objects.dirsOf(r.pool, true) {
			if !repo.IsZero() {
				from(repo, d)
			}
		}
	default:
		used := s.objects.members.takeUsed(r.pool)
		for _, repo := range used {
			from(repo, s.objects.dir(repoDir(repo)+"/objects"))
		}
		for _, repo := range used {
			if err != nil || repo == r.Repo { // another one may need it
				s.objects.members.noteUse(r.pool, repo)
			}
		}
	}
	return added, err
}

// importTries is how often the packs of a directory are looked through while git packs them anew.
const importTries = 100

// importFrom links the objects of a repository into its pool, and reports whether there were any. They stay where they
// are, for git to clear away: a reader may be looking for them there.
//
// git may be moving them meanwhile. What it packs is in the pack before its file goes: so files come first, and where
// one has gone, a pack has its object. What it packs anew is in the new pack before the old one goes: so packs are
// looked through until there are no others. An index whose pack is missing has nothing for anybody.
func (s *objects) importFrom(d *objectDir, pool storage.ID) (added bool, err error) {
	loose, err := d.looseFiles()
	if err != nil {
		return false, err
	}
	if added, _, err = s.importFiles(d, pool, loose); err != nil {
		return added, err
	}
	var last []string
	for range importTries {
		packs, err := d.packFiles()
		if err != nil || slices.Equal(packs, last) {
			return added, err
		}
		some, gone, err := s.importFiles(d, pool, packs)
		added = added || some
		if err != nil || !gone {
			return added, err
		}
		last = packs
	}
	return added, fmt.Errorf("%s: git packs the objects again and again: %w", d.path, storage.ErrBusy)
}

// importFiles links files into a pool. It reports whether it linked any, and whether any had gone.
func (s *objects) importFiles(d *objectDir, pool storage.ID, names []string) (added, gone bool, err error) {
	for _, name := range names {
		if pack, ok := strings.CutSuffix(name, ".idx"); d.imported[name] || ok && !d.imported[pack+".pack"] {
			continue
		}
		if err := s.ensurePool(pool); err != nil {
			return added, gone, err
		}
		err := s.importFile(d, pool, name)
		switch {
		case disk.Absent(err):
			gone = true
		case err != nil:
			return added, gone, err
		default:
			added = true
		}
	}
	return added, gone, nil
}

// importFile links a file into a pool. It returns an error that disk.Absent knows if the file is gone.
func (s *objects) importFile(d *objectDir, pool storage.ID, name string) error {
	objects := poolDir(pool) + "/objects"
	from, to := path.Join(d.path, name), path.Join(objects, name)
	s.m.Wrote(to)
	s.m.Named(to)
	err := s.m.InDir(to, func() error { return s.m.Link(from, to) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if _, statErr := s.m.Stat(from); disk.Absent(statErr) {
			return statErr
		}
		if err := s.m.CopyFile(from, to); err != nil { // there are filesystems without links
			return err
		}
	}
	if d.imported == nil {
		d.imported = map[string]bool{}
	}
	d.imported[name] = true
	if pack, ok := strings.CutSuffix(name, ".idx"); ok {
		s.dir(objects).addPack(path.Base(pack))
	}
	return nil
}
