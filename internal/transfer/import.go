package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/klauspost/compress/zlib"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A Directory is a repository in a folder, from which it can be imported.
type Directory struct {
	Head string        // the full name of the branch that HEAD names; "" if it is detached
	Refs []storage.Ref // in the order of their names; symbolic ones have their target alone

	dirs []gitDir // the repository, and where its alternates lead; their objects
}

// Stages of the progress of what enters.
const (
	stageReceive = "receive"
	stageRead    = "read objects"
)

// OpenDirectory looks at a bare repository, a .git folder, or a folder that has one. alternates is where objects may
// be that it borrows; nil: it must borrow none. broken is told of files under refs/ that hold no ref. Shallow and
// partial clones, reftable, SHA-256 and whatever else can't be taken are errors that wrap ErrUnsupported.
func OpenDirectory(ctx context.Context, src, alternates billy.Filesystem,
	broken func(name, why string)) (*Directory, error) {
	d, err := findGitDir(src)
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	dir := &Directory{}
	if dir.Head, err = d.head(); err != nil {
		return nil, err
	}
	if dir.Refs, err = d.refs(ctx, broken); err != nil {
		return nil, err
	}
	objects, err := d.fs.Chroot("objects")
	if err != nil {
		return nil, err
	}
	return dir, dir.addObjects(gitDir{objects}, alternates, map[string]bool{}, 0)
}

const maxAlternates = 5 // how often a repository borrows from one that borrows itself, as with git

// addObjects adds a folder of objects, and those that it borrows from.
func (dir *Directory) addObjects(d gitDir, alternates billy.Filesystem, seen map[string]bool, depth int) error {
	dir.dirs = append(dir.dirs, d)
	data, found, err := d.read("info/alternates", maxSmall)
	if err != nil || !found {
		return err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if alternates == nil {
			return unsupported("repository that borrows objects from another one")
		}
		if depth == maxAlternates {
			return unsupported("repository that borrows objects along so many others")
		}
		if !path.IsAbs(line) {
			line = path.Join(d.fs.Root(), line)
		}
		line = path.Clean(line)
		if seen[line] {
			continue
		}
		seen[line] = true
		if rest, ok := strings.CutPrefix(line, strings.TrimSuffix(alternates.Root(), "/")+"/"); ok {
			line = rest
		}
		if ok, err := (gitDir{alternates}).isDir(line); err != nil || !ok {
			return errors.Join(err, malformed("alternate %.80q is no folder of objects", line))
		}
		borrowed, err := alternates.Chroot(line)
		if err != nil {
			return err
		}
		if err := dir.addObjects(gitDir{borrowed}, alternates, seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Read takes all objects.
func (dir *Directory) Read(ctx context.Context, in *Intake) error {
	in.Tell.Begin(stageRead, 0)
	for _, d := range dir.dirs {
		if err := d.packs(ctx, in); err != nil {
			return err
		}
		if err := d.looseObjects(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// packs takes the objects of all packs. What indexes say of them is of no interest: every object is hashed.
func (d gitDir) packs(ctx context.Context, in *Intake) error {
	list, err := d.list("pack")
	if err != nil {
		return err
	}
	for _, info := range list {
		name := "pack/" + info.Name()
		switch path.Ext(name) {
		case ".promisor":
			return unsupported("partial clone")
		case ".pack":
			if err := d.pack(ctx, in, name); err != nil {
				return fmt.Errorf("objects/%s: %w", name, err)
			}
		}
	}
	return nil
}

func (d gitDir) pack(ctx context.Context, in *Intake, name string) error {
	f, size, err := d.open(name)
	if err != nil {
		return err
	}
	if size > in.Limits.Pack {
		return errors.Join(fmt.Errorf("it has more than %d bytes: %w", in.Limits.Pack, storage.ErrTooLarge), f.Close())
	}
	return errors.Join(in.Pack(ctx, f, size), f.Close())
}

const hexDigits = "0123456789abcdef"

// looseObjects takes the objects that have a file each (gitformat-loose).
func (d gitDir) looseObjects(ctx context.Context, in *Intake) error {
	for first := range 256 {
		dir := string([]byte{hexDigits[first>>4], hexDigits[first&15]})
		list, err := d.list(dir)
		if err != nil {
			return err
		}
		for _, info := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			h, ok := git.ParseHash(dir + info.Name())
			if !ok || strings.ToLower(info.Name()) != info.Name() {
				continue // a temporary file
			}
			if err := d.loose(ctx, in, dir+"/"+info.Name(), h); err != nil {
				return fmt.Errorf("objects/%s/%s: %w", dir, info.Name(), err)
			}
		}
	}
	return nil
}

// loose takes the object in one file.
func (d gitDir) loose(ctx context.Context, in *Intake, name string, h git.Hash) error {
	if in.Type(h) != 0 {
		return nil
	}
	r, err := d.inflate(name)
	if err != nil {
		return err
	}
	err = in.loose(ctx, h, r, func() (io.ReadCloser, error) {
		again, err := d.inflate(name)
		if err == nil {
			_, _, err = looseHeader(again)
		}
		return again, err
	})
	return errors.Join(err, r.Close())
}

// loose takes an object from a stream with its header. open opens it again behind that.
func (in *Intake) loose(ctx context.Context, h git.Hash, r io.Reader, open func() (io.ReadCloser, error)) error {
	t, size, err := looseHeader(r)
	if err != nil {
		return err
	}
	limit := in.Limits.Blob
	if t != storage.Blob {
		limit = min(limit, maxLoose)
	}
	if size > limit {
		return fmt.Errorf("%s has more than %d bytes: %w", t, limit, storage.ErrTooLarge)
	}
	o := storage.Object{Hash: h, Type: t, Size: size}
	hasher := git.NewHasher(t, size)
	content := io.TeeReader(io.LimitReader(&contextReader{ctx: ctx, r: r}, size+1), hasher)
	var n int64
	if t == storage.Blob && size >= storage.LargeObject {
		n, err = io.Copy(io.Discard, content)
	} else {
		o.Data, err = io.ReadAll(content) // it grows with what comes, not with what the header says
		n = int64(len(o.Data))
	}
	if err != nil {
		return looseError(err)
	}
	sum, err := hasher.Sum()
	if err != nil {
		return err
	}
	if n != size || sum != h {
		return malformed("file holds another object, %s", sum)
	}
	return in.take(ctx, o, open)
}

const maxLoose = 64 << 20 // bytes of a tree, commit or tag

// looseHeader reads the header of a loose object.
func looseHeader(r io.Reader) (storage.Type, int64, error) {
	var b []byte
	for len(b) < 32 {
		var c [1]byte
		if _, err := io.ReadFull(r, c[:]); err != nil {
			return 0, 0, looseError(err)
		}
		if c[0] == 0 {
			return packfile.ParseObjectHeader(string(b))
		}
		b = append(b, c[0])
	}
	return 0, 0, malformed("object has an endless header")
}

// looseError tells damage from what the medium reports.
func looseError(err error) error {
	var medium interface{ Timeout() bool } // as *fs.PathError
	if err == nil || errors.As(err, &medium) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return malformed("object is damaged: %v", err)
}

// inflated is the content of a zlib file.
type inflated struct {
	io.ReadCloser
	file io.Closer
}

func (i inflated) Close() error { return errors.Join(i.ReadCloser.Close(), i.file.Close()) }

func (d gitDir) inflate(name string) (io.ReadCloser, error) {
	f, _, err := d.open(name)
	if err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(f)
	if err != nil {
		return nil, errors.Join(looseError(err), f.Close())
	}
	return inflated{z, f}, nil
}
