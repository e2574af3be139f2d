// Package backup writes all that a store holds as a stream, and makes a store of streams.
//
// A stream is frames with checksums (frame.go), and in these items (item.go). Write writes one; a source reads one into
// a sink, such as a target, which is a backend. internal/docs/format.md has the form.
package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/reposit/reposit/storage"
)

// magic is what a stream begins with; version follows.
const magic = "RPSTBAK"

const version = 1

// A frame is a kind, its number, the length of its payload (4 bytes each, big-endian), CRC-32C of these and the
// payload, and the payload.
const (
	frameHeader = 1 + 4 + 4 + 4
	frameData   = 'D' // zstd of at most frameSize bytes
	frameEnd    = 'E' // SHA-256 of all bytes of the stream before
	frameSize   = 1 << 20
	mostPayload = frameSize + frameSize/8 + 1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A frameWriter makes frames of what is written to it. Another goroutine compresses and writes them meanwhile.
type frameWriter struct {
	raw    []byte
	frames chan []byte
	free   chan []byte
	done   chan struct{}
	err    error // of the other goroutine; read it after done
	failed chan struct{}

	written int64 // bytes before compression
}

// newFrameWriter begins a stream.
func newFrameWriter(w io.Writer) (*frameWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	f := &frameWriter{frames: make(chan []byte, 2), free: make(chan []byte, 4), done: make(chan struct{}),
		failed: make(chan struct{})}
	go func() {
		defer close(f.done)
		if f.err = f.run(w, enc); f.err != nil {
			close(f.failed)
		}
	}()
	return f, nil
}

// run writes what comes as frames, and the end if a nil frame says so.
func (f *frameWriter) run(w io.Writer, enc *zstd.Encoder) error {
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if _, err := out.Write(append([]byte(magic), version)); err != nil {
		return err
	}
	number := uint32(0)
	var payload []byte
	for raw := range f.frames {
		kind := byte(frameData)
		if raw == nil {
			kind, payload = frameEnd, sum.Sum(payload[:0])
		} else {
			payload = enc.EncodeAll(raw, payload[:0])
			select {
			case f.free <- raw[:0]:
			default:
			}
		}
		if _, err := out.Write(sealFrame(kind, number, payload)); err != nil {
			return err
		}
		number++
	}
	return nil
}

func sealFrame(kind byte, number uint32, payload []byte) []byte {
	b := make([]byte, 0, frameHeader+len(payload))
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint32(b, frameSum(b, payload))
	return append(b, payload...)
}

func frameSum(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:9], castagnoli), castagnoli, payload)
}

// Write takes a part of the stream.
func (f *frameWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if f.raw == nil {
			select {
			case f.raw = <-f.free:
			default:
				f.raw = make([]byte, 0, frameSize)
			}
		}
		part := p[:min(len(p), frameSize-len(f.raw))]
		f.raw = append(f.raw, part...)
		p = p[len(part):]
		if len(f.raw) == frameSize {
			if err := f.flush(); err != nil {
				return 0, err
			}
		}
	}
	f.written += int64(n)
	return n, nil
}

func (f *frameWriter) flush() error {
	raw := f.raw
	f.raw = nil
	return f.send(raw)
}

func (f *frameWriter) send(raw []byte) error {
	select {
	case f.frames <- raw:
		return nil
	case <-f.failed:
		return f.err
	}
}

// end ends the stream, if all went well until now.
func (f *frameWriter) end(err error) error {
	if err == nil && len(f.raw) > 0 {
		err = f.flush()
	}
	if err == nil {
		err = f.send(nil)
	}
	close(f.frames)
	<-f.done
	if f.err != nil {
		return f.err
	}
	return err
}

// A frameReader reads what a frameWriter wrote. Its errors say what is damaged.
type frameReader struct {
	r      *bufio.Reader
	dec    *zstd.Decoder
	sum    hash.Hash
	number uint32
	raw    []byte // what is left of the last frame
	buffer []byte
	ended  bool
	bytes  int64 // that were read
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{storage.ErrCorrupt}, args...)...)
}

// newFrameReader begins to read a stream. It returns io.EOF if there is none.
func newFrameReader(r *bufio.Reader) (*frameReader, error) {
	begin := make([]byte, len(magic)+1)
	n, err := io.ReadFull(r, begin)
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if string(begin[:min(n, len(magic))]) != magic[:min(n, len(magic))] {
		return nil, damaged("it is no backup, or its beginning is damaged")
	}
	if n < len(begin) {
		return nil, damaged("it is cut short")
	}
	if got := begin[len(magic)]; got != version {
		return nil, fmt.Errorf("%w: the backup has version %d, this program knows %d", storage.ErrFormat, got, version)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4*frameSize))
	if err != nil {
		return nil, err
	}
	f := &frameReader{r: r, dec: dec, sum: sha256.New(), bytes: int64(n)}
	f.sum.Write(begin)
	return f, nil
}

func (f *frameReader) close() { f.dec.Close() }

// Read reads a part of the stream; io.EOF comes when its end was there and told the right sum.
func (f *frameReader) Read(p []byte) (int, error) {
	for len(f.raw) == 0 {
		if f.ended {
			return 0, io.EOF
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.raw)
	f.raw = f.raw[n:]
	return n, nil
}

func (f *frameReader) next() error {
	var header [frameHeader]byte
	if err := f.fill(header[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(header[5:])
	if got := binary.BigEndian.Uint32(header[1:]); got != f.number || length > mostPayload {
		return damaged("frame %d: its header is damaged", f.number)
	}
	if cap(f.buffer) < int(length) {
		f.buffer = make([]byte, length)
	}
	payload := f.buffer[:length]
	if err := f.fill(payload); err != nil {
		return err
	}
	if frameSum(header[:], payload) != binary.BigEndian.Uint32(header[9:]) {
		return damaged("frame %d: checksum mismatch", f.number)
	}
	switch header[0] {
	case frameEnd:
		if string(payload) != string(f.sum.Sum(nil)) {
			return damaged("frame %d: the sum of the whole differs", f.number)
		}
		f.ended = true
		return nil
	case frameData:
	default:
		return damaged("frame %d: of no known kind", f.number)
	}
	f.sum.Write(header[:])
	f.sum.Write(payload)
	raw, err := f.dec.DecodeAll(payload, nil)
	if err != nil {
		return damaged("frame %d: %v", f.number, err)
	}
	f.raw = raw
	f.number++
	return nil
}

func (f *frameReader) fill(b []byte) error {
	n, err := io.ReadFull(f.r, b)
	f.bytes += int64(n)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("frame %d: it is cut short", f.number)
	}
	return err
}
