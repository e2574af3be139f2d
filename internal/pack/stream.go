package pack

import (
	"bufio"
	"context"
	"crypto/sha1"
	"hash"
	"io"

	"github.com/reposit/reposit/internal/git"
)

// ReadStream is Read of a pack that is yet to arrive from src: each entry is looked at as it comes, and the bytes are
// kept in an empty spool, which bounds how many they may be. It waits for no byte beyond the pack, whose end nothing
// but its last object tells. If src has more all the same, some of it may be read, and is dropped. opts.Check must not
// open large objects.
func ReadStream(ctx context.Context, src io.Reader, spool *Spool, opts Options) (*Pack, error) {
	p := &Pack{
		src: &lockedReader{src: spool}, end: spool.limit, opts: opts, budget: usual, waiting: map[git.Hash][]int32{},
	}
	a := &arrival{src: src, spool: spool, sum: sha1.New()}
	in := &counted{r: a}
	a.buffered = bufio.NewReaderSize(in, 64<<10)
	if err := p.scanEntries(ctx, in, a.buffered); err != nil {
		return nil, err
	}
	p.end = a.total - int64(a.buffered.Buffered())
	if err := a.settle(p.end); err != nil {
		return nil, err
	}
	var trailer [trailerSize]byte
	if _, err := io.ReadFull(a.buffered, trailer[:]); err != nil {
		return nil, cutShort(err)
	}
	if err := checkSum(a.sum, trailer[:]); err != nil {
		return nil, err
	}
	if _, err := spool.Write(trailer[:]); err != nil {
		return nil, err
	}
	p.most = max(smallTotal, spool.Size()*inflation)
	return p, p.finish(ctx)
}

// An arrival is a pack on its way. What was taken from its buffer is the pack's, and goes into the spool.
type arrival struct {
	src      io.Reader
	buffered *bufio.Reader // reads from the arrival
	spool    *Spool
	sum      hash.Hash
	held     []byte // the last bytes that were read
	total    int64  // bytes that were read
}

const mostHeld = 128 << 10

func (a *arrival) Read(b []byte) (int, error) {
	if len(a.held) >= mostHeld {
		if err := a.settle(a.total - int64(a.buffered.Buffered())); err != nil {
			return 0, err
		}
	}
	n, err := a.src.Read(b)
	a.held = append(a.held, b[:n]...)
	a.total += int64(n)
	return n, err
}

// settle puts what was held before an offset into the spool.
func (a *arrival) settle(upTo int64) error {
	n := len(a.held) - int(a.total-upTo)
	a.sum.Write(a.held[:n])
	_, err := a.spool.Write(a.held[:n])
	a.held = append(a.held[:0], a.held[n:]...)
	return err
}
