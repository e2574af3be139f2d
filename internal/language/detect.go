package language

import (
	"bytes"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/attr"
	"github.com/reposit/reposit/internal/linguist"
)

// attributes are those that have a say, in the order of the rules' fields.
var attributes = []string{
	"linguist-vendored", "linguist-generated", "linguist-documentation", "linguist-detectable", "linguist-language",
	"filter",
}

// A verdict is what an attribute says of a question.
type verdict uint8

const (
	unsaid verdict = iota
	no
	yes
)

// Anything but "-attr" and "attr=false" is a yes (linguist's LazyBlob).
func newVerdict(v attr.Value) verdict {
	text, _ := v.Text()
	switch {
	case v.IsUnspecified():
		return unsaid
	case v.IsUnset(), text == "false":
		return no
	}
	return yes
}

// rules are what .gitattributes files say of one path.
type rules struct {
	vendored, generated, documentation, detectable verdict
	named                                          bool   // a language is given, and none is looked for
	language                                       string // "" for one that is not known
	largeFiles                                     bool   // Git LFS keeps what is meant
}

func newRules(values []attr.Value) rules {
	r := rules{
		vendored: newVerdict(values[0]), generated: newVerdict(values[1]),
		documentation: newVerdict(values[2]), detectable: newVerdict(values[3]),
	}
	if text, ok := values[4].Text(); ok {
		r.named, r.language = true, byAlias(text)
	} else {
		r.named = values[4].IsSet()
	}
	filter, _ := values[5].Text()
	r.largeFiles = filter == "lfs"
	return r
}

// byAlias returns the language that goes by a name, or "". For a name with spaces, which an attribute can't hold,
// hyphens stand.
func byAlias(name string) string {
	if language := linguist.ByAlias(name); language != "" {
		return language
	}
	return linguist.ByAlias(strings.ReplaceAll(name, "-", " "))
}

// excludes reports whether the path alone keeps a file from being counted.
func (r *rules) excludes(path string) bool {
	switch {
	case r.vendored == yes, r.documentation == yes, r.generated == yes, r.detectable == no, r.named && r.language == "":
		return true
	}
	return r.vendored == unsaid && linguist.IsVendored(path) || r.documentation == unsaid &&
		linguist.IsDocumentation(path) ||
		r.generated == unsaid && linguist.IsGeneratedName(path)
}

// judge returns the language that a file counts towards, or "" if it counts for nothing. It has been asked already what
// the path alone excludes.
func (r *rules) judge(kind linguist.Kind, content []byte) string {
	switch {
	case len(content) == 0,
		r.largeFiles && isPointer(content),
		r.generated == unsaid && linguist.IsGenerated(kind, content):
		return ""
	case r.named:
		return r.counted(r.language)
	case linguist.IsBinary(content):
		return ""
	}
	return r.detect(kind, content)
}

// counted returns the language under which another one is counted, or "".
func (r *rules) counted(language string) string {
	if r.detectable == unsaid && !linguist.IsCode(language) {
		return ""
	}
	return linguist.Group(language)
}

// detect returns the language of content that is counted. How often words occur, which takes a hundred times as long as
// the rest, is looked at only if it makes a difference.
func (r *rules) detect(kind linguist.Kind, content []byte) string {
	candidates := linguist.Candidates(kind, content)
	if len(candidates) == 0 {
		return ""
	}
	first := r.counted(candidates[0])
	if !slices.ContainsFunc(candidates, func(c string) bool { return r.counted(c) != first }) {
		return first
	}
	if found := linguist.Choose(content, candidates); found != "" {
		return r.counted(found)
	}
	return first
}

// isPointer reports whether content stands for a file that Git LFS keeps (linguist's lfs_pointer?).
func isPointer(content []byte) bool {
	return bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/v1\n")) &&
		bytes.Contains(content, []byte("\noid sha256:")) && bytes.Contains(content, []byte("\nsize "))
}
