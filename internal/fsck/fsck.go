// Package fsck checks objects that come from outside, as git fsck does (git-fsck), and says what they name.
package fsck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", git.ErrMalformed, fmt.Sprintf(format, args...))
}

// Check decodes an object, of which it keeps data, and refuses what must not be stored: what git-fsck calls an error,
// whatever the type, but for identities and dates as old programs wrote them (see scanner.person), which are in
// histories that exist.
func Check(t storage.Type, data []byte) (*object.Item, error) {
	item, err := object.Decode(t, data, 0)
	if err != nil {
		return nil, err
	}
	switch t {
	case storage.Tree:
		err = checkTree(item.Tree)
	case storage.Commit:
		err = checkCommit(data)
	case storage.Tag:
		err = checkTag(data)
	}
	return item, err
}

// modeLegacy is what old versions of git wrote for files that a group may write. It is kept (git-fsck, badFilemode).
const modeLegacy git.Mode = 0o100664

// checkTree refuses names that git would not check out, directories and symbolic links where it wants a file, modes
// that it does not know, null hashes, and entries that are out of order or there twice. Modes padded with zeroes pass,
// and stay as they are.
func checkTree(t *git.Tree) error {
	var last git.Entry
	for i := range t.Len() {
		e := t.Entry(i)
		if err := names.CheckEntry(e.Name); err != nil {
			return fmt.Errorf("tree entry: %w", err)
		}
		switch e.Mode {
		case git.ModeRegular, git.ModeExecutable, modeLegacy:
		case git.ModeDir, git.ModeSubmodule:
			if err := names.CheckDirectory(e.Name); err != nil {
				return fmt.Errorf("tree entry: %w", err)
			}
		case git.ModeSymlink:
			if err := names.CheckSymlinkEntry(e.Name); err != nil {
				return fmt.Errorf("tree entry: %w", err)
			}
		default:
			return malformed("tree entry %.80q has mode %o", e.Name, e.Mode)
		}
		if e.Hash.IsZero() {
			return malformed("tree entry %.80q names no object", e.Name)
		}
		if i > 0 && (e.Name == last.Name || !git.Less(last, e)) {
			return malformed("tree entry %.80q is out of order, or there twice", e.Name)
		}
		if e.IsDir() {
			// A file of the same name need not be the entry before: "a" and "a.b" both stand before "a/".
			if first, ok := t.Find(e.Name); ok && !first.IsDir() {
				return malformed("tree entry %.80q is there twice", e.Name)
			}
		}
		last = e
	}
	return nil
}

// A scanner takes the headers of a commit or tag apart, one line after the other, as git-fsck does.
type scanner struct {
	kind string
	rest []byte
	err  error
}

// checkCommit checks the headers that every commit has, and their order.
func checkCommit(data []byte) error {
	s := scanner{kind: "commit", rest: data}
	s.checkEnd()
	s.hash("tree")
	for s.next("parent") {
		s.hash("parent")
	}
	s.person("author")
	s.person("committer")
	return s.err
}

func checkTag(data []byte) error {
	s := scanner{kind: "tag", rest: data}
	s.checkEnd()
	s.hash("object")
	if t := s.line("type"); s.err == nil && git.ParseType(string(t)) == 0 {
		s.fail("names an object of type %.80q", t)
	}
	s.line("tag")
	if s.next("tagger") {
		s.person("tagger")
	}
	return s.err
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = malformed("%s %s", s.kind, fmt.Sprintf(format, args...))
	}
}

// checkEnd refuses headers that do not end, or hold a NUL (git-fsck, unterminatedHeader and nulInHeader).
func (s *scanner) checkEnd() {
	head, _, ok := bytes.Cut(s.rest, []byte("\n\n"))
	if !ok && !bytes.HasSuffix(s.rest, []byte("\n")) {
		s.fail("has headers without an end")
	}
	if bytes.IndexByte(head, 0) >= 0 {
		s.fail("has a NUL in its headers")
	}
}

func (s *scanner) next(key string) bool {
	return s.err == nil && len(s.rest) > len(key) && string(s.rest[:len(key)]) == key && s.rest[len(key)] == ' '
}

