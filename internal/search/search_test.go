package search

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

var (
	seed   = flag.Uint64("seed", 1, "of the random histories")
	rounds = flag.Int("rounds", 12, "how many rounds of changes and queries TestAgainstScan goes through")
)

// A model is an index without indexes: it looks at every document.
type model map[storage.ID]*modelDoc

type modelDoc struct {
	Doc
	words []word
}

// visible reports whether the viewer sees d, and as part of which part.
func visible(d *modelDoc, viewer *Viewer) (p part, ok bool) {
	switch {
	case viewer != nil && viewer.Only:
		return "", slices.Contains(viewer.Granted, d.ID)
	case !d.Private:
		return public, true
	case viewer == nil:
		return private, true
	case viewer.Login != "" && d.Owner == viewer.Login:
		return privateOf(d.Owner), true
	case slices.Contains(viewer.Granted, d.ID):
		return "", true
	}
	return "", false
}

// A modelWord is a word of a query with the last completion in each part.
type modelWord struct {
	queryWord
	last map[part]string
	df   int
}

// search returns all that q finds, in order.
func (m model) search(q *Query) []Hit {
	all, apart := parse(q.Text)
	hits := m.searchWords(q, all)
	if len(hits) == 0 && apart != nil {
		hits = m.searchWords(q, apart)
	}
	return hits
}

func (m model) searchWords(q *Query, words []queryWord) []Hit {
	if len(words) == 0 && (q.Language == "" || strings.TrimSpace(q.Text) != "") {
		return nil
	}
	expanded := make([]modelWord, len(words))
	most := 1
	for i, w := range words {
		expanded[i] = m.expand(w, q.Viewer)
		most = max(most, expanded[i].df)
	}
	var found []ranked
	for _, d := range m {
		p, ok := visible(d, q.Viewer)
		if !ok || q.Owner != "" && d.Owner != q.Owner || q.Language != "" && d.Language != q.Language {
			continue
		}
		score, sum := 0, 0
		for _, w := range expanded {
			best := 0
			for _, have := range d.words {
				best = max(best, level(have.class, modelMatch(w, have.text, p)))
			}
			ok = ok && best > 0
			weight := 1
			if len(words) > 1 {
				weight = int(uint16(min(1000*math.Log(1+float64(most)/float64(max(w.df, 1))), math.MaxUint16)))
			}
			score, sum = score+best*weight, sum+weight
		}
		if !ok {
			continue
		}
		if sum > 0 {
			score /= sum
		}
		if len(words) > 0 && len(tokenize(q.Text)) > 1 {
			switch {
			case strings.EqualFold(strings.TrimSpace(q.Text), d.Owner+"/"+d.Slug):
				score += fullNameBonus
			case letters(q.Text) == letters(d.Slug):
				score += wholeNameBonus
			}
		}
		found = append(found, ranked{score, record.StampOf(d.Created), d.ID})
	}
	slices.SortFunc(found, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.created, a.created), bytes.Compare(b.id[:], a.id[:]))
	})
	var hits []Hit
	for _, d := range found {
		hits = append(hits, Hit{d.id, float64(d.score) / 1000})
	}
	return hits
}

func modelMatch(w modelWord, text string, p part) match {
	last, bounded := w.last[p]
	switch {
	case text == w.text:
		return exactly
	case stem(text) == w.stem:
		return byStem
	case w.prefix && strings.HasPrefix(text, w.text) && (!bounded || text <= last):
		return byPrefix
	}
	return noMatch
}

// expand finds out how many documents of each part have which completion.
func (m model) expand(q queryWord, viewer *Viewer) modelWord {
	w := modelWord{queryWord: q, last: map[part]string{}}
	counts := map[part]map[string]int{}
	for _, d := range m {
		p, ok := visible(d, viewer)
		if !ok || p == "" {
			continue
		}
		if counts[p] == nil {
			counts[p] = map[string]int{}
		}
		for _, have := range d.words {
			counts[p][have.text]++
		}
	}
	for p, words := range counts {
		var begun []string
		for text := range words {
			if strings.HasPrefix(text, q.text) {
				begun = append(begun, text)
			}
		}
		slices.Sort(begun)
		if len(begun) > maxCompletions {
			w.last[p] = begun[maxCompletions-1]
		}
		for text, n := range words {
			if modelMatch(w, text, p) != noMatch {
				w.df += n
			}
		}
	}
	return w
}

var vocabulary = strings.Fields(`test tests testing tested tester testament testingkit testingbed te git github gitlab go gopher
	golang parse parses parser parsers parsing library libraries librarian c++ c# the of for and 数据库 数据 データ résumé resume
	GoGit HTTPServer goGit rust_lang node.js sha256 v2 hope hoping hopping universe university die dying dies`)

var owners = []string{"alice", "bob", "carol-tests", "git"}

func randomWords(r *rand.Rand, n int) string {
	var words []string
	for range n {
		if r.IntN(5) == 0 {
			words = append(words, fmt.Sprintf("wide%02d", r.IntN(100)))
			continue
		}
		words = append(words, vocabulary[r.IntN(len(vocabulary))])
	}
	return strings.Join(words, " ")
}

