package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/reposit/reposit/internal/fault"
)

// ErrToken says that a page token is not one that this query gave out.
var ErrToken = fault.New(fault.Invalid, "malformed page token, or one of another query")

// A Secret makes page tokens that nobody else can make. Each store has one of its own.
type Secret [32]byte

const (
	tokenVersion = 2
	tokenSum     = 16 // bytes of the sum in a token
)

// Token returns a page token that says where in a query's answer a page ended. What makes the query, the asking actor
// included, is in query; the token fits no other.
func (s *Secret) Token(query, position []byte) string {
	b := append([]byte{tokenVersion}, s.sum(query, position)...)
	return base64.RawURLEncoding.EncodeToString(append(b, position...))
}

// Position returns the position of a token that Token made for the same query, or ErrToken.
func (s *Secret) Position(query []byte, token string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+tokenSum || b[0] != tokenVersion {
		return nil, ErrToken
	}
	position := b[1+tokenSum:]
	if !hmac.Equal(b[1:1+tokenSum], s.sum(query, position)) {
		return nil, ErrToken
	}
	return position, nil
}

// Key returns a key that only this store has, for a purpose.
func (s *Secret) Key(purpose string) (key [32]byte) {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte("key for "))
	h.Write([]byte(purpose))
	h.Sum(key[:0])
	return key
}

func (s *Secret) sum(query, position []byte) []byte {
	h := hmac.New(sha256.New, s[:])
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(query)))
	h.Write(length[:])
	h.Write(query)
	h.Write(position)
	return h.Sum(nil)[:tokenSum]
}
