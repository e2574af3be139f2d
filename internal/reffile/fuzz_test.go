package reffile

import (
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
)

// FuzzPackedRefs has each name found that is in the file, and the file be the same after it was written.
func FuzzPackedRefs(f *testing.F) {
	line := "0123456789012345678901234567890123456789 refs/heads/"
	f.Add("# pack-refs with: peeled fully-peeled sorted \n" + line + "a\n^0123456789012345678901234567890123456789\n" +
		line + "b\n")
	f.Fuzz(func(t *testing.T, data string) {
		p, err := ParsePacked(data)
		if err != nil {
			return
		}
		again, err := ParsePacked(string(p.Change(nil, false, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if p.Len() != again.Len() {
			t.Fatalf("%d refs after writing, want %d", again.Len(), p.Len())
		}
		for i := range p.Len() {
			if p.lines(i) != again.lines(i) {
				t.Errorf("ref %d is %q after writing, want %q", i, again.lines(i), p.lines(i))
			}
			if j := p.Index(p.Name(i)); p.Name(j) != p.Name(i) {
				t.Errorf("index(%q) is of %q", p.Name(i), p.Name(j))
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
		one, err := ParseLog(line)
		if err != nil || one.When.Year() > 9999 || one.When.Unix() < 0 {
			return
		}
		text := LogLine(&one)
		two, err := ParseLog(text[:len(text)-1])
		if err != nil {
			t.Fatalf("ParseLog(%q) = %v", text, err)
		}
		if again := LogLine(&two); again != text {
			t.Errorf("LogLine() = %q, and after parsing it %q", text, again)
		}
	})
}
