package pull

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// recordVersion is the first byte of each stored value that is not empty, and the version of its layout.
const recordVersion = 1

// pullVersion is the version of a Pull. One of version 1 has no Pusher: it is taken for the author. Until version 2 it
// also told whether the head had what the base held when the head last moved.
const pullVersion = 3

func (p *Pull) encode() []byte {
	b := make([]byte, 0, 200+len(p.Title))
	b = append(b, pullVersion, byte(p.State))
	b = append(b, p.HeadRepo[:]...)
	for _, h := range [3]git.Hash{p.Head, p.Base, p.Commit} {
		b = append(b, h[:]...)
	}
	for _, t := range [3]time.Time{p.Created, p.Updated, p.Ended} {
		b = record.AppendTime(b, t)
	}
	b = binary.AppendUvarint(b, uint64(p.Reviews))
	b = binary.AppendUvarint(b, uint64(p.Dismissed))
	for _, s := range [6]string{p.Author, p.EndedBy, p.BaseBranch, p.HeadBranch, p.Title, p.Pusher} {
		b = record.AppendString(b, s)
	}
	return b
}

func decodePull(repo storage.ID, number int, b []byte) (*Pull, error) {
	d := record.Decode(b)
	version := d.Version(recordVersion, pullVersion)
	p := &Pull{Repo: repo, Number: number, State: State(d.Byte())}
	p.HeadRepo = d.ID()
	p.Head, p.Base = d.Hash(), d.Hash()
	if version < pullVersion {
		d.Hash()
	}
	p.Commit = d.Hash()
	fits := byte(0)
	if version < pullVersion {
		fits = d.Byte()
	}
	for _, to := range [3]*time.Time{&p.Created, &p.Updated, &p.Ended} {
		*to = d.Time()
	}
	p.Reviews, p.Dismissed = d.Count(math.MaxUint32), d.Count(math.MaxUint32)
	for _, to := range [5]*string{&p.Author, &p.EndedBy, &p.BaseBranch, &p.HeadBranch, &p.Title} {
		*to = d.String()
	}
	if p.Pusher = p.Author; version > recordVersion {
		p.Pusher = d.String()
	}
	d.Check(p.State.valid() && fits <= 1)
	return p, d.End("pull request")
}

func (r *Review) encode() []byte {
	b := append(make([]byte, 0, 64+len(r.Body)), recordVersion, byte(r.Opinion))
	b = append(b, r.Commit[:]...)
	b = record.AppendTime(b, r.At)
	b = record.AppendString(b, r.Reviewer)
	return record.AppendString(b, r.Body)
}

func decodeReview(number int, b []byte) (*Review, error) {
	d := record.Decode(b)
	d.Version(recordVersion, recordVersion)
	r := &Review{Number: number, Opinion: Opinion(d.Byte()), Commit: d.Hash(), At: d.Time(), Reviewer: d.String(),
		Body: d.String()}
	d.Check(r.Opinion.Valid())
	return r, d.End("review")
}

// verdictVersion is the version of a Verdict. One of version 1 has no Removals.
const verdictVersion = 2

func (v *Verdict) encode() []byte {
	b := append([]byte{verdictVersion, byte(v.Opinion)}, v.Commit[:]...)
	b = binary.AppendUvarint(b, uint64(v.Review))
	return binary.AppendUvarint(b, uint64(v.Removals))
}

func decodeVerdict(reviewer string, b []byte) (Verdict, error) {
	d := record.Decode(b)
	version := d.Version(recordVersion, verdictVersion)
	v := Verdict{Reviewer: reviewer, Opinion: Opinion(d.Byte()), Commit: d.Hash(), Review: d.Count(math.MaxUint32)}
	if version == verdictVersion {
		v.Removals = d.Count(math.MaxUint32)
	}
	d.Check(v.Opinion == Approved || v.Opinion == ChangesRequested)
	return v, d.End("verdict")
}

func (c *Counts) encode() []byte {
	b := binary.AppendUvarint([]byte{recordVersion}, uint64(c.Last))
	for s := Open; s < states; s++ {
		b = binary.AppendUvarint(b, uint64(c.Of[s]))
	}
	return b
}

func decodeCounts(b []byte) (Counts, error) {
	d := record.Decode(b)
	d.Version(recordVersion, recordVersion)
	c := Counts{Last: d.Count(math.MaxUint32)}
	for s := Open; s < states; s++ {
		c.Of[s] = d.Count(math.MaxUint32)
	}
	return c, d.End("counts of pull requests")
}

func encodeNumber(n int) []byte {
	return binary.BigEndian.AppendUint32([]byte{recordVersion}, uint32(n))
}

func decodeNumber(b []byte) (int, error) {
	d := record.Decode(b)
	d.Version(recordVersion, recordVersion)
	return int(d.Uint32()), d.End("number of a pull request")
}

func (t *Test) encode() []byte {
	b := append(make([]byte, 0, 1+3*len(t.Base)), recordVersion)
	for _, h := range [3]git.Hash{t.Base, t.Head, t.Commit} {
		b = append(b, h[:]...)
	}
	return b
}

func decodeTest(b []byte) (Test, error) {
	d := record.Decode(b)
	d.Version(recordVersion, recordVersion)
	t := Test{Base: d.Hash(), Head: d.Hash(), Commit: d.Hash()}
	return t, d.End("test merge of a pull request")
}

func encodeHash(h git.Hash) []byte { return append([]byte{recordVersion}, h[:]...) }

func decodeHash(b []byte) (git.Hash, error) {
	d := record.Decode(b)
	d.Version(recordVersion, recordVersion)
	return d.Hash(), d.End("head of a pull request")
}
