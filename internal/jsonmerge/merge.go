// Package jsonmerge merges texts of JSON by the keys of their objects. What nobody touched keeps its place and its
// formatting.
package jsonmerge

import (
	"bytes"
	"context"

	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/linemerge"
)

// maxSize bounds the texts that are merged by key.
const maxSize = 16 << 20

// Merge merges ours and theirs, which come from base; an empty base is none. Objects are merged key by key, at every
// depth up to 32; all else is a value that one side may change. The outcome is ours with what theirs changed. Keys that
// theirs added stand where they stand there. It reports whether nothing is left to decide; else the text has markers
// around the values that both changed in different ways.
//
// Texts that are no objects of JSON, have a key twice, or are larger than 16 MiB are merged by lines. Of one that is
// larger than linediff.MaxSize it returns ours, and that it is not decided.
func Merge(ctx context.Context, base, ours, theirs []byte) (merged []byte, clean bool, err error) {
	if max(len(base), len(ours), len(theirs)) <= maxSize {
		if d := newDocument(base, ours, theirs); d != nil {
			if d.conflicts == 0 {
				return d.text(sideOurs), true, nil
			}
			merged, clean, err := byLines(ctx, d.text(sideBase), d.text(sideOurs), d.text(sideTheirs))
			if err != nil || !clean {
				return merged, false, err
			}
			merged, _, err = byLines(ctx, base, ours, theirs)
			return merged, false, err
		}
	}
	return byLines(ctx, base, ours, theirs)
}

func byLines(ctx context.Context, base, ours, theirs []byte) (merged []byte, clean bool, err error) {
	if uint64(max(len(base), len(ours), len(theirs))) > linediff.MaxSize {
		return ours, false, nil
	}
	r, err := linemerge.Run(ctx, base, ours, theirs, &linemerge.Options{
		Algorithm: linediff.Histogram, Whole: true, MarkerSize: linemerge.MarkerSize,
		Base: "base", Ours: "ours", Theirs: "theirs",
	})
	if err != nil {
		return nil, false, err
	}
	return r.Content, r.Conflicts == 0, nil
}

// Where something is not decided, each side has an outcome of its own.
const (
	sideBase = iota
	sideOurs
	sideTheirs
)

// A document is the outcome for a whole text.
type document struct {
	before, behind []byte
	root           *outcome
	conflicts      int
}

// An outcome is what becomes of a value, on each side.
type outcome struct {
	text    [3][]byte
	members []merged // of an object
	first   []byte   // of an object, the white space before its first key
	next    []byte   // before the others, if theirs is not known
	tail    []byte
	object  bool
}

// A merged is a member of an outcome.
type merged struct {
	*member
	first bool // it is the first one where it comes from
	value *outcome
	on    [3]bool // the sides that have it
}

var all = [3]bool{true, true, true}

// newDocument merges three texts, or returns nil if they can't be merged by key.
func newDocument(base, ours, theirs []byte) *document {
	var b *value
	var before, behind [3][]byte
	if len(bytes.TrimSpace(base)) > 0 {
		if b, before[sideBase], behind[sideBase] = parse(base); b == nil || !b.object {
			return nil
		}
	}
	o, at, end := parse(ours)
	before[sideOurs], behind[sideOurs] = at, end
	t, at, end := parse(theirs)
	before[sideTheirs], behind[sideTheirs] = at, end
	if o == nil || t == nil || !o.object || !t.object {
		return nil
	}
	d := &document{before: choose(before), behind: choose(behind)}
	d.root = d.value(b, o, t)
	return d
}

// choose returns what theirs changed, or else what ours has.
func choose(texts [3][]byte) []byte {
	if bytes.Equal(texts[sideOurs], texts[sideBase]) {
		return texts[sideTheirs]
	}
	return texts[sideOurs]
}

