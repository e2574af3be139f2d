package people

import (
	"encoding/binary"

	"github.com/reposit/reposit/internal/record"
)

// recordVersion is the first byte of each stored value that is not empty, and the version of its layout.
const recordVersion = 1

func encodePermission(p Permission) []byte { return []byte{recordVersion, byte(p)} }

func decodePermission(b []byte) (Permission, error) {
	d := decode(b)
	p := Permission(d.Byte())
	d.Check(p.grantable() == nil)
	return p, d.End("permission")
}

// A sharing is what a repository is shared by: how many collaborators it has, and which of its owner's teams have it.
// One look-up tells of most repositories that nobody has a grant on them.
type sharing struct {
	collaborators int
	owner         string // of the teams; "" if there are none
	teams         []string
}

func (s *sharing) encode() []byte {
	b := []byte{recordVersion}
	b = binary.AppendUvarint(b, uint64(s.collaborators))
	b = record.AppendString(b, s.owner)
	return record.AppendStrings(b, s.teams)
}

func decodeSharing(b []byte) (sharing, error) {
	d := decode(b)
	s := sharing{collaborators: d.Count(maxCollaborators), owner: d.String(), teams: d.Strings()}
	return s, d.End("sharing")
}

// decode returns a Decoder of a value that is not empty, behind its version.
func decode(b []byte) record.Decoder {
	d := record.Decode(b)
	d.Version(recordVersion, recordVersion)
	return d
}
