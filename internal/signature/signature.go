// Package signature verifies signatures of commits and tags: those of OpenPGP, and those of SSH keys (gpg.format=ssh).
package signature

import (
	"bytes"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/reposit/reposit/internal/fault"
)

// A Status says what a signature is worth.
type Status int

// The statuses, each with the letter of git's %G?.
const (
	Unsigned Status = iota // N: there is none
	Good                   // G
	Bad                    // B: what was signed, or the signature, is another one, or can't be read
	Unknown                // E: by none of the keys
	Expired                // X, Y: good, but the signature or its key was out of date
	Revoked                // R: good, but its key is revoked
)

// A Result is what there is to say of a signature.
type Result struct {
	Status     Status
	Key        string    // the fingerprint; "" if it is not said. Of a Bad or Unknown one it is a claim
	Identities []string  // of a key that is known: user IDs, or principals
	When       time.Time // when it was signed; zero if it is not said, as by SSH
}

// ErrMalformed says that a text holds no keys. What is wrong with it follows.
var ErrMalformed = fault.New(fault.Invalid, "malformed keys")

// Keys are those that are known. They are never changed.
type Keys struct {
	openPGP openpgp.EntityList
	signers []signer
	now     func() time.Time
}

// Verify says what a signature of a payload is worth, which was made at a time by its own account.
func (k *Keys) Verify(payload, signature []byte, at time.Time) Result {
	signature = bytes.TrimSpace(signature)
	switch {
	case len(signature) == 0:
		return Result{}
	case bytes.HasPrefix(signature, []byte(sshBegin)):
		return k.verifySSH(payload, signature, at)
	case bytes.HasPrefix(signature, []byte("-----BEGIN PGP ")):
		return k.verifyOpenPGP(payload, signature)
	}
	return Result{Status: Bad}
}

// Parse reads public keys of OpenPGP, armoured or not, and an ALLOWED SIGNERS file of ssh-keygen(1). now is the time at
// which keys of OpenPGP must be good.
func Parse(openPGP, allowedSigners []byte, now func() time.Time) (*Keys, error) {
	k := &Keys{now: now}
	var err error
	if k.openPGP, err = parseOpenPGP(openPGP); err != nil {
		return nil, err
	}
	if k.signers, err = parseSigners(allowedSigners); err != nil {
		return nil, err
	}
	return k, nil
}