func randomDoc(r *rand.Rand, id storage.ID) *Doc {
	d := &Doc{
		ID: id, Owner: owners[r.IntN(len(owners))], Private: r.IntN(3) == 0,
		Created: time.Unix(1e9+r.Int64N(20), 0), Name: randomWords(r, 1+r.IntN(2)),
		Language: []string{"", "Go", "Ruby", "C++"}[r.IntN(4)],
	}
	d.Slug = strings.ToLower(strings.ReplaceAll(d.Name, " ", "-"))
	if r.IntN(3) > 0 {
		d.Description = randomWords(r, r.IntN(15))
	}
	if r.IntN(3) == 0 {
		d.Labels = map[string]string{"topic": randomWords(r, 2), randomWords(r, 1): ""}
	}
	return d
}

func randomQuery(r *rand.Rand, m model) *Query {
	q := &Query{Size: 1 + r.IntN(20)}
	switch r.IntN(10) {
	case 0:
		q.Language = "Go"
	case 1:
		q.Text = "!!"
	case 2:
		q.Text = "wide"
	case 3:
		if ids := m.ids(); len(ids) > 0 {
			d := m[ids[r.IntN(len(ids))]]
			q.Text = d.Owner + "/" + d.Slug
		}
	case 4, 5, 6:
		q.Text = randomWords(r, 1)
	default:
		q.Text = randomWords(r, 1+r.IntN(3))
	}
	if cut := r.IntN(4); len(q.Text) > cut && r.IntN(3) == 0 {
		q.Text = strings.ToValidUTF8(q.Text[:len(q.Text)-cut], "")
	}
	if r.IntN(5) == 0 {
		q.Language = []string{"Go", "Ruby", "go"}[r.IntN(3)]
	}
	if r.IntN(5) == 0 {
		q.Owner = owners[r.IntN(len(owners))]
	}
	if r.IntN(3) > 0 {
		q.Viewer = &Viewer{Only: r.IntN(10) == 0}
		if !q.Viewer.Only && r.IntN(3) > 0 {
			q.Viewer.Login = owners[r.IntN(len(owners))]
		}
		ids := m.ids()
		for range min(3, len(ids)) {
			q.Viewer.Granted = append(q.Viewer.Granted, ids[r.IntN(len(ids))])
		}
	}
	return q
}

