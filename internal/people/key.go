package people

import (
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// The keys of all records. Names are in lower case and hold no byte 00.
//
//	P u login                 a user
//	P e address               an e-mail address in lower case; the login of whose it is
//	P g ID                    what a repository is shared by (sharing); absent if by nothing
//	P c ID login              a collaborator; the permission
//	P l login 00 ID           the same by login; the permission
//	P t owner 00 team         a team; its permission
//	P m owner 00 team 00 login   a member of a team; no value
//	P n login 00 owner 00 team   the same by login; no value
//	P r owner 00 team 00 ID   a repository of a team; no value. By repository it is in P g
const (
	keyPeople = 'P'

	keyUser         = 'u'
	keyAddress      = 'e'
	keySharing      = 'g'
	keyCollaborator = 'c'
	keyShared       = 'l'
	keyTeam         = 't'
	keyMember       = 'm'
	keyMembership   = 'n'
	keyTeamRepo     = 'r'
)

// repoKey returns the key of what a repository has under a name.
func repoKey(kind byte, repo storage.ID, name string) []byte {
	b := make([]byte, 0, 2+len(repo)+len(name))
	b = append(b, keyPeople, kind)
	b = append(b, repo[:]...)
	return append(b, name...)
}

// nameKey returns the key that begins with names, with 00 between them.
func nameKey(kind byte, parts ...string) []byte {
	n := 2 + len(parts)
	for _, part := range parts {
		n += len(part)
	}
	b := append(make([]byte, 0, n), keyPeople, kind)
	for i, part := range parts {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, part...)
	}
	return b
}

func userKey(login string) []byte { return nameKey(keyUser, names.Key(login)) }

// after returns the least key that is greater than all that begin with prefix.
func after(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for len(b) > 0 {
		if b[len(b)-1]++; b[len(b)-1] != 0 {
			return b
		}
		b = b[:len(b)-1]
	}
	return nil
}
