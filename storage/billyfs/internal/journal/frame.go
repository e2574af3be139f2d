package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// A journal is a file of frames. A frame is a mark, the length of its payload, how much of the journal was known to be
// synced when it was written, a checksum of the last two and the payload, and the payload.
//
// A frame that does not read well is the end of the journal if it lies where a write may have been cut short. If a
// later frame vouches that this part had been synced, the file was damaged: to cut it there would drop
// acknowledged Updates in silence.
const (
	frameMark   = 0x524a4e31 // "RJN1"
	frameHeader = 4 + 4 + 8 + 4
	maxFrame    = 256 << 20
)

func appendFrame(dst []byte, synced int64, payload []byte) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, frameMark)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(synced))
	sum := crc32.Update(crc32.Checksum(dst[at+4:], castagnoli()), castagnoli(), payload)
	dst = binary.BigEndian.AppendUint32(dst, sum)
	return append(dst, payload...)
}

// castagnoli returns a table that package crc32 keeps.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// parseFrame returns the payload of the frame that b begins with.
func parseFrame(b []byte) (payload []byte, synced int64, ok bool) {
	if len(b) < frameHeader || binary.BigEndian.Uint32(b) != frameMark {
		return nil, 0, false
	}
	length := binary.BigEndian.Uint32(b[4:])
	if length > maxFrame || int64(length) > int64(len(b)-frameHeader) {
		return nil, 0, false
	}
	payload = b[frameHeader : frameHeader+int(length)]
	sum := crc32.Update(crc32.Checksum(b[4:16], castagnoli()), castagnoli(), payload)
	if sum != binary.BigEndian.Uint32(b[16:]) {
		return nil, 0, false
	}
	return payload, int64(binary.BigEndian.Uint64(b[8:])), true
}

// laterFrame looks for a whole frame behind a bad one which says that the bad one had been synced.
func laterFrame(data []byte, bad int64) (int64, bool) {
	for off := bad + 1; off+frameHeader <= int64(len(data)); off++ {
		if binary.BigEndian.Uint32(data[off:]) != frameMark {
			continue
		}
		if _, synced, ok := parseFrame(data[off:]); ok && synced > bad {
			return off, true
		}
	}
	return 0, false
}
