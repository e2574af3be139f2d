package jsonmerge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

const pkg = `{
  "name": "x",
  "version": "1.0.0",
  "dependencies": {
    "a": "1",
    "c": "3"
  },
  "files": ["one", "two"]
}
`

func TestMerge(t *testing.T) {
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(pkg) }
	for _, test := range []struct {
		name, base, ours, theirs, want string
		clean                          bool
	}{
		{
			"keys that both add at one place", pkg, edit("\"1\",\n", "\"1\",\n    \"b\": \"2\",\n"),
			edit("\"1\",\n", "\"1\",\n    \"b2\": \"2\",\n"),
			edit("\"1\",\n", "\"1\",\n    \"b2\": \"2\",\n    \"b\": \"2\",\n"), true,
		},
		{
			"lines beside each other", pkg, edit(`"1.0.0"`, `"1.1.0"`), edit(`"x"`, `"y"`),
			edit(`"1.0.0"`, `"1.1.0"`, `"x"`, `"y"`), true,
		},
		{
			"a key at the end, and the one before it changed", pkg, edit(`"3"`, `"4"`),
			edit("\"c\": \"3\"\n", "\"c\": \"3\",\n    \"d\": \"5\"\n"),
			edit("\"c\": \"3\"\n", "\"c\": \"4\",\n    \"d\": \"5\"\n"), true,
		},
		{
			"formatting and order of ours are kept", `{"a": 1, "b": {"c": 2}}`, "{\n\t\"b\": { \"c\" : 2 },\n\t\"a\": 1\n}",
			`{"a": 5, "b": {"c": 2, "d": 3}}`, "{\n\t\"b\": { \"c\" : 2, \"d\": 3 },\n\t\"a\": 5\n}", true,
		},
		{
			"deletions", `{"a":1,"b":2,"c":3}`, `{"b":2,"c":3}`, `{"a":1,"c":3}`, `{"c":3}`, true,
		},
		{
			"the first of a line goes", `{"a": 1, "b": 2, "c": 3}`, `{"a": 1, "b": 2, "c": 4}`, `{"b": 2, "c": 3}`,
			`{"b": 2, "c": 4}`, true,
		},
		{
			"a first one comes", `{"a": 1, "b": 2}`, `{"a": 1, "b": 4}`, `{"z": 0, "a": 1, "b": 2}`,
			`{"z": 0, "a": 1, "b": 4}`, true,
		},
		{
			"nothing was there", "", `{"a":1,"o":{"x":1}}`, `{"b":2,"o":{"y":2}}`, `{"b":2,"a":1,"o":{"y":2,"x":1}}`, true,
		},
		{"all go", `{"a":1}`, `{}`, `{"a":1,"b":2}`, `{"b":2}`, true},
		{"keys written in other ways", `{"a":1}`, `{"\u0061":2}`, `{"a":1,"b":3}`, `{"\u0061":2,"b":3}`, true},
		{
			"a value that both changed", "{\n\"a\": 1,\n\"b\": 2\n}", "{\n\"a\": 2,\n\"b\": 2\n}",
			"{\n\"a\": 3,\n\"b\": 4\n}", "{\n<<<<<<< ours\n\"a\": 2,\n=======\n\"a\": 3,\n>>>>>>> theirs\n\"b\": 4\n}", false,
		},
		{
			"one that was changed and deleted", "{\n\"a\": 1,\n\"b\": 2\n}", "{\n\"b\": 2\n}", "{\n\"a\": 3,\n\"b\": 4\n}",
			"{\n<<<<<<< ours\n=======\n\"a\": 3,\n>>>>>>> theirs\n\"b\": 4\n}", false,
		},
		{"arrays", `{"a":[1,2]}`, `{"a":[1,2,3]}`, `{"a":[0,1,2]}`,
			"<<<<<<< ours\n{\"a\":[1,2,3]}\n=======\n{\"a\":[0,1,2]}\n>>>>>>> theirs\n", false},
		{"what is no JSON", "a\nb\nc\nd\n", "a1\nb\nc\nd\n", "a\nb\nc\nd1\n", "a1\nb\nc\nd1\n", true},
		{"a key twice", "{\"a\":1,\n\n\n\"a\":2}", "{\"a\":3,\n\n\n\"a\":2}", "{\"a\":1,\n\n\n\"a\":4}",
			"{\"a\":3,\n\n\n\"a\":4}", true},
	} {
		got, clean, err := Merge(t.Context(), []byte(test.base), []byte(test.ours), []byte(test.theirs))
		if err != nil || clean != test.clean || string(got) != test.want {
			t.Errorf("%s: Merge() = %q, %v, %v, want %q, %v", test.name, got, clean, err, test.want, test.clean)
		}
	}
}

// random returns a value of JSON, written in one of several ways.
func random(w *rand.Rand, depth int) any {
	switch n := w.IntN(6); {
	case depth > 2 || n < 2:
		return float64(w.IntN(3))
	case n == 2:
		return []any{"x", float64(w.IntN(3))}
	}
	o := map[string]any{}
	for range w.IntN(4) {
		o[fmt.Sprint("k", w.IntN(5))] = random(w, depth+1)
	}
	return o
}

