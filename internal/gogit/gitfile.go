package gogit

import (
	"errors"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/storage"
)

// A namedFile is a blob that a tree gives a name which Git may take for .gitmodules or .gitattributes.
type namedFile struct {
	hash git.Hash
	kind gitfile.Kind
}

// namedFiles returns the blobs of a tree whose content depends on their names: few, or none.
func namedFiles(t *git.Tree) (files []namedFile) {
	for i := range t.Len() {
		mode, name, h := t.At(i)
		if kind := gitfile.Named(name); kind != 0 && (git.Entry{Mode: mode}).IsFile() {
			files = append(files, namedFile{h, kind})
		}
	}
	return files
}

// checkFiles returns an error that wraps gitfile.ErrMalformed if a tree names a blob whose content may not have that
// name (see gitfile.Check). Blobs are among those that held returns, or stored. One that is missing is passed over.
func (g *scope) checkFiles(t *git.Tree, held func(git.Hash) *quarantined) error {
	for _, f := range namedFiles(t) {
		if g.session.isSound(f) {
			continue
		}
		var err error
		if o := held(f.hash); o != nil {
			err = inFile(f.hash, gitfile.CheckBytes(f.kind, o.Data))
		} else {
			err = g.checkStoredFile(f)
		}
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		g.session.sound(f)
	}
	return nil
}

// checkStoredFile is checkFiles of one blob that is stored. It returns storage.ErrNotFound if this repository does not
// have it, or it is no blob.
func (g *scope) checkStoredFile(f namedFile) error {
	if err := g.has(f.hash); err != nil {
		return err
	}
	size, r, err := g.Objects.Open(g.ctx, g.in.Pool, f.hash)
	if err != nil {
		return err
	}
	return checkFile(f, size, contextReader{g.ctx, r}, r)
}

// checkFile checks what r reads, and closes c.
func checkFile(f namedFile, size int64, r io.Reader, c io.Closer) error {
	err := inFile(f.hash, gitfile.Check(f.kind, size, r))
	return errors.Join(err, c.Close())
}

func inFile(h git.Hash, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("blob %s: %w", h, err)
}
