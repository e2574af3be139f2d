// Package archive writes the tree of a commit as a tar or zip file, as git archive does.
//
// # What is the same as with git
//
// A tar is, byte for byte, what "git archive --format=tar" of git 2.39 writes, in a repository without configuration
// and without info/attributes. A zip has the same entries, with the same names, modes, times, flags, comment and extra
// fields, but other compressed bytes, and entries of more than storage.LargeObject bytes are followed by their sizes
// where git knows them beforehand. The DOS time of its entries, which has no time zone, is in UTC: git takes the
// machine's. The compressed tars hold the same tar.
//
// export-ignore and export-subst of the .gitattributes files in the tree that is archived count, and so do text, eol,
// ident and working-tree-encoding, which git archive applies too. What is not the same: filter is not run; encodings
// are UTF-16, UTF-32 and ISO-8859-1, for files up to storage.LargeObject bytes; %(trailers) is left as it stands; %G?
// says E of every signed commit; and a $Format:...$ that would expand to more than 1 MiB, or make its file larger than
// ten times its size and 1 MiB, is left as it stands.
//
// # Determinism
//
// The bytes depend on the arguments alone: not on time, machine, number of processors or scheduling. Compression works
// on blocks of a fixed size. Another version of the compression library may give others.
package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/pretty"
	"github.com/reposit/reposit/storage"
)

// A Source is where trees and blobs come from. Its methods are called from several goroutines at once.
type Source interface {
	// Tree returns a tree.
	Tree(ctx context.Context, h storage.Hash) (*git.Tree, error)

	// Blob returns the size of a blob and, unless it has more than limit bytes, its content; else nil. The content
	// is only read.
	Blob(ctx context.Context, h storage.Hash, limit int64) (size int64, content []byte, err error)

	// OpenBlob returns the size of a blob and a reader of its content, which holds little of it in memory.
	OpenBlob(ctx context.Context, h storage.Hash) (size int64, content io.ReadCloser, err error)
}

// A Format is the kind of file that Write writes.
type Format int

const (
	Tar Format = iota
	TarGz
	TarZst
	Zip
)

// Options says what to write. Format and Tree are needed, the rest is not.
type Options struct {
	Format Format
	Tree   storage.Hash

	// Commit is the commit that Tree belongs to, or zero if it is just a tree; CommitData is that commit's content.
	// They make the archive's comment and its time, and are what export-subst expands; without a commit it
	// expands nothing.
	Commit     storage.Hash
	CommitData []byte

	// Time is when the entries of a tree without commit were last changed. It is cut to seconds.
	Time time.Time

	// Prefix is put before every path, as it is; if it ends in a slash, there is an entry for it.
	Prefix string

	// Paths are the files and directories to take, without slashes at their ends; none stands for all.
	Paths []string

	// Level is how hard to compress, from 1 to 9, and to 22 for TarZst; 0 is 6, for TarZst 3.
	Level int

	// Progress is called, in the goroutine that called Write, after each file, symbolic link or submodule, with how
	// many were written and how many there are in all. The latter costs another walk through the trees.
	Progress func(done, total int64)

	// MaxEntries bounds how many entries of trees are looked at; 0 stands for 10 million.
	MaxEntries int64

	// Subst answers what export-subst asks about the repository. Describe is called for the archive's first %(describe)
	// alone, as git archive answers no other.
	Subst pretty.Repository
}

// ErrTooLarge says that a tree is beyond what an archive may hold: its entries, its depth, the lengths of its paths,
// its .gitattributes files (4 MiB of those that are in force at once) or a symbolic link's target.
var ErrTooLarge = errors.New("archive: tree too large")

// ErrInvalid says that an option has a value that it can't have.
var ErrInvalid = errors.New("archive: invalid option")

const (
	maxEntries    = 10_000_000
	maxAttributes = 4 << 20 // bytes of .gitattributes files that are in force at once
	copyBuffer    = 64 << 10
)

