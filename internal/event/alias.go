package event

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// Aliases stand for the numbers of events. They tell nobody what is between two of them, nor which is the later one.
type Aliases struct{ block cipher.Block }

// NewAliases returns the Aliases that belong to a key.
func NewAliases(key [32]byte) *Aliases {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a length that AES has
	}
	return &Aliases{block}
}

// An alias is a permutation of 63 bits: the number, and a salt, by which the same number has several aliases. So many
// bits are for numbers: a store that takes 100,000 events a second reaches the last after five years.
const (
	numberBits = 44
	saltBits   = 63 - numberBits
)

// Alias returns an alias of a number. It is positive; of 0 it is 0. Only the lowest saltBits of salt count.
func (a *Aliases) Alias(number uint64, salt uint32) int64 {
	if number == 0 {
		return 0
	}
	x := number<<saltBits&(1<<63-1) | uint64(salt)&(1<<saltBits-1)
	for x = a.shuffle(x); !isAlias(x); x = a.shuffle(x) { // walks the cycle until it is back among the aliases
	}
	return int64(x)
}

// Number returns the number that an alias stands for. One that was never given out stands for any number.
func (a *Aliases) Number(alias int64) uint64 {
	x := uint64(alias)
	if !isAlias(x) {
		return 0
	}
	for x = a.unshuffle(x); !isAlias(x); x = a.unshuffle(x) {
	}
	return x >> saltBits
}

func isAlias(x uint64) bool { return x != 0 && x>>63 == 0 }

// rounds of a Feistel network are enough from 4 on, if its function can't be told from a random one (Luby and Rackoff).
const rounds = 8

func (a *Aliases) shuffle(x uint64) uint64 {
	l, r := uint32(x>>32), uint32(x)
	for i := range rounds {
		l, r = r, l^a.mix(i, r)
	}
	return uint64(l)<<32 | uint64(r)
}

func (a *Aliases) unshuffle(x uint64) uint64 {
	l, r := uint32(x>>32), uint32(x)
	for i := range rounds {
		l, r = r^a.mix(rounds-1-i, l), l
	}
	return uint64(l)<<32 | uint64(r)
}

func (a *Aliases) mix(round int, half uint32) uint32 {
	var b [aes.BlockSize]byte
	b[0] = byte(round)
	binary.BigEndian.PutUint32(b[1:], half)
	a.block.Encrypt(b[:], b[:])
	return binary.BigEndian.Uint32(b[:])
}
