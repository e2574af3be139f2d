package reposit

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// ImportOptions say what is imported, and what becomes of it.
type ImportOptions struct {
	CreateOptions
	Refs       []string                // as BundleOptions.Refs; default: all
	Rename     func(ref string) string // full names; "" leaves a ref out
	Alternates billy.Filesystem        // where objects/info/alternates may lead; nil: that is refused
	Message    string                  // of the first commit of ImportFS and ImportArchive
	Author     *Signature              // of that commit
	Strip      int                     // ImportArchive: leading directories to drop
	Progress   func(Progress)
	Skipped    func(ref, why string) // told of each ref that was left out, and why
}

// Import makes a repository of a bare one, of a .git folder, or of a folder that has one: its refs and objects, loose
// ones and those in packs, whatever their indexes. It is there when Import returns, with all of that, or not at all.
// Reflogs, hooks, index, worktrees and configuration stay behind, and nothing in the folder is obeyed or followed out
// of it: what is a symbolic link, pipe or device where git has files is ErrInvalid. So are shallow and partial clones,
// reftable, SHA-256, unknown extensions, the folders of linked worktrees, and objects that are borrowed, unless
// Alternates says where from.
//
// Refs that break the rules of Refs.Update, that would be in the way of others, and those under refs/pull/ are left
// out. The default branch is CreateOptions.DefaultBranch, or what HEAD names. Objects are checked as those of a Storer,
// and what the refs lead to must be whole. What no ref leads to comes along if it is in a pack or a file, counts, and
// nobody sees it.
//
// It returns the errors of Create, ErrInvalid for what is damaged, malformed or not supported, and ErrTooLarge over
// Options.Limits: a pack may have CommitSize bytes, and all objects four times as many. What was stored before an error
// is dropped; a crash may leave it where nothing leads to it.
func (s *Store) Import(ctx context.Context, name string, src billy.Filesystem, opts *ImportOptions) (*Repo, error) {
	return s.imports(ctx, "import", name, opts, func(im *importing) error {
		if src == nil {
			return invalidf("filesystem: it is nil")
		}
		dir, err := transfer.OpenDirectory(ctx, src, im.opts.Alternates, im.skip)
		if err != nil {
			return err
		}
		im.head, im.intake.Lenient = dir.Head, true
		if err := im.choose(dir.Refs); err != nil {
			return err
		}
		return dir.Read(ctx, &im.intake)
	})
}

// ImportBundle makes a repository of a bundle (gitformat-bundle) of version 2 or 3, with SHA-1, which must need nothing
// that is not in it. It reads src to its end, and keeps no more of it in memory than Import does. The default branch is
// CreateOptions.DefaultBranch, or a branch that is where the bundle's HEAD is. Otherwise it is like Import.
func (s *Store) ImportBundle(ctx context.Context, name string, src io.Reader, opts *ImportOptions) (*Repo, error) {
	return s.imports(ctx, "import bundle", name, opts, func(im *importing) error {
		if src == nil {
			return invalidf("reader: it is nil")
		}
		r := bufio.NewReaderSize(src, 64<<10)
		header, err := transfer.ReadHeader(r)
		if err != nil {
			return err
		}
		if len(header.Prerequisites) > 0 {
			return invalidf("bundle: it needs commit %s, which is not in it", header.Prerequisites[0])
		}
		im.head = header.Head(ref.Branches+s.opts.DefaultBranch, ref.Branches+"master")
		refs := slices.DeleteFunc(header.Refs, func(r storage.Ref) bool { return r.Name == ref.Head })
		if err := im.choose(refs); err != nil {
			return err
		}
		return im.intake.Stream(ctx, r)
	})
}

// ImportFS makes a repository with one commit of the files of fsys on the default branch: regular files, with their
// executable bits, and symbolic links if fsys is an fs.ReadLinkFS. A folder called .git at the top, and empty
// directories, are passed over. The content of a file is never held in memory as a whole. Paths are held to the rules
// of Put and Symlink; what is neither a file, a symbolic link nor a directory is ErrInvalid. Refs, Rename, Alternates
// and Strip have no meaning. The errors are those of Create, Commit and fsys.
func (s *Store) ImportFS(ctx context.Context, name string, fsys fs.FS, opts *ImportOptions) (*Repo, error) {
	return s.imports(ctx, "import files", name, opts, func(im *importing) error {
		if fsys == nil {
			return invalidf("filesystem: it is nil")
		}
		return im.commit(ctx, func(files *transfer.Files) error { return files.Walk(ctx, fsys) })
	})
}

