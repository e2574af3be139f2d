package reposit

import (
	"context"
	"errors"
	"io"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/serve"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// ReceivePack serves one git client that pushes, as git receive-pack does: protocol 0 and 1, several refs at once, all
// or none of them if the client says so, deletions and forced moves. It speaks over rw as UploadPack does.
//
// What is pushed is checked before anything of it is stored, as Storer does and within the same limits: it must be well
// formed, and whole with what the shown refs lead to. Refs then change by the rules of Refs.Update, with the same
// events, and what follows for pull requests. The client is told by name of each ref that is refused, and why; that is
// no error, and the other refs move. Objects of a small push that is refused leave nothing behind; those of a large one
// stay, and count, until a compaction, if it is the last check that refuses them. The options of a push mean nothing. A
// push from a shallow clone is taken if all that is pushed is whole here.
//
// It needs Write. It returns ErrInvalid for a pack that is damaged, malformed or not whole, ErrTooLarge over
// Options.Limits or the bounds of a request, what kept the changes of all refs from being tried, and otherwise what
// UploadPack does.
func (r *Repo) ReceivePack(ctx context.Context, rw io.ReadWriter, opts *ServeOptions) error {
	if opts == nil {
		opts = &ServeOptions{}
	}
	return do(ctx, r, "receive pack", "", func() error {
		if rw == nil {
			return invalidf("stream: it is nil")
		}
		sink := &receiving{served: newServed(ctx, r, opts)}
		if err := r.may(ctx, access.Write); err != nil && (opts.Stateless || opts.Advertise) {
			return err
		}
		err := serve.Receive(ctx, rw, sink, opts.options())
		return incoming(errors.Join(err, sink.discard()))
	})
}

// receiving is a push on its way.
type receiving struct {
	*served
	pack *gogit.Received // nil: none came
}

// Refs implements serve.Sink.
func (p *receiving) Refs(ctx context.Context) (*serve.Refs, error) {
	if err := p.r.may(ctx, access.Write); err != nil {
		return nil, err
	}
	return p.served.Refs(ctx)
}

var errHiddenRef = fault.New(fault.Forbidden, "the ref is hidden")

// Refuse implements serve.Sink.
func (p *receiving) Refuse(name string) error {
	if p.isHidden(name) {
		return errHiddenRef
	}
	return checkRef(name)
}

var errShallow = fault.New(fault.Invalid, "shallow update not allowed: history is missing")

// Receive implements serve.Sink.
func (p *receiving) Receive(ctx context.Context, src io.Reader, shallow bool) (err error) {
	if err := p.r.may(ctx, access.Write); err != nil {
		return err
	}
	host := p.r.storerHost()
	host.Fail = func(_, _ string, err error) error { return err }
	host.Hidden = p.hidden
	p.pack, err = gogit.New(ctx, host).ReceivePack(src)
	if shallow && gogit.IsMissing(err) {
		err = errors.Join(errShallow, err)
	}
	return err
}

func (p *receiving) discard() error {
	if p.pack == nil {
		return nil
	}
	return p.pack.Discard()
}

// Update implements serve.Sink.
func (p *receiving) Update(ctx context.Context, commands []serve.Command, atomic bool) (refused []error, err error) {
	refused = make([]error, len(commands))
	all := &pushing{receiving: p, atomic: atomic}
	for i, c := range commands {
		t := storage.Type(0)
		if !c.New.IsZero() {
			if t, err = p.pack.Type(c.New); errors.Is(err, storage.ErrNotFound) {
				refused[i] = err
				continue
			} else if err != nil {
				return nil, err
			}
		}
		old := c.Old
		all.changes = append(all.changes, ref.Change{Name: c.Name, New: c.New, Old: &old})
		all.types, all.places = append(all.types, t), append(all.places, i)
	}
	if len(all.changes) == 0 || atomic && len(all.changes) < len(commands) {
		return refused, nil
	}
	return refused, all.run(ctx, refused)
}

// pushing is changes of refs that are made together, or by and by.
type pushing struct {
	*receiving
	changes []ref.Change
	types   []storage.Type // of what they name; 0: nothing
	places  []int          // among the commands
	atomic  bool
}

// run makes all changes, or, if one is refused, all that are not.
func (p *pushing) run(ctx context.Context, refused []error) error {
	author, err := p.r.s.opts.Author.clean(p.r.s.now())
	if err != nil {
		return err
	}
	for i := range p.changes {
		p.changes[i].By, p.changes[i].Log = p.r.s.actor, logEntry(author, "push")
	}
	push := func(from, to int) error {
		changes, types := p.changes[from:to], p.types[from:to]
		what := &txn.Push{
			Refs: changes, Now: author.When, Quota: p.r.s.opts.Limits.RepoSize,
			Check: func(v storage.View) error { return p.r.checkChanges(v, changes, types) },
		}
		if p.pack == nil {
			return p.r.s.backend.Push(ctx, p.r.id, what)
		}
		return p.pack.Push(ctx, what)
	}
	err = push(0, len(p.changes))
	switch {
	case err == nil:
		return nil
	case !isRefusal(err):
		return err
	case len(p.changes) == 1:
		refused[p.places[0]] = err
		return nil
	case p.atomic:
		return p.blame(err, refused)
	}
	for i := range p.changes {
		if err := push(i, i+1); isRefusal(err) {
			refused[p.places[i]] = err
		} else if err != nil {
			return err
		}
	}
	return nil
}

// blame says which of the changes was refused, as far as the error tells.
func (p *pushing) blame(err error, refused []error) error {
	name := ""
	var moved *ref.ConflictError
	var named *fault.Named
	switch {
	case errors.As(err, &moved):
		name = moved.Name
	case errors.As(err, &named):
		name = named.Name
	}
	found := false
	for i, c := range p.changes {
		if c.Name == name {
			refused[p.places[i]], found = err, true
		}
	}
	if !found {
		for _, i := range p.places {
			refused[i] = err
		}
	}
	return nil
}
