package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/reposit/reposit/storage"
)

func recordClauses() []clause {
	return []clause{
		{"RoundTrip", recordsRoundTrip},
		{"Unknown", recordsUnknown},
		{"Replace", recordsReplace},
		{"Delete", recordsDelete},
		{"Scan", recordsScan},
		{"OwnWrites", recordsOwnWrites},
		{"Limits", recordsLimits},
		{"SlicesNotKept", recordsSlicesNotKept},
		{"SlicesStayValid", recordsSlicesStayValid},
		{"BreakOff", recordsBreakOff},
	}
}

// putRecords puts records in one Update.
func (f *fixture) putRecords(records ...storage.Record) {
	f.Helper()
	f.update(func(tx storage.Tx) error { return putRecords(tx, records...) })
}

func putRecords(tx storage.Tx, records ...storage.Record) error {
	for _, r := range records {
		if err := tx.PutRecord(r.Key, r.Value); err != nil {
			return err
		}
	}
	return nil
}

func record(key, value string) storage.Record {
	return storage.Record{Key: []byte(key), Value: []byte(value)}
}

// wantRecords checks that the records are these, in ascending order, and no others.
func (f *fixture) wantRecords(want ...storage.Record) {
	f.Helper()
	f.view(func(v storage.View) error { return checkRecords(v, want...) })
}

func checkRecords(v storage.View, want ...storage.Record) error {
	got, err := collect(v.Records(nil, nil, storage.Ascending))
	if err != nil {
		return err
	}
	if diff := diffRecords(want, got); diff != "" {
		return fmt.Errorf("Records() differ (-want +got):\n%s", diff)
	}
	return nil
}

// oddKeys are in order of their bytes.
var oddKeys = []string{"\x00", "\x00\x00", "\x00\xff", "\x01", "!badger!x", "A", "a", "a\x00", "a\x00b", "a/b", "aa",
	"b", "b\xff", "b\xff\xff", "c", "\xc3\xa9", "\xff", "\xff\x00", "\xff\xff"}

func oddRecords() []storage.Record {
	records := make([]storage.Record, len(oddKeys))
	for i, key := range oddKeys {
		records[i] = record(key, fmt.Sprint("value ", i))
	}
	return records
}

func recordsRoundTrip(f *fixture) {
	records := oddRecords()
	for _, r := range slices.Backward(records) {
		f.putRecords(r)
	}
	f.wantRecords(records...)
	f.view(func(v storage.View) error {
		for _, r := range records {
			if got, err := v.Record(r.Key); err != nil || !bytes.Equal(got, r.Value) {
				f.Errorf("Record(%q) = %q, %v, want %q, nil", r.Key, got, err, r.Value)
			}
		}
		return nil
	})
	f.putRecords(record("empty", ""), storage.Record{Key: []byte("nil")})
	f.view(func(v storage.View) error {
		for _, key := range []string{"empty", "nil"} {
			if got, err := v.Record([]byte(key)); err != nil || len(got) != 0 {
				f.Errorf("Record(%q) = %q, %v, want an empty value", key, got, err)
			}
		}
		return nil
	})
}

func recordsUnknown(f *fixture) {
	f.putRecords(record("a/b", "x"))
	f.view(func(v storage.View) error {
		for _, key := range []string{"a", "a/", "a/b/", "a/b\x00", "b"} {
			_, err := v.Record([]byte(key))
			f.wantErr(fmt.Sprintf("Record(%q)", key), err, storage.ErrNotFound)
			f.wantErr(fmt.Sprintf("Record(%q)", key), err, fs.ErrNotExist)
		}
		return nil
	})
}

func recordsReplace(f *fixture) {
	for _, value := range []string{"one", "", "a longer value than before", "x"} {
		f.putRecords(record("a", value), record("b", "stays"))
		f.wantRecords(record("a", value), record("b", "stays"))
	}
	f.putRecords(record("a", "first"), record("a", "second"))
	f.wantRecords(record("a", "second"), record("b", "stays"))
}

func recordsDelete(f *fixture) {
	f.putRecords(record("a", "1"), record("a\x00", "2"), record("b", "3"))
	f.update(func(tx storage.Tx) error {
		return errors.Join(tx.DeleteRecord([]byte("a")), tx.DeleteRecord([]byte("missing")), tx.DeleteRecord([]byte("a")))
	})
	f.wantRecords(record("a\x00", "2"), record("b", "3"))
	f.update(func(tx storage.Tx) error {
		return errors.Join(putRecords(tx, record("c", "4")), tx.DeleteRecord([]byte("c")), tx.DeleteRecord([]byte("b")),
			putRecords(tx, record("b", "5")))
	})
	f.wantRecords(record("a\x00", "2"), record("b", "5"))
}

// scanWant is what Records must yield of all, which are in ascending order.
func scanWant(all []storage.Record, lo, hi []byte, order storage.Order) []storage.Record {
	var want []storage.Record
	for _, r := range all {
		if bytes.Compare(r.Key, lo) >= 0 && (hi == nil || bytes.Compare(r.Key, hi) < 0) {
			want = append(want, r)
		}
	}
	if order == storage.Descending {
		slices.Reverse(want)
	}
	return want
}

// checkScans compares Records with all for every pair of bounds in sight.
func checkScans(v storage.View, all []storage.Record) error {
	bounds := [][]byte{nil, {}, []byte("a\x01"), []byte("bb"), []byte("\xff\xff\xff")}
	for _, key := range oddKeys {
		bounds = append(bounds, []byte(key))
	}
	for _, lo := range bounds {
		for _, hi := range bounds {
			for _, order := range []storage.Order{storage.Ascending, storage.Descending} {
				got, err := collect(v.Records(lo, hi, order))
				if err != nil {
					return err
				}
				if diff := diffRecords(scanWant(all, lo, hi, order), got); diff != "" {
					return fmt.Errorf("Records(%q, %q (nil: %v), %v) differ (-want +got):\n%s", lo, hi, hi == nil, order, diff)
				}
			}
		}
	}
	return nil
}

