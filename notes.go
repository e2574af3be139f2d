package reposit

import (
	"context"
	"iter"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/note"
	"github.com/reposit/reposit/internal/revision"
)

// Notes are texts on commits and other objects, which say more of them and leave them as they are. They are git's (git
// notes): each change is a commit on a ref, which git fetches, pushes and shows.
type Notes struct {
	r    *Repo
	opts NotesOptions
}

// NotesOptions say which notes are meant, and who changes them.
type NotesOptions struct {
	Ref       string     // where they are; default: "refs/notes/commits". "reviews" is "refs/notes/reviews"
	Author    *Signature // of the commits by which notes change; default: Options.Author; a zero When means now
	Committer *Signature // default: Author
}

// A Note is a text on an object.
type Note struct {
	Object Hash
	Text   string
}

const notesDir = "refs/notes/"

// Notes returns the notes of refs/notes/commits, which git log shows. With returns others.
func (r *Repo) Notes() Notes { return Notes{r: r} }

// With returns the notes that opts say; nil: as Repo.Notes does.
func (n Notes) With(opts *NotesOptions) Notes {
	if opts == nil {
		opts = &NotesOptions{}
	}
	return Notes{n.r, *opts}
}

// ref returns the full name of the ref.
func (o *NotesOptions) ref() (string, error) {
	name := o.Ref
	switch {
	case name == "":
		return notesDir + "commits", nil
	case strings.HasPrefix(name, notesDir):
	case strings.HasPrefix(name, "notes/"):
		name = "refs/" + name
	case strings.HasPrefix(name, "refs/"):
		return "", fault.About(name, invalidf("ref of notes: it is not below %q", notesDir))
	default:
		name = notesDir + name
	}
	if err := names.CheckRef(name); err != nil {
		return "", fault.About(name, invalid("ref of notes", err))
	}
	return name, nil
}

// List yields all notes, by the hashes of their objects, which need not exist. It reads the names of all notes when the
// loop begins, and a text when it is yielded. Notes whose ref does not exist are none. It needs Read, and returns
// ErrInvalid for a malformed NotesOptions.Ref, and ErrTooLarge for a note of more than 16 MiB.
func (n Notes) List(ctx context.Context) iter.Seq2[Note, error] {
	return func(yield func(Note, error) bool) {
		var notes *note.Tree
		all, err := call(ctx, n.r, "list notes", n.opts.Ref, func() (all []note.Note, err error) {
			if notes, err = n.load(ctx); err != nil {
				return nil, err
			}
			all, err = notes.All(ctx)
			return all, missingObject(err)
		})
		if err != nil {
			yield(Note{}, err)
			return
		}
		for _, at := range all {
			found, err := call(ctx, n.r, "list notes", n.opts.Ref, func() (Note, error) {
				if err := n.r.mayRead(ctx); err != nil {
					return Note{}, err
				}
				text, err := notes.Text(ctx, at.Blob)
				return Note{Hash(at.Object), string(text)}, missingObject(err)
			})
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

// load returns the notes as they are now.
func (n Notes) load(ctx context.Context) (notes *note.Tree, err error) {
	name, err := n.opts.ref()
	if err != nil {
		return nil, err
	}
	err = n.r.resolve(ctx, func(res *revision.Resolver) error {
		notes, err = n.r.s.notes.Load(ctx, res, name)
		return missingObject(err)
	})
	return notes, err
}

// Note returns the note on what a revision names: a commit, or also a tag, tree or blob. It costs the directories on
// the way to it, of which there are more than one from some hundred notes on. It needs Read, and returns ErrNotFound
// if the revision does not exist, or there is no note on it, and the errors of List.
func (n Notes) Note(ctx context.Context, rev string) (Note, error) {
	return call(ctx, n.r, "note", rev, func() (Note, error) {
		name, err := n.opts.ref()
		if err != nil {
			return Note{}, err
		}
		var at git.Hash
		var notes *note.Tree
		err = n.r.resolve(ctx, func(res *revision.Resolver) error {
			if at, err = res.Resolve(ctx, rev); err == nil {
				notes, err = n.r.s.notes.Load(ctx, res, name)
				err = missingObject(err)
			}
			return err
		})
		if err != nil {
			return Note{}, err
		}
		text, found, err := noteOn(ctx, notes, at)
		if err == nil && !found {
			err = note.ErrNone
		}
		return Note{Hash(at), text}, err
	})
}

// noteOn returns the text of the note on an object.
func noteOn(ctx context.Context, notes *note.Tree, h git.Hash) (string, bool, error) {
	blob, found, err := notes.Find(ctx, h)
	if err != nil || !found {
		return "", false, missingObject(err)
	}
	text, err := notes.Text(ctx, blob)
	return string(text), true, missingObject(err)
}

// Put makes text the note on what a revision names, in place of one that there is. The text is kept as it is; git's own
// end in a newline. It makes a commit on the ref, which is made if it does not exist, and does nothing if the note is
// there already. No change that others make meanwhile is lost.
//
// It needs Write, costs what Note does, and returns ErrNotFound for a revision that does not exist, ErrInvalid for an
// empty text and for a ref that holds no commit, ErrTooLarge over 16 MiB and Options.Limits, ErrExists if another ref
// stands where the ref would be, and the errors of List.
func (n Notes) Put(ctx context.Context, rev, text string) error {
	return do(ctx, n.r, "put note", rev, func() error {
		limits := &n.r.s.opts.Limits
		switch {
		case text == "":
			return invalidf("note: it is empty")
		case int64(len(text)) > min(note.MaxText, limits.BlobSize):
			return note.ErrTooLarge
		}
		return n.apply(ctx, rev, []byte(text))
	})
}

// Remove removes the note on what a revision names. It has the requirements and errors of Put, and ErrNotFound if there
// is no note on it.
func (n Notes) Remove(ctx context.Context, rev string) error {
	return do(ctx, n.r, "remove note", rev, func() error { return n.apply(ctx, rev, nil) })
}

func (n Notes) apply(ctx context.Context, rev string, text []byte) error {
	if err := n.r.may(ctx, access.Write); err != nil {
		return err
	}
	name, err := n.opts.ref()
	if err != nil {
		return err
	}
	c := &note.Change{By: n.r.s.actor, Ref: name, Revision: rev, Text: text}
	if c.Author, c.Committer, err = n.r.s.signatures(n.opts.Author, n.opts.Committer, n.r.s.now()); err != nil {
		return err
	}
	return n.r.s.notes.Apply(ctx, n.r.id, c)
}
