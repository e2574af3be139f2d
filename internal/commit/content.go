package commit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Content is what a commit adds: small blobs that land with it, and the names of those stored ahead.
type Content struct {
	Blobs  []storage.Object
	pool   storage.ID
	shared bool
	staged map[git.Hash]int64 // sizes, also of what the pool had before
}

func (c *Content) has(h git.Hash) bool {
	if _, ok := c.staged[h]; ok {
		return true
	}
	_, ok := c.inline(h)
	return ok
}

// inline returns the content of a blob that lands with the commit.
func (c *Content) inline(h git.Hash) ([]byte, bool) {
	for i := range c.Blobs {
		if c.Blobs[i].Hash == h {
			return c.Blobs[i].Data, true
		}
	}
	return nil, false
}

// A Source is the content of one file: bytes, which are kept, or a reader of them.
type Source struct {
	Data   []byte
	Reader io.Reader
}

// Limits bound content, in bytes.
type Limits struct {
	Blob, Total int64
	Repo        int64 // of the whole repository
	Room        int64 // what of Repo is not taken yet
	Shared      bool  // other repositories share the pool: what it has takes room as what it has not
}

// ErrBlobTooLarge and ErrTotalTooLarge say that content is over a limit.
var (
	ErrBlobTooLarge  = fmt.Errorf("file is over the limit: %w", storage.ErrTooLarge)
	ErrTotalTooLarge = fmt.Errorf("content of one commit is over the limit: %w", storage.ErrTooLarge)
)

func (l *Limits) blobTooLarge() error {
	return fmt.Errorf("Limits.BlobSize is %d: %w", l.Blob, ErrBlobTooLarge)
}

func (l *Limits) totalTooLarge() error {
	return fmt.Errorf("Limits.CommitSize is %d: %w", l.Total, ErrTotalTooLarge)
}

func (l *Limits) full(takes int64) error { return txn.Full(l.Repo-l.Room, takes, l.Repo) }

// A SourceError says which source failed.
type SourceError struct {
	Index int
	Err   error
}

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

const (
	// Content beyond these is stored ahead of the commit, so that the transaction stays short.
	inlineBytes = 1 << 20
	inlineCount = 256

	// parallelBytes is the amount of content from which all cores hash.
	parallelBytes = 256 << 10
)

// Store hashes the sources, stores ahead what does not fit into one transaction, and returns the hash of each.
// On an error nothing is left but, at most, objects that nothing reaches, which are in the Content.
func (e *Engine) Store(ctx context.Context, pool storage.ID, sources []Source,
	limits Limits) ([]git.Hash, Content, error) {
	s := storer{ctx: ctx, e: e, pool: pool, limits: limits, sources: sources, hashes: make([]git.Hash, len(sources))}
	return s.store()
}

func (s *storer) store() ([]git.Hash, Content, error) {
	err := s.run()
	if s.stage != nil {
		if err == nil {
			err = s.stage.Close(s.ctx)
		} else {
			err = errors.Join(err, s.stage.Discard())
		}
	}
	if err != nil {
		return nil, s.content, err
	}
	return s.hashes, s.content, nil
}

// Ahead is Store, but all is stored ahead, and the sources are to be their bytes.
func (e *Engine) Ahead(ctx context.Context, pool storage.ID, sources []Source,
	limits Limits) ([]git.Hash, Content, error) {
	s := storer{ctx: ctx, e: e, pool: pool, limits: limits, sources: sources, hashes: make([]git.Hash, len(sources)),
		always: true}
	return s.store()
}

type storer struct {
	ctx     context.Context
	e       *Engine
	pool    storage.ID
	limits  Limits
	sources []Source
	hashes  []git.Hash
	content Content
	total   int64
	ahead   int64 // bytes that take room
	always  bool  // nothing is to land with a commit
	stage   storage.Stage
}

func (s *storer) run() error {
	inline := len(s.sources) <= inlineCount && !s.always
	var bytes int64
	for i := range s.sources {
		n := int64(len(s.sources[i].Data))
		if n > s.limits.Blob {
			return &SourceError{i, fmt.Errorf("%d bytes: %w", n, s.limits.blobTooLarge())}
		}
		bytes += n
		inline = inline && s.sources[i].Reader == nil
	}
	if bytes > s.limits.Total {
		return &SourceError{0, fmt.Errorf("%d bytes: %w", bytes, s.limits.totalTooLarge())}
	}
	s.total = bytes
	if err := s.hash(bytes); err != nil {
		return err
	}
	if inline && bytes <= inlineBytes {
		s.content.Blobs = make([]storage.Object, 0, len(s.sources))
		for i := range s.sources {
			s.content.Blobs = append(s.content.Blobs, s.blob(i))
		}
		return nil
	}
	return s.storeAhead()
}

func (s *storer) blob(i int) storage.Object {
	data := s.sources[i].Data
	return storage.Object{Hash: s.hashes[i], Type: storage.Blob, Size: int64(len(data)), Data: data}
}

