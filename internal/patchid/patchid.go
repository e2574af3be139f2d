// Package patchid tells whether commits make the same change, as git patch-id does: white space and line numbers do not
// count, the lines around a change do.
package patchid

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"iter"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/patch"
	"github.com/reposit/reposit/internal/treediff"
)

// An ID stands for a change. It is not git's own number, but the same for the same changes.
type ID [sha256.Size]byte

const around = 3 // lines before and behind a change that count

// Files returns an ID of the files, and their modes, that differ between two trees. Changes with the same Of have the
// same Files. It reads no file. The zero hash is a tree without entries.
func Files(ctx context.Context, src treediff.Source, from, to git.Hash) (ID, error) {
	sum := sha256.New()
	for c, err := range changes(ctx, src, from, to) {
		if err != nil {
			return ID{}, err
		}
		head(sum, &c)
	}
	return ID(sum.Sum(nil)), nil
}

// Of returns the ID of the difference between two trees. It costs what a patch does.
func Of(ctx context.Context, src treediff.Source, from, to git.Hash) (ID, error) {
	sum := sha256.New()
	for c, err := range changes(ctx, src, from, to) {
		if err != nil {
			return ID{}, err
		}
		head(sum, &c)
		if err := body(ctx, src, sum, &c); err != nil {
			return ID{}, err
		}
	}
	return ID(sum.Sum(nil)), nil
}

// changes returns how files differ, each at its path: renames do not count.
func changes(ctx context.Context, src treediff.Source, from, to git.Hash) iter.Seq2[treediff.Change, error] {
	return treediff.Walk(ctx, src, from, to, nil)
}

func head(sum hash.Hash, c *treediff.Change) {
	for _, f := range [...]*treediff.File{&c.Old, &c.New} {
		sum.Write(squeeze([]byte(f.Path)))
		sum.Write([]byte{0, byte(f.Mode >> 16), byte(f.Mode >> 8), byte(f.Mode)})
	}
}

// body adds what is in the files. Of what has no lines, the hashes count.
func body(ctx context.Context, src treediff.Source, sum hash.Hash, c *treediff.Change) error {
	if c.Old.Hash == c.New.Hash {
		return nil
	}
	var sides [2]patch.Content
	for i, f := range [...]*treediff.File{&c.Old, &c.New} {
		var err error
		if sides[i], err = content(ctx, src, f); err != nil {
			return err
		}
	}
	if sides[0].Binary || sides[1].Binary {
		sum.Write(c.Old.Hash[:])
		sum.Write(c.New.Hash[:])
		return nil
	}
	table := linediff.NewTable(linediff.Exact)
	a, b := table.Text(sides[0].Data), table.Text(sides[1].Data)
	found, err := linediff.Diff(ctx, a, b, &linediff.Options{NoIndent: true})
	if err != nil {
		return err
	}
	lines(sum, a, b, found)
	return nil
}

func content(ctx context.Context, src treediff.Source, f *treediff.File) (patch.Content, error) {
	switch {
	case f.Mode == 0:
		return patch.Content{}, nil
	case f.Mode == git.ModeSubmodule:
		return patch.Submodule(f.Hash), nil
	}
	size, err := src.Size(ctx, f.Hash)
	if err != nil || size > patch.MaxSize {
		return patch.Content{Binary: true}, err
	}
	data, err := src.Blob(ctx, f.Hash)
	return patch.Text(data), err
}

// lines adds the changes with the lines around them.
func lines(sum hash.Hash, a, b *linediff.Text, changes []linediff.Change) {
	write := func(mark byte, t *linediff.Text, from, to int) {
		for i := from; i < to; i++ {
			sum.Write([]byte{mark})
			sum.Write(squeeze(t.Line(i)))
		}
	}
	at := 0 // of b, what was written
	for i, c := range changes {
		write(' ', b, max(at, c.B-around), c.B)
		write('-', a, c.A, c.A+c.ALen)
		write('+', b, c.B, c.B+c.BLen)
		at = c.B + c.BLen
		behind := min(at+around, b.Len())
		if i+1 < len(changes) {
			behind = min(behind, changes[i+1].B)
		}
		write(' ', b, at, behind)
		at = behind
	}
}

// squeeze returns text without white space.
func squeeze(text []byte) []byte {
	if !bytes.ContainsAny(text, " \t\r\n") {
		return text
	}
	out := make([]byte, 0, len(text))
	for _, c := range text {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return out
}
