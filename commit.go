package reposit

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// CommitOptions say where a commit goes and what it says. With Expect nil the changes apply to whatever the tip is
// when they land, and no concurrent commit is lost.
type CommitOptions struct {
	Branch     string     // default: the default branch; made if it does not exist
	From       string     // revision at which a new branch starts; default: the default branch
	Message    string     // kept as it is; it may be empty
	Author     *Signature // default: Options.Author; a zero When means now
	Committer  *Signature // default: Author
	Expect     *Hash      // the tip that the caller saw, zero Hash for "no such branch yet"; nil: any tip
	AllowEmpty bool       // else a commit that changes nothing, and has no Parents, returns ErrNoChange
	Parents    []Hash     // after the tip, which comes first: commits that Resolve finds. At most 1,024

	// Headers follow the committer, as they are: one or more lines "key value", each ending in a newline, lines that go
	// on with a value beginning with a space. Commit.Headers of one commit gives them to another. With an encoding
	// header, names, addresses and message are stored in that encoding, unless it is not known, lacks a character, or
	// they are not UTF-8: then they are stored as they are. A gpgsig header is not verified, and can't be had together
	// with Sign.
	Headers string

	// Sign returns the armoured signature of the payload, which is the commit without it. It is called again, for
	// another payload, if the branch moved meanwhile; after a few times other commits to the branch wait for it, so
	// it must not make one itself. Nil: the commit is not signed.
	Sign func(payload []byte) (signature string, err error)
}

// A Commit is a commit as it is stored. Its names, addresses and message are in UTF-8: those of a commit in another
// encoding are decoded, as git log does. If it can't be decoded as a whole, they are the bytes that are stored.
type Commit struct {
	Hash, Tree        Hash
	Parents           []Hash
	Author, Committer Signature
	Message           string
	Encoding          string // in which the text is stored, by the commit's header; "" for UTF-8
	Signature         string // armoured, as it stands in the gpgsig header
	Headers           string // all headers after the committer, as they are stored
}

func publicCommit(h git.Hash, stored *git.Commit) *Commit {
	c := charset.Commit(stored)
	out := &Commit{
		Hash: Hash(h), Tree: Hash(c.Tree),
		Author: publicSignature(c.Author), Committer: publicSignature(c.Committer),
		Message: c.Message, Encoding: c.Encoding, Signature: c.Signature, Headers: string(stored.AppendHeaders(nil)),
	}
	if len(c.Parents) > 0 {
		out.Parents = make([]Hash, len(c.Parents))
		for i, p := range c.Parents {
			out.Parents[i] = Hash(p)
		}
	}
	return out
}

// Write commits one file to the default branch. It is Commit with Put.
func (r *Repo) Write(ctx context.Context, path string, data []byte, message string) (*Commit, error) {
	return call(ctx, r, "write", path, func() (*Commit, error) {
		return r.commit(ctx, &CommitOptions{Message: message}, []Change{Put(path, data)})
	})
}

// Commit applies changes to the tip of a branch, in order, and makes a commit of the outcome, all of it or nothing.
// The cost is that of the content and of the directories on the changed paths, whatever else the tree holds.
//
// It returns ErrNoChange if the tree stays as it is, ErrConflict (*ConflictError) if Expect or a change's Expect does
// not hold, ErrExists or ErrNotFound for changes that do not fit the tree, ErrTooLarge over Options.Limits,
// ErrProtected for a branch that takes pull requests only, and ErrInvalid. Writers of one branch take turns; those that
// wait land together, each with a commit of its own.
func (r *Repo) Commit(ctx context.Context, opts *CommitOptions, changes ...Change) (*Commit, error) {
	if opts == nil {
		opts = &CommitOptions{}
	}
	return call(ctx, r, "commit", "", func() (*Commit, error) { return r.commit(ctx, opts, changes) })
}