// value merges values; base may be nil.
func (d *document) value(base, ours, theirs *value) *outcome {
	one := func(v *value) *outcome { return &outcome{text: [3][]byte{v.text, v.text, v.text}} }
	switch {
	case same(ours, theirs):
		return one(ours)
	case ours.object && theirs.object && (base == nil || base.object):
		return d.object(base, ours, theirs)
	case base != nil && same(base, ours):
		return one(theirs)
	case base != nil && same(base, theirs):
		return one(ours)
	}
	d.conflicts++
	out := &outcome{text: [3][]byte{nil, ours.text, theirs.text}}
	if base != nil {
		out.text[sideBase] = base.text
	}
	return out
}

// object merges objects by key. base may be nil.
func (d *document) object(base, ours, theirs *value) *outcome {
	if base == nil {
		base = &value{}
	}
	out := &outcome{object: true, tail: ours.tail}
	style := ours
	if len(ours.members) == 0 {
		style, out.tail = theirs, theirs.tail
	}
	if len(style.members) > 0 {
		out.first = style.members[0].lead
	}
	for _, v := range [2]*value{theirs, ours} {
		if len(v.members) > 1 {
			out.next = v.members[1].lead
		}
	}
	for i := range ours.members {
		m := merged{member: &ours.members[i], first: i == 0, on: all}
		was, is := base.keys[m.name], theirs.keys[m.name]
		switch {
		case is != nil:
			m.value = d.value(was, m.member.value, is)
			m.on[sideBase] = m.value.object || was != nil || len(m.value.text[sideBase]) > 0
		case was == nil: // ours added it
			m.value = d.value(nil, m.member.value, m.member.value)
		case same(was, m.member.value): // theirs deleted it
			continue
		default:
			d.conflicts++
			m.value = &outcome{text: [3][]byte{was.text, m.member.value.text, nil}}
			m.on[sideTheirs] = false
		}
		out.members = append(out.members, m)
	}
	d.insert(out, base, ours, theirs)
	return out
}

// insert adds what theirs has and ours has not, behind what it stands behind there.
func (d *document) insert(out *outcome, base, ours, theirs *value) {
	behind := map[string][]merged{}
	var first []merged
	anchor, anchored := "", false
	has := make(map[string]bool, len(out.members))
	for i := range out.members {
		has[out.members[i].name] = true
	}
	for i := range theirs.members {
		m := merged{first: i == 0, on: all}
		from := &theirs.members[i]
		if ours.keys[from.name] != nil {
			if has[from.name] {
				anchor, anchored = from.name, true
			}
			continue
		}
		was := base.keys[from.name]
		switch {
		case was == nil: // theirs added it
			m.value = d.value(nil, from.value, from.value)
		case same(was, from.value): // ours deleted it
			continue
		default:
			d.conflicts++
			m.value = &outcome{text: [3][]byte{was.text, nil, from.value.text}}
			m.on[sideOurs] = false
		}
		m.member = &member{name: from.name, lead: from.lead, key: from.key, value: from.value}
		if anchored {
			behind[anchor] = append(behind[anchor], m)
		} else {
			first = append(first, m)
		}
	}
	kept := out.members
	out.members = first
	for _, m := range kept {
		out.members = append(append(out.members, m), behind[m.name]...)
	}
}

// text returns the outcome of a side.
func (d *document) text(side int) []byte {
	var b bytes.Buffer
	b.Write(d.before)
	d.root.write(&b, side)
	b.Write(d.behind)
	return b.Bytes()
}

func (o *outcome) write(b *bytes.Buffer, side int) {
	if !o.object {
		b.Write(o.text[side])
		return
	}
	b.WriteByte('{')
	n := 0
	var after []byte
	for i := range o.members {
		m := &o.members[i]
		if !m.on[side] {
			continue
		}
		if n > 0 {
			b.Write(after)
			b.WriteByte(',')
		}
		switch {
		case n == 0:
			b.Write(o.first)
		case m.first && bytes.IndexByte(m.lead, '\n') < 0 && o.next != nil:
			b.Write(o.next)
		default:
			b.Write(m.lead)
		}
		b.Write(m.key)
		m.value.write(b, side)
		after = m.after
		n++
	}
	b.Write(o.tail)
	b.WriteByte('}')
}