// readAll reads all pages of a query, by token and by number, and returns its hits.
func readAll(t *testing.T, b storage.Backend, q Query) []Hit {
	t.Helper()
	var byToken, byNumber []Hit
	err := b.View(t.Context(), func(v storage.View) error {
		for total := -1; ; {
			page, err := Search(t.Context(), v, &q)
			if err != nil {
				return err
			}
			if len(page.Hits) > q.Size || total >= 0 && page.Total != total {
				t.Fatalf("Search(%+v) = %d hits of %d, want at most %d of %d", q, len(page.Hits), page.Total, q.Size, total)
			}
			total = page.Total
			byToken = append(byToken, page.Hits...)
			if q.From = page.Next; q.From == nil {
				if len(byToken) != total {
					t.Fatalf("Search(%+v) finds %d in all and counts %d", q, len(byToken), total)
				}
				break
			}
		}
		for q.Skip = 0; q.Skip <= len(byToken); q.Skip += q.Size {
			page, err := Search(t.Context(), v, &q)
			if err != nil {
				return err
			}
			byNumber = append(byNumber, page.Hits...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(byToken, byNumber); diff != "" {
		t.Fatalf("Search(%+v): -by token +by number:\n%s", q, diff)
	}
	return byToken
}

// TestAgainstScan makes random changes and holds that what is found is what a look at every document finds, and that
// the records depend on the documents alone, not on what they once were.
func TestAgainstScan(t *testing.T) {
	for name, open := range map[string]func() (storage.Backend, error){
		"memory": func() (storage.Backend, error) { return memory.New(), nil },
		"badger": func() (storage.Backend, error) { return badger.Open("", &badger.Options{InMemory: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			b, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			rounds := *rounds
			if testing.Short() || name == "badger" {
				rounds = min(rounds, 15)
			}
			r := rand.New(rand.NewPCG(*seed, 0))
			t.Logf("seed %d", *seed)
			m := model{}
			for round := range rounds {
				changeRandomly(t, b, r, m, 20*round)
				if diff := gocmp.Diff(m.rebuilt(t), records(t, b)); diff != "" {
					t.Fatalf("records, -made anew +stored:\n%s", diff)
				}
				for range 30 {
					q := randomQuery(r, m)
					if diff := gocmp.Diff(m.search(q), readAll(t, b, *q)); diff != "" {
						t.Fatalf("Search(%+v, viewer %+v): -want +got:\n%s", q, q.Viewer, diff)
					}
				}
			}
			for id := range m {
				update(t, b, func(tx storage.Tx) error { return Drop(tx, id) })
			}
			if left := records(t, b); len(left) > 0 {
				t.Errorf("without documents there are records: %q", left)
			}
		})
	}
}

func changeRandomly(t *testing.T, b storage.Backend, r *rand.Rand, m model, first int) {
	t.Helper()
	update(t, b, func(tx storage.Tx) error {
		for i := range 20 {
			id := storage.ID([]byte(fmt.Sprintf("%020d", first+i)))
			d := randomDoc(r, id)
			if err := Add(tx, d.Entry()); err != nil {
				return err
			}
			m[id] = &modelDoc{*d, d.document().words}
		}
		for _, id := range m.ids() {
			switch r.IntN(10) {
			case 0, 1:
				d := randomDoc(r, id)
				d.Created = m[id].Created
				m[id] = &modelDoc{*d, d.document().words}
			case 2: // one thing only
				d := m[id].Doc
				d.Private = !d.Private
				m[id] = &modelDoc{d, d.document().words}
			case 3:
				d := m[id].Doc
				d.Language = []string{"Go", "Ruby", ""}[r.IntN(3)]
				m[id] = &modelDoc{d, m[id].words}
				if err := SetLanguage(tx, id, d.Language); err != nil {
					return err
				}
				continue
			case 4:
				delete(m, id)
				if err := Drop(tx, id); err != nil {
					return err
				}
				continue
			default:
				continue
			}
			if err := Replace(tx, m[id].Entry()); err != nil {
				return err
			}
		}
		return nil
	})
}

// ids returns the IDs of all documents, sorted.
func (m model) ids() []storage.ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) })
}

func update(t testing.TB, b storage.Backend, fn func(storage.Tx) error) {
	t.Helper()
	if err := b.Update(context.WithoutCancel(t.Context()), fn); err != nil {
		t.Fatal(err)
	}
}

// TestBadQueries holds that what can't be searched for is refused, and that positions of other queries are.
func TestBadQueries(t *testing.T) {
	b := memory.New()
	defer b.Close()
	long := position{weights: make([]uint16, 3)}
	for _, test := range []struct {
		q    Query
		want error
	}{
		{Query{Text: strings.Repeat("x", MaxText+1)}, ErrText},
		{Query{Text: "a\x00b"}, ErrText},
		{Query{Text: "a\xff"}, ErrText},
		{Query{Text: strings.Repeat("x y", MaxText/3)}, nil},
		{Query{Text: "a", From: []byte("nonsense")}, ErrPosition},
		{Query{Text: "a", From: []byte{}}, ErrPosition},
		{Query{Text: "a", From: long.encode()}, ErrPosition},
		{Query{Text: "a b c", From: long.encode()}, nil},
		{Query{}, nil},
	} {
		err := b.View(t.Context(), func(v storage.View) error {
			test.q.Size = 10
			_, err := Search(t.Context(), v, &test.q)
			return err
		})
		if !errors.Is(err, test.want) {
			t.Errorf("Search(%+v) = %v, want %v", test.q, err, test.want)
		}
	}
}

// TestHiddenStaysHidden holds that what a viewer does not see changes nothing of what they find: neither counts, nor
// scores, nor order.
func TestHiddenStaysHidden(t *testing.T) {
	b := memory.New()
	defer b.Close()
	add := func(n int, d Doc) {
		d.ID, d.Created = storage.ID([]byte(fmt.Sprintf("%020d", n))), time.Unix(int64(n), 0)
		update(t, b, func(tx storage.Tx) error { return Add(tx, d.Entry()) })
	}
	add(1, Doc{Owner: "alice", Slug: "red", Description: "common words"})
	add(2, Doc{Owner: "alice", Slug: "blue", Description: "common things", Private: true})
	add(3, Doc{Owner: "bob", Slug: "green", Description: "common rare", Private: true})
	viewers := []*Viewer{{}, {Login: "alice"}, {Login: "bob"},
		{Login: "carol", Granted: []storage.ID{storage.ID([]byte(fmt.Sprintf("%020d", 3)))}}}
	find := func() string {
		var all []string
		for _, viewer := range viewers {
			for _, text := range []string{"common", "comm", "common r", "common words", "rare", "ra", "carol",
				"common common2"} {
				for _, h := range readAll(t, b, Query{Text: text, Viewer: viewer, Size: 2}) {
					all = append(all, fmt.Sprint(text, h))
				}
				all = append(all, "/")
			}
		}
		return strings.Join(all, "\n")
	}
	before := find()
	for n := range 200 {
		add(100+n, Doc{Owner: "carol2", Slug: "raven", Description: fmt.Sprintf("common rare words ra%03d", n), Private: true,
			Language: "Go"})
	}
	if diff := gocmp.Diff(before, find()); diff != "" {
		t.Errorf("others' private repositories change what is found: -before +after:\n%s", diff)
	}
}

// rebuilt returns the records of an index into which the documents were put in no order at all.
func (m model) rebuilt(t *testing.T) map[string]string {
	t.Helper()
	b := memory.New()
	defer b.Close()
	for _, d := range m {
		update(t, b, func(tx storage.Tx) error { return Add(tx, d.Entry()) })
	}
	return records(t, b)
}

func records(t *testing.T, b storage.Backend) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := b.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			found[string(rec.Key)] = string(rec.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
