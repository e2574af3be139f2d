package storagetest

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/storage"
)

func deltaClauses() []clause {
	return []clause{
		{"RoundTrip", deltasRoundTrip},
		{"Chain", deltasChain},
		{"Staged", deltasStaged},
		{"EveryType", deltasEveryType},
		{"OpenObject", deltasOpenObject},
	}
}

// versions returns n objects, of which each but the first is a delta from the one before, at most depth deep.
func versions(t storage.Type, n, depth int) []storage.Object {
	data := randomBytes(uint64(n), 20_000)
	all := []storage.Object{NewObject(t, data)}
	for i := 1; i < n; i++ {
		data = append([]byte(nil), data...)
		copy(data[(i*997)%19_000:], fmt.Sprintf("version %d", i))
		if i%(depth+1) == 0 {
			all = append(all, NewObject(t, data))
		} else {
			all = append(all, NewDelta(all[i-1], data))
		}
	}
	return all
}

func deltasRoundTrip(f *fixture) {
	base := NewObject(storage.Blob, randomBytes(1, 10_000))
	f.put(poolID(1), base)
	var all []storage.Object
	for _, data := range [][]byte{
		append(randomBytes(1, 10_000), "more"...),
		randomBytes(1, 10_000)[5000:],
		randomBytes(1, 9_999),
		[]byte("nothing in common"),
		{},
	} {
		all = append(all, NewDelta(base, data))
	}
	f.put(poolID(1), all...)
	f.has(poolID(1), base)
	f.has(poolID(1), all...)
}

func deltasChain(f *fixture) {
	all := versions(storage.Blob, 60, 50)
	f.put(poolID(1), all[:30]...)
	for _, o := range all[30:] {
		f.put(poolID(1), o)
	}
	f.has(poolID(1), all...)
	if got := f.objects(poolID(1), storage.Hash{}, lastHash); len(got) != len(all) {
		f.Errorf("Objects() has %d hashes, want %d", len(got), len(all))
	}
}

// deltasStaged has bases that were put before the stage, in it, and by it for an Update.
func deltasStaged(f *fixture) {
	all := versions(storage.Blob, 12, 10)
	f.put(poolID(1), all[:4]...)
	f.stage(poolID(1), all[4:8]...)
	f.put(poolID(1), all[8:]...)
	f.has(poolID(1), all...)
}

func deltasEveryType(f *fixture) {
	for i, t := range []storage.Type{storage.Commit, storage.Tree, storage.Blob, storage.Tag} {
		all := versions(t, 4, 3)
		f.put(poolID(i), all...)
		f.has(poolID(i), all...)
	}
}

// deltasOpenObject allows ErrDelta for none but objects that came with a delta.
func deltasOpenObject(f *fixture) {
	all := versions(storage.Blob, 2, 1)
	f.put(poolID(1), all...)
	if err := checkOpenObject(f.ctx, f.b, poolID(1), all[0]); err != nil {
		f.Error(err)
	}
	err := checkOpenObject(f.ctx, f.b, poolID(1), all[1])
	o, objectErr := f.b.Object(f.ctx, poolID(1), all[1].Hash)
	if objectErr != nil {
		f.Fatal(objectErr)
	}
	if isDelta := errors.Is(err, storage.ErrDelta); isDelta != (o.Delta != nil) || err != nil && !isDelta {
		f.Errorf("OpenObject() = %v, but Object() gives a delta: %v", err, o.Delta != nil)
	}
}
