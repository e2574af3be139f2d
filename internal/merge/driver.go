package merge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/attr"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/storage"
)

// A Driver merges the content of some files.
type Driver struct {
	// Pattern is one of gitattributes, or named and a name, for files to which .gitattributes give that driver.
	Pattern string
	Merge   func(ctx context.Context, path string, base, ours, theirs []byte) (merged []byte, clean bool, err error)
}

const named = "merge="

var errPattern = errors.New("malformed pattern")

// Check returns an error unless the driver can be used.
func (d *Driver) Check() error {
	name, isName := strings.CutPrefix(d.Pattern, named)
	switch {
	case d.Merge == nil:
		return errors.New("it does not say how to merge")
	case d.Pattern == "" || len(d.Pattern) > attr.MaxLine/4 || strings.ContainsAny(d.Pattern, "\x00\r\n"),
		d.Pattern[0] == '!', isName && (name == "" || strings.ContainsAny(name, " \t")):
		return errPattern
	case isName && builtIn(name) != nil:
		return fmt.Errorf("%q is a driver of git's own", name)
	}
	return nil
}

// builtIn returns the driver that git has of a name, or nil.
func builtIn(name string) *treemerge.Driver {
	switch name {
	case "text":
		return &treemerge.Driver{}
	case "binary":
		return &treemerge.Driver{Binary: true}
	case "union":
		return &treemerge.Driver{Union: true}
	}
	return nil
}

// drivers finds out how the files of one merge are merged: as the attributes of one of its trees say, or the host.
type drivers struct {
	*Engine
	ctx   context.Context
	pool  storage.ID
	root  git.Hash
	files *attr.Matcher // of .gitattributes along stack
	stack []string      // the directories whose files were pushed, or that have none
	push  []bool        // whether they were
	bytes []int
	size  int           // of the pushed files
	hosts *attr.Matcher // of the patterns of Engine.Drivers, whose attribute is an index
}

// maxAttributes bounds the .gitattributes that count for one path. Git has no bound of them all.
const maxAttributes = 16 << 20

// driver returns how files are merged where root is the tree whose .gitattributes count: git looks into those that are
// checked out, which are ours.
func (e *Engine) driver(ctx context.Context, pool storage.ID, root git.Hash) func(string) (treemerge.Driver, error) {
	d := &drivers{Engine: e, ctx: ctx, pool: pool, root: root, files: attr.NewMatcher("merge", "conflict-marker-size")}
	return d.of
}

func (d *drivers) of(path string) (treemerge.Driver, error) {
	if err := d.enter(path); err != nil {
		return treemerge.Driver{}, err
	}
	values, err := d.files.Match(d.ctx, path)
	if err != nil {
		return treemerge.Driver{}, err
	}
	how, size := values[0], values[1]
	out, err := d.chosen(path, how)
	if text, ok := size.Text(); ok {
		if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= 1<<10 {
			out.MarkerSize = n
		}
	}
	return out, err
}

func (d *drivers) chosen(path string, how attr.Value) (treemerge.Driver, error) {
	switch name, ok := how.Text(); {
	case how.IsSet():
		return treemerge.Driver{}, nil
	case how.IsUnset():
		return treemerge.Driver{Binary: true}, nil
	case ok:
		if b := builtIn(name); b != nil {
			return *b, nil
		}
		for i := range d.Drivers {
			if d.Drivers[i].Pattern == named+name {
				return d.host(i), nil
			}
		}
	}
	return d.matching(path)
}

// host returns the driver of the host with an index.
func (d *drivers) host(i int) treemerge.Driver {
	run, limit := d.Drivers[i].Merge, d.BlobSize
	merge := func(ctx context.Context, path string, base, ours, theirs []byte) ([]byte, bool, error) {
		// The cache holds them.
		base, ours, theirs = bytes.Clone(base), bytes.Clone(ours), bytes.Clone(theirs)
		merged, clean, err := run(ctx, path, base, ours, theirs)
		if err == nil && limit > 0 && int64(len(merged)) > limit {
			err = fault.New(fault.TooLarge, fmt.Sprintf("%d bytes, where a file may have %d", len(merged), limit))
		}
		if err != nil {
			return nil, false, fault.About(path, err)
		}
		return merged, clean, nil
	}
	return treemerge.Driver{Merge: merge}
}

// matching returns the first driver of the host whose pattern fits a path.
func (d *drivers) matching(path string) (treemerge.Driver, error) {
	if len(d.Drivers) == 0 {
		return treemerge.Driver{}, nil
	}
	if d.hosts == nil {
		var lines strings.Builder
		for i := len(d.Drivers) - 1; i >= 0; i-- { // the last line that fits counts
			if p := d.Drivers[i].Pattern; !strings.HasPrefix(p, named) {
				quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p)
				fmt.Fprintf(&lines, "\"%s\" merge=%d\n", quoted, i)
			}
		}
		d.hosts = attr.NewMatcher("merge")
		d.hosts.Push("", []byte(lines.String()))
	}
	values, err := d.hosts.Match(d.ctx, path)
	if err != nil {
		return treemerge.Driver{}, err
	}
	if text, ok := values[0].Text(); ok {
		if i, err := strconv.Atoi(text); err == nil {
			return d.host(i), nil
		}
	}
	return treemerge.Driver{}, nil
}

// enter has the files be those of the directories above a path.
func (d *drivers) enter(path string) error {
	dirs := []string{""}
	for i := range len(path) {
		if path[i] == '/' {
			dirs = append(dirs, path[:i])
		}
	}
	for n := len(d.stack) - 1; n >= 0 && (n >= len(dirs) || d.stack[n] != dirs[n]); n-- {
		if d.push[n] {
			d.files.Pop()
		}
		d.size -= d.bytes[n]
		d.stack, d.push, d.bytes = d.stack[:n], d.push[:n], d.bytes[:n]
	}
	for _, dir := range dirs[len(d.stack):] {
		data, err := d.attributes(dir)
		if err != nil {
			return err
		}
		if data != nil {
			d.files.Push(dir, data)
		}
		d.stack, d.push, d.bytes = append(d.stack, dir), append(d.push, data != nil), append(d.bytes, len(data))
		d.size += len(data)
	}
	return nil
}

// attributes returns the .gitattributes of a directory; nil if it has none.
func (d *drivers) attributes(dir string) ([]byte, error) {
	at := git.Entry{Mode: git.ModeDir, Hash: d.root}
	for name := range strings.SplitSeq(strings.TrimPrefix(dir+"/"+attr.File, "/"), "/") {
		if !at.IsDir() || at.Hash.IsZero() || at.Hash == git.EmptyTree {
			return nil, nil
		}
		item, err := d.Objects.Tree(d.ctx, d.pool, at.Hash)
		if err != nil {
			return nil, err
		}
		var ok bool
		if at, ok = item.Tree.Find(name); !ok {
			return nil, nil
		}
	}
	if !at.IsFile() {
		return nil, nil
	}
	_, size, err := d.Objects.Stat(d.ctx, d.pool, at.Hash)
	if err != nil {
		return nil, err
	}
	if int64(d.size)+size > maxAttributes {
		return nil, fault.About(dir+"/"+attr.File,
			fault.New(fault.TooLarge, fmt.Sprintf("it and those above have more than %d bytes", maxAttributes)))
	}
	data, err := d.Objects.Blob(d.ctx, d.pool, at.Hash)
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}
