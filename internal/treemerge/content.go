package treemerge

import (
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/linemerge"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/storage"
)

// content merges three versions of a file, of which ours and theirs are of the same type. The base may be another one,
// or none. names are where they are from. deeper says that what comes of it may be merged again, so that markers must
// be longer. It reports whether nothing is left to decide, and else of what kind that is.
func (m *merge) content(path string, v [3]Version, names [3]string, deeper int) (Version, bool, Kind, error) {
	base, ours, theirs := v[Base], v[Ours], v[Theirs]
	made, clean, kind := theirs, true, Kind(0)
	if ours.Mode != theirs.Mode && ours.Mode != base.Mode {
		made.Mode = ours.Mode
		if clean = theirs.Mode == base.Mode; !clean {
			kind = Modes
		}
	}
	twoWay := base.Mode&modeType != ours.Mode&modeType
	switch {
	case ours.Hash == theirs.Hash, ours.Hash == base.Hash:
	case theirs.Hash == base.Hash:
		made.Hash = ours.Hash
	case ours.isFile():
		if twoWay {
			base.Hash = git.Hash{}
		}
		h, ok, why, err := m.text(path, [3]git.Hash{base.Hash, ours.Hash, theirs.Hash}, names, deeper)
		if err != nil {
			return Version{}, false, 0, err
		}
		made.Hash = h
		if !ok {
			clean, kind = false, why
		}
	case ours.Mode == git.ModeSubmodule:
		clean, kind = false, Submodule
		made.Hash = ours.Hash
		if m.opts.inner > 0 {
			made.Hash = base.Hash
			if twoWay {
				made = base
			}
		}
	case m.opts.inner > 0: // a symlink
		return base, false, Modes, nil
	default:
		made.Hash = ours.Hash
		switch m.opts.Favor {
		case linemerge.Ours:
		case linemerge.Theirs:
			made.Hash = theirs.Hash
		default:
			clean, kind = false, Modes
		}
	}
	return made, clean, kind, nil
}

// text merges the content of a file that all sides changed. The zero hash is no content.
func (m *merge) text(path string, hashes [3]git.Hash, names [3]string, deeper int) (h git.Hash, clean bool, k Kind,
	err error) {
	var d Driver
	if m.opts.Driver != nil {
		if d, err = m.opts.Driver(path); err != nil {
			return h, false, 0, err
		}
	}
	var texts [3][]byte
	large, binary := false, false
	for i, h := range hashes {
		if h.IsZero() {
			continue
		}
		size, err := m.size(h)
		if err != nil {
			return h, false, 0, err
		}
		if large = large || size > treediff.MaxContent; large {
			continue
		}
		if texts[i], err = m.blob(h); err != nil {
			return h, false, 0, err
		}
		binary = binary || treediff.IsBinary(texts[i])
	}
	switch {
	case d.Merge != nil && m.opts.inner == 0 && !large:
		merged, clean, err := d.Merge(m.ctx, path, texts[Base], texts[Ours], texts[Theirs])
		if err != nil {
			return h, false, 0, err
		}
		h, err := m.add(merged)
		return h, clean, Content, err
	case large, binary, d.Binary:
		return m.binary(hashes, d.Union)
	}
	size := linemerge.MarkerSize
	if d.MarkerSize > 0 {
		size = d.MarkerSize
	}
	opts := linemerge.Options{
		Algorithm: linediff.Histogram, Style: m.opts.Style, Favor: m.opts.Favor, Whole: true,
		MarkerSize: size + 2*m.opts.inner + deeper,
		Base:       m.opts.Labels[Base], Ours: m.opts.Labels[Ours], Theirs: m.opts.Labels[Theirs],
	}
	if m.opts.inner > 0 {
		opts.Favor = linemerge.None
	}
	if d.Union {
		opts.Favor = linemerge.Union
	}
	if names[Base] != names[Ours] || names[Ours] != names[Theirs] {
		opts.Base += ":" + names[Base]
		opts.Ours += ":" + names[Ours]
		opts.Theirs += ":" + names[Theirs]
	}
	merged, err := linemerge.Run(m.ctx, texts[Base], texts[Ours], texts[Theirs], &opts)
	if err != nil {
		return h, false, 0, err
	}
	h, err = m.add(merged.Content)
	return h, merged.Conflicts == 0, Content, err
}

// binary returns what there is in place of a merge of what has no lines. With union, neither side is favored.
func (m *merge) binary(hashes [3]git.Hash, union bool) (git.Hash, bool, Kind, error) {
	switch {
	case m.opts.inner > 0 && hashes[Base].IsZero():
		h, err := m.add(nil)
		return h, true, 0, err
	case m.opts.inner > 0:
		return hashes[Base], true, 0, nil
	case m.opts.Favor == linemerge.Ours && !union:
		return hashes[Ours], true, 0, nil
	case m.opts.Favor == linemerge.Theirs && !union:
		return hashes[Theirs], true, 0, nil
	}
	return hashes[Ours], false, Binary, nil
}

func (m *merge) size(h git.Hash) (int64, error) {
	if data, ok := m.blobs[h]; ok {
		return int64(len(data)), nil
	}
	return m.src.Size(m.ctx, h)
}

func (m *merge) blob(h git.Hash) ([]byte, error) {
	if data, ok := m.blobs[h]; ok {
		return data, nil
	}
	return m.src.Blob(m.ctx, h)
}

// add adds content to what the merge made.
func (m *merge) add(data []byte) (git.Hash, error) {
	h, err := git.Sum(storage.Blob, data)
	if err != nil {
		return h, err
	}
	if _, ok := m.blobs[h]; !ok {
		if m.blobs == nil {
			m.blobs = map[git.Hash][]byte{}
		}
		m.blobs[h] = data
		m.result.Blobs = append(m.result.Blobs, Blob{h, data})
	}
	return h, nil
}

// exists reports whether any of the trees has a path. If that can't be found out, it is the error of the whole merge.
func (m *merge) exists(path string) bool {
	for _, root := range m.roots {
		found, err := m.has(root, path)
		if err != nil && m.failed == nil {
			m.failed = err
		}
		if found {
			return true
		}
	}
	return false
}

// has reports whether a tree has a path.
func (m *merge) has(root git.Hash, path string) (bool, error) {
	for at := (git.Entry{Mode: git.ModeDir, Hash: root}); ; {
		if !at.IsDir() || at.Hash.IsZero() || at.Hash == git.EmptyTree {
			return false, nil
		}
		item, err := m.src.Tree(m.ctx, at.Hash)
		if err != nil {
			return false, err
		}
		name, rest, more := strings.Cut(path, "/")
		var ok bool
		if at, ok = item.Tree.Find(name); !ok || !more {
			return ok, nil
		}
		path = rest
	}
}