func recordsScan(f *fixture) {
	f.view(func(v storage.View) error { return checkScans(v, nil) })
	all := oddRecords()
	f.putRecords(all...)
	f.createRepo(1) // nothing else is a record
	f.putRefs(repoID(1), refTo("refs/heads/main", 1))
	f.put(poolID(1), blobs(3)...)
	f.view(func(v storage.View) error { return checkScans(v, all) })
}

// recordsOwnWrites scans, in the transaction, what it put and deleted among what was there before.
func recordsOwnWrites(f *fixture) {
	all := oddRecords()
	var before, want []storage.Record
	for i, r := range all {
		switch i % 4 {
		case 0: // stays
			before, want = append(before, r), append(want, r)
		case 1: // is put
			want = append(want, r)
		case 2: // is deleted
			before = append(before, r)
		case 3: // is replaced
			before, want = append(before, record(string(r.Key), "old")), append(want, r)
		}
	}
	f.putRecords(before...)
	f.update(func(tx storage.Tx) error {
		for i, r := range all {
			var err error
			switch i % 4 {
			case 1, 3:
				err = tx.PutRecord(r.Key, r.Value)
			case 2:
				err = tx.DeleteRecord(r.Key)
			}
			if err != nil {
				return err
			}
		}
		for i, r := range all {
			got, err := tx.Record(r.Key)
			if i%4 == 2 {
				if !errors.Is(err, storage.ErrNotFound) {
					return fmt.Errorf("Record(%q) after DeleteRecord = %v, want not found", r.Key, err)
				}
			} else if err != nil || !bytes.Equal(got, r.Value) {
				return fmt.Errorf("Record(%q) = %q, %w, want %q, nil", r.Key, got, err, r.Value)
			}
		}
		return checkScans(tx, want)
	})
	f.view(func(v storage.View) error { return checkScans(v, want) })
}

func recordsLimits(f *fixture) {
	longest := storage.Record{Key: bytes.Repeat([]byte("k"), storage.MaxKey), Value: []byte("of the longest key")}
	largest := storage.Record{Key: []byte("largest"), Value: randomBytes(1, storage.MaxValue)}
	f.putRecords(longest)
	f.putRecords(largest)
	f.wantRecords(longest, largest)
	for _, r := range []storage.Record{
		{Key: bytes.Repeat([]byte("k"), storage.MaxKey+1), Value: []byte("x")},
		{Key: []byte("above"), Value: make([]byte, storage.MaxValue+1)},
	} {
		err := f.b.Update(f.ctx, func(tx storage.Tx) error { return putRecords(tx, record("beside", "x"), r) })
		if err == nil {
			f.Errorf("PutRecord(%d bytes, %d bytes) = nil, want an error", len(r.Key), len(r.Value))
		}
	}
	f.wantRecords(longest, largest)
	f.putRecords(storage.Record{Key: largest.Key, Value: []byte("small")})
	f.update(func(tx storage.Tx) error { return tx.DeleteRecord(longest.Key) })
	f.wantRecords(record("largest", "small"))
}

func recordsSlicesNotKept(f *fixture) {
	key, value := []byte("key"), []byte("value")
	f.update(func(tx storage.Tx) error {
		copy(key, "key")
		copy(value, "value")
		err := tx.PutRecord(key, value)
		copy(key, "xxx")
		copy(value, "xxxxx")
		return errors.Join(err, checkRecords(tx, record("key", "value")))
	})
	f.wantRecords(record("key", "value"))
	f.update(func(tx storage.Tx) error {
		copy(key, "key")
		err := tx.DeleteRecord(key)
		copy(key, "xxx")
		return err
	})
	f.wantRecords()
}

// recordsSlicesStayValid looks at slices only when the function is about to end.
func recordsSlicesStayValid(f *fixture) {
	var all []storage.Record
	for i := range 300 {
		all = append(all, record(fmt.Sprintf("key %03d", i), fmt.Sprintf("value %0*d", i, i)))
	}
	f.putRecords(all...)
	check := func(v storage.View) error {
		var values [][]byte
		for _, r := range all {
			value, err := v.Record(r.Key)
			if err != nil {
				return err
			}
			values = append(values, value)
		}
		up, err := collect(v.Records(nil, nil, storage.Ascending))
		if err != nil {
			return err
		}
		down, err := collect(v.Records(nil, nil, storage.Descending))
		if err != nil {
			return err
		}
		slices.Reverse(down)
		if diff := diffRecords(up, down) + diffRecords(all, up); diff != "" {
			return fmt.Errorf("records changed after they were handed out:\n%s", diff)
		}
		for i, r := range all {
			if !bytes.Equal(values[i], r.Value) {
				return fmt.Errorf("the value of %q changed after it was handed out", r.Key)
			}
		}
		return nil
	}
	f.view(check)
	f.update(func(tx storage.Tx) error { return check(tx) })
}

func recordsBreakOff(f *fixture) {
	f.putRecords(oddRecords()...)
	check := func(v storage.View) error {
		for _, order := range []storage.Order{storage.Ascending, storage.Descending} {
			for range v.Records(nil, nil, order) {
				for r := range v.Records([]byte("a"), []byte("b"), order) { // one within another
					if _, err := v.Record(r.Key); err != nil {
						return err
					}
					break
				}
				break
			}
		}
		return nil
	}
	f.view(check)
	f.update(func(tx storage.Tx) error {
		return errors.Join(check(tx), putRecords(tx, record("a", "after")), check(tx))
	})
}
