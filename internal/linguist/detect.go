package linguist

import (
	"bufio"
	"bytes"
	"path"
	"slices"
	"strings"
)

// Candidates returns the languages that a file of some kind and content may be in, by all but how often words occur in
// it: see Choose. It is nil if no language is known.
func Candidates(k Kind, content []byte) []string {
	t := rules()
	var candidates []string
	for _, strategy := range [...]func() []string{
		func() []string { return byModeline(content) },
		func() []string { return t.Filenames[k.name] },
		func() []string { return t.Interpreters[interpreter(content)] },
		func() []string { return t.Extensions[k.extension] },
		func() []string { return byXML(content, candidates) },
		func() []string { return byManual(k) },
		func() []string { return byContent(k, content) },
	} {
		found := strategy()
		if len(found) == 1 {
			return found
		}
		if len(found) > 1 {
			candidates = found
		}
	}
	return candidates
}

var (
	emacsLine = newPattern(`.*-\*-\s*(.+?)\s*-\*-.*(?m:$)`)
	emacsMode = newPattern(`.*(?i:mode)\s*:\s*([^\s;]+)`) // of several the last
	vimLine   = newPattern(`(?:(?m:\s|^)vi(?:m[<=>]?\d+|m)?|[\t ]*ex)\s*:\s*(.*)(?m:$)`)
	vimType   = newPattern(`(?i:filetype|ft|syntax)\s*=(\w+)(?:\s|:|$)`)
)

// byModeline reads what is written for editors into the first and the last lines.
func byModeline(content []byte) []string {
	const lines = 5
	ends := content
	if bytes.Count(content, []byte{'\n'}) >= 2*lines {
		head, tail := 0, len(content)
		for range lines {
			head += bytes.IndexByte(content[head:], '\n') + 1
			tail = bytes.LastIndexByte(content[:tail], '\n')
		}
		ends = slices.Concat(content[:head-1], content[tail+1:])
	}
	if found := byEmacs(ends); found != nil {
		return found
	}
	return byVim(ends)
}

func byEmacs(ends []byte) []string {
	if !bytes.Contains(ends, []byte("-*-")) {
		return nil // at a glance: most files have none
	}
	matches := emacsLine.compiled().FindAllSubmatch(ends, -1)
	if matches == nil {
		return nil
	}
	mode := matches[len(matches)-1][1]
	if named := emacsMode.compiled().FindSubmatch(mode); named != nil {
		mode = named[1]
	}
	return known(string(mode))
}

func byVim(ends []byte) []string {
	if !bytes.Contains(ends, []byte("vi")) && !bytes.Contains(ends, []byte("ex")) {
		return nil
	}
	matches := vimLine.compiled().FindAllSubmatch(ends, -1)
	if matches == nil {
		return nil
	}
	types := vimType.compiled().FindAllSubmatch(matches[len(matches)-1][1], -1)
	if types == nil {
		return nil
	}
	for _, other := range types[1:] {
		if !bytes.Equal(other[1], types[0][1]) {
			return nil
		}
	}
	return known(string(types[0][1]))
}

// known returns the language of a name, alone, or nil.
func known(name string) []string {
	if language := ByAlias(name); language != "" {
		return []string{language}
	}
	return nil
}

var (
	execLine      = newPattern(`exec (\w+).+\$0.+\$@`)
	pythonVersion = newPattern(`python\d\.\d+`)
)

// interpreter returns the program that the first line says is to run the file, or "".
func interpreter(content []byte) string {
	first, _, _ := bytes.Cut(content, []byte{'\n'})
	line, ok := bytes.CutPrefix(first, []byte("#!"))
	if !ok {
		return ""
	}
	line = bytes.TrimSpace(line)
	fields := bytes.Fields(line)
	if len(fields) == 0 {
		return ""
	}
	program := path.Base(string(fields[0]))
	if program == "env" {
		for len(fields) > 2 && isArgument(fields[1]) {
			fields = slices.Delete(fields, 1, 2)
		}
		if len(fields) == 1 {
			return ""
		}
		program = path.Base(string(fields[1]))
	}
	if program == "sh" {
		program = executed(content)
	}
	if pythonVersion.matchString(program) {
		program, _, _ = strings.Cut(program, ".")
	}
	if program == "osascript" && bytes.Contains(line, []byte("-l")) {
		return "" // another language follows
	}
	return program
}

// isArgument reports whether env takes a word for an option or a variable. Anything with a hyphen does for an option.
func isArgument(word []byte) bool {
	if bytes.IndexByte(word, '-') >= 0 {
		return true
	}
	return len(word) > 2 && bytes.IndexByte(word[1:len(word)-1], '=') >= 0
}

// executed returns what a shell script gives itself over to in its first lines, or "sh".
func executed(content []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(content))
	for i := 0; i < 5 && lines.Scan(); i++ {
		if found := execLine.compiled().FindSubmatch(lines.Bytes()); found != nil {
			return string(found[1])
		}
	}
	return "sh"
}

func byXML(content []byte, candidates []string) []string {
	if len(candidates) > 0 {
		return candidates
	}
	head := content
	if i := bytes.IndexByte(content, '\n'); i >= 0 {
		if j := bytes.IndexByte(content[i+1:], '\n'); j >= 0 {
			head = content[:i+1+j]
		}
	}
	if bytes.Contains(head, []byte("xml version=")) {
		return []string{"XML"}
	}
	return nil
}

func byManual(k Kind) []string {
	if k.manual {
		return []string{"Roff Manpage", "Roff"}
	}
	return nil
}

func byContent(k Kind, content []byte) []string {
	for i := range rules().Heuristics[k.last] {
		if r := &rules().Heuristics[k.last][i]; r.match(content) {
			return r.Languages
		}
	}
	return nil
}

// IsBinary reports whether content is not text, as git sees it.
func IsBinary(content []byte) bool {
	const looked = 8000
	return bytes.IndexByte(content[:min(len(content), looked)], 0) >= 0
}
