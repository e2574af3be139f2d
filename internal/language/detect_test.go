package language

import (
	"slices"
	"testing"

	"github.com/go-enry/go-enry/v2"
	"github.com/go-enry/go-enry/v2/data"

	"github.com/reposit/reposit/internal/linguist"
)

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
			got := (&rules{}).detect(linguist.KindOf(name), []byte(content))
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
