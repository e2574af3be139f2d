package reposit

import (
	"context"
	"iter"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// Tags are the refs under refs/tags/, by their short names. Whatever takes the name of a tag takes its full name, too:
// "refs/tags/v1" for "v1". Other names that begin with "refs/" are ErrInvalid.
type Tags struct{ r *Repo }

// Tags returns the tags of the repository.
func (r *Repo) Tags() Tags { return Tags{r} }

// A Tag is a name for an object. An annotated tag has a Message and a Tagger.
type Tag struct {
	Name         string // short, "v1"; full if the short one would begin with "refs/"
	Hash, Target Hash   // Hash: what the ref holds; Target: what it names in the end
	Message      string
	Tagger       *Signature
	// in lists, an ErrCorrupt if the ref or what it names can't be read: only the Name is known then; else nil
	Damaged error
}

// TagOptions make a tag annotated.
type TagOptions struct {
	Message string     // "": the tag is not annotated
	Tagger  *Signature // default: Options.Author; a zero When means now
}

func newTag(ctx context.Context, res *revision.Resolver, r storage.Ref) (Tag, error) {
	end, err := ref.Follow(res.View, res.Repo, r.Name)
	if err != nil {
		return Tag{}, err
	}
	return tagAt(ctx, res, ref.Short(ref.Tags, r.Name), end.Hash)
}

func tagAt(ctx context.Context, res *revision.Resolver, name string, h git.Hash) (Tag, error) {
	tag := Tag{Name: name, Hash: Hash(h)}
	target, err := res.Peel(ctx, h, 0)
	if err != nil {
		return Tag{}, missingObject(err)
	}
	tag.Target = Hash(target)
	if target == h {
		return tag, nil
	}
	item, err := res.Objects.Item(ctx, res.Pool, h)
	if err != nil {
		return Tag{}, missingObject(err)
	}
	annotated, err := git.ParseTag(item.Data)
	if err != nil {
		return Tag{}, err
	}
	tag.Message = annotated.Message
	if annotated.Tagger != nil {
		tagger := publicSignature(*annotated.Tagger)
		tag.Tagger = &tagger
	}
	return tag, nil
}

// List returns a page of the tags, in the order of their names' bytes. A page costs a step for each tag that there
// is, since it counts them.
func (t Tags) List(ctx context.Context, opts *RefListOptions) (Page[Tag], error) {
	return t.lister().list(ctx, opts)
}

func (t Tags) lister() refLister[Tag] {
	maker := func(res *revision.Resolver) (itemMaker[Tag], error) {
		return func(ctx context.Context, r storage.Ref) (Tag, error) { return newTag(ctx, res, r) }, nil
	}
	return refLister[Tag]{
		r: t.r, op: "list tags", dir: ref.Tags, maker: maker,
		damaged: func(name string, err error) Tag { return Tag{Name: ref.Short(ref.Tags, name), Damaged: err} },
		damage:  func(t Tag) (string, error) { return ref.Tags + t.Name, t.Damaged },
	}
}

// All yields all tags, in the order of their names' bytes.
func (t Tags) All(ctx context.Context) iter.Seq2[Tag, error] { return t.lister().all(ctx) }

// Tag returns one tag, or ErrNotFound.
func (t Tags) Tag(ctx context.Context, name string) (Tag, error) {
	return call(ctx, t.r, "tag", name, func() (Tag, error) {
		full, err := tagRef(name)
		if err != nil {
			return Tag{}, err
		}
		var tag Tag
		err = t.r.resolve(ctx, func(res *revision.Resolver) error {
			found, err := res.View.Ref(t.r.id, full)
			if err != nil {
				return err
			}
			tag, err = newTag(ctx, res, found)
			return err
		})
		return tag, err
	})
}

// Create makes a tag of the object that rev names; "" is the default branch. The tag is annotated if opts has a
// Message. It returns ErrExists if there is such a tag.
func (t Tags) Create(ctx context.Context, name, rev string, opts *TagOptions) (Tag, error) {
	return call(ctx, t.r, "create tag", name, func() (Tag, error) {
		full, err := tagRef(name)
		if err != nil {
			return Tag{}, err
		}
		if opts == nil {
			opts = &TagOptions{}
		}
		var tag Tag
		var kind storage.Type
		err = t.r.resolve(ctx, func(res *revision.Resolver) error {
			h, err := res.Resolve(ctx, rev)
			if err == nil {
				kind, _, err = res.Objects.Stat(ctx, res.Pool, h)
			}
			if err == nil {
				tag, err = tagAt(ctx, res, ref.Short(ref.Tags, full), h)
			}
			return err
		})
		if err != nil {
			return Tag{}, about(rev, err)
		}
		var objects []storage.Object
		if opts.Message != "" {
			o, err := t.annotate(&tag, full, kind, opts)
			if err != nil {
				return Tag{}, err
			}
			objects = []storage.Object{o}
		}
		change := ref.Change{Name: full, New: git.Hash(tag.Hash), Old: &git.Hash{}}
		if err := t.r.updateRefs(ctx, "tag: tagging", []ref.Change{change}, objects...); err != nil {
			return Tag{}, taken(err)
		}
		return tag, nil
	})
}

// annotate makes a tag with a full name, of an object of the given type, one of a tag object, which it returns.
func (t Tags) annotate(tag *Tag, full string, kind storage.Type, opts *TagOptions) (storage.Object, error) {
	if err := names.CheckMessage(opts.Message); err != nil {
		return storage.Object{}, invalid("message", err)
	}
	tagger, _, err := t.r.s.signatures(opts.Tagger, nil, t.r.s.now())
	if err != nil {
		return storage.Object{}, err
	}
	annotated := git.Tag{Object: git.Hash(tag.Hash), Type: kind, Name: full[len(ref.Tags):], Tagger: &tagger,
		Message: opts.Message}
	raw := annotated.Append(nil)
	h, err := git.Sum(storage.Tag, raw)
	who := publicSignature(tagger)
	tag.Hash, tag.Message, tag.Tagger = Hash(h), opts.Message, &who
	return storage.Object{Hash: h, Type: storage.Tag, Size: int64(len(raw)), Data: raw}, err
}

// Delete removes a tag, or returns ErrNotFound.
func (t Tags) Delete(ctx context.Context, name string) error {
	return do(ctx, t.r, "delete tag", name, func() error {
		full, err := tagRef(name)
		if err != nil {
			return err
		}
		return t.r.updateRefs(ctx, "tag: deleted", []ref.Change{{Name: full}})
	})
}
