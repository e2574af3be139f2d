package transfer

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/storage"
)

// Bounds of archives.
const (
	maxWindow    = 32 << 20 // bytes that a zstd stream may look back
	maxDirectory = 64 << 20 // bytes of a zip's directory
	maxEntries   = 1 << 20
)

// Unarchive adds the files of a tar, plain or compressed by gzip or zstd, or of a zip. What it is, its first bytes
// tell. strip leading directories are dropped, and what is in fewer. Files whose paths would lead out of the tree, and
// devices and pipes, are refused. Empty directories are passed over.
func (f *Files) Unarchive(ctx context.Context, src io.Reader, strip int) error {
	r := bufio.NewReaderSize(&contextReader{ctx: ctx, r: src}, 64<<10)
	begin, err := r.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		if err != nil {
			return archiveError(err)
		}
		return errors.Join(f.untar(ctx, z, strip), z.Close())
	case bytes.HasPrefix(begin, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return archiveError(err)
		}
		defer z.Close()
		return f.untar(ctx, z, strip)
	case bytes.HasPrefix(begin, []byte("PK")):
		return f.In.spooled(ctx, r, func(s *pack.Spool) error { return f.unzip(ctx, s, s.Size(), strip) })
	}
	return f.untar(ctx, r, strip)
}

// add is Add of a file that an archive has.
func (f *Files) add(ctx context.Context, path string, mode git.Mode, r io.Reader) error {
	if names.Climbs(path) {
		return fault.About(path, malformed("path leads upwards"))
	}
	return f.Add(ctx, path, mode, r)
}

// archiveError makes damage an error of its own kind.
func archiveError(err error) error {
	var corrupt interface{ Timeout() bool }
	var kind *fault.Kind
	switch {
	case err == nil, errors.Is(err, git.ErrMalformed), errors.Is(err, storage.ErrTooLarge), errors.As(err, &kind),
		errors.As(err, &corrupt), errors.Is(err, context.Canceled), errors.Is(err, storage.ErrClosed),
		errors.Is(err, storage.ErrNoSpace):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("archive: %w: %w", err, storage.ErrTooLarge)
	}
	return malformed("archive: %v", err)
}

// damaged makes errors of an archive's reader, as it is read, archiveErrors, and bounds how much there is.
type damaged struct {
	r     io.Reader
	left  int64
	ended bool // it was read beyond its end
}

func (d *damaged) Read(b []byte) (int, error) {
	if d.left <= 0 {
		return 0, fmt.Errorf("archive is too large once it is inflated: %w", storage.ErrTooLarge)
	}
	n, err := d.r.Read(b[:min(int64(len(b)), d.left)])
	d.left -= int64(n)
	d.ended = d.ended || n == 0 && err == io.EOF
	if err != nil && err != io.EOF {
		err = archiveError(err)
	}
	return n, err
}

// inflatedFactor is how many times the bytes of all files a tar may have.
const inflatedFactor = 2

func (f *Files) untar(ctx context.Context, src io.Reader, strip int) error {
	all := &damaged{r: src, left: inflatedFactor*f.In.Limits.Total + 64<<20}
	r := tar.NewReader(all)
	for n := 0; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			if n == 0 || all.ended { // the end of a tar is marked
				return malformed("archive is empty, or cut short")
			}
			_, err := io.Copy(io.Discard, all) // what is behind it has the checksum of what it is compressed by
			return err
		}
		if err == nil && n >= maxEntries {
			err = fmt.Errorf("archive has more than %d entries: %w", maxEntries, storage.ErrTooLarge)
		}
		if err != nil {
			return archiveError(err)
		}
		if err := f.entry(ctx, h, &damaged{r: r, left: h.Size + 1}, strip); err != nil {
			return archiveError(err)
		}
	}
}

