// Package sshkey reads public keys of OpenSSH, and says which are strong enough.
package sshkey

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/reposit/reposit/internal/fault"
)

// ErrMalformed says that a text is no key that is accepted. What is wrong with it follows; the key does not.
var ErrMalformed = fault.New(fault.Invalid, "malformed key")

const (
	maxLine    = 16 << 10 // a key of RSA with 16,384 bits, the largest, takes 3 KB
	minRSABits = 2048
)

// A Key is a public key.
type Key struct {
	Text        string   // type and base64, as in authorized_keys, one way of writing for each key
	Comment     string   // what followed the key
	Fingerprint [32]byte // SHA-256 of the key as SSH sends it: two keys are the same if theirs are
}

// Parse reads one line of authorized_keys (sshd(8)): type, base64, comment. It returns ErrMalformed for a line with
// options, which say what a server would have to enforce, for certificates, which say how long they are good, and for
// keys that are too weak: DSA, and RSA with less than 2,048 bits.
func Parse(line string) (Key, error) {
	if len(line) > maxLine {
		return Key{}, malformed("it has more than %d bytes", maxLine)
	}
	line = strings.TrimSpace(line)
	if strings.ContainsAny(line, "\r\n\x00") {
		return Key{}, malformed("it is more than one line")
	}
	kind, _, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if kind == "ssh-dss" {
		return Key{}, malformed("DSA is too weak")
	}
	// The parser's errors may quote what it was given, which by mistake may be something else than a public key.
	key, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil:
		return Key{}, malformed("it is not the type, base64 and comment of a public key")
	case len(options) > 0 || key.Type() != kind:
		return Key{}, malformed("it has options")
	}
	if err := Check(key); err != nil {
		return Key{}, err
	}
	text := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
	return Key{Text: text, Comment: comment, Fingerprint: sha256.Sum256(key.Marshal())}, nil
}

// Check returns ErrMalformed unless a key is of a type that is accepted, and strong enough.
func Check(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		public, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			return malformed("its modulus can't be read")
		}
		k, ok := public.CryptoPublicKey().(*rsa.PublicKey)
		if !ok || k.N.Sign() <= 0 || k.N.BitLen() < minRSABits {
			return malformed("RSA with less than %d bits is too weak", minRSABits)
		}
		return nil
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return malformed("it is a certificate")
	}
	return malformed("keys of its type are not accepted")
}

// FormatFingerprint returns a fingerprint as ssh-keygen -l shows it, "SHA256:" and base64 without padding.
func FormatFingerprint(f [32]byte) string {
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(f[:])
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}
