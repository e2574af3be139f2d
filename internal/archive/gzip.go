package archive

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

const (
	defaultLevel     = 6
	defaultZstdLevel = 3
	flateBlock       = 256 << 10
	flateWindow      = 32 << 10
	zstdBlock        = 512 << 10
)

// A gzipWriter writes one gzip member, of blocks that are compressed side by side (RFC 1952, and pigz for the idea).
type gzipWriter struct {
	*blockWriter
	begun bool
	level int
	sum   uint32
	size  uint32
}

func newGzip(ctx context.Context, w io.Writer, level int) *gzipWriter {
	if level == 0 {
		level = defaultLevel
	}
	return &gzipWriter{blockWriter: newFlateWriter(ctx, w, level), level: level}
}

func newFlateWriter(ctx context.Context, w io.Writer, level int) *blockWriter {
	return newBlockWriter(ctx, w, flateBlock, flateWindow, func() codec { return newFlateCodec(level) })
}

func (g *gzipWriter) Write(p []byte) (int, error) {
	if err := g.begin(); err != nil {
		return 0, err
	}
	g.sum = crc32.Update(g.sum, crc32.IEEETable, p)
	g.size += uint32(len(p))
	return g.blockWriter.Write(p)
}

// begin writes a header without name and time. Its system is Unix, as git has it, whatever it is.
func (g *gzipWriter) begin() error {
	if g.begun {
		return nil
	}
	g.begun = true
	header := [10]byte{0x1f, 0x8b, 8, 9: 3}
	switch g.level {
	case flate.BestSpeed:
		header[8] = 4
	case flate.BestCompression:
		header[8] = 2
	}
	_, err := g.w.Write(header[:])
	return err
}

func (g *gzipWriter) finish() error {
	if err := g.begin(); err != nil {
		return err
	}
	if err := g.flush(); err != nil {
		return err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, g.sum)
	_, err := g.w.Write(binary.LittleEndian.AppendUint32(trailer, g.size))
	return err
}

// A flateCodec makes blocks that together are one deflate stream: each but the last ends at a byte, with an empty
// stored block, and may refer back to what stands before it (RFC 1951).
type flateCodec struct {
	out appender
	w   *flate.Writer
}

func newFlateCodec(level int) *flateCodec {
	c := &flateCodec{}
	c.w, _ = flate.NewWriter(&c.out, level) // fails for levels that Options.check refuses
	return c
}

func (c *flateCodec) compress(ctx context.Context, dst, history, data []byte, last bool) ([]byte, error) {
	c.out = dst
	c.w.ResetDict(&c.out, history)
	for piece := range slices.Chunk(data, copyBuffer) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := c.w.Write(piece); err != nil {
			return nil, err
		}
	}
	end := c.w.Flush
	if last {
		end = c.w.Close
	}
	err := end()
	return c.out, err
}

// An appender is a slice to write to.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// A zstdWriter writes one frame for each block. Frames follow upon one another like gzip's members (RFC 8878, 3.1).
type zstdWriter struct{ *blockWriter }

func newZstd(ctx context.Context, w io.Writer, level int) zstdWriter {
	if level == 0 {
		level = defaultZstdLevel
	}
	return zstdWriter{newBlockWriter(ctx, w, zstdBlock, 0, func() codec { return newZstdCodec(level) })}
}

func (z zstdWriter) finish() error { return z.flush() }

type zstdCodec struct {
	enc *zstd.Encoder
	err error
}

func newZstdCodec(level int) zstdCodec {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdBlock),
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
	return zstdCodec{enc, err}
}

func (c zstdCodec) compress(_ context.Context, dst, _, data []byte, _ bool) ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	return c.enc.EncodeAll(data, dst), nil
}
