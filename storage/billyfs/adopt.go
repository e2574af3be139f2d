package billyfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/reposit/reposit/storage"
)

// adopt brings into a pool what git programs pushed into its repositories, before a ref of another repository leads
// there: git finds a repository's objects in its own directory and in the pool, not in that of another. A new
// repository may take its refs from any of them; another one only leads where somebody has looked.
func (p *plan) adopt(repos []*txRepo) error {
	if !p.s.shared {
		return nil
	}
	for _, r := range repos {
		for _, d := range p.s.dirsOf(r.pool, true)[1:] {
			if d.path == repoDir(r.repo)+"/objects" || r.dir != "" && !d.used.Load() {
				continue
			}
			if err := p.s.adoptFrom(d, r.pool); err != nil {
				return err
			}
			d.used.Store(false)
		}
	}
	return nil
}

// adoptFrom links the objects of a repository into its pool. They stay where they are, for git to clear away: a
// reader may be looking for them there.
func (s *store) adoptFrom(d *objectDir, pool storage.ID) error {
	if err := d.refreshPacks(); err != nil {
		return err
	}
	fanouts, err := d.fanouts()
	packs := d.packNames()
	if err != nil || len(fanouts)+len(packs) == 0 {
		return err
	}
	if err := s.ensurePool(pool); err != nil {
		return err
	}
	objects := poolDir(pool) + "/objects"
	for _, name := range packs {
		for _, suffix := range []string{".pack", ".idx"} {
			if err := s.adoptFile(d, objects, "pack/"+name+suffix); err != nil {
				return err
			}
		}
		s.objectDir(objects).addPack(name)
	}
	for _, fan := range fanouts {
		entries, err := s.m.ReadDir(path.Join(d.path, fan))
		if err != nil && !absent(err) {
			return err
		}
		for _, e := range entries {
			if _, ok := parseHash(fan + e.name); ok && !e.dir {
				if err := s.adoptFile(d, objects, fan+"/"+e.name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *store) adoptFile(d *objectDir, objects, name string) error {
	if d.adopted[name] {
		return nil
	}
	from, to := path.Join(d.path, name), path.Join(objects, name)
	s.m.wrote(to)
	s.m.named(to)
	err := s.m.inDir(to, func() error { return s.m.Link(from, to) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if _, statErr := s.m.Stat(from); absent(statErr) {
			return nil // git gc has packed it meanwhile
		}
		if err := s.copyFile(from, to); err != nil { // there are filesystems without links
			return err
		}
	}
	if d.adopted == nil {
		d.adopted = map[string]bool{}
	}
	d.adopted[name] = true
	return nil
}

// copyFile copies a file that does not change.
func (s *store) copyFile(from, to string) error {
	src, err := s.m.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	temp := s.m.temp()
	dst, err := s.m.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, objectPerm)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Close()); err != nil {
		return errors.Join(err, s.m.Remove(temp))
	}
	return s.m.publish(temp, to)
}