// entry adds an entry of a tar.
func (f *Files) entry(ctx context.Context, h *tar.Header, r io.Reader, strip int) error {
	path, ok := stripped(h.Name, strip)
	switch h.Typeflag {
	case tar.TypeXGlobalHeader, tar.TypeDir:
		return nil
	case tar.TypeReg, tar.TypeGNUSparse:
		if !ok {
			return nil
		}
		return f.add(ctx, path, fileMode(h.FileInfo().Mode()), r)
	case tar.TypeSymlink:
		if !ok {
			return nil
		}
		return f.add(ctx, path, git.ModeSymlink, strings.NewReader(h.Linkname))
	case tar.TypeLink:
		target, found := stripped(h.Linkname, strip)
		if !ok {
			return nil
		}
		if !found {
			return fault.About(h.Name, malformed("link to %.80q, which is left out", h.Linkname))
		}
		return f.Link(path, target)
	}
	return fault.About(h.Name, malformed("entry of type %q, which is no file", h.Typeflag))
}

// stripped returns the path of an entry without some leading directories, or false if nothing is left.
func stripped(name string, strip int) (string, bool) {
	for strings.HasPrefix(name, "./") { // as tar writes it that packs "."
		name = name[2:]
	}
	name = strings.TrimSuffix(name, "/")
	for range strip {
		var found bool
		if _, name, found = strings.Cut(name, "/"); !found {
			return "", false
		}
	}
	return name, name != "" && name != "."
}

func fileMode(m fs.FileMode) git.Mode {
	if m&0o100 != 0 {
		return git.ModeExecutable
	}
	return git.ModeRegular
}

func (f *Files) unzip(ctx context.Context, src io.ReaderAt, size int64, strip int) error {
	if err := checkZip(src, size); err != nil {
		return err
	}
	z, err := zip.NewReader(src, size)
	if err != nil {
		return archiveError(err)
	}
	for _, file := range z.File {
		path, ok := stripped(file.Name, strip)
		mode := file.Mode()
		if !ok || mode.IsDir() || strings.HasSuffix(file.Name, "/") {
			continue
		}
		if err := f.zipped(ctx, file, path, mode); err != nil {
			return archiveError(err)
		}
	}
	return nil
}

func (f *Files) zipped(ctx context.Context, file *zip.File, path string, mode fs.FileMode) error {
	to := fileMode(mode)
	switch {
	case file.Flags&1 != 0:
		return fault.About(file.Name, malformed("entry of a zip is encrypted"))
	case mode&fs.ModeSymlink != 0:
		to = git.ModeSymlink
	case !mode.IsRegular():
		return fault.About(file.Name, malformed("entry of a zip is no file"))
	}
	r, err := file.Open()
	if err != nil {
		return fault.About(file.Name, archiveError(err))
	}
	return errors.Join(f.add(ctx, path, to, &damaged{r: r, left: 1 << 62}), r.Close())
}

// checkZip bounds the directory of a zip before it is read: package zip takes memory for as many entries as it says
// (APPNOTE.TXT, "end of central directory record").
func checkZip(src io.ReaderAt, size int64) error {
	const end, end64, locator64 = "PK\x05\x06", "PK\x06\x06", "PK\x06\x07"
	tail := make([]byte, min(size, 1<<16+64))
	if _, err := src.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	le := binary.LittleEndian
	allow := func(entries, directory uint64) error {
		if entries > maxEntries || directory > maxDirectory {
			return fmt.Errorf("directory of a zip has %d entries of %d bytes: %w", entries, directory, storage.ErrTooLarge)
		}
		return nil
	}
	for at := 0; at+20 <= len(tail); at++ { // whichever of them package zip takes for the end
		switch string(tail[at : at+4]) {
		case end:
			if at+22 > len(tail) {
				continue
			}
			entries, directory := uint64(le.Uint16(tail[at+10:])), uint64(le.Uint32(tail[at+12:]))
			if directory == 1<<32-1 {
				directory = 0 // as the record of zip64 says
			}
			if err := allow(entries, directory); err != nil {
				return err
			}
		case locator64:
			var record [56]byte
			offset := int64(le.Uint64(tail[at+8:]))
			if offset < 0 || offset > size-int64(len(record)) {
				continue
			}
			if _, err := src.ReadAt(record[:], offset); err != nil && err != io.EOF {
				return err
			}
			if string(record[:4]) != end64 {
				continue
			}
			if err := allow(le.Uint64(record[32:]), le.Uint64(record[40:])); err != nil {
				return err
			}
		}
	}
	return nil
}