// hash names the sources whose bytes are at hand.
func (s *storer) hash(bytes int64) error {
	workers := runtime.GOMAXPROCS(0)
	if bytes < parallelBytes {
		workers = 1
	}
	var next atomic.Int64
	var failed atomic.Pointer[SourceError]
	work := func() {
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(s.sources) {
				return
			}
			if s.sources[i].Reader != nil {
				continue
			}
			err := s.ctx.Err()
			if err == nil {
				s.hashes[i], err = git.Sum(storage.Blob, s.sources[i].Data)
			}
			if err != nil {
				failed.Store(&SourceError{i, err})
			}
		}
	}
	if workers == 1 {
		work()
	} else {
		var group sync.WaitGroup
		for range workers {
			group.Go(work)
		}
		group.Wait()
	}
	if err := failed.Load(); err != nil {
		return err
	}
	return nil
}

func (s *storer) storeAhead() error {
	var err error
	if s.stage, err = s.e.backend.Stage(s.ctx, s.pool); err != nil {
		return err
	}
	s.content = Content{pool: s.pool, shared: s.limits.Shared, staged: make(map[git.Hash]int64, len(s.sources))}
	for i := range s.sources {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if s.sources[i].Reader != nil {
			err = s.read(i)
		} else {
			err = s.put(s.blob(i))
		}
		if err != nil {
			return &SourceError{i, err}
		}
	}
	return nil
}

// put stores a blob ahead.
func (s *storer) put(o storage.Object) error {
	if isNew, err := s.add(o.Hash, o.Size); !isNew || err != nil {
		return err
	}
	return s.stage.Put(s.ctx, o)
}

// add notes that a blob is part of the commit, and reports whether it was not yet. What the pool has is staged once
// more all the same: it may be what a crash left of it, or not be durable yet, which only the backend can tell.
func (s *storer) add(h git.Hash, size int64) (bool, error) {
	if _, ok := s.content.staged[h]; ok {
		return false, nil
	}
	s.content.staged[h] = size
	_, _, err := s.e.backend.StatObject(s.ctx, s.pool, h)
	isNew := errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt)
	if err != nil && !isNew {
		return false, err
	}
	if isNew || s.limits.Shared {
		if s.ahead += size; s.ahead > s.limits.Room {
			return false, s.limits.full(s.ahead)
		}
	}
	if isNew {
		s.e.staged.add(s.pool, h, size)
	}
	return true, nil
}

// read takes the content of a reader. What is small is held in memory; the rest goes to storage in pieces, and is
// read back for its hash, which begins with its size.
func (s *storer) read(i int) error {
	limit := min(s.limits.Blob, s.limits.Total-s.total)
	tooLarge := s.limits.blobTooLarge()
	if limit < s.limits.Blob {
		tooLarge = s.limits.totalTooLarge()
	}
	// How much is new is known when all was read: the pool may have it.
	if s.limits.Repo < limit {
		limit, tooLarge = s.limits.Repo, s.limits.full(s.limits.Repo)
	}
	r := &source{ctx: s.ctx, r: s.sources[i].Reader, left: limit, tooLarge: tooLarge}
	head, err := io.ReadAll(io.LimitReader(r, storage.LargeObject))
	if err != nil {
		return err
	}
	var h git.Hash
	if len(head) < storage.LargeObject {
		if h, err = git.Sum(storage.Blob, head); err != nil {
			return err
		}
		err = s.put(storage.Object{Hash: h, Type: storage.Blob, Size: int64(len(head)), Data: head})
	} else {
		h, err = s.large(head, r)
	}
	s.hashes[i] = h
	s.total += limit - r.left
	return err
}

func (s *storer) large(head []byte, rest io.Reader) (git.Hash, error) {
	w, err := s.stage.Create(s.ctx)
	if err != nil {
		return git.Hash{}, err
	}
	h, err := s.write(w, head, rest)
	if err != nil {
		return git.Hash{}, errors.Join(err, w.Discard())
	}
	return h, nil
}

const copyBuffer = 128 << 10

func (s *storer) write(w storage.Writer, head []byte, rest io.Reader) (git.Hash, error) {
	if _, err := w.Write(head); err != nil {
		return git.Hash{}, err
	}
	buffer := make([]byte, copyBuffer)
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, rest, buffer)
	if err != nil {
		return git.Hash{}, err
	}
	size := int64(len(head)) + n
	content, err := w.Content()
	if err != nil {
		return git.Hash{}, err
	}
	hasher := git.NewHasher(storage.Blob, size)
	_, err = io.CopyBuffer(hasher, &source{ctx: s.ctx, r: content, left: size}, buffer)
	if err := errors.Join(err, content.Close()); err != nil {
		return git.Hash{}, err
	}
	h, err := hasher.Sum()
	if err != nil {
		return git.Hash{}, err
	}
	isNew, err := s.add(h, size)
	if err != nil || !isNew {
		return h, errors.Join(err, w.Discard())
	}
	return h, w.Commit(s.ctx, h, storage.Blob)
}

var errRead = errors.New("reader returned an impossible count")

// source reads no more than left bytes, and stops when its context ends.
type source struct {
	ctx      context.Context
	r        io.Reader
	left     int64
	tooLarge error
	empty    int // reads in a row that brought nothing
}

const maxEmptyReads = 100 // as in package bufio

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	n, err := s.r.Read(p)
	if n < 0 || n > len(p) {
		return 0, errRead
	}
	if n > 0 || err != nil {
		s.empty = 0
	} else if s.empty++; s.empty > maxEmptyReads {
		return 0, io.ErrNoProgress
	}
	if s.left -= int64(n); s.left < 0 {
		return 0, s.tooLarge
	}
	return n, err
}
