package language

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"github.com/go-enry/go-enry/v2"
	"github.com/go-enry/go-enry/v2/data"

	"github.com/reposit/reposit/internal/attr"
)

// attributes are those that have a say, in the order of the rules' fields.
var attributes = []string{
	"linguist-vendored", "linguist-generated", "linguist-documentation", "linguist-detectable", "linguist-language", "filter",
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
	language, ok := enry.GetLanguageByAlias(name)
	if !ok {
		language, _ = enry.GetLanguageByAlias(strings.ReplaceAll(name, "-", " "))
	}
	return language
}

// excludes reports whether the path alone keeps a file from being counted.
func (r *rules) excludes(path string) bool {
	switch {
	case r.vendored == yes, r.documentation == yes, r.generated == yes, r.detectable == no, r.named && r.language == "":
		return true
	}
	return r.vendored == unsaid && enry.IsVendor(path) || r.documentation == unsaid && enry.IsDocumentation(path)
}

// judge returns the language that a file counts towards, or "" if it counts for nothing. It has been asked already what
// the path alone excludes.
func (r *rules) judge(path string, content []byte) string {
	switch {
	case len(content) == 0,
		r.largeFiles && isPointer(content),
		r.generated == unsaid && enry.IsGenerated(path, content):
		return ""
	case r.named:
		return r.counted(r.language)
	case enry.IsBinary(content):
		return ""
	}
	return r.detect(path, content)
}

// counted returns the language under which another one is counted, or "".
func (r *rules) counted(language string) string {
	if r.detectable == unsaid {
		if t := enry.GetLanguageType(language); t != enry.Programming && t != enry.Markup {
			return ""
		}
	}
	if group := enry.GetLanguageGroup(language); group != "" {
		return group
	}
	return language
}

// strategies are enry.DefaultStrategies but the last, the classifier.
var strategies = [...]enry.Strategy{
	enry.GetLanguagesByModeline,
	enry.GetLanguagesByFilename,
	enry.GetLanguagesByShebang,
	enry.GetLanguagesByExtension,
	enry.GetLanguagesByXML,
	enry.GetLanguagesByManpage,
	enry.GetLanguagesByContent,
}

// detect is enry.GetLanguage, except that the classifier, which takes a hundred times as long as the rest, is asked
// only if it makes a difference.
func (r *rules) detect(path string, content []byte) string {
	var candidates []string
	for _, strategy := range strategies {
		found := strategy(path, content, candidates)
		if len(found) == 1 {
			return r.counted(found[0])
		}
		if len(found) > 1 {
			candidates = found
		}
	}
	if len(candidates) == 0 {
		return ""
	}
	first := r.counted(candidates[0])
	if !slices.ContainsFunc(candidates, func(c string) bool { return r.counted(c) != first }) {
		return first
	}
	if found := classify(path, content, candidates); found != "" {
		return r.counted(found)
	}
	return first
}

// classify returns the language that enry's classifier likes best, or "". Of languages with the same score enry puts
// another one first from call to call; what was counted once must be the same when it is taken away, so here it is the
// least by name.
func classify(path string, content []byte, candidates []string) string {
	best := enry.GetLanguagesByClassifier(path, content, candidates)
	if len(best) == 0 {
		return ""
	}
	least := best[0]
	for _, other := range best[1:] {
		if !tied(path, content, best[0], other) {
			break
		}
		least = min(least, other)
	}
	return least
}

// maxDraws is how often the classifier is asked which of two languages it puts first, to see it change its mind. It
// mostly keeps the order in which it is given the two, so of two answers about a tie, one in each order, few are equal.
const maxDraws = 24

// tied reports whether the classifier finds content as likely to be in the one language as in the other, which it likes
// no better. It does not tell the scores.
func tied(path string, content []byte, first, other string) bool {
	if data.LanguagesLogProbabilities[first] != data.LanguagesLogProbabilities[other] {
		return false
	}
	// Content of more than a few words is hardly ever a tie, nor is it with one word more.
	more := append([]byte(nudge(first, other)+"\n"), content...)
	if enry.GetLanguagesByClassifier(path, more, []string{first, other})[0] == first {
		return false
	}
	pair := []string{first, other}
	for range maxDraws {
		slices.Reverse(pair)
		if enry.GetLanguagesByClassifier(path, content, pair)[0] == other {
			return true
		}
	}
	return false
}

// nudge returns the word that makes one language more likely than another by the least.
func nudge(less, more string) string {
	const enough = 1e-6 // so that no rounding hides it
	unknown := -math.Log(data.TokensTotal)
	found, by := "", math.Inf(1)
	for word, p := range data.TokensLogProbabilities[more] {
		q, ok := data.TokensLogProbabilities[less][word]
		if !ok {
			q = unknown
		}
		if p-q < enough || !isWord(word) {
			continue
		}
		if p-q < by || p-q == by && word < found {
			found, by = word, p-q
		}
	}
	return found
}

// isWord reports whether enry takes s for one token, whatever stands around it.
func isWord(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") == ""
}

// isPointer reports whether content stands for a file that Git LFS keeps (linguist's lfs_pointer?).
func isPointer(content []byte) bool {
	return bytes.HasPrefix(content, []byte("version https://git-lfs.github.com/spec/v1\n")) &&
		bytes.Contains(content, []byte("\noid sha256:")) && bytes.Contains(content, []byte("\nsize "))
}
