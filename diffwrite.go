package reposit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/patch"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/storage"
)

// WriteTo writes the patches of all files, with the content of binary ones as git diff --binary has it, so that git
// apply makes head of base, and with -R base of head. A diff with IgnoreSpace may lack what that takes, and one without
// Context needs git apply --unidiff-zero. With StatOnly there is nothing to write.
//
// The content of binary files is read from the repository while it is written, in pieces, whatever became of the
// context of Diff: WriteTo returns ErrNotFound if the actor may not read it any more, ErrClosed once the store is
// closed, and what w returned.
func (d *Diff) WriteTo(w io.Writer) (int64, error) {
	count := &countingWriter{w: w}
	for i := range d.Files {
		if err := d.Files[i].write(count, d.open); err != nil {
			return count.n, err
		}
	}
	return count.n, nil
}

// A countingWriter counts what it writes.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// A blobOpener opens the content of a blob.
type blobOpener func(Hash) (int64, io.ReadCloser, error)

const differs = "\nBinary files " // what a patch says, at the beginning of a line, of content that it lacks

func (f *FileDiff) write(w io.Writer, open blobOpener) error {
	text := f.Patch
	if !f.Binary || open == nil {
		_, err := io.WriteString(w, text)
		return err
	}
	// A changed type is two patches: of these one may be text, whose lines begin otherwise.
	second := len(text)
	if f.Status == TypeChanged {
		made := treediff.Change{Status: treediff.Added,
			New: treediff.File{Path: f.Path, Mode: git.Mode(f.NewMode), Hash: git.Hash(f.NewHash)}}
		second = strings.LastIndex(text, string(patch.Header(&made)))
	}
	written := 0
	for {
		i := strings.Index(text[written:], differs)
		if i < 0 {
			_, err := io.WriteString(w, text[written:])
			return err
		}
		at := written + i + 1
		if _, err := io.WriteString(w, text[written:at]); err != nil {
			return err
		}
		old, now := f.OldHash, f.NewHash
		if f.Status == TypeChanged && at < second {
			now = Hash{}
		} else if f.Status == TypeChanged {
			old = Hash{}
		}
		if err := patch.WriteBinary(w, open.of(old), open.of(now)); err != nil {
			return err
		}
		written = at + strings.IndexByte(text[at:], '\n') + 1
	}
}

// of returns what opens one blob, or for the zero hash nothing at all.
func (open blobOpener) of(h Hash) func() (int64, io.ReadCloser, error) {
	return func() (int64, io.ReadCloser, error) {
		if h.IsZero() {
			return 0, io.NopCloser(bytes.NewReader(nil)), nil
		}
		return open(h)
	}
}

// blobs returns what opens blobs for as long as the actor may read the repository. It is for what the caller reads in
// later calls.
func (r *Repo) blobs(ctx context.Context, pool storage.ID) blobOpener {
	ctx = context.WithoutCancel(ctx)
	guard := newGuard(ctx, r)
	fail := func(err error) error { return r.fail("diff", "", err) }
	return func(h Hash) (int64, io.ReadCloser, error) {
		if err := r.s.calls.Enter(ctx); err != nil {
			return 0, nil, fail(err)
		}
		defer r.s.calls.Leave()
		if err := guard.ask(); err != nil {
			return 0, nil, fail(err)
		}
		size, content, err := r.s.objects.Open(ctx, pool, git.Hash(h))
		if err != nil {
			return 0, nil, fail(missingObject(err))
		}
		return size, &guarded{content, guard, fail}, nil
	}
}

// A diffSource reads what two trees of a repository hold. It is safe for concurrent use.
type diffSource struct {
	objects *object.Store
	pool    storage.ID
	guard   *guard // asked about each tree and file
}

func (s diffSource) Tree(ctx context.Context, h storage.Hash) (*git.Tree, error) {
	if err := s.guard.ask(); err != nil {
		return nil, err
	}
	item, err := s.objects.Tree(ctx, s.pool, h)
	if err != nil {
		return nil, missingObject(err)
	}
	return item.Tree, nil
}

func (s diffSource) Size(ctx context.Context, h storage.Hash) (int64, error) {
	t, size, err := s.objects.Stat(ctx, s.pool, h)
	return size, cmp.Or(missingObject(err), mustBeBlob(h, t, err))
}

func (s diffSource) Blob(ctx context.Context, h storage.Hash) ([]byte, error) {
	if err := s.guard.ask(); err != nil {
		return nil, err
	}
	data, err := s.objects.Blob(ctx, s.pool, h)
	return data, missingObject(err)
}

// mustBeBlob returns the error of a tree that names an object of another type as a file.
func mustBeBlob(h storage.Hash, t storage.Type, err error) error {
	if err != nil || t == storage.Blob {
		return nil
	}
	return missingObject(fmt.Errorf("object %s is a %s: %w", h, t, storage.ErrNotFound))
}
