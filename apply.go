package reposit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linemerge"
	"github.com/reposit/reposit/internal/patch"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/storage"
)

// ApplyOptions say where the commit of a patch goes. Message, Author and Expect are as for Commit, but where the patch
// is a mail, it says what Message and Author are if the options do not; the Committer then is Options.Author.
type ApplyOptions struct {
	CommitOptions
	// ThreeWay: a file that a patch does not fit is merged with what the patch makes of the file that it was made for,
	// if its line "index" names a blob that Resolve finds.
	ThreeWay bool
}

// applyTries is how often a patch is applied anew because files that it changes were changed meanwhile.
const applyTries = 10

// Apply makes a commit of a patch in git's format: what git diff, git format-patch and Diff.WriteTo print, one mail at
// most. Lines may have moved since, as git apply lets them; all else must be as the patch says.
//
// It returns ErrConflict for a patch that does not fit, named by the file; if others change the same files meanwhile,
// it is applied to what they leave. It returns ErrInvalid for what is no patch, or lacks the content of binary files,
// ErrTooLarge for one of more than 256 MiB and for files of more than 64 MiB, ErrNoChange for one that changes nothing,
// and what Commit returns. Patch and files are held in memory.
func (r *Repo) Apply(ctx context.Context, text io.Reader, opts *ApplyOptions) (*Commit, error) {
	return call(ctx, r, "apply", "", func() (*Commit, error) {
		if opts == nil {
			opts = &ApplyOptions{}
		}
		if err := r.may(ctx, access.Write); err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(text, patch.MaxText+1))
		if err != nil {
			return nil, err
		}
		if len(data) > patch.MaxText {
			return nil, &detail{ErrTooLarge, "too large: the patch is longer than 256 MiB", nil}
		}
		mail, rest, err := patch.ParseMail(data)
		if err != nil {
			return nil, err
		}
		files, err := patch.Parse(rest)
		if err != nil {
			return nil, err
		}
		how := r.mailed(opts.CommitOptions, mail)
		for try := 1; ; try++ {
			made, err := r.applyOnce(ctx, files, how, opts.ThreeWay)
			var moved *commit.ExpectError
			if err == nil || try == applyTries || !errors.As(err, &moved) {
				return made, err
			}
		}
	})
}

// mailed returns the options with what a mail says and they do not.
func (r *Repo) mailed(opts CommitOptions, mail *patch.Mail) *CommitOptions {
	opts.Message = cmp.Or(opts.Message, mail.Message)
	if opts.Author == nil && mail.Author != nil {
		author := publicSignature(*mail.Author)
		opts.Author = &author
		if opts.Committer == nil {
			opts.Committer = &r.s.opts.Author
		}
	}
	return &opts
}

func (r *Repo) applyOnce(ctx context.Context, files []patch.FilePatch, opts *CommitOptions,
	threeWay bool) (*Commit, error) {
	on, err := r.tipTree(ctx, opts)
	if err != nil {
		return nil, err
	}
	a := &applying{ctx: ctx, tree: on, src: diffSource{r.s.objects, on.Pool, newGuard(ctx, r)}, threeWay: threeWay,
		now: map[string]*patched{}}
	for i := range files {
		if err := a.apply(&files[i]); err != nil {
			return nil, about(cmp.Or(files[i].New, files[i].Old), err)
		}
	}
	changes, err := a.changes()
	if err != nil {
		return nil, err
	}
	return r.commit(ctx, opts, changes)
}

// tipTree returns the tree that a commit will be made on.
func (r *Repo) tipTree(ctx context.Context, opts *CommitOptions) (tree, error) {
	rev := ""
	if opts.Branch != "" {
		var err error
		if rev, err = branchRef(opts.Branch); err != nil {
			return tree{}, about(opts.Branch, err)
		}
	}
	t, err := r.treeAt(ctx, rev)
	if errors.Is(err, storage.ErrNotFound) && rev != "" {
		if t, err = r.treeAt(ctx, opts.From); err != nil {
			err = about(opts.From, err)
		}
	}
	return t, err
}

// A patched file is what patches made of a path, or found there.
type patched struct {
	old  git.Entry // Mode 0: there was nothing
	mode git.Mode  // 0: there is nothing any more
	hash git.Hash  // of the content, while it is the old one
	data []byte
	read bool // data is the content
}

// An applying is a patch on its way into a tree.
type applying struct {
	ctx      context.Context
	tree     tree
	src      diffSource
	threeWay bool
	now      map[string]*patched
}

func conflictf(format string, args ...any) error {
	return &detail{ErrConflict, "conflict: " + fmt.Sprintf(format, args...), nil}
}

// at returns what a path holds before any patch, or with now after those so far.
func (a *applying) at(path string, now bool) (*patched, error) {
	if p, ok := a.now[path]; ok && now {
		return p, nil
	} else if ok {
		return &patched{old: p.old, mode: p.old.Mode, hash: p.old.Hash}, nil
	}
	e, err := a.tree.find(a.ctx, path)
	if err == nil && e.IsDir() {
		return nil, conflictf("it is a directory")
	}
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	p := &patched{old: e, mode: e.Mode, hash: e.Hash}
	if e.IsFile() {
		p.mode = git.ModeRegular
		if e.Mode&0o100 != 0 {
			p.mode = git.ModeExecutable
		}
	}
	return p, nil
}

// content returns what a file holds, as patches see it.
func (a *applying) content(p *patched) ([]byte, error) {
	if p.read || p.mode == 0 {
		return p.data, nil
	}
	f := treediff.File{Mode: p.mode, Hash: p.hash}
	c, err := patch.Load(a.ctx, a.src, &f)
	if err != nil {
		return nil, err
	}
	if c.Data == nil && c.Binary {
		return nil, patch.ErrFileSize
	}
	p.data, p.read = c.Data, true
	return p.data, nil
}

