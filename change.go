package reposit

import (
	"bytes"
	"io"
	"strings"

	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
)

// A Mode is the mode of a tree entry, as Git writes it.
type Mode uint32

const (
	ModeRegular    Mode = 0o100644 // 100644
	ModeExecutable Mode = 0o100755 // 100755
	ModeSymlink    Mode = 0o120000 // 120000
	ModeDir        Mode = 0o040000 // 040000
	ModeSubmodule  Mode = 0o160000 // 160000
)

// A Change is one step of a commit. The steps apply in order: a later one sees what an earlier one did. A path is
// separated by "/", without one at its ends, and is taken as it is. Files are never written through a symlink.
type Change struct {
	edit     commit.Edit
	source   commit.Source
	hasBytes bool // source is the content of edit.Path
	explicit bool // the mode was given
	streamed bool // source is a reader
	target   bool // source is the target of a symlink
}

// Put writes a file, and the directories that lead to it. It is ErrExists if path is a directory, or leads through a
// file or symlink. data is not kept.
func Put(path string, data []byte) Change {
	return Change{edit: commit.Edit{Path: path}, source: commit.Source{Data: data}, hasBytes: true}
}

// PutReader writes a file from a reader, which is read to its end once, when the commit is made. The content is never
// held in memory as a whole.
func PutReader(path string, r io.Reader) Change {
	return Change{edit: commit.Edit{Path: path}, source: commit.Source{Reader: r}, hasBytes: true, streamed: true}
}

// PutBlob writes a file whose content is stored already, or comes with another change of the same commit. It is
// ErrNotFound if the repository does not have the blob, that is, if Resolve would not find it.
func PutBlob(path string, blob Hash) Change {
	return Change{edit: commit.Edit{Path: path, Hash: git.Hash(blob), Stored: true}}
}

// Symlink writes a symlink. target, 1 to 4096 bytes without NUL, is not looked at.
func Symlink(path, target string) Change {
	return Change{
		edit:   commit.Edit{Path: path, Mode: git.ModeSymlink},
		source: commit.Source{Data: []byte(target)}, hasBytes: true, target: true,
	}
}

// Submodule writes a reference to a commit of another repository.
func Submodule(path string, commitHash Hash) Change {
	return Change{edit: commit.Edit{Path: path, Mode: git.ModeSubmodule, Hash: git.Hash(commitHash)}}
}

// Delete removes a file, or a directory and all below it. It is ErrNotFound if there is neither.
func Delete(path string) Change { return Change{edit: commit.Edit{Op: commit.Remove, Path: path}} }

// Move gives a file or directory another path, where nothing may be: else it is ErrExists. A directory whose new path
// is longer or deeper is looked through, lest a path below it come to be over the limits.
func Move(from, to string) Change {
	return Change{edit: commit.Edit{Op: commit.Move, From: from, Path: to}}
}

// Copy puts a file or directory also at another path, where nothing may be: else it is ErrExists. It copies no content.
// As for Move, what is below a directory is held to the limits.
func Copy(from, to string) Change {
	return Change{edit: commit.Edit{Op: commit.Copy, From: from, Path: to}}
}

// Mode returns the change with the mode that the file shall have: ModeRegular or ModeExecutable. Without it, a file
// keeps the one of the file that it replaces or comes from, and a new one is regular. Other modes, and a mode for
// what is no file, are ErrInvalid.
func (c Change) Mode(m Mode) Change {
	if c.edit.Mode != 0 && !c.explicit || m != ModeRegular && m != ModeExecutable {
		m = ^Mode(0) // refused by check
	}
	c.edit.Mode, c.explicit = git.Mode(m), true
	return c
}

// Expect returns the change on condition: the commit is ErrConflict unless the path, of Move and Copy the one that
// they come from, holds this blob or tree just before the change; with the zero Hash, unless it holds nothing.
func (c Change) Expect(blob Hash) Change {
	h := git.Hash(blob)
	c.edit.Expect = &h
	return c
}

const maxSymlinkTarget = 4096

func (c *Change) check(l *Limits) error {
	if err := checkPath(c.edit.Path, l); err != nil {
		return err
	}
	if c.edit.Op == commit.Move || c.edit.Op == commit.Copy {
		if err := checkPath(c.edit.From, l); err != nil {
			return err
		}
	}
	if c.edit.Op != commit.Remove {
		if err := checkDirectories(c.edit.Path, c.edit.Mode == git.ModeSubmodule); err != nil {
			return err
		}
	}
	if c.explicit && (c.edit.Op == commit.Remove || c.edit.Mode != git.ModeRegular && c.edit.Mode != git.ModeExecutable) {
		return invalidf("mode: a file's is ModeRegular or ModeExecutable")
	}
	switch {
	case c.target:
		return c.checkSymlink()
	case c.streamed && c.source.Reader == nil:
		return invalidf("reader: it is nil")
	case c.hasBytes && c.source.Reader == nil && c.source.Data == nil:
		c.source.Data = []byte{}
	case c.edit.Op == commit.Put && !c.hasBytes && c.edit.Hash.IsZero():
		return invalidf("hash: it is zero")
	}
	return nil
}

func (c *Change) checkSymlink() error {
	if err := names.CheckSymlink(c.edit.Path[strings.LastIndexByte(c.edit.Path, '/')+1:]); err != nil {
		return invalid("symlink", err)
	}
	if n := len(c.source.Data); n == 0 || n > maxSymlinkTarget || bytes.IndexByte(c.source.Data, 0) >= 0 {
		return invalidf("symlink target: it is empty, longer than %d bytes, or holds a NUL", maxSymlinkTarget)
	}
	return nil
}

// checkPath returns ErrTooLarge for a path over the limits, and ErrInvalid for one that can't be.
func checkPath(path string, l *Limits) error {
	if err := names.CheckPath(path, l.PathLength, l.PathDepth); err != nil {
		return invalid("path", err)
	}
	return nil
}

// checkDirectories checks the names of the directories that lead to a path, and with last its own.
func checkDirectories(path string, last bool) error {
	for more := true; more; {
		var name string
		if name, path, more = strings.Cut(path, "/"); !more && !last {
			return nil
		}
		if err := names.CheckDirectory(name); err != nil {
			return invalid("path", err)
		}
	}
	return nil
}