// ImportArchive makes a repository with one commit of the files of an archive: a tar, plain, or compressed by gzip or
// zstd, or a zip, as its first bytes tell. Strip leading directories of each path are dropped, and what is in fewer of
// them is left out. A path that leads out of the tree, is absolute or has a component called .git, devices, pipes, and
// encrypted entries are ErrInvalid, as are archives that are damaged or cut short; the files may have Limits.CommitSize
// bytes in all. A zip is kept in the store while it is read. Otherwise it is like ImportFS.
func (s *Store) ImportArchive(ctx context.Context, name string, src io.Reader, opts *ImportOptions) (*Repo, error) {
	return s.imports(ctx, "import archive", name, opts, func(im *importing) error {
		if src == nil {
			return invalidf("reader: it is nil")
		}
		if im.opts.Strip < 0 {
			return invalidf("count of directories to strip: it is negative")
		}
		return im.commit(ctx, func(files *transfer.Files) error { return files.Unarchive(ctx, src, im.opts.Strip) })
	})
}

// commit makes the first commit of a repository, of the files that fill adds.
func (im *importing) commit(ctx context.Context, fill func(*transfer.Files) error) error {
	limits := &im.s.opts.Limits
	message := im.opts.Message
	setDefault(&message, "Import "+im.repo.Name+"\n")
	if err := names.CheckMessage(message); err != nil {
		return invalid("message", err)
	}
	author, committer, err := im.s.signatures(im.opts.Author, nil, im.repo.Created)
	if err != nil {
		return err
	}
	im.intake.Limits.Total = limits.CommitSize
	files := &transfer.Files{In: &im.intake, Check: func(path string, mode git.Mode, target []byte) error {
		change := Put(path, nil)
		if mode == git.ModeSymlink {
			change = Symlink(path, string(target))
		}
		return change.check(limits)
	}}
	if err := fill(files); err != nil {
		return err
	}
	h, err := files.Commit(ctx, author, committer, message)
	im.refs = []storage.Ref{{Name: im.branch, Hash: h}}
	return err
}

// importing is an import on its way.
type importing struct {
	s      *Store
	opts   *ImportOptions
	repo   *catalog.Repo
	branch string // the default one, as Create would have it
	head   string // the full name of what HEAD names; "" if it names none
	refs   []storage.Ref
	intake transfer.Intake
}

// imports makes a repository, once read has read what is in it.
func (s *Store) imports(ctx context.Context, op, name string, opts *ImportOptions,
	read func(*importing) error) (*Repo, error) {
	return call(ctx, s, op, name, func() (*Repo, error) {
		if opts == nil {
			opts = &ImportOptions{}
		}
		im := &importing{s: s, opts: opts}
		var err error
		if im.repo, im.branch, err = s.newRepo(name, &opts.CreateOptions); err != nil {
			return nil, err
		}
		if err := im.mayCreate(ctx); err != nil {
			return nil, about(im.repo.Owner+"/"+im.repo.Slug, err)
		}
		limits := &s.opts.Limits
		im.intake = transfer.Intake{
			Backend: s.backend.Backend, Pool: im.repo.Pool, Tell: reporter(opts.Progress),
			Limits: transfer.Limits{
				Blob: limits.BlobSize, Pack: limits.CommitSize, Total: packFactor * limits.CommitSize, Repo: limits.RepoSize,
			},
		}
		made, err := im.run(ctx, read)
		im.intake.Tell.End()
		if err != nil {
			return nil, incoming(errors.Join(err, im.drop(ctx)))
		}
		return made, nil
	})
}

// incoming makes an error about what comes from outside one that callers can branch on: what is malformed there is no
// damage of the store.
func incoming(err error) error {
	var named *fault.Named
	if errors.As(err, &named) {
		return fault.About(named.Name, incoming(named.Err))
	}
	if errors.Is(err, git.ErrMalformed) && !errors.Is(err, storage.ErrCorrupt) {
		return &detail{ErrInvalid, "invalid: " + err.Error(), err}
	}
	return err
}

// mayCreate returns early what the transaction would return at the end.
func (im *importing) mayCreate(ctx context.Context) error {
	if im.s.opts.ReadOnly {
		return storage.ErrReadOnly
	}
	return im.s.backend.View(ctx, func(v storage.View) error {
		if err := im.s.mayCreate(v, im.repo, &im.opts.CreateOptions); err != nil {
			return err
		}
		taken, err := catalog.HasName(v, im.repo.Owner, im.repo.Slug)
		if err == nil && taken {
			err = catalog.ErrTaken
		}
		return err
	})
}