// apply does what the patch of one file says.
func (a *applying) apply(f *patch.FilePatch) error {
	from := &patched{}
	if f.Status != treediff.Added {
		var err error
		fresh := f.Status == treediff.Renamed || f.Status == treediff.Copied
		if from, err = a.at(f.Old, !fresh); err != nil {
			return err
		}
		if from.mode == 0 {
			return about(f.Old, conflictf("there is no such file"))
		}
		if f.OldMode != 0 && (f.OldMode^from.mode)&0o170000 != 0 {
			return about(f.Old, conflictf("it has the mode %06o, not %06o", from.mode, f.OldMode))
		}
	}
	to := from
	if f.Status == treediff.Added || f.New != "" && f.New != f.Old {
		var err error
		if to, err = a.at(f.New, true); err != nil {
			return err
		}
		if to.mode != 0 {
			return about(f.New, conflictf("there is a file already"))
		}
	}
	if f.Status == treediff.Deleted {
		data, err := a.patch(f, from)
		if err != nil {
			return err
		}
		if len(data) > 0 {
			return conflictf("the file has more than the patch deletes")
		}
		to.mode, to.data, to.read = 0, nil, true
		a.now[f.Old] = to
		return nil
	}
	made := *from // a file that only gets another name or mode is not read
	if len(f.Hunks) > 0 || f.Binary != nil || f.Status == treediff.Added {
		data, err := a.patch(f, from)
		if err != nil {
			return err
		}
		made.data, made.read = data, true
	}
	if f.Status == treediff.Renamed && f.Old != f.New {
		gone, err := a.at(f.Old, true)
		if err != nil {
			return err
		}
		gone.mode, gone.data, gone.read = 0, nil, true
		a.now[f.Old] = gone
	}
	to.mode, to.hash, to.data, to.read = cmp.Or(f.NewMode, made.mode), made.hash, made.data, made.read
	a.now[f.New] = to
	return nil
}

// patch applies the patch of one file to its content, or merges what it makes of the file that it was made for.
func (a *applying) patch(f *patch.FilePatch, from *patched) ([]byte, error) {
	old, err := a.content(from)
	if err != nil {
		return nil, err
	}
	if f.Binary != nil && f.Status != treediff.Added {
		h, err := git.Sum(storage.Blob, old)
		if err != nil {
			return nil, err
		}
		if f.OldHash == "" || !strings.HasPrefix(h.String(), f.OldHash) {
			return nil, conflictf("the patch is for other binary content")
		}
	}
	data, err := f.Apply(a.ctx, old)
	if err == nil || !a.threeWay || f.Binary != nil || f.OldHash == "" || !errors.Is(err, fault.Conflict) {
		return data, err
	}
	base, known := a.blob(f.OldHash)
	if !known {
		return nil, err
	}
	theirs, failed := f.Apply(a.ctx, base)
	if failed != nil {
		return nil, err
	}
	if treediff.IsBinary(old) || treediff.IsBinary(base) || treediff.IsBinary(theirs) {
		return nil, err
	}
	merged, failed := linemerge.Run(a.ctx, base, old, theirs, &linemerge.Options{Whole: true})
	if failed != nil {
		return nil, failed
	}
	if merged.Conflicts > 0 {
		return nil, err
	}
	return merged.Content, nil
}

// blob returns the content of a blob that the repository's refs reach, by some digits of its hash.
func (a *applying) blob(digits string) (data []byte, ok bool) {
	err := a.tree.r.resolve(a.ctx, func(res *revision.Resolver) error {
		h, err := res.Resolve(a.ctx, digits)
		if err != nil {
			return err
		}
		t, size, err := res.Objects.Stat(a.ctx, res.Pool, h)
		if err != nil || t != storage.Blob || size > patch.MaxSize {
			return cmp.Or(err, patch.ErrFileSize)
		}
		data, err = res.Objects.Blob(a.ctx, res.Pool, h)
		return err
	})
	return data, err == nil
}

// changes returns the steps of the commit: what is gone first, since directories may stand where files were. Each path
// must hold what the patch was applied to.
func (a *applying) changes() ([]Change, error) {
	var gone, made []Change
	paths := make([]string, 0, len(a.now))
	for path := range a.now {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		p := a.now[path]
		switch {
		case p.mode == 0 && p.old.Mode != 0:
			gone = append(gone, Delete(path).Expect(Hash(p.old.Hash)))
		case p.mode != 0:
			c, err := a.put(path, p)
			if err != nil {
				return nil, about(path, err)
			}
			made = append(made, c.Expect(Hash(p.old.Hash)))
		}
	}
	return append(gone, made...), nil
}

func (a *applying) put(path string, p *patched) (Change, error) {
	if !p.read && (p.mode == git.ModeRegular || p.mode == git.ModeExecutable) {
		return PutBlob(path, Hash(p.hash)).Mode(Mode(p.mode)), nil
	}
	data, err := a.content(p)
	if err != nil {
		return Change{}, err
	}
	switch p.mode {
	case git.ModeSymlink:
		return Symlink(path, string(data)), nil
	case git.ModeSubmodule:
		h, ok := patch.SubmoduleCommit(data)
		if !ok {
			return Change{}, invalidf("patch: a submodule is no commit")
		}
		return Submodule(path, Hash(h)), nil
	}
	return Put(path, data).Mode(Mode(p.mode)), nil
}
