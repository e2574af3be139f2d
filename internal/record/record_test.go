package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

// all is one of each piece, and how it is written and read.
type all struct {
	Byte         byte
	U16          uint16
	U32          uint32
	U64, Uvarint uint64
	Varint       int64
	Count        int
	Text         string
	List         []string
	ID           storage.ID
	Hash         storage.Hash
	When         time.Time
	Stamp        Stamp
	Nanos, Fixed time.Time
}

func (a *all) encode() []byte {
	b := []byte{3, a.Byte}
	b = binary.BigEndian.AppendUint16(b, a.U16)
	b = binary.BigEndian.AppendUint32(b, a.U32)
	b = binary.BigEndian.AppendUint64(b, a.U64)
	b = binary.AppendUvarint(b, a.Uvarint)
	b = binary.AppendVarint(b, a.Varint)
	b = binary.AppendUvarint(b, uint64(a.Count))
	b = AppendString(b, a.Text)
	b = AppendStrings(b, a.List)
	b = append(append(b, a.ID[:]...), a.Hash[:]...)
	b = AppendStamp(AppendTime(b, a.When), a.Stamp)
	return AppendFixedNanos(AppendNanos(b, a.Nanos), a.Fixed)
}

func decodeAll(b []byte) (a all, err error) {
	d := Decode(b)
	d.Version(2, 3)
	a = all{Byte: d.Byte(), U16: d.Uint16(), U32: d.Uint32(), U64: d.Uint64(), Uvarint: d.Uvarint(),
		Varint: d.Varint(), Count: d.Count(math.MaxInt32), Text: d.String(), List: d.Strings(), ID: d.ID(),
		Hash: d.Hash(), When: d.Time(), Stamp: d.Stamp(), Nanos: d.Nanos(), Fixed: d.FixedNanos()}
	return a, d.End("test")
}

var sample = all{Byte: 7, U16: 1 << 9, U32: 1 << 20, U64: 1 << 40, Uvarint: 1 << 50, Varint: -3, Count: 99,
	Text: "text", List: []string{"a", "", "c"}, ID: storage.ID{1}, Hash: storage.Hash{2},
	When: time.Unix(-5, 7).UTC(), Stamp: 12,
	Nanos: time.Unix(3, 4).UTC(), Fixed: MinTime}

func TestDecoder(t *testing.T) {
	b := sample.encode()
	if got, err := decodeAll(b); err != nil || !reflect.DeepEqual(got, sample) {
		t.Errorf("decoded to %+v, %v, want %+v", got, err, sample)
	}
	for n := range b {
		if _, err := decodeAll(b[:n]); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v, want %v", n, len(b), err, storage.ErrCorrupt)
		}
	}
	if _, err := decodeAll(append(b[:len(b):len(b)], 0)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("a byte too many: %v, want %v", err, storage.ErrCorrupt)
	}
	for _, version := range []byte{0, 1, 4, 255} {
		other := append([]byte{version}, b[1:]...)
		if got, err := decodeAll(other); !errors.Is(err, storage.ErrFormat) || !reflect.DeepEqual(got, all{}) {
			t.Errorf("version %d: %+v, %v, want nothing and %v", version, got, err, storage.ErrFormat)
		}
	}
}

func TestDecoderBounds(t *testing.T) {
	for what, read := range map[string]func(*Decoder) bool{
		"String() of 255 bytes, one of which is there": func(d *Decoder) bool { return d.String() != "" },
		"Strings() of 255 strings":                     func(d *Decoder) bool { return d.Strings() != nil },
		"Count(254)":                                   func(d *Decoder) bool { return d.Count(254) != 0 },
		"Check(false)":                                 func(d *Decoder) bool { d.Check(false); return false },
		"Take(4)":                                      func(d *Decoder) bool { return d.Take(4) != nil },
		"Take() of more than there can be":             func(d *Decoder) bool { return d.Take(math.MaxUint64) != nil },
		"Uvarint() that does not end":                  func(d *Decoder) bool { d.rest = d.rest[:1]; return d.Uvarint() > 0 },
		"Varint() that does not end":                   func(d *Decoder) bool { d.rest = d.rest[:1]; return d.Varint() != 0 },
		"Version() of a value that is empty":           func(d *Decoder) bool { d.Rest(); return d.Version(0, 255) != 0 },
		"Version() that is not known":                  func(d *Decoder) bool { return d.Version(1, 254) != 0 },
	} {
		d := Decode([]byte{0xff, 1, 'x'})
		if read(&d) || !d.Bad() || d.Len() != 0 || d.Byte() != 0 || d.String() != "" || !d.Nanos().IsZero() ||
			d.Rest() != nil || d.Err("x") == nil {
			t.Errorf("%s yields something, or can go on: %+v", what, d)
		}
	}
	d := Decode([]byte{1, 2, 3})
	if d.Check(true); d.Byte() != 1 || d.Err("x") != nil || string(d.Rest()) != "\x02\x03" || d.End("x") != nil {
		t.Errorf("a value is bad that is not: %+v", d)
	}
}

