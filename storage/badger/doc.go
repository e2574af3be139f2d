// Package badger keeps everything of a store in one Badger database: the default backend for real data.
//
// # Keys
//
// Every key begins with a type byte; IDs and hashes have their fixed width of 20 bytes; numbers are big-endian.
//
//	K  key                         record
//	f                              format version of the store
//	b  repo                        stack of a repository that has part in a fork
//	u  segment                     how many stacks have the frozen segment
//	t  key                         second part of a record whose value is large
//	r  segment name                ref, or what is left of a deleted one; a repository's first segment has its ID
//	l  repo  name 0 ^seq(8)        entry of a ref's log, the newest first
//	o  pool  hash                  object
//	c  pool  id(20) seq(4)         chunk of a large object
//	p  pool                        list of the pool's packs
//	q  pack  level(1) number(4)    node of a pack's index
//	d  pack  seq(4)                chunk of a pack
//	x  kind  id                    what was dropped, until its keys are gone
//	z  number(1)                   nothing: written to push deletions into a table, and deleted
//
// Every value is sealed: a version byte, a checksum (CRC-32C) over the key and all that follows, the length, the
// payload. Badger itself serves damaged or swapped values without an error; a sealed value is either the one that
// was stored under its key or ErrCorrupt. All values are smaller than Badger's ValueThreshold, so its value log stays
// empty: after a power cut, entries there can read back as empty values.
//
// # Commits
//
// The functions of Updates run one after the other. What they write joins a group, which one of the waiting callers
// commits as one Badger transaction, so that one sync serves many Updates; meanwhile the next functions run on the
// state that the group will leave, and join the next group. A group's timestamp is published when its commit is
// done. Views read at the published timestamp, and so never wait.
//
// An object whose Update does not fit into one transaction is written ahead of it, in the order in which objects
// were put, so that a crash leaves no object without its chunks or its delta base. Refs and records of one Update are
// always in one transaction.
//
// After a failed write to the medium nothing more is written until the store is opened again: what a sync that
// failed has kept is unknown, and a later one that succeeds does not tell. Reads go on.
//
// # Keys that move
//
// The engine keeps what was deleted until a compaction, and iterators step over it. Where records move, as in an index
// by time with each push, a page of the newest would cost what was ever written. So the first scan that comes across
// much of that makes the keys of its range known, in memory, and commits keep them up to date: later scans step over
// nothing there. What is known is some 2 MiB at most, and gone with Close.
//
// # Too many open files
//
// Where descriptors, or space, run out, what would need some is refused with ErrNoFiles or ErrNoSpace. If others of
// the process take the last ones while Badger makes a file, its engine has failed: a memtable is missing, or a table
// of a compaction. Then every call is refused with that error until the engine was opened again, which happens by
// itself when there is enough for it. What was acknowledged is kept: the tables of a compaction stay, by a pin in the
// process and by a log beside it, until Badger's manifest shows that all that it was to make is there.
//
// # Drops
//
// Dropping a repository or pool writes one marker, which hides every key of it with an older timestamp. The keys are
// then deleted in batches, and the marker last; Open goes on with what a crash left.
//
// # Packs
//
// The bytes of a pack are in chunks, in the order in which they came, and its objects in an index that is a tree of
// pages: no object has a key. The list of a pool's packs is one value, so that packs take the place of others at once;
// a reader finds all in its snapshot. It and the pages that are read often are in the cache. Until a pack is in a list,
// a marker says that it is being written; Open drops what a crash left of it. The store is of another format from the
// first pack on.
//
// # Forks
//
// A fork shares the segments that its parent's refs are in, as package refstack says. The store is of format 2 from the
// first stack on. Layers are merged after the Update that froze one of them, in Updates of their own. Open undoes a
// merge that a crash ended.
package badger
