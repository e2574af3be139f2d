package language

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-enry/go-enry/v2"
	"github.com/go-enry/go-enry/v2/data"
)

// TestTies holds that a file's language is the same each time, also where enry's is not.
func TestTies(t *testing.T) {
	for ext, languages := range data.LanguagesByExtension {
		for i, a := range languages {
			for _, b := range languages[:i] {
				p, ok := data.LanguagesLogProbabilities[a]
				if q, known := data.LanguagesLogProbabilities[b]; !ok || !known || p != q {
					continue
				}
				checkTie(t, a, b)
				checkTie(t, b, a)
				for _, content := range []string{"\n", "nosuchword\n", "// 8\n"} {
					first := classify("a"+ext, []byte(content), languages)
					for range 5 {
						if got := classify("a"+ext, []byte(content), languages); got != first {
							t.Errorf("classify(%q, %q) = %q, and %q", ext, content, first, got)
						}
					}
				}
			}
		}
	}
}

// checkTie holds that two languages are tied only where nothing speaks for one of them.
func checkTie(t *testing.T, a, b string) {
	t.Helper()
	word := nudge(a, b)
	if got := enry.GetLanguagesByClassifier("", []byte(word), []string{a, b}); got[0] != b {
		t.Errorf("%q does not speak for %q, but for %q", word, b, a)
	}
	if tied("", []byte(word), b, a) {
		t.Errorf("%q makes a tie of %q and %q", word, b, a)
	}
	if !tied("", []byte("\n"), a, b) {
		t.Errorf("nothing makes no tie of %q and %q", a, b)
	}
}

// TestDetectIsEnry holds that leaving the classifier out changes nothing.
func TestDetectIsEnry(t *testing.T) {
	contents := []string{goFile, rubyFile, markdown, shellFile, "#define A\nint a;\n", "class A { public: };\n",
		"<?xml version=\"1.0\"?>\n<a/>\n", "#include <b>\n@interface A\n@end\n", "\tmovl %eax, %ebx\n", "x\n"}
	names := []string{"a", "Makefile", "x.1", "x.y.in"}
	for ext := range data.LanguagesByExtension {
		names = append(names, "a"+ext)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, content := range contents {
			want := wantCounted(enry.GetLanguage(name, []byte(content)))
			got := (&rules{}).detect(name, []byte(content))
			for range 40 { // of a tie, enry gives the one or the other
				if got == want {
					break
				}
				want = wantCounted(enry.GetLanguage(name, []byte(content)))
			}
			if got != want {
				t.Errorf("detect(%q, %q) = %q, want %q", name, content, got, want)
			}
		}
	}
}

func wantCounted(language string) string {
	if t := enry.GetLanguageType(language); t != enry.Programming && t != enry.Markup {
		return ""
	}
	if group := enry.GetLanguageGroup(language); group != "" {
		return group
	}
	return language
}

// TestStrategies holds that detect knows all of enry's strategies.
func TestStrategies(t *testing.T) {
	names := func(s []enry.Strategy) (all []string) {
		for _, f := range s {
			all = append(all, fmt.Sprintf("%p", f))
		}
		return all
	}
	last := len(enry.DefaultStrategies) - 1
	if got, want := names(strategies[:]), names(enry.DefaultStrategies[:last]); !slices.Equal(got, want) {
		t.Errorf("strategies are %v, enry's %v", got, want)
	}
	if got, want := names([]enry.Strategy{enry.GetLanguagesByClassifier}), names(enry.DefaultStrategies[last:]); !slices.Equal(got, want) {
		t.Errorf("the last strategy is %v, enry's %v", got, want)
	}
}
