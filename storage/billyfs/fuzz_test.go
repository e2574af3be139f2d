package billyfs

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/storage"
)

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
		again, err := parsePackedRefs(string(p.change(nil, false, nil)))
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

// FuzzPackedLogs puts a log into a file of logs: it is read as it was put, and the others as they were.
func FuzzPackedLogs(f *testing.F) {
	f.Add("refs/heads/a one\nrefs/heads/a two\nrefs/tags/b three\n", "refs/heads/c", "four\n")
	f.Add("refs/heads/b one\nrefs/heads/a two\n\n x\nrefs/heads/b three\nrefs/heads/c", "refs/heads/b", "")
	f.Fuzz(func(t *testing.T, file, name, log string) {
		p, err := parsePackedLogs(file)
		if err != nil || !validRef(name) || log != "" && !strings.HasSuffix(log, "\n") {
			return
		}
		again, err := parsePackedLogs(string(p.change([]packedLog{{name, log}})))
		if err != nil {
			t.Fatal(err)
		}
		if got := again.find(name); got != log {
			t.Errorf("find(%q) = %q after writing, want %q", name, got, log)
		}
		for _, start := range p.starts {
			if other := p.nameAt(start); other != name && again.find(other) != p.find(other) {
				t.Errorf("find(%q) = %q after writing, want %q", other, again.find(other), p.find(other))
			}
		}
	})
}

// TestPackedLogsSize reads logs of thousands of refs.
func TestPackedLogsSize(t *testing.T) {
	if got := sizeLimit("repos/x.git/" + packedLogsName); got != maxPacked {
		t.Errorf("sizeLimit() of packed logs = %d, want %d", got, maxPacked)
	}
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

// FuzzEncodeName encodes names of refs for files: two that differ have names that differ in more than case, which are
// short, and those of version 2 are renamed to them.
func FuzzEncodeName(f *testing.F) {
	f.Add("refs/heads/Feature", "refs/heads/feature")
	f.Add("refs/heads/"+strings.Repeat("Ab%41", 60), "refs/heads/"+strings.Repeat("A", 200))
	f.Add("refs/heads/"+strings.Repeat("A", 150), "HEAD")
	f.Fuzz(func(t *testing.T, one, two string) {
		if !validRef(one) || !validRef(two) {
			return
		}
		a, b := encodeName(one), encodeName(two)
		if (strings.EqualFold(a, b)) != (one == two) || len(a) > maxFileName || strings.ContainsAny(a, "/.") {
			t.Errorf("encodeName(%q) = %q, encodeName(%q) = %q", one, a, two, b)
		}
		older := strings.ReplaceAll(url.PathEscape(one), ".", "%2E")
		if len(older) > maxFileName {
			sum, _ := sha1cd.Sum([]byte(one))
			older = older[:maxFileName-41] + "~" + hex.EncodeToString(sum[:])
		}
		if got := encodeOlder(older); got != a {
			t.Errorf("encodeOlder(%q) = %q, want %q", older, got, a)
		}
	})
}
