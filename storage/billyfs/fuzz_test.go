package billyfs

import (
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/internal/reffile"
)

// FuzzPackedLogs puts a log into a file of logs: it is read as it was put, and the others as they were.
func FuzzPackedLogs(f *testing.F) {
	f.Add("refs/heads/a one\nrefs/heads/a two\nrefs/tags/b three\n", "refs/heads/c", "four\n")
	f.Add("refs/heads/b one\nrefs/heads/a two\n\n x\nrefs/heads/b three\nrefs/heads/c", "refs/heads/b", "")
	f.Fuzz(func(t *testing.T, file, name, log string) {
		p, err := parsePackedLogs(file)
		if err != nil || !reffile.ValidName(name) || log != "" && !strings.HasSuffix(log, "\n") {
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

// FuzzEncodeName encodes names of refs for files: two that differ have names that differ in more than case, which are
// short, and those of version 2 are renamed to them.
func FuzzEncodeName(f *testing.F) {
	f.Add("refs/heads/Feature", "refs/heads/feature")
	f.Add("refs/heads/"+strings.Repeat("Ab%41", 60), "refs/heads/"+strings.Repeat("A", 200))
	f.Add("refs/heads/"+strings.Repeat("A", 150), "HEAD")
	f.Fuzz(func(t *testing.T, one, two string) {
		if !reffile.ValidName(one) || !reffile.ValidName(two) {
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
