package billyfs

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reposit/reposit/storage"
)

// FuzzCommit decodes entries of the journal: what decodes is the same after encoding and decoding again.
func FuzzCommit(f *testing.F) {
	c := &commit{
		seq: 7, objects: []objectWrite{{data: []byte("x")}}, creates: []repoCreate{{}}, drops: []repoRef{{born: 3}},
		pools: []storage.ID{{1}}, refs: []refWrite{{name: "HEAD", new: refValue{target: "refs/heads/main"}, logSize: 5}},
		logs:    []logWrite{{name: "HEAD", line: "x\n"}},
		records: []recordWrite{{key: "k", value: []byte("v")}, {key: "l", gone: true}},
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
		all := cmp.AllowUnexported(commit{}, objectWrite{}, repoCreate{}, repoRef{}, refWrite{}, refValue{}, logWrite{},
			recordWrite{})
		if diff := cmp.Diff(one, two, all); diff != "" {
			t.Errorf("decodeCommit(encode()) differs (-want +got):\n%s", diff)
		}
	})
}

// FuzzPackedRefs has each name found that is in the file, and the file be the same after it was written.
func FuzzPackedRefs(f *testing.F) {
	line := "0123456789012345678901234567890123456789 refs/heads/"
	f.Add("# pack-refs with: peeled fully-peeled sorted \n" + line + "a\n^0123456789012345678901234567890123456789\n" +
		line + "b\n")
	f.Fuzz(func(t *testing.T, data string) {
		p, err := parsePackedRefs(data)
		if err != nil {
			return
		}
		again, err := parsePackedRefs(string(p.change(nil, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if p.len() != again.len() {
			t.Fatalf("%d refs after writing, want %d", again.len(), p.len())
		}
		for i := range p.len() {
			if p.lines(i) != again.lines(i) {
				t.Errorf("ref %d is %q after writing, want %q", i, again.lines(i), p.lines(i))
			}
			if j := p.index(p.name(i)); p.name(j) != p.name(i) {
				t.Errorf("index(%q) is of %q", p.name(i), p.name(j))
			}
		}
		if !slices.IsSortedFunc(p.starts, func(a, b uint32) int { return strings.Compare(p.nameAt(a), p.nameAt(b)) }) {
			t.Error("refs are not sorted")
		}
	})
}

// FuzzLogLine has lines that were parsed be the same after they were written.
func FuzzLogLine(f *testing.F) {
	zero := storage.Hash{}.String()
	f.Add(zero + " " + zero + " A U Thor <a@x> 1700000000 +0200\tmessage")
	f.Fuzz(func(t *testing.T, line string) {
		one, err := parseLog(line)
		if err != nil || one.When.Year() > 9999 || one.When.Unix() < 0 {
			return
		}
		text := logText(&one)
		two, err := parseLog(text[:len(text)-1])
		if err != nil {
			t.Fatalf("parseLog(%q) = %v", text, err)
		}
		if again := logText(&two); again != text {
			t.Errorf("logText() = %q, and after parsing it %q", text, again)
		}
	})
}

// FuzzDelta applies deltas: they fail, or make as many bytes as they say.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("base"), []byte("\x04\x05\x90\x04\x01x"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		out, err := applyDelta(base, delta)
		if err != nil {
			return
		}
		if _, size, _, _ := deltaSizes(delta); int64(len(out)) != size {
			t.Errorf("applyDelta() has %d bytes, want %d", len(out), size)
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
