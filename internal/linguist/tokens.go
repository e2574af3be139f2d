package linguist

import "bytes"

// maxTokenized is how many bytes of a file are split into words.
const maxTokenized = 100_000

var (
	shebang = newPattern(`(?m)^#!(?:/[0-9A-Za-z_]+)*/` +
		`(?:([0-9A-Za-z_]+)|[0-9A-Za-z_]+(?:\s*[0-9A-Za-z_]+=[0-9A-Za-z_]+\s*)*` +
		`\s*([0-9A-Za-z_]+))(?:\s*-[0-9A-Za-z_]+\s*)*$`)
	tag         = newPattern(`(?s)(</?[^\s<>=\d"']+)(?:\s.*?/?>|>)`)
	tagComment  = newPattern(`(?s)<!--.*?-->`)
	attribute   = newPattern(`\s+([0-9A-Za-z_]+=)|\s+([^\s>]+)`)
	word        = newPattern(`[0-9A-Za-z_]+`)
	punctuation = newPattern(`[;{}()\[\]]`)
	regular     = newPattern(`[0-9A-Za-z_.@#/*]+`)
	operator    = newPattern(`<<?|\+|-|\*|/|%|&&?|\|\|?`)

	// skipped is what is no word, in the order in which it is left out.
	skipped = [...]*pattern{
		newPattern(`(?s)".*?"|'.*?'`),
		newPattern(`(?s)/\*.*?\*/|<!--.*?-->|\{-.*?-\}|\(\*.*?\*\)|""".*?"""|'''.*?'''`),
		newPattern(`(?m)(?://|--|#|%|")\s[^\n]*$`),
		newPattern(`(?:0x[0-9A-Fa-f][0-9A-Fa-f.]*|\d[\d.]*)(?:[uU][lL]{0,2}|(?:[eE][-+]\d*)?[fFlL]*)`),
	}
)

// tokenize splits content into words. The order matters, since sums of likelihoods depend on it.
func tokenize(content []byte) [][]byte {
	content = content[:min(len(content), maxTokenized)]
	tokens := shebangs(content)
	content, tokens = tags(content, tokens)
	for _, p := range skipped {
		content = p.compiled().ReplaceAllLiteral(content, []byte{' '})
	}
	for _, p := range [...]*pattern{punctuation, regular, operator} {
		tokens = append(tokens, p.compiled().FindAll(content, -1)...)
		content = p.compiled().ReplaceAllLiteral(content, []byte{' '})
	}
	return append(tokens, characters(content)...)
}

func shebangs(content []byte) (tokens [][]byte) {
	if !bytes.Contains(content, []byte("#!")) {
		return nil
	}
	for _, m := range shebang.compiled().FindAllSubmatch(content, -1) {
		program := m[1]
		if len(program) == 0 {
			program = m[2]
		}
		tokens = append(tokens, append([]byte("SHEBANG#!"), program...))
	}
	return tokens
}

// tags takes the tags of SGML out of content.
func tags(content []byte, tokens [][]byte) ([]byte, [][]byte) {
	matches := tag.compiled().FindAllSubmatch(content, -1)
	if matches == nil {
		return content, tokens
	}
	for _, m := range matches {
		if tagComment.match(m[0]) {
			continue
		}
		tokens = append(tokens, append(bytes.Clone(m[1]), '>'))
		for _, a := range attribute.compiled().FindAllSubmatch(m[0], -1) {
			if len(a[1]) > 0 {
				tokens = append(tokens, a[1])
			}
			if len(a[2]) > 0 {
				tokens = append(tokens, word.compiled().FindAll(a[2], -1)...)
			}
		}
	}
	return tag.compiled().ReplaceAllLiteral(content, []byte{' '}), tokens
}

// characters returns each character that is no white space.
func characters(b []byte) (all [][]byte) {
	for _, field := range bytes.Fields(b) {
		all = append(all, bytes.Split(field, nil)...)
	}
	return all
}