func change(w *rand.Rand, v any) any {
	o, ok := v.(map[string]any)
	if !ok {
		return random(w, 2)
	}
	out := map[string]any{}
	for k, v := range o {
		switch w.IntN(5) {
		case 0:
		case 1:
			out[k] = change(w, v)
		default:
			out[k] = v
		}
	}
	if w.IntN(2) == 0 {
		out[fmt.Sprint("k", w.IntN(6))] = random(w, 2)
	}
	return out
}

func write(w *rand.Rand, v any) []byte {
	if w.IntN(2) == 0 {
		b, _ := json.Marshal(v)
		return b
	}
	b, _ := json.MarshalIndent(v, "", strings.Repeat(" ", w.IntN(4)))
	return append(b, '\n')
}

// want merges values by key as plainly as can be.
func want(base, ours, theirs any, at [3]bool) (v any, there, clean bool) {
	if at[1] == at[2] && reflect.DeepEqual(ours, theirs) {
		return ours, at[1], true
	}
	o, isO := ours.(map[string]any)
	th, isT := theirs.(map[string]any)
	b, isB := base.(map[string]any)
	if at[1] && at[2] && isO && isT && (isB || !at[0]) {
		out, clean := map[string]any{}, true
		for k := range union(b, o, th) {
			var has [3]bool
			for i, m := range []map[string]any{b, o, th} {
				_, has[i] = m[k]
			}
			v, there, ok := want(b[k], o[k], th[k], has)
			clean = clean && ok
			if there {
				out[k] = v
			}
		}
		return out, true, clean
	}
	switch {
	case at[0] == at[1] && reflect.DeepEqual(base, ours):
		return theirs, at[2], true
	case at[0] == at[2] && reflect.DeepEqual(base, theirs):
		return ours, at[1], true
	}
	return nil, false, false
}

func union(all ...map[string]any) map[string]bool {
	keys := map[string]bool{}
	for _, m := range all {
		for k := range m {
			keys[k] = true
		}
	}
	return keys
}

// TestMergeRandom compares merges of random objects with a model that knows nothing of texts.
func TestMergeRandom(t *testing.T) {
	w := rand.New(rand.NewPCG(1, 2))
	conflicts := 0
	for range 5000 {
		base := map[string]any{}
		for range 4 {
			base[fmt.Sprint("k", w.IntN(6))] = random(w, 0)
		}
		ours, theirs := change(w, base), change(w, base)
		b, o, th := write(w, base), write(w, ours), write(w, theirs)
		expect, _, clean := want(base, ours, theirs, [3]bool{true, true, true})
		got, ok, err := Merge(t.Context(), b, o, th)
		if err != nil || ok != clean {
			t.Fatalf("Merge(%s, %s, %s) = %s, %v, %v, want %v", b, o, th, got, ok, err, clean)
		}
		if !ok {
			conflicts++
			if !bytes.Contains(got, []byte("<<<<<<< ours\n")) || !bytes.Contains(got, []byte("\n>>>>>>> theirs")) {
				t.Fatalf("Merge(%s, %s, %s) = %s, without markers", b, o, th, got)
			}
			continue
		}
		var v any
		if err := json.Unmarshal(got, &v); err != nil || !reflect.DeepEqual(v, expect) {
			t.Fatalf("Merge(%s, %s, %s) = %s, %v, want %v", b, o, th, got, err, expect)
		}
	}
	if conflicts == 0 || conflicts == 5000 {
		t.Errorf("%d conflicts", conflicts)
	}
}

// FuzzMerge holds that what one side alone changed is taken, and that of JSON comes JSON.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(pkg), []byte(`{"name":"y"}`), []byte(`{"name":"x","a":[{}]}`))
	f.Add([]byte(`{}`), []byte(`{"a":{"b":1,"b":2}}`), []byte(`{"a":{}} `))
	f.Fuzz(func(t *testing.T, base, ours, theirs []byte) {
		got, clean, err := Merge(t.Context(), base, ours, theirs)
		if err != nil {
			t.Fatal(err)
		}
		json3 := json.Valid(ours) && json.Valid(theirs) && newDocument(base, ours, theirs) != nil
		if json3 && clean && !json.Valid(got) {
			t.Errorf("Merge(%q, %q, %q) = %q, which is no JSON", base, ours, theirs, got)
		}
		for _, pair := range [2][2][]byte{{base, ours}, {ours, base}} {
			if len(bytes.TrimSpace(base)) == 0 || newDocument(base, ours, base) == nil {
				break
			}
			got, clean, err := Merge(t.Context(), base, pair[0], pair[1])
			a, _, _ := parse(got)
			b, _, _ := parse(ours)
			if err != nil || !clean || a == nil || !same(a, b) {
				t.Errorf("Merge(%q, %q, %q) = %q, %v, %v, want %q", base, pair[0], pair[1], got, clean, err, ours)
			}
		}
	})
}