// run reads, checks, and makes the repository.
func (im *importing) run(ctx context.Context, read func(*importing) error) (*Repo, error) {
	if err := im.intake.Close(ctx, read(im)); err != nil {
		return nil, err
	}
	if err := im.judge(); err != nil {
		return nil, err
	}
	var tips []git.Hash
	for _, r := range im.refs {
		if r.Target == "" {
			tips = append(tips, r.Hash)
		}
	}
	objects := &transfer.Objects{Backend: im.s.backend.Backend, Store: im.s.objects, Pool: im.repo.Pool}
	if err := im.intake.Complete(ctx, objects, tips); err != nil {
		return nil, err
	}
	first := append([]storage.Ref{{Name: ref.Head, Target: im.defaultBranch()}}, im.refs...)
	return im.s.create(ctx, im.repo, &im.opts.CreateOptions, func(tx *txn.Tx) error {
		return tx.FillRepo(im.repo.ID, im.repo.Pool, first, im.intake.Bytes)
	})
}

// drop gives back what was stored of an import that failed.
func (im *importing) drop(ctx context.Context) error {
	if im.intake.Len() == 0 {
		return nil
	}
	return im.s.backend.Update(context.WithoutCancel(ctx), im.s.actor, func(tx *txn.Tx) error {
		return tx.DropPool(im.repo.Pool)
	})
}

func (im *importing) skip(ref, why string) {
	if im.opts.Skipped != nil {
		im.opts.Skipped(ref, why)
	}
}

// choose takes the refs that shall be imported, in the order of the names that they shall have.
func (im *importing) choose(refs []storage.Ref) error {
	chosen, err := newRefChoice(im.opts.Refs)
	if err != nil {
		return err
	}
	im.head = im.renamed(im.head)
	for _, r := range refs {
		if !chosen.has(r.Name) {
			continue
		}
		was := r.Name
		if r.Name, r.Target = im.renamed(r.Name), im.renamed(r.Target); r.Name == "" {
			im.skip(was, "Rename leaves it out")
			continue
		}
		if err := checkRef(r.Name); err != nil {
			im.skip(was, err.Error())
			continue
		}
		im.refs = append(im.refs, r)
	}
	slices.SortStableFunc(im.refs, func(a, b storage.Ref) int { return cmp.Compare(a.Name, b.Name) })
	im.settle()
	return chosen.unused()
}

func (im *importing) renamed(name string) string {
	if name == "" || im.opts.Rename == nil {
		return name
	}
	return im.opts.Rename(name)
}

// settle leaves out refs that can't be beside others, and symbolic ones that lead to none.
func (im *importing) settle() {
	names := map[string]storage.Ref{}
	kept := im.refs[:0]
	for _, r := range im.refs {
		if _, taken := names[r.Name]; taken {
			im.skip(r.Name, "another ref has the name")
			continue
		}
		inWay := ""
		for at, c := range r.Name { // the name of a directory sorts before those of what is in it
			if _, ok := names[r.Name[:at]]; c == '/' && ok {
				inWay = r.Name[:at]
			}
		}
		if inWay != "" {
			im.skip(r.Name, inWay+" is in the way")
			continue
		}
		names[r.Name] = r
		kept = append(kept, r)
	}
	im.refs = slices.DeleteFunc(kept, func(r storage.Ref) bool {
		if r.Target == "" {
			return false
		}
		end := r
		for range ref.MaxSymbolic {
			if end.Target != "" {
				end = names[end.Target]
			}
		}
		if end.Name != "" && end.Target == "" {
			return false
		}
		im.skip(r.Name, "it is symbolic, and leads to no ref that is imported")
		return true
	})
}

// judge leaves out branches that are no commits. It returns an error for a ref whose object is not there.
func (im *importing) judge() error {
	skipped := false
	var err error
	im.refs = slices.DeleteFunc(im.refs, func(r storage.Ref) bool {
		if r.Target != "" {
			return false
		}
		t := im.intake.Type(r.Hash)
		if t == 0 && err == nil {
			err = about(r.Name, im.intake.Lacks(r.Hash))
		}
		if !strings.HasPrefix(r.Name, ref.Branches) || t == storage.Commit {
			return false
		}
		im.skip(r.Name, fmt.Sprintf("it is a branch, and names a %s", t))
		skipped = true
		return true
	})
	if skipped {
		im.settle()
	}
	return err
}

// defaultBranch returns the full name of what HEAD shall name: what was asked for, what HEAD names, or what there is.
func (im *importing) defaultBranch() string {
	if im.opts.DefaultBranch != "" {
		return im.branch
	}
	branches := map[string]bool{}
	first := ""
	for _, r := range im.refs {
		if strings.HasPrefix(r.Name, ref.Branches) {
			branches[r.Name] = true
			first = cmp.Or(first, r.Name)
		}
	}
	isBranch := strings.HasPrefix(im.head, ref.Branches) && checkRef(im.head) == nil
	switch {
	case branches[im.head], isBranch && first == "":
		return im.head
	case im.head != "" && !isBranch:
		im.skip(ref.Head, fmt.Sprintf("it names %.80q, which can be no branch", im.head))
	}
	if branches[im.branch] || first == "" {
		return im.branch
	}
	return first
}