// Write writes the archive to w, which it does not close. It calls w from this goroutine only, and has let go of
// everything when it returns. After an error, what was written is of no use.
//
// The error is, or wraps: ErrInvalid; storage.ErrNotFound, naming one of Paths that is not in the tree, before anything
// is written; ErrTooLarge; an error of package names, for an entry that no archive should have (see names.CheckEntry);
// git.ErrMalformed for a tree that is out of order; what src or w returned; the context's error.
//
// Memory is bounded by about 30 MiB and what the trees on the way down take; in a zip each entry adds some 20 bytes.
func Write(ctx context.Context, w io.Writer, src Source, opts *Options) error {
	if err := opts.check(); err != nil {
		return err
	}
	var commit *pretty.Commit
	seconds := uint64(max(opts.Time.Unix(), 0))
	if !opts.Commit.IsZero() {
		commit = pretty.ParseCommit(opts.Commit, opts.CommitData)
		seconds = commit.Time()
	}
	selected, err := selectPaths(ctx, src, opts.Tree, opts.Paths)
	if err != nil {
		return err
	}
	var total int64
	if opts.Progress != nil {
		if total, err = countFiles(ctx, src, opts, selected); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	out := newFormat(ctx, w, opts, seconds)
	defer out.close()
	files := &contents{ctx: ctx, src: src, expand: newExpander(commit, &opts.Subst)}
	p := startPipeline(ctx, files, newWalker(ctx, src, opts, selected), out)
	defer p.stop() // after cancel
	defer cancel()

	if err := out.begin(); err != nil {
		return err
	}
	var done int64
	for item, err := range p.items() {
		if err == nil {
			err = out.write(files, item)
		}
		if err != nil && item != nil {
			return fmt.Errorf("%q: %w", item.path, err)
		}
		if err != nil {
			return err
		}
		if opts.Progress != nil && item.mode != git.ModeDir {
			done++
			opts.Progress(done, total)
		}
	}
	return out.end()
}

// A format writes entries in order.
type format interface {
	begin() error
	// prepare does what can be done for an item before its turn, and apart from others. It may run in several
	// goroutines, each of which has a packer of its own.
	prepare(p *packer, it *item)
	write(files *contents, it *item) error
	end() error
	close() // lets go of goroutines; may come at any time
}

func newFormat(ctx context.Context, w io.Writer, opts *Options, seconds uint64) format {
	level := opts.Level
	switch opts.Format {
	case Zip:
		return newZip(w, opts.Commit, seconds, level)
	case TarGz:
		return newTar(newGzip(ctx, w, level), opts.Commit, seconds)
	case TarZst:
		return newTar(newZstd(ctx, w, level), opts.Commit, seconds)
	}
	return newTar(plainWriter{bufio.NewWriterSize(w, copyBuffer)}, opts.Commit, seconds)
}

func (o *Options) check() error {
	maxLevel := 9
	switch o.Format {
	case Tar, TarGz, Zip:
	case TarZst:
		maxLevel = 22
	default:
		return fmt.Errorf("%w: format %d", ErrInvalid, o.Format)
	}
	if o.Level < 0 || o.Level > maxLevel {
		return fmt.Errorf("%w: level %d", ErrInvalid, o.Level)
	}
	return checkPrefix(o.Prefix)
}

// checkPrefix makes sure that no entry leaves the directory an archive is unpacked in by way of the prefix. Its last
// component may be the first part of a name.
func checkPrefix(prefix string) error {
	path := strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return nil
	}
	if err := names.CheckPath(path, 0, 0); err != nil {
		return fmt.Errorf("%w: prefix: %w", ErrInvalid, err)
	}
	if names.Climbs(path) {
		return fmt.Errorf("%w: prefix %q", ErrInvalid, prefix)
	}
	return nil
}

// workers is how many goroutines share a kind of work. More would cost memory without end on large machines.
func workers() int { return min(max(runtime.GOMAXPROCS(0), 1), 4) }

// plainWriter is a compressor that does not compress.
type plainWriter struct{ *bufio.Writer }

func (w plainWriter) finish() error { return w.Flush() }
func (w plainWriter) close()        {}
