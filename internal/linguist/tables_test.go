package linguist

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/go-enry/go-enry/v2/data"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite rules.json.flate and words.bin from go-enry")

// TestTables holds that the embedded tables are those of go-enry.
func TestTables(t *testing.T) {
	if !strings.HasPrefix(data.LinguistCommit, Version) {
		t.Errorf("Version = %s, want the beginning of %s", Version, data.LinguistCommit)
	}
	wanted := enryTable(t)
	wantRules, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	wantWords := enryWords(t, wanted)
	if *update {
		if err := os.WriteFile("rules.json.flate", deflate(t, wantRules), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("words.bin", wantWords, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("the tables are written")
	}
	got, err := io.ReadAll(flate.NewReader(bytes.NewReader(rawRules)))
	if err != nil || !bytes.Equal(got, wantRules) {
		t.Errorf("rules.json.flate is not what go-enry says, %v: see -update", err)
	}
	if !bytes.Equal(rawWords, wantWords) {
		t.Error("words.bin is not what go-enry says: see -update")
	}
}

// TestWords holds that what is read from the embedded words is what go-enry has, to the last bit.
func TestWords(t *testing.T) {
	m := classifier()
	for _, languages := range choices(enryTable(t)) {
		for _, language := range languages {
			prior, ok := data.LanguagesLogProbabilities[language]
			w := m.languages[language]
			if ok != (w != nil) {
				t.Errorf("%s is known: %v, want %v", language, w != nil, ok)
			} else if ok && (w.prior != prior || !maps.Equal(w.all(), data.TokensLogProbabilities[language])) {
				t.Errorf("the words of %s are not go-enry's", language)
			}
		}
	}
	if want := math.Log(1 / data.TokensTotal); m.unknown != want {
		t.Errorf("an unknown word is %v, want %v", m.unknown, want)
	}
}

func deflate(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func enryTable(t *testing.T) *table {
	t.Helper()
	table := &table{
		Aliases: data.LanguageByAliasMap, Extensions: data.LanguagesByExtension, Filenames: data.LanguagesByFilename,
		Interpreters: data.LanguagesByInterpreter, Groups: data.LanguagesGroup,
		Vendored: newPattern(data.FastVendorMatcher.String()),
		Code:     map[string]bool{}, Heuristics: map[string][]rule{},
	}
	for language, kind := range data.LanguagesType {
		if k := data.Type(kind); k == data.TypeProgramming || k == data.TypeMarkup {
			table.Code[language] = true
		}
	}
	for _, re := range data.DocumentationMatchers {
		table.Documentation = append(table.Documentation, newPattern(re.String()))
	}
	for ext, heuristics := range data.ContentHeuristics {
		for _, h := range *heuristics {
			r := ruleOf(t, h)
			for _, name := range h.Languages() {
				if language, ok := data.LanguageByAlias(name); ok {
					r.Languages = append(r.Languages, language)
				}
			}
			table.Heuristics[ext] = append(table.Heuristics[ext], r)
		}
	}
	for ext := range table.Extensions {
		if strings.Contains(ext, "/") || ext != strings.ToLower(ext) {
			t.Errorf("extension %q is one that KindOf does not find", ext)
		}
	}
	return table
}

// ruleOf translates a rule of go-enry's, whose fields are not exported.
func ruleOf(t *testing.T, from any) rule {
	t.Helper()
	if re, ok := from.(*regexp.Regexp); ok {
		return rule{Pattern: newPattern(re.String())}
	}
	v := reflect.New(reflect.TypeOf(from)).Elem()
	v.Set(reflect.ValueOf(from))
	field := func(i int) reflect.Value {
		f := v.Field(i)
		return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
	}
	isNil := func(m any) bool {
		re, ok := m.(*regexp.Regexp)
		return ok && re == nil
	}
	var all []rule
	switch name := v.Type().Name(); name {
	case "always":
		return rule{}
	case "or":
		if m := field(1).Interface(); !isNil(m) {
			return ruleOf(t, m)
		}
		return rule{Never: true}
	case "and", "not":
		for i := range field(1).Len() {
			if m := field(1).Index(i).Interface(); !isNil(m) {
				all = append(all, ruleOf(t, m))
			}
		}
		if name == "and" {
			return rule{All: all}
		}
		return rule{None: all}
	default:
		t.Fatalf("go-enry has a rule of a new kind: %s", name)
		return rule{}
	}
}

// choices returns all lists of languages of which the classifier may have to choose.
func choices(t *table) (all [][]string) {
	for _, m := range []map[string][]string{t.Extensions, t.Filenames, t.Interpreters} {
		all = slices.AppendSeq(all, maps.Values(m))
	}
	for _, rules := range t.Heuristics {
		for _, r := range rules {
			all = append(all, r.Languages)
		}
	}
	all = append(all, byManual(Kind{manual: true}))
	return slices.DeleteFunc(all, func(l []string) bool { return len(l) < 2 })
}

// enryWords returns what go-enry knows of the languages that the classifier may have to choose of; see rawWords.
func enryWords(t *testing.T, table *table) []byte {
	t.Helper()
	languages := map[string]bool{}
	for _, list := range choices(table) {
		for _, language := range list {
			if same, _ := data.LanguageByAlias(language); same != language {
				t.Errorf("%q goes by the name %q", language, same)
			}
			if _, ok := data.LanguagesLogProbabilities[language]; ok {
				languages[language] = true
			}
		}
	}
	b := binary.BigEndian.AppendUint64(nil, math.Float64bits(data.TokensTotal))
	b = binary.AppendUvarint(b, uint64(len(languages)))
	var blocks []byte
	for _, language := range slices.Sorted(maps.Keys(languages)) {
		block := deflate(t, wordBlock(t, data.TokensLogProbabilities[language]))
		b = appendString(b, language)
		b = binary.AppendUvarint(b, micro(t, data.LanguagesLogProbabilities[language]))
		b = binary.AppendUvarint(b, uint64(len(block)))
		blocks = append(blocks, block...)
	}
	return append(b, blocks...)
}

func wordBlock(t *testing.T, words map[string]float64) []byte {
	t.Helper()
	likely := slices.Compact(slices.Sorted(maps.Values(words)))
	b := binary.AppendUvarint(nil, uint64(len(likely)))
	for _, p := range likely {
		b = binary.AppendUvarint(b, micro(t, p))
	}
	b = binary.AppendUvarint(b, uint64(len(words)))
	last := ""
	for _, word := range slices.Sorted(maps.Keys(words)) {
		shared := 0
		for shared < min(len(last), len(word)) && last[shared] == word[shared] {
			shared++
		}
		b = appendString(binary.AppendUvarint(b, uint64(shared)), word[shared:])
		i, _ := slices.BinarySearch(likely, words[word])
		b = binary.AppendUvarint(b, uint64(i))
		last = word
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// micro returns a logarithm times minus a million, which must be whole.
func micro(t *testing.T, logarithm float64) uint64 {
	t.Helper()
	n := uint64(math.Round(-logarithm * 1e6))
	if back := -float64(n) / 1e6; back != logarithm {
		t.Errorf("%v becomes %v", logarithm, back)
	}
	return n
}

func TestRuleIsKept(t *testing.T) {
	want := rule{Languages: []string{"A"}, All: []rule{{Pattern: newPattern("a|b")}, {Never: true}}, None: []rule{{}}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got rule
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if diff := cmp.Diff(string(b), string(again)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}
