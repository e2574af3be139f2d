package reposit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/archive"
	"github.com/reposit/reposit/internal/contributor"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// An ArchiveFormat is the kind of file that Archive writes.
type ArchiveFormat int

const (
	TarGz ArchiveFormat = iota // the default
	Zip                        // as git archive --format=zip fills it
	Tar                        // byte for byte what git archive --format=tar writes
	TarZst
)

// ParseArchiveFormat reads the name of a format: "tarball", "tar.gz", "tgz", "zipball", "zip", "tar", "tar.zst". It
// returns ErrInvalid for any other.
func ParseArchiveFormat(s string) (ArchiveFormat, error) {
	switch s {
	case "tarball", "tar.gz", "tgz":
		return TarGz, nil
	case "zipball", "zip":
		return Zip, nil
	case "tar":
		return Tar, nil
	case "tar.zst":
		return TarZst, nil
	}
	return 0, failed("parse archive format", "", s, invalidf("archive format"))
}

// String returns the format's name, "tar.gz" for TarGz.
func (f ArchiveFormat) String() string {
	switch f {
	case TarGz:
		return "tar.gz"
	case Zip:
		return "zip"
	case Tar:
		return "tar"
	case TarZst:
		return "tar.zst"
	}
	return fmt.Sprintf("ArchiveFormat(%d)", int(f))
}

func (f ArchiveFormat) engine() (archive.Format, bool) {
	switch f {
	case TarGz:
		return archive.TarGz, true
	case Zip:
		return archive.Zip, true
	case Tar:
		return archive.Tar, true
	case TarZst:
		return archive.TarZst, true
	}
	return 0, false
}

// ArchiveOptions say what an archive holds and how it is written.
type ArchiveOptions struct {
	Revision string                  // default: the default branch
	Format   ArchiveFormat           // TarGz (default), Zip, Tar, TarZst
	Prefix   string                  // put before every path, as it is: "project-1.0/"
	Paths    []string                // files and directories; default: all
	Level    int                     // compression, 1 to 9, to 22 for TarZst; 0: the format's usual level
	Progress func(done, total int64) // files written, files in all; called from the goroutine that called Archive
}

// Archive writes the tree of a revision to w: files, symlinks, executable bits, submodules as empty directories,
// with export-ignore and export-subst from the .gitattributes files of the tree, as git archive does. The same commit
// and options give the same bytes on every backend, machine and run. Memory is bounded by about 30 MiB whatever the
// tree holds. After an error, what was written is of no use.
//
// It returns ErrNotFound for a revision or one of Paths that is not there, ErrInvalid for options that can't be and
// for trees with names that lead out of an archive, and what w returned.
func (r *Repo) Archive(ctx context.Context, w io.Writer, opts *ArchiveOptions) error {
	return do(ctx, r, "archive", "", func() error {
		if opts == nil {
			opts = &ArchiveOptions{}
		}
		format, ok := opts.Format.engine()
		if !ok {
			return invalidf("archive format: %d", opts.Format)
		}
		t, err := r.treeAt(ctx, opts.Revision)
		if err != nil {
			return about(opts.Revision, err)
		}
		o := &archive.Options{
			Format: format, Tree: t.Root, Commit: t.Commit, Time: r.s.now(),
			Prefix: opts.Prefix, Level: opts.Level, Progress: opts.Progress,
		}
		for _, path := range opts.Paths {
			path = strings.TrimSuffix(path, "/")
			if path == "" {
				return about(path, invalidf("path: a component is empty"))
			}
			if err := readPath(path); err != nil {
				return about(path, err)
			}
			o.Paths = append(o.Paths, path)
		}
		src := archiveSource{r.s.objects, t.Pool, newGuard(ctx, r)}
		asked := &substitution{}
		if !t.Commit.IsZero() {
			if asked, err = r.substitute(ctx, src, t.Commit, o); err != nil {
				return about(opts.Revision, err)
			}
		}
		err = archive.Write(ctx, w, src, o)
		err = cmp.Or(err, asked.err)
		switch {
		case errors.Is(err, archive.ErrInvalid):
			err = invalid("option", err)
		case errors.Is(err, archive.ErrTooLarge):
			err = &detail{ErrTooLarge, err.Error(), err}
		}
		return about(opts.Revision, err)
	})
}

// A substitution answers what export-subst asks about a commit, when it is asked.
type substitution struct {
	ctx     context.Context
	r       *Repo
	pool    storage.ID
	commit  git.Hash
	digits  int // that hashes are abbreviated to at least; 0: not known yet
	mailmap *contributor.Mailmap
	err     error // the first
}

// substitute adds what export-subst may ask about the commit. What goes wrong then is in the substitution's err.
func (r *Repo) substitute(ctx context.Context, src archiveSource, commit git.Hash,
	o *archive.Options) (*substitution, error) {
	item, err := r.s.objects.Item(ctx, src.pool, commit)
	if err != nil {
		return nil, missingObject(err)
	}
	s := &substitution{ctx: ctx, r: r, pool: src.pool, commit: commit}
	o.CommitData = item.Data
	o.Subst.Abbrev, o.Subst.Refs, o.Subst.Describe, o.Subst.Mailmap = s.abbrev, s.refs, s.describe, s.person
	return s, nil
}

