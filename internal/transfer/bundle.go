package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/storage"
)

// Snapshot is the refs of a repository that leave it, as they were at one moment.
type Snapshot struct {
	Head string        // the branch that HEAD names
	Refs []storage.Ref // in the order of their names, without HEAD; symbolic ones have the hash that they lead to as well
}

// tips returns what the refs name.
func (s *Snapshot) tips() []git.Hash {
	tips := make([]git.Hash, 0, len(s.Refs))
	for _, r := range s.Refs {
		tips = append(tips, r.Hash)
	}
	return tips
}

// Stages of the progress of what leaves.
const (
	StageSelect = "select objects"
	StageWrite  = "write objects"
)

const bundleSignature = "# v2 git bundle\n"

// WriteBundle writes a bundle of version 2 (gitformat-bundle): the refs of a snapshot with what they reach and
// w.Since does not. w.Tips is set. The branch that HEAD names comes first, so that git takes it for the default one.
func WriteBundle(ctx context.Context, out io.Writer, src *Objects, refs *Snapshot, w *Wish,
	tell *progress.Reporter) error {
	w.Tips = refs.tips()
	tell.Begin(StageSelect, 0)
	selected, err := Select(ctx, src, w, tell)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(out)
	b.WriteString(bundleSignature)
	for _, needed := range [...][]git.Hash{selected.Boundary, selected.Lacking} {
		for _, h := range needed {
			fmt.Fprintf(b, "-%s\n", h)
		}
	}
	for _, r := range refs.Refs {
		if r.Name == refs.Head {
			fmt.Fprintf(b, "%s HEAD\n%s %s\n", r.Hash, r.Hash, r.Name)
		}
	}
	for _, r := range refs.Refs {
		if r.Name != refs.Head {
			fmt.Fprintf(b, "%s %s\n", r.Hash, r.Name)
		}
	}
	b.WriteByte('\n')
	if err := b.Flush(); err != nil {
		return err
	}
	_, err = writePack(ctx, out, src, selected.List(len(w.Since) > 0), w, tell)
	return err
}

// A Form is how a pack is written.
type Form struct {
	Thin  bool // deltas may be based on what the receiver has
	Named bool // deltas name what they are based on; else they say how far before it is
}

// WritePack writes a pack of what w.Tips reach and w.Since does not.
func WritePack(ctx context.Context, out io.Writer, src *Objects, w *Wish, form Form, tell *progress.Reporter) error {
	tell.Begin(StageSelect, 0)
	selected, err := Select(ctx, src, w, tell)
	if err != nil {
		return err
	}
	tell.Set(int64(selected.Len()), 0)
	list := selected.List(form.Thin)
	list.Named = form.Named
	_, err = writePack(ctx, out, src, list, w, tell)
	return err
}

// writePack writes a pack, and asks now and then whether to go on.
func writePack(ctx context.Context, out io.Writer, src *Objects, list pack.List, w *Wish,
	tell *progress.Reporter) (pack.Written, error) {
	tell.Begin(StageWrite, int64(len(list.Order)))
	written, err := pack.Write(ctx, out, src, list, func(done int, bytes int64) error {
		tell.Set(int64(done), bytes)
		if done%1024 == 0 && w.Ask != nil {
			return w.Ask()
		}
		return nil
	})
	if err == nil {
		tell.Set(int64(len(list.Order)), written.Size)
	}
	return written, err
}
