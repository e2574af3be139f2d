// Package linguist says which language a file is in, as github.com/go-enry/go-enry does, which follows GitHub's
// Linguist. Its tables are those of go-enry, but they are embedded compressed, and read when they are first needed:
// go-enry's cost every program that links them tens of milliseconds and megabytes at its start. TestTables compares the
// two, and writes the tables anew with -update; the other tests compare what is found out.
//
// Of languages that the classifier finds equally likely the least by name counts. go-enry chooses at random.
package linguist

import (
	"path"
	"strings"
)

// A Kind is all that a file's name says of its language and of whether it was generated: of two files with the same
// Kind and the same content, the same is true.
type Kind struct {
	name      string // the whole name, if it is one that says a language
	extension string // the longest one that says languages, in lower case
	last      string // what is behind the last dot, with it, in lower case, if it is one by which content is judged
	manual    bool   // the name is that of a manual page
	devel     bool   // it may be Devel::PPPort's header
	sourceMap bool
}

// KindOf returns the Kind of a path.
func KindOf(name string) Kind {
	t := rules()
	base := path.Base(name)
	low := strings.ToLower(base)
	k := Kind{
		manual: isManual(low), devel: strings.HasSuffix(low, "ppport.h"),
		sourceMap: strings.HasSuffix(low, ".js.map") || strings.HasSuffix(low, ".css.map"),
	}
	if _, ok := t.Filenames[base]; ok {
		k.name = base
	}
	for i := range len(low) {
		if low[i] != '.' {
			continue
		}
		if _, ok := t.Extensions[low[i:]]; ok {
			k.extension = low[i:]
			break
		}
	}
	if last := path.Ext(low); t.judged[last] {
		k.last = last
	}
	return k
}

// isManual reports whether a name in lower case ends as that of a manual page does: in a dot and a section, which may
// be followed by ".in".
func isManual(name string) bool {
	if hasSection(name) {
		return true
	}
	rest, ok := strings.CutSuffix(name, ".in")
	return ok && hasSection(rest)
}

func hasSection(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	section := name[dot+1:]
	switch section {
	case "":
		return false
	case "0p", "n", "man", "mdoc":
		return true
	}
	if section[0] < '1' || section[0] > '9' {
		return false
	}
	for i := 1; i < len(section); i++ {
		c := section[i]
		if !('a' <= c && c <= 'z' || c == '_' || i > 1 && '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}

// ByAlias returns the language that goes by a name in whatever case, or "".
func ByAlias(name string) string {
	name, _, _ = strings.Cut(name, ",")
	return rules().Aliases[strings.ToLower(strings.ReplaceAll(name, " ", "_"))]
}

// IsCode reports whether a language is of the type programming or markup.
func IsCode(language string) bool { return rules().Code[language] }

// Group returns the language as a part of which another one counts, itself if it is a part of none.
func Group(language string) string {
	if group := rules().Groups[language]; group != "" {
		return group
	}
	return language
}

// IsVendored reports whether a path is that of what others made.
func IsVendored(name string) bool { return rules().Vendored.matchString(name) }

// IsDocumentation reports whether a path is that of documentation.
func IsDocumentation(name string) bool {
	for _, p := range rules().Documentation {
		if p.matchString(name) {
			return true
		}
	}
	return false
}
