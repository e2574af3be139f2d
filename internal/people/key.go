package people

import (
	"encoding/binary"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The keys of all records. Names are in lower case and hold no byte 00; times are 8 bytes, numbers too.
//
//	P u login                    a user
//	P d login                    how often a user of that login was removed; absent if never
//	P e address                  an e-mail address, its ASCII letters in lower case; the login of whose it is
//	P g ID                       what a repository is shared by (sharing); absent if by nothing
//	P c ID login                 a collaborator; the permission
//	P l login 00 ID              the same by login
//	P t owner 00 team            a team; its permission
//	P m owner 00 team 00 login   a member of a team; no value
//	P n login 00 owner 00 team   the same by login
//	P r owner 00 team 00 ID      a repository of a team; no value. P g has the same by repository
//	P w ID time login            a watcher, by when they began; no value
//	P x login 00 ID              the same by login; the time
//	P y ID                       watchers of it may have lost Read; the position behind which the next are looked at
//	P z ID                       a deleted repository whose watchers are yet to be removed; no value
//	K n                          the number of the last deploy key that was added
//	K f fingerprint              a deploy key; the ID and number of where it is
//	K r ID number                a deploy key of a repository
const (
	keyPeople = 'P'

	keyUser         = 'u'
	keyRemovals     = 'd'
	keyAddress      = 'e'
	keySharing      = 'g'
	keyCollaborator = 'c'
	keyShared       = 'l'
	keyTeam         = 't'
	keyMember       = 'm'
	keyMembership   = 'n'
	keyTeamRepo     = 'r'
	keyWatcher      = 'w'
	keyWatched      = 'x'
	keyDoubt        = 'y'
	keyDropped      = 'z'

	keyDeploy = 'K'

	keyLastNumber  = 'n'
	keyFingerprint = 'f'
	keyRepoDeploy  = 'r'
)

// repoKey returns the key of what a repository has under a name.
func repoKey(kind byte, repo storage.ID, name string) []byte {
	return append(record.IDKeyFor(max(len(name), names.MaxOwner), repo, keyPeople, kind), name...)
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

func fingerprintKey(f Fingerprint) []byte { return append([]byte{keyDeploy, keyFingerprint}, f[:]...) }

// deployKeyPrefix is the length of what all keys of deployKeyKey for one repository begin with.
const deployKeyPrefix = 2 + len(storage.ID{})

func deployKeyKey(repo storage.ID, number int64) []byte {
	return binary.BigEndian.AppendUint64(record.IDKeyFor(8, repo, keyDeploy, keyRepoDeploy), uint64(number))
}