// FuzzDecoder holds that whatever is decoded without an error is what its encoding decodes to.
func FuzzDecoder(f *testing.F) {
	f.Add(sample.encode())
	f.Add((&all{}).encode())
	f.Add([]byte{2, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAll(b)
		if err != nil {
			if !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
				t.Errorf("decoding %x: %v", b, err)
			}
			return
		}
		again, err := decodeAll(a.encode())
		if err != nil || !reflect.DeepEqual(again, a) && a.Nanos.After(MinTime) && a.Fixed.After(MinTime) {
			t.Errorf("%x is %+v, and after encoding it %+v, %v", b, a, again, err)
		}
	})
}

func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "a\xff": "b", "\x00": "\x01", "a\x00": "a\x01"} {
		if got := After([]byte(prefix)); string(got) != want {
			t.Errorf("After(%q) = %q, want %q", prefix, got, want)
		}
	}
	for _, prefix := range []string{"", "\xff", "\xff\xff"} {
		if got := After([]byte(prefix)); got != nil {
			t.Errorf("After(%q) = %q, want nil", prefix, got)
		}
	}
}

func TestIDKey(t *testing.T) {
	want := "ab" + "x" + string(make([]byte, 19))
	if got := IDKey(storage.ID{'x'}, 'a', 'b'); string(got) != want {
		t.Errorf("IDKey() = %q, want %q", got, want)
	}
	if got := IDKeyFor(4, storage.ID{'x'}, 'a', 'b'); string(got) != want || cap(got) < len(want)+4 {
		t.Errorf("IDKeyFor() = %q of capacity %d, want %q with room for 4", got, cap(got), want)
	}
}

// A kept is the records of a View or a transaction.
type kept struct {
	storage.Tx
	keys []string
}

func (k *kept) Records(lo, hi []byte, _ storage.Order) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		for _, key := range slices.Clone(k.keys) {
			if key >= string(lo) && key < string(hi) && !yield(storage.Record{Key: []byte(key)}, nil) {
				return
			}
		}
	}
}

func (k *kept) PutRecord(key, _ []byte) error {
	k.keys = append(k.keys, string(key))
	slices.Sort(k.keys)
	return nil
}

func (k *kept) DeleteRecord(key []byte) error {
	k.keys = slices.DeleteFunc(k.keys, func(s string) bool { return s == string(key) })
	return nil
}

func TestSweeper(t *testing.T) {
	left := map[storage.ID]int{{1}: 3, {2}: 1, {3}: 2}
	s := Sweeper[storage.Tx]{Kind: "Tz", Drop: func(_ storage.Tx, id storage.ID) (bool, error) {
		left[id]--
		return left[id] > 0, nil
	}}
	tx := &kept{}
	for id := range left {
		if err := s.Bury(tx, id); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{string(IDKey(storage.ID{1}, 'T', 'z')), string(IDKey(storage.ID{3}, 'T', 'z'))}
	if !slices.Equal(tx.keys, want) {
		t.Fatalf("tombstones are %q, want %q", tx.keys, want)
	}
	rounds := 0
	for more := true; more; rounds++ {
		swept, err := s.Swept(tx)
		if err != nil || swept != (len(tx.keys) == 0) {
			t.Fatalf("Swept() = %v, %v with %q", swept, err, tx.keys)
		}
		if more, err = s.Sweep(tx); err != nil || rounds > 10 {
			t.Fatal(more, err)
		}
	}
	if len(tx.keys) != 0 || fmt.Sprint(left) != fmt.Sprint(map[storage.ID]int{{1}: 0, {2}: 0, {3}: 0}) || rounds != 4 {
		t.Errorf("after %d rounds: tombstones %q, records %v, want none after 4", rounds, tx.keys, left)
	}
	tx.keys = []string{"Tzx"}
	if _, err := s.Sweep(tx); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("Sweep() with a key that is none: %v, want %v", err, storage.ErrCorrupt)
	}
	if _, err := s.Swept(tx); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("Swept() with a key that is none: %v, want %v", err, storage.ErrCorrupt)
	}
}