func (s *substitution) note(err error) { s.err = cmp.Or(s.err, err) }

func (s *substitution) abbrev(h storage.Hash) string {
	var err error
	if s.digits == 0 {
		if s.digits, err = s.r.abbreviation(s.ctx, s.pool); err != nil {
			s.note(err)
			return h.String()
		}
	}
	short, err := s.r.abbreviate(s.ctx, s.pool, h, s.digits)
	s.note(err)
	return short
}

func (s *substitution) refs() (refs []string) {
	s.note(s.r.resolve(s.ctx, func(res *revision.Resolver) (err error) {
		refs, err = decorations(s.ctx, res, s.commit)
		return err
	}))
	return refs
}

func (s *substitution) describe(options []string) string {
	text, err := s.r.describeFor(s.ctx, s.pool, s.commit, options)
	s.note(err)
	return text
}

// person applies the .mailmap of the default branch, which is what git reads in a bare repository.
func (s *substitution) person(name, mail string) (string, string) {
	if s.mailmap == nil {
		s.mailmap = &contributor.Mailmap{}
		head, err := s.r.treeAt(s.ctx, "")
		if err == nil {
			s.mailmap, err = s.r.s.stats.Mailmap(s.ctx, head.Pool, head.Root)
		}
		if err != nil {
			s.mailmap = &contributor.Mailmap{}
			s.note(missingObject(err))
		}
	}
	return s.mailmap.Resolve(name, mail)
}

// abbreviate returns the shortest prefix of h that no other object has to which the refs lead, of at least some digits.
func (r *Repo) abbreviate(ctx context.Context, pool storage.ID, h git.Hash, least int) (string, error) {
	digits := h.String()
	common := least - 1
	err := r.s.backend.View(ctx, func(v storage.View) error {
		in := reach.Repo{View: v, ID: r.id, Pool: pool}
		for other, err := range r.s.objects.Matching(ctx, pool, digits[:least]) {
			if err != nil {
				return err
			}
			text := other.String()
			if other == h || text[:common+1] != digits[:common+1] {
				continue
			}
			found, err := r.s.reach.Has(ctx, &in, other)
			if err != nil {
				return err
			}
			for found && common < len(digits)-1 && text[:common+1] == digits[:common+1] {
				common++
			}
		}
		return nil
	})
	return digits[:common+1], err
}

// decorations returns the refs that lead to a commit, in the words and the order of git log --decorate: the branch of
// HEAD, then all others backwards.
func decorations(ctx context.Context, res *revision.Resolver, commit git.Hash) ([]string, error) {
	head, err := ref.Default(res.View, res.Repo)
	if err != nil && !errors.Is(err, storage.ErrCorrupt) {
		return nil, err
	}
	var found []string
	first := ""
	for f, err := range res.View.Refs(res.Repo, "refs/", "") {
		if isDamagedRef(f, err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if dangling(res, f) {
			continue
		}
		end, err := ref.Follow(res.View, res.Repo, f.Name)
		if isDamagedRef(end, err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h := end.Hash
		if strings.HasPrefix(f.Name, ref.Tags) && h != commit {
			if h, err = res.Peel(ctx, h, 0); err != nil {
				return nil, missingObject(err)
			}
		}
		switch {
		case h != commit:
		case f.Name == head:
			first = "HEAD -> " + strings.TrimPrefix(head, ref.Branches)
		case strings.HasPrefix(f.Name, ref.Tags):
			found = append(found, "tag: "+f.Name[len(ref.Tags):])
		default:
			found = append(found, strings.TrimPrefix(strings.TrimPrefix(f.Name, ref.Branches), "refs/remotes/"))
		}
	}
	if first != "" {
		found = append(found, first)
	}
	slices.Reverse(found)
	return found, nil
}

// An archiveSource reads a repository's objects for an archive. It reads each once, so it leaves the cache alone.
type archiveSource struct {
	objects *object.Store
	pool    storage.ID
	guard   *guard // asked about each tree and file
}

func (s archiveSource) Tree(ctx context.Context, h storage.Hash) (*git.Tree, error) {
	if err := s.guard.ask(); err != nil {
		return nil, err
	}
	if h.IsZero() {
		return git.ParseTree(nil)
	}
	item, err := s.objects.Tree(ctx, s.pool, h)
	if err != nil {
		return nil, missingObject(err)
	}
	return item.Tree, nil
}

func (s archiveSource) Blob(ctx context.Context, h storage.Hash, limit int64) (int64, []byte, error) {
	if err := s.guard.ask(); err != nil {
		return 0, nil, err
	}
	t, size, err := s.objects.Stat(ctx, s.pool, h)
	if err != nil {
		return 0, nil, missingObject(err)
	}
	if t != storage.Blob {
		return 0, nil, missingObject(fmt.Errorf("object %s is a %s: %w", h, t, storage.ErrNotFound))
	}
	if size > limit {
		return size, nil, nil
	}
	_, data, err := s.objects.Pass(ctx, s.pool, h)
	return size, data, missingObject(err)
}

func (s archiveSource) OpenBlob(ctx context.Context, h storage.Hash) (int64, io.ReadCloser, error) {
	if err := s.guard.ask(); err != nil {
		return 0, nil, err
	}
	size, content, err := s.objects.Open(ctx, s.pool, h)
	return size, content, missingObject(err)
}
