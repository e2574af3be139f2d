package pull

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// recordVersion is the first byte of each stored value that is not empty, and the version of its layout.
const recordVersion = 1

// pullVersion is the version of a Pull. One of version 1 has no Pusher: it is taken for the author.
const pullVersion = 2

func (p *Pull) encode() []byte {
	b := make([]byte, 0, 200+len(p.Title))
	b = append(b, pullVersion, byte(p.State))
	b = append(b, p.HeadRepo[:]...)
	for _, h := range [4]git.Hash{p.Head, p.Base, p.Tried, p.Commit} {
		b = append(b, h[:]...)
	}
	fits := byte(0)
	if p.Fits {
		fits = 1
	}
	b = append(b, fits)
	for _, t := range [3]time.Time{p.Created, p.Updated, p.Ended} {
		b = appendTime(b, t)
	}
	b = binary.AppendUvarint(b, uint64(p.Reviews))
	b = binary.AppendUvarint(b, uint64(p.Dismissed))
	for _, s := range [6]string{p.Author, p.EndedBy, p.BaseBranch, p.HeadBranch, p.Title, p.Pusher} {
		b = record.AppendString(b, s)
	}
	return b
}

func decodePull(repo storage.ID, number int, b []byte) (*Pull, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	version := d.Byte()
	d.unknown = version != recordVersion && version != pullVersion
	p := &Pull{Repo: repo, Number: number, State: State(d.Byte())}
	p.HeadRepo = d.id()
	for _, to := range [4]*git.Hash{&p.Head, &p.Base, &p.Tried, &p.Commit} {
		*to = d.hash()
	}
	fits := d.Byte()
	p.Fits = fits == 1
	for _, to := range [3]*time.Time{&p.Created, &p.Updated, &p.Ended} {
		*to = d.time()
	}
	p.Reviews, p.Dismissed = d.count(), d.count()
	for _, to := range [5]*string{&p.Author, &p.EndedBy, &p.BaseBranch, &p.HeadBranch, &p.Title} {
		*to = d.String()
	}
	if p.Pusher = p.Author; version == pullVersion {
		p.Pusher = d.String()
	}
	d.Bad = d.Bad || !p.State.valid() || fits > 1
	return p, d.end("pull request")
}

func (r *Review) encode() []byte {
	b := append(make([]byte, 0, 64+len(r.Body)), recordVersion, byte(r.Opinion))
	b = append(b, r.Commit[:]...)
	b = appendTime(b, r.At)
	b = record.AppendString(b, r.Reviewer)
	return record.AppendString(b, r.Body)
}

func decodeReview(number int, b []byte) (*Review, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	d.version()
	r := &Review{Number: number, Opinion: Opinion(d.Byte()), Commit: d.hash(), At: d.time(), Reviewer: d.String(),
		Body: d.String()}
	d.Bad = d.Bad || !r.Opinion.Valid()
	return r, d.end("review")
}

// verdictVersion is the version of a Verdict. One of version 1 has no Removals.
const verdictVersion = 2

func (v *Verdict) encode() []byte {
	b := append([]byte{verdictVersion, byte(v.Opinion)}, v.Commit[:]...)
	b = binary.AppendUvarint(b, uint64(v.Review))
	return binary.AppendUvarint(b, uint64(v.Removals))
}

func decodeVerdict(reviewer string, b []byte) (Verdict, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	version := d.Byte()
	d.unknown = version != recordVersion && version != verdictVersion
	v := Verdict{Reviewer: reviewer, Opinion: Opinion(d.Byte()), Commit: d.hash(), Review: d.count()}
	if version == verdictVersion {
		v.Removals = d.count()
	}
	d.Bad = d.Bad || v.Opinion != Approved && v.Opinion != ChangesRequested
	return v, d.end("verdict")
}

func (c *Counts) encode() []byte {
	b := binary.AppendUvarint([]byte{recordVersion}, uint64(c.Last))
	for s := Open; s < states; s++ {
		b = binary.AppendUvarint(b, uint64(c.Of[s]))
	}
	return b
}

func decodeCounts(b []byte) (Counts, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	d.version()
	c := Counts{Last: d.count()}
	for s := Open; s < states; s++ {
		c.Of[s] = d.count()
	}
	return c, d.end("counts of pull requests")
}

func encodeNumber(n int) []byte {
	return binary.BigEndian.AppendUint32([]byte{recordVersion}, uint32(n))
}

func decodeNumber(b []byte) (int, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	d.version()
	n := d.Take(4)
	if err := d.end("number of a pull request"); err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint32(n)), nil
}

func encodeHash(h git.Hash) []byte { return append([]byte{recordVersion}, h[:]...) }

func decodeHash(b []byte) (git.Hash, error) {
	d := decoder{Decoder: record.Decoder{Rest: b}}
	d.version()
	h := d.hash()
	return h, d.end("head of a pull request")
}

// appendTime appends the nanoseconds since 1970 with the sign bit flipped. 0 is no time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.BigEndian.AppendUint64(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(record.Nanos(t))^1<<63)
}

// A decoder reads what the append functions wrote. After the first thing that is not there it yields zero values, and
// end says so.
type decoder struct {
	record.Decoder
	unknown bool
}

func (d *decoder) version() { d.unknown = d.Byte() != recordVersion }

func (d *decoder) id() (id storage.ID) {
	copy(id[:], d.Take(uint64(len(id))))
	return id
}

func (d *decoder) hash() (h git.Hash) {
	copy(h[:], d.Take(uint64(len(h))))
	return h
}

// count reads a number that a key can hold.
func (d *decoder) count() int {
	v, n := binary.Uvarint(d.Rest)
	if n <= 0 || v > math.MaxUint32 {
		d.Fail()
		return 0
	}
	d.Rest = d.Rest[n:]
	return int(v)
}

func (d *decoder) time() time.Time {
	b := d.Take(8)
	if b == nil {
		return time.Time{}
	}
	k := binary.BigEndian.Uint64(b)
	if k == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(k^1<<63)).UTC()
}

func (d *decoder) end(what string) error {
	switch {
	case d.unknown:
		return fmt.Errorf("%w: record of a %s", storage.ErrFormat, what)
	case d.Bad || len(d.Rest) > 0:
		return fmt.Errorf("%w: record of a %s", storage.ErrCorrupt, what)
	}
	return nil
}