func (r *Repo) commit(ctx context.Context, opts *CommitOptions, changes []Change) (*Commit, error) {
	req, refused := r.request(ctx, opts)
	host := r.s.actor.IsHost() // may do all, and is not asked
	if host && refused != nil {
		return nil, refused
	}
	var in room
	// What is asked here comes before work that would be in vain. What counts is what the transaction finds.
	err := r.s.backend.View(ctx, func(v storage.View) error {
		if !host {
			if _, err := r.s.actor.Check(v, r.id, access.Write); err != nil {
				return err
			}
		}
		if refused == nil {
			in = r.room(v)
			r.s.commits.Look(v, req)
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	if err == nil {
		err = r.checkParents(ctx, opts.Parents)
	}
	if err == nil {
		err = r.addChanges(ctx, req, &in, changes)
	}
	if err != nil {
		return nil, err
	}
	made, err := r.s.commits.Commit(ctx, req)
	if err != nil {
		r.s.commits.Owe(r.id, &req.Content)
		return nil, err
	}
	return publicCommit(made.Hash, made.Commit), nil
}

// may returns an error unless the actor has a permission now. It comes before work that would be in vain; what counts
// is what the transaction finds that does the rest. The host may do all, and is not asked.
func (r *Repo) may(ctx context.Context, need access.Permission) error {
	if r.s.actor.IsHost() {
		return nil
	}
	return r.s.backend.View(ctx, func(v storage.View) error {
		_, err := r.s.actor.Check(v, r.id, need)
		return err
	})
}

// request checks the options of a commit.
func (r *Repo) request(ctx context.Context, opts *CommitOptions) (*commit.Request, error) {
	now := r.s.now()
	req := &commit.Request{
		Repo: r.id, By: r.s.actor, Message: opts.Message, AllowEmpty: opts.AllowEmpty, Sign: opts.Sign,
		Expect: (*git.Hash)(opts.Expect), Now: now, Quota: r.s.opts.Limits.RepoSize,
		PathLength: r.s.opts.Limits.PathLength, PathDepth: r.s.opts.Limits.PathDepth,
	}
	if opts.Branch != "" {
		var err error
		if req.Branch, err = branchRef(opts.Branch); err != nil {
			return nil, err
		}
	}
	if err := names.CheckMessage(opts.Message); err != nil {
		return nil, invalid("message", err)
	}
	for _, p := range opts.Parents {
		req.Parents = append(req.Parents, git.Hash(p))
	}
	if opts.Sign != nil {
		req.Sign = func(payload []byte) (string, error) { return sign(opts.Sign, payload) }
	}
	var err error
	if req.Author, req.Committer, err = r.s.signatures(opts.Author, opts.Committer, now); err != nil {
		return nil, err
	}
	if err := addHeaders(req, opts.Headers); err != nil {
		return nil, err
	}
	if opts.From != "" {
		if err := r.testNamed(ctx, opts.From); err != nil {
			return nil, err
		}
		req.Start = func(repo *catalog.Repo, v storage.View) (git.Hash, error) {
			res := r.resolver(v, repo.Pool)
			h, err := res.ResolveAs(ctx, opts.From, revision.Commitish)
			if err == nil {
				h, err = res.Peel(ctx, h, storage.Commit)
			}
			if err != nil {
				return git.Hash{}, fault.About(opts.From, err)
			}
			return h, nil
		}
	}
	return req, nil
}

// sign calls a signer, and refuses what would not stay one header of the commit.
func sign(signer func([]byte) (string, error), payload []byte) (string, error) {
	signature, err := signer(payload)
	if err != nil {
		return "", err
	}
	signature = strings.TrimRight(signature, "\n")
	if signature == "" || strings.ContainsAny(signature, "\x00\r") {
		return "", invalidf("signature: it is empty, or holds a NUL or carriage return")
	}
	return signature, nil
}

func (s *Store) signatures(author, committer *Signature, now time.Time) (a, c git.Signature, err error) {
	if author == nil {
		author = &s.opts.Author
	}
	if committer == nil {
		committer = author
	}
	if a, err = author.clean(now); err == nil {
		c, err = committer.clean(now)
	}
	return a, c, err
}

// addChanges checks the changes, and stores or hashes their content.
func (r *Repo) addChanges(ctx context.Context, req *commit.Request, in *room, changes []Change) error {
	limits := &r.s.opts.Limits
	req.Edits = make([]commit.Edit, len(changes))
	var sources []commit.Source
	var owners []int // the change that each source belongs to
	for i := range changes {
		c := changes[i]
		if err := c.check(limits); err != nil {
			return &commit.PathError{Path: c.edit.Path, Err: err}
		}
		req.Edits[i] = c.edit
		if c.hasBytes {
			sources, owners = append(sources, c.source), append(owners, i)
		}
	}
	if len(sources) == 0 {
		return nil
	}
	if in.err != nil {
		return in.err
	}
	for i := range sources {
		sources[i].Data = bytes.Clone(sources[i].Data) // the store keeps it
	}
	hashes, content, err := r.s.commits.Store(ctx, in.pool, sources, in.bounds)
	if err != nil {
		r.s.commits.Owe(r.id, &content)
		var which *commit.SourceError
		if errors.As(err, &which) {
			err = &commit.PathError{Path: changes[owners[which.Index]].edit.Path, Err: which.Err}
		}
		return err
	}
	for i, h := range hashes {
		req.Edits[owners[i]].Hash = h
	}
	req.Content = content
	return nil
}

// A room is where the content of a commit goes: the repository's pool, and the bounds, with how many bytes the
// repository may still grow.
type room struct {
	pool   storage.ID
	bounds commit.Limits
	err    error
}

func (r *Repo) room(v storage.View) (in room) {
	l := &r.s.opts.Limits
	in.bounds = commit.Limits{Blob: l.BlobSize, Total: l.CommitSize, Repo: l.RepoSize, Room: math.MaxInt64}
	setDefault(&in.bounds.Repo, math.MaxInt64)
	if l.RepoSize == 0 {
		in.pool, in.err = catalog.Pool(v, r.id)
		return in
	}
	repo, err := catalog.Load(v, r.id)
	if err != nil {
		return room{err: err}
	}
	state, err := catalog.LoadState(v, repo)
	in.pool, in.err = repo.Pool, err
	in.bounds.Room, in.bounds.Shared = l.RepoSize-state.Size-r.s.backend.Debt(r.id), repo.Networked
	return in
}

// logEntry is a line of a ref's log.
func logEntry(by git.Signature, message string) storage.LogEntry {
	return storage.LogEntry{Name: by.Name, Email: by.Email, When: by.When, Message: names.LogMessage(message)}
}
