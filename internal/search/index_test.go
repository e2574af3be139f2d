package search

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestRecordsOfOne counts the records that one repository more needs.
func TestRecordsOfOne(t *testing.T) {
	var long []string
	for i := range 1000 {
		long = append(long, fmt.Sprintf("w%d", i))
	}
	for _, test := range []struct {
		name string
		doc  Doc
		most int
	}{
		{"without description", Doc{Owner: "local", Slug: "repo-2", Name: "repo-2"}, 4},
		{"private", Doc{Owner: "local", Slug: "repo-2", Name: "repo-2", Private: true}, 7},
		{"with description", Doc{Owner: "local", Slug: "repo-2", Name: "Repo 2",
			Description: "A library to write the configuration file of many a program, and to read it"}, 12},
		{"long", Doc{
			Owner: "local", Slug: "repo-2", Name: strings.Join(long[:100], " "), Description: strings.Join(long[100:], " "),
			Labels: map[string]string{"a": strings.Join(long, "-"), "b": strings.Join(long, "x")},
		}, maxWords + 3},
	} {
		b := memory.New()
		for i := range 2 { // whose words are known then
			before := Doc{ID: storage.ID([]byte(fmt.Sprintf("%020d", i))), Owner: "local", Slug: fmt.Sprintf("repo-0%d", i),
				Name: "repo", Description: "read, write: library, program, many a configuration file", Private: test.doc.Private}
			update(t, b, func(tx storage.Tx) error { return Add(tx, before.Entry()) })
		}
		before := len(records(t, b))
		test.doc.ID = storage.ID([]byte(fmt.Sprintf("%020d", 9)))
		update(t, b, func(tx storage.Tx) error { return Add(tx, test.doc.Entry()) })
		if n := len(records(t, b)) - before; n > test.most {
			t.Errorf("%s: %d records more, want at most %d", test.name, n, test.most)
		}
		b.Close()
	}
}

// TestReplaceTouchesLittle holds that a changed word costs its own records, not those of all words.
func TestReplaceTouchesLittle(t *testing.T) {
	b := memory.New()
	defer b.Close()
	d := Doc{Owner: "local", Slug: "repo", Name: "repo", Description: "one two three four five six seven eight nine ten"}
	for i := range 3 {
		d.ID = storage.ID([]byte(fmt.Sprintf("%020d", i)))
		update(t, b, func(tx storage.Tx) error { return Add(tx, d.Entry()) })
	}
	d.Description += " eleven"
	update(t, b, func(tx storage.Tx) error {
		c := countingTx{Tx: tx}
		if err := Replace(&c, d.Entry()); err != nil {
			return err
		}
		if c.writes > 4 {
			t.Errorf("one word more writes %d records, want at most 4", c.writes)
		}
		c.writes = 0
		if err := Replace(&c, d.Entry()); err != nil || c.writes > 1 {
			t.Errorf("no change writes %d records, %v, want at most 1", c.writes, err)
		}
		return nil
	})
}

type countingTx struct {
	storage.Tx
	writes int
}

func (c *countingTx) PutRecord(key, value []byte) error {
	c.writes++
	return c.Tx.PutRecord(key, value)
}

func (c *countingTx) DeleteRecord(key []byte) error {
	c.writes++
	return c.Tx.DeleteRecord(key)
}