// line returns the value of the next header, which must be of that key.
func (s *scanner) line(key string) []byte {
	if !s.next(key) {
		s.fail("has no %s where it must be", key)
		return nil
	}
	value, rest, _ := bytes.Cut(s.rest[len(key)+1:], []byte{'\n'})
	s.rest = rest
	return value
}

func (s *scanner) hash(key string) {
	if value := s.line(key); s.err == nil {
		if _, ok := git.ParseHash(string(value)); !ok {
			s.fail("names %s %.80q", key, value)
		}
	}
}

// person checks "name <email> seconds zone" (git-fsck, fsck_ident). The zone may be anything, and may be missing, as
// may the time. So may the spaces before the address and the time. An address may have another one in it or behind it:
// git takes the last ">" as where the time begins (ident.c, split_ident_line).
func (s *scanner) person(key string) {
	value := s.line(key)
	if s.err != nil {
		return
	}
	name, rest, ok := bytes.Cut(value, []byte{'<'})
	end := bytes.LastIndexByte(rest, '>')
	switch {
	case !ok || end < 0 || bytes.IndexByte(name, '>') >= 0:
		s.fail("has a malformed address in %s", key)
	case len(name) == 0:
		s.fail("has no name in %s", key)
	case !isWhen(rest[end+1:]):
		s.fail("has a malformed time in %s", key)
	}
}

// isWhen reports whether b is nothing, or seconds since 1970 that a signed 64-bit number holds, and a zone behind a
// space or none.
func isWhen(b []byte) bool {
	seconds, _, _ := bytes.Cut(bytes.TrimLeft(b, " "), []byte{' '})
	if len(seconds) == 0 {
		return true
	}
	if len(seconds) > 1 && seconds[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(string(seconds), 10, 63)
	return err == nil
}

// A Link is what an object says of another one: that it is there, and of which type.
type Link struct {
	Hash git.Hash
	Type storage.Type
}

// Links calls fn with what must be there for an object to be whole. Submodules are elsewhere.
func Links(t storage.Type, item *object.Item, data []byte, fn func(Link) error) error {
	switch t {
	case storage.Tree:
		for i := range item.Tree.Len() {
			e := item.Tree.Entry(i)
			if e.Mode == git.ModeSubmodule {
				continue
			}
			l := Link{e.Hash, storage.Blob}
			if e.IsDir() {
				l.Type = storage.Tree
			}
			if err := fn(l); err != nil {
				return err
			}
		}
	case storage.Commit:
		if err := fn(Link{item.Commit.Tree, storage.Tree}); err != nil {
			return err
		}
		for _, p := range item.Commit.Parents {
			if err := fn(Link{p, storage.Commit}); err != nil {
				return err
			}
		}
	case storage.Tag:
		tag, err := git.ParseTag(data)
		if err != nil {
			return err
		}
		return fn(Link{tag.Object, tag.Type})
	}
	return nil
}

// A File is a blob that a tree gives a name which Git may take for .gitmodules or .gitattributes.
type File struct {
	Hash git.Hash
	Kind gitfile.Kind
}

// Files returns the blobs of a tree whose content depends on their names: few, or none.
func Files(t *git.Tree) (files []File) {
	for i := range t.Len() {
		mode, name, h := t.At(i)
		if kind := gitfile.Named(name); kind != 0 && (git.Entry{Mode: mode}).IsFile() {
			files = append(files, File{h, kind})
		}
	}
	return files
}

// Check checks the content of the blob, of the given size, that r reads, and closes r. It returns an error that wraps
// gitfile.ErrMalformed, or that of r.
func (f File) Check(size int64, r io.ReadCloser) error {
	return errors.Join(f.about(gitfile.Check(f.Kind, size, r)), r.Close())
}

// CheckBytes is Check of content in memory.
func (f File) CheckBytes(data []byte) error { return f.about(gitfile.CheckBytes(f.Kind, data)) }

func (f File) about(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("blob %s: %w", f.Hash, err)
}
