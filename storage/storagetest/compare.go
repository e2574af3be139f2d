package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/storage"
)

// Compare returns an error that says how b differs from m: in records, refs, logs, or objects.
func (m *Model) Compare(ctx context.Context, b storage.Backend) error {
	if err := b.View(ctx, m.CompareView); err != nil {
		return err
	}
	for pool, want := range m.objects {
		if err := compareObjects(ctx, b, pool, want, m.dropped[pool]); err != nil {
			return fmt.Errorf("pool %v: %w", pool, err)
		}
	}
	return nil
}

// CompareView returns an error that says how the refs, logs and records of v differ from those of m.
func (m *Model) CompareView(v storage.View) error {
	if err := m.compareRecords(v); err != nil {
		return err
	}
	for _, repo := range slices.SortedFunc(maps.Keys(m.refs), compareIDs) {
		if err := m.compareRepo(v, repo); err != nil {
			return fmt.Errorf("repository %v: %w", repo, err)
		}
	}
	return nil
}

func compareIDs(a, b storage.ID) int { return cmp.Compare(a.String(), b.String()) }

func (m *Model) compareRecords(v storage.View) error {
	lo := []byte(m.prefix)
	hi := above(lo)
	for _, order := range []storage.Order{storage.Ascending, storage.Descending} {
		got, err := collect(v.Records(lo, hi, order))
		if err != nil {
			return err
		}
		want, _ := collect(m.Records(lo, hi, order))
		if diff := diffRecords(want, got); diff != "" {
			return fmt.Errorf("Records(%q, %q, %v) differ (-want +got):\n%s", lo, hi, order, diff)
		}
	}
	for key, want := range m.records {
		if got, err := v.Record([]byte(key)); err != nil || string(got) != want {
			return fmt.Errorf("Record(%q) = %q, %w, want %q, nil", key, got, err, want)
		}
	}
	return nil
}

func (m *Model) compareRepo(v storage.View, repo storage.ID) error {
	got, err := collect(v.Refs(repo, "", ""))
	if err != nil {
		return err
	}
	want, _ := collect(m.Refs(repo, "", ""))
	if diff := diffRefs(want, got); diff != "" {
		return fmt.Errorf("Refs() differ (-want +got):\n%s", diff)
	}
	for _, r := range want {
		if got, err := v.Ref(repo, r.Name); err != nil || got != r {
			return fmt.Errorf("Ref(%q) = %v, %w, want %v, nil", r.Name, got, err, r)
		}
	}
	for name := range m.logs[repo] {
		got, err := collect(v.Log(repo, name))
		if err != nil {
			return err
		}
		want, _ := collect(m.Log(repo, name))
		if diff := diffLogs(want, got); diff != "" {
			return fmt.Errorf("Log(%q) differs (-want +got):\n%s", name, diff)
		}
	}
	return nil
}

// diffRecords returns "" if both are the same, which is told much faster than how they differ.
func diffRecords(want, got []storage.Record) string {
	if slices.EqualFunc(want, got, func(a, b storage.Record) bool {
		return bytes.Equal(a.Key, b.Key) &&
			bytes.Equal(a.Value, b.Value)
	}) {
		return ""
	}
	return "records:\n" + gocmp.Diff(brief(want), brief(got))
}

// brief returns records as text, one each, with the beginnings of their keys and values and a sum of the whole.
func brief(records []storage.Record) []string {
	lines := make([]string, len(records))
	for i, r := range records {
		sum := crc32.Update(crc32.ChecksumIEEE(r.Key), crc32.IEEETable, r.Value)
		lines[i] = fmt.Sprintf("%.100q: %d bytes, %.40q, sum %08x", r.Key, len(r.Value), r.Value, sum)
	}
	return lines
}

func diffRefs(want, got []storage.Ref) string {
	if slices.Equal(want, got) {
		return ""
	}
	return gocmp.Diff(want, got, cmpopts.EquateEmpty())
}

// diffLogs compares entries. Times are the same if they are the same second at the same offset.
func diffLogs(want, got []storage.LogEntry) string {
	if slices.EqualFunc(want, got, sameEntry) {
		return ""
	}
	return gocmp.Diff(want, got, gocmp.Comparer(sameEntry), cmpopts.EquateEmpty())
}

func sameEntry(a, b storage.LogEntry) bool {
	_, aOffset := a.When.Zone()
	_, bOffset := b.When.Zone()
	same := a.When.Equal(b.When) && aOffset == bOffset
	a.When, b.When = time.Time{}, time.Time{}
	return same && a == b
}

// compareObjects allows objects that want does not have, unless the pool was dropped: what a stage leaves is garbage,
// not an error.
func compareObjects(ctx context.Context, b storage.Backend, pool storage.ID, want map[storage.Hash]storage.Object,
	dropped bool) error {
	names, err := collect(b.Objects(ctx, pool, storage.Hash{}, lastHash))
	if err != nil {
		return err
	}
	if !slices.IsSortedFunc(names, compareHashes) {
		return errors.New("Objects() are out of order")
	}
	if dropped && len(names) > 0 {
		return fmt.Errorf("Objects() has %d hashes after DropPool, want none", len(names))
	}
	listed := make(map[storage.Hash]bool, len(names))
	for _, h := range names {
		if listed[h] {
			return fmt.Errorf("Objects() has %v twice", h)
		}
		listed[h] = true
	}
	for h, o := range want {
		if !listed[h] {
			return fmt.Errorf("Objects() lacks %v", h)
		}
		if err := CheckObject(ctx, b, pool, o); err != nil {
			return err
		}
	}
	return nil
}

// lastHash is the greatest hash.
var lastHash = storage.Hash(bytes.Repeat([]byte{0xff}, len(storage.Hash{})))

func compareHashes(a, b storage.Hash) int { return cmp.Compare(string(a[:]), string(b[:])) }

// collect returns what a sequence yields, as far as it comes. After an error nothing may follow.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	var failed error
	for v, err := range seq {
		if failed != nil {
			return all, fmt.Errorf("sequence goes on after its error: %w", failed)
		}
		if failed = err; err == nil {
			all = append(all, v)
		}
	}
	return all, failed
}

// above returns the least key that is greater than all that begin with prefix, or nil if there is none.
func above(prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if prefix[n-1] != 0xff {
			key := slices.Clone(prefix[:n])
			key[n-1]++
			return key
		}
	}
	return nil
}
