package archive

import (
	"strings"

	"github.com/reposit/reposit/internal/attr"
)

// The attributes that matter, and their indexes.
var attributes = []string{
	"export-ignore", "export-subst", "text", "crlf", "eol", "ident", "working-tree-encoding", "diff",
}

const (
	exportIgnore = iota
	exportSubst
	textAttr
	crlfAttr
	eolAttr
	identAttr
	encodingAttr
	diffAttr
)

// A treatment is what attributes ask to be done to an entry. The zero treatment is nothing.
type treatment struct {
	ignore   bool
	eol      eolRule
	ident    bool
	subst    bool
	encoding encoding
	diff     diffRule
}

type eolRule uint8

const (
	eolKeep     eolRule = iota
	eolCRLF             // every LF becomes CRLF
	eolAutoCRLF         // the same if the file is text and has no CR
)

type diffRule uint8

const (
	diffAuto diffRule = iota
	diffText
	diffBinary
)

func newTreatment(values []attr.Value) treatment {
	t := treatment{
		ignore: values[exportIgnore].IsSet(),
		eol:    eolOf(values),
		ident:  values[identAttr].IsSet(),
		subst:  values[exportSubst].IsSet(),
	}
	if name, ok := values[encodingAttr].Text(); ok {
		t.encoding = parseEncoding(name)
	}
	switch d := values[diffAttr]; {
	case d.IsSet():
		t.diff = diffText
	case d.IsUnset():
		t.diff = diffBinary
	}
	return t
}

// eolOf follows git's convert_attrs, where nothing is configured and the machine's own line end is LF.
func eolOf(values []attr.Value) eolRule {
	text := values[textAttr]
	if word, ok := text.Text(); text.IsUnspecified() || ok && word != "auto" && word != "input" {
		text = values[crlfAttr] // its name of old
	}
	if eol, _ := values[eolAttr].Text(); eol != "crlf" || text.IsUnset() {
		return eolKeep
	}
	if word, _ := text.Text(); word == "auto" {
		return eolAutoCRLF
	}
	return eolCRLF
}

// converts reports whether the treatment changes the bytes of some files.
func (t treatment) converts() bool {
	return t.eol != eolKeep || t.ident || t.subst || t.encoding != ""
}

// An encoding is one that files can be written in, by its name in upper case without hyphens; "" is UTF-8.
type encoding string

const (
	utf16       encoding = "UTF16" // little endian after a byte order mark, as glibc's iconv has it
	utf16LE     encoding = "UTF16LE"
	utf16BE     encoding = "UTF16BE"
	utf16LEMark encoding = "UTF16LEBOM"
	utf16BEMark encoding = "UTF16BEBOM"
	utf32       encoding = "UTF32"
	utf32LE     encoding = "UTF32LE"
	utf32BE     encoding = "UTF32BE"
	latin1      encoding = "ISO88591"
)

// parseEncoding returns "" for those that are not known, too: such files are left as they are.
func parseEncoding(name string) encoding {
	e := encoding(strings.ToUpper(strings.NewReplacer("-", "", "_", "").Replace(name)))
	switch e {
	case utf16, utf16LE, utf16BE, utf16LEMark, utf16BEMark, utf32, utf32LE, utf32BE, latin1:
		return e
	case "LATIN1", "L1":
		return latin1
	}
	return ""
}
