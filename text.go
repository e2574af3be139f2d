package reposit

import (
	"fmt"
	"slices"
	"strconv"
)

// The text forms of what is no text: what String returns, so that JSON, slog and keys of maps hold words in place of
// numbers.

var (
	allEventKinds   = []EventKind{RepoCreated, RepoUpdated, RepoDeleted, RefChanged, AccessChanged, PullChanged}
	allPullStates   = []PullState{PullOpen, PullMerged, PullClosed, PullAny}
	allReviewStates = []ReviewState{Commented, Approved, ChangesRequested}
	allMergeKinds   = []MergeKind{Merged, FastForwarded, Squashed, Rebased, AlreadyMerged}
	allStrategies   = []MergeStrategy{MergeCommit, FastForwardOnly, Squash, Rebase}
	allFormats      = []ArchiveFormat{TarGz, Zip, Tar, TarZst}
	allSorts        = []Sort{SortCreated, SortUpdated, SortPushed, SortName}
	allLogOrders    = []LogOrder{ByDate, Topological, Reverse}
	allDirections   = []Direction{DefaultDirection, Ascending, Descending}
)

type texter interface {
	comparable
	fmt.Stringer
}

func marshalText[T texter](what string, v T, all []T) ([]byte, error) {
	if !slices.Contains(all, v) {
		return nil, failed("marshal "+what, "", v.String(), invalidf("%s", what))
	}
	return []byte(v.String()), nil
}

func unmarshalText[T texter](what string, v *T, text []byte, all []T) error {
	for _, known := range all {
		if known.String() == string(text) {
			*v = known
			return nil
		}
	}
	return failed("unmarshal "+what, "", string(text), invalidf("%s", what))
}

// MarshalText returns the text of String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText does what ParseHash does.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err == nil {
		*h = parsed
	}
	return err
}

// MarshalText returns the ID, or ErrInvalid for what is none. "" stands for no repository.
func (id ID) MarshalText() ([]byte, error) {
	if id != "" {
		if _, err := ParseID(string(id)); err != nil {
			return nil, err
		}
	}
	return []byte(id), nil
}

// UnmarshalText does what ParseID does, and takes "", which stands for no repository.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ""
		return nil
	}
	parsed, err := ParseID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// String returns the mode in six octal digits, "100644" for ModeRegular.
func (m Mode) String() string { return fmt.Sprintf("%06o", uint32(m)) }

// MarshalText returns the text of String, or ErrInvalid if m is no mode.
func (m Mode) MarshalText() ([]byte, error) {
	if m > ModeSubmodule {
		return nil, failed("marshal mode", "", m.String(), invalidf("mode"))
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads the text of String, or returns ErrInvalid. Modes that old programs wrote, such as "100664", are
// modes.
func (m *Mode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || len(text) != 6 || Mode(n) > ModeSubmodule {
		return failed("unmarshal mode", "", string(text), invalidf("mode: it is not six octal digits"))
	}
	*m = Mode(n)
	return nil
}

// MarshalText returns the text of String, or ErrInvalid if k is no kind.
func (k EventKind) MarshalText() ([]byte, error) { return marshalText("event kind", k, allEventKinds) }

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (k *EventKind) UnmarshalText(text []byte) error {
	return unmarshalText("event kind", k, text, allEventKinds)
}

// MarshalText returns the text of String, or ErrInvalid if s is no state.
func (s PullState) MarshalText() ([]byte, error) { return marshalText("pull state", s, allPullStates) }

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (s *PullState) UnmarshalText(text []byte) error {
	return unmarshalText("pull state", s, text, allPullStates)
}

// MarshalText returns the text of String, or ErrInvalid if s is no state.
func (s ReviewState) MarshalText() ([]byte, error) {
	return marshalText("review state", s, allReviewStates)
}

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (s *ReviewState) UnmarshalText(text []byte) error {
	return unmarshalText("review state", s, text, allReviewStates)
}

// MarshalText returns the text of String, or ErrInvalid if k is no kind.
func (k MergeKind) MarshalText() ([]byte, error) { return marshalText("merge kind", k, allMergeKinds) }

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (k *MergeKind) UnmarshalText(text []byte) error {
	return unmarshalText("merge kind", k, text, allMergeKinds)
}

// String returns "merge", "fast-forward", "squash" or "rebase".
func (s MergeStrategy) String() string {
	return word(s, "MergeStrategy", "merge", "fast-forward", "squash", "rebase")
}

// MarshalText returns the text of String, or ErrInvalid if s is no strategy.
func (s MergeStrategy) MarshalText() ([]byte, error) {
	return marshalText("merge strategy", s, allStrategies)
}

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (s *MergeStrategy) UnmarshalText(text []byte) error {
	return unmarshalText("merge strategy", s, text, allStrategies)
}

// MarshalText returns the text of String, or ErrInvalid if f is no format.
func (f ArchiveFormat) MarshalText() ([]byte, error) {
	return marshalText("archive format", f, allFormats)
}

// UnmarshalText does what ParseArchiveFormat does.
func (f *ArchiveFormat) UnmarshalText(text []byte) error {
	parsed, err := ParseArchiveFormat(string(text))
	if err == nil {
		*f = parsed
	}
	return err
}

// String returns "created", "updated", "pushed" or "name".
func (s Sort) String() string { return word(s, "Sort", "created", "updated", "pushed", "name") }

// MarshalText returns the text of String, or ErrInvalid if s is no order.
func (s Sort) MarshalText() ([]byte, error) { return marshalText("sort", s, allSorts) }

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (s *Sort) UnmarshalText(text []byte) error { return unmarshalText("sort", s, text, allSorts) }

// String returns "default", "ascending" or "descending".
func (d Direction) String() string { return word(d, "Direction", "default", "ascending", "descending") }

// MarshalText returns the text of String, or ErrInvalid if d is no direction.
func (d Direction) MarshalText() ([]byte, error) { return marshalText("direction", d, allDirections) }

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (d *Direction) UnmarshalText(text []byte) error {
	return unmarshalText("direction", d, text, allDirections)
}

// String returns "date", "topological" or "reverse".
func (o LogOrder) String() string { return word(o, "LogOrder", "date", "topological", "reverse") }

// MarshalText returns the text of String, or ErrInvalid if o is no order.
func (o LogOrder) MarshalText() ([]byte, error) { return marshalText("log order", o, allLogOrders) }

// UnmarshalText reads the text of String, or returns ErrInvalid.
func (o *LogOrder) UnmarshalText(text []byte) error {
	return unmarshalText("log order", o, text, allLogOrders)
}

// word returns the word of a number, or the number.
func word[T ~int](v T, what string, words ...string) string {
	if v < 0 || int(v) >= len(words) {
		return what + "(" + strconv.Itoa(int(v)) + ")"
	}
	return words[v]
}
