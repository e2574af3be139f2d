package billyfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A stage collects a few objects in memory, and writes a pack as soon as they are many.
type stage struct {
	s     *store
	pool  storage.ID
	few   []storage.Object
	names map[storage.Hash]bool
	size  int
	pack  *packWriter
	large []largeObject
	ended bool
}

// A largeObject is finished, but still in a temporary file.
type largeObject struct {
	hash storage.Hash
	temp string
}

// maxHeld is how many bytes of content a stage holds in memory.
const maxHeld = 1 << 20

// Stage implements storage.Backend.
func (s *store) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.enterWrite(); err != nil {
		return nil, err
	}
	defer s.leave()
	if !validID(pool) {
		return nil, fmt.Errorf("pool %q: %w", pool, fs.ErrInvalid)
	}
	return &stage{s: s, pool: pool, names: map[storage.Hash]bool{}}, nil
}

var errEnded = fmt.Errorf("stage has ended: %w", fs.ErrClosed)

// Put implements storage.Stage.
func (g *stage) Put(ctx context.Context, o storage.Object) error {
	if g.ended {
		return errEnded
	}
	if err := g.s.enterFor(ctx); err != nil {
		return err
	}
	defer g.s.leave()
	if o.Data == nil {
		return fmt.Errorf("object %s: without its content: %w", o.Hash, fs.ErrInvalid)
	}
	if has, err := g.has(o.Hash); has || err != nil {
		return err
	}
	g.names[o.Hash] = true
	if g.pack != nil {
		return disk.Explain(g.pack.add(o))
	}
	g.few = append(g.few, o)
	if g.size += len(o.Data); len(g.few) <= manyObjects && g.size <= maxHeld {
		return nil
	}
	return disk.Explain(g.begin())
}

// has reports whether an object is staged or stored. One that is stored is synced, if that is in doubt, for what
// leads to it will count on it.
func (g *stage) has(h storage.Hash) (bool, error) {
	if g.names[h] {
		return true, nil
	}
	name := objectName{g.pool, h}
	file, ok, err := g.s.objects.holds(name, false)
	if err != nil || !ok {
		return false, err
	}
	if file != "" {
		if err := g.s.m.SyncNow(file); err != nil {
			return false, err
		}
		g.s.objects.makeDurable(name)
	}
	return true, nil
}

// begin moves what is held to a pack.
func (g *stage) begin() error {
	p, err := g.s.objects.newPack(g.pool)
	if err != nil {
		return err
	}
	g.pack = p
	for _, o := range g.few {
		if err := p.add(o); err != nil {
			return err
		}
	}
	g.few = nil
	return nil
}

// Close implements storage.Stage.
func (g *stage) Close(ctx context.Context) error {
	if g.ended {
		return nil
	}
	if err := g.s.enterFor(ctx); err != nil {
		return err
	}
	defer g.s.leave()
	g.ended = true
	if err := g.close(); err != nil {
		return errors.Join(disk.Explain(err), g.drop())
	}
	return nil
}

func (g *stage) close() error {
	if g.pack != nil {
		p := g.pack
		g.pack = nil
		if err := p.finish(); err != nil {
			return err
		}
	}
	if len(g.few)+len(g.large) > 0 {
		if err := g.s.objects.ensurePool(g.pool); err != nil {
			return err
		}
	}
	for _, o := range g.few {
		data, err := g.s.objects.writeLoose(g.pool, o)
		if err != nil {
			return err
		}
		if data != nil {
			if err := g.s.m.SyncNow(loosePath(poolDir(g.pool)+"/objects", o.Hash)); err != nil {
				return err
			}
		}
	}
	g.few = nil
	for len(g.large) > 0 {
		file := loosePath(poolDir(g.pool)+"/objects", g.large[0].hash)
		if err := g.s.m.Publish(g.large[0].temp, file); err != nil {
			return err
		}
		if err := g.s.m.SyncParents(file); err != nil {
			return err
		}
		g.large = g.large[1:]
	}
	return nil
}

