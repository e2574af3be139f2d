package signature

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const keyBlock = "-----BEGIN PGP PUBLIC KEY BLOCK-----"

// parseOpenPGP reads public keys, of which there may be several armoured blocks.
func parseOpenPGP(data []byte) (all openpgp.EntityList, err error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	first := bytes.Index(data, []byte(keyBlock))
	if first < 0 {
		all, err = openpgp.ReadKeyRing(bytes.NewReader(data))
	}
	for data = data[max(first, 0):]; err == nil && first >= 0; {
		var block openpgp.EntityList
		if block, err = openpgp.ReadArmoredKeyRing(bytes.NewReader(data)); err != nil {
			break
		}
		all = append(all, block...)
		next := bytes.Index(data[len(keyBlock):], []byte(keyBlock))
		if next < 0 {
			break
		}
		data = data[len(keyBlock)+next:]
	}
	if err != nil {
		return nil, fmt.Errorf("%w: OpenPGP: %w", ErrMalformed, err)
	}
	return all, nil
}

func (k *Keys) verifyOpenPGP(payload, signature []byte) Result {
	block, err := armor.Decode(bytes.NewReader(signature))
	if err != nil || block.Type != openpgp.SignatureType {
		return Result{Status: Bad}
	}
	raw, err := io.ReadAll(block.Body)
	if err != nil {
		return Result{Status: Bad}
	}
	r, ok := claim(raw)
	if !ok {
		return r
	}
	sig, by, err := openpgp.VerifyDetachedSignature(k.openPGP, bytes.NewReader(payload), bytes.NewReader(raw),
		&packet.Config{Time: k.now})
	r.Status = openPGPStatus(err)
	if sig != nil && by != nil && r.Status != Bad && r.Status != Unknown {
		r.Key, r.When = fmt.Sprintf("%X", by.PrimaryKey.Fingerprint), sig.CreationTime
		for name := range by.Identities {
			r.Identities = append(r.Identities, name)
		}
		slices.Sort(r.Identities)
	}
	return r
}

// claim reads what a signature says of itself, and reports whether it is one.
func claim(raw []byte) (Result, bool) {
	r := Result{Status: Bad}
	p, err := packet.NewReader(bytes.NewReader(raw)).Next()
	sig, ok := p.(*packet.Signature)
	if err != nil || !ok {
		return r, false
	}
	r.When = sig.CreationTime
	switch {
	case len(sig.IssuerFingerprint) > 0:
		r.Key = strings.ToUpper(fmt.Sprintf("%x", sig.IssuerFingerprint))
	case sig.IssuerKeyId != nil:
		r.Key = fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	return r, true
}

func openPGPStatus(err error) Status {
	var unsupported pgperrors.UnsupportedError
	switch {
	case err == nil:
		return Good
	case errors.Is(err, pgperrors.ErrUnknownIssuer), errors.As(err, &unsupported):
		return Unknown
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		return Expired
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return Revoked
	}
	return Bad
}
