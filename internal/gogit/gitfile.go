package gogit

import (
	"errors"
	"io"

	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// checkFiles returns an error that wraps gitfile.ErrMalformed if a tree names a blob whose content may not have that
// name (see gitfile.Check). Blobs are among those that held returns, or stored. One that is missing is passed over.
func (g *scope) checkFiles(t *git.Tree, held func(git.Hash) *quarantined) error {
	for _, f := range fsck.Files(t) {
		if g.session.isSound(f) {
			continue
		}
		var err error
		if o := held(f.Hash); o != nil {
			err = f.CheckBytes(o.Data)
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
func (g *scope) checkStoredFile(f fsck.File) error {
	if err := g.has(f.Hash); err != nil {
		return err
	}
	size, r, err := g.Objects.Open(g.ctx, g.in.Pool, f.Hash)
	if err != nil {
		return err
	}
	return f.Check(size, struct {
		io.Reader
		io.Closer
	}{contextReader{g.ctx, r}, r})
}
