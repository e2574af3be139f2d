package blame

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linediff"
)

// Texts reads versions of the file, and keeps those that were asked for last.
type texts struct {
	ctx   context.Context
	src   Source
	table *linediff.Table
	lines int // that the table may have before there is a new one
	kept  map[git.Hash]*linediff.Text
	bytes int // of all that are kept
}

const (
	maxKept  = 32 << 20 // bytes of versions, before the last ones
	maxLines = 1 << 18  // distinct lines
)

func newTexts(ctx context.Context, src Source) *texts {
	return &texts{ctx: ctx, src: src, table: linediff.NewTable(linediff.Exact), kept: map[git.Hash]*linediff.Text{}}
}

// text returns a version. It is cheaper with one that it is near to, unless that is nil. Texts can be compared if they
// were asked for one after the other, and the one that was asked for first again, since the second may have begun a new
// table.
func (t *texts) text(h git.Hash, near *linediff.Text) (*linediff.Text, error) {
	if text := t.kept[h]; text != nil {
		return text, nil
	}
	size, err := t.src.Size(t.ctx, h)
	if err == nil && size > MaxContent {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, err
	}
	data, err := t.src.Blob(t.ctx, h)
	if err != nil {
		return nil, err
	}
	if near != nil && t.table.Len() > t.lines {
		t.table, near = linediff.NewTable(linediff.Exact), nil
		clear(t.kept)
		t.bytes = 0
	}
	if t.bytes > maxKept {
		t.drop(near)
	}
	var text *linediff.Text
	if near != nil {
		text = t.table.TextNear(data, near)
	} else {
		text = t.table.Text(data)
	}
	t.lines = max(t.lines, maxLines, 4*text.Len())
	t.kept[h] = text
	t.bytes += len(data) + 8*text.Len()
	return text, nil
}

// drop drops all versions but one.
func (t *texts) drop(but *linediff.Text) {
	t.bytes = 0
	for h, text := range t.kept {
		if text != but {
			delete(t.kept, h)
			continue
		}
		t.bytes += text.Size() + 8*text.Len()
	}
}
