package transfer

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/internal/progress"
)

// ErrNotEmpty says that an export would mix with what is there.
var ErrNotEmpty = fault.New(fault.Exists, "the folder to export to is not empty")

const bareConfig = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"

// Export writes a bare repository (gitrepository-layout) with the refs of a snapshot and what they reach, in one pack.
// HEAD comes last: without it, git does not take a folder for a repository. After an error, the files that it made are
// removed, as far as possible. w.Tips is set.
func Export(ctx context.Context, dst billy.Filesystem, src *Objects, refs *Snapshot, w *Wish,
	tell *progress.Reporter) error {
	if found, err := dst.ReadDir(""); err == nil && len(found) > 0 {
		return ErrNotEmpty
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.Tips = refs.tips()
	tell.Begin(StageSelect, 0)
	selected, err := Select(ctx, src, w, tell)
	if err != nil {
		return err
	}
	e := &exporter{ctx: ctx, dst: dst}
	if err := e.export(src, refs, selected, w, tell); err != nil {
		return errors.Join(err, e.undo())
	}
	return nil
}

// An exporter writes files, and remembers them.
type exporter struct {
	ctx  context.Context
	dst  billy.Filesystem
	made []string
}

func (e *exporter) export(src *Objects, refs *Snapshot, selected *Selection, w *Wish, tell *progress.Reporter) error {
	for _, dir := range [...]string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := e.dst.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	if selected.Len() > 0 {
		if err := e.pack(src, selected, w, tell); err != nil {
			return err
		}
	}
	if err := e.file("config", []byte(bareConfig)); err != nil {
		return err
	}
	if err := e.refs(refs, selected); err != nil {
		return err
	}
	if len(selected.Shallow) > 0 {
		var b bytes.Buffer
		for _, h := range selected.Shallow {
			fmt.Fprintf(&b, "%s\n", h)
		}
		if err := e.file("shallow", b.Bytes()); err != nil {
			return err
		}
	}
	return e.file("HEAD", []byte("ref: "+refs.Head+"\n"))
}

// pack writes the pack and its index. It gets its name when all of it is there.
func (e *exporter) pack(src *Objects, selected *Selection, w *Wish, tell *progress.Reporter) error {
	const temp = "objects/pack/tmp_pack"
	f, err := e.create(temp, 0o444)
	if err != nil {
		return err
	}
	written, err := writePack(e.ctx, f, src, selected.List(false), w, tell)
	if err := errors.Join(err, finish(f, err)); err != nil {
		return err
	}
	slices.SortFunc(written.Entries, func(a, b packfile.IndexEntry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	name := "objects/pack/pack-" + hex.EncodeToString(written.Sum[:])
	f, err = e.create(name+".idx", 0o444)
	if err != nil {
		return err
	}
	_, err = f.Write(packfile.AppendIndex(nil, written.Entries, written.Sum))
	if err := errors.Join(err, finish(f, err)); err != nil {
		return err
	}
	e.made = append(e.made, name+".pack")
	return e.dst.Rename(temp, name+".pack")
}

// refs writes packed-refs (git-pack-refs), and a file for each symbolic ref.
func (e *exporter) refs(refs *Snapshot, selected *Selection) error {
	var b bytes.Buffer
	b.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for _, r := range refs.Refs {
		if r.Target != "" {
			if err := e.file(r.Name, []byte("ref: "+r.Target+"\n")); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(&b, "%s %s\n", r.Hash, r.Name)
		if peeled, ok := selected.Peeled[r.Hash]; ok {
			fmt.Fprintf(&b, "^%s\n", peeled)
		}
	}
	return e.file("packed-refs", b.Bytes())
}

func (e *exporter) create(name string, perm os.FileMode) (billy.File, error) {
	e.made = append(e.made, name)
	return e.dst.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
}

// file writes a small file. billy's own WriteFile swallows errors.
func (e *exporter) file(name string, data []byte) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	f, err := e.create(name, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, finish(f, err))
}

// finish closes a file, and syncs it before if nothing went wrong and the filesystem can.
func finish(f billy.File, err error) error {
	if s, ok := f.(interface{ Sync() error }); ok && err == nil {
		err = s.Sync()
	} else {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// undo removes the files that were made.
func (e *exporter) undo() error {
	var all error
	for _, name := range slices.Backward(e.made) {
		if err := e.dst.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
