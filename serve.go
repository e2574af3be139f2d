package reposit

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/serve"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/storage"
)

// ServeOptions say how a client is served. The zero value speaks version 0 of the protocol over a stream, as git does
// over SSH and pipes with clients that ask for nothing else.
type ServeOptions struct {
	// what the client asked for, as GIT_PROTOCOL and the header Git-Protocol have it: "version=2"
	Protocol  string
	Stateless bool     // one request and its answer, as in smart HTTP
	Advertise bool     // only the advertisement (info/refs), without the line that smart HTTP has before it
	Hidden    []string // what the names of refs begin with that are neither shown nor taken
}

// UploadPack serves one git client that fetches, clones or lists refs, as git upload-pack does: protocol 0, 1 and 2,
// with shallow histories, the filters blob:none, blob:limit and tree:0, thin packs, tags along with what they name,
// wanted refs, and progress. It speaks over rw until the client has enough, and does not close that: a host mounts it
// behind its own HTTP, SSH or pipe.
//
// The client gets what the refs lead to that it is shown, and nothing else: to know the hash of what a fork, a deleted
// branch or a hidden ref holds does not help. The right to read is asked for again with each request, and now and then
// while objects are sent.
//
// What a client does wrong is told to it, and is ErrInvalid, ErrTooLarge over the bounds of a request, or ErrNotFound
// for objects that it may not have. An actor who may not read is told so too, unless Stateless or Advertise is set:
// then nothing was written, and the host can answer in its own way. A client that leaves between requests is no error.
// When ctx ends, UploadPack returns, though a call of rw may still wait; close rw then. Memory is bounded but for about
// 80 bytes for each object, as with Bundle.
func (r *Repo) UploadPack(ctx context.Context, rw io.ReadWriter, opts *ServeOptions) error {
	if opts == nil {
		opts = &ServeOptions{}
	}
	return do(ctx, r, "upload pack", "", func() error {
		if rw == nil {
			return invalidf("stream: it is nil")
		}
		src := newServed(ctx, r, opts)
		if err := src.Ask(); err != nil && (opts.Stateless || opts.Advertise) {
			return err
		}
		return incoming(serve.Upload(ctx, rw, src, opts.options()))
	})
}

func (o *ServeOptions) options() *serve.Options {
	return &serve.Options{Version: serve.ParseProtocol(o.Protocol), Stateless: o.Stateless, Advertise: o.Advertise}
}

// A served is a repository as a client sees it that fetches.
type served struct {
	r      *Repo
	hidden []string
	guard  *guard
}

func newServed(ctx context.Context, r *Repo, opts *ServeOptions) *served {
	return &served{r: r, hidden: slices.Clone(opts.Hidden), guard: newGuard(ctx, r)}
}

// isHidden reports whether a ref is neither shown nor taken.
func (s *served) isHidden(name string) bool {
	return slices.ContainsFunc(s.hidden, func(p string) bool { return strings.HasPrefix(name, p) })
}

// Refs implements serve.Source.
func (s *served) Refs(ctx context.Context) (refs *serve.Refs, err error) {
	err = s.r.resolve(ctx, func(res *revision.Resolver) error {
		refs = &serve.Refs{Objects: transfer.Objects{Backend: s.r.s.backend.Backend, Store: s.r.s.objects, Pool: res.Pool}}
		var err error
		if refs.Shallow, err = gogit.ShallowCommits(res.View, s.r.id); err != nil {
			return err
		}
		refs.Snapshot, err = snapshot(ctx, res, func(found storage.Ref) (bool, error) {
			if s.isHidden(found.Name) {
				return false, nil
			}
			if found.Target == "" || len(s.hidden) == 0 {
				return true, nil
			}
			end, err := ref.Follow(res.View, s.r.id, found.Name)
			if errors.Is(err, ref.ErrSymbolic) {
				return false, nil
			}
			return !s.isHidden(end.Name), err
		})
		if s.isHidden(refs.Head) || s.isHidden(ref.Head) {
			refs.Head = ""
		}
		return err
	})
	return refs, err
}

// Has implements serve.Source.
func (s *served) Has(ctx context.Context, objects []git.Hash) (has []bool, err error) {
	if len(objects) == 0 {
		return nil, nil
	}
	err = s.r.resolve(ctx, func(res *revision.Resolver) error {
		has = make([]bool, len(objects))
		in := reach.Repo{View: res.View, ID: s.r.id, Pool: res.Pool, Hidden: s.hidden}
		for i, h := range objects {
			var err error
			if has[i], err = s.r.s.reach.Has(ctx, &in, h); err != nil {
				return about(h.String(), err)
			}
		}
		return nil
	})
	return has, err
}

// Graph implements serve.Source.
func (s *served) Graph(ctx context.Context, fn func(*graph.Graph) error) error {
	var pool storage.ID
	err := s.r.resolve(ctx, func(res *revision.Resolver) error {
		pool = res.Pool
		return nil
	})
	if err != nil {
		return err
	}
	return s.r.s.backend.Graphs().Do(ctx, pool, nil, fn)
}

// Ask implements serve.Source.
func (s *served) Ask() error { return s.guard.ask() }

// Text implements serve.Source.
func (s *served) Text(err error) string { return tellable(err) }

// tellable returns what a client is told of an error: what it did, and what it asked for, but not what the medium says.
func tellable(err error) string {
	err = classify(incoming(err))
	switch {
	case errors.Is(err, ErrCorrupt):
		return "the repository is damaged"
	case fault.KindOf(err) == nil && !errors.Is(err, ErrConflict):
		return "internal error"
	}
	return err.Error()
}
