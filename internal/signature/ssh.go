package signature

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/reposit/reposit/internal/sshkey"
	"github.com/reposit/reposit/internal/wildmatch"
)

const (
	sshBegin  = "-----BEGIN SSH SIGNATURE-----"
	sshEnd    = "-----END SSH SIGNATURE-----"
	magic     = "SSHSIG"
	namespace = "git" // git's
)

// A blob is a signature as it stands between the lines of its armour (PROTOCOL.sshsig of OpenSSH).
type blob struct {
	Magic     [len(magic)]byte
	Version   uint32
	PublicKey string
	Namespace string
	Reserved  string
	Hash      string
	Signature string
}

// A message is what is signed.
type message struct {
	Magic     [len(magic)]byte
	Namespace string
	Reserved  string
	Hash      string
	Sum       string
}

func (k *Keys) verifySSH(payload, signature []byte, at time.Time) Result {
	r := Result{Status: Bad}
	body, ok := bytes.CutSuffix(bytes.TrimPrefix(signature, []byte(sshBegin)), []byte(sshEnd))
	if !ok {
		return r
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(body), nil)))
	var b blob
	if err != nil || ssh.Unmarshal(raw, &b) != nil || string(b.Magic[:]) != magic || b.Version != 1 {
		return r
	}
	key, err := ssh.ParsePublicKey([]byte(b.PublicKey))
	if err != nil {
		return r
	}
	r.Key = ssh.FingerprintSHA256(key)
	if b.Namespace != namespace || !b.signs(key, payload) {
		return r
	}
	r.Status = Unknown
	for _, s := range k.signers {
		if !bytes.Equal(s.key, key.Marshal()) || !s.isFor(namespace) {
			continue
		}
		if s.isGood(at) {
			return Result{Status: Good, Key: r.Key, Identities: s.principals}
		}
		r.Status, r.Identities = Expired, s.principals
	}
	return r
}

// signs reports whether a signature is one of a payload by a key, of a kind that is accepted.
func (b *blob) signs(key ssh.PublicKey, payload []byte) bool {
	m := message{Magic: b.Magic, Namespace: b.Namespace, Reserved: b.Reserved, Hash: b.Hash}
	switch b.Hash {
	case "sha256":
		sum := sha256.Sum256(payload)
		m.Sum = string(sum[:])
	case "sha512":
		sum := sha512.Sum512(payload)
		m.Sum = string(sum[:])
	default:
		return false
	}
	var sig ssh.Signature
	if ssh.Unmarshal([]byte(b.Signature), &sig) != nil || sshkey.Check(key) != nil {
		return false
	}
	if key.Type() == ssh.KeyAlgoRSA && sig.Format != ssh.KeyAlgoRSASHA256 && sig.Format != ssh.KeyAlgoRSASHA512 {
		return false // SHA-1
	}
	return key.Verify(ssh.Marshal(m), &sig) == nil
}

// A signer is a line of an ALLOWED SIGNERS file.
type signer struct {
	principals    []string
	key           []byte
	namespaces    []string // patterns; nil: any
	after, before time.Time
}

func (s *signer) isFor(namespace string) bool {
	for _, p := range s.namespaces {
		if wildmatch.Match(p, namespace) {
			return true
		}
	}
	return s.namespaces == nil
}

func (s *signer) isGood(at time.Time) bool {
	return !at.Before(s.after) && (s.before.IsZero() || at.Before(s.before))
}

// parseSigners reads an ALLOWED SIGNERS file. Authorities of certificates are left out.
func parseSigners(data []byte) (all []signer, err error) {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, ok, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("%w: allowed signers, line %d: %w", ErrMalformed, n, err)
		}
		if ok {
			all = append(all, s)
		}
	}
	return all, nil
}

// parseSigner reads a line, and reports whether it says a key.
func parseSigner(line string) (s signer, ok bool, err error) {
	principals, rest, err := cutPrincipals(line)
	if err != nil {
		return s, false, err
	}
	// The parser's errors may quote what it was given.
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return s, false, fmt.Errorf("it is not principals, options, type and base64 of a public key")
	}
	s.principals, s.key = strings.Split(principals, ","), key.Marshal()
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "cert-authority":
			return s, false, nil
		case "namespaces":
			s.namespaces = strings.Split(value, ",")
		case "valid-after":
			s.after, err = parseTime(value)
		case "valid-before":
			s.before, err = parseTime(value)
		default:
			err = fmt.Errorf("unknown option %q", name)
		}
		if err != nil {
			return s, false, err
		}
	}
	return s, true, nil
}

// cutPrincipals returns the first field of a line, which may be in quotes.
func cutPrincipals(line string) (principals, rest string, err error) {
	if line[0] == '"' {
		principals, rest, ok := strings.Cut(line[1:], `"`)
		if !ok {
			return "", "", fmt.Errorf("a quote does not end")
		}
		return principals, strings.TrimSpace(rest), nil
	}
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return "", "", fmt.Errorf("there is no key")
	}
	return line[:at], strings.TrimSpace(line[at:]), nil
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in local time unless a Z follows.
func parseTime(s string) (time.Time, error) {
	digits, utc := strings.CutSuffix(strings.ToUpper(s), "Z")
	in := time.Local
	if utc {
		in = time.UTC
	}
	const layout = "20060102150405"
	if n := len(digits); n == 8 || n == 12 || n == 14 {
		if t, err := time.ParseInLocation(layout[:n], digits, in); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("malformed time %q", s)
}
