package archive

import (
	"context"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A selection says which entries of one directory to take. Nil takes all.
type selection struct {
	all     bool // whatever entries says: these were asked for as well
	entries map[string]*selection
}

// take reports whether the entry is selected, and what of it if it is a directory.
func (s *selection) take(name string) (below *selection, ok bool) {
	if s == nil || s.all {
		return nil, true
	}
	below, ok = s.entries[name]
	return below, ok
}

// selectPaths returns the selection of paths, all of which must be in the tree.
func selectPaths(ctx context.Context, src Source, tree storage.Hash, paths []string) (*selection, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	root := &selection{}
	for _, path := range paths {
		root.add(path)
	}
	missing, ok, err := root.find(ctx, src, tree, "")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notInTree(paths, missing)
	}
	return root, nil
}

func (s *selection) add(path string) {
	for name := range strings.SplitSeq(path, "/") {
		below := s.entries[name]
		if below == nil {
			if s.entries == nil {
				s.entries = map[string]*selection{}
			}
			below = &selection{}
			s.entries[name] = below
		}
		s = below
	}
	s.all = true
}

// find reports whether all that is selected is in the tree, or returns the path of something that is not.
func (s *selection) find(ctx context.Context, src Source, h storage.Hash,
	dir string) (missing string, ok bool, err error) {
	tree, err := src.Tree(ctx, h)
	if err != nil {
		return "", false, err
	}
	for name, below := range s.entries {
		entry, ok := tree.Find(name)
		if !ok {
			return dir + name, false, nil
		}
		if below.entries != nil && canonical(entry.Mode) != git.ModeDir {
			return dir + name + "/", false, nil
		}
		if below.entries != nil {
			if missing, ok, err = below.find(ctx, src, entry.Hash, dir+name+"/"); err != nil || !ok {
				return missing, ok, err
			}
		}
	}
	return "", true, nil
}

// notInTree names the first of the paths that is, or lies below, what is missing.
func notInTree(paths []string, missing string) error {
	for _, path := range paths {
		if path == missing || strings.HasPrefix(path, strings.TrimSuffix(missing, "/")+"/") {
			missing = path
			break
		}
	}
	return fmt.Errorf("path %q: %w", missing, storage.ErrNotFound)
}
