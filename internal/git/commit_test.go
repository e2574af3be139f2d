package git

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

var someone = Signature{Name: "Ada Lovelace", Email: "ada@example.org",
	When: time.Unix(1234567890, 0).In(time.FixedZone("", -5400))}

func TestCommit(t *testing.T) {
	for name, c := range map[string]Commit{
		"first": {Tree: Hash{1}, Author: someone, Committer: someone, Message: "x"},
		"merge": {Tree: Hash{1}, Parents: []Hash{{2}, {3}, {4}}, Author: someone, Committer: someone,
			Message: "x\n\ny\n"},
		"empty": {Tree: Hash{1}, Author: someone, Committer: someone},
		"signed": {Tree: Hash{1}, Author: someone, Committer: someone,
			Signature: "-----BEGIN-----\n\nabc\n-----END-----", Message: "gpgsig not me\n"},
		"extra": {Tree: Hash{1}, Author: someone, Committer: someone, Encoding: "ISO-8859-1",
			Extra: []byte("mergetag object 1\n type 2\nHG:x y\n"), Signature: "s"},
		"nameless":  {Tree: Hash{1}, Author: Signature{Email: "e", When: time.Unix(0, 0).UTC()}, Committer: someone},
		"blank":     {Tree: Hash{1}, Author: someone, Committer: someone, Message: "\n\nx"},
		"long ago":  {Tree: Hash{1}, Author: Signature{Name: "a", When: time.Unix(-99, 0).UTC()}, Committer: someone},
		"far ahead": {Tree: Hash{1}, Author: Signature{Name: "a", When: time.Unix(1<<40, 0).UTC()}, Committer: someone},
		"as GitHub signs": {Tree: Hash{1}, Author: someone, Committer: someone,
			Signature: "-----BEGIN-----\n\nabc\n-----END-----\n", Message: "x"},
		"signed first": {Tree: Hash{1}, Author: someone, Committer: someone, Signature: "s\nt", Extra: []byte("HG:x y\n"),
			Encoding: "latin1",
			Headers:  []byte("gpgsig s\n t\nHG:x y\nencoding latin1\n")},
		"empty headers": {Tree: Hash{1}, Author: someone, Committer: someone, Extra: []byte("encoding\ngpgsig \n")},
		"signed twice": {Tree: Hash{1}, Author: someone, Committer: someone, Signature: "s", Extra: []byte("gpgsig t\n"),
			Headers: []byte("gpgsig s\ngpgsig t\n")},
	} {
		raw := c.Append(nil)
		got, err := ParseCommit(raw)
		if err != nil {
			t.Errorf("%s: ParseCommit(%q) = %v", name, raw, err)
			continue
		}
		if diff := cmp.Diff(&c, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if again := got.Append(nil); !bytes.Equal(again, raw) {
			t.Errorf("%s: %q becomes %q", name, raw, again)
		}
	}
}

func TestParseCommitMalformed(t *testing.T) {
	hash := strings.Repeat("1", 40)
	for _, raw := range []string{"", "\n", "x", "tree", "tree \n", "tree " + hash[1:] + "\n", "tree " +
		strings.Repeat("0", 40) + "\n", "author a <b> 1 +0000\ntree " + hash + "\n",
		" tree " + hash + "\n", "tree " + hash + "\nparent x\n", "tree " + hash + "\nparent\n ",
		"parent " + hash + "\n"} {
		if c, err := ParseCommit([]byte(raw)); err == nil {
			t.Errorf("ParseCommit(%q) = %+v, want an error", raw, c)
		}
	}
}

func TestParseSignature(t *testing.T) {
	zero := time.Unix(0, 0).UTC()
	for line, want := range map[string]Signature{
		"":                                 {When: zero},
		"a":                                {Name: "a", When: zero},
		"a <b>":                            {Name: "a", Email: "b", When: zero},
		"a <b> 5":                          {Name: "a", Email: "b", When: time.Unix(5, 0).UTC()},
		"a <b> 5 +0000":                    {Name: "a", Email: "b", When: time.Unix(5, 0).UTC()},
		"a <b> 5 +0530":                    {Name: "a", Email: "b", When: time.Unix(5, 0).In(time.FixedZone("", 19800))},
		"a <b> 5 -0030":                    {Name: "a", Email: "b", When: time.Unix(5, 0).In(time.FixedZone("", -1800))},
		"a <b> x +0530":                    {Name: "a", Email: "b", When: zero},
		"a <b> 99999999999999999999 +0000": {Name: "a", Email: "b", When: zero},
		"a <b":                             {Name: "a", Email: "b", When: zero},
		"<b> 5 +0000":                      {Email: "b", When: time.Unix(5, 0).UTC()},
		"a  <b> 5 +0000":                   {Name: "a", Email: "b", When: time.Unix(5, 0).UTC()},
		"a <b> c> 5 +0000":                 {Name: "a", Email: "b", When: time.Unix(5, 0).UTC()},
	} {
		if diff := cmp.Diff(want, ParseSignature([]byte(line))); diff != "" {
			t.Errorf("ParseSignature(%q), -want +got:\n%s", line, diff)
		}
	}
	if got := string(someone.Append(nil)); got != "Ada Lovelace <ada@example.org> 1234567890 -0130" {
		t.Errorf("Append() = %q", got)
	}
	odd := time.Unix(7, 999).In(time.FixedZone("LMT", 3*3600+25*60+17))
	if got := Round(odd); !got.Equal(time.Unix(7, 0)) || got.Format("-0700") != "+0325" {
		t.Errorf("Round(%v) = %v", odd, got)
	}
}

func TestTag(t *testing.T) {
	for name, tag := range map[string]Tag{
		"plain":   {Object: Hash{1}, Type: storage.Commit, Name: "v1", Tagger: &someone, Message: "One\n"},
		"of blob": {Object: Hash{1}, Type: storage.Blob, Name: "b", Tagger: &someone},
		"old":     {Object: Hash{1}, Type: storage.Tag, Name: "x", Message: "no tagger"},
	} {
		raw := tag.Append(nil)
		got, err := ParseTag(raw)
		if diff := cmp.Diff(&tag, got); diff != "" || err != nil {
			t.Errorf("%s: ParseTag(%q) = %v, -want +got:\n%s", name, raw, err, diff)
		}
	}
	for _, raw := range []string{"", "object 1\ntype commit\n", "object " + strings.Repeat("1", 40) + "\n", "object " +
		strings.Repeat("1", 40) + "\ntype nonsense\n"} {
		if tag, err := ParseTag([]byte(raw)); err == nil {
			t.Errorf("ParseTag(%q) = %+v, want an error", raw, tag)
		}
	}
}

// FuzzParseCommit reads what may be a commit. What was written once is read and written the same from then on.
func FuzzParseCommit(f *testing.F) {
	f.Add((&Commit{Tree: Hash{1}, Parents: []Hash{{2}}, Author: someone, Committer: someone, Encoding: "x",
		Extra: []byte("a b\n c\n"), Signature: "s\n\nt", Message: "m"}).Append(nil))
	f.Add([]byte("tree " + strings.Repeat("1", 40) + "\nx"))
	f.Add([]byte("tree " + strings.Repeat("1", 40) + "\nauthor <> 0 +0000\ncommitter <> 0 +0000\nencoding\n\n"))
	f.Add([]byte("tree " + strings.Repeat("1", 40) + "\ngpgsig s\n \n \ngpgsig \n \n\nm"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseCommit(raw)
		tree, parents, bad := CommitLinks(raw)
		if (err == nil) != (bad == nil) || err == nil && (tree != c.Tree || !slices.Equal(parents, c.Parents)) {
			t.Errorf("CommitLinks(%q) = %s, %s, %v; ParseCommit() = %+v, %v", raw, tree, parents, bad, c, err)
		}
		if err != nil {
			return
		}
		once := c.Append(nil)
		again, err := ParseCommit(once)
		if err != nil {
			t.Fatalf("ParseCommit(%q) = %v", once, err)
		}
		if twice := again.Append(nil); !bytes.Equal(once, twice) {
			t.Errorf("%q becomes %q", once, twice)
		}
		if again.Message != c.Message || again.Tree != c.Tree || len(again.Parents) != len(c.Parents) {
			t.Errorf("%+v becomes %+v", c, again)
		}
	})
}

// FuzzParseTag does the same with tags.
func FuzzParseTag(f *testing.F) {
	f.Add((&Tag{Object: Hash{1}, Type: storage.Commit, Name: "v1", Tagger: &someone, Message: "One\n"}).Append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tag, err := ParseTag(raw)
		if err != nil {
			return
		}
		once := tag.Append(nil)
		again, err := ParseTag(once)
		if err != nil {
			t.Fatalf("ParseTag(%q) = %v", once, err)
		}
		if twice := again.Append(nil); !bytes.Equal(once, twice) {
			t.Errorf("%q becomes %q", once, twice)
		}
	})
}