// Discard implements storage.Stage.
func (g *stage) Discard() error {
	if g.ended {
		return nil
	}
	g.ended = true
	if err := g.s.enter(); err != nil {
		return err
	}
	defer g.s.leave()
	return g.drop()
}

func (g *stage) drop() error {
	var err error
	if g.pack != nil {
		err = g.pack.discard()
		g.pack = nil
	}
	for _, l := range g.large {
		err = errors.Join(err, g.s.m.RemoveAny(l.temp))
	}
	g.large, g.few = nil, nil
	return err
}

// A writer keeps content in a temporary file until it has a name: the header of a loose object tells its size.
type writer struct {
	stage *stage
	temp  string
	f     disk.File
	w     *bufio.Writer
	size  int64
}

// Create implements storage.Stage.
func (g *stage) Create(ctx context.Context) (storage.Writer, error) {
	if g.ended {
		return nil, errEnded
	}
	if err := g.s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer g.s.leave()
	temp := g.s.m.Temp()
	f, err := g.s.m.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, disk.Explain(err)
	}
	return &writer{stage: g, temp: temp, f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

var errCommitted = fmt.Errorf("writer has ended: %w", fs.ErrClosed)

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.f == nil {
		return 0, errCommitted
	}
	n, err := w.w.Write(p)
	w.size += int64(n)
	return n, disk.Explain(err)
}

// Content implements storage.Writer.
func (w *writer) Content() (io.ReadCloser, error) {
	if w.f == nil {
		return nil, errCommitted
	}
	if err := w.w.Flush(); err != nil {
		return nil, disk.Explain(err)
	}
	return w.stage.s.m.OpenFile(w.temp, os.O_RDONLY, 0)
}

// Commit implements storage.Writer.
func (w *writer) Commit(ctx context.Context, h storage.Hash, t storage.Type) error {
	g := w.stage
	if w.f == nil || g.ended {
		return errCommitted
	}
	if err := g.s.enterFor(ctx); err != nil {
		return err
	}
	defer g.s.leave()
	has, err := g.has(h)
	if err == nil && !has {
		err = w.compress(ctx, h, t)
	}
	return errors.Join(disk.Explain(err), w.Discard())
}

// compress writes the content as a loose object.
func (w *writer) compress(ctx context.Context, h storage.Hash, t storage.Type) error {
	s := w.stage.s
	content, err := w.Content()
	if err != nil {
		return err
	}
	defer content.Close()
	temp := s.m.Temp()
	f, err := s.m.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, disk.ReadOnlyPerm)
	if err != nil {
		return err
	}
	err = s.objects.codec.copyObject(ctx, f, t, w.size, content)
	if err == nil && s.m.Syncs {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, s.m.RemoveAny(temp))
	}
	w.stage.large = append(w.stage.large, largeObject{h, temp})
	w.stage.names[h] = true
	return nil
}

// Discard implements storage.Writer.
func (w *writer) Discard() error {
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f = nil
	return errors.Join(err, w.stage.s.m.RemoveAny(w.temp))
}

// Mend is asked by storage.Mend. The object gets a file of its own, which is read where a pack has damaged bytes.
func (s *store) Mend(ctx context.Context, pool storage.ID, o storage.Object) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enterWrite(); err != nil {
		return err
	}
	defer s.leave()
	if !validID(pool) {
		return fmt.Errorf("pool %q: %w", pool, fs.ErrInvalid)
	}
	if err := s.objects.ensurePool(pool); err != nil {
		return disk.Explain(err)
	}
	var b bytes.Buffer
	header := packfile.AppendObjectHeader(nil, o.Type, int64(len(o.Data)))
	if err := s.objects.codec.deflate(&b, header, o.Data); err != nil {
		return err
	}
	file := loosePath(poolDir(pool)+"/objects", o.Hash)
	if err := s.m.Replace(file, b.Bytes(), disk.ReadOnly|disk.SyncData); err != nil {
		return disk.Explain(err)
	}
	return disk.Explain(s.m.SyncParents(file))
}
