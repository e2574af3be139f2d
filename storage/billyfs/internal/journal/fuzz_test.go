package journal

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/storage"
)

// FuzzCommit decodes entries of the journal: what decodes is the same after encoding and decoding again.
func FuzzCommit(f *testing.F) {
	head := RefName{Name: "HEAD"}
	c := &Commit{
		Seq: 7, Objects: []ObjectWrite{{Data: []byte("x")}}, Creates: []RepoCreate{{}}, Drops: []RepoRef{{Born: 3}},
		Pools:   []storage.ID{{1}},
		Refs:    []RefWrite{{RefName: head, New: RefValue{Target: "refs/heads/main"}, LogSize: 5}},
		Logs:    []LogWrite{{RefName: head, Lines: "x\n"}},
		Records: []RecordWrite{{Key: "k", Value: []byte("v")}, {Key: "l", Gone: true}},
	}
	f.Add(c.encode()[1:])
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := decodeCommit(data)
		if err != nil {
			return
		}
		two, err := decodeCommit(one.encode()[1:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("decodeCommit(encode()) differs (-want +got):\n%s", diff)
		}
	})
}

// FuzzJournal cuts and damages a journal: what is read of it is a beginning of what was written, or an error.
func FuzzJournal(f *testing.F) {
	var whole []byte
	var want [][]byte
	for i := range 5 {
		payload := bytes.Repeat([]byte{byte('a' + i)}, 10*i)
		want = append(want, payload)
		whole = appendFrame(whole, int64(len(whole)), payload)
	}
	f.Add(uint16(30), byte(1), uint16(100))
	f.Fuzz(func(t *testing.T, at uint16, flip byte, size uint16) {
		data := bytes.Clone(whole[:min(int(size), len(whole))])
		if int(at) < len(data) {
			data[at] ^= flip
		}
		var got [][]byte
		for end := 0; end < len(data); {
			payload, _, ok := parseFrame(data[end:])
			if !ok {
				break
			}
			got = append(got, payload)
			end += frameHeader + len(payload)
		}
		if diff := cmp.Diff(want[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("payloads differ (-want +got):\n%s", diff)
		}
	})
}
