package storage

import (
	"context"
	"io"
	"iter"
)

// A Packer is a Backend that keeps packs (gitformat-pack) as they are: no object of one is written again, and none has
// a place of its own, beside the one in a sorted index. All its methods are safe for concurrent use, and return
// ErrClosed after Close.
//
// An object of a pack is one of its pool as any other: Object, StatObject, OpenObject, Objects, HasObject and DropPool
// make no difference, and PutObject finds that it is there. It may be in several packs, and stored on its own as well:
// Repack drops what is stored twice. Packs are looked into before recent objects, in an order that stays, so that of an
// object that is in several places one is always the one that is read. Since the deltas of a pack lead to objects of
// the same pack, chains of deltas have no cycles.
type Packer interface {
	Backend

	// Pack begins to store a pack. The pool need not exist yet.
	Pack(ctx context.Context, pool ID) (PackWriter, error)

	// Packs returns the packs of a pool, in the order in which objects are looked for. It costs what they are in number.
	Packs(ctx context.Context, pool ID) ([]Pack, error)

	// PackEntries yields the objects of a pack, in the order of their hashes, or ErrNotFound if there is no such pack.
	// CRC may be 0. No lock is held while the loop body runs; the pack may be dropped meanwhile, which is ErrNotFound.
	PackEntries(ctx context.Context, pool ID, pack PackID) iter.Seq2[PackEntry, error]

	// Packed returns an object as a pack has it, or ErrNotFound if none has.
	Packed(ctx context.Context, pool ID, h Hash) (Packed, error)

	// Recent yields the hashes of the objects from lo to hi, both included, that are stored on their own, in ascending
	// order, as Objects does. What other programs may keep in packs of their own does not count.
	Recent(ctx context.Context, pool ID, lo, hi Hash) iter.Seq2[Hash, error]

	// Repack drops packs, and then the recent objects that a pack has. The caller vouches that other packs have what
	// the dropped ones have, or that nothing leads to it. Whoever reads meanwhile finds what other packs have: an object
	// is in one of them at every moment. Packs that are not there are dropped already. After an error, some of it may
	// be done. Space is given back before Repack returns, or soon after.
	Repack(ctx context.Context, pool ID, drop []PackID) error
}

// PackerOf returns b as a Packer, or false if it keeps no packs.
func PackerOf(b Backend) (Packer, bool) {
	p, ok := b.(Packer)
	return p, ok
}

// A PackID names a pack of a pool.
type PackID [20]byte

// A Pack is what is known of a pack without looking into it.
type Pack struct {
	ID      PackID
	Objects int
	Size    int64 // of the pack, in bytes, without its index
}

// A PackEntry is an object of a pack.
type PackEntry struct {
	Hash   Hash
	Type   Type
	Size   int64  // of the whole content, in bytes
	Offset int64  // where in the pack its entry begins
	CRC    uint32 // CRC-32 (IEEE) of the bytes of its entry, as indexes of git have it
	Base   int32  // the place among the entries of the object that it is a delta of; NoBase: it is none
	Depth  int32  // how many deltas must be applied to arrive at it
}

// NoBase is the Base of a PackEntry that is no delta.
const NoBase = -1

// A Packed object is an object as it stands in a pack.
type Packed struct {
	Type   Type   // of one that is no delta; else 0
	Base   Hash   // of a delta, the object that it is based on, of the same pack; else zero
	Length int64  // of what Stream holds: the content, or the delta's instructions
	Stream []byte // the zlib stream, which was inflated once to see that it is sound
}

// A PackWriter takes the bytes of one pack. It is for one goroutine.
type PackWriter interface {
	io.Writer

	// ReadAt reads what was written. It may be called by several goroutines at once, while none writes.
	io.ReaderAt

	// Commit makes the pack one of the pool. It must be whole in itself: every delta's base is in it, and no object is
	// in it twice. The caller vouches for that, and for the entries, which are in the order of their hashes. They are
	// only read during the call. The objects can be read when Commit has returned nil, and are durable when an Update
	// that begins after that is. A pack that the pool has already is not stored again.
	Commit(ctx context.Context, entries []PackEntry) error

	// Discard drops what was written. After Commit it does nothing.
	Discard() error
}
