package model_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
)

// A model is what a tree should hold: its files by path, and nothing else, as Git sees it. It does by brute force what
// the engine does by rewriting few trees.
type model map[string]file

type file struct {
	Mode    reposit.Mode
	Content string // of a submodule, its hash
}

func (f file) hash() reposit.Hash {
	if f.Mode == reposit.ModeSubmodule {
		b, _ := hex.DecodeString(f.Content)
		return reposit.Hash(b)
	}
	return fixture.BlobHash(f.Content)
}

func BlobHash(content string) reposit.Hash {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00%s", len(content), content)
	return reposit.Hash(h.Sum(nil))
}

// below returns the paths under a directory, or of the file itself.
func (m model) below(path string) []string {
	var found []string
	for p := range m {
		if p == path || strings.HasPrefix(p, path+"/") {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

func (m model) isDir(path string) bool {
	_, isFile := m[path]
	return !isFile && len(m.below(path)) > 0
}

// blocked reports whether a file stands where path needs a directory.
func (m model) blocked(path string) bool {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if _, ok := m[path[:i]]; ok {
			return true
		}
	}
	return false
}

type opKind int

const (
	opPut opKind = iota
	opPutReader
	opPutBlob
	opSymlink
	opSubmodule
	opDelete
	opMove
	opCopy
)

// An op is a change, as data.
type op struct {
	kind       opKind
	path, from string
	mode       reposit.Mode // 0: none is given
	content    string
	expect     *reposit.Hash
}

func (o op) String() string {
	return fmt.Sprintf("{%d %q from %q mode %o %d bytes}", o.kind, o.path, o.from, o.mode, len(o.content))
}

// change returns what the engine takes.
func (o op) change() reposit.Change {
	var c reposit.Change
	switch o.kind {
	case opPut:
		c = reposit.Put(o.path, []byte(o.content))
	case opPutReader:
		c = reposit.PutReader(o.path, strings.NewReader(o.content))
	case opPutBlob:
		c = reposit.PutBlob(o.path, fixture.BlobHash(o.content))
	case opSymlink:
		c = reposit.Symlink(o.path, o.content)
	case opSubmodule:
		c = reposit.Submodule(o.path, file{reposit.ModeSubmodule, o.content}.hash())
	case opDelete:
		c = reposit.Delete(o.path)
	case opMove:
		c = reposit.Move(o.from, o.path)
	case opCopy:
		c = reposit.Copy(o.from, o.path)
	}
	if o.mode != 0 {
		c = c.Mode(o.mode)
	}
	if o.expect != nil {
		c = c.Expect(*o.expect)
	}
	return c
}

// apply makes a change, or returns the sentinel that says why not.
func (m model) apply(o op) error {
	if o.expect != nil {
		subject := o.path
		if o.from != "" {
			subject = o.from
		}
		var holds reposit.Hash
		if f, ok := m[subject]; ok {
			holds = f.hash()
		}
		if holds != *o.expect || m.isDir(subject) {
			return reposit.ErrConflict
		}
	}
	switch o.kind {
	case opDelete:
		gone := m.below(o.path)
		for _, p := range gone {
			delete(m, p)
		}
		if len(gone) == 0 {
			return reposit.ErrNotFound
		}
		return nil
	case opMove, opCopy:
		return m.copy(o)
	}
	return m.put(o)
}

func (m model) put(o op) error {
	if m.blocked(o.path) || m.isDir(o.path) {
		return reposit.ErrExists
	}
	f := file{o.mode, o.content}
	switch {
	case o.kind == opSymlink:
		f.Mode = reposit.ModeSymlink
	case o.kind == opSubmodule:
		f.Mode = reposit.ModeSubmodule
	case o.mode == 0 && m[o.path].Mode == reposit.ModeExecutable:
		f.Mode = reposit.ModeExecutable
	case o.mode == 0:
		f.Mode = reposit.ModeRegular
	}
	m[o.path] = f
	return nil
}

func (m model) copy(o op) error {
	if o.path == o.from || strings.HasPrefix(o.path, o.from+"/") {
		return reposit.ErrInvalid
	}
	sources := m.below(o.from)
	if len(sources) == 0 {
		return reposit.ErrNotFound
	}
	if o.mode != 0 {
		if f, ok := m[o.from]; !ok || f.Mode != reposit.ModeRegular && f.Mode != reposit.ModeExecutable {
			return reposit.ErrInvalid
		}
	}
	if len(m.below(o.path)) > 0 || m.blocked(o.path) {
		return reposit.ErrExists
	}
	for _, p := range sources {
		f := m[p]
		if o.mode != 0 {
			f.Mode = o.mode
		}
		m[o.path+p[len(o.from):]] = f
		if o.kind == opMove {
			delete(m, p)
		}
	}
	return nil
}

// check compares a revision with the model by all that reads trees.
func (m model) check(t testing.TB, r *reposit.Repo, rev string) {
	t.Helper()
	got := model{}
	var order []reposit.Entry
	for e, err := range r.Walk(t.Context(), rev, "") {
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, e)
		if e.Mode == reposit.ModeDir {
			if !m.isDir(e.Path) {
				t.Errorf("Walk(%q) yields a directory %q", rev, e.Path)
			}
			continue
		}
		got[e.Path] = m.read(t, r, rev, e)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("Walk(%q), -want +got:\n%s", rev, diff)
	}
	checkOrder(t, order)
}

// checkOrder checks that files come in the order of Git's index, each directory right before what it holds.
func checkOrder(t testing.TB, entries []reposit.Entry) {
	t.Helper()
	last := ""
	for i, e := range entries {
		switch {
		case e.Mode == reposit.ModeDir:
			if i+1 == len(entries) || !strings.HasPrefix(entries[i+1].Path, e.Path+"/") {
				t.Errorf("Walk() yields directory %q without what it holds behind it", e.Path)
			}
		case e.Path <= last:
			t.Errorf("Walk() yields %q after %q", e.Path, last)
		default:
			last = e.Path
		}
	}
}

func (m model) read(t testing.TB, r *reposit.Repo, rev string, e reposit.Entry) file {
	t.Helper()
	if e.Mode == reposit.ModeSubmodule {
		return file{e.Mode, e.Hash.String()}
	}
	data, err := r.Read(t.Context(), rev, e.Path)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(data)) != e.Size || fixture.BlobHash(string(data)) != e.Hash {
		t.Errorf("Read(%q, %q) = %d bytes, want %d with hash %s", rev, e.Path, len(data), e.Size, e.Hash)
	}
	return file{e.Mode, string(data)}
}

func (m model) clone() model {
	if m == nil {
		return model{}
	}
	return maps.Clone(m)
}
